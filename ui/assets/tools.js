// What a reader does with a finished answer: rate it, copy it, link to it, save it.

import { post, postForFile } from "./api.js";
import { copyText, download, el, refill, svg } from "./dom.js";
import { makeMenu } from "./menus.js";
import { linkFor } from "./state.js";
import { t } from "./strings.js";
import { momentary, say } from "./telling.js";

const MOST_ANSWERS = 50; // in one file, as the API takes them

/** The buttons below an answer; `turn` is the turn it belongs to, `whole()` gives every answer of the conversation. */
export function drawButtons(turn, whole) {
  const { answer } = turn;
  const said = el("span", { className: "said-thanks" });
  return el("span", { className: "buttons" },
    rate(turn, 1, t("good_answer"), said), rate(turn, -1, t("bad_answer"), said),
    momentary(t("copy"), () => copyText(postForFile("/v1/export/markdown", { answers: [answer] }).then(({ blob }) => blob.text()))),
    momentary(t("copy_link"), () => copyText(linkFor({
      question: answer.standalone_question || answer.question, asOf: answer.as_of, filters: answer.filters, mode: turn.mode,
    }))),
    drawExport(answer, whole), said);
}

function rate(turn, rating, label, said) {
  const made = el("button", { type: "button", "aria-label": label, "aria-pressed": String(turn.rating === rating), title: label, className: "rate" }, drawThumb(rating));
  made.addEventListener("click", async () => {
    if (!(await giveFeedback({ answer_id: turn.answer.id, rating }, said))) return;
    turn.rating = rating;
    made.parentElement.querySelectorAll(".rate").forEach((item) => item.setAttribute("aria-pressed", String(item === made)));
  });
  return made;
}

/** Sends what a reader thinks of an answer or a citation, and says in `said` how that went; whether it was kept. */
export async function giveFeedback(feedback, said) {
  let isKept = true;
  try {
    await post("/v1/feedback", feedback);
    said.textContent = t("thanks");
  } catch (error) {
    isKept = false;
    said.textContent = error.message;
  }
  say(said.textContent);
  return isKept;
}

const drawThumb = (rating) => svg("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true", class: rating < 0 ? "down" : "" },
  svg("path", { d: "M2 7h3v7H2zM6 7l3-6c1.4 0 1.9 1.1 1.6 2.3L10 6h3.6c.9 0 1.5.8 1.3 1.7l-1.2 5.2c-.2.7-.7 1.1-1.4 1.1H6z", fill: "currentColor" }));

function drawExport(answer, whole) {
  const save = (format, answers) => async () => {
    const { name, blob } = await postForFile(`/v1/export/${format}`, { answers: answers() });
    download(name, blob);
  };
  const latest = () => whole().slice(-MOST_ANSWERS);
  const receipt = () => download(`${answer.id}.json`, new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" }));
  const items = el("div", { className: "items" });
  return makeMenu({}, el("summary", { textContent: t("export") }), items, () => {
    const count = whole().length;
    const wholeLabel = (name) => (count > MOST_ANSWERS ? t(`latest_${name}`, { count: MOST_ANSWERS }) : t(`whole_${name}`));
    refill(items, momentary("Markdown", save("markdown", () => [answer])), momentary("Word (DOCX)", save("docx", () => [answer])),
      momentary(t("receipt"), receipt),
      count > 1 ? momentary(wholeLabel("markdown"), save("markdown", latest)) : null,
      count > 1 ? momentary(wholeLabel("docx"), save("docx", latest)) : null);
  });
}
