"""What can be asked the reference questions: briefbot itself, with parts off, over HTTP, and the usual ways of doing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from briefbot.eval.cases import Case
from briefbot.eval.metrics import Outcome

from briefbot.answering import Briefbot
from briefbot.api import schemas
from briefbot.composition import one_line
from briefbot.errors import ConfigurationError, UsageError
from briefbot.models import Filters, Mode, ScoredPassage, Turn
from briefbot.query import make_query
from briefbot.retrieval import RetrievalParts
from briefbot.terms import query_terms

PASSAGES_RANKED = 40
"""Passages asked for to rank documents: enough for ten documents at three passages each."""

SystemName = Literal[
    "briefbot", "no-words", "no-sentences", "no-glossary", "first-passage", "nearest-sentences", "bm25", "naive",
    "citation-engine",
]  # fmt: skip
SYSTEMS: tuple[SystemName, ...] = get_args(SystemName)

DESCRIPTIONS: Mapping[SystemName, str] = {
    "briefbot": "the product as it is",
    "no-words": "briefbot without full-text search",
    "no-sentences": "briefbot without ranking by sentence vectors",
    "no-glossary": "briefbot without the glossary's names in the other language",
    "first-passage": "briefbot's first passage, quoted whole",
    "nearest-sentences": "the three sentences nearest to the question among briefbot's first passages",
    "bm25": "the best passage by full-text search, quoted whole",
    "naive": "LlamaIndex VectorStoreIndex on Chroma with all-MiniLM-L6-v2, first chunk quoted whole",
    "citation-engine": "LlamaIndex CitationQueryEngine on the same index, with the configured language model",
}

_PARTS: Mapping[str, RetrievalParts] = {
    "no-words": RetrievalParts(lexical=False),
    "no-sentences": RetrievalParts(sentences=False),
    "no-glossary": RetrievalParts(glossary=False),
}


class System(Protocol):
    """Anything that can be asked a case."""

    @property
    def name(self) -> str:
        """What it is called in reports."""

    def corpus_version(self) -> str:
        """The version of the corpus it answers from."""

    def ask(self, case: Case, mode: Mode) -> Outcome:
        """What it answers."""


def open_system(name: str, bot: Briefbot) -> System:
    """One of `SYSTEMS` over the record of an open `Briefbot`; raises `UsageError` for another name.

    Raises `ConfigurationError` where the packages or the model that it needs are not there.
    """
    if name == "briefbot":
        return InProcess(bot)
    if name in _PARTS:
        return InProcess(Briefbot(bot.settings, bot.corpus, bot.embedder, bot.index, parts=_PARTS[name]), name)
    if name in _CHOOSERS:
        return Quoting(bot, name)
    if name in {"naive", "citation-engine"}:
        from briefbot.eval.llama_baselines import open_llama_baseline

        return open_llama_baseline(name, bot)
    raise UsageError(f"--system: expected one of {', '.join(SYSTEMS)}, or all; got {name}; choose one")


def describe_documents(bot: Briefbot) -> dict[str, dict[str, Any]]:
    """Metadata and text of every document, as `GET /v1/documents/{id}` gives them."""
    catalogue = bot.corpus.catalogue()
    return {
        id_: schemas.DocumentOut.of(document, catalogue.status_of(document, None)).model_dump(mode="json")
        | {"text": document.text}
        for id_, document in catalogue.documents.items()
    }


def read_filters(case: Case) -> Filters:
    """The filters of a case as the value the product works with."""
    return schemas.FiltersIn.model_validate(case.filters).to_filters()


def read_history(case: Case) -> list[Turn]:
    """The earlier messages of a case as the values the product works with."""
    return [Turn(turn.role, turn.content) for turn in case.history]


class InProcess:
    """The product itself, in this process, whole or with parts off."""

    def __init__(self, bot: Briefbot, name: str = "briefbot") -> None:
        self.name = name
        self._bot = bot
        self._documents = describe_documents(bot)

    def corpus_version(self) -> str:
        """The version of the record."""
        return self._bot.corpus.version()

    def ask(self, case: Case, mode: Mode) -> Outcome:
        """Ask through `Briefbot.ask`, and rank documents for the question as it was understood."""
        filters = read_filters(case)
        history = read_history(case)
        answer = self._bot.ask(case.question, history=history, as_of=case.as_of, filters=filters, mode=mode)
        found = self._bot.search(
            answer.standalone_question[:2000], top_k=PASSAGES_RANKED, as_of=case.as_of, filters=filters
        )
        shown = schemas.AnswerOut.of(answer).model_dump(mode="json")
        return Outcome(shown, [item.passage.document_id for item in found], self._documents)


class OverHttp:
    """A running service."""

    def __init__(self, url: str) -> None:
        self.name = "briefbot"
        self._url = url.rstrip("/")
        self._documents: dict[str, dict[str, Any]] = {}

    def corpus_version(self) -> str:
        """The version the service says it answers from."""
        return str(self._send("GET", "/readyz", None).get("corpus_version") or "")

    def ask(self, case: Case, mode: Mode) -> Outcome:
        """Ask through POST /v1/answer and POST /v1/search; raises `ConfigurationError` where nothing answers."""
        common = {"as_of": case.as_of.isoformat() if case.as_of else None, "filters": case.filters}
        history = [turn.model_dump() for turn in case.history]
        answer = self._send(
            "POST", "/v1/answer", {"question": case.question, "history": history, "mode": mode, **common}
        )
        query = answer["standalone_question"][:2000]
        found = self._send("POST", "/v1/search", {"query": query, "top_k": PASSAGES_RANKED, **common})
        for citation in answer["citations"]:
            id_ = citation["document"]["id"]
            if id_ not in self._documents:
                self._documents[id_] = self._send("GET", f"/v1/documents/{id_}", None)
        return Outcome(answer, [item["document_id"] for item in found["passages"]], self._documents)

    def _send(self, method: str, path: str, body: object) -> dict[str, Any]:
        import httpx2

        try:
            response = httpx2.request(method, f"{self._url}{path}", json=body, timeout=120, trust_env=False)
            response.raise_for_status()
        except httpx2.HTTPError as error:
            raise ConfigurationError(
                f"--url: expected a briefbot service at {self._url}; got {error}; start it with `briefbot serve`"
            ) from error
        content: dict[str, Any] = response.json()
        return content


@dataclass(frozen=True, slots=True)
class Span:
    """Words of a document that a baseline answers with."""

    document_id: str
    start: int
    end: int
    locator: str = ""


class Quoting:
    """A baseline that answers every question with the spans it chooses, each a statement with its own citation."""

    def __init__(self, bot: Briefbot, name: str) -> None:
        self.name = name
        self._bot = bot
        self._documents = describe_documents(bot)
        self._choose = _CHOOSERS[name]

    def corpus_version(self) -> str:
        """The version of the record."""
        return self._bot.corpus.version()

    def ask(self, case: Case, mode: Mode) -> Outcome:  # noqa: ARG002 - a baseline has one mode
        """Quote what was chosen; an empty choice is an abstention."""
        spans, ranked = self._choose(self._bot, case)
        answer = quote_spans(spans, case, self._documents)
        catalogue = self._bot.corpus.catalogue()
        for citation in answer["citations"]:
            shown = citation["document"]
            shown["status"] = catalogue.status_of(catalogue.documents[shown["id"]], case.as_of)
        return Outcome(answer | {"corpus_version": self.corpus_version()}, ranked, self._documents)


def quote_spans(
    spans: Sequence[Span], case: Case, documents: Mapping[str, Mapping[str, Any]], texts: Sequence[str] | None = None
) -> dict[str, Any]:
    """An answer in the API's form that quotes spans, or says `texts` and cites one span for each."""
    text = ""
    statements, citations = [], []
    for number, span in enumerate(spans, start=1):
        document = documents[span.document_id]
        quote = document["text"][span.start : span.end]
        said = f"{one_line(texts[number - 1] if texts else quote)} [{number}]"
        text += "\n" if text else ""
        statements.append(
            {
                "text": said,
                "start": len(text),
                "end": len(text) + len(said),
                "citations": [number],
                "support": "checked" if texts else "verbatim",
            }
        )
        text += said
        shown = {key: value for key, value in document.items() if key != "text"}
        citations.append(
            {"number": number, "quote": quote, "start": span.start, "end": span.end, "locator": span.locator}
            | {"passage_id": "", "document": shown}
        )
    return {
        "text": text,
        "statements": statements,
        "citations": citations,
        "notices": [],
        "abstained": not spans,
        "abstention_reason": None if spans else "no_evidence",
        "language": case.language,
        "standalone_question": case.question,
        "confidence": 1.0 if spans else 0.0,
        "timings_ms": {},
    }


