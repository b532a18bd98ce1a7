"""What the API takes and gives of checks: a claim with its verdict, and a text with the verdicts on its sentences."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from briefbot import models
from briefbot.api.schemas import CitationOut, Day, FiltersIn, FiltersOrNull, FiltersOut, In, Out, Problem

LONGEST_TEXT_CHARS = 5000


class ClaimIn(In):
    """A claim to check against the corpus."""

    claim: str = Field(
        description="1 to 2,000 characters after trimming, in English or Chinese",
        examples=["SAMR fined Alibaba RMB 34 billion in 2022."],
    )
    as_of: Day | None = Field(
        default=None, description="Check with what was published by that day", examples=["2022-01-31"]
    )
    filters: FiltersOrNull = Field(default_factory=FiltersIn, description="What the evidence may be drawn from")


class DifferenceOut(Out):
    """What the claim states, and what the source of a citation has in its place."""

    kind: models.DifferenceKind = Field(description="What differs", examples=["number"])
    stated: str = Field(description="What the claim states", examples=["34 billion"])
    found: str = Field(description="What the source has in its place", examples=["18 billion"])
    citation: int = Field(description="The number of the source's citation", examples=[1])


class CheckOut(Out):
    """A verdict on a claim, with the words that bear on it; those of higher authority first."""

    claim: str = Field(description="The claim as it was read", examples=["SAMR fined Alibaba RMB 34 billion in 2022."])
    language: models.Language = Field(description="Language of the claim", examples=["en"])
    verdict: models.Verdict = Field(description="What the corpus says of it", examples=["contradicted"])
    likelihoods: dict[models.Verdict, float] = Field(
        description="How clear the verdict is; they sum to 1",
        examples=[{"supported": 0.085, "contradicted": 0.573, "partly": 0.04, "not_found": 0.302}],
    )
    text: str = Field(
        description="The verdict in a sentence, with the differences",
        examples=["The corpus contradicts this claim. The claim has “34 billion”, the source “18 billion” [1]."],
    )
    differences: list[DifferenceOut] = Field(description="Where claim and sources differ")
    citations: list[CitationOut] = Field(description="The words that bear on it, those of higher authority first")
    as_of: dt.date | None = Field(description="The day asked about", examples=["2022-01-31"])
    filters: FiltersOut = Field(description="The filters that were applied")
    corpus_version: str = Field(description="Changes when a verdict could change", examples=["sha256:9f2c"])
    timings_ms: dict[str, float] = Field(description="Milliseconds by stage", examples=[{"total": 52.0}])

    @classmethod
    def of(cls, check: models.Check) -> CheckOut:
        """From the value the product works with."""
        return cls(
            claim=check.claim,
            language=check.language,
            verdict=check.verdict,
            likelihoods=dict(check.likelihoods),
            text=check.text,
            differences=[
                DifferenceOut(kind=item.kind, stated=item.stated, found=item.found, citation=item.citation)
                for item in check.differences
            ],
            citations=[CitationOut.of(item) for item in check.citations],
            as_of=check.as_of,
            filters=FiltersOut.of(check.filters),
            corpus_version=check.corpus_version,
            timings_ms=dict(check.timings_ms),
        )


class ChecksIn(In):
    """A text whose sentences are to be checked."""

    text: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        max_length=LONGEST_TEXT_CHARS,
        description="1 to 5,000 characters after trimming, in English or Chinese, at most 20 sentences",
        examples=["SAMR fined Alibaba RMB 34 billion in 2022. The fine followed an investigation."],
    )
    as_of: Day | None = Field(
        default=None, description="Check with what was published by that day", examples=["2022-01-31"]
    )
    filters: FiltersOrNull = Field(default_factory=FiltersIn, description="What the evidence may be drawn from")


class CheckedClaimOut(Out):
    """A sentence of the text with its verdict: `text[start:end]`."""

    start: int = Field(description="Where it begins in the text, in code points", examples=[0])
    end: int = Field(description="Where it ends", examples=[42])
    check: CheckOut | None = Field(
        description="The verdict; none where it states nothing to be checked, or where there is a `problem`"
    )
    problem: Problem | None = Field(
        default=None,
        description="Why it was not checked now, though it could be: the service was too busy",
        examples=[None],
    )


class ChecksOut(Out):
    """The sentences of a text, in their order."""

    text: str = Field(description="The text that the offsets point into", examples=["SAMR fined Alibaba in 2021."])
    claims: list[CheckedClaimOut] = Field(description="Its sentences")
