// The reader beside every tab: a document with the cited words marked in their paragraph, its history, links and sources.

import { get } from "./api.js";
import { statusBadge } from "./badges.js";
import { dayInChina } from "./days.js";
import { button, el, focusOn, outsideLink, refill, slice } from "./dom.js";
import { issuerName, onNames, titleById } from "./names.js";
import { state, subscribe, update } from "./state.js";
import { day, languageOf, onLanguage, quotedTitle, t, titleOf, word } from "./strings.js";
import { drawFailure, say } from "./telling.js";
import { giveFeedback } from "./tools.js";

const VERSIONS = ["drafts", "amends", "supersedes"];

let shown = null;   // what is open: {doc, asOf, citation, answer, span}
let wanted = null;  // what was asked for last, there or not yet
let failed = null;  // why it could not be shown
let opener = null;  // what opened it, and gets the focus back
let asking = 0;     // the newest request wins
let askAbout = () => {};

/** `ask(question)` asks in the chat. */
export const onAsk = (ask) => { askAbout = ask; };

/** Open the document of a citation at the quoted words. */
export const openCitation = (citation, answer, from) =>
  open({ id: citation.document.id, citation, answer, asOf: answer?.as_of }, from);

/** Open a document, at the characters `start` to `end` if given, as it stands on the day asked about. */
export const openDocument = (id, { start, end, opener: from } = {}) =>
  open({ id, asOf: state.asOf, span: start === undefined ? null : { start, end } }, from);

async function open({ id, citation = null, answer = null, asOf = null, span = null }, from, { keepsFocus = false } = {}) {
  const request = ++asking;
  wanted = { id, citation, answer, asOf, span };
  opener = from || opener;
  setExpanded();
  const section = place();
  section.setAttribute("aria-busy", "true");
  document.body.classList.add("source-open");
  try {
    const query = asOf ? new URLSearchParams({ as_of: asOf }) : undefined;
    const doc = await get(`/v1/documents/${encodeURIComponent(id)}`, query);
    if (request !== asking) return;
    failed = null;
    shown = { doc, asOf, citation, answer, span: citation ? locate(doc, citation) : span };
    draw();
    if (citation || !keepsFocus) showHit();
    // Who steps from citation to citation stays on the button, as long as there is a next one.
    if (!keepsFocus || document.activeElement === document.body || document.activeElement.disabled) focusOn(section);
    if (keepsFocus && citation) say(citation.quote);
  } catch (error) {
    if (request !== asking) return;
    shown = null;
    failed = error;
    draw();
  } finally {
    if (request === asking) section.removeAttribute("aria-busy");
  }
}

/** Where the quoted words stand in the text as it is now: the text may have been replaced since the answer. */
function locate(doc, { start, end, quote }) {
  if (slice(doc.text, start, end) === quote) return { start, end };
  const at = doc.text.indexOf(quote);
  if (at < 0) return { start: -1, end: -1, hasGone: true };
  const first = Array.from(doc.text.slice(0, at)).length;
  return { start: first, end: first + Array.from(quote).length, hasMoved: true };
}

function place() {
  let section = document.querySelector("#source");
  if (!section) {
    section = el("section", { id: "source", className: "bb", tabIndex: 0, "aria-label": t("source") });
    document.querySelector("#panel").append(section);
  }
  return section;
}

/** Close the reader and give the focus back to what opened it. */
export function closeSource({ withFocus = true } = {}) {
  asking += 1;
  const from = currentOpener();
  shown = wanted = failed = null;
  opener = null;
  setExpanded();
  document.body.classList.remove("source-open");
  document.querySelector("#source")?.remove();
  if (withFocus && from) from.focus();
}

/** What opened the reader, or what stands in its place since the page drew it anew. */
function currentOpener() {
  if (!opener || opener.isConnected) return opener;
  const { key } = opener.dataset;
  return key ? document.querySelector(`[data-key="${CSS.escape(key)}"]`) : null;
}

function setExpanded() {
  document.querySelectorAll(".cite.open").forEach((mark) => {
    mark.classList.remove("open");
    mark.setAttribute("aria-expanded", "false");
  });
  const mark = currentOpener();
  if (!mark?.classList.contains("cite")) return;
  mark.classList.add("open");
  mark.setAttribute("aria-expanded", "true");
}

const closeButton = () => button("×", () => closeSource(), { className: "close", id: "source-close", "aria-label": t("close") });

