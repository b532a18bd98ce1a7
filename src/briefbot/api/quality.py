"""GET /v1/quality: the latest scoreboard of the evaluation suite, in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

from anyio.to_thread import run_sync

from briefbot.api.coverage_schemas import MetricOut, QualityOut, SystemOut
from briefbot.api.routes import make_router
from briefbot.errors import NotFoundError

quality = make_router()


class _Words(NamedTuple):
    name: str
    name_zh: str
    explanation: str
    explanation_zh: str
    better: Literal["higher", "lower"] = "higher"


_METRICS: Mapping[str, _Words] = {
    "document_recall@1": _Words(
        "Right source first", "首个来源正确",
        "Share of questions whose first source is one that holds the answer", "首个来源即含答案的问题占比",
    ),
    "document_recall@5": _Words(
        "Right source among five", "前五个来源含正确来源",
        "Share of questions with such a source among the first five", "前五个来源中有含答案来源的问题占比",
    ),
    "fact_recall": _Words(
        "Needed facts stated", "应有事实的覆盖",
        "Share of the facts in the reference answer that the answer states", "参考答案中的事实有多少在回答中出现",
    ),
    "citation_recall": _Words(
        "Statements borne out", "陈述有据",
        "Share of statements that the quoted words support", "得到引文支持的陈述占比",
    ),
    "citation_precision": _Words(
        "Citations that support", "引文相符",
        "Share of citations that support their statement", "支持其陈述的引文占比",
    ),
    "source_precision": _Words(
        "Citations from a right source", "引自正确来源",
        "Share of citations from a source that the reference names", "引自参考答案所列来源的引文占比",
    ),
    "integrity": _Words(
        "Quotes word for word", "引文逐字相符",
        "Share of quotes that stand word for word at their place in the source", "在来源中逐字可查的引文占比",
    ),
    "as_of_kept": _Words(
        "The day asked about is kept", "遵守截至日期",
        "Share of dated questions with nothing cited from after their day", "限定日期的问题中未引用其后文件的占比",
    ),
    "status_right": _Words(
        "Legal status right", "法律状态正确",
        "Share of cited documents shown with the status they had on the day", "所引文件按当日状态显示的占比",
    ),
    "premise_handled": _Words(
        "False premises noticed", "识别错误前提",
        "Share of questions with a false premise that are corrected or not answered", "含错误前提的问题得到纠正或不予回答的占比",
    ),
    "abstention_recall": _Words(
        "Unanswerable left open", "无据则不答",
        "Share of questions the corpus cannot answer that are left unanswered", "资料库无法回答的问题中未作回答的占比",
    ),
    "false_abstention": _Words(
        "Answerable left open", "误拒",
        "Share of answerable questions that are left unanswered", "本可回答却未回答的问题占比", "lower",
    ),
    "answer_words": _Words(
        "Words of an answer", "回答字数", "Average length of an answer, in words", "回答的平均长度（词）", "lower",
    ),
}  # fmt: skip

_SYSTEMS: Mapping[str, tuple[str, str]] = {
    "briefbot": ("briefbot", "briefbot"),
    "nearest-sentences": ("Nearest sentences", "最近的句子"),
    "bm25": ("Full-text search", "全文检索"),
    "naive": ("LlamaIndex as it comes", "LlamaIndex 默认方式"),
}
"""The product and the usual choices; its own variants are for its developers, in the README."""


@quality.get("/quality", tags=["corpus"], summary="How good the answers are")
async def get_quality() -> QualityOut:
    """The latest scores of the evaluation suite, which `briefbot eval run` makes anew."""
    return await run_sync(_read_scoreboard)


@cache
def _read_scoreboard() -> QualityOut:
    """The figures that come with the package; `NotFoundError` where there are none."""
    try:
        text = resources.files("briefbot.eval").joinpath("baseline.json").read_text(encoding="utf-8")
        return _describe(json.loads(text))
    except (OSError, ModuleNotFoundError, KeyError, ValueError) as error:
        raise NotFoundError(
            "expected a scoreboard in eval/baseline.json; got none; make one with `briefbot eval run --system all --update`"
        ) from error


def _describe(baseline: Mapping[str, Any]) -> QualityOut:
    """The scoreboard of a baseline, which is only ever made from the questions of both splits."""
    scoreboard: Mapping[str, Mapping[str, Mapping[str, Any]]] = baseline["scoreboard"]
    return QualityOut(
        measured_on=baseline.get("measured_on"),
        split="all",
        cases=max(int(item["count"]) for item in scoreboard["briefbot"].values()),
        corpus_version=baseline["corpus_version"],
        metrics=[MetricOut(id=id_, **words._asdict()) for id_, words in _METRICS.items()],
        systems=[_describe_system(id_, scoreboard[id_]) for id_ in _SYSTEMS if id_ in scoreboard],
    )


def _describe_system(id_: str, figures: Mapping[str, Mapping[str, Any]]) -> SystemOut:
    name, name_zh = _SYSTEMS[id_]
    measured = {metric: figures[metric] for metric in _METRICS if metric in figures}
    return SystemOut(
        id=id_,
        name=name,
        name_zh=name_zh,
        is_ours=id_ == "briefbot",
        values={metric: measured[metric]["mean"] if metric in measured else None for metric in _METRICS},
        intervals={metric: (found["low"], found["high"]) for metric, found in measured.items() if "low" in found},
    )
