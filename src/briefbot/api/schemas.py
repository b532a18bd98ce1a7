"""What the HTTP API takes and gives, as pydantic models; the page and the client read the same ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from briefbot import models
from briefbot.status import Lineage


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class TurnIn(_In):
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"] = Field(description="Who said it", examples=["user"])
    content: str = Field(max_length=20_000, description="What was said", examples=["How much was Alibaba fined?"])


class FiltersIn(_In):
    """What the answer may be drawn from; a field left out restricts nothing."""

    kind: list[models.Kind] = Field(default=[], description="Kinds of document", examples=[["law", "rule"]])
    issuer: list[str] = Field(default=[], max_length=50, description="Codes of issuing bodies", examples=[["CAC"]])
    topic: list[str] = Field(default=[], max_length=50, description="Topics", examples=[["data"]])
    language: list[models.Language] = Field(default=[], description="Languages of the source", examples=[["en"]])
    document_id: list[str] = Field(default=[], max_length=200, description="Document ids", examples=[["law-pipl-2021"]])
    status: list[models.Status] = Field(default=[], description="Status on the day asked", examples=[["in_force"]])
    published_from: dt.date | None = Field(default=None, description="Earliest publication", examples=["2020-01-01"])
    published_to: dt.date | None = Field(default=None, description="Latest publication", examples=["2024-12-31"])

    def to_filters(self) -> models.Filters:
        """The same as the value the product works with."""
        return models.Filters(
            kind=tuple(self.kind),
            issuer=tuple(self.issuer),
            topic=tuple(self.topic),
            language=tuple(self.language),
            document_id=tuple(self.document_id),
            status=tuple(self.status),
            published_from=self.published_from,
            published_to=self.published_to,
        )


class QuestionIn(_In):
    """A question for the corpus."""

    question: str = Field(
        description="1 to 2,000 characters after trimming, in English or Chinese",
        examples=["How much was Alibaba fined in April 2021, and by whom?"],
    )
    history: list[TurnIn] = Field(default=[], max_length=100, description="Earlier messages, oldest first")
    as_of: dt.date | None = Field(
        default=None, description="Answer with what was published by that day", examples=["2022-01-31"]
    )
    filters: FiltersIn = Field(default_factory=FiltersIn, description="What the answer may be drawn from")
    mode: models.Mode = Field(default="auto", description="Who writes: the sources' own sentences, or a model")


class SearchIn(_In):
    """A query for passages."""

    query: str = Field(description="1 to 2,000 characters after trimming", examples=["数据出境安全评估"])
    top_k: Annotated[int, Field(ge=1, le=100)] = Field(default=10, description="How many passages at most")
    as_of: dt.date | None = Field(default=None, description="Only what was published by that day")
    filters: FiltersIn = Field(default_factory=FiltersIn, description="What may be found")


class FiltersOut(_Out):
    """The filters that were applied; empty fields are left out."""

    kind: list[str] | None = None
    issuer: list[str] | None = None
    topic: list[str] | None = None
    language: list[str] | None = None
    document_id: list[str] | None = None
    status: list[str] | None = None
    published_from: dt.date | None = None
    published_to: dt.date | None = None

    @classmethod
    def of(cls, filters: models.Filters) -> FiltersOut:
        """From the value the product works with."""
        return cls(
            kind=list(filters.kind) or None,
            issuer=list(filters.issuer) or None,
            topic=list(filters.topic) or None,
            language=list(filters.language) or None,
            document_id=list(filters.document_id) or None,
            status=list(filters.status) or None,
            published_from=filters.published_from,
            published_to=filters.published_to,
        )


class DocumentOut(_Out):
    """A document's metadata, with its status on the day asked about."""

    id: str
    title: str
    title_zh: str | None
    kind: models.Kind
    issuer: list[str]
    authority: models.Authority
    force: models.Force
    phase: models.Phase | None
    stage: models.Stage
    number: str | None
    number_zh: str | None
    published: dt.date | None
    effective_from: dt.date | None
    effective_to: dt.date | None
    status: models.Status | None
    language: models.Language
    topics: list[str]
    companies: list[str]
    url: str | None

    @classmethod
    def of(cls, document: models.Document, status: models.Status | None) -> DocumentOut:
        """From the value the product works with."""
        return cls(
            id=document.id,
            title=document.title,
            title_zh=document.title_zh,
            kind=document.kind,
            issuer=list(document.issuer),
            authority=document.authority,
            force=document.force,
            phase=document.phase,
            stage=document.stage,
            number=document.number,
            number_zh=document.number_zh,
            published=document.published,
            effective_from=document.effective_from,
            effective_to=document.effective_to,
            status=status,
            language=document.language,
            topics=list(document.topics),
            companies=list(document.companies),
            url=document.url,
        )


