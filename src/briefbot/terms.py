"""The words of a text as the full-text index sees them: stemmed English words, Chinese character bigrams, plain numbers."""

from __future__ import annotations

import math
import re
import threading
import unicodedata
from functools import cache, lru_cache
from typing import Any

import snowballstemmer

_TOKEN = re.compile(r"[a-z]+(?:['’][a-z]+)?|\d[\d,]*(?:\.\d+)?|[\u3400-\u4dbf\u4e00-\u9fff]+")
SCALES = {
    "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
    "万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "亿": 1e8, "千万": 1e7, "百万": 1e6, "万": 1e4,
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])(\d[\d,]*(?:\.\d+)?)\s*(thousand|million|billion|trillion|万亿|千亿|百亿|亿|千万|百万|万)?",
    re.IGNORECASE,
)
NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
"""The English numbers from nought to twenty, each at its value."""

_WORDED = {word: float(value) for value, word in enumerate(NUMBER_WORDS)} | {
    "half": 0.5,
    "thirty": 30.0,
    "forty": 40.0,
    "fifty": 50.0,
    "sixty": 60.0,
    "hundred": 100.0,
    "twice": 2.0,
    "double": 2.0,
}
ENGLISH_STOPWORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "in",
        "into",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
        "that",
        "the",
        "their",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "would",
        "can",
        "could",
        "should",
        "may",
        "might",
        "must",
        "me",
        "my",
        "our",
        "your",
        "you",
        "we",
        "i",
        "he",
        "she",
        "his",
        "her",
        "about",
        "any",
        "all",
        "also",
        "than",
        "then",
        "so",
        "such",
        "if",
        "not",
        "no",
        "nor",
        "over",
        "under",
        "after",
        "before",
        "between",
        "during",
        "many",
        "much",
    ]
)
CHINESE_STOPWORDS = frozenset(
    [
        "的",
        "了",
        "是",
        "在",
        "和",
        "与",
        "及",
        "或",
        "有",
        "被",
        "把",
        "对",
        "为",
        "以",
        "于",
        "而",
        "吗",
        "呢",
        "吧",
        "啊",
        "哪",
        "些",
        "什",
        "么",
        "怎",
        "样",
        "多",
        "少",
        "谁",
        "何",
        "请",
        "问",
        "个",
    ]
)

_local = threading.local()


_HAN = re.compile(r"[\u3400-\u9fff]")
_DIGITS_ZH = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_UNITS_ZH = {"十": 10, "百": 100, "千": 1000}


def fold(text: str) -> str:
    """Text as it is compared: compatibility forms made plain, case removed, white space single, Chinese simplified."""
    return " ".join(to_simplified(unicodedata.normalize("NFKC", text)).casefold().split())


def plain_chars(text: str) -> str:
    """Compatibility forms made plain, character for character where that is possible: as long as the text itself."""
    if text.isascii():
        return text
    return "".join(plain if len(plain := unicodedata.normalize("NFKC", char)) == 1 else char for char in text)


def to_simplified(text: str) -> str:
    """Chinese text in simplified characters (OpenCC's t2s); other text as it is."""
    return str(_converter().convert(text)) if _HAN.search(text) else text


@cache
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def read_chinese_number(text: str) -> int | None:
    """The value of a whole number below ten thousand, in characters or digits: 三十八 is 38; None of anything else."""
    if text.isdecimal():
        return int(text)
    total, digit = 0, None
    for char in text:
        if char in _UNITS_ZH:
            total += (1 if digit is None else digit) * _UNITS_ZH[char]
            digit = None
        elif char in _DIGITS_ZH:
            digit = _DIGITS_ZH[char]
        else:
            return None
    return total + (digit or 0) if text else None


def write_chinese_number(value: int) -> str:
    """A number from 1 to 999 as Chinese laws number their articles: 38 is 三十八, 110 is 一百一十."""
    names = "零一二三四五六七八九"
    hundreds, rest = divmod(value, 100)
    tens, ones = divmod(rest, 10)
    text = f"{names[hundreds]}百" if hundreds else ""
    if tens:
        text += ("" if tens == 1 and not hundreds else names[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (names[ones] if ones else "")


def numbers_in(text: str) -> list[float]:
    """The plain values of the numbers written in `text`: "RMB 12.5 billion" and "125亿" are both 12500000000.0.

    Numbers in words count up to sixty ("twenty-four" as twenty and four).
    """
    folded = unicodedata.normalize("NFKC", text)
    found = [
        round(float(match[1].replace(",", "")) * SCALES.get((match[2] or "").lower(), 1.0), 6)
        for match in _NUMBER.finditer(folded)
    ]
    return found + [_WORDED[word] for word in re.findall(r"[a-z]+", folded.lower()) if word in _WORDED]


def terms_of(text: str) -> list[str]:
    """Index terms of a text, in order: what two texts must share to be found by each other's words."""
    folded = fold(text)
    terms: list[str] = []
    for match in _TOKEN.finditer(folded):
        token = match[0]
        if token[0].isdigit():
            terms.append(token.replace(",", ""))
        elif token[0] >= "\u3400":
            terms.extend(bigrams(token))
        else:
            terms.append(_stem(token.replace("’", "'").removesuffix("'s")))
    scaled = (number for number in numbers_in(folded) if 1000 <= number < math.inf)
    terms.extend(f"n{int(number)}" for number in scaled)
    return terms


@lru_cache(maxsize=8192)
def term_set(text: str) -> frozenset[str]:
    """The distinct index terms of a text; the same sentences and passages are asked about again and again."""
    return frozenset(terms_of(text))


def query_terms(text: str) -> list[str]:
    """The distinct terms of a question without words that every text holds; all its terms where nothing else is left."""
    folded = fold(text)
    stems = {_stem(word) for word in ENGLISH_STOPWORDS}
    distinct = list(dict.fromkeys(terms_of(folded)))
    kept = [term for term in distinct if term not in stems and not set(term) <= CHINESE_STOPWORDS]
    return kept or distinct


def bigrams(run: str) -> list[str]:
    """Overlapping pairs of a run of Chinese characters; a single character stands for itself."""
    return [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]


def is_chinese(text: str) -> bool:
    """Whether a text is mainly Chinese: one Han character says about as much as one English word."""
    han = sum(1 for char in text if "\u3400" <= char <= "\u9fff")
    words = len(re.findall(r"[A-Za-z]+", text))
    return han > words and han > 0


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    stemmer = getattr(_local, "stemmer", None)
    if stemmer is None:
        stemmer = _local.stemmer = snowballstemmer.stemmer("english")
    return str(stemmer.stemWord(word))
