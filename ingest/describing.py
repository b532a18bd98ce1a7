"""What is known of a source beside its text: a page's address, what its feed or catalogue says, and the digest it is the original of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from briefbot.ingest.readers.text import make_id
from briefbot.ingest.sources import Description, SourceFile, WebPage
from briefbot.ingest.versions import plain_title
from briefbot.ingest.web import page_id

from briefbot.errors import RefusedDocumentError
from briefbot.models import Document, Edge, Source


def describe_document(document: Document, file: SourceFile, digests: Mapping[str, Document]) -> Document:
    """The document that was read from a file, with what is known of its source.

    What its own text states of dates goes before what is said of it. Raises `RefusedDocumentError` where it is said to be the original of
    a digest that it does not name.
    """
    given = file.description
    found = _place_page(document, file.page, file.path) if file.page else document
    title = given.title if given.title and document.title == file.path.stem else document.title
    found = replace(
        found,
        title=title,
        title_zh=title if title != document.title and document.language == "zh" else document.title_zh,
        published=document.published or given.published,
        issuer=given.issuer or document.issuer,
        kind=given.kind or document.kind,
        authority=given.authority or document.authority,
    )
    if given.publisher and not found.sources:
        found = replace(found, sources=(Source(given.publisher, title, found.url, found.published, ()),))
    return _tie_to_digest(found, given, digests) if given.about else found


def _place_page(document: Document, page: WebPage, path: Path) -> Document:
    """A page's document as the one at its address, unless it states an id of its own."""
    if document.id != make_id(path):
        return document if document.url else replace(document, url=page.found_at)
    return replace(document, id=page_id(page.found_at), url=page.found_at)


def _tie_to_digest(document: Document, given: Description, digests: Mapping[str, Document]) -> Document:
    """The original of a text that the corpus sums up, with the kind, issuer and dates that the digest has been checked for."""
    digest = digests.get(given.about or "")
    if digest is None:
        raise RefusedDocumentError(
            f"{document.url}: expected the id of a document in the corpus; got about: {given.about}; correct the catalogue"
        )
    if not names_digest(document, digest):
        raise RefusedDocumentError(
            f"{document.url}: expected the text of {digest.title_zh or digest.title}; got a page that does not name it; check the link"
        )
    return replace(
        document,
        title_zh=document.title_zh or (digest.title_zh if document.language == "zh" else None),
        kind=given.kind or digest.kind,
        issuer=given.issuer or digest.issuer,
        authority=given.authority or digest.authority,
        force=digest.force,
        number=document.number or digest.number,
        number_zh=document.number_zh or digest.number_zh,
        published=digest.published or document.published,
        effective_from=digest.effective_from or document.effective_from,
        effective_to=digest.effective_to,
        stage=digest.stage,
        edges=(Edge("about", digest.id, document.title[:400]),),
    )


def names_digest(document: Document, digest: Document) -> bool:
    """Whether a text names what the digest sums up, by a title or a number."""
    text = "".join(f"{document.title}\n{document.text}".split()).casefold()
    names = (digest.title, digest.number, digest.number_zh, plain_title(digest.title_zh) if digest.title_zh else None)
    return any("".join(name.split()).casefold() in text for name in names if name)
