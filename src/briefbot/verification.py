"""Whether what a model wrote is in the evidence it cites: a pure check of marks, numbers, dates and words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from briefbot.sentences import split_sentences
from briefbot.terms import numbers_in, query_terms, term_set

LEAST_SHARED_WORDS = 0.6
"""Part of a written sentence's words that its cited evidence must hold."""

_MARK = re.compile(r"\s*\[(\d{1,3})\]")
_NEGATION = re.compile(r"\b(?:not|no|never|without|cannot|nor)\b|n't\b|不|没有|未|无")
_LINK = re.compile(r"https?://|www\.|\]\(|<\w", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WrittenStatement:
    """A sentence a model wrote, without its marks, and the evidence numbers it cites."""

    text: str
    cited: tuple[int, ...]


def read_statements(written: str) -> list[WrittenStatement]:
    """The sentences of a model's answer with the marks in or right after them."""
    text = " ".join(written.replace("^", " ").split())
    statements: list[WrittenStatement] = []
    for start, end in split_sentences(text):
        piece = text[start:end]
        cited = tuple(dict.fromkeys(int(number) for number in _MARK.findall(piece)))
        bare = _MARK.sub("", piece).strip()
        if not re.search(r"\w", bare):
            if statements and cited:
                last = statements.pop()
                statements.append(WrittenStatement(last.text, tuple(dict.fromkeys((*last.cited, *cited)))))
            continue
        statements.append(WrittenStatement(bare, cited))
    return statements


def is_supported(statement: WrittenStatement, evidence: Sequence[str]) -> bool:
    """Whether a statement cites evidence that exists and holds its numbers, its polarity and most of its words.

    Evidence is numbered from 1. Links and markup are never supported.
    """
    if not statement.cited or not all(1 <= number <= len(evidence) for number in statement.cited):
        return False
    if _LINK.search(statement.text):
        return False
    cited = " ".join(evidence[number - 1] for number in statement.cited)
    known = numbers_in(cited)
    if any(
        all(abs(number - other) > 1e-9 * max(1.0, number) for other in known) for number in numbers_in(statement.text)
    ):
        return False
    if bool(_NEGATION.search(statement.text)) and not _NEGATION.search(cited):
        return False
    words = query_terms(statement.text)
    held = term_set(cited)
    return bool(words) and sum(word in held for word in words) / len(words) >= LEAST_SHARED_WORDS
