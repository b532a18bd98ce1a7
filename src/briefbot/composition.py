"""An answer put together from the sources' own sentences: text, marks, statements and citations that fit each other."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from briefbot.evidence import has_list_form, is_repetition
from briefbot.hygiene import is_showable
from briefbot.models import Asked, Citation, Document, Evidence, Language, Statement, Status
from briefbot.periods import find_days
from briefbot.texts import QUOTED_ABOUT, QUOTED_IN_OTHER_LANGUAGE

MOST_SENTENCES = 8
SHORT_WORDS = 100
LONG_WORDS = 150
"""Words an answer may have: an amount, a date or a name is told shortly, a list, a change or a comparison needs more."""

SHORTLY_TOLD: frozenset[Asked] = frozenset(("amount", "date", "who"))

NEAR_BEST = 6.0
NEAR_BEST_ELSEWHERE = 2.5
"""How far a further sentence may score below the best one, in its document and in another one.

On the development questions 5 and 5 hold 81 % of the needed facts, with 76 % of the sentences from the right documents; 6 and 2.5 hold
82 % with 81 %."""

LEAST_ITEMS = 3
"""Statements from which on a list is numbered."""

_FINAL_MARK = re.compile(r"[.。!！?？]+[\"'”’」』）)\]]*$")
_FORGED_MARK = re.compile(r"\[(\d+)\]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[\w.,%’'-]*[a-zA-Z0-9][\w.,%’'-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Composed:
    """The parts of an answer that depend on each other."""

    text: str
    statements: tuple[Statement, ...]
    citations: tuple[Citation, ...]


def choose_sentences(
    evidence: Sequence[Evidence], asked: Asked = "other", published: Mapping[str, dt.date | None] | None = None
) -> list[Evidence]:
    """The best sentences that may be shown, do not repeat each other, are near the best one and fit the length of such an answer.

    The best one first; then those of its document in the document's order, then those of the next document. What has changed is
    told in the order of time instead: by the first day a sentence names, else the day its document was `published`.
    """
    most = SHORT_WORDS if asked in SHORTLY_TOLD else LONG_WORDS
    chosen: list[Evidence] = []
    length = 0.0
    for item in evidence:
        if len(chosen) == MOST_SENTENCES or item.score < evidence[0].score - NEAR_BEST:
            break
        is_elsewhere = item.passage.document_id != evidence[0].passage.document_id
        if is_elsewhere and item.score < evidence[0].score - NEAR_BEST_ELSEWHERE:
            continue
        if not is_showable(item.sentence.text):
            continue
        added = count_words(item.sentence.text)
        if chosen and length + added > most:
            continue
        if not is_repetition(item.sentence, [other.sentence for other in chosen]):
            chosen.append(item)
            length += added
    grouped = _group_by_document(chosen)
    if asked != "change":
        return grouped
    days = published or {}
    return sorted(grouped, key=lambda item: _told_day(item, days.get(item.passage.document_id)))


def _told_day(item: Evidence, published: dt.date | None) -> dt.date:
    starts = [period.first for period in find_days(item.sentence.text) if period.first is not None]
    return starts[0] if starts else published or dt.date.max


def _group_by_document(chosen: Sequence[Evidence]) -> list[Evidence]:
    order = list(dict.fromkeys(item.passage.document_id for item in chosen))
    rest = sorted(chosen[1:], key=lambda item: (order.index(item.passage.document_id), item.sentence.start))
    return [*chosen[:1], *rest]


def count_words(text: str) -> float:
    """The words of a text; a Chinese word is counted as 1.6 characters."""
    return len(_WORD.findall(text)) + len(_HAN.findall(text)) / 1.6


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of an answer before it is numbered: its words and the evidence behind them."""

    text: str
    evidence: tuple[Evidence, ...]
    support: Literal["verbatim", "checked"]
    language: Language


