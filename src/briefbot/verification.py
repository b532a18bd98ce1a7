"""Whether a statement is in the evidence it cites: a pure check of numbers, dates, names, negation, modality and words.

`Verifier.find_faults` says what a statement has that its evidence has not, and `Verifier.supports` that there is no such thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from briefbot.glossary import Glossary, GlossaryEntry
from briefbot.hygiene import is_showable
from briefbot.polarity import denials_in, denied_alone, modalities_in, opposed_directions
from briefbot.quantities import find_dates, find_quantities, missing_dates, missing_quantities
from briefbot.roles import ACTORS, find_misplaced, find_swap
from briefbot.sentences import split_sentences
from briefbot.support import Likeness, contradicts, says_too_little, score_support, signs_of_support
from briefbot.terms import fold, is_chinese, term_set

FaultKind = Literal["number", "date", "actor", "negation", "modality", "direction", "addition"]

LEAST_SUPPORT = 0.0
"""The logit of support under which a statement is not shown."""

LEAST_IN_COMMON = 0.25
"""Part of a statement's words, of those it has in the evidence's language, that the evidence must hold whatever else speaks for it."""

LEAST_SHARED_WORDS = 0.6
"""Part of a statement's words above which it is another reading of its evidence rather than an addition to it."""

_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z.&-]*[A-Za-z]")
_CODE = re.compile(
    r"(?<!\w)[A-Za-z]+[@#*&_:/$=\\^~|?!+%-]+[A-Za-z]*\d\w*|(?<!\w)[A-Za-z]{3,}\.\d+|(?<!\w)[A-Za-z]{3,}[@#*&_/$=\\^~|]+\w+",
    re.ASCII,
)
_EVERYDAY = frozenset(
    (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Article", "Articles",
        "China", "Chinese", "RMB", "USD", "CNY", "US", "HKD", "EUR", "State", "Law", "Measures", "The", "AI", "APP",
    )
)  # fmt: skip
"""Words in capitals that name nothing in particular here."""

