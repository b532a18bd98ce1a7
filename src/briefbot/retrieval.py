"""Passages for a question: nearest vectors, nearest sentences and shared words, each language by itself, under filters and a date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from briefbot.background import BACKGROUND
from briefbot.catalogue import Catalogue, PassageTable, china_today
from briefbot.corpus import Corpus
from briefbot.embedding import Embedder
from briefbot.errors import StorageError
from briefbot.index import LANGUAGES, PassageIndex
from briefbot.lexical import POSTINGS, TermWeights
from briefbot.models import Document, FoundBy, Language, Query, ScoredPassage, Status
from briefbot.question_kinds import articles_in
from briefbot.terms import query_terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Mask = NDArray[np.bool_]

SENTENCE_WEIGHT = 0.5
LEXICAL_WEIGHT = 9.0
ACROSS_WEIGHT = 3.0
"""A passage's score: its nearness, plus its best sentence's, both in standard deviations of its language, plus the share of the
question's words it holds. nDCG@10 on XQuAD, question > passages: en > en .987, zh > zh .981, en > zh .897, zh > en .888; by
reciprocal ranks .982, .977, .888, .853. Sentence weights from .5 to 1 and word weights from 6 to 10 differ by .002. Between
languages only names of the glossary, numbers and Latin words can be shared, so words weigh less there."""

CORRECTION = 0.5
"""Part of the mean question vector of the question's language that is taken off it before it meets the other language: what all
questions of a language have in common lies nearer to some passages than to others, whatever is asked (the hubs of Dinu et al. 2015,
"Improving zero-shot learning by mitigating the hubness problem"). On XQuAD from .888 to .905 and from .848 to .895 between
languages, against -.003 within one, where nothing is taken off; .3 to .7 differ by .01."""

VERSIONS_LOOKED_UP = 3
"""First passages whose other versions are put beside them where a question asks what changed."""

ENDED: frozenset[Status] = frozenset(("draft", "amended", "superseded", "repealed", "expired"))
"""Statuses of texts that a newer text stands in the place of, or will."""

EARLIER_PENALTY = 0.5
PERIOD_BONUS = 1.0
ARTICLE_BONUS = 4.0
"""What is taken from texts that are not, or no longer, in force, and given to documents published in the time asked about and to
the articles asked for. On the development questions right documents come first in 85 % without the bonus for time, 87 % with it."""

VERSION_MARGIN = 2.0
"""Within this distance of the text that it replaced, the newer one comes first."""

CANDIDATES = 40
"""Passages of each language that each search contributes before they are scored; with 60 no figure is another."""

FEWEST_FILTERED = 20
EXACT_PASSAGES = 500
OVERFETCH = 4
"""Where filters leave no more than `EXACT_PASSAGES`, their vectors are compared one by one. Where they leave more, as many
neighbours are asked for as should hold this many that pass, and `OVERFETCH` times more where they do not."""

SENTENCES_READ = 40
"""Passages of a language, by nearness and words, whose sentences are compared: reading them is the larger part of a search."""

TERMS_KEPT = 50_000
"""Terms whose frequency in the record is remembered."""

SAMPLE = 300
"""Passages of a language against which a similarity is judged high or low."""

SMALLEST_SAMPLE = 30
"""Fewer passages of a language than this say nothing about what is near: everyday sentences stand in for them."""

REPEATED = 0.9
"""Passages that share more than this part of their distinct words are taken for copies of one text."""

PER_DOCUMENT = 3
"""At most so many passages of one document, unless the question is restricted to documents by id."""


def embedded_texts(query: Query) -> tuple[str, str]:
    """The question as texts of its own language are compared with it, and as those of the other are."""
    return query.standalone, f"{query.standalone} {query.translation}".strip()


@dataclass(frozen=True, slots=True)
class RetrievalParts:
    """Which parts of retrieval take part: all of them, except where a comparison asks what one of them is worth."""

    dense: bool = True
    sentences: bool = True
    lexical: bool = True
    glossary: bool = True


@dataclass(frozen=True, slots=True)
class _Sample:
    """Vectors of some passages of a language and of their sentences; `owners` says which passage each sentence is of."""

    passages: Vectors
    sentences: Vectors
    owners: NDArray[np.intp]

    def spread(self, vector: Vectors) -> tuple[float, float, float, float]:
        """Mean and deviation of the sample's similarities to a question: of passages, and of their best sentences."""
        import numpy as np

        whole = self.passages @ vector
        best = np.full(len(self.passages), -1.0, dtype=np.float32)
        np.maximum.at(best, self.owners, self.sentences @ vector)
        return float(whole.mean()), float(whole.std()) or 1.0, float(best.mean()), float(best.std()) or 1.0


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What one language contributes to a search, each by passage id."""

    dense: frozenset[str]
    lexical: frozenset[str]
    scores: dict[str, float]
    sentences: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
    terms: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What a search needs to know of the whole record: its passages, samples, a passage's usual length,
    and in how many passages the terms asked for so far occur."""

    version: str
    passages: PassageTable
    samples: dict[Language, _Sample]
    typical_length: float
    frequencies: dict[str, int]


