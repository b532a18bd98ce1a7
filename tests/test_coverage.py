"""What the bundled corpus covers: quarters without a hole, enough of each kind, and rows that point at documents."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path

import pytest
from briefbot.ingest.coverage import Coverage, measure_coverage, quarter_of, render_coverage
from briefbot.ingest.front_matter import TOPICS, load_yaml
from briefbot.ingest.lint import CorpusFile, load_corpus_folder

from briefbot.errors import NotFoundError, RefusedDocumentError

BUNDLED = Path(__file__).parents[1] / "ingest" / "corpus"
QUARTERS = [
    f"{year} Q{quarter}"
    for year in range(2020, 2026)
    for quarter in (1, 2, 3, 4)
    if (year, quarter) >= (2020, 4)
]  # fmt: skip


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    return measure_coverage(BUNDLED)


@pytest.fixture(scope="module")
def files() -> dict[str, CorpusFile]:
    found, defects = load_corpus_folder(BUNDLED)
    assert not defects
    return {file.front.id: file for file in found}


def test_no_quarter_from_2020_q4_to_2025_q4_is_empty(coverage: Coverage) -> None:
    assert len(QUARTERS) == 21
    assert [quarter for quarter in QUARTERS if coverage.quarters.get(quarter, 0) == 0] == []


def test_the_quarters_run_on_without_a_break_and_count_only_dated_documents(
    coverage: Coverage, files: dict[str, CorpusFile]
) -> None:
    assert list(coverage.quarters)[: len(QUARTERS)] == QUARTERS
    own = {identifier for identifier, file in files.items() if "BRIEFBOT" in file.front.issuer}
    before = {identifier for identifier, file in files.items() if file.front.published < dt.date(2020, 10, 1)}
    assert sum(coverage.quarters.values()) == len(files) - len(own | before)


def test_the_corpus_holds_enough_of_each_kind(files: dict[str, CorpusFile]) -> None:
    kinds = Counter(file.front.kind for file in files.values())
    assert kinds["article"] >= 12
    assert kinds["law"] + kinds["regulation"] + kinds["rule"] >= 35
    assert kinds["policy"] >= 25
    assert kinds["event"] >= 40
    assert sum(kinds.values()) >= 110


def test_ten_chinese_summaries_or_more_link_to_the_english_document_of_their_text(
    files: dict[str, CorpusFile],
) -> None:
    summaries = [file.front for file in files.values() if file.front.language == "zh"]
    linked = {
        summary.id
        for summary in summaries
        for edge in summary.edges
        if edge.type == "about"
        and files[edge.target].front.language == "en"
        and files[edge.target].front.title_zh == summary.title_zh
    }
    assert linked == {summary.id for summary in summaries}
    assert len(linked) >= 10


def test_each_fact_and_each_glossary_entry_names_documents_that_exist(files: dict[str, CorpusFile]) -> None:
    facts = load_yaml((BUNDLED / "facts.yaml").read_text(encoding="utf-8"))
    glossary = load_yaml((BUNDLED / "glossary.yaml").read_text(encoding="utf-8"))
    assert {fact["document"] for fact in facts} - files.keys() == set()
    assert {identifier for entry in glossary for identifier in entry["documents"]} - files.keys() == set()
    assert len(glossary) >= 150


def test_each_topic_and_each_phase_has_a_document(coverage: Coverage) -> None:
    assert set(coverage.topics) == set(TOPICS)
    assert [topic for topic, count in coverage.topics.items() if count == 0] == []
    assert set(coverage.phases) == {"background", "crackdown", "rectification", "turn", "courting"}
    assert sum(coverage.phases.values()) == coverage.documents


def test_the_corpus_says_where_it_ends_and_what_it_lacks(coverage: Coverage) -> None:
    about = load_yaml((BUNDLED / "about.yaml").read_text(encoding="utf-8"))
    assert coverage.ends == about["coverage_ends"]
    assert list(coverage.gaps) == about["known_gaps"]


def test_coverage_as_json_has_one_shape_and_survives_the_round_trip(coverage: Coverage) -> None:
    shown = json.loads(json.dumps(coverage.as_json()))
    assert list(shown) == ["documents", "ends", "quarters", "phases", "topics", "cells", "gaps"]
    assert shown["documents"] == coverage.documents
    assert dt.date.fromisoformat(shown["ends"]) == coverage.ends
    assert shown["quarters"] == dict(coverage.quarters)
    assert all(list(cell) == ["phase", "topic", "quarter", "documents"] for cell in shown["cells"])
    assert {cell["topic"] for cell in shown["cells"]} <= set(shown["topics"])
    assert min(cell["documents"] for cell in shown["cells"]) >= 1


def test_the_table_shows_each_topic_quarter_and_gap(coverage: Coverage) -> None:
    lines = render_coverage(coverage).splitlines()
    assert lines[0] == f"{coverage.documents} documents; coverage ends {coverage.ends}"
    first_words = {line.split()[0] for line in lines if line}
    assert set(TOPICS) <= first_words
    count = coverage.quarters["2021 Q1"]
    assert [line for line in lines if line.startswith("2021 Q1")] == [f"2021 Q1  {'█' * count} {count}"]
    assert lines[-len(coverage.gaps) :] == [f"- {gap}" for gap in coverage.gaps]


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2021-01-01", "2021 Q1"), ("2021-03-31", "2021 Q1"), ("2021-04-01", "2021 Q2"), ("2025-12-31", "2025 Q4")],
)
def test_a_day_belongs_to_its_quarter(day: str, expected: str) -> None:
    assert quarter_of(dt.date.fromisoformat(day)) == expected


def test_an_empty_quarter_and_an_empty_topic_are_listed_as_gaps(tmp_path: Path) -> None:
    for name in ("policy-2020-12-11-politburo.md", "policy-2022-01-19-ndrc-platform.md"):
        (tmp_path / name).write_text((BUNDLED / "policies" / name).read_text(encoding="utf-8"), encoding="utf-8")
    found = measure_coverage(tmp_path)
    assert found.quarters == {"2020 Q4": 1, "2021 Q1": 0, "2021 Q2": 0, "2021 Q3": 0, "2021 Q4": 0, "2022 Q1": 1}
    assert found.ends == dt.date(2022, 1, 19)
    assert found.gaps[:4] == tuple(f"no document in 2021 Q{quarter}" for quarter in (1, 2, 3, 4))
    assert "no document on semiconductors" in found.gaps


def test_a_folder_without_documents_is_refused_and_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(RefusedDocumentError, match="expected corpus documents"):
        measure_coverage(tmp_path)
    with pytest.raises(NotFoundError, match="does not exist"):
        measure_coverage(tmp_path / "missing")
