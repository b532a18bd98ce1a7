"""Metrics of answers: each a small dataclass with one method, pure, from a case and what came back.

Citation recall and precision follow Gao et al. 2023, "Enabling Large Language Models to Generate Text with Citations"
(ALCE, arXiv 2305.14627, section 4), with facts in the place of an entailment model: a quote supports a statement where it
holds the needed facts, numbers and dates the statement states. A metric returns None for a case it says nothing about.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from briefbot.eval.cases import Case, NeededFact, StatusTable
from briefbot.eval.matching import holds_fact, normalise, plain_brackets
from briefbot.eval.ranking import ndcg_at, reciprocal_rank_at, success_at
from briefbot.eval.statistics import Estimate, Ratio, estimate

_FIGURE = re.compile(r"@\d{4}(?:-\d\d)*|#[\d.e+]+[;%]")
_YEAR = re.compile(r"^#((?:19|20)\d\d);$")
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]{2,}")
CHINA_TIME = dt.timezone(dt.timedelta(hours=8))
LEAST_SHARED_WORDS = 0.6
"""Part of the words of a statement without figures and needed facts that its quotes must hold."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system did with a case: its answer as the API's JSON, the documents it ranked, and those it cited, by id.

    `documents` holds metadata and full text as `GET /v1/documents/{id}` gives them.
    """

    answer: Mapping[str, Any]
    ranked_documents: Sequence[str]
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    error: str | None = None


class Metric(Protocol):
    """Anything that scores one case."""

    @property
    def name(self) -> str:
        """What the figure is called."""

    def score(self, case: Case, outcome: Outcome) -> float | Ratio | None:
        """A number for this case, or None where the metric does not apply."""


# ------------------------------------------------------------------ retrieval


@dataclass(frozen=True, slots=True)
class DocumentRecall:
    """Whether one of the documents that hold the facts is among the first `k` ranked."""

    k: int

    @property
    def name(self) -> str:
        """Such as document_recall@5."""
        return f"document_recall@{self.k}"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for questions without an answer."""
        return success_at(outcome.ranked_documents, case.documents, self.k) if case.is_answerable else None


@dataclass(frozen=True, slots=True)
class DocumentNdcg:
    """nDCG@10 of the ranked documents, each that holds needed facts being relevant."""

    name: str = "document_ndcg@10"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1; None for questions without an answer."""
        return ndcg_at(outcome.ranked_documents, dict.fromkeys(case.documents, 1), 10) if case.is_answerable else None


@dataclass(frozen=True, slots=True)
class DocumentMrr:
    """The reciprocal rank of the first document that holds needed facts, among ten."""

    name: str = "document_mrr@10"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1; None for questions without an answer."""
        return reciprocal_rank_at(outcome.ranked_documents, case.documents, 10) if case.is_answerable else None


# ---------------------------------------------------------------------- facts


def missing_facts(case: Case, outcome: Outcome) -> list[NeededFact]:
    """The needed facts that the answer's text does not hold."""
    return [fact for fact in case.needed if not holds_fact(outcome.answer["text"], fact)]


@dataclass(frozen=True, slots=True)
class FactRecall:
    """The share of needed facts that the answer's text holds."""

    name: str = "fact_recall"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1; None for questions without an answer, and for false premises, which `PremiseHandled` judges."""
        if case.outcome != "answer":
            return None
        return 1.0 - len(missing_facts(case, outcome)) / len(case.needed)


@dataclass(frozen=True, slots=True)
class FactPrecision:
    """The share of the answer's statements that hold a needed fact; the rest is context, or beside the point."""

    name: str = "fact_precision"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1; None where nothing is stated."""
        statements = outcome.answer["statements"]
        if not case.is_answerable or not statements:
            return None
        return sum(any(holds_fact(item["text"], fact) for fact in case.needed) for item in statements) / len(statements)


@dataclass(frozen=True, slots=True)
class PremiseHandled:
    """Whether a question with a false premise is corrected (all its facts are there) or left unanswered."""

    name: str = "premise_handled"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for other questions."""
        if case.outcome != "correct":
            return None
        return float(bool(outcome.answer["abstained"]) or not missing_facts(case, outcome))


