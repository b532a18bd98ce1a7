"""The one entry point to answers: `Briefbot` opens record, index and model, and answers questions with citations."""

from __future__ import annotations

import datetime as dt
import logging
import re
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

from briefbot.catalogue import Catalogue
from briefbot.checking import check_claim
from briefbot.composition import Part, are_items, choose_sentences, cite, compose_answer, one_line, quote_parts
from briefbot.corpus import Corpus
from briefbot.embedding import Embedder, Progress, count_cores, load_embedder
from briefbot.errors import BusyError, UsageError
from briefbot.evidence import about_company, is_beside, is_foreign, put_back_said, score_evidence
from briefbot.generation import Following, Generated, generate
from briefbot.glossary import load_glossary
from briefbot.hygiene import is_showable, talks_to_machine
from briefbot.index import PassageIndex
from briefbot.language_model import LanguageModel
from briefbot.models import (
    AbstentionReason,
    Answer,
    Check,
    Difference,
    Evidence,
    Filters,
    Language,
    Missing,
    Mode,
    Query,
    ScoredPassage,
    Turn,
)
from briefbot.notices import find_notices, title_in
from briefbot.query import clean_claim, make_query, states_something
from briefbot.question_kinds import asks_for_judgement
from briefbot.reranking import open_reranker
from briefbot.retrieval import RetrievalParts, Retriever
from briefbot.settings import Settings, load_settings, prepare_home
from briefbot.sought import counted_in, find_missing
from briefbot.texts import (
    ABSTENTIONS,
    CLOSEST,
    COVERAGE,
    DIFFERENCE,
    EMPTY_CORPUS,
    MISSING,
    NO_JUDGEMENT,
    VERDICTS,
)
from briefbot.verification import Verifier
from briefbot.watching import Watcher

PASSAGES_PER_QUESTION = 12

CLOSEST_NAMED = 3
"""Documents that are named where a question is not answered."""

SUBJECTS_NAMED = 2
"""Things a question names that are named before quotes in the other language."""

DOCUMENTS_READ = 3
"""Documents, those of the first passages, that are read whole: with what else they say 99 % of the needed facts of the development
questions are among the sentences read, 89 % without."""

GLOSSARY_FILE = Path(str(files("briefbot") / "ingest" / "corpus" / "glossary.yaml"))
"""The bundled glossary."""

MOST_AT_ONCE = 2
"""Questions whose evidence is looked for at the same time, or one for each core where there are more: with eight threads on two cores
an answer took 1.5 times the processor time that it took with two. What a language model writes does not count."""

LEAST_NEARNESS = 2.4
"""Standard deviations by which the best sentence must stand above its language's passages: 98 % of the development questions
with an answer are above."""

