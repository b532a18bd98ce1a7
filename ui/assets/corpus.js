// What there is to answer from: search, list, the map of what is covered and what is not, and files of the reader's own.

import { get, onRefresh, post, postForm, refresh } from "./api.js";
import { drawLegend, statusBadge } from "./badges.js";
import { onCoverage } from "./controls.js";
import { button, debounce, el, focusOn, refill } from "./dom.js";
import { issuersOf, learnDocuments, onNames, titleById } from "./names.js";
import { makeTab } from "./shell.js";
import { openDocument } from "./source.js";
import { filtersForBody, filtersForQuery, state, subscribe } from "./state.js";
import { day, onLanguage, t, titleOf, word } from "./strings.js";
import { drawFailure, fault, say } from "./telling.js";

const PAGE = 50;
const PASSAGES = 20;
const PASSAGE_CHARACTERS = 320;
const MAP_ROWS = 16;         // topics that the map shows at first
const FIRST_YEAR = 2020;     // earlier quarters hold single laws, which the list shows

let parts;
let coverage = null;
let query = "";
let quarter = null;          // {topic, name, from, to} chosen on the map
let found = { kind: "none" };
let asked = 0;
let isReading = false;
let showsAllTopics = false;

/** Makes the tab; it is filled when it is shown. */
export function startCorpus() {
  const section = makeTab("corpus");
  parts = makeParts();
  section.append(parts.head, parts.search, parts.found, parts.map, parts.upload);
  const load = () => { if (state.tab === "corpus") read(); };
  subscribe((_, changed) => {
    // The map shows the topics chosen only; a field of another one, chosen before, must not widen them.
    if (quarter && state.filters.topic.length && !state.filters.topic.includes(quarter.topic)) quarter = null;
    if (["tab", "filters", "asOf"].some((name) => changed.includes(name))) load();
  });
  onRefresh(load);
  onCoverage((counted) => {
    coverage = counted;
    drawMap();
  });
  onLanguage(draw);
  onNames(drawFound);
  load();
}

/** Parts that last: what is typed into them, or chosen in them, outlives every redrawing. */
function makeParts() {
  const input = el("input", { type: "search", id: "corpus-search", maxLength: 2000 });
  const searchLabel = el("label", { for: "corpus-search" });
  input.addEventListener("input", debounce(() => {
    query = input.value.trim();
    read();
  }, 350));
  const files = el("input", { type: "file", id: "files", multiple: true });
  const key = el("input", { type: "password", id: "upload-key", autocomplete: "off" });
  const send = button("", () => addFiles(), { id: "upload-send" });
  return {
    head: el("header", { className: "tab-head" }),
    search: el("p", { className: "search" }, searchLabel, input), input, searchLabel,
    found: el("section", { className: "found" }),
    map: el("section", { className: "map" }),
    upload: el("section", { className: "upload" }),
    files, key, send, results: el("div", { className: "results" }),
  };
}

function draw() {
  refill(parts.head, el("h2", { textContent: t("tab_corpus") }), el("p", { textContent: t("corpus_hint") }));
  parts.searchLabel.textContent = t("search");
  parts.input.placeholder = t("search_hint");
  parts.send.textContent = t("upload");
  refill(parts.upload, el("h3", { textContent: t("upload_title") }), el("p", { textContent: t("upload_hint") }),
    el("p", {}, el("span", { className: "pair" }, el("label", { for: "files", textContent: t("files") }), parts.files),
      el("span", { className: "pair" }, el("label", { for: "upload-key", textContent: t("upload_key") }), parts.key), parts.send), parts.results);
  drawFound();
  drawMap();
  drawResults();
}

// ---------------------------------------------------------------- list and search

/** Documents from the first on, or what the search finds. */
async function read() {
  const request = ++asked;
  const wanted = query;
  isReading = true;
  parts.found.setAttribute("aria-busy", "true");
  try {
    const next = wanted ? await searchPassages(wanted) : await readPage(0);
    if (request !== asked) return;
    found = next;
    say(found.kind === "passages" ? t("passages_found", { count: found.passages.length }) : t("documents_left", { count: found.total }));
  } catch (error) {
    if (request !== asked) return;
    found = { kind: "failed", error };
  }
  isReading = false;
  parts.found.removeAttribute("aria-busy");
  drawFound();
}

async function searchPassages(wanted) {
  const filters = filtersForBody();
  if (quarter) Object.assign(filters, { topic: [quarter.topic], published_from: quarter.from, published_to: quarter.to });
  const { passages } = await post("/v1/search", { query: wanted, top_k: PASSAGES, as_of: state.asOf || null, filters });
  return { kind: "passages", passages };
}

async function readPage(offset) {
  const wanted = filtersForQuery();
  if (quarter) {
    wanted.set("topic", quarter.topic); // one of the topics chosen, if some are: the map shows no others
    wanted.set("published_from", quarter.from);
    wanted.set("published_to", quarter.to);
  }
  wanted.set("limit", PAGE);
  wanted.set("offset", offset);
  const page = await get("/v1/documents", wanted);
  learnDocuments(page.documents);
  return { kind: "documents", documents: page.documents, total: page.total };
}

