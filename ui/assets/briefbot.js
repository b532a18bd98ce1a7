// Starts the page's own parts once Gradio has drawn its part.

import { get, onRefresh } from "./api.js";
import { startChat } from "./chat.js";
import { startCheck } from "./check.js";
import { startCompare } from "./compare.js";
import { startControls } from "./controls.js";
import { startCorpus } from "./corpus.js";
import { learnDocuments } from "./names.js";
import { startQuality } from "./quality.js";
import { startShell } from "./shell.js";
import { startTimeline } from "./timeline.js";

const MOST_TITLES = 500; // as many as one page of the API holds
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

/** Titles of all documents, for links between them. */
async function readTitles() {
  try {
    learnDocuments((await get("/v1/documents", new URLSearchParams({ limit: MOST_TITLES }))).documents);
  } catch { /* links show ids until the service answers again */ }
}

whenDrawn(() => {
  startControls();
  startShell();
  for (const start of [startTimeline, startCorpus, startCompare, startCheck, startQuality]) start();
  startChat();
  onRefresh(readTitles);
  readTitles();
});
