"""Which sentence bears out each number and date of a claim, and which sentence has another one in its place.

That a value stands somewhere near is not enough: the fine of one company does not bear out a claim about another's. A sentence bears
a value out if none that speaks of the same matter more closely has another value of that measure, and if the words around the value
are not those around another value of the same sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from briefbot.glossary import Glossary, unified_word
from briefbot.legal_terms import translate_terms
from briefbot.measures import Value, agree, impossible_days, is_same_measure, values_in, values_like
from briefbot.models import Evidence, Language
from briefbot.polarity import FUNCTION_STEMS, content_units
from briefbot.quantities import DateMention, find_dates
from briefbot.roles import ACTORS
from briefbot.terms import fold, is_chinese
from briefbot.verification import names_in

CLOSER = 0.15
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
"""What the likeness of the words right around two values adds to how closely their sentences speak of a matter; nothing where the claim
names a year or month and the sentence another day, which may be that of something else."""

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

MOST_VALUES = 24
"""Numbers and dates of a claim that are looked up."""

TEXTS_KEPT = 8192
"""Texts whose words and names are remembered: the same sentences are compared for one claim after another."""

_AROUND, _HAN_AROUND = 12, 8
_LISTED = re.compile(
    r"[\s,，、;；&]*(?:\([^()]{0,40}\)|（[^（）]{0,20}）)?[\s,，、]*(?:and|or|as well as|和|与|及|以及|或)?[\s,，]*",
    re.IGNORECASE,
)
"""What stands between things that are listed together."""

JOINED = re.compile(
    r"\band\b|\bbut\b|\bthen\b|\bwhile\b|，(?:并|另|也|同时|随后|还|且|又|而)|并(?:且|一并)|同时|；|;", re.IGNORECASE
)
_CLAUSE = re.compile(r"[，,；;。：:、—()（）]\s?(?!\d{3})|\b(?:and|which|because|so|but|while)\b")
_OWNER_CLAUSE = re.compile(rf"{_CLAUSE.pattern}|\b(?:after|before|when|than|while)\b")


@dataclass(frozen=True, slots=True)
class Bearing:
    """A value of a claim: the sentences that bear it out, the closest first, or else one that has another in its place, if any."""

    kind: Literal["number", "date"]
    value: Value
    bearers: tuple[Evidence, ...] = ()
    rival: Evidence | None = None
    instead: str = ""


def find_bearings(claim: str, compared: Sequence[Evidence], glossary: Glossary) -> list[Bearing]:
    """What bears out each number and date of a claim, in its order; article numbers are none.

    Of very many values the first `MOST_VALUES` are looked up, and none is found for the rest.
    """
    values = values_in(claim)
    reading = _Reading(claim, values[:MOST_VALUES], glossary)
    found = [reading.bear_out(value, compared) for value in values[:MOST_VALUES]]
    rest = [*values[MOST_VALUES:], *impossible_days(claim)]
    return [*found, *(Bearing(_kind_of(value), value) for value in rest)]


def _kind_of(value: Value) -> Literal["number", "date"]:
    return "date" if isinstance(value, DateMention) else "number"


@dataclass(frozen=True, slots=True)
class _Reading:
    """A claim and its values, to be looked for in sentences."""

    claim: str
    values: Sequence[Value]
    glossary: Glossary

    def bear_out(self, value: Value, compared: Sequence[Evidence]) -> Bearing:
        """What bears out one of the values, or stands in its place."""
        start, end = part_around(self.claim, value.start)
        part = self.claim[start:end]
        bearers: list[tuple[float, Evidence]] = []
        rivals: list[tuple[float, Evidence, Value]] = []
        for item in compared:
            bears, other, likeness = self._weigh_in(value, item)
            if not bears and other is None:
                continue
            fit = self._fit(value, item, 0, len(self.claim))
            if end - start < len(self.claim):
                fit = PART_SHARE * self._fit(value, item, start, end) + (1 - PART_SHARE) * fit
            if other is not None:
                weight = 0.0 if _is_coarser(value, other) else LIKENESS_WEIGHT
                rivals.append((fit + weight * likeness, item, other))
            else:
                bearers.append((fit + LIKENESS_WEIGHT * likeness, item))
        bearers.sort(key=lambda found: -found[0])
        named = _names_of(part, self.glossary)
        least = named & _names_around(bearers[0][1], self.glossary) if bearers else named
        rivals = [found for found in rivals if least <= _names_around(found[1], self.glossary)]
        best = max((found[0] for found in rivals), default=0.0)
        if bearers and best <= bearers[0][0] + CLOSER:
            return Bearing(_kind_of(value), value, tuple(item for _, item in bearers))
        rival = next((found for found in rivals if found[0] >= best - AS_CLOSE), None)
        if rival and best >= LEAST_RIVAL:
            _, item, other = rival
            return Bearing(_kind_of(value), value, rival=item, instead=item.sentence.text[other.start : other.end])
        return Bearing(_kind_of(value), value)

    def _weigh_in(self, value: Value, item: Evidence) -> tuple[bool, Value | None, float]:
        """Whether a sentence holds a value, else the value it has in that one's place, and how like its surroundings are."""
        text = item.sentence.text
        others = values_like(value, text)
        same = [
            other
            for other in others
            if agree(self.claim, value, text, other) and self._is_of_company(value, text, other)
        ]
        rivals = [other for other in others if self._is_rival(value, text, other)]
        likenesses = {other: self._likeness(value, text, other) for other in (*same, *rivals)}
        rival = max(rivals, key=lambda other: likenesses[other], default=None)
        ours = max((likenesses[other] for other in same), default=0.0)
        if rival and (not same or likenesses[rival] > ours + MORE_ALIKE):
            return False, rival, likenesses[rival]
        if not same and isinstance(value, DateMention):  # a sentence may leave its day to the headings
            is_left = not any(agree(self.claim, value, text, other) for other in others)
            return is_left and value.agrees([*find_dates(text), *find_dates(item.passage.context)]), None, 0.0
        return bool(same), None, ours

    def _is_rival(self, value: Value, text: str, other: Value) -> bool:
        """Whether another value measures what this one does, and is none that the claim has too."""
        if not is_same_measure(self.claim, value, text, other) or not self._is_of_company(value, text, other):
            return False
        return not any(
            is_same_measure(self.claim, each, text, other) and agree(self.claim, each, text, other)
            for each in self.values
            if self._is_of_company(each, text, other)
        )

    def _is_of_company(self, value: Value, text: str, other: Value) -> bool:
        """Whether a value of a sentence is of a company that the claim has with its own value, where both name companies.

        A number is one company's; of a day it is enough that the sentence names one of them.
        """
        start, end = part_around(self.claim, value.start)
        asked = {id_ for id_, _, _ in _companies_in(self.claim[start:end], self.glossary)} or {
            id_ for id_, _, _ in _companies_in(self.claim, self.glossary)
        }
        named = _companies_in(text, self.glossary)
        if not asked or not named:
            return True
        owners = {id_ for id_, _, _ in named} if isinstance(value, DateMention) else _owners_of(other, text, named)
        return not asked.isdisjoint(owners)

    def _fit(self, value: Value, item: Evidence, start: int, end: int) -> float:
        """How much of what a part of the claim has beside a value a sentence holds with its headings.

        Names and other values weigh more than words, and what stands in the headings alone less.
        """
        part = _without_values(self.claim)[start:end]
        language: Language = "zh" if is_chinese(self.claim) else "en"
        words = part if item.passage.language == language else _translate(part, language, self.glossary)
        text, context = item.sentence.text, item.passage.context
        held, above = _units_of(text, self.glossary), _units_of(context, self.glossary)
        names = _name_units(self.glossary)
        weights = [
            (NAME_WEIGHT if unit in names else 1.0, 1.0 if unit in held else CONTEXT_WEIGHT if unit in above else 0.0)
            for unit in _units_in_order(words, self.glossary)
            if unit not in FUNCTION_STEMS
        ]
        for other in self.values:
            if start <= other.start < end and not _overlap(other, value):
                in_text, in_context = (
                    any(agree(self.claim, other, side, each) for each in values_like(other, side))
                    for side in (text, context)
                )
                weights.append((VALUE_WEIGHT, 1.0 if in_text else CONTEXT_WEIGHT if in_context else 0.0))
        return _mean(weights)

    def _likeness(self, value: Value, text: str, other: Value) -> float:
        """How much of what is right around a value, words and other values, is around another one; a constant across languages."""
        if is_chinese(self.claim) != is_chinese(text):
            return UNKNOWN_LIKENESS
        held = _words_around(text, other, self.glossary)
        parts = [(1.0, unit in held) for unit in _words_around(self.claim, value, self.glossary)]
        start, end = _clause_around(self.claim, value)
        first, last = _clause_around(text, other)
        near = _names_of(text[first:last], self.glossary)
        parts += [(NAME_AROUND, unit in near) for unit in _names_of(self.claim[start:end], self.glossary)]
        for beside in self.values:
            if start <= beside.start < end and not _overlap(beside, value):
                found = [each for each in values_like(beside, text) if first <= each.start < last]
                parts.append((1.0, any(agree(self.claim, beside, text, each) for each in found)))
        return _mean(parts)


