"""What both clients know: where the service is, how to ask it, how long to wait, and when to ask again."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx2
from tenacity import RetryCallState, retry_if_exception, stop_after_attempt

from briefbot.client.calls import Call
from briefbot.errors import BriefbotError, DeadlineError, UnreachableError, UsageError

DEFAULT_URL = "http://127.0.0.1:8000"

DEFAULT_TIMEOUT_SECONDS = 90.0
"""Longer than the 60 seconds that a service gives an answer, so that it is the service that says what took too long."""

LONGEST_WAIT_SECONDS = 30
"""Who is told to come back later than that gets the error at once, and decides for themselves."""

LARGEST_EVENT_BYTES = 16_000_000
"""An answer comes with its history, of which a request may carry a megabyte, and with its quotes."""

_REFUSED_SECONDS = 1
"""A service that is being restarted listens again within a few seconds."""

_NOT_IN_KEYS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of surrogate pairs, and separators of lines and paragraphs."""


class Connection:
    """Where the service is, with or without the /v1 that OpenAI's clients want, and how often and how long it is asked."""

    def __init__(self, base_url: str, key: str | None, timeout_seconds: float, retries: int) -> None:
        _check_url(base_url)
        self.base_url = base_url.rstrip("/").removesuffix("/v1")
        self._timeout_seconds = timeout_seconds
        self._settings: dict[str, Any] = {
            "headers": {} if key is None else {"authorization": b"Bearer " + _encode_key(key)},
            "timeout": timeout_seconds,
            "trust_env": False,
        }
        self._retrying: dict[str, Any] = {
            "stop": stop_after_attempt(max(0, retries) + 1),
            "retry": retry_if_exception(_may_try_again),
            "wait": _seconds_to_wait,
            "reraise": True,
        }

    def _seconds_for(self, call: Call[Any]) -> float:
        return self._timeout_seconds * max(1, call.steps)

    def _request(self, http: httpx2.Client | httpx2.AsyncClient, call: Call[Any]) -> httpx2.Request:
        return http.build_request(
            call.method,
            self.base_url + call.path,
            json=call.body,
            params=call.query,
            files=call.files or None,
            timeout=self._seconds_for(call),
        )

    @contextmanager
    def _explained(self, call: Call[Any]) -> Iterator[None]:
        """Turn the transport's errors into our own."""
        try:
            yield
        except httpx2.ConnectError as error:
            raise UnreachableError(
                f"expected a briefbot service at {self.base_url}; got {error}; start it, or check the base_url",
                retry_seconds=_REFUSED_SECONDS,
            ) from error
        except httpx2.TimeoutException as error:
            raise DeadlineError(
                f"expected a response of {self.base_url} within {self._seconds_for(call):g} seconds; got none; "
                "try again, or raise timeout_seconds"
            ) from error
        except httpx2.HTTPError as error:
            raise UnreachableError(
                f"expected a whole response of {self.base_url}; got {type(error).__name__}: {error}; try again"
            ) from error


def _check_url(base_url: str) -> None:
    with suppress(ValueError):
        parts = urlsplit(base_url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return
    raise UsageError(f"base_url: expected http://HOST:PORT; got {base_url[:80]}; correct it")


def _encode_key(key: str) -> bytes:
    if not key.strip() or any(unicodedata.category(character) in _NOT_IN_KEYS for character in key):
        raise UsageError("key: expected one line of text; got none, or a control character; copy the key again")
    return key.strip().encode()


def _may_try_again(error: BaseException) -> bool:
    """Whether an error says when to come back: then the service did nothing, and nothing is done twice."""
    seconds = error.retry_seconds if isinstance(error, BriefbotError) else None
    return seconds is not None and seconds <= LONGEST_WAIT_SECONDS


def _seconds_to_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return float(error.retry_seconds or 0) if isinstance(error, BriefbotError) else 0.0
