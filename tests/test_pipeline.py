"""Ingestion: only what changed is embedded, and a refused file harms no other."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from briefbot.ingest.passages import split_passages
from briefbot.ingest.pipeline import BUNDLED_ORIGIN, Ingestor
from briefbot.ingest.readers.formats import read_file
from briefbot.ingest.reports import IngestResult
from briefbot.ingest.sources import find_source_files
from conftest import Workshop
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from briefbot.corpus import Corpus
from briefbot.embedding import Embedder, ModelIdentity, Progress
from briefbot.errors import NotFoundError, RefusedDocumentError
from briefbot.index import PassageIndex

if TYPE_CHECKING:
    from collections.abc import Callable

TWO_SECTIONS = "# Fines\n\n## Amounts\n\nAlibaba paid. Tencent did not.\n\n## Dates\n\nIt was in April."
FRONT_MATTER = """---
id: {id}
kind: event
title: A fine
issuer: [SAMR]
authority: enforcement
force: binding
published: 2021-04-10
topics: [antitrust]
sources:
  - {{publisher: SAMR, title: Decision, confirms: [amount]}}
  - {{publisher: Xinhua, title: Report, confirms: [amount]}}
checked_on: 2026-01-01
---
{body}
"""


class CountingEmbedder:
    """Constant unit vectors, and a history of the texts asked for."""

    identity = ModelIdentity("constant", "0", 4, "", "")

    def __init__(self) -> None:
        self.history: list[list[str]] = []

    def embed_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> NDArray[np.float32]:
        self.history.append(list(texts))
        if progress:
            progress("embedding", len(texts), len(texts))
        return np.full((len(texts), 4), 0.5, dtype=np.float32)

    def provide(self) -> Embedder:
        return cast("Embedder", self)


class Bench:
    """A record and index of a test's own with the counting embedder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.embedder = CountingEmbedder()
        self.corpus = Corpus(folder / "record.sqlite3")
        self.index = PassageIndex(folder / "index")
        self.ingestor = Ingestor(self.corpus, self.index, self.embedder.provide)
        self.sources = folder / "sources"
        self.sources.mkdir()

    def write(self, name: str, text: str) -> Path:
        path = self.sources / name
        path.write_text(text, encoding="utf-8")
        return path

    def ingest(self, *paths: Path, origin: str | None = None) -> list[IngestResult]:
        return self.ingestor.ingest(paths or [self.sources], origin=origin)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_second_run_writes_and_embeds_nothing(bench: Bench) -> None:
    bench.write("fines.md", TWO_SECTIONS)
    bench.write("games.txt", "Minors may play three hours a week.")
    assert [result.outcome for result in bench.ingest()] == ["added", "added"]
    version, stamp = bench.corpus.version(), bench.corpus.path.stat().st_mtime_ns
    assert [result.outcome for result in bench.ingest()] == ["unchanged", "unchanged"]
    assert len(bench.embedder.history) == 1
    assert bench.corpus.version() == version
    assert bench.corpus.path.stat().st_mtime_ns == stamp
    assert bench.index.is_sound(bench.corpus)


def test_only_the_passage_that_changed_and_its_new_sentences_are_embedded_again(bench: Bench) -> None:
    path = bench.write("fines.md", TWO_SECTIONS)
    bench.ingest()
    assert len(bench.embedder.history[0]) == 5  # two passages, three sentences
    path.write_text(TWO_SECTIONS.replace("Tencent did not.", "Meituan did too."), encoding="utf-8")
    (result,) = bench.ingest()
    assert result.outcome == "updated"
    assert bench.embedder.history[1:] == [
        ["Fines › Fines › Amounts\nAlibaba paid. Meituan did too.", "Meituan did too."]
    ]
    assert result.document_id
    texts = [passage.text for passage in bench.corpus.passages_of(result.document_id)]
    assert texts == ["Alibaba paid. Meituan did too.", "It was in April."]
    assert bench.index.is_sound(bench.corpus)


