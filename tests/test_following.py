"""Sources followed from run to run: history, copies, sources that are gone or moved, and what is remembered of each."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from briefbot.ingest.duplicates import is_copy
from briefbot.ingest.inventory import render_inventory, take_inventory
from briefbot.ingest.passages import split_passages
from briefbot.ingest.pipeline import Ingestor
from briefbot.ingest.reports import IngestResult, count_outcomes, render_report, report_as_json
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from test_pipeline import FRONT_MATTER, TWO_SECTIONS, Bench

from briefbot.corpus import Corpus
from briefbot.errors import NotFoundError
from briefbot.ledger import SourceRow
from briefbot.models import Document

STORY = (
    "The ferry office raised the harbour fee to RMB 300 a day on 3 May 2024, its first change in four years. "
    "Ferry companies had asked for a lower fee, and the office declined after two hearings in the town hall. "
    "The new fee applies from 1 June 2024 and is paid at noon at the southern gate of the harbour. "
    "A spokesman said that the money would be spent on new piers and on a shelter for passengers."
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def outcomes(results: list[IngestResult]) -> dict[str, str]:
    return {Path(result.source.split("!")[-1]).name: result.outcome for result in results}


def row_of(bench: Bench, name: str) -> SourceRow:
    return next(row for source, row in bench.corpus.sources().items() if source.endswith(name))


# ------------------------------------------------------------------ what is remembered of a source


def test_a_sources_row_ends_as_indexed_with_its_document_and_the_hash_of_its_bytes(bench: Bench) -> None:
    bench.write("fines.md", TWO_SECTIONS)
    (result,) = bench.ingest()
    row = row_of(bench, "fines.md")
    assert (row.state, row.document_id) == ("indexed", result.document_id)
    assert len(row.fingerprint or "") == 64
    assert row.changed_at
    assert row.checked_at


def test_a_file_with_the_same_bytes_is_not_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write("fines.md", TWO_SECTIONS)
    bench.write("empty.txt", "  ")
    first = bench.ingest()
    monkeypatch.setattr("briefbot.ingest.engines.read_document", lambda *_: pytest.fail("read again"))
    again = bench.ingest()
    assert outcomes(first) == {"empty.txt": "refused", "fines.md": "added"}
    assert outcomes(again) == {"empty.txt": "refused", "fines.md": "unchanged"}
    assert [result.reason for result in again if result.reason] == [result.reason for result in first if result.reason]


def test_an_archive_with_the_same_bytes_is_not_opened_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bench.sources / "packed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.md", TWO_SECTIONS)
        archive.writestr("two.txt", STORY)
    assert outcomes(bench.ingest()) == {"one.md": "added", "two.txt": "added"}
    monkeypatch.setattr("briefbot.ingest.sandbox.Sandbox.list_archive", lambda *_: pytest.fail("opened again"))
    assert outcomes(bench.ingest()) == {"one.md": "unchanged", "two.txt": "unchanged"}


def test_a_file_that_an_archive_no_longer_has_is_gone(bench: Bench) -> None:
    path = bench.sources / "packed.zip"
    for names in (["one.md", "two.txt"], ["one.md"]):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, TWO_SECTIONS if name == "one.md" else STORY)
        found = bench.ingest()
    assert outcomes(found) == {"one.md": "unchanged", "two.txt": "gone"}


def test_an_archive_that_can_no_longer_be_opened_leaves_its_files_as_they_were(bench: Bench) -> None:
    path = bench.sources / "packed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.md", TWO_SECTIONS)
    (added,) = bench.ingest()
    path.write_bytes(path.read_bytes()[:40])
    assert outcomes(bench.ingest()) == {"packed.zip": "refused"}
    assert list(bench.corpus.content_hashes()) == [added.document_id]


def test_a_new_version_of_a_file_that_is_refused_leaves_the_earlier_one_as_it_was(bench: Bench) -> None:
    path = bench.write("fines.md", TWO_SECTIONS)
    (added,) = bench.ingest()
    before = bench.corpus.passages_of(added.document_id or "")
    path.write_bytes(b"\x00\x00\x00")
    (refused,) = bench.ingest()
    assert refused.outcome == "refused"
    assert bench.corpus.passages_of(added.document_id or "") == before
    assert row_of(bench, "fines.md").document_id == added.document_id
    path.write_text(TWO_SECTIONS, encoding="utf-8")
    assert outcomes(bench.ingest()) == {"fines.md": "unchanged"}


def test_a_text_that_cannot_be_divided_is_refused_and_harms_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def divide(document: Document) -> object:
        if "Tencent" in document.text:
            raise ValueError("unforeseen")
        return real(document)

    real = split_passages
    monkeypatch.setattr("briefbot.ingest.pipeline.split_passages", divide)
    bench.write("bad.md", TWO_SECTIONS)
    bench.write("good.txt", STORY)
    assert outcomes(bench.ingest()) == {"bad.md": "refused", "good.txt": "added"}
    monkeypatch.undo()
    assert outcomes(bench.ingest()) == {"bad.md": "added", "good.txt": "unchanged"}


def test_a_run_that_was_broken_off_is_gone_on_with(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write("a.md", TWO_SECTIONS)
    bench.write("b.txt", STORY)
    monkeypatch.setattr(Corpus, "put_document", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        bench.ingest()
    assert {row.state for row in bench.corpus.sources().values()} == {"embedded"}
    assert bench.corpus.content_hashes() == {}
    monkeypatch.undo()
    assert outcomes(bench.ingest()) == {"a.md": "added", "b.txt": "added"}
    assert {row.state for row in bench.corpus.sources().values()} == {"indexed"}


def test_a_record_of_the_schema_before_gets_the_new_tables_and_keeps_its_documents(bench: Bench) -> None:
    bench.write("fines.md", TWO_SECTIONS)
    bench.ingest()
    with bench.corpus._connection() as connection:
        connection.executescript("DROP TABLE sources; DROP TABLE history; PRAGMA user_version = 1")
    bench.corpus.close()
    corpus = Corpus(bench.corpus.path)
    assert corpus.sources() == {}
    (result,) = Ingestor(corpus, None, bench.embedder.provide).ingest([bench.sources])
    assert result.outcome == "unchanged"
    assert [row.state for row in corpus.sources().values()] == ["indexed"]
    assert len(bench.embedder.history) == 1


# ------------------------------------------------------------------ history


def test_what_a_changed_file_said_before_stays_in_the_history(bench: Bench) -> None:
    path = bench.write("fines.md", TWO_SECTIONS)
    (first,) = bench.ingest()
    path.write_text(TWO_SECTIONS.replace("April", "May"), encoding="utf-8")
    bench.ingest()
    (version,) = bench.corpus.versions_of(first.document_id or "")
    assert version.ending == "replaced"
    assert "It was in April." in version.text
    assert version.fields["title"] == "Fines"
    assert "It was in May." in bench.corpus.catalogue().documents[first.document_id or ""].text


def test_what_a_user_removes_leaves_nothing_behind(bench: Bench) -> None:
    path = bench.write("fines.md", TWO_SECTIONS)
    (first,) = bench.ingest()
    path.write_text(TWO_SECTIONS.replace("April", "May"), encoding="utf-8")
    bench.ingest()
    bench.ingestor.remove(first.document_id or "")
    assert bench.corpus.versions_of(first.document_id or "") == []
    assert bench.corpus.sources() == {}
    assert bench.index.is_sound(bench.corpus)


# ------------------------------------------------------------------ sources that are gone or moved


def test_a_deleted_file_is_told_as_gone_and_its_text_stays_in_the_history(bench: Bench) -> None:
    path = bench.write("fines.md", TWO_SECTIONS)
    bench.write("other.txt", STORY)
    id_ = next(result.document_id for result in bench.ingest() if result.source.endswith("fines.md")) or ""
    path.unlink()
    assert outcomes(bench.ingest()) == {"fines.md": "gone", "other.txt": "unchanged"}
    assert id_ not in bench.corpus.content_hashes()
    assert [version.ending for version in bench.corpus.versions_of(id_)] == ["gone"]
    assert row_of(bench, "fines.md").state == "gone"
    assert bench.index.is_sound(bench.corpus)
    assert outcomes(bench.ingest()) == {"other.txt": "unchanged"}
    bench.write("fines.md", TWO_SECTIONS)
    assert outcomes(bench.ingest()) == {"fines.md": "added", "other.txt": "unchanged"}


def test_a_deleted_file_that_is_named_is_gone_and_one_that_never_was_is_an_error(bench: Bench) -> None:
    path = bench.write("fines.md", TWO_SECTIONS)
    bench.ingest(path)
    path.unlink()
    assert outcomes(bench.ingest(path)) == {"fines.md": "gone"}
    with pytest.raises(NotFoundError, match="does not exist"):
        bench.ingest(bench.sources / "never.md")


def test_files_outside_the_folder_named_are_left_alone(bench: Bench) -> None:
    (bench.sources / "a").mkdir()
    (bench.sources / "ab").mkdir()
    kept = bench.write("ab/kept.txt", STORY)
    gone = bench.write("a/gone.md", TWO_SECTIONS)
    bench.ingest()
    gone.unlink()
    kept.unlink()
    assert outcomes(bench.ingest(bench.sources / "a")) == {"gone.md": "gone"}


def test_a_document_with_an_id_of_its_own_may_move_but_not_be_in_two_places(bench: Bench) -> None:
    text = FRONT_MATTER.format(id="a-fine", body="Alibaba paid.")
    path = bench.write("one.md", text)
    bench.ingest()
    other = bench.write("two.md", text.replace("paid", "did pay"))
    results = {Path(result.source).name: result for result in bench.ingest()}
    assert results["two.md"].outcome == "refused"
    assert "one.md has" in (results["two.md"].reason or "")
    path.unlink()
    assert outcomes(bench.ingest()) == {"two.md": "updated", "one.md": "gone"}
    assert bench.corpus.origins() == {"a-fine": str(other)}
    assert row_of(bench, "one.md").document_id is None
    assert bench.index.is_sound(bench.corpus)


def test_a_file_that_moved_is_not_embedded_again(bench: Bench) -> None:
    path = bench.write("fines.md", TWO_SECTIONS)
    bench.ingest()
    path.rename(bench.sources / "renamed.md")
    assert outcomes(bench.ingest()) == {"renamed.md": "added", "fines.md": "gone"}
    assert len(bench.embedder.history) == 1


def test_patterns_name_files(bench: Bench) -> None:
    (bench.sources / "deep").mkdir()
    bench.write("deep/a.md", TWO_SECTIONS)
    bench.write("b.txt", STORY)
    assert outcomes(bench.ingest(bench.sources / "**" / "*.md")) == {"a.md": "added"}
    with pytest.raises(NotFoundError, match="check the path or the pattern"):
        bench.ingest(bench.sources / "*.pdf")


# ------------------------------------------------------------------ copies


def test_of_an_article_from_two_publishers_one_is_indexed_and_the_other_is_linked(bench: Bench) -> None:
    bench.write("a.txt", f"Title: Harbour fee\n{STORY}")
    bench.write("b.txt", f"Title: Fee for ferries\n{STORY} Read more on our site.")
    first, second = bench.ingest()
    assert (first.outcome, second.outcome) == ("added", "duplicate")
    assert second.duplicate_of == first.document_id
    assert list(bench.corpus.content_hashes()) == [first.document_id]
    kept = bench.corpus.duplicate(second.document_id or "")
    assert kept
    assert kept.title == "Fee for ferries"
    assert bench.corpus.copies_of(first.document_id or "") == [kept]
    version, calls = bench.corpus.version(), len(bench.embedder.history)
    assert [result.outcome for result in bench.ingest()] == ["unchanged", "duplicate"]
    assert (bench.corpus.version(), len(bench.embedder.history)) == (version, calls)


def test_a_copy_takes_the_place_of_an_original_that_is_gone_or_becomes_another_text(bench: Bench) -> None:
    original = bench.write("a.txt", STORY)
    bench.write("b.txt", f"{STORY} Read more on our site.")
    _, copy = bench.ingest()
    original.write_text("Something else entirely, about trains and their drivers. " * 6, encoding="utf-8")
    assert outcomes(bench.ingest()) == {"a.txt": "updated", "b.txt": "added"}
    assert copy.document_id in bench.corpus.content_hashes()
    original.write_text(STORY, encoding="utf-8")
    assert outcomes(bench.ingest()) == {"a.txt": "duplicate", "b.txt": "unchanged"}
    (bench.sources / "b.txt").unlink()
    assert outcomes(bench.ingest()) == {"a.txt": "added", "b.txt": "gone"}
    assert bench.index.is_sound(bench.corpus)


def test_a_copy_takes_the_place_of_an_original_that_a_user_removes(bench: Bench) -> None:
    bench.write("a.txt", STORY)
    bench.write("b.txt", f"{STORY} Read more on our site.")
    original, copy = bench.ingest()
    bench.ingestor.remove(original.document_id or "")
    assert list(bench.corpus.content_hashes()) == [copy.document_id]


def make_document(text: str, id_: str = "x") -> Document:
    return Document(id_, "T", text, "article", ("PRESS",), "press", None, "en")


def test_the_same_story_with_another_figure_is_no_copy() -> None:
    corrected = STORY.replace("RMB 300", "RMB 350")
    assert is_copy(make_document(f"{STORY} Read more."), make_document(STORY))
    assert not is_copy(make_document(corrected), make_document(STORY))
    assert not is_copy(make_document(f"{STORY} Seven ferries of 12 will stop."), make_document(STORY))


@hypothesis_settings(max_examples=60)
@given(st.lists(st.sampled_from([f"{sentence.strip()}." for sentence in STORY.split(". ")]), min_size=1, max_size=6))
def test_every_text_is_a_copy_of_itself_whatever_its_spacing(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert is_copy(make_document(text), make_document(text))
    assert is_copy(make_document(text.replace(" ", "  ")), make_document(text.upper()))


# ------------------------------------------------------------------ reports


def test_a_report_names_every_source_with_its_outcome_and_counts_them(bench: Bench) -> None:
    bench.write("a.txt", STORY)
    bench.write("b.txt", f"{STORY} Read more on our site.")
    bench.write("c.txt", " ")
    results = bench.ingest()
    assert count_outcomes(results) == {
        "added": 1,
        "updated": 0,
        "unchanged": 0,
        "duplicate": 1,
        "gone": 0,
        "refused": 1,
    }
    lines = list(render_report(results, 1.25))
    assert len(lines) == 4
    assert [line.split()[0] for line in lines[:3]] == ["added", "duplicate", "refused"]
    assert lines[1].endswith(f"same as {results[0].document_id}")
    assert lines[-1] == "1 added, 0 updated, 0 unchanged, 1 duplicate, 0 gone, 1 refused; 1.2 s"
    plain = report_as_json(results)
    assert {row["outcome"] for row in plain["results"]} == {"added", "duplicate", "refused"}
    assert plain["counts"]["added"] == 1


def test_an_inventory_counts_sources_by_state_and_names_those_that_need_a_look(bench: Bench) -> None:
    bench.write("a.txt", STORY)
    bench.write("b.txt", f"{STORY} Read more on our site.")
    bench.write("c.txt", " ")
    gone = bench.write("d.md", TWO_SECTIONS)
    bench.ingest()
    gone.unlink()
    bench.ingest()
    with bench.corpus.writing():
        bench.corpus.put_sources([SourceRow("/elsewhere/e.txt", "parsed")])
    found = take_inventory(bench.corpus)
    assert found.sources == {"indexed": 1, "duplicate": 1, "refused": 1, "gone": 1, "parsed": 1}
    assert (found.documents, found.bundled, found.earlier_versions) == (1, 0, 1)
    assert found.unfinished == ("/elsewhere/e.txt",)
    lines = list(render_inventory(found))
    assert lines[2].startswith("sources      1 duplicate, 1 gone, 1 indexed, 1 parsed, 1 refused; last change ")
    assert {line.split()[0] for line in lines[3:]} == {"refused", "duplicate", "gone", "unfinished"}
