"""The FastAPI application: API, health checks, documentation and the page in one service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware

import briefbot
from briefbot.answering import Briefbot
from briefbot.api.access import AccessGate, read_origins
from briefbot.api.admission import Admission
from briefbot.api.batch import batch
from briefbot.api.bounds import AnsweringHead
from briefbot.api.checks import checks
from briefbot.api.comparisons import comparisons
from briefbot.api.completions import completions
from briefbot.api.conversations import conversations
from briefbot.api.coverage import coverage
from briefbot.api.desk import Desk
from briefbot.api.exports import exports
from briefbot.api.metrics import Metrics, scrapes
from briefbot.api.mounted_mcp import mount_mcp
from briefbot.api.openapi import describe_api, name_operation
from briefbot.api.problems import add_problem_handlers, answer_unexpected
from briefbot.api.quality import quality
from briefbot.api.requests import RequestRecorder
from briefbot.api.routes import api, health, unknown
from briefbot.api.security import SecurityHeaders
from briefbot.api.streaming import stream
from briefbot.api.suggestions import suggestions
from briefbot.api.uploads import MOST_WAITING, uploads
from briefbot.journal import Journal
from briefbot.keys import KeyRing
from briefbot.settings import Settings
from briefbot.tracing import Tracing

LARGEST_BODY_BYTES = 1_000_000
"""A question of 2,000 characters with a hundred turns before it stays far below."""


EXPOSED_HEADERS = (
    "retry-after",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-request-id",
    "content-disposition",
)
"""What scripts of other sites that may ask can read besides the body."""


def create_app(
    settings: Settings, bot: Briefbot | None, *, with_page: bool = False, tracing: Tracing | None = None
) -> FastAPI:
    """The service around an open `Briefbot`.

    `with_page`: whether the chat page is served at `/`.
    Raises `StorageError` where the journal or the keys cannot be read, `ConfigurationError` for settings of access that cannot be used.
    """
    tracing = tracing or Tracing()
    metrics = Metrics()
    journal = Journal(settings.journal_path, keep_days=settings.history_days)

    desk = Desk(settings, bot, journal, recorded=(metrics.count_answer,), tracing=tracing)
    metrics.watch_queue(lambda: desk.admission.waiting, lambda: desk.admission.running)
    metrics.watch_index(desk.read_index)

    app = FastAPI(
        title="briefbot",
        version=briefbot.__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=name_operation,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.tracing = tracing
    app.state.upload_admission = Admission(1, MOST_WAITING, called="requests with files")
    app.state.settings, app.state.desk, app.state.journal, app.state.metrics = settings, desk, journal, metrics
    for router in (uploads, stream, batch, checks, api, coverage, comparisons, suggestions, exports, quality):
        app.include_router(router)
    for router in (conversations, completions, health, scrapes, unknown):
        app.include_router(router)
    app.add_api_route("/docs", _get_docs, methods=["GET"], include_in_schema=False)
    app.state.running_mcp = mount_mcp(app, desk)
    add_problem_handlers(app)
    app.openapi = partial(describe_api, app)  # type: ignore[method-assign]
    if with_page:
        from briefbot.ui.page import mount_page

        app = mount_page(app)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=LARGEST_BODY_BYTES)
    app.add_middleware(AnsweringHead)
    app.add_middleware(AccessGate, settings, KeyRing(settings.keys_path))
    app.add_middleware(RequestRecorder, metrics, tracing, on_error=answer_unexpected)
    app.add_middleware(SecurityHeaders)
    if origins := read_origins(settings):
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Forget what is old at start, and send the spans that are left at the end."""
    await anyio.to_thread.run_sync(app.state.journal.forget_old)
    try:
        async with app.state.running_mcp():
            yield
    finally:
        await anyio.to_thread.run_sync(app.state.tracing.close)


async def _get_docs(request: Request) -> HTMLResponse:
    """The API's documentation as one plain page, made from its OpenAPI description."""
    from briefbot.api.docs import render_docs

    return HTMLResponse(render_docs(request.app.openapi()))
