"""Figures as tables: for the terminal, and as Markdown for the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from briefbot.eval.metrics import LOWER_IS_BETTER
from briefbot.eval.runner import Run
from briefbot.eval.statistics import Estimate
from briefbot.eval.systems import DESCRIPTIONS

MEANINGS: Mapping[str, str] = {
    "document_recall@1": "a right document comes first",
    "document_recall@5": "a right document is among the first five",
    "document_ndcg@10": "right documents stand high among the first ten",
    "document_mrr@10": "1 / place of the first right document",
    "fact_recall": "needed facts that the answer states",
    "fact_precision": "statements that hold a needed fact",
    "premise_handled": "false premises corrected or withheld",
    "citation_recall": "statements that their quotes support",
    "citation_precision": "citations that support their statement",
    "source_precision": "citations from a right document",
    "integrity": "quotes word for word at their offsets",
    "as_of_kept": "nothing cited from after the day asked about",
    "filters_kept": "nothing cited that the filters exclude",
    "status_right": "legal status shown as on the day",
    "nothing_forbidden": "no wrong version cited",
    "language_kept": "answers in the question's language",
    "abstention_recall": "unanswerable questions left unanswered",
    "abstention_precision": "abstentions that were right",
    "abstention_f1": "both of these together",
    "false_abstention": "answerable questions left unanswered",
    "answer_words": "words of an answer",
    "model_tokens": "tokens of a language model for an answer",
}
"""Every metric in plain words."""

SHOWN_BY_GROUP = ("document_recall@1", "document_recall@5", "fact_recall", "source_precision", "false_abstention")
SHOWN_IN_README = (
    "document_recall@1", "document_recall@5", "fact_recall", "citation_recall", "citation_precision", "source_precision",
    "integrity", "as_of_kept", "status_right", "premise_handled", "abstention_recall", "false_abstention", "answer_words",
)  # fmt: skip


def format_figure(value: float) -> str:
    """Three digits behind the point for shares, one for counts."""
    return f"{value:.1f}" if abs(value) > 2 else f"{value:.3f}"


def format_interval(item: Estimate) -> str:
    """The 95 % interval."""
    return f"[{format_figure(item.low)}, {format_figure(item.high)}]"


def direction_of(metric: str) -> str:
    """Whether more or less of it is better."""
    return "lower is better" if metric in LOWER_IS_BETTER else "higher is better"


def render_runs(runs: Sequence[Run]) -> str:
    """The first run with its intervals, groups and times, then every run side by side, for the terminal."""
    first = runs[0]
    lines = [f"{first.system} ({first.mode}): {first.cases} cases, corpus {first.corpus_version[:19]}…", ""]
    lines.append(f"{'metric':<22}{'mean':>8}  {'95 % interval':<18}{'cases':>6}  meaning")
    for name, item in first.overall.items():
        lines.append(
            f"{name:<22}{format_figure(item.mean):>8}  {format_interval(item):<18}{item.count:>6}  {MEANINGS.get(name, '')}"
        )
    lines += ["", f"{'':<22}" + "".join(f"{name:>19}" for name in SHOWN_BY_GROUP)]
    for by, groups in first.groups.items():
        lines.append(f"by {by}")
        for group, estimates in groups.items():
            cells = (format_figure(estimates[name].mean) if name in estimates else "–" for name in SHOWN_BY_GROUP)
            lines.append(f"  {group:<20}" + "".join(f"{cell:>19}" for cell in cells))
    if first.latency_ms:
        stages = ", ".join(
            f"{stage} {times['p50']:.0f} / {times['p95']:.0f}" for stage, times in first.latency_ms.items()
        )
        lines += ["", f"milliseconds, median / 95th percentile: {stages}"]
    if len(runs) > 1:
        lines += ["", *_render_side_by_side(runs)]
    return "\n".join(lines)


def _render_side_by_side(runs: Sequence[Run]) -> list[str]:
    width = max(19, *(len(run.system) + 2 for run in runs))
    lines = [f"{'systems':<22}" + "".join(f"{run.system:>{width}}" for run in runs)]
    for name in dict.fromkeys(name for run in runs for name in run.overall):
        cells = (format_figure(run.overall[name].mean) if name in run.overall else "–" for run in runs)
        lines.append(f"{name:<22}" + "".join(f"{cell:>{width}}" for cell in cells))
    return lines


def render_markdown(scoreboard: Mapping[str, Mapping[str, Mapping[str, Any]]], names: Sequence[str] = ()) -> str:
    """The committed scoreboard as a Markdown table: metrics down, systems across, the first with its 95 % interval."""
    systems = list(scoreboard)
    first = systems[0]
    header = ["figure", *(f"{first}, 95 % interval" if system == first else system for system in systems)]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for name in names or SHOWN_IN_README:
        cells = []
        for system in systems:
            item = scoreboard[system].get(name)
            if item is None:
                cells.append("–")
            elif system == first:
                estimate = Estimate(item["mean"], item["low"], item["high"], int(item["count"]))
                cells.append(f"**{format_figure(estimate.mean)}** {format_interval(estimate)}")
            else:
                cells.append(format_figure(item["mean"]))
        lines.append(f"| {MEANINGS[name]} (`{name}`) | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def describe_systems(names: Sequence[str]) -> list[str]:
    """One line a system on what it is."""
    return [f"{name}: {DESCRIPTIONS[name]}" for name in names if name in DESCRIPTIONS]  # type: ignore[index]  # checked
