"""What the HTTP API gives of the corpus: documents, their links and sources, and what became of files that were sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from briefbot import models
from briefbot.api.schemas import DocumentOut, FiltersOut, Out
from briefbot.status import Lineage


class DocumentListOut(Out):
    """A page of documents; `total` counts all that match."""

    documents: list[DocumentOut] = Field(description="The documents, newest first")
    total: int = Field(description="Documents that match", examples=[160])
    limit: int = Field(description="Documents on a page", examples=[50])
    offset: int = Field(description="Documents before the page", examples=[0])
    filters: FiltersOut = Field(description="The filters that were applied")
    as_of: dt.date | None = Field(description="The day asked about", examples=["2022-01-31"])


class EdgeOut(Out):
    """A link from or to another document, with the words that state it."""

    type: models.EdgeType = Field(description="How the two documents are linked", examples=["amends"])
    direction: Literal["out", "in"] = Field(
        description="`out`: this document states it; `in`: the other one does", examples=["out"]
    )
    document_id: str = Field(description="The other document", examples=["law-aml-2007"])
    words: str = Field(description="The words that state it", examples=["amends the Anti-Monopoly Law of 2007"])


class SourceOut(Out):
    """A public text that confirms facts of the document."""

    publisher: str = Field(description="Who published it", examples=["State Council"])
    title: str = Field(description="Its title", examples=["Notice on data exports"])
    url: str | None = Field(description="Where it is", examples=["https://www.gov.cn/"])
    date: dt.date | None = Field(description="Day of publication", examples=["2021-08-20"])
    confirms: list[str] = Field(description="The facts it confirms", examples=[["published"]])


class StatusChangeOut(Out):
    """A status that a document has from a day on."""

    since: dt.date = Field(description="The first day with it", examples=["2021-11-01"])
    status: models.Status = Field(description="The status", examples=["in_force"])
    because: str | None = Field(
        description="The document that brought it, None where its own dates did", examples=["law-aml-2022"]
    )


class DocumentTextOut(DocumentOut):
    """A document with its full text, its links both ways and its sources."""

    text: str = Field(
        description="The full text that offsets point into", examples=["The law was adopted on 20 August 2021 …"]
    )
    edges: list[EdgeOut] = Field(description="Links to and from other documents")
    sources: list[SourceOut] = Field(description="Public texts that confirm its facts")
    status_history: list[StatusChangeOut] = Field(
        description="Every status it has had, or is known to get, oldest first; up to the day asked about"
    )
    checked_on: dt.date | None = Field(description="Day its facts were last checked", examples=["2026-11-20"])
    gone_since: str | None = Field(
        default=None, description="When the page it was fetched from was found to be gone, UTC", examples=[None]
    )

    @classmethod
    def full(
        cls,
        document: models.Document,
        status: models.Status | None,
        lineage: Lineage,
        *,
        copies: Sequence[models.Document] = (),
        as_of: dt.date | None = None,
        gone_since: str | None = None,
    ) -> DocumentTextOut:
        """From the value the product works with; `copies` are shown as sources that confirm nothing."""
        outgoing = [
            EdgeOut(type=edge.type, direction="out", document_id=edge.target, words=edge.words)
            for edge in document.edges
        ]
        incoming = [
            EdgeOut(type=edge.type, direction="in", document_id=other.id, words=edge.words)
            for _, other in lineage.incoming(document.id)
            for edge in other.edges
            if edge.target == document.id
        ]
        sources = [
            SourceOut(
                publisher=source.publisher,
                title=source.title,
                url=source.url,
                date=source.date,
                confirms=list(source.confirms),
            )
            for source in document.sources
        ]
        return cls(
            **DocumentOut.of(document, status).model_dump(),
            text=document.text,
            edges=outgoing + list({(edge.type, edge.document_id, edge.words): edge for edge in incoming}.values()),
            sources=sources + [_source_of(copy) for copy in copies],
            status_history=[
                StatusChangeOut(since=change.since, status=change.status, because=change.because)
                for change in lineage.history(document, as_of)
            ],
            checked_on=document.checked_on,
            gone_since=gone_since,
        )


def _source_of(copy: models.Document) -> SourceOut:
    """A copy of a document as one of its sources, named by who published it."""
    stated = copy.sources[0].publisher if copy.sources else None
    host = urlsplit(copy.url).hostname if copy.url else None
    return SourceOut(
        publisher=stated or host or "file", title=copy.title, url=copy.url, date=copy.published, confirms=[]
    )


class IngestResultOut(Out):
    """What became of one file."""

    source: str = Field(description="The file, or a file of an archive", examples=["notice.pdf"])
    outcome: Literal["added", "updated", "unchanged", "duplicate", "gone", "refused"] = Field(
        description="What became of it", examples=["added"]
    )
    document_id: str | None = Field(description="The document it is in the corpus", examples=["file-notice"])
    reason: str | None = Field(description="Why it was refused", examples=[None])
    duplicate_of: str | None = Field(description="The document that stands for it", examples=[None])


class IngestReportOut(Out):
    """What became of each file, and how many came to which end."""

    results: list[IngestResultOut] = Field(description="One for each file")
    counts: dict[str, int] = Field(description="How many came to which end", examples=[{"added": 1}])


class Health(Out):
    """Whether the service lives, and whether it can answer."""

    status: Literal["ok", "ready", "starting"] = Field(
        description="`ok`: the process lives; `ready`: it can answer; `starting`: not yet",
        examples=["ready"],
    )
    documents: int | None = Field(default=None, description="Documents in the corpus", examples=[160])
    passages: int | None = Field(default=None, description="Passages in the corpus", examples=[1290])
    model: str | None = Field(
        default=None, description="The embedding model", examples=["multilingual-e5-small-q4:0f3a"]
    )
    language_model: str | None = Field(
        default=None,
        description="The model that writes answers, none where answers are the sources' own",
        examples=[None],
    )
    index: Literal["approximate", "exact"] | None = Field(
        default=None,
        description="`approximate`: the vector index is in use; `exact`: vectors are compared one by one",
        examples=["approximate"],
    )
    corpus_version: str | None = Field(
        default=None, description="Changes when an answer could change", examples=["sha256:9f2c"]
    )
