"""Retrieval on any dataset in BEIR's format, through the product's own pipeline, part by part and beside the usual choices.

The format is that of Thakur et al. 2021, "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval
Models": corpus.jsonl, queries.jsonl and qrels/NAME.tsv in one folder.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from briefbot.eval.ranking import ndcg_at, recall_at, reciprocal_rank_at
from briefbot.eval.statistics import Estimate, estimate
from briefbot.ingest.passages import CHUNKER_VERSION
from briefbot.ingest.pipeline import Ingestor

from briefbot.answering import GLOSSARY_FILE, Briefbot
from briefbot.corpus import Corpus
from briefbot.embedding import Embedder, Progress
from briefbot.errors import BriefbotError, ConfigurationError, UsageError
from briefbot.glossary import load_glossary
from briefbot.index import PassageIndex
from briefbot.models import Document, Query
from briefbot.query import make_query
from briefbot.retrieval import RetrievalParts, Retriever, embedded_texts
from briefbot.terms import is_chinese

LONGEST_QUERY_CHARS = 2000
PASSAGES_PER_DOCUMENT = 3
DEFAULT_TOP_K = 20

Ranker = Callable[[str], Sequence[str]]
"""From a query to document ids, best first."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Queries, what is relevant to each (gains by document id), and texts by document id, one or more each (translations).

    `answers` are words of the texts that answer a query, for sets that have them (`metadata.answers`).
    """

    name: str
    texts: Mapping[str, Sequence[tuple[str, str]]]
    queries: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, int]]
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetrievalFigures:
    """What one way of retrieving reached, with 95 % intervals, and how many queries it answered in a second."""

    system: str
    figures: Mapping[str, Estimate]
    queries_per_second: float
    embedding_ms: float | None = None


def load_dataset(folders: Sequence[Path]) -> Dataset:
    """A dataset from its folder; the corpora of further folders join the first one's, the same id meaning the same document.

    Raises `UsageError` that names the file and line at fault.
    """
    texts: dict[str, list[tuple[str, str]]] = {}
    for folder in folders:
        for row in _read_lines(folder / "corpus.jsonl", ("_id", "text")):
            texts.setdefault(row["_id"], []).append((str(row.get("title") or ""), row["text"]))
    rows = {row["_id"]: row for row in _read_lines(folders[0] / "queries.jsonl", ("_id", "text"))}
    queries = {id_: row["text"] for id_, row in rows.items()}
    answers = {id_: _read_answers(row) for id_, row in rows.items()}
    relevant = _read_judgements(folders[0])
    judged = {id_: text for id_, text in queries.items() if any(gain > 0 for gain in relevant.get(id_, {}).values())}
    if not judged:
        raise UsageError(f"--dataset: expected queries with judgements in {folders[0]}; got none; check qrels/")
    return Dataset(" + ".join(folder.name for folder in folders), texts, judged, relevant, answers)


def _read_answers(row: Mapping[str, Any]) -> list[str]:
    metadata = row.get("metadata")
    answers = metadata.get("answers") if isinstance(metadata, dict) else None
    return [text for text in answers if isinstance(text, str) and text.strip()] if isinstance(answers, list) else []


def _read_lines(path: Path, needed: Sequence[str]) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(
            f"--dataset: expected a folder in BEIR's format with {path.name}; got {path.parent} ({error.strerror}); check it"
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            missing = [name for name in needed if not isinstance(row.get(name), str)]
        except (json.JSONDecodeError, AttributeError) as error:
            raise UsageError(f"{path}:{number}: expected one JSON object a line; got {error}; correct it") from error
        if missing:
            raise UsageError(f"{path}:{number}: expected {missing[0]} as text; got {row.get(missing[0])!r}; correct it")
        yield row


def _read_judgements(folder: Path) -> dict[str, dict[str, int]]:
    files = sorted((folder / "qrels").glob("*.tsv"))
    path = next((file for file in files if file.stem == "test"), files[0] if files else None)
    if path is None:
        raise UsageError(f"--dataset: expected judgements in {folder}/qrels/NAME.tsv; got none; add them")
    relevant: dict[str, dict[str, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        cells = line.split("\t")
        if number == 1 or not line.strip():
            continue
        if len(cells) != 3 or not cells[2].strip().lstrip("-").isdigit():
            raise UsageError(
                f"{path}:{number}: expected query, document and a whole number, tabs between; got {line[:60]!r}"
            )
        relevant.setdefault(cells[0], {})[cells[1]] = int(cells[2])
    return relevant


def make_documents(dataset: Dataset) -> list[Document]:
    """The dataset's texts as documents; the translations of one document are told apart by a number after its id."""
    documents = []
    for id_, versions in dataset.texts.items():
        for number, (title, text) in enumerate(versions):
            documents.append(
                Document(
                    id=f"{id_}\x1f{number}",
                    title=title,
                    text=text,
                    kind="article",
                    issuer=(),
                    authority="press",
                    published=None,
                    language="zh" if is_chinese(text) else "en",
                )
            )
    return documents


