// The shift at a glance: every document on its day, in the lane of its agency, in the colour of its phase.

import { get, onRefresh } from "./api.js";
import { drawLegend, isPast, PHASES, statusBadge } from "./badges.js";
import { MS_PER_DAY, toDay, toNumber, today } from "./days.js";
import { el, refill, svg } from "./dom.js";
import { issuerName, issuersOf, onNames, shortName } from "./names.js";
import { makeTab } from "./shell.js";
import { openDocument } from "./source.js";
import { filtersForQuery, state, subscribe, update } from "./state.js";
import { currentLanguage, day, onLanguage, t, titleOf, word } from "./strings.js";
import { drawFailure } from "./telling.js";

const MOST_LANES = 12;
const LEFT = 118;          // room for the lanes' names, in pixels
const STEP = 17;           // height of a row of dots
const RADIUS = 6;
const NARROWEST = 720;     // narrower it can be moved sideways
const BEGINNING = "2020-07-01";
const JOINING = ["drafts", "amends", "supersedes", "repeals"];
const NAME_CHARACTERS = { en: 16, zh: 9 };   // of a lane's name, in that room
const PAGE = 1000;
const PRESS = "PRESS";     // the lane of what no agency issued

let section;
let events = [];            // everything dated, oldest first, whatever the day asked about
let readUnder = null;       // what filters they were read under; null once documents came in since
let failed = null;
let documents = [];         // those of them that say when a document was published
let statuses = new Map();   // of documents on the day asked about
let asked = 0;
let isDragged = false;      // while the line is in the reader's hand nothing is drawn anew
let isList = matchMedia("(max-width: 700px)").matches;

/** Makes the tab; its events are fetched when it is first shown. */
export function startTimeline() {
  section = makeTab("timeline");
  const show = () => { if (state.tab === "timeline") load(); };
  subscribe((_, changed) => {
    if (["tab", "filters", "asOf"].some((name) => changed.includes(name))) show();
  });
  onRefresh(() => {
    readUnder = null;
    show();
  });
  const redraw = () => { if (state.tab === "timeline") draw(); };
  onLanguage(draw);
  onNames(redraw);
  let width = 0;
  new ResizeObserver(() => { // the window, or the reader beside it
    if (section.clientWidth === width) return;
    width = section.clientWidth;
    redraw();
  }).observe(section);
  show();
}

/** What decides which events there are: the filters; with one of the status the day too, as it means the status of that day. */
const wanted = () => JSON.stringify([state.filters, state.filters.status.length ? state.asOf : ""]);

async function load() {
  const request = ++asked;
  const { asOf } = state;
  const under = wanted();
  failed = null;
  draw();
  section.setAttribute("aria-busy", "true");
  try {
    const then = asOf ? await readAll(asOf) : [];
    const all = readUnder === under ? events : asOf && state.filters.status.length ? then : await readAll("");
    if (request !== asked || under !== wanted()) return; // other filters or another day were chosen meanwhile
    events = all.filter((event) => event.kind !== "article");
    documents = events.filter((event) => event.type === "published");
    readUnder = under;
    statuses = new Map((asOf ? then : all).map((event) => [event.document_id, event.status]));
  } catch (error) {
    if (request === asked) failed = error;
  } finally {
    if (request === asked) section.removeAttribute("aria-busy");
  }
  draw();
}

async function readAll(asOf) {
  const found = [];
  for (;;) {
    const query = filtersForQuery({ asOf });
    query.set("limit", PAGE);
    query.set("offset", found.length);
    const page = await get("/v1/timeline", query);
    found.push(...page.events);
    if (!page.events.length || found.length >= page.total) return found;
  }
}

/** A document's status on the day asked about; a document of later has none yet. */
const statusOf = (item) => (isLater(item) ? null : statuses.get(item.document_id));

/** The documents to show: of a text and its summary in the other language only the one the reader reads. */
function chosen() {
  const ids = new Map(documents.map((item) => [item.document_id, item]));
  const hidden = new Set();
  for (const item of documents) {
    for (const link of item.links || []) {
      const twin = ids.get(link.document_id);
      if (link.type !== "about" || !twin || twin.kind !== item.kind || twin.language === item.language) continue;
      hidden.add((item.language === currentLanguage() ? twin : item).document_id);
    }
  }
  return documents.filter((item) => !hidden.has(item.document_id));
}

