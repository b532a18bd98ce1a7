"""How much of a question's wording its source shares, so that scores on borrowed words can be told from the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from briefbot.eval.cases import Case
from briefbot.eval.matching import holds_fact

from briefbot.sentences import split_sentences
from briefbot.terms import is_chinese, query_terms, term_set

THIRDS = ("low overlap", "middle overlap", "high overlap")


def measure_overlap(case: Case, documents: Mapping[str, Mapping[str, Any]]) -> float | None:
    """The largest share of the question's content words that one sentence of its language shares, among the sentences of its

    documents that hold a needed fact. None where no such sentence is in the question's language.
    """
    asked = set(query_terms(case.standalone or case.question))
    shares = [
        len(asked & term_set(sentence)) / len(asked)
        for id_ in case.documents
        for sentence in _sentences(str(documents.get(id_, {}).get("text", "")))
        if is_chinese(sentence) == (case.language == "zh") and any(holds_fact(sentence, fact) for fact in case.needed)
    ]
    return max(shares) if shares and asked else None


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text) if re.search(r"\w", text[start:end])]


def divide_in_thirds(overlaps: Sequence[float | None]) -> list[str | None]:
    """For each case whether its overlap is among the lowest, middle or highest third; equal values stay together."""
    known = sorted(value for value in overlaps if value is not None)
    if not known:
        return [None] * len(overlaps)
    low, high = known[len(known) // 3], known[2 * len(known) // 3]
    return [None if value is None else THIRDS[(value >= low) + (value >= high)] for value in overlaps]
