"""Retrieval: fusion by rank, filters that nothing slips through, and an exact search that judges the index."""

from __future__ import annotations

import datetime as dt
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from briefbot.answering import Briefbot
from briefbot.models import Filters, Language
from briefbot.query import make_query
from briefbot.retrieval import PER_DOCUMENT, Retriever, admitted_documents, fuse_rankings

QUESTIONS = ("How much was Alibaba fined in 2021?", "平台经济反垄断", "data export rules", "1", "games for minors")
rankings = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=5)
days = st.dates(dt.date(2016, 1, 1), dt.date(2026, 1, 1))


def test_fusion_adds_one_over_sixty_plus_rank() -> None:
    fused = fuse_rankings([["a", "b"], ["b", "c"], ["b"]])
    assert fused == {
        "a": pytest.approx(1 / 61),
        "b": pytest.approx(1 / 62 + 1 / 61 + 1 / 61),
        "c": pytest.approx(1 / 62),
    }


def test_fusing_nothing_gives_nothing() -> None:
    assert fuse_rankings([]) == {}
    assert fuse_rankings([[]]) == {}


@given(rankings, st.randoms(use_true_random=False))
def test_fusion_ignores_the_order_of_the_rankings_to_the_last_bit(
    given_rankings: list[list[str]], shuffle: random.Random
) -> None:
    shuffled = list(given_rankings)
    shuffle.shuffle(shuffled)
    assert fuse_rankings(shuffled) == fuse_rankings(given_rankings)


@given(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=2))
def test_fusing_a_ranking_with_itself_keeps_its_order(ids: list[str]) -> None:
    fused = fuse_rankings([ids, ids])
    assert sorted(fused, key=lambda id_: -fused[id_]) == ids


def test_passages_are_ranked_from_one_with_falling_scores_and_few_of_one_document(bot: Briefbot) -> None:
    found = bot.search(QUESTIONS[0], top_k=20)
    assert [item.rank for item in found] == list(range(1, 21))
    assert all(before.score >= after.score for before, after in itertools.pairwise(found))
    documents = [item.passage.document_id for item in found]
    assert max(documents.count(id_) for id_ in documents) <= PER_DOCUMENT
    assert len({item.passage.id for item in found}) == 20
    assert "event-2021-04-10-alibaba-fined" in documents[:3]


def test_a_passage_says_which_search_found_it_and_how_near_each_of_its_sentences_is(bot: Briefbot) -> None:
    found = bot.search(QUESTIONS[0], top_k=20, filters=Filters(language=("en",)))
    assert all(item.found_by in {("dense",), ("lexical",), ("dense", "lexical")} for item in found)
    vector = bot.embedder.embed_query(QUESTIONS[0])
    for item in found:
        if item.passage.language == "en":
            expected = bot.corpus.sentence_vectors_of([item.passage.id])[item.passage.id] @ vector
            assert item.similarities == pytest.approx(expected.tolist(), abs=1e-5)
        assert len(item.nearness) == len(item.similarities) == len(item.passage.sentences)


def test_one_document_alone_may_fill_the_whole_answer(bot: Briefbot) -> None:
    id_ = max(bot.corpus.catalogue().documents, key=lambda each: len(bot.corpus.passages_of(each)))
    found = bot.search("rules", top_k=10, filters=Filters(document_id=(id_,)))
    assert {item.passage.document_id for item in found} == {id_}
    assert len(found) == min(10, len(bot.corpus.passages_of(id_))) > PER_DOCUMENT


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    question=st.sampled_from(QUESTIONS),
    as_of=st.none() | days,
    published=st.tuples(st.none() | days, st.none() | days),
    choices=st.data(),
)
def test_no_passage_violates_the_filters_or_the_date(
    bot: Briefbot,
    question: str,
    as_of: dt.date | None,
    published: tuple[dt.date | None, dt.date | None],
    choices: st.DataObject,
) -> None:
    catalogue = bot.corpus.catalogue()
    documents = catalogue.documents
    languages: tuple[Language, ...] = ("en", "zh")
    filters = Filters(
        kind=choices.draw(st.sampled_from([(), ("law",), ("event", "article"), ("regulation", "rule")])),
        issuer=choices.draw(st.sampled_from([(), *{document.issuer for document in documents.values()}])),
        topic=choices.draw(st.sampled_from([(), *{document.topics[:1] for document in documents.values()}])),
        language=choices.draw(st.sampled_from([(), languages[:1], languages[1:]])),
        status=choices.draw(st.sampled_from([(), ("in_force",), ("superseded", "amended", "draft"), ("final",)])),
        published_from=published[0],
        published_to=published[1],
    )
    found = bot.search(question, top_k=12, as_of=as_of, filters=filters)
    for item in found:
        document = documents[item.passage.document_id]
        day = document.published
        assert day is not None
        assert as_of is None or day <= as_of
        assert published[0] is None or day >= published[0]
        assert published[1] is None or day <= published[1]
        assert not filters.kind or document.kind in filters.kind
        assert not filters.issuer or set(filters.issuer) & set(document.issuer)
        assert not filters.topic or set(filters.topic) & set(document.topics)
        assert not filters.language or document.language in filters.language
        if filters.status and as_of:
            assert catalogue.lineage.status_on(document, as_of) in filters.status
    admitted = admitted_documents(catalogue, filters, as_of)
    assert bool(found) == (admitted is None or bool(admitted))


def test_filters_that_leave_no_document_find_nothing(bot: Briefbot) -> None:
    assert bot.search(QUESTIONS[0], as_of="1990-01-01") == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_without_the_index_the_records_own_vectors_give_the_same_passages(bot: Briefbot, question: str) -> None:
    query = make_query(question)
    indexed = Retriever(bot.corpus, bot.index, bot.embedder).search(query, 10)
    exact = Retriever(bot.corpus, None, bot.embedder).search(query, 10)
    assert bot.index is not None
    assert bot.index.version == bot.corpus.version()
    assert [item.passage.id for item in exact] == [item.passage.id for item in indexed]


def test_the_same_question_finds_the_same_passages_with_the_same_scores(bot: Briefbot) -> None:
    assert bot.search(QUESTIONS[1]) == bot.search(QUESTIONS[1])
