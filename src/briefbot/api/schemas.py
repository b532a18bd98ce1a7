"""What the HTTP API takes and gives, as pydantic models; the page and the client read the same ones."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from briefbot import models

_HALF = re.compile("[\ud800-\udfff]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _check_day(value: object) -> object:
    """Refuse what pydantic would read as a day besides: moments, and numbers as seconds since 1970."""
    if isinstance(value, dt.date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise PydanticCustomError("day", "expected a date as YYYY-MM-DD", {"expected": "a date as YYYY-MM-DD"})


Day = Annotated[dt.date, BeforeValidator(_check_day)]
"""A day that is written YYYY-MM-DD and in no other way."""


def check_order(first: str, start: dt.date | None, last: str, end: dt.date | None) -> None:
    """Refuse two days, of fields of these names, of which the first is after the last."""
    if start and end and start > end:
        expected = f"{first} on or before {last}, which is {end}"
        raise PydanticCustomError("order", "expected days in order", {"expected": expected, "got": str(start)})


class In(BaseModel):
    """A body or query: an unknown field is refused, and so is text that could not be sent back."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _check_characters(cls, value: object) -> object:
        """JSON can escape half of a surrogate pair, which is no character and has no UTF-8."""
        texts = value if isinstance(value, list) else [value]
        if any(_HALF.search(text) for text in texts if isinstance(text, str)):
            raise PydanticCustomError("half_character", "expected whole characters", {"expected": "whole characters"})
        return value


class Out(BaseModel):
    """A result; its fields do not change once it is made."""

    model_config = ConfigDict(frozen=True)


class TurnIn(In):
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"] = Field(description="Who said it", examples=["user"])
    content: str = Field(max_length=20_000, description="What was said", examples=["How much was Alibaba fined?"])


class _OrNull:
    """Marks a field of a body whose `null` is the same as leaving it out, as answers are sent back that have it."""

    def __init__(self, empty: type[list[Any] | dict[str, Any]]) -> None:
        self._empty = empty

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._fill, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "null"}]}

    def _fill(self, value: object) -> object:
        return self._empty() if value is None else value


_Item = TypeVar("_Item")
ListOrNull = Annotated[list[_Item], _OrNull(list)]


class FiltersQuery(In):
    """What is wanted; a field left out restricts nothing."""

    kind: list[models.Kind] = Field(default=[], description="Kinds of document", examples=[["law", "rule"]])
    issuer: list[str] = Field(default=[], max_length=50, description="Codes of issuing bodies", examples=[["CAC"]])
    topic: list[str] = Field(default=[], max_length=50, description="Topics", examples=[["data"]])
    language: list[models.Language] = Field(default=[], description="Languages of the source", examples=[["en"]])
    document_id: list[str] = Field(default=[], max_length=200, description="Document ids", examples=[["law-pipl-2021"]])
    status: list[models.Status] = Field(default=[], description="Status on the day asked", examples=[["in_force"]])
    published_from: Day | None = Field(default=None, description="Earliest publication", examples=["2020-01-01"])
    published_to: Day | None = Field(default=None, description="Latest publication", examples=["2024-12-31"])

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        check_order("published_from", self.published_from, "published_to", self.published_to)
        return self

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


class FiltersIn(FiltersQuery):
    """What the answer may be drawn from; a field left out, or null, restricts nothing."""

    kind: ListOrNull[models.Kind] = Field(default=[], description="Kinds of document", examples=[["law", "rule"]])
    issuer: ListOrNull[str] = Field(
        default=[], max_length=50, description="Codes of issuing bodies", examples=[["CAC"]]
    )
    topic: ListOrNull[str] = Field(default=[], max_length=50, description="Topics", examples=[["data"]])
    language: ListOrNull[models.Language] = Field(default=[], description="Languages of the source", examples=[["en"]])
    document_id: ListOrNull[str] = Field(
        default=[], max_length=200, description="Document ids", examples=[["law-pipl-2021"]]
    )
    status: ListOrNull[models.Status] = Field(
        default=[], description="Status on the day asked", examples=[["in_force"]]
    )


