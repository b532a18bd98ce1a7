"""Turns, deadlines and clients that leave: at the desk, and through the doors of a running service."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from briefbot.ingest.pipeline import Ingestor
from conftest import run_service
from starlette.requests import Request

from briefbot.answering import Briefbot
from briefbot.api import access, desk
from briefbot.api.admission import Admission, Leaving
from briefbot.api.app import create_app
from briefbot.api.desk import Desk, Event
from briefbot.api.routes import stopped_with_client
from briefbot.api.schemas import QuestionIn
from briefbot.corpus import Corpus
from briefbot.embedding import Embedder
from briefbot.errors import QueueFullError, StoppedError
from briefbot.settings import Settings

QUESTION = {"question": "How much was Alibaba fined in April 2021, and by whom?"}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/answer": QUESTION,
    "/v1/answer/stream": QUESTION,
    "/v1/search": {"query": "Alibaba"},
    "/v1/check": {"claim": "SAMR fined Alibaba in 2021."},
    "/v1/suggestions": QUESTION,
    "/v1/chat/completions": {"model": "briefbot", "messages": [{"role": "user", "content": QUESTION["question"]}]},
}


@contextmanager
def held_back(bot: Briefbot, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Searches that wait: told when one has begun, they go on when the second event is set."""
    begun, go_on = threading.Event(), threading.Event()
    find = bot._find

    def wait(*asked: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return find(*asked)

    with monkeypatch.context() as patch:
        patch.setattr(bot, "_find", wait)
        try:
            yield begun, go_on
        finally:
            go_on.set()


def until(is_so: Callable[[], bool], seconds: float = 10.0) -> bool:
    ends = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


def gauges(url: str) -> dict[str, int]:
    """Questions that wait and are answered, and requests that are open besides this one."""
    lines = httpx2.get(f"{url}/metrics", trust_env=False).text.splitlines()
    read = {name: float(value) for name, _, value in (line.partition(" ") for line in lines if line[:1] != "#")}
    return {
        "waiting": int(read["briefbot_queue_waiting"]),
        "running": int(read["briefbot_queue_running"]),
        "open": int(read["briefbot_http_requests_open"]) - 1,
    }


@pytest.fixture
def narrow(bot: Briefbot, settings: Settings, tmp_path: Any) -> Iterator[str]:
    """A service that works on one question at a time and lets two wait."""
    own = settings.model_copy(update={"home": tmp_path, "max_concurrent": 1, "max_queued": 2})
    with run_service(own, bot) as url:
        yield url


class Asking:
    """A request on a socket of its own, which can be hung up."""

    def __init__(self, url: str, path: str) -> None:
        parts = urlsplit(url)
        body = json.dumps(BODIES[path]).encode()
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)
        head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)

    def read(self) -> bytes:
        """Everything that is answered."""
        return b"".join(iter(lambda: self._socket.recv(65_536), b""))

    def hang_up(self) -> None:
        """Leave."""
        self._socket.close()


# ------------------------------------------------------------------ at the desk


def test_a_reader_that_takes_nothing_holds_up_nobody_once_the_answer_is_made(bot: Briefbot, settings: Settings) -> None:
    async def ask() -> tuple[int, str]:
        narrow = Desk(settings.model_copy(update={"max_concurrent": 1, "max_queued": 0}), bot, None)
        async with narrow.streaming(QuestionIn.model_validate(QUESTION), None):
            with anyio.fail_after(20):
                while narrow.admission.running:
                    await anyio.sleep(0.01)
            answer = await narrow.answer(QuestionIn.model_validate(QUESTION), None)
            return narrow.admission.running, answer.text

    running, text = anyio.run(ask)
    assert running == 0
    assert "18.228" in text


def test_a_stream_whose_reader_takes_nothing_ends(
    bot: Briefbot, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "EVENTS_AHEAD", 1)
    monkeypatch.setattr(desk, "STALLED_SECONDS", 0.1)

    async def ask() -> list[Event]:
        counter = Desk(settings, bot, None)
        async with counter.streaming(QuestionIn.model_validate(QUESTION), None) as events:
            with anyio.fail_after(20):
                while events.statistics().open_send_streams:
                    await anyio.sleep(0.02)
                return [event async for event in events]

    assert [event.name for event in anyio.run(ask)] == ["sources"]