# ------------------------------------------------------------------ citations


def _figures(text: str) -> set[str]:
    """Numbers and dates of a text in plain form; a number that reads as a year is one."""
    return {_YEAR.sub(r"@\1", figure) for figure in _FIGURE.findall(normalise(text))}


def _holds_figures(wanted: set[str], text: str) -> bool:
    """Whether a text holds these figures; a day holds its month and year."""
    held = _figures(text)
    return all(figure in held or any(other.startswith(f"{figure}-") for other in held) for figure in wanted)


def _shares_words(statement: str, quote: str) -> bool:
    held = normalise(quote)
    tokens = set(re.findall(r"[a-z]{3,}|[\u3400-\u9fff]", normalise(statement)))
    return not tokens or sum(token in held for token in tokens) >= LEAST_SHARED_WORDS * len(tokens)


def supports(quotes: str, statement: str, needed: Sequence[NeededFact]) -> bool:
    """Whether quotes hold all that a statement states: its needed facts, its numbers and dates, and most of its words."""
    stated = [fact for fact in needed if holds_fact(statement, fact)]
    return (
        all(holds_fact(quotes, fact) for fact in stated)
        and _holds_figures(_figures(statement), quotes)
        and _shares_words(statement, quotes)
    )


def _quotes(outcome: Outcome, statement: Mapping[str, Any]) -> list[str]:
    quotes = {item["number"]: item["quote"] for item in outcome.answer["citations"]}
    return [quotes.get(number, "") for number in statement["citations"]]


@dataclass(frozen=True, slots=True)
class CitationRecall:
    """The share of statements that their quotes together support; a needed fact stated outside any statement counts as one

    that nothing supports.
    """

    name: str = "citation_recall"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1; None where nothing is stated."""
        statements = outcome.answer["statements"]
        if not statements:
            return None
        supported = sum(supports(" ".join(_quotes(outcome, item)), item["text"], case.needed) for item in statements)
        stray = sum(
            holds_fact(outcome.answer["text"], fact) and not any(holds_fact(item["text"], fact) for item in statements)
            for fact in case.needed
        )
        return supported / (len(statements) + stray)


@dataclass(frozen=True, slots=True)
class CitationPrecision:
    """The share of citations that are not irrelevant: one counts where its quote alone supports its statement, or where the

    statement is supported with it and not without it.
    """

    name: str = "citation_precision"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1; None where nothing is cited."""
        good = total = 0
        for statement in outcome.answer["statements"]:
            quotes = _quotes(outcome, statement)
            together = supports(" ".join(quotes), statement["text"], case.needed)
            for row, quote in enumerate(quotes):
                total += 1
                others = " ".join(quotes[:row] + quotes[row + 1 :])
                good += supports(quote, statement["text"], case.needed) or (
                    together and not supports(others, statement["text"], case.needed)
                )
        return good / total if total else None


@dataclass(frozen=True, slots=True)
class SourcePrecision:
    """The share of citations that point at a document that holds needed facts, or whose quote holds one itself.

    Stricter than ALCE's precision, which a sentence quoted beside the point passes.
    """

    name: str = "source_precision"

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
        """1 or 0; None where nothing is cited or stated."""
        answer = outcome.answer
        if not answer["citations"] and not answer["statements"]:
            return None
        quotes = all(
            outcome.documents.get(item["document"]["id"], {}).get("text", "")[item["start"] : item["end"]]
            == item["quote"]
            != ""
            for item in answer["citations"]
        )
        count = len(answer["citations"])
        in_order = [item["number"] for item in answer["citations"]] == list(range(1, count + 1))
        statements = all(answer["text"][item["start"] : item["end"]] == item["text"] for item in answer["statements"])
        cited = all(item["citations"] for item in answer["statements"])
        marks = {int(number) for number in re.findall(r"\[(\d{1,3})\]", answer["text"])} == set(range(1, count + 1))
        verbatim = all(
            item["support"] != "verbatim" or _is_quoted(item["text"], _quotes(outcome, item))
            for item in answer["statements"]
        )
        return float(quotes and in_order and statements and cited and marks and verbatim)


