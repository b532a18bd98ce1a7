"""Composed answers: marks, statements and citations that fit each other."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from briefbot.composition import (
    LONG_WORDS,
    MOST_SENTENCES,
    NEAR_BEST,
    NEAR_BEST_ELSEWHERE,
    SHORT_WORDS,
    Composed,
    are_items,
    choose_sentences,
    compose_answer,
    count_words,
    insert_marks,
    one_line,
    quote_parts,
)
from briefbot.models import Document, Evidence, Language, Passage, Sentence
from briefbot.texts import QUOTED_IN_OTHER_LANGUAGE

_WORDS = (
    "Alibaba", "was", "fined", "18.228 billion", "[3]", "[12]", "[x]", "3]", "[", "yuan.", "it said.”", "罚款", "一百万元。", "\n",
    "rules!", "why?", "(CAC)", "games", "data", "法", "minors", "audits",
)  # fmt: skip


_POSITIONS = itertools.count()


def make_evidence(text: str, *, score: float = 1.0, language: Language = "en", document_id: str = "doc") -> Evidence:
    start = 1000 * next(_POSITIONS)
    sentence = Sentence(start, start + len(text), text)
    passage = Passage(
        f"{document_id}:p", document_id, 0, start, start + len(text), text, "Part", "Title", language, (sentence,)
    )
    return Evidence(passage, sentence, score, similarity=0.9, nearness=2.0, coverage=1.0)


def make_document(document_id: str) -> Document:
    return Document(
        id=document_id, title="Title", text="Text.", kind="event", issuer=("SAMR",), authority="enforcement",
        published=dt.date(2021, 4, 10), language="en",
    )  # fmt: skip


def compose(evidence: Sequence[Evidence], language: Language = "en") -> Composed:
    documents = {item.passage.document_id: make_document(item.passage.document_id) for item in evidence}
    return compose_answer(quote_parts(evidence, language), documents, dict.fromkeys(documents, "final"), language)


@pytest.mark.parametrize(
    ("sentence", "marked"),
    [
        ("SAMR fined Alibaba.", "SAMR fined Alibaba [1]."),
        ("SAMR fined Alibaba", "SAMR fined Alibaba [1]"),
        ('It said "stop."', 'It said "stop [1]."'),
        ("Was it legal?", "Was it legal [1]?"),
        ("罚款182.28亿元。", "罚款182.28亿元[1]。"),
        ("他说：“应当整改。”", "他说：“应当整改[1]。”"),
        ("违者将受处罚！", "违者将受处罚[1]！"),
        ("（一）个人信息；", "（一）个人信息； [1]"),
    ],
)
def test_the_mark_stands_before_the_closing_punctuation_in_both_languages(sentence: str, marked: str) -> None:
    assert insert_marks(sentence, [1]) == marked


def test_line_breaks_of_a_source_become_spaces() -> None:
    assert one_line("The fine\n  was\tpaid.") == "The fine was paid."


def test_two_sentences_become_two_statements_with_numbers_in_order() -> None:
    composed = compose([make_evidence("A was fined."), make_evidence("B left.", document_id="other")])
    assert composed.text == "A was fined [1].\n\nB left [2]."
    assert [(item.start, item.end, item.citations) for item in composed.statements] == [(0, 16, (1,)), (18, 29, (2,))]
    assert [(item.number, item.document.id, item.quote) for item in composed.citations] == [
        (1, "doc", "A was fined."),
        (2, "other", "B left."),
    ]


def test_sentences_in_the_other_language_follow_introduced_as_such() -> None:
    composed = compose([make_evidence("罚款一百万元。", language="zh"), make_evidence("It paid.")])
    assert composed.text == f"It paid [1].\n\n{QUOTED_IN_OTHER_LANGUAGE['en']}\n\n罚款一百万元[2]。"
    composed = compose([make_evidence("It paid."), make_evidence("It left.")], "zh")
    assert composed.text == f"{QUOTED_IN_OTHER_LANGUAGE['zh']}\n\nIt paid [1]. It left [2]."


def test_quotes_in_the_other_language_are_introduced_with_what_the_question_names() -> None:
    chosen = [make_evidence("SAMR fined Didi.")]
    documents = {"doc": make_document("doc")}
    composed = compose_answer(quote_parts(chosen, "zh"), documents, {"doc": "final"}, "zh", names=["滴滴", "罚款"])
    assert composed.text == "关于滴滴、罚款，语料库中的英文内容为：\n\nSAMR fined Didi [1]."
    assert composed.text[composed.statements[0].start : composed.statements[0].end] == "SAMR fined Didi [1]."


def test_each_document_has_a_paragraph_of_its_own() -> None:
    chosen = [make_evidence("甲应当整改。", language="zh"), make_evidence("乙可以处罚。", language="zh")]
    assert compose(chosen, "zh").text == "甲应当整改[1]。乙可以处罚[2]。"
    further = make_evidence("丙不服。", language="zh", document_id="other")
    assert compose([*chosen, further], "zh").text == "甲应当整改[1]。乙可以处罚[2]。\n\n丙不服[3]。"
    assert compose([make_evidence("A paid."), make_evidence("B paid.")]).text == "A paid [1]. B paid [2]."


def test_items_of_a_list_are_numbered_and_their_statements_leave_the_numbers_out() -> None:
    names = ("Alibaba", "Meituan", "Didi")
    chosen = [make_evidence(f"{name} was fined.", document_id=name.lower()) for name in names]
    parts = quote_parts(chosen, "en")
    assert are_items(parts, "list")
    assert not are_items(parts, "amount")
    assert not are_items(parts[:2], "list")
    one_document = quote_parts([make_evidence(f"{name} was fined.") for name in names], "en")
    assert not are_items(one_document, "list")
    lists = make_evidence("SAMR fined Alibaba, Meituan, Didi and Tencent.", document_id="list")
    assert not are_items([*parts, *quote_parts([lists], "en")], "list")
    documents = {item.passage.document_id: make_document(item.passage.document_id) for item in chosen}
    composed = compose_answer(parts, documents, dict.fromkeys(documents, "final"), "en", numbered=True)
    assert composed.text == "1. Alibaba was fined [1].\n\n2. Meituan was fined [2].\n\n3. Didi was fined [3]."
    assert [composed.text[item.start : item.end] for item in composed.statements] == [
        "Alibaba was fined [1].", "Meituan was fined [2].", "Didi was fined [3].",
    ]  # fmt: skip


def test_what_changed_is_told_in_the_order_of_time() -> None:
    now = make_evidence("The list of 2024 has 29 items.", score=3.0)
    then = make_evidence("In 2020 the list had 33 items.", score=2.0, document_id="old")
    undated = make_evidence("It covers banks.", score=1.5, document_id="older")
    published = {"doc": dt.date(2024, 9, 8), "old": dt.date(2020, 6, 23), "older": dt.date(2018, 1, 1)}
    assert choose_sentences([now, then, undated], "change", published) == [undated, then, now]
    assert choose_sentences([now, then, undated], "list", published) == [now, then, undated]


def test_a_sentence_with_another_figure_for_the_same_matter_is_no_repetition() -> None:
    first = make_evidence("SAMR fined the platform company Alibaba RMB 18.228 billion in April 2021.", score=3.0)
    other = make_evidence(
        "SAMR fined the platform company Alibaba RMB 18.5 billion in April 2021.", score=2.9, document_id="press"
    )
    assert choose_sentences([first, other]) == [first, other]


def test_sentences_of_other_documents_must_come_nearer_to_the_best() -> None:
    best = make_evidence("Meituan was fined.", score=5.0)
    near = make_evidence("Didi was delisted.", score=5.0 - NEAR_BEST_ELSEWHERE + 0.1, document_id="near")
    far = make_evidence("Ant was licensed.", score=5.0 - NEAR_BEST_ELSEWHERE - 0.1, document_id="far")
    own = make_evidence("It repaid deposits.", score=5.0 - NEAR_BEST + 0.1)
    assert choose_sentences([best, near, far, own]) == [best, own, near]


def test_a_number_in_brackets_in_a_source_does_not_read_as_one_of_our_marks() -> None:
    forged = make_evidence("The fine under Guofa [2020] No. 8 was paid [3].")
    assert compose([forged]).text == "The fine under Guofa 〔2020〕 No. 8 was paid 〔3〕 [1]."


def test_repetitions_and_sentences_far_below_the_best_are_left_out() -> None:
    best = make_evidence("SAMR fined Alibaba 18.228 billion yuan.", score=3.0)
    again = make_evidence("SAMR fined Alibaba 18.228 billion yuan!", score=2.9)
    further = make_evidence("Meituan repaid deposits to merchants.", score=2.0)
    far = make_evidence("Minors may play three hours.", score=3.0 - NEAR_BEST - 0.1)
    assert choose_sentences([best, again, further, far]) == [best, further]


def test_an_answer_has_as_many_words_as_the_kind_of_question_needs() -> None:
    evidence = [
        make_evidence(f"{name} was {'duly ' * 27}fined.") for name in ("Alpha", "Beta", "Gamma", "Delta", "Omega")
    ]
    assert [count_words(item.sentence.text) for item in evidence] == [30.0] * 5
    assert len(choose_sentences(evidence, "amount")) == SHORT_WORDS // 30
    assert len(choose_sentences(evidence, "list")) == LONG_WORDS // 30
    short = [make_evidence(f"{name} left.") for name in ("Ab", "Cd", "Ef", "Gh", "Ij", "Kl", "Mn", "Op", "Qr")]
    assert len(choose_sentences(short)) == MOST_SENTENCES
    assert choose_sentences([]) == []


def test_the_best_sentence_stands_first_however_long_and_too_long_ones_leave_room_for_shorter() -> None:
    long = make_evidence("Alibaba " + "really " * 200 + "paid.", score=3.0)
    assert choose_sentences([long]) == [long]
    best = make_evidence("Meituan was fined.", score=3.1)
    short = make_evidence("Didi was delisted.", score=2.9)
    assert choose_sentences([best, long, short]) == [best, short]


def test_sentences_of_one_document_stand_together_in_its_order() -> None:
    first, second = make_evidence("It was opened."), make_evidence("It was closed.")
    other = make_evidence("Didi was delisted.", document_id="other", score=2.0)
    best = make_evidence("Meituan was fined.", score=3.0)
    assert choose_sentences([best, other, second, first]) == [best, first, second, other]


@pytest.mark.parametrize(
    ("text", "words"), [("RMB 18,228 million, or 4 % of sales", 7.0), ("罚款182.28亿元", 1 + 4 / 1.6), ("", 0.0)]
)
def test_words_are_counted_in_both_languages(text: str, words: float) -> None:
    assert count_words(text) == words


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(_WORDS), min_size=1, max_size=8)
            .map(" ".join)
            .filter(lambda text: bool(text.strip())),
            st.sampled_from(["en", "zh"]),
            st.sampled_from(["a", "b"]),
        ),
        max_size=6,
    ),
    st.sampled_from(["en", "zh"]),
)
def test_numbers_run_in_order_offsets_point_back_and_every_mark_resolves(
    items: list[tuple[str, Language, str]], language: Language
) -> None:
    evidence = [make_evidence(text.strip(), language=of, document_id=document) for text, of, document in items]
    chosen = choose_sentences(evidence)
    composed = compose(chosen, language)
    numbers = [citation.number for citation in composed.citations]
    assert numbers == list(range(1, len(chosen) + 1))
    assert [int(mark) for mark in re.findall(r"\[(\d+)\]", composed.text)] == numbers
    position = 0
    for statement, citation in zip(composed.statements, composed.citations, strict=True):
        assert position <= statement.start < statement.end
        assert composed.text[statement.start : statement.end] == statement.text
        assert statement.citations == (citation.number,)
        unmarked = re.sub(r" ?\[\d+\]", "", statement.text).replace(" ", "")
        assert unmarked.replace("〔", "[").replace("〕", "]") == "".join(citation.quote.split())
        position = statement.end
    assert position == len(composed.text)


def test_the_same_words_cited_twice_have_one_number() -> None:
    item = make_evidence("SAMR fined Alibaba.")
    composed = compose([item, item])
    assert composed.text == "SAMR fined Alibaba [1]. SAMR fined Alibaba [1]."
    assert [citation.number for citation in composed.citations] == [1]
    assert [statement.citations for statement in composed.statements] == [(1,), (1,)]
