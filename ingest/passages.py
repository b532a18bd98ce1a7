"""Division of a document's text into passages: by section and paragraph, and by article in laws, within a size budget.

Headings are context for the embedding and the locator, not part of a span; everything else that is not white space
lies in exactly one passage.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from briefbot.models import Document, Language, Passage, Sentence
from briefbot.sentences import split_sentences
from briefbot.terms import is_chinese

CHUNKER_VERSION = "4"
"""Raise when the same text would be divided or indexed differently, so that documents are taken in again; texts already known
keep their vectors."""

BUDGET_CHARS: dict[Language, int] = {"en": 1200, "zh": 420}
"""About 270 tokens of multilingual-e5-small in either language: room for a section of a digest, and half of the 512
positions the model reads, so that nothing is cut off."""

_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*)")
_CHAPTER_ZH = re.compile(r"第[一二三四五六七八九十百零〇\d]{1,12}([编章节])(?:[\s\u3000].{0,40})?")
_ARTICLE_ZH = re.compile(r"第[一二三四五六七八九十百千零〇\d]{1,12}条(?:之[一二三四五六七八九十])?(?=[\s\u3000：:])")
_ARTICLE_EN = re.compile(r"Articles? \d{1,9}[A-Za-z]?(?: (?:to|and|–|-) \d{1,9})?\b")
_LONGEST_HEADING_CHARS = 400
"""A heading stands in every passage below it, so that a longer one is cut there."""

_STRETCH_CHARS = 20_000
"""How much of a paragraph is divided into sentences at once; a page has three thousand."""

_LEADERS = re.compile(r"(?<![.!?])[.!?]{8,}+[\"'”’)\]]*+(?![\s\u4e00-\u9fff]|\Z)")
"""Rows of full stops that end no sentence, as before a page number in a table of contents."""

_LEVEL_ZH = {"编": 1, "章": 2, "节": 3}
_SPACES = re.compile(r"\s+")
_COMMENT = re.compile(r"\s*<!--.*?-->\s*")


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph or list item `[start, end)` with the headings above it and the article it belongs to."""

    start: int
    end: int
    headings: tuple[str, ...]
    article: str | None
    opens_article: bool


def split_passages(document: Document) -> list[Passage]:
    """The passages of a document, in order; `document.text[p.start:p.end] == p.text` for each."""
    passages: list[Passage] = []
    occurrences: dict[str, int] = {}
    for group in _group_blocks(document.text, document.pages):
        start, end = group[0].start, group[-1].end
        text = document.text[start:end]
        locator = _locator(group) or _page_locator(document, start, end)
        headings = group[0].headings
        context = " › ".join(part for part in (_label(document), *headings) if part)
        key = f"{document.id}\x1f{locator}\x1f{text}"
        occurrences[key] = occurrences.get(key, 0) + 1
        identity = hashlib.sha256(f"{key}\x1f{occurrences[key]}".encode("utf-8", errors="surrogatepass")).hexdigest()
        passages.append(
            Passage(
                id=f"{document.id}:{identity[:16]}",
                document_id=document.id,
                ordinal=len(passages),
                start=start,
                end=end,
                text=text,
                locator=locator,
                context=context,
                language="zh" if is_chinese(text) else "en",
                sentences=tuple(
                    Sentence(start + first, start + last, text[first:last]) for first, last in _find_sentences(text)
                ),
            )
        )
    return passages


def _label(document: Document) -> str:
    """What the document is called in the language it is written in."""
    return (document.title_zh if document.language == "zh" else None) or document.title


def _page_locator(document: Document, start: int, end: int) -> str:
    """The pages a span lies on: "p. 3", "pp. 3–4", 第3页; empty for a document without pages."""
    if not document.pages:
        return ""
    first, last = (max(1, bisect_right(document.pages, position)) for position in (start, max(start, end - 1)))
    if document.language == "zh":
        return f"第{first}页" if first == last else f"第{first}至{last}页"
    return f"p. {first}" if first == last else f"pp. {first}–{last}"


def _locator(group: list[_Block]) -> str:
    article = group[0].article
    if article:
        chapter = next((heading for heading in group[0].headings if _CHAPTER_ZH.match(heading)), None)
        return f"{chapter} {article}" if chapter else article
    return " › ".join(group[0].headings)


