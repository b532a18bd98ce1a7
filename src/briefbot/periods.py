"""The time a question's words restrict it to: days, months, quarters, halves and ranges, in English and Chinese.

Examples: "in early 2022" is January to April, "mid-2021" May to August, "late 2020" September to December, "at the end of 2020" and
"2020年底" November and December; "since 2023" has no end, "before March 2022" no beginning. A year that belongs to a name
("the 2022 Anti-Monopoly Law", "2021年版负面清单", "公告2024年第46号") restricts nothing.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from briefbot.terms import is_chinese, plain_chars

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, start=1)} | {
    name[:3]: number for number, name in enumerate(MONTHS, start=1)
}
_MONTH = rf"(?P<month>{'|'.join(MONTHS)}|(?:jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)\b\.?)"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4} | {
    "一": 1, "二": 2, "三": 3, "四": 4, "1": 1, "2": 2, "3": 3, "4": 4, "上": 1, "下": 2,
}  # fmt: skip
_ORDINAL = r"(?P<nth>first|second|third|fourth|1st|2nd|3rd|4th)"


@dataclass(frozen=True, slots=True)
class Period:
    """Calendar days from `first` to `last`, both included; None where a side is open."""

    first: dt.date | None
    last: dt.date | None

    def holds(self, day: dt.date) -> bool:
        """Whether a day lies in it."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class _Mention:
    """A period named at `[start, end)` of a text."""

    start: int
    end: int
    period: Period


def _months(year: int, first: int, last: int) -> Period:
    return Period(dt.date(year, first, 1), dt.date(year, last, calendar.monthrange(year, last)[1]))


def _day(year: int, month: int, day: int) -> Period | None:
    try:
        found = dt.date(year, month, day)
    except ValueError:
        return None
    return Period(found, found)


_PART_MONTHS = {
    "early": (1, 4), "beginning": (1, 2), "start": (1, 2), "mid": (5, 8), "middle": (5, 8), "late": (9, 12), "end": (11, 12),
    "初": (1, 4), "年初": (1, 4), "中": (5, 8), "年中": (5, 8), "末": (9, 12), "年末": (9, 12), "底": (11, 12), "年底": (11, 12),
}  # fmt: skip


def _month_of(match: re.Match[str]) -> int:
    word = match["month"].strip(".")
    return int(word) if word.isdigit() else MONTH_NUMBERS[word]


def _read_months(match: re.Match[str]) -> Period | None:
    first, last = (MONTH_NUMBERS[match[name].strip(".")] for name in ("month", "until"))
    return _months(int(match["year"]), first, last) if first <= last else None


def _read_part(match: re.Match[str]) -> Period:
    return _months(int(match["year"]), *_PART_MONTHS[match["part"]])


