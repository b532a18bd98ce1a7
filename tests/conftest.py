"""What the tests share: the real model, the bundled corpus ingested once, and a running service on loopback."""

from __future__ import annotations

import http.server
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from briefbot.ingest.pipeline import Ingestor
from playwright.sync_api import Browser, sync_playwright
from pydantic import SecretStr

from briefbot.answering import Briefbot
from briefbot.corpus import Corpus
from briefbot.embedding import Embedder, load_embedder
from briefbot.index import PassageIndex
from briefbot.settings import Settings

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
"""Outside texts, where they lie beside the checkout; tests that need them skip where they do not."""


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a home of the test session's own, whatever the environment says.

    BRIEFBOT_TESTS_HOME keeps that home between runs, which saves embedding the corpus again while writing tests.
    """
    kept = os.environ.get("BRIEFBOT_TESTS_HOME")
    return Settings(
        home=Path(kept) if kept else tmp_path_factory.mktemp("home"),
        embedding_model="bundled",
        llm_url=None,
        llm_model=None,
        chroma_url=None,
        api_key=None,
        threads=0,
    )


@pytest.fixture(scope="session")
def embedder(settings: Settings) -> Embedder:
    """The bundled embedding model, converted and loaded once."""
    return load_embedder(settings)


@pytest.fixture(scope="session")
def bot(settings: Settings, embedder: Embedder) -> Iterator[Briefbot]:
    """An open `Briefbot` with the whole bundled corpus; tests must not write to it."""
    assert embedder.identity.dimension == 384
    with Briefbot.open(settings) as opened:
        results = Ingestor(opened.corpus, opened.index, lambda: opened.embedder).ingest_bundled()
        refused = [result.reason for result in results if result.outcome == "refused"]
        assert not refused, refused
        yield opened


@dataclass(frozen=True)
class Workshop:
    """A record and index of a test's own, with the shared model."""

    corpus: Corpus
    index: PassageIndex
    ingestor: Ingestor
    folder: Path

    def write(self, name: str, text: str) -> Path:
        """Write a source file."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def workshop(tmp_path: Path, embedder: Embedder) -> Workshop:
    """An empty record and index in a folder of the test's own."""
    corpus = Corpus(tmp_path / "record.sqlite3")
    index = PassageIndex(tmp_path / "index")
    sources = tmp_path / "sources"
    sources.mkdir()
    return Workshop(corpus, index, Ingestor(corpus, index, lambda: embedder), sources)


@contextmanager
def run_service(settings: Settings, bot: Briefbot) -> Iterator[str]:
    """A service with page and API while it runs: its base URL."""
    import uvicorn

    from briefbot.api.app import create_app
    from briefbot.serving import open_socket

    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    with open_socket(settings.model_copy(update={"port": 0})) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(create_app(settings, bot, with_page=True), log_level="critical", ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        assert server.started
        yield url
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="session")
def service(settings: Settings, bot: Briefbot) -> Iterator[str]:
    """The base URL of a running service with page and API."""
    with run_service(settings, bot) as url:
        yield url


@pytest.fixture(scope="session")
def locked_service(settings: Settings, bot: Briefbot) -> Iterator[tuple[str, str]]:
    """The base URL of a running service that wants a key, and the key."""
    key = "a-key-for-the-tests"
    locked = settings.model_copy(update={"access": "keys", "api_key": SecretStr(key)})
    with run_service(locked, bot) as url:
        yield url, key


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one file at a time: while it is there, nothing else can run an event loop in this thread."""
    chromium = shutil.which("chromium")
    assert chromium, "expected chromium on the PATH; install it with: apt-get install chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield launched
        launched.close()


@dataclass
class Reply:
    """What the model server does with one request: says `text` piece by piece, or fails in one of the ways servers fail."""

    text: str = ""
    status: int = 200
    raw: bytes | None = None
    """Sent as it is in the place of an answer."""
    silent_before: float = 0.0
    silent_after: tuple[int, float] = (0, 0.0)
    """After so many pieces, so many seconds of silence."""
    pause: float = 0.0
    """Seconds before every piece."""


@dataclass
class ModelServer:
    """An OpenAI-compatible server that streams what it is told to, and keeps what it was asked."""

    replies: list[Reply | tuple[int, str]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


def _chunks(text: str) -> Iterator[bytes]:
    """The events of a streamed answer, a few characters each, and the tokens last."""
    head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    for at in range(0, len(text), 7):
        delta = {"role": "assistant", "content": text[at : at + 7]}
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    yield _event({**head, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _whole(text: str) -> bytes:
    """The same in one piece."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    answer = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    return json.dumps(answer).encode()


def _event(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    state = ModelServer()
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.asked.append(asked)
            given = state.replies.pop(0)
            reply = given if isinstance(given, Reply) else Reply(given[1], given[0])
            over.wait(reply.silent_before)
            self.send_response(reply.status)
            is_stream = reply.status == 200 and asked.get("stream")
            self.send_header("content-type", "text/event-stream" if is_stream else "application/json")
            self.end_headers()
            if reply.raw is not None:
                pieces: Iterable[bytes] = [reply.raw]
            elif reply.status != 200:
                pieces = [b"{}"]
            else:
                pieces = _chunks(reply.text) if asked.get("stream") else [_whole(reply.text)]
            try:
                for number, piece in enumerate(pieces):
                    over.wait(reply.pause + (reply.silent_after[1] if number == reply.silent_after[0] else 0.0))
                    self.wfile.write(piece)
                    self.wfile.flush()
            except OSError:  # the client has gone
                pass

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    over.set()
    server.shutdown()
    server.server_close()
