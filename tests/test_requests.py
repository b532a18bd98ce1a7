"""What is recorded of a request: its id, its log line, its count; and that no question gets into any of them."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import uvicorn
from captured_logs import Lines, captured_logs
from clients import TestClient
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from briefbot.answering import Briefbot
from briefbot.api.metrics import Metrics
from briefbot.api.requests import RequestRecorder
from briefbot.logs import LogFormat
from briefbot.settings import Settings

MARKER = "quagga"
KEY = "bb_0123456789abcdef0123"
_log = logging.getLogger("briefbot.test")


def make_app() -> FastAPI:
    """A service with one route of each kind."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.has_started = True
        yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/answer")
    def answer(body: dict[str, Any]) -> dict[str, Any]:
        _log.info("at work in a thread")
        return {"length": len(body["question"])}

    @app.get("/v1/documents/{document_id}")
    async def document(document_id: str, request: Request) -> dict[str, str]:
        return {"id": document_id, "request": request.state.request_id}

    @app.get("/v1/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one "
            yield b"two"
            _log.info("the last piece is out")

        return StreamingResponse(pieces())

    @app.get("/v1/endless")
    async def endless() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"piece "
                    await asyncio.sleep(0.01)
            finally:
                _log.info("the work has ended")

        return StreamingResponse(pieces())

    @app.get("/v1/torn")
    async def torn() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one "
            raise ValueError(MARKER)

        return StreamingResponse(pieces())

    @app.api_route("/v1/broken", methods=["GET", "POST"])
    async def broken(request: Request) -> None:
        raise ValueError((await request.body()).decode())

    @app.get("/v1/abandoned")
    async def abandoned(request: Request) -> None:
        _log.info("waiting")
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        raise RuntimeError

    @app.get("/v1/own-id")
    async def own_id() -> Response:
        return PlainTextResponse("", headers={"x-request-id": "of-the-route"})

    @app.post("/v1/upload")
    async def upload(request: Request) -> int:
        return len(await request.body())

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    @app.websocket("/v1/socket")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    app.mount("/mcp", Starlette(routes=[Route("/", lambda _: PlainTextResponse("tools"), methods=["POST"])]))
    app.mount("/static", PlainTextResponse("a file"))
    return app


async def explain(_request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected error", exc_info=error)
    return JSONResponse({"title": "Internal"}, status_code=500)


def record(app: FastAPI, metrics: Metrics | None = None) -> FastAPI:
    app.add_middleware(RequestRecorder, metrics=metrics or Metrics(), on_error=explain)
    return app


@contextmanager
def serving(app: Any) -> Iterator[tuple[str, int]]:
    """A server on loopback that logs through the handlers there are."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="debug", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        assert server.started
        yield listener.getsockname()
        server.should_exit = True
        thread.join(timeout=30)


def request_lines(lines: Lines) -> list[dict[str, Any]]:
    return [record for record in lines.records() if record["logger"] == "briefbot.requests"]


def value_of(metrics: Metrics, sample: str) -> float:
    """The value of one sample, 0 where it is not there."""
    for line in metrics.render()[0].decode().splitlines():
        if line.startswith(f"{sample} "):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


def test_a_request_is_logged_with_what_became_of_it() -> None:
    with captured_logs() as lines, TestClient(record(make_app())) as client:
        response = client.post("/v1/answer", json={"question": "Why?"})
    (line,) = request_lines(lines)
    assert (line["event"], line["level"], line["method"], line["path"]) == ("request", "info", "POST", "/v1/answer")
    assert (line["status"], line["ending"], line["request_id"]) == (200, "whole", response.headers["x-request-id"])
    assert line["milliseconds"] > 0
    assert line["request_id"].startswith("req_")


def test_lines_of_the_work_carry_the_requests_id_in_threads_too() -> None:
    with captured_logs() as lines, TestClient(record(make_app())) as client:
        ids = [client.post("/v1/answer", json={"question": "Why?"}).headers["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert [item["request_id"] for item in lines.records() if item["logger"] == "briefbot.test"] == ids


@pytest.mark.parametrize("given", ["a", "A-1._z", "0" * 64])
def test_a_clients_own_id_is_taken_where_it_is_plain(given: str) -> None:
    with captured_logs() as lines, TestClient(record(make_app())) as client:
        response = client.get("/v1/documents/d1", headers={"x-request-id": given})
    assert response.headers["x-request-id"] == given
    assert response.json()["request"] == given
    assert request_lines(lines)[0]["request_id"] == given


@pytest.mark.parametrize("given", ["", "0" * 65, "a b", "a\tb", "é", "a\u2028b", "{}", "a%0ab"])
def test_another_id_is_replaced(given: str) -> None:
    with captured_logs() as lines, TestClient(record(make_app())) as client:
        response = client.get("/v1/documents/d1", headers={b"x-request-id": given.encode()})
    assert response.headers["x-request-id"].startswith("req_")
    assert request_lines(lines)[0]["request_id"] == response.headers["x-request-id"]


def test_a_response_has_one_id_even_where_a_route_sets_another() -> None:
    with TestClient(record(make_app())) as client:
        response = client.get("/v1/own-id")
    assert [value for name, value in response.headers.multi_items() if name == "x-request-id"] != ["of-the-route"]
    assert len(response.headers.get_list("x-request-id")) == 1


def test_health_checks_and_pages_are_counted_and_not_logged() -> None:
    metrics = Metrics()
    with captured_logs() as lines, TestClient(record(make_app(), metrics)) as client:
        for path in ("/healthz", "/nothing", "/v1x"):
            client.get(path)
    assert request_lines(lines) == []
    assert value_of(metrics, 'briefbot_http_requests_total{route="/healthz",status="2xx"}') == 1
    assert value_of(metrics, 'briefbot_http_requests_total{route="other",status="4xx"}') == 2


def test_routes_are_counted_by_their_template_so_that_labels_do_not_grow() -> None:
    metrics = Metrics()
    with TestClient(record(make_app(), metrics)) as client:
        for number in range(20):
            client.get(f"/v1/documents/{number}")
            client.get(f"/v1/nothing/{number}")
        client.post("/mcp/")
        client.post("/mcp/elsewhere")
        client.get("/static/one")
    page = metrics.render()[0].decode()
    routes = {line.split('route="')[1].split('"')[0] for line in page.splitlines() if 'route="' in line}
    assert routes == {"/v1/documents/{document_id}", "/mcp", "/static", "other"}
    assert value_of(metrics, 'briefbot_http_requests_total{route="/v1/documents/{document_id}",status="2xx"}') == 20
    assert value_of(metrics, 'briefbot_http_requests_total{route="other",status="4xx"}') == 20
    assert value_of(metrics, 'briefbot_http_request_duration_seconds_count{route="/mcp",status="2xx"}') == 1
    assert value_of(metrics, 'briefbot_http_request_duration_seconds_count{route="/mcp",status="4xx"}') == 1


def test_routes_of_a_plain_starlette_app_are_counted_under_their_mount() -> None:
    inner = Starlette(routes=[Route("/tools/{name}", lambda _: PlainTextResponse(""))])
    app = Starlette(routes=[Mount("/mcp", inner), Route("/", lambda _: PlainTextResponse(""))])
    metrics = Metrics()
    with TestClient(RequestRecorder(app, metrics)) as client:
        for path in ("/mcp/tools/one", "/mcp/nothing/here", "/", "/nothing"):
            client.get(path)
    for route, status in (("/mcp/tools/{name}", "2xx"), ("/mcp", "4xx"), ("/", "2xx"), ("other", "4xx")):
        assert value_of(metrics, f'briefbot_http_requests_total{{route="{route}",status="{status}"}}') == 1


def test_a_stream_is_logged_after_its_last_piece() -> None:
    with captured_logs() as lines, TestClient(record(make_app())) as client:
        assert client.get("/v1/stream").text == "one two"
    assert [item["event"] for item in lines.records()] == ["the last piece is out", "request"]
    assert request_lines(lines)[0]["ending"] == "whole"


def test_a_stream_whose_client_leaves_ends_the_work_and_is_logged_and_counted_as_cut() -> None:
    metrics = Metrics()
    with captured_logs() as lines, serving(record(make_app(), metrics)) as address:
        with socket.create_connection(address, timeout=30) as client:
            client.sendall(b"GET /v1/endless HTTP/1.1\r\nhost: localhost\r\n\r\n")
            received = b""
            while b"piece" not in received:
                received += client.recv(4096)
        lines.wait_for('"ending": "cut"')
    assert "the work has ended" in [item["event"] for item in lines.records()]
    (line,) = request_lines(lines)
    assert (line["status"], line["path"]) == (200, "/v1/endless")
    assert value_of(metrics, 'briefbot_http_requests_total{route="/v1/endless",status="2xx"}') == 1
    assert value_of(metrics, 'briefbot_http_responses_cut_total{route="/v1/endless"}') == 1


def test_a_client_that_leaves_before_it_has_sent_all_is_no_error_of_the_service() -> None:
    async def read_all(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await Request(scope, receive, send).body()

    metrics = Metrics()
    app = RequestRecorder(read_all, metrics)
    with captured_logs() as lines, serving(app) as address:
        with socket.create_connection(address, timeout=30) as client:
            client.sendall(b"POST /v1/upload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf")
        lines.wait_for('"ending": "cut"')
    (line,) = request_lines(lines)
    assert line["status"] == 499
    assert not [item for item in lines.records() if item["level"] == "error"]
    assert value_of(metrics, 'briefbot_http_requests_total{route="other",status="4xx"}') == 1


def test_a_client_that_leaves_before_there_is_an_answer_was_not_failed_whatever_became_of_the_work() -> None:
    metrics = Metrics()
    with captured_logs() as lines, serving(record(make_app(), metrics)) as address:
        with socket.create_connection(address, timeout=30) as client:
            client.sendall(b"GET /v1/abandoned HTTP/1.1\r\nhost: localhost\r\n\r\n")
            lines.wait_for("waiting")
        lines.wait_for('"ending"')
    (line,) = request_lines(lines)
    assert (line["status"], line["ending"]) == (499, "cut")
    assert value_of(metrics, 'briefbot_http_requests_total{route="/v1/abandoned",status="4xx"}') == 1
    assert value_of(metrics, 'briefbot_http_requests_total{route="/v1/abandoned",status="5xx"}') == 0


def test_a_stream_that_breaks_is_logged_as_failed_and_the_server_cuts_the_connection() -> None:
    metrics = Metrics()
    with (
        captured_logs() as lines,
        TestClient(record(make_app(), metrics)) as client,
        pytest.raises(ValueError, match=MARKER),
    ):
        client.get("/v1/torn")
    (line,) = request_lines(lines)
    assert (line["status"], line["ending"]) == (200, "failed")
    assert value_of(metrics, 'briefbot_http_responses_cut_total{route="/v1/torn"}') == 1


def test_an_unexpected_error_is_answered_under_the_requests_id() -> None:
    metrics = Metrics()
    with captured_logs() as lines, TestClient(record(make_app(), metrics)) as client:
        response = client.get("/v1/broken")
    assert (response.status_code, response.json()) == (500, {"title": "Internal"})
    error, request = (item for item in lines.records() if item["logger"].startswith("briefbot"))
    assert error["event"] == "unexpected error"
    assert error["request_id"] == request["request_id"] == response.headers["x-request-id"]
    assert (request["status"], request["ending"]) == (500, "whole")
    assert value_of(metrics, 'briefbot_http_requests_total{route="/v1/broken",status="5xx"}') == 1


def test_an_error_that_nobody_answers_goes_on_to_the_server_and_is_counted() -> None:
    async def broken(scope: Any, *_channels: Any) -> None:
        if scope["type"] == "http":
            raise ValueError(MARKER)

    metrics = Metrics()
    with captured_logs() as lines, pytest.raises(ValueError, match=MARKER):
        TestClient(RequestRecorder(broken, metrics)).get("/v1/answer")
    (line,) = request_lines(lines)
    assert (line["status"], line["ending"]) == (500, "failed")
    assert value_of(metrics, 'briefbot_http_requests_total{route="other",status="5xx"}') == 1


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_neither_question_nor_key_gets_into_a_line_of_anybody(log_format: LogFormat) -> None:
    headers = f"host: localhost\r\nauthorization: Bearer {KEY}\r\nx-request-id: {MARKER} here\r\nconnection: close\r\n"
    body = f'{{"question": "{MARKER}"}}'
    posts = [
        f"POST {path} HTTP/1.1\r\n{headers}content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n{text}"
        for path in ("/v1/answer", "/v1/broken", f"/v1/answer?q={MARKER}")
        for text in (body, MARKER)
    ]
    with captured_logs("DEBUG", log_format) as lines, serving(record(make_app())) as address:
        for sent in (*posts, f"GET /v1/torn HTTP/1.1\r\n{headers}\r\n"):
            with socket.create_connection(address, timeout=30) as client:
                client.sendall(sent.encode())
                while client.recv(4096):
                    pass
        lines.wait_for("/v1/torn")
        lines.wait_for("Exception in ASGI application")
    written = lines.getvalue()
    assert written.count("unexpected error") == 2
    assert "ValueError" in written
    assert MARKER not in written
    assert KEY not in written


def test_asking_the_real_service_at_the_finest_level_logs_no_question(settings: Settings, bot: Briefbot) -> None:
    from briefbot.api.app import create_app

    with captured_logs("DEBUG") as lines, TestClient(create_app(settings, bot)) as client:
        answer = client.post("/v1/answer", json={"question": f"Why was Alibaba fined in 2021, {MARKER}?"})
        refused = client.post("/v1/answer", json={"question": "", MARKER: MARKER})
        search = client.post("/v1/search", json={"query": MARKER})
    assert (answer.status_code, refused.status_code, search.status_code) == (200, 422, 200)
    assert MARKER in answer.text
    assert len([line for line in request_lines(lines) if "/v1/" in str(line)]) == 3
    assert MARKER not in lines.getvalue()


def test_a_path_cannot_break_the_line() -> None:
    with captured_logs(log_format="text") as lines, TestClient(record(make_app())) as client:
        client.get("/v1/documents/a%0d%0a2026-01-01%20[error]%20forged%1b[31m")
    assert len(lines.getvalue().splitlines()) == 1
    assert "path=/v1/documents/a%0D%0A2026-01-01%20%5Berror%5D%20forged%1B%5B31m" in lines.getvalue()


def test_sockets_and_the_start_of_the_service_pass_through() -> None:
    metrics = Metrics()
    app = make_app()
    with TestClient(record(app, metrics)) as client, client.websocket_connect("/v1/socket") as websocket:
        websocket.send_text("hello")
        assert websocket.receive_text() == "hello"
    assert app.state.has_started
    assert "/v1/socket" not in metrics.render()[0].decode()


def test_requests_at_the_same_time_keep_their_ids_apart() -> None:
    with captured_logs() as lines, TestClient(record(make_app())) as client:
        ids = [f"id-{number}" for number in range(8)]
        threads = [
            threading.Thread(
                target=client.post,
                args=("/v1/answer",),
                kwargs={"json": {"question": "x"}, "headers": {"x-request-id": id_}},
            )
            for id_ in ids
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    at_work = [item["request_id"] for item in lines.records() if item["logger"] == "briefbot.test"]
    assert sorted(at_work) == ids
    assert sorted(line["request_id"] for line in request_lines(lines)) == ids
