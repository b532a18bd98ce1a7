"""The record: transactions, one writer, versions, full-text search, damage."""

from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from briefbot.ingest.passages import split_passages
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from briefbot.corpus import Corpus, EmbeddedPassage, hash_text
from briefbot.errors import BusyError, IndexMismatchError, StorageError
from briefbot.models import Document, Edge, Passage, Source
from briefbot.terms import query_terms

DIMENSION = 8

FINES = Document(
    id="fines",
    title="Fine on Alibaba",
    title_zh="对阿里巴巴的处罚",
    text='## Amount\n\nSAMR fined Alibaba RMB 18.228 billion. It said "stop".\n\n## 说明\n\n罚款为其2019年销售额的百分之四。',
    kind="event",
    issuer=("SAMR",),
    authority="enforcement",
    published=dt.date(2021, 4, 10),
    language="en",
    names=("Alibaba decision",),
    edges=(Edge("implements", "aml-2007", "It applied the law."),),
    sources=(Source("SAMR", "Decision", None, dt.date(2021, 4, 10), ("amount",)),),
)
GAMES = dataclasses.replace(
    FINES,
    id="games",
    title="Gaming hours",
    title_zh=None,
    names=(),
    text="Minors may play three hours a week.",
    edges=(),
)


def embed(document: Document) -> list[EmbeddedPassage]:
    """The passages of a document with vectors that depend on their texts only."""

    def vector(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        generator = np.random.default_rng(int(hash_text(text)[:8], 16))
        return generator.normal(size=DIMENSION).astype(np.float32)

    def embed_one(passage: Passage) -> EmbeddedPassage:
        own, *sentences = passage.embedded_texts()
        vectors = np.stack([vector(text) for text in sentences])
        return EmbeddedPassage(passage, vector(own), hash_text(own), vectors, tuple(map(hash_text, sentences)))

    return [embed_one(passage) for passage in split_passages(document)]


def put(corpus: Corpus, document: Document, passages: Sequence[EmbeddedPassage] | None = None) -> None:
    with corpus.writing():
        corpus.put_document(
            document,
            embed(document) if passages is None else passages,
            content_hash=hash_text(repr(document)),
            origin="tests",
        )


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    made = Corpus(tmp_path / "record.sqlite3")
    made.bind_model("model-a")
    put(made, FINES)
    return made


def test_a_document_comes_back_as_it_went_in(corpus: Corpus) -> None:
    assert corpus.catalogue().documents == {"fines": FINES}
    assert corpus.passages_of("fines") == [item.passage for item in embed(FINES)]
    assert corpus.origins() == {"fines": "tests"}


def test_vectors_come_back_bit_for_bit_and_in_order(corpus: Corpus) -> None:
    expected = embed(FINES)
    ids, vectors = corpus.vectors()
    assert ids == [item.passage.id for item in expected]
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, np.stack([item.vector for item in expected]))
    np.testing.assert_array_equal(corpus.sentence_vectors_of(ids)[ids[0]], expected[0].sentence_vectors)
    known = corpus.known_vectors([expected[1].embedded_hash, "unknown"])
    assert list(known) == [expected[1].embedded_hash]
    np.testing.assert_array_equal(known[expected[1].embedded_hash], expected[1].vector)


def test_an_exception_in_the_middle_of_a_write_leaves_the_old_version(corpus: Corpus) -> None:
    version = corpus.version()
    changed = dataclasses.replace(FINES, text=f"{FINES.text}\n\nA further paragraph.")
    good, *_, last = embed(changed)
    broken = dataclasses.replace(last, sentence_hashes=())
    with pytest.raises(ValueError, match="argument 3 is shorter"):
        put(corpus, changed, [good, broken])
    assert corpus.version() == version
    assert Corpus(corpus.path).catalogue().documents == {"fines": FINES}
    assert corpus.passages_of("fines") == [item.passage for item in embed(FINES)]
    assert corpus.search_terms(query_terms("Alibaba"), 5) == [
        corpus.passages_of("fines")[0].id,
        corpus.passages_of("fines")[1].id,
    ]
    put(corpus, GAMES)  # the connection is fit for the next transaction
    assert sorted(corpus.content_hashes()) == ["fines", "games"]


def test_a_new_version_of_a_document_replaces_passages_sentences_and_terms(corpus: Corpus) -> None:
    put(corpus, dataclasses.replace(FINES, title="Fine", title_zh=None, names=(), text="Tencent paid nothing."))
    assert [passage.text for passage in corpus.passages_of("fines")] == ["Tencent paid nothing."]
    assert corpus.count_passages() == 1
    assert corpus.search_terms(query_terms("Alibaba"), 5) == []
    assert len(corpus.search_terms(query_terms("Tencent"), 5)) == 1


