"""Turns: how many questions are worked on at once, how many may wait, and for how long."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import TypeVar

import anyio
import anyio.to_thread

from briefbot.errors import QueueFullError, StoppedError

T = TypeVar("T")


def nobody_waits() -> StoppedError:
    """The error of work that is ended because whoever asked has gone."""
    return StoppedError("expected somebody to wait for the answer; got nobody; ask again")


class Leaving:
    """Whether whoever asked has gone: told to threads that work for them, and to what waits for them in the loop."""

    def __init__(self) -> None:
        self._gone = threading.Event()
        self._waits: set[anyio.CancelScope] = set()

    def is_set(self) -> bool:
        """Whether they have gone."""
        return self._gone.is_set()

    def set(self) -> None:
        """They have gone; to be called in the loop."""
        self._gone.set()
        for scope in self._waits:
            scope.cancel()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for something in the block for as long as they are there; raises `StoppedError` where they leave, or have left."""
        with anyio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                if self.is_set():
                    raise nobody_waits()
                yield
            finally:
                self._waits.discard(scope)
        if scope.cancelled_caught:
            raise nobody_waits()


class Place:
    """A place among the questions that are worked on."""

    def __init__(self, limiter: anyio.CapacityLimiter) -> None:
        self._limiter = limiter
        self._is_held = False

    async def begin(self) -> None:
        """Wait for the place."""
        await self._limiter.acquire_on_behalf_of(self)
        self._is_held = True

    def end(self) -> None:
        """Give it back, if it has not been."""
        if self._is_held:
            self._is_held = False
            self._limiter.release_on_behalf_of(self)


class Admission:
    """Lets so many `questions`, or what else there is to do, be worked on at once, and so many wait; belongs to one event loop."""

    def __init__(
        self, at_once: int, most_waiting: int, longest_wait_seconds: float = math.inf, *, called: str = "questions"
    ) -> None:
        self._limiter = anyio.CapacityLimiter(at_once)
        self._threads = anyio.CapacityLimiter(at_once)
        self._most_waiting = most_waiting
        self._longest_wait_seconds = longest_wait_seconds
        self._called = called

    @property
    def running(self) -> int:
        """Questions that are worked on."""
        return self._limiter.borrowed_tokens

    @property
    def waiting(self) -> int:
        """Questions that wait for their turn."""
        return self._limiter.statistics().tasks_waiting

    @asynccontextmanager
    async def turn(self, stopped: Leaving | None = None) -> AsyncIterator[Place]:
        """Wait for a turn and hold it until it is ended or the block is left.

        Raises `QueueFullError` where too many wait already or the wait is too long, `StoppedError` where who asked leaves before.
        """
        if self._limiter.available_tokens <= 0 and self.waiting >= self._most_waiting:
            raise QueueFullError(
                f"expected at most {self._most_waiting} {self._called} to wait for their turn; got as many already; try again "
                "in a few seconds",
                retry_seconds=self._seconds_to_wait(),
            )
        place = Place(self._limiter)
        started = time.monotonic()
        try:
            with stopped.waiting() if stopped else nullcontext():
                with anyio.move_on_after(self._longest_wait_seconds) as scope:
                    await place.begin()
                if scope.cancelled_caught:
                    raise QueueFullError(
                        f"expected a turn within {self._longest_wait_seconds:g} seconds; got none in "
                        f"{time.monotonic() - started:.0f}; try again in a few seconds",
                        retry_seconds=self._seconds_to_wait(),
                    )
            yield place
        finally:
            place.end()

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work in a thread; the caller holds a turn. It ends before a cancellation of a scope goes on; a task that a
        stopping server cancels leaves it behind."""
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    def _seconds_to_wait(self) -> int:
        return round(max(1.0, min(30.0, self._longest_wait_seconds / 2)))