class StatementOut(_Out):
    """A stretch of the answer that states facts: `text == answer.text[start:end]`."""

    text: str
    start: int
    end: int
    citations: list[int]
    support: Literal["verbatim", "checked"]


class CitationOut(_Out):
    """The exact words behind a mark: `quote == document.text[start:end]`, in Unicode code points."""

    number: int
    passage_id: str
    quote: str
    start: int
    end: int
    locator: str
    document: DocumentOut

    @classmethod
    def of(cls, citation: models.Citation) -> CitationOut:
        """From the value the product works with."""
        return cls(
            number=citation.number,
            passage_id=citation.passage_id,
            quote=citation.quote,
            start=citation.start,
            end=citation.end,
            locator=citation.locator,
            document=DocumentOut.of(citation.document, citation.status),
        )


class NoticeOut(_Out):
    """Something to know before relying on the answer."""

    kind: str
    message: str
    document_id: str | None


class AnswerOut(_Out):
    """A cited answer, or an abstention with its reason."""

    id: str
    question: str
    standalone_question: str
    language: models.Language
    mode: models.AnswerMode
    as_of: dt.date | None
    filters: FiltersOut
    abstained: bool
    abstention_reason: models.AbstentionReason | None
    text: str
    statements: list[StatementOut]
    citations: list[CitationOut]
    notices: list[NoticeOut]
    confidence: float
    corpus_version: str
    timings_ms: dict[str, float]
    tokens: dict[str, int]
    history: list[TurnIn] = Field(default=[], description="The earlier messages it was asked with")
    settings: dict[str, str] = Field(default={}, description="What else it depends on; `briefbot verify` replays it")

    @classmethod
    def of(cls, answer: models.Answer) -> AnswerOut:
        """From the value the product works with."""
        return cls(
            id=answer.id,
            question=answer.question,
            standalone_question=answer.standalone_question,
            language=answer.language,
            mode=answer.mode,
            as_of=answer.as_of,
            filters=FiltersOut.of(answer.filters),
            abstained=answer.abstained,
            abstention_reason=answer.abstention_reason,
            text=answer.text,
            statements=[
                StatementOut(
                    text=item.text,
                    start=item.start,
                    end=item.end,
                    citations=list(item.citations),
                    support=item.support,
                )
                for item in answer.statements
            ],
            citations=[CitationOut.of(item) for item in answer.citations],
            notices=[
                NoticeOut(kind=item.kind, message=item.message, document_id=item.document_id) for item in answer.notices
            ],
            confidence=answer.confidence,
            corpus_version=answer.corpus_version,
            timings_ms=dict(answer.timings_ms),
            tokens=dict(answer.tokens),
            history=[TurnIn(role=turn.role, content=turn.content) for turn in answer.history],
            settings=dict(answer.settings),
        )


class ClaimIn(_In):
    """A claim to check against the corpus."""

    claim: str = Field(
        description="1 to 2,000 characters after trimming, in English or Chinese",
        examples=["SAMR fined Alibaba RMB 34 billion in 2022."],
    )
    as_of: dt.date | None = Field(default=None, description="Check with what was published by that day")
    filters: FiltersIn = Field(default_factory=FiltersIn, description="What the evidence may be drawn from")


class DifferenceOut(_Out):
    """What the claim states, and what the source of a citation has in its place."""

    kind: models.DifferenceKind
    stated: str
    found: str
    citation: int


class CheckOut(_Out):
    """A verdict on a claim, with the words that bear on it; those of higher authority first."""

    claim: str
    language: models.Language
    verdict: models.Verdict
    likelihoods: dict[models.Verdict, float] = Field(description="How clear the verdict is; they sum to 1")
    text: str = Field(description="The verdict in a sentence, with the differences")
    differences: list[DifferenceOut]
    citations: list[CitationOut]
    as_of: dt.date | None
    filters: FiltersOut
    corpus_version: str
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, check: models.Check) -> CheckOut:
        """From the value the product works with."""
        return cls(
            claim=check.claim,
            language=check.language,
            verdict=check.verdict,
            likelihoods=dict(check.likelihoods),
            text=check.text,
            differences=[
                DifferenceOut(kind=item.kind, stated=item.stated, found=item.found, citation=item.citation)
                for item in check.differences
            ],
            citations=[CitationOut.of(item) for item in check.citations],
            as_of=check.as_of,
            filters=FiltersOut.of(check.filters),
            corpus_version=check.corpus_version,
            timings_ms=dict(check.timings_ms),
        )


