"""POST /v1/answer/stream: an answer as server-sent events while it is made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio.streams.memory import MemoryObjectReceiveStream
from fastapi import Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from briefbot.api import schemas
from briefbot.api.desk import Event
from briefbot.api.routes import AtDesk, Owner, make_router, streaming_to

stream = make_router()

_EVENTS: dict[str, Any] = {
    "description": (
        "Server-sent events: `sources` once, `delta` for each piece of text, then `answer` with the whole answer as "
        "`POST /v1/answer` gives it, or `error` with a problem. Comments keep the connection alive."
    ),
    "content": {
        "text/event-stream": {
            "example": 'event: delta\ndata: {"text":"The regulator fined a company in 2021 [1]."}\n\n',
        }
    },
}


async def _open_stream(
    body: schemas.QuestionIn, desk: AtDesk, owner: Owner, request: Request
) -> AsyncIterator[MemoryObjectReceiveStream[Event]]:
    """Hold the work until the response is over; faults raised here are still ordinary responses."""
    async with streaming_to(request, desk, body, owner, "stream") as events:
        yield events


@stream.post(
    "/answer/stream",
    tags=["answers"],
    summary="Answer a question as it is written",
    response_class=EventSourceResponse,
    responses={200: _EVENTS},
)
async def post_answer_stream(
    events: Annotated[MemoryObjectReceiveStream[Event], Depends(_open_stream)],
) -> AsyncIterator[ServerSentEvent]:
    """The sources as soon as they are found, the text as soon as it is final, then the whole answer.

    Each statement is verified before it is sent: nothing that was sent is taken back, and no mark is split.
    """
    async for event in events:
        yield ServerSentEvent(event=event.name, raw_data=event.data.model_dump_json())
