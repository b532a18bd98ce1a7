"""The routes of what is kept: conversations, the answers in them or by themselves, and what readers say about answers.

What was kept goes out as it was sent then, not through the schemas of today, so that a newer release can still show it.
"""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends, Path, Request
from fastapi.responses import JSONResponse

from briefbot.api.conversation_schemas import ConversationCreatedOut, ConversationOut, FeedbackIn, FeedbackOut
from briefbot.api.routes import PROBLEMS, Owner, make_router
from briefbot.api.schemas import AnswerOut, Problem
from briefbot.errors import UsageError
from briefbot.journal import Journal

_NOT_KEPT: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "Not kept, or another key's"}}

conversations = make_router(
    tags=["conversations"],
    responses={
        **PROBLEMS,
        422: {"model": Problem, "description": "The request is malformed, or this service keeps nothing"},
        503: {"model": Problem, "description": "What is kept cannot be read or written"},
    },
)


async def get_journal(request: Request) -> Journal:
    """The journal of this service; `UsageError` where it has none."""
    journal: Journal | None = request.app.state.journal
    if journal is None:
        raise UsageError(
            "expected a service that keeps conversations and answers; this one has no journal; use another"
        )
    return journal


Kept = Annotated[Journal, Depends(get_journal)]
ConversationId = Annotated[str, Path(description="The conversation's id", examples=["conv_3f1c"])]
AnswerId = Annotated[str, Path(description="The answer's id", examples=["ans_5c1f0e"])]


@conversations.post("/conversations", status_code=201, summary="Begin a conversation")
async def post_conversation(journal: Kept, owner: Owner) -> ConversationCreatedOut:
    """Begin one; questions sent with its id are understood with what was said before, and their answers are kept in it."""
    id_, created_at = await run_sync(journal.begin_conversation, owner)
    return ConversationCreatedOut(id=id_, created_at=created_at)


@conversations.get(
    "/conversations/{conversation_id}",
    summary="One conversation with its answers",
    response_model=ConversationOut,
    responses=_NOT_KEPT,
)
async def get_conversation(conversation_id: ConversationId, journal: Kept, owner: Owner) -> JSONResponse:
    """A conversation with every answer as it was sent, oldest first."""
    found = await run_sync(journal.conversation, conversation_id, owner)
    return JSONResponse(
        {
            "id": found.id,
            "created_at": found.created_at,
            "updated_at": found.updated_at,
            "answers": found.answers,
            "answered_at": found.answered_at,
        }
    )


@conversations.delete(
    "/conversations/{conversation_id}", status_code=204, summary="Delete a conversation", responses=_NOT_KEPT
)
async def delete_conversation(conversation_id: ConversationId, journal: Kept, owner: Owner) -> None:
    """Delete it for good, with its answers and what was said about them."""
    await run_sync(journal.delete_conversation, conversation_id, owner)


@conversations.get("/answers/{answer_id}", summary="One answer", response_model=AnswerOut, responses=_NOT_KEPT)
async def get_answer(answer_id: AnswerId, journal: Kept, owner: Owner) -> JSONResponse:
    """An answer as it was sent."""
    return JSONResponse(await run_sync(journal.answer, answer_id, owner))


@conversations.post("/feedback", status_code=201, summary="Rate an answer", responses=_NOT_KEPT)
async def post_feedback(body: FeedbackIn, journal: Kept, owner: Owner) -> FeedbackOut:
    """Keep what a reader says about an answer or one of its citations, in the place of what they said about it before."""
    kept = await run_sync(
        lambda: journal.keep_feedback(
            body.answer_id, body.rating, citation=body.citation, comment=body.comment, owner=owner
        )
    )
    return FeedbackOut.model_validate(kept, from_attributes=True)
