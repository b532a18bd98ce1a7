"""The evaluation's matching, metrics and gate, against values worked out by hand."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import pytest
from briefbot.eval.cases import Case, NeededFact, StatusTable, load_cases
from briefbot.eval.matching import holds_fact, normalise
from briefbot.eval.metrics import (
    AbstentionF1,
    AbstentionPrecision,
    AbstentionRecall,
    AnswerLength,
    AsOfKept,
    CitationPrecision,
    CitationRecall,
    DocumentMrr,
    DocumentNdcg,
    DocumentRecall,
    FactPrecision,
    FactRecall,
    FalseAbstention,
    FiltersKept,
    Integrity,
    LanguageKept,
    ModelTokens,
    NothingForbidden,
    Outcome,
    PremiseHandled,
    SourcePrecision,
    StatusRight,
    estimate_all,
)
from briefbot.eval.ranking import ndcg_at, recall_at, reciprocal_rank_at, success_at
from briefbot.eval.statistics import Ratio, compare_paired, estimate
from hypothesis import given
from hypothesis import settings as hypothesis_settings
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
            "document": {
                "id": document,
                "published": "2021-04-10",
                "status": "final",
                "kind": "event",
                "topics": ["data"],
            },
        }
        for number, (start, end) in enumerate(spans, start=1)
    ]
    text, statements = "", []
    for citation in citations:
        marked = f"{citation['quote']} [{citation['number']}]"
        statements.append(
            {
                "text": marked,
                "start": len(text),
                "end": len(text) + len(marked),
                "citations": [citation["number"]],
                "support": "verbatim",
            }
        )
        text += marked
    answer = {"text": text, "statements": statements, "citations": citations, "abstained": not spans, "language": "en"}
    return Outcome({**answer, **changes}, ["other", "other", "fine"], {"fine": {"text": TEXT}})


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
        ("自2025年5月20日起施行", "20 May 2025", True),
        ("2025年4月30日通过", "2025-04-30", True),
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
    assert DocumentNdcg().score(make_case(), outcome) == pytest.approx(1 / math.log2(3))
    assert DocumentMrr().score(make_case(), outcome) == 0.5
    assert DocumentRecall(5).score(make_case(outcome="abstain", needed=[]), outcome) is None


def test_fact_and_citation_metrics_of_a_right_answer() -> None:
    outcome = make_outcome(FINE, RAIN)
    assert FactRecall().score(make_case(), outcome) == 1.0
    assert FactPrecision().score(make_case(), outcome) == 0.5
    assert CitationRecall().score(make_case(), outcome) == 1.0
    assert CitationPrecision().score(make_case(), outcome) == 1.0
    assert SourcePrecision().score(make_case(), outcome) == 1.0
    elsewhere = make_outcome(FINE, RAIN, document="elsewhere")
    assert SourcePrecision().score(make_case(), elsewhere) == 0.5


def test_a_citation_that_points_at_other_words_loses_recall_precision_and_integrity() -> None:
    outcome = make_outcome(FINE)
    shifted = {**outcome.answer["citations"][0], "quote": TEXT[RAIN[0] : RAIN[1]]}
    broken = Outcome({**outcome.answer, "citations": [shifted]}, [], {"fine": {"text": TEXT}})
    assert CitationRecall().score(make_case(), broken) == 0.0
    assert CitationPrecision().score(make_case(), broken) == 0.0
    assert Integrity().score(make_case(), broken) == 0.0
    assert Integrity().score(make_case(), outcome) == 1.0


def make_written(text: str, citations: list[int], quotes: list[str]) -> Outcome:
    """An answer of one statement that a model wrote."""
    statement = {"text": text, "start": 0, "end": len(text), "citations": citations, "support": "checked"}
    cited = [
        {"number": number, "quote": quote, "start": 0, "end": 1, "document": {"id": "d"}}
        for number, quote in enumerate(quotes, start=1)
    ]
    return Outcome(
        {"text": text, "statements": [statement], "citations": cited, "abstained": False, "language": "en"}, []
    )


QUOTES = ["SAMR fined Alibaba RMB 18.228 billion.", "The fine on Alibaba came on 10 April 2021.", "It rained all day."]


@pytest.mark.parametrize(
    ("citations", "recall", "precision"),
    [
        ([1, 2], 1.0, 1.0),  # supported by both together, and by neither alone
        ([1, 2, 3], 1.0, 2 / 3),  # the third adds nothing
        ([1], 0.0, 0.0),  # no date
        ([], 0.0, None),  # nothing cited
    ],
)
def test_citations_of_a_written_statement_are_judged_as_alce_does(
    citations: list[int], recall: float, precision: float | None
) -> None:
    outcome = make_written("SAMR fined Alibaba RMB 18.228 billion on 10 April 2021.", citations, QUOTES)
    assert CitationRecall().score(make_case(), outcome) == recall
    assert CitationPrecision().score(make_case(), outcome) == (pytest.approx(precision) if precision else precision)


def test_a_number_that_no_quote_holds_is_not_supported_and_a_year_is_held_by_its_day() -> None:
    case = make_case(needed=[{"any": ["Alibaba"]}])
    assert CitationRecall().score(case, make_written("SAMR fined Alibaba RMB 19 billion.", [1], QUOTES)) == 0.0
    assert CitationRecall().score(case, make_written("The fine on Alibaba came in 2021.", [2], QUOTES)) == 1.0


def test_a_needed_fact_outside_every_statement_counts_as_unsupported() -> None:
    outcome = make_outcome(FINE)
    stray = Outcome({**outcome.answer, "text": outcome.answer["text"] + " Tencent too."}, [], outcome.documents)
    case = make_case(needed=[{"any": ["Tencent"]}])
    assert CitationRecall().score(case, stray) == 0.5


def test_half_of_the_facts_is_one_half() -> None:
    case = make_case(needed=[{"any": ["Alibaba"]}, {"any": ["Tencent"]}])
    assert FactRecall().score(case, make_outcome(FINE)) == 0.5


def test_a_false_premise_is_corrected_or_withheld() -> None:
    case = make_case(outcome="correct", needed=[{"any": ["Alibaba"]}])
    assert PremiseHandled().score(case, make_outcome(FINE)) == 1.0
    assert PremiseHandled().score(case, make_outcome(RAIN)) == 0.0
    assert PremiseHandled().score(case, make_outcome()) == 1.0
    assert PremiseHandled().score(make_case(), make_outcome()) is None
    assert FactRecall().score(case, make_outcome(FINE)) is None


def test_dates_filters_and_forbidden_documents() -> None:
    case = make_case(as_of=dt.date(2021, 4, 9), forbidden_documents=["fine"])
    assert AsOfKept().score(case, make_outcome(FINE)) == 0.0
    assert AsOfKept().score(make_case(as_of=dt.date(2021, 4, 10)), make_outcome(FINE)) == 1.0
    assert NothingForbidden().score(case, make_outcome(FINE)) == 0.0
    assert NothingForbidden().score(make_case(), make_outcome(FINE)) is None
    assert FiltersKept().score(make_case(filters={"kind": ["law"]}), make_outcome(FINE)) == 0.0
    assert FiltersKept().score(make_case(filters={"kind": ["event"], "topic": ["data"]}), make_outcome(FINE)) == 1.0
    assert FiltersKept().score(make_case(filters={"topic": ["games"]}), make_outcome(FINE)) == 0.0
    assert FiltersKept().score(make_case(), make_outcome(FINE)) is None


def test_a_status_is_compared_with_the_table_on_the_day_asked() -> None:
    days = [(dt.date(2021, 1, 1), "not_yet_in_force"), (dt.date(2021, 4, 1), "final")]
    metric = StatusRight(StatusTable({"fine": days}))
    assert metric.score(make_case(), make_outcome(FINE)) == 1.0
    assert metric.score(make_case(as_of=dt.date(2021, 3, 31)), make_outcome(FINE)) == 0.0
    assert metric.score(make_case(as_of=dt.date(2020, 1, 1)), make_outcome(FINE)) is None
    assert metric.score(make_case(), make_outcome(FINE, document="unknown")) is None


@pytest.mark.parametrize(
    ("language", "text", "spans", "expected"),
    [
        ("en", "SAMR fined Alibaba [1].", [(0, 23)], 1.0),
        ("zh", "SAMR fined Alibaba [1].", [(0, 23)], 0.0),
        ("zh", "英文内容为：SAMR fined Alibaba [1].", [(6, 29)], 1.0),
        ("zh", "罚款182亿元[1]。 英文内容为：It rained [1].", [(0, 12), (19, 33)], 1.0),
        ("zh", "The corpus holds nothing.", [], 0.0),
        ("zh", "语料库中没有相关内容。", [], 1.0),
    ],
)
def test_an_answer_keeps_its_language_and_introduces_the_other(
    language: str, text: str, spans: list[tuple[int, int]], expected: float
) -> None:
    statements = [{"text": text[start:end], "start": start, "end": end, "citations": [1]} for start, end in spans]
    answer = {"text": text, "language": language, "statements": statements, "citations": [], "abstained": not spans}
    assert LanguageKept().score(make_case(language=language), Outcome(answer, [])) == expected
    assert LanguageKept().score(make_case(language=language), Outcome({**answer, "language": "?"}, [])) == 0.0


def test_abstentions_count_for_and_against() -> None:
    unanswerable = make_case(outcome="abstain", needed=[], documents=[])
    assert AbstentionRecall().score(unanswerable, make_outcome()) == 1.0
    assert AbstentionRecall().score(make_case(), make_outcome()) is None
    assert FalseAbstention().score(make_case(), make_outcome()) == 1.0
    assert FalseAbstention().score(make_case(), make_outcome(FINE)) == 0.0
    assert AbstentionPrecision().score(unanswerable, make_outcome()) == 1.0
    assert AbstentionPrecision().score(make_case(), make_outcome()) == 0.0
    assert AbstentionPrecision().score(make_case(), make_outcome(FINE)) is None


def test_f1_of_abstention_is_that_of_all_cases_together() -> None:
    unanswerable = make_case(outcome="abstain", needed=[], documents=[])
    pairs = [(unanswerable, make_outcome()), (unanswerable, make_outcome(FINE)), (make_case(), make_outcome())]
    scores = [AbstentionF1().score(case, outcome) for case, outcome in pairs]
    assert scores == [Ratio(2.0, 2.0), Ratio(0.0, 1.0), Ratio(0.0, 1.0)]
    found = estimate([score for score in scores if score is not None])
    assert found is not None
    assert found.mean == pytest.approx(0.5)  # precision 1/2, recall 1/2


def test_length_counts_english_words_and_half_of_chinese_characters() -> None:
    assert AnswerLength().score(make_case(), make_outcome(FINE, text="two words")) == 2.0
    assert AnswerLength().score(make_case(), make_outcome(FINE, text="四个汉字 one")) == 3.0
    assert ModelTokens().score(make_case(), make_outcome(FINE, tokens={"prompt": 5, "completion": 2})) == 7.0
    assert ModelTokens().score(make_case(), make_outcome(FINE, tokens={})) is None


def test_intervals_are_repeatable_and_hold_the_mean() -> None:
    first = estimate([0.0, 1.0, 1.0, 1.0])
    assert first == estimate([0.0, 1.0, 1.0, 1.0])
    assert first is not None
    assert (first.mean, first.count) == (0.75, 4)
    assert first.low <= first.mean <= first.high
    assert estimate([]) is None
    assert estimate_all([{"a": 1.0}, {"a": 0.0, "b": 1.0}])["a"].count == 2


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_an_interval_lies_between_the_least_and_the_greatest_score(scores: list[float]) -> None:
    found = estimate(scores)
    assert found is not None
    assert min(scores) - 1e-9 <= found.low <= found.high <= max(scores) + 1e-9
    assert found.mean == pytest.approx(sum(scores) / len(scores))


def test_paired_differences_know_a_gain_from_chance() -> None:
    gain = compare_paired([0.0] * 40, [1.0] * 30 + [0.0] * 10)
    assert gain is not None
    assert (gain.first, gain.second, gain.is_clear) == (0.0, 0.75, True)
    chance = compare_paired([0.0, 1.0] * 20, [1.0, 0.0] * 20)
    assert chance is not None
    assert not chance.is_clear
    assert chance.p_value > 0.5
    assert compare_paired([], []) is None
    with pytest.raises(ValueError, match="as many scores"):
        compare_paired([1.0], [])


rankings = st.lists(st.sampled_from("abcdefghijklmno"), unique=True, min_size=1, max_size=15)
judgements = st.dictionaries(st.sampled_from("abcdefghijklmno"), st.integers(0, 3), min_size=1, max_size=8)


@hypothesis_settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(rankings, judgements), min_size=1, max_size=5))
def test_ranking_scores_are_those_of_ir_measures(sample: list[tuple[list[str], dict[str, int]]]) -> None:
    import ir_measures
    from ir_measures import RR, R, Success, nDCG

    sample = [(ranked, gains) for ranked, gains in sample if any(gains.values())]
    qrels = {str(row): gains for row, (_, gains) in enumerate(sample)}
    run = {str(row): {id_: -float(at) for at, id_ in enumerate(ranked)} for row, (ranked, _) in enumerate(sample)}
    if not sample:
        return
    measures = [nDCG @ 10, RR @ 10, R @ 1, R @ 5, R @ 20, Success @ 5]
    theirs = {(item.query_id, str(item.measure)): item.value for item in ir_measures.iter_calc(measures, qrels, run)}
    for row, (ranked, gains) in enumerate(sample):
        relevant = {id_ for id_, gain in gains.items() if gain > 0}
        ours = {
            "nDCG@10": ndcg_at(ranked, gains, 10),
            "RR@10": reciprocal_rank_at(ranked, relevant, 10),
            "R@1": recall_at(ranked, relevant, 1),
            "R@5": recall_at(ranked, relevant, 5),
            "R@20": recall_at(ranked, relevant, 20),
            "Success@5": success_at(ranked, relevant, 5),
        }
        for name, value in ours.items():
            assert value == pytest.approx(theirs[str(row), name], abs=1e-9), name


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