async function readMore() {
  if (isReading) return; // the list is about to be another one
  const request = ++asked;
  const { documents } = found;
  try {
    const next = await readPage(documents.length);
    if (request !== asked) return;
    found = { ...next, documents: [...documents, ...next.documents] };
    drawFound();
    focusOn(parts.found.querySelectorAll(".documents button")[documents.length] || parts.found);
  } catch (error) {
    if (request === asked) parts.found.append(drawFailure(error, readMore));
  }
}

function drawFound() {
  parts.found.setAttribute("aria-label", t("found"));
  const chip = quarter ? button(`${nameOf(quarter)} ×`, () => {
    chooseQuarter(null);
    focusOn(parts.found);
  }, { className: "chip", "aria-label": t("lift_filter", { filter: nameOf(quarter) }) }) : null;
  if (found.kind === "none") refill(parts.found, el("p", { className: "count", textContent: t("loading") }));
  else if (found.kind === "failed") refill(parts.found, chip && el("p", {}, chip), drawFailure(found.error, read));
  else if (found.kind === "passages") refill(parts.found, el("p", { className: "count" }, t("passages_found", { count: found.passages.length }), " ", chip || ""), drawPassages(found.passages));
  else refill(parts.found, el("p", { className: "count" }, t("documents_left", { count: found.total }), " ", chip || ""), drawList());
}

function drawList() {
  if (!found.total) return el("p", { textContent: t("nothing_left") });
  return [
    el("ol", { className: "documents", id: "corpus-documents" }, found.documents.map((doc) => el("li", {},
      el("time", { textContent: day(doc.published), dateTime: doc.published || "" }),
      openButton(doc.id, titleOf(doc)),
      el("span", { className: "facts", textContent: [word("kind", doc.kind), issuersOf(doc.issuer), word("language", doc.language)].filter(Boolean).join(" · ") }),
      statusBadge(doc.status)))),
    found.documents.length < found.total ? button(t("more"), readMore, { className: "quiet", id: "corpus-more" }) : null,
  ];
}

const openButton = (id, label, span = {}) => el("button", {
  type: "button", className: "link", textContent: label, "data-key": `corpus ${id} ${span.start ?? ""}`,
  on: { click: (event) => openDocument(id, { ...span, opener: event.currentTarget }) },
});

function drawPassages(passages) {
  if (!passages.length) return el("p", { textContent: t("nothing_left") });
  return el("ol", { className: "passages" }, passages.map((item) => el("li", {},
    openButton(item.document_id, titleById(item.document_id), { start: item.start, end: item.end }),
    el("span", { className: "facts", textContent: ` ${item.locator}` }),
    el("p", { textContent: item.text.length > PASSAGE_CHARACTERS ? `${item.text.slice(0, PASSAGE_CHARACTERS)}…` : item.text }))));
}

// ---------------------------------------------------------------- the map

function drawMap() {
  if (!coverage) return;
  parts.map.setAttribute("aria-label", t("coverage"));
  const counts = new Map();
  const topics = new Map();
  for (const cell of coverage.cells) {
    const key = `${cell.topic} ${cell.quarter}`;
    const held = counts.get(key) || {};
    held[cell.phase || "none"] = (held[cell.phase || "none"] || 0) + cell.count;
    counts.set(key, held);
    topics.set(cell.topic, (topics.get(cell.topic) || 0) + cell.count);
  }
  const chosen = state.filters.topic;
  const quarters = allQuarters(coverage.cells.map((cell) => cell.quarter));
  const ordered = [...topics].sort((one, other) => other[1] - one[1]).map(([topic]) => topic).filter((topic) => !chosen.length || chosen.includes(topic));
  const rows = showsAllTopics ? ordered : ordered.slice(0, MAP_ROWS);
  const gaps = coverage.gaps.filter((gap) => ordered.includes(gap.topic));
  const isOpen = parts.map.querySelector(".gaps")?.open;
  refill(parts.map,
    el("h3", { textContent: t("coverage") }), el("p", { textContent: t("coverage_hint") }), drawLegend(),
    el("div", { className: "scroll", id: "map-scroll", tabIndex: 0, role: "region", "aria-label": t("coverage") }, el("table", { on: { keydown: walkMap } },
      el("thead", {}, el("tr", {}, el("th", { scope: "col", textContent: t("facet_topic") }),
        quarters.map((name) => el("th", { scope: "col", textContent: name.endsWith("Q1") ? name.slice(0, 4) : "", "aria-label": quarterName(name) })))),
      el("tbody", {}, rows.map((topic) => el("tr", {}, el("th", { scope: "row", textContent: word("topic", topic) }),
        quarters.map((name) => drawCell(topic, name, counts.get(`${topic} ${name}`)))))))),
    ordered.length > MAP_ROWS ? button(showsAllTopics ? t("fewer_topics") : t("all_topics", { count: ordered.length }), () => {
      showsAllTopics = !showsAllTopics;
      drawMap();
    }, { className: "quiet", id: "map-topics", "aria-expanded": String(showsAllTopics) }) : null,
    el("details", { className: "gaps", open: Boolean(isOpen) }, el("summary", { textContent: t("gaps", { count: gaps.length }), id: "map-gaps" }),
      el("ul", {}, gaps.map((gap) => el("li", { textContent: t("gap", { topic: word("topic", gap.topic), from: quarterName(gap.from), to: quarterName(gap.to) }) })))));
  const first = parts.map.querySelector(".cell:focus") || parts.map.querySelector(".cell");
  if (first) first.tabIndex = 0;
}

