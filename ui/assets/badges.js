// Legal status as a word with a look of its own, and the colours of the phases.

import { el } from "./dom.js";
import { word } from "./strings.js";

/** Whether a text no longer stands as it was. */
export const isPast = (status) => ["superseded", "repealed", "amended", "expired"].includes(status);

/** A document's legal status, set off where the text no longer stands. */
export const statusBadge = (status) => status
  ? el("span", { className: `badge status ${isPast(status) ? "past" : ""} ${status}`, textContent: word("status", status) })
  : null;

/** The phases of the policy, in their order. */
export const PHASES = ["crackdown", "rectification", "turn", "courting"];

/** What the colours of the phases mean. */
export const drawLegend = () => el("ul", { className: "legend" }, [...PHASES, "none"].map((phase) =>
  el("li", {}, el("span", { className: `dot ${phase}` }), " ", word("phase", phase))));
