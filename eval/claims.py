"""Claims about the corpus with their right verdicts, for a check of claims to be chosen on one half and measured on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from briefbot.eval.cases import NeededFact, Split
from briefbot.eval.labelled import read_rows
from briefbot.eval.matching import holds_fact
from briefbot.eval.statistics import Estimate, Ratio, estimate
from pydantic import BaseModel, ConfigDict, Field

from briefbot.answering import Briefbot
from briefbot.errors import UsageError
from briefbot.models import Check, Verdict

CLAIMS_FILE = Path(__file__).parent / "pairs" / "claims.jsonl"
"""The bundled claims."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Claim(BaseModel):
    """A claim as a journalist or a chatbot would state it, and what the corpus makes of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    split: Split
    language: Literal["en", "zh"]
    claim: str = Field(min_length=1)
    verdict: Verdict
    differs: Literal["number", "date", "actor", "status", "other"] | None = Field(
        description="What the corpus has otherwise"
    )
    needed: list[NeededFact] = Field(description="The right value, where there is one")
    documents: list[str] = Field(description="Documents that state the matter, best first")
    note: str = ""


def load_claims(path: Path = CLAIMS_FILE, *, split: Split | None = None) -> list[Claim]:
    """The claims in a JSON Lines file; raises `UsageError` that names the line at fault."""
    return [claim for claim in read_rows(path, Claim) if split in (None, claim.split)]


@dataclass(frozen=True, slots=True)
class ClaimFigures:
    """How claims were judged: F1 by verdict with 95 % intervals, their mean, and whether the words shown are the right ones.

    `evidence` is the share of claims the corpus speaks of whose right value is among the quotes shown; `confusion` counts claims
    by right and given verdict.
    """

    f1: Mapping[Verdict, Estimate]
    macro_f1: float
    evidence: Estimate | None
    confusion: Mapping[Verdict, Mapping[Verdict, int]]


def measure_claims(bot: Briefbot, claims: Sequence[Claim]) -> ClaimFigures:
    """Check every claim; raises `UsageError` where there is none."""
    if not claims:
        raise UsageError("--claims: expected claims; got none; choose another file or split")
    return score_claims(claims, [bot.check(claim.claim) for claim in claims])


def score_claims(claims: Sequence[Claim], checks: Sequence[Check]) -> ClaimFigures:
    """The figures for claims and what was made of them, in the same order; a verdict that no claim has is left out of the mean."""
    pairs = [(claim.verdict, check.verdict) for claim, check in zip(claims, checks, strict=True)]
    confusion = {right: {given: pairs.count((right, given)) for given in VERDICTS} for right in VERDICTS}
    f1: dict[Verdict, Estimate] = {}
    for verdict in VERDICTS:
        hits = [(right == verdict) + (given == verdict) for right, given in pairs]
        found = estimate([Ratio(2.0 * (count == 2), float(count)) for count in hits])
        if found and any(right == verdict for right, _ in pairs):
            f1[verdict] = found
    shown = [
        float(all(holds_fact(" ".join(citation.quote for citation in check.citations), fact) for fact in claim.needed))
        for claim, check in zip(claims, checks, strict=True)
        if claim.needed
    ]
    return ClaimFigures(f1, sum(item.mean for item in f1.values()) / len(f1), estimate(shown), confusion)


def render_claims(figures: ClaimFigures) -> str:
    """The figures as a table for the terminal."""
    lines = [f"{'verdict':<14}{'F1':>8}{'95 % interval':>18}   given: {', '.join(VERDICTS)}"]
    for verdict, found in figures.f1.items():
        interval = f"{found.low:.3f} to {found.high:.3f}"
        given = ", ".join(str(count) for count in figures.confusion[verdict].values())
        lines.append(f"{verdict:<14}{found.mean:>8.3f}{interval:>18}   {given}")
    lines.append(f"{'macro-F1':<14}{figures.macro_f1:>8.3f}")
    if figures.evidence:
        lines.append(f"{'right value shown':<14} {figures.evidence.mean:.3f} of {figures.evidence.count} claims")
    return "\n".join(lines)
