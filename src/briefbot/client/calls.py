"""The requests, the same for both clients: what is sent, and how the body of the response is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import quote

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from briefbot.api.check_schemas import CheckOut, ChecksOut
from briefbot.api.comparing import CompareOut, VersionsOut
from briefbot.api.conversation_schemas import ConversationCreatedOut, ConversationOut, FeedbackOut
from briefbot.api.corpus_schemas import DocumentListOut, DocumentTextOut, Health, IngestReportOut
from briefbot.api.coverage_schemas import CoverageOut, QualityOut
from briefbot.api.schemas import AnswerOut, BatchOut, SearchOut
from briefbot.api.suggestion_schemas import SuggestionsOut
from briefbot.api.timeline import TimelineOut
from briefbot.client.options import (
    AnyAnswer,
    AnyFilters,
    AnyPath,
    AnyQuestion,
    Day,
    ExportFormat,
    ListOptions,
    QuestionOptions,
    SearchOptions,
    TimelineOptions,
)
from briefbot.client.replies import read_nothing, read_result
from briefbot.errors import UsageError
from briefbot.models import Language
from briefbot.sentences import split_sentences

MOST_FILES = 20
"""As many as the service takes in one request."""

T = TypeVar("T")
R = TypeVar("R", bound=BaseModel)
_File: TypeAlias = tuple[str, tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how the body of its response is read."""

    read: Callable[[bytes], T]
    method: Literal["GET", "POST", "DELETE"]
    path: str
    body: Any = None
    query: Mapping[str, Any] | None = None
    files: Sequence[_File] = ()
    steps: int = 1
    """How many answers, verdicts or files it waits for, one after the other."""


def _get(result: type[R], path: str, query: Mapping[str, Any] | None = None) -> Call[R]:
    return Call(partial(read_result, result), "GET", path, query=query)


def _post(result: type[R], path: str, body: Any = None, *, steps: int = 1) -> Call[R]:
    return Call(partial(read_result, result), "POST", path, body, steps=steps)


def _plain(value: object) -> Any:
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError as error:
        raise UsageError(f"expected values that JSON can hold; got {error}; pass others") from error


def _fill(**values: object) -> dict[str, Any]:
    """A JSON object without what was not given."""
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _query(*, filters: AnyFilters | None = None, **values: object) -> dict[str, Any]:
    """A query of a list: filters stand beside the other parameters there."""
    return {name: value for name, value in {**_fill(**values), **(_plain(filters) or {})}.items() if value is not None}


def _path(*parts: str) -> str:
    return "/".join(("/v1", *(quote(part, safe="") for part in parts)))


# -------------------------------------------------------------------- answers


def asking(question: str, options: QuestionOptions, path: str = "/v1/answer") -> Call[AnswerOut]:
    """One question."""
    return _post(AnswerOut, path, _fill(question=question, **options))


def asking_all(questions: Iterable[AnyQuestion]) -> Call[BatchOut]:
    """Several questions, each by itself."""
    items = [{"question": item} if isinstance(item, str) else _plain(item) for item in questions]
    return _post(BatchOut, "/v1/answers", {"questions": items}, steps=len(items))


def checking(claim: str, options: SearchOptions) -> Call[CheckOut]:
    """A claim."""
    return _post(CheckOut, "/v1/check", _fill(claim=claim, **options))


def checking_text(text: str, options: SearchOptions) -> Call[ChecksOut]:
    """A text, sentence by sentence."""
    return _post(ChecksOut, "/v1/checks", _fill(text=text, **options), steps=len(split_sentences(text)))


def searching(query: str, top_k: int, options: SearchOptions) -> Call[SearchOut]:
    """A query for passages."""
    return _post(SearchOut, "/v1/search", _fill(query=query, top_k=top_k, **options))


def suggesting(
    question: str,
    document_ids: Sequence[str],
    asked: Sequence[str],
    language: Language,
    limit: int,
    options: SearchOptions,
) -> Call[SuggestionsOut]:
    """What was asked and cited, to go on from."""
    body = _fill(question=question, document_ids=document_ids, asked=asked, language=language, limit=limit, **options)
    return _post(SuggestionsOut, "/v1/suggestions", body)


def exporting(answers: Iterable[AnyAnswer], form: ExportFormat) -> Call[bytes]:
    """Answers as a file."""
    return Call(bytes, "POST", _path("export", form), {"answers": [_plain(item) for item in answers]})


# -------------------------------------------------------------------- the corpus


def listing_documents(options: ListOptions) -> Call[DocumentListOut]:
    """A page of documents."""
    return _get(DocumentListOut, "/v1/documents", _query(**options))


def reading_document(document_id: str, as_of: Day | None) -> Call[DocumentTextOut]:
    """One document."""
    return _get(DocumentTextOut, _path("documents", document_id), _fill(as_of=as_of))


def listing_versions(document_id: str) -> Call[VersionsOut]:
    """The versions of an instrument."""
    return _get(VersionsOut, _path("documents", document_id, "versions"))


def comparing(left: str, right: str) -> Call[CompareOut]:
    """Two documents."""
    return _get(CompareOut, "/v1/compare", {"left": left, "right": right})


def comparing_versions(document_id: str, since: Day, until: Day) -> Call[CompareOut]:
    """The versions of an instrument on two days."""
    return _get(CompareOut, "/v1/compare", {"document": document_id, "from": _plain(since), "to": _plain(until)})


def listing_events(options: TimelineOptions) -> Call[TimelineOut]:
    """A page of the timeline."""
    values: dict[str, Any] = dict(options)
    for name, sent in (("since", "from"), ("until", "to")):
        values[sent] = values.pop(name, None)
    return _get(TimelineOut, "/v1/timeline", _query(**values))


def measuring_coverage(options: SearchOptions) -> Call[CoverageOut]:
    """What the corpus covers."""
    return _get(CoverageOut, "/v1/coverage", _query(**options))


def adding_documents(paths: Iterable[AnyPath]) -> Call[IngestReportOut]:
    """Files for the corpus, read here and now; raises `UsageError` for none or too many, and for one that cannot be read."""
    chosen = [Path(path) for path in paths]
    if not 1 <= len(chosen) <= MOST_FILES:
        raise UsageError(f"paths: expected 1 to {MOST_FILES} files; got {len(chosen)}; send them in several requests")
    files = [_read_file(path) for path in chosen]
    return Call(partial(read_result, IngestReportOut), "POST", "/v1/documents", files=files, steps=len(files))


def _read_file(path: Path) -> _File:
    try:
        return "files", (path.name, path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"paths: expected a file that can be read; got {error}; correct the path") from error


QUALITY = _get(QualityOut, "/v1/quality")
PROBING = _get(Health, "/readyz")


# -------------------------------------------------------------------- what is kept

BEGINNING = _post(ConversationCreatedOut, "/v1/conversations")


def reading_conversation(conversation_id: str) -> Call[ConversationOut]:
    """A conversation."""
    return _get(ConversationOut, _path("conversations", conversation_id))


def deleting_conversation(conversation_id: str) -> Call[None]:
    """The end of a conversation."""
    return Call(read_nothing, "DELETE", _path("conversations", conversation_id))


def reading_answer(answer_id: str) -> Call[AnswerOut]:
    """An answer that was given."""
    return _get(AnswerOut, _path("answers", answer_id))


def rating(answer_id: str, rated: Literal[1, -1], citation: int | None, comment: str | None) -> Call[FeedbackOut]:
    """What a reader says."""
    return _post(
        FeedbackOut, "/v1/feedback", _fill(answer_id=answer_id, rating=rated, citation=citation, comment=comment)
    )
