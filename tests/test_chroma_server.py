"""The vector index on a Chroma server: it answers as the folder does, and a server that fails loses nothing and stops nothing."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import http.server
import itertools
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import chromadb
import httpx2
import numpy as np
import pytest
from fastapi import FastAPI
from numpy.typing import NDArray
from pydantic import HttpUrl

from briefbot import index as index_module
from briefbot.answering import Briefbot
from briefbot.api import routes
from briefbot.api.desk import Desk
from briefbot.cli import main
from briefbot.corpus import Corpus, EmbeddedPassage, PassageChange
from briefbot.errors import BriefbotError, ConfigurationError, StorageError
from briefbot.index import PassageIndex
from briefbot.models import Answer, Document, Language, Passage, Sentence
from briefbot.retrieval import Retriever
from briefbot.settings import Settings, load_settings

DIMENSION = 16
STARTS_WITHIN = 60.0
KILLS = 10
COMMAND = str(Path(sys.executable).with_name("chroma"))
ENTRY = (
    sys.executable,
    "-c",
    "import sys, chromadb_rust_bindings; chromadb_rust_bindings.cli(['chroma', *sys.argv[1:]])",
)
"""What the command runs after it has imported chromadb for 3 seconds; this starts in a fifth of one."""

QUESTIONS = (
    "Why did regulators stop the flotation of Ant Group?",
    "What did Jack Ma say at the Bund summit?",
    "How large was the fine on Meituan, and for what?",
    "When was Didi allowed to register new users again?",
    "What does the Personal Information Protection Law say about consent?",
    "How many hours a week may minors play online games?",
    "Which exports of gallium were restricted in 2023?",
    "What did the 31 measures for the private economy promise?",
    "What must providers of generative AI services do before they offer them to the public?",
    "Which operators count as critical information infrastructure?",
    "What did the audit regulators of both countries agree on in August 2022?",
    "What became of the draft rules on games of December 2023?",
    "Who won the football world cup in 2018?",
    "蚂蚁集团为什么暂停上市？",
    "美团因为什么被处罚？",
    "个人信息处理者向境外提供个人信息需要什么条件？",
    "生成式人工智能服务提供者有哪些义务？",
    "未成年人每周可以玩多少小时网络游戏？",
    "2023年国务院对民营经济提出了哪些措施？",
    "审查网络安全的办法在哪一年修订？",
)

Vectors = NDArray[np.float32]


def wait_until(condition: Callable[[], bool]) -> None:
    """Come back when it holds, and fail where it never does."""
    give_up = time.monotonic() + STARTS_WITHIN
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


class ChromaServer:
    """A `chroma run` in a folder of its own, which keeps its port when it is started again."""

    def __init__(self, folder: Path, command: Sequence[str] = ENTRY) -> None:
        self._folder = folder
        self._command = command
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = HttpUrl(f"http://127.0.0.1:{self.port}")
        self.start()

    def start(self) -> None:
        options = ("run", "--path", str(self._folder), "--host", "127.0.0.1", "--port", str(self.port))
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            [*self._command, *options], stdout=quiet, stderr=quiet, cwd=self._folder.parent
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "the server has ended"
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.url}api/v2/heartbeat", trust_env=False).status_code == 200
        return False

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def collections(self, record: Corpus) -> set[str]:
        names = {collection.name for collection in self.client.list_collections(limit=1000)}
        return {name for name in names if str(record.meta("record_id")) in name}

    @functools.cached_property
    def client(self) -> Any:
        return chromadb.HttpClient(host=str(self.url))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    """A server that all tests of this file share and none kills."""
    started = ChromaServer(tmp_path_factory.mktemp("chroma") / "data", [COMMAND])
    yield started
    started.kill()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ChromaServer]:
    """A server of the test's own."""
    started = ChromaServer(tmp_path / "chroma")
    yield started
    started.kill()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is asked anew at every opportunity."""
    monkeypatch.setattr(index_module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(index_module, "RETRY_SECONDS", 0.0)


class Record:
    """A record in a folder of its own, with made-up vectors, and indexes of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.corpus = Corpus(folder / "record.sqlite3")

    def open(self, server: ChromaServer) -> PassageIndex:
        return PassageIndex.open(Settings(home=self.folder, chroma_url=server.url), self.corpus)

    def put(self, index: PassageIndex | None, id_: str, size: int, *, text: str = "") -> None:
        """Write a document of so many passages, every third in Chinese, and bring the index along if it is there."""
        words = " ".join([f"w{number:05}" for number in range(size)])
        document = Document(
            id=id_, title="Words", text=words, kind="article", issuer=("PRESS",), authority="press",
            published=dt.date(2021, 1, 1), language="en",
        )  # fmt: skip
        items = [_passage(id_, number, words, text) for number in range(size)]
        with self.corpus.writing():
            change = self.corpus.put_document(document, items, content_hash=f"{id_} {size} {text}", origin="tests")
            if index is not None:
                index.apply(change, self.corpus.version())

    def rebuild(self, index: PassageIndex) -> None:
        with self.corpus.writing():
            index.rebuild(self.corpus)

    def lost(self, index: PassageIndex) -> list[str]:
        """The ids of the record whose vector does not find itself first."""
        ids, vectors = self.corpus.vectors()
        found = [index.search(vector, 1) for vector in vectors]
        return [id_ for id_, nearest in zip(ids, found, strict=True) if [other for other, _ in nearest] != [id_]]