def open_dataset(dataset: Dataset, bot: Briefbot, progress: Progress | None = None) -> tuple[Corpus, PassageIndex]:
    """Record and index of a dataset, made once and kept under the home folder's `benchmarks`."""
    documents = make_documents(dataset)
    digest = hashlib.sha256(f"{bot.embedder.identity}\x1f{CHUNKER_VERSION}".encode())
    for document in documents:
        digest.update(f"{document.id}\x1f{document.title}\x1f{document.text}\x1e".encode())
    folder = bot.settings.home / "benchmarks" / digest.hexdigest()[:16]
    corpus = Corpus(folder / "record.sqlite3")
    corpus.bind_model(str(bot.embedder.identity))
    index = PassageIndex(folder / "index")
    Ingestor(corpus, None, lambda: bot.embedder).ingest_documents(documents, origin="benchmark", progress=progress)
    if not index.is_sound(corpus):
        with corpus.writing():
            index.rebuild(corpus)
    return corpus, index


ABLATIONS: Mapping[str, RetrievalParts] = {
    "words only": RetrievalParts(dense=False, sentences=False, glossary=False),
    "passage vectors only": RetrievalParts(sentences=False, lexical=False, glossary=False),
    "vectors of passages and sentences": RetrievalParts(lexical=False, glossary=False),
    "all but the glossary": RetrievalParts(glossary=False),
    "briefbot": RetrievalParts(),
}


def measure_retrieval(
    dataset: Dataset,
    bot: Briefbot,
    *,
    top_k: int = DEFAULT_TOP_K,
    baselines: bool = True,
    progress: Progress | None = None,
) -> tuple[list[RetrievalFigures], list[str]]:
    """The figures of briefbot, of its parts, and of LlamaIndex's `VectorStoreIndex` with two models; notes on what was left out."""
    corpus, index = open_dataset(dataset, bot, progress)
    glossary = load_glossary(GLOSSARY_FILE)
    queries = {id_: make_query(text[:LONGEST_QUERY_CHARS], glossary=glossary) for id_, text in dataset.queries.items()}
    embedding_ms = _warm_up(queries, bot.embedder, progress)
    found = []
    for name, parts in ABLATIONS.items():
        retriever = Retriever(corpus, index, bot.embedder, parts=parts)
        ranker = _ranker_of(retriever, queries, top_k * PASSAGES_PER_DOCUMENT)
        found.append(measure_ranker(name, ranker, dataset, embedding_ms=embedding_ms, progress=progress))
    if not baselines:
        return found, []
    more, notes = _measure_baselines(dataset, bot, top_k, progress)
    return found + more, notes


