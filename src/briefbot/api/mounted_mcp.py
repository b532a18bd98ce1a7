"""The Model Context Protocol at `/mcp` of the service: streamable HTTP without sessions, so that nothing is left open.

Every message is a POST of its own with its own key, answered as JSON; what a client goes on with is its `conversation_id`.
Who may come in, under which name and how often, is the access gate's business as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from briefbot.api.desk import Desk
from briefbot.api.problems import make_problem
from briefbot.api.routes import owner_of

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

Running = Callable[[], AbstractAsyncContextManager[None]]

PATH = "/mcp"
LARGEST_MESSAGE_BYTES = 100_000
"""A claim of 2,000 characters with two hundred document ids stays far below."""


def mount_mcp(app: FastAPI, desk: Desk) -> Running:
    """Add `/mcp` where the extra `briefbot[mcp]` is installed; the app must run inside what is returned."""
    if find_spec("mcp") is None:
        return nullcontext
    from mcp.server.transport_security import TransportSecuritySettings

    from briefbot.mcp_server import make_server

    server = make_server(desk, owner_of=owner_of)
    server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=LARGEST_MESSAGE_BYTES,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    endpoint = _Endpoint(server.session_manager)
    for path in (PATH, f"{PATH}/"):
        app.router.routes.append(Route(path, endpoint, include_in_schema=False))
    return server.session_manager.run


class _Endpoint:
    """ASGI app that passes POST on; without sessions there is no stream to GET and nothing to DELETE."""

    def __init__(self, sessions: StreamableHTTPSessionManager) -> None:
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] == "POST":
            await self._sessions.handle_request(scope, receive, send)
            return
        detail = f"method: expected POST, as there are no sessions here; got {scope['method'][:20]}; send each message as a POST"
        refusal = make_problem(405, "method-not-allowed", detail, headers={"Allow": "POST"})
        await refusal(scope, receive, send)
