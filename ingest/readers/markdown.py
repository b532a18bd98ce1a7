"""Markdown as a document: with front matter as the corpus has it, or without any."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from briefbot.ingest.front_matter import parse_front_matter, split_front_matter
from briefbot.ingest.readers.text import decode_text, read_text

from briefbot.models import Document

_FIRST_HEADING = re.compile(r"^#\s+(\S.*)$", re.MULTILINE)


def read_markdown(data: bytes, path: Path) -> Document:
    """A Markdown file as a document; raises `RefusedDocumentError` that names each wrong field of its front matter."""
    fields, body = split_front_matter(decode_text(data, path.name))
    if fields is not None:
        return parse_front_matter(fields).to_document(body)
    document = read_text(data, path)
    heading = _FIRST_HEADING.search(document.text)
    if heading is None or document.authority != "press":
        return document
    title = heading[1].strip()[:400]
    return replace(document, title=title, title_zh=title if document.language == "zh" else None)
