// The bar over every tab: the day asked about, the filters with their counts, who writes, and what restricts at the moment.

import { get } from "./api.js";
import { button, debounce, el, refill } from "./dom.js";
import { clearFilters, FACETS, filtersForQuery, MODES, state, subscribe, toggleFilter, update } from "./state.js";
import { currentLanguage, day, onLanguage, t, word } from "./strings.js";

const MS_PER_DAY = 86_400_000;
const toNumber = (iso) => Math.round(Date.parse(`${iso}T00:00:00Z`) / MS_PER_DAY);
const toDay = (number) => new Date(number * MS_PER_DAY).toISOString().slice(0, 10);
const today = () => toDay(Math.floor((Date.now() + 8 * 3_600_000) / MS_PER_DAY)); // days are counted in China's time

let bar;
let coverage = null;
let asked = 0;
let writer;             // the language model's name, null where there is none, undefined while it is not known
const listeners = [];

/** Runs `run(coverage)` whenever what the filters leave is counted again. */
export function onCoverage(run) {
  listeners.push(run);
  if (coverage) run(coverage);
}

/** Makes the bar and keeps it up to date. */
export async function startControls() {
  bar = el("section", { id: "controls", className: "bb" });
  document.querySelector("#masthead").after(bar);
  onLanguage(draw);
  const count = debounce(readCoverage, 120);
  subscribe((_, changed) => {
    if (changed.includes("asOf") || changed.includes("filters")) count();
    if (!changed.every((name) => ["tab", "conversation", "compare"].includes(name))) draw();
  });
  readCoverage();
  get("/readyz").then((found) => {
    writer = found.language_model;
    draw();
  }).catch(() => {});
}

async function readCoverage() {
  const request = ++asked;
  try {
    const found = await get("/v1/coverage", filtersForQuery());
    if (request !== asked) return; // other filters were chosen meanwhile
    coverage = found;
    draw();
    listeners.forEach((run) => run(coverage));
  } catch { /* the page says that the service is away, and filters keep their last counts */ }
}

function draw() {
  if (!bar) return;
  const isOpen = bar.querySelector("#filters")?.open;
  const focused = bar.contains(document.activeElement) ? document.activeElement.id : "";
  bar.setAttribute("aria-label", t("controls"));
  refill(bar, drawDay(), drawFilters(isOpen), drawMode(), drawChips());
  if (focused) document.getElementById(focused)?.focus();
}

// ---------------------------------------------------------------- the day

function drawDay() {
  const first = toNumber(coverage?.first || "2016-11-07");
  const last = toNumber(today());
  const chosen = state.asOf || today();
  const choose = (value) => update({ asOf: !value || value >= today() ? "" : value });
  const slider = el("input", {
    type: "range", id: "as-of-slider", min: first, max: last, step: 1, value: toNumber(chosen),
    "aria-label": t("as_of_slider"), "aria-valuetext": day(chosen),
    on: {
      input: (event) => {
        document.querySelector("#as-of").value = toDay(Number(event.target.value));
        event.target.setAttribute("aria-valuetext", day(toDay(Number(event.target.value))));
      },
      change: (event) => choose(toDay(Number(event.target.value))),
    },
  });
  const field = el("input", {
    type: "date", id: "as-of", min: toDay(first), max: today(), value: chosen,
    on: { change: (event) => choose(event.target.value) },
  });
  return el("div", { className: "day" },
    el("label", { for: "as-of", textContent: t("as_of") }), field, slider,
    state.asOf ? button(t("today"), () => update({ asOf: "" }), { className: "quiet" }) : null);
}

// ---------------------------------------------------------------- filters

function drawFilters(isOpen) {
  const chosen = FACETS.reduce((sum, name) => sum + state.filters[name].length, 0);
  const box = el("details", { id: "filters", className: "menu", open: Boolean(isOpen) },
    el("summary", { id: "filters-summary", textContent: chosen ? t("filters_count", { count: chosen }) : t("filters") }),
    el("div", { className: "items facets" },
      el("p", { className: "count", role: "status", textContent: coverage ? t("documents_left", { count: coverage.documents }) : "" }),
      FACETS.map(drawFacet),
      chosen ? button(t("clear_filters"), clearFilters, { className: "quiet" }) : null));
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    event.preventDefault();
    box.open = false;
    box.querySelector("summary").focus();
  });
  return box;
}

function drawFacet(facet) {
  const values = coverage?.facets[facet] || [];
  return el("fieldset", {}, el("legend", { textContent: t(`facet_${facet}`) }),
    el("div", { className: "values" }, values.map((item) => {
      const id = `facet-${facet}-${item.value}`;
      return el("label", { for: id, className: item.count ? "" : "none" },
        el("input", { type: "checkbox", id, checked: state.filters[facet].includes(item.value), on: { change: () => toggleFilter(facet, item.value) } }),
        " ", labelOf(facet, item.value, item), " ", el("span", { className: "count", textContent: item.count }));
    })));
}

function labelOf(facet, value, item) {
  if (facet !== "issuer") return word(facet, value);
  const found = item || coverage?.facets.issuer.find((each) => each.value === value);
  const name = currentLanguage() === "zh" ? found?.name_zh : found?.name;
  return name && name !== value ? `${value} · ${name}` : value;
}

/** What restricts the answers at the moment, each with a way to lift it; always in sight. */
function drawChips() {
  const chips = FACETS.flatMap((facet) => state.filters[facet].map((value) =>
    button(`${t(`facet_${facet}`)}: ${word(facet, value)} ×`, () => toggleFilter(facet, value), {
      className: "chip", "aria-label": t("lift_filter", { filter: `${t(`facet_${facet}`)} ${word(facet, value)}` }),
    })));
  if (state.asOf) {
    chips.unshift(button(`${t("as_of")}: ${day(state.asOf)} ×`, () => update({ asOf: "" }), {
      className: "chip", "aria-label": t("lift_filter", { filter: t("as_of") }),
    }));
  }
  return chips.length ? el("div", { className: "chips", role: "group", "aria-label": t("active_filters") }, chips) : null;
}

// ---------------------------------------------------------------- who writes

function drawMode() {
  const choice = el("select", { id: "mode", on: { change: (event) => update({ mode: event.target.value }) } },
    MODES.map((mode) => el("option", { value: mode, textContent: t(`mode_${mode}`), selected: state.mode === mode, disabled: mode === "generative" && writer === null })));
  return el("div", { className: "mode" },
    el("label", { for: "mode", textContent: t("mode") }), choice,
    el("span", { className: "model", textContent: writer ? t("model_is_set", { model: writer }) : writer === null ? t("model_is_not_set") : "" }));
}

document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target) && event.target.isConnected) menu.open = false;
  });
});
