"""Word files as documents: paragraphs and tables in order, headings as Markdown ones."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from briefbot.ingest.readers.archive import check_archive
from briefbot.ingest.readers.text import clean_text, document_of

from briefbot.errors import RefusedDocumentError
from briefbot.models import Document

_HEADING = re.compile(r"(?:heading|标题) ?(\d)", re.IGNORECASE)


def read_docx(data: bytes, path: Path) -> Document:
    """A Word file's text as a document; raises `RefusedDocumentError` where it is damaged, locked, or has none."""
    import docx

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_archive(archive, path.name)
        file = docx.Document(io.BytesIO(data))
        text = clean_text("\n\n".join(_read_blocks(file)))
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


def _read_blocks(file: Any) -> Iterator[str]:
    """The paragraphs and tables of a file in order, as Markdown."""
    from docx.table import Table

    for block in file.iter_inner_content():
        if isinstance(block, Table):
            for row in block.rows:
                cells = list(dict.fromkeys(" ".join(cell.text.split()) for cell in row.cells))
                yield " | ".join(cell for cell in cells if cell)
            continue
        words = " ".join(block.text.split())
        level = _HEADING.match(block.style.name) if block.style is not None and block.style.name else None
        if words and (level or (block.style is not None and block.style.name == "Title")):
            yield f"{'#' * (int(level[1]) + 1 if level else 1)} {words}"
        elif words:
            yield words