def _is_quoted(statement: str, quotes: Sequence[str]) -> bool:
    """Whether a statement's words without marks are those of its quotes."""
    bare = plain_brackets(re.sub(r"\[\d{1,3}\]|\s", "", statement))
    return bare in plain_brackets(re.sub(r"\s", "", "".join(quotes)))


# ------------------------------------------- dates, filters, versions, language


@dataclass(frozen=True, slots=True)
class AsOfKept:
    """Whether nothing cited was published after the day the question is asked as of."""

    name: str = "as_of_kept"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for questions without such a day, and where nothing is cited."""
        days = [citation["document"]["published"] for citation in outcome.answer["citations"]]
        if case.as_of is None or not days:
            return None
        return float(all(day is not None and day <= case.as_of.isoformat() for day in days))


@dataclass(frozen=True, slots=True)
class FiltersKept:
    """Whether every cited document is one that the filters let through."""

    name: str = "filters_kept"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for questions without filters, and where nothing is cited."""
        documents = [citation["document"] for citation in outcome.answer["citations"]]
        if not case.filters or not documents:
            return None
        return float(all(_passes(document, case.filters) for document in documents))


_FIELD_OF_FILTER = {"topic": "topics", "document_id": "id"}


def _passes(document: Mapping[str, Any], filters: Mapping[str, Sequence[str]]) -> bool:
    for name, allowed in filters.items():
        value = document[_FIELD_OF_FILTER.get(name, name)]
        values = set(value) if isinstance(value, list) else {value}
        if values.isdisjoint(allowed):
            return False
    return True


@dataclass(frozen=True, slots=True)
class StatusRight:
    """The share of citations whose document is shown with the legal status it had on the day, by a table made by hand."""

    table: StatusTable
    name: str = "status_right"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """0 to 1; None where no cited document is in the table."""
        day = case.as_of or dt.datetime.now(CHINA_TIME).date()
        pairs = [
            (citation["document"]["status"], self.table.status_on(citation["document"]["id"], day))
            for citation in outcome.answer["citations"]
        ]
        known = [shown == expected for shown, expected in pairs if expected is not None]
        return sum(known) / len(known) if known else None


@dataclass(frozen=True, slots=True)
class NothingForbidden:
    """Whether no forbidden document is cited: a version that is wrong for the day, a text outside the filters."""

    name: str = "nothing_forbidden"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None where nothing is forbidden or nothing cited."""
        cited = {citation["document"]["id"] for citation in outcome.answer["citations"]}
        if not case.forbidden_documents or not cited:
            return None
        return float(cited.isdisjoint(case.forbidden_documents))


@dataclass(frozen=True, slots=True)
class LanguageKept:
    """Whether the answer speaks the question's language: a sentence quoted in the other one comes after words in the first."""

    name: str = "language_kept"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for an empty answer."""
        answer = outcome.answer
        if not answer["text"]:
            return None
        if answer["language"] != case.language:
            return 0.0
        if not answer["statements"]:
            return float(_is_in(answer["text"], case.language))
        own_words, position = "", 0
        for statement in answer["statements"]:
            own_words += answer["text"][position : statement["start"]]
            position = statement["end"]
            spoken = own_words if re.search(r"\w", own_words) else statement["text"]
            if not _is_in(spoken, case.language):
                return 0.0
        return 1.0


def _is_in(text: str, language: str) -> bool:
    """Whether a text is mainly in a language; a Chinese character says about as much as a word."""
    han, words = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    return han > words if language == "zh" else words >= han


# ------------------------------------------------------------------ abstention


@dataclass(frozen=True, slots=True)
class AbstentionRecall:
    """Whether a question without an answer in the corpus is left unanswered."""

    name: str = "abstention_recall"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for questions with an answer."""
        return float(outcome.answer["abstained"]) if case.outcome == "abstain" else None


