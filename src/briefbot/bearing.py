"""Which sentence bears out each number and date of a claim, and which sentence has another one in its place.

That a value stands somewhere near is not enough: the fine of one company does not bear out a claim about another's. A sentence bears
a value out if none that speaks of the same matter more closely has another value of that measure, and if the words around the value
are not those around another value of the same sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from briefbot.glossary import Glossary, unified_word
from briefbot.legal_terms import translate_terms
from briefbot.models import Evidence, Language
from briefbot.polarity import FUNCTION_STEMS, content_units
from briefbot.quantities import DateMention, Quantity, find_dates, find_quantities
from briefbot.roles import ACTORS
from briefbot.terms import is_chinese

CLOSER = 0.05
"""How much larger a share of the claim's words a sentence must hold than the bearer of a value to speak of the matter more closely."""

AS_CLOSE = 0.1
"""By how much sentences with another value may differ in this for the one found first to stand for all."""

LEAST_RIVAL = 0.5
"""Share of the words that a sentence holds at least whose value stands in place of one that no sentence has."""

NAME_WEIGHT = 3.0
"""What a name counts for among the words, whose weight is one."""

CONTEXT_WEIGHT = 0.6
"""What a word counts for that stands in a sentence's headings alone."""

NAMES = ACTORS | {"instrument"}
"""Kinds of glossary entries whose words are names; the others are terms."""

VALUE_WEIGHT = 3.0
"""What another number or date of the claim counts for."""

LIKENESS_WEIGHT = 0.3
"""What the likeness of the words right around two values adds to how closely their sentences speak of a matter."""

NAME_AROUND = 0.5
"""What a name in the clause of a value counts for in that likeness; a word or another value counts for one."""

MORE_ALIKE = 0.3
"""How much more alike the surroundings of another value of a sentence must be for it to stand in place of the same one."""

UNKNOWN_LIKENESS = 0.5
"""What likeness is taken to be across languages."""

PART_SHARE = 0.5
"""What the part of a claim around a value counts for, beside the whole claim."""

LEAST_PART = 3
"""Words that a part of a claim has at least to be looked up by itself."""

_AROUND = 12
JOINED = re.compile(
    r"\band\b|\bbut\b|\bthen\b|\bwhile\b|，(?:并|另|也|同时|随后|还|且|又|而)|并(?:且|一并)|同时|；|;", re.IGNORECASE
)
_CLAUSE = re.compile(r"[，,；;。：:、—()（）]\s?(?!\d{3})|\b(?:and|which|because|so|but|while)\b")
_COUNTED = re.compile(r"[^\w]*([\u4e00-\u9fff]{1,8})")
_LENGTHS_OF_TIME = frozenset(("minutes", "hours", "days", "working days", "weeks", "months", "years"))
_PARTS = frozenset(("share", "percent"))
_CURRENCIES = frozenset(("CNY", "USD", "HKD", "EUR"))
_WORDS_COUNTED = 3

Value = Quantity | DateMention


@dataclass(frozen=True, slots=True)
class Bearing:
    """A value of a claim: the sentences that bear it out, the closest first, or else one that has another in its place, if any."""

    kind: Literal["number", "date"]
    value: Value
    bearers: tuple[Evidence, ...] = ()
    rival: Evidence | None = None
    instead: str = ""


def find_bearings(claim: str, compared: Sequence[Evidence], glossary: Glossary) -> list[Bearing]:
    """What bears out each number and date of a claim, in its order; article numbers are none."""
    values: list[Value] = [*(item for item in find_quantities(claim) if item.unit != "article"), *find_dates(claim)]
    return [
        _bearing_of(value, values, claim, compared, glossary) for value in sorted(values, key=lambda item: item.start)
    ]


