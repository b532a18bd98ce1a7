// Claims against the corpus: each sentence of a text gets a verdict with the words for and against it.

import { makeMark } from "./answers.js";
import { post } from "./api.js";
import { statusBadge } from "./badges.js";
import { el, refill } from "./dom.js";
import { makeTab } from "./shell.js";
import { filtersForBody, state } from "./state.js";
import { day, onLanguage, t, titleOf, word } from "./strings.js";

let section;
let text = "";
let found = null;

/** Makes the tab. */
export function startCheck() {
  section = makeTab("check");
  onLanguage(draw);
}

function draw() {
  const box = el("textarea", { id: "claims", rows: 5, maxLength: 5000, value: text, placeholder: t("claims_hint"), on: { input: (event) => { text = event.target.value; } } });
  const send = el("button", { type: "submit", className: "primary", textContent: t("check") });
  box.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) check(send); });
  refill(section,
    el("header", { className: "tab-head" }, el("h2", { textContent: t("tab_check") }), el("p", { textContent: t("check_hint") })),
    el("form", { on: { submit: (event) => { event.preventDefault(); check(send); } } },
      el("label", { for: "claims", textContent: t("claims") }), box, send),
    el("div", { className: "verdicts", role: "region", "aria-live": "polite", "aria-label": t("verdicts") }));
  drawVerdicts();
}

async function check(send) {
  const place = section.querySelector(".verdicts");
  if (!text.trim()) {
    refill(place, el("p", { className: "failed", role: "alert", textContent: t("claims_empty") }));
    return;
  }
  send.disabled = true;
  place.setAttribute("aria-busy", "true");
  try {
    found = await post("/v1/checks", { text, as_of: state.asOf || null, filters: filtersForBody() });
    drawVerdicts();
  } catch (error) {
    refill(place, el("p", { className: "failed", role: "alert", textContent: error.message }));
  } finally {
    send.disabled = false;
    place.removeAttribute("aria-busy");
  }
}

function drawVerdicts() {
  const place = section.querySelector(".verdicts");
  if (!place || !found) return;
  const points = Array.from(found.text);
  refill(place, ...found.claims.map((claim) => drawClaim(points.slice(claim.start, claim.end).join(""), claim.check)));
}

/** How far the verdict stands above the others. */
function clearness(made) {
  const share = made.likelihoods[made.verdict] ?? 0;
  if (share >= 0.6) return "high";
  return share >= 0.45 ? "mid" : "low";
}

function drawClaim(said, made) {
  if (!made) {
    return el("article", { className: "verdict none" }, el("p", { className: "claim", textContent: said }), el("p", { className: "facts", textContent: t("not_checkable") }));
  }
  const against = new Set(made.differences.map((item) => item.citation));
  return el("article", { className: `verdict ${made.verdict}` },
    el("p", { className: "claim" }, el("span", { className: `badge verdict-${made.verdict}`, textContent: word("verdict", made.verdict) }), " ", said),
    el("p", { className: "facts", textContent: t(`clear_${clearness(made)}`) }),
    made.differences.length ? el("ul", { className: "differences" }, made.differences.map((item) => el("li", {},
      t("difference", { kind: word("difference", item.kind), stated: item.stated, found: item.found }), makeMark(made, item.citation)))) : null,
    el("ol", { className: "evidence" }, made.citations.map((citation) => el("li", { className: against.has(citation.number) ? "against" : "" },
      makeMark(made, citation.number), el("q", { textContent: citation.quote, lang: citation.document.language }),
      el("span", { className: "facts" }, [titleOf(citation.document), day(citation.document.published)].join(" · "), " ", statusBadge(citation.document.status))))));
}