FiltersOrNull = Annotated[FiltersIn, _OrNull(dict)]


class QuestionIn(In):
    """A question for the corpus."""

    question: str = Field(
        description="1 to 2,000 characters after trimming, in English or Chinese",
        examples=["How much was Alibaba fined in April 2021, and by whom?"],
    )
    history: list[TurnIn] = Field(default=[], max_length=100, description="Earlier messages, oldest first")
    as_of: Day | None = Field(
        default=None, description="Answer with what was published by that day", examples=["2022-01-31"]
    )
    filters: FiltersOrNull = Field(default_factory=FiltersIn, description="What the answer may be drawn from")
    mode: models.Mode = Field(
        default="auto", description="Who writes: the sources' own sentences, or a model", examples=["auto"]
    )
    conversation_id: str | None = Field(
        default=None,
        max_length=80,
        description="A conversation from POST /v1/conversations: it gives the earlier messages and keeps the answer",
        examples=[None],
    )


class BatchIn(In):
    """Questions that are answered each by itself."""

    questions: list[QuestionIn] = Field(min_length=1, max_length=50, description="1 to 50 questions")


class SearchIn(In):
    """A query for passages."""

    query: str = Field(description="1 to 2,000 characters after trimming", examples=["数据出境安全评估"])
    top_k: Annotated[int, Field(strict=True, ge=1, le=100)] = Field(
        default=10, description="How many passages at most", examples=[10]
    )
    as_of: Day | None = Field(default=None, description="Only what was published by that day", examples=["2022-01-31"])
    filters: FiltersOrNull = Field(default_factory=FiltersIn, description="What may be found")


class FiltersOut(Out):
    """The filters that were applied; empty fields are left out."""

    kind: list[str] | None = Field(default=None, description="Kinds of document", examples=[["law"]])
    issuer: list[str] | None = Field(default=None, description="Codes of issuing bodies", examples=[["CAC"]])
    topic: list[str] | None = Field(default=None, description="Topics", examples=[["data"]])
    language: list[str] | None = Field(default=None, description="Languages of the source", examples=[["en"]])
    document_id: list[str] | None = Field(default=None, description="Document ids", examples=[["law-pipl-2021"]])
    status: list[str] | None = Field(default=None, description="Status on the day asked", examples=[["in_force"]])
    published_from: dt.date | None = Field(default=None, description="Earliest publication", examples=["2020-01-01"])
    published_to: dt.date | None = Field(default=None, description="Latest publication", examples=["2024-12-31"])

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


class DocumentOut(Out):
    """A document's metadata, with its status on the day asked about."""

    id: str = Field(description="Its id", examples=["law-pipl-2021"])
    title: str = Field(description="Its title", examples=["Personal Information Protection Law"])
    title_zh: str | None = Field(description="Its Chinese title", examples=["中华人民共和国个人信息保护法"])
    kind: models.Kind = Field(description="Its kind", examples=["law"])
    issuer: list[str] = Field(description="Codes of the bodies that issued it", examples=[["NPCSC"]])
    authority: models.Authority = Field(description="How much weight it has", examples=["law"])
    force: models.Force = Field(description="Whether it binds, or signals a policy", examples=["binding"])
    phase: models.Phase | None = Field(description="The phase of the policy it belongs to", examples=["crackdown"])
    stage: models.Stage = Field(description="Whether it is a draft", examples=["adopted"])
    number: str | None = Field(description="Its official number", examples=["Presidential Order No. 91"])
    number_zh: str | None = Field(description="Its official number in Chinese", examples=["主席令第九十一号"])
    published: dt.date | None = Field(description="Day of publication, in China's time", examples=["2021-08-20"])
    effective_from: dt.date | None = Field(description="First day in force", examples=["2021-11-01"])
    effective_to: dt.date | None = Field(description="Last day in force", examples=[None])
    status: models.Status | None = Field(description="Its legal status on the day asked about", examples=["in_force"])
    language: models.Language = Field(description="Language of its text", examples=["en"])
    topics: list[str] = Field(description="What it is about", examples=[["data"]])
    companies: list[str] = Field(description="Companies it is about", examples=[["Didi"]])
    url: str | None = Field(description="Where the original is", examples=["https://www.npc.gov.cn/"])

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


