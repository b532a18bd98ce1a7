// The conversation: questions go to the API's stream, and each answer is drawn in place, in nodes that last.
//
// Gradio's own chat is not used: when its connection breaks, Gradio 6 takes no further event and reloads the page as soon as
// the service is back, which loses what the reader was writing and where they were reading.

import { drawAnswer, drawNotices, drawSources, drawUnfinished, momentary } from "./answers.js";
import { ApiError, get, isThere, onAway, post, postForFile, stream } from "./api.js";
import { button, download, el, refill, svg } from "./dom.js";
import { onAsk } from "./source.js";
import { askedQuestion, filtersForBody, linkFor, state, update } from "./state.js";
import { currentLanguage, day, onLanguage, t, word } from "./strings.js";

const HISTORY_TURNS = 10;

const turns = [];        // {question, text, answer, failed, isStopped, node}, oldest first
let running = null;      // the AbortController of the answer that is coming
let keepsNone = false;   // this service keeps no conversations, or no longer this one: earlier messages go with the question

const find = (selector) => document.querySelector(selector);
const box = () => find("#question textarea");

// ---------------------------------------------------------------- asking

/** Put a value into Gradio's textbox, as typing would. */
function fill(value) {
  const input = box();
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), "value").set;
  setter.call(input, value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

async function ask(question) {
  if (!question.trim() || running) return;
  update({ tab: "chat" });
  fill("");
  const turn = { question: question.trim(), text: "" };
  turns.push(turn);
  drawTurn(turn);
  turn.node.scrollIntoView({ block: "start" });
  await answer(turn);
}
onAsk(ask);

async function answer(turn) {
  running = new AbortController();
  setBusy(true);
  Object.assign(turn, { text: "", failed: null, isStopped: false });
  try {
    await readAnswer(turn);
  } catch (error) {
    if (running.signal.aborted) turn.isStopped = true;
    else if (error.slug === "not-found" && state.conversation) await goOnWithout(turn);
    else fail(turn, error);
  } finally {
    running = null;
    turns.forEach(drawTurn);
    setBusy(false);
  }
}

async function readAnswer(turn) {
  const conversation = await findConversation();
  const body = { question: turn.question, as_of: state.asOf || null, filters: filtersForBody(), mode: state.mode };
  if (conversation) body.conversation_id = conversation;
  else body.history = historyBefore(turn);
  for await (const [name, data] of stream("/v1/answer/stream", body, running.signal)) {
    if (name === "delta") {
      turn.text += data.text;
      drawTurn(turn);
    } else if (name === "answer") {
      turn.answer = data;
      return;
    } else if (name === "error") throw new ApiError(data.detail, data.status, String(data.type).split(":").pop());
  }
  throw new ApiError(t("away_reason"), 0, "unreachable");
}

/** A conversation that is not kept any more: this question, and those after it, bring the earlier messages themselves. */
async function goOnWithout(turn) {
  update({ conversation: "" });
  keepsNone = true;
  try {
    await readAnswer(turn);
  } catch (error) {
    fail(turn, error);
  }
}

function fail(turn, error) {
  turn.failed = { reason: error.message, isAway: error.slug === "unreachable" };
  if (!turn.failed.isAway) giveBack(turn);
  else isThere().then((there) => {
    if (!there || !turn.failed?.isAway) return; // the page waits for the service, and asks again by itself
    turn.failed = { reason: t("away_reason"), isAway: false };
    giveBack(turn);
    drawTurn(turn);
  });
}

/** A question that was not answered goes back into the box, unless the reader has begun another one. */
function giveBack(turn) {
  if (!box().value) fill(turn.question);
}

/** The conversation to ask in: the one of the address, or a new one; none where this service keeps none. */
async function findConversation() {
  if (state.conversation || keepsNone) return state.conversation;
  try {
    update({ conversation: (await post("/v1/conversations", {})).id });
  } catch (error) {
    if (error.status !== 422) throw error;
    keepsNone = true;
  }
  return state.conversation;
}

const historyBefore = (turn) => turns.slice(0, turns.indexOf(turn)).filter((item) => item.answer).slice(-HISTORY_TURNS)
  .flatMap((item) => [{ role: "user", content: item.question }, { role: "assistant", content: item.answer.text }]);

function setBusy(isBusy) {
  document.body.classList.toggle("busy", isBusy);
  find("#chat").setAttribute("aria-busy", String(isBusy));
}

// ---------------------------------------------------------------- drawing

function drawTurn(turn) {
  if (!turn.node) {
    turn.reply = el("article", { className: "bb answer", "data-testid": "bot" });
    turn.node = el("section", { className: "turn" }, el("div", { className: "bb asked", "data-testid": "user" }, turn.question), turn.reply);
    find("#chat").append(turn.node);
  }
  document.body.classList.add("talking");
  const number = turns.indexOf(turn) + 1;
  const key = JSON.stringify([turn.text, turn.answer?.id, turn.failed, turn.isStopped, currentLanguage(), number === turns.length]);
  if (turn.key === key) return;
  turn.key = key;
  turn.reply.setAttribute("aria-label", t("answer_number", { number }));
  if (turn.answer) refill(turn.reply, drawFinished(turn.answer, number === turns.length, number - 1));
  else refill(turn.reply, drawUnfinished(turn.text), turn.isStopped && el("p", { className: "stopped", textContent: t("stopped") }), turn.failed && drawFailure(turn));
}

const drawFailure = (turn) => el("p", { className: "failed", role: "alert" },
  turn.failed.isAway ? t("away_asks_again") : t("failed", { reason: turn.failed.reason }));

function drawFinished(answer, isLast, turn) {
  return [
    drawAnswer(answer),
    drawNotices(answer.notices),
    answer.citations.length ? drawSources(answer) : null,
    answer.abstained ? drawCoverage() : null,
    drawTools(answer, turn),
    isLast ? drawSuggestions(answer) : null,
  ].filter(Boolean);
}

/** What the corpus does cover, for who asked for something else. */
function drawCoverage() {
  const place = el("p", { className: "covers" });
  get("/v1/coverage").then((found) => {
    const topics = found.facets.topic.slice(0, 8).map((item) => word("topic", item.value));
    place.textContent = t("covers", { documents: found.documents, topics: topics.join(t("comma")) });
  }).catch(() => place.remove());
  return place;
}

function drawTools(answer, turn) {
  const said = el("span", { role: "status", className: "said-thanks" });
  const rate = (rating, label) => {
    const made = button("", async () => {
      try {
        await post("/v1/feedback", { answer_id: answer.id, rating });
        made.parentElement.querySelectorAll("[aria-pressed]").forEach((item) => item.setAttribute("aria-pressed", String(item === made)));
        said.textContent = t("thanks");
      } catch (error) {
        said.textContent = error.message;
      }
    }, { "aria-label": label, "aria-pressed": "false", title: label, className: "rate" });
    made.append(drawThumb(rating));
    return made;
  };
  const author = answer.mode === "generative" ? t("by_model", { model: answer.settings.language_model || "" }) : t("by_sources");
  const since = answer.as_of ? t("as_of_day", { date: day(answer.as_of) }) : t("as_of_today");
  return el("footer", { className: "tools" },
    el("span", { className: "made", textContent: answer.abstained ? since : `${author} · ${since}` }),
    el("span", { className: "buttons" },
      rate(1, t("good_answer")), rate(-1, t("bad_answer")),
      momentary(t("copy"), () => copyAnswers([answer])),
      momentary(t("copy_link"), () => navigator.clipboard.writeText(linkFor({
        question: answer.standalone_question || answer.question, asOf: answer.as_of, filters: answer.filters, mode: state.mode,
      }))),
      drawExport(answer, turn)), said);
}

const drawThumb = (rating) => svg("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true", class: rating < 0 ? "down" : "" },
  svg("path", { d: "M2 7h3v7H2zM6 7l3-6c1.4 0 1.9 1.1 1.6 2.3L10 6h3.6c.9 0 1.5.8 1.3 1.7l-1.2 5.2c-.2.7-.7 1.1-1.4 1.1H6z", fill: "currentColor" }));

