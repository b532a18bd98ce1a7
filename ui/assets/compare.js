// What changed: two versions of an instrument article by article, and one question or the whole corpus at two dates.

import { drawAnswer, drawNotices } from "./answers.js";
import { get, onRefresh, post } from "./api.js";
import { statusBadge } from "./badges.js";
import { toDay, toNumber } from "./days.js";
import { button, el, refill } from "./dom.js";
import { issuersOf, onNames } from "./names.js";
import { makeTab } from "./shell.js";
import { openDocument } from "./source.js";
import { filtersForBody, filtersForQuery, state, subscribe, update } from "./state.js";
import { currentLanguage, day, onLanguage, t, titleOf, word } from "./strings.js";
import { drawFailure, fault, say } from "./telling.js";

const VERSIONED = ["law", "regulation", "rule"];
const EARLIER = "2021-12-31";
const LATER = "2023-12-31";
const MOST = 1000;

let parts;
let instruments = [];
let choosing = 0;
let written = {};            // what of the address stands in the lists and fields; what the reader types there since is theirs
const compared = { request: 0, wanted: "", shown: null, error: null };   // two versions
const twice = { request: 0, wanted: "", shown: null, error: null };      // two dates: {first, second, events, days}

/** Makes the tab; it is filled when it is first shown. */
export function startCompare() {
  const section = makeTab("compare");
  parts = makeParts();
  section.append(parts.head, parts.versions, parts.dates);
  const show = () => {
    if (state.tab !== "compare") return;
    if (!instruments.length) readInstruments();
    compareVersions();
    compareDates();
  };
  subscribe((_, changed) => {
    if (changed.includes("compare")) drawChoices();
    if (["tab", "compare", "filters", "mode"].some((name) => changed.includes(name))) show();
  });
  onRefresh(() => {
    instruments = [];
    compared.wanted = twice.wanted = "";
    show();
  });
  onLanguage(draw);
  onNames(drawTwice);
  show();
}

/** Parts that last: a list that was made anew at each arrow key would close under the reader's hand. */
function makeParts() {
  const pick = (name) => el("select", { id: `compare-${name}`, on: { change: (event) => choose(name, event.target.value) } });
  const field = (name) => el("input", { type: "date", id: `date-${name}`, required: true });
  const made = {
    head: el("header", { className: "tab-head" }),
    left: pick("left"), right: pick("right"),
    question: el("input", { type: "text", id: "compare-question", maxLength: 2000 }),
    instrument: el("select", { id: "compare-instrument" }), from: field("from"), to: field("to"),
    send: el("button", { type: "submit", className: "primary" }),
    compared: el("div", { className: "compared" }), twice: el("div", { className: "twice" }),
    labels: Object.fromEntries(["left", "right", "question", "instrument", "from", "to"].map((name) =>
      [name, el("label", { for: ["from", "to"].includes(name) ? `date-${name}` : `compare-${name}` })])),
    headings: [el("h3"), el("h3")],
  };
  const row = (name, className = "") => el("p", { className }, made.labels[name], made[name]);
  made.versions = el("section", { className: "versions" }, made.headings[0], el("div", { className: "pickers" }, row("left"), row("right")), made.compared);
  made.dates = el("section", { className: "dates" }, made.headings[1],
    el("form", { noValidate: true, on: { submit: askTwice } }, row("question", "wide"), row("instrument", "wide"), row("from"), row("to"), made.send), made.twice);
  return made;
}

async function readInstruments() {
  try {
    const query = new URLSearchParams({ limit: 500 });
    VERSIONED.forEach((kind) => query.append("kind", kind));
    instruments = (await get("/v1/documents", query)).documents;
    drawOptions();
  } catch { /* the page says that the service is away, and this is read again when it is back */ }
}

function draw() {
  refill(parts.head, el("h2", { textContent: t("tab_compare") }), el("p", { textContent: t("compare_hint") }));
  ["two_versions", "two_dates"].forEach((name, at) => { parts.headings[at].textContent = t(name); });
  const labels = { left: "older", right: "newer", question: "question", instrument: "instrument", from: "on_first_day", to: "on_second_day" };
  for (const [name, text] of Object.entries(labels)) parts.labels[name].textContent = t(text);
  parts.question.placeholder = t("compare_question_hint");
  parts.send.textContent = t("compare");
  drawOptions();
  drawChoices();
  drawCompared();
  drawTwice();
}

