"""Word files as documents: paragraphs and tables in order, headings as Markdown ones."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from briefbot.ingest.readers.archive import check_archive
from briefbot.ingest.readers.text import MOST_CHARS, MOST_PARTS, clean_text, document_of

from briefbot.errors import RefusedDocumentError
from briefbot.models import Document

_LARGEST_XML_BYTES = 50_000_000
"""Unpacked bytes of an XML part; as a tree it takes ten times as much memory."""

_HEADING = re.compile(r"(?:heading|标题) ?(\d)", re.IGNORECASE)


def read_docx(data: bytes, path: Path) -> Document:
    """A Word file's text as a document; raises `RefusedDocumentError` where it is damaged, locked, too long, or has none."""
    import docx

    try:
        _check(data, path.name)
        file = docx.Document(io.BytesIO(data))
        text = clean_text("\n\n".join(block for block in _limit(_read_blocks(file), path.name) if block is not None))
        title = (file.core_properties.title or "").strip() or None
    except RefusedDocumentError:
        raise
    except Exception as error:  # the library raises whatever a damaged part leads to
        raise RefusedDocumentError(
            f"{path.name}: expected a Word file (.docx); got {type(error).__name__}: {str(error)[:120]}; save it again as .docx"
        ) from error
    if not text.strip():
        raise RefusedDocumentError(f"{path.name}: expected a Word file with text; got none; add the text")
    return document_of(text, path, title=title)


def _check(data: bytes, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        check_archive(archive, name)
        largest = max(
            (part.file_size for part in archive.infolist() if part.filename.endswith((".xml", ".rels"))), default=0
        )
    if largest > _LARGEST_XML_BYTES:
        raise RefusedDocumentError(
            f"{name}: expected at most {_LARGEST_XML_BYTES:,} bytes of text and marks; got {largest:,}; divide the file"
        )


def _limit(blocks: Iterator[str | None], name: str) -> Iterator[str | None]:
    """The blocks; stops where they would be too many, or too long together."""
    chars = 0
    for count, block in enumerate(blocks):
        chars += len(block or "")
        if count >= MOST_PARTS or chars > MOST_CHARS:
            raise RefusedDocumentError(
                f"{name}: expected at most {MOST_PARTS:,} paragraphs and {MOST_CHARS:,} characters; got more; divide the file"
            )
        yield block


def _read_blocks(file: Any) -> Iterator[str | None]:
    """The paragraphs and rows of tables of a file in order, as Markdown; None for a paragraph without words."""
    from docx.table import Table

    styles: dict[str | None, str] = {}
    for block in file.iter_inner_content():
        if isinstance(block, Table):
            yield from _read_rows(block)
            continue
        words = " ".join(block.text.split())
        style = block._p.style  # its id; the library looks a style up among all of them each time
        if style not in styles:
            styles[style] = (block.style.name if block.style is not None else None) or ""
        level = _HEADING.match(styles[style])
        if words and (level or styles[style] == "Title"):
            yield f"{'#' * (int(level[1]) + 1 if level else 1)} {words}"
        else:
            yield words or None


def _read_rows(table: Any) -> Iterator[str]:
    """The rows of a table; a cell that goes on from the row above has its words, and equal cells of a row stand once.

    The cells are walked here because the library's own way looks up each such cell through all rows above it.
    """
    from docx.table import _Cell

    above: dict[int, str] = {}
    for row in table.rows:
        cells: dict[int, str] = {}
        column = row.grid_cols_before
        for cell in row._tr.tc_lst:
            goes_on = cell.vMerge == "continue"
            cells[column] = above.get(column, "") if goes_on else " ".join(_Cell(cell, table).text.split())
            column += cell.grid_span
        yield " | ".join(dict.fromkeys(words for words in cells.values() if words))
        above = cells
