"""Two runs side by side: paired differences for every metric, and the cases that one of them answers better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from briefbot.eval.metrics import LOWER_IS_BETTER
from briefbot.eval.runner import Row, Run, read_scores
from briefbot.eval.statistics import Difference, Ratio, compare_paired

from briefbot.errors import UsageError

JUDGED = ("fact_recall", "premise_handled", "abstention_recall")
"""What decides whether a case is answered right: one of these applies to every case."""

FLIP = 0.5
"""A change of that size in one of them is a flip."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A case that one run answers clearly better than the other."""

    first: Row
    second: Row
    metric: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences by metric (second less first) and flips, the cases lost first."""

    first: str
    second: str
    shared: int
    differences: dict[str, Difference]
    flips: tuple[Flip, ...]


def compare_runs(first: Run, second: Run) -> Comparison:
    """Compare two runs on the cases both asked; raises `UsageError` where they share none."""
    theirs = {row["id"]: row for row in second.rows}
    pairs = [(row, theirs[row["id"]]) for row in first.rows if row["id"] in theirs]
    if not pairs:
        raise UsageError(
            "expected two runs over some of the same cases; got none in common; run both on the same cases"
        )
    flips = sorted(_find_flips(pairs), key=lambda flip: (flip.after - flip.before, flip.first["id"]))
    return Comparison(
        first=f"{first.system} ({first.mode})",
        second=f"{second.system} ({second.mode})",
        shared=len(pairs),
        differences=_find_differences(pairs, [*first.overall]),
        flips=tuple(flips),
    )


def _find_differences(pairs: Sequence[tuple[Row, Row]], names: Sequence[str]) -> dict[str, Difference]:
    scored = [(read_scores(before), read_scores(after)) for before, after in pairs]
    differences = {}
    for name in names:
        both = [(before[name], after[name]) for before, after in scored if name in before and name in after]
        plain = [(a, b) for a, b in both if not isinstance(a, Ratio) and not isinstance(b, Ratio)]
        found = compare_paired([a for a, _ in plain], [b for _, b in plain])
        if found:
            differences[name] = found
    return differences


def _find_flips(pairs: Sequence[tuple[Row, Row]]) -> list[Flip]:
    flips = []
    for row, other in pairs:
        before, after = read_scores(row), read_scores(other)
        for name in JUDGED:
            a, b = before.get(name), after.get(name)
            if isinstance(a, float) and isinstance(b, float) and abs(b - a) >= FLIP:
                flips.append(Flip(row, other, name, a, b))
    return flips


def render_comparison(comparison: Comparison, *, most_flips: int = 20) -> str:
    """The comparison as text for the terminal; a clear difference is marked with *."""
    lines = [
        f"A: {comparison.first}   B: {comparison.second}   {comparison.shared} cases in common",
        "",
        f"{'metric':<22}{'A':>9}{'B':>9}{'B - A':>9}  {'95 % interval':<20}{'p':>6}{'cases':>7}",
    ]
    for name, item in comparison.differences.items():
        digits = 1 if max(abs(item.first), abs(item.second)) > 2 else 3
        gap = f"{item.second - item.first:+.{digits}f}"
        interval = f"[{item.low:+.{digits}f}, {item.high:+.{digits}f}]"
        better = (item.second > item.first) != (name in LOWER_IS_BETTER)
        verdict = (" * better" if better else " * worse") if item.is_clear else ""
        lines.append(
            f"{name:<22}{item.first:>9.{digits}f}{item.second:>9.{digits}f}{gap:>9}  {interval:<20}{item.p_value:>6.3f}"
            f"{item.count:>7}{verdict}"
        )
    lost = sum(flip.after < flip.before for flip in comparison.flips)
    lines += ["", f"{len(comparison.flips)} cases flipped: {lost} lost, {len(comparison.flips) - lost} won"]
    for flip in comparison.flips[:most_flips]:
        lines += [
            "",
            f"{flip.first['id']} ({flip.metric} {flip.before:.2f} -> {flip.after:.2f}): {flip.first['question']}",
            f"  A: {_shorten(flip.first)}",
            f"  B: {_shorten(flip.second)}",
        ]
    if len(comparison.flips) > most_flips:
        lines += ["", f"… and {len(comparison.flips) - most_flips} more; --json lists all"]
    return "\n".join(lines)


def _shorten(row: Row, chars: int = 400) -> str:
    text = " ".join(row["text"].split())
    return text if len(text) <= chars else f"{text[:chars]}…"
