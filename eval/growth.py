"""How search time grows with the corpus: a small and a large synthetic record, made from the real one, asked in turn."""

from __future__ import annotations

import dataclasses
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from briefbot.answering import Briefbot
from briefbot.api.app import create_app
from briefbot.corpus import Corpus, EmbeddedPassage, hash_text
from briefbot.embedding import Progress
from briefbot.index import LANGUAGES, PassageIndex
from briefbot.models import Document, Language, Passage, Sentence

if TYPE_CHECKING:
    import numpy as np
    from fastapi.testclient import TestClient
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

PASSAGES_PER_DOCUMENT = 10
SENTENCES_PER_PASSAGE = 4
NOISE = 0.02
"""Deviation, in each dimension, of a synthetic vector from the real one: its cosine with that is about .93."""

TOP_K = 10
OWN_URL = "http://127.0.0.1"

QUESTIONS = (
    "How much was Alibaba fined?", "Which bodies supervise data exports?", "滴滴被罚了多少钱？", "外商投资有哪些新措施？",
    "When did the rules on algorithms take effect?", "What did the Politburo say about platforms?", "数据出境安全评估的门槛",
    "Who heads the private economy bureau?", "games for minors", "未成年人网络游戏时间限制",
)  # fmt: skip

CONDITIONS: Mapping[str, Mapping[str, object]] = {
    "no filter": {},
    "kind: law": {"filters": {"kind": ["law"]}},
    "kind: event": {"filters": {"kind": ["event"]}},
    "published in one year": {"filters": {"published_from": "2022-01-01", "published_to": "2022-12-31"}},
    "one topic, in Chinese": {"filters": {"topic": ["data"], "language": ["zh"]}},
    "as of 2021-12-31": {"as_of": "2021-12-31"},
}


@dataclass(frozen=True, slots=True)
class Growth:
    """Median milliseconds of a search in the small and in the large record under one condition."""

    condition: str
    small_ms: float
    large_ms: float

    @property
    def ratio(self) -> float:
        """Large over small."""
        return self.large_ms / self.small_ms


@dataclass(frozen=True, slots=True)
class _Pool:
    """Real sentences of a language with their vectors, and real passages' vectors, to be mixed anew."""

    texts: Sequence[str]
    vectors: Vectors
    passages: Vectors


def measure_growth(
    bot: Briefbot, folder: Path, *, small: int, large: int, rounds: int = 3, progress: Progress | None = None
) -> tuple[list[Growth], float]:
    """Times of `POST /v1/search` over records of `small` and `large` passages, asked in turn.

    Also the milliseconds of embedding a question, which is done once, before the clock starts.
    """
    from fastapi.testclient import TestClient

    bots = [_open_record(bot, folder / str(size), size, progress) for size in (small, large)]
    started = time.perf_counter()
    bot.embedder.embed_queries([f"{text} ({number})" for number, text in enumerate(QUESTIONS)])
    embedding_ms = 1000 * (time.perf_counter() - started) / len(QUESTIONS)
    with ExitStack() as stack:
        services = [stack.enter_context(TestClient(create_app(each.settings, each), base_url=OWN_URL)) for each in bots]
        found = [_measure_condition(name, services, condition, rounds) for name, condition in CONDITIONS.items()]
    return found, embedding_ms


def _measure_condition(
    name: str, services: Sequence[TestClient], condition: Mapping[str, object], rounds: int
) -> Growth:
    times: list[list[float]] = [[] for _ in services]
    for round_ in range(rounds + 1):  # the first round fills caches, that of the embedded questions among them
        for text in QUESTIONS:
            for row, service in enumerate(services):
                started = time.perf_counter()
                service.post("/v1/search", json={"query": text, "top_k": TOP_K, **condition}).raise_for_status()
                if round_:
                    times[row].append(1000 * (time.perf_counter() - started))
    return Growth(name, *(statistics.median(each) for each in times))


