// What the page tells the reader about its own doings: to screen readers in one quiet place, and where something failed.

import { button, el } from "./dom.js";
import { onLanguage, t } from "./strings.js";

const voice = el("div", { id: "said", className: "unseen", role: "status", "aria-live": "polite" });
const SHOWN_MS = 1600;

/** Have a screen reader say something. */
export function say(text) {
  if (!voice.isConnected) document.body.append(voice);
  voice.textContent = "";
  setTimeout(() => { voice.textContent = text; }, 50); // the same words again are said again
}

/** A fault of the reader's own input, in the interface's language whenever it is shown. */
export const fault = (key) => ({ get message() { return t(key); } });

/** What went wrong in words, with a way to try again. */
export function drawFailure(error, again) {
  return el("div", { className: "failed", role: "alert" }, el("span", { textContent: error.message }),
    again ? [" ", button(t("try_again"), again, { className: "quiet" })] : null);
}

/** A small button that says for a moment that it did its work. */
export function momentary(label, run, properties = {}) {
  const made = button(label, async () => {
    try {
      await run();
      made.textContent = t("done");
    } catch (error) {
      made.textContent = error.message || t("not_done");
    }
    say(made.textContent);
    setTimeout(() => { made.textContent = label; }, SHOWN_MS);
  }, properties);
  return made;
}

onLanguage(() => { voice.textContent = ""; });
