"""The parts of a legal text that are cited and compared by themselves: its articles, or the sections under its headings."""

from __future__ import annotations

import re
from dataclasses import dataclass

Span = tuple[int, int]

_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*)")
_CHAPTER = re.compile(
    r"第[一二三四五六七八九十百零〇\d]{1,12}[编章节](?:[\s\u3000].{0,40})?"
    r"|(?:CHAPTER|Chapter|Part|Section) (?:[IVXLC]{1,7}|\d{1,2})(?:[ \t]*[:.–—-]?[ \t]+[A-Z][^.;]{0,80})?"
)
_LEVELS = {"编": 1, "章": 2, "节": 3, "P": 1, "C": 2, "S": 3}
_ARTICLE_ZH = re.compile(
    r"\**(第[一二三四五六七八九十百千零〇\d]{1,12}条(?:之[一二三四五六七八九十])?)\**(?:[\s\u3000：:]+|(?=[【（(])|$)"
)
_ARTICLE_EN = re.compile(r"\**(Article \d{1,4}[A-Za-z]?)\**(?:[ \t]*[.:–—][\s*]*|[ \t]*$|[ \t]+(?=[\"“(\[]?[A-Z]))")
_ENDS_SENTENCE = re.compile(r"[.;:!?。；：！？][\"'”’)\]]*$")


@dataclass(frozen=True, slots=True)
class Part:
    """An article or section: a span `[start, end)` of a text without its heading or number, which `locator` has.

    `title` is the heading's own words, `marks` are the spans of the text whose words the other side does not have.
    """

    locator: str
    title: str
    start: int
    end: int
    text: str
    marks: tuple[Span, ...] = ()


def split_parts(text: str) -> list[Part]:
    """The articles of a text, or its sections, in order; what comes before the first is a part too."""
    parts: list[Part] = []
    headings: list[tuple[int, str]] = []
    opened = ("", "", 0)
    position = 0
    before = ""
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        heading = _read_heading(stripped)
        article = None if heading else _read_article(stripped, before)
        if heading or article:
            parts += _make_part(text, *opened, position)
        if heading:
            headings = [item for item in headings if item[0] < heading[0]] + [heading]
            opened = (" › ".join(title for _, title in headings), heading[1], position + len(line))
        elif article:
            chapter = next((title for _, title in headings if _CHAPTER.fullmatch(title)), None)
            after = position + len(line) - len(line.lstrip()) + article.end()
            opened = (f"{chapter} {article[1]}" if chapter else article[1], article[1], after)
        position += len(line)
        before = "" if heading else stripped
    return parts + _make_part(text, *opened, position)


def _read_heading(line: str) -> tuple[int, str] | None:
    """The level and the words of a line that is a heading, in Markdown or of a chapter."""
    found = _HEADING.fullmatch(line)
    if found:
        return len(found[1]), " ".join(found[2].rstrip("# \t").split()) or found[2]
    if _CHAPTER.fullmatch(line):
        return next(_LEVELS[char] for char in line if char in _LEVELS), " ".join(line.split())
    return None


def _read_article(line: str, before: str) -> re.Match[str] | None:
    """Where an article begins: an English one not in the middle of a sentence that a line break cut."""
    if not before or _ENDS_SENTENCE.search(before):
        return _ARTICLE_ZH.match(line) or _ARTICLE_EN.match(line)
    return _ARTICLE_ZH.match(line)


def _make_part(text: str, locator: str, title: str, start: int, end: int) -> list[Part]:
    """The part of a span without white space and comments around it; none where nothing is left."""
    while start < end:
        if text[start].isspace():
            start += 1
        elif text.startswith("<!--", start, end) and (close := text.find("-->", start, end)) >= 0:
            start = close + 3
        elif text[end - 1].isspace():
            end -= 1
        elif text.endswith("-->", start, end) and (opening := text.rfind("<!--", start, end)) >= 0:
            end = opening
        else:
            return [Part(locator, title, start, end, text[start:end])]
    return []
