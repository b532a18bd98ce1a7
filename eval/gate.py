"""The gate: committed floors for every figure, what fell under them and in which cases, and how they are raised or lowered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from briefbot.eval.cases import Case, digest_cases, pick_fast
from briefbot.eval.metrics import EXACT, LOWER_IS_BETTER
from briefbot.eval.runner import Row, Run, read_scores, summarise

from briefbot.catalogue import china_today
from briefbot.errors import UsageError

BASELINE_FILE = Path(__file__).resolve().parent / "baseline.json"

SLACK = 0.02
"""Part of a figure that it may lose to another processor's rounding before the gate says so; exact metrics have none."""

UNGATED = frozenset({"model_tokens"})
MOST_CASES_NAMED = 8


@dataclass(frozen=True, slots=True)
class Failure:
    """A figure under its floor, with the cases that did worse than when the floor was taken."""

    metric: str
    floor: float
    got: float | None
    cases: tuple[str, ...]

    def __str__(self) -> str:
        side = "at most" if self.metric in LOWER_IS_BETTER else "at least"
        got = "nothing" if self.got is None else f"{self.got:.4f}"
        named = f"; worse in {', '.join(self.cases)}" if self.cases else ""
        return f"{self.metric}: expected {side} {self.floor}; got {got}{named}"


def make_baseline(run: Run, cases: Sequence[Case], others: Sequence[Run] = ()) -> dict[str, Any]:
    """What is committed: floors over all cases and over the fast ones, every imperfect score, and the scoreboard of all systems."""
    fast = {case.id for case in pick_fast(cases)}
    fast_rows = [row for row in run.rows if row["id"] in fast]
    fast_cases = [case for case in cases if case.id in fast]
    fast_run = summarise(run.system, run.mode, fast_cases, fast_rows, corpus_version=run.corpus_version)
    return {
        "measured_on": china_today().isoformat(),
        "corpus_version": run.corpus_version,
        "full": _make_part(run),
        "fast": _make_part(fast_run),
        "scoreboard": {
            each.system: {name: _rounded(asdict(item)) for name, item in each.overall.items()}
            for each in (run, *others)
        },
        "scores": _imperfect_scores(run.rows),
    }


def _make_part(run: Run) -> dict[str, Any]:
    figures = {name: round(item.mean, 4) for name, item in run.overall.items() if name not in UNGATED}
    return {"cases_digest": run.cases_digest, "figures": figures, "floors": _make_floors(run)}


def _make_floors(run: Run) -> dict[str, float]:
    floors = {}
    for name, item in run.overall.items():
        if name not in UNGATED:
            slack = 0.0 if name in EXACT else SLACK
            floors[name] = round(item.mean * (1 + slack if name in LOWER_IS_BETTER else 1 - slack), 4)
    return floors


def _rounded(item: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in item.items()}


def _imperfect_scores(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        for name, score in read_scores(row).items():
            if isinstance(score, float) and score != _perfect(name) and name not in {"answer_words", *UNGATED}:
                found.setdefault(name, {})[row["id"]] = round(score, 4)
    return found


def _perfect(metric: str) -> float:
    return 0.0 if metric in LOWER_IS_BETTER else 1.0


def check_floors(run: Run, baseline: Mapping[str, Any], *, is_fast: bool = False) -> list[Failure]:
    """What fell under its committed floor; empty where the run may pass.

    Raises `UsageError` where the floors were taken on other cases or another corpus, which no figure can be compared with.
    """
    part = baseline["fast" if is_fast else "full"]
    for name, expected, got in (
        ("cases", part["cases_digest"], run.cases_digest),
        ("corpus", baseline["corpus_version"], run.corpus_version),
    ):
        if expected != got:
            raise UsageError(
                f"gate: expected the {name} that the floors were taken on ({expected[:19]}…); got {got[:19]}…; run on the "
                "bundled ones, or take new floors with --update --allow-regression"
            )
    failures = []
    for name, floor in part["floors"].items():
        found = run.overall.get(name)
        if found is None or _is_worse(name, round(found.mean, 4), floor):
            failures.append(
                Failure(name, floor, found.mean if found else None, _worse_cases(name, run.rows, baseline["scores"]))
            )
    return failures


def _is_worse(metric: str, value: float, floor: float) -> bool:
    return value > floor if metric in LOWER_IS_BETTER else value < floor


def _worse_cases(metric: str, rows: Sequence[Row], known: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """The cases that lost most against their committed scores, worst first."""
    losses = []
    for row in rows:
        score = read_scores(row).get(metric)
        before = known.get(metric, {}).get(row["id"], _perfect(metric))
        if isinstance(score, float) and _is_worse(metric, round(score, 4), before):
            losses.append((-abs(score - before), str(row["id"])))
    return tuple(id_ for _, id_ in sorted(losses)[:MOST_CASES_NAMED])


def raise_floors(
    old: Mapping[str, Any] | None, new: Mapping[str, Any], *, allow_regression: bool = False
) -> dict[str, Any]:
    """The baseline to commit: new figures, each with the stricter of its old and its new floor.

    Raises `UsageError` where a figure is under its old floor, or where the old floors are over other cases or another
    corpus, unless that is allowed; then the new floors stand alone.
    """
    if old is None or allow_regression:
        return dict(new)
    faults = [fault for part in ("full", "fast") for fault in _find_falls(old, new, part)]
    if faults:
        raise UsageError(
            f"--update: expected no floor to fall; got {'; '.join(faults)}; mend it, or lower them with "
            "--allow-regression and a line in the CHANGELOG"
        )
    merged = dict(new)
    for part in ("full", "fast"):
        floors = {
            name: old[part]["floors"][name] if _is_worse(name, floor, old[part]["floors"].get(name, floor)) else floor
            for name, floor in new[part]["floors"].items()
        }
        merged[part] = {**new[part], "floors": floors}
    return merged


def _find_falls(old: Mapping[str, Any], new: Mapping[str, Any], part: str) -> list[str]:
    before, after = old[part], new[part]
    if (before["cases_digest"], old["corpus_version"]) != (after["cases_digest"], new["corpus_version"]):
        return [f"{part}: floors over other cases or another corpus"]
    return [
        f"{part} {name}: floor {floor}, now {after['figures'].get(name, 'nothing')}"
        for name, floor in before["floors"].items()
        if name not in after["figures"] or _is_worse(name, after["figures"][name], floor)
    ]


def read_baseline(path: Path = BASELINE_FILE) -> dict[str, Any] | None:
    """The committed floors, or None where there are none."""
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def write_baseline(baseline: Mapping[str, Any], path: Path = BASELINE_FILE) -> None:
    """Commit floors to a file, a figure a line."""
    path.write_text(json.dumps(baseline, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def is_current(baseline: Mapping[str, Any], cases: Sequence[Case]) -> bool:
    """Whether the floors were taken on these cases."""
    asked = [case for case in cases if not case.is_claim]
    full, fast = digest_cases(asked), digest_cases(pick_fast(asked))
    return bool(baseline["full"]["cases_digest"] == full and baseline["fast"]["cases_digest"] == fast)
