"""The FastAPI application: API, health checks, documentation and the page in one service."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable

import anyio
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

import briefbot
from briefbot.answering import Briefbot
from briefbot.api.problems import add_problem_handlers
from briefbot.api.routes import api, health
from briefbot.api.security import SecurityHeaders
from briefbot.api.uploads import uploads
from briefbot.settings import Settings

LARGEST_BODY_BYTES = 1_000_000
"""A question of 2,000 characters with a hundred turns before it stays far below."""

_log = logging.getLogger("briefbot.requests")


def create_app(settings: Settings, bot: Briefbot | None, *, page_url: str | None = None) -> FastAPI:
    """The service around an open `Briefbot`.

    `page_url`: where the service can be reached from itself; the chat page talks to it there. None serves no page.
    """
    app = FastAPI(
        title="briefbot",
        version=briefbot.__version__,
        description="Cited, dated, bilingual answers from a briefing corpus on China's technology policy.",
        docs_url=None,
        redoc_url=None,
        max_body_size=LARGEST_BODY_BYTES,
    )
    app.state.bot = bot
    app.state.limiter = anyio.CapacityLimiter(settings.max_concurrent)
    app.state.settings = settings
    app.include_router(uploads)
    app.include_router(api)
    app.include_router(health)
    app.add_api_route("/docs", _get_docs, methods=["GET"], include_in_schema=False)
    add_problem_handlers(app)
    app.middleware("http")(_log_request)
    if page_url is not None:
        from briefbot.ui.page import mount_page

        app = mount_page(app, page_url)
    app.add_middleware(SecurityHeaders)
    return app


async def _get_docs(request: Request) -> HTMLResponse:
    """The API's documentation as one plain page, made from its OpenAPI description."""
    from briefbot.api.docs import render_docs

    return HTMLResponse(render_docs(request.app.openapi()))


async def _log_request(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Give each request an id and log what became of it, without what was asked."""
    request_id = f"req_{secrets.token_hex(8)}"
    started = time.perf_counter()
    response = await call_next(request)
    response.headers["x-request-id"] = request_id
    if request.url.path.startswith("/v1"):
        _log.info(
            "%s %s %s %d %.0f ms",
            request_id,
            request.method,
            request.url.path,
            response.status_code,
            (time.perf_counter() - started) * 1000,
        )
    return response