class Retriever:
    """Finds passages. Each language is searched by itself, and similarities are judged against their own language:

    vectors of one language lie nearer to each other than to those of the other, so raw similarities of a mixed corpus
    rank languages before meanings. On the development questions this took recall@5 of Chinese questions from .20 to .87.
    """

    def __init__(
        self,
        corpus: Corpus,
        index: PassageIndex | None,
        embedder: Embedder,
        *,
        parts: RetrievalParts | None = None,
    ) -> None:
        self._parts = parts or RetrievalParts()
        self._corpus = corpus
        self._index = index
        self._embedder = embedder
        self._known: _Known | None = None
        self._common: dict[Language, Vectors] = {}

    def replace_index(self, index: PassageIndex | None) -> None:
        """Search another index from now on; None searches the record's own vectors exactly."""
        self._index = index

    def search(self, query: Query, top_k: int) -> list[ScoredPassage]:
        """The best passages for a query, best first; none where filters and date leave no document."""
        if not self._parts.glossary:
            query = replace(query, translation="", translated_terms="")
        catalogue = self._corpus.catalogue()
        known = self._know(catalogue)
        admitted = catalogue.choose(query.filters, query.as_of)
        if admitted is not None and not admitted.any():
            return []
        found = [
            self._search_language(query, language, known, known.passages.select(language, admitted))
            for language in known.samples
        ]
        scores = {id_: score for part in found for id_, score in part.scores.items()}
        sentences = {id_: value for part in found for id_, value in part.sentences.items()}
        owners = self._corpus.document_ids_of(scores)
        adjusted = self._adjust(query, catalogue, scores, owners)
        ordered = rank_by(adjusted)
        limit = top_k if query.filters.document_id else PER_DOCUMENT
        terms = {id_: value for part in found for id_, value in part.terms.items()}
        candidates = _drop_repeats(_cap_per_document(ordered, owners, limit), terms, top_k)
        if query.asked == "change":
            candidates = self._add_other_versions(catalogue, candidates, adjusted, owners)[:top_k]
        passages = self._corpus.passages(candidates)
        chosen = [id_ for id_ in candidates if id_ in passages]
        dense = frozenset().union(*(part.dense for part in found))
        lexical = frozenset().union(*(part.lexical for part in found))
        return [
            ScoredPassage(passages[id_], adjusted[id_], rank, _found_by(id_, dense, lexical), *sentences[id_])
            for rank, id_ in enumerate(chosen, start=1)
        ]

    def read_whole(
        self, query: Query, document_ids: Sequence[str], found: Sequence[ScoredPassage]
    ) -> list[ScoredPassage]:
        """The passages of these documents that are not among those found, in the documents' order, ranked behind them."""
        known = self._know(self._corpus.catalogue())
        have = {item.passage.id for item in found}
        passages = [
            passage
            for id_ in document_ids
            for passage in self._corpus.passages_of(id_)
            if passage.id not in have and passage.language in known.samples
        ]
        vectors = self._corpus.sentence_vectors_of([passage.id for passage in passages])
        passages = [passage for passage in passages if passage.id in vectors]
        asked = {language: self._vector_for(query, language) for language in {item.language for item in passages}}
        spreads = {language: known.samples[language].spread(vector)[2:] for language, vector in asked.items()}
        result = []
        for rank, passage in enumerate(passages, start=len(found) + 1):
            vector = asked[passage.language]
            mean, deviation = spreads[passage.language]
            similar = vectors[passage.id] @ vector
            near = tuple(((similar - mean) / deviation).tolist())
            result.append(ScoredPassage(passage, max(near), rank, (), tuple(similar.tolist()), near))
        return result

    def _adjust(
        self,
        query: Query,
        catalogue: Catalogue,
        scores: Mapping[str, float],
        owners: Mapping[str, str],
    ) -> dict[str, float]:
        """Scores with what version, time and article numbers add or take away."""
        locators = self._corpus.locators_of(scores) if query.articles else {}
        documents = {id_: catalogue.documents[id_] for id_ in set(owners.values()) if id_ in catalogue.documents}
        day = query.as_of or china_today()
        ended = {id_ for id_ in documents if catalogue.status_on(id_, day) in ENDED}
        by_document = {id_: _judge_version(item, id_ in ended, query) for id_, item in documents.items()}
        adjusted = {
            id_: score
            + by_document[owners[id_]]
            + (ARTICLE_BONUS if not set(articles_in(locators.get(id_, ""))).isdisjoint(query.articles) else 0.0)
            for id_, score in scores.items()
            if owners.get(id_) in documents
        }
        return adjusted if query.wants_earlier else _put_newer_first(catalogue, adjusted, owners, ended, day)

    def _add_other_versions(
        self,
        catalogue: Catalogue,
        candidates: list[str],
        scores: Mapping[str, float],
        owners: Mapping[str, str],
    ) -> list[str]:
        """Behind each of the first passages of a text with another version, the best passage of that version.

        The same article where it has it, or else the best found; so that what changed can be read side by side.
        """
        result = list(candidates)
        locators = self._corpus.locators_of(scores)
        for id_ in candidates[:VERSIONS_LOOKED_UP]:
            own = articles_in(locators.get(id_, ""))
            for other in catalogue.lineage.versions(owners[id_]):
                if any(owners[each] == other for each in result[:VERSIONS_LOOKED_UP]):
                    continue
                found = [each for each in rank_by(scores) if owners.get(each) == other]
                aligned = [each for each in found if own and articles_in(locators.get(each, "")) == own]
                if found:
                    best = (aligned or found)[0]
                    result = [each for each in result if each != best]
                    result.insert(result.index(id_) + 1, best)
        return result

    def _search_language(self, query: Query, language: Language, known: _Known, admitted: Mask) -> _Candidates:
        """Candidates among the passages of a language that `admitted` holds."""
        vector = self._vector_for(query, language)
        has_vectors = self._parts.dense or self._parts.sentences
        dense = self._search_dense(vector, language, known, admitted) if has_vectors else []
        terms = query_terms(query.words_for(language)) if self._parts.lexical else []
        weights = TermWeights(terms, self._frequencies(known, terms), len(known.passages.ids))
        lexical = known.passages.ids_of(self._corpus.rank_terms(weights.pick_rare(), POSTINGS), admitted)[:CANDIDATES]
        ids = list(dict.fromkeys([*dense, *lexical]))
        mean, deviation, sentence_mean, sentence_deviation = known.samples[language].spread(vector)
        rows, vectors = self._corpus.vectors_of(ids)
        held = self._corpus.index_terms_of(ids)
        word_weight = LEXICAL_WEIGHT if language == query.language else ACROSS_WEIGHT
        scores = {
            id_: (float(near) if self._parts.dense else 0.0)
            + word_weight * weights.share(held.get(id_, ""), known.typical_length)
            for id_, near in zip(rows, (vectors @ vector - mean) / deviation if rows else (), strict=True)
        }
        best = rank_by(scores)[:SENTENCES_READ]
        sentences = {}
        for id_, own in self._corpus.sentence_vectors_of(best).items():
            similar = own @ vector
            near = (similar - sentence_mean) / sentence_deviation
            sentences[id_] = (tuple(similar.tolist()), tuple(near.tolist()))
        scores = {
            id_: scores[id_] + (SENTENCE_WEIGHT * max(sentences[id_][1]) if self._parts.sentences else 0.0)
            for id_ in best
            if id_ in sentences
        }
        return _Candidates(frozenset(dense), frozenset(lexical), scores, sentences, held)

    def _vector_for(self, query: Query, language: Language) -> Vectors:
        """The question as texts of a language are compared with it."""
        own, across = self._embedder.embed_pair(*embedded_texts(query))
        if language == query.language:
            return own
        if query.language not in self._common:
            self._common[query.language] = self._embedder.embed_queries(BACKGROUND[query.language]).mean(axis=0)
        corrected: Vectors = across - CORRECTION * self._common[query.language]
        return corrected

    def _frequencies(self, known: _Known, terms: Sequence[str]) -> dict[str, int]:
        """In how many passages these terms occur; asked of the record once, common words take it long."""
        missing = [term for term in terms if term not in known.frequencies]
        if missing:
            if len(known.frequencies) > TERMS_KEPT:
                known.frequencies.clear()
            known.frequencies.update(dict.fromkeys(missing, 0) | self._corpus.document_frequencies(missing))
        return known.frequencies

    def _know(self, catalogue: Catalogue) -> _Known:
        """What is read once per version of the record."""
        version = catalogue.version
        if self._known is None or self._known.version != version:
            drawn = {language: self._draw_sample(language) for language in LANGUAGES}
            sampled = [id_ for language in LANGUAGES for id_ in self._corpus.sample_passages(language, SAMPLE)]
            lengths = [words.count(" ") + 1 for words in self._corpus.index_terms_of(sampled).values()]
            passages = PassageTable.of(self._corpus.list_passages(), catalogue.table)
            self._known = _Known(
                version=version,
                passages=passages,
                samples={
                    language: sample for language, sample in drawn.items() if sample and language in passages.is_of
                },
                typical_length=sum(lengths) / max(1, len(lengths)),
                frequencies={},
            )
        return self._known

    def _draw_sample(self, language: Language) -> _Sample | None:
        """Passages of a language, or everyday sentences where it has too few to be a measure; None where it has none."""
        import numpy as np

        ids, passages = self._corpus.vectors_of(self._corpus.sample_passages(language, SAMPLE))
        if not ids:
            return None
        if len(ids) < SMALLEST_SAMPLE:
            background = self._embedder.embed_passages(BACKGROUND[language])
            return _Sample(background, background, np.arange(len(background)))
        sentences = self._corpus.sentence_vectors_of(ids)
        owners = np.repeat(np.arange(len(ids)), [len(sentences.get(id_, ())) for id_ in ids])
        return _Sample(passages, np.concatenate([sentences[id_] for id_ in ids if id_ in sentences]), owners)

    def _search_dense(self, vector: Vectors, language: Language, known: _Known, admitted: Mask) -> list[str]:
        """The nearest passages among those that `admitted` holds."""
        import numpy as np

        index = self._index
        left = int(np.count_nonzero(admitted))
        if index is not None and left > EXACT_PASSAGES and index.version == known.version:
            # The index has told the log what is wrong with it; the record's own vectors find the same.
            with suppress(StorageError):
                return self._search_index(index, vector, language, known, admitted)
        rows = np.flatnonzero(admitted)
        return self._search_exact(vector, [known.passages.ids[row] for row in rows.tolist()])

    @staticmethod
    def _search_index(
        index: PassageIndex, vector: Vectors, language: Language, known: _Known, admitted: Mask
    ) -> list[str]:
        """The nearest passages by the index, of which so many are asked for that enough pass."""
        import numpy as np

        left = int(np.count_nonzero(admitted))
        total = index.count(language)
        if left >= total:
            return [id_ for id_, _ in index.search(vector, CANDIDATES, language)]
        wanted = max(CANDIDATES, 5 * FEWEST_FILTERED * total // (4 * left))
        while True:
            neighbours = index.search(vector, wanted, language)
            kept = known.passages.keep((id_ for id_, _ in neighbours), admitted)
            if len(kept) >= FEWEST_FILTERED or len(neighbours) >= total:
                return kept[:CANDIDATES]
            wanted *= OVERFETCH

    def _search_exact(self, vector: Vectors, ids: Sequence[str]) -> list[str]:
        """Nearest passages by comparing every vector: where few are left, as the fallback, and as judge of the index."""
        import numpy as np

        rows, vectors = self._corpus.vectors_of(ids)
        if not rows:
            return []
        order = np.argsort(-(vectors @ vector), kind="stable")[:CANDIDATES]
        return [rows[row] for row in order]


def _put_newer_first(
    catalogue: Catalogue,
    scores: Mapping[str, float],
    owners: Mapping[str, str],
    ended: Set[str],
    day: dt.date,
) -> dict[str, float]:
    """Scores in which a text stands behind the one that took its place, where that one answers nearly as well."""
    best: dict[str, float] = {}
    for id_, score in scores.items():
        best[owners[id_]] = max(score, best.get(owners[id_], score))
    lowered: dict[str, float] = {}
    for document_id in ended & best.keys():
        own = best[document_id]
        newer = catalogue.lineage.replacement(catalogue.documents[document_id], day)
        theirs = best.get(newer.id) if newer else None
        if theirs is not None and own - VERSION_MARGIN <= theirs <= own:
            lowered[document_id] = own - theirs + 0.01
    return {id_: score - lowered.get(owners[id_], 0.0) for id_, score in scores.items()}


def _judge_version(document: Document, has_ended: bool, query: Query) -> float:
    """What a document's version and its time are worth for a question."""
    worth = 0.0
    if not query.wants_earlier and has_ended:
        worth -= EARLIER_PENALTY
    if query.period is not None and document.published is not None:
        first, last = query.period
        if (first is None or document.published >= first) and (last is None or document.published <= last):
            worth += PERIOD_BONUS
    return worth


def rank_by(values: Mapping[str, float]) -> list[str]:
    """Ids by falling value; equal values by id."""
    return sorted(values, key=lambda id_: (-values[id_], id_))


def _found_by(id_: str, dense: frozenset[str], lexical: frozenset[str]) -> tuple[FoundBy, ...]:
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


def _drop_repeats(ordered: Sequence[str], terms: Mapping[str, str], most: int) -> list[str]:
    """The first `most` passages that do not repeat an earlier one nearly word for word, as syndicated stories do."""
    kept: list[str] = []
    bags: list[frozenset[str]] = []
    for id_ in ordered:
        if len(kept) == most:
            break
        bag = frozenset(terms.get(id_, "").split())
        if all(len(bag & other) < REPEATED * len(bag | other) for other in bags) or not bag:
            kept.append(id_)
            bags.append(bag)
    return kept