def _passage(document: str, number: int, words: str, text: str) -> EmbeddedPassage:
    start, end = number * 7, number * 7 + 6
    language: Language = "zh" if number % 3 == 2 else "en"
    passage = Passage(
        id=f"{document}:{number}", document_id=document, ordinal=number, start=start, end=end, text=words[start:end],
        locator="", context="Words", language=language, sentences=(Sentence(start, end, words[start:end]),),
    )  # fmt: skip
    vector = hashed_vector(f"{passage.id} {text}")
    return EmbeddedPassage(passage, vector, passage.id, vector[None, :], (f"s {passage.id}",))


def hashed_vector(text: str) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / "record")


# ------------------------------------------------------------------ the same index


def test_a_server_finds_what_a_folder_finds_in_the_same_order(record: Record, server: ChromaServer) -> None:
    record.put(None, "many", 600)
    remote, local = record.open(server), PassageIndex(record.folder / "index")
    for index in (remote, local):
        record.rebuild(index)
        assert index.is_sound(record.corpus)
    languages: tuple[Language | None, ...] = (None, "en", "zh")
    for number in range(30):
        asked = hashed_vector(f"question {number}")
        for language in languages:
            expected, found = (index.search(asked, 25, language) for index in (local, remote))
            assert [id_ for id_, _ in found] == [id_ for id_, _ in expected]
            assert [near for _, near in found] == pytest.approx([near for _, near in expected], abs=1e-5)
    assert [remote.count(language) for language in languages] == [600, 400, 200]


def test_changes_reach_other_readers_at_once(record: Record, server: ChromaServer) -> None:
    writer, reader = record.open(server), record.open(server)
    assert (reader.version, reader.count()) == (None, 0)
    for id_, size in (("first", 60), ("second", 4), ("first", 30)):
        record.put(writer, id_, size)
        assert reader.version == record.corpus.version()
        assert reader.count() == record.corpus.count_passages()
        assert record.lost(reader) == []
    with record.corpus.writing():
        writer.apply(record.corpus.remove_document("first"), record.corpus.version())
    assert reader.version == record.corpus.version()
    assert reader.count() == 4
    assert reader.is_sound(record.corpus)
    assert record.open(server).is_sound(record.corpus)


