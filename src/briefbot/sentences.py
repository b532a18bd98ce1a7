"""Sentences of English and Chinese text as spans, with abbreviations, decimals, quotations and list markers kept right."""

from __future__ import annotations

import re

_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sen",
        "rep",
        "gen",
        "st",
        "no",
        "nos",
        "art",
        "arts",
        "sec",
        "secs",
        "ch",
        "para",
        "paras",
        "vol",
        "fig",
        "eq",
        "al",
        "inc",
        "ltd",
        "co",
        "corp",
        "jr",
        "sr",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "cf",
        "approx",
        "est",
        "u.s",
        "u.k",
        "p.r.c",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "a.m",
        "p.m",
    ]
)
"""Words after which a full stop usually does not end a sentence."""

_END = re.compile(
    r"""
    (?P<zh>[。！？]+[”’」』）】》"']*)               # Chinese sentence ends, closing marks included
  | (?P<en>[.!?]+["'”’)\]]*)(?=\s|$|[\u4e00-\u9fff])   # Western ends before white space
    """,
    re.VERBOSE,
)
_BLOCK_BREAK = re.compile(
    r"\n\s*\n|\n(?=\s*(?:[-*+•]|\d{1,3}[.)])\s)|\n(?=\#{1,6}\s)|\n(?=[（(][一二三四五六七八九十]{1,3}[）)])"
)
_MARKER = re.compile(r"\s*(?:(?:[-*+•]|\#{1,6}|\d{1,3}[.)])\s+)?")
_LAST_WORD = re.compile(r"([A-Za-z][A-Za-z.]*)$")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Spans `[start, end)` of the sentences of `text`, in order, without surrounding space or list markers.

    Blank lines, list items and headings always end a sentence; a single line break inside a paragraph does not.
    """
    spans: list[tuple[int, int]] = []
    block_start = 0
    for block in [*_BLOCK_BREAK.finditer(text), None]:
        block_end = block.start() if block else len(text)
        spans.extend(_sentences_of_block(text, block_start, block_end))
        block_start = block.end() if block else block_end
    return spans


def _sentences_of_block(text: str, start: int, end: int) -> list[tuple[int, int]]:
    marker = _MARKER.match(text, start, end)
    start = marker.end() if marker else start
    spans: list[tuple[int, int]] = []
    if marker and "#" in marker[0]:  # a heading reaches to the end of its line
        line_end = text.find("\n", start, end)
        if line_end >= 0:
            spans.append((start, line_end))
            start = line_end
    for match in _END.finditer(text, start, end):
        if match["en"] and not _ends_sentence(text, match.start(), match.end(), end):
            continue
        spans.append((start, match.end()))
        start = match.end()
    spans.append((start, end))
    return [span for span in (_trim(text, *span) for span in spans) if span[0] < span[1]]


def _ends_sentence(text: str, stop: int, after: int, end: int) -> bool:
    """Whether the full stop at `stop` ends a sentence, given what stands before and after it."""
    follows = text[after:end].lstrip()
    if text[stop] != ".":  # '"Is it?" he asked' goes on
        return not (text[after - 1] in "\"'”’" and follows[:1].islower())
    word = _LAST_WORD.search(text, max(0, stop - 16), stop)
    if word is None:
        return not follows or not follows[0].islower()
    name = word[1].lower()
    if name in _ABBREVIATIONS:
        return name in {"inc", "ltd", "corp", "co", "etc", "u.s", "u.k"} and bool(follows) and _starts_sentence(follows)
    if len(name) == 1 and word[1].isupper():  # an initial: "J. Smith"
        return not follows
    return not follows or not follows[0].islower()


def _starts_sentence(follows: str) -> bool:
    """Whether what follows an abbreviation looks like a new sentence: a capitalised function word."""
    return bool(re.match(r"(?:The|A|An|In|On|It|This|These|At|By|For|From|After|Before)\b", follows))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
