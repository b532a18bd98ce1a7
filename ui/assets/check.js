// Claims against the corpus: each sentence of a text gets a verdict with the words for and against it.

import { makeMark } from "./answers.js";
import { post } from "./api.js";
import { statusBadge } from "./badges.js";
import { button, el, refill } from "./dom.js";
import { filterName, onNames } from "./names.js";
import { makeTab } from "./shell.js";
import { FACETS, filtersForBody, state, subscribe } from "./state.js";
import { day, onLanguage, t, titleOf, word } from "./strings.js";
import { drawFailure, fault, say } from "./telling.js";

let parts;
let found = null;    // what the API said of the last text
let failed = null;
let asked = 0;

/** Makes the tab. */
export function startCheck() {
  const section = makeTab("check");
  const box = el("textarea", { id: "claims", rows: 5, maxLength: 5000 });
  const send = el("button", { type: "submit", className: "primary" });
  box.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) check(box.value); });
  parts = { head: el("header", { className: "tab-head" }), label: el("label", { for: "claims" }), box, send, verdicts: el("section", { className: "verdicts" }) };
  section.append(parts.head, el("form", { on: { submit: (event) => {
    event.preventDefault();
    check(box.value);
  } } }, parts.label, box, send), parts.verdicts);
  subscribe((_, changed) => { if (changed.includes("asOf") || changed.includes("filters")) drawVerdicts(); });
  onNames((kind) => { if (kind === "issuers") drawVerdicts(); });
  onLanguage(draw);
}

function draw() {
  refill(parts.head, el("h2", { textContent: t("tab_check") }), el("p", { textContent: t("check_hint") }));
  parts.label.textContent = t("claims");
  parts.box.placeholder = t("claims_hint");
  parts.send.textContent = t("check");
  parts.verdicts.setAttribute("aria-label", t("verdicts"));
  drawVerdicts();
}

async function check(text) {
  if (!text.trim()) {
    failed = fault("claims_empty");
    drawVerdicts();
    return;
  }
  const request = ++asked;
  const { asOf } = state;
  const filters = filtersForBody();
  parts.send.disabled = true;
  parts.verdicts.setAttribute("aria-busy", "true");
  try {
    const made = await post("/v1/checks", { text, as_of: asOf || null, filters });
    if (request !== asked) return;
    found = { ...made, asOf, chosen: filters };
    failed = null;
    say(made.claims.map((claim) => (claim.check ? word("verdict", claim.check.verdict) : t(unchecked(claim)))).join(". "));
  } catch (error) {
    if (request !== asked) return;
    failed = error;
  } finally {
    if (request === asked) {
      parts.send.disabled = false;
      parts.verdicts.removeAttribute("aria-busy");
    }
  }
  drawVerdicts();
}

function drawVerdicts() {
  const failure = failed && drawFailure(failed, failed.slug === "unreachable" ? () => check(parts.box.value) : null);
  if (!found) {
    refill(parts.verdicts, failure);
    return;
  }
  const points = Array.from(found.text);
  refill(parts.verdicts, failure, drawBasis(), found.claims.map((claim) => drawClaim(points.slice(claim.start, claim.end).join(""), claim)));
}

/** Why a sentence has no verdict. */
function unchecked(claim) {
  return claim.problem ? "not_checked_now" : "not_checkable";
}

/** The day and the filters that the verdicts go by, and a way to go by those chosen since. */
function drawBasis() {
  const chosen = FACETS.flatMap((facet) => (found.chosen[facet] || []).map((value) => filterName(facet, value)));
  const basis = [found.asOf ? t("as_of_day", { date: day(found.asOf) }) : t("as_of_today"), ...chosen].join(" · ");
  const isStale = found.asOf !== state.asOf || JSON.stringify(found.chosen) !== JSON.stringify(filtersForBody());
  return el("p", { className: "facts basis" }, basis, isStale ? [" ", button(t("check_again"), () => check(found.text), { className: "quiet", id: "check-again" })] : null);
}

/** How far the verdict stands above the others. */
function clearness(made) {
  const share = made.likelihoods[made.verdict] ?? 0;
  if (share >= 0.6) return "high";
  return share >= 0.45 ? "mid" : "low";
}

function drawClaim(said, claim) {
  const made = claim.check;
  if (!made) {
    return el("article", { className: "verdict none" }, el("p", { className: "claim", textContent: said }), el("p", { className: "facts", textContent: t(unchecked(claim)) }));
  }
  const against = new Set(made.differences.map((item) => item.citation));
  const bearing = (number) => (against.has(number) ? "against" : made.verdict === "supported" ? "in_favour" : "");
  return el("article", { className: `verdict ${made.verdict}` },
    el("p", { className: "claim" }, el("span", { className: `badge verdict-${made.verdict}`, textContent: word("verdict", made.verdict) }), " ", said),
    el("p", { className: "facts", textContent: t(`clear_${clearness(made)}`) }),
    made.differences.length ? el("ul", { className: "differences" }, made.differences.map((item) => el("li", {},
      t("difference", { kind: word("difference", item.kind), stated: item.stated, found: item.found }), makeMark(made, item.citation, "difference")))) : null,
    el("ol", { className: "evidence" }, made.citations.map((citation) => el("li", { className: bearing(citation.number) },
      makeMark(made, citation.number), bearing(citation.number) ? el("strong", { className: "bearing", textContent: ` ${t(bearing(citation.number))}` }) : null,
      el("q", { textContent: citation.quote, lang: citation.document.language }),
      el("span", { className: "facts" }, [titleOf(citation.document), day(citation.document.published)].join(" · "), " ", statusBadge(citation.document.status))))));
}
