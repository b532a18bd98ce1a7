"""Embedding: unit vectors in the order given, whatever the batches, and models told apart."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from briefbot.ingest.pipeline import Ingestor, reembed_record
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from briefbot.answering import Briefbot
from briefbot.corpus import Corpus
from briefbot.embedding import Embedder, load_embedder
from briefbot.errors import IndexMismatchError, ModelError
from briefbot.settings import Settings

TEXTS = (
    "SAMR fined Alibaba RMB 18.228 billion.",
    "罚款为其2019年境内销售额的百分之四。",
    "Minors may play online games for three hours a week.",
    "Data. " * 120,
    "数据安全" * 60,
    "",
    "Short.",
)
LEAST_COSINE = 0.995
"""Between vectors of one text from different batches: padding changes the last bits, in bfloat16 more than in float32."""


@pytest.fixture(scope="module")
def other_model(settings: Settings, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bundled model with one tensor changed, as a folder of its own."""
    from safetensors.numpy import load_file, save_file

    assert embedder.identity.dimension == 384
    (source,) = settings.model_cache.iterdir()
    folder = tmp_path_factory.mktemp("other") / "e5-changed"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("model.safetensors"))
    tensors = load_file(source / "model.safetensors")
    tensors["embeddings.LayerNorm.bias"] = tensors["embeddings.LayerNorm.bias"][::-1].copy()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    yield folder
    shutil.rmtree(folder)


def test_vectors_have_384_dimensions_and_length_one(embedder: Embedder) -> None:
    vectors = embedder.embed_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert np.linalg.norm(embedder.embed_query("Why?")) == pytest.approx(1.0, abs=1e-5)


def test_no_texts_have_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_passages([]).shape == (0, 384)


def test_questions_and_passages_get_the_prompts_of_e5(embedder: Embedder) -> None:
    assert (embedder.identity.query_prompt, embedder.identity.passage_prompt) == ("query: ", "passage: ")
    passage = embedder.embed_passages(["fine"])[0]
    assert float(passage @ embedder.embed_query("fine")) < 0.99


def test_a_question_is_nearest_to_the_passage_that_answers_it_in_either_language(embedder: Embedder) -> None:
    passages = embedder.embed_passages(TEXTS[:3])
    assert int(np.argmax(passages @ embedder.embed_query("How long may children play video games?"))) == 2
    assert int(np.argmax(passages @ embedder.embed_query("未成年人每周可以玩多长时间游戏？"))) == 2


@hypothesis_settings(max_examples=6, deadline=None)
@given(st.permutations(range(len(TEXTS))), st.sampled_from([64, 640, 4096]))
def test_the_order_of_texts_is_kept_whatever_the_batches(
    embedder: Embedder, order: list[int], batch_tokens: int
) -> None:
    alone = np.concatenate([embedder.embed_passages([text]) for text in TEXTS])
    batched = Embedder(embedder._model, embedder.identity, batch_tokens=batch_tokens, workers=2)
    vectors = batched.embed_passages([TEXTS[index] for index in order])
    cosines = np.einsum("ij,ij->i", vectors, alone[order])
    assert cosines.min() > LEAST_COSINE
    others = vectors @ alone.T
    assert others.argmax(axis=1).tolist() == order


def test_progress_ends_at_the_number_of_texts(embedder: Embedder) -> None:
    told: list[tuple[str, int, int]] = []
    embedder.embed_passages(TEXTS, progress=lambda *step: told.append(step))
    assert told[-1] == ("embedding", len(TEXTS), len(TEXTS))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_repeated_question_is_remembered_and_its_vector_cannot_be_changed(embedder: Embedder) -> None:
    first = embedder.embed_query("Why was Alibaba fined in 2021?")
    assert embedder.embed_query("Why was Alibaba fined in 2021?") is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0.0


def test_a_model_folder_that_does_not_exist_is_a_model_error_naming_the_setting(
    settings: Settings, tmp_path: Path
) -> None:
    wanted = settings.model_copy(update={"embedding_model": str(tmp_path / "nowhere")})
    with pytest.raises(ModelError, match="nowhere, which does not exist; check BRIEFBOT_EMBEDDING_MODEL"):
        load_embedder(wanted)


def test_a_folder_without_a_model_is_a_model_error_naming_the_setting(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    wanted = settings.model_copy(update={"embedding_model": str(tmp_path)})
    with pytest.raises(ModelError, match="expected a sentence-transformers model at") as caught:
        load_embedder(wanted)
    assert "set BRIEFBOT_EMBEDDING_MODEL to" in str(caught.value)


def test_a_changed_model_has_another_identity_is_refused_by_the_record_and_accepted_after_reembedding(
    settings: Settings, embedder: Embedder, other_model: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    source = tmp_path / "fine.txt"
    source.write_text("SAMR fined Alibaba RMB 18.228 billion. Tencent paid nothing.", encoding="utf-8")
    changed = settings.model_copy(update={"home": home, "embedding_model": str(other_model)})
    corpus = Corpus(changed.record_path)
    Ingestor(corpus, None, lambda: embedder).ingest([source])
    before = corpus.vectors()[1]
    with pytest.raises(IndexMismatchError, match="run `briefbot reindex`"):
        Briefbot.open(changed)
    assert corpus.meta("model") == str(embedder.identity)

    reembed_record(changed)

    with Briefbot.open(changed) as bot:
        assert bot.embedder.identity.name == "e5-changed"
        assert str(bot.embedder.identity) == corpus.meta("model") != str(embedder.identity)
        assert bot.embedder.identity.query_prompt == "query: "
        assert bot.index is not None
        assert bot.index.is_sound(bot.corpus)
        assert "18.228 billion" in bot.search("How much was Alibaba fined?")[0].passage.text
    after = corpus.vectors()[1]
    assert after.shape == before.shape
    assert not np.allclose(after, before, atol=1e-3)
