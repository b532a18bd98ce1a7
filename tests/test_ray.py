"""Ray and a Chroma server in the place of this machine and a folder: the same documents, passages and answers."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from briefbot.ingest.pipeline import CORPUS_FOLDER, Ingestor
from briefbot.ingest.ray_engine import RayEngine
from briefbot.ingest.reports import IngestResult
from pydantic import HttpUrl
from test_readers import CHINESE, CHINESE_TITLE, ENGLISH, ENGLISH_TITLE, make_docx, make_html, make_pdf, make_zip

from briefbot.answering import Briefbot
from briefbot.corpus import Corpus
from briefbot.embedding import Embedder
from briefbot.index import PassageIndex
from briefbot.settings import Settings

DOCUMENTS = 6
QUESTIONS = (
    "How much was Alibaba fined?",
    "Who fined Alibaba?",
    "When was Didi fined?",
    "Why was Didi fined?",
    "What did the regulators say to Ant Group?",
    "What is the fee for ferries a day?",
    "When does the new fee for ferries apply?",
    "What did the ferry companies ask for?",
    "Which body penalised a food delivery platform?",
    "What happened in July 2021?",
    "What changed for games?",
    "How long may minors play?",
    "港口费每日多少？",
    "《港口渡轮管理条例》何时施行？",
    "阿里巴巴被罚了多少钱？",
    "滴滴为什么被罚款？",
    "谁对美团作出了处罚？",
    "蚂蚁集团的上市为什么暂停？",
    "What is the weather on Mars?",
    "今天股市会涨吗？",
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    for path in sorted((CORPUS_FOLDER / "events").glob("*.md"))[::8][:DOCUMENTS]:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "ferries.pdf").write_bytes(make_pdf(ENGLISH_TITLE, ENGLISH))
    (folder / "ferries.html").write_bytes(make_html(CHINESE_TITLE, CHINESE))
    (folder / "packed.zip").write_bytes(
        make_zip({"deep/a.docx": make_docx("Cranes", ENGLISH[1:]), "b.txt": "灯塔在海边。".encode("gb18030")})
    )
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    (folder / "empty.txt").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Chroma server on loopback."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("chroma")
    program = str(Path(sys.executable).parent / "chroma")
    command = [program, "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        for _ in range(200):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def open_bot(settings: Settings, embedder: Embedder) -> Briefbot:
    settings.home.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(settings.record_path)
    return Briefbot(settings, corpus, embedder, PassageIndex.open(settings, corpus))


def outcomes(results: list[IngestResult], folder: Path) -> list[tuple[str, str, str | None]]:
    return [(result.source.removeprefix(str(folder)), result.outcome, result.document_id) for result in results]


@pytest.mark.slow
def test_two_workers_and_a_chroma_server_give_the_same_passages_and_answers(
    tmp_path: Path, settings: Settings, embedder: Embedder, sources: Path, chroma: str
) -> None:
    here = open_bot(settings.model_copy(update={"home": tmp_path / "here"}), embedder)
    there = open_bot(settings.model_copy(update={"home": tmp_path / "there", "chroma_url": HttpUrl(chroma)}), embedder)
    engine = RayEngine(settings, workers=2)
    with here, there:
        local = Ingestor(here.corpus, here.index, lambda: embedder).ingest([sources])
        spread = Ingestor(
            there.corpus, there.index, lambda: pytest.fail("embedded in this process"), engine=engine
        ).ingest([sources])
        assert outcomes(spread, sources) == outcomes(local, sources)
        assert [result.reason for result in spread] == [result.reason for result in local]
        assert sum(result.outcome == "added" for result in local) == len(list(sources.glob("*.md"))) + 4
        assert there.corpus.version() == here.corpus.version()
        assert there.corpus.list_passages() == here.corpus.list_passages()
        assert there.index is not None
        assert there.index.count() == there.corpus.count_passages()
        assert there.index.version == there.corpus.version()
        for question in QUESTIONS:
            mine, theirs = here.ask(question), there.ask(question)
            assert (theirs.text, theirs.citations, theirs.abstained) == (mine.text, mine.citations, mine.abstained)
        again = Ingestor(there.corpus, there.index, lambda: pytest.fail("embedded again"), engine=engine)
        assert {result.outcome for result in again.ingest([sources])} == {"unchanged", "refused"}


def test_a_cluster_that_cannot_be_reached_is_told_in_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    from briefbot.errors import ConfigurationError

    ray.shutdown()
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(ray, "init", lambda **_: (_ for _ in ()).throw(ConnectionError("nobody there")))
    engine = RayEngine(settings)
    with pytest.raises(ConfigurationError, match="check RAY_ADDRESS") as caught:
        engine.identity()
    assert "\n" not in str(caught.value)
