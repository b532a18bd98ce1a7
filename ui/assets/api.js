// Calls of this service's own API. A call that gets no answer at all says so to the page, which then waits for the service.

import { problemWords, t } from "./strings.js";

const MOST_SECONDS_TO_WAIT = 5;
const listeners = [];
const refreshers = [];
let isAway = false;

/** An error of the API: its `message` is in the interface's language; `wait` holds seconds, where it says when to come again. */
export class ApiError extends Error {
  constructor(detail, status, slug, wait = 0) {
    super();
    Object.assign(this, { detail, status, slug, wait });
  }

  get message() {
    return this.slug === "unreachable" ? t("away") : problemWords(this.slug, this.detail);
  }
}

/** Runs `run` when what was read may be out of date: the service is back, or documents came in. */
export const onRefresh = (run) => refreshers.push(run);

/** What was read may be out of date. */
export const refresh = () => refreshers.forEach((run) => run());

/** Runs `run` with true when the service stops answering and with false when it is back. */
export const onAway = (run) => listeners.push(run);

/** GET a path with a query; gives the JSON of the answer. A service that is busy is asked once more. */
export async function get(path, query) {
  const whole = query?.toString() ? `${path}?${query}` : path;
  try {
    return await (await call("GET", whole)).json();
  } catch (error) {
    if (![429, 503].includes(error.status) || !error.wait || error.wait > MOST_SECONDS_TO_WAIT) throw error;
    await new Promise((run) => { setTimeout(run, error.wait * 1000); });
    return (await call("GET", whole)).json();
  }
}

/** POST JSON; gives the JSON of the answer. */
export const post = async (path, body) => (await call("POST", path, JSON.stringify(body), { "content-type": "application/json" })).json();

/** POST JSON; gives the file that comes back and its name. */
export async function postForFile(path, body) {
  const response = await call("POST", path, JSON.stringify(body), { "content-type": "application/json" });
  return { name: nameOf(response.headers.get("content-disposition") || ""), blob: await response.blob() };
}

/** The name of a file: after RFC 5987 in full where it is there, else in ASCII. */
function nameOf(header) {
  const full = /filename\*=UTF-8''([^;]+)/i.exec(header);
  const plain = /filename="([^"]+)"/.exec(header);
  return full ? decodeURIComponent(full[1]) : plain?.[1] ?? "briefbot";
}

/** POST files of a form, with a key of the reader's if they gave one. */
export const postForm = async (path, form, key) => (await call("POST", path, form, key ? { authorization: `Bearer ${key}` } : {})).json();

/** POST JSON; gives the events that come back, one after the other, as [name, data]. */
export async function* stream(path, body, signal) {
  const response = await call("POST", path, JSON.stringify(body), { "content-type": "application/json" }, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError("", 0, "unreachable");
    }
    if (piece.done) return;
    held += piece.value.replaceAll("\r\n", "\n");
    const events = held.split("\n\n");
    held = events.pop();
    for (const event of events) {
      const fields = Object.fromEntries(event.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()]));
      if (fields.data) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

async function call(method, path, body, headers = {}, signal = undefined) {
  let response;
  try {
    response = await fetch(path, { method, body, headers, signal, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    leave();
    throw new ApiError("", 0, "unreachable");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new ApiError(problem.detail || `HTTP ${response.status}`, response.status, String(problem.type || "").split(":").pop(),
    Number(response.headers.get("retry-after")) || 0);
}

/** The service was found not to answer: say so, and look every second until it does. */
export function leave() {
  if (isAway) return;
  isAway = true;
  listeners.forEach((run) => run(true));
  look();
}

/** Whether the service answers; where it does not, the page is told. */
export async function isThere() {
  try {
    const response = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (response.ok) return true;
  } catch { /* no answer: the same as a bad one */ }
  leave();
  return false;
}

async function look() {
  try {
    const response = await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (response.ok) {
      isAway = false;
      listeners.forEach((run) => run(false));
      refresh();
      return;
    }
  } catch { /* still away */ }
  setTimeout(look, 1000);
}
