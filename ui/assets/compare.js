// What changed: two versions of an instrument article by article, and one question or the whole corpus at two dates.

import { drawAnswer, drawNotices } from "./answers.js";
import { get, post } from "./api.js";
import { statusBadge } from "./badges.js";
import { button, el, refill } from "./dom.js";
import { makeTab } from "./shell.js";
import { openDocument } from "./source.js";
import { filtersForBody, filtersForQuery, state, subscribe, update } from "./state.js";
import { currentLanguage, day, onLanguage, t, titleOf, word } from "./strings.js";

const VERSIONED = ["law", "regulation", "rule"];
const EARLIER = "2021-12-31";
const LATER = "2023-12-31";

let section;
let instruments = [];
let asked = 0;
let question = "";
let days = { from: EARLIER, to: LATER };
let compared = null;      // of two versions
let twice = null;         // of two dates: {answers, events}

/** Makes the tab; it is filled when it is first shown. */
export function startCompare() {
  section = makeTab("compare");
  const show = async () => {
    if (state.tab !== "compare") return;
    if (!instruments.length) await readInstruments();
    draw();
    if (chosenPair()) compareVersions();
  };
  subscribe((_, changed) => {
    if (changed.includes("tab") || changed.includes("compare")) show();
  });
  onLanguage(() => { if (section.firstChild) draw(); });
  show();
}

async function readInstruments() {
  try {
    const query = new URLSearchParams({ limit: 500 });
    VERSIONED.forEach((kind) => query.append("kind", kind));
    instruments = (await get("/v1/documents", query)).documents;
  } catch { /* the page says that the service is away */ }
}

const chosenPair = () => Boolean((state.compare.left && state.compare.right) || (state.compare.document && state.compare.from && state.compare.to));

function draw() {
  refill(section,
    el("header", { className: "tab-head" }, el("h2", { textContent: t("tab_compare") }), el("p", { textContent: t("compare_hint") })),
    el("section", { className: "versions" }, el("h3", { textContent: t("two_versions") }), drawPicker(), el("div", { className: "compared", role: "region", "aria-live": "polite", "aria-label": t("two_versions") })),
    el("section", { className: "dates" }, el("h3", { textContent: t("two_dates") }), drawDates(), el("div", { className: "twice", role: "region", "aria-live": "polite", "aria-label": t("two_dates") })));
  drawCompared();
  drawTwice();
}

// ---------------------------------------------------------------- two versions

function drawPicker() {
  const options = (chosen) => [el("option", { value: "", textContent: t("choose") }), ...instruments.map((doc) =>
    el("option", { value: doc.id, selected: doc.id === chosen, textContent: `${titleOf(doc)} (${[doc.published, word("status", doc.status), word("language", doc.language)].filter(Boolean).join(", ")})` }))];
  const pick = (name) => el("select", { id: `compare-${name}`, on: { change: (event) => choose(name, event.target.value) } }, options(state.compare[name]));
  return el("div", { className: "pickers" },
    el("p", {}, el("label", { for: "compare-left", textContent: t("older") }), pick("left")),
    el("p", {}, el("label", { for: "compare-right", textContent: t("newer") }), pick("right")));
}

/** With one side chosen, the other is filled with its nearest version where there is one. */
async function choose(name, id) {
  const other = name === "left" ? "right" : "left";
  const next = { ...state.compare, document: "", from: "", to: "", [name]: id };
  if (id && !next[other]) {
    try {
      const { versions } = await get(`/v1/documents/${encodeURIComponent(id)}/versions`);
      const at = versions.findIndex((doc) => doc.id === id);
      next[other] = versions[name === "left" ? at + 1 : at - 1]?.id || "";
    } catch { /* the reader chooses */ }
  }
  compared = null;
  update({ compare: next });
}

async function compareVersions() {
  const request = ++asked;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(state.compare)) if (value) query.set(name, value);
  const place = section.querySelector(".compared");
  place.setAttribute("aria-busy", "true");
  try {
    compared = await get("/v1/compare", query);
    if (request === asked) drawCompared();
  } catch (error) {
    if (request === asked) refill(place, el("p", { className: "failed", role: "alert", textContent: error.message }));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

function drawCompared() {
  const place = section.querySelector(".compared");
  if (!place || !compared) return;
  const { left, right, counts, link, parts } = compared;
  const side = (doc) => el("th", { scope: "col" },
    button(titleOf(doc), (event) => openDocument(doc.id, { opener: event.target }), { className: "link" }),
    el("span", { className: "facts" }, day(doc.published), " ", statusBadge(doc.status)));
  refill(place,
    el("p", { className: "count", textContent: compared.is_same ? t("is_same") : t("counts", counts) }),
    link ? el("p", { className: "link-words" }, el("q", { textContent: link.words })) : "",
    el("table", { className: "parts" }, el("thead", {}, el("tr", {}, el("th", { scope: "col", textContent: t("change") }), side(left), side(right))),
      el("tbody", {}, parts.filter((part) => part.kind !== "same").map((part) => el("tr", { className: part.kind },
        el("th", { scope: "row", textContent: t(`part_${part.kind}`) }), drawPart(part.left, left), drawPart(part.right, right))))),
    counts.same ? el("details", {}, el("summary", { textContent: t("unchanged", { count: counts.same }) }),
      el("ul", {}, parts.filter((part) => part.kind === "same").map((part) => el("li", { textContent: [...new Set([part.left.locator, part.right.locator])].map((each) => each || t("opening")).join(" → ") })))) : "");
}

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
  return el("td", { lang: doc.language },
    button(part.locator || t("opening"), (event) => openDocument(doc.id, { start: part.start, end: part.end, opener: event.target }), { className: "link locator" }),
    el("p", {}, pieces));
}