def _read_nth(match: re.Match[str], months: int) -> Period | None:
    last = _ORDINALS[match["nth"]] * months
    return _months(int(match["year"]), last - months + 1, last) if last <= 12 else None


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Period | None]], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH},? {_YEAR}\b", lambda m: _day(int(m["year"]), _month_of(m), int(m["day"]))),
        (rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? {_YEAR}\b", lambda m: _day(int(m["year"]), _month_of(m), int(m["day"]))),
        (rf"(?<!\d){_YEAR}-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)", lambda m: _day(int(m["year"]), int(m["month"]), int(m["day"]))),
        (rf"{_YEAR} ?年 ?(?P<month>1[0-2]|0?[1-9]) ?月 ?(?P<day>\d{{1,2}}) ?[日号號]", lambda m: _day(int(m["year"]), int(m["month"]), int(m["day"]))),
        (rf"\b(?P<part>early|mid|late|beginning|start|middle|end)(?: of|-| in)? ?{_YEAR}\b", _read_part),
        (rf"\b{_ORDINAL} half (?:of )?{_YEAR}\b", lambda m: _read_nth(m, 6)),
        (rf"\b(?:q(?P<nth>[1-4])) ?(?:of )?{_YEAR}\b", lambda m: _read_nth(m, 3)),
        (rf"\b{_YEAR} ?q(?P<nth>[1-4])\b", lambda m: _read_nth(m, 3)),
        (rf"\bh(?P<nth>[12]) ?(?:of )?{_YEAR}\b", lambda m: _read_nth(m, 6)),
        (rf"\b{_ORDINAL} quarter (?:of )?{_YEAR}\b", lambda m: _read_nth(m, 3)),
        (rf"{_YEAR} ?年 ?(?P<nth>[上下])半年", lambda m: _read_nth(m, 6)),
        (rf"{_YEAR} ?年 ?第?(?P<nth>[一二三四1-4])季度?", lambda m: _read_nth(m, 3)),
        (rf"{_YEAR} ?年(?P<part>年初|年中|年末|年底)", _read_part),
        (rf"{_YEAR} ?(?P<part>年初(?![步次期审级中])|年中(?![^\W\d_])|年中(?=[的之以前后起至到和与就已才])|年末|年底)", _read_part),
        (rf"\b{_MONTH} ?(?:and|to|until|through|-|–) ?{_MONTH.replace('month', 'until')},? {_YEAR}\b", _read_months),
        (rf"\b{_MONTH},? {_YEAR}\b", lambda m: _months(int(m["year"]), _month_of(m), _month_of(m))),
        (rf"{_YEAR} ?年 ?(?P<month>1[0-2]|0?[1-9]) ?月?(?:至|到|-|–)(?P<until>1[0-2]|0?[1-9]) ?月", lambda m: _months(int(m["year"]), int(m["month"]), int(m["until"]))),
        (rf"{_YEAR} ?年 ?(?P<month>1[0-2]|0?[1-9]) ?月(?:份)?", lambda m: _months(int(m["year"]), int(m["month"]), int(m["month"]))),
        (rf"{_YEAR} ?年?(?: to | ?[-–] ?|至|到){_YEAR.replace('year', 'until')}(?: ?年)?(?![\d-])", lambda m: Period(dt.date(int(m["year"]), 1, 1), dt.date(int(m["until"]), 12, 31))),
        (rf"{_YEAR} ?年(?!版)", lambda m: _months(int(m["year"]), 1, 12)),
        (r"\b(?P<year>(?:19|20)\d0)s\b", lambda m: Period(dt.date(int(m["year"]), 1, 1), dt.date(int(m["year"]) + 9, 12, 31))),
        (rf"(?<![\d.,-]){_YEAR}(?![\d,]*\d)", lambda m: _months(int(m["year"]), 1, 12)),
    )
)  # fmt: skip
_OPEN_START = re.compile(r"(?:\b(?:until|up to|by|as of)(?: the)?(?: (?:end|close) of)?(?: the)? |截至|截止到?|直到)$")
_BEFORE = re.compile(r"\b(?:before|prior to|earlier than)(?: the)? $")
_OPEN_END = re.compile(r"(?:\b(?:since|after|from|following|starting(?: in)?)(?: the)? |自从?|从)$")
_AFTER = re.compile(r"\b(?:after|following)(?: the)? $")
_BEFORE_ZH = re.compile(r"^ ?(?:年)?(?:以前|之前|前)")
_UNTIL_ZH = re.compile(r"^ ?(?:为止|止)")
_SINCE_ZH = re.compile(r"^ ?(?:以来|起|以后|之后|后)")
_AND = re.compile(r"^ ?(?:and|to|until|through|–|-|和|与|至|到) ?(?:the )?$")
_RANGE = re.compile(
    r"\w ?(?:\b(?:and|to|until|through)\b|[–至到]|(?<=[a-z\d年月])(?<!mid)(?<!early)(?<!late)(?<!end) ?- ?(?=[a-z]|(?:19|20)\d\d\b)) ?\w",
    re.IGNORECASE,
)
"""What stands between the ends of a period that is named as a whole; no ISO day has it."""
_RELATIVE_YEARS = tuple(
    (re.compile(pattern), years)
    for pattern, years in (
        (r"\bthis year\b|今年|本年(?!度)", 0),
        (r"(?<!the )\blast year\b|去年", 1),
        (r"\bthe year before last\b|前年", 2),
    )
)
_RELATIVE_MONTHS = tuple(
    (re.compile(pattern), months)
    for pattern, months in ((r"\bthis month\b|本月|这个月", 0), (r"(?<!the )\blast month\b|上个?月", 1))
)
_PAST = re.compile(
    r"\b(?:the|these) (?:last|past) (?:(?P<n>\d{1,2}|two|three|four|five|six|ten|twelve) )?(?P<unit>year|month)s?\b"
    r"|(?:过去|最近|近)(?P<z>\d{1,2}|[一两二三四五六十])个?(?P<unit_zh>年|月)"
)
_COUNTS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10, "twelve": 12,
    "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "十": 10,
}  # fmt: skip
_MONTH_DAYS = 31
_LEADS_TO = re.compile(r"(?:\s*\b(?:on|in|of|by|since|during|from)(?: the)?\s+|\s+|[在于自从])$", re.IGNORECASE)
_LED_FROM = re.compile(r"^ ?[，,、的] ?")
_BOUND = re.compile(
    r"(?:\b(?:before|after|until|up to|as of|by|since|from|between|prior to|earlier than|later than)(?: the)?(?: (?:end|beginning) of)?|截至|截止|直到|自从?|从|到|至)\s*$",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(r"^ ?(?:以|之)?(?:前|后|来|起|为止|至|到)|^ ?[)）]")
_RANGE_SIGNS = frozenset(("to", "until", "through", "–", "-", "至", "到"))
_BETWEEN = re.compile(r"(?:between|from|从|自)(?: the)? ?$")
_NAMED_EN = re.compile(
    r"^ (?:[A-Z][\w-]*|(?:version|edition|draft|revision|amendment|amended|revised|negative|catalogue|list|rules?|measures|provisions"
    r"|law|text|guidelines|plan|catalog|thresholds|notice|opinions|act|order)\b)"
)
_NAMED_ZH = re.compile(r"^ ?(?:年)?(?:版|第\d+号|修订|修正|修改|草案|征求意见|\]|〕|】)")
_OPENED = re.compile(r"(?:[\[〔(（《]|No\. ?|version of |edition of |revision of |draft of )$")


def find_period(text: str, today: dt.date | None = None) -> Period | None:
    """The period that a question's words restrict it to; None where they restrict nothing.

    Of several mentions the two of a range ("between A and B") count together, else the first. "Last year" and the like are
    read where `today` is given and no other time is named.
    """
    mentions = list(_find_mentions(text))
    if not mentions:
        return _find_relative(text, today) if today else None
    folded = plain_chars(text)
    first = mentions[0]
    for second in mentions[1:2]:
        link = _AND.match(folded[first.end : second.start])
        if link and (link[0].strip() in _RANGE_SIGNS or _BETWEEN.search(folded[: first.start].lower())):
            return Period(first.period.first, second.period.last)
    return first.period if _RANGE.search(folded[first.start : first.end]) else _open_up(first, folded)


def _find_relative(text: str, today: dt.date) -> Period | None:
    """The period before a day that a text names by that day: "this year", "last month", "过去三年"."""
    folded = plain_chars(text).lower()
    for pattern, years in _RELATIVE_YEARS:
        if pattern.search(folded):
            return _months(today.year - years, 1, 12)
    for pattern, back in _RELATIVE_MONTHS:
        if pattern.search(folded):
            year, month = divmod(12 * today.year + today.month - 1 - back, 12)
            return _months(year, month + 1, month + 1)
    match = _PAST.search(folded)
    if match is None:
        return None
    written = match["n"] or match["z"] or "1"
    number = int(written) if written.isdigit() else _COUNTS.get(written, 1)
    days = number * (365 if (match["unit"] or match["unit_zh"]) in {"year", "年"} else 30)
    return Period(today - dt.timedelta(days=days), today)


def find_days(text: str) -> list[Period]:
    """Every day, month or longer stretch that a text names, in order, as it is written."""
    return [mention.period for mention in _find_mentions(text, names_count=True)]


def leave_out_days(text: str) -> str:
    """A question without the days and months it names, and the words that lead to them; years and longer stretches stay."""
    if len(plain_chars(text)) != len(text):
        return text
    mentions = [item for item in _find_mentions(text) if item.period.first and item.period.last]
    short = [item for item in mentions if (item.period.last - item.period.first).days <= _MONTH_DAYS]  # type: ignore[operator]
    if len(short) != 1 or _BOUND.search(text[: short[0].start]) or _BOUND_AFTER.match(text[short[0].end :]):
        return text
    before, after = _LEADS_TO.sub("", text[: short[0].start]), text[short[0].end :]
    return before + (_LED_FROM.sub("", after) if not before.strip() or is_chinese(text) else after)


def _find_mentions(text: str, *, names_count: bool = False) -> Iterator[_Mention]:
    folded = plain_chars(text)
    lowered = folded.lower() if len(folded.lower()) == len(folded) else folded
    taken: list[_Mention] = []
    for pattern, read in _FORMS:
        for match in pattern.finditer(lowered):
            period = read(match)
            overlaps = any(match.start() < other.end and other.start < match.end() for other in taken)
            if period is not None and not overlaps:
                taken.append(_Mention(match.start(), match.end(), period))
    for mention in sorted(taken, key=lambda item: item.start):
        if names_count or not _is_part_of_name(folded, mention):
            yield mention


def _is_part_of_name(text: str, mention: _Mention) -> bool:
    """Whether a bare year belongs to the name of a text: "the 2022 Anti-Monopoly Law", "2021年版"."""
    period = mention.period
    if period.first is None or period.last is None or (period.last - period.first).days < 364:
        return False
    before, after = text[: mention.start], text[mention.end :]
    return bool(_NAMED_EN.match(after) or _NAMED_ZH.match(after) or _OPENED.search(before))


def _open_up(mention: _Mention, text: str) -> Period:
    before, after = text[: mention.start].lower(), text[mention.end :]
    first, last = mention.period.first, mention.period.last
    one = dt.timedelta(days=1)
    if _BEFORE_ZH.match(after) and text[mention.end - 1] in "底末":  # 年底以前: the end of the year is still within
        return Period(None, last)
    if (_BEFORE.search(before) or _BEFORE_ZH.match(after)) and first:
        return Period(None, first - one)
    if _OPEN_START.search(before) or _UNTIL_ZH.match(after):
        return Period(None, last)
    if _AFTER.search(before) and last:
        return Period(last + one, None)
    if _OPEN_END.search(before) or _SINCE_ZH.match(after):
        return Period(first, None)
    return mention.period