class StatementOut(Out):
    """A stretch of the answer that states facts: `text == answer.text[start:end]`."""

    text: str = Field(
        description="The statement with its marks", examples=["The regulator fined a company in 2021 [1]."]
    )
    start: int = Field(description="Where it begins in the answer's text, in code points", examples=[0])
    end: int = Field(description="Where it ends", examples=[42])
    citations: list[int] = Field(description="The numbers of the citations behind it", examples=[[1]])
    support: Literal["verbatim", "checked"] = Field(
        description="`verbatim`: the source's own sentence; `checked`: written by a model and verified",
        examples=["verbatim"],
    )


class CitationOut(Out):
    """The exact words behind a mark: `quote == document.text[start:end]`, in Unicode code points."""

    number: int = Field(description="The number of its mark", examples=[1])
    passage_id: str = Field(
        description="The passage it is from", examples=["event-2021-04-10-alibaba-fined:340faf93d171c108"]
    )
    quote: str = Field(description="The source's own words", examples=["The regulator fined a company in 2021."])
    start: int = Field(description="Where the quote begins in the document's text, in code points", examples=[1204])
    end: int = Field(description="Where it ends", examples=[1242])
    locator: str = Field(description="Where in the document it stands", examples=["Article 3"])
    document: DocumentOut = Field(description="The document, with its status on the day asked about")

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


class NoticeOut(Out):
    """Something to know before relying on the answer."""

    kind: str = Field(description="What sort of notice it is", examples=["superseded_source"])
    message: str = Field(
        description="What to know, in the question's language", examples=["The source was replaced by a later one."]
    )
    document_id: str | None = Field(description="The document it is about", examples=["law-aml-2007"])


class AnswerOut(Out):
    """A cited answer, or an abstention with its reason."""

    id: str = Field(description="Its id, for feedback", examples=["ans_5c1f0e"])
    question: str = Field(description="The question as it was read", examples=["And Tencent?"])
    standalone_question: str = Field(
        description="The question with what it leans on in the history", examples=["How much was Tencent fined?"]
    )
    language: models.Language = Field(description="Language of question and answer", examples=["en"])
    mode: models.AnswerMode = Field(
        description="Who wrote it: the sources' own sentences, or a model", examples=["extractive"]
    )
    as_of: dt.date | None = Field(description="The day asked about", examples=["2022-01-31"])
    filters: FiltersOut = Field(description="The filters that were applied")
    abstained: bool = Field(description="Whether it is not answered", examples=[False])
    abstention_reason: models.AbstentionReason | None = Field(description="Why it is not answered", examples=[None])
    text: str = Field(description="The answer with marks", examples=["The regulator fined a company in 2021 [1]."])
    statements: list[StatementOut] = Field(description="What the text states, in order")
    citations: list[CitationOut] = Field(description="The words behind the marks, in the order of their numbers")
    notices: list[NoticeOut] = Field(description="What to know before relying on it")
    confidence: float = Field(
        description="0 to 1, grows with how near the best evidence is; not a probability", examples=[0.93]
    )
    corpus_version: str = Field(description="Changes when an answer could change", examples=["sha256:9f2c"])
    timings_ms: dict[str, float] = Field(
        description="Milliseconds by stage", examples=[{"retrieve": 41.0, "compose": 6.5, "total": 47.5}]
    )
    tokens: dict[str, int] = Field(description="Tokens a model read and wrote; empty without a model", examples=[{}])
    history: list[TurnIn] = Field(default=[], description="The earlier messages it was asked with")
    settings: dict[str, str] = Field(
        default={},
        description="What else it depends on; `briefbot verify` replays it",
        examples=[{"briefbot": "0.1.0", "embedding_model": "multilingual-e5-small-q4:c9583b4795fb37af"}],
    )
    conversation_id: str | None = Field(
        default=None, description="The conversation that keeps it", examples=["conv_3f1c"]
    )

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