_WORD = re.compile(r"[^\W\d_]", re.UNICODE)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to answer a question from: all of it by one version of the catalogue, whatever comes and goes meanwhile."""

    catalogue: Catalogue
    passages: Sequence[ScoredPassage]
    evidence: Sequence[Evidence]
    chosen: Sequence[Evidence]


class Briefbot:
    """Questions in, cited answers out; safe to share between threads. Close it, or use it in a `with` block."""

    def __init__(
        self,
        settings: Settings,
        corpus: Corpus,
        embedder: Embedder,
        index: PassageIndex | None,
        *,
        parts: RetrievalParts | None = None,
    ) -> None:
        self.settings = settings
        self.corpus = corpus
        self.embedder = embedder
        self.index = index
        self._retriever = Retriever(corpus, index, embedder, parts=parts)
        self._reranker = open_reranker(settings)
        self.glossary = load_glossary(GLOSSARY_FILE)
        self.verifier = Verifier(self.glossary, self._liken)
        self._model = LanguageModel(settings) if settings.has_model else None
        self._cores = threading.BoundedSemaphore(max(MOST_AT_ONCE, count_cores()))
        self._depends_on = {"briefbot": version("briefbot"), "embedding_model": str(embedder.identity)}

    @classmethod
    def open(cls, settings: Settings | None = None, *, progress: Progress | None = None) -> Briefbot:
        """Open record, model and index under the settings' home.

        Raises `ConfigurationError` (home, Chroma server), `StorageError` (record, Chroma server out of reach), `ModelError`
        (model) or `IndexMismatchError` (the record holds another model's vectors).
        """
        settings = settings or load_settings()
        prepare_home(settings)
        corpus = Corpus(settings.record_path)
        embedder = load_embedder(settings, progress=progress)
        corpus.bind_model(str(embedder.identity))
        bot = cls(settings, corpus, embedder, None)
        bot.index = bot._open_index()
        bot._retriever.replace_index(bot.index)
        return bot

    def _open_index(self) -> PassageIndex | None:
        """The vector index if it can be trusted, rebuilt if it cannot; raises `BusyError` while another process is writing.

        On a server the writer brings the index up to date for all, so nothing is rebuilt while there is one.
        """
        index = PassageIndex.open(self.settings, self.corpus)
        if index.is_sound(self.corpus):
            return index
        if self.corpus.count_passages():
            _log.info("the vector index does not match the record; rebuilding it from the record")
        try:
            with self.corpus.writing():
                if not (index.is_shared and index.is_sound(self.corpus)):
                    index.rebuild(self.corpus)
        except BusyError:
            if not index.is_shared:
                raise
            _log.info("another process is writing; until it is done, vectors are compared one by one")
        return index

    def close(self) -> None:
        """Let go of the record and the index, and end the server of a local model."""
        if self._model:
            self._model.close()
        if self.index:
            self.index.close()
        self.corpus.close()

    @property
    def model_name(self) -> str | None:
        """The name of the language model that writes answers, None where there is none."""
        return self._model.name if self._model else None

    def warm_up(self) -> None:
        """Load a local language model now rather than with the first question; raises `ModelError` where that fails."""
        if self._model and self.settings.llm_gguf:
            self._model.client()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def search(
        self,
        query: str,
        *,
        top_k: int = 10,
        as_of: dt.date | str | None = None,
        filters: Filters | None = None,
    ) -> list[ScoredPassage]:
        """Passages for a query, best first; raises `UsageError` for a malformed query, date or filter."""
        made = make_query(query, as_of=parse_date(as_of), filters=self.check_filters(filters), glossary=self.glossary)
        with self._cores:
            return self._find(made, top_k)

    def find_evidence(self, question: str) -> list[Evidence]:
        """The sentences an answer to a question would be chosen from, best first; raises `UsageError` for a malformed question."""
        query = make_query(question, glossary=self.glossary)
        catalogue, passages = self._find_known(query)
        return self._weigh(query, passages, catalogue)

    def _find(self, query: Query, top_k: int) -> list[ScoredPassage]:
        """Passages for a query, reordered where a reranker is configured."""
        found = self._retriever.search(query, top_k)
        return self._reranker.reorder(query.standalone, found) if self._reranker else found

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        as_of: dt.date | str | None = None,
        filters: Filters | None = None,
        mode: Mode = "auto",
        watcher: Watcher | None = None,
    ) -> Answer:
        """Answer a question from the corpus, or abstain; raises `UsageError` for a malformed request.

        The `watcher` is told the answer's text as far as a model has written it and it has been checked, as it grows; what it
        raises ends the work.
        """
        started = time.perf_counter()
        watcher = watcher or Watcher()
        self.check_mode(mode)
        query = make_query(
            question,
            history=history,
            as_of=parse_date(as_of),
            filters=self.check_filters(filters),
            glossary=self.glossary,
        )
        with self._cores:
            watcher.check()
            catalogue, passages = self._find_known(query)
            retrieved = time.perf_counter()
            watcher.found(query, passages, catalogue)
            evidence = self._weigh(query, passages, catalogue)
            if query.is_follow_up:
                evidence = put_back_said(evidence, history)
            chosen = choose_sentences(evidence, query.asked, _publication_days(evidence, catalogue))
        found = Found(catalogue, passages, evidence, chosen)
        missing = find_missing(query, [item.sentence.text for item in about_company(query, chosen, self.glossary)])
        reason = self._reason_to_abstain(query, found, missing)
        stages = {"retrieve": _milliseconds(retrieved - started)}
        answer = (
            self._abstain(query, reason, found, missing, stages)
            if reason
            else self._compose(query, found, mode, stages, watcher)
        )
        finished = time.perf_counter()
        stages["compose"] = _milliseconds(finished - retrieved - stages.get("generate", 0.0) / 1000)
        stages["total"] = _milliseconds(finished - started)
        writer = {"language_model": self.model_name} if answer.mode == "generative" and self.model_name else {}
        return replace(answer, history=tuple(history), settings={**self._depends_on, **writer})

    def check(self, claim: str, *, as_of: dt.date | str | None = None, filters: Filters | None = None) -> Check:
        """Check a claim against the corpus, with the words for or against it; raises `UsageError` for a malformed request.

        Marks like [1], as answers carry them, are no part of a claim; a question is none.
        """
        started = time.perf_counter()
        query = make_query(
            clean_claim(claim),
            as_of=parse_date(as_of),
            filters=self.check_filters(filters),
            glossary=self.glossary,
        )
        with self._cores:
            catalogue, passages = self._find_known(query)
            evidence = [item for item in self._weigh(query, passages, catalogue) if is_showable(item.sentence.text)]
        if is_foreign(query, passages) or not states_something(query.question):
            evidence = []
        documents = {id_: catalogue.documents[id_] for id_ in {item.passage.document_id for item in evidence}}
        statuses = {id_: catalogue.status_of(document, query.as_of) for id_, document in documents.items()}
        found = check_claim(query.question, evidence, statuses, self.glossary, documents)
        numbers = {item: number for number, item in enumerate(found.shown, start=1)}
        differences = tuple(
            Difference(item.kind, item.stated, item.found, numbers[item.evidence]) for item in found.contrasts
        )
        said = [VERDICTS[found.verdict][query.language]]
        said += [
            DIFFERENCE[query.language].format(stated=item.stated, found=item.found, citation=item.citation)
            for item in differences
        ]
        if found.verdict == "not_found":
            said.append(_describe_coverage(query.language, catalogue))
        return Check(
            claim=query.question,
            language=query.language,
            verdict=found.verdict,
            likelihoods={verdict: round(likelihood, 3) for verdict, likelihood in found.likelihoods.items()},
            text=("" if query.language == "zh" else " ").join(said),
            differences=differences,
            citations=tuple(cite(item, number, documents, statuses) for item, number in numbers.items()),
            as_of=query.as_of,
            filters=query.filters,
            corpus_version=catalogue.version,
            timings_ms={"total": _milliseconds(time.perf_counter() - started)},
        )

    def _compose(
        self,
        query: Query,
        found: Found,
        mode: Mode,
        stages: dict[str, float],
        watcher: Watcher,
    ) -> Answer:
        """The answer from evidence that is there; `stages` gets the language model's milliseconds."""
        catalogue, chosen = found.catalogue, found.chosen
        documents = {item.passage.document_id: catalogue.documents[item.passage.document_id] for item in chosen}
        statuses = {id_: catalogue.status_of(document, query.as_of) for id_, document in documents.items()}

        names = self._name_subjects(query)

        def tell(parts: Sequence[Part]) -> None:
            stages.setdefault("first_text", _milliseconds(time.perf_counter() - started))
            watcher.told(compose_answer(parts, documents, statuses, query.language, names=names).text)

        started = time.perf_counter()
        made = Generated(quote_parts(chosen, query.language))
        if self._model is not None and mode != "extractive":
            following = Following(tell, watcher.check)
            made = generate(self._model, query, chosen, made.parts, self.verifier, following=following)
            stages["generate"] = _milliseconds(time.perf_counter() - started)
        written = any(part.support == "checked" for part in made.parts)
        numbered = not written and are_items(made.parts, query.asked)
        composed = compose_answer(made.parts, documents, statuses, query.language, numbered=numbered, names=names)
        notices = find_notices(query, found.evidence, composed, catalogue, statuses, self.glossary)
        return Answer(
            id=_new_id(),
            question=query.question,
            standalone_question=query.standalone,
            language=query.language,
            mode="generative" if written else "extractive",
            as_of=query.as_of,
            filters=query.filters,
            abstained=False,
            abstention_reason=None,
            text=composed.text,
            statements=composed.statements,
            citations=composed.citations,
            notices=(*notices, made.notice) if made.notice else notices,
            confidence=_confidence(found.evidence[0]),
            corpus_version=catalogue.version,
            timings_ms=stages,
            tokens=made.tokens,
            checked={"written": made.written, "refused": made.refused} if made.written else {},
        )

    def _name_subjects(self, query: Query) -> list[str]:
        """What the question names, in its own language, the longest names first."""
        found = {
            entry.id: entry.names(query.language)[0] for entry in self.glossary.find(query.question, query.language)
        }
        return sorted(found.values(), key=lambda name: (-len(name), name))[:SUBJECTS_NAMED]

    def _liken(self, texts: Sequence[str], others: Sequence[str]) -> Sequence[Sequence[float]]:
        """The cosines of texts' vectors, a row for each of the first."""
        vectors = self.embedder.embed_passages([*texts, *others])
        likeness: list[list[float]] = (vectors[: len(texts)] @ vectors[len(texts) :].T).tolist()
        return likeness

    def _find_known(self, query: Query) -> tuple[Catalogue, list[ScoredPassage]]:
        """The catalogue that a question is answered by, and the passages found of documents that it holds."""
        catalogue = self.corpus.catalogue()
        found = self._find(query, PASSAGES_PER_QUESTION)
        return catalogue, [item for item in found if item.passage.document_id in catalogue.documents]

    def _weigh(self, query: Query, passages: Sequence[ScoredPassage], catalogue: Catalogue) -> list[Evidence]:
        """The sentences of the passages found and of the first documents they are from, best first."""
        first = list(dict.fromkeys(found.passage.document_id for found in passages))[:DOCUMENTS_READ]
        foreseen: set[dt.date] = set()
        if query.as_of is not None:
            known = catalogue.admit(Filters(), query.as_of).values()
            foreseen = {day for item in known for day in (item.effective_from, item.effective_to) if day}
        return score_evidence(
            query,
            passages,
            whole=self._retriever.read_whole(query, first, passages),
            secondary=_find_secondary(passages, catalogue),
            foreseen=foreseen,
        )

    def _reason_to_abstain(
        self,
        query: Query,
        found: Found,
        missing: Missing | None,
    ) -> AbstentionReason | None:
        passages, chosen = found.passages, found.chosen
        if not _WORD.search(query.question):
            return "not_a_question"
        if talks_to_machine(query.question) and not self.glossary.find(query.question, query.language):
            return "not_a_question"
        if not passages:
            restricted = query.as_of is not None or not query.filters.is_empty()
            return "filtered_out" if restricted else "no_evidence"
        if not chosen or asks_for_judgement(query.question):
            return "no_evidence"
        nearest = max(item.nearness for item in found.evidence)
        if nearest < LEAST_NEARNESS or is_foreign(query, passages) or missing or is_beside(query, chosen):
            return "weak_evidence"
        return None

    def _abstain(
        self,
        query: Query,
        reason: AbstentionReason,
        found: Found,
        missing: Missing | None,
        timings: Mapping[str, float],
    ) -> Answer:
        """No answer, and in its place why there is none and what is nearest."""
        is_judgement = reason == "no_evidence" and asks_for_judgement(query.question)
        said = [NO_JUDGEMENT[query.language] if is_judgement else ABSTENTIONS[reason][query.language]]
        if missing and reason == "weak_evidence":
            said.append(MISSING[missing][query.language].format(counted=counted_in(query.standalone)))
        if is_judgement or reason == "weak_evidence":
            said.append(_name_closest(query, found.passages, found.catalogue))
        said.append(_describe_coverage(query.language, found.catalogue))
        return Answer(
            id=_new_id(),
            question=query.question,
            standalone_question=query.standalone,
            language=query.language,
            mode="extractive",
            as_of=query.as_of,
            filters=query.filters,
            abstained=True,
            abstention_reason=reason,
            text=("" if query.language == "zh" else " ").join(part for part in said if part),
            statements=(),
            citations=(),
            notices=(),
            confidence=0.0,
            corpus_version=found.catalogue.version,
            timings_ms=timings,
        )

    def check_mode(self, mode: Mode) -> None:
        """Raise `UsageError` where a model is to write and none is configured."""
        if mode == "generative" and self._model is None:
            raise UsageError(
                "mode: expected extractive or auto, as no language model is configured; got generative; set "
                "BRIEFBOT_LLM_URL and BRIEFBOT_LLM_MODEL, or BRIEFBOT_LLM_GGUF"
            )

    def check_filters(self, filters: Filters | None, within: str = "filters.") -> Filters:
        """The filters, refused where they name an issuer, topic or document that the corpus does not have.

        `within` is what an error puts before the name of a field.
        """
        filters = filters or Filters()
        table = self.corpus.catalogue().table
        for field in ("issuer", "topic", "document_id"):
            if not getattr(filters, field):
                continue
            values = table.values(field)
            for value in getattr(filters, field):
                if value not in values:
                    shown = ", ".join(sorted(values)[:100])
                    raise UsageError(
                        f"{within}{field}: expected one of {shown}; got {value[:80]}; choose one of those",
                        expected=shown,
                        got=value[:80],
                    )
        return filters


def _publication_days(evidence: Sequence[Evidence], catalogue: Catalogue) -> dict[str, dt.date | None]:
    return {id_: catalogue.documents[id_].published for id_ in {item.passage.document_id for item in evidence}}


def _find_secondary(passages: Sequence[ScoredPassage], catalogue: Catalogue) -> set[str]:
    """The documents among these passages that report what others say first hand."""
    ids = {found.passage.document_id for found in passages}
    return {id_ for id_ in ids if catalogue.documents[id_].authority in {"analysis", "press"}}


def _name_closest(query: Query, passages: Sequence[ScoredPassage], catalogue: Catalogue) -> str:
    """The titles of the documents nearest to a question, for a reader to go on from."""
    documents = catalogue.documents
    ids = dict.fromkeys(found.passage.document_id for found in passages)
    titles = list(dict.fromkeys(one_line(title_in(documents[id_], query.language)) for id_ in ids))[:CLOSEST_NAMED]
    mark = "《{}》" if query.language == "zh" else "{}"
    joint = "、" if query.language == "zh" else "; "
    return CLOSEST[query.language].format(titles=joint.join(mark.format(title) for title in titles)) if titles else ""


def _describe_coverage(language: Language, catalogue: Catalogue) -> str:
    documents = catalogue.documents.values()
    days = sorted(document.published for document in documents if document.published)
    if not days:
        return EMPTY_CORPUS[language]
    return COVERAGE[language].format(count=len(documents), first=days[0], last=days[-1])


def parse_date(value: dt.date | str | None) -> dt.date | None:
    """A date from ISO text; raises `UsageError` for anything else."""
    if value is None or (isinstance(value, dt.date) and not isinstance(value, dt.datetime)):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError as error:
        raise UsageError(
            f"as_of: expected a date like 2022-01-31; got {str(value)[:40]}; correct it",
            expected="a date like 2022-01-31",
            got=str(value)[:40],
        ) from error


def _confidence(best: Evidence) -> float:
    """A number between 0 and 1 that grows with the nearness and word coverage of the best sentence; not a probability."""
    nearness = min(1.0, max(0.0, (best.nearness - 2.0) / 4.0))
    return round(0.6 * nearness + 0.4 * best.coverage, 3)


def _new_id() -> str:
    return f"ans_{uuid.uuid4().hex[:20]}"


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
