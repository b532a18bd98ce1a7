"""What a question wants to be told, where its form says so, and whether the sentences of an answer tell it.

"How many delegates voted against it?" wants a number of delegates: sentences about the vote that count none do not answer it,
however near they are. Questions whose form does not say are taken to be answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from briefbot.legal_terms import translate_terms
from briefbot.models import Language, Missing, Query
from briefbot.polarity import content_units
from briefbot.quantities import Quantity, find_quantities
from briefbot.terms import fold, is_chinese


class _Value(NamedTuple):
    """What may be valued, as questions put it, and as a sentence that tells the value may put it: patterns by language."""

    asked_en: str
    asked_zh: str
    told_en: str
    told_zh: str

    def is_asked(self, words: str, language: Language) -> bool:
        return bool(re.search(self.asked_zh if language == "zh" else self.asked_en, words, re.IGNORECASE))

    def is_told(self, text: str) -> bool:
        return bool(re.search(self.told_zh if is_chinese(text) else self.told_en, text, re.IGNORECASE))


_VALUES = tuple(
    _Value(*patterns)
    for patterns in (
        (r"\bfine\b|\bfined\b|penalt", r"罚", r"\bfin(?:e|es|ed)\b|penal|punish|confiscat", r"罚|没收"),
        (r"\bpric(?:e|ed)\b|\bcharge\b", r"价格|售价|限价|卖多少|定价", r"\bpric|\bcharg|\bpaid\b|\bat [A-Z$€¥]", r"价|售|元"),
        (r"revenue|\bsales\b|turnover|income", r"营收|收入|销售额|营业额", r"revenue|\bsales\b|turnover|income|\bearn", r"营收|收入|销售额|营业额"),
        (r"\bprofits?\b|\bloss(?:es)?\b", r"利润|亏损|盈利", r"profit|\bloss|\blost\b|\bearn", r"利润|亏|盈"),
        (r"\bcosts?\b|\bspen[dt]\b|\binvest(?:ed|s)?\b|\bput into\b", r"花|成本|耗资|投(?:资|入|了)?多少|投.{0,2}钱", r"\bcost|\bspen[dt]|\binvest|\bput\b|\bputs\b|capital", r"花|费|成本|支出|投|资"),
        (r"\braised?\b|proceeds|\bcollect", r"募|筹|融资", r"\brais|proceeds|collect|\bsold\b|offering|\btarget", r"募|筹|融资"),
        (r"subsid|\bgrants?\b", r"补贴|补助", r"subsid|\bgrant|support", r"补贴|补助"),
        (r"\bfees?\b", r"费率|手续费|管理费", r"\bfees?\b|\bcharg", r"费"),
        (r"\bworth\b|\bvalued?\b|valuation|market cap|\bshare price", r"市值|估值|值多少|股价", r"worth|valu|market cap|clos|pric|trad", r"值|价"),
        (r"registered capital", r"注册资本", r"registered capital|capital", r"注册资本|资本"),
        (r"compensat|damages", r"赔", r"compensat|damages", r"赔"),
        (r"\bloans?\b|\bborrow", r"贷款|借", r"\bloan|\blent\b|\bborrow", r"贷|借"),
        (r"\bsalar(?:y|ies)\b|\bwages?\b", r"工资|薪", r"salar|wage|pay", r"工资|薪|报酬"),
    )
)  # fmt: skip
_ASKS_VALUE_EN = re.compile(
    r"\b(?:how (?:much|big|large|high|steep|heavy)|(?:at |for |to )?what|which)\b[^?.;]{0,60}|^[^?]{0,60}$",
    re.IGNORECASE,
)
_ASKS_VALUE_ZH = re.compile(r".{0,10}(?:多少|多大|多高|几[亿万]).{0,6}")

_PROPORTION = re.compile(r"proportion|percentage|\bshare of\b|\bpart of\b|比例|占", re.IGNORECASE)
"""A share of something is asked for, not the thing itself."""

_COUNTED_EN = re.compile(r"\bhow many ((?:[\w'’-]+[ ,?]){1,5})", re.IGNORECASE)
_VERBS = frozenset(
    (
        "did", "do", "does", "was", "were", "is", "are", "has", "have", "had", "can", "could", "must", "may", "will", "would",
        "should", "in", "of", "on", "for", "at", "with", "to", "by", "from", "under", "it", "he", "she", "they", "there", "the", "a",
    )
)  # fmt: skip
"""Words that end what is counted: "how many beds | has it got"."""

_COUNTED_ZH = re.compile(r"多少(?:[个家条项次款起类名件份位种部]|(?=[\u4e00-\u9fff]{2}))([\u4e00-\u9fff]{2,6})")
_NO_COUNT_ZH = re.compile(r"^(?:钱|元|年|天|日|月|个?月|小时|分钟|人民币|美元|比例|时间)")
_BESIDE: Mapping[Language, tuple[int, int]] = {"en": (30, 60), "zh": (10, 20)}
"""Characters before and after a number in which the word for what it counts stands."""

_ONE = re.compile(r"\b(?:one|single|no|both|several)\b|[一两][个家条项次款起类名件份位种部]|[没无]有?")
_MONEY = frozenset(("CNY", "USD", "HKD", "EUR", "percent", "share"))
_LEAST_BARE_VALUE = 10_000.0


def find_missing(query: Query, texts: Sequence[str]) -> Missing | None:
    """What the question wants and none of the texts tells: a number of certain things, or a value; None if nothing is missing.

    Of the 33 unanswerable questions of the development split 16 are found, of the 194 others none. (That any amount or any date is
    there was tried too: it found no further ones.) Give only texts about the company that a question names, or another's count.
    """
    if query.asked in {"amount", "other"}:
        given = find_quantities(f"{query.question} {query.standalone} {query.translation}")
        values = values_in(query.question)
        priced = [text for text in texts if any(_is_value(item) for item in _new_quantities(text, given))]
        if values and not any(value.is_told(text) for text in priced for value in values):
            return "value"
    if query.asked == "amount":
        counted = counted_in(query.standalone)
        if counted and not any(_counts(text, counted) for text in texts):
            return "count"
    return None


def _new_quantities(text: str, given: Sequence[Quantity]) -> list[Quantity]:
    return [item for item in find_quantities(text) if not any(item.agrees(other) for other in given)]


def _is_value(item: Quantity) -> bool:
    """Whether a quantity may be a value: money, a share, or a number too large to count things of the field with."""
    return item.unit in _MONEY or (not item.unit and item.value >= _LEAST_BARE_VALUE)


def values_in(question: str) -> list[_Value]:
    """The values that a question asks for, by the words beside its question word; a share of one is another thing."""
    language: Language = "zh" if is_chinese(question) else "en"
    match = (_ASKS_VALUE_ZH if language == "zh" else _ASKS_VALUE_EN).search(question)
    if not match or _PROPORTION.search(match[0]):
        return []
    return [value for value in _VALUES if value.is_asked(match[0], language)]


def counted_in(question: str) -> str:
    """The noun that a question wants a number of, empty where it does not say: "delegates", 反馈."""
    if is_chinese(question):
        match = _COUNTED_ZH.search(question)
        return match[1][:2] if match and not _NO_COUNT_ZH.match(match[1]) else ""
    match = _COUNTED_EN.search(question)
    words = re.findall(r"[\w'’-]+", match[1]) if match else []
    until = next((at for at in range(len(words)) if _ends_noun(words, at)), None)
    if not words or until == 0:
        return ""
    counted: str = words[until - 1] if until else words[0]
    return counted


def _ends_noun(words: Sequence[str], at: int) -> bool:
    """Whether what is counted ends before a word: at a verb, a preposition, or a participle after a plural."""
    word = words[at].lower()
    return word in _VERBS or (at > 0 and word.endswith("ed") and words[at - 1].endswith("s"))


def _counts(text: str, noun: str) -> bool:
    """Whether a text has a number beside a noun; a noun that the other language cannot be given for is taken to be there."""
    if is_chinese(noun) != is_chinese(text):
        noun = translate_terms(noun, "zh" if is_chinese(noun) else "en")
        if not noun:
            return True
    before, after = _BESIDE["zh" if is_chinese(text) else "en"]
    wanted = set(content_units(noun))
    ones = [(match.start(), match.end()) for match in _ONE.finditer(fold(text))]
    places = [*((item.start, item.end) for item in find_quantities(text)), *ones]
    return any(
        wanted & set(content_units(f"{text[max(0, start - before) : start]} {text[end : end + after]}"))
        for start, end in places
    )
