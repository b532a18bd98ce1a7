"""Saved web pages as documents: main text, title, publisher, date and language by trafilatura, without menus and advertisements."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

from briefbot.ingest.readers.text import LARGEST_BYTES, clean_text, decode_text, document_of

from briefbot.errors import RefusedDocumentError
from briefbot.models import Document

MOST_TAGS = 100_000
"""Twenty times those of a long law; with more, the library takes longer than a file may."""

_ENCODING = re.compile(r"utf-?8|gb|big5|hz|euc|shift|iso-?8859|iso-?2022|windows|cp|koi8|latin|us-?ascii|mac|johab|tis")
"""How the encodings that a page may name begin; Python knows others, some of them slow, some no encodings of text."""

_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?\s*([\w-]{2,20})", re.IGNORECASE)


def read_html(data: bytes, path: Path) -> Document:
    """A page's main text as a press article; raises `RefusedDocumentError` where it has none."""
    import trafilatura

    if len(data) > LARGEST_BYTES:
        raise RefusedDocumentError(
            f"{path.name}: expected a page of at most {LARGEST_BYTES:,} bytes; got {len(data):,}; save its text alone"
        )
    if data.count(b"<") > MOST_TAGS:
        raise RefusedDocumentError(
            f"{path.name}: expected a page of at most {MOST_TAGS:,} tags; got {data.count(b'<'):,}; save its text alone"
        )
    found = trafilatura.bare_extraction(
        _decode(data, path.name),
        with_metadata=True,
        include_comments=False,
        include_tables=True,
        include_formatting=False,
    )
    text = clean_text(found.text or "").strip() if found else ""
    if not text:
        raise RefusedDocumentError(f"{path.name}: expected a page with an article; got none; save its text as .txt")
    document = document_of(text, path, title=found.title)
    return replace(document, published=_read_date(found.date), url=_read_url(found.url))


def _decode(data: bytes, name: str) -> str:
    """The page's text: by its mark or UTF-8, else by the encoding it names, else as any other text file."""
    named = _CHARSET.search(data[:4096])
    if named and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
        encoding = named[1].decode("ascii").lower()
        if _ENCODING.match(encoding):
            try:
                return data.decode("gb18030" if encoding in {"gb2312", "gbk"} else encoding)
            except (LookupError, UnicodeError):
                pass
    return decode_text(data, name)


def _read_date(value: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(value) if value else None
    except ValueError:
        return None


def _read_url(value: str | None) -> str | None:
    return value if value and value.startswith(("http://", "https://")) else None