def _bearing_of(
    value: Value, values: Sequence[Value], claim: str, compared: Sequence[Evidence], glossary: Glossary
) -> Bearing:
    start, end = part_around(claim, value.start)
    fits = _fits(value, values, claim, compared, glossary)
    if end - start < len(claim):
        beside = [item for item in values if start <= item.start < end]
        shifted = [replace(item, start=item.start - start, end=item.end - start) for item in beside]
        moved = replace(value, start=value.start - start, end=value.end - start)
        parts = _fits(moved, shifted, claim[start:end], compared, glossary)
        fits = [PART_SHARE * part + (1 - PART_SHARE) * whole for part, whole in zip(parts, fits, strict=True)]
    bearers: list[tuple[float, Evidence]] = []
    rivals: list[tuple[float, Evidence, Value]] = []
    for item, fit in zip(compared, fits, strict=True):
        bears, other, likeness = _weigh_in(value, values, claim, item, glossary)
        if other is not None:
            rivals.append((fit + LIKENESS_WEIGHT * likeness, item, other))
        elif bears:
            bearers.append((fit + LIKENESS_WEIGHT * likeness, item))
    bearers.sort(key=lambda found: -found[0])
    part = claim[start:end]
    least = _named_in(part, bearers[0][1], glossary) if bearers else _names_of(part, glossary)
    rivals = [found for found in rivals if least <= _named_in(part, found[1], glossary)]
    kind: Literal["number", "date"] = "number" if isinstance(value, Quantity) else "date"
    best = max((found[0] for found in rivals), default=0.0)
    rival = next((found for found in rivals if found[0] >= best - AS_CLOSE), None)
    if bearers and best <= bearers[0][0] + CLOSER:
        return Bearing(kind, value, tuple(item for _, item in bearers))
    if rival and best >= LEAST_RIVAL:
        _, item, other = rival
        return Bearing(kind, value, rival=item, instead=item.sentence.text[other.start : other.end])
    return Bearing(kind, value)


def _weigh_in(
    value: Value, values: Sequence[Value], claim: str, item: Evidence, glossary: Glossary
) -> tuple[bool, Value | None, float]:
    """Whether a sentence holds a value, else the value it has in that one's place, and how like its surroundings are."""
    text = item.sentence.text
    others = _values_like(value, text)
    same = [other for other in others if _agree(value, other, text)]
    rivals = [
        other
        for other in others
        if _is_same_measure(claim, value, text, other)
        and not any(_is_same_measure(claim, each, text, other) and _agree(each, other, text) for each in values)
    ]

    def likeness(other: Value) -> float:
        return _likeness(claim, value, values, text, other, glossary)

    rival = max(rivals, key=likeness, default=None)
    ours = max((likeness(other) for other in same), default=0.0)
    if rival and (not same or likeness(rival) > ours + MORE_ALIKE):
        return False, rival, likeness(rival)
    if not same:  # a sentence may leave its day to the headings
        known = [*find_dates(text), *find_dates(item.passage.context)]
        return isinstance(value, DateMention) and value.agrees(known), None, 0.0
    return True, None, ours


def _values_like(value: Value, text: str) -> list[Value]:
    if isinstance(value, DateMention):
        return list(find_dates(text))
    return [item for item in find_quantities(text) if item.unit != "article"]


def _agree(value: Value, other: Value, text: str) -> bool:
    if isinstance(value, DateMention) and isinstance(other, DateMention):
        year = other.year or next(
            (each.year for each in reversed(find_dates(text)) if each.start < other.start and each.year), None
        )
        return value.agrees([replace(other, year=year)])
    if isinstance(value, Quantity) and isinstance(other, Quantity):
        return value.agrees(other) or _rounds(value, other)
    return False


def _rounds(value: Quantity, other: Quantity) -> bool:
    """Whether a value of at least two digits is the other, a sum of money or a share, rounded to its last digit."""
    digits = value.value / value.step if value.step else 0.0
    return (
        value.unit == other.unit
        and value.unit in _CURRENCIES | {"percent"}
        and digits >= 10
        and abs(value.value - other.value) <= 0.51 * value.step
    )


def _is_same_measure(claim: str, value: Value, text: str, other: Value) -> bool:
    """Whether two values measure the same thing as far as their units, or the words they count, can tell."""
    if isinstance(value, DateMention) and isinstance(other, DateMention):
        return [part is None for part in (value.year, value.month, value.day)] == [
            part is None for part in (other.year, other.month, other.day)
        ]
    if not isinstance(value, Quantity) or not isinstance(other, Quantity):
        return False
    if value.unit or other.unit:
        units = {value.unit, other.unit}
        return len(units) == 1 or units <= _LENGTHS_OF_TIME or units <= _PARTS
    return bool(_counted(claim, value, is_chinese(text)) & _counted(text, other, is_chinese(text)))


def _counted(text: str, quantity: Quantity, in_chinese: bool) -> set[str]:
    """The words after a number, which say what it counts, in the language asked for; pairs of characters in Chinese."""
    after = text[quantity.end : quantity.end + 40]
    if is_chinese(text):
        match = _COUNTED.match(after)
        words = match[1] if match else ""
    else:
        words = " ".join(re.findall(r"[A-Za-z][A-Za-z-]+", after)[:_WORDS_COUNTED])
    if is_chinese(text) != in_chinese:
        words = translate_terms(words, "zh" if is_chinese(text) else "en")
    if in_chinese:
        return {words[at : at + 2] for at in range(len(words) - 1)}
    return set(content_units(words))


