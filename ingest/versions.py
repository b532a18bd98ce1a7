"""Links between what was ingested: later versions of a Chinese legal text to earlier ones, originals to the corpus's digests of them.

Texts are versions of each other where they bear the same Chinese title and their heads say so by date; nothing else is guessed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from briefbot.models import Document, Edge

_INSTRUMENTS = frozenset(("law", "regulation", "rule"))
_PLAIN = re.compile(r"^中华人民共和国|[《》\s\u3000]|[（(].*?[）)]$")
_LONGEST_WORDS = 400


def link_versions(
    documents: Iterable[Document], known: Mapping[str, Document], own: Iterable[str]
) -> dict[str, Document]:
    """The documents, and those of the corpus that change with them, by id, with the links their titles and dates make.

    `known` are the corpus's documents; only those named in `own`, the user's, are ever changed.
    """
    fresh = {document.id: document for document in documents}
    mine = {id_: known[id_] for id_ in own if id_ in known and id_ not in fresh}
    families: dict[str, list[Document]] = {}
    for document in (*fresh.values(), *mine.values()):
        if may_be_linked(document) and document.title_zh:
            families.setdefault(plain_title(document.title_zh), []).append(document)
    digests = [document for id_, document in known.items() if id_ not in fresh and id_ not in mine]
    linked = dict(fresh)
    for title, family in families.items():
        family.sort(key=lambda item: (item.published or dt.date.min, item.id))
        for row, document in enumerate(family):
            earlier = [other for other in family[:row] if other.published != document.published]
            edges = [Edge("amends", other.id, _head_of(document)) for other in earlier[-1:]]
            edges += [
                Edge("about", digest.id, _head_of(document))
                for digest in digests
                if _is_digest(digest, document, title)
            ]
            stated = [
                edge
                for edge in document.edges
                if edge.type == "about" and edge.target in known and not _has(edges, edge)
            ]
            changed = replace(document, edges=(*edges, *stated))
            if document.id in fresh or changed != document:
                linked[document.id] = changed
    return linked


def _has(edges: Iterable[Edge], edge: Edge) -> bool:
    return any((other.type, other.target) == (edge.type, edge.target) for other in edges)


def plain_title(title: str) -> str:
    """A Chinese title without the country's name, marks and brackets, by which versions and digests are recognised."""
    return _PLAIN.sub("", _PLAIN.sub("", title))


def may_be_linked(document: Document) -> bool:
    """Whether a document is a dated Chinese instrument whose links nobody has stated: it came without front matter."""
    is_dated = document.kind in _INSTRUMENTS and document.published is not None and document.language == "zh"
    is_stated = document.checked_on is not None or any(source.confirms for source in document.sources)
    return is_dated and not is_stated


def _is_digest(digest: Document, document: Document, title: str) -> bool:
    return (
        digest.kind in _INSTRUMENTS
        and digest.title_zh is not None
        and plain_title(digest.title_zh) == title
        and digest.published == document.published
    )


def _head_of(document: Document) -> str:
    """The lines that say what a document is and how it came about, as it has them."""
    lines = [line.strip() for line in document.text.splitlines()[:8] if line.strip() and not line.startswith("<!--")]
    dated = [line for line in lines if re.search(r"\d{4}年", line)]
    return (dated[-1] if dated else lines[0])[:_LONGEST_WORDS] if lines else document.title
