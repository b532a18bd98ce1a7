"""The values that flow from a source file to an answer: frozen, typed, without behaviour beyond what they know themselves.

Offsets are Unicode code points into `Document.text`; dates are calendar days in China's time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["article", "law", "regulation", "rule", "policy", "event"]
Authority = Literal[
    "constitution",
    "law",
    "regulation",
    "rule",
    "normative_document",
    "party_document",
    "enforcement",
    "speech",
    "statistics",
    "press",
    "analysis",
]
Force = Literal["binding", "signal"]
Phase = Literal["crackdown", "rectification", "turn", "courting"]
Stage = Literal["draft", "adopted"]
Status = Literal["draft", "in_force", "not_yet_in_force", "amended", "superseded", "repealed", "expired", "final"]
EdgeType = Literal["drafts", "amends", "supersedes", "repeals", "implements", "responds_to", "about"]
Language = Literal["en", "zh"]
Mode = Literal["auto", "extractive", "generative"]
AnswerMode = Literal["extractive", "generative"]
AbstentionReason = Literal["no_evidence", "weak_evidence", "filtered_out", "not_a_question"]
Missing = Literal["count", "value"]
Verdict = Literal["supported", "contradicted", "partly", "not_found"]
DifferenceKind = Literal["number", "date", "actor", "status"]
Asked = Literal["amount", "date", "who", "list", "compare", "change", "why", "status", "other"]
FoundBy = Literal["dense", "lexical"]


@dataclass(frozen=True, slots=True)
class Source:
    """A public text that confirms facts of a document; `confirms` names which."""

    publisher: str
    title: str
    url: str | None
    date: dt.date | None
    confirms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A link from one document to another, with the words of the linking document that state it."""

    type: EdgeType
    target: str
    words: str


@dataclass(frozen=True, slots=True)
class Document:
    """One source as the corpus holds it; `text` is what offsets point into."""

    id: str
    title: str
    text: str
    kind: Kind
    issuer: tuple[str, ...]
    authority: Authority
    published: dt.date | None
    language: Language
    title_zh: str | None = None
    number: str | None = None
    number_zh: str | None = None
    names: tuple[str, ...] = ()
    force: Force = "signal"
    phase: Phase | None = None
    stage: Stage = "adopted"
    effective_from: dt.date | None = None
    effective_to: dt.date | None = None
    edges: tuple[Edge, ...] = ()
    topics: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    url: str | None = None
    sources: tuple[Source, ...] = ()
    checked_on: dt.date | None = None
    pages: tuple[int, ...] = ()
    """Where the pages of a paged source begin in `text`; empty for sources without pages."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage, as a span of the document's text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A span `[start, end)` of a document's text with its locator: `document.text[start:end] == passage.text`.

    `context` is the title and heading path that the embedding sees before the text and that no quote contains.
    """

    id: str
    document_id: str
    ordinal: int
    start: int
    end: int
    text: str
    locator: str
    context: str
    language: Language
    sentences: tuple[Sentence, ...]

    def embedded_texts(self) -> tuple[str, ...]:
        """The texts whose vectors stand for this passage: itself in its context, then each of its sentences."""
        return (f"{self.context}\n{self.text}", *(sentence.text for sentence in self.sentences))