function draw() {
  if (isDragged) return;
  if (failed) refill(section, drawFailure(failed, load));
  if (failed || readUnder !== wanted()) return;
  const items = chosen();
  const head = el("header", { className: "tab-head" },
    el("h2", { textContent: t("tab_timeline") }), el("p", { textContent: t("timeline_hint") }),
    drawLegend(),
    el("label", { className: "as-list" },
      el("input", { type: "checkbox", id: "timeline-list", checked: isList, on: { change: (event) => { isList = event.target.checked; draw(); } } }), " ", t("as_list")));
  refill(section, head, items.length ? (isList ? drawList(items) : drawLanes(items)) : el("p", { textContent: t("nothing_left") }));
}

const isLater = (item) => Boolean(state.asOf && item.date > state.asOf);

// ---------------------------------------------------------------- the list, for narrow screens and for who prefers it

function drawList(items) {
  const ids = new Set(items.map((item) => item.document_id));
  const years = new Map();
  for (const item of events.filter((event) => ids.has(event.document_id))) {
    const year = item.date.slice(0, 4);
    years.set(year, [...(years.get(year) || []), item]);
  }
  return el("div", { className: "years" }, [...years].map(([year, held]) => el("section", {}, el("h3", { textContent: year }),
    el("ol", {}, held.map((item) => el("li", { className: isLater(item) ? "later" : "" },
      el("time", { dateTime: item.date, textContent: day(item.date) }), " ",
      el("span", { className: `dot ${item.phase || ""}`, "aria-hidden": "true" }), " ",
      el("button", { type: "button", className: "link", textContent: titleOf(item), "data-key": `timeline ${item.document_id} ${item.type}`, on: { click: (event) => openDocument(item.document_id, { opener: event.currentTarget }) } }),
      " ", el("span", { className: "facts", textContent: [item.type === "published" ? "" : word("event", item.type), issuersOf(item.issuer), item.phase ? word("phase", item.phase) : ""].filter(Boolean).join(" · ") }),
      item.type === "published" ? statusBadge(statusOf(item)) : null))))));
}

// ---------------------------------------------------------------- the lanes

function drawLanes(items) {
  const first = toNumber(items[0].date) - 20;
  const now = toNumber(today());
  const last = Math.max(now, toNumber(items.at(-1).date)) + 20;
  const width = Math.max(section.clientWidth - 4, NARROWEST);
  const x = makeScale(first, last, width);
  const lanes = layOut(items, (item) => x(toNumber(item.date)));
  const height = lanes.at(-1).bottom + 30;
  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": t("tab_timeline") },
    drawYears(first, last, x, height), drawPhases(items, x), drawLaneNames(lanes, width), drawJoins(lanes), drawDots(lanes), drawDay({ first, last: now, x, height }));
  drawing.addEventListener("keydown", (event) => moveFocus(drawing, event));
  return el("div", { className: "lanes", id: "timeline-lanes" }, drawing);
}

/** Pixels for days: what came before the years of the policy, if anything did, shares a tenth of the width. */
function makeScale(first, last, width) {
  const room = width - LEFT - 14;
  const begin = toNumber(BEGINNING);
  if (first >= begin) return Object.assign((number) => LEFT + ((number - first) / (last - first)) * room, { back: (px) => first + ((px - LEFT) / room) * (last - first) });
  const early = room * 0.1;
  return Object.assign(
    (number) => (number < begin ? LEFT + ((number - first) / (begin - first)) * early : LEFT + early + ((number - begin) / (last - begin)) * (room - early)),
    { back: (px) => (px < LEFT + early ? first + ((px - LEFT) / early) * (begin - first) : begin + ((px - LEFT - early) / (room - early)) * (last - begin)) });
}

