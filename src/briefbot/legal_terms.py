"""General words of law and technology policy in both languages, so that a question's words can be looked up in the other one."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from importlib.resources import files

from briefbot.models import Language
from briefbot.terms import fold, terms_of

MOST_TERMS = 8
"""Words of a question that are looked up, longest first; more would be general ones."""


@cache
def _load() -> tuple[dict[tuple[str, ...], tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Chinese words by the stems of English ones, and English words by Chinese ones."""
    english: dict[tuple[str, ...], list[str]] = defaultdict(list)
    chinese: dict[str, list[str]] = defaultdict(list)
    for line in (files("briefbot") / "legal_terms.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        left, right = ([form.strip() for form in side.split(",")] for side in line.split("|"))
        for form in left:
            english[tuple(terms_of(form))] += right
        for form in right:
            chinese[fold(form)].append(left[0])
    return (
        {stems: tuple(dict.fromkeys(words)) for stems, words in english.items()},
        {word: tuple(dict.fromkeys(words)) for word, words in chinese.items()},
    )


def translate_terms(text: str, language: Language) -> str:
    """The words, in the other language, of the general terms that a text in `language` holds; longest terms first."""
    found = _find_in_chinese(text) if language == "zh" else _find_in_english(text)
    return " ".join(dict.fromkeys(word for words in found[:MOST_TERMS] for word in words))


def _find_in_english(text: str) -> list[tuple[str, ...]]:
    known = _load()[0]
    stems = terms_of(text)
    longest = max(len(key) for key in known)
    taken: set[int] = set()
    found = []
    for size in range(longest, 0, -1):
        for start in range(len(stems) - size + 1):
            span = range(start, start + size)
            words = known.get(tuple(stems[start : start + size]))
            if words and taken.isdisjoint(span):
                taken.update(span)
                found.append(words)
    return found


def _find_in_chinese(text: str) -> list[tuple[str, ...]]:
    known = _load()[1]
    rest = fold(text)
    found = []
    for word in sorted(known, key=lambda word: (-len(word), word)):
        if word in rest:
            found.append(known[word])
            rest = rest.replace(word, "\x00")
    return found
