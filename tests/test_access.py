"""The gate in front of the service: keys, scopes, limits, foreign names and foreign pages."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from clients import TestClient
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, Response, StreamingResponse
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.middleware.cors import CORSMiddleware
from starlette.testclient import WebSocketDenialResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from briefbot.answering import Briefbot
from briefbot.api import access
from briefbot.api.access import OPEN_PATHS, AccessGate, check_access, needed_scope
from briefbot.api.app import create_app
from briefbot.api.problems import add_problem_handlers
from briefbot.errors import ConfigurationError
from briefbot.keys import KeyRing
from briefbot.settings import Settings

CONFIGURED = "a-configured-key-é"
NEEDS_NO_KEY = {"/healthz", "/readyz"}
Build = Callable[..., TestClient]


def make_settings(home: Path, **changes: Any) -> Settings:
    """Settings whatever the environment says: by default on loopback, and only for key holders."""
    plain: dict[str, Any] = {
        "home": home,
        "host": "127.0.0.1",
        "access": "keys",
        "api_key": None,
        "rate_limit": "1000/minute",
        "allowed_hosts": None,
        "cors_origins": None,
    }
    return Settings(**plain | changes)


def make_app(settings: Settings, keyring: KeyRing) -> FastAPI:
    """A small app behind the gate that says who it was asked by."""
    app = FastAPI(docs_url=None, redoc_url=None)
    add_problem_handlers(app)
    app.add_middleware(AccessGate, settings, keyring)

    async def who(request: Request) -> dict[str, Any]:
        caller = request.state.caller
        return {"key_id": caller.key_id, "scopes": sorted(caller.scopes)}

    for path in ("/", "/docs", "/healthz", "/readyz", "/metrics", "/mcp", "/v1/answer", "/v1/documents", "/v1x"):
        app.add_api_route(path, who, methods=["GET", "POST"])

    @app.post("/v1/answers")
    async def post_answers(request: Request, count: int) -> dict[str, int]:
        request.state.limiter.charge(request.state.caller, count, "questions")
        return {"answered": count}

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json({"key_id": socket.state.caller.key_id})
        await socket.close()

    return app


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys.sqlite3")


@pytest.fixture
def build(tmp_path: Path, ring: KeyRing) -> Build:
    return lambda **changes: TestClient(make_app(make_settings(tmp_path, **changes), ring))


def in_utf8(headers: dict[str, str]) -> dict[bytes, bytes]:
    """Headers as a client that speaks UTF-8 sends them."""
    return {name.encode(): value.encode() for name, value in headers.items()}


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def basic(secret: str, user: str = "anybody") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


def assert_refused(response: Any, status: int, slug: str, *words: str) -> None:
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, problem["status"]) == (status, status)
    assert problem["type"] == f"urn:briefbot:problem:{slug}"
    for word in words:
        assert word in problem["detail"]


async def run_app(
    app: ASGIApp,
    *,
    method: str = "GET",
    path: str = "/",
    headers: Iterable[tuple[bytes, bytes]] = ((b"host", b"localhost"),),
    receive: Receive | None = None,
    **more: Any,
) -> list[Message]:
    """Send one request as a server would, headers in whatever bytes; returns what the app sent."""
    sent: list[Message] = []

    async def receive_nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "server": ("localhost", 8000),
        "client": ("127.0.0.1", 5000),
        **more,
    }
    await app(scope, receive or receive_nothing, send)
    return sent


# ------------------------------------------------------------------ who is let in


def test_where_keys_are_needed_only_the_health_checks_answer_without_one(build: Build) -> None:
    client = build()
    assert OPEN_PATHS == NEEDS_NO_KEY
    for path in (
        "/",
        "/docs",
        "/metrics",
        "/mcp",
        "/v1/answer",
        "/v1/documents",
        "/nowhere",
        "/healthz/x",
        "/openapi.json",
    ):
        response = client.get(path)
        assert_refused(response, 401, "unauthorized", "expected a key")
        assert response.headers["www-authenticate"].startswith("Bearer, Basic realm=")
    for path in NEEDS_NO_KEY:
        assert client.get(path).json() == {"key_id": None, "scopes": ["ask"]}


@pytest.mark.parametrize("send_key", [bearer, basic, lambda secret: {"authorization": f"bearer   {secret} "}])
def test_a_key_opens_what_its_scopes_name(
    build: Build, ring: KeyRing, send_key: Callable[[str], dict[str, str]]
) -> None:
    client = build()
    reader, reader_secret = ring.create("Reader", ["ask"])
    loader, loader_secret = ring.create("Loader", ["ingest"])
    office, office_secret = ring.create("Office", ["admin"])
    opened = {
        name: [client.request(method, path, headers=send_key(secret)).status_code for method, path in asked]
        for asked in [[("GET", "/"), ("POST", "/v1/answer"), ("POST", "/v1/documents"), ("GET", "/metrics")]]
        for name, secret in {"reader": reader_secret, "loader": loader_secret, "office": office_secret}.items()
    }
    assert opened == {"reader": [200, 200, 403, 403], "loader": [403, 403, 200, 403], "office": [200, 200, 200, 200]}
    assert client.get("/", headers=send_key(reader_secret)).json() == {"key_id": reader.id, "scopes": ["ask"]}
    assert client.get("/", headers=send_key(office_secret)).json()["scopes"] == ["admin", "ask", "ingest"]
    assert_refused(client.get("/", headers=send_key(loader_secret)), 403, "forbidden", "scope ask", "--scope ask")
    assert loader.id != office.id


@pytest.mark.parametrize("send_key", [bearer, basic])
def test_the_key_in_the_settings_may_do_everything(build: Build, send_key: Callable[[str], dict[str, str]]) -> None:
    client = build(api_key=SecretStr(CONFIGURED))
    headers = in_utf8(send_key(CONFIGURED))
    for path in ("/", "/metrics", "/v1/documents"):
        assert client.post(path, headers=headers).json() == {
            "key_id": "configured",
            "scopes": ["admin", "ask", "ingest"],
        }
    assert client.get("/", headers=bearer("a-configured-key-e")).status_code == 401


def test_a_revoked_key_is_refused_from_the_next_request_on(build: Build, ring: KeyRing) -> None:
    client = build(access="open")
    key, secret = ring.create("Desk", ["ask"])
    assert client.get("/v1/answer", headers=bearer(secret)).status_code == 200
    KeyRing(ring.path).revoke(key.id)
    assert_refused(client.get("/v1/answer", headers=bearer(secret)), 401, "unauthorized", "revoked")
    assert client.get("/v1/answer").status_code == 200


PLACEHOLDERS = ("Bearer schlüssel", "Bearer \xff\xfe", "Basic " + base64.b64encode(b"\xff:\xff").decode())


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer bb_wrong",
        "Basic",
        "Basic !!!",
        "Basic bm9jb2xvbg==",
        "Basic dXNlcjo=",
        "Digest username=x",
        "bb_wrong",
        "Bearer schlüssel",
        "Bearer \xff\xfe",
        "Basic \xe9",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    ],
)
@pytest.mark.parametrize("mode", ["open", "keys"])
def test_a_wrong_credential_is_refused_even_where_none_is_needed(
    build: Build, ring: KeyRing, mode: str, authorization: str
) -> None:
    ring.create("Desk", ["ask"])
    headers = {b"authorization": authorization.encode("latin-1")}
    assert_refused(build(access=mode).post("/v1/documents", headers=headers), 401, "unauthorized")
    if mode == "keys" or authorization not in PLACEHOLDERS:
        assert_refused(build(access=mode).get("/v1/answer", headers=headers), 401, "unauthorized")


@pytest.mark.parametrize("authorization", ["Bearer none", "Bearer sk-not-needed", *PLACEHOLDERS])
def test_a_word_that_a_client_must_send_is_let_pass_where_no_key_is_needed(build: Build, authorization: str) -> None:
    headers = {b"authorization": authorization.encode("latin-1")}
    assert build(access="open").get("/v1/answer", headers=headers).status_code == 200
    assert_refused(build(access="keys").get("/v1/answer", headers=headers), 401, "unauthorized")


def test_two_credentials_at_once_are_refused(build: Build, ring: KeyRing) -> None:
    _, secret = ring.create("Desk", ["ask"])
    headers = [("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {secret}")]
    assert build().get("/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("mode", "host", "allowed"),
    [
        ("auto", "127.0.0.1", True),
        ("auto", "127.8.8.8", True),
        ("auto", "localhost", True),
        ("auto", "::1", True),
        ("auto", "0.0.0.0", False),  # noqa: S104
        ("auto", "::", False),
        ("auto", "10.0.0.5", False),
        ("auto", "localhost.example.org", False),
        ("open", "0.0.0.0", True),  # noqa: S104
        ("keys", "127.0.0.1", False),
    ],
)
def test_without_a_key_anybody_may_ask_only_where_access_is_open(
    build: Build, ring: KeyRing, mode: str, host: str, *, allowed: bool
) -> None:
    ring.create("Desk", ["ask"])
    client = build(access=mode, host=host)
    for path in ("/", "/v1/answer", "/mcp", "/metrics"):
        assert client.get(path).status_code == (200 if allowed else 401)
    assert client.post("/v1/documents").status_code == 401


def test_documents_always_need_a_key_and_a_service_without_one_says_how_to_make_it(build: Build, ring: KeyRing) -> None:
    client = build(access="open")
    for _ in range(2):
        assert_refused(client.post("/v1/documents"), 401, "unauthorized", "briefbot key create NAME --scope ingest")
    ring.create("Desk", ["ask"])
    response = client.post("/v1/documents")
    assert_refused(response, 401, "unauthorized", "Bearer KEY")
    assert "key create" not in response.text


def test_metrics_are_free_to_anybody_only_where_nobody_needs_a_key(build: Build, ring: KeyRing) -> None:
    _, secret = ring.create("Desk", ["ask"])
    assert build(access="auto").get("/metrics").status_code == 200
    assert build(access="auto").get("/metrics", headers=bearer(secret)).status_code == 200
    assert build().get("/metrics").status_code == 401
    assert build().get("/metrics", headers=bearer(secret)).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/documents", "ingest"),
        ("POST", "/v1/documents/", "ingest"),
        ("GET", "/v1/documents", "ask"),
        ("POST", "/v1/feedback", "ask"),
        ("DELETE", "/v1/conversations/x", "ask"),
        ("GET", "/metrics", "admin"),
        ("GET", "/metrics/", "admin"),
        ("GET", "/", "ask"),
        ("POST", "/gradio_api/queue/join", "ask"),
        ("POST", "/mcp", "ask"),
        ("GET", "/healthz", None),
        ("GET", "/healthz/", "ask"),
    ],
)
def test_every_request_needs_one_scope(method: str, path: str, scope: str | None) -> None:
    assert needed_scope(method, path) == scope


def test_behind_a_proxy_with_a_prefix_the_scopes_are_the_same(tmp_path: Path, ring: KeyRing) -> None:
    _, secret = ring.create("Desk", ["ask"])
    app = make_app(make_settings(tmp_path), ring)
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + secret.encode())]

    def status_of(path: str, root_path: str) -> int:
        sent = anyio.run(lambda: run_app(app, method="POST", path=path, root_path=root_path, headers=headers))
        return int(sent[0]["status"])

    assert status_of("/brief/v1/documents", "/brief") == 403
    assert status_of("/brief/v1/answer", "/brief") == 200
    assert status_of("/v1/documents", "/brief") == 403


def test_keys_that_cannot_be_read_are_a_fault_of_the_service_without_a_word_on_where_they_are(
    build: Build, ring: KeyRing, tmp_path: Path
) -> None:
    ring.path.write_bytes(b"no database " * 100)
    client = build()
    for headers in (bearer("bb_x"), {}):
        response = client.get("/v1/answer", headers=headers)
        assert_refused(response, 503, "storage")
        assert str(tmp_path) not in response.text
    assert client.get("/healthz").status_code == 200


# ------------------------------------------------------------------ how often


def test_a_key_that_asked_too_often_waits_and_others_do_not(build: Build, ring: KeyRing) -> None:
    client = build(rate_limit="3/hour")
    _, plain = ring.create("Plain", ["ask"])
    _, slow = ring.create("Slow", ["ask"], "2/hour")
    answers = [client.get("/v1/answer", headers=bearer(slow)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers[:2]] == ["1", "0"]
    assert answers[0].headers["ratelimit-limit"] == "2"
    assert_refused(answers[2], 429, "rate-limited", "2 per 1 hour")
    assert 3500 < int(answers[2].headers["retry-after"]) <= 3600
    assert (answers[2].headers["ratelimit-limit"], answers[2].headers["ratelimit-remaining"]) == ("2", "0")
    assert [client.get("/mcp", headers=bearer(plain)).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_only_the_api_and_mcp_count_against_the_limit(build: Build, ring: KeyRing) -> None:
    client = build(rate_limit="1/hour")
    _, secret = ring.create("Desk", ["ask"])
    for path in ("/", "/docs", "/v1x", "/", "/v1/answer"):
        assert client.get(path, headers=bearer(secret)).status_code == 200
    assert client.get("/v1/nowhere", headers=bearer(secret)).status_code == 429
    assert client.get("/", headers=bearer(secret)).status_code == 200


def test_who_asks_without_a_key_is_not_limited_and_the_configured_key_is(build: Build) -> None:
    client = build(rate_limit="1/hour", access="open", api_key=SecretStr("a-configured-key"))
    assert {client.get("/v1/answer").status_code for _ in range(5)} == {200}
    assert "ratelimit-limit" not in client.get("/v1/answer").headers
    asked = [client.get("/v1/answer", headers=bearer("a-configured-key")).status_code for _ in range(2)]
    assert asked == [200, 429]


def test_a_batch_counts_each_of_its_questions_once(build: Build, ring: KeyRing) -> None:
    client = build()
    _, secret = ring.create("Desk", ["ask"], "6/hour")

    def ask(count: int) -> Any:
        return client.post("/v1/answers", params={"count": count}, headers=bearer(secret))

    first = ask(4)
    assert (first.status_code, first.headers["ratelimit-remaining"]) == (200, "2")
    refused = ask(3)
    assert_refused(refused, 429, "rate-limited")
    assert refused.headers["retry-after"] == "3600"
    assert ask(1).status_code == 200
    assert ask(1).status_code == 429


def test_a_batch_that_no_wait_makes_possible_is_refused_as_wrong(build: Build, ring: KeyRing) -> None:
    _, secret = ring.create("Desk", ["ask"], "6/hour")
    response = build().post("/v1/answers", params={"count": 7}, headers=bearer(secret))
    assert_refused(response, 422, "invalid-request", "6 per 1 hour", "got 7")
    assert "retry-after" not in response.headers


def test_a_batch_without_a_key_is_not_limited(build: Build) -> None:
    client = build(access="open", rate_limit="1/hour")
    assert client.post("/v1/answers", params={"count": 50}).json() == {"answered": 50}


# ------------------------------------------------------------------ other pages, other names

EVIL = {"origin": "https://evil.example"}


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:3000"}, False),
        ({"sec-fetch-site": "same-site", "origin": "https://partner.example"}, True),
        ({"sec-fetch-site": "something-new"}, False),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", **EVIL}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://partner.example"}, True),
        ({"origin": "http://127.0.0.1"}, True),
        ({"origin": "https://partner.example"}, True),
        ({"origin": "null"}, False),
        ({"origin": "http://["}, False),
        (EVIL, False),
    ],
)
def test_a_page_elsewhere_cannot_make_a_browser_change_anything(
    build: Build, ring: KeyRing, headers: dict[str, str], *, allowed: bool
) -> None:
    _, secret = ring.create("Desk", ["ask"])
    origins = "https://other.example, https://Partner.example/"
    for client, key in ((build(access="open", cors_origins=origins), {}), (build(cors_origins=origins), basic(secret))):
        response = client.post("/v1/answer", headers={**headers, **key})
        assert response.status_code == (200 if allowed else 403)
        if not allowed:
            assert_refused(response, 403, "cross-site", "BRIEFBOT_CORS_ORIGINS")
        assert client.get("/v1/answer", headers={**headers, **key}).status_code == 200


def test_without_a_setting_no_other_page_is_let_in(build: Build) -> None:
    headers = {"sec-fetch-site": "cross-site", "origin": "https://partner.example"}
    assert build(access="open").post("/v1/answer", headers=headers).status_code == 403


def test_a_page_elsewhere_cannot_open_a_websocket(build: Build) -> None:
    client = build(access="open")
    with client.websocket_connect("/ws") as socket:
        assert socket.receive_json() == {"key_id": None}
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/ws", headers=EVIL):
        pass
    assert refused.value.status_code == 403


def test_a_websocket_needs_a_key_like_everything_else(build: Build, ring: KeyRing, tmp_path: Path) -> None:
    key, secret = ring.create("Desk", ["ask"])
    client = build()
    with client.websocket_connect("/ws", headers=bearer(secret)) as socket:
        assert socket.receive_json() == {"key_id": key.id}
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/ws"):
        pass
    assert_refused(refused.value, 401, "unauthorized")
    app = make_app(make_settings(tmp_path), ring)
    sent = anyio.run(lambda: run_app(app, path="/ws", type="websocket", subprotocols=[]))
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_a_preflight_of_an_allowed_origin_passes_and_refusals_can_be_read_there(tmp_path: Path, ring: KeyRing) -> None:
    origin = "https://partner.example"
    app = make_app(make_settings(tmp_path, cors_origins=origin), ring)
    app.add_middleware(CORSMiddleware, allow_origins=[origin], allow_methods=["POST"], allow_headers=["authorization"])
    client = TestClient(app)
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    assert client.options("/v1/answer", headers=asked).status_code == 200
    refused = client.post("/v1/answer", headers={"origin": origin, "sec-fetch-site": "cross-site"})
    assert_refused(refused, 401, "unauthorized")
    assert refused.headers["access-control-allow-origin"] == origin


def test_sites_are_written_as_people_write_them_and_their_scripts_read_the_headers(
    bot: Briefbot, tmp_path: Path
) -> None:
    app = create_app(
        make_settings(tmp_path, access="open", cors_origins="https://Partner.example/ , http://x:3000"), bot
    )
    asked = {"origin": "https://partner.example", "access-control-request-method": "POST"}
    client = TestClient(app)
    preflight = client.options("/v1/search", headers=asked)
    assert preflight.status_code == 200
    methods = preflight.headers["access-control-allow-methods"].replace(" ", "").split(",")
    assert set(methods) == {"GET", "HEAD", "POST", "DELETE"}
    response = client.post("/v1/search", json={"query": "Didi"}, headers={"origin": "https://partner.example"})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "https://partner.example"
    exposed = response.headers["access-control-expose-headers"].replace(" ", "").split(",")
    assert {"retry-after", "x-request-id", "ratelimit-remaining"} <= set(exposed)
    other = client.post("/v1/search", json={"query": "Didi"}, headers={"origin": "https://other.example"})
    assert other.status_code == 403


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://*.example",
        "partner.example",
        "https://x/y",
        "null",
        "https://",
        "http://[",
        "http://x:80",
        "http://user@x",
        "https://münchen.example",
    ],
)
def test_a_service_does_not_start_with_sites_that_are_none(tmp_path: Path, ring: KeyRing, origins: str) -> None:
    with pytest.raises(ConfigurationError, match="BRIEFBOT_CORS_ORIGINS: expected sites like"):
        check_access(make_settings(tmp_path, cors_origins=origins), ring)


@pytest.mark.parametrize(
    ("host", "bound", "names", "status"),
    [
        ("localhost:8000", "127.0.0.1", None, 200),
        ("LOCALHOST.:8000", "127.0.0.1", None, 200),
        ("127.0.0.1", "127.0.0.1", None, 200),
        ("[::1]:8000", "localhost", None, 200),
        ("rebound.example:8000", "127.0.0.1", None, 421),
        ("127.0.0.1.rebound.example", "127.0.0.1", None, 421),
        ("localhost.rebound.example", "127.0.0.1", None, 421),
        ("0.0.0.0:8000", "127.0.0.1", None, 421),
        ("", "127.0.0.1", None, 421),
        ("brief.example:8000", "127.0.0.1", "other.example, Brief.example:443", 200),
        ("rebound.example", "127.0.0.1", "brief.example", 421),
        ("anything.example", "10.0.0.5", None, 200),
        ("brief.example", "10.0.0.5", "brief.example", 200),
        ("10.0.0.5:8000", "10.0.0.5", "brief.example", 200),
        ("anything.example", "10.0.0.5", "brief.example", 421),
    ],
)
def test_a_name_that_is_not_the_services_own_is_refused(
    build: Build, host: str, bound: str, names: str | None, status: int
) -> None:
    client = build(access="open", host=bound, allowed_hosts=names)
    response = client.get("/v1/answer", headers={"host": host})
    assert response.status_code == status
    if status == 421:
        assert_refused(response, 421, "misdirected-request", "BRIEFBOT_ALLOWED_HOSTS")
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_a_request_with_a_second_name_or_none_is_refused(tmp_path: Path, ring: KeyRing) -> None:
    app = make_app(make_settings(tmp_path, access="open"), ring)
    hosts: list[list[bytes]] = [[], [b"localhost", b"rebound.example"], [b"rebound.example", b"localhost"]]

    async def ask_all() -> list[int]:
        return [(await run_app(app, headers=[(b"host", name) for name in names]))[0]["status"] for names in hosts]

    assert anyio.run(ask_all) == [421, 421, 421]


# ------------------------------------------------------------------ bodies, streams and whatever bytes


def gate(app: ASGIApp, home: Path) -> AccessGate:
    return AccessGate(app, make_settings(home, access="open"), KeyRing(home / "keys.sqlite3"))


async def read_body(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await Response(body)(scope, receive, send)


def test_a_body_that_stops_coming_ends_in_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "BODY_SECONDS", 0.05)
    pieces = [b"one", b"two"]
    heard: list[str] = []

    async def receive() -> Message:
        if not pieces:
            await anyio.sleep_forever()
        return {"type": "http.request", "body": pieces.pop(), "more_body": True}

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        while not heard or heard[-1] == "http.request":
            heard.append((await receive())["type"])
        await JSONResponse({}, 400)(scope, receive, send)

    sent = anyio.run(lambda: run_app(gate(listen, tmp_path), method="POST", receive=receive))
    assert heard == ["http.request", "http.request", "http.disconnect"]
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b"urn:briefbot:problem:request-timeout" in sent[1]["body"]


def test_a_body_that_comes_a_byte_at_a_time_ends_in_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "BODY_SECONDS", 0.2)
    sent_bytes = 0

    async def receive() -> Message:
        nonlocal sent_bytes
        await anyio.sleep(0.03)
        sent_bytes += 1
        return {"type": "http.request", "body": b"x", "more_body": sent_bytes < 1_000}

    sent = anyio.run(lambda: run_app(gate(read_body, tmp_path), method="POST", receive=receive))
    assert sent[0]["status"] == 408
    assert 2 < sent_bytes < 20


def test_a_large_body_may_take_longer_than_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "BODY_SECONDS", 0.2)
    pieces = [b"x" * access.SLOWEST_BYTES_PER_SECOND] * 8

    async def receive() -> Message:
        await anyio.sleep(0.05)
        return {"type": "http.request", "body": pieces.pop(), "more_body": len(pieces) > 0}

    sent = anyio.run(lambda: run_app(gate(read_body, tmp_path), method="POST", receive=receive))
    assert sent[0]["status"] == 200
    assert len(sent[1]["body"]) == 8 * access.SLOWEST_BYTES_PER_SECOND


def test_a_client_that_takes_nothing_of_its_response_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "UNTAKEN_SECONDS", 0.05)
    taken: list[str] = []

    async def make() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"piece"
        finally:
            taken.append("ended")

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(make())(scope, receive, send)

    async def leave_unread() -> None:
        async def send(message: Message) -> None:
            taken.append(message["type"])
            if taken.count("http.response.body") == 2:
                await anyio.sleep_forever()

        async def receive() -> Message:
            await anyio.sleep_forever()
            raise AssertionError

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "method": "GET",
            "path": "/",
            "headers": [(b"host", b"localhost")],
        }
        with anyio.fail_after(5):
            await gate(answer, tmp_path)(scope, receive, send)

    anyio.run(leave_unread)
    assert taken[:3] == ["http.response.start", "http.response.body", "http.response.body"]


def test_a_route_that_was_waiting_for_the_body_ends_without_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "BODY_SECONDS", 0.05)

    async def wait() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    sent = anyio.run(lambda: run_app(gate(read_body, tmp_path), method="POST", receive=wait))
    assert sent[0]["status"] == 408

    assert anyio.run(lambda: run_app(gate(read_body, tmp_path), method="POST", receive=leave)) == []


def test_a_body_that_stops_coming_after_the_response_began_ends_that_response(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "BODY_SECONDS", 0.05)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def answer_early(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert (await receive())["type"] == (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"late"})

    sent = anyio.run(lambda: run_app(gate(answer_early, tmp_path), method="POST", receive=receive))
    assert [message["type"] for message in sent] == ["http.response.start"]


def test_a_whole_body_passes_and_the_answer_may_take_longer_than_a_body_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "BODY_SECONDS", 0.05)
    pieces = [b"a body ", b"in pieces"]
    over = False

    async def receive() -> Message:
        nonlocal over
        if not pieces:
            await anyio.sleep(0.2)
            over = True
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": len(pieces) > 0}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(scope, receive, send)
        assert (await receive())["type"] == "http.disconnect"

    sent = anyio.run(lambda: run_app(gate(answer, tmp_path), method="POST", receive=receive))
    assert over
    assert sent[0]["status"] == 200
    assert sent[1]["body"] == b"a body in pieces"


def test_a_stream_passes_piece_by_piece_and_stops_where_the_reader_leaves(tmp_path: Path) -> None:
    made: list[int] = []

    async def stream_until_left() -> list[Message]:
        first_arrived = anyio.Event()
        asked = False
        sent: list[Message] = []

        async def count() -> AsyncIterator[bytes]:
            for number in range(1000):
                made.append(number)
                yield f"{number}\n".encode()
                await first_arrived.wait()
                await anyio.sleep(0.001)

        async def receive() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await first_arrived.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if message.get("body"):
                first_arrived.set()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await StreamingResponse(count())(scope, receive, send)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")], "asgi": {}}
        with anyio.fail_after(20):
            await gate(app, tmp_path)(scope, receive, send)
        return sent

    sent = anyio.run(stream_until_left)
    assert sent[1]["body"] == b"0\n"
    assert len(made) < 1000


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ASGIApp]:
    home = tmp_path_factory.mktemp("home")
    ring = KeyRing(home / "keys.sqlite3")
    ring.create("Desk", ["ask"])
    more = {"cors_origins": "https://partner.example", "api_key": SecretStr(CONFIGURED)}
    return {mode: make_app(make_settings(home, access=mode, **more), ring) for mode in ("open", "keys")}


NAMES = st.sampled_from(
    [b"authorization", b"host", b"origin", b"sec-fetch-site", b"content-length", b"content-type", b"cookie", b"x-other"]
)
VALUES = st.one_of(
    st.binary(max_size=60),
    st.builds(bytes.__add__, st.sampled_from([b"Bearer ", b"Basic ", b"[", b"http://", b"localhost:"]), st.binary()),
    st.binary().map(lambda value: b"Basic " + base64.b64encode(value)),
    st.sampled_from([b"localhost", b"cross-site", b"https://partner.example"]),
)


@given(
    mode=st.sampled_from(["open", "keys"]),
    method=st.sampled_from(["GET", "POST", "OPTIONS", "HEAD"]),
    path=st.sampled_from(["/", "/v1/answer", "/v1/documents", "/metrics", "/mcp", "/nowhere"]),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=5),
)
@run_with(max_examples=200, deadline=None)
def test_no_header_whatever_its_bytes_opens_the_service_or_breaks_it(
    apps: dict[str, ASGIApp], mode: str, method: str, path: str, headers: Sequence[tuple[bytes, bytes]]
) -> None:
    sent = anyio.run(lambda: run_app(apps[mode], method=method, path=path, headers=headers))
    status = sent[0]["status"]
    assert status < 500
    if mode == "keys":
        assert status in {401, 403, 421}


# ------------------------------------------------------------------ the whole service


def walk(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path that the routes answer, those of included routers and mounted apps as well."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from walk(included.routes, prefix + route.include_context.prefix)
            continue
        path = prefix + re.sub(r"\{[^}]*\}", "x", route.path)
        if getattr(route, "routes", None) is not None:
            yield "GET", f"{path}/anything"
            yield from walk(route.routes, path)
        else:
            for method in getattr(route, "methods", None) or ("GET", "POST"):
                yield method, path


@pytest.fixture
def serve(bot: Briefbot, tmp_path: Path) -> Callable[..., Any]:
    """The real service, page included, with keys of the test's own."""
    from briefbot.api.app import create_app

    def create(**changes: Any) -> Any:
        changed = {"home": tmp_path, "access": "keys", "host": "127.0.0.1", "api_key": None, **changes}
        return create_app(bot.settings.model_copy(update=changed), bot, with_page=True)

    return create


