"""PDF files as documents: the text of their pages, with the page as locator; scans without text are refused."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from briefbot.ingest.readers.legal import is_legal_title
from briefbot.ingest.readers.text import MOST_CHARS, clean_text, document_of

from briefbot.errors import RefusedDocumentError
from briefbot.models import Document

if TYPE_CHECKING:
    from pypdf import PdfReader

MOST_PAGES = 2000
_LEAST_CHARS = 20
"""Characters under which a file has no text worth the name."""

_LONGEST_PARAGRAPH_CHARS = 10_000
"""Lines are not joined to more than this, so that the time to join them grows with the text."""

_SENTENCE_ENDS = tuple('.!?。！？：:；;”"）)')
_OPENING = re.compile(
    r"^(?:第[一二三四五六七八九十百千零〇\d]{1,12}[条章节编]|[（(][一二三四五六七八九十\d]+[）)]|[•\-–]\s|\d+[.、]\s|#)"
)
_HAN_EDGE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")


def read_pdf(data: bytes, path: Path) -> Document:
    """A PDF's text as a document whose `pages` are where its pages begin.

    Raises `RefusedDocumentError` where it is damaged, locked, too long, or has no text.
    """
    from pypdf import PdfReader

    if b"%%E" not in data:  # the library would look for this mark byte by byte
        raise RefusedDocumentError(
            f"{path.name}: expected a PDF that can be read; got none, or one without its end; save it again"
        )
    try:
        reader = PdfReader(io.BytesIO(data))
        _check(reader, path.name)
        title = _read_title(reader)
        pages = [unwrap_lines(page, title or "") for page in _read_pages(reader, path.name)]
    except RefusedDocumentError:
        raise
    except Exception as error:  # the library raises whatever a damaged object leads to
        raise RefusedDocumentError(
            f"{path.name}: expected a PDF that can be read; got {type(error).__name__}: {str(error)[:120]}; save it again"
        ) from error
    if sum(len(page) for page in pages) < _LEAST_CHARS:
        raise RefusedDocumentError(
            f"{path.name}: expected a PDF with text; got {len(pages)} pages without, a scan; run text recognition (OCR) over it first"
        )
    text, starts = join_pages(pages)
    document = document_of(text, path, title=title)
    return replace(document, pages=starts)


def _read_pages(reader: PdfReader, name: str) -> Iterator[str]:
    """The text of each page; stops where all of it would be too much."""
    chars = 0
    for page in reader.pages:
        text = clean_text(page.extract_text() or "")
        chars += len(text)
        if chars > MOST_CHARS:
            raise RefusedDocumentError(f"{name}: expected at most {MOST_CHARS:,} characters; got more; divide the file")
        yield text


def _check(reader: PdfReader, name: str) -> None:
    if reader.is_encrypted and not reader.decrypt(""):
        raise RefusedDocumentError(f"{name}: expected an open PDF; got one with a password; save it without")
    if len(reader.pages) > MOST_PAGES:
        raise RefusedDocumentError(
            f"{name}: expected at most {MOST_PAGES} pages; got {len(reader.pages)}; divide the file"
        )


def join_pages(pages: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """The text of all pages and where each begins in it; a sentence that runs over a page's end is not broken."""
    text = ""
    starts = []
    for page in pages:
        body = page.strip()
        if text and body:
            runs_on = not text.endswith(_SENTENCE_ENDS) and not _OPENING.match(body)
            text += _space_between(text, body) if runs_on else "\n\n"
        starts.append(len(text))
        text += body
    return text, tuple(starts)


def unwrap_lines(text: str, title: str = "") -> str:
    """Lines that a page broke in the middle of a sentence, joined again; the title, paragraphs, items and articles stay apart."""
    blocks: list[str] = []
    for line in (" ".join(raw.split()) for raw in text.split("\n")):
        if line and blocks and _runs_on(blocks[-1], line, title):
            blocks.append(_join(blocks.pop(), line))
        else:
            blocks.append(line)
    return "\n\n".join(block for block in blocks if block)


def _runs_on(before: str, line: str, title: str) -> bool:
    """Whether a line goes on with what the block before it says."""
    if not before or len(before) > _LONGEST_PARAGRAPH_CHARS or before.endswith(_SENTENCE_ENDS) or _OPENING.match(line):
        return False
    return title not in {before, line} and not is_legal_title(before)


def _join(before: str, line: str) -> str:
    if before.endswith("-") and len(before) > 1 and before[-2].isalpha() and line[0].islower():
        return before[:-1] + line
    return before + _space_between(before, line) + line


def _space_between(before: str, after: str) -> str:
    """What stands where a line was broken: nothing between Chinese characters, else a space."""
    return "" if _HAN_EDGE.match(before[-1]) and _HAN_EDGE.match(after[0]) else " "


def _read_title(reader: PdfReader) -> str | None:
    """The title that the file states of itself, unless it is a file's name or a program's.

    The day it was made is no day of publication, and is left alone.
    """
    info = reader.metadata
    title = str(info.title).strip() if info and info.title else ""
    is_made_up = re.search(r"\.(?:docx?|pdf|indd|pptx?)$|^(?:untitled|microsoft word)", title, re.IGNORECASE)
    return None if is_made_up else title or None
