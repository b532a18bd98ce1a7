"""The vector index: it follows the record, notices damage, and is made anew from the record."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from chromadb.api.shared_system_client import SharedSystemClient
from numpy.typing import NDArray

from briefbot.corpus import Corpus, EmbeddedPassage, PassageChange
from briefbot.errors import StorageError
from briefbot.index import PassageIndex
from briefbot.models import Document, Passage, Sentence

DIMENSION = 16


def unit_vectors(count: int, *, seed: int = 7) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    lengths: NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
    return np.divide(vectors, lengths)


def put(corpus: Corpus, index: PassageIndex | None, document_id: str, vectors: Sequence[NDArray[np.float32]]) -> None:
    """Write a document of as many one-word passages as there are vectors, and bring the index along."""
    text = " ".join(f"w{number:05}" for number in range(len(vectors)))
    document = Document(
        id=document_id, title="Words", text=text, kind="article", issuer=("PRESS",), authority="press",
        published=dt.date(2021, 1, 1), language="en",
    )  # fmt: skip
    items = []
    for number, vector in enumerate(vectors):
        start, end = number * 7, number * 7 + 6
        passage = Passage(
            id=f"{document_id}:{number}", document_id=document_id, ordinal=number, start=start, end=end,
            text=text[start:end], locator="", context="Words", language="en",
            sentences=(Sentence(start, end, text[start:end]),),
        )  # fmt: skip
        items.append(EmbeddedPassage(passage, vector, f"{document_id}-{number}", vector[None, :], (f"s-{number}",)))
    with corpus.writing():
        change = corpus.put_document(document, items, content_hash=str(hash(text)), origin="tests")
        if index is not None:
            index.apply(change, corpus.version())


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path / "record.sqlite3")


def reopen(folder: Path) -> PassageIndex:
    """Open the folder as a new process would: Chroma shares its open files within one."""
    SharedSystemClient.clear_system_cache()
    return PassageIndex(folder)


def test_an_empty_index_is_sound_for_an_empty_record_once_it_is_built(corpus: Corpus, tmp_path: Path) -> None:
    index = PassageIndex(tmp_path / "index")
    assert index.version is None
    assert index.search(unit_vectors(1)[0], 5) == []
    index.rebuild(corpus)
    assert index.is_sound(corpus)


def test_changes_of_the_record_are_followed_and_survive_reopening(corpus: Corpus, tmp_path: Path) -> None:
    index = PassageIndex(tmp_path / "index")
    vectors = unit_vectors(6)
    put(corpus, index, "first", list(vectors[:3]))
    put(corpus, index, "second", list(vectors[3:]))
    assert index.count() == 6
    assert index.search(vectors[4], 1)[0][0] == "second:1"
    put(corpus, index, "second", list(vectors[3:4]))
    assert index.count() == 4
    assert index.is_sound(corpus)
    assert reopen(tmp_path / "index").version == corpus.version()


def test_search_returns_cosines_nearest_first(corpus: Corpus, tmp_path: Path) -> None:
    index = PassageIndex(tmp_path / "index")
    axes = np.eye(DIMENSION, dtype=np.float32)
    put(corpus, index, "axes", [axes[0], axes[1], (axes[0] + axes[1]) / np.float32(np.sqrt(2))])
    found = index.search(axes[0], 3)
    assert [id_ for id_, _ in found] == ["axes:0", "axes:2", "axes:1"]
    assert [similarity for _, similarity in found] == pytest.approx([1.0, 0.70711, 0.0], abs=1e-4)


def test_a_query_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="finite"):
        PassageIndex(tmp_path / "index").search(np.full(DIMENSION, np.nan, dtype=np.float32), 1)


def test_a_record_that_changed_without_the_index_makes_it_unsound_until_rebuilt(corpus: Corpus, tmp_path: Path) -> None:
    index = PassageIndex(tmp_path / "index")
    put(corpus, index, "first", list(unit_vectors(3)))
    put(corpus, None, "second", list(unit_vectors(2, seed=8)))
    assert not index.is_sound(corpus)
    index.rebuild(corpus)
    assert index.is_sound(corpus)
    assert index.count() == 5


def test_vectors_of_other_passages_under_the_right_version_are_noticed(corpus: Corpus, tmp_path: Path) -> None:
    index = PassageIndex(tmp_path / "index")
    put(corpus, index, "first", list(unit_vectors(300)))
    ids = tuple(f"first:{number}" for number in range(300))
    index.apply(PassageChange((), ids, unit_vectors(300, seed=99), ("en",) * 300), corpus.version())
    assert index.version == corpus.version()
    assert index.count() == corpus.count_passages()
    assert not index.is_sound(corpus)
    index.rebuild(corpus)
    assert index.is_sound(corpus)


def test_every_vector_finds_itself_first(corpus: Corpus, tmp_path: Path) -> None:
    index = PassageIndex(tmp_path / "index")
    vectors = unit_vectors(400)
    put(corpus, index, "many", list(vectors))
    ids, stored = corpus.vectors()
    assert [index.search(vector, 1)[0][0] for vector in stored] == ids


def test_a_deleted_segment_folder_is_noticed_on_reopening_and_rebuilding_repairs_it(
    corpus: Corpus, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    put(corpus, PassageIndex(folder), "many", list(unit_vectors(1500)))
    segments = [path for path in folder.iterdir() if path.is_dir()]
    assert segments
    for segment in segments:
        shutil.rmtree(segment)
    index = reopen(folder)
    assert not index.is_sound(corpus)
    index.rebuild(corpus)
    assert index.is_sound(corpus)
    assert reopen(folder).is_sound(corpus)


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 8192])
def test_a_folder_that_chroma_cannot_open_is_set_aside_and_replaced(
    corpus: Corpus, tmp_path: Path, content: bytes
) -> None:
    folder = tmp_path / "index"
    put(corpus, None, "first", list(unit_vectors(3)))
    for _ in range(2):  # the second time there already is a folder set aside
        SharedSystemClient.clear_system_cache()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "chroma.sqlite3").write_bytes(content)
        index = PassageIndex(folder)
        assert not index.is_sound(corpus)
        index.rebuild(corpus)
        assert index.is_sound(corpus)
        assert (tmp_path / "index.damaged" / "chroma.sqlite3").read_bytes() == content


def test_a_file_in_place_of_the_folder_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("not a folder", encoding="utf-8")
    assert PassageIndex(tmp_path / "index").count() == 0
    assert (tmp_path / "index.damaged").read_text(encoding="utf-8") == "not a folder"


def test_a_place_where_no_folder_can_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="set BRIEFBOT_HOME"):
        PassageIndex(tmp_path / "file" / "index")
