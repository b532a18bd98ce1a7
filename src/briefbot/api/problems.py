"""The one place where errors become HTTP responses: problem details after RFC 9457."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from briefbot.api import schemas
from briefbot.errors import AccessError, BriefbotError

RETRY_AFTER_SECONDS = 5
_BODIES: tuple[type[BaseModel], ...] = (schemas.QuestionIn, schemas.ClaimIn, schemas.SearchIn)
_log = logging.getLogger(__name__)


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of this app with problem details."""
    app.add_exception_handler(BriefbotError, _on_briefbot_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unexpected)


def make_problem(
    status: int,
    slug: str,
    detail: str,
    *,
    expected: str | None = None,
    got: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem response; `slug` becomes its stable type and its title."""
    problem = schemas.Problem(
        type=f"urn:briefbot:problem:{slug}",
        title=slug.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        expected=expected,
        got=got,
    )
    return JSONResponse(
        problem.model_dump(), status_code=status, media_type="application/problem+json", headers=dict(headers or {})
    )


async def _on_briefbot_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, BriefbotError):
        raise error
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if error.retry_helps else {}
    if isinstance(error, AccessError):
        headers["WWW-Authenticate"] = "Bearer"
    return make_problem(
        error.http_status, error.slug, str(error), expected=error.expected, got=error.got, headers=headers
    )


async def _on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return make_problem(400, "invalid-json", "body: expected JSON; got something else; correct the body")
    first = faults[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "body"
    expected = _expected(first)
    got = _shorten(first["loc"][-1] if first["type"] == "extra_forbidden" else first.get("input"))
    detail = f"{field}: expected {expected}; got {got}; correct the request"
    return make_problem(422, "invalid-request", detail, expected=expected, got=got)


def _expected(fault: Mapping[str, Any]) -> str:
    """What would have been right, with the list of what exists where a field or value is unknown."""
    if fault["type"] == "extra_forbidden":
        return "one of the fields " + ", ".join(_fields_at(fault["loc"][1:-1]))
    if fault["type"] == "missing":
        return "a value"
    context = fault.get("ctx") or {}
    return str(context.get("expected") or fault["msg"])


def _fields_at(path: Sequence[str | int]) -> list[str]:
    """The fields that exist where an unknown one was sent."""
    if "filters" in path:
        return sorted(schemas.FiltersIn.model_fields)
    if "history" in path:
        return sorted(schemas.TurnIn.model_fields)
    return sorted({field for body in _BODIES for field in body.model_fields})


async def _on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    slugs = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}
    slug = slugs.get(error.status_code, "http-error")
    return make_problem(error.status_code, slug, str(error.detail), headers=error.headers)


async def _on_unexpected(_request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected error", exc_info=error)
    return make_problem(500, "internal", "an unexpected error occurred; the service's log says more")


def _shorten(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:80]}… ({len(text):,} characters)"
