"""Servers on this machine that the tests of fetching talk to: a site with scripted answers, and a canary that nothing may reach."""

from __future__ import annotations

import http.client
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Handler = http.server.BaseHTTPRequestHandler


@dataclass(frozen=True)
class Reply:
    """An answer of a site; the length is added unless a header says another."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, handler: Handler) -> None:
        """Write the answer."""
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.body)


Route = Reply | list[Reply] | Callable[[Handler], None]
"""One answer; answers in turn, of which the last stays; or what writes to the connection itself."""


@dataclass
class Request:
    """What a site was asked."""

    path: str
    headers: dict[str, str]


@dataclass
class Site:
    """A web site on loopback: what it answers by path (404 for all else), what it was asked, how often one connected to it."""

    port: int = 0
    routes: dict[str, Route] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """The address of the site, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path for request in self.requests]

    def answer(self, handler: Handler) -> None:
        """Note a request and answer it."""
        self.requests.append(Request(handler.path, {name.lower(): value for name, value in handler.headers.items()}))
        route = self.routes.get(handler.path, Reply(404))
        if isinstance(route, list):
            route = route.pop(0) if len(route) > 1 else route[0]
        if isinstance(route, Reply):
            route.send(handler)
        else:
            route(handler)


@dataclass
class Canary(Site):
    """A site that answers everything, and that nothing may reach."""

    hosts: tuple[str, ...] = ("127.0.0.1",)

    def answer(self, handler: Handler) -> None:
        """Give away the secret."""
        Reply(body=b"secret").send(handler)

    @property
    def visits(self) -> int:
        """How often one connected to it; asked over connections of its own, which queue up behind all earlier ones."""
        before = 0
        for host in self.hosts:
            client = http.client.HTTPConnection(host, self.port)
            client.request("GET", "/", headers={"Connection": "close"})
            assert client.getresponse().read() == b"secret"
            client.close()
            before += 1
        self.connections -= before
        return self.connections


class _Server(http.server.ThreadingHTTPServer):
    def __init__(self, site: Site, family: socket.AddressFamily, host: str, port: int) -> None:
        class Answering(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                try:
                    site.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.do_GET()

            def do_DELETE(self) -> None:
                self.do_GET()

            def log_message(self, *_args: object) -> None:
                pass

        self.address_family = family
        self.site = site
        super().__init__((host, port), Answering)

    def get_request(self) -> tuple[Any, Any]:
        accepted = super().get_request()
        self.site.connections += 1
        return accepted


@contextmanager
def serve(site: Site, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A site while it runs, on 127.0.0.1."""
    server = _Server(site, socket.AF_INET, "127.0.0.1", site.port)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    site.port = server.server_address[1]
    with _running(server):
        yield site


@contextmanager
def set_out_canary() -> Iterator[Canary]:
    """A running canary, on 127.0.0.1 and, where there is IPv6, on ::1 at the same port."""
    bird = Canary()
    with serve(bird):
        try:
            other = _Server(bird, socket.AF_INET6, "::1", bird.port)
        except OSError:
            yield bird
            return
        bird.hosts = ("127.0.0.1", "::1")
        with _running(other):
            yield bird


@contextmanager
def _running(server: _Server) -> Iterator[None]:
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
