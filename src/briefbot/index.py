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
from typing import TYPE_CHECKING, Any

from briefbot.corpus import Corpus, PassageChange
from briefbot.errors import StorageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

EF_SEARCH = 300
"""With 60,000 random vectors recall@20 was .58 at Chroma's default and .94 at 300, for half a millisecond more."""

BATCH_ROWS = 250
"""Chroma's own guide says 50 to 250 rows; above 5,461 it refuses."""

SAMPLED_QUERIES = 200
LEAST_SELF_HITS = 0.99

_NAME = "passages"


class PassageIndex:
    """Approximate nearest passages by cosine, over one Chroma collection in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client, self._collection = _open(folder)

    @property
    def version(self) -> str | None:
        """The version of the record this index was last brought up to, or None."""
        return (self._collection.metadata or {}).get("corpus_version")

    def count(self) -> int:
        """How many vectors it holds."""
        return int(self._collection.count())

    def search(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Passage ids and cosine similarities, nearest first."""
        import numpy as np

        if not np.isfinite(vector).all():
            raise ValueError("expected a finite query vector; got NaN or infinity")
        if self.count() == 0:
            return []
        found = self._collection.query(
            query_embeddings=[vector.tolist()], n_results=min(limit, self.count()), include=["distances"]
        )
        return [
            (id_, 1.0 - float(distance)) for id_, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def apply(self, change: PassageChange, version: str) -> None:
        """Bring the index up to `version` by one change of the record; only the writer calls this."""
        added = set(change.added)
        for batch in _batches(tuple(id_ for id_ in change.removed if id_ not in added)):
            self._collection.delete(ids=list(batch))
        if change.vectors is not None:
            self._add(change.added, change.vectors)
        self._mark(version)

    def rebuild(self, corpus: Corpus) -> None:
        """Fill the index anew from the record; only the writer calls this."""
        ids, vectors = corpus.vectors()
        version = corpus.version()
        self._client.delete_collection(_NAME)
        self._collection = _make_collection(self._client)
        if ids:
            self._add(ids, vectors)
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

    def _add(self, ids: Sequence[str], vectors: Vectors) -> None:
        for start in range(0, len(ids), BATCH_ROWS):
            rows = slice(start, start + BATCH_ROWS)
            self._collection.upsert(ids=list(ids[rows]), embeddings=vectors[rows])

    def _mark(self, version: str) -> None:
        self._collection.modify(metadata={"corpus_version": version})


def _open(folder: Path) -> tuple[Any, Any]:
    """Client and collection; a folder that Chroma cannot open is thrown away and made anew."""
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    import chromadb
    from chromadb.config import Settings

    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(anonymized_telemetry=False, allow_reset=False)
    try:
        client = chromadb.PersistentClient(path=str(folder), settings=settings)
        return client, _make_collection(client)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it holds nothing that the record does not
        quarantine = folder.with_name(f"{folder.name}.damaged")
        shutil.rmtree(quarantine, ignore_errors=True)
        folder.rename(quarantine)
        folder.mkdir()
        client = chromadb.PersistentClient(path=str(folder), settings=settings)
        return client, _make_collection(client)


def _make_collection(client: Any) -> Any:
    return client.get_or_create_collection(
        _NAME,
        configuration={"hnsw": {"space": "cosine", "ef_search": EF_SEARCH}},
        embedding_function=None,
    )


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), BATCH_ROWS):
        yield ids[start : start + BATCH_ROWS]