function drawOptions() {
  const name = (doc) => `${titleOf(doc)} (${[doc.published, word("status", doc.status), word("language", doc.language)].filter(Boolean).join(", ")})`;
  const isFirst = parts.left.options.length < 2;
  for (const [list, none, named] of [[parts.left, "choose", "left"], [parts.right, "choose", "right"], [parts.instrument, "no_instrument", "document"]]) {
    const held = isFirst ? state.compare[named] : list.value;
    refill(list, el("option", { value: "", textContent: t(none) }), instruments.map((doc) => el("option", { value: doc.id, textContent: name(doc) })));
    list.value = held;
  }
}

/** What the address says now, and did not say before, goes into the lists and fields. */
function drawChoices() {
  const { left, right, document: instrument, from, to, question } = state.compare;
  const wanted = { left, right, instrument, from: from || EARLIER, to: to || LATER, question };
  for (const [name, value] of Object.entries(wanted)) if (written[name] !== value) parts[name].value = value;
  written = wanted;
}

// ---------------------------------------------------------------- two versions

/** With one side chosen, the other is filled with its nearest version where there is one. */
async function choose(name, id) {
  const request = ++choosing;
  const other = name === "left" ? "right" : "left";
  const next = { ...state.compare, document: "", [name]: id };
  const languages = [id, next[other]].map((wanted) => instruments.find((doc) => doc.id === wanted)?.language);
  if (id && languages[0] !== languages[1]) next[other] = ""; // texts are compared in one language
  if (id && !next[other]) {
    try {
      const { versions } = await get(`/v1/documents/${encodeURIComponent(id)}/versions`);
      if (request !== choosing) return; // another one was chosen meanwhile
      const at = versions.findIndex((doc) => doc.id === id);
      next[other] = versions[name === "left" ? at + 1 : at - 1]?.id || "";
    } catch { /* the reader chooses */ }
  }
  if (request === choosing) update({ compare: next });
}

async function compareVersions() {
  const { left, right, document: instrument, from, to } = state.compare;
  const query = left && right ? { left, right } : instrument && from && to ? { document: instrument, from, to } : null;
  const wanted = JSON.stringify(query);
  if (compared.wanted === wanted && !compared.error) return; // it is shown, or on its way
  const request = ++compared.request;
  Object.assign(compared, { wanted, shown: null, error: query?.left && left === right ? fault("choose_two") : null });
  parts.compared.removeAttribute("aria-busy");
  drawCompared();
  if (!query || compared.error) return;
  parts.compared.setAttribute("aria-busy", "true");
  try {
    const found = await get("/v1/compare", new URLSearchParams(query));
    if (request !== compared.request) return;
    compared.shown = found;
    say(found.is_same ? t("is_same") : t("counts", found.counts));
  } catch (error) {
    if (request !== compared.request) return;
    compared.error = error;
  }
  parts.compared.removeAttribute("aria-busy");
  drawCompared();
}

function drawCompared() {
  if (compared.error) {
    refill(parts.compared, drawFailure(compared.error, compared.error.slug === "unreachable" ? compareVersions : null));
    return;
  }
  if (!compared.shown) {
    refill(parts.compared);
    return;
  }
  const { left, right, counts, link, is_same, parts: pieces } = compared.shown;
  const side = (doc) => el("th", { scope: "col" },
    openButton(doc.id, titleOf(doc), "head"),
    el("span", { className: "facts" }, day(doc.published), " ", statusBadge(doc.status)));
  refill(parts.compared,
    el("p", { className: "count", textContent: is_same ? t("is_same") : t("counts", counts) }),
    link ? el("p", { className: "link-words" }, el("q", { textContent: link.words })) : el("p", { className: "hint", textContent: t("no_link") }),
    left.published > right.published ? el("p", { className: "hint", textContent: t("left_is_newer") }) : "",
    el("table", { className: "parts" }, el("thead", {}, el("tr", {}, el("th", { scope: "col", textContent: t("change") }), side(left), side(right))),
      el("tbody", {}, pieces.filter((part) => part.kind !== "same").map((part) => el("tr", { className: part.kind },
        el("th", { scope: "row", textContent: t(`part_${part.kind}`) }), drawPart(part.left, left), drawPart(part.right, right))))),
    counts.same ? el("details", {}, el("summary", { textContent: t("unchanged", { count: counts.same }) }),
      el("ul", {}, pieces.filter((part) => part.kind === "same").map((part) => el("li", { textContent: [...new Set([part.left.locator, part.right.locator])].map((each) => each || t("opening")).join(" → ") })))) : "");
}

const openButton = (id, label, key, span = {}) => button(label, (event) => openDocument(id, { ...span, opener: event.currentTarget }), { className: "link", "data-key": `compare ${id} ${key}` });

