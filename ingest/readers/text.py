"""Plain text as a document: title from a `Title:` line or the first line, language from the characters."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from briefbot.ingest.readers.legal import is_legal_text, read_legal

from briefbot.errors import RefusedDocumentError
from briefbot.models import Document, Language
from briefbot.terms import is_chinese

LONGEST_FIRST_LINE_CHARS = 100
"""A longer first line is no title but a paragraph."""

LARGEST_BYTES = 5_000_000
MOST_CHARS = 5_000_000
"""Characters of a document, whatever it is read from: ten novels."""

MOST_PARTS = 50_000
"""Lines, and sentences, of a document: four times those of a long novel. As many passages are divided in two seconds."""

_LINE = re.compile(r"\S.*")
_STOP = re.compile(r"[。！？]++|(?<![.!?])[.!?]++(?=[\s\u4e00-\u9fff])")
_TITLE_LINE = re.compile(r"\A\s*(?:Title|标题)\s*[:：]\s*(\S.*)")
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)


def decode_text(data: bytes, name: str) -> str:
    """Bytes of a text file as clean text: UTF-8, UTF-16 with a mark, or GB18030; control and invisible marks removed.

    Raises `RefusedDocumentError` where the bytes are too many, empty or no text.
    """
    if len(data) > LARGEST_BYTES:
        raise RefusedDocumentError(
            f"{name}: expected a text of at most {LARGEST_BYTES:,} bytes; got {len(data):,}; divide the file"
        )
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        text = clean_text(text)
        if not text.strip():
            raise RefusedDocumentError(f"{name}: expected text; got an empty file; check the file")
        return text
    raise RefusedDocumentError(f"{name}: expected UTF-8, UTF-16 or GB18030 text; got other bytes; save it as UTF-8")


def clean_text(text: str) -> str:
    """The text with plain line ends and without control characters, invisible marks and halves of surrogates."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    plain = plain.replace("\x85", "\n")
    return _UNPRINTABLE.sub("", plain)


def check_size(text: str, name: str) -> None:
    """Refuse (`RefusedDocumentError`) a text that would make more passages than a service can hold at hand."""
    if len(text) > MOST_CHARS:
        raise RefusedDocumentError(
            f"{name}: expected at most {MOST_CHARS:,} characters; got {len(text):,}; divide the file"
        )
    for what, parts in (("lines", _LINE), ("sentences", _STOP)):
        count = sum(1 for _ in parts.finditer(text))
        if count > MOST_PARTS:
            raise RefusedDocumentError(
                f"{name}: expected at most {MOST_PARTS:,} {what}; got {count:,}; divide the file"
            )


def read_text(data: bytes, path: Path) -> Document:
    """A plain text file as a press article, or as the Chinese legal text it is; its identity is its name and origin."""
    text = decode_text(data, path.name).strip()
    title_line = _TITLE_LINE.match(text)
    rest = text[title_line.end() :].strip() if title_line else ""
    return document_of(rest or text, path, title=title_line[1].strip() if title_line else None)


def document_of(text: str, path: Path, *, title: str | None = None) -> Document:
    """A document without metadata of its own: titled as said, else by its first line; a Chinese legal text by its own lines."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    named = _one_line(title)[:400] if title else _shorten(_one_line(first))
    named = named or clean_text(path.stem) or "document"
    language: Language = "zh" if is_chinese(text) else "en"
    document = Document(
        id=make_id(path),
        title=named,
        title_zh=named if language == "zh" else None,
        text=text,
        kind="article",
        issuer=("PRESS",),
        authority="press",
        published=None,
        language=language,
    )
    return read_legal(document, path.stem) if language == "zh" and is_legal_text(text) else document


def _one_line(text: str) -> str:
    return " ".join(clean_text(text).lstrip("# ").split())


def _shorten(line: str) -> str:
    """A first line as a title: all of it, or the words it begins with where it is a whole paragraph.

    The title is embedded with every passage; a paragraph there twice costs its time and blurs the vector.
    """
    if len(line) <= LONGEST_FIRST_LINE_CHARS:
        return line
    words = line[:LONGEST_FIRST_LINE_CHARS].rsplit(" ", 1)[0]
    return f"{words.rstrip(' ,;:，；：、')} …"


def make_id(path: Path) -> str:
    """A stable id for a file without one of its own: its name made plain, with a hash of where it lies."""
    plain = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:48]
    digest = hashlib.sha256(str(path.absolute()).encode("utf-8", errors="surrogateescape")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else f"document-{digest}"
