"""Numbers and dates of a claim beside those of a sentence: whether two measure the same thing, and whether they agree."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from functools import lru_cache

from briefbot.legal_terms import translate_terms
from briefbot.polarity import content_units
from briefbot.quantities import SENTENCES_KEPT, DateMention, Quantity, find_dates, find_quantities
from briefbot.terms import is_chinese

Value = Quantity | DateMention

FARTHEST_LIMIT = 10.0
"""How many times a limit ("less than RMB 10 billion") may be the value that it is taken to be said of."""

_LEAP_YEAR = 2020
_COUNTED = re.compile(r"[^\w]*([\u4e00-\u9fff]{1,8})")
_LENGTHS_OF_TIME = frozenset(("minutes", "hours", "days", "working days", "weeks", "months", "years"))
_PARTS = frozenset(("share", "percent"))
_ROUNDED_UNITS = frozenset(("CNY", "USD", "HKD", "EUR", "percent"))
_WORDS_COUNTED = 3
_MONEY_BEFORE = r"\s*(?:rmb|cny|us\$|usd|hk\$|hkd|\$|¥|€|人民币)?\s*$"
_UNDER = re.compile(
    rf"(?:\b(?:less than|fewer than|under|below|at most|up to|no more than)|不到|不足|少于|低于|不超过|至多){_MONEY_BEFORE}",
    re.IGNORECASE,
)
_OVER = re.compile(
    rf"(?:\b(?:more than|over|above|at least|no less than|exceed\w*)|超过|逾|高于|多于|至少|不少于){_MONEY_BEFORE}",
    re.IGNORECASE,
)
_EXACTLY = re.compile(rf"(?:\b(?:exactly|precisely)|恰好|正好|整整){_MONEY_BEFORE}", re.IGNORECASE)
_DATED = re.compile(
    r"(?:\b(?:in|since|during|before|after|by|until)(?: early| mid| late)?[ -]|[于在自从])$", re.IGNORECASE
)
_EDITION = re.compile(r"^ ?年?(?:版|修订|修正|草案)")


@lru_cache(maxsize=SENTENCES_KEPT)
def values_in(text: str) -> tuple[Value, ...]:
    """The numbers and dates of a text in order; article numbers, and days that the calendar lacks, are none."""
    values: list[Value] = [item for item in find_quantities(text) if item.unit != "article"]
    values += [item for item in find_dates(text) if _is_day(item)]
    return tuple(sorted(values, key=lambda item: item.start))


def impossible_days(text: str) -> list[DateMention]:
    """The days of a text that the calendar lacks: 31 February 2021."""
    return [item for item in find_dates(text) if not _is_day(item)]


def values_like(value: Value, text: str) -> list[Value]:
    """The dates of a text for a date, its numbers for a number."""
    return [item for item in values_in(text) if isinstance(item, DateMention) == isinstance(value, DateMention)]


def agree(claim: str, value: Value, text: str, other: Value) -> bool:
    """Whether a text that states `other` bears out the value of a claim, as the words before it ("less than") have it."""
    if isinstance(value, DateMention) and isinstance(other, DateMention):
        return value.agrees([_with_year(other, text)])
    if not isinstance(value, Quantity) or not isinstance(other, Quantity):
        return False
    before = claim[max(0, value.start - 24) : value.start]
    if _EXACTLY.search(before):
        return replace(value, is_rounded=False).agrees(other)
    is_under, is_over = bool(_UNDER.search(before)), bool(_OVER.search(before))
    if (is_under or is_over) and value.unit == other.unit and not other.is_rounded:
        low, high = sorted((value.value, other.value))
        return high <= FARTHEST_LIMIT * low and (other.value <= value.value if is_under else other.value >= value.value)
    return value.agrees(other) or _rounds(value, other)


def is_same_measure(claim: str, value: Value, text: str, other: Value) -> bool:
    """Whether two values measure the same thing as far as their units, or the words they count, can tell.

    A year alone is compared with a day only where the claim dates something by it: "in 2022", not "the 2022 rules".
    """
    if isinstance(value, DateMention) and isinstance(other, DateMention):
        if _parts_of(value) == _parts_of(other):
            return True
        if value.month is None and not _dates_by(claim, value):
            return False
        return _parts_of(value) < _parts_of(other) and _conflicts(value, _with_year(other, text))
    if not isinstance(value, Quantity) or not isinstance(other, Quantity):
        return False
    if value.unit or other.unit:
        units = {value.unit, other.unit}
        return len(units) == 1 or units <= _LENGTHS_OF_TIME or units <= _PARTS
    return bool(_counted(claim, value, is_chinese(text)) & _counted(text, other, is_chinese(text)))


def _is_day(date: DateMention) -> bool:
    if date.month is None or date.day is None:
        return True
    try:
        dt.date(date.year or _LEAP_YEAR, date.month, date.day)
    except ValueError:
        return False
    return True


def _parts_of(date: DateMention) -> set[str]:
    return {name for name in ("year", "month", "day") if getattr(date, name) is not None}


def _conflicts(date: DateMention, other: DateMention) -> bool:
    return any(getattr(date, name) != getattr(other, name) for name in _parts_of(date) & _parts_of(other))


def _dates_by(claim: str, date: DateMention) -> bool:
    after = claim[date.end :]
    return not _EDITION.match(after) and bool(
        _DATED.search(claim[: date.start]) or claim[date.end - 1 : date.end] == "年"
    )


def _with_year(date: DateMention, text: str) -> DateMention:
    """A date with the year that a text names before it, where it has none of its own."""
    if date.year is not None:
        return date
    years = [each.year for each in find_dates(text) if each.year is not None and each.start < date.start]
    return replace(date, year=years[-1] if years else None)


def _rounds(value: Quantity, other: Quantity) -> bool:
    """Whether a value of at least two digits is the other, a sum of money or a share, rounded to its last digit."""
    digits = value.value / value.step if value.step else 0.0
    is_rounded = value.unit == other.unit and value.unit in _ROUNDED_UNITS and digits >= 10
    return is_rounded and abs(value.value - other.value) <= 0.51 * value.step


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
