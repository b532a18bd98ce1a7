// The conversation: questions go to the API's stream, and each answer is drawn in place, in nodes that last.
//
// Gradio's own chat is not used: when its connection breaks, Gradio 6 takes no further event and reloads the page as soon as
// the service is back, which loses what the reader was writing and where they were reading.

import { drawAnswer, drawNotices, drawSources, drawUnfinished, withoutMarks } from "./answers.js";
import { ApiError, get, isThere, onAway, post, stream } from "./api.js";
import { dayInChina, today } from "./days.js";
import { button, el, focusOn, refill } from "./dom.js";
import { keep, kept } from "./kept.js";
import { onNames } from "./names.js";
import { closeSource, onAsk } from "./source.js";
import { askedQuestion, filtersForBody, filtersForQuery, state, update } from "./state.js";
import { currentLanguage, day, languageOf, onLanguage, t, word } from "./strings.js";
import { say } from "./telling.js";
import { drawButtons } from "./tools.js";

const HISTORY_TURNS = 10;
const MOST_TOPICS = 8;    // named to who asked for something that is not there
const OWN = "briefbot-conversations";
const MOST_OWN = 200;
const IME_KEY = 229;      // what a key means while an input method composes

const turns = [];         // {question, text, answer, madeAt, mode, rating, failed, isStopped, node}, oldest first
let running = null;       // {turn, controller} of the answer that is coming
let keepsNone = false;    // this service keeps no conversations, or no longer this one: earlier messages go with the question
let foreign = "";         // a conversation that another browser began: it is shown, and not gone on with
let lost = null;          // why the conversation could not be brought back
let restored = Promise.resolve();
let queued = "";          // the question that waits until the conversation is back

const find = (selector) => document.querySelector(selector);
const box = () => find("#question textarea");
const isNarrow = () => matchMedia("(max-width: 900px)").matches;

// ---------------------------------------------------------------- asking

