"""An answer put together from the sources' own sentences: text, marks, statements and citations that fit each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from briefbot.evidence import is_repetition
from briefbot.models import Citation, Document, Evidence, Language, Statement, Status
from briefbot.texts import QUOTED_IN_OTHER_LANGUAGE

MOST_SENTENCES = 4
"""On the development questions three sentences held 56 % of the needed facts, four 62 % at 99 words, five 64 % at 121."""

NEAR_BEST = 2.5
"""How far, in standard deviations, a further sentence may score below the best one."""

_FINAL_MARK = re.compile(r"[.。!！?？]+[\"'”’」』）)\]]*$")
_FORGED_MARK = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Composed:
    """The parts of an answer that depend on each other."""

    text: str
    statements: tuple[Statement, ...]
    citations: tuple[Citation, ...]


def choose_sentences(evidence: Sequence[Evidence], *, most: int = MOST_SENTENCES) -> list[Evidence]:
    """The best sentences that do not repeat each other and are near the best one, in order of score."""
    chosen: list[Evidence] = []
    for item in evidence:
        if len(chosen) == most or item.score < evidence[0].score - NEAR_BEST:
            break
        if _FORGED_MARK.search(item.sentence.text):
            continue  # a source's own [3] would read as one of ours
        if not is_repetition(item.sentence, [other.sentence for other in chosen]):
            chosen.append(item)
    return chosen


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
) -> Composed:
    """Text with marks, statements and citations, numbered in order of first use.

    The first of a run of parts in the other language is introduced as such.
    """
    text = ""
    statements: list[Statement] = []
    numbers: dict[tuple[str, int, int], int] = {}
    citations: list[Citation] = []
    before: Language = language
    for part in parts:
        if text:
            text += "\n\n" if language == "zh" and part.language == "zh" else " "
        if part.language != language and before == language:
            text = text.rstrip(" ") + ("\n\n" if text else "") + QUOTED_IN_OTHER_LANGUAGE[language]
        before = part.language
        cited = []
        for item in part.evidence:
            span = (item.passage.document_id, item.sentence.start, item.sentence.end)
            if span not in numbers:
                numbers[span] = len(numbers) + 1
                citations.append(_cite(item, numbers[span], documents, statuses))
            cited.append(numbers[span])
        marked = insert_marks(part.text, cited)
        statements.append(Statement(marked, len(text), len(text) + len(marked), tuple(cited), part.support))
        text += marked
    return Composed(text, tuple(statements), tuple(citations))


def _cite(item: Evidence, number: int, documents: Mapping[str, Document], statuses: Mapping[str, Status]) -> Citation:
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
    """A sentence with its line breaks as spaces, so that it reads on within the answer."""
    return " ".join(text.split())


def insert_marks(sentence: str, numbers: Sequence[int]) -> str:
    """The sentence with its citation marks before the closing punctuation."""
    marks = "".join(f"[{number}]" for number in numbers)
    final = _FINAL_MARK.search(sentence)
    if final is None:
        return f"{sentence} {marks}"
    before, after = sentence[: final.start()], sentence[final.start() :]
    space = "" if after[0] in "。！？" else " "
    return f"{before}{space}{marks}{after}"
