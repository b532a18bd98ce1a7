"""Every request gets an id, and when its response is over, a log line, a count and a span: without what was asked.

Plain ASGI: nothing is held back or buffered, so that streams flow and a client that leaves is noticed where the work is done.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Literal
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from briefbot.api.metrics import Metrics
from briefbot.tracing import Span, Tracing

OnError = Callable[[Request, Exception], Awaitable[Response]]
Ending = Literal["whole", "cut", "failed"]

HEADER = "x-request-id"
CLIENT_GONE = 499
"""The status noted where the client left before there was a response: whatever became of the work, nobody was failed."""

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOGGED = ("/v1", "/mcp")
"""What is logged and traced; the files of the page and the probes would hide the rest."""

_log = logging.getLogger("briefbot.requests")


class RequestRecorder:
    """ASGI middleware around everything that can answer a request.

    `on_error` makes the response to an exception that nothing inside has handled; without it, or where a response has begun, the
    exception goes on to the server. Middlewares inside must pass the same scope on, or the route is not known here.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, tracing: Tracing | None = None, on_error: OnError | None = None
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing or Tracing()
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        with self._metrics.open_request(), self._open_span(exchange) as span:
            bound = {"request_id": exchange.id, **({"trace_id": span.trace_id} if span.trace_id else {})}
            with bound_contextvars(**bound):
                try:
                    await self._serve(exchange)
                finally:
                    self._record(exchange, span)

    def _open_span(self, exchange: _Exchange) -> AbstractContextManager[Span]:
        scope = exchange.scope
        if not exchange.is_logged:
            return Tracing().span("")
        attributes = {"http.request.method": scope["method"], "url.path": exchange.path, "url.scheme": scope["scheme"]}
        return self._tracing.request(scope["method"], attributes, scope["headers"])

    async def _serve(self, exchange: _Exchange) -> None:
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.is_left = True
        except Exception as error:
            exchange.error = type(error).__qualname__
            if self._on_error is None or exchange.status is not None:
                raise
            response = await self._on_error(Request(exchange.scope), error)
            await response(exchange.scope, exchange.receive, exchange.send)

    def _record(self, exchange: _Exchange, span: Span) -> None:
        route, status, ending, seconds = exchange.route, exchange.final_status, exchange.ending, exchange.seconds
        self._metrics.count_request(route, status, seconds, is_cut=ending != "whole")
        if not exchange.is_logged:
            return
        fields = {"method": exchange.scope["method"], "path": exchange.path, "status": status, "ending": ending}
        _log.info("request", extra={**fields, "milliseconds": round(seconds * 1000, 1)})
        span.note(
            {"http.route": route, "http.response.status_code": status, "briefbot.ending": ending},
            name=f"{exchange.scope['method']} {route}",
        )
        if status >= 500 or ending == "failed":
            span.fail(exchange.error or str(status))


class _Exchange:
    """One request and what has been sent for it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.id = _choose_id(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["request_id"] = self.id
        self.path = quote(scope["path"], safe="/:@!$&'()*+,;=~")
        self.is_logged = any(scope["path"] == start or scope["path"].startswith(f"{start}/") for start in _LOGGED)
        self.status: int | None = None
        self.error: str | None = None
        self.is_left = False
        self._root = scope.get("root_path", "")
        self._receive = receive
        self._send = send
        self._started = time.perf_counter()
        self._over: float | None = None

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._over is None:
            self.is_left = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = CLIENT_GONE if self.is_left else int(message["status"])
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            headers[HEADER] = self.id
            message = {**message, "headers": headers.raw}
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self._over = time.perf_counter()
        await self._send(message)

    @property
    def route(self) -> str:
        """The template of the route that answered, below its mount; no label holds a part of the path that a client chose."""
        route = self.scope.get("route")
        template = "" if isinstance(route, Mount) else getattr(route, "path", "")
        mount = self.scope.get("root_path", "").removeprefix(self._root)
        return f"{mount}{template}".rstrip("/") or ("/" if template else "other")

    @property
    def final_status(self) -> int:
        """The status that was sent; where none was, that of a client that left, or else of a service that failed."""
        if self.status is not None:
            return self.status
        return CLIENT_GONE if self.is_left else 500

    @property
    def ending(self) -> Ending:
        """Whether the client got the whole response."""
        if self.is_left:
            return "cut"
        if self._over is None:
            return "cut" if self.error is None else "failed"
        return "whole"

    @property
    def seconds(self) -> float:
        """From the request to the last piece of the response, or to now where there was none."""
        return (self._over or time.perf_counter()) - self._started


def _choose_id(given: str | None) -> str:
    """The client's own id where it is a plain one, else a new one."""
    return given if given is not None and _GIVEN_ID.fullmatch(given) else f"req_{secrets.token_hex(8)}"
