"""The report: one HTML file that loads nothing from elsewhere, with charts, groups, the worst cases and what they lacked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from briefbot.eval.metrics import EXACT, LOWER_IS_BETTER
from briefbot.eval.runner import Row, Run, read_scores
from briefbot.eval.scoreboard import (
    MEANINGS,
    describe_systems,
    direction_of,
    format_figure,
    format_interval,
    render_runs,
)
from briefbot.eval.statistics import Estimate

import briefbot
from briefbot.errors import UsageError

TEMPLATE_FILE = Path(__file__).resolve().parent / "report.html.j2"
MOST_WORST_CASES = 40

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Answers": ("fact_recall", "premise_handled", "fact_precision", "answer_words", "model_tokens"),
    "Citations": ("citation_recall", "citation_precision", "source_precision", "integrity"),
    "Finding": ("document_recall@1", "document_recall@5", "document_ndcg@10", "document_mrr@10"),
    "Dates, versions, filters, language": (
        "as_of_kept", "status_right", "nothing_forbidden", "filters_kept", "language_kept",
    ),
    "Knowing when not to answer": ("abstention_recall", "abstention_precision", "abstention_f1", "false_abstention"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Answering only with at least `threshold` confidence: the share of questions answered, and how many of those rightly."""

    threshold: float
    coverage: float
    precision: float


def measure_curve(rows: Sequence[Row]) -> list[CurvePoint]:
    """The coverage-precision curve (El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification").

    An answer is right as far as it states the needed facts; one to an unanswerable question is wrong. Ordered by falling
    coverage; the first point answers all that was answered.
    """
    answered = [(float(row["confidence"]), rightness(row)) for row in rows if not row["abstained"]]
    points = []
    for threshold in sorted({confidence for confidence, _ in answered}):
        kept = [right for confidence, right in answered if confidence >= threshold]
        points.append(CurvePoint(threshold, len(kept) / len(rows), sum(kept) / len(kept)))
    return points


def rightness(row: Row) -> float:
    """How right an answer or abstention is, 0 to 1: by the metric that judges its sort of case."""
    scores = read_scores(row)
    for name in ("fact_recall", "premise_handled", "abstention_recall"):
        score = scores.get(name)
        if isinstance(score, float):
            return score
    return 0.0


def pick_worst(rows: Sequence[Row], most: int = MOST_WORST_CASES) -> list[Row]:
    """The cases answered worst: broken promises first, then the least right and most confident."""
    faulty = [row for row in rows if _broken(row) or rightness(row) < 1.0]
    return sorted(faulty, key=lambda row: (not _broken(row), rightness(row), -row["confidence"], row["id"]))[:most]


def _broken(row: Row) -> bool:
    return any(row["scores"].get(name) == 0.0 for name in EXACT)