/** Lanes by agency, busiest first; in each, dots that would overlap go into rows below each other. */
function layOut(items, xOf) {
  const counts = new Map();
  items.forEach((item) => counts.set(laneOf(item), (counts.get(laneOf(item)) || 0) + 1));
  const names = [...counts].sort((one, other) => other[1] - one[1]).slice(0, MOST_LANES).map(([name]) => name);
  let top = 64;
  return [...names, ""].flatMap((name) => {
    const held = items.filter((item) => (name ? laneOf(item) === name : !names.includes(laneOf(item))));
    if (!held.length) return [];
    const ends = [];
    const dots = held.map((item) => {
      const at = xOf(item);
      let row = ends.findIndex((end) => end < at - RADIUS * 2.2);
      if (row < 0) row = ends.length;
      ends[row] = at;
      return { item, x: at, y: top + 12 + row * STEP };
    });
    const lane = { code: name, name: !name ? t("others") : name === PRESS ? t("press") : issuerName(name), label: !name ? t("others") : name === PRESS ? t("press") : shortName(name), top, bottom: top + ends.length * STEP + 8, dots };
    top = lane.bottom;
    return [lane];
  });
}

const laneOf = (item) => item.issuer[0] || PRESS;

function drawYears(first, last, x, height) {
  const years = [];
  const earliest = Math.max(first, toNumber(BEGINNING));
  if (first < earliest) {
    years.push(svg("line", { x1: x(earliest), x2: x(earliest), y1: 20, y2: height - 20, class: "year early" }),
      Object.assign(svg("text", { x: LEFT + 2, y: 16, class: "year-name" }), { textContent: `${new Date(first * MS_PER_DAY).getUTCFullYear()} …` }));
  }
  for (let year = new Date(earliest * MS_PER_DAY).getUTCFullYear() + 1; toNumber(`${year}-01-01`) < last; year += 1) {
    const at = x(toNumber(`${year}-01-01`));
    years.push(svg("line", { x1: at, x2: at, y1: 20, y2: height - 20, class: "year" }));
    if (at < x(last) - 30) years.push(Object.assign(svg("text", { x: at + 4, y: 16, class: "year-name" }), { textContent: year }));
  }
  return years;
}

/** How many documents of each phase a quarter has, as bars: the shift from one phase to the next. */
function drawPhases(items, x) {
  const quarters = new Map();
  for (const item of items) {
    if (!item.phase) continue;
    const key = `${item.date.slice(0, 4)}-${String(Math.floor((Number(item.date.slice(5, 7)) - 1) / 3) * 3 + 1).padStart(2, "0")}-01`;
    const counts = quarters.get(key) || {};
    counts[item.phase] = (counts[item.phase] || 0) + 1;
    quarters.set(key, counts);
  }
  const most = Math.max(1, ...[...quarters.values()].map((counts) => Object.values(counts).reduce((sum, count) => sum + count, 0)));
  return [...quarters].flatMap(([start, counts]) => {
    const from = Math.max(LEFT, x(toNumber(start)) + 1);
    const to = x(toNumber(start) + 90);
    let y = 58;
    return PHASES.filter((phase) => counts[phase]).map((phase) => {
      const size = (counts[phase] / most) * 36;
      y -= size;
      return svg("rect", { x: from, y, width: Math.max(0, to - from), height: size, class: `bar ${phase}` });
    });
  });
}

function drawLaneNames(lanes, width) {
  const most = NAME_CHARACTERS[currentLanguage()];
  const fit = (name) => (name.length > most ? `${name.slice(0, most - 1)}…` : name);
  return lanes.flatMap((lane, index) => [
    svg("rect", { x: 0, y: lane.top, width, height: lane.bottom - lane.top, class: index % 2 ? "lane odd" : "lane" }),
    Object.assign(svg("text", { x: 6, y: lane.top + 16, class: "lane-name" }), { textContent: fit(lane.label) }),
  ]);
}

/** Curves from drafts to finals and from versions to those that took their place. */
function drawJoins(lanes) {
  const at = new Map(lanes.flatMap((lane) => lane.dots.map((dot) => [dot.item.document_id, dot])));
  return [...at.values()].flatMap((dot) => (dot.item.links || []).filter((link) => JOINING.includes(link.type) && at.has(link.document_id)).map((link) => {
    const other = at.get(link.document_id);
    const lift = Math.min(46, 10 + Math.abs(other.x - dot.x) / 9);
    return svg("path", { d: `M${dot.x} ${dot.y} Q${(dot.x + other.x) / 2} ${Math.min(dot.y, other.y) - lift} ${other.x} ${other.y}`, class: `join ${link.type}` });
  }));
}

