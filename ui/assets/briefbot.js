// Starts the page's own parts once Gradio has drawn its part.

import { get } from "./api.js";
import { startChat } from "./chat.js";
import { startCheck } from "./check.js";
import { startCompare } from "./compare.js";
import { startControls } from "./controls.js";
import { startCorpus } from "./corpus.js";
import { startQuality } from "./quality.js";
import { startShell } from "./shell.js";
import { titles } from "./source.js";
import { onLanguage, titleOf } from "./strings.js";
import { startTimeline } from "./timeline.js";

const NEEDED = ["#masthead h1", "#desk", "#question textarea", "#send", "#stop", "#fresh", "#panel"];

function whenDrawn(run) {
  const isDrawn = () => NEEDED.every((selector) => document.querySelector(selector));
  if (isDrawn()) {
    run();
    return;
  }
  const observer = new MutationObserver(() => {
    if (!isDrawn()) return;
    observer.disconnect();
    run();
  });
  observer.observe(document.documentElement, { childList: true, subtree: true });
}

whenDrawn(() => {
  startControls();
  startShell();
  for (const start of [startTimeline, startCorpus, startCompare, startCheck, startQuality]) start();
  startChat();
  get("/v1/documents", new URLSearchParams({ limit: 500 })).then(({ documents }) => {
    onLanguage(() => documents.forEach((doc) => titles.set(doc.id, titleOf(doc))));
  }).catch(() => {});
});