def _open_record(bot: Briefbot, folder: Path, size: int, progress: Progress | None) -> Briefbot:
    settings = bot.settings.model_copy(update={"home": folder})
    corpus = Corpus(settings.record_path)
    corpus.bind_model(str(bot.embedder.identity))
    if corpus.count_passages() < size:
        _fill(bot, corpus, size, progress)
    index = PassageIndex(settings.index_path)
    if not index.is_sound(corpus):
        with corpus.writing():
            index.rebuild(corpus)
    return Briefbot(settings, corpus, bot.embedder, index)


def _fill(bot: Briefbot, corpus: Corpus, size: int, progress: Progress | None) -> None:
    rng = random.Random(size)  # noqa: S311 - a made-up corpus, not secrets
    pools = {language: _make_pool(bot, language) for language in LANGUAGES}
    with corpus.writing():
        done = 0
        for document, passages in _make_documents(bot, pools, size, rng):
            corpus.put_document(document, passages, content_hash=hash_text(document.text), origin="synthetic")
            done += len(passages)
            if progress:
                progress(f"making {size} passages", done, size)


def _make_pool(bot: Briefbot, language: Language) -> _Pool:
    import numpy as np

    ids, passages = bot.corpus.vectors(language=language)
    vectors = bot.corpus.sentence_vectors_of(ids)
    found = bot.corpus.passages(ids)
    texts = [sentence.text for id_ in ids for sentence in found[id_].sentences]
    return _Pool(texts, np.concatenate([vectors[id_] for id_ in ids]), passages)


def _make_documents(
    bot: Briefbot, pools: Mapping[Language, _Pool], size: int, rng: random.Random
) -> Iterator[tuple[Document, list[EmbeddedPassage]]]:
    import numpy as np

    originals = sorted(bot.corpus.catalogue().documents.values(), key=lambda document: document.id)
    noise = np.random.default_rng(size)
    for number in range(-(-size // PASSAGES_PER_DOCUMENT)):
        original = rng.choice(originals)
        pool = pools[original.language]
        count = min(PASSAGES_PER_DOCUMENT, size - number * PASSAGES_PER_DOCUMENT)
        rows = [[rng.randrange(len(pool.texts)) for _ in range(SENTENCES_PER_PASSAGE)] for _ in range(count)]
        text = "\n\n".join(" ".join(pool.texts[row] for row in each) for each in rows)
        document = dataclasses.replace(original, id=f"synthetic-{number}", text=text, edges=(), sources=())
        passages, start = [], 0
        for ordinal, each in enumerate(rows):
            passage = _make_passage(document, ordinal, start, [pool.texts[row] for row in each])
            start = passage.end + 2
            vector = _shake(pool.passages[[rng.randrange(len(pool.passages))]], noise)[0]
            sentences = _shake(pool.vectors[each], noise)
            hashes = tuple(hash_text(f"{passage.id}\x1f{row}") for row in range(len(each)))
            passages.append(EmbeddedPassage(passage, vector, hash_text(passage.id), sentences, hashes))
        yield document, passages


def _shake(vectors: Vectors, noise: np.random.Generator) -> Vectors:
    import numpy as np

    moved = vectors + noise.normal(0.0, NOISE, vectors.shape).astype(np.float32)
    shaken: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return shaken


def _make_passage(document: Document, ordinal: int, start: int, sentences: Sequence[str]) -> Passage:
    spans, position = [], start
    for text in sentences:
        spans.append(Sentence(position, position + len(text), text))
        position += len(text) + 1
    return Passage(
        id=f"{document.id}:{ordinal}",
        document_id=document.id,
        ordinal=ordinal,
        start=start,
        end=position - 1,
        text=document.text[start : position - 1],
        locator="",
        context=document.title,
        language=document.language,
        sentences=tuple(spans),
    )


def render_growth(found: Sequence[Growth], embedding_ms: float, *, small: int, large: int) -> str:
    """The times as a table for the terminal."""
    lines = [f"{'median ms of a search':<26}{small:>10,}{large:>12,}{'ratio':>8}"]
    lines += [f"{item.condition:<26}{item.small_ms:>10.1f}{item.large_ms:>12.1f}{item.ratio:>8.2f}" for item in found]
    return "\n".join([*lines, "", f"embedding a question, not part of these: {embedding_ms:.1f} ms"])
