"""Feedback as drafts for the evaluation: what a good and a bad rating become, and files that the case reader takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from briefbot.eval.cases import Case, load_cases
from briefbot.eval.feedback import (
    BAD_NOTE,
    GOOD_NOTE,
    LONGEST_COMMENT_CHARS,
    draft_from_feedback,
    write_drafts,
    write_on_one_line,
)
from briefbot.eval.matching import holds_fact
from briefbot.eval.runner import run_cases
from briefbot.eval.systems import InProcess
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from briefbot.answering import Briefbot
from briefbot.api.schemas import AnswerOut
from briefbot.errors import UsageError
from briefbot.feedback_commands import feedback_app
from briefbot.journal import Feedback, Journal
from briefbot.models import Filters, Turn

FINE = "How much was Alibaba fined in April 2021, and by whom?"
UNANSWERABLE = "What is the price of a flat in Lisbon?"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal.sqlite3", keep_days=90)) as opened:
        yield opened


def keep(journal: Journal, bot: Briefbot, question: str, **options: Any) -> dict[str, Any]:
    answer = AnswerOut.of(bot.ask(question, **options))
    body = answer.model_dump(mode="json")
    journal.keep_answer(answer.id, body, conversation_id=None, owner=None)
    return body


def make_answer(*quotes: str, text: str | None = None, **fields: Any) -> dict[str, Any]:
    """An answer with a document of its own for each quote."""
    return {
        "id": "ans_1", "question": "How much?", "standalone_question": "How much?", "language": "en", "as_of": None,
        "filters": {}, "history": [], "abstained": not quotes, "text": text or " ".join(quotes) or "Nothing is said.",
        "citations": [
            {"number": number, "quote": quote, "document": {"id": f"doc-{number}"}}
            for number, quote in enumerate(quotes, start=1)
        ],
        **fields,
    }  # fmt: skip


def draft(answer: dict[str, Any], *ratings: tuple[int | None, int] | tuple[int | None, int, str]) -> Case:
    """The one draft from ratings, each with its citation, its rating and perhaps a comment."""
    (case,) = draft_from_feedback(
        Feedback(answer["id"], None, 1 if rating > 0 else -1, citation, comment[0] if comment else None, "", answer)
        for citation, rating, *comment in ratings
    )
    return case


# ------------------------------------------------------------------ drafts


def test_a_good_answer_becomes_a_case_that_the_same_answer_passes(journal: Journal, bot: Briefbot) -> None:
    body = keep(journal, bot, FINE)
    journal.keep_feedback(body["id"], 1, owner=None)
    (case,) = draft_from_feedback(journal.feedback())
    assert (case.id, case.question, case.outcome, case.kind) == (f"feedback-{body['id']}", FINE, "answer", "amount")
    assert any("18.228 billion" in form for fact in case.needed for form in fact.any)
    assert case.documents == list(dict.fromkeys(item["document"]["id"] for item in body["citations"]))
    assert case.note.startswith(GOOD_NOTE)
    run = run_cases(InProcess(bot), [case])
    assert run.overall["fact_recall"].mean == 1.0


def test_a_follow_up_keeps_what_it_was_asked_with(journal: Journal, bot: Briefbot) -> None:
    history = [Turn("user", FINE), Turn("assistant", "SAMR fined it RMB 18.228 billion.")]
    filters = Filters(kind=("event", "article"))
    body = keep(journal, bot, "And Meituan?", history=history, as_of="2024-01-31", filters=filters)
    journal.keep_feedback(body["id"], 1, owner=None)
    (case,) = draft_from_feedback(journal.feedback())
    assert [(turn.role, turn.content) for turn in case.history] == [(turn.role, turn.content) for turn in history]
    assert case.standalone == body["standalone_question"]
    assert str(case.as_of) == "2024-01-31"
    assert case.filters == {"kind": ["event", "article"]}
    assert case.kind == "multi_turn"


def test_a_good_abstention_becomes_a_question_that_cannot_be_answered(journal: Journal, bot: Briefbot) -> None:
    body = keep(journal, bot, UNANSWERABLE)
    journal.keep_feedback(body["id"], 1, owner=None)
    (case,) = draft_from_feedback(journal.feedback())
    assert (case.outcome, case.kind, case.needed, case.documents) == ("abstain", "unanswerable", [], [])
    assert case.note.startswith(GOOD_NOTE)
    assert "abstained" in case.note


def test_a_bad_answer_leaves_the_outcome_to_a_person_and_says_what_the_reader_said(
    journal: Journal, bot: Briefbot
) -> None:
    body = keep(journal, bot, FINE)
    journal.keep_feedback(body["id"], -1, comment="The share\nof sales is missing.", owner=None)
    journal.keep_feedback(body["id"], 1, citation=1, owner=None)
    (case,) = draft_from_feedback(journal.feedback())
    assert (case.needed, case.documents) == ([], [])
    assert case.note.startswith(BAD_NOTE)
    assert f"it cited {body['citations'][0]['document']['id']}" in case.note
    assert "the reader said bad: “The share of sales is missing.”" in case.note
    assert "the reader said good of citation 1" in case.note


def test_needed_facts_are_what_the_quotes_and_the_answer_both_state() -> None:
    answer = make_answer(
        "The court fined Example Corp USD 5 million on 3 March 2024.",
        "主管部门对示例公司处以300万元罚款。",
        text="On March 3, 2024 Example Corp was fined [1]. 罚款300万元 [2].",
    )
    case = draft(answer, (None, 1))
    assert [fact.any for fact in case.needed] == [["3 March 2024"], ["300万元"]]
    assert case.documents == ["doc-1", "doc-2"]
    assert all(holds_fact(answer["text"], fact) for fact in case.needed)


def test_a_fact_that_two_quotes_write_in_two_ways_is_needed_once() -> None:
    case = draft(make_answer("The fine was USD 5 million.", "It paid US$5,000,000."), (None, 1))
    assert [fact.any for fact in case.needed] == [["USD 5 million"]]


def test_without_figures_the_first_quote_is_the_needed_fact() -> None:
    case = draft(make_answer("The measures were\nwithdrawn.", "They had been a draft."), (None, 1))
    assert [fact.any for fact in case.needed] == [["The measures were withdrawn."]]
    assert case.kind == "list"


@pytest.mark.parametrize(
    ("ratings", "documents"),
    [
        ([(None, 1)], ["doc-1", "doc-2"]),
        ([(None, 1), (1, -1)], ["doc-2"]),
        ([(2, 1)], ["doc-2"]),
        ([(None, -1), (1, 1)], []),
        ([(1, 1), (2, -1)], []),
        ([(None, 1), (1, -1), (2, -1)], []),
    ],
)
def test_only_what_the_reader_finds_good_is_taken_over(
    ratings: list[tuple[int | None, int]], documents: list[str]
) -> None:
    case = draft(make_answer("It was USD 5 million.", "It was EUR 4 million."), *ratings)
    assert case.documents == documents
    assert case.outcome == ("answer" if documents else "abstain")
    assert case.note.startswith(GOOD_NOTE if documents else BAD_NOTE)


def test_a_day_that_a_case_cannot_filter_by_stands_in_the_note() -> None:
    filters = {"kind": ["law"], "issuer": None, "published_from": "2020-01-01", "published_to": None}
    case = draft(make_answer("It was USD 5 million.", filters=filters), (None, 1))
    assert case.filters == {"kind": ["law"]}
    assert "it was asked with published_from 2020-01-01" in case.note
    assert "published_to" not in case.note


# ------------------------------------------------------------------ files


@settings(deadline=None)
@given(st.text(), st.text(min_size=1), st.text(min_size=1))
def test_whatever_readers_write_comes_back_from_the_file_and_a_comment_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, comment: str, question: str, said: str
) -> None:
    answer = make_answer("It was USD 5 million.", question=question, history=[{"role": "user", "content": said}])
    cases = [draft(answer | {"id": f"ans_{rating}"}, (None, rating, comment)) for rating in (1, -1)]
    path = tmp_path_factory.mktemp("drafts") / "cases.jsonl"
    write_drafts(cases, path)
    assert load_cases([path]) == cases
    assert all(case.note.isprintable() for case in cases)


def test_a_long_comment_is_shortened() -> None:
    assert write_on_one_line("x" * 5000) == "x" * LONGEST_COMMENT_CHARS + "…"


def test_a_file_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a file that can be written"):
        write_drafts([], tmp_path / "missing" / "cases.jsonl")
    with pytest.raises(UsageError, match="expected a file that can be written"):
        write_drafts([], tmp_path, replace=True)


# ------------------------------------------------------------------ commands


@pytest.fixture
def rated(journal: Journal, bot: Briefbot) -> list[dict[str, Any]]:
    """Two answers: a good one, and a bad one with a comment that would move the cursor."""
    bodies = [keep(journal, bot, FINE), keep(journal, bot, UNANSWERABLE)]
    journal.keep_feedback(bodies[0]["id"], 1, citation=1, owner=None)
    journal.keep_feedback(bodies[1]["id"], -1, comment="\x1b[2JIt is\nknown.", owner=None)
    return bodies


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(feedback_app, arguments, env={"BRIEFBOT_HOME": str(home)})


def test_export_writes_a_file_of_cases_and_never_over_another(tmp_path: Path, rated: list[dict[str, Any]]) -> None:
    path = tmp_path / "cases.jsonl"
    result = run(tmp_path, "export", str(path))
    assert result.exit_code == 0
    assert result.stdout.startswith(f"2 drafts in {path}: ")
    assert [case.id for case in load_cases([path])] == [f"feedback-{body['id']}" for body in rated]
    path.write_text("mine", encoding="utf-8")
    refused = run(tmp_path, "export", str(path))
    assert isinstance(refused.exception, UsageError)
    assert "expected a new file" in str(refused.exception)
    assert "--force" in str(refused.exception)
    assert path.read_text(encoding="utf-8") == "mine"
    forced = run(tmp_path, "export", str(path), "--force", "--json")
    assert json.loads(forced.stdout) == {"file": str(path), "drafts": 2}
    assert len(load_cases([path])) == 2


def test_list_shows_each_rating_on_one_line(tmp_path: Path, rated: list[dict[str, Any]]) -> None:
    result = run(tmp_path, "list")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert f"good  [1]   {rated[0]['id']}  {FINE}" in first
    assert f"bad   all   {rated[1]['id']}  {UNANSWERABLE} — [2JIt is known." in second
    assert "\x1b" not in result.stdout


def test_list_as_json_holds_every_field(tmp_path: Path, rated: list[dict[str, Any]]) -> None:
    listed = json.loads(run(tmp_path, "list", "--json").stdout)["feedback"]
    assert [(row["answer_id"], row["rating"], row["citation"], row["question"]) for row in listed] == [
        (rated[0]["id"], 1, 1, FINE),
        (rated[1]["id"], -1, None, UNANSWERABLE),
    ]
    assert listed[1]["comment"] == "\x1b[2JIt is\nknown."
    assert listed[0].keys() == {"answer_id", "owner", "rating", "citation", "comment", "created_at", "question"}


def test_a_home_without_feedback_lists_and_exports_nothing(tmp_path: Path) -> None:
    assert run(tmp_path / "home", "list").stdout == ""
    assert json.loads(run(tmp_path / "home", "list", "--json").stdout) == {"feedback": []}
    result = run(tmp_path / "home", "export", str(tmp_path / "cases.jsonl"))
    assert result.stdout.startswith("0 drafts")
    assert load_cases([tmp_path / "cases.jsonl"]) == []