def test_records_on_one_server_do_not_see_each_other(tmp_path: Path, server: ChromaServer) -> None:
    records = [Record(tmp_path / name) for name in ("one", "two")]
    for number, each in enumerate(records, start=1):
        each.put(None, "same-id", 10 * number)
    indexes = [each.open(server) for each in records]
    for each, index in zip(records, indexes, strict=True):
        each.rebuild(index)
    records[0].rebuild(indexes[0])
    assert [index.count() for index in indexes] == [10, 20]
    assert all(index.is_sound(each.corpus) for each, index in zip(records, indexes, strict=True))
    assert not server.collections(records[0].corpus) & server.collections(records[1].corpus)


def test_nothing_of_chromas_own_python_server_is_imported(record: Record, server: ChromaServer) -> None:
    assert record.open(server).version is None
    assert [name for name in sys.modules if name.startswith("chromadb.server")] == []


# ------------------------------------------------------------------ rebuilding


def test_readers_find_everything_while_the_index_is_rebuilt(
    record: Record, server: ChromaServer, caplog: pytest.LogCaptureFixture
) -> None:
    record.put(None, "many", 200)
    writer, reader = record.open(server), record.open(server)
    record.rebuild(writer)
    assert reader.is_sound(record.corpus)
    asked = hashed_vector("question")
    expected = [id_ for id_, _ in reader.search(asked, 40)]
    over, seen = threading.Event(), []

    def read() -> None:
        while not over.is_set():
            seen.append([id_ for id_, _ in reader.search(asked, 40)])

    thread = threading.Thread(target=read)
    thread.start()
    before = server.collections(record.corpus)
    for _ in range(3):
        record.rebuild(writer)
    after = server.collections(record.corpus)
    over.set()
    thread.join()
    assert len(before) == len(after) == 2
    assert not before & after
    assert seen
    assert all(found == expected for found in seen)
    assert "one by one" not in caplog.text


