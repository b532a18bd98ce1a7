"""Dated events of the corpus in their order: what was published, takes effect and ends, each with its document and phase."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from briefbot import models
from briefbot.api import schemas
from briefbot.catalogue import Catalogue

EventType = Literal["published", "takes_effect", "ends"]


class TimelineQuery(schemas.FiltersQuery):
    """Which events are wanted: the filters of documents, days, phases, and the page."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: schemas.Day | None = Field(default=None, alias="from", description="Earliest day", examples=["2020-11-01"])
    until: schemas.Day | None = Field(default=None, alias="to", description="Latest day", examples=["2021-12-31"])
    phase: list[models.Phase] = Field(
        default=[], max_length=10, description="Phases of the policy", examples=[["crackdown"]]
    )
    as_of: schemas.Day | None = Field(
        default=None, description="Only what was published by that day", examples=["2022-01-31"]
    )

    limit: Annotated[int, Field(ge=1, le=1000)] = Field(default=200, description="Events on a page", examples=[200])
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=0, description="Events before the page", examples=[0]
    )

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        schemas.check_order("from", self.since, "to", self.until)
        return self


class LinkOut(schemas.Out):
    """A link of a document to another one of the corpus."""

    type: models.EdgeType = Field(description="What the document does to the other one", examples=["supersedes"])
    document_id: str = Field(description="The other document", examples=["law-aml-2007"])


class TimelineEventOut(schemas.Out):
    """Something that happened, or will, on a day."""

    date: dt.date = Field(description="The day, in China's time", examples=["2021-11-01"])
    type: EventType = Field(description="What happens to the document on that day", examples=["takes_effect"])
    document_id: str = Field(description="The document it is about", examples=["law-pipl-2021"])
    title: str = Field(description="The document's title", examples=["Personal Information Protection Law"])
    title_zh: str | None = Field(description="Its Chinese title", examples=["中华人民共和国个人信息保护法"])
    kind: models.Kind = Field(description="Its kind", examples=["law"])
    phase: models.Phase | None = Field(description="The phase of the policy it belongs to", examples=["crackdown"])
    issuer: list[str] = Field(description="Codes of the issuing bodies", examples=[["NPCSC"]])
    authority: models.Authority = Field(description="How much weight it has", examples=["law"])
    status: models.Status | None = Field(description="Its status on the day asked about", examples=["in_force"])
    topics: list[str] = Field(description="Its topics", examples=[["data"]])
    companies: list[str] = Field(description="Companies it is about", examples=[["Didi"]])
    language: models.Language = Field(description="Language of its text", examples=["en"])
    effective_from: dt.date | None = Field(description="First day in force", examples=["2021-11-01"])
    effective_to: dt.date | None = Field(description="Last day in force", examples=[None])
    links: list[LinkOut] = Field(description="Where it is published: its links to documents of the corpus; else none")


class TimelineOut(schemas.Out):
    """A page of events, oldest first; `total` counts all that match."""

    events: list[TimelineEventOut] = Field(description="The events, oldest first")
    total: int = Field(description="Events that match", examples=[212])
    limit: int = Field(description="Events on a page", examples=[200])
    offset: int = Field(description="Events before the page", examples=[0])
    filters: schemas.FiltersOut = Field(description="The filters that were applied")
    as_of: dt.date | None = Field(description="The day asked about", examples=["2022-01-31"])


def list_events(catalogue: Catalogue, query: TimelineQuery, filters: models.Filters) -> TimelineOut:
    """The events that match, in the order of their days; a document's days are known from its publication on."""
    found = [
        (day, type_, document)
        for document in catalogue.admit(filters, query.as_of).values()
        if not query.phase or document.phase in query.phase
        for day, type_ in _days_of(document)
        if (query.since is None or day >= query.since) and (query.until is None or day <= query.until)
    ]
    found.sort(key=lambda item: (item[0], item[1] != "published", item[2].id, item[1]))
    return TimelineOut(
        events=[
            _describe(day, type_, document, catalogue, query.as_of)
            for day, type_, document in found[query.offset : query.offset + query.limit]
        ],
        total=len(found),
        limit=query.limit,
        offset=query.offset,
        filters=schemas.FiltersOut.of(filters),
        as_of=query.as_of,
    )


def _days_of(document: models.Document) -> Iterator[tuple[dt.date, EventType]]:
    if document.published:
        yield document.published, "published"
    if document.effective_from and document.effective_from != document.published:
        yield document.effective_from, "takes_effect"
    if document.effective_to:
        yield document.effective_to, "ends"


def _is_known(catalogue: Catalogue, document_id: str, as_of: dt.date | None) -> bool:
    """Whether the corpus has a document, and it was published by the day asked about."""
    document = catalogue.documents.get(document_id)
    published = document.published if document else None
    return document is not None and (as_of is None or (published is not None and published <= as_of))


def _describe(
    day: dt.date, type_: EventType, document: models.Document, catalogue: Catalogue, as_of: dt.date | None
) -> TimelineEventOut:
    edges = [edge for edge in document.edges if type_ == "published" and _is_known(catalogue, edge.target, as_of)]
    return TimelineEventOut(
        date=day,
        type=type_,
        document_id=document.id,
        title=document.title,
        title_zh=document.title_zh,
        kind=document.kind,
        phase=document.phase,
        issuer=list(document.issuer),
        authority=document.authority,
        status=catalogue.status_of(document, as_of),
        topics=list(document.topics),
        companies=list(document.companies),
        language=document.language,
        effective_from=document.effective_from,
        effective_to=document.effective_to,
        links=[LinkOut(type=edge.type, document_id=edge.target) for edge in edges],
    )
