"""Shares of a question's words: BM25 between 0 and 1, and the rare terms that are looked up first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from briefbot.lexical import POSTINGS, TermWeights

words = st.sampled_from(["a", "b", "c", "d", "e"])


@given(st.lists(words, unique=True), st.dictionaries(words, st.integers(0, 100)), st.lists(words, max_size=30))
def test_a_share_lies_between_nothing_and_all(terms: list[str], counts: dict[str, int], held: list[str]) -> None:
    share = TermWeights(terms, counts, 100).share(" ".join(held), 10.0)
    assert 0.0 <= share <= 1.0
    assert (share > 0.0) == (not set(terms).isdisjoint(held))


def test_a_passage_with_the_rarer_word_holds_more_of_the_question() -> None:
    weights = TermWeights(["fine", "lens"], {"fine": 90, "lens": 2}, 100)
    assert weights.share("lens x", 2.0) > weights.share("fine x", 2.0)
    assert weights.share("lens fine", 2.0) > weights.share("lens x", 2.0)


def test_rare_words_are_looked_up_first_and_common_ones_left_out_in_a_large_corpus() -> None:
    frequencies = {"common": POSTINGS, "rare": 3, "rarer": 1}
    weights = TermWeights(["common", "rare", "unknown", "rarer"], frequencies, 10 * POSTINGS)
    assert weights.pick_rare() == [["rarer"], ["rare"]]
    assert TermWeights(["common"], frequencies, 10 * POSTINGS).pick_rare() == [["common"]]
    assert TermWeights(["unknown"], frequencies, 10).pick_rare() == []


def test_where_every_word_is_common_those_passages_are_looked_up_that_hold_several() -> None:
    frequencies = {"alibaba": 4 * POSTINGS, "fine": 5 * POSTINGS, "how": 20 * POSTINGS}
    assert TermWeights(["how", "fine", "alibaba"], frequencies, 40 * POSTINGS).pick_rare() == [["alibaba", "fine"]]
    assert TermWeights(["how"], frequencies, 40 * POSTINGS).pick_rare() == [["how"]]
