"""Who does what to whom: whether two texts that name the same bodies give them the same parts.

No parser is used. A name's part is read off the words before it ("by", "to", "with the approval of", 由, 经…批准), and which of several
things belongs to a name off what stands in its clause. What cannot be told is taken to agree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from briefbot.glossary import Glossary
from briefbot.models import Language
from briefbot.quantities import Quantity, find_quantities
from briefbot.terms import fold, query_terms

ACTORS = frozenset(("agency", "company", "person", "law", "city", "place"))
"""Kinds of glossary entries that act or are acted on, so that one cannot stand for another."""

_BODIES = frozenset(("agency", "company", "person"))
_PARTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "approver",
        re.compile(
            r"(?:approval|consent|authori[sz]ation|blessing) (?:of|from|by) (?:the )?$|经(?:过)?$|(?:报请?|报经)$"
        ),
    ),
    ("agent", re.compile(r"\bby (?:the )?$|[由被]$")),
    ("receiver", re.compile(r"\b(?:to|on|against|for|at|with) (?:the )?$|[向对给与同]$")),
    ("source", re.compile(r"\b(?:from|of) (?:the )?$|[从自]$")),
)
_CLAUSE = re.compile(
    r"[,，;；。.:：()（）]\s|[，；。：、（）]|\b(?:and|while|but|whereas|which|after|before|when)\b|而|并|同时"
)
_LEAST_AHEAD = 0.3
"""How much better another clause must fit, as a share of a clause's words, to say that its name was exchanged."""

LEAST_WORDS = 3
"""Words that a clause must have to be told from another."""


@dataclass(frozen=True, slots=True)
class _Named:
    id: str
    start: int
    end: int


def _find_names(text: str, glossary: Glossary) -> list[_Named]:
    """Where a folded text names bodies, first mention of each only."""
    found: dict[str, _Named] = {}
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        for entry in glossary.find(text, language):
            if entry.kind not in _BODIES or entry.id in found:
                continue
            for name in sorted((fold(name) for name in entry.names(language)), key=len, reverse=True):
                at = fold(text).find(name)
                if at >= 0:
                    found[entry.id] = _Named(entry.id, at, at + len(name))
                    break
    return sorted(found.values(), key=lambda item: item.start)


def find_swap(statement: str, evidence: str, glossary: Glossary) -> tuple[str, str] | None:
    """Two bodies, by id, whose parts a statement exchanges; None where the parts agree or cannot be told."""
    ours = {item.id: item for item in _find_names(statement, glossary)}
    theirs = {item.id: item for item in _find_names(evidence, glossary)}
    both = [id_ for id_ in ours if id_ in theirs]
    first, second = fold(statement), fold(evidence)
    for row, one in enumerate(both):
        for other in both[row + 1 :]:
            mine = _part(first, ours[one]), _part(first, ours[other])
            known = _part(second, theirs[one]), _part(second, theirs[other])
            if mine == known[::-1] and mine[0] != mine[1]:
                return one, other
    return _find_exchanged(first, second, ours, theirs)


def _part(text: str, name: _Named) -> str:
    before = text[max(0, name.start - 24) : name.start]
    return next((part for part, pattern in _PARTS if pattern.search(before)), "")


def _find_exchanged(
    statement: str, evidence: str, ours: Mapping[str, _Named], theirs: Mapping[str, _Named]
) -> tuple[str, str] | None:
    """A body in a clause of the statement whose words fit the clause of another body in the evidence."""
    known = [
        (names, words) for names, words in _clauses(evidence, theirs) if len(names) == 1 and len(words) >= LEAST_WORDS
    ]
    for names, words in _clauses(statement, ours):
        if len(names) != 1 or len(words) < LEAST_WORDS or names[0] not in theirs:
            continue
        fits = {other[0]: len(words & theirs_words) / len(words) for other, theirs_words in known}
        if names[0] not in fits:
            continue
        best = max(fits, key=lambda id_: fits[id_])
        if best != names[0] and fits[best] >= fits[names[0]] + _LEAST_AHEAD:
            return names[0], best
    return None


def _clauses(text: str, names: Mapping[str, _Named]) -> list[tuple[list[str], frozenset[str]]]:
    """The clauses of a text: the bodies named in each, and its other words."""
    found = []
    start = 0
    for end in [*(match.start() for match in _CLAUSE.finditer(text)), len(text)]:
        inside = [item for item in names.values() if start <= item.start < end]
        rest = text[start:end]
        for item in inside:
            rest = rest.replace(text[item.start : item.end], " ")
        found.append(([item.id for item in inside], frozenset(query_terms(rest)) if rest.strip() else frozenset()))
        start = end
    return found


def find_misplaced(statement: str, evidence: str, glossary: Glossary) -> Quantity | None:
    """A quantity that the statement gives to another name than the evidence does, where both list values and names in turn."""
    mine, known = _pairs(statement, glossary), _pairs(evidence, glossary)
    for name, quantity in mine:
        given = [other for id_, other in known if id_ == name]
        if given and not any(quantity.agrees(other) for other in given):
            others = [other for id_, other in known if id_ != name]
            if any(quantity.agrees(other) for other in others):
                return quantity
    return None


def _pairs(text: str, glossary: Glossary) -> Sequence[tuple[str, Quantity]]:
    """Names and values of a text that lists them in turn ("5 percent for A, 6 percent for B"); empty where it does not."""
    names = _find_names(text, glossary)
    if len(names) < 2:
        return []
    values = [item for item in find_quantities(text) if item.unit not in {"article", "clock"}]
    units = Counter(item.unit for item in values).most_common(1)
    unit = units[0][0] if units else ""
    values = [item for item in values if item.unit == unit]
    items: list[tuple[int, _Named | Quantity]] = sorted(
        [*((item.start, item) for item in names), *((item.start, item) for item in values)], key=lambda pair: pair[0]
    )
    pairs: list[tuple[str, Quantity]] = []
    run = _longest_turns([item for _, item in items])
    for one, other in zip(run[::2], run[1::2], strict=False):
        if isinstance(one, Quantity) and isinstance(other, _Named):
            pairs.append((other.id, one))
        elif isinstance(one, _Named) and isinstance(other, Quantity):
            pairs.append((one.id, other))
    return pairs if len(pairs) > 1 else []


def _longest_turns(items: Sequence[_Named | Quantity]) -> Sequence[_Named | Quantity]:
    """The longest stretch in which names and values take turns, a value and its name closest together."""
    best: Sequence[_Named | Quantity] = []
    start = 0
    for end in range(1, len(items) + 1):
        if end == len(items) or type(items[end]) is type(items[end - 1]):
            if end - start > len(best):
                best = items[start:end]
            start = end
    return best