function draw() {
  if (failed) {
    refill(place(), closeButton(), drawFailure({ message: t("source_failed", { reason: failed.message }) }, () => open(wanted)));
  }
  if (!shown) return;
  const { doc, citation, span } = shown;
  const section = place();
  section.setAttribute("aria-label", t("source"));
  const body = el("div", { className: "document", lang: doc.language });
  drawText(body, doc.text, span?.start ?? -1, span?.end ?? -1);
  refill(section,
    el("div", { className: "title-bar" }, el("h2", { textContent: titleOf(doc) }), closeButton()),
    drawHead(doc, citation), drawSteps(), drawChange(), body, drawFacts(doc), drawHistory(doc), drawEdges(doc), drawOrigins(doc));
  setExpanded();
}

/** Scroll to the marked words. Only the panel scrolls: scrollIntoView would move the page as well. */
function showHit() {
  const section = place();
  const hit = section.querySelector("mark");
  if (hit) section.scrollTop += hit.getBoundingClientRect().top - section.getBoundingClientRect().top - section.clientHeight / 3;
  else section.scrollTop = 0;
}

function drawHead(doc, citation) {
  const title = titleOf(doc);
  const other = title === doc.title ? doc.title_zh : doc.title;
  const dates = [
    doc.effective_from && `${t("effective_from")} ${day(doc.effective_from)}`,
    doc.effective_to && `${t("effective_to")} ${day(doc.effective_to)}`,
  ].filter(Boolean);
  return el("header", {},
    other ? el("p", { className: "title-zh", lang: languageOf(other), textContent: other }) : null,
    el("p", { className: "facts" },
      el("span", { className: "badge", textContent: word("kind", doc.kind) }), statusBadge(doc.status),
      el("span", { textContent: [day(doc.published), doc.issuer.map(issuerName).join(t("comma")), citation?.locator].filter(Boolean).join(" · ") })),
    dates.length ? el("p", { className: "facts", textContent: dates.join(" · ") }) : null,
    shown.asOf && doc.published > shown.asOf ? el("p", { className: "hint later", textContent: t("later_than_day", { date: day(shown.asOf) }) }) : null,
    el("p", { className: "actions" },
      outsideLink(doc.url, t("open_original")),
      button(t("ask_about"), () => askAbout(t("ask_about_question", { title: quotedTitle(title) })), { className: "quiet", id: "source-ask" }),
      doc.edges.some((edge) => VERSIONS.includes(edge.type))
        ? button(t("compare_versions"), () => {
          update({ tab: "compare", compare: pairOf(doc) });
          focusOn(document.querySelector("#compare"));
        }, { className: "quiet", id: "source-compare" }) : null));
}

/** The older and the newer of a document and the version it is linked with. */
function pairOf(doc) {
  const edge = doc.edges.find((item) => VERSIONS.includes(item.type));
  const isNewer = (edge.direction === "out") !== (edge.type === "drafts");
  return { left: isNewer ? edge.document_id : doc.id, right: isNewer ? doc.id : edge.document_id, document: "", from: "", to: "", question: "" };
}

/** That the text is not as it was when it was quoted, and what it said then. */
function drawChange() {
  const { citation, span } = shown;
  if (span?.hasMoved) return el("p", { className: "hint", textContent: t("text_moved") });
  if (!span?.hasGone) return null;
  return el("div", { className: "failed", role: "note" }, t("text_changed"), " ", el("q", { textContent: citation.quote }));
}

/** The neighbours of the citation in its answer, and what the reader thinks of it. */
function drawSteps() {
  const { citation, answer } = shown;
  if (!citation || !answer) return null;
  const step = (number, label, id) => {
    const other = answer.citations.find((item) => item.number === number);
    return button(label, () => {
      const mark = currentOpener()?.closest(".answer, .verdict, .said")?.querySelector(`button.cite[data-number="${number}"]`);
      open({ id: other.document.id, citation: other, answer, asOf: answer.as_of }, mark, { keepsFocus: true });
    }, { className: "quiet", disabled: !other, id });
  };
  const said = el("span", {});
  const rate = (rating, label) =>
    button(label, () => giveFeedback({ answer_id: answer.id, rating, citation: citation.number }, said), { className: "quiet" });
  return el("div", { className: "steps" },
    el("nav", { "aria-label": t("citations") },
      step(citation.number - 1, t("previous"), "source-previous"), el("span", { textContent: t("citation_of", { number: citation.number, total: answer.citations.length }) }),
      step(citation.number + 1, t("next"), "source-next")),
    answer.id ? el("p", { className: "rate" }, t("rate_citation"), " ", rate(1, t("yes")), rate(-1, t("no")), " ", said) : null);
}

