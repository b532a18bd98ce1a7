"""How well unsupported statements are found out, on labelled pairs of a statement and its evidence, half of them held for test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from briefbot.eval.cases import Split
from briefbot.eval.labelled import read_rows
from briefbot.eval.statistics import Estimate, estimate
from pydantic import BaseModel, ConfigDict, Field

from briefbot.errors import UsageError
from briefbot.verification import Verifier

PAIRS_FILE = Path(__file__).parent / "pairs" / "pairs.jsonl"
"""The bundled pairs: statements in both languages over sentences of the bundled corpus."""

PairKind = Literal["supported", "number", "date", "actor", "negation", "modality", "addition"]


class Pair(BaseModel):
    """A statement, the sentences it rests on, and what is wrong with it, if anything is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    split: Split
    document: str = Field(description="The document the evidence is from; a document's pairs are all in one split")
    kind: PairKind = Field(description="supported, or what the statement has wrong")
    statement: str = Field(min_length=1)
    evidence: list[str] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class VerifierFigures:
    """The share of pairs of each kind that the verifier refuses, with 95 % intervals: the higher the better but for `supported`."""

    refused: Mapping[str, Estimate]
    unsupported: Estimate


def load_pairs(path: Path = PAIRS_FILE, *, split: Split | None = None) -> list[Pair]:
    """The pairs in a JSON Lines file; raises `UsageError` that names the line at fault."""
    return [pair for pair in read_rows(path, Pair) if split in (None, pair.split)]


def measure_verifier(verifier: Verifier, pairs: Sequence[Pair]) -> VerifierFigures:
    """Verify every pair; raises `UsageError` where no pair is unsupported."""
    verdicts: dict[str, list[float]] = {}
    for pair in pairs:
        faults = verifier.find_faults(pair.statement, pair.evidence)
        verdicts.setdefault(pair.kind, []).append(float(bool(faults)))
    figures = {kind: estimate(found) for kind, found in sorted(verdicts.items())}
    unsupported = estimate([each for kind, found in verdicts.items() if kind != "supported" for each in found])
    if unsupported is None:
        raise UsageError("--pairs: expected unsupported statements among the pairs; got none; add some")
    return VerifierFigures({kind: figure for kind, figure in figures.items() if figure}, unsupported)


def render_verifier(figures: VerifierFigures) -> str:
    """The figures as a table for the terminal."""
    lines = [f"{'refused':<14}{'share':>8}{'95 % interval':>18}{'pairs':>8}"]
    for kind, found in [*figures.refused.items(), ("all unsupported", figures.unsupported)]:
        interval = f"{found.low:.3f} to {found.high:.3f}"
        lines.append(f"{kind:<14}{found.mean:>8.3f}{interval:>18}{found.count:>8}")
    return "\n".join(lines)
