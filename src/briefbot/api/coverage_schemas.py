"""What the API gives of the corpus as a whole: what it covers, and how good the answers from it are."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from briefbot import models
from briefbot.api.schemas import Day, FiltersOut, FiltersQuery, Out


class CoverageQuery(FiltersQuery):
    """Which documents are counted."""

    as_of: Day | None = Field(default=None, description="Only what was published by that day", examples=["2022-01-31"])


class FacetValueOut(Out):
    """A value that documents can be filtered by, and how many documents it would leave."""

    value: str = Field(description="The value", examples=["CAC"])
    count: int = Field(description="Documents that have it and pass the filters of the other fields", examples=[31])
    name: str | None = Field(
        default=None, description="An issuer's English name", examples=["Cyberspace Administration of China"]
    )
    name_zh: str | None = Field(default=None, description="An issuer's Chinese name", examples=["国家互联网信息办公室"])


class FacetsOut(Out):
    """The values of each field, those with most documents first; values without any are there with 0."""

    kind: list[FacetValueOut] = Field(description="Kinds of document")
    issuer: list[FacetValueOut] = Field(description="Issuing bodies")
    topic: list[FacetValueOut] = Field(description="Topics")
    language: list[FacetValueOut] = Field(description="Languages of the text")
    status: list[FacetValueOut] = Field(description="Legal status on the day asked about")


class CellOut(Out):
    """Documents of a topic in a quarter that belong to a phase."""

    phase: models.Phase | None = Field(description="The phase of the policy", examples=["crackdown"])
    topic: str = Field(description="The topic", examples=["data"])
    quarter: str = Field(description="The quarter of their publication", examples=["2021 Q3"])
    count: int = Field(description="How many they are", examples=[4])


class GapOut(Out):
    """Quarters in a row without a document of a topic, between two that have some."""

    topic: str = Field(description="The topic", examples=["games"])
    since: str = Field(alias="from", serialization_alias="from", description="First quarter", examples=["2022 Q3"])
    until: str = Field(alias="to", serialization_alias="to", description="Last quarter", examples=["2023 Q3"])


class CoverageOut(Out):
    """What there is to answer from, under the filters and on the day asked about."""

    documents: int = Field(description="Documents that match", examples=[160])
    first: dt.date | None = Field(description="Day of the earliest publication in the corpus", examples=["2007-08-30"])
    last: dt.date | None = Field(description="Day of the latest publication in the corpus", examples=["2026-11-20"])
    facets: FacetsOut = Field(description="What the filters could be")
    cells: list[CellOut] = Field(description="Matching documents by phase, topic and quarter")
    gaps: list[GapOut] = Field(description="Two quarters in a row or more without a matching document of a topic")
    filters: FiltersOut = Field(description="The filters that were applied")
    as_of: dt.date | None = Field(description="The day asked about", examples=["2022-01-31"])


class MetricOut(Out):
    """What is measured."""

    id: str = Field(description="Its name in the evaluation suite", examples=["fact_recall"])
    name: str = Field(description="In plain English", examples=["Needed facts stated"])
    name_zh: str = Field(description="In plain Chinese", examples=["应有事实的覆盖"])
    explanation: str = Field(
        description="What it says", examples=["Share of the facts in the reference answer that the answer states"]
    )
    explanation_zh: str = Field(description="The same in Chinese", examples=["参考答案中的事实有多少在回答中出现"])
    better: Literal["higher", "lower"] = Field(description="Which way is better", examples=["higher"])


class SystemOut(Out):
    """One way to answer, with its figures."""

    id: str = Field(description="Its name in the evaluation suite", examples=["bm25"])
    name: str = Field(description="In plain English", examples=["Full-text search"])
    name_zh: str = Field(description="In plain Chinese", examples=["全文检索"])
    is_ours: bool = Field(description="Whether it is this product", examples=[False])
    values: dict[str, float | None] = Field(
        description="Its mean by metric; none where it was not measured", examples=[{"fact_recall": 0.34}]
    )
    intervals: dict[str, tuple[float, float]] = Field(
        description="The 95 % interval of each mean", examples=[{"fact_recall": [0.3, 0.38]}]
    )


class QualityOut(Out):
    """The latest scoreboard: extractive answers to all reference questions, beside the usual ways to build such a service."""

    measured_on: dt.date | None = Field(
        description="The day they were measured, none where it was not written down", examples=[None]
    )
    split: Literal["dev", "test", "all"] = Field(
        description="Which of the reference questions were asked", examples=["all"]
    )
    cases: int = Field(description="Reference questions asked", examples=[616])
    corpus_version: str = Field(description="The corpus that was asked", examples=["sha256:9f2c"])
    metrics: list[MetricOut] = Field(description="What is measured")
    systems: list[SystemOut] = Field(description="Who was measured, this product first")