class ScoredPassageOut(Out):
    """A passage that was found, with its span in the document's text."""

    passage_id: str = Field(description="Its id", examples=["rule-export-assessment-2022:df5968ceb392c928"])
    document_id: str = Field(description="The document it is from", examples=["rule-export-assessment-2022"])
    text: str = Field(description="Its text", examples=["Article 19 of the Assessment Measures defines …"])
    start: int = Field(description="Where it begins in the document's text, in code points", examples=[812])
    end: int = Field(description="Where it ends", examples=[1340])
    locator: str = Field(description="Where in the document it stands", examples=["Articles 19 and 20"])
    score: float = Field(description="How well it fits; comparable within one search", examples=[7.41])
    rank: int = Field(description="1 is best", examples=[1])
    found_by: list[models.FoundBy] = Field(description="What found it", examples=[["dense", "lexical"]])

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


class SourcesOut(Out):
    """What an answer will be drawn from: the first event of a stream."""

    passages: list[ScoredPassageOut] = Field(description="The passages found, best first")
    documents: list[DocumentOut] = Field(description="The documents they are from, in the order of their first passage")
    filters: FiltersOut = Field(description="The filters that were applied")
    as_of: dt.date | None = Field(description="The day asked about", examples=["2022-01-31"])


class DeltaOut(Out):
    """The next piece of the answer's text; what was sent is never taken back."""

    text: str = Field(description="The piece", examples=["The regulator fined a company in 2021 [1]."])


class SearchOut(Out):
    """Passages, best first, with the filters and the date that were applied."""

    passages: list[ScoredPassageOut] = Field(description="The passages, best first")
    filters: FiltersOut = Field(description="The filters that were applied")
    as_of: dt.date | None = Field(description="The day asked about", examples=["2022-01-31"])


class Problem(BaseModel):
    """An error as RFC 9457 has it, with what was expected and what was got."""

    type: str = Field(
        description="A stable name for this sort of error", examples=["urn:briefbot:problem:invalid-request"]
    )
    title: str = Field(description="What sort of error it is", examples=["Invalid request"])
    status: int = Field(description="The HTTP status", examples=[422])
    detail: str = Field(
        description="One line: what was expected, what was got, what to do",
        examples=["question: expected 1 to 2,000 characters; got 0; ask something"],
    )
    expected: str | None = Field(
        default=None, description="What would have been right", examples=["1 to 2,000 characters"]
    )
    got: str | None = Field(default=None, description="What was sent", examples=["0"])


ErrorType = Literal["invalid_request_error", "requests", "server_error"]


class ErrorOut(Out):
    """An error as the clients of OpenAI's API read it."""

    message: str = Field(
        description="The problem's `detail`",
        examples=["messages: expected a last one of role user; got assistant; put the question last"],
    )
    type: ErrorType = Field(
        description="Whether the request, the number of requests or the service is at fault",
        examples=["invalid_request_error"],
    )
    param: str | None = Field(description="The field that is at fault", examples=["messages"])
    code: str = Field(description="A stable name for this sort of error", examples=["invalid_request"])


class CompletionProblem(Problem):
    """A problem of the OpenAI-compatible routes, with the error as the clients of that API read it."""

    error: ErrorOut = Field(description="The same once more, in that API's shape")


class BatchItemOut(Out):
    """What became of one question: its answer, or why there is none."""

    answer: AnswerOut | None = Field(description="The answer, or an abstention")
    problem: Problem | None = Field(description="Why there is neither")


class BatchOut(Out):
    """One item for each question, in their order."""

    answers: list[BatchItemOut] = Field(description="In the order of the questions")