def _mean(weighted: Sequence[tuple[float, float]]) -> float:
    """The mean of shares, each behind its weight; 0 of none."""
    total = sum(weight for weight, _ in weighted)
    return sum(weight * share for weight, share in weighted) / total if total else 0.0


def _is_coarser(value: Value, other: Value) -> bool:
    """Whether a date leaves out what another one names."""
    if not isinstance(value, DateMention) or not isinstance(other, DateMention):
        return False
    return (value.day is None and other.day is not None) or (value.month is None and other.month is not None)


def _overlap(one: Value, other: Value) -> bool:
    return one.start < other.end and other.start < one.end


@lru_cache(maxsize=TEXTS_KEPT)
def _clause_around(text: str, value: Value) -> tuple[int, int]:
    """The clause that holds a value."""
    spans = [match.span() for match in _CLAUSE.finditer(text)]
    return (
        max((end for _, end in spans if end <= value.start), default=0),
        min((start for start, _ in spans if start >= value.end), default=len(text)),
    )


@lru_cache(maxsize=TEXTS_KEPT)
def _words_around(text: str, value: Value, glossary: Glossary) -> tuple[str, ...]:
    """The words of the clause before a value and after it, no names: a few of each and none across another value."""
    marks = [(item.start, item.end) for item in values_in(text) if not _overlap(item, value)]
    start, end = _clause_around(text, value)
    start = max([start, *(last for _, last in marks if last <= value.start)])
    end = min([end, *(first for first, _ in marks if first >= value.end)])
    before, after = text[start : value.start], text[value.end : end]
    if is_chinese(text):
        before, after = before[-_HAN_AROUND:], after[:_HAN_AROUND]
    else:
        before, after = " ".join(before.split()[-_AROUND:]), " ".join(after.split()[:_AROUND])
    names = _name_units(glossary)
    units = (*_units_in_order(before, glossary), *_units_in_order(after, glossary))
    return tuple(unit for unit in units if unit not in names and unit not in FUNCTION_STEMS)


