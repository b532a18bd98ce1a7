"""What a request must be before anything reads it: how deep its body nests, what it is sent as, which parameters it names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, get_origin

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from briefbot.api.faults import find_model, shorten
from briefbot.api.problems import route_path, speaks_openai
from briefbot.errors import MediaTypeError, UsageError

_HEADED = re.compile(r"/(?:v1/|healthz$|readyz$|metrics$|docs$|openapi\.json$)")
"""Paths whose routes FastAPI makes for GET alone."""

DEEPEST_JSON = 64
"""Levels of lists and objects in a body; an answer that is sent back for an export has seven."""

_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
"""A string, or all that follows where it does not end: looked at once, however long."""


def check_depth(body: bytes) -> None:
    """Raise `UsageError` for JSON that nests more deeply than what reads it should follow; what is no JSON passes."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST_JSON:
        return
    depth = 0
    for character in _JSON_STRING.sub(b"", body):
        if character in b"[{":
            depth += 1
            if depth > DEEPEST_JSON:
                raise UsageError(
                    f"body: expected JSON of at most {DEEPEST_JSON} levels; got more; send it less deeply nested",
                    expected=f"at most {DEEPEST_JSON} levels",
                )
        elif character in b"]}":
            depth -= 1


class BoundedRoute(APIRoute):
    """A route that looks at a request before it is read: its parameters, what its body is sent as, and how deeply that nests.

    Raises `UsageError` for parameters that the route does not know or knows once only, `MediaTypeError` for a body that is not
    sent as JSON.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of this route."""
        handle = super().get_route_handler()
        known = self._parameters()

        async def handle_bounded(request: Request) -> Response:
            if not speaks_openai(route_path(request.scope)):  # whose clients add parameters of their own
                _check_parameters(request, known)
            sent_as = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            body = await request.body()
            if body and self.body_field is not None and not _is_json(sent_as):
                raise MediaTypeError(
                    f"content-type: expected application/json; got {shorten(sent_as) or 'none'}; send it with the body",
                    expected="application/json",
                    got=shorten(sent_as) or "none",
                )
            check_depth(body)
            return await handle(request)

        return handle_bounded

    def _parameters(self) -> dict[str, bool]:
        """The parameters of the query, and whether each may come several times."""
        found: dict[str, bool] = {}
        for field in self.dependant.query_params:
            model = find_model(field.field_info.annotation)
            if model is None:
                found[field.alias] = get_origin(field.field_info.annotation) is list
            else:
                found |= {
                    each.alias or name: get_origin(each.annotation) is list for name, each in model.model_fields.items()
                }
        return found


def _check_parameters(request: Request, known: Mapping[str, bool]) -> None:
    """Refuse parameters that are not `known`, and those given twice that may come once; `known` says which may come several times."""
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        shown = shorten(name) or "a parameter"
        if name not in known:
            expected = "one of the parameters " + ", ".join(sorted(known)) if known else "no parameters"
            raise UsageError(
                f"{shown}: expected {expected}; got {shown}; correct the request", expected=expected, got=shown
            )
        if times > 1 and not known[name]:
            raise UsageError(
                f"{name}: expected one value; got {times}; leave all but one out",
                expected="one value",
                got=str(times),
            )


class AnsweringHead:
    """ASGI middleware that answers HEAD with the headers that GET would have; the server leaves the body out.

    The page's own routes answer HEAD by themselves.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or not _HEADED.match(route_path(scope)):
            await self._app(scope, receive, send)
            return
        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, receive, send)
        finally:
            scope.update({name: inner[name] for name in ("route", "endpoint", "path_params") if name in inner})


def _is_json(sent_as: str) -> bool:
    return sent_as == "application/json" or (sent_as.startswith("application/") and sent_as.endswith("+json"))