/** Put a value into Gradio's textbox, as typing would. */
function fill(value) {
  const input = box();
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), "value").set;
  setter.call(input, value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Ask a question; while an answer is still coming it waits in the box. */
async function ask(question) {
  if (!question.trim()) return;
  update({ tab: "chat" });
  closeSource({ withFocus: false }); // it belongs to an earlier answer
  if (queued === question) return;
  queued = question;
  await restored;
  queued = "";
  if (running) {
    if (!box().value.trim()) fill(question);
    box().focus();
    tellWait(true);
    return;
  }
  const wasTyped = box().value.trim() === question.trim();
  if (wasTyped) fill("");
  const turn = { question: question.trim(), text: "" };
  turns.push(turn);
  turns.forEach(drawTurn);
  if (!wasTyped) focusOn(turn.node);
  turn.node.scrollIntoView({ block: "start" });
  await answer(turn);
}
onAsk(ask);

async function answer(turn) {
  const controller = new AbortController();
  running = { turn, controller };
  setBusy(true);
  Object.assign(turn, { text: "", failed: null, isStopped: false, mode: state.mode });
  drawTurn(turn);
  try {
    await readAnswer(turn, controller.signal);
    turn.madeAt = Date.now();
    say(withoutMarks(turn.answer.text));
  } catch (error) {
    if (controller.signal.aborted) turn.isStopped = true;
    else await fail(turn, error);
  } finally {
    if (running?.controller === controller) {
      running = null;
      setBusy(false);
    }
    turns.forEach(drawTurn);
  }
}

/** Ask within the conversation; one that is not kept any more is gone on with by sending the earlier messages along. */
async function readAnswer(turn, signal) {
  const asked = { question: turn.question, as_of: state.asOf || null, filters: filtersForBody(), mode: state.mode };
  const conversation = await findConversation();
  if (!conversation) return readEvents(turn, { ...asked, history: historyBefore(turn) }, signal);
  try {
    return await readEvents(turn, { ...asked, conversation_id: conversation }, signal);
  } catch (error) {
    const isGone = error.slug === "not-found" || (error.status === 422 && error.detail.startsWith("conversation_id:"));
    if (!isGone || signal.aborted) throw error;
    update({ conversation: "" });
    keepsNone = true;
    return readEvents(turn, { ...asked, history: historyBefore(turn) }, signal);
  }
}

async function readEvents(turn, body, signal) {
  for await (const [name, data] of stream("/v1/answer/stream", body, signal)) {
    if (name === "delta") {
      turn.text += data.text;
      drawTurn(turn);
    } else if (name === "answer") {
      turn.answer = data;
      return;
    } else if (name === "error") throw new ApiError(data.detail, data.status, String(data.type).split(":").pop());
  }
  signal.throwIfAborted();
  throw new ApiError("", 0, "unreachable");
}

async function fail(turn, error) {
  const failed = { error, isAway: error.slug === "unreachable" };
  turn.failed = failed;
  if (failed.isAway) {
    drawTurn(turn);
    // Where the service is away, the page waits for it and asks again by itself; else only this connection broke.
    if (!(await isThere()) || turn.failed !== failed) return;
    failed.isAway = false;
  }
  giveBack(turn);
}

/** A question that was not answered goes back into the box, unless the reader has begun another one. */
function giveBack(turn) {
  turn.failed.isAway = false;
  if (!turns.includes(turn) || box().value) return;
  fill(turn.question);
  turn.failed.isGivenBack = true;
}

/** The conversation to ask in: the reader's own of the address, or a new one; none where this service keeps none. */
async function findConversation() {
  if (keepsNone) return "";
  if (state.conversation && state.conversation !== foreign) return state.conversation;
  try {
    const { id } = await post("/v1/conversations", {});
    keep(OWN, JSON.stringify([...ownConversations(), id].slice(-MOST_OWN)));
    update({ conversation: id });
    return id;
  } catch (error) {
    if (error.status !== 422) throw error;
    keepsNone = true;
    return "";
  }
}

/** Conversations that this browser began. A link with somebody else's lets a reader see it, and not write into it. */
function ownConversations() {
  try {
    const found = JSON.parse(kept(OWN) || "[]");
    return Array.isArray(found) ? found.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

const historyBefore = (turn) => turns.slice(0, turns.indexOf(turn)).filter((item) => item.answer && !item.isForeign).slice(-HISTORY_TURNS)
  .flatMap((item) => [{ role: "user", content: item.question }, { role: "assistant", content: item.answer.text }]);

function setBusy(isBusy) {
  const held = document.activeElement;
  document.body.classList.toggle("busy", isBusy);
  find("#chat").setAttribute("aria-busy", String(isBusy));
  if (!isBusy) tellWait(false);
  // The button that was pressed is not there any more.
  if (held?.closest?.("#send, #stop, #fresh")) focusOn(isNarrow() ? find("#chat") : box());
}

/** That a question waits for the answer that is coming. */
function tellWait(isWaiting) {
  find("#wait").textContent = isWaiting ? t("still_answering") : "";
}

// ---------------------------------------------------------------- drawing

function drawTurn(turn) {
  if (!turns.includes(turn)) return; // a new conversation was begun meanwhile
  if (!turn.node) {
    turn.reply = el("article", { className: "bb answer", "data-testid": "bot", tabIndex: -1 });
    turn.node = el("section", { className: "turn", tabIndex: -1 }, el("div", { className: "bb asked", "data-testid": "user" }, turn.question), turn.reply);
    const next = turns[turns.indexOf(turn) + 1]?.node;
    find("#chat").insertBefore(turn.node, next || null);
  }
  document.body.classList.add("talking");
  const number = turns.indexOf(turn) + 1;
  turn.reply.setAttribute("aria-label", t("answer_number", { number }));
  if (number < turns.length) turn.reply.querySelector(".suggestions")?.remove();
  const key = JSON.stringify([turn.text, turn.answer?.id, turn.failed, turn.failed?.error.message, turn.isStopped, currentLanguage()]);
  if (turn.key === key) return;
  turn.key = key;
  if (turn.answer) refill(turn.reply, drawFinished(turn));
  else refill(turn.reply, drawUnfinished(turn.text), turn.isStopped && drawStopped(turn), turn.failed && drawFailed(turn));
}

const drawStopped = (turn) => el("p", { className: "stopped" }, `${t("stopped")} `, tryAgain(turn));

function drawFailed(turn) {
  const { error, isAway, isGivenBack } = turn.failed;
  if (isAway) return el("p", { className: "failed", role: "alert", textContent: t("away_asks_again") });
  return el("p", { className: "failed", role: "alert" },
    t("failed", { reason: error.message }), " ", isGivenBack ? `${t("given_back")} ` : "", tryAgain(turn));
}

const tryAgain = (turn) => button(t("try_again"), () => {
  if (running) {
    tellWait(true);
    return;
  }
  if (turn.failed?.isGivenBack && box().value === turn.question) fill("");
  focusOn(turn.node);
  answer(turn);
}, { className: "quiet" });

function drawFinished(turn) {
  const { answer } = turn;
  return [
    drawAnswer(answer),
    drawNotices(answer.notices),
    answer.citations.length ? drawSources(answer) : null,
    answer.abstained ? drawCoverage(answer) : null,
    drawTools(turn),
    turn === turns.at(-1) ? drawSuggestions(turn) : null,
  ].filter(Boolean);
}

/** What there is to answer from on the answer's day and under its filters, for who asked for something else. */
function drawCoverage(answer) {
  const place = el("p", { className: "covers" });
  get("/v1/coverage", filtersForQuery({ filters: answer.filters, asOf: answer.as_of || "" })).then((found) => {
    const counts = new Map(); // of what the filters leave: a facet's own counts are of what it could be changed to
    found.cells.forEach((cell) => counts.set(cell.topic, (counts.get(cell.topic) || 0) + cell.count));
    const topics = [...counts].sort((one, other) => other[1] - one[1]).slice(0, MOST_TOPICS).map(([topic]) => word("topic", topic));
    place.textContent = found.documents ? t("covers", { documents: found.documents, topics: topics.join(t("comma")) }) : t("nothing_left");
  }).catch(() => place.remove());
  return place;
}

function drawTools(turn) {
  const { answer } = turn;
  const author = answer.mode === "generative" ? t("by_model", { model: answer.settings.language_model || "" }) : t("by_sources");
  const made = dayInChina(turn.madeAt || Date.now());
  const since = answer.as_of || made !== today() ? t("as_of_day", { date: day(answer.as_of || made) }) : t("as_of_today");
  return el("footer", { className: "tools" },
    el("span", { className: "made", textContent: answer.abstained ? since : `${author} · ${since}` }),
    drawButtons(turn, () => turns.flatMap((item) => item.answer || [])));
}

/** Questions that the corpus answers, once the service has tried them; the room for them is kept from the start. */
function drawSuggestions({ answer }) {
  const place = el("section", { className: "suggestions", "aria-label": t("suggestions"), "aria-busy": "true" });
  post("/v1/suggestions", {
    question: answer.standalone_question || answer.question, document_ids: [...new Set(answer.citations.map((item) => item.document.id))].slice(0, 20),
    asked: turns.flatMap((item) => item.answer?.question || []).slice(-50), language: answer.language, as_of: answer.as_of,
    filters: Object.fromEntries(Object.entries(answer.filters).filter(([, values]) => values)),
  }).then(({ suggestions }) => {
    refill(place, ...suggestions.map((item) => button(item.question, () => ask(item.question), {
      className: "suggestion", lang: answer.language,
    })));
  }).catch(() => place.replaceChildren()).finally(() => place.removeAttribute("aria-busy"));
  return place;
}

// ---------------------------------------------------------------- the page before the first question

function drawWelcome() {
  refill(find("#welcome"), el("h2", { textContent: t("welcome") }), el("p", { textContent: t("welcome_hint") }),
    el("div", { className: "examples" }, [1, 2, 3, 4, 5].map((number) => {
      const question = t(`example_${number}`);
      return button(question, () => {
        fill(question);
        box().focus();
      }, { className: "suggestion", lang: languageOf(question) });
    })));
}

/** Gradio's own controls in the reader's language. */
function nameControls() {
  box().placeholder = t("ask_placeholder");
  box().setAttribute("aria-label", t("ask_label"));
  for (const name of ["send", "stop", "fresh"]) find(`#${name}`).textContent = t(name);
  find("#chat").setAttribute("aria-label", t("chat"));
}

// ---------------------------------------------------------------- a service that goes away and comes back

onAway(async (isAway) => {
  document.body.classList.toggle("away", isAway);
  const banner = find("#away") || el("div", { id: "away", className: "bb", role: "status" });
  if (!banner.isConnected) find("main").prepend(banner);
  banner.textContent = isAway ? t("away_banner") : t("back");
  banner.hidden = false;
  if (isAway) return;
  setTimeout(() => { banner.hidden = !document.body.classList.contains("away"); }, 4000);
  const waiting = turns.filter((turn) => turn.failed?.isAway);
  restored = bringBack();
  await restored;
  for (const turn of waiting) {
    if (turn.answer || !turns.includes(turn) || !turn.failed?.isAway) continue;
    if (turn === turns.at(-1) && !running) answer(turn);
    else giveBack(turn);
    drawTurn(turn);
  }
});

/** Take over the answers that the service has kept of this conversation, in their order. */
async function restore() {
  const wanted = state.conversation;
  if (!wanted) return;
  const found = await get(`/v1/conversations/${encodeURIComponent(wanted)}`);
  if (state.conversation !== wanted) return; // a new conversation was begun meanwhile
  const isForeign = !ownConversations().includes(wanted);
  let at = 0;
  found.answers.forEach((made, number) => {
    let index = turns.findIndex((turn) => turn.answer?.id === made.id);
    if (index < 0) index = turns.findIndex((turn, place) => place >= at && !turn.answer && !turn.isStopped && turn !== running?.turn && turn.question === made.question);
    if (index < 0) turns.splice(index = at, 0, { question: made.question, text: "" });
    if (!turns[index].answer) Object.assign(turns[index], { answer: made, failed: null, madeAt: found.answered_at[number], isForeign });
    at = index + 1;
  });
  foreign = isForeign ? wanted : "";
  turns.forEach(drawTurn);
  find("#foreign").hidden = !foreign || !turns.length;
}

/** Bring the conversation of the address back; where the service is too busy for it, say so. */
async function bringBack() {
  lost = null;
  try {
    await restore();
  } catch (error) {
    if ([404, 422].includes(error.status)) update({ conversation: "" });
    else lost = error;
  }
  drawLost();
}

/** That the conversation could not be brought back; where the service is away, this is tried again when it is back. */
function drawLost() {
  const place = find("#lost");
  if (!lost || lost.slug === "unreachable") refill(place);
  else refill(place, lost.message, " ", button(t("try_again"), () => { restored = bringBack(); }, { className: "quiet" }));
}

// ---------------------------------------------------------------- start

/** Begins once Gradio has drawn its part of the page. */
export async function startChat() {
  find("#ask").before(el("section", { id: "welcome", className: "bb" }),
    // A finished answer is read out once and whole, by `say`: read piece by piece it could not be followed.
    el("div", { id: "chat", role: "log", "aria-live": "off", tabIndex: 0 }),
    el("p", { id: "lost", className: "bb hint", role: "status" }),
    el("p", { id: "foreign", className: "bb hint", hidden: true }),
    el("p", { id: "wait", className: "bb hint", role: "status" }));
  onLanguage(() => {
    nameControls();
    drawWelcome();
    find("#foreign").textContent = t("foreign");
    if (find("#wait").textContent) tellWait(true);
    drawLost();
    if (document.body.classList.contains("away")) find("#away").textContent = t("away_banner");
    turns.forEach(drawTurn);
  });
  box().addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === IME_KEY) return;
    event.preventDefault();
    ask(box().value);
  });
  find("#send").addEventListener("click", () => ask(box().value));
  find("#stop").addEventListener("click", () => running?.controller.abort());
  find("#fresh").addEventListener("click", () => {
    running?.controller.abort();
    turns.splice(0).forEach((turn) => turn.node.remove());
    keepsNone = false;
    foreign = "";
    find("#foreign").hidden = true;
    document.body.classList.remove("talking");
    update({ conversation: "" });
    box().focus();
  });
  onNames((kind) => {
    if (kind === "issuers") turns.forEach((turn) => turn.reply?.querySelector(".sources")?.replaceWith(drawSources(turn.answer)));
  });
  restored = bringBack();
  await restored;
  turns.at(-1)?.node.scrollIntoView({ block: "start" });
  document.body.dataset.ready = "true";
  if (askedQuestion && !turns.length) ask(askedQuestion);
}