async function copyAnswers(answers) {
  const { blob } = await postForFile("/v1/export/markdown", { answers });
  await navigator.clipboard.writeText(await blob.text());
}

function drawExport(answer, turn) {
  const save = (format, answers) => async () => {
    const { name, blob } = await postForFile(`/v1/export/${format}`, { answers });
    download(name, blob);
  };
  const receipt = () => download(`${answer.id}.json`, new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" }));
  const whole = () => turns.slice(0, turn + 1).flatMap((item) => item.answer || []);
  const menu = el("details", { className: "menu" }, el("summary", { textContent: t("export") }),
    el("div", { className: "items" },
      momentary("Markdown", save("markdown", [answer])), momentary("Word (DOCX)", save("docx", [answer])),
      momentary(t("receipt"), receipt),
      turn ? momentary(t("whole_markdown"), () => save("markdown", whole())()) : null,
      turn ? momentary(t("whole_docx"), () => save("docx", whole())()) : null));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.preventDefault();
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  return menu;
}

/** Questions that the corpus answers, once the service has tried them; the room for them is kept from the start. */
function drawSuggestions(answer) {
  const place = el("section", { className: "suggestions", "aria-label": t("suggestions"), "aria-busy": "true" });
  post("/v1/suggestions", {
    question: answer.standalone_question || answer.question, document_ids: [...new Set(answer.citations.map((item) => item.document.id))].slice(0, 20),
    asked: turns.flatMap((item) => item.answer?.question || []).slice(-50), language: answer.language,
    as_of: answer.as_of, filters: filtersForBody(),
  }).then(({ suggestions }) => {
    refill(place, ...suggestions.map((item) => button(item.question, () => ask(item.question), { className: "suggestion", lang: answer.language })));
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
      }, { className: "suggestion" });
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
  const last = turns.at(-1);
  if (!last?.failed?.isAway || running) return;
  await restore().catch(() => {});
  if (!last.answer) answer(last);
});