/** A document's text with the span marked. Offsets are code points; JavaScript counts UTF-16 units. */
export function drawText(body, text, start, end) {
  const points = Array.from(text);
  let first = 0;
  for (let index = 0; index <= points.length; index += 1) {
    if (index < points.length && points[index] !== "\n") continue;
    if (index > first) body.append(drawLine(points, first, index, start, end));
    first = index + 1;
  }
}

function drawLine(points, first, last, start, end) {
  const line = points.slice(first, last).join("");
  const heading = /^#{1,6}\s+/.exec(line);
  const item = /^\s*[-*]\s+/.exec(line);
  const skip = (heading || item || [""])[0].length;
  const node = el(heading ? "h3" : "p", { className: item ? "item" : "" });
  const begin = Math.min(Math.max(start, first + skip), last);
  const finish = Math.max(Math.min(end, last), begin);
  if (end > first && start < last && finish > begin) {
    node.className += " hit";
    node.append(points.slice(first + skip, begin).join(""),
      el("mark", { textContent: points.slice(begin, finish).join("") }), points.slice(finish, last).join(""));
  } else node.textContent = line.slice(skip);
  return node;
}

// ---------------------------------------------------------------- what is known about a document

/** Its metadata, as far as it has any. */
function drawFacts(doc) {
  const facts = [
    ["phase", doc.phase && word("phase", doc.phase)],
    ["topics", doc.topics.map((topic) => word("topic", topic)).join(t("comma"))],
    ["companies", doc.companies.join(t("comma"))],
    ["authority", word("authority", doc.authority)],
    ["force", doc.force && word("force", doc.force)],
    ["stage", doc.stage && word("stage", doc.stage)],
    ["number", [doc.number, doc.number_zh].filter(Boolean).join(" · ")],
    ["gone_since", doc.gone_since && day(dayInChina(doc.gone_since))],
    ["document", doc.id],
  ].filter(([, value]) => value);
  return el("section", { className: "about" }, el("h3", { textContent: t("about") }),
    el("dl", {}, facts.flatMap(([name, value]) => [el("dt", { textContent: t(`fact_${name}`) }), el("dd", { textContent: value })])));
}

function drawHistory(doc) {
  const history = doc.status_history || [];
  if (history.length < 2) return null;
  return el("section", { className: "history" }, el("h3", { textContent: t("status_history") }),
    el("ol", {}, history.map((item) => el("li", {},
      el("time", { textContent: day(item.since), dateTime: item.since }), " ", statusBadge(item.status), " ",
      item.because ? documentButton(item.because) : null))));
}

function drawEdges(doc) {
  if (!doc.edges.length) return null;
  return el("section", { className: "edges" }, el("h3", { textContent: t("links") }),
    el("ul", {}, doc.edges.map((edge) => el("li", {},
      el("span", { className: "relation", textContent: word(`edge_${edge.direction}`, edge.type) }), " ",
      documentButton(edge.document_id), el("q", { textContent: edge.words })))));
}

/** A button that opens another document, by its title where the page knows it. */
const documentButton = (id) => button(titleById(id), () => openDocument(id), { className: "link" });

function drawOrigins(doc) {
  if (!doc.sources.length) return null;
  return el("footer", {}, el("h3", { textContent: t("confirmed_by") }),
    el("ul", {}, doc.sources.map((source) => el("li", {},
      [source.publisher, source.title, source.date].filter(Boolean).join(", "), " ", outsideLink(source.url, t("open"))))),
    doc.checked_on ? el("p", { textContent: t("checked_on", { date: day(doc.checked_on) }) }) : null);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("source-open") && !event.defaultPrevented) closeSource();
});
subscribe((_, changed) => {
  if (changed.includes("tab")) closeSource({ withFocus: false });
  else if (changed.includes("asOf") && wanted && !wanted.answer) {
    // A document opened from a tab stands as of the day asked about; an answer's source, as of the answer's day.
    open({ ...wanted, asOf: state.asOf }, null, { keepsFocus: Boolean(shown) });
  }
});
onLanguage(() => draw());
onNames(() => draw());
