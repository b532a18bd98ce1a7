"""The optional reranker: it reorders the first passages, or leaves them as they are where its time runs out."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from briefbot.answering import Briefbot
from briefbot.embedding import load_cross_encoder
from briefbot.errors import ModelError
from briefbot.reranking import RERANKED, Reranker, open_reranker
from briefbot.settings import Settings

QUESTION = "How much was Alibaba fined?"


class ByLength:
    """A model at the edge that likes short passages."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def predict(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        time.sleep(self.seconds)
        return [-float(len(text)) for _, text in pairs]


def test_the_first_passages_are_reordered_and_the_rest_kept(bot: Briefbot) -> None:
    found = bot.search(QUESTION, top_k=25)
    reordered = Reranker(ByLength(), 60_000).reorder(QUESTION, found)
    lengths = [len(item.passage.text) for item in reordered[:RERANKED]]
    assert lengths == sorted(lengths)
    assert [item.passage.id for item in reordered[RERANKED:]] == [item.passage.id for item in found[RERANKED:]]
    assert [item.rank for item in reordered] == list(range(1, 26))
    assert {item.passage.id for item in reordered} == {item.passage.id for item in found}


def test_where_time_runs_out_the_order_stands(bot: Briefbot, caplog: pytest.LogCaptureFixture) -> None:
    found = bot.search(QUESTION, top_k=25)
    with caplog.at_level(logging.WARNING):
        assert Reranker(ByLength(0.02), 1).reorder(QUESTION, found) == found
    assert "the order stands without it" in caplog.text


def test_none_is_opened_unless_one_is_named_and_a_wrong_name_is_refused(settings: Settings, tmp_path: Path) -> None:
    assert open_reranker(settings) is None
    with pytest.raises(ModelError, match="expected a cross-encoder's folder"):
        open_reranker(settings.model_copy(update={"reranker": str(tmp_path / "none")}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="expected a cross-encoder for sentence-transformers"):
        open_reranker(settings.model_copy(update={"reranker": str(tmp_path / "empty")}))


def test_a_real_cross_encoder_from_a_folder_scores_pairs(bot: Briefbot, settings: Settings, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = next(path.parent for path in settings.model_cache.rglob("tokenizer.json"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_labels=1,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    found = bot.search(QUESTION, top_k=8)
    reordered = Reranker(load_cross_encoder(str(tmp_path)), 60_000).reorder(QUESTION, found)
    assert sorted(item.passage.id for item in reordered) == sorted(item.passage.id for item in found)