_MARK = re.compile(r"\s*\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class WrittenStatement:
    """A sentence a model wrote, without its marks, and the evidence numbers it cites."""

    text: str
    cited: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something a statement says that its evidence does not bear out: `stated`, and what the evidence has instead, if known."""

    kind: FaultKind
    stated: str
    found: str = ""


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


@dataclass(frozen=True, slots=True)
class Verifier:
    """Compares statements with evidence; the same statement and evidence, the same verdict."""

    glossary: Glossary
    likeness: Likeness | None = None

    def supports(self, statement: WrittenStatement, evidence: Sequence[str], context: Sequence[str] = ()) -> bool:
        """Whether a statement cites evidence that exists, numbered from 1, and has no fault beside it.

        Links, markup and words to a machine are never supported. `context` is what stands around the evidence (title and
        headings), numbered alike: it may name whom a sentence calls "it", and the year of its days, but bears out nothing else.
        """
        if not statement.cited or not all(1 <= number <= len(evidence) for number in statement.cited):
            return False
        if not is_showable(statement.text):
            return False
        cited = [evidence[number - 1] for number in statement.cited]
        around = [context[number - 1] for number in statement.cited if number <= len(context)]
        return next(self._find_faults(statement.text, cited, around), None) is None

    def find_faults(self, statement: str, evidence: Sequence[str], context: Sequence[str] = ()) -> list[Fault]:
        """What a statement says that its evidence does not bear out, gravest first; empty where it is supported."""
        return list(self._find_faults(statement, evidence, context))

    def _find_faults(self, statement: str, evidence: Sequence[str], context: Sequence[str]) -> Iterator[Fault]:
        known = " ".join(evidence)
        named = names_in(statement, self.glossary)
        for quantity in missing_quantities(statement, evidence):
            yield Fault("number", statement[quantity.start : quantity.end], _quantities_of(known))
        misplaced = find_misplaced(statement, known, self.glossary)
        if misplaced:
            yield Fault("number", statement[misplaced.start : misplaced.end], _quantities_of(known))
        for day in missing_dates(statement, [*evidence, *context]):
            yield Fault("date", statement[day.start : day.end], _dates_of(known))
        yield from self._find_actors(statement, named, evidence, context)
        strange = find_strange(statement, [*evidence, *context], named.values())
        if not strange and (says_too_little(statement, known) or self._is_beyond_check(statement, named, known)):
            strange = statement
        if strange:
            yield Fault("addition", strange)
        signs = signs_of_support(statement, evidence, self.glossary, self.likeness)
        if contradicts(signs) or signs["share"] < LEAST_IN_COMMON or score_support(signs) < LEAST_SUPPORT:
            yield _explain(statement, known, signs)

    def _is_beyond_check(self, statement: str, named: Mapping[str, GlossaryEntry], known: str) -> bool:
        """Whether a statement in the other language shares no name, number or date with its evidence, so that nothing can be told."""
        if is_chinese(statement) == is_chinese(known):
            return False
        names = named.keys() & names_in(known, self.glossary).keys()
        return not (names or find_quantities(statement) or find_dates(statement))

    def _find_actors(
        self, statement: str, named: Mapping[str, GlossaryEntry], evidence: Sequence[str], context: Sequence[str]
    ) -> Iterator[Fault]:
        around = " ".join([*evidence, *context])
        known = names_in(around, self.glossary)
        for id_, entry in named.items():
            if entry.kind in ACTORS and id_ not in known and not _is_named(entry, around):
                instead = [other for other in known.values() if other.kind == entry.kind]
                yield Fault("actor", entry.en[0], ", ".join(other.en[0] for other in instead[:3]))
        swap = find_swap(statement, " ".join(evidence), self.glossary)
        if swap:
            yield Fault("actor", swap[0], swap[1])


def names_in(text: str, glossary: Glossary) -> dict[str, GlossaryEntry]:
    """What a text names, by id, whichever language it names it in."""
    found = [*glossary.find(text, "en"), *(glossary.find(text, "zh") if re.search(r"[\u4e00-\u9fff]", text) else [])]
    return {entry.id: entry for entry in found}


def find_strange(statement: str, known: Sequence[str], named: Iterable[GlossaryEntry]) -> str:
    """A proper name or code of the statement that neither the glossary nor the evidence holds; empty if there is none."""
    text = " ".join(known)
    held = term_set(text) | {term for entry in named for name in (*entry.en, *entry.zh) for term in term_set(name)}
    is_latin_alone = is_chinese(statement)
    for match in _CODE.finditer(statement):
        if match[0].casefold() not in text.casefold():
            return match[0]
    for match in _LATIN_WORD.finditer(statement):
        word = match[0]
        is_name = is_latin_alone or (word[0].isupper() and match.start() > 0)
        if is_name and not term_set(word) & held and word not in _EVERYDAY and word.casefold() not in text.casefold():
            return word
    return ""


def _is_named(entry: GlossaryEntry, text: str) -> bool:
    """Whether a text holds a name of the entry, be it within a longer one."""
    folded = fold(text)
    return any(len(name) > 1 and fold(name) in folded for name in entry.zh) or any(
        re.search(rf"(?<!\w){re.escape(fold(name))}(?!\w)", folded) for name in entry.en
    )


def _quantities_of(text: str) -> str:
    return ", ".join(text[item.start : item.end] for item in find_quantities(text)[:3])


def _dates_of(text: str) -> str:
    return ", ".join(text[item.start : item.end] for item in find_dates(text)[:3])


def _explain(statement: str, known: str, signs: Mapping[str, float]) -> Fault:
    """The fault that the signs against a statement speak of."""
    opposed = opposed_directions(statement, known)
    if opposed:
        return Fault("direction", *opposed[0])
    denied = denied_alone(statement, known)
    if denied or signs["denies_alone"]:
        return Fault("negation", (denied or denials_in(statement))[0].word)
    denied = denied_alone(known, statement)
    if denied or (signs["does_not_deny"] and signs["share"] > LEAST_SHARED_WORDS):
        return Fault("negation", "", (denied or denials_in(known))[0].word)
    stated, meant = modalities_in(statement), modalities_in(known)
    if signs["other_modality"] or (stated ^ meant and signs["share"] > LEAST_SHARED_WORDS):
        return Fault("modality", ", ".join(sorted(stated)), ", ".join(sorted(meant)))
    return Fault("addition", statement)
