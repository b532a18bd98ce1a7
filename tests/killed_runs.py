"""What runs in the processes that are killed: ingestion into a home of its own, and the look at what it left."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from briefbot.ingest.engines import LocalEngine
from briefbot.ingest.passages import split_passages
from briefbot.ingest.pipeline import Ingestor
from briefbot.ingest.sources import find_source_files
from numpy.typing import NDArray

from briefbot.corpus import Corpus
from briefbot.embedding import Embedder, ModelIdentity, Progress
from briefbot.index import LEAST_SELF_HITS, PassageIndex

GROUP_CHARS = 2000
"""A few documents each, so that a run has many groups to be killed in."""


class HashedEmbedder:
    """A unit vector of its own for every text."""

    identity = ModelIdentity("hashed", "0", 32, "", "")

    def embed_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> NDArray[np.float32]:
        assert progress is None or callable(progress)
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        rows = np.stack([np.random.default_rng(seed).standard_normal(32) for seed in seeds])
        unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return unit


def write_version(folder: Path, version: int, documents: int) -> None:
    """The files of a corpus whose every document differs between versions in one paragraph."""
    folder.mkdir(exist_ok=True)
    for number in range(documents):
        paragraphs = "\n\n".join(
            f"## Part {part}\n\nThe harbour {number} has {part + 3} piers. Its fee in part {part} is RMB {number * 10 + part}."
            for part in range(4)
        )
        text = f"# Harbour {number}\n\n{paragraphs}\n\n## Version\n\nThis is version {version} of harbour {number}."
        (folder / f"harbour-{number}.md").write_text(text, encoding="utf-8")


def ingest(home: Path, sources: Path) -> None:
    """One run over the sources; the index is opened as the service opens it."""
    corpus = Corpus(home / "record.sqlite3")
    index = _open_index(corpus, home)
    embedder = cast("Embedder", HashedEmbedder())
    engine = LocalEngine(lambda: embedder)
    engine.group_chars = GROUP_CHARS
    results = Ingestor(corpus, index, lambda: embedder, engine=engine).ingest([sources])
    assert all(result.outcome in {"added", "updated", "unchanged"} for result in results), results


def _open_index(corpus: Corpus, home: Path) -> PassageIndex:
    index = PassageIndex(home / "index")
    if not index.is_sound(corpus):
        with corpus.writing():
            index.rebuild(corpus)
    return index


def inspect(home: Path, sources: Path, documents: int, *, versions: set[int], is_whole: bool) -> None:
    """Every document is wholly of one of the versions and none is there twice; with `is_whole` all are of the one version.

    Passages are found by their own vectors, in the index as the service would open it.
    """
    corpus = Corpus(home / "record.sqlite3")
    corpus.quick_check()
    found = corpus.catalogue().documents
    assert len({document.title for document in found.values()}) == len(found) <= documents
    seen = set()
    for document in found.values():
        assert corpus.passages_of(document.id) == split_passages(document), document.id
        seen |= {version for version in (1, 2) if f"This is version {version} of" in document.text}
    assert seen <= versions
    rows = corpus.sources()
    assert {row.document_id for row in rows.values() if row.state == "indexed"} <= found.keys()
    if is_whole:
        assert len(found) == documents
        assert {row.state for row in rows.values()} == {"indexed"}
        assert rows.keys() == {str(path) for path in find_source_files([sources])}
    _find_everything(corpus, home)


def _find_everything(corpus: Corpus, home: Path) -> None:
    index = _open_index(corpus, home)
    ids, vectors = corpus.vectors()
    assert index.count() == len(ids) == len(set(ids)) == len(corpus.list_passages())
    found = 0
    for id_, vector in zip(ids, vectors, strict=True):
        found += id_ in [nearest for nearest, _ in index.search(vector, 5)]
        assert id_ in corpus.search_terms(["harbour"], len(ids))
    # The graph of near vectors is approximate: the index is rebuilt from the record where more than this cannot be reached.
    assert found >= LEAST_SELF_HITS * len(ids)
