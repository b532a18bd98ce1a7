"""Passages for a question: nearest vectors and shared words, fused by reciprocal rank, under filters and a date."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from briefbot.corpus import Catalogue, Corpus
from briefbot.embedding import Embedder
from briefbot.index import PassageIndex
from briefbot.models import Document, Filters, FoundBy, Query, ScoredPassage, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

RRF_K = 60
"""Cormack, Clarke and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods"."""

CANDIDATES = 60
"""Passages each ranking contributes before fusion."""

OVERFETCH = 5
"""Under filters, so many times more neighbours are asked for before all vectors of the documents left are compared."""

CROSS_LANGUAGE_LEXICAL_WEIGHT = 0.25
"""Words shared across languages are names and figures at best: on XQuAD full weight took nDCG@10 from .84 to .39."""

PER_DOCUMENT = 3
"""At most so many passages of one document, unless the question is restricted to documents by id."""

_log = logging.getLogger(__name__)


def china_today() -> dt.date:
    """Today in China, where the documents' days are counted."""
    return dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()


def admitted_documents(catalogue: Catalogue, filters: Filters, as_of: dt.date | None) -> dict[str, Document] | None:
    """The documents that filters and date leave, by id; None where nothing is restricted."""
    if as_of is None and filters.is_empty():
        return None
    day = as_of or china_today()
    return {
        document.id: document
        for document in catalogue.documents.values()
        if _is_admitted(document, filters, as_of) and _has_status(catalogue, document, filters, day)
    }


def _is_admitted(document: Document, filters: Filters, as_of: dt.date | None) -> bool:
    published = document.published
    if as_of is not None and (published is None or published > as_of):
        return False
    if filters.published_from and (published is None or published < filters.published_from):
        return False
    if filters.published_to and (published is None or published > filters.published_to):
        return False
    return (
        (not filters.kind or document.kind in filters.kind)
        and (not filters.issuer or not set(filters.issuer).isdisjoint(document.issuer))
        and (not filters.topic or not set(filters.topic).isdisjoint(document.topics))
        and (not filters.language or document.language in filters.language)
        and (not filters.document_id or document.id in filters.document_id)
    )


def _has_status(catalogue: Catalogue, document: Document, filters: Filters, day: dt.date) -> bool:
    return not filters.status or catalogue.lineage.status_on(document, day) in filters.status


def status_of(catalogue: Catalogue, document: Document, as_of: dt.date | None) -> Status:
    """The status of a document on the day asked about, or today."""
    return catalogue.lineage.status_on(document, as_of or china_today()) or "final"


def fuse_rankings(rankings: Sequence[tuple[Sequence[str], Mapping[str, float] | None]]) -> dict[str, float]:
    """Reciprocal rank fusion: each ranking adds weight / (60 + rank) to the ids it holds, by id.

    A ranking comes with the weight of each id in it (None: 1 for all). The order of the rankings does not matter.
    """
    scores: dict[str, list[float]] = {}
    for ids, weights in rankings:
        for rank, id_ in enumerate(ids, start=1):
            scores.setdefault(id_, []).append((1.0 if weights is None else weights[id_]) / (RRF_K + rank))
    return {id_: sum(sorted(parts)) for id_, parts in scores.items()}


