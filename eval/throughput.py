"""How fast documents are taken in, beside LlamaIndex's default way, in one run and over the same documents.

Ours writes the record, with a vector for every passage and every sentence, and the index; theirs is `SentenceSplitter`,
`HuggingFaceEmbedding` with this project's model loaded as it comes, and `VectorStoreIndex` on Chroma.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from briefbot.eval.llama_baselines import make_splitter
from briefbot.ingest.pipeline import Ingestor

from briefbot.corpus import Corpus
from briefbot.embedding import Embedder, Progress
from briefbot.errors import ConfigurationError, ModelError
from briefbot.index import PassageIndex

OURS, THEIRS = "briefbot", "llama-index"


@dataclass(frozen=True, slots=True)
class Throughput:
    """Documents a second of one way, in each repetition, and what was embedded for them."""

    system: str
    documents_per_second: tuple[float, ...]
    vectors: int

    @property
    def median(self) -> float:
        """The middle one of the repetitions."""
        return statistics.median(self.documents_per_second)


def measure_throughput(
    texts: Mapping[str, str],
    embedder: Embedder,
    model_folder: Path,
    *,
    repeats: int,
    progress: Progress | None = None,
) -> list[Throughput]:
    """Both ways in turn, `repeats` times; loading of models is not counted.

    Raises `ConfigurationError` without `briefbot[eval]`, `ModelError` where the model cannot be loaded.
    """
    theirs = _load_theirs(model_folder)
    ways: dict[str, Callable[[Path], int]] = {
        OURS: lambda folder: _take_in(texts, embedder, folder),
        THEIRS: lambda folder: _build_theirs(texts, theirs, folder),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    vectors: dict[str, int] = {}
    for number in range(repeats):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory(prefix="briefbot-") as folder:
                started = time.perf_counter()
                vectors[name] = way(Path(folder))
                rates[name].append(len(texts) / (time.perf_counter() - started))
            if progress:
                progress("measuring", number * len(ways) + len(vectors), repeats * len(ways))
    return [Throughput(name, tuple(rates[name]), vectors[name]) for name in ways]


def _take_in(texts: Mapping[str, str], embedder: Embedder, folder: Path) -> int:
    """Text files as a user has them, through the whole pipeline; the number of vectors made."""
    sources = folder / "sources"
    sources.mkdir()
    for number, text in enumerate(texts.values()):
        (sources / f"{number}.txt").write_text(text, encoding="utf-8")
    corpus = Corpus(folder / "record.sqlite3")
    results = Ingestor(corpus, PassageIndex(folder / "index"), lambda: embedder).ingest([sources])
    taken = sum(result.outcome in {"added", "duplicate"} for result in results)
    if taken != len(texts):
        raise ModelError(f"expected {len(texts)} documents to be taken in; got {taken}; look at the dataset")
    count = len(corpus.embedded_texts())
    corpus.close()
    return count


def _load_theirs(model_folder: Path) -> object:
    try:
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    except ImportError as error:
        raise ConfigurationError(
            "throughput: expected the package llama-index-embeddings-huggingface; got none; install briefbot[eval]"
        ) from error
    import torch

    threads = torch.get_num_threads()
    try:
        return HuggingFaceEmbedding(
            model_name=str(model_folder), device="cpu", query_instruction="query: ", text_instruction="passage: "
        )
    finally:
        torch.set_num_threads(threads)


def _build_theirs(texts: Mapping[str, str], model: object, folder: Path) -> int:
    import chromadb
    import torch
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.core.llms import MockLLM
    from llama_index.core.settings import Settings
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from briefbot.embedding import count_cores

    Settings.llm = MockLLM()  # never a provider that a key in the environment would choose
    client = chromadb.PersistentClient(path=str(folder), settings=chromadb.config.Settings(anonymized_telemetry=False))
    collection = client.create_collection("documents", embedding_function=None)
    own_threads = torch.get_num_threads()
    torch.set_num_threads(count_cores())  # what torch does where nobody tells it otherwise
    try:
        documents = [Document(text=text, id_=id_) for id_, text in texts.items()]
        nodes = make_splitter().get_nodes_from_documents(documents)
        storage = StorageContext.from_defaults(vector_store=ChromaVectorStore(chroma_collection=collection))
        VectorStoreIndex(nodes, storage_context=storage, embed_model=model)
    finally:
        torch.set_num_threads(own_threads)
    return len(nodes)


def render_throughput(found: Sequence[Throughput], documents: int) -> str:
    """The rates and their ratio as a few lines."""
    ours, theirs = found
    lines = [f"{documents} documents, {len(ours.documents_per_second)} repetitions in turn"]
    for item in found:
        spread = f"{min(item.documents_per_second):.2f}–{max(item.documents_per_second):.2f}"
        lines.append(f"{item.system:<12} {item.median:6.2f} documents a second ({spread}), {item.vectors} vectors")
    lines.append(f"{'ratio':<12} {ours.median / theirs.median:6.2f}")
    return "\n".join(lines)
