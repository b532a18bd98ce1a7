// What the reader has chosen: day, filters, mode, tab. It lives in the address, so that a link or a reload brings it back.

import { isDay, today } from "./days.js";

export const FACETS = ["kind", "issuer", "topic", "language", "status"];
export const TABS = ["chat", "timeline", "corpus", "compare", "check", "quality"];
export const MODES = ["auto", "extractive", "generative"];
const CONVERSATION = /^[\w-]{1,80}$/;

const listeners = [];

/** The state; change it with `update` only. */
export const state = read();

/** The question that the address asks, once. */
export const askedQuestion = (new URLSearchParams(location.search).get("q") || "").slice(0, 2000);

function read() {
  const asked = new URLSearchParams(location.search);
  return {
    asOf: isDay(asked.get("as_of")) && asked.get("as_of") < today() ? asked.get("as_of") : "",
    filters: Object.fromEntries(FACETS.map((name) => [name, asked.getAll(name).slice(0, 50)])),
    mode: MODES.includes(asked.get("mode")) ? asked.get("mode") : "auto",
    tab: TABS.includes(asked.get("tab")) ? asked.get("tab") : "chat",
    conversation: CONVERSATION.test(asked.get("c") || "") ? asked.get("c") : "",
    compare: {
      ...Object.fromEntries(["left", "right", "document"].map((name) => [name, (asked.get(name) || "").slice(0, 200)])),
      ...Object.fromEntries(["from", "to"].map((name) => [name, isDay(asked.get(name)) ? asked.get(name) : ""])),
      question: (asked.get("question") || "").slice(0, 2000),
    },
  };
}

/** Runs `run(state, changed names)` after every change. */
export const subscribe = (run) => listeners.push(run);

/** Change some of the state; the address follows, and a change of tab is a step that the browser can take back. */
export function update(changes) {
  const changed = change(changes);
  if (!changed.length) return;
  history[changed.includes("tab") ? "pushState" : "replaceState"](null, "", address());
  listeners.forEach((run) => run(state, changed));
}

function change(changes) {
  const changed = Object.keys(changes).filter((name) => JSON.stringify(changes[name]) !== JSON.stringify(state[name]));
  Object.assign(state, changes);
  return changed;
}

addEventListener("popstate", () => {
  const { conversation, ...wanted } = read(); // a conversation goes on, wherever the reader steps
  const changed = change(wanted);
  history.replaceState(null, "", address());
  if (changed.length) listeners.forEach((run) => run(state, changed));
});

/** Put a value of a facet in or out. */
export function toggleFilter(facet, value) {
  const chosen = state.filters[facet];
  const next = chosen.includes(value) ? chosen.filter((item) => item !== value) : [...chosen, value];
  update({ filters: { ...state.filters, [facet]: next } });
}

/** Lift every filter. */
export const clearFilters = () => update({ filters: Object.fromEntries(FACETS.map((name) => [name, []])) });

/** The filters as a body of the API has them. */
export function filtersForBody() {
  return Object.fromEntries(Object.entries(state.filters).filter(([, values]) => values.length));
}

/** Filters and day as a query of the API has them: those of the state, or those that an answer was asked with. */
export function filtersForQuery({ filters = state.filters, asOf = state.asOf } = {}) {
  const query = new URLSearchParams();
  for (const name of FACETS) (filters[name] || []).forEach((value) => query.append(name, value));
  if (asOf) query.set("as_of", asOf);
  return query;
}

/** A link that asks a question again with a day, filters and mode. */
export function linkFor({ question, asOf, filters = {}, mode }) {
  const query = filtersForQuery({ filters, asOf });
  query.set("q", question);
  if (mode && mode !== "auto") query.set("mode", mode);
  return `${location.origin}${location.pathname}?${query}`;
}

function address() {
  const query = filtersForQuery();
  const language = new URLSearchParams(location.search).get("lang"); // of the link, until the reader chooses another
  if (language) query.set("lang", language);
  if (state.mode !== "auto") query.set("mode", state.mode);
  if (state.tab !== "chat") query.set("tab", state.tab);
  if (state.conversation) query.set("c", state.conversation);
  if (state.tab === "compare") {
    for (const [name, value] of Object.entries(state.compare)) if (value) query.set(name, value);
  }
  return query.toString() ? `?${query}` : location.pathname;
}
