"""The routes under /v1 and the health checks: each takes a body, asks the desk, and returns a schema."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any

from anyio.streams.memory import MemoryObjectReceiveStream
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from starlette.routing import compile_path

from briefbot.answering import Briefbot
from briefbot.api import schemas
from briefbot.api.admission import Leaving
from briefbot.api.bounds import BoundedRoute
from briefbot.api.check_schemas import CheckOut, ClaimIn
from briefbot.api.corpus_schemas import DocumentListOut, DocumentTextOut, Health
from briefbot.api.desk import Desk, DocumentsQuery, Event
from briefbot.api.metrics import Door
from briefbot.api.problems import route_path
from briefbot.api.timeline import TimelineOut, TimelineQuery
from briefbot.errors import NotFoundError

_MEANINGS = {
    400: "The body is no JSON",
    401: "No key, or one that does not hold",
    403: "The key may not do this, or the request comes from another site",
    404: "There is no such thing",
    408: "The body did not go on in time",
    413: "The body is too large",
    415: "The body is not sent as JSON",
    421: "The request names a host that is not this service",
    422: "The request is malformed",
    429: "The key has made more requests than it may",
    503: "Not ready, or too busy",
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.Problem, "description": meaning} for status, meaning in _MEANINGS.items()
}
"""What any route below /v1 may answer instead, as `application/problem+json`."""

COMPLETION_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.CompletionProblem, "description": meaning}
    for status, meaning in {**_MEANINGS, 400: "The request is malformed"}.items()
    if status != 422
}
"""What the OpenAI-compatible routes may answer instead, as that API's clients read it."""


def make_router(**options: Any) -> APIRouter:
    """A router for routes below /v1 that take a body: bounded, and answering with problems unless `options` say otherwise."""
    return APIRouter(prefix="/v1", route_class=BoundedRoute, **{"responses": PROBLEMS, **options})


ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY"]

api = make_router()
health = APIRouter(tags=["health"])


async def get_desk(request: Request) -> Desk:
    """The desk of this service."""
    desk: Desk = request.app.state.desk
    return desk


def owner_of(request: Request) -> str | None:
    """The id of the key a request came with: what it keeps belongs to that key; None where nobody needs a key."""
    caller = getattr(request.state, "caller", None)
    return caller.key_id if caller else None


async def get_owner(request: Request) -> str | None:
    """`owner_of` as a dependency; it is asynchronous, as those that are not go through a thread each time."""
    return owner_of(request)


async def get_bot(desk: Annotated[Desk, Depends(get_desk)]) -> Briefbot:
    """The open `Briefbot` of this service; raises `BusyError` while it is still starting."""
    return desk.bot


AtDesk = Annotated[Desk, Depends(get_desk)]
Owner = Annotated[str | None, Depends(get_owner)]
Bot = Annotated[Briefbot, Depends(get_bot)]
DocumentId = Annotated[str, Path(description="The document's id", examples=["law-pipl-2021"])]
AsOf = Annotated[schemas.Day | None, Query(description="The day its status is wanted of", examples=["2022-01-31"])]


def charge(request: Request, cost: int, field: str) -> None:
    """Count a request as so many towards the limit of its key; raises `RateLimitError` and `UsageError` as the limiter does.

    `field` is what an error calls that which is too much.
    """
    limiter = getattr(request.state, "limiter", None)
    if limiter is not None:
        limiter.charge(request.state.caller, cost, field)


@asynccontextmanager
async def stopped_with_client(request: Request) -> AsyncIterator[Leaving]:
    """Set when the client goes away before the block is left, and when the block is left by an error or by a service that stops."""
    stopped = Leaving()

    async def wait() -> None:
        while not stopped.is_set():
            if (await request.receive())["type"] == "http.disconnect":
                stopped.set()

    waiting = asyncio.create_task(wait())
    try:
        yield stopped
    except BaseException:
        stopped.set()
        raise
    finally:
        waiting.cancel()