@pytest.mark.parametrize("path", ["/v1/answer/stream", "/v1/chat/completions"])
def test_a_stream_that_nobody_takes_is_no_error_of_the_service(
    bot: Briefbot, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(access, "UNTAKEN_SECONDS", 0.1)
    app = create_app(settings.model_copy(update={"home": tmp_path}), bot)
    body = json.dumps({**BODIES[path], "stream": True} if "chat" in path else BODIES[path]).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[str] = []

    async def receive() -> Any:
        while not messages:
            await anyio.sleep_forever()
        return messages.pop()

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if sent.count("http.response.body") == 2:
            await anyio.sleep_forever()

    async def ask() -> None:
        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
        }
        scope |= {"method": "POST", "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b""}
        scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "root_path": ""}
        with anyio.fail_after(20):
            await app(scope, receive, send)

    anyio.run(ask)
    assert sent[:3] == ["http.response.start", "http.response.body", "http.response.body"]


def test_who_leaves_while_waiting_gives_the_place_in_the_queue_back(settings: Settings) -> None:
    async def leave() -> list[str]:
        queue = Admission(1, 1, settings.queue_seconds)
        leaving, ended = Leaving(), []

        async def wait() -> None:
            try:
                async with queue.turn(leaving):
                    ended.append("worked")
            except StoppedError:
                ended.append("stopped")

        async with queue.turn(), anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert queue.waiting == 1
            with pytest.raises(QueueFullError):
                async with queue.turn():
                    pass
            leaving.set()
            await anyio.wait_all_tasks_blocked()
            assert (queue.waiting, queue.running) == (0, 1)
        async with queue.turn():
            ended.append("free")
        with pytest.raises(StoppedError):
            async with queue.turn(leaving):
                pass
        assert queue.running == 0
        return ended

    assert anyio.run(leave) == ["stopped", "free"]


def test_a_turn_is_ended_once_however_often_it_is_said(settings: Settings) -> None:
    async def end() -> tuple[int, int]:
        queue = Admission(2, 0, settings.queue_seconds)
        async with queue.turn() as first, queue.turn():
            first.end()
            first.end()
            during = queue.running
        return during, queue.running

    assert anyio.run(end) == (1, 0)


def test_work_that_a_stopping_server_cancels_is_told_to_stop(bot: Briefbot, settings: Settings) -> None:
    begun, told = threading.Event(), threading.Event()

    class Slow(Desk):
        def deadline(self, stopped: Leaving) -> Any:
            told_by = super().deadline(stopped)

            class Waiting(type(told_by)):  # type: ignore[misc]
                def check(self) -> None:
                    begun.set()
                    if until(stopped.is_set):
                        told.set()

            return Waiting(60.0, stopped)

    async def cancel() -> None:
        async def receive() -> Any:
            await anyio.sleep_forever()

        request = Request({"type": "http", "headers": []}, receive)
        counter = Slow(settings, bot, None)

        async def work() -> None:
            async with stopped_with_client(request) as stopped:
                await counter.answer(QuestionIn.model_validate(QUESTION), None, stopped=stopped)

        working = asyncio.create_task(work())
        assert await anyio.to_thread.run_sync(begun.wait, 10)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert await anyio.to_thread.run_sync(told.wait, 10)

    asyncio.run(cancel())