@dataclass(frozen=True, slots=True)
class Filters:
    """What a question may be restricted to; an empty field restricts nothing."""

    kind: tuple[Kind, ...] = ()
    issuer: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    language: tuple[Language, ...] = ()
    document_id: tuple[str, ...] = ()
    status: tuple[Status, ...] = ()
    published_from: dt.date | None = None
    published_to: dt.date | None = None

    def is_empty(self) -> bool:
        """Whether nothing is restricted."""
        return self == Filters()


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of a conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Query:
    """What is really asked: the standalone question, its language, the day it is asked as of, the filters."""

    question: str
    standalone: str
    language: Language
    as_of: dt.date | None = None
    filters: Filters = field(default_factory=Filters)
    translation: str = ""
    """The names and article numbers of the question as the other language has them."""
    cities: tuple[str, ...] = ()
    """Names of cities in it, where it names nothing else that the glossary knows: they say nothing of what it is about."""
    translated_terms: str = ""
    """General words of the question as the other language has them."""
    asked: Asked = "other"
    """The kind of thing it asks for."""
    articles: tuple[int, ...] = ()
    """The articles it refers to."""
    period: tuple[dt.date | None, dt.date | None] | None = None
    """The days its words restrict it to, first and last, None where a side is open; None where they restrict nothing."""
    is_follow_up: bool = False
    """Whether it leans on what was said before."""
    translated_question: str = ""
    """The words of a follow-up by itself, names and others, as the other language has them; empty where it leans on nothing."""
    own_words: str = ""
    """What a follow-up that does not point back says by itself; an answer must bear on some of it."""
    wants_earlier: bool = False
    """Whether it asks for a draft, an earlier version, how one became another, or whether a text still stands."""

    def words_for(self, language: Language) -> str:
        """The words of the question to look for in texts of a language."""
        return self.standalone if language == self.language else f"{self.translation} {self.translated_terms}".strip()

    def own_words_for(self, language: Language) -> str:
        """The words of a follow-up by itself, without what it leans on; empty where it leans on nothing."""
        if not self.is_follow_up:
            return ""
        return self.question if language == self.language else self.translated_question


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """A passage found for a query: `rank` counts from 1, `score` is the fused reciprocal-rank score.

    `similarities` and `nearness` have one number for each sentence: its cosine with the question, and that cosine in
    standard deviations above what a passage of its language has, which compares across languages.
    """

    passage: Passage
    score: float
    rank: int
    found_by: tuple[FoundBy, ...]
    similarities: tuple[float, ...]
    nearness: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a retrieved passage, scored for the question (higher is better)."""

    passage: Passage
    sentence: Sentence
    score: float
    similarity: float
    nearness: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Statement:
    """A stretch `[start, end)` of the answer's text that states facts, with the citation numbers behind it."""

    text: str
    start: int
    end: int
    citations: tuple[int, ...]
    support: Literal["verbatim", "checked"]


@dataclass(frozen=True, slots=True)
class Citation:
    """The exact words `[start, end)` of a document that support a statement; `status` is the status on the day asked."""

    number: int
    passage_id: str
    quote: str
    start: int
    end: int
    locator: str
    document: Document
    status: Status


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader must know before relying on the answer."""

    kind: str
    message: str
    document_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A cited answer, or an abstention with its reason; `timings_ms` holds milliseconds by stage.

    `tokens` holds what a language model read (`prompt`) and wrote (`completion`); it is empty where none was asked.
    """

    id: str
    question: str
    standalone_question: str
    language: Language
    mode: AnswerMode
    as_of: dt.date | None
    filters: Filters
    abstained: bool
    abstention_reason: AbstentionReason | None
    text: str
    statements: tuple[Statement, ...]
    citations: tuple[Citation, ...]
    notices: tuple[Notice, ...]
    confidence: float
    corpus_version: str
    timings_ms: Mapping[str, float]
    tokens: Mapping[str, int] = field(default_factory=dict)
    checked: Mapping[str, int] = field(default_factory=dict)
    """How many sentences a model wrote (`written`), and how many of them their evidence did not support (`refused`)."""
    history: tuple[Turn, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """What else the answer depends on, so that it can be replayed: the product's version and the embedding model."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a claim states, and what the source of a citation, by its number, has in its place."""

    kind: DifferenceKind
    stated: str
    found: str
    citation: int


@dataclass(frozen=True, slots=True)
class Check:
    """A verdict on a claim with the words that bear on it, those of higher authority first.

    `likelihoods` of the four verdicts sum to 1 and order claims by how clear they are; they are not frequencies.
    """

    claim: str
    language: Language
    verdict: Verdict
    likelihoods: Mapping[Verdict, float]
    text: str
    differences: tuple[Difference, ...]
    citations: tuple[Citation, ...]
    as_of: dt.date | None
    filters: Filters
    corpus_version: str
    timings_ms: Mapping[str, float]
