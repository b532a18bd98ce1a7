"""The gate catches breakages: with each of ten, the reference questions asked again fall under a committed floor that names it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from briefbot.eval.cases import Case, load_cases, pick_fast
from briefbot.eval.gate import check_floors, read_baseline
from briefbot.eval.metrics import Outcome
from briefbot.eval.runner import Run, run_cases
from briefbot.eval.systems import InProcess

from briefbot import answering
from briefbot.answering import Briefbot, Found
from briefbot.models import AbstentionReason, Missing, Mode, Query, ScoredPassage
from briefbot.query import make_query
from briefbot.retrieval import RetrievalParts, Retriever

CASES = pick_fast([case for case in load_cases() if not case.is_claim])


class Recorded:
    """A system that remembers what it answered, or that changes what another one remembered."""

    def __init__(self, system: InProcess, seen: Mapping[str, Outcome] | None = None) -> None:
        self.name = system.name
        self.outcomes: dict[str, Outcome] = {}
        self._system = system
        self._seen = seen or {}
        self.change: Callable[[Outcome], Outcome] | None = None
        self.asks_again: Callable[[Case], bool] = lambda _case: True

    def corpus_version(self) -> str:
        return self._system.corpus_version()

    def ask(self, case: Case, mode: Mode) -> Outcome:
        if self.change and case.id in self._seen:
            return self.change(self._seen[case.id])
        if case.id in self._seen and not self.asks_again(case):
            return self._seen[case.id]
        self.outcomes[case.id] = self._system.ask(case, mode)
        return self.outcomes[case.id]


@pytest.fixture(scope="session")
def recorded(bot: Briefbot) -> Recorded:
    return Recorded(InProcess(bot))


@pytest.fixture(scope="session")
def intact(recorded: Recorded) -> Run:
    return run_cases(recorded, CASES)


def failed_metrics(run: Run) -> set[str]:
    baseline = read_baseline()
    assert baseline is not None
    return {failure.metric for failure in check_floors(run, baseline, is_fast=True)}


@pytest.mark.slow
def test_the_product_as_it_is_passes_the_gate(intact: Run) -> None:
    assert intact.cases >= 150
    assert failed_metrics(intact) == set()


@pytest.mark.slow
def test_asked_again_the_answers_are_the_same_but_for_their_times(bot: Briefbot, intact: Run) -> None:
    cases = CASES[:60]
    again = run_cases(InProcess(bot), cases, workers=1)
    ids = {case.id for case in cases}
    before = replace(intact, rows=[row for row in intact.rows if row["id"] in ids])
    assert again.fingerprint() == before.fingerprint()


# ------------------------------------------------- breakages of a finished answer


def change_answer(outcome: Outcome, **changes: Any) -> Outcome:
    return replace(outcome, answer={**outcome.answer, **changes})


def shift_citations(outcome: Outcome) -> Outcome:
    citations = list(outcome.answer["citations"])
    turned = citations[1:] + citations[:1]
    moved = [{**other, "number": own["number"]} for own, other in zip(citations, turned, strict=True)]
    return change_answer(outcome, citations=moved)


def move_spans(outcome: Outcome) -> Outcome:
    moved = [{**item, "start": item["start"] + 1, "end": item["end"] + 1} for item in outcome.answer["citations"]]
    return change_answer(outcome, citations=moved)


def alter_numbers(outcome: Outcome) -> Outcome:
    def alter(text: str) -> str:
        return re.sub(r"(?<!\[)(?<!\d)\d(?!\])", lambda digit: str((int(digit[0]) + 1) % 10), text)

    answer = outcome.answer
    statements = [{**item, "text": alter(item["text"])} for item in answer["statements"]]
    return change_answer(outcome, text=alter(answer["text"]), statements=statements)


def drop_first_sentence(outcome: Outcome) -> Outcome:
    answer = outcome.answer
    if not answer["statements"]:
        return outcome
    first, *rest = answer["statements"]
    text = answer["text"][: first["start"]] + answer["text"][first["end"] :]
    length = first["end"] - first["start"]
    kept = [{**item, "start": item["start"] - length, "end": item["end"] - length} for item in rest]
    return change_answer(outcome, text=text, statements=kept)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "metric"),
    [
        (shift_citations, "citation_recall"),
        (move_spans, "integrity"),
        (alter_numbers, "citation_recall"),
        (drop_first_sentence, "fact_recall"),
    ],
)
def test_a_broken_answer_is_caught(
    bot: Briefbot, recorded: Recorded, intact: Run, change: Callable[[Outcome], Outcome], metric: str
) -> None:
    assert intact.rows
    broken = Recorded(InProcess(bot), recorded.outcomes)
    broken.change = change
    assert metric in failed_metrics(run_cases(broken, CASES))


# --------------------------------------------------------- breakages of the product


class Unfiltered(InProcess):
    def ask(self, case: Case, mode: Mode) -> Outcome:
        return super().ask(case.model_copy(update={"filters": {}}), mode)


class Dateless(InProcess):
    def ask(self, case: Case, mode: Mode) -> Outcome:
        return super().ask(case.model_copy(update={"as_of": None}), mode)


class Talkative(Briefbot):
    def _reason_to_abstain(
        self,
        query: Query,
        found: Found,
        missing: Missing | None,
    ) -> AbstentionReason | None:
        reason = super()._reason_to_abstain(query, found, missing)
        return None if found.evidence else reason


class OldFirst(Retriever):
    def search(self, query: Query, top_k: int) -> list[ScoredPassage]:
        catalogue = self._corpus.catalogue()
        found = super().search(query, max(top_k, 40))

        def is_new(item: ScoredPassage) -> bool:
            document = catalogue.documents[item.passage.document_id]
            return catalogue.status_of(document, query.as_of) not in {"superseded", "amended", "repealed", "draft"}

        ordered = sorted(found, key=is_new)[:top_k]
        return [replace(item, rank=rank) for rank, item in enumerate(ordered, start=1)]


def copy_bot(bot: Briefbot, kind: type[Briefbot] = Briefbot, **options: Any) -> Briefbot:
    return kind(bot.settings, bot.corpus, bot.embedder, bot.index, **options)


def ask_again(system: InProcess, recorded: Recorded, concerns: Callable[[Case], bool] = lambda _case: True) -> set[str]:
    """The metrics that fall when a broken system is asked the cases its breakage concerns; the rest is as it was."""
    broken = Recorded(system, recorded.outcomes)
    broken.asks_again = concerns
    return failed_metrics(run_cases(broken, CASES))


@pytest.mark.slow
def test_ignored_filters_are_caught(bot: Briefbot, recorded: Recorded, intact: Run) -> None:
    assert intact.rows
    assert "filters_kept" in ask_again(Unfiltered(bot), recorded, lambda case: bool(case.filters))


@pytest.mark.slow
def test_an_ignored_date_is_caught(bot: Briefbot, recorded: Recorded, intact: Run) -> None:
    assert intact.rows
    assert "as_of_kept" in ask_again(Dateless(bot), recorded, lambda case: case.as_of is not None)


@pytest.mark.slow
def test_abstention_switched_off_is_caught(bot: Briefbot, recorded: Recorded, intact: Run) -> None:
    abstained = {row["id"] for row in intact.rows if row["abstained"]}
    fallen = ask_again(InProcess(copy_bot(bot, Talkative)), recorded, lambda case: case.id in abstained)
    assert "abstention_recall" in fallen


@pytest.mark.slow
def test_full_text_search_switched_off_is_caught(bot: Briefbot, recorded: Recorded, intact: Run) -> None:
    assert intact.rows
    fallen = ask_again(InProcess(copy_bot(bot, parts=RetrievalParts(lexical=False))), recorded)
    assert fallen & {"document_recall@1", "document_recall@5", "document_ndcg@10"}


@pytest.mark.slow
def test_preferring_superseded_versions_is_caught(bot: Briefbot, recorded: Recorded, intact: Run) -> None:
    assert intact.rows
    broken = copy_bot(bot)
    broken._retriever = OldFirst(bot.corpus, bot.index, bot.embedder)
    assert "nothing_forbidden" in ask_again(InProcess(broken), recorded)


@pytest.mark.slow
def test_the_wrong_language_is_caught(
    bot: Briefbot, recorded: Recorded, intact: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert intact.rows

    def make_foreign(*args: Any, **options: Any) -> Query:
        query = make_query(*args, **options)
        return replace(query, language="en" if query.language == "zh" else "zh")

    monkeypatch.setattr(answering, "make_query", make_foreign)
    kinds = {case.id for case in CASES[::6]}
    assert "language_kept" in ask_again(InProcess(bot), recorded, lambda case: case.id in kinds)
