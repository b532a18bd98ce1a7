"""The vector index: Chroma, embedded, rebuildable from the record at any time (the only file that imports chromadb).

Chroma opens damaged segments without an error and keeps no vectors to rebuild itself from, so nothing lives here that
the record does not hold, and the index is checked before it is trusted. We call Chroma itself rather than LlamaIndex's
ChromaVectorStore: that one sends batches above Chroma's limit of 5,461 rows and stores a JSON copy of every node.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from briefbot.corpus import Corpus, PassageChange
from briefbot.errors import StorageError
from briefbot.models import Language

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

T = TypeVar("T")

EF_SEARCH = 300
"""With 60,000 random vectors recall@20 was .58 at Chroma's default and .94 at 300, for half a millisecond more."""

BATCH_ROWS = 250
"""Chroma's own guide says 50 to 250 rows; above 5,461 it refuses."""

SAMPLED_QUERIES = 200
LEAST_SELF_HITS = 0.99

LANGUAGES: tuple[Language, ...] = ("en", "zh")
"""Passages of each language lie in a collection of their own. Vectors of one language lie nearer to each other than to
those of the other, whatever they mean: in one collection Chinese questions found the right English document among the
first five in 20 % of cases, language by language in 87 %."""


class PassageIndex:
    """Approximate nearest passages by cosine, over one Chroma collection a language in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._client, self._collections = _open(folder)
        self._counts: dict[Language, int] = {}

    @property
    def version(self) -> str | None:
        """The version of the record this index was last brought up to, or None."""
        versions = {(item.metadata or {}).get("corpus_version") for item in self._collections.values()}
        return versions.pop() if len(versions) == 1 else None

    def count(self, language: Language | None = None) -> int:
        """How many vectors it holds, of one language or of all."""
        chosen = [language] if language else list(self._collections)
        for name in chosen:
            if name not in self._counts:
                self._counts[name] = int(self._collections[name].count())
        return sum(self._counts[name] for name in chosen)

    def search(self, vector: Vectors, limit: int, language: Language | None = None) -> list[tuple[str, float]]:
        """Passage ids and cosine similarities, nearest first, of one language or of all."""
        import numpy as np

        if not np.isfinite(vector).all():
            raise ValueError("expected a finite query vector; got NaN or infinity")
        found = [
            pair
            for name, collection in self._collections.items()
            if language in (None, name)
            for pair in _query(collection, vector, min(limit, self.count(name)))
        ]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def apply(self, change: PassageChange, version: str) -> None:
        """Bring the index up to `version` by one change of the record; only the writer calls this."""
        self._counts.clear()
        added = set(change.added)
        for batch in _batches(tuple(id_ for id_ in change.removed if id_ not in added)):
            for collection in self._collections.values():
                collection.delete(ids=list(batch))
        if change.vectors is not None:
            self._add(change.added, change.languages, change.vectors)
        self._counts.clear()
        self._mark(version)

    def rebuild(self, corpus: Corpus) -> None:
        """Fill the index anew from the record; only the writer calls this."""
        self._counts.clear()
        ids, vectors = corpus.vectors()
        languages = corpus.languages_of(ids)
        version = corpus.version()
        for name in LANGUAGES:
            self._client.delete_collection(_collection_name(name))
        self._collections = _make_collections(self._client)
        if ids:
            self._add(ids, [languages[id_] for id_ in ids], vectors)
        self._counts.clear()
        self._mark(version)

    def is_sound(self, corpus: Corpus) -> bool:
        """Whether it holds what the record holds: same version and count, and sampled vectors find themselves."""
        if self.version != corpus.version() or self.count() != corpus.count_passages():
            return False
        ids, vectors = corpus.vectors()
        if not ids:
            return True
        step = max(1, len(ids) // SAMPLED_QUERIES)
        sample = range(0, len(ids), step)
        try:
            hits = sum(self._finds_itself(ids[row], vectors[row]) for row in sample)
        except StorageError:
            return False
        return hits >= LEAST_SELF_HITS * len(sample)

    def _finds_itself(self, id_: str, vector: Vectors) -> bool:
        try:
            return any(found == id_ or similarity > 0.9999 for found, similarity in self.search(vector, 5))
        except Exception as error:  # chromadb raises its Rust core's errors as plain Exception subclasses
            raise StorageError(f"the vector index cannot be searched: {error}") from error

    def _add(self, ids: Sequence[str], languages: Sequence[Language], vectors: Vectors) -> None:
        for name, collection in self._collections.items():
            rows = [row for row, language in enumerate(languages) if language == name]
            for batch in _batches(rows):
                collection.upsert(ids=[ids[row] for row in batch], embeddings=vectors[list(batch)])

    def _mark(self, version: str) -> None:
        for collection in self._collections.values():
            collection.modify(metadata={"corpus_version": version})


def _query(collection: Any, vector: Vectors, limit: int) -> list[tuple[str, float]]:
    if limit == 0:
        return []
    found = collection.query(query_embeddings=[vector.tolist()], n_results=limit, include=["distances"])
    return [(id_, 1.0 - float(distance)) for id_, distance in zip(found["ids"][0], found["distances"][0], strict=True)]


def _open(folder: Path) -> tuple[Any, dict[Language, Any]]:
    """Client and collections; a folder that Chroma cannot open is thrown away and made anew."""
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    from chromadb.api.shared_system_client import SharedSystemClient

    try:
        return _connect(folder)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it holds nothing that the record does not
        # Chroma remembers, by path, even a client that failed to start, and would hand it out again.
        SharedSystemClient._identifier_to_system.pop(str(folder), None)
        try:
            _set_aside(folder)
            return _connect(folder)
        except Exception as error:  # chromadb raises its Rust core's errors as plain Exception subclasses
            raise StorageError(
                f"expected a folder for the vector index at {folder}; got {type(error).__name__}: {error}; "
                "check the disk, or set BRIEFBOT_HOME to another folder"
            ) from error


def _connect(folder: Path) -> tuple[Any, dict[Language, Any]]:
    import chromadb
    from chromadb.config import Settings

    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(anonymized_telemetry=False, allow_reset=False)
    client = chromadb.PersistentClient(path=str(folder), settings=settings)
    return client, _make_collections(client)


def _set_aside(folder: Path) -> None:
    """Keep what cannot be opened under another name, in place of what was kept there before."""
    kept = folder.with_name(f"{folder.name}.damaged")
    if kept.is_dir():
        shutil.rmtree(kept)
    kept.unlink(missing_ok=True)
    folder.rename(kept)


def _make_collections(client: Any) -> dict[Language, Any]:
    return {
        language: client.get_or_create_collection(
            _collection_name(language),
            configuration={"hnsw": {"space": "cosine", "ef_search": EF_SEARCH}},
            embedding_function=None,
        )
        for language in LANGUAGES
    }


def _collection_name(language: Language) -> str:
    return f"passages-{language}"


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH_ROWS):
        yield items[start : start + BATCH_ROWS]
