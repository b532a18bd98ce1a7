"""A time by which a transfer must have ended, kept at the socket: no server can draw it out byte by byte."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2
import httpx2


class Deadline:
    """Seconds that a transfer has left by a clock; pauses of our own are given back to it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._end = float("inf")

    def start(self, seconds: float) -> None:
        """Count from now."""
        self._end = self._clock() + seconds

    def extend(self, seconds: float) -> None:
        """Give back the time of a pause."""
        self._end += seconds

    @property
    def left_seconds(self) -> float:
        """What is left; none or less once it is over."""
        return self._end - self._clock()

    def cut(self, timeout: float | None) -> float:
        """The time one step may take; raises httpcore's `ReadTimeout` where none is left."""
        left = self.left_seconds
        if left <= 0:
            raise httpcore2.ReadTimeout("the deadline is over")
        return left if timeout is None else min(timeout, left)


class TimedTransport(httpx2.HTTPTransport):
    """Plain HTTP/1.1 without proxies and without connections kept, every step of which ends by a deadline."""

    def __init__(self, deadline: Deadline) -> None:
        context = httpx2.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context, max_keepalive_connections=0, network_backend=_TimedBackend(deadline)
        )


class _TimedBackend(httpcore2.NetworkBackend):
    """Opens connections whose every step is held to the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._plain = httpcore2.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        stream = self._plain.connect_tcp(host, port, self._deadline.cut(timeout), local_address, socket_options)
        return _TimedStream(stream, self._deadline)


class _TimedStream(httpcore2.NetworkStream):
    """A connection whose every read and write is held to the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.cut(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.cut(timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.cut(timeout))
        return _TimedStream(stream, self._deadline)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