class Retriever:
    """Finds passages; stateless but for the index it trusts only while it matches the record."""

    def __init__(self, corpus: Corpus, index: PassageIndex | None, embedder: Embedder) -> None:
        self._corpus = corpus
        self._index = index
        self._embedder = embedder
        self._exact: tuple[str, list[str], Vectors] | None = None

    def replace_index(self, index: PassageIndex | None) -> None:
        """Search another index from now on; None searches the record's own vectors exactly."""
        self._index = index

    def search(self, query: Query, top_k: int) -> list[ScoredPassage]:
        """The best passages for a query, best first; none where filters and date leave no document."""
        catalogue = self._corpus.catalogue()
        admitted = admitted_documents(catalogue, query.filters, query.as_of)
        if admitted is not None and not admitted:
            return []
        vector = self._embedder.embed_query(query.standalone)
        dense = self._search_dense(vector, admitted, catalogue.version)
        lexical = self._corpus.search_terms(query.standalone, CANDIDATES, admitted)
        similarity = dict(dense)
        passages = self._corpus.passages([*similarity, *lexical])
        weights = {
            id_: 1.0 if passage.language == query.language else CROSS_LANGUAGE_LEXICAL_WEIGHT
            for id_, passage in passages.items()
        }
        dense_ids = [id_ for id_ in similarity if id_ in passages]
        lexical_ids = [id_ for id_ in lexical if id_ in passages]
        scores = fuse_rankings([(dense_ids, None), (lexical_ids, weights)])
        ordered = sorted(scores, key=lambda id_: (-scores[id_], id_))
        limit = top_k if query.filters.document_id else PER_DOCUMENT
        chosen = _cap_per_document(ordered, {id_: passages[id_].document_id for id_ in ordered}, limit)[:top_k]
        missing = self._similarities(vector, [id_ for id_ in chosen if id_ not in similarity])
        found = (set(dense_ids), set(lexical_ids))
        return [
            ScoredPassage(
                passages[id_],
                scores[id_],
                rank,
                _found_by(id_, *found),
                similarity.get(id_, missing.get(id_, 0.0)),
            )
            for rank, id_ in enumerate(chosen, start=1)
        ]

    def sentence_similarities(self, query: Query, passage_id: str) -> list[float]:
        """The cosine of the question with each sentence of a passage, in order."""
        vectors = self._corpus.sentence_vectors(passage_id)
        if not len(vectors):
            return []
        return [float(value) for value in vectors @ self._embedder.embed_query(query.standalone)]

    def _search_dense(
        self, vector: Vectors, admitted: Mapping[str, Document] | None, version: str
    ) -> list[tuple[str, float]]:
        index = self._index
        if index is None or index.version != version:
            return self._search_exact(vector, admitted, version)
        if admitted is None:
            return index.search(vector, CANDIDATES)
        neighbours = index.search(vector, CANDIDATES * OVERFETCH)
        owners = self._corpus.document_ids_of(id_ for id_, _ in neighbours)
        kept = [(id_, similarity) for id_, similarity in neighbours if owners.get(id_) in admitted]
        if len(kept) >= CANDIDATES or len(neighbours) >= index.count():
            return kept[:CANDIDATES]
        return self._search_exact(vector, admitted, version)

    def _search_exact(
        self, vector: Vectors, admitted: Mapping[str, Document] | None, version: str
    ) -> list[tuple[str, float]]:
        """Nearest passages by comparing every vector of the record: the fallback, and the judge of the index."""
        import numpy as np

        if admitted is not None:
            ids, vectors = self._corpus.vectors(admitted)
        else:
            if self._exact is None or self._exact[0] != version:
                self._exact = (version, *self._corpus.vectors())
            _, ids, vectors = self._exact
        if not ids:
            return []
        similarities = vectors @ vector
        order = np.argsort(-similarities, kind="stable")[:CANDIDATES]
        return [(ids[row], float(similarities[row])) for row in order]

    def _similarities(self, vector: Vectors, ids: Sequence[str]) -> dict[str, float]:
        """Similarities of passages that only their words found."""
        if not ids:
            return {}
        owners = set(self._corpus.document_ids_of(ids).values())
        all_ids, vectors = self._corpus.vectors(owners)
        wanted = set(ids)
        return {id_: float(vectors[row] @ vector) for row, id_ in enumerate(all_ids) if id_ in wanted}


def _found_by(id_: str, dense: set[str], lexical: set[str]) -> tuple[FoundBy, ...]:
    found: list[FoundBy] = []
    if id_ in dense:
        found.append("dense")
    if id_ in lexical:
        found.append("lexical")
    return tuple(found)


def _cap_per_document(ordered: Sequence[str], documents: Mapping[str, str], limit: int) -> list[str]:
    taken: dict[str, int] = {}
    kept = []
    for id_ in ordered:
        document = documents[id_]
        if taken.get(document, 0) < limit:
            taken[document] = taken.get(document, 0) + 1
            kept.append(id_)
    return kept
