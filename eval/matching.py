"""Whether a text holds a fact, whatever way numbers, dates and currencies are written in either language."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from briefbot.eval.cases import NeededFact

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"), ("february", "feb"), ("march", "mar"), ("april", "apr"), ("may",), ("june", "jun"),
            ("july", "jul"), ("august", "aug"), ("september", "sept", "sep"), ("october", "oct"), ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)? ({_MONTH})\.?,? (\d{{4}})\b")
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b")
_MONTH_YEAR = re.compile(rf"\b({_MONTH})\.?,? (\d{{4}})\b")
_CHINESE_DAY = re.compile(r"(\d{4}) ?年 ?(\d{1,2}) ?月 ?(\d{1,2}) ?日")
_CHINESE_MONTH = re.compile(r"(\d{4}) ?年 ?(\d{1,2}) ?月")
_ISO_DAY = re.compile(r"(?<![\w@-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")
_SCALES = {
    "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "bn": 1e9, "mn": 1e6,
    "万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "亿": 1e8, "千万": 1e7, "百万": 1e6, "万": 1e4,
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.@#-])(\d[\d,]*(?:\.\d+)?) ?(thousand|million|billion|trillion|bn\b|mn\b|万亿|千亿|百亿|亿|千万|百万|万)?"
)
_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19, "twenty": 20,
}  # fmt: skip
_NUMBER_WORD = re.compile(r"\b(" + "|".join(_WORDS) + r")\b")
_CURRENCY = re.compile(r"人民币|\b(?:rmb|cny|yuan|renminbi)\b|元|\b(?:usd|us dollars?|dollars?)\b|us\$|美元|[¥$]")
_PERCENT = re.compile(r"#([\d.]+); ?(?:per ?cent|percent|%)")
_SPACE_BY_HAN = re.compile(r"(?<=[\u3000-\u9fff]) | (?=[\u3000-\u9fff])")


def holds_fact(text: str, fact: NeededFact) -> bool:
    """Whether a text holds a fact in any of its forms."""
    normal = normalise(text)
    return any(_holds(normal, normalise(form)) for form in fact.any)


def _holds(text: str, form: str) -> bool:
    if not form:
        return False
    at = text.find(form)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(form) : at + len(form) + 1]
        if not (_is_latin(before) and _is_latin(form[0])) and not (_is_latin(after) and _is_latin(form[-1])):
            return True
        at = text.find(form, at + 1)
    return False


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Text with case, spaces, currencies and marks folded, dates as @2021-04-10; and numbers as #18228000000;.

    A month stands as the beginning of its days (@2021-04), so a form that names a month is held by a day in it.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = plain_brackets(re.sub(r"\[\d{1,3}\]", " ", folded))
    folded = " ".join(folded.split())
    folded = _DAY_FIRST.sub(lambda m: _day(m[3], _MONTHS[m[2]], m[1]), folded)
    folded = _MONTH_FIRST.sub(lambda m: _day(m[3], _MONTHS[m[1]], m[2]), folded)
    folded = _CHINESE_DAY.sub(lambda m: _day(m[1], m[2], m[3]), folded)
    folded = _ISO_DAY.sub(lambda m: _day(m[1], m[2], m[3]), folded)
    folded = _MONTH_YEAR.sub(lambda m: f"@{m[2]}-{_MONTHS[m[1]]:02d}", folded)
    folded = _CHINESE_MONTH.sub(lambda m: f"@{m[1]}-{int(m[2]):02d}", folded)
    folded = _CURRENCY.sub(" ", folded)
    folded = _NUMBER_WORD.sub(lambda m: str(_WORDS[m[1]]), folded)
    folded = _NUMBER.sub(_number, folded)
    folded = _PERCENT.sub(r"#\1%;", folded)
    folded = re.sub(r"[\"'“”‘’「」《》〈〉]", "", folded)
    folded = _SPACE_BY_HAN.sub("", " ".join(folded.split()))
    return folded.strip(" .。,，;；") + (";" if folded.rstrip(" .。,，").endswith(";") else "")


def plain_brackets(text: str) -> str:
    """Text with the brackets of Chinese document numbers as square ones."""
    return text.replace("〔", "[").replace("〕", "]")


def _day(year: str, month: str | int, day: str) -> str:
    return f"@{year}-{int(month):02d}-{int(day):02d}"


def _number(match: re.Match[str]) -> str:
    value = float(match[1].replace(",", "")) * _SCALES.get(match[2] or "", 1.0)
    return f"#{round(value, 4):.10g};"