class ScoredPassageOut(_Out):
    """A passage that was found, with its span in the document's text."""

    passage_id: str
    document_id: str
    text: str
    start: int
    end: int
    locator: str
    score: float
    rank: int
    found_by: list[models.FoundBy]

    @classmethod
    def of(cls, found: models.ScoredPassage) -> ScoredPassageOut:
        """From the value the product works with."""
        passage = found.passage
        return cls(
            passage_id=passage.id,
            document_id=passage.document_id,
            text=passage.text,
            start=passage.start,
            end=passage.end,
            locator=passage.locator,
            score=found.score,
            rank=found.rank,
            found_by=list(found.found_by),
        )


class SearchOut(_Out):
    """Passages, best first, with the filters and the date that were applied."""

    passages: list[ScoredPassageOut]
    filters: FiltersOut
    as_of: dt.date | None


class DocumentListOut(_Out):
    """A page of documents; `total` counts all that match."""

    documents: list[DocumentOut]
    total: int
    limit: int
    offset: int
    filters: FiltersOut
    as_of: dt.date | None


class EdgeOut(_Out):
    """A link from or to another document, with the words that state it."""

    type: models.EdgeType
    direction: Literal["out", "in"]
    document_id: str
    words: str


class SourceOut(_Out):
    """A public text that confirms facts of the document."""

    publisher: str
    title: str
    url: str | None
    date: dt.date | None
    confirms: list[str]


class DocumentTextOut(DocumentOut):
    """A document with its full text, its links both ways and its sources."""

    text: str
    edges: list[EdgeOut]
    sources: list[SourceOut]
    checked_on: dt.date | None
    gone_since: str | None = Field(
        default=None, description="When the page it was fetched from was found to be gone, UTC"
    )

    @classmethod
    def full(
        cls,
        document: models.Document,
        status: models.Status | None,
        lineage: Lineage,
        *,
        copies: Sequence[models.Document] = (),
        gone_since: str | None = None,
    ) -> DocumentTextOut:
        """From the value the product works with; `copies` are shown as sources that confirm nothing."""
        outgoing = [
            EdgeOut(type=edge.type, direction="out", document_id=edge.target, words=edge.words)
            for edge in document.edges
        ]
        incoming = [
            EdgeOut(type=edge.type, direction="in", document_id=other.id, words=edge.words)
            for _, other in lineage.incoming(document.id)
            for edge in other.edges
            if edge.target == document.id
        ]
        sources = [
            SourceOut(
                publisher=source.publisher,
                title=source.title,
                url=source.url,
                date=source.date,
                confirms=list(source.confirms),
            )
            for source in document.sources
        ]
        return cls(
            **DocumentOut.of(document, status).model_dump(),
            text=document.text,
            edges=outgoing + list({(edge.type, edge.document_id, edge.words): edge for edge in incoming}.values()),
            sources=sources + [_source_of(copy) for copy in copies],
            checked_on=document.checked_on,
            gone_since=gone_since,
        )


def _source_of(copy: models.Document) -> SourceOut:
    """A copy of a document as one of its sources, named by who published it."""
    stated = copy.sources[0].publisher if copy.sources else None
    host = urlsplit(copy.url).hostname if copy.url else None
    return SourceOut(
        publisher=stated or host or "file", title=copy.title, url=copy.url, date=copy.published, confirms=[]
    )


class IngestResultOut(_Out):
    """What became of one file."""

    source: str = Field(description="The file, or a file of an archive", examples=["notice.pdf"])
    outcome: Literal["added", "updated", "unchanged", "duplicate", "gone", "refused"]
    document_id: str | None = Field(description="The document it is in the corpus")
    reason: str | None = Field(description="Why it was refused")
    duplicate_of: str | None = Field(description="The document that stands for it")


class IngestReportOut(_Out):
    """What became of each file, and how many came to which end."""

    results: list[IngestResultOut]
    counts: dict[str, int]


class Problem(BaseModel):
    """An error as RFC 9457 has it, with what was expected and what was got."""

    type: str = Field(description="A stable name for this sort of error", examples=["about:blank#invalid-request"])
    title: str = Field(description="What sort of error it is", examples=["Invalid request"])
    status: int = Field(description="The HTTP status", examples=[422])
    detail: str = Field(description="One line: what was expected, what was got, what to do")
    expected: str | None = Field(default=None, description="What would have been right")
    got: str | None = Field(default=None, description="What was sent")


class Health(_Out):
    """Whether the service lives, and whether it can answer."""

    status: Literal["ok", "ready", "starting"]
    documents: int | None = None
    passages: int | None = None
    model: str | None = None
    index: Literal["approximate", "exact"] | None = None
    corpus_version: str | None = None
