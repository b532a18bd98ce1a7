// The bar over every tab: the day asked about, the filters with their counts, who writes, and what restricts at the moment.
//
// Its parts are made once and then brought up to date: a field that was replaced while somebody types into it would lose what
// they typed, and a slider would let go of the hand that drags it.

import { get, leave as leaveService, onRefresh } from "./api.js";
import { toDay, toNumber, today } from "./days.js";
import { button, debounce, el, focusOn, refill } from "./dom.js";
import { makeMenu } from "./menus.js";
import { filterName, issuerName, learnIssuers, onNames } from "./names.js";
import { clearFilters, FACETS, filtersForQuery, MODES, state, subscribe, toggleFilter, update } from "./state.js";
import { day, onLanguage, t, word } from "./strings.js";
import { say } from "./telling.js";

const EARLIEST = "2007-01-01"; // until the service says what the corpus begins with
const TYPED_MS = 800;          // a pause after which a day counts as typed

const parts = {};
let coverage = null;
let failed = null;
let asked = 0;
let isSliding = false;
let isTyping = false;
let drawnDay = "";      // what the page itself put into the field of the day
let isFaulty = false;   // what stood there when the reader left it was no day
let writer;             // the language model's name, null where there is none, undefined while it is not known
const listeners = [];

/** Runs `run(coverage)` whenever what the filters leave is counted again. */
export function onCoverage(run) {
  listeners.push(run);
  if (coverage) run(coverage);
}

/** Makes the bar and keeps it up to date. */
export function startControls() {
  parts.bar = el("section", { id: "controls", className: "bb" }, makeDay(), makeFilters(), makeMode());
  parts.active = el("div", { id: "active", className: "bb chips", role: "group", hidden: true });
  document.querySelector("#masthead").after(parts.bar, parts.active);
  onLanguage(draw);
  onNames((kind) => { if (kind === "issuers") drawChips(); });
  addEventListener("visibilitychange", drawDay); // a page that lay open overnight
  const count = debounce(readCoverage, 120);
  subscribe((_, changed) => {
    if (changed.includes("asOf") || changed.includes("filters")) count();
    if (!changed.every((name) => ["tab", "conversation", "compare"].includes(name))) draw();
  });
  const read = () => {
    readCoverage();
    readWriter();
  };
  onRefresh(read);
  read();
}

async function readCoverage() {
  const request = ++asked;
  try {
    const found = await get("/v1/coverage", filtersForQuery());
    if (request !== asked) return; // other filters were chosen meanwhile
    const isNews = coverage && found.documents !== coverage.documents;
    coverage = found;
    failed = null;
    learnIssuers(found.facets.issuer);
    draw();
    if (isNews) say(t("documents_left", { count: found.documents }));
    listeners.forEach((run) => run(coverage));
  } catch (error) {
    if (request !== asked) return;
    failed = error; // the counts stay as they were, and the menu says why
    drawFilters();
  }
}

async function readWriter() {
  try {
    writer = (await get("/readyz")).language_model;
    drawMode();
  } catch (error) {
    if (error.status === 503) leaveService(); // it cannot answer yet: the page looks every second until it can
  }
}

function draw() {
  parts.bar.setAttribute("aria-label", t("controls"));
  drawDay();
  drawFilters();
  drawMode();
  drawChips();
}

// ---------------------------------------------------------------- the day

/** The last day of the field and the slider is today, also when today has become another day since they were drawn. */
const choose = (value) => update({ asOf: value >= parts.field.max ? "" : value });

function makeDay() {
  const take = () => {
    isTyping = false;
    if (!isWhole() || field.value === drawnDay) return;
    isFaulty = false;
    choose(field.value);
  };
  const takeSoon = debounce(() => { if (isTyping) take(); }, TYPED_MS);
  const leave = () => {
    take();
    leaveField();
  };
  const field = el("input", {
    type: "date", id: "as-of",
    on: {
      focus: drawDay,
      // With each key of a day being typed the field holds another one: they wait until the reader pauses or goes on.
      change: () => (isTyping ? takeSoon() : take()),
      blur: leave,
      keydown: (event) => {
        if (event.key === "Enter") leave();
        else if (event.key !== "Tab") isTyping = true;
      },
    },
  });
  const slider = el("input", {
    type: "range", id: "as-of-slider", step: 1,
    on: {
      input: () => {
        isSliding = true;
        nameDay(toDay(slider.value));
      },
      change: () => {
        isSliding = false;
        choose(toDay(slider.value));
      },
      blur: () => { isSliding = false; },
    },
  });
  const label = el("label", { for: "as-of" });
  const back = button("", () => {
    update({ asOf: "" });
    field.focus();
  }, { className: "quiet", id: "as-of-today" });
  const trouble = el("span", { className: "failed", role: "alert", hidden: true });
  Object.assign(parts, { field, slider, back, trouble, dayLabel: label });
  return el("div", { className: "day" }, label, field, slider, back, trouble);
}

/** Whether the field holds a day that the corpus can have. */
const isWhole = () => Boolean(parts.field.value) && parts.field.validity.valid;