def _warm_up(queries: Mapping[str, Query], embedder: Embedder, progress: Progress | None) -> float:
    """Embed every question once, so that the rates of search leave embedding out; milliseconds a question."""
    started = time.perf_counter()
    for done, query in enumerate(queries.values(), start=1):
        embedder.embed_pair(*embedded_texts(query))
        if progress:
            progress("embedding questions", done, len(queries))
    return 1000 * (time.perf_counter() - started) / max(1, len(queries))


def _ranker_of(retriever: Retriever, queries: Mapping[str, Query], passages: int) -> Ranker:
    def rank(query_id: str) -> list[str]:
        found = retriever.search(queries[query_id], passages)
        return [item.passage.document_id.split("\x1f")[0] for item in found]

    return rank


def measure_ranker(
    name: str,
    ranker: Ranker,
    dataset: Dataset,
    *,
    embedding_ms: float | None = None,
    progress: Progress | None = None,
) -> RetrievalFigures:
    """Ask every query and score the rankings."""
    scores: dict[str, list[float]] = {}
    ranked: dict[str, Sequence[str]] = {}
    started = time.perf_counter()
    for done, query_id in enumerate(dataset.queries, start=1):
        ranked[query_id] = ranker(query_id)
        if progress:
            progress(name, done, len(dataset.queries))
    seconds = time.perf_counter() - started
    for query_id, ids in ranked.items():
        gains = dataset.relevant[query_id]
        relevant = {id_ for id_, gain in gains.items() if gain > 0}
        scores.setdefault("nDCG@10", []).append(ndcg_at(ids, gains, 10))
        for k in (1, 5, 20):
            scores.setdefault(f"recall@{k}", []).append(recall_at(ids, relevant, k))
        scores.setdefault("MRR@10", []).append(reciprocal_rank_at(ids, relevant, 10))
    figures = {metric: item for metric, values in scores.items() if (item := estimate(values))}
    return RetrievalFigures(name, figures, len(dataset.queries) / max(1e-9, seconds), embedding_ms)


def _measure_baselines(
    dataset: Dataset, bot: Briefbot, top_k: int, progress: Progress | None
) -> tuple[list[RetrievalFigures], list[str]]:
    from briefbot.eval.llama_baselines import build_vector_index, load_minilm

    texts = {document.id: document.text for document in make_documents(dataset)}
    found: list[RetrievalFigures] = []
    notes: list[str] = []
    for model in ("all-MiniLM-L6-v2", "briefbot's model"):
        try:
            embedder = load_minilm(bot) if model == "all-MiniLM-L6-v2" else bot.embedder
            index = build_vector_index(texts, embedder)
        except BriefbotError as error:
            if not isinstance(error, ConfigurationError):
                raise
            notes.append(f"left out: {error}")
            continue
        retriever = index.as_retriever(similarity_top_k=top_k * PASSAGES_PER_DOCUMENT)

        def rank(query_id: str, retriever: Any = retriever) -> list[str]:
            return [item.node.ref_doc_id.split("\x1f")[0] for item in retriever.retrieve(dataset.queries[query_id])]

        found.append(measure_ranker(f"LlamaIndex, {model}", rank, dataset, progress=progress))
    return found, notes


def render_retrieval(dataset: Dataset, found: Sequence[RetrievalFigures]) -> str:
    """The figures as a table for the terminal."""
    names = list(found[0].figures)
    lines = [f"{dataset.name}: {len(dataset.queries)} queries, {len(dataset.texts)} documents", ""]
    lines.append(f"{'':<36}" + "".join(f"{name:>11}" for name in names) + f"{'queries/s':>12}")
    for item in found:
        cells = "".join(f"{item.figures[name].mean:>11.4f}" for name in names)
        lines.append(f"{item.system:<36}{cells}{item.queries_per_second:>12.1f}")
    first = found[0]
    if first.embedding_ms is not None:
        lines += [
            "",
            f"embedding a question: {first.embedding_ms:.1f} ms, left out of briefbot's rates, part of LlamaIndex's",
        ]
    return "\n".join(lines)