def _whole_passage(found: ScoredPassage) -> Span:
    passage = found.passage
    return Span(passage.document_id, passage.start, passage.end, passage.locator)


def _search(bot: Briefbot, case: Case) -> list[ScoredPassage]:
    query = make_query(case.question, history=read_history(case), glossary=bot.glossary)
    return bot.search(query.standalone[:2000], top_k=PASSAGES_RANKED, as_of=case.as_of, filters=read_filters(case))


def _first_passage(bot: Briefbot, case: Case) -> tuple[list[Span], list[str]]:
    found = _search(bot, case)
    return [_whole_passage(item) for item in found[:1]], [item.passage.document_id for item in found]


def _nearest_sentences(bot: Briefbot, case: Case) -> tuple[list[Span], list[str]]:
    found = _search(bot, case)
    pairs = [(near, item, row) for item in found[:6] for row, near in enumerate(item.similarities)]
    pairs.sort(key=lambda pair: (-pair[0], pair[1].rank, pair[2]))
    spans = [
        Span(item.passage.document_id, item.passage.sentences[row].start, item.passage.sentences[row].end)
        for _, item, row in pairs[:3]
    ]
    return spans, [item.passage.document_id for item in found]


def _bm25(bot: Briefbot, case: Case) -> tuple[list[Span], list[str]]:
    query = make_query(case.question, as_of=case.as_of, filters=read_filters(case))
    admitted = bot.corpus.catalogue().admit(query.filters, query.as_of)
    ids = bot.corpus.search_terms(query_terms(query.question), PASSAGES_RANKED, admitted)
    passages = bot.corpus.passages(ids)
    spans = [
        Span(passages[id_].document_id, passages[id_].start, passages[id_].end, passages[id_].locator)
        for id_ in ids[:1]
    ]
    return spans, [passages[id_].document_id for id_ in ids]


_CHOOSERS: Mapping[str, Any] = {
    "first-passage": _first_passage,
    "nearest-sentences": _nearest_sentences,
    "bm25": _bm25,
}
