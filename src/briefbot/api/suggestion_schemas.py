"""What the API takes and gives of suggestions: questions to go on with after an answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from briefbot import models
from briefbot.api.schemas import Day, FiltersIn, FiltersOrNull, In, Out

Said = Annotated[str, Field(max_length=2000)]


class SuggestionsIn(In):
    """What was asked and cited so far, and what may be suggested."""

    question: Said = Field(
        description="What was asked last, 1 to 2,000 characters after trimming",
        examples=["How much was Alibaba fined in April 2021, and by whom?"],
    )
    document_ids: list[str] = Field(
        default=[],
        max_length=20,
        description="The documents its answer cites; none where it abstained",
        examples=[["event-2021-04-10-alibaba-fined"]],
    )
    asked: list[Said] = Field(
        default=[],
        max_length=50,
        description="Earlier questions, which are not suggested again",
        examples=[["When did the Data Security Law take effect?"]],
    )
    language: models.Language = Field(default="en", description="Language of the suggestions", examples=["en"])
    as_of: Day | None = Field(
        default=None, description="Suggest what was published by that day answers", examples=["2022-01-31"]
    )
    filters: FiltersOrNull = Field(default_factory=FiltersIn, description="What the answers may be drawn from")
    limit: Annotated[int, Field(strict=True, ge=1, le=5)] = Field(
        default=3, description="How many suggestions at most", examples=[3]
    )


class SuggestionOut(Out):
    """A question that the corpus answers."""

    question: str = Field(description="The question", examples=["What happened to Alibaba after April 2021?"])
    document_id: str | None = Field(
        description="A document that it is about and that its answer cites",
        examples=["event-2024-08-30-alibaba-rectified"],
    )


class SuggestionsOut(Out):
    """Questions to go on with, the best first; fewer than asked for where the corpus answers no more of them."""

    suggestions: list[SuggestionOut] = Field(description="The questions, the best first")