def render_report(runs: Sequence[Run], notes: Sequence[str] = ()) -> str:
    """The HTML of a report over runs; the first is the one reported on, the others stand beside it."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["figure"] = format_figure
    environment.filters["interval"] = format_interval
    template = environment.from_string(TEMPLATE_FILE.read_text(encoding="utf-8"))
    first = runs[0]
    return template.render(
        run=first,
        runs=runs,
        notes=notes,
        systems=describe_systems([run.system for run in runs]),
        version=briefbot.__version__,
        headlines=_headlines(first),
        sections=_sections(runs),
        groups=_groups(first),
        curve=_curve_chart(measure_curve(first.rows)),
        worst=[_show_case(row) for row in pick_worst(first.rows)],
        wrong=sum(rightness(row) < 1.0 for row in first.rows),
        meanings=MEANINGS,
    )


def _headlines(run: Run) -> list[dict[str, str]]:
    """The figures a reader wants first, in words."""
    wanted = {
        "fact_recall": "of the needed facts are in the answers",
        "citation_recall": "of the statements are borne out by their quotes",
        "integrity": "of the quotes are word for word at their place",
        "abstention_recall": "of the unanswerable questions are left unanswered",
        "false_abstention": "of the answerable questions are left unanswered",
    }
    return [
        {
            "figure": f"{run.overall[name].mean:.1%}",
            "words": words,
            "interval": f"95 %: {run.overall[name].low:.1%} to {run.overall[name].high:.1%}, {run.overall[name].count} cases",
        }
        for name, words in wanted.items()
        if name in run.overall
    ]


def _sections(runs: Sequence[Run]) -> list[dict[str, Any]]:
    sections = []
    for title, names in SECTIONS.items():
        metrics = [
            {
                "name": name,
                "meaning": MEANINGS[name],
                "direction": direction_of(name),
                "bars": [_bar(run.system, run.overall.get(name), _scale(runs, name)) for run in runs],
                "best": _best(runs, name),
            }
            for name in names
            if name in runs[0].overall
        ]
        sections.append({"title": title, "metrics": metrics})
    return sections


def _scale(runs: Sequence[Run], name: str) -> float:
    highest = max((run.overall[name].high for run in runs if name in run.overall), default=1.0)
    return 1.0 if highest <= 1.0 else highest


def _best(runs: Sequence[Run], name: str) -> str | None:
    known = [(run.overall[name].mean, run.system) for run in runs if name in run.overall]
    choose = min if name in LOWER_IS_BETTER else max
    return choose(known)[1] if len(known) > 1 else None


def _bar(system: str, item: Estimate | None, scale: float) -> dict[str, Any]:
    """A bar of a chart, lengths in percent of the scale."""
    if item is None:
        return {"system": system, "estimate": None}
    return {
        "system": system,
        "estimate": item,
        "length": 100 * item.mean / scale,
        "low": min(99.4, 100 * item.low / scale),
        "span": max(0.6, 100 * (item.high - item.low) / scale),
    }


def _groups(run: Run) -> list[dict[str, Any]]:
    names = ("document_recall@5", "fact_recall", "citation_recall", "source_precision", "false_abstention")
    titles = {"language": "By language", "split": "By split", "kind": "By kind", "overlap": "By overlap of wording"}
    return [
        {
            "title": titles[by],
            "names": names,
            "rows": [
                {"name": group, "cells": [estimates.get(name) for name in names]} for group, estimates in groups.items()
            ],
        }
        for by, groups in run.groups.items()
    ]


def _curve_chart(points: Sequence[CurvePoint]) -> dict[str, Any]:
    """The curve as an SVG path in a box of 600 by 300 units."""
    thinned = list(points[:: max(1, len(points) // 120)])
    coordinates = [(600 * point.coverage, 300 * (1 - point.precision)) for point in thinned]
    path = " ".join(f"{'M' if number == 0 else 'L'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(coordinates))
    marks = [point for share in (0.9, 0.75, 0.5, 0.25) for point in [_nearest(points, share)] if point]
    return {"path": path, "points": list(dict.fromkeys(marks))}


def _nearest(points: Sequence[CurvePoint], coverage: float) -> CurvePoint | None:
    return min(points, key=lambda point: abs(point.coverage - coverage), default=None)


def _show_case(row: Row) -> dict[str, Any]:
    broken = [name for name in EXACT if row["scores"].get(name) == 0.0]
    return {**row, "rightness": rightness(row), "broken": broken}


def write_report(runs: Sequence[Run], folder: Path, notes: Sequence[str] = ()) -> Path:
    """Write report.html, report.md and run-SYSTEM.json; returns the page's path. Raises `UsageError` where it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for run in runs:
            path = folder / f"run-{run.system}.json"
            path.write_text(json.dumps(run.as_json(), ensure_ascii=False, indent=1), encoding="utf-8")
        (folder / "report.md").write_text(f"```\n{render_runs(runs)}\n```\n", encoding="utf-8")
        page = folder / "report.html"
        page.write_text(render_report(runs, notes), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--report: expected a folder that can be written; got {folder} ({error.strerror or error}); choose another"
        ) from error
    return page
