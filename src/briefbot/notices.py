"""What a reader must know before relying on an answer: legal status, premises that differ, sources that differ, where the corpus ends."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence

from briefbot.bearing import Bearing, find_bearings
from briefbot.catalogue import Catalogue
from briefbot.checking import SENTENCES_COMPARED, find_contrasts
from briefbot.composition import Composed
from briefbot.glossary import Glossary
from briefbot.hygiene import talks_to_machine
from briefbot.models import Citation, Document, Evidence, Language, Notice, Query, Status
from briefbot.polarity import content_units
from briefbot.quantities import find_dates, find_differing
from briefbot.texts import AUTHORITIES, NOTICES, STATUSES
from briefbot.verification import names_in

_LIMIT = re.compile(
    r"(?:\b(?:above|over|below|under|at least|at most|(?:more|less|fewer|greater|smaller|larger|higher|lower) than|exceed\w*|up to)"
    r"|超过|不少于|不低于|高于|低于|少于|至少|至多|多于)\s*(?:rmb|usd|us\$|hk\$|\$|¥|人民币)?\s*$",
    re.IGNORECASE,
)
_LIMIT_AFTER = re.compile(
    r"\s*(?:yuan|percent|%|[个家起项元条])*\s*(?:or (?:more|less|above|below)|and (?:above|over)|以上|以下|以内)",
    re.IGNORECASE,
)

SAME_MATTER = 0.6
"""Part of the words of the shorter of two sentences, numbers aside, that the other must hold to be about the same matter."""

_PREMISES = frozenset(("number", "actor"))
"""Sorts of difference between a question and the evidence that are told. A date in a question mostly says when, not what."""


def find_notices(
    query: Query,
    evidence: Sequence[Evidence],
    composed: Composed,
    catalogue: Catalogue,
    statuses: Mapping[str, Status],
    glossary: Glossary,
) -> tuple[Notice, ...]:
    """The notices of an answer, those about the question first; a document's status is told once."""
    return (
        *_about_period(query, catalogue),
        *_about_premise(query, evidence, composed, statuses, glossary),
        *_about_conflicts(composed.citations, query.language, glossary),
        *_about_status(catalogue, composed.citations, query),
        *_about_translation(composed, query.language),
    )


def title_in(document: Document, language: Language) -> str:
    """A document's title in a language, as far as it has one."""
    return (document.title_zh if language == "zh" else None) or document.title


def _about_period(query: Query, catalogue: Catalogue) -> Iterator[Notice]:
    """What a date in the question's words was understood as, and whether the corpus reaches that far."""
    if query.period is None:
        return
    first, last = (day.isoformat() if day else "…" for day in query.period)
    shown = first if first == last else f"{first} – {last}"
    yield Notice("period_understood", NOTICES["period_understood"][query.language].format(period=shown))
    days = [document.published for document in catalogue.documents.values() if document.published]
    start = query.period[0]
    if days and start and start > max(days):
        yield Notice("coverage_ends", NOTICES["coverage_ends"][query.language].format(day=max(days).isoformat()))


def _about_premise(
    query: Query,
    evidence: Sequence[Evidence],
    composed: Composed,
    statuses: Mapping[str, Status],
    glossary: Glossary,
) -> Iterator[Notice]:
    """A number or a body that the question takes for granted where the sources cited have another one."""
    if talks_to_machine(query.question):
        return
    numbers = {(item.document.id, item.start): item.number for item in composed.citations}
    compared = evidence[:SENTENCES_COMPARED]
    bearings = find_bearings(query.question, compared, glossary)
    for contrast in find_contrasts(query.question, compared, bearings, statuses, glossary):
        id_ = contrast.evidence.passage.document_id
        cited = [item for item in composed.citations if item.document.id == id_]
        number = numbers.get((id_, contrast.evidence.sentence.start)) or next(
            (item.number for item in composed.citations if _quotes(item.quote, contrast.found)), None
        )
        is_limit = contrast.kind == "number" and _is_limit(query.question, contrast.stated, bearings)
        is_named = contrast.kind == "actor" and any(_is_named(contrast.stated, item.quote, glossary) for item in cited)
        if contrast.kind not in _PREMISES or not number or is_limit or is_named:
            continue
        message = NOTICES["premise_differs"][query.language].format(
            stated=contrast.stated, found=contrast.found, citation=number
        )
        yield Notice("premise_differs", message, id_)