def quote_parts(chosen: Sequence[Evidence], language: Language) -> list[Part]:
    """The sources' own sentences as parts; those in the other language follow the rest."""
    ordered = sorted(chosen, key=lambda item: item.passage.language != language)
    return [Part(one_line(item.sentence.text), (item,), "verbatim", item.passage.language) for item in ordered]


def compose_answer(
    parts: Sequence[Part],
    documents: Mapping[str, Document],
    statuses: Mapping[str, Status],
    language: Language,
    *,
    numbered: bool = False,
    names: Sequence[str] = (),
) -> Composed:
    """Text with marks, statements and citations, numbered in order of first use.

    Each document has a paragraph of its own, or each part a number where they are items of a list. The first of a run of parts in
    the other language is introduced as such, with the `names` of what the question is about.
    """
    text = ""
    statements: list[Statement] = []
    numbers: dict[tuple[str, int, int], int] = {}
    citations: list[Citation] = []
    before: Part | None = None
    for row, part in enumerate(parts, start=1):
        is_foreign = part.language != language and (before is None or before.language == language)
        text += _joint(before, part, starts_anew=numbered or is_foreign)
        before = part
        if is_foreign:
            text += introduce(names, language) + "\n\n"
        if numbered:
            text += f"{row}. "
        cited = []
        for item in part.evidence:
            span = (item.passage.document_id, item.sentence.start, item.sentence.end)
            if span not in numbers:
                numbers[span] = len(numbers) + 1
                citations.append(cite(item, numbers[span], documents, statuses))
            cited.append(numbers[span])
        marked = insert_marks(part.text, cited)
        statements.append(Statement(marked, len(text), len(text) + len(marked), tuple(cited), part.support))
        text += marked
    return Composed(text, tuple(statements), tuple(citations))


def _joint(before: Part | None, part: Part, *, starts_anew: bool) -> str:
    """What stands between two parts: a new paragraph where the document changes."""
    if before is None:
        return ""
    if starts_anew or before.evidence[0].passage.document_id != part.evidence[0].passage.document_id:
        return "\n\n"
    return "" if part.language == "zh" else " "


def introduce(names: Sequence[str], language: Language) -> str:
    """What stands before quotes in the other language; `names` are those of the question's language."""
    joint = "、" if language == "zh" else " and "
    return QUOTED_ABOUT[language].format(names=joint.join(names)) if names else QUOTED_IN_OTHER_LANGUAGE[language]


def are_items(parts: Sequence[Part], asked: Asked) -> bool:
    """Whether parts are items of the list asked for: each from a document of its own, and none a list itself."""
    documents = {item.passage.document_id for part in parts for item in part.evidence}
    is_list = asked == "list" and LEAST_ITEMS <= len(parts) == len(documents)
    return is_list and not any(has_list_form(part.text) for part in parts)


def cite(item: Evidence, number: int, documents: Mapping[str, Document], statuses: Mapping[str, Status]) -> Citation:
    """The citation of a sentence under a number."""
    document = documents[item.passage.document_id]
    return Citation(
        number=number,
        passage_id=item.passage.id,
        quote=item.sentence.text,
        start=item.sentence.start,
        end=item.sentence.end,
        locator=item.passage.locator,
        document=document,
        status=statuses[document.id],
    )


def one_line(text: str) -> str:
    """A sentence with its line breaks as spaces, so that it reads on within the answer.

    A number in square brackets would read as one of the answer's own marks: it stands in 〔 〕, as in Chinese document numbers.
    """
    return _FORGED_MARK.sub(r"〔\1〕", " ".join(text.split()))


def insert_marks(sentence: str, numbers: Sequence[int]) -> str:
    """The sentence with its citation marks before the closing punctuation."""
    marks = "".join(f"[{number}]" for number in numbers)
    final = _FINAL_MARK.search(sentence)
    if final is None:
        return f"{sentence} {marks}"
    before, after = sentence[: final.start()], sentence[final.start() :]
    space = "" if after[0] in "。！？" else " "
    return f"{before}{space}{marks}{after}"
