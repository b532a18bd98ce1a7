"""What became of each source of a run, for the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["added", "updated", "unchanged", "duplicate", "gone", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("added", "updated", "unchanged", "duplicate", "gone", "refused")


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of one source; `reason` says why it was refused or left alone, `duplicate_of` which document stands for it."""

    source: str
    outcome: Outcome
    document_id: str | None = None
    reason: str | None = None
    duplicate_of: str | None = None


def count_outcomes(results: Iterable[IngestResult]) -> dict[Outcome, int]:
    """How many sources came to each end, zeros included."""
    outcomes = [result.outcome for result in results]
    return {kind: outcomes.count(kind) for kind in OUTCOMES}


def report_as_json(results: Sequence[IngestResult]) -> dict[str, Any]:
    """The results and their counts as plain values."""
    return {"results": [asdict(result) for result in results], "counts": count_outcomes(results)}


def render_report(results: Sequence[IngestResult], seconds: float) -> Iterator[str]:
    """The lines of a table, one source each, and a line of counts with the time it took."""
    width = max((len(result.document_id or "") for result in results), default=0)
    for result in results:
        note = f"  {_note_of(result)}" if _note_of(result) else ""
        yield f"{result.outcome:<10} {result.document_id or '—':<{width}}  {result.source}{note}"
    counted = ", ".join(f"{count} {kind}" for kind, count in count_outcomes(results).items())
    yield f"{counted}; {seconds:.1f} s"


def _note_of(result: IngestResult) -> str:
    if result.duplicate_of:
        return f"same as {result.duplicate_of}"
    return result.reason or ""
