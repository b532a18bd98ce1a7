"""The status of a document on a day: the bundled corpus on days around its changes, and small lineages of one kind."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from briefbot.ingest.lint import load_corpus_folder
from hypothesis import given
from hypothesis import strategies as st

from briefbot.models import Document, Edge, EdgeType, Language, Stage, Status
from briefbot.status import Change, Lineage

BUNDLED = Path(__file__).parents[1] / "ingest" / "corpus"


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    files, defects = load_corpus_folder(BUNDLED)
    assert not defects
    return {file.front.id: file.front.to_document(file.body) for file in files}


@pytest.fixture(scope="module")
def lineage(documents: dict[str, Document]) -> Lineage:
    return Lineage(documents.values())


@pytest.mark.parametrize(
    ("document_id", "on", "expected"),
    [
        # The Anti-Monopoly Law of 2007 and its amendment, in force from 1 August 2022.
        ("law-aml-2007", "2007-08-29", None),
        ("law-aml-2007", "2007-08-30", "not_yet_in_force"),
        ("law-aml-2007", "2008-08-01", "in_force"),
        ("law-aml-2007", "2022-06-24", "in_force"),
        ("law-aml-2007", "2022-07-31", "in_force"),
        ("law-aml-2007", "2022-08-01", "amended"),
        ("law-aml-2022", "2022-06-23", None),
        ("law-aml-2022", "2022-07-31", "not_yet_in_force"),
        ("law-aml-2022", "2022-08-01", "in_force"),
        ("law-aml-2022-zh", "2022-07-31", "not_yet_in_force"),
        ("law-aml-2022-zh", "2022-08-01", "in_force"),
        # The Cybersecurity Review Measures of 2020 and of 2022 (signed in 2021).
        ("rule-crm-2020", "2020-05-31", "not_yet_in_force"),
        ("rule-crm-2020", "2020-06-01", "in_force"),
        ("rule-crm-2020", "2022-02-14", "in_force"),
        ("rule-crm-2020", "2022-02-15", "superseded"),
        ("rule-crm-2021", "2022-01-03", None),
        ("rule-crm-2021", "2022-02-14", "not_yet_in_force"),
        ("rule-crm-2021", "2022-02-15", "in_force"),
        ("rule-crm-2021-zh", "2022-02-15", "in_force"),
        # The negative lists of 2021 and 2024.
        ("rule-fi-negative-list-2021", "2021-12-31", "not_yet_in_force"),
        ("rule-fi-negative-list-2021", "2024-09-08", "in_force"),
        ("rule-fi-negative-list-2021", "2024-10-31", "in_force"),
        ("rule-fi-negative-list-2021", "2024-11-01", "superseded"),
        ("rule-fi-negative-list-2024", "2024-09-07", None),
        ("rule-fi-negative-list-2024", "2024-10-31", "not_yet_in_force"),
        ("rule-fi-negative-list-2024", "2024-11-01", "in_force"),
        # The draft and final generative-AI measures: a final text replaces its draft on publication.
        ("rule-genai-draft-2023", "2023-04-10", None),
        ("rule-genai-draft-2023", "2023-04-11", "draft"),
        ("rule-genai-draft-2023", "2023-07-12", "draft"),
        ("rule-genai-draft-2023", "2023-07-13", "superseded"),
        ("rule-genai-2023", "2023-07-12", None),
        ("rule-genai-2023", "2023-08-14", "not_yet_in_force"),
        ("rule-genai-2023", "2023-08-15", "in_force"),
        ("rule-genai-2023-zh", "2023-08-14", "not_yet_in_force"),
        # The Cybersecurity Law of 2016 and its amendment, in force from 1 January 2026.
        ("law-csl-2016", "2017-05-31", "not_yet_in_force"),
        ("law-csl-2016", "2025-10-28", "in_force"),
        ("law-csl-2016", "2025-12-31", "in_force"),
        ("law-csl-2016", "2026-01-01", "amended"),
        ("law-csl-2025", "2025-10-27", None),
        ("law-csl-2025", "2025-12-31", "not_yet_in_force"),
        ("law-csl-2025", "2026-01-01", "in_force"),
        ("law-csl-2025-zh", "2026-01-01", "in_force"),
        # Other drafts, a catalogue, a text with a last day, and documents that never take effect.
        ("guideline-platform-draft-2020", "2021-02-06", "draft"),
        ("guideline-platform-draft-2020", "2021-02-07", "superseded"),
        ("reg-network-data-draft-2021", "2024-09-30", "superseded"),
        ("rule-cross-border-draft-2023", "2024-03-21", "draft"),
        ("rule-digital-human-draft-2026", "2026-11-23", "draft"),
        ("rule-encouraged-2022", "2026-01-31", "in_force"),
        ("rule-encouraged-2022", "2026-02-01", "superseded"),
        ("policy-2023-06-19-nev-tax", "2023-12-31", "not_yet_in_force"),
        ("policy-2023-06-19-nev-tax", "2027-12-31", "in_force"),
        ("policy-2023-06-19-nev-tax", "2028-01-01", "expired"),
        ("event-2021-04-10-alibaba-fined", "2021-04-09", None),
        ("event-2021-04-10-alibaba-fined", "2026-11-23", "final"),
        ("policy-2022-03-16-fsdc", "2022-03-16", "final"),
    ],
)
def test_a_document_of_the_corpus_has_its_status_on_the_day(
    documents: dict[str, Document], lineage: Lineage, document_id: str, on: str, expected: Status | None
) -> None:
    assert lineage.status_on(documents[document_id], dt.date.fromisoformat(on)) == expected


@pytest.mark.parametrize(
    ("document_id", "on", "expected"),
    [
        ("law-aml-2007", "2022-07-31", None),
        ("law-aml-2007", "2022-08-01", "law-aml-2022"),
        ("rule-crm-2020", "2022-02-15", "rule-crm-2021"),
        ("rule-fi-negative-list-2021", "2024-10-31", None),
        ("rule-fi-negative-list-2021", "2024-11-01", "rule-fi-negative-list-2024"),
        ("rule-genai-draft-2023", "2023-07-12", None),
        ("rule-genai-draft-2023", "2023-07-13", "rule-genai-2023"),
        ("law-csl-2016", "2026-01-01", "law-csl-2025"),
        ("law-csl-2025", "2026-11-23", None),
    ],
)
def test_a_replaced_document_of_the_corpus_points_to_the_text_in_its_place(
    documents: dict[str, Document], lineage: Lineage, document_id: str, on: str, expected: str | None
) -> None:
    found = lineage.replacement(documents[document_id], dt.date.fromisoformat(on))
    assert (found.id if found else None) == expected


def test_each_chinese_summary_shares_the_status_of_its_text_on_every_day_of_change(
    documents: dict[str, Document], lineage: Lineage
) -> None:
    days = {day for document in documents.values() for day in (document.published, document.effective_from) if day}
    summaries = [document for document in documents.values() if document.language == "zh"]
    assert summaries
    for summary in summaries:
        text = documents[next(edge.target for edge in summary.edges if edge.type == "about")]
        differing = [day for day in sorted(days) if lineage.status_on(summary, day) != lineage.status_on(text, day)]
        assert differing == [], summary.id


def day(month: int, number: int = 1) -> dt.date:
    return dt.date(2024, month, number)


def make_document(
    identifier: str,
    published: dt.date | None,
    effective: tuple[dt.date | None, dt.date | None] = (None, None),
    edges: tuple[tuple[EdgeType, str], ...] = (),
    *,
    stage: Stage = "adopted",
    language: Language = "en",
) -> Document:
    return Document(
        id=identifier,
        title=identifier,
        text="",
        kind="rule",
        issuer=("CAC",),
        authority="rule",
        published=published,
        language=language,
        stage=stage,
        effective_from=effective[0],
        effective_to=effective[1],
        edges=tuple(Edge(type_, target, "words") for type_, target in edges),
    )


def test_a_draft_is_superseded_from_the_day_its_final_text_is_published() -> None:
    draft = make_document("draft", day(1), edges=(("drafts", "final"),), stage="draft")
    final = make_document("final", day(3), (day(6), None))
    lineage = Lineage([draft, final])
    assert [lineage.status_on(draft, on) for on in (day(1), day(2, 29), day(3))] == ["draft", "draft", "superseded"]
    assert lineage.replacement(draft, day(2)) is None
    assert lineage.replacement(draft, day(3)) is final


def test_a_draft_whose_final_text_is_not_in_the_corpus_stays_a_draft() -> None:
    draft = make_document("draft", day(1), edges=(("drafts", "missing"),), stage="draft")
    lineage = Lineage([draft])
    assert lineage.status_on(draft, day(12)) == "draft"
    assert lineage.replacement(draft, day(12)) is None


def test_a_draft_of_a_new_version_does_not_end_the_text_in_force() -> None:
    old = make_document("old", day(1), (day(1), None))
    draft = make_document("draft", day(3), edges=(("supersedes", "old"),), stage="draft")
    assert Lineage([old, draft]).status_on(old, day(12)) == "in_force"


def test_a_repealed_text_ends_when_the_repeal_takes_effect_and_has_no_replacement() -> None:
    old = make_document("old", day(1), (day(2), None))
    repeal = make_document("repeal", day(4), (day(5), None), (("repeals", "old"),))
    lineage = Lineage([old, repeal])
    assert [lineage.status_on(old, on) for on in (day(4, 30), day(5))] == ["in_force", "repealed"]
    assert lineage.replacement(old, day(5)) is None


def test_a_repeal_without_a_day_of_effect_counts_from_its_publication() -> None:
    old = make_document("old", day(1), (day(2), None))
    lineage = Lineage([old, make_document("repeal", day(4), edges=(("repeals", "old"),))])
    assert [lineage.status_on(old, on) for on in (day(3, 31), day(4))] == ["in_force", "repealed"]


def test_repeal_outweighs_replacement_and_replacement_outweighs_amendment() -> None:
    old = make_document("old", day(1), (day(1), None))
    amended = make_document("amended", day(2), (day(2), None), (("amends", "old"),))
    newer = make_document("newer", day(3), (day(3), None), (("supersedes", "old"),))
    repeal = make_document("repeal", day(4), (day(4), None), (("repeals", "old"),))
    lineage = Lineage([repeal, newer, amended, old])
    assert [lineage.status_on(old, day(month)) for month in (1, 2, 3, 4)] == [
        "in_force",
        "amended",
        "superseded",
        "repealed",
    ]
    assert [lineage.replacement(old, day(month)) for month in (1, 2, 3, 4)] == [None, amended, newer, newer]


def test_a_text_with_a_last_day_is_in_force_on_that_day_and_expired_on_the_next() -> None:
    text = make_document("text", day(1), (day(2), day(6, 30)))
    lineage = Lineage([text])
    assert [lineage.status_on(text, on) for on in (day(1), day(2), day(6, 30), day(7))] == [
        "not_yet_in_force",
        "in_force",
        "in_force",
        "expired",
    ]


def test_a_document_without_any_date_is_final_on_every_day() -> None:
    text = make_document("text", None)
    assert Lineage([text]).status_on(text, dt.date(1990, 1, 1)) == "final"


def test_links_that_end_nothing_leave_the_status_alone() -> None:
    text = make_document("text", day(1), (day(1), None))
    others = [
        make_document("a", day(2), (day(2), None), (("implements", "text"),)),
        make_document("b", day(2), edges=(("responds_to", "text"), ("about", "text"))),
    ]
    lineage = Lineage([text, *others])
    assert lineage.status_on(text, day(12)) == "in_force"
    assert [(type_, other.id) for type_, other in lineage.incoming("text")] == [
        ("implements", "a"),
        ("responds_to", "b"),
        ("about", "b"),
    ]


@pytest.mark.parametrize(
    ("link", "expected"), [("amends", "amended"), ("supersedes", "superseded"), ("repeals", "repealed")]
)
def test_a_summary_in_the_other_language_shares_the_fate_of_its_text(link: EdgeType, expected: Status) -> None:
    text = make_document("text", day(1), (day(2), None))
    summary = make_document("text-zh", day(1), (day(2), None), (("about", "text"),), language="zh")
    newer = make_document("newer", day(5), (day(6), None), ((link, "text"),))
    lineage = Lineage([text, summary, newer])
    assert [lineage.status_on(summary, on) for on in (day(5, 31), day(6))] == ["in_force", expected]


def test_a_summary_of_a_draft_in_the_other_language_is_superseded_with_it() -> None:
    draft = make_document("draft", day(1), edges=(("drafts", "final"),), stage="draft")
    summary = make_document("draft-zh", day(1), edges=(("about", "draft"),), stage="draft", language="zh")
    final = make_document("final", day(3), (day(6), None))
    lineage = Lineage([draft, summary, final])
    assert [lineage.status_on(summary, on) for on in (day(2), day(3))] == ["draft", "superseded"]
    assert lineage.replacement(summary, day(3)) is final


def test_an_overview_in_the_same_language_does_not_share_the_fate_of_its_subject() -> None:
    text = make_document("text", day(1), (day(2), None))
    overview = make_document("overview", day(1), edges=(("about", "text"),))
    newer = make_document("newer", day(5), (day(6), None), (("supersedes", "text"),))
    assert Lineage([text, overview, newer]).status_on(overview, day(12)) == "final"


def test_the_history_names_the_text_that_ended_another_and_no_bystander_of_that_day() -> None:
    old = make_document("old", day(1), (day(2), None))
    newer = make_document("newer", day(5), (day(6), None), (("amends", "old"),))
    note = make_document("z-note", day(6), edges=(("about", "old"),))
    assert Lineage([old, newer, note]).history(old) == [
        Change(day(1), "not_yet_in_force", None),
        Change(day(2), "in_force", None),
        Change(day(6), "amended", "newer"),
    ]


def test_the_history_names_the_new_text_where_the_old_one_would_have_expired_on_that_day() -> None:
    old = make_document("old", day(1), (day(1), day(6, 30)))
    newer = make_document("newer", day(6), (day(7), None), (("supersedes", "old"),))
    assert Lineage([old, newer]).history(old)[-1] == Change(day(7), "superseded", "newer")
    assert Lineage([old]).history(old)[-1] == Change(day(7), "expired", None)


def test_the_history_names_the_text_that_had_ended_another_before_that_was_published() -> None:
    draft = make_document("draft", day(3), edges=(("drafts", "final"),), stage="draft")
    final = make_document("final", day(3))
    late = make_document("late", day(4), (day(4), None))
    repeal = make_document("repeal", day(1), edges=(("repeals", "late"),))
    assert Lineage([draft, final]).history(draft) == [Change(day(3), "superseded", "final")]
    assert Lineage([late, repeal]).history(late) == [Change(day(4), "repealed", "repeal")]


@st.composite
def lineages(draw: st.DrawFn) -> list[Document]:
    """Five documents of the first half of a year with any dates and links among them, every one of them published."""
    days = st.integers(0, 180).map(lambda number: day(1) + dt.timedelta(days=number))
    types: list[EdgeType] = ["amends", "supersedes", "repeals", "drafts", "about"]
    links = st.tuples(st.sampled_from(types), st.sampled_from("abcde"))
    return [
        make_document(
            name,
            draw(days),
            (draw(st.none() | days), draw(st.none() | days)),
            tuple(draw(st.lists(links, max_size=3))),
            stage=draw(st.sampled_from(["adopted", "draft"])),
            language=draw(st.sampled_from(["en", "zh"])),
        )
        for name in "abcde"
    ]


@given(documents=lineages(), after=st.integers(-1, 182))
def test_any_history_says_on_every_day_what_the_status_is(documents: list[Document], after: int) -> None:
    lineage = Lineage(documents)
    on = day(1) + dt.timedelta(days=after)
    for document in documents:
        held = [change for change in lineage.history(document) if change.since <= on]
        assert (held[-1].status if held else None) == lineage.status_on(document, on)
        assert lineage.history(document, on) == held


@given(documents=lineages())
def test_a_text_ends_by_another_exactly_where_its_history_names_one(documents: list[Document]) -> None:
    lineage = Lineage(documents)
    for document in documents:
        for change in lineage.history(document):
            assert (change.because is not None) == (change.status in {"repealed", "superseded", "amended"})