/** Take over the answers that the service has kept of this conversation. */
async function restore() {
  if (!state.conversation) return;
  const kept = await get(`/v1/conversations/${encodeURIComponent(state.conversation)}`);
  const asked = turns.filter((turn) => !turn.isStopped);
  kept.answers.forEach((made, at) => {
    const turn = asked[at] || { question: made.question, text: "" };
    if (!asked[at]) turns.push(turn);
    if (!turn.answer) Object.assign(turn, { answer: made, failed: null });
  });
  turns.forEach(drawTurn);
}

// ---------------------------------------------------------------- start

/** Begins once Gradio has drawn its part of the page. */
export async function startChat() {
  find("#ask").before(el("section", { id: "welcome", className: "bb" }),
    el("div", { id: "chat", role: "log", "aria-live": "polite", tabIndex: 0 }));
  onLanguage(() => {
    nameControls();
    drawWelcome();
    turns.forEach(drawTurn);
  });
  box().addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    ask(box().value);
  });
  find("#send").addEventListener("click", () => ask(box().value));
  find("#stop").addEventListener("click", () => running?.abort());
  find("#fresh").addEventListener("click", () => {
    turns.splice(0).forEach((turn) => turn.node.remove());
    keepsNone = false;
    document.body.classList.remove("talking");
    update({ conversation: "" });
    box().focus();
  });
  document.addEventListener("toggle", (event) => {
    if (!event.target.open || !event.target.matches?.("details.menu")) return;
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (menu !== event.target) menu.open = false; });
    const room = event.target.getBoundingClientRect().top - find("#chat").getBoundingClientRect().top;
    event.target.classList.toggle("below", room < (event.target.querySelector(".items")?.offsetHeight || 0) + 8);
  }, true);
  await restore().catch((error) => { if (error.status === 404) update({ conversation: "" }); });
  turns.at(-1)?.node.scrollIntoView({ block: "start" });
  document.body.dataset.ready = "true";
  if (askedQuestion && !turns.length) ask(askedQuestion);
}