def test_a_text_that_moved_is_not_embedded_again(bench: Bench) -> None:
    path = bench.write("fines.md", TWO_SECTIONS)
    bench.ingest()
    before, after = TWO_SECTIONS.split("\n\n## Dates")
    path.write_text(
        f"{before.replace('## Amounts', '## Dates' + after + chr(10) * 2 + '## Amounts')}", encoding="utf-8"
    )
    assert [result.outcome for result in bench.ingest()] == ["updated"]
    assert len(bench.embedder.history) == 1


def test_refused_files_are_named_with_their_reason_and_harm_no_other(bench: Bench) -> None:
    good = bench.write("good.md", TWO_SECTIONS)
    empty = bench.write("empty.txt", "   \n")
    bodiless = bench.write("bodiless.md", FRONT_MATTER.format(id="bodiless", body=""))
    wrong = bench.write("wrong.md", FRONT_MATTER.format(id="Not An Id", body="Text."))
    odd = bench.write("table.xlsx", "cells")
    binary = bench.sources / "binary.txt"
    binary.write_bytes(b"a\x00b")
    results = {Path(item.source).name: item for item in bench.ingest(good, empty, bodiless, wrong, odd, binary)}
    assert {name: item.outcome for name, item in results.items()} == {
        "good.md": "added",
        **dict.fromkeys(["empty.txt", "bodiless.md", "wrong.md", "table.xlsx", "binary.txt"], "refused"),
    }
    assert results["empty.txt"].reason == "empty.txt: expected text; got an empty file; check the file"
    assert "expected text below the front matter" in (results["bodiless.md"].reason or "")
    assert "id: String should match pattern" in (results["wrong.md"].reason or "")
    assert "expected one of .docx, .htm, .html, .markdown, .md, .pdf, .txt, .xhtml, .zip; got .xlsx" in (
        results["table.xlsx"].reason or ""
    )
    assert "expected UTF-8, UTF-16 or GB18030 text" in (results["binary.txt"].reason or "")
    assert len(bench.corpus.content_hashes()) == 1


def test_a_file_that_became_unreadable_leaves_its_old_version(bench: Bench) -> None:
    path = bench.write("fine.md", FRONT_MATTER.format(id="fine", body="Alibaba paid."))
    bench.ingest()
    path.write_text(FRONT_MATTER.format(id="fine", body="Nobody paid.").replace("kind: event", "kind: rumour"))
    assert [result.outcome for result in bench.ingest()] == ["refused"]
    assert bench.corpus.catalogue().documents["fine"].text == "Alibaba paid."


def test_the_second_file_of_one_id_is_refused_with_the_name_of_the_first(bench: Bench) -> None:
    bench.write("a.md", FRONT_MATTER.format(id="fine", body="First."))
    bench.write("b.md", FRONT_MATTER.format(id="fine", body="Second."))
    added, refused = bench.ingest()
    assert (added.outcome, added.document_id) == ("added", "fine")
    assert refused.reason == "b.md: expected an id of its own; got fine, which a.md has; change one of them"
    assert bench.corpus.catalogue().documents["fine"].text == "First."


def test_a_file_named_twice_is_taken_in_once(bench: Bench) -> None:
    path = bench.write("a.md", TWO_SECTIONS)
    assert [result.outcome for result in bench.ingest(bench.sources, path, path)] == ["added"]


def test_a_user_document_may_not_take_a_bundled_documents_id(bench: Bench) -> None:
    path = bench.write("a.md", FRONT_MATTER.format(id="fine", body="Bundled."))
    bench.ingest(path, origin=BUNDLED_ORIGIN)
    path.write_text(FRONT_MATTER.format(id="fine", body="Forged."), encoding="utf-8")
    (result,) = bench.ingest(path)
    assert result.outcome == "refused"
    assert "which the bundled corpus has" in (result.reason or "")
    assert bench.corpus.catalogue().documents["fine"].text == "Bundled."


