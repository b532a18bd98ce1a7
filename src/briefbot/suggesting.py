"""Questions to go on with that the corpus answers: made from what documents say of themselves and of each other, then asked."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from briefbot.answering import Briefbot
from briefbot.candidates import Candidate, Shelf
from briefbot.errors import NotFoundError
from briefbot.models import Answer, Filters, Language
from briefbot.query import clean_question
from briefbot.question_wording import Topic
from briefbot.terms import query_terms
from briefbot.watching import Watcher

SPARE_QUESTIONS = 7
"""Candidates that are asked beyond the number wanted: one answer takes 10 to 50 ms."""

SAME_QUESTION = 0.75
"""Share of their terms from which on two questions are the same one."""

_ALIKE: Mapping[Topic, Topic] = {"why": "decision", "happened": "decision", "draft": "change", "edition": "change"}
"""Topics that count as another one where suggestions are to differ."""


@dataclass(frozen=True, slots=True)
class SuggestionRequest:
    """What was asked and cited so far, and what may be suggested: at most `limit` questions in `language`."""

    question: str
    language: Language = "en"
    document_ids: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    as_of: dt.date | None = None
    filters: Filters = field(default_factory=Filters)
    limit: int = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question that the corpus answers, and a document that it is about and its answer cites."""

    question: str
    document_id: str


def suggest(bot: Briefbot, request: SuggestionRequest, watcher: Watcher | None = None) -> list[Suggestion]:
    """Questions to go on with, each of which the corpus answers under the request's day and filters.

    What the `watcher` raises ends the work.
    Raises `UsageError` for a malformed question or filter, and `NotFoundError` for a document that is not in the corpus.
    """
    check_request(bot, request)
    catalogue = bot.corpus.catalogue()
    shelf = Shelf(catalogue, bot.glossary, request.language, request.filters, request.as_of)
    near = list(request.document_ids)
    if not any(id_ in shelf.shown for id_ in near):
        found = bot.search(request.question, top_k=12, as_of=request.as_of, filters=request.filters)
        near = [item.passage.document_id for item in found]
    return _Choice(bot, request, watcher).choose(list(shelf.ask_from(near)))


def check_request(bot: Briefbot, request: SuggestionRequest) -> None:
    """Raise `UsageError` for a malformed question or filter, and `NotFoundError` for a document that is not in the corpus."""
    clean_question(request.question)
    bot.check_filters(request.filters)
    documents = bot.corpus.catalogue().documents
    for id_ in request.document_ids:
        if id_ not in documents:
            raise NotFoundError(
                f"document_ids: expected ids of documents in the corpus; got {id_[:80]}; GET /v1/documents lists them"
            )


class _Choice:
    """Asks candidates until enough are answered."""

    def __init__(self, bot: Briefbot, request: SuggestionRequest, watcher: Watcher | None) -> None:
        self._bot = bot
        self._watcher = watcher
        self._request = request
        self._said = [self._terms(text) for text in (request.question, *request.asked)]
        self._told = set(_spans(self._ask(request.question)))
        self._chosen: Counter[str] = Counter()

    def choose(self, candidates: Iterable[Candidate]) -> list[Suggestion]:
        """The first candidates that are answered with something new; of other topics and other documents first."""
        kept: list[Suggestion] = []
        left = list(candidates)
        questions = self._request.limit + SPARE_QUESTIONS
        while left and questions and len(kept) < self._request.limit:
            candidate = min(left, key=self._cost)
            left.remove(candidate)
            if self._is_said(candidate.question):
                continue
            questions -= 1
            answer = self._ask(candidate.question)
            if self._is_good(answer, candidate):
                kept.append(self._keep(answer, candidate))
        return kept

    def _cost(self, candidate: Candidate) -> int:
        """How often its topic was chosen, and its document beyond the first time, with its distance from what was cited."""
        topic = _ALIKE.get(candidate.topic, candidate.topic)
        return self._chosen[topic] + max(0, self._chosen[candidate.source] - 1) + candidate.distance

    def _keep(self, answer: Answer, candidate: Candidate) -> Suggestion:
        self._said.append(self._terms(candidate.question))
        self._told.add(_spans(answer)[0])
        self._chosen.update((_ALIKE.get(candidate.topic, candidate.topic), candidate.source))
        cited = {item.document.id for item in answer.citations}
        return Suggestion(candidate.question, next(id_ for id_ in candidate.about if id_ in cited))

    def _ask(self, question: str) -> Answer:
        request = self._request
        return self._bot.ask(
            question, as_of=request.as_of, filters=request.filters, mode="extractive", watcher=self._watcher
        )

    def _is_good(self, answer: Answer, candidate: Candidate) -> bool:
        """Whether an answer opens with words from a document it is to be about, that were not told before, and shows what it must."""
        if answer.abstained or answer.citations[0].document.id not in candidate.about:
            return False
        quotes = " ".join(item.quote for item in answer.citations if item.document.id in candidate.about)
        return _spans(answer)[0] not in self._told and bool(candidate.shows(quotes))

    def _is_said(self, question: str) -> bool:
        terms = self._terms(question)
        return any(len(terms & said) >= SAME_QUESTION * len(terms | said) for said in self._said)

    def _terms(self, text: str) -> frozenset[str]:
        return frozenset(query_terms(self._bot.glossary.unify(text)))


def _spans(answer: Answer) -> list[tuple[str, int, int]]:
    return [(item.document.id, item.start, item.end) for item in answer.citations]
