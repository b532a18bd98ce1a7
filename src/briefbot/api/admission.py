"""Turns: how many questions are worked on at once, how many may wait, and for how long."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
import anyio.to_thread

from briefbot.errors import QueueFullError
from briefbot.settings import Settings

T = TypeVar("T")


class Admission:
    """Lets `max_concurrent` questions be worked on at once and `max_queued` wait; belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = anyio.CapacityLimiter(settings.max_concurrent)
        self._threads = anyio.CapacityLimiter(settings.max_concurrent)
        self._most_waiting = settings.max_queued
        self._longest_wait_seconds = settings.queue_seconds

    @property
    def running(self) -> int:
        """Questions that are worked on."""
        return self._limiter.borrowed_tokens

    @property
    def waiting(self) -> int:
        """Questions that wait for their turn."""
        return self._limiter.statistics().tasks_waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it; raises `QueueFullError` where too many wait already or the wait is too long."""
        if self._limiter.available_tokens <= 0 and self.waiting >= self._most_waiting:
            raise QueueFullError(
                f"expected at most {self._most_waiting} questions to wait for their turn; got as many already; try again "
                "in a few seconds",
                retry_seconds=self._seconds_to_wait(),
            )
        holder = object()
        started = time.monotonic()
        with anyio.move_on_after(self._longest_wait_seconds) as scope:
            await self._limiter.acquire_on_behalf_of(holder)
        if scope.cancelled_caught:
            raise QueueFullError(
                f"expected a turn within {self._longest_wait_seconds:g} seconds; got none in "
                f"{time.monotonic() - started:.0f}; try again in a few seconds",
                retry_seconds=self._seconds_to_wait(),
            )
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(holder)

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work in a thread; the caller holds a turn. It ends before a cancellation goes on."""
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    def _seconds_to_wait(self) -> int:
        return max(1, min(30, round(self._longest_wait_seconds / 2)))