def _group_blocks(text: str, pages: Sequence[int]) -> Iterator[list[_Block]]:
    """Neighbouring blocks of one section, on one page, that fit the budget together; an article always begins a passage.

    Nothing but white space lies between them: a comment, or a heading of the same name, ends the group.
    """
    group: list[_Block] = []
    for block in _read_blocks(text):
        if group and (
            block.opens_article
            or (block.headings, block.article) != (group[0].headings, group[0].article)
            or bisect_right(pages, block.start) != bisect_right(pages, group[0].start)
            or text[group[-1].end : block.start].strip()
            or block.end - group[0].start > _budget(text[block.start : block.end])
        ):
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _budget(text: str) -> int:
    return BUDGET_CHARS["zh" if is_chinese(text) else "en"]


def _read_blocks(text: str) -> Iterator[_Block]:
    """Paragraphs with their headings; a paragraph above the budget is cut between its sentences."""
    headings: list[tuple[int, str]] = []
    article: str | None = None
    for start, end in _paragraphs(text):
        line = text[start:end]
        heading = _HEADING.fullmatch(line)
        if heading:
            level = len(heading[1])
            title = (" ".join(heading[2].rstrip("# \t").split()) or heading[2])[:_LONGEST_HEADING_CHARS]
            headings = [item for item in headings if item[0] < level] + [(level, title)]
            found = _ARTICLE_EN.match(title) or _ARTICLE_ZH.match(title + " ")
            article = found[0] if found else None
            continue
        chapter = _CHAPTER_ZH.fullmatch(line)
        if chapter:
            level = _LEVEL_ZH[chapter[1]]
            headings = [item for item in headings if item[0] < level] + [(level, " ".join(line.split()))]
            article = None
            continue
        opening = _ARTICLE_ZH.match(line)
        if opening:
            article = opening[0]
        path = tuple(title for _, title in headings)
        for index, (first, last) in enumerate(_cut_to_budget(text, start, end)):
            yield _Block(first, last, path, article, bool(opening) and index == 0)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Spans of paragraphs: runs of lines between blank lines, with headings, list items and articles on their own."""
    start: int | None = None
    end = 0
    position = 0
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        first = position + (len(line) - len(line.lstrip()))
        last = first + len(stripped)
        position += len(line)
        is_comment = stripped.startswith("<!--") and bool(_COMMENT.fullmatch(line))
        alone = stripped.startswith(("#", "第")) and bool(
            _HEADING.fullmatch(stripped) or _CHAPTER_ZH.fullmatch(stripped)
        )
        if start is not None and (not stripped or alone or is_comment or _ARTICLE_ZH.match(stripped)):
            yield start, end
            start = None
        if alone:
            yield first, last
        elif stripped and not is_comment:
            start = first if start is None else start
            end = last
    if start is not None:
        yield start, end


def _cut_to_budget(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    budget = _budget(text[start:end])
    if end - start <= budget:
        yield start, end
        return
    first, last = start, start
    for _, sentence_end in _find_sentences(text[start:end]):
        if last > first and start + sentence_end - first > budget:
            yield first, last
            first = _skip_space(text, last)
        last = start + sentence_end
        while last - first > 2 * budget:  # one sentence above twice the budget: cut it where it stands
            cut = first + budget
            yield first, first + len(text[first:cut].rstrip())
            first = _skip_space(text, cut)
    if last > first:
        yield first, last


def _find_sentences(text: str) -> Iterator[tuple[int, int]]:
    """The sentences of a paragraph as `split_sentences` finds them, in a time that grows with its length.

    It is given a stretch at a time, and rows of full stops as rows of another mark.
    """
    plain = _LEADERS.sub(lambda found: "_" * len(found[0]), text)
    first = 0
    while first < len(plain):
        spans = split_sentences(plain[first : first + _STRETCH_CHARS])
        is_last = first + _STRETCH_CHARS >= len(plain)
        if not is_last and len(spans) > 1:
            spans.pop()  # it may go on in the next stretch
        yield from ((first + start, first + end) for start, end in spans)
        first += spans[-1][1] if len(spans) > 0 and not is_last else _STRETCH_CHARS


def _skip_space(text: str, position: int) -> int:
    spaces = _SPACES.match(text, position)
    return spaces.end() if spaces else position