/** The arrow keys move among the fields; one of them is in the tab order. */
function walkMap(event) {
  const from = event.target.closest?.(".cell");
  const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
  if (!from || !step) return;
  event.preventDefault();
  const rows = [...event.currentTarget.tBodies[0].rows].map((row) => [...row.cells]);
  let y = rows.findIndex((row) => row.includes(from.parentElement));
  let x = rows[y].indexOf(from.parentElement);
  let to = null;
  while (!to) { // over fields without documents
    x += step[0];
    y += step[1];
    if (!rows[y]?.[x]) return;
    to = rows[y][x].querySelector(".cell");
  }
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

function drawCell(topic, name, held) {
  if (!held) return el("td", { className: "none" });
  const [phase] = Object.entries(held).sort((one, other) => other[1] - one[1])[0];
  const count = Object.values(held).reduce((sum, each) => sum + each, 0);
  const label = t(phase === "none" ? "cell_without_phase" : "cell", { topic: word("topic", topic), quarter: quarterName(name), count, phase: word("phase", phase) });
  return el("td", {}, el("button", {
    type: "button", className: `cell ${phase}`, textContent: count, title: label, "aria-label": label, "data-key": `cell ${topic} ${name}`, tabIndex: -1,
    on: { click: () => chooseQuarter({ topic, name, ...daysOf(name) }) },
  }));
}

const nameOf = ({ topic, name }) => `${word("topic", topic)}${t("comma")}${quarterName(name)}`;

const quarterName = (name) => t("quarter", { year: name.slice(0, 4), part: name.slice(-1) });

async function chooseQuarter(chosen) {
  quarter = chosen;
  await read();
  parts.found.scrollIntoView({ block: "nearest" });
}

function allQuarters(seen) {
  const numbers = seen.map((name) => Number(name.slice(0, 4)) * 4 + Number(name.slice(-1)) - 1).filter((number) => number >= FIRST_YEAR * 4);
  if (!numbers.length) return [];
  const first = Math.min(...numbers);
  return Array.from({ length: Math.max(...numbers) - first + 1 }, (_, index) => `${Math.floor((first + index) / 4)} Q${((first + index) % 4) + 1}`);
}

function daysOf(name) {
  const [year, part] = [Number(name.slice(0, 4)), Number(name.slice(-1))];
  const last = new Date(Date.UTC(year, part * 3, 0)).toISOString().slice(0, 10);
  return { from: `${year}-${String(part * 3 - 2).padStart(2, "0")}-01`, to: last };
}

// ---------------------------------------------------------------- files of the reader's own

let taken = null;   // {results}, {error} or {isBusy} of the last files

async function addFiles() {
  const key = parts.key.value.trim();
  if (!/^[!-~]*$/.test(key)) { // no header holds such a key, and so no service
    taken = { error: fault("upload_needs_key") };
    drawResults();
    return;
  }
  if (!parts.files.files.length) {
    taken = { error: fault("files_empty") };
    drawResults();
    return;
  }
  const form = new FormData();
  for (const file of parts.files.files) form.append("files", file);
  parts.send.disabled = true;
  taken = { isBusy: true };
  drawResults();
  try {
    const { results } = await postForm("/v1/documents", form, key);
    taken = { results };
    say(results.map((item) => `${item.source}${t("colon")}${word("outcome", item.outcome)}`).join(". "));
    refresh(); // lists, counts, map and timeline hold the new documents too
  } catch (error) {
    taken = { error };
  } finally {
    parts.send.disabled = false;
  }
  drawResults();
  // The button was switched off while it had the focus; who went on to something else is left there.
  if (document.activeElement === document.body) focusOn(parts.send);
}

function drawResults() {
  if (!taken) return;
  if (taken.isBusy) refill(parts.results, el("p", { className: "count", textContent: t("uploading") }));
  else if (taken.error) {
    const needsKey = [401, 403].includes(taken.error.status);
    refill(parts.results, drawFailure(needsKey ? fault("upload_needs_key") : taken.error));
  } else refill(parts.results, drawOutcomes(taken.results));
}

const drawOutcomes = (results) => el("table", {}, el("thead", {}, el("tr", {}, ["file", "outcome", "document"].map((name) => el("th", { scope: "col", textContent: t(`col_${name}`) })))),
  el("tbody", {}, results.map((item) => el("tr", { className: item.outcome },
    el("td", { textContent: item.source }), el("td", { textContent: word("outcome", item.outcome) + (item.reason ? `${t("colon")}${item.reason}` : "") }),
    el("td", {}, item.document_id ? openButton(item.document_id, item.document_id) : null)))));