@lru_cache(maxsize=TEXTS_KEPT)
def part_around(claim: str, at: int) -> tuple[int, int]:
    """The part of a claim that holds an offset: all of it, unless it joins statements."""
    start = 0
    for match in [*JOINED.finditer(claim), None]:
        end = match.start() if match else len(claim)
        if start <= at < end:
            return (start, end) if len(content_units(claim[start:end])) >= LEAST_PART else (0, len(claim))
        start = match.end() if match else end
    return 0, len(claim)


@lru_cache(maxsize=TEXTS_KEPT)
def _companies_in(text: str, glossary: Glossary) -> tuple[tuple[str, int, int], ...]:
    """Where a text names companies, in its order: id, start and end."""
    folded = fold(text)
    found: list[tuple[str, int, int]] = []
    spelled = [
        (fold(name), entry.id)
        for entry in names_in(text, glossary).values()
        if entry.kind == "company"
        for name in (*entry.en, *entry.zh)
    ]
    for name, id_ in sorted(spelled, key=lambda pair: -len(pair[0])):
        for match in re.finditer(
            rf"(?<![a-z]){re.escape(name)}(?![a-z])" if name.isascii() else re.escape(name), folded
        ):
            if not any(match.start() < last and first < match.end() for _, first, last in found):
                found.append((id_, match.start(), match.end()))
    return tuple(sorted(found, key=lambda each: each[1]))


