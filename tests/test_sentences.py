"""Sentences: where they end in English and in Chinese, and what no span may lose."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from briefbot.sentences import split_sentences

_PIECES = (
    "The U.S. said so. ", "No. 11 ", "3.14 ", "“好。” ", "罚款182.28亿元。", "\n- ", "\n\n", "\n", "1. ", "## ", "Is it? ",
    "Inc. ", "（一）", "a", "！", "\u3000", "…", '"', ") ", "\t",
)  # fmt: skip


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S. government acted. It paid.", ["The U.S. government acted.", "It paid."]),
        (
            "See No. 11 and Art. 38 of the law. Next one.",
            ["See No. 11 and Art. 38 of the law.", "Next one."],
        ),
        ("Alibaba Inc. was fined. Tencent was not.", ["Alibaba Inc. was fined.", "Tencent was not."]),
        ("Rules, e.g. those of the CAC, apply. So it is.", ["Rules, e.g. those of the CAC, apply.", "So it is."]),
        ("J. Smith spoke on Dec. 24. Nobody answered.", ["J. Smith spoke on Dec. 24.", "Nobody answered."]),
    ],
)
def test_abbreviations_do_not_end_a_sentence(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It moved to the U.S. The firm stayed.", ["It moved to the U.S.", "The firm stayed."]),
        ("The fine hit Ant Group Co. In 2021 it paid.", ["The fine hit Ant Group Co.", "In 2021 it paid."]),
    ],
)
def test_abbreviations_that_may_stand_last_end_a_sentence_before_a_capitalised_function_word(
    text: str, expected: list[str]
) -> None:
    assert sentences(text) == expected


def test_decimals_and_amounts_stay_whole_because_no_space_follows_their_point() -> None:
    assert sentences("It rose 3.5 percent to RMB 18.228 billion. Then it fell.") == [
        "It rose 3.5 percent to RMB 18.228 billion.",
        "Then it fell.",
    ]


def test_closing_quotes_belong_to_the_sentence_they_close() -> None:
    assert sentences('He said "Stop." Then he left (quickly.) It ended.') == [
        'He said "Stop."',
        "Then he left (quickly.)",
        "It ended.",
    ]


@pytest.mark.parametrize("text", ['"Is it legal?" he asked.', "“Go away!” she said.", '"It is legal." he said.'])
def test_a_quotation_that_its_sentence_goes_on_after_does_not_end_it(text: str) -> None:
    assert sentences(text) == [text]


def test_chinese_ends_split_without_white_space_and_keep_closing_quotes() -> None:
    assert sentences("罚款182.28亿元。“应当整改。”他说！真的吗？是的。") == [
        "罚款182.28亿元。",
        "“应当整改。”",
        "他说！",
        "真的吗？",
        "是的。",
    ]


def test_a_chinese_semicolon_or_comma_does_not_end_a_sentence() -> None:
    assert sentences("经营者应当整改，并处罚款；逾期不改的，加重处罚。") == [
        "经营者应当整改，并处罚款；逾期不改的，加重处罚。"
    ]


def test_a_western_stop_before_a_chinese_character_ends_a_sentence() -> None:
    assert sentences("适用GDPR.中国另有规定。") == ["适用GDPR.", "中国另有规定。"]


def test_list_items_are_sentences_of_their_own_without_their_markers() -> None:
    text = "Duties:\n- keep logs\n* report. Then wait\n1. first\n2) second\n（一）甲；\n（二）乙。"
    assert sentences(text) == [
        "Duties:", "keep logs", "report.", "Then wait", "first", "second", "（一）甲；", "（二）乙。",
    ]  # fmt: skip


def test_headings_end_the_sentence_before_and_do_not_run_into_the_text_below() -> None:
    assert sentences("It was open\n## Fines and orders\nThe fine was paid.\nIt was large.") == [
        "It was open",
        "Fines and orders",
        "The fine was paid.",
        "It was large.",
    ]


def test_a_blank_line_ends_a_sentence_and_a_single_line_break_does_not() -> None:
    assert sentences("The fine\nwas paid\n\nNo stop here") == ["The fine\nwas paid", "No stop here"]


@pytest.mark.parametrize("text", ["", "   ", "\n\n\n", "\u3000\t"])
def test_white_space_has_no_sentences(text: str) -> None:
    assert split_sentences(text) == []


@given(st.one_of(st.text(), st.lists(st.sampled_from(_PIECES)).map("".join)))
def test_spans_are_ordered_disjoint_stripped_and_lose_nothing_but_markers(text: str) -> None:
    spans = split_sentences(text)
    position = 0
    for start, end in spans:
        assert position <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip() != ""
        position = end
    bounds = [0, *(bound for span in spans for bound in span), len(text)]
    for before, after in zip(bounds[::2], bounds[1::2], strict=True):
        for lost in text[before:after].split():
            assert re.fullmatch(r"[-*+•]|#{1,6}|\d{1,3}[.)]", lost), (lost, text)