function drawDots(lanes) {
  let isFirst = true;
  return lanes.map((lane) => svg("g", { role: "list", "aria-label": lane.name, "data-issuer": lane.code }, lane.dots.map(({ item, x, y }) => {
    const status = statusOf(item);
    const label = [`${day(item.date)}${t("colon")}${titleOf(item)}`, status && word("status", status), item.phase && word("phase", item.phase), ...laterDays(item)].filter(Boolean).join(t("comma"));
    const isInstrument = ["law", "regulation", "rule"].includes(item.kind);
    const shape = isInstrument
      ? svg("rect", { x: x - RADIUS, y: y - RADIUS, width: RADIUS * 2, height: RADIUS * 2, rx: 2 })
      : svg("circle", { cx: x, cy: y, r: RADIUS });
    const dot = svg("g", {
      class: `event ${item.phase || ""} ${isPast(status) || status === "draft" ? "past" : ""} ${isLater(item) ? "later" : ""}`,
      role: "button", tabindex: isFirst ? 0 : -1, "aria-label": label, "data-id": item.document_id, "data-key": `dot ${item.document_id}`,
    }, Object.assign(svg("title"), { textContent: label }), shape);
    isFirst = false;
    const show = () => openDocument(item.document_id, { opener: dot });
    dot.addEventListener("click", show);
    dot.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      show();
    });
    return svg("g", { role: "listitem" }, dot);
  })));
}

/** What else is to happen to a document, and when. */
const laterDays = (item) => [["takes_effect", item.effective_from], ["ends", item.effective_to]]
  .filter(([, date]) => date && date !== item.date).map(([type, date]) => `${word("event", type)} ${day(date)}`);

function moveFocus(drawing, event) {
  const dots = [...drawing.querySelectorAll(".event")];
  const at = dots.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: dots.length - 1 }[event.key];
  if (at < 0 || to === undefined || !dots[to]) return;
  event.preventDefault();
  dots[at].setAttribute("tabindex", "-1");
  dots[to].setAttribute("tabindex", "0");
  dots[to].focus();
}

// ---------------------------------------------------------------- the day asked about, as a line

function drawDay({ first, last, x, height }) {
  let at = state.asOf ? toNumber(state.asOf) : Math.floor(last);
  const line = svg("line", { y1: 18, y2: height - 18, class: "as-of-line" });
  const grip = svg("rect", { y: 2, width: 96, height: 18, rx: 9, class: "as-of-grip" });
  const name = svg("text", { y: 15, class: "as-of-name", "text-anchor": "middle" });
  const handle = svg("g", {
    class: "as-of", id: "timeline-day", role: "slider", tabindex: 0, "aria-label": t("as_of_slider"), "aria-orientation": "horizontal",
    "aria-valuemin": Math.ceil(first), "aria-valuemax": Math.floor(last),
  }, line, grip, name);
  const place = () => {
    const px = x(at);
    line.setAttribute("x1", px);
    line.setAttribute("x2", px);
    const middle = Math.min(Math.max(px, LEFT + 48), x(last) - 40);
    grip.setAttribute("x", middle - 48);
    name.setAttribute("x", middle);
    name.textContent = at >= Math.floor(last) ? t("today") : day(toDay(at));
    handle.setAttribute("aria-valuenow", Math.round(at));
    handle.setAttribute("aria-valuetext", at >= Math.floor(last) ? t("today") : day(toDay(at)));
  };
  const set = () => {
    const asOf = at >= Math.floor(last) ? "" : toDay(at);
    if (asOf === state.asOf) draw();
    else update({ asOf });
  };
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    const left = handle.ownerSVGElement.getBoundingClientRect().left;
    const move = (moved) => {
      at = Math.round(Math.min(Math.max(x.back(moved.clientX - left), first), last));
      place();
    };
    const end = new AbortController();
    isDragged = true;
    end.signal.addEventListener("abort", () => { isDragged = false; });
    handle.addEventListener("pointermove", move, { signal: end.signal });
    handle.addEventListener("pointerup", () => {
      end.abort();
      set();
    }, { signal: end.signal });
    handle.addEventListener("pointercancel", () => { // the hand slipped, or the system took over: nothing was chosen
      end.abort();
      draw();
    }, { signal: end.signal });
  });
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -30, PageUp: 30, Home: first - at, End: last - at }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    at = Math.round(Math.min(Math.max(at + step, first), Math.floor(last)));
    set();
  });
  place();
  return handle;
}
