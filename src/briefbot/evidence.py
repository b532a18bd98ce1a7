"""Sentences that may answer a question, scored: nearness of meaning, shared words, the passage's rank, and the kind asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence

from briefbot.models import Asked, Evidence, Passage, Query, ScoredPassage, Sentence
from briefbot.terms import fold, query_terms, term_set

PASSAGES_READ = 6
"""Passages whose sentences are looked at."""

LEXICAL_WEIGHT = 1.5
CONTEXT_WEIGHT = 1.5
RANK_WEIGHT = 1.5
ASKED_BONUS = 0.8
"""Weights beside nearness, whose unit is one standard deviation: words the sentence shares with the question, words it shares
together with its headings, the passage's rank, and whether it holds the kind of thing asked for. Chosen on the
development questions, where four sentences held 54 % of the needed facts before and 62 % with these."""

SAME_LANGUAGE_BONUS = 0.5
"""Readers want the sentence in the language they ask in, where both languages have one. On the development questions a bonus of 1
raised needed facts from .61 to .62 in English and lowered them from .52 to .48 in Chinese, whose sources are fewer."""

SECONDARY_PENALTY = 0.4
"""Overviews and press tell what laws, policies and events say first hand: the first hand is quoted where both answer."""

LEAST_SHARED = 0.15
"""Part of a question's words, by weight, below which a question without a known name is taken to be of another field: of 22
general questions 10 lie below, of the development questions with an answer 1 in 160."""

_PROPER_NAME = re.compile(r"(?<=[a-z,;:’'\")] )[A-Z][A-Za-z]+(?:[ -][A-Z][A-Za-z]+)*|\b[A-Z]{2,}\b")
_MONEY = re.compile(
    r"(?:RMB|USD|US\$|HKD|CNY|EUR|[$¥€£])\s?\d|\d[\d,.]*\s?(?:billion|million|trillion|percent|%)|\d[\d,.]*\s?(?:亿|万|元|%)"
)
_COUNT = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b|[一二三四五六七八九十百千万]+(?:个|家|条|项|次|类)"
)
_DATE = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b|\b(?:19|20)\d\d\b|\d年|\d月"
)
_HAS: Mapping[Asked, Callable[[str], bool]] = {
    "amount": lambda text: bool(_MONEY.search(text) or _COUNT.search(text)),
    "date": lambda text: bool(_DATE.search(text)),
    "who": lambda text: bool(re.search(r"\b[A-Z]{2,}\b|\b[A-Z][a-z]+ [A-Z][a-z]+|部|局|委|院|办|会|公司", text)),
}
"""What a sentence holds that answers a kind of question; other kinds cannot be told by a sentence's form."""


def score_evidence(
    query: Query, passages: Sequence[ScoredPassage], *, secondary: Collection[str] = ()
) -> list[Evidence]:
    """Every sentence of the first passages, best first; sentences of `secondary` documents (ids) stand a little lower.

    Scores are sums of standardised parts, so they compare within one question only; `nearness` (standard deviations
    above what its language has) and `coverage` (0 to 1) compare between questions.
    """
    candidates = [
        (found, sentence, row)
        for found in passages[:PASSAGES_READ]
        for row, sentence in enumerate(found.passage.sentences)
    ]
    if not candidates:
        return []
    weights = {
        language: term_weights(query.words_for(language), [found.passage for found in passages])
        for language in {found.passage.language for found in passages}
    }
    asked = query.asked
    scored = []
    for found, sentence, row in candidates:
        known = weights[found.passage.language]
        in_context = coverage(known, f"{found.passage.context} {sentence.text}")
        scored.append(
            Evidence(
                passage=found.passage,
                sentence=sentence,
                score=found.nearness[row]
                + LEXICAL_WEIGHT * coverage(known, sentence.text)
                + CONTEXT_WEIGHT * in_context
                + RANK_WEIGHT * (2.0 / (1.0 + found.rank))
                + (SAME_LANGUAGE_BONUS if found.passage.language == query.language else 0.0)
                + (ASKED_BONUS if asked in _HAS and _HAS[asked](sentence.text) else 0.0)
                - (SECONDARY_PENALTY if found.passage.document_id in secondary else 0.0),
                similarity=found.similarities[row],
                nearness=found.nearness[row],
                coverage=in_context,
            )
        )
    return sorted(scored, key=lambda item: (-item.score, item.passage.id, item.sentence.start))


def term_weights(question: str, passages: Sequence[Passage]) -> dict[str, float]:
    """How much each word of a question tells passages apart: log(1 + n / passages that hold it), largest for unknown words."""
    texts = [term_set(f"{passage.context} {passage.text}") for passage in passages]
    return {
        term: math.log(1.0 + (len(texts) + 1) / (1 + sum(term in text for text in texts)))
        for term in query_terms(question)
    }


def coverage(weights: Mapping[str, float], text: str) -> float:
    """The weighted share of the question's words that a text holds, 0 to 1."""
    total = sum(weights.values())
    if not total:
        return 0.0
    held = term_set(text)
    return sum(weight for term, weight in weights.items() if term in held) / total


def is_foreign(query: Query, passages: Sequence[ScoredPassage]) -> bool:
    """Whether a question speaks of things the passages do not: no name of the glossary, and hardly a word in common,

    or a proper name that none of the passages read holds.
    """
    if query.translation:
        return False
    read = " ".join(f"{found.passage.context} {found.passage.text}" for found in passages[:PASSAGES_READ])
    weights = term_weights(query.standalone, [found.passage for found in passages])
    if coverage(weights, read) < LEAST_SHARED:
        return True
    held = term_set(read)
    names = [match[0] for match in _PROPER_NAME.finditer(query.standalone)]
    return any(held.isdisjoint(term_set(name)) for name in names)


def is_repetition(sentence: Sentence, chosen: Sequence[Sentence]) -> bool:
    """Whether a sentence says nearly what an earlier one says: most of its words, in either direction."""
    words = term_set(sentence.text)
    for other in chosen:
        theirs = term_set(other.text)
        shared = len(words & theirs) / max(1, min(len(words), len(theirs)))
        if shared > 0.8 or fold(sentence.text) == fold(other.text):
            return True
    return False