def _likeness(claim: str, value: Value, values: Sequence[Value], text: str, other: Value, glossary: Glossary) -> float:
    """How much of what is right around a value, words and other values, is around another one; a constant across languages."""
    if is_chinese(claim) != is_chinese(text):
        return UNKNOWN_LIKENESS
    names = _name_units(glossary)
    units, held = (
        [
            unit
            for side in _around(each, at)
            for unit in content_units(glossary.unify(side))
            if unit not in names and unit not in FUNCTION_STEMS
        ]
        for each, at in ((claim, value), (text, other))
    )
    parts = [(1.0, unit in held) for unit in units]
    start, end = _clause_around(claim, value)
    first, last = _clause_around(text, other)
    named, near = (content_units(glossary.unify(side)) for side in (claim[start:end], text[first:last]))
    parts += [(NAME_AROUND, unit in near) for unit in dict.fromkeys(named) if unit in names]
    for beside in values:
        if start <= beside.start < end and not _overlap(beside, value):
            found = [each for each in _values_like(beside, text) if first <= each.start < last]
            parts.append((1.0, any(_agree(beside, each, text) for each in found)))
    total = sum(weight for weight, _ in parts)
    return sum(weight for weight, is_held in parts if is_held) / total if total else 0.0


def _overlap(one: Value, other: Value) -> bool:
    return one.start < other.end and other.start < one.end


def _clause_around(text: str, value: Value) -> tuple[int, int]:
    """The clause that holds a value."""
    spans = [match.span() for match in _CLAUSE.finditer(text)]
    return (
        max((end for _, end in spans if end <= value.start), default=0),
        min((start for start, _ in spans if start >= value.end), default=len(text)),
    )


def _around(text: str, value: Value) -> tuple[str, str]:
    """The words of the clause before a value and after it, a few of each and none across another value."""
    every: list[Value] = [*find_quantities(text), *find_dates(text)]
    marks = [(item.start, item.end) for item in every if not _overlap(item, value)]
    start, end = _clause_around(text, value)
    start = max([start, *(last for _, last in marks if last <= value.start)])
    end = min([end, *(first for first, _ in marks if first >= value.end)])
    before, after = text[start : value.start], text[value.end : end]
    if is_chinese(text):
        return before[-8:], after[:8]
    return " ".join(before.split()[-_AROUND:]), " ".join(after.split()[:_AROUND])


def part_around(claim: str, at: int) -> tuple[int, int]:
    """The part of a claim that holds an offset: all of it, unless it joins statements."""
    start = 0
    for match in [*JOINED.finditer(claim), None]:
        end = match.start() if match else len(claim)
        if start <= at < end:
            return (start, end) if len(content_units(claim[start:end])) >= LEAST_PART else (0, len(claim))
        start = match.end() if match else end
    return 0, len(claim)


def _names_of(text: str, glossary: Glossary) -> frozenset[str]:
    return _name_units(glossary).intersection(content_units(glossary.unify(text)))


def _named_in(part: str, item: Evidence, glossary: Glossary) -> frozenset[str]:
    """The names in a part of a claim that a sentence with its headings names too."""
    return _names_of(part, glossary) & _names_of(f"{item.passage.context} {item.sentence.text}", glossary)


def _fits(
    value: Value, values: Sequence[Value], claim: str, compared: Sequence[Evidence], glossary: Glossary
) -> list[float]:
    """How much of what stands with a value each sentence holds with its headings: words, names and other values, these weighing more."""
    beside = [item for item in values if not _overlap(item, value)]
    language: Language = "zh" if is_chinese(claim) else "en"
    translated = f"{glossary.translate(claim, language)} {translate_terms(claim, language)}"
    names = _name_units(glossary)
    shares = []
    for item in compared:
        units = content_units(glossary.unify(claim if item.passage.language == language else translated))
        text, context = item.sentence.text, item.passage.context
        held, above = (set(content_units(glossary.unify(each))) for each in (text, context))
        weights = [
            (NAME_WEIGHT if unit in names else 1.0, 1.0 if unit in held else CONTEXT_WEIGHT if unit in above else 0.0)
            for unit in units
        ]
        for other in beside:
            in_text, in_context = (
                any(_agree(other, each, side) for each in _values_like(other, side)) for side in (text, context)
            )
            weights.append((VALUE_WEIGHT, 1.0 if in_text else CONTEXT_WEIGHT if in_context else 0.0))
        total = sum(weight for weight, _ in weights)
        shares.append(sum(weight * part for weight, part in weights) / total if total else 0.0)
    return shares


@lru_cache(maxsize=8)
def _name_units(glossary: Glossary) -> frozenset[str]:
    """What the names of a glossary become when texts are compared by their words."""
    return frozenset(
        unit for entry in glossary.entries if entry.kind in NAMES for unit in content_units(unified_word(entry))
    )
