"""Whether the check of claims can be led astray by a value: sentences of the corpus, and the same with a neighbour's value in them.

A date or number is exchanged for one of the same measure from the sentences found nearest, the likeliest way for a claim to be false
while everything in it stands somewhere in the corpus. A sentence as it stands should be supported; a changed one never. Plain claims
written by hand, true and false, are measured alike; they were used in fitting the check, and so were half of one sample of sentences.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from briefbot.eval.labelled import read_rows
from briefbot.eval.statistics import Estimate, estimate
from pydantic import BaseModel, ConfigDict, Field

from briefbot.answering import Briefbot
from briefbot.models import Language, Sentence
from briefbot.quantities import DateMention, Quantity, find_dates, find_quantities
from briefbot.terms import is_chinese

PLAIN_CLAIMS_FILE = Path(__file__).parent / "pairs" / "plain_claims.jsonl"
"""The bundled plain claims."""

NEIGHBOURS = 8
LEAST_CHARS, MOST_CHARS = 40, 260
LEAST_HAN, MOST_HAN = 15, 120


class PlainClaim(BaseModel):
    """A short claim that the corpus bears out, or that states one thing otherwise than the corpus."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    language: Language
    claim: str = Field(min_length=1)
    is_true: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """A sentence of the corpus, and the same with another value in place of one of its own."""

    kind: Literal["number", "date"]
    sentence: str
    changed: str


@dataclass(frozen=True, slots=True)
class ExchangeFigures:
    """Shares of claims called supported, with 95 % intervals: sentences as they stand, changed ones by kind, and plain claims."""

    unchanged: Estimate | None
    number: Estimate | None
    date: Estimate | None
    plain_true: Estimate | None
    plain_false: Estimate | None


def load_plain_claims(path: Path = PLAIN_CLAIMS_FILE) -> list[PlainClaim]:
    """The plain claims in a JSON Lines file; raises `UsageError` that names the line at fault."""
    return read_rows(path, PlainClaim)


def make_exchanges(bot: Briefbot, count: int, *, seed: int = 0) -> list[Exchange]:
    """Up to `count` exchanges of values in sentences of the corpus; the same corpus and seed, the same exchanges."""
    chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
    sentences = [
        sentence
        for document in sorted(bot.corpus.catalogue().documents)
        for passage in bot.corpus.passages_of(document)
        for sentence in passage.sentences
        if _is_of_use(sentence)
    ]
    chance.shuffle(sentences)
    made: list[Exchange] = []
    for sentence in sentences:
        if len(made) >= count:
            break
        made += _exchange(bot, sentence.text, chance)
    return made[:count]


def _is_of_use(sentence: Sentence) -> bool:
    length, in_chinese = len(sentence.text), is_chinese(sentence.text)
    least, most = (LEAST_HAN, MOST_HAN) if in_chinese else (LEAST_CHARS, MOST_CHARS)
    return least <= length <= most and bool(_values_of(sentence.text))


def _values_of(text: str) -> list[Quantity | DateMention]:
    return [*(item for item in find_quantities(text) if item.unit != "article"), *find_dates(text)]


def _exchange(bot: Briefbot, text: str, chance: random.Random) -> Iterator[Exchange]:
    own = _values_of(text)
    neighbours = [
        item.sentence.text
        for item in bot.find_evidence(text)[:NEIGHBOURS]
        if is_chinese(item.sentence.text) == is_chinese(text)
    ]
    kinds: tuple[tuple[Literal["number", "date"], type[Quantity] | type[DateMention]], ...] = (
        ("number", Quantity),
        ("date", DateMention),
    )
    for kind, type_ in kinds:
        values = [item for item in own if isinstance(item, type_)]
        if not values:
            continue
        old = chance.choice(values)
        for neighbour in neighbours:
            new = next((item for item in _values_of(neighbour) if _can_replace(item, old, own)), None)
            if new:
                written = neighbour[new.start : new.end]
                yield Exchange(kind, text, f"{text[: old.start]}{written}{text[old.end :]}")
                break


def _can_replace(
    new: Quantity | DateMention, old: Quantity | DateMention, own: Sequence[Quantity | DateMention]
) -> bool:
    """Whether a value is of the measure of another one, and none that the sentence states."""
    if isinstance(new, Quantity) and isinstance(old, Quantity):
        values = [item for item in own if isinstance(item, Quantity)]
        return new.unit == old.unit and not any(new.agrees(item) or item.agrees(new) for item in values)
    if isinstance(new, DateMention) and isinstance(old, DateMention):
        parts, others = ([item.year is None, item.month is None, item.day is None] for item in (new, old))
        return parts == others and not new.agrees(item for item in own if isinstance(item, DateMention))
    return False


def measure_exchanges(bot: Briefbot, exchanges: Sequence[Exchange], plain: Sequence[PlainClaim]) -> ExchangeFigures:
    """How often each kind of claim is called supported."""

    def share(claims: Sequence[str]) -> Estimate | None:
        return estimate([float(bot.check(claim).verdict == "supported") for claim in claims])

    return ExchangeFigures(
        unchanged=share(list(dict.fromkeys(item.sentence for item in exchanges))),
        number=share([item.changed for item in exchanges if item.kind == "number"]),
        date=share([item.changed for item in exchanges if item.kind == "date"]),
        plain_true=share([item.claim for item in plain if item.is_true]),
        plain_false=share([item.claim for item in plain if not item.is_true]),
    )


def render_exchanges(figures: ExchangeFigures) -> str:
    """The figures as a table for the terminal."""
    rows = (
        ("sentences of the corpus", figures.unchanged),
        ("with another number", figures.number),
        ("with another date", figures.date),
        ("plain true claims", figures.plain_true),
        ("plain false claims", figures.plain_false),
    )
    lines = [f"{'called supported':<26}{'share':>8}{'95 % interval':>18}{'claims':>8}"]
    for name, found in rows:
        if found:
            interval = f"{found.low:.3f} to {found.high:.3f}"
            lines.append(f"{name:<26}{found.mean:>8.3f}{interval:>18}{found.count:>8}")
    return "\n".join(lines)