@pytest.mark.parametrize("broken", ["_add", "_mark", "put_in_use"])
def test_an_interrupted_rebuild_leaves_the_old_index_in_use_and_the_next_one_clears_up(
    record: Record, server: ChromaServer, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    record.put(None, "first", 40)
    writer, reader = record.open(server), record.open(server)
    record.rebuild(writer)
    version = record.corpus.version()
    assert reader.version == version
    owner = {"_add": index_module, "_mark": PassageIndex, "put_in_use": index_module._Server}[broken]
    with monkeypatch.context() as patched:
        patched.setattr(owner, broken, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                record.rebuild(writer)
    assert len(server.collections(record.corpus)) == 4  # the second attempt has removed what the first left
    assert reader.version == version
    assert record.lost(reader) == []
    assert record.open(server).is_sound(record.corpus)
    record.rebuild(record.open(server))
    assert len(server.collections(record.corpus)) == 2
    assert reader.is_sound(record.corpus)


# ------------------------------------------------------------------ servers that fail


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_killed_again_and_again_loses_nothing(record: Record, mortal: ChromaServer) -> None:
    record.put(None, "start", 60)
    writer, reader = record.open(mortal), record.open(mortal)
    asked = hashed_vector("question")
    torn = 0
    for round_ in range(KILLS):
        if not writer.is_sound(record.corpus):
            record.rebuild(writer)
        wait_until(lambda: reader.version == record.corpus.version())
        over = threading.Timer(0.04 * round_, mortal.kill)
        over.start()
        with pytest.raises(StorageError):
            _write_on(record, writer, round_)
        over.join()
        assert reader.version is None
        with pytest.raises(StorageError, match="expected a Chroma server that answers at http://127"):
            reader.search(asked, 5)
        mortal.start()
        if record.open(mortal).version == record.corpus.version():  # it died between two changes
            assert reader.is_sound(record.corpus)
            assert record.lost(reader) == []
        else:
            torn += 1
            assert not record.open(mortal).is_sound(record.corpus)
    assert torn
    repaired = record.open(mortal)
    if not repaired.is_sound(record.corpus):
        record.rebuild(repaired)
    assert reader.version == record.corpus.version()
    assert reader.count() == record.corpus.count_passages()
    assert record.lost(reader) == []
    assert len(mortal.collections(record.corpus)) == 2


def _write_on(record: Record, writer: PassageIndex, round_: int) -> None:
    for number in itertools.count():
        record.put(writer, f"document-{number % 5}", 20 + round_, text=f"{round_} {number}")


def test_what_the_server_took_is_there_after_it_was_killed(record: Record, mortal: ChromaServer) -> None:
    index = record.open(mortal)
    for number in range(3):
        record.put(index, f"document-{number}", 20)
        mortal.kill()
        mortal.start()
        assert record.open(mortal).is_sound(record.corpus)
    assert record.lost(index) == []


def test_a_change_that_was_broken_off_is_noticed_even_after_the_record_went_back(
    record: Record, mortal: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = record.open(mortal)
    record.put(index, "kept", 10)
    record.put(index, "changed", 10, text="old")
    version = record.corpus.version()

    def die(*_: object) -> None:
        mortal.kill()
        index.count("en")

    with monkeypatch.context() as patched:
        patched.setattr(index_module, "_add", die)
        patched.setattr(index_module, "_count", lambda held, name: held.collections[name].count())
        with pytest.raises(StorageError, match="ConnectError"):
            record.put(index, "changed", 5, text="new")
    record.put(None, "changed", 10, text="old")
    assert record.corpus.version() == version
    mortal.start()
    assert record.open(mortal).version == "changing"
    reopened = record.open(mortal)
    assert not reopened.is_sound(record.corpus)
    record.rebuild(reopened)
    assert reopened.is_sound(record.corpus)


def test_an_index_that_another_process_changed_is_left_for_a_rebuild(
    record: Record, server: ChromaServer, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = record.open(server), record.open(server)
    record.put(first, "one", 10)
    record.put(second, "two", 10)  # `second` has not looked since it was opened
    assert "rebuilt from the record at the next start" in caplog.text
    assert first.version != record.corpus.version()
    assert not record.open(server).is_sound(record.corpus)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_came_back_empty_is_not_taken_for_an_answer(
    record: Record, server: ChromaServer, mortal: ChromaServer
) -> None:
    record.put(None, "first", 30)
    index = record.open(mortal)
    record.rebuild(index)
    for name in mortal.collections(record.corpus):
        mortal.client.delete_collection(name)
    with pytest.raises(StorageError, match="NotFoundError"):
        index.search(hashed_vector("question"), 5)
    assert index.version is None
    record.rebuild(index)
    assert index.is_sound(record.corpus)
    assert not record.open(server).is_sound(record.corpus)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs_is_given_up_and_found_again(
    record: Record, mortal: ChromaServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    record.put(None, "first", 30)
    index = record.open(mortal)
    record.rebuild(index)
    monkeypatch.setattr(index_module, "READ_SECONDS", 0.2)
    mortal.send(signal.SIGSTOP)
    with pytest.raises(StorageError, match="ReadTimeout"):
        index.search(hashed_vector("question"), 5)
    assert index.version is None
    mortal.send(signal.SIGCONT)
    monkeypatch.undo()
    wait_until(lambda: index.version == record.corpus.version())
    assert record.lost(index) == []
    said = [line.message for line in caplog.records if line.name == "briefbot.index"]
    assert len([line for line in said if "compared one by one" in line]) == 1
    assert said[-1] == "the vector index answers again"


# ------------------------------------------------------------------ servers that are none


class Impostor(http.server.BaseHTTPRequestHandler):
    """Answers with what its server was told to: status, type and body, or its heartbeat and then those."""

    server: ImpostorServer

    def do_GET(self) -> None:
        status, kind, body = self.server.says
        if self.server.has_heartbeat and self.path.endswith("/heartbeat"):
            status, kind, body = 200, "application/json", '{"nanosecond heartbeat": 1}'
        self.server.authorisations.append(self.headers.get("authorization"))
        self.send_response(status)
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET  # noqa: N815 - the name the standard library calls

    def log_message(self, *_args: object) -> None:
        pass


class ImpostorServer(http.server.ThreadingHTTPServer):
    """An HTTP server that is not Chroma."""

    says = (404, "text/html", "<html>not here</html>")
    has_heartbeat = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Impostor)
        self.authorisations: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def impostor() -> Iterator[ImpostorServer]:
    started = ImpostorServer()
    thread = threading.Thread(target=started.serve_forever, daemon=True)
    thread.start()
    yield started
    started.shutdown()
    started.server_close()


def refuse(record: Record, url: str) -> BriefbotError:
    with pytest.raises(BriefbotError) as caught:
        PassageIndex.open(Settings(home=record.folder, chroma_url=HttpUrl(url)), record.corpus)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("expected a Chroma server ")
    return caught.value


@pytest.mark.parametrize(
    ("says", "kind", "words"),
    [
        ((404, "text/html", "<html>not here</html>"), ConfigurationError, "HTTP 404"),
        ((200, "text/html", "<html>Welcome</html>"), ConfigurationError, "text/html"),
        ((200, "application/json", "[]"), ConfigurationError, "application/json"),
        ((302, "text/html", "elsewhere"), ConfigurationError, "HTTP 302"),
        ((401, "text/html", "who are you"), ConfigurationError, "user:password"),
        ((403, "text/html", "no"), ConfigurationError, "user:password"),
        ((500, "text/plain", "broken"), StorageError, "HTTP 500"),
        ((502, "text/html", "<html>bad gateway</html>"), StorageError, "proxy"),
    ],
)
def test_a_server_that_is_not_chroma_is_named_with_what_it_said(
    record: Record, impostor: ImpostorServer, says: tuple[int, str, str], kind: type[BriefbotError], words: str
) -> None:
    impostor.says = says
    error = refuse(record, impostor.url)
    assert type(error) is kind
    assert impostor.url in str(error)
    assert words in str(error)


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_a_server_that_has_only_the_heartbeat_is_refused(record: Record, impostor: ImpostorServer, status: int) -> None:
    impostor.has_heartbeat = True
    impostor.says = (status, "text/html", "<html>" + "nothing " * 1000)
    error = refuse(record, impostor.url)
    assert isinstance(error, StorageError)
    assert len(str(error)) < 500
    assert "BRIEFBOT_CHROMA_URL" in str(error)


def test_a_wrong_path_on_a_real_server_is_named(record: Record, server: ChromaServer) -> None:
    error = refuse(record, f"{server.url}elsewhere")
    assert isinstance(error, ConfigurationError)
    assert f"{server.url}elsewhere;" in str(error)


def test_a_port_that_nobody_listens_on_is_a_storage_error(record: Record) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = refuse(record, f"http://127.0.0.1:{port}")
    assert isinstance(error, StorageError)
    assert "chroma run" in str(error)


def test_a_server_that_never_answers_is_given_up(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "READ_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refuse(record, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert isinstance(error, StorageError)
    assert "ReadTimeout" in str(error)


def test_credentials_in_the_url_are_sent_and_never_shown(record: Record, impostor: ImpostorServer) -> None:
    impostor.has_heartbeat = True
    error = refuse(record, impostor.url.replace("://", "://ana:s3cret@"))
    assert "s3cret" not in str(error)
    assert len(impostor.authorisations) > 1
    assert set(impostor.authorisations) == {"Basic YW5hOnMzY3JldA=="}


def test_a_setting_that_is_not_a_url_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="BRIEFBOT_CHROMA_URL"):
        load_settings(chroma_url="localhost:8001")


def test_the_command_line_says_in_one_line_that_the_server_is_out_of_reach(
    bot: Briefbot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIEFBOT_HOME", str(bot.settings.home))
    monkeypatch.setenv("BRIEFBOT_CHROMA_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("briefbot.answering.load_embedder", lambda *_, **__: bot.embedder)
    monkeypatch.setattr(sys, "argv", ["briefbot", "ask", QUESTIONS[0]])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == StorageError.exit_code
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("briefbot: expected a Chroma server at http://127.0.0.1:9; got ConnectError")


# ------------------------------------------------------------------ the whole corpus


@pytest.fixture(scope="module")
def served(bot: Briefbot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Briefbot, ChromaServer]]:
    """A second `Briefbot` on a copy of the session's record, with its index on a server of its own."""
    home = tmp_path_factory.mktemp("served")
    (home / "models").symlink_to(bot.settings.model_cache)
    with (
        contextlib.closing(sqlite3.connect(bot.settings.record_path)) as source,
        contextlib.closing(sqlite3.connect(home / "record.sqlite3")) as copy,
    ):
        source.backup(copy)
    server = ChromaServer(home / "chroma")
    with Briefbot.open(bot.settings.model_copy(update={"home": home, "chroma_url": server.url})) as opened:
        yield opened, server
    server.kill()


def said(answer: Answer) -> tuple[Any, ...]:
    """What a reader sees of an answer."""
    return answer.text, answer.abstained, answer.statements, answer.citations, answer.notices, answer.confidence


def readiness(bot: Briefbot) -> str:
    """What /readyz says of the index."""
    app = FastAPI()
    app.include_router(routes.health)

    async def ask() -> str:
        app.state.desk = Desk(bot.settings, bot, None)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://tests") as client:
            return str((await client.get("/readyz")).json()["index"])

    return anyio.run(ask)


def test_answers_are_the_same_as_with_the_index_in_a_folder(
    bot: Briefbot, served: tuple[Briefbot, ChromaServer]
) -> None:
    other, _ = served
    assert other.index is not None
    assert other.index.is_shared
    assert not other.settings.index_path.exists()
    assert readiness(other) == "approximate"
    answers = [(bot.ask(question), other.ask(question)) for question in QUESTIONS]
    assert [said(found) for _, found in answers] == [said(expected) for expected, _ in answers]
    assert sum(not answer.abstained for answer, _ in answers) >= 15
    assert readiness(other) == "approximate"


@pytest.mark.usefixtures("impatient")
def test_answers_go_on_without_the_server_and_use_it_again_when_it_is_back(
    bot: Briefbot, served: tuple[Briefbot, ChromaServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    other, server = served
    searched: list[list[str]] = []
    search = Retriever._search_index

    def note(*given: Any) -> list[str]:
        searched.append(search(*given))
        return searched[-1]

    monkeypatch.setattr(Retriever, "_search_index", staticmethod(note))
    for question in QUESTIONS[:3]:
        expected = said(bot.ask(question))
        searched.clear()
        server.kill()
        assert said(other.ask(question)) == expected
        assert readiness(other) == "exact"
        assert not searched
        server.start()
        wait_until(lambda: readiness(other) == "approximate")
        assert said(other.ask(question)) == expected
        assert searched


def test_a_server_that_dies_between_look_and_search_costs_no_answer(
    bot: Briefbot, served: tuple[Briefbot, ChromaServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    other, server = served
    index = other.index
    assert index is not None
    expected = said(bot.ask(QUESTIONS[0]))
    monkeypatch.setattr(index_module, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(index_module, "RETRY_SECONDS", 0.0)
    assert index.is_sound(other.corpus)
    server.kill()
    assert said(other.ask(QUESTIONS[0])) == expected
    assert index.version is None
    server.start()
    wait_until(lambda: index.version == other.corpus.version())


def test_opening_beside_a_writer_compares_vectors_until_the_writer_is_done(
    served: tuple[Briefbot, ChromaServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    other, _ = served
    assert other.index is not None
    monkeypatch.setattr(other.corpus, "writing", functools.partial(other.corpus.writing, wait_seconds=0.0))
    writer = Corpus(other.corpus.path)
    version = other.corpus.version()
    with writer.writing():
        other.index.apply(PassageChange((), (), None), "behind")
        opened = other._open_index()
        assert opened is not None
        assert opened.version == "behind"
        other.index.apply(PassageChange((), (), None), version)
        assert opened.version == version
    opened.close()
