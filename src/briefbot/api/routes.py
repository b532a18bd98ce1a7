"""The routes under /v1 and the health checks: each takes a body, calls the one entry point, and returns a schema."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from briefbot.answering import Briefbot
from briefbot.api import schemas
from briefbot.errors import BusyError, NotFoundError
from briefbot.models import Filters, Turn

T = TypeVar("T")

api = APIRouter(
    prefix="/v1",
    responses={
        422: {"model": schemas.Problem, "description": "The request is malformed"},
        503: {"model": schemas.Problem, "description": "Not ready, or too busy"},
    },
)
health = APIRouter(tags=["health"])


def get_bot(request: Request) -> Briefbot:
    """The open `Briefbot` of this service; `BusyError` while it is still starting."""
    bot: Briefbot | None = request.app.state.bot
    if bot is None:
        raise BusyError("expected a service that is ready; it is still loading; try again in a few seconds")
    return bot


Bot = Annotated[Briefbot, Depends(get_bot)]


async def _in_thread(request: Request, work: Callable[[], T]) -> T:
    """Run blocking work in a thread, at most `max_concurrent` at a time."""
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.limiter)


@api.post("/answer", tags=["answers"], summary="Answer a question with citations")
async def post_answer(body: schemas.QuestionIn, bot: Bot, request: Request) -> schemas.AnswerOut:
    """Answer from the corpus; what the corpus does not support is not said, and the answer then says it abstains."""
    history = [Turn(turn.role, turn.content) for turn in body.history]
    filters = body.filters.to_filters()
    answer = await _in_thread(
        request, lambda: bot.ask(body.question, history=history, as_of=body.as_of, filters=filters, mode=body.mode)
    )
    return schemas.AnswerOut.of(answer)


@api.post("/check", tags=["answers"], summary="Check a claim")
async def post_check(body: schemas.ClaimIn, bot: Bot, request: Request) -> schemas.CheckOut:
    """Whether the corpus bears a claim out, contradicts it, bears out part of it, or does not speak of it."""
    filters = body.filters.to_filters()
    check = await _in_thread(request, lambda: bot.check(body.claim, as_of=body.as_of, filters=filters))
    return schemas.CheckOut.of(check)


@api.post("/search", tags=["answers"], summary="Find passages")
async def post_search(body: schemas.SearchIn, bot: Bot, request: Request) -> schemas.SearchOut:
    """The passages a question would be answered from, best first."""
    filters = body.filters.to_filters()
    found = await _in_thread(
        request, lambda: bot.search(body.query, top_k=body.top_k, as_of=body.as_of, filters=filters)
    )
    return schemas.SearchOut(
        passages=[schemas.ScoredPassageOut.of(item) for item in found],
        filters=schemas.FiltersOut.of(filters),
        as_of=body.as_of,
    )


class DocumentsQuery(schemas.FiltersIn):
    """The filters as query parameters, with the page wanted."""

    as_of: dt.date | None = None
    limit: Annotated[int, Query(ge=1, le=500)] = 50
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0


@api.get("/documents", tags=["corpus"], summary="List documents")
async def get_documents(
    query: Annotated[DocumentsQuery, Query()], bot: Bot, request: Request
) -> schemas.DocumentListOut:
    """Documents in order of publication, newest first, a page at a time."""
    filters = query.to_filters()
    return await _in_thread(request, lambda: _list_documents(bot, query, bot.check_filters(filters)))


def _list_documents(bot: Briefbot, query: DocumentsQuery, filters: Filters) -> schemas.DocumentListOut:
    catalogue = bot.corpus.catalogue()
    documents = list(catalogue.admit(filters, query.as_of).values())
    documents.sort(key=lambda document: (document.published or dt.date.min, document.id), reverse=True)
    page = documents[query.offset : query.offset + query.limit]
    return schemas.DocumentListOut(
        documents=[schemas.DocumentOut.of(item, catalogue.status_of(item, query.as_of)) for item in page],
        total=len(documents),
        limit=query.limit,
        offset=query.offset,
        filters=schemas.FiltersOut.of(filters),
        as_of=query.as_of,
    )


@api.get("/documents/{document_id}", tags=["corpus"], summary="One document with its text")
async def get_document(
    document_id: str, bot: Bot, request: Request, as_of: dt.date | None = None
) -> schemas.DocumentTextOut:
    """A document's metadata, full text, links both ways and sources; its status is that of `as_of`, or of today."""
    catalogue = await _in_thread(request, bot.corpus.catalogue)
    document = catalogue.documents.get(document_id)
    if document is None:
        raise NotFoundError(
            f"document_id: expected the id of a document in the corpus; got {document_id[:80]}; GET /v1/documents lists them"
        )
    status = catalogue.lineage.status_on(document, as_of) if as_of else catalogue.status_of(document, None)
    copies, gone_since = await _in_thread(
        request, lambda: (bot.corpus.copies_of(document_id), bot.corpus.gone_since(document_id))
    )
    return schemas.DocumentTextOut.full(document, status, catalogue.lineage, copies=copies, gone_since=gone_since)


@api.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def refuse_unknown(path: str) -> None:
    """Answer for every other path below /v1, which the page would otherwise answer for."""
    raise NotFoundError(f"expected a route of this API; got /v1/{path[:80]}; GET /openapi.json lists them")


@health.get("/healthz", summary="Whether the process lives")
async def get_healthz() -> schemas.Health:
    """Always ok while the process answers at all."""
    return schemas.Health(status="ok")


@health.get("/readyz", summary="Whether an answer can be given", responses={503: {"model": schemas.Health}})
async def get_readyz(request: Request, response: Response) -> schemas.Health:
    """Ready once the model is loaded and the corpus holds passages."""
    bot: Briefbot | None = request.app.state.bot
    passages = await _in_thread(request, bot.corpus.count_passages) if bot else 0
    if bot is None or passages == 0:
        response.status_code = 503
        return schemas.Health(status="starting", passages=passages)
    catalogue = await _in_thread(request, bot.corpus.catalogue)
    index = bot.index
    version = await _in_thread(request, lambda: index.version) if index else None
    is_current = index is not None and version == catalogue.version
    return schemas.Health(
        status="ready",
        documents=len(catalogue.documents),
        passages=passages,
        model=str(bot.embedder.identity),
        index="approximate" if is_current else "exact",
        corpus_version=catalogue.version,
    )
