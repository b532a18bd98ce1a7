// What there is to answer from: search, list, the map of what is covered and what is not, and files of the reader's own.

import { get, post, postForm } from "./api.js";
import { statusBadge } from "./badges.js";
import { button, debounce, el, refill } from "./dom.js";
import { onCoverage } from "./controls.js";
import { makeTab } from "./shell.js";
import { openDocument, titles } from "./source.js";
import { filtersForBody, filtersForQuery, state, subscribe } from "./state.js";
import { day, onLanguage, t, titleOf, word } from "./strings.js";

const PAGE = 50;
let section;
let coverage = null;
let query = "";
let quarter = null;    // {topic, from, to, label} chosen on the map
let listed = [];
let total = 0;
let asked = 0;

/** Makes the tab; it is filled when it is shown. */
export function startCorpus() {
  section = makeTab("corpus");
  const refresh = () => { if (state.tab === "corpus") load(); };
  subscribe((_, changed) => { if (["tab", "filters", "asOf"].some((name) => changed.includes(name))) refresh(); });
  onLanguage(() => { if (section.firstChild) draw(); });
  onCoverage((found) => {
    coverage = found;
    if (section.firstChild && state.tab === "corpus") drawMap();
  });
  refresh();
}

async function load() {
  if (!section.firstChild) draw();
  drawMap();
  listed = [];
  await more();
}

/** The next page of the list, or what the search finds. */
async function more() {
  const request = ++asked;
  const place = section.querySelector(".found");
  place.setAttribute("aria-busy", "true");
  try {
    if (query) {
      const { passages } = await post("/v1/search", { query, top_k: 20, as_of: state.asOf || null, filters: { ...filtersForBody(), ...ofQuarter() } });
      if (request === asked) refill(place, ...drawPassages(passages));
      return;
    }
    const wanted = filtersForQuery();
    for (const [name, value] of Object.entries(ofQuarter())) [value].flat().forEach((each) => wanted.append(name, each));
    wanted.set("limit", PAGE);
    wanted.set("offset", listed.length);
    const page = await get("/v1/documents", wanted);
    if (request !== asked) return;
    listed.push(...page.documents);
    total = page.total;
    refill(place, ...drawList());
  } catch (error) {
    if (request === asked) refill(place, el("p", { className: "failed", role: "alert", textContent: error.message }));
  } finally {
    if (request === asked) place.removeAttribute("aria-busy");
  }
}

const ofQuarter = () => (quarter ? { topic: [quarter.topic], published_from: quarter.from, published_to: quarter.to } : {});

function draw() {
  const search = el("input", { type: "search", id: "corpus-search", value: query, placeholder: t("search_hint"), maxLength: 2000 });
  search.addEventListener("input", debounce(() => {
    query = search.value.trim();
    listed = [];
    more();
  }, 350));
  refill(section,
    el("header", { className: "tab-head" }, el("h2", { textContent: t("tab_corpus") }), el("p", { textContent: t("corpus_hint") })),
    el("p", { className: "search" }, el("label", { for: "corpus-search", textContent: t("search") }), search),
    el("div", { className: "found", role: "region", "aria-live": "polite", "aria-label": t("found") }),
    el("section", { className: "map", "aria-label": t("coverage") }),
    drawUpload());
  refill(section.querySelector(".found"), ...(query ? [] : drawList()));
  drawMap();
}

function drawList() {
  const rows = listed.map((doc) => {
    titles.set(doc.id, titleOf(doc));
    return el("li", {},
      el("time", { textContent: day(doc.published), dateTime: doc.published || "" }),
      el("button", { type: "button", className: "link", textContent: titleOf(doc), on: { click: (event) => openDocument(doc.id, { opener: event.target }) } }),
      el("span", { className: "facts", textContent: [word("kind", doc.kind), doc.issuer.join(", "), word("language", doc.language)].filter(Boolean).join(" · ") }),
      statusBadge(doc.status));
  });
  return [
    el("p", { className: "count" }, t("documents_left", { count: total }), quarter ? [" ", button(`${quarter.label} ×`, () => chooseQuarter(null), { className: "chip" })] : ""),
    total ? el("ol", { className: "documents" }, rows) : el("p", { textContent: t("nothing_left") }),
    listed.length < total ? button(t("more"), more, { className: "quiet" }) : null,
  ].filter(Boolean);
}

function drawPassages(passages) {
  if (!passages.length) return [el("p", { textContent: t("nothing_left") })];
  return [el("ol", { className: "passages" }, passages.map((item) => el("li", {},
    el("button", {
      type: "button", className: "link", textContent: titles.get(item.document_id) || item.document_id,
      on: { click: (event) => openDocument(item.document_id, { start: item.start, end: item.end, opener: event.target }) },
    }),
    el("span", { className: "facts", textContent: ` ${item.locator}` }),
    el("p", { textContent: item.text.length > 320 ? `${item.text.slice(0, 320)}…` : item.text }))))];
}

