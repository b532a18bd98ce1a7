"""What the corpus covers: how many documents each filter would leave, and the topics by phase and quarter, with their gaps."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Annotated, Any

import yaml
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from pydantic import Field

from briefbot import models
from briefbot.api import schemas
from briefbot.api.routes import PROBLEMS, AtDesk
from briefbot.catalogue import Catalogue

FACETS = ("kind", "issuer", "topic", "language", "status")
OWN_ISSUER = "BRIEFBOT"
"""Overviews by the project itself count by topic, not by quarter."""

coverage = APIRouter(prefix="/v1", responses=PROBLEMS)


class CoverageQuery(schemas.FiltersIn):
    """Which documents are counted."""

    as_of: schemas.Day | None = Field(
        default=None, description="Only what was published by that day", examples=["2022-01-31"]
    )


class FacetValueOut(schemas.Out):
    """A value that documents can be filtered by, and how many documents it would leave."""

    value: str = Field(description="The value", examples=["CAC"])
    count: int = Field(description="Documents that have it and pass the filters of the other fields", examples=[31])
    name: str | None = Field(
        default=None, description="An issuer's English name", examples=["Cyberspace Administration of China"]
    )
    name_zh: str | None = Field(default=None, description="An issuer's Chinese name", examples=["国家互联网信息办公室"])


class FacetsOut(schemas.Out):
    """The values of each field, those with most documents first; values without any are there with 0."""

    kind: list[FacetValueOut] = Field(description="Kinds of document")
    issuer: list[FacetValueOut] = Field(description="Issuing bodies")
    topic: list[FacetValueOut] = Field(description="Topics")
    language: list[FacetValueOut] = Field(description="Languages of the text")
    status: list[FacetValueOut] = Field(description="Legal status on the day asked about")


class CellOut(schemas.Out):
    """Documents of a topic in a quarter that belong to a phase."""

    phase: models.Phase | None = Field(description="The phase of the policy", examples=["crackdown"])
    topic: str = Field(description="The topic", examples=["data"])
    quarter: str = Field(description="The quarter of their publication", examples=["2021 Q3"])
    count: int = Field(description="How many they are", examples=[4])


class GapOut(schemas.Out):
    """Quarters in a row without a document of a topic, between two that have some."""

    topic: str = Field(description="The topic", examples=["games"])
    since: str = Field(alias="from", serialization_alias="from", description="First quarter", examples=["2022 Q3"])
    until: str = Field(alias="to", serialization_alias="to", description="Last quarter", examples=["2023 Q3"])


class CoverageOut(schemas.Out):
    """What there is to answer from, under the filters and on the day asked about."""

    documents: int = Field(description="Documents that match", examples=[160])
    first: dt.date | None = Field(description="Day of the earliest publication in the corpus", examples=["2007-08-30"])
    last: dt.date | None = Field(description="Day of the latest publication in the corpus", examples=["2026-11-20"])
    facets: FacetsOut = Field(description="What the filters could be")
    cells: list[CellOut] = Field(description="Matching documents by phase, topic and quarter")
    gaps: list[GapOut] = Field(description="Two quarters in a row or more without a matching document of a topic")
    filters: schemas.FiltersOut = Field(description="The filters that were applied")
    as_of: dt.date | None = Field(description="The day asked about", examples=["2022-01-31"])


@coverage.get("/coverage", tags=["corpus"], summary="What the corpus covers")
async def get_coverage(query: Annotated[CoverageQuery, Query()], desk: AtDesk) -> CoverageOut:
    """How many documents each value of a filter would leave, and what is covered by phase, topic and quarter."""
    return await run_sync(
        lambda: measure(desk.bot.corpus.catalogue(), desk.bot.check_filters(query.to_filters()), query.as_of)
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """A document by the values of its fields."""

    document: models.Document
    values: Mapping[str, tuple[str, ...]]


def measure(catalogue: Catalogue, filters: models.Filters, as_of: dt.date | None) -> CoverageOut:
    """The counts of one version of the corpus; each document is looked at once, whatever is asked."""
    days = [item.published for item in catalogue.documents.values() if item.published]
    known: dict[str, set[str]] = {name: set() for name in FACETS}
    counts: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    matching: list[models.Document] = []
    bare = replace(filters, kind=(), issuer=(), topic=(), language=(), status=())
    left = catalogue.admit(bare, as_of)
    for document in catalogue.documents.values():
        item = _Counted(document, _values_of(document, catalogue, as_of))
        for name in FACETS:
            known[name].update(item.values[name])
        if document.id not in left:
            continue
        failed = [name for name in FACETS if not _passes(item, name, filters)]
        if not failed:
            matching.append(document)
        for name in FACETS if not failed else failed if len(failed) == 1 else ():
            counts[name].update(item.values[name])
    cells = _count_cells(matching)
    return CoverageOut(
        documents=len(matching),
        first=min(days, default=None),
        last=max(days, default=None),
        facets=FacetsOut(**{name: _list_values(name, known[name], counts[name]) for name in FACETS}),
        cells=[
            CellOut(phase=phase, topic=topic, quarter=_name_quarter(quarter), count=count)
            for (topic, quarter, phase), count in sorted(
                cells.items(), key=lambda item: [str(part) for part in item[0]]
            )
        ],
        gaps=list(_find_gaps(cells)),
        filters=schemas.FiltersOut.of(filters),
        as_of=as_of,
    )


def _values_of(document: models.Document, catalogue: Catalogue, as_of: dt.date | None) -> dict[str, tuple[str, ...]]:
    return {
        "kind": (document.kind,),
        "issuer": document.issuer,
        "topic": document.topics,
        "language": (document.language,),
        "status": (catalogue.status_of(document, as_of),),
    }


def _passes(item: _Counted, name: str, filters: models.Filters) -> bool:
    wanted = getattr(filters, name)
    return not wanted or not set(wanted).isdisjoint(item.values[name])


def _list_values(name: str, known: Iterable[str], counts: Mapping[str, int]) -> list[FacetValueOut]:
    names = _agencies() if name == "issuer" else {}
    return [
        FacetValueOut(
            value=value,
            count=counts.get(value, 0),
            name=names.get(value, {}).get("name"),
            name_zh=names.get(value, {}).get("name_zh"),
        )
        for value in sorted(known, key=lambda value: (-counts.get(value, 0), value))
    ]


@cache
def _agencies() -> Mapping[str, Mapping[str, Any]]:
    """Who issues: names by code."""
    text = resources.files("briefbot.ingest").joinpath("corpus/agencies.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return read


_Cells = Mapping[tuple[str, int, models.Phase | None], int]


def _count_cells(documents: Sequence[models.Document]) -> _Cells:
    """Documents by topic, quarter (counted from the year 0) and phase."""
    return Counter(
        (topic, document.published.year * 4 + (document.published.month - 1) // 3, document.phase)
        for document in documents
        if document.published and OWN_ISSUER not in document.issuer
        for topic in document.topics
    )


def _find_gaps(cells: _Cells) -> Iterable[GapOut]:
    quarters: dict[str, set[int]] = {}
    for topic, quarter, _ in cells:
        quarters.setdefault(topic, set()).add(quarter)
    for topic, seen in sorted(quarters.items()):
        held = sorted(seen)
        for one, other in pairwise(held):
            if other - one > 2:
                yield GapOut(**{"topic": topic, "from": _name_quarter(one + 1), "to": _name_quarter(other - 1)})


def _name_quarter(number: int) -> str:
    return f"{number // 4} Q{number % 4 + 1}"
