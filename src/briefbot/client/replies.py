"""What the service's responses are read as: results, events of a stream, and the errors that problems stand for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import NoReturn, TypeAlias, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from briefbot import errors
from briefbot.api.schemas import AnswerOut, DeltaOut, Problem, SourcesOut
from briefbot.errors import (
    AccessError,
    BriefbotError,
    BusyError,
    NotFoundError,
    RateLimitError,
    ScopeError,
    UnreachableError,
    UsageError,
)

_PROBLEM = "urn:briefbot:problem:"
_SLUGS: Mapping[str, type[BriefbotError]] = {
    found.slug: found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, BriefbotError)
}
_STATUSES: Mapping[int, type[BriefbotError]] = {
    401: AccessError,
    403: ScopeError,
    404: NotFoundError,
    429: RateLimitError,
    503: BusyError,
}

R = TypeVar("R", bound=BaseModel)

StreamEvent: TypeAlias = SourcesOut | DeltaOut | AnswerOut
"""What a stream gives: the sources, pieces of the text, and last the whole answer."""

_EVENTS: Mapping[str, type[StreamEvent]] = {"sources": SourcesOut, "delta": DeltaOut, "answer": AnswerOut}


def read_retry_after(value: str | None) -> int | None:
    """The seconds that a `Retry-After` asks for, whether it is a number or a date; None where it is neither."""
    if value is None:
        return None
    with suppress(ValueError):
        return max(0, int(value))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0, round(moment.timestamp() - time.time()))


def make_error(problem: Problem, retry_seconds: int | None = None) -> BriefbotError:
    """The error that a problem stands for: by its type, or else by its status."""
    fallback = UsageError if 400 <= problem.status < 500 else BriefbotError
    found = _SLUGS.get(problem.type.removeprefix(_PROBLEM)) or _STATUSES.get(problem.status, fallback)
    return found(problem.detail, expected=problem.expected, got=problem.got, retry_seconds=retry_seconds)


def read_error(response: httpx2.Response) -> BriefbotError:
    """The error of a response that is no success; it need not come from a briefbot."""
    retry_seconds = read_retry_after(response.headers.get("retry-after"))
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        detail = f"expected an answer of a briefbot service; got HTTP {response.status_code}; check the base_url"
        problem = Problem(type="about:blank", title="", status=response.status_code, detail=detail)
    return make_error(problem, retry_seconds if response.status_code in {429, 503} else None)


def read_result(result: type[R], content: str | bytes) -> R:
    """A body as a model; raises `BriefbotError` where it is something else."""
    try:
        return result.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(map(str, fault["loc"])) or "body"
        raise BriefbotError(
            f"expected {result.__name__} from the service; got something else at {field}: {fault['msg']}; "
            "check the base_url, and that client and service are of the same release"
        ) from error


def read_nothing(_content: bytes) -> None:
    """What a response without a body is read as."""


def read_event(event: httpx2.ServerSentEvent) -> StreamEvent | None:
    """An event of a stream, None for one that this release does not know; raises what a problem stands for."""
    if event.event == "error":
        raise make_error(read_result(Problem, event.data))
    known = _EVENTS.get(event.event)
    return None if known is None else read_result(known, event.data)


def tell_cut_off() -> NoReturn:
    """Raise what a stream that ends without an answer comes to."""
    raise UnreachableError("expected an answer at the end of the stream; got its end before; ask again")
