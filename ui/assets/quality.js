// How good the answers are: the latest scores of the evaluation suite, beside the usual choices, in plain words.

import { get, onRefresh } from "./api.js";
import { el, refill } from "./dom.js";
import { makeTab } from "./shell.js";
import { state, subscribe } from "./state.js";
import { currentLanguage, day, onLanguage, t } from "./strings.js";
import { drawFailure } from "./telling.js";

let section;
let found = null;
let failed = null;

/** Makes the tab; the scores are fetched when it is first shown. */
export function startQuality() {
  section = makeTab("quality");
  const show = async () => {
    if (state.tab !== "quality" || found) return;
    try {
      found = await get("/v1/quality");
      failed = null;
    } catch (error) {
      failed = error;
    }
    redraw();
  };
  const redraw = () => {
    if (found) draw();
    else if (failed) refill(section, drawFailure(failed, show));
  };
  subscribe((_, changed) => { if (changed.includes("tab")) show(); });
  onRefresh(show);
  onLanguage(redraw);
  show();
}

const named = (item, field = "name") => (currentLanguage() === "zh" && item[`${field}_zh`] ? item[`${field}_zh`] : item[field]);

function draw() {
  const systems = found.systems;
  refill(section,
    el("header", { className: "tab-head" }, el("h2", { textContent: t("tab_quality") }), el("p", { textContent: t("quality_hint") })),
    el("p", { className: "facts", textContent: [t("cases", { count: found.cases }), found.measured_on && t("measured_on", { date: day(found.measured_on) })].filter(Boolean).join(" · ") }),
    el("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": t("tab_quality") }, el("table", { className: "scores" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col", textContent: t("measure") }), systems.map((system) => el("th", { scope: "col", className: system.is_ours ? "ours" : "", textContent: named(system) })))),
      el("tbody", {}, found.metrics.map((metric) => el("tr", {},
        el("th", { scope: "row" }, el("strong", { textContent: named(metric) }), el("span", { className: "facts", textContent: named(metric, "explanation") })),
        systems.map((system) => drawValue(metric, system))))))));
}

function drawValue(metric, system) {
  const value = system.values[metric.id];
  if (value === null || value === undefined) return el("td", { className: "none", textContent: "–" });
  const others = found.systems.map((each) => each.values[metric.id]).filter((each) => typeof each === "number");
  const best = metric.better === "lower" ? Math.min(...others) : Math.max(...others);
  const interval = system.is_ours ? system.intervals[metric.id] : null;
  return el("td", { className: `${system.is_ours ? "ours" : ""} ${value === best ? "best" : ""}` },
    el("span", { className: "figure", textContent: format(value) }),
    interval ? el("span", { className: "facts", textContent: ` ${format(interval[0])} – ${format(interval[1])}` }) : null,
    value <= 1 ? el("span", { className: "gauge", "aria-hidden": "true" }, el("span", { style: `width: ${Math.round(value * 100)}%` })) : null);
}

/** Shares as percent, counts as they are. */
const format = (value) => (value <= 1 ? `${(value * 100).toFixed(1)} %` : value.toFixed(0));
