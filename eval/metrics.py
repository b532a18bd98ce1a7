"""Metrics of answers and rankings: each a small dataclass with one method, pure, from a case and what came back.

Citation recall and precision follow Gao et al. 2023, "Enabling Large Language Models to Generate Text with Citations"
(ALCE, arXiv 2305.14627), with needed facts in the place of an entailment model: a citation counts when its quote holds
the fact. A metric returns None for a case it says nothing about.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from briefbot.eval.cases import Case
from briefbot.eval.matching import holds_fact


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system did with a case: its answer as API JSON, the documents it ranked, the texts of those it cited."""

    answer: Mapping[str, Any]
    ranked_documents: Sequence[str]
    texts: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


class Metric(Protocol):
    """Anything that scores one case."""

    @property
    def name(self) -> str:
        """What the figure is called."""

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """A number for this case, or None where the metric does not apply."""


def _distinct(ids: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ids))


@dataclass(frozen=True, slots=True)
class DocumentRecall:
    """Whether one of the documents that hold the facts is among the first `k` ranked."""

    k: int

    @property
    def name(self) -> str:
        """Such as document_recall@5."""
        return f"document_recall@{self.k}"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0."""
        if not case.is_answerable:
            return None
        return float(not set(_distinct(outcome.ranked_documents)[: self.k]).isdisjoint(case.documents))


@dataclass(frozen=True, slots=True)
class FactRecall:
    """The share of needed facts that the answer's text holds."""

    name: str = "fact_recall"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1."""
        if not case.is_answerable:
            return None
        return sum(holds_fact(outcome.answer["text"], fact) for fact in case.needed) / len(case.needed)


@dataclass(frozen=True, slots=True)
class CitationRecall:
    """Of the needed facts that the answer states, the share that a quote cited by a statement with the fact holds."""

    name: str = "citation_recall"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1; None where no needed fact is stated."""
        if not case.is_answerable:
            return None
        stated = [fact for fact in case.needed if holds_fact(outcome.answer["text"], fact)]
        if not stated:
            return None
        quotes = {citation["number"]: citation["quote"] for citation in outcome.answer["citations"]}
        supported = sum(
            any(
                holds_fact(statement["text"], fact)
                and any(holds_fact(quotes.get(number, ""), fact) for number in statement["citations"])
                for statement in outcome.answer["statements"]
            )
            for fact in stated
        )
        return supported / len(stated)


@dataclass(frozen=True, slots=True)
class CitationPrecision:
    """The share of citations whose document is one that holds needed facts, or whose quote holds one itself."""

    name: str = "citation_precision"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1; None where nothing is cited."""
        citations = outcome.answer["citations"]
        if not case.is_answerable or not citations:
            return None
        good = sum(
            citation["document"]["id"] in case.documents
            or any(holds_fact(citation["quote"], fact) for fact in case.needed)
            for citation in citations
        )
        return good / len(citations)


@dataclass(frozen=True, slots=True)
class Integrity:
    """Whether every quote stands in its document at its offsets, every mark resolves and every statement is in place."""

    name: str = "integrity"

    def score(self, case: Case, outcome: Outcome) -> float | None:  # noqa: ARG002 - holds for every case
        """1 or 0; None where nothing is cited."""
        answer = outcome.answer
        if not answer["citations"]:
            return None
        quotes = all(
            outcome.texts.get(item["document"]["id"], "")[item["start"] : item["end"]] == item["quote"] != ""
            for item in answer["citations"]
        )
        numbers = [item["number"] for item in answer["citations"]] == list(range(1, len(answer["citations"]) + 1))
        statements = all(answer["text"][item["start"] : item["end"]] == item["text"] for item in answer["statements"])
        marks = all(f"[{item['number']}]" in answer["text"] for item in answer["citations"])
        return float(quotes and numbers and statements and marks)


@dataclass(frozen=True, slots=True)
class NoLeak:
    """Whether nothing cited was published after the day the question is asked as of."""

    name: str = "as_of_kept"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for questions without such a day."""
        if case.as_of is None:
            return None
        days = [citation["document"]["published"] for citation in outcome.answer["citations"]]
        return float(all(day is not None and day <= case.as_of.isoformat() for day in days))


@dataclass(frozen=True, slots=True)
class NothingForbidden:
    """Whether no forbidden document is cited."""

    name: str = "nothing_forbidden"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None where nothing is forbidden."""
        if not case.forbidden_documents:
            return None
        cited = {citation["document"]["id"] for citation in outcome.answer["citations"]}
        return float(cited.isdisjoint(case.forbidden_documents))


@dataclass(frozen=True, slots=True)
class Abstention:
    """Whether a question without an answer in the corpus is left unanswered."""

    name: str = "abstention_recall"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for questions with an answer."""
        return float(outcome.answer["abstained"]) if case.outcome == "abstain" else None


@dataclass(frozen=True, slots=True)
class FalseAbstention:
    """Whether a question with an answer in the corpus is left unanswered (lower is better)."""

    name: str = "false_abstention"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for questions without an answer."""
        return float(outcome.answer["abstained"]) if case.outcome == "answer" else None


@dataclass(frozen=True, slots=True)
class AnswerLength:
    """Words of the answer; two Chinese characters count as one."""

    name: str = "answer_words"

    def score(self, case: Case, outcome: Outcome) -> float | None:  # noqa: ARG002 - holds for every case
        """A count; None for abstentions."""
        if outcome.answer["abstained"]:
            return None
        text = str(outcome.answer["text"])
        han = sum("\u4e00" <= char <= "\u9fff" for char in text)
        return han / 2 + len([word for word in text.split() if any(char.isascii() and char.isalnum() for char in word)])


METRICS: tuple[Metric, ...] = (
    DocumentRecall(1),
    DocumentRecall(5),
    FactRecall(),
    CitationRecall(),
    CitationPrecision(),
    Integrity(),
    NoLeak(),
    NothingForbidden(),
    Abstention(),
    FalseAbstention(),
    AnswerLength(),
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its bootstrap confidence interval over `count` cases."""

    mean: float
    low: float
    high: float
    count: int


def estimate_mean(values: Sequence[float], *, resamples: int = 1000, seed: int = 0) -> Estimate | None:
    """The mean with its 95 % percentile bootstrap interval (Efron 1979); None of nothing. The same seed, the same interval."""
    if not values:
        return None
    rng = random.Random(seed)  # noqa: S311 - resampling, not secrets
    size = len(values)
    means = sorted(math.fsum(rng.choices(values, k=size)) / size for _ in range(resamples))
    low, high = means[int(0.025 * resamples)], means[min(resamples - 1, int(0.975 * resamples))]
    return Estimate(math.fsum(values) / size, low, high, size)


def score_all(
    pairs: Sequence[tuple[Case, Outcome]],
    metrics: Sequence[Metric] = METRICS,
    *,
    keep: Callable[[Case], bool] | None = None,
) -> dict[str, Estimate]:
    """Every metric's estimate over the cases kept."""
    estimates: dict[str, Estimate] = {}
    for metric in metrics:
        scores = [metric.score(case, outcome) for case, outcome in pairs if keep is None or keep(case)]
        found = estimate_mean([score for score in scores if score is not None])
        if found is not None:
            estimates[metric.name] = found
    return estimates
