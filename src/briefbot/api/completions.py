"""OpenAI's chat completions over the same answers: for clients and tools that speak nothing else."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Annotated, Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from fastapi import Depends, Path, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from briefbot.answering import Briefbot
from briefbot.api import completion_schemas as chat
from briefbot.api import schemas
from briefbot.api.desk import Event
from briefbot.api.problems import describe_error
from briefbot.api.routes import COMPLETION_PROBLEMS, AtDesk, Owner, make_router, stopped_with_client, streaming_to
from briefbot.errors import NotFoundError, UsageError
from briefbot.models import Mode
from briefbot.query import clean_question

MODELS: Mapping[str, Mode] = {
    "briefbot": "auto",
    "briefbot-extractive": "extractive",
    "briefbot-generative": "generative",
}
"""What may be asked for, and who then writes."""

HEARTBEAT_SECONDS = 15.0

_MARK = re.compile(r"\[(\d+)\]")
_CHUNK = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "string", "description": "A chunk as JSON, an `error`, or `[DONE]`"}},
}
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}

completions = make_router(tags=["OpenAI-compatible"], responses=COMPLETION_PROBLEMS)

ModelName = Annotated[str, Path(description="The name", examples=["briefbot"])]
Reply = chat.CompletionOut | MemoryObjectReceiveStream[Event]


def read_question(body: chat.CompletionIn, names: Sequence[str]) -> schemas.QuestionIn:
    """The last message as a question and the ones before it as its history; raises `UsageError` or `NotFoundError`.

    `names` are the models that may be asked for.
    """
    _check_name(body.model, names)
    *before, last = body.messages
    if last.role != "user":
        raise UsageError(f"messages: expected a last one of role user; got {last.role}; put the question last")
    own = body.briefbot or chat.BriefbotIn()
    asked = clean_question(last.text, f"messages.{len(before)}.content")
    turns = [
        schemas.TurnIn(role="user" if item.role == "user" else "assistant", content=item.text[: chat.MOST_CHARS])
        for item in before
        if item.role in {"user", "assistant"} and item.text.strip()
    ]
    return schemas.QuestionIn(
        question=asked,
        history=[] if own.conversation_id else turns[-chat.MOST_TURNS :],
        as_of=own.as_of,
        filters=own.filters,
        mode=own.mode or MODELS[body.model],
        conversation_id=own.conversation_id,
    )


async def _open_reply(body: chat.CompletionIn, desk: AtDesk, owner: Owner, request: Request) -> AsyncIterator[Reply]:
    """The whole completion, or its events, for as long as the response takes."""
    question = read_question(body, _names(desk.bot))
    if body.stream:
        async with streaming_to(request, desk, question, owner, "chat") as events:
            yield events
        return
    async with stopped_with_client(request) as stopped:
        answer = await desk.answer(question, owner, door="chat", stopped=stopped)
    yield _complete(answer, body.model, str(request.base_url))


@completions.post(
    "/chat/completions",
    summary="Answer as a chat completion",
    response_model=chat.CompletionOut,
    responses={
        200: {
            "description": "A chat completion; with `stream`, chunks as server-sent events that end with `[DONE]`",
            "content": {"text/event-stream": {"itemSchema": _CHUNK, "example": "data: [DONE]\n\n"}},
        }
    },
)
async def post_completion(
    body: chat.CompletionIn, reply: Annotated[Reply, Depends(_open_reply)], request: Request
) -> Any:
    """The last message is answered from the corpus, the ones before it are its context; instructions change nothing.

    Sources are `annotations` of the message, in a stream of its last chunk; the whole answer is under `briefbot`.
    """
    if isinstance(reply, chat.CompletionOut):
        return reply
    return StreamingResponse(
        _encode(reply, body, str(request.base_url)), media_type="text/event-stream", headers=_HEADERS
    )


@completions.get("/models", summary="What may be asked for")
async def get_models(desk: AtDesk) -> chat.ModelListOut:
    """The names a chat completion may be asked for by; one that needs a language model is there where one is set."""
    return chat.ModelListOut(data=[chat.ModelOut(id=name) for name in _names(desk.bot)])


@completions.get("/models/{model}", summary="One that may be asked for")
async def get_model(model: ModelName, desk: AtDesk) -> chat.ModelOut:
    """A name a chat completion may be asked for by."""
    _check_name(model, _names(desk.bot))
    return chat.ModelOut(id=model)


def _names(bot: Briefbot) -> list[str]:
    return [name for name, mode in MODELS.items() if mode != "generative" or bot.settings.has_model]


def _check_name(name: str, names: Sequence[str]) -> None:
    """Raise `NotFoundError` for a model that may not be asked for."""
    if name not in names:
        exist = ", ".join(names)
        raise NotFoundError(
            f"model: expected one of {exist}; got {name[:80]}; GET /v1/models lists them",
            expected=exist,
            got=name[:80],
        )


def _complete(answer: schemas.AnswerOut, model: str, base_url: str) -> chat.CompletionOut:
    return chat.CompletionOut(
        id=_new_id(),
        created=int(time.time()),
        model=model,
        choices=[
            chat.ChoiceOut(message=chat.MessageOut(content=answer.text, annotations=list(annotate(answer, base_url))))
        ],
        usage=_count(answer),
        system_fingerprint=answer.corpus_version,
        briefbot=answer,
    )


def annotate(answer: schemas.AnswerOut, base_url: str) -> Iterator[chat.AnnotationOut]:
    """The source of each mark of an answer: where the original is, or else the document in this service."""
    by_number = {citation.number: citation.document for citation in answer.citations}
    for mark in _MARK.finditer(answer.text):
        document = by_number.get(int(mark.group(1)))
        if document is not None:
            yield chat.AnnotationOut(
                url_citation=chat.UrlCitationOut(
                    start_index=mark.start(),
                    end_index=mark.end(),
                    url=document.url or f"{base_url.rstrip('/')}/v1/documents/{document.id}",
                    title=document.title,
                )
            )


async def _encode(
    events: MemoryObjectReceiveStream[Event], body: chat.CompletionIn, base_url: str
) -> AsyncIterator[bytes]:
    """The events of an answer as chunks, with comments while nothing comes."""
    head = {
        "id": _new_id(),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": body.model,
        **({"usage": None} if body.wants_usage else {}),
    }
    yield _chunk(head, {"role": "assistant", "content": ""})
    while True:
        event = None
        try:
            with anyio.move_on_after(HEARTBEAT_SECONDS):
                event = await events.receive()
        except anyio.EndOfStream:
            break
        if event is None:
            yield format_sse_event(comment="ping")
        elif isinstance(event.data, schemas.DeltaOut):
            yield _chunk(head, {"content": event.data.text})
        elif isinstance(event.data, schemas.AnswerOut):
            for chunk in _finish(head, event.data, body, base_url):
                yield chunk
        elif isinstance(event.data, schemas.Problem):
            yield _data({"error": describe_error(event.data).model_dump()})
    yield format_sse_event(data_str="[DONE]")


def _finish(
    head: Mapping[str, Any], answer: schemas.AnswerOut, body: chat.CompletionIn, base_url: str
) -> Iterator[bytes]:
    annotations = [item.model_dump(mode="json") for item in annotate(answer, base_url)]
    own = {"briefbot": answer.model_dump(mode="json"), "system_fingerprint": answer.corpus_version}
    yield _chunk({**head, **own}, {"annotations": annotations}, finish_reason="stop")
    if body.wants_usage:
        yield _data({**head, "choices": [], "usage": _count(answer).model_dump()})


def _chunk(head: Mapping[str, Any], delta: Mapping[str, Any], *, finish_reason: str | None = None) -> bytes:
    return _data({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}]})


def _data(value: Mapping[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(value, ensure_ascii=False))


def _count(answer: schemas.AnswerOut) -> chat.UsageOut:
    read, written = answer.tokens.get("prompt", 0), answer.tokens.get("completion", 0)
    return chat.UsageOut(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"