function drawPart(part, doc) {
  if (!part) return el("td", { className: "none", textContent: "–" });
  const points = Array.from(part.text);
  const pieces = [];
  let at = part.start;
  for (const [start, end] of part.marks) {
    pieces.push(points.slice(at - part.start, start - part.start).join(""), el("mark", { textContent: points.slice(start - part.start, end - part.start).join("") }));
    at = end;
  }
  pieces.push(points.slice(at - part.start).join(""));
  const opens = openButton(doc.id, part.locator || t("opening"), part.start, { start: part.start, end: part.end });
  opens.classList.add("locator");
  return el("td", { lang: doc.language }, opens, el("p", {}, pieces));
}

// ---------------------------------------------------------------- two dates

/** The two days, the question and the instrument go into the address, and what they ask for is fetched from there. */
function askTwice(event) {
  event.preventDefault();
  const { from, to, question, instrument } = parts;
  if (!from.value || !to.value || from.value >= to.value) {
    twice.request += 1;
    parts.twice.removeAttribute("aria-busy");
    Object.assign(twice, { wanted: "", shown: null, error: fault("days_in_order") });
    drawTwice();
    return;
  }
  const pair = instrument.value ? { left: "", right: "" } : { left: state.compare.left, right: state.compare.right };
  const next = { ...pair, document: instrument.value, from: from.value, to: to.value, question: question.value.trim() };
  twice.wanted = ""; // asked again, even if it is the same
  update({ compare: next });
  compareDates();
}

async function compareDates() {
  const { from, to, question } = state.compare;
  const filters = filtersForBody();
  const wanted = JSON.stringify([from, to, question, filters, state.mode]);
  if (!from || !to || from >= to || (twice.wanted === wanted && !twice.error)) return;
  const request = ++twice.request;
  twice.wanted = wanted;
  parts.twice.setAttribute("aria-busy", "true");
  try {
    const body = (asOf) => ({ question, as_of: asOf, filters, mode: state.mode });
    const query = filtersForQuery({ asOf: "" });
    query.set("from", toDay(toNumber(from) + 1));
    query.set("to", to);
    query.set("as_of", to); // statuses, and filters by them, are those of the later day
    query.set("limit", MOST);
    const [first, second, between] = await Promise.all([
      question ? post("/v1/answer", body(from)) : null, question ? post("/v1/answer", body(to)) : null, get("/v1/timeline", query),
    ]);
    if (request !== twice.request) return;
    Object.assign(twice, { shown: { first, second, events: between.events, days: { from, to } }, error: null });
    say(t("between", { count: readable(between.events).length }));
  } catch (error) {
    if (request !== twice.request) return;
    Object.assign(twice, { shown: null, error });
  }
  parts.twice.removeAttribute("aria-busy");
  drawTwice();
}

/** Of a text and its summary in the other language, which bear one title, only the one the reader reads. */
function readable(events) {
  const rows = new Map();
  for (const event of events) {
    const key = `${event.date} ${event.type} ${titleOf(event)}`;
    if (!rows.has(key) || event.language === currentLanguage()) rows.set(key, event);
  }
  return [...rows.values()];
}

function drawTwice() {
  if (twice.error) {
    refill(parts.twice, drawFailure(twice.error, twice.error.slug === "unreachable" ? compareDates : null));
    return;
  }
  if (!twice.shown) return;
  const { first, second, days } = twice.shown;
  const events = readable(twice.shown.events);
  const quotes = (answer) => new Set((answer?.citations || []).map((item) => item.quote));
  const only = (one, other) => new Set([...quotes(one)].filter((quote) => !quotes(other).has(quote)));
  const side = (answer, other, date) => el("article", { className: "answer" }, el("h4", { textContent: t("as_of_day", { date: day(date) }) }), drawAnswer(answer, { onlyHere: only(answer, other) }), drawNotices(answer.notices));
  refill(parts.twice,
    first ? el("div", { className: "sides" }, side(first, second, days.from), side(second, first, days.to)) : "",
    first ? el("p", { className: "hint" }, el("span", { className: "only-here", textContent: t("only_here") })) : "",
    el("h4", { textContent: t("between", { count: events.length }) }),
    el("ol", { className: "documents", id: "compare-between" }, events.map((event) => el("li", {},
      el("time", { dateTime: event.date, textContent: day(event.date) }),
      openButton(event.document_id, titleOf(event), `${event.type} ${event.date}`),
      el("span", { className: "facts", textContent: [word("event", event.type), issuersOf(event.issuer)].filter(Boolean).join(" · ") }), statusBadge(event.status)))));
}
