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
from fastapi import Query

from briefbot import models
from briefbot.api.coverage_schemas import CellOut, CoverageOut, CoverageQuery, FacetsOut, FacetValueOut, GapOut
from briefbot.api.routes import AtDesk, make_router
from briefbot.api.schemas import FiltersOut
from briefbot.catalogue import Catalogue

FACETS = ("kind", "issuer", "topic", "language", "status")
OWN_ISSUER = "BRIEFBOT"
"""Overviews by the project itself count by topic, not by quarter."""

coverage = make_router()


@coverage.get("/coverage", tags=["corpus"], summary="What the corpus covers")
async def get_coverage(query: Annotated[CoverageQuery, Query()], desk: AtDesk) -> CoverageOut:
    """How many documents each value of a filter would leave, and what is covered by phase, topic and quarter."""
    return await run_sync(
        lambda: measure(desk.bot.corpus.catalogue(), desk.bot.check_filters(query.to_filters(), ""), query.as_of)
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
        filters=FiltersOut.of(filters),
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
