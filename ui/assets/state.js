// What the reader has chosen: day, filters, mode, tab. It lives in the address, so that a link or a reload brings it back.

export const FACETS = ["kind", "issuer", "topic", "language", "status"];
export const TABS = ["chat", "timeline", "corpus", "compare", "check", "quality"];
export const MODES = ["auto", "extractive", "generative"];
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const CONVERSATION = /^[\w-]{1,80}$/;

const listeners = [];

/** The state; change it with `update` only. */
export const state = read();

/** The question that the address asks, once. */
export const askedQuestion = (new URLSearchParams(location.search).get("q") || "").slice(0, 2000);

function read() {
  const asked = new URLSearchParams(location.search);
  return {
    asOf: DAY.test(asked.get("as_of") || "") ? asked.get("as_of") : "",
    filters: Object.fromEntries(FACETS.map((name) => [name, asked.getAll(name).slice(0, 50)])),
    mode: MODES.includes(asked.get("mode")) ? asked.get("mode") : "auto",
    tab: TABS.includes(asked.get("tab")) ? asked.get("tab") : "chat",
    conversation: CONVERSATION.test(asked.get("c") || "") ? asked.get("c") : "",
    compare: Object.fromEntries(["left", "right", "document", "from", "to"].map((name) => [name, asked.get(name) || ""])),
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

export const clearFilters = () => update({ filters: Object.fromEntries(FACETS.map((name) => [name, []])) });

/** The filters as a body of the API has them. */
export function filtersForBody() {
  return Object.fromEntries(Object.entries(state.filters).filter(([, values]) => values.length));
}

/** Filters and day as a query of the API has them. */
export function filtersForQuery({ withDay = true } = {}) {
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(state.filters)) values.forEach((value) => query.append(name, value));
  if (withDay && state.asOf) query.set("as_of", state.asOf);
  return query;
}

/** A link that asks a question again with a day, filters and mode. */
export function linkFor({ question, asOf, filters = {}, mode }) {
  const query = new URLSearchParams({ q: question });
  if (asOf) query.set("as_of", asOf);
  for (const [name, values] of Object.entries(filters)) {
    if (FACETS.includes(name)) (values || []).forEach((value) => query.append(name, value));
  }
  if (mode && mode !== "auto") query.set("mode", mode);
  return `${location.origin}${location.pathname}?${query}`;
}

function address() {
  const query = filtersForQuery();
  if (state.mode !== "auto") query.set("mode", state.mode);
  if (state.tab !== "chat") query.set("tab", state.tab);
  if (state.conversation) query.set("c", state.conversation);
  if (state.tab === "compare") {
    for (const [name, value] of Object.entries(state.compare)) if (value) query.set(name, value);
  }
  return query.toString() ? `?${query}` : location.pathname;
}
