// The reader beside every tab: a document with the cited words marked in their paragraph, its history, links and sources.

import { get, post } from "./api.js";
import { statusBadge } from "./badges.js";
import { button, el, outsideLink, refill } from "./dom.js";
import { state, subscribe, update } from "./state.js";
import { day, onLanguage, t, titleOf, word } from "./strings.js";

let shown = null;   // what is open: {doc, citation, answer, opener}
let asking = 0;     // the newest request wins
let askAbout = () => {};

/** `ask(question)` asks in the chat. */
export const onAsk = (ask) => { askAbout = ask; };

/** Ask in the chat. */
export const ask = (question) => askAbout(question);

/** Open the document of a citation at the quoted words. */
export const openCitation = (citation, answer, opener) =>
  open({ id: citation.document.id, citation, answer, opener, asOf: answer?.as_of });

/** Open a document, at the characters `start` to `end` if given. */
export const openDocument = (id, { start, end, opener } = {}) =>
  open({ id, opener, asOf: state.asOf, span: start === undefined ? null : { start, end } });

async function open({ id, citation = null, answer = null, opener = null, asOf = null, span = null }) {
  const request = ++asking;
  setExpanded(opener);
  const section = place();
  section.setAttribute("aria-busy", "true");
  document.body.classList.add("source-open");
  try {
    const query = asOf ? new URLSearchParams({ as_of: asOf }) : undefined;
    const doc = await get(`/v1/documents/${encodeURIComponent(id)}`, query);
    if (request !== asking) return;
    shown = { doc, citation, answer, opener, span: citation || span };
    draw();
    section.focus({ preventScroll: true });
  } catch (error) {
    if (request !== asking) return;
    refill(section, closeButton(), el("p", { className: "failed", role: "alert", textContent: t("source_failed", { reason: error.message }) }),
      button(t("try_again"), () => open({ id, citation, answer, opener, asOf, span })));
  } finally {
    section.removeAttribute("aria-busy");
  }
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
  const opener = shown?.opener;
  shown = null;
  setExpanded(null);
  document.body.classList.remove("source-open");
  document.querySelector("#source")?.remove();
  if (withFocus && opener?.isConnected) opener.focus();
}

function setExpanded(opener) {
  document.querySelectorAll(".cite.open").forEach((mark) => {
    mark.classList.remove("open");
    mark.setAttribute("aria-expanded", "false");
  });
  if (!opener?.classList.contains("cite")) return;
  opener.classList.add("open");
  opener.setAttribute("aria-expanded", "true");
}

const closeButton = () => button("×", () => closeSource(), { className: "close", "aria-label": t("close") });

function draw() {
  if (!shown) return;
  const { doc, citation, span } = shown;
  const section = place();
  section.setAttribute("aria-label", t("source"));
  const body = el("div", { className: "document", lang: doc.language });
  drawText(body, doc.text, span?.start ?? -1, span?.end ?? -1);
  refill(section, el("div", { className: "title-bar" }, el("h2", { textContent: titleOf(doc) }), closeButton()), drawHead(doc, citation), drawSteps(), body, drawHistory(doc), drawEdges(doc), drawOrigins(doc));
  const hit = section.querySelector("mark");
  // Only the panel scrolls: scrollIntoView would move the page as well.
  if (hit) section.scrollTop += hit.getBoundingClientRect().top - section.getBoundingClientRect().top - section.clientHeight / 3;
  else section.scrollTop = 0;
}

function drawHead(doc, citation) {
  const title = titleOf(doc);
  const other = title === doc.title ? doc.title_zh : doc.title;
  const dates = [
    doc.effective_from && `${t("effective_from")} ${day(doc.effective_from)}`,
    doc.effective_to && `${t("effective_to")} ${day(doc.effective_to)}`,
    doc.number,
  ].filter(Boolean);
  const link = outsideLink(doc.url, t("open_original"));
  return el("header", {},
    other ? el("p", { className: "title-zh", lang: other === doc.title ? "en" : "zh", textContent: other }) : null,
    el("p", { className: "facts" },
      el("span", { className: "badge", textContent: word("kind", doc.kind) }), statusBadge(doc.status),
      el("span", { textContent: [day(doc.published), doc.issuer.join(", "), citation?.locator].filter(Boolean).join(" · ") })),
    dates.length ? el("p", { className: "facts", textContent: dates.join(" · ") }) : null,
    el("p", { className: "actions" },
      link,
      button(t("ask_about"), () => askAbout(t("ask_about_question", { title })), { className: "quiet" }),
      doc.edges.some((edge) => ["drafts", "amends", "supersedes"].includes(edge.type))
        ? button(t("compare_versions"), () => update({ tab: "compare", compare: pairOf(doc) }), { className: "quiet" }) : null));
}

/** The older and the newer of a document and the version it is linked with. */
function pairOf(doc) {
  const edge = doc.edges.find((item) => ["drafts", "amends", "supersedes"].includes(item.type));
  const isNewer = (edge.direction === "out") !== (edge.type === "drafts");
  return { left: isNewer ? edge.document_id : doc.id, right: isNewer ? doc.id : edge.document_id, document: "", from: "", to: "" };
}

/** The neighbours of the citation in its answer, and what the reader thinks of it. */
function drawSteps() {
  const { citation, answer } = shown;
  if (!citation || !answer) return null;
  const step = (number, label) => {
    const other = answer.citations.find((item) => item.number === number);
    const made = button(label, () => {
      const marks = shown.opener?.closest(".answer, .said")?.querySelectorAll(`.said button.cite[data-number="${number}"]`);
      openCitation(other, answer, marks?.[0] || shown.opener);
    }, { className: "quiet", disabled: !other });
    return made;
  };
  const rate = (rating, label) => {
    const made = button(label, async () => {
      try {
        await post("/v1/feedback", { answer_id: answer.id, rating, citation: citation.number });
        said.textContent = t("thanks");
      } catch (error) {
        said.textContent = error.message;
      }
    }, { className: "quiet" });
    return made;
  };
  const said = el("span", { role: "status" });
  return el("div", { className: "steps" },
    el("nav", { "aria-label": t("citations") },
      step(citation.number - 1, t("previous")), el("span", { textContent: t("citation_of", { number: citation.number, total: answer.citations.length }) }),
      step(citation.number + 1, t("next"))),
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
function documentButton(id) {
  const made = button(titles.get(id) || id, () => openDocument(id, { opener: shown?.opener }), { className: "link" });
  return made;
}

function drawOrigins(doc) {
  if (!doc.sources.length) return null;
  return el("footer", {}, el("h3", { textContent: t("confirmed_by") }),
    el("ul", {}, doc.sources.map((source) => el("li", {},
      [source.publisher, source.title, source.date].filter(Boolean).join(", "), " ", outsideLink(source.url, t("open"))))),
    doc.checked_on ? el("p", { textContent: t("checked_on", { date: day(doc.checked_on) }) }) : null);
}

/** Titles of documents by id, as far as a tab has listed them. */
export const titles = new Map();

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("source-open") && !event.defaultPrevented) closeSource();
});
subscribe((_, changed) => {
  if (changed.includes("tab")) closeSource({ withFocus: false });
});
onLanguage(() => draw());