// ---------------------------------------------------------------- the map

function drawMap() {
  const place = section.querySelector(".map");
  if (!place || !coverage) return;
  const counts = new Map();
  const topics = new Map();
  for (const cell of coverage.cells) {
    const key = `${cell.topic} ${cell.quarter}`;
    const held = counts.get(key) || {};
    held[cell.phase || "none"] = (held[cell.phase || "none"] || 0) + cell.count;
    counts.set(key, held);
    topics.set(cell.topic, (topics.get(cell.topic) || 0) + cell.count);
  }
  const quarters = allQuarters(coverage.cells.map((cell) => cell.quarter));
  const rows = [...topics].sort((one, other) => other[1] - one[1]).slice(0, 16).map(([topic]) => topic);
  const gaps = coverage.gaps.filter((gap) => rows.includes(gap.topic));
  refill(place,
    el("h3", { textContent: t("coverage") }), el("p", { textContent: t("coverage_hint") }),
    el("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": t("coverage") }, el("table", {},
      el("thead", {}, el("tr", {}, el("th", { scope: "col", textContent: t("facet_topic") }),
        quarters.map((name) => el("th", { scope: "col", textContent: name.endsWith("Q1") ? name.slice(0, 4) : "", "aria-label": name })))),
      el("tbody", {}, rows.map((topic) => el("tr", {}, el("th", { scope: "row", textContent: word("topic", topic) }),
        quarters.map((name) => drawCell(topic, name, counts.get(`${topic} ${name}`)))))))),
    el("details", { className: "gaps" }, el("summary", { textContent: t("gaps", { count: gaps.length }) }),
      el("ul", {}, gaps.slice(0, 60).map((gap) => el("li", { textContent: t("gap", { topic: word("topic", gap.topic), from: gap.from, to: gap.to }) })))));
}

function drawCell(topic, name, held) {
  if (!held) return el("td", { className: "none" });
  const [phase] = Object.entries(held).sort((one, other) => other[1] - one[1])[0];
  const count = Object.values(held).reduce((sum, each) => sum + each, 0);
  const label = t("cell", { topic: word("topic", topic), quarter: name, count, phase: word("phase", phase) });
  return el("td", {}, el("button", {
    type: "button", className: `cell ${phase} n${Math.min(count, 4)}`, textContent: count, title: label, "aria-label": label,
    on: { click: () => chooseQuarter({ topic, ...daysOf(name), label: `${word("topic", topic)}, ${name}` }) },
  }));
}

function chooseQuarter(chosen) {
  quarter = chosen;
  listed = [];
  more().then(() => section.querySelector(".found").scrollIntoView({ block: "nearest" }));
}

function allQuarters(seen) {
  const numbers = seen.map((name) => Number(name.slice(0, 4)) * 4 + Number(name.slice(-1)) - 1).filter((number) => number >= 2020 * 4);
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

function drawUpload() {
  const files = el("input", { type: "file", id: "files", multiple: true });
  const key = el("input", { type: "password", id: "upload-key", autocomplete: "off" });
  const results = el("div", { role: "status", className: "results" });
  const send = button(t("upload"), async () => {
    if (!files.files.length) return;
    const form = new FormData();
    for (const file of files.files) form.append("files", file);
    send.disabled = true;
    results.textContent = t("uploading");
    try {
      const { results: found } = await postForm("/v1/documents", form, key.value.trim());
      refill(results, drawResults(found));
      listed = [];
      more();
    } catch (error) {
      refill(results, el("p", { className: "failed", role: "alert", textContent: error.status === 401 || error.status === 403 ? t("upload_needs_key") : error.message }));
    } finally {
      send.disabled = false;
    }
  });
  return el("section", { className: "upload" }, el("h3", { textContent: t("upload_title") }), el("p", { textContent: t("upload_hint") }),
    el("p", {}, el("label", { for: "files", textContent: t("files") }), files,
      el("label", { for: "upload-key", textContent: t("upload_key") }), key, send), results);
}

function drawResults(found) {
  return el("table", {}, el("thead", {}, el("tr", {}, ["file", "outcome", "document"].map((name) => el("th", { scope: "col", textContent: t(`col_${name}`) })))),
    el("tbody", {}, found.map((item) => el("tr", { className: item.outcome },
      el("td", { textContent: item.source }), el("td", { textContent: word("outcome", item.outcome) + (item.reason ? `: ${item.reason}` : "") }),
      el("td", {}, item.document_id ? el("button", {
        type: "button", className: "link", textContent: item.document_id, on: { click: (event) => openDocument(item.document_id, { opener: event.target }) },
      }) : null)))));
}