/** What stands in the field when the reader leaves it counts; what is no day the corpus can have gives way, with a reason. */
function leaveField() {
  const { field } = parts;
  isFaulty = !isWhole() && field.value !== drawnDay;
  if (!isWhole()) field.value = drawnDay;
  drawDay();
}

function nameDay(value) {
  parts.field.value = value;
  parts.slider.setAttribute("aria-valuetext", day(value));
}

function drawDay() {
  const { field, slider, back, dayLabel, trouble } = parts;
  const chosen = state.asOf || today();
  dayLabel.textContent = t("as_of");
  slider.setAttribute("aria-label", t("as_of_slider"));
  // Even the same value, set again, would make a field forget what is being typed into it.
  setChanged(field, { min: coverage?.first || EARLIEST, max: today() });
  Object.assign(slider, { min: toNumber(field.min), max: toNumber(today()) });
  back.textContent = t("today");
  back.hidden = !state.asOf;
  trouble.hidden = !isFaulty;
  trouble.textContent = isFaulty ? t("day_range", { first: day(field.min), last: day(field.max) }) : "";
  if (isSliding) return;
  slider.value = toNumber(chosen);
  slider.setAttribute("aria-valuetext", day(chosen));
  if (isTyping) return;
  drawnDay = chosen;
  setChanged(field, { value: chosen });
}

function setChanged(node, values) {
  for (const [name, value] of Object.entries(values)) if (node[name] !== value) node[name] = value;
}

// ---------------------------------------------------------------- filters

function makeFilters() {
  parts.summary = el("summary", { id: "filters-summary" });
  parts.facets = el("div", { className: "items facets", id: "facets" });
  return makeMenu({ id: "filters" }, parts.summary, parts.facets);
}

function drawFilters() {
  const chosen = FACETS.reduce((sum, name) => sum + state.filters[name].length, 0);
  parts.summary.textContent = chosen ? t("filters_count", { count: chosen }) : t("filters");
  refill(parts.facets,
    failed ? el("p", { className: "failed", textContent: failed.message }) : null,
    el("p", { className: "count", textContent: coverage ? t("documents_left", { count: coverage.documents }) : t("loading") }),
    FACETS.map(drawFacet),
    chosen ? button(t("clear_filters"), () => {
      clearFilters();
      parts.summary.focus();
    }, { className: "quiet" }) : null);
}

function drawFacet(facet) {
  const values = coverage?.facets[facet] || [];
  return el("fieldset", {}, el("legend", { textContent: t(`facet_${facet}`) }),
    el("div", { className: "values", id: `values-${facet}` }, values.map((item) => {
      const id = `facet-${facet}-${item.value}`;
      return el("label", { for: id, className: item.count ? "" : "none" },
        el("input", { type: "checkbox", id, checked: state.filters[facet].includes(item.value), on: { change: () => toggleFilter(facet, item.value) } }),
        " ", labelOf(facet, item.value), " ", el("span", { className: "count", textContent: item.count }));
    })));
}

function labelOf(facet, value) {
  if (facet !== "issuer") return word(facet, value);
  const name = issuerName(value);
  return name === value || !/^[A-Z]{2,6}$/.test(value) ? name : `${value} · ${name}`; // an abbreviation that readers know
}

/** What restricts the answers at the moment, each with a way to lift it; always in sight. */
function drawChips() {
  const wanted = FACETS.flatMap((facet) => state.filters[facet].map((value) => ({
    label: filterName(facet, value), lift: () => toggleFilter(facet, value), key: `${facet} ${value}`,
  })));
  if (state.asOf) wanted.unshift({ label: `${t("as_of")}${t("colon")}${day(state.asOf)}`, lift: () => update({ asOf: "" }), key: "as_of" });
  parts.active.setAttribute("aria-label", t("active_filters"));
  parts.active.hidden = !wanted.length;
  refill(parts.active, wanted.map(({ label, lift, key }, at) => button(`${label} ×`, () => {
    lift();
    const chips = parts.active.querySelectorAll("button");
    focusOn(chips[Math.min(at, chips.length - 1)] || parts.summary);
  }, { className: "chip", "data-key": key, "aria-label": t("lift_filter", { filter: label }) })));
}

// ---------------------------------------------------------------- who writes

function makeMode() {
  parts.mode = el("select", { id: "mode", on: { change: () => update({ mode: parts.mode.value }) } }, MODES.map((mode) => el("option", { value: mode })));
  parts.modeLabel = el("label", { for: "mode" });
  parts.model = el("span", { className: "model" });
  return el("div", { className: "mode" }, parts.modeLabel, parts.mode, parts.model);
}

function drawMode() {
  parts.modeLabel.textContent = t("mode");
  for (const option of parts.mode.options) {
    option.textContent = t(`mode_${option.value}`);
    option.disabled = option.value === "generative" && writer === null;
  }
  parts.mode.value = state.mode;
  parts.model.textContent = writer ? t("model_is_set", { model: writer }) : writer === null ? t("model_is_not_set") : "";
}