@pytest.mark.parametrize("step", ["_find", "_weigh", "_reason_to_abstain"])
def test_a_document_that_is_removed_while_it_is_quoted_breaks_no_answer(
    settings: Settings, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    own = settings.model_copy(update={"home": tmp_path})
    path = tmp_path / "ferries.md"
    path.write_text("# Ferry rules\n\nThe ferry fee is RMB 300 a day.\n\nFerries pay at noon.\n", encoding="utf-8")
    corpus = Corpus(own.record_path)
    ingestor = Ingestor(corpus, None, lambda: embedder)
    (result,) = ingestor.ingest([path])
    bot = Briefbot(own, corpus, embedder, None)
    before = corpus.version()
    work = getattr(bot, step)

    def remove_then(*asked: Any) -> Any:
        found = work(*asked)
        if result.document_id in corpus.catalogue().documents:
            ingestor.remove(result.document_id or "")
        return found

    monkeypatch.setattr(bot, step, remove_then)
    try:
        answer = bot.ask("What is the ferry fee a day?")
        assert corpus.version() != before
        assert answer.corpus_version == before
        assert answer.citations[0].quote == "The ferry fee is RMB 300 a day."
        assert bot.check("The ferry fee is RMB 300 a day.").citations == ()
    finally:
        bot.close()


# ------------------------------------------------------------------ through the doors


def test_a_full_queue_is_said_at_every_door_with_a_time_to_come_back(
    narrow: str, bot: Briefbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_back(bot, monkeypatch) as (begun, _), ExitStack() as stack:
        for _ in range(3):
            stack.callback(Asking(narrow, "/v1/answer").hang_up)
        assert begun.wait(10)
        assert until(lambda: gauges(narrow) == {"waiting": 2, "running": 1, "open": 3})
        for path, body in BODIES.items():
            response = httpx2.post(narrow + path, json=body, trust_env=False)
            assert response.status_code == 503, path
            assert response.json()["type"] == "urn:briefbot:problem:queue-full"
            assert int(response.headers["retry-after"]) >= 1
        many = httpx2.post(f"{narrow}/v1/answers", json={"questions": [QUESTION]}, trust_env=False).json()
        assert many["answers"][0]["problem"]["type"] == "urn:briefbot:problem:queue-full"
        checked = httpx2.post(f"{narrow}/v1/checks", json={"text": "SAMR fined Alibaba in 2021."}, trust_env=False)
        assert (checked.status_code, checked.json()["type"]) == (503, "urn:briefbot:problem:queue-full")


def test_a_sentence_that_finds_no_turn_takes_no_verdict_from_those_before_it(
    narrow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Desk.check
    turns = iter([True, False])

    async def refuse_second(self: Desk, *asked: Any, **more: Any) -> Any:
        if next(turns):
            return await check(self, *asked, **more)
        raise QueueFullError("expected a turn; got none; try again", retry_seconds=5)

    monkeypatch.setattr(Desk, "check", refuse_second)
    text = "SAMR fined Alibaba in April 2021. The CAC fined Didi in July 2022."
    response = httpx2.post(f"{narrow}/v1/checks", json={"text": text}, trust_env=False)
    assert response.status_code == 200
    first, second = response.json()["claims"]
    assert first["check"]["verdict"]
    assert first["problem"] is None
    assert second["check"] is None
    assert second["problem"]["type"] == "urn:briefbot:problem:queue-full"


@pytest.mark.parametrize("path", BODIES)
def test_who_leaves_frees_their_place_in_the_queue_at_once(
    narrow: str, bot: Briefbot, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    with held_back(bot, monkeypatch) as (begun, go_on):
        first = Asking(narrow, "/v1/answer")
        assert begun.wait(10)
        waiting = [Asking(narrow, path) for _ in range(2)]
        assert until(lambda: gauges(narrow) == {"waiting": 2, "running": 1, "open": 3})
        for one in waiting:
            one.hang_up()
        assert until(lambda: gauges(narrow) == {"waiting": 0, "running": 1, "open": 1})
        go_on.set()
        assert b"18.228" in first.read()
    assert until(lambda: gauges(narrow) == {"waiting": 0, "running": 0, "open": 0})


def test_an_answer_that_takes_too_long_ends_with_its_own_problem_at_every_door(
    bot: Briefbot, settings: Settings, tmp_path: Any
) -> None:
    own = settings.model_copy(update={"home": tmp_path, "answer_seconds": 1e-6})
    with run_service(own, bot) as url:
        response = httpx2.post(f"{url}/v1/answer", json=QUESTION, trust_env=False)
        stream = httpx2.post(f"{url}/v1/answer/stream", json=QUESTION, trust_env=False)
        suggested = httpx2.post(f"{url}/v1/suggestions", json=QUESTION, trust_env=False)
    assert (response.status_code, response.json()["type"]) == (503, "urn:briefbot:problem:too-slow")
    assert suggested.json()["type"] == "urn:briefbot:problem:too-slow"
    name, _, data = stream.text.strip().partition("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["type"] == "urn:briefbot:problem:too-slow"


def test_a_stream_is_kept_alive_by_comments_while_nothing_comes(
    narrow: str, bot: Briefbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.1)
    with held_back(bot, monkeypatch) as (begun, go_on):
        asking = Asking(narrow, "/v1/answer/stream")
        assert begun.wait(10)
        time.sleep(0.5)
        go_on.set()
        said = asking.read()
    assert said.index(b"\n: ping") < said.index(b"event: sources")
    assert said.count(b"event: answer") == 1


def test_a_fault_in_the_middle_of_a_stream_is_its_last_event(
    narrow: str, bot: Briefbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_asked: Any) -> Any:
        raise RuntimeError("a secret")

    monkeypatch.setattr(bot, "_weigh", fail)
    stream = httpx2.post(f"{narrow}/v1/answer/stream", json=QUESTION, trust_env=False)
    names = [line.removeprefix("event: ") for line in stream.text.splitlines() if line.startswith("event: ")]
    assert names == ["sources", "error"]
    assert "secret" not in stream.text
    monkeypatch.undo()
    assert until(lambda: gauges(narrow) == {"waiting": 0, "running": 0, "open": 0})
    assert httpx2.post(f"{narrow}/v1/answer", json=QUESTION, trust_env=False).status_code == 200