def _owners_of(value: Value, text: str, named: Sequence[tuple[str, int, int]]) -> set[str]:
    """The companies that a value may be of: the first and the nearest one in its clause, and those listed with that one.

    Where its clause names none, the last one named before it, or else the first one after it.
    """
    spans = [match.span() for match in _OWNER_CLAUSE.finditer(text)]
    start = max((last for _, last in spans if last <= value.start), default=0)
    end = min((first for first, _ in spans if first >= value.end), default=len(text))
    inside = [each for each in named if start <= each[1] < end]
    if not inside:
        before = [each for each in named if each[1] < value.start]
        inside = before[-1:] or list(named[:1])
    nearest = min(inside, key=lambda each: max(value.start - each[2], each[1] - value.end))
    owners = {nearest[0], inside[0][0]}
    row = named.index(nearest)
    for step in (-1, 1):
        at = row
        while 0 <= at + step < len(named):
            one, other = sorted((named[at], named[at + step]), key=lambda each: each[1])
            if not _LISTED.fullmatch(text[one[2] : other[1]]):
                break
            at += step
            owners.add(named[at][0])
    return owners


@lru_cache(maxsize=TEXTS_KEPT)
def _units_in_order(text: str, glossary: Glossary) -> tuple[str, ...]:
    """What the words of a text are compared by, names made one."""
    return tuple(content_units(glossary.unify(text)))


@lru_cache(maxsize=TEXTS_KEPT)
def _units_of(text: str, glossary: Glossary) -> frozenset[str]:
    return frozenset(_units_in_order(text, glossary))


@lru_cache(maxsize=TEXTS_KEPT)
def _translate(part: str, language: Language, glossary: Glossary) -> str:
    """What is known of a part's words in the other language."""
    return f"{glossary.translate(part, language)} {translate_terms(part, language)}"


@lru_cache(maxsize=TEXTS_KEPT)
def _without_values(text: str) -> str:
    """A text, as long as before, with spaces for its numbers and dates."""
    for value in values_in(text):
        text = f"{text[: value.start]}{' ' * (value.end - value.start)}{text[value.end :]}"
    return text


def _names_of(text: str, glossary: Glossary) -> frozenset[str]:
    return _name_units(glossary) & _units_of(text, glossary)


def _names_around(item: Evidence, glossary: Glossary) -> frozenset[str]:
    """What a sentence with its headings names."""
    return _names_of(f"{item.passage.context} {item.sentence.text}", glossary)


@lru_cache(maxsize=8)
def _name_units(glossary: Glossary) -> frozenset[str]:
    """What the names of a glossary become when texts are compared by their words."""
    return frozenset(
        unit for entry in glossary.entries if entry.kind in NAMES for unit in content_units(unified_word(entry))
    )