@asynccontextmanager
async def streaming_to(
    request: Request, desk: Desk, question: schemas.QuestionIn, owner: str | None, door: Door
) -> AsyncIterator[MemoryObjectReceiveStream[Event]]:
    """`Desk.streaming` for a client that may go away while it waits; once the block is entered, its response notices that."""
    async with AsyncExitStack() as waiting, AsyncExitStack() as working:
        stopped = await waiting.enter_async_context(stopped_with_client(request))
        events = await working.enter_async_context(desk.streaming(question, owner, door=door, stopped=stopped))
        await waiting.aclose()
        yield events


@api.post("/answer", tags=["answers"], summary="Answer a question with citations")
async def post_answer(body: schemas.QuestionIn, desk: AtDesk, owner: Owner, request: Request) -> schemas.AnswerOut:
    """Answer from the corpus; what the corpus does not support is not said, and the answer then says it abstains."""
    async with stopped_with_client(request) as stopped:
        return await desk.answer(body, owner, stopped=stopped)


@api.post("/check", tags=["answers"], summary="Check a claim")
async def post_check(body: ClaimIn, desk: AtDesk, request: Request) -> CheckOut:
    """Whether the corpus bears a claim out, contradicts it, bears out part of it, or does not speak of it."""
    async with stopped_with_client(request) as stopped:
        return await desk.check(body, stopped=stopped)


@api.post("/search", tags=["answers"], summary="Find passages")
async def post_search(body: schemas.SearchIn, desk: AtDesk, request: Request) -> schemas.SearchOut:
    """The passages a question would be answered from, best first."""
    async with stopped_with_client(request) as stopped:
        return await desk.search(body, stopped=stopped)


@api.get("/documents", tags=["corpus"], summary="List documents")
async def get_documents(query: Annotated[DocumentsQuery, Query()], desk: AtDesk) -> DocumentListOut:
    """Documents in order of publication, newest first, a page at a time."""
    return await desk.documents(query)


@api.get("/documents/{document_id}", tags=["corpus"], summary="One document with its text")
async def get_document(document_id: DocumentId, desk: AtDesk, as_of: AsOf = None) -> DocumentTextOut:
    """A document's metadata, full text, links both ways and sources; its status is that of `as_of`, or of today."""
    return await desk.document(document_id, as_of)


@api.get("/timeline", tags=["corpus"], summary="Dated events")
async def get_timeline(query: Annotated[TimelineQuery, Query()], desk: AtDesk) -> TimelineOut:
    """What was published, takes effect and ends, oldest first, each with its document and its phase, a page at a time."""
    return await desk.timeline(query)


unknown = APIRouter(include_in_schema=False)


@unknown.api_route("/healthz", methods=ANY_METHOD)
@unknown.api_route("/readyz", methods=ANY_METHOD)
@unknown.api_route("/metrics", methods=ANY_METHOD)
@unknown.api_route("/v1/{_:path}", methods=ANY_METHOD)
async def refuse_unknown(request: Request) -> None:
    """Answer, after all other routes, for every other path and method of the API, which the page would otherwise answer for."""
    allowed = ", ".join(_methods_at(request))
    if allowed:
        detail = f"method: expected one of {allowed}; got {request.method}; correct the request"
        raise HTTPException(405, detail, headers={"Allow": allowed})
    path = route_path(request.scope)
    raise NotFoundError(f"expected a route of this API; got {path[:80]}; GET /openapi.json lists them")


def _methods_at(request: Request) -> list[str]:
    """The methods that the path of a request can be asked with."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    path = route_path(request.scope)
    verbs = {verb.upper() for template, item in paths.items() if compile_path(template)[0].match(path) for verb in item}
    return sorted(verbs | ({"HEAD"} if "GET" in verbs else set()))


@health.get("/healthz", summary="Whether the process lives")
async def get_healthz() -> Health:
    """Always ok while the process answers at all."""
    return Health(status="ok")


@health.get(
    "/readyz",
    summary="Whether an answer can be given",
    responses={503: {"model": Health, "description": "No answer can be given yet"}},
)
async def get_readyz(response: Response, desk: AtDesk) -> Health:
    """Ready while a search of the corpus succeeds."""
    found = await desk.probe()
    if found.status != "ready":
        response.status_code = 503
    return found
