"""Terms: what two texts must share to be found by each other's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from briefbot.terms import bigrams, fold, is_chinese, numbers_in, query_terms, terms_of


def test_english_words_are_folded_and_stemmed_so_that_their_forms_meet() -> None:
    assert terms_of("Fined, FINES; fining") == ["fine", "fine", "fine"]
    assert terms_of("The regulators' regulation") == ["the", "regul", "regul"]


@pytest.mark.parametrize("text", ["Alibaba's", "Alibaba’s", "ALIBABA", "Ａｌｉｂａｂａ"])
def test_possessives_case_and_full_width_letters_make_no_difference(text: str) -> None:
    assert terms_of(text) == ["alibaba"]


def test_chinese_runs_become_overlapping_pairs_and_single_characters_stay() -> None:
    assert bigrams("反垄断法") == ["反垄", "垄断", "断法"]
    assert bigrams("法") == ["法"]
    assert terms_of("反垄断法，法") == ["反垄", "垄断", "断法", "法"]


@pytest.mark.parametrize(
    "text", ["182.28亿元", "RMB 18.228 billion", "18,228 million yuan", "18,228,000,000", "1822800万元", "18228000000"]
)
def test_one_amount_has_one_number_term_however_it_is_written(text: str) -> None:
    assert numbers_in(text) == [18_228_000_000.0]
    assert "n18228000000" in terms_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5 trillion", [1.5e12]),
        ("３万亿元", [3e12]),
        ("5百万", [5e6]),
        ("twenty-four firms", [20.0, 4.0]),
        ("half of 12", [12.0, 0.5]),
        ("4%", [4.0]),
        ("v1.2.3", []),
        ("none", []),
    ],
)
def test_numbers_have_their_plain_values(text: str, expected: list[float]) -> None:
    assert numbers_in(text) == expected


def test_small_numbers_are_terms_as_written_but_not_scaled() -> None:
    assert terms_of("Article 38, 3.5 percent") == ["articl", "38", "3.5", "percent"]


def test_a_number_too_large_for_a_float_is_a_term_as_written_and_no_error() -> None:
    assert terms_of("9" * 400) == ["9" * 400]


def test_stopwords_are_left_out_of_a_question_unless_nothing_else_is_left() -> None:
    assert query_terms("Why was Alibaba fined by the SAMR?") == ["alibaba", "fine", "samr"]
    assert query_terms("What is it?") == ["what", "is", "it"]
    assert query_terms("什么") == ["什么"]
    assert query_terms("") == []


def test_question_terms_are_distinct_and_in_order() -> None:
    assert query_terms("data about data on games") == ["data", "game"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("阿里巴巴为什么被罚款", True),
        ("Alibaba 为什么被罚款 in 2021", True),
        ("What does 数据 mean in law", False),
        ("Why?", False),
        ("", False),
        ("2021", False),
    ],
)
def test_a_text_is_chinese_where_it_has_more_han_characters_than_english_words(text: str, expected: bool) -> None:
    assert is_chinese(text) is expected


def test_fold_makes_compatibility_forms_case_and_white_space_plain() -> None:
    assert fold("  ＡＢＣ  Straße\t１２\n") == "abc strasse 12"


@given(st.text())
def test_any_text_has_terms_without_white_space_and_a_question_keeps_only_terms_of_its_own(text: str) -> None:
    terms = terms_of(text)
    assert all(term and term == "".join(term.split()) for term in terms)
    kept = query_terms(text)
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(terms)
    assert bool(kept) == bool(terms)


@given(st.text())
def test_folding_twice_changes_no_term(text: str) -> None:
    assert terms_of(fold(text)) == terms_of(text)


@given(st.integers(min_value=1000, max_value=10**15))
def test_thousands_separators_do_not_change_a_number(number: int) -> None:
    assert numbers_in(f"{number:,}") == numbers_in(str(number)) == [float(number)]