// ---------------------------------------------------------------- two dates

function drawDates() {
  const field = (name, label) => el("p", {}, el("label", { for: `date-${name}`, textContent: label }),
    el("input", { type: "date", id: `date-${name}`, value: days[name], required: true, on: { change: (event) => { days = { ...days, [name]: event.target.value }; } } }));
  const box = el("input", { type: "text", id: "compare-question", value: question, maxLength: 2000, placeholder: t("compare_question_hint"), on: { input: (event) => { question = event.target.value; } } });
  const instrument = el("select", { id: "compare-instrument" }, el("option", { value: "", textContent: t("no_instrument") }), instruments.map((doc) =>
    el("option", { value: doc.id, textContent: `${titleOf(doc)} (${doc.published || ""})`, selected: doc.id === state.compare.document })));
  return el("form", { on: { submit: (event) => { event.preventDefault(); compareDates(instrument.value); } } },
    el("p", { className: "wide" }, el("label", { for: "compare-question", textContent: t("question") }), box),
    el("p", { className: "wide" }, el("label", { for: "compare-instrument", textContent: t("instrument") }), instrument),
    field("from", t("on_first_day")), field("to", t("on_second_day")),
    el("button", { type: "submit", className: "primary", textContent: t("compare") }));
}

async function compareDates(instrument) {
  const place = section.querySelector(".twice");
  if (!days.from || !days.to || days.from >= days.to) {
    refill(place, el("p", { className: "failed", role: "alert", textContent: t("days_in_order") }));
    return;
  }
  place.setAttribute("aria-busy", "true");
  try {
    const body = (asOf) => ({ question, as_of: asOf, filters: filtersForBody(), mode: state.mode });
    const query = filtersForQuery({ withDay: false });
    query.set("from", nextDay(days.from));
    query.set("to", days.to);
    query.set("limit", 1000);
    const [first, second, between] = await Promise.all([
      question.trim() ? post("/v1/answer", body(days.from)) : null, question.trim() ? post("/v1/answer", body(days.to)) : null, get("/v1/timeline", query),
    ]);
    twice = { first, second, events: between.events, days: { ...days } };
    drawTwice();
    if (instrument) {
      compared = null;
      update({ compare: { left: "", right: "", document: instrument, ...days } });
    }
  } catch (error) {
    refill(place, el("p", { className: "failed", role: "alert", textContent: error.message }));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

const nextDay = (iso) => new Date(Date.parse(`${iso}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);

function drawTwice() {
  const place = section.querySelector(".twice");
  if (!place || !twice) return;
  const { first, second, events } = twice;
  const quotes = (answer) => new Set((answer?.citations || []).map((item) => item.quote));
  const only = (one, other) => new Set([...quotes(one)].filter((quote) => !quotes(other).has(quote)));
  const side = (answer, other, date) => el("article", { className: "answer" }, el("h4", { textContent: t("as_of_day", { date: day(date) }) }), drawAnswer(answer, { onlyHere: only(answer, other) }), drawNotices(answer.notices));
  refill(place,
    first ? el("div", { className: "sides" }, side(first, second, twice.days.from), side(second, first, twice.days.to)) : "",
    first ? el("p", { className: "hint" }, el("span", { className: "only-here", textContent: t("only_here") })) : "",
    el("h4", { textContent: t("between", { count: events.length }) }),
    el("ol", { className: "documents" }, events.map((event) => el("li", {},
      el("time", { dateTime: event.date, textContent: day(event.date) }),
      button(currentLanguage() === "zh" && event.title_zh ? event.title_zh : event.title, (clicked) => openDocument(event.document_id, { opener: clicked.target }), { className: "link" }),
      el("span", { className: "facts", textContent: [word("event", event.type), event.issuer.join(", ")].filter(Boolean).join(" · ") }), statusBadge(event.status)))));
}
