"""Plain text as a document: title from a `Title:` line or the first line, language from the characters."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from briefbot.errors import RefusedDocumentError
from briefbot.models import Document
from briefbot.terms import is_chinese

LARGEST_BYTES = 5_000_000
_TITLE_LINE = re.compile(r"\A\s*(?:Title|标题)\s*[:：]\s*(\S.*)")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


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
        text = _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
        if not text.strip():
            raise RefusedDocumentError(f"{name}: expected text; got an empty file; check the file")
        return text
    raise RefusedDocumentError(f"{name}: expected UTF-8, UTF-16 or GB18030 text; got other bytes; save it as UTF-8")


def read_text(data: bytes, path: Path) -> Document:
    """A plain text file as a press article; its identity is its name and origin."""
    text = decode_text(data, path.name).strip()
    title_line = _TITLE_LINE.match(text)
    title = title_line[1].strip() if title_line else next(line for line in text.splitlines() if line.strip()).strip()
    body = text[title_line.end() :].strip() if title_line and text[title_line.end() :].strip() else text
    language = "zh" if is_chinese(text) else "en"
    return Document(
        id=make_id(path),
        title=title.lstrip("# ")[:400] or path.stem,
        title_zh=title.lstrip("# ")[:400] if language == "zh" else None,
        text=body,
        kind="article",
        issuer=("PRESS",),
        authority="press",
        published=None,
        language=language,  # type: ignore[arg-type]  # one of the two literals
    )


def make_id(path: Path) -> str:
    """A stable id for a file without one of its own: its name made plain, with a hash of where it lies."""
    plain = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:48]
    digest = hashlib.sha256(str(path.absolute()).encode("utf-8", errors="surrogateescape")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else f"document-{digest}"
