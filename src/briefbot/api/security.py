"""Response headers that keep the page to itself: a content security policy with a nonce, and the usual companions."""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from briefbot.api.problems import route_path

_POLICY = (
    "default-src 'self'; script-src 'self'{nonce}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
    "frame-src 'self'; frame-ancestors 'self'; form-action 'self'; worker-src 'self' blob:"
)
_SCRIPT = re.compile(rb"<script\b")
_PAGE = "/"
"""The one response whose scripts get a nonce: nobody else's HTML may pass for it."""
_PRIVATE = "/v1/"
"""Below it are questions, answers and conversations, which no cache on the way may keep."""
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeaders:
    """ASGI middleware: every script tag of the chat page gets this response's nonce, every response the headers.

    Only that page is held back to be rewritten; all else, event streams included, passes through as it comes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_page = route_path(scope) == _PAGE
        if is_page:
            # Its body is rewritten, so it must come uncompressed.
            kept = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            scope = {**scope, "headers": kept}
        is_private = route_path(scope).startswith(_PRIVATE)
        await self._app(scope, receive, _Rewriter(send, is_page=is_page, is_private=is_private).send)


class _Rewriter:
    def __init__(self, send: Send, *, is_page: bool, is_private: bool) -> None:
        self._send = send
        self._is_private = is_private
        self._is_page = is_page
        self._nonce = secrets.token_urlsafe(16)
        self._held: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if self._is_private:
                headers["cache-control"] = "no-store"
            nonce = f" 'nonce-{self._nonce}'" if self._is_page else ""
            headers["content-security-policy"] = _POLICY.format(nonce=nonce)
            if self._is_page and headers.get("content-type", "").startswith("text/html"):
                self._held = message
                return
        elif message["type"] == "http.response.body" and self._held is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            await self._send_rewritten(self._held)
            return
        await self._send(message)

    async def _send_rewritten(self, start: Message) -> None:
        body = _SCRIPT.sub(f'<script nonce="{self._nonce}"'.encode(), self._body)
        MutableHeaders(raw=start["headers"])["content-length"] = str(len(body))
        self._held = None
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
