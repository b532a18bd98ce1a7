// Legal status as a word with a look of its own.

import { el } from "./dom.js";
import { word } from "./strings.js";

/** Whether a text no longer stands as it was. */
export const isPast = (status) => ["superseded", "repealed", "amended", "expired"].includes(status);

/** A document's legal status, set off where the text no longer stands. */
export const statusBadge = (status) => status
  ? el("span", { className: `badge status ${isPast(status) ? "past" : ""} ${status}`, textContent: word("status", status) })
  : null;
