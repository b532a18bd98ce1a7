"""The one place where errors become HTTP responses: problem details after RFC 9457, for OpenAI's routes with its error too."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from briefbot.api import schemas
from briefbot.api.faults import find_model, make_sendable, name_fault, name_json_fault
from briefbot.errors import BriefbotError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
_CHALLENGES = ("Bearer", 'Basic realm="briefbot", charset="UTF-8"')
"""Each in a header of its own: Chromium reads no second one in the same header, and then asks for no password.

The second one only for a page that is opened: for what a script fetches, a browser would ask in the middle of the page."""
UNEXPECTED = "an unexpected error occurred; the service's log says more"
_OPENAI_PATHS = ("/v1/chat/completions", "/v1/models")
_ERROR_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_ERROR_TYPES: Mapping[int, schemas.ErrorType] = {429: "requests"}
"""What OpenAI calls the errors of these statuses, by names that clients look for."""
_FIELD = re.compile(r"[\w.]+(?=: )")
_log = logging.getLogger(__name__)


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of this app with problem details."""
    app.add_exception_handler(BriefbotError, _on_briefbot_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, answer_unexpected)


def make_problem(
    status: int,
    slug: str,
    detail: str,
    *,
    expected: str | None = None,
    got: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem response; `slug` becomes its stable type and its title."""
    return ProblemResponse(_name_problem(status, slug, detail, expected, got), headers)


class ProblemResponse(Response):
    """A problem that takes its shape when it is sent: OpenAI's routes have its error as well, and its status."""

    def __init__(self, problem: schemas.Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status_code=problem.status)
        self._problem = problem
        self._sent_headers = dict(headers or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it to whoever asked for the path in `scope`."""
        problem = fit_problem(self._problem, route_path(scope))
        response = JSONResponse(
            problem.model_dump(), status_code=problem.status, media_type=MEDIA_TYPE, headers=self._sent_headers
        )
        is_fetched = Headers(scope=scope).get("sec-fetch-mode", "navigate") != "navigate"
        for challenge in _CHALLENGES[: 1 if is_fetched else 2] if problem.status == 401 else ():
            response.headers.append("WWW-Authenticate", challenge)
        await response(scope, receive, send)


def fit_problem(problem: schemas.Problem, path: str) -> schemas.Problem:
    """The problem as it goes out on a path: what OpenAI's clients call with its error, 400 where we say 422."""
    if not speaks_openai(path):
        return problem
    fitted = problem.model_copy(update={"status": 400 if problem.status == 422 else problem.status})
    return schemas.CompletionProblem(**fitted.model_dump(), error=describe_error(fitted))


def speaks_openai(path: str) -> bool:
    """Whether a path is one that OpenAI's clients call."""
    return any(path == own or path.startswith(f"{own}/") for own in _OPENAI_PATHS)


def describe_error(problem: schemas.Problem) -> schemas.ErrorOut:
    """A problem as OpenAI's clients read errors: with that API's own code where it has one for the same."""
    is_own_fault = problem.status < 500
    field = _FIELD.match(problem.detail) if is_own_fault else None
    param = field.group() if field else None
    code = problem.type.rsplit(":", 1)[-1].replace("-", "_")
    if problem.status == 404 and param == "model":
        code = "model_not_found"
    return schemas.ErrorOut(
        message=problem.detail,
        type=_ERROR_TYPES.get(problem.status, "invalid_request_error") if is_own_fault else "server_error",
        param=param,
        code=_ERROR_CODES.get(problem.status, code),
    )


def route_path(scope: Scope) -> str:
    """The path as the routes see it: without the prefix that a proxy serves it under."""
    path: str = scope["path"]
    prefix: str = scope.get("root_path", "")
    return path[len(prefix) :] if prefix and f"{path}/".startswith(f"{prefix}/") else path


def _name_problem(status: int, slug: str, detail: str, expected: str | None, got: str | None) -> schemas.Problem:
    return schemas.Problem(
        type=f"urn:briefbot:problem:{slug}",
        title=slug.replace("-", " ").capitalize(),
        status=status,
        detail=make_sendable(detail),
        expected=expected and make_sendable(expected),
        got=got and make_sendable(got),
    )


def describe_problem(error: BriefbotError | None) -> schemas.Problem:
    """The problem that one of briefbot's own errors is; None stands for an error that nobody foresaw."""
    if error is None:
        return _name_problem(500, "internal", UNEXPECTED, None, None)
    return _name_problem(error.http_status, error.slug, str(error), error.expected, error.got)


async def _on_briefbot_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, BriefbotError):
        raise error
    return problem_of(error)


def problem_of(error: BriefbotError, headers: Mapping[str, str] | None = None) -> Response:
    """The problem response of one of briefbot's own errors, with `headers` besides."""
    waiting = {"Retry-After": str(error.retry_seconds or RETRY_AFTER_SECONDS)} if error.retry_helps else {}
    return ProblemResponse(describe_problem(error), {**(headers or {}), **waiting})


async def _on_validation_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = error.errors()
    invalid = next((fault for fault in faults if fault["type"] == "json_invalid"), None)
    if invalid is not None:
        return make_problem(400, "invalid-json", name_json_fault(invalid))
    first = faults[0]
    model = _model_of(request.scope.get("route"), is_body=first["loc"][0] == "body")
    return problem_of(name_fault({**first, "loc": first["loc"][1:]}, model))


def _model_of(route: object, *, is_body: bool) -> type[BaseModel] | None:
    """What a route takes as its body, or as its query."""
    if not isinstance(route, APIRoute):
        return None
    queries = route.dependant.query_params
    field = route.body_field if is_body else (queries[0] if queries else None)
    return find_model(field.field_info.annotation) if field else None


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    slugs = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}
    slug = slugs.get(error.status_code, "http-error")
    return make_problem(error.status_code, slug, str(error.detail), headers=error.headers)


async def answer_unexpected(_request: Request, error: Exception) -> Response:
    """The response to an error that nobody foresaw: what it is stays in the log."""
    _log.error("unexpected error", exc_info=error)
    return make_problem(500, "internal", UNEXPECTED)
