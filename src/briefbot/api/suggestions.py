"""POST /v1/suggestions: questions to go on with after an answer, each of which the corpus answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from briefbot import models
from briefbot.api.routes import PROBLEMS, AtDesk
from briefbot.api.schemas import Day, FiltersIn, In, Out
from briefbot.suggesting import SuggestionRequest, suggest

suggestions = APIRouter(prefix="/v1", responses=PROBLEMS)

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
    filters: FiltersIn = Field(default_factory=FiltersIn, description="What the answers may be drawn from")
    limit: Annotated[int, Field(strict=True, ge=1, le=5)] = Field(
        default=3, description="How many suggestions at most", examples=[3]
    )

    def to_request(self) -> SuggestionRequest:
        """The same as the value the product works with."""
        return SuggestionRequest(
            question=self.question,
            language=self.language,
            document_ids=tuple(self.document_ids),
            asked=tuple(self.asked),
            as_of=self.as_of,
            filters=self.filters.to_filters(),
            limit=self.limit,
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


@suggestions.post("/suggestions", tags=["answers"], summary="Suggest questions to go on with")
async def post_suggestions(body: SuggestionsIn, desk: AtDesk) -> SuggestionsOut:
    """Questions that follow from the documents an answer cites; each was asked, and its answer cites the document named."""
    request = body.to_request()
    async with desk.admission.turn():
        found = await desk.admission.run(lambda: suggest(desk.bot, request))
    return SuggestionsOut(
        suggestions=[SuggestionOut(question=item.question, document_id=item.document_id) for item in found]
    )