def test_a_removed_document_leaves_nothing_behind(corpus: Corpus) -> None:
    ids, _ = corpus.vectors()
    with corpus.writing():
        change = corpus.remove_document("fines")
    assert change.removed == tuple(ids)
    assert change.added == ()
    assert corpus.count_passages() == 0
    assert corpus.search_terms(query_terms("Alibaba"), 5) == []
    assert corpus.known_vectors([item.embedded_hash for item in embed(FINES)]) == {}


def test_the_version_changes_with_content_and_comes_back_with_it(corpus: Corpus) -> None:
    first = corpus.version()
    put(corpus, FINES)
    assert corpus.version() == first
    put(corpus, GAMES)
    second = corpus.version()
    put(corpus, dataclasses.replace(GAMES, title="Hours"))
    third = corpus.version()
    assert len({first, second, third}) == 3
    with corpus.writing():
        corpus.remove_document("games")
    assert corpus.version() == first
    assert first.startswith("sha256:")


def test_another_models_vectors_are_refused_until_they_are_replaced(corpus: Corpus) -> None:
    before = corpus.version()
    with pytest.raises(IndexMismatchError, match="briefbot reindex"):
        corpus.bind_model("model-b")
    fresh = {digest: np.ones(4, dtype=np.float32) for digest in corpus.embedded_texts()}
    with corpus.writing():
        corpus.replace_vectors("model-b", fresh)
    corpus.bind_model("model-b")
    assert corpus.vectors()[1].shape == (2, 4)
    assert corpus.version() != before


def test_a_write_without_the_lock_is_refused(corpus: Corpus) -> None:
    with pytest.raises(BusyError, match="writing"):
        corpus.remove_document("fines")
    assert "fines" in corpus.content_hashes()


def test_a_second_process_that_writes_makes_a_writer_give_up_with_a_busy_error(corpus: Corpus) -> None:
    program = (
        "import sys, pathlib\n"
        "from briefbot.corpus import Corpus\n"
        "with Corpus(pathlib.Path(sys.argv[1])).writing():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(corpus.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match="another process is writing") as caught, corpus.writing(wait_seconds=0.1):
            pass
        assert caught.value.retry_helps
        assert corpus.catalogue().documents == {"fines": FINES}  # readers go on
        other.communicate()
    with corpus.writing(wait_seconds=5):
        corpus.remove_document("fines")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("How much was Alibaba fined?", 2),
        ("182.28亿元", 1),
        ("百分之四", 1),
        ("对阿里巴巴的处罚", 2),
        ('"stop" NOT AND OR NEAR(', 1),
        ("Huawei", 0),
    ],
)
def test_full_text_search_finds_stems_numbers_names_and_chinese(corpus: Corpus, query: str, found: int) -> None:
    put(corpus, GAMES)
    ids = corpus.search_terms(query_terms(query), 10)
    assert len(ids) == found
    assert set(corpus.document_ids_of(ids).values()) <= {"fines"}
    assert corpus.search_terms(query_terms(query), 10, ["games"]) == []


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from(["AND", "NOT", "NEAR(", '"', "*", "^", ":", "-", "法", "的", "'", "9" * 400])).map(
            " ".join
        ),
    )
)
def test_full_text_search_of_any_text_raises_nothing(corpus: Corpus, text: str) -> None:
    assert len(corpus.search_terms(query_terms(text), 5)) <= 2


def test_a_question_of_two_thousand_different_words_is_searched(corpus: Corpus) -> None:
    assert corpus.search_terms(query_terms("Alibaba " + " ".join(str(number) for number in range(10, 2010))), 5)


def test_a_file_that_is_no_record_is_a_storage_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite3"
    path.write_bytes(b"not a database at all\n" * 500)
    with pytest.raises(StorageError, match="file is not a database") as caught:
        Corpus(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_record_damaged_in_the_middle_is_a_storage_error_of_one_line(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path / "record.sqlite3")
    put(corpus, FINES)
    corpus.close()
    data = bytearray(corpus.path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    corpus.path.write_bytes(data)
    with pytest.raises(StorageError) as caught:
        Corpus(corpus.path).catalogue()
    assert str(caught.value).startswith("expected a record that can be read")
    assert "\n" not in str(caught.value)
    with pytest.raises(StorageError):
        Corpus(corpus.path).quick_check()


def test_a_record_of_another_schema_is_refused_by_name(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path / "record.sqlite3")
    with corpus._connection() as connection:
        connection.execute("PRAGMA user_version = 99")
    corpus.close()
    with pytest.raises(StorageError, match="expected a record of schema 2; got schema 99"):
        Corpus(corpus.path)