def test_a_removed_document_is_gone_from_record_and_index(bench: Bench) -> None:
    bench.write("fine.md", FRONT_MATTER.format(id="fine", body="Alibaba paid."))
    bench.write("other.md", FRONT_MATTER.format(id="other", body="Tencent paid."))
    bench.ingest()
    bench.ingestor.remove("fine")
    assert list(bench.corpus.content_hashes()) == ["other"]
    assert bench.index.count() == 1
    assert bench.index.is_sound(bench.corpus)
    with pytest.raises(NotFoundError, match="got fine"):
        bench.ingestor.remove("fine")


def test_an_empty_index_beside_a_full_record_is_not_taken_for_current_and_is_filled(bench: Bench) -> None:
    bench.write("fine.md", FRONT_MATTER.format(id="fine", body="Alibaba paid."))
    bench.ingest()
    fresh = PassageIndex(bench.folder / "another-index")
    ingestor = Ingestor(bench.corpus, fresh, bench.embedder.provide)
    ingestor.ingest([bench.sources])
    assert fresh.version is None
    bench.write("other.md", FRONT_MATTER.format(id="other", body="Tencent paid."))
    ingestor.ingest([bench.sources])
    assert fresh.count() == bench.corpus.count_passages() == 2
    assert fresh.is_sound(bench.corpus)


def test_a_path_that_does_not_exist_stops_before_anything_is_taken_in(bench: Bench) -> None:
    good = bench.write("good.md", TWO_SECTIONS)
    with pytest.raises(NotFoundError, match=r"nowhere\.md, which does not exist"):
        bench.ingest(good, bench.sources / "nowhere.md")
    assert bench.corpus.content_hashes() == {}


def test_folders_are_read_below_except_for_their_readme_and_other_formats(bench: Bench) -> None:
    (bench.sources / "deep").mkdir()
    for name in ("b.txt", "a.md", "README.md", "data.csv", "deep/c.MARKDOWN"):
        bench.write(name, "Text.")
    found = [path.relative_to(bench.sources).as_posix() for path in find_source_files([bench.sources])]
    assert found == ["a.md", "b.txt", "deep/c.MARKDOWN"]


def test_progress_counts_every_text_once_and_ends_at_the_total(bench: Bench) -> None:
    bench.write("fines.md", TWO_SECTIONS)
    told: list[tuple[str, int, int]] = []
    report: Callable[[str, int, int], None] = lambda *step: told.append(step)  # noqa: E731
    bench.ingestor.ingest([bench.sources], progress=report)
    assert [step for step in told if step[0] == "embedding"][-1] == ("embedding", 5, 5)
    assert told[-1] == ("sources", 1, 1)


def test_the_real_model_makes_an_ingested_file_searchable(workshop: Workshop, embedder: Embedder) -> None:
    workshop.write("fines.md", TWO_SECTIONS)
    (result,) = workshop.ingestor.ingest([workshop.folder])
    assert result.outcome == "added"
    passages = workshop.corpus.passages_of(result.document_id or "")
    found = workshop.index.search(embedder.embed_query("In which month was it?"), 2)
    assert found[0][0] == passages[1].id
    assert workshop.index.is_sound(workshop.corpus)


@hypothesis_settings(max_examples=150)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)), st.sampled_from([".md", ".txt"]))
@example(b"---\n[1]\n---\ntext", ".md")
@example(b"---\nid: x\n---\n", ".md")
@example(b"# only a heading", ".md")
@example(b"\xff\xfe\x00", ".txt")
@example(b"Title: ", ".txt")
@example(b"a" + b" " * 3000 + b"b", ".txt")
@example(b"9" * 400, ".txt")
def test_any_bytes_are_a_document_or_refused(data: bytes, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"source{ending}")
        path.write_bytes(data)
        with contextlib.closing(Corpus(Path(folder, "record.sqlite3"))) as corpus:
            (result,) = Ingestor(corpus, None, CountingEmbedder().provide).ingest([path])
            if result.outcome == "refused":
                assert (result.reason or "").strip()
                with pytest.raises(RefusedDocumentError):
                    read_file(path)
            else:
                assert result.outcome == "added"
                document = corpus.catalogue().documents[result.document_id or ""]
                assert document == read_file(path)
                assert corpus.passages_of(document.id) == split_passages(document)
