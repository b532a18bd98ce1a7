"""What the API takes and gives of conversations and of what readers say about answers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from briefbot.api.schemas import AnswerOut, In


class ConversationCreatedOut(BaseModel):
    """A new conversation; whoever has its id, and the key it was made with, can go on with it."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="To be sent as `conversation_id` with each question", examples=["conv_3f1c"])
    created_at: str = Field(description="Moment in UTC, ISO 8601", examples=["2026-11-26T09:30:00+00:00"])


class ConversationOut(BaseModel):
    """A conversation with its answers, oldest first, each with its question, citations and notices."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Its id", examples=["conv_3f1c"])
    created_at: str = Field(description="Moment in UTC, ISO 8601", examples=["2026-11-26T09:30:00+00:00"])
    updated_at: str = Field(
        description="Moment of the last answer in UTC, ISO 8601", examples=["2026-11-26T09:31:00+00:00"]
    )
    answers: list[AnswerOut] = Field(description="Every answer as it was given")
    answered_at: list[str] = Field(
        description="When each of the answers was given, in UTC, ISO 8601", examples=[["2026-11-26T09:31:00+00:00"]]
    )


class FeedbackIn(In):
    """What a reader says about an answer, or about one of its citations."""

    answer_id: str = Field(max_length=80, description="The `id` of the answer", examples=["ans_5c1f0e"])
    rating: Literal[1, -1] = Field(description="1: good, -1: bad", examples=[-1])
    citation: int | None = Field(
        default=None, strict=True, ge=1, le=1000, description="The number of the citation it is about", examples=[1]
    )
    comment: str | None = Field(
        default=None, max_length=5000, description="Why", examples=["The quote is about another company."]
    )


class FeedbackOut(BaseModel):
    """What was kept; a later rating of the same answer or citation by the same key takes its place."""

    model_config = ConfigDict(frozen=True)

    answer_id: str = Field(description="The `id` of the answer", examples=["ans_5c1f0e"])
    rating: Literal[1, -1] = Field(description="1: good, -1: bad", examples=[-1])
    citation: int | None = Field(description="The number of the citation it is about", examples=[1])
    comment: str | None = Field(description="Why", examples=["The quote is about another company."])
    created_at: str = Field(description="Moment in UTC, ISO 8601", examples=["2026-11-26T09:30:00+00:00"])