def _is_named(name: str, quote: str, glossary: Glossary) -> bool:
    return any(name in (*entry.en, *entry.zh) for entry in names_in(quote, glossary).values())


def _is_limit(question: str, stated: str, bearings: Sequence[Bearing]) -> bool:
    """Whether a number in a question is one that what is asked for shall exceed or keep below, and so states nothing."""
    values = [item.value for item in bearings if question[item.value.start : item.value.end] == stated]
    return any(_LIMIT.search(question[: it.start]) or _LIMIT_AFTER.match(question[it.end :]) for it in values)


def _quotes(quote: str, value: str) -> bool:
    """Whether a quote holds a value that is no part of a longer number."""
    return bool(re.search(rf"(?<![\d.,]){re.escape(value)}(?!\d|[.,]\d)", quote))


def _about_conflicts(citations: Sequence[Citation], language: Language, glossary: Glossary) -> Iterator[Notice]:
    """Sources that give different figures for the same matter, both told with their day and authority."""
    for row, first in enumerate(citations):
        for second in citations[row + 1 :]:
            if first.document.id == second.document.id:
                continue
            figures = find_conflict(first.quote, second.quote, glossary)
            if figures:
                sides = [
                    _describe_side(citation, figure, language)
                    for citation, figure in zip((first, second), figures, strict=True)
                ]
                message = NOTICES["conflict"][language].format(first=sides[0], second=sides[1])
                yield Notice("conflict", message, second.document.id)


def _describe_side(citation: Citation, figure: str, language: Language) -> str:
    document = citation.document
    return NOTICES["conflict_side"][language].format(
        title=title_in(document, language),
        authority=AUTHORITIES[document.authority][language],
        day=document.published or "—",
        figure=figure,
        citation=citation.number,
    )


def find_conflict(first: str, second: str, glossary: Glossary) -> tuple[str, str] | None:
    """The figures in which two sentences about the same matter differ; None where they agree or speak of different matters.

    They are about the same matter where they name the same things and the same days, and share most of their words.
    """
    if set(names_in(first, glossary)) != set(names_in(second, glossary)):
        return None
    days = [{(day.year, day.month, day.day) for day in find_dates(text)} for text in (first, second)]
    if days[0] != days[1]:
        return None
    units = [set(content_units(glossary.unify(text))) for text in (first, second)]
    if len(units[0] & units[1]) < SAME_MATTER * max(1, min(len(units[0]), len(units[1]))):
        return None
    return find_differing(first, second)


def _about_status(catalogue: Catalogue, citations: Sequence[Citation], query: Query) -> Iterator[Notice]:
    """Drafts, replaced texts and texts not yet in force among those cited."""
    for citation in {item.document.id: item for item in reversed(citations)}.values():
        document = citation.document
        title = title_in(document, query.language)
        if citation.status in {"superseded", "amended", "repealed"}:
            newer = catalogue.lineage.replacement(document, query.as_of or dt.date.max)
            newer_title = newer and title_in(newer, query.language)
            message = NOTICES["superseded_source"][query.language].format(
                title=title, status=STATUSES[citation.status][query.language], replacement=newer_title or "—"
            )
            yield Notice("superseded_source", message, document.id)
        elif citation.status == "draft":
            yield Notice("draft_source", NOTICES["draft_source"][query.language].format(title=title), document.id)
        elif citation.status == "not_yet_in_force":
            message = NOTICES["not_yet_in_force"][query.language].format(title=title, day=document.effective_from)
            yield Notice("not_yet_in_force", message, document.id)


def _about_translation(composed: Composed, language: Language) -> Iterator[Notice]:
    """Statements that a model wrote from sources in the other language."""
    quotes = {item.number: item for item in composed.citations}
    for statement in composed.statements:
        if statement.support == "checked":
            for number in statement.citations:
                if quotes[number].document.language != language:
                    message = NOTICES["translated_quote"][language].format(citation=number)
                    yield Notice("translated_quote", message, quotes[number].document.id)
