"""Which reader takes which file, by its ending; what every reader must keep to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from briefbot.ingest.readers.archive import list_members, read_member
from briefbot.ingest.readers.docx import read_docx
from briefbot.ingest.readers.html import read_html
from briefbot.ingest.readers.markdown import read_markdown
from briefbot.ingest.readers.pdf import read_pdf
from briefbot.ingest.readers.text import read_text

from briefbot.errors import RefusedDocumentError
from briefbot.models import Document

LARGEST_FILE_BYTES = 60_000_000

READERS: Mapping[str, Callable[[bytes, Path], Document]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_text,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".pdf": read_pdf,
    ".docx": read_docx,
}
ARCHIVES = frozenset((".zip",))
TRUSTED = frozenset((".md", ".markdown", ".txt"))
"""Formats whose reader is ours and runs in a time that grows with the file, so that they need no process of their own."""


def read_file(path: Path, member: str | None = None) -> Document:
    """One file, or one file of an archive, as a document; raises `RefusedDocumentError` where that cannot be done."""
    name = path / member if member else path
    with _open(path) as file:
        data = read_member(file, path.name, member) if member else file.read()
    reader = READERS.get(name.suffix.lower())
    if reader is None:
        known = ", ".join(sorted([*READERS, *ARCHIVES]))
        raise RefusedDocumentError(
            f"{name.name}: expected one of {known}; got {name.suffix or 'no file ending'}; convert it"
        )
    document = reader(data, name)
    if not document.text.strip():
        raise RefusedDocumentError(f"{name.name}: expected text below the front matter; got none; add the text")
    return document


def list_archive(path: Path) -> list[str]:
    """The readable files of an archive; raises `RefusedDocumentError` where there are none, or too much of them."""
    with _open(path) as file:
        members = list_members(file, path.name, READERS.keys())
    if not members:
        known = ", ".join(sorted(READERS))
        raise RefusedDocumentError(f"{path.name}: expected files that end in {known}; got none; pack others")
    return members


def _open(path: Path) -> BinaryIO:
    """The file, opened; raises `RefusedDocumentError` where it is too large or cannot be read."""
    try:
        file = path.open("rb")
        size = path.stat().st_size
    except OSError as error:
        raise RefusedDocumentError(f"{path.name}: expected a readable file; got {error.strerror}; check it") from error
    if size > LARGEST_FILE_BYTES:
        file.close()
        raise RefusedDocumentError(
            f"{path.name}: expected at most {LARGEST_FILE_BYTES:,} bytes; got {size:,}; divide the file"
        )
    return file
