"""Which reader takes which file, by its ending; what every reader must keep to."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from briefbot.ingest.readers.archive import list_members, read_member
from briefbot.ingest.readers.docx import read_docx
from briefbot.ingest.readers.html import read_html
from briefbot.ingest.readers.markdown import read_markdown
from briefbot.ingest.readers.pdf import read_pdf
from briefbot.ingest.readers.text import check_size, clean_text, read_text

from briefbot.errors import RefusedDocumentError
from briefbot.models import Document

LARGEST_FILE_BYTES = 60_000_000
_LONGEST_REASON_CHARS = 1000

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


_SIGNATURES = (
    (b"%PDF-", "a PDF file; give it the ending .pdf"),
    (b"PK\x03\x04", "a ZIP archive or an Office file; give it the ending .zip or .docx"),
    (b"\xd0\xcf\x11\xe0", "an old Office file; save it as .docx"),
    (b"{\\rtf", "an RTF file; save it as .docx"),
)
"""How files begin that are no text, whatever their ending says."""

_BINARY = frozenset((".pdf", ".docx"))


def read_file(path: Path, member: str | None = None) -> Document:
    """One file, or one file of an archive, as a document.

    Raises `RefusedDocumentError` where that cannot be done, with a reason of one line.
    """
    name = path / member if member else path
    with _one_line():
        return _read(name, _load(path, member))


def _load(path: Path, member: str | None) -> bytes:
    with _open(path) as file:
        return read_member(file, path.name, member) if member else file.read(LARGEST_FILE_BYTES)


def _read(name: Path, data: bytes) -> Document:
    reader = READERS.get(name.suffix.lower())
    if reader is None:
        known = ", ".join(sorted([*READERS, *ARCHIVES]))
        raise RefusedDocumentError(
            f"{name.name}: expected one of {known}; got {name.suffix or 'no file ending'}; convert it"
        )
    for start, what in _SIGNATURES:
        if name.suffix.lower() not in _BINARY and data.startswith(start):
            raise RefusedDocumentError(f"{name.name}: expected text; got {what}")
    document = reader(data, name)
    if not document.text.strip():
        raise RefusedDocumentError(f"{name.name}: expected text below the front matter; got none; add the text")
    check_size(document.text, name.name)
    return document


def list_archive(path: Path) -> list[str]:
    """The readable files of an archive; raises `RefusedDocumentError` where there are none, or too much of them."""
    with _one_line():
        with _open(path) as file:
            members = list_members(file, path.name, READERS.keys())
        if not members:
            known = ", ".join(sorted(READERS))
            raise RefusedDocumentError(f"{path.name}: expected files that end in {known}; got none; pack others")
        return members


@contextmanager
def _one_line() -> Iterator[None]:
    """A refusal inside has its reason made one plain line: names of files and messages of libraries hold whatever they hold."""
    try:
        yield
    except RefusedDocumentError as error:
        reason = " ".join(clean_text(str(error)).split())[:_LONGEST_REASON_CHARS]
        raise RefusedDocumentError(reason) from error


def _open(path: Path) -> BinaryIO:
    """The file, opened; raises `RefusedDocumentError` where it is none, is too large or cannot be read.

    What it is, is asked first: opening a pipe would wait for its other end.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RefusedDocumentError(
                f"{path.name}: expected a file; got a {'folder' if stat.S_ISDIR(status.st_mode) else 'pipe or device'}; leave it out"
            )
        if status.st_size > LARGEST_FILE_BYTES:
            raise RefusedDocumentError(
                f"{path.name}: expected at most {LARGEST_FILE_BYTES:,} bytes; got {status.st_size:,}; divide the file"
            )
        return path.open("rb")
    except OSError as error:
        raise RefusedDocumentError(f"{path.name}: expected a readable file; got {error.strerror}; check it") from error
