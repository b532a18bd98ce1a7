// Answers as the page shows them: statements with their marks, sources below, notices, the card over a mark.

import { isPast, statusBadge } from "./badges.js";
import { el, refill } from "./dom.js";
import { issuersOf } from "./names.js";
import { openCitation } from "./source.js";
import { currentLanguage, day, languageOf, onLanguage, t, titleOf, word } from "./strings.js";

const MARK = /\s?\[(\d{1,3})\]/g;
const CARD_LEAVES_MS = 180;
const citationOf = new WeakMap(); // the citation, and the answer it belongs to, of every mark

/** The text of an answer that is still coming: marks are shown, and open nothing yet. */
export function drawUnfinished(text) {
  return el("div", { className: "bb said unfinished" }, splitMarks(text, (number) => el("span", { className: "cite", textContent: number })));
}

/** The words of an answer without its marks. */
export const withoutMarks = (text) => text.replaceAll(MARK, "");

/** A finished answer; `onlyHere` holds quotes that another answer beside it does not have. */
export function drawAnswer(answer, { onlyHere = new Set() } = {}) {
  const points = Array.from(answer.text);
  const parts = [];
  let at = 0;
  for (const statement of answer.statements) {
    parts.push(...draw(points.slice(at, statement.start).join(""), answer));
    const isNew = statement.citations.some((number) => onlyHere.has(answer.citations[number - 1]?.quote));
    parts.push(el("span", {
      className: `statement ${statement.support}${isNew ? " only-here" : ""}`,
      title: statement.support === "checked" ? t("checked_hint") : isNew ? t("only_here") : "",
    }, draw(points.slice(statement.start, statement.end).join(""), answer)));
    at = statement.end;
  }
  parts.push(...draw(points.slice(at).join(""), answer));
  return el("div", { className: `bb said ${answer.abstained ? "abstained" : ""}`, lang: answer.language },
    el("p", { className: "text" }, parts));
}

const draw = (text, answer) => splitMarks(text, (number) => makeMark(answer, Number(number)));

/** Text with its `[n]` made into what `make` gives; a mark stands close to the words before it, and copies as `[n]`. */
function splitMarks(text, make) {
  const parts = [];
  let last = 0;
  for (const match of text.matchAll(MARK)) {
    const made = make(match[1]);
    if (!made) continue;
    parts.push(text.slice(last, match.index), made);
    last = match.index + match[0].length;
  }
  parts.push(text.slice(last));
  return parts.filter((part) => part !== "");
}

/** A mark of an answer, or nothing where the answer has no such citation. */
export function makeMark(answer, number, place = "text") {
  const citation = answer.citations.find((item) => item.number === number);
  if (!citation) return null;
  const { document: doc } = citation;
  const mark = el("button", {
    type: "button", className: `cite ${isPast(doc.status) ? "past" : ""}`, "data-number": number, "aria-expanded": "false",
    "data-key": `${answer.id || answer.claim} ${place} ${number}`,
    "aria-label": t("source_of_mark", { number, title: titleOf(doc), date: doc.published || t("undated") }),
  }, el("span", { className: "bracket", textContent: "[" }), String(number), el("span", { className: "bracket", textContent: "]" }));
  citationOf.set(mark, { citation, answer });
  return mark;
}

/** The documents behind an answer, each with its marks, date, issuer and status. */
export function drawSources(answer) {
  const byDocument = new Map();
  for (const citation of answer.citations) {
    const held = byDocument.get(citation.document.id) || { doc: citation.document, numbers: [] };
    held.numbers.push(citation.number);
    byDocument.set(citation.document.id, held);
  }
  return el("ol", { className: "bb sources", "aria-label": t("sources") }, [...byDocument.values()].map(({ doc, numbers }) =>
    el("li", {},
      el("span", { className: "numbers" }, numbers.map((number) => makeMark(answer, number, "sources"))),
      el("span", { className: "title", textContent: titleOf(doc), lang: languageOf(titleOf(doc)) }),
      el("span", { className: "facts", textContent: [issuersOf(doc.issuer), day(doc.published), doc.language === currentLanguage() ? "" : word("language", doc.language)].filter(Boolean).join(" · ") }),
      statusBadge(doc.status))));
}

/** What the reader must know before relying on an answer. */
export function drawNotices(notices) {
  if (!notices.length) return null;
  return el("ul", { className: "bb notices", "aria-label": t("notices") }, notices.map((notice) => el("li", { textContent: notice.message })));
}

// ---------------------------------------------------------------- the card over a mark, and opening its source

const card = el("div", { id: "card", className: "bb", role: "tooltip", hidden: true });
let described = null;
let leaving = 0;

function showCard(mark) {
  const held = citationOf.get(mark);
  if (!held) return;
  clearTimeout(leaving);
  hideCard();
  const { citation, citation: { document: doc } } = held;
  refill(card,
    el("strong", { textContent: titleOf(doc) }),
    el("span", { className: "facts" }, [issuersOf(doc.issuer), day(doc.published), citation.locator].filter(Boolean).join(" · "), " ", statusBadge(doc.status)),
    el("q", { textContent: citation.quote, lang: doc.language }));
  if (!card.isConnected) (document.querySelector("main") || document.body).append(card);
  card.hidden = false;
  described = mark;
  mark.setAttribute("aria-describedby", "card");
  const box = mark.getBoundingClientRect();
  const size = card.getBoundingClientRect();
  card.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
  card.style.top = `${box.top > size.height + 12 ? box.top - size.height - 6 : box.bottom + 6}px`;
}

function hideCard() {
  card.hidden = true;
  described?.removeAttribute("aria-describedby");
  described = null;
}

const markOf = (event) => event.target.closest?.("button.cite");

document.addEventListener("click", (event) => {
  const mark = markOf(event);
  if (!mark) return;
  hideCard();
  const held = citationOf.get(mark);
  if (held) openCitation(held.citation, held.answer, mark);
});
document.addEventListener("focusin", (event) => {
  const mark = markOf(event);
  if (mark?.matches(":focus-visible")) showCard(mark);
  else hideCard();
});
document.addEventListener("pointerover", (event) => {
  const mark = markOf(event);
  clearTimeout(leaving);
  if (mark) showCard(mark);
  else if (!card.contains(event.target)) leaving = setTimeout(hideCard, CARD_LEAVES_MS); // time to move onto the card
});
document.addEventListener("scroll", (event) => { if (!card.contains(event.target)) hideCard(); }, { capture: true, passive: true });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || card.hidden) return;
  event.preventDefault(); // this key closes the card, the next one what is under it
  event.stopPropagation();
  hideCard();
}, true);
document.addEventListener("keydown", (event) => {
  const mark = markOf(event);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!mark || !step) return;
  const marks = [...mark.closest(".answer, .verdict, .bb").querySelectorAll("button.cite")];
  const next = marks[marks.indexOf(mark) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
onLanguage(hideCard);
