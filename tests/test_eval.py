"""The evaluation's matching, metrics and gate, against values worked out by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from briefbot.eval.cases import Case, NeededFact, load_cases
from briefbot.eval.matching import holds_fact, normalise
from briefbot.eval.metrics import (
    Abstention,
    AnswerLength,
    CitationPrecision,
    CitationRecall,
    DocumentRecall,
    FactRecall,
    FalseAbstention,
    Integrity,
    NoLeak,
    NothingForbidden,
    Outcome,
    estimate_mean,
)
from briefbot.eval.runner import Run, check_floors, make_baseline
from hypothesis import given
from hypothesis import strategies as st

from briefbot.errors import NotFoundError, UsageError

TEXT = "SAMR fined Alibaba RMB 18.228 billion on 10 April 2021. It rained."


def make_case(**changes: Any) -> Case:
    fields: dict[str, Any] = {
        "id": "c",
        "split": "dev",
        "language": "en",
        "kind": "amount",
        "question": "How much?",
        "needed": [{"any": ["18.228 billion yuan", "182.28亿元"]}, {"any": ["10 April 2021"]}],
        "documents": ["fine"],
        "outcome": "answer",
    }
    return Case.model_validate({**fields, **changes})


def make_outcome(*spans: tuple[int, int], document: str = "fine", **changes: Any) -> Outcome:
    citations = [
        {
            "number": number,
            "quote": TEXT[start:end],
            "start": start,
            "end": end,
            "document": {"id": document, "published": "2021-04-10"},
        }
        for number, (start, end) in enumerate(spans, start=1)
    ]
    text, statements = "", []
    for citation in citations:
        marked = f"{citation['quote']} [{citation['number']}]"
        statements.append(
            {"text": marked, "start": len(text), "end": len(text) + len(marked), "citations": [citation["number"]]}
        )
        text += marked
    answer = {"text": text, "statements": statements, "citations": citations, "abstained": not spans, **changes}
    return Outcome(answer, ["other", "other", "fine"], {"fine": TEXT})


FINE, RAIN = (0, 55), (56, 66)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("fined RMB 18.228 billion", "182.28亿元", True),
        ("fined RMB 18.228 billion", "18,228 million yuan", True),
        ("fined RMB 18.228 billion", "18.2 billion yuan", False),
        ("罚款182.28亿元", "RMB 18.228 billion", True),
        ("on 10 April 2021", "2021年4月10日", True),
        ("on April 10, 2021", "10 April 2021", True),
        ("on 10 April 2021", "April 2021", True),
        ("in April 2021", "10 April 2021", False),
        ("on 11 April 2021", "10 April 2021", False),
        ("in three years", "3 years", True),
        ("4 percent of sales", "4%", True),
        ("14 percent of sales", "4%", False),
        ("34 platforms", "4 platforms", False),
        ("the SAMRs", "SAMR", False),
        ("罚款 [1]。", "罚款", True),
    ],
)
def test_a_fact_is_found_however_it_is_written(text: str, form: str, expected: bool) -> None:
    assert holds_fact(text, NeededFact(any=[form])) is expected


@given(st.text(max_size=200))
def test_normalising_any_text_never_fails_and_a_text_holds_itself(text: str) -> None:
    normal = normalise(text)
    assert isinstance(normal, str)
    if any(char.isalpha() for char in normal):
        assert holds_fact(text, NeededFact(any=[text]))


def test_ranking_metrics_count_distinct_documents() -> None:
    outcome = make_outcome(FINE)
    assert DocumentRecall(1).score(make_case(), outcome) == 0.0
    assert DocumentRecall(2).score(make_case(), outcome) == 1.0
    assert DocumentRecall(5).score(make_case(outcome="abstain", needed=[]), outcome) is None


def test_fact_and_citation_metrics_of_a_right_answer() -> None:
    outcome = make_outcome(FINE, RAIN)
    assert FactRecall().score(make_case(), outcome) == 1.0
    assert CitationRecall().score(make_case(), outcome) == 1.0
    assert CitationPrecision().score(make_case(), outcome) == 1.0
    elsewhere = make_outcome(FINE, RAIN, document="elsewhere")
    assert CitationPrecision().score(make_case(), elsewhere) == 0.5


def test_a_citation_that_points_at_other_words_loses_recall_and_integrity() -> None:
    outcome = make_outcome(FINE)
    shifted = {**outcome.answer["citations"][0], "quote": TEXT[RAIN[0] : RAIN[1]]}
    broken = Outcome({**outcome.answer, "citations": [shifted]}, [], {"fine": TEXT})
    assert CitationRecall().score(make_case(), broken) == 0.0
    assert Integrity().score(make_case(), broken) == 0.0
    assert Integrity().score(make_case(), outcome) == 1.0


def test_half_of_the_facts_is_one_half() -> None:
    case = make_case(needed=[{"any": ["Alibaba"]}, {"any": ["Tencent"]}])
    assert FactRecall().score(case, make_outcome(FINE)) == 0.5


def test_dates_and_forbidden_documents() -> None:
    case = make_case(as_of=dt.date(2021, 4, 9), forbidden_documents=["fine"])
    assert NoLeak().score(case, make_outcome(FINE)) == 0.0
    assert NoLeak().score(make_case(as_of=dt.date(2021, 4, 10)), make_outcome(FINE)) == 1.0
    assert NothingForbidden().score(case, make_outcome(FINE)) == 0.0
    assert NothingForbidden().score(make_case(), make_outcome(FINE)) is None


def test_abstentions_count_for_and_against() -> None:
    unanswerable = make_case(outcome="abstain", needed=[], documents=[])
    assert Abstention().score(unanswerable, make_outcome()) == 1.0
    assert Abstention().score(make_case(), make_outcome()) is None
    assert FalseAbstention().score(make_case(), make_outcome()) == 1.0
    assert FalseAbstention().score(make_case(), make_outcome(FINE)) == 0.0


def test_length_counts_english_words_and_half_of_chinese_characters() -> None:
    assert AnswerLength().score(make_case(), make_outcome(FINE, text="two words")) == 2.0
    assert AnswerLength().score(make_case(), make_outcome(FINE, text="四个汉字 one")) == 3.0


def test_intervals_are_repeatable_and_hold_the_mean() -> None:
    first = estimate_mean([0.0, 1.0, 1.0, 1.0])
    assert first == estimate_mean([0.0, 1.0, 1.0, 1.0])
    assert first is not None
    assert (first.mean, first.count) == (0.75, 4)
    assert first.low <= first.mean <= first.high
    assert estimate_mean([]) is None


def test_a_figure_under_its_floor_is_named_and_other_cases_are_not_compared() -> None:
    estimate = estimate_mean([0.5, 0.5])
    assert estimate is not None
    run = Run(2, "sha256:a", "v", {"fact_recall": estimate, "false_abstention": estimate}, {}, {}, [])
    assert check_floors(run, make_baseline(run)) == []
    failures = check_floors(
        run, {"cases_digest": "sha256:a", "floors": {"fact_recall": 0.6, "false_abstention": 0.4, "gone": 1.0}}
    )
    assert [failure.split(":")[0] for failure in failures] == ["fact_recall", "false_abstention", "gone"]
    assert "--update" in check_floors(run, {"cases_digest": "sha256:b", "floors": {}})[0]


def test_the_bundled_cases_are_valid_and_cover_every_document() -> None:
    cases = load_cases()
    assert len(cases) >= 400
    assert sum(case.language == "en" for case in cases) >= 250
    assert sum(case.language == "zh" for case in cases) >= 150
    folder = Path(__file__).parent.parent / "ingest/corpus"
    ids = {path.stem for path in folder.rglob("*.md") if path.name != "README.md"}
    needed = {document for case in cases for document in case.documents}
    assert needed <= ids
    assert ids - needed == set()


def test_a_faulty_case_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"id": "a"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine\.jsonl:1: split"):
        load_cases([path])
    path.write_text("{\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine\.jsonl:1: expected one JSON object"):
        load_cases([path])
    with pytest.raises(NotFoundError, match="none"):
        load_cases([tmp_path / "none.jsonl"])