def test_every_route_of_the_service_mounted_ones_too_is_closed_without_a_key(
    serve: Callable[..., Any], ring: KeyRing
) -> None:
    ring.create("Desk", ["ask"])
    app = serve()
    asked = set(walk(app.routes))
    assert {("POST", "/v1/answer"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/config")} <= asked
    assert any(path.startswith("/gradio_api/queue") for _, path in asked)
    assert len(asked) > 50
    client = TestClient(app)
    opened = {path for method, path in asked if client.request(method, path).status_code != 401}
    assert opened == NEEDS_NO_KEY


def test_every_route_of_the_service_is_closed_to_a_key_of_another_scope(
    serve: Callable[..., Any], ring: KeyRing
) -> None:
    _, loader = ring.create("Loader", ["ingest"])
    _, reader = ring.create("Reader", ["ask"], "100000/minute")
    app = serve(rate_limit="100000/minute")
    client = TestClient(app)
    closed = {
        (method, path)
        for method, path in set(walk(app.routes))
        if client.request(method, path, headers=bearer(loader)).status_code != 403
    }
    assert {path for _, path in closed} == NEEDS_NO_KEY | {"/v1/documents"}
    assert {method for method, path in closed if path == "/v1/documents"} == {"POST"}
    assert client.post("/v1/documents", headers=bearer(reader)).status_code == 403


def test_a_reader_opens_page_documentation_and_api_with_a_key(serve: Callable[..., Any], ring: KeyRing) -> None:
    _, secret = ring.create("Reader", ["ask"])
    with TestClient(serve()) as client:
        for path in ("/", "/docs", "/openapi.json", "/v1/documents"):
            assert client.get(path, headers=basic(secret)).status_code == 200
        assert client.post("/v1/search", json={"query": "data"}, headers=bearer(secret)).status_code == 200


def test_a_key_is_in_no_log_and_in_no_response(
    serve: Callable[..., Any], ring: KeyRing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key, good = ring.create("Reader", ["ask"], "8/hour")
    gone, revoked = ring.create("Gone", ["ask"])
    ring.revoke(gone.id)
    client = TestClient(serve(api_key=SecretStr(CONFIGURED)))
    secrets = (good, revoked, "bb_guessed-by-a-stranger", CONFIGURED)
    shown = []
    for secret in secrets:
        for headers in (
            bearer(secret),
            basic(secret),
            {"authorization": secret},
            {"authorization": f"Digest {secret}"},
        ):
            raw = in_utf8(headers)
            for method, path in (
                ("GET", "/v1/documents"),
                ("POST", "/v1/documents"),
                ("GET", "/metrics"),
                ("GET", "/"),
            ):
                response = client.request(method, path, headers=raw)
                shown.append(f"{response.status_code} {response.headers} {response.text}")
    assert {line[:3] for line in shown} >= {"200", "401", "403"}
    said = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    assert any("/v1/documents" in line for line in said)
    for text in (*said, *shown):
        for secret in secrets:
            assert secret not in text
            assert basic(secret)["authorization"].removeprefix("Basic ") not in text
    assert key.id not in "".join(shown)


# ------------------------------------------------------------------ starting


@pytest.mark.parametrize(
    ("host", "mode", "starts"),
    [
        ("127.0.0.1", "auto", True),
        ("::1", "keys", True),
        ("0.0.0.0", "open", True),  # noqa: S104
        ("0.0.0.0", "auto", False),  # noqa: S104
        ("10.0.0.5", "keys", False),
        ("", "auto", False),
    ],
)
def test_a_service_on_the_network_does_not_start_without_a_key(
    tmp_path: Path, ring: KeyRing, host: str, mode: str, *, starts: bool
) -> None:
    settings = make_settings(tmp_path, host=host, access=mode)
    if starts:
        check_access(settings, ring)
    else:
        with pytest.raises(ConfigurationError, match=r"briefbot key create NAME.*BRIEFBOT_ACCESS=open") as refused:
            check_access(settings, ring)
        assert refused.value.exit_code == 2
    check_access(settings.model_copy(update={"api_key": SecretStr(CONFIGURED)}), ring)
    key, _ = ring.create("Desk", ["ask"])
    check_access(settings, ring)
    ring.revoke(key.id)
    if not starts:
        with pytest.raises(ConfigurationError):
            check_access(settings, ring)


@pytest.mark.parametrize("limit", ["often", "0/minute", "1/second;60/hour"])
def test_a_service_does_not_start_with_a_limit_that_is_none(tmp_path: Path, ring: KeyRing, limit: str) -> None:
    with pytest.raises(ConfigurationError, match="BRIEFBOT_RATE_LIMIT"):
        check_access(make_settings(tmp_path, rate_limit=limit), ring)