@dataclass(frozen=True, slots=True)
class AbstentionPrecision:
    """Whether a question left unanswered has no answer in the corpus; of false premises neither is wrong."""

    name: str = "abstention_precision"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for questions that were answered."""
        if not outcome.answer["abstained"] or case.outcome not in {"answer", "abstain"}:
            return None
        return float(case.outcome == "abstain")


@dataclass(frozen=True, slots=True)
class AbstentionF1:
    """The harmonic mean of abstention precision and recall, over all cases together."""

    name: str = "abstention_f1"

    def score(self, case: Case, outcome: Outcome) -> Ratio | None:
        """Twice the hits over twice the hits and the two sorts of error; None for false premises and right answers."""
        if case.outcome not in {"answer", "abstain"}:
            return None
        ought, did = case.outcome == "abstain", bool(outcome.answer["abstained"])
        if not ought and not did:
            return None
        return Ratio(2.0, 2.0) if ought and did else Ratio(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class FalseAbstention:
    """Whether a question with an answer in the corpus is left unanswered (lower is better)."""

    name: str = "false_abstention"

    def score(self, case: Case, outcome: Outcome) -> float | None:
        """1 or 0; None for questions without an answer."""
        return float(outcome.answer["abstained"]) if case.outcome == "answer" else None


# -------------------------------------------------------------- length, tokens


@dataclass(frozen=True, slots=True)
class AnswerLength:
    """Words of the answer; two Chinese characters count as one (lower is better)."""

    name: str = "answer_words"

    def score(self, case: Case, outcome: Outcome) -> float | None:  # noqa: ARG002 - holds for every case
        """A count; None for abstentions."""
        if outcome.answer["abstained"]:
            return None
        text = str(outcome.answer["text"])
        han = sum("\u4e00" <= char <= "\u9fff" for char in text)
        return han / 2 + len([word for word in text.split() if any(char.isascii() and char.isalnum() for char in word)])


@dataclass(frozen=True, slots=True)
class ModelTokens:
    """Tokens that a language model read and wrote for the answer (lower is better)."""

    name: str = "model_tokens"

    def score(self, case: Case, outcome: Outcome) -> float | None:  # noqa: ARG002 - holds for every case
        """A count; None where no model was asked."""
        tokens = outcome.answer.get("tokens") or {}
        return float(sum(tokens.values())) or None


LOWER_IS_BETTER = frozenset({"false_abstention", "answer_words", "model_tokens"})

EXACT = frozenset({"integrity", "as_of_kept", "filters_kept", "language_kept"})
"""Metrics that hold for every answer or are broken: their floors have no slack."""


def make_metrics(statuses: StatusTable) -> tuple[Metric, ...]:
    """All metrics, in the order they are shown."""
    return (
        DocumentRecall(1),
        DocumentRecall(5),
        DocumentNdcg(),
        DocumentMrr(),
        FactRecall(),
        FactPrecision(),
        PremiseHandled(),
        CitationRecall(),
        CitationPrecision(),
        SourcePrecision(),
        Integrity(),
        AsOfKept(),
        FiltersKept(),
        StatusRight(statuses),
        NothingForbidden(),
        LanguageKept(),
        AbstentionRecall(),
        AbstentionPrecision(),
        AbstentionF1(),
        FalseAbstention(),
        AnswerLength(),
        ModelTokens(),
    )


Score = float | Ratio
Scores = Mapping[str, Score]


def score_case(case: Case, outcome: Outcome, metrics: Sequence[Metric]) -> dict[str, Score]:
    """Every metric that says something about a case."""
    scores = ((metric.name, metric.score(case, outcome)) for metric in metrics)
    return {name: score for name, score in scores if score is not None}


def estimate_all(rows: Sequence[Scores], *, keep: Callable[[str], bool] = lambda _name: True) -> dict[str, Estimate]:
    """Every metric's figure over cases, in the order the metrics first appear."""
    names = dict.fromkeys(name for scores in rows for name in scores if keep(name))
    found = {name: estimate([scores[name] for scores in rows if name in scores]) for name in names}
    return {name: item for name, item in found.items() if item is not None}
