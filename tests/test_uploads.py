"""POST /v1/documents: the key, the report, and nothing of where files are kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pytest
from briefbot.ingest.pipeline import Ingestor
from clients import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from test_readers import ENGLISH, ENGLISH_TITLE, make_docx, make_pdf, make_zip

from briefbot.answering import Briefbot
from briefbot.api import uploads
from briefbot.api.admission import Admission
from briefbot.api.app import create_app
from briefbot.api.uploads import MOST_FILES, make_name
from briefbot.corpus import Corpus
from briefbot.embedding import Embedder
from briefbot.errors import UsageError
from briefbot.index import PassageIndex
from briefbot.keys import KeyRing
from briefbot.settings import Settings

KEY = "a-key-for-tests-only"
HEADERS = {"authorization": f"Bearer {KEY}"}


@pytest.fixture
def office(tmp_path: Path, embedder: Embedder) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path, api_key=SecretStr(KEY))
    corpus = Corpus(settings.record_path)
    bot = Briefbot(settings, corpus, embedder, PassageIndex(settings.index_path))
    with TestClient(create_app(settings, bot)) as client:
        yield client
    bot.close()


def send(client: TestClient, files: dict[str, bytes], headers: dict[str, str] = HEADERS) -> tuple[int, Any]:
    response = client.post(
        "/v1/documents", files=[("files", (name, data)) for name, data in files.items()], headers=headers
    )
    return response.status_code, response.json()


def test_files_that_are_sent_can_be_asked_about_at_once(office: TestClient) -> None:
    files = {"ferries.pdf": make_pdf(ENGLISH_TITLE, ENGLISH), "broken.docx": b"nothing"}
    status, report = send(office, files)
    assert status == 200
    assert report["counts"] == {"added": 1, "updated": 0, "unchanged": 0, "duplicate": 0, "gone": 0, "refused": 1}
    added, refused = report["results"]
    assert (added["source"], added["outcome"]) == ("ferries.pdf", "added")
    assert (refused["source"], refused["outcome"]) == ("broken.docx", "refused")
    assert "expected" in refused["reason"]
    answer = office.post("/v1/answer", json={"question": "What is the fee for ferries a day?"}).json()
    assert "RMB 300" in answer["text"]
    assert answer["citations"][0]["document"]["id"] == added["document_id"]


def test_a_file_sent_again_is_unchanged_and_one_of_its_name_is_a_new_version(office: TestClient) -> None:
    assert send(office, {"a.docx": make_docx(ENGLISH_TITLE, ENGLISH)})[1]["counts"]["added"] == 1
    assert send(office, {"a.docx": make_docx(ENGLISH_TITLE, ENGLISH[:2])})[1]["counts"]["updated"] == 1
    assert send(office, {"b.txt": b"Some other words."})[1]["counts"]["added"] == 1
    assert send(office, {"b.txt": b"Some other words."})[1]["counts"]["unchanged"] == 1
    assert office.get("/v1/documents").json()["total"] == 2


def test_the_files_of_an_archive_are_named_by_it_and_no_folder_is_told(office: TestClient, tmp_path: Path) -> None:
    status, report = send(office, {"packed.zip": make_zip({"one.txt": b"First words.", "two.txt": b""})})
    assert status == 200
    assert sorted((row["source"], row["outcome"]) for row in report["results"]) == [
        ("packed.zip!one.txt", "added"),
        ("packed.zip!two.txt", "refused"),
    ]
    assert str(tmp_path) not in str(report)


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer another-key-of-length"}, {"authorization": f"Basic {KEY}é".encode()}]
)
def test_without_the_key_nothing_is_taken(office: TestClient, tmp_path: Path, headers: dict[str, str]) -> None:
    status, problem = send(office, {"a.txt": b"Words."}, headers)
    assert (status, problem["type"]) == (401, "urn:briefbot:problem:unauthorized")
    assert not (tmp_path / "uploads").exists()


def test_a_service_without_a_key_takes_nothing_and_says_how_to_make_one(bot: Briefbot, tmp_path: Path) -> None:
    with TestClient(create_app(bot.settings.model_copy(update={"api_key": None, "home": tmp_path}), bot)) as client:
        status, problem = send(client, {"a.txt": b"Words."}, {})
    assert status == 401
    assert "briefbot key create NAME --scope ingest" in str(problem["detail"])


def test_a_key_that_may_only_ask_sends_nothing_and_one_that_may_ingest_does(office: TestClient, tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys.sqlite3")
    (_, reader), (_, loader) = ring.create("Reader", ["ask"]), ring.create("Loader", ["ingest"])
    status, problem = send(office, {"a.txt": b"Words."}, {"authorization": f"Bearer {reader}"})
    assert (status, problem["type"]) == (403, "urn:briefbot:problem:forbidden")
    assert not (tmp_path / "uploads").exists()
    assert send(office, {"a.txt": b"Words."}, {"authorization": f"Bearer {loader}"})[0] == 200


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ([("a.txt", b"one"), ("a.txt", b"two")], 422),
        ([("table.xlsx", b"cells")], 422),
        ([("..", b"x")], 422),
        ([(f"{number}.txt", b"x") for number in range(MOST_FILES + 1)], 422),
        ([], 422),
        ([("large.txt", b"x" * 62_000_000)], 413),
    ],
)
def test_what_cannot_be_taken_is_refused_before_anything_is_kept(
    office: TestClient, tmp_path: Path, files: list[tuple[str, bytes]], status: int
) -> None:
    response = office.post("/v1/documents", files=[("files", file) for file in files], headers=HEADERS)
    assert response.status_code == status
    assert not (tmp_path / "uploads").exists()


def test_a_name_cannot_lead_out_of_the_folder(office: TestClient, tmp_path: Path) -> None:
    status, report = send(office, {"../../outside.txt": b"Words that stay inside."})
    assert status == 200
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == ["outside.txt"]
    assert not (tmp_path.parent / "outside.txt").exists()
    assert report["results"][0]["source"] == "outside.txt"


def test_while_another_process_writes_the_sender_is_told_to_come_back(
    office: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefbot.corpus.WRITER_WAIT_SECONDS", 0.1)
    other = Corpus(tmp_path / "record.sqlite3")
    with other.writing():
        response = office.post("/v1/documents", files=[("files", ("a.txt", b"Words."))], headers=HEADERS)
    assert response.status_code == 503
    assert response.headers["retry-after"]


@given(st.text(max_size=300))
def test_every_name_becomes_a_plain_one_or_is_refused(name: str) -> None:
    for ending in (".txt", ".PDF", ""):
        try:
            plain = make_name(name + ending)
        except UsageError:
            continue
        assert Path(plain).name == plain
        assert not plain.startswith(".")
        assert len(plain.encode()) <= 200
        assert plain.isprintable()


def test_a_copy_is_shown_among_the_sources_of_the_document_that_stands_for_it(office: TestClient) -> None:
    story = " ".join(ENGLISH) + " A spokesman said that the money would be spent on new piers and shelters."
    status, report = send(office, {"a.txt": story.encode(), "b.txt": f"{story} Read more on our site.".encode()})
    assert (status, report["counts"]["duplicate"]) == (200, 1)
    original, copy = report["results"]
    assert copy["duplicate_of"] == original["document_id"]
    document = office.get(f"/v1/documents/{original['document_id']}").json()
    assert [(source["publisher"], source["confirms"]) for source in document["sources"]] == [("file", [])]
    assert document["gone_since"] is None


def test_documents_that_were_sent_are_sources_of_their_own(office: TestClient, tmp_path: Path) -> None:
    send(office, {"a.txt": b"Some words of a note."})
    corpus = Corpus(tmp_path / "record.sqlite3")
    (row,) = corpus.sources().values()
    assert row.source == str(tmp_path / "uploads" / "a.txt")
    results = Ingestor(corpus, None, lambda: pytest.fail("embedded again")).ingest([tmp_path / "uploads"])
    assert [result.outcome for result in results] == ["unchanged"]


def test_two_that_send_a_file_of_one_name_at_once_do_not_mix(office: TestClient) -> None:
    texts = [f"# Ferries {number}\n\nThe fee of office {number} is RMB {number}00 a day.\n" for number in range(1, 9)]
    with ThreadPoolExecutor(len(texts)) as pool:
        sent = list(pool.map(lambda text: send(office, {"ferries.md": text.encode()}), texts))
    assert [status for status, _ in sent] == [200] * len(texts)
    results = [report["results"][0] for _, report in sent]
    assert {result["outcome"] for result in results} <= {"added", "updated"}
    (id_,) = {result["document_id"] for result in results}
    kept = office.get(f"/v1/documents/{id_}", headers=HEADERS).json()["text"]
    assert sum(f"office {number} is RMB {number}00" in kept for number in range(1, 9)) == 1


def test_more_senders_than_may_wait_are_told_to_come_back(office: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office.app.state, "upload_admission", Admission(1, 0))  # type: ignore[attr-defined]
    go_on = threading.Event()
    take_in = uploads._take_in

    def wait(*asked: Any) -> Any:
        assert go_on.wait(20)
        return take_in(*asked)

    monkeypatch.setattr(uploads, "_take_in", wait)
    with ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(send, office, {f"ferries{n}.md": b"# Ferries\n\nThe fee is RMB 300."}) for n in range(3)]
        refused = next(as_completed(sent, timeout=20)).result()
        go_on.set()
        statuses = sorted(one.result()[0] for one in sent)
    assert refused[0] == 503
    assert refused[1]["type"] == "urn:briefbot:problem:queue-full"
    assert statuses[0] == 200
    assert set(statuses) == {200, 503}


def test_a_folder_that_cannot_be_written_is_a_fault_of_the_service(office: TestClient, tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file in the way", encoding="utf-8")
    status, problem = send(office, {"ferries.md": b"# Ferries\n\nThe fee is RMB 300."})
    assert status == 503
    assert problem["type"] == "urn:briefbot:problem:storage"
    assert str(tmp_path) not in problem["detail"]
