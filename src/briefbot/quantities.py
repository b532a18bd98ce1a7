"""Numbers with their units, and dates, as a text in English or Chinese states them, so that two texts can be compared.

"RMB 12.5 billion", "12,500 million yuan" and "125亿元" are one quantity; "3 May 1999" and "1999年5月3日" one date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from briefbot.periods import MONTH_NUMBERS, MONTHS
from briefbot.terms import NUMBER_WORDS, SCALES, plain_chars, read_chinese_number

SENTENCES_KEPT = 8192
"""Sentences whose dates and quantities are remembered: the same ones are weighed for one question after another."""

Unit = Literal["CNY", "USD", "HKD", "EUR", "percent", "points", "article", "clock", "share", "minutes", "hours", "days", "working days", "weeks", "months", "years", "decades", ""]  # fmt: skip

SAME = 1e-6
"""Relative difference up to which two numbers are one."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as `text[start:end]` states it; `unit` is empty where it counts things, or its unit is not known.

    `step` is the worth of the last digit written, and `is_rounded` whether the text says "about".
    """

    value: float
    unit: Unit
    start: int
    end: int
    step: float
    is_rounded: bool = False

    def agrees(self, other: Quantity) -> bool:
        """Whether a text that states `other` bears this one out; a rounded one may differ by half a step."""
        shares = {self.unit, other.unit}
        if shares == {"share", "percent"}:
            mine, theirs = (item.value * (100.0 if item.unit == "share" else 1.0) for item in (self, other))
            return abs(mine - theirs) < 1.0 / 2
        if self.unit and other.unit and self.unit != other.unit:
            return False
        allowed = SAME * max(1.0, abs(self.value))
        if self.is_rounded:
            allowed = max(allowed, 0.51 * self.step)
        return abs(self.value - other.value) <= allowed


@dataclass(frozen=True, slots=True)
class DateMention:
    """A date, or as much of one as `text[start:end]` states; at least one of year, month and day is there."""

    year: int | None
    month: int | None
    day: int | None
    start: int
    end: int

    def agrees(self, others: Iterable[DateMention]) -> bool:
        """Whether one of the others states this date; a year may come from another one of them."""
        known = list(others)
        years = {other.year for other in known}
        for other in known:
            if self.month is not None and (self.month, self.day or other.day) != (other.month, other.day):
                continue
            if self.year is None or self.year == other.year or (other.year is None and self.year in years):
                return True
        return False


_MONTH = rf"(?P<m>{'|'.join(MONTHS)}|(?:jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)\b\.?)"
_YEAR = r"(?P<y>(?:19|20)\d\d)"
_DAY = r"(?P<d>[0-3]?\d)(?:st|nd|rd|th)?"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_DAY}(?: of)? {_MONTH},? {_YEAR}\b",
        rf"\b{_MONTH} {_DAY},? {_YEAR}\b",
        rf"(?<!\d){_YEAR}-(?P<m>[01]\d)-(?P<d>[0-3]\d)(?!\d)",
        rf"{_YEAR} ?年 ?(?P<m>[01]?\d) ?月 ?(?P<d>[0-3]?\d) ?[日号]",
        rf"\b{_MONTH},?(?: of)? {_YEAR}\b",
        rf"{_YEAR} ?年 ?(?P<m>[01]?\d) ?月",
        rf"\b{_DAY}(?: of)? {_MONTH}(?!\w)",
        rf"\b{_MONTH} {_DAY}\b(?! ?(?:billion|million|per|%))",
        r"(?<!\d)(?P<m>1[0-2]|0?[1-9]) ?月 ?(?P<d>[0-3]?\d) ?[日号]",
        rf"(?<![\d个]){_YEAR} ?年",
        rf"(?<![\d.,\-$¥€])(?<!rmb )(?<!usd ){_YEAR}(?![\d,]*\d|[.]\d|\w| ?(?:thousand|million|billion|trillion|yuan|per ?cent|%))",
        r"(?<![\d个])(?P<m>1[0-2]|0?[1-9]) ?月(?!份?内)",
        r"\b(?P<m>january|february|april|june|july|august|september|october|november|december)\b",
        r"\b(?:in|since|by|until|from|of|during|early|late|mid|this|last|next)[ -](?P<m>march|may)\b",
    )
)
_SCALES = {**SCALES, "bn": 1e9, "mn": 1e6, "m": 1e6, "十万": 1e5, "千": 1e3, "": 1.0}
_SMALL = {word: value for value, word in enumerate(NUMBER_WORDS[:20])}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_WORD_NUMBER = rf"(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(list(_SMALL)[1:10])}))?|{'|'.join(list(_SMALL)[2:])}"
_SCALE = r"thousand|million|billion|trillion|bn\b|mn\b|万亿|千亿|百亿|亿|千万|百万|十万|万|千(?=[元家个])"
_DIGITS = re.compile(
    rf"(?<![a-z0-9_.])(?P<n>\d[\d,]*(?:\.\d+)?)(?![a-z0-9]|\.\d)(?:[ -]?(?P<s>{_SCALE}))?|(?<![a-z0-9_.])(?P<n2>\d[\d,]*(?:\.\d+)?)(?P<s2>bn|mn|m)\b"
)
_WORDED = re.compile(
    rf"\b(?P<n>{_WORD_NUMBER}|(?:one|a)(?= (?:hundred|thousand|million|billion))|half a(?= (?:million|billion)))"
    rf"(?:[ -](?P<h>hundred))?(?:[ -](?P<s>thousand|million|billion|trillion))?\b"
)
_HAN_NUMBER = r"[零〇一二两三四五六七八九十百千]+"
_CHINESE = re.compile(
    rf"(?P<n>{_HAN_NUMBER})(?P<s>万亿|亿|万)?(?P<of>[个家条项次部款类名人日天月年周元倍种批届章节级份起小分成门])"
)
_ARTICLE = re.compile(rf"\b(?:articles?|art\.|§) ?(?P<n>\d{{1,3}})\b|第 ?(?P<z>{_HAN_NUMBER}|\d{{1,3}}) ?条")
_PERCENT_ZH = re.compile(
    rf"百分之(?P<n>[\d.]+|{_HAN_NUMBER})(?:点(?P<f>[零一二三四五六七八九]+))?"
    r"|(?<![第构组])(?P<t>[一二两三四五六七八九])成(?![为立本果员份品功就交长效熟分年绩])"
)
_FRACTION = re.compile(
    r"\b(?P<a>one|a|two|three)[- ](?P<b>third|quarter|fifth|tenth)s?\b(?! (?:straight|consecutive|successive|year|time|party|country|quarter|month|round|batch|of (?:19|20)))|(?P<z>[二三四五六七八九十])分之(?P<w>[一二三四五六七八九])|\b(?P<h>half)\b(?! a| of (?:the year|20))|(?P<y>一半)"
)
_CLOCK = re.compile(
    r"(?<![\d.,])(?P<h>[01]?\d|2[0-4])(?:[:.](?P<m>[0-5]\d))? ?(?P<x>[ap])\.?m\b\.?|(?<![\d.,])(?P<h2>[01]?\d|2[0-4]):(?P<m2>[0-5]\d)(?!\d)"
    r"|(?P<z>上午|下午|晚上?|早上?)?(?P<h3>[01]?\d|2[0-4])(?:时|点)(?:(?P<m3>[0-5]?\d)分)?(?=[^\d]|$)"
)
_ONE_AGO = re.compile(
    r"\b(?:a|an|one)(?= )(?P<u> (?:day|week|month|year|hour|minute))\b(?= (?:after|before|later|earlier|ago|ahead|prior))"
)
_PARTS = {"third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
_ABOUT = re.compile(
    r"(?:\b(?:about|around|some|roughly|nearly|almost|approximately|approx\.|close to|just (?:over|under)|over|more than|under|less than)"
    r"|约|近|大约|将近|逾|超过?|左右|接近)[\s]*(?:rmb|cny|us\$|hk\$|\$|¥|€|usd|人民币)?[\s]*$"
)
_ABOUT_AFTER = re.compile(r"^[元美港个家项人]{0,3}(?:左右|上下|余|多)")
_BEFORE_UNITS: tuple[tuple[re.Pattern[str], Unit], ...] = (
    (re.compile(r"(?:us ?\$|usd) ?$"), "USD"),
    (re.compile(r"(?:hk ?\$|hkd) ?$"), "HKD"),
    (re.compile(r"(?:€|eur) ?$"), "EUR"),
    (re.compile(r"(?:rmb|cny|¥|人民币) ?$"), "CNY"),
    (re.compile(r"\$ ?$"), "USD"),
)
_AFTER_UNITS: tuple[tuple[re.Pattern[str], Unit], ...] = (
    (re.compile(r"^[ -]?(?:percentage points?|个百分点)"), "points"),
    (re.compile(r"^ ?(?:%|per ?cent\b|percent\b)"), "percent"),
    (re.compile(r"^ ?(?:美元|u\.?s\.? dollars?|usd|american dollars?|dollars?)"), "USD"),
    (re.compile(r"^ ?(?:港元|港币|hong kong dollars?|hkd)"), "HKD"),
    (re.compile(r"^ ?(?:欧元|euros?|eur\b)"), "EUR"),
    (re.compile(r"^ ?(?:元|人民币|yuan|rmb|renminbi|cny)"), "CNY"),
    (re.compile(r"^(?:[ -]?(?:minutes?)\b|分钟)"), "minutes"),
    (re.compile(r"^(?:[ -]?(?:hours?)\b| ?个?(?:小时|钟头))"), "hours"),
    (re.compile(r"^(?:[ -](?:working|business|work|trading)[ -]days?\b| ?个?(?:工作日|交易日))"), "working days"),
    (re.compile(r"^(?:[ -]?(?:calendar )?days?\b| ?个?(?:自然日|日|天))"), "days"),
    (re.compile(r"^(?:[ -]?weeks?\b| ?个?(?:周|星期))"), "weeks"),
    (re.compile(r"^(?:[ -]?months?\b| ?个月)"), "months"),
    (re.compile(r"^(?:[ -]?years?\b| ?(?:周年|年(?!度|级|第)))"), "years"),
    (re.compile(r"^[ -]?decades?\b"), "decades"),
)


def _fold(text: str) -> str:
    """Lower case, compatibility forms plain, as long as the text itself."""
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := char.lower()) == 1 else char for char in plain_chars(text))


def find_dates(text: str) -> list[DateMention]:
    """The dates of a text in order; "in the same year" and the like are none."""
    return list(_find_dates(text))


@lru_cache(maxsize=SENTENCES_KEPT)
def _find_dates(text: str) -> tuple[DateMention, ...]:
    folded = _fold(text)
    found: list[DateMention] = []
    for pattern in _DATES:
        for match in pattern.finditer(folded):
            if any(match.start() < other.end and other.start < match.end() for other in found):
                continue
            parts = match.groupdict()
            year = int(parts["y"]) if parts.get("y") else None
            name = (parts.get("m") or "").strip(".")
            month = (int(name) if name.isdigit() else MONTH_NUMBERS.get(name[:3])) if name else None
            day = int(parts["d"]) if parts.get("d") else None
            if (month is None or 1 <= month <= 12) and (day is None or 1 <= day <= 31):
                found.append(DateMention(year, month, day, match.start(), match.end()))
    return tuple(sorted(found, key=lambda item: item.start))


def find_quantities(text: str) -> list[Quantity]:
    """The quantities of a text in order, dates left out; "one" and "a" are not taken for numbers."""
    return list(_find_quantities(text))


@lru_cache(maxsize=SENTENCES_KEPT)
def _find_quantities(text: str) -> tuple[Quantity, ...]:
    folded = _fold(text)
    taken: list[tuple[int, int]] = [(item.start, item.end) for item in find_dates(text)]
    found: list[Quantity] = []

    def add(start: int, end: int, value: float, unit: Unit, step: float) -> None:
        if any(start < other_end and other_start < end for other_start, other_end in taken):
            return
        taken.append((start, end))
        about = bool(_ABOUT.search(folded[:start]) or _ABOUT_AFTER.match(folded[end:]))
        if unit == "decades":
            value, unit = 10.0 * value, "years"
        found.append(Quantity(round(value, 6), unit, start, end, step, about))

    for match in _ARTICLE.finditer(folded):
        number = int(match["n"]) if match["n"] else read_chinese_number(match["z"])
        if number:
            add(match.start(), match.end(), float(number), "article", 0.0)
    for match in _PERCENT_ZH.finditer(folded):
        add(match.start(), match.end(), _percent_of(match), "percent", 1.0)
    for match in _FRACTION.finditer(folded):
        add(match.start(), match.end(), _fraction_of(match), "share", 0.0)
    for match in _CLOCK.finditer(folded):
        add(match.start(), match.end(), _clock_of(match), "clock", 0.0)
    for match in _ONE_AGO.finditer(folded):
        if not _ABOUT.search(folded[: match.start()]):
            add(match.start(), match.end("u"), 1.0, _unit_of(folded, match.start(), match.start("u")), 0.0)
    for match in _DIGITS.finditer(folded):
        digits, name = (match["n"] or match["n2"]).rstrip(","), match["s"] or match["s2"] or ""
        end = match.end() if name else match.start() + len(digits)
        scale = _SCALES[name]
        decimals = len(digits.partition(".")[2])
        zeros = len(digits) - len(digits.rstrip("0")) if not decimals and "," not in digits else 0
        step = scale * 10.0 ** (zeros - decimals)
        add(match.start(), end, float(digits.replace(",", "")) * scale, _unit_of(folded, match.start(), end), step)
    for match in _WORDED.finditer(folded):
        scale = _SCALES[match["s"] or ""]
        value = _worded_value(match["n"].strip()) * (100.0 if match["h"] else 1.0) * scale
        add(match.start(), match.end(), value, _unit_of(folded, match.start(), match.end()), scale)
    for match in _CHINESE.finditer(folded):
        number = read_chinese_number(match["n"])
        if number is None or (number <= 1 and not match["s"]) or folded[match.start() - 1 : match.start()] == "第":
            continue
        end = match.end() - len(match["of"])
        scale = _SCALES[match["s"] or ""]
        add(match.start(), end, number * scale, _unit_of(folded, match.start(), end), scale)
    return tuple(sorted(found, key=lambda item: item.start))


def _percent_of(match: re.Match[str]) -> float:
    if match["t"]:
        return 10.0 * (read_chinese_number(match["t"]) or 0)
    whole = match["n"]
    value = float(whole) if re.fullmatch(r"[\d.]*\d", whole) else float(read_chinese_number(whole) or 0)
    if match["f"]:
        digits = "".join(str("零一二三四五六七八九".index(char)) for char in match["f"])
        value += float(f"0.{digits}")
    return value


def _fraction_of(match: re.Match[str]) -> float:
    if match["h"] or match["y"]:
        return 0.5
    if match["z"]:
        return float(read_chinese_number(match["w"]) or 0) / float(read_chinese_number(match["z"]) or 1)
    return float({"two": 2, "three": 3}.get(match["a"], 1)) / _PARTS[match["b"]]


def _clock_of(match: re.Match[str]) -> float:
    """Hours since midnight."""
    hour = int(match["h"] or match["h2"] or match["h3"])
    minute = int(match["m"] or match["m2"] or match["m3"] or 0)
    is_late = match["x"] == "p" or (match["z"] or "")[:1] in {"下", "晚"}
    return (hour % 12 + 12 if is_late and hour <= 12 else hour) + minute / 60


def _worded_value(words: str) -> float:
    if words in {"one", "a"}:
        return 1.0
    if words.startswith("half"):
        return 0.5
    return float(sum(_TENS.get(word, _SMALL.get(word, 0)) for word in re.split(r"[- ]", words)))


def _unit_of(text: str, start: int, end: int) -> Unit:
    before, after = text[max(0, start - 12) : start], text[end : end + 24]
    for pattern, unit in _AFTER_UNITS:
        if pattern.match(after):
            return unit
    return next((unit for pattern, unit in _BEFORE_UNITS if pattern.search(before)), "")


def missing_quantities(stated: str, known: Sequence[str]) -> list[Quantity]:
    """The quantities that a text states and the others do not, or not as often while they state another one of the unit."""
    others = [item for text in known for item in find_quantities(text)]
    mine = find_quantities(stated)
    missing = [item for item in mine if not any(item.agrees(other) for other in others)]
    for item in mine:
        same = [each for each in mine if each.agrees(item)]
        left = [other for other in others if other.unit == item.unit and not any(each.agrees(other) for each in mine)]
        if item.unit and item is same[-1] and left and 0 < sum(item.agrees(other) for other in others) < len(same):
            missing.append(item)
    return missing


def missing_dates(stated: str, known: Sequence[str]) -> list[DateMention]:
    """The dates that a text states and the others together do not."""
    others = [item for text in known for item in find_dates(text)]
    return [item for item in find_dates(stated) if not item.agrees(others)]


def find_differing(first: str, second: str) -> tuple[str, str] | None:
    """A measure that each of two texts states once, and differently, in their words; None if there is none."""
    for mine in _stated_once(first):
        for other in _stated_once(second):
            if mine.unit and mine.unit == other.unit and not mine.agrees(other) and not other.agrees(mine):
                return first[mine.start : mine.end], second[other.start : other.end]
    return None


def _stated_once(text: str) -> list[Quantity]:
    """The quantities of a text whose unit no other one has; article numbers are none."""
    found = [item for item in find_quantities(text) if item.unit != "article"]
    units = [item.unit for item in found]
    return [item for item in found if units.count(item.unit) == 1]
