"""The client of the HTTP API, blocking and async: typed answers, and this product's own errors in the place of problems.

It needs none of the heavy packages: no model, no index and no web server is loaded.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Generic, Literal, NoReturn, TypeAlias, TypedDict, TypeVar, Unpack
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python
from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from briefbot import errors
from briefbot.api import schemas
from briefbot.api.conversation_schemas import ConversationCreatedOut, ConversationOut, FeedbackOut
from briefbot.api.corpus_schemas import DocumentListOut, DocumentTextOut, Health
from briefbot.api.schemas import AnswerOut, BatchOut, CheckOut, DeltaOut, Problem, SearchOut, SourcesOut
from briefbot.api.timeline import TimelineOut
from briefbot.errors import (
    AccessError,
    BriefbotError,
    BusyError,
    DeadlineError,
    NotFoundError,
    RateLimitError,
    ScopeError,
    UsageError,
)
from briefbot.models import Filters, Mode, Phase, Turn

__all__ = [
    "AnswerOptions",
    "AsyncClient",
    "AsyncConversation",
    "Client",
    "Conversation",
    "ListOptions",
    "QuestionOptions",
    "SearchOptions",
    "StreamEvent",
    "TimelineOptions",
    "UnreachableError",
]

DEFAULT_URL = "http://127.0.0.1:8000"

LONGEST_WAIT_SECONDS = 30
"""Who is told to come back later than that gets the error at once, and decides for themselves."""

LARGEST_EVENT_BYTES = 16_000_000
"""An answer comes with its history, of which a request may carry a megabyte, and with its quotes."""

_REFUSED_SECONDS = 1
"""A service that is being restarted listens again within a few seconds."""

_PROBLEM = "urn:briefbot:problem:"
_SLUGS: Mapping[str, type[BriefbotError]] = {
    found.slug: found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, BriefbotError)
}
_STATUSES: Mapping[int, type[BriefbotError]] = {
    401: AccessError,
    403: ScopeError,
    404: NotFoundError,
    429: RateLimitError,
    503: BusyError,
}

R = TypeVar("R", bound=BaseModel)
Day: TypeAlias = dt.date | str
AnyFilters: TypeAlias = schemas.FiltersIn | Filters | Mapping[str, Any]
AnyTurn: TypeAlias = schemas.TurnIn | Turn | Mapping[str, str]
AnyQuestion: TypeAlias = str | schemas.QuestionIn | Mapping[str, Any]

StreamEvent: TypeAlias = SourcesOut | DeltaOut | AnswerOut
"""What a stream gives: the sources, pieces of the text, and last the whole answer."""

_EVENTS: Mapping[str, type[StreamEvent]] = {"sources": SourcesOut, "delta": DeltaOut, "answer": AnswerOut}


class UnreachableError(BriefbotError):
    """No service answers at the address, or the connection broke before it had."""

    slug = "unreachable"


class SearchOptions(TypedDict, total=False):
    """What the evidence may be drawn from."""

    as_of: Day | None
    """Only what was published by that day."""
    filters: AnyFilters | None
    """Fields of `FiltersIn`; one that is left out restricts nothing."""


class AnswerOptions(SearchOptions, total=False):
    """How a question is to be answered."""

    mode: Mode
    """Who writes: the sources' own sentences (`extractive`), a model (`generative`), or as the service can (`auto`)."""


class QuestionOptions(AnswerOptions, total=False):
    """How a question is to be answered, and what was said before it."""

    history: Sequence[AnyTurn]
    """Earlier messages, oldest first; not beside `conversation_id`."""
    conversation_id: str | None
    """A conversation, which gives the earlier messages and keeps the answer."""


class ListOptions(SearchOptions, total=False):
    """Which part of a list is wanted."""

    limit: int
    """How many on a page."""
    offset: int
    """How many before the page."""


class TimelineOptions(ListOptions, total=False):
    """Which events are wanted."""

    since: Day | None
    """Earliest day."""
    until: Day | None
    """Latest day."""
    phase: Sequence[Phase]
    """Phases of the policy."""


# -------------------------------------------------------------------- requests, the same for both clients


@dataclass(frozen=True, slots=True)
class _Call(Generic[R]):
    """A request, and what its response is read as."""

    result: type[R]
    method: Literal["GET", "POST"]
    path: str
    body: Any = None
    query: Mapping[str, Any] | None = None
    questions: int = 1
    """How many answers it waits for."""


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


def _asking(question: str, options: QuestionOptions, path: str = "/v1/answer") -> _Call[AnswerOut]:
    return _Call(AnswerOut, "POST", path, _fill(question=question, **options))


def _asking_all(questions: Iterable[AnyQuestion]) -> _Call[BatchOut]:
    items = [{"question": item} if isinstance(item, str) else _plain(item) for item in questions]
    return _Call(BatchOut, "POST", "/v1/answers", {"questions": items}, questions=len(items))


def _listing_events(options: TimelineOptions) -> _Call[TimelineOut]:
    values: dict[str, Any] = dict(options)
    for name, sent in (("since", "from"), ("until", "to")):
        values[sent] = values.pop(name, None)
    return _Call(TimelineOut, "GET", "/v1/timeline", query=_query(**values))


def _reading(result: type[R], kind: str, id_: str, as_of: Day | None = None) -> _Call[R]:
    return _Call(result, "GET", f"/v1/{kind}/{quote(id_, safe='')}", query=_fill(as_of=as_of))


def _rating(answer_id: str, rating: Literal[1, -1], citation: int | None, comment: str | None) -> _Call[FeedbackOut]:
    body = _fill(answer_id=answer_id, rating=rating, citation=citation, comment=comment)
    return _Call(FeedbackOut, "POST", "/v1/feedback", body)


_BEGINNING = _Call(ConversationCreatedOut, "POST", "/v1/conversations")
_PROBING = _Call(Health, "GET", "/readyz")


# -------------------------------------------------------------------- responses, the same for both clients


def read_retry_after(value: str | None) -> int | None:
    """The seconds that a `Retry-After` asks for, whether it is a number or a date; None where it is neither."""
    if value is None:
        return None
    with suppress(ValueError):
        return max(0, int(value))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0, round(moment.timestamp() - time.time()))


def make_error(problem: Problem, retry_seconds: int | None = None) -> BriefbotError:
    """The error that a problem stands for: by its type, or else by its status."""
    fallback = UsageError if 400 <= problem.status < 500 else BriefbotError
    found = _SLUGS.get(problem.type.removeprefix(_PROBLEM)) or _STATUSES.get(problem.status, fallback)
    return found(problem.detail, expected=problem.expected, got=problem.got, retry_seconds=retry_seconds)


def _read_error(response: httpx2.Response) -> BriefbotError:
    """The error of a response that is no success; it need not come from a briefbot."""
    retry_seconds = read_retry_after(response.headers.get("retry-after"))
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        detail = f"expected an answer of a briefbot service; got HTTP {response.status_code}; check the base_url"
        problem = Problem(type="about:blank", title="", status=response.status_code, detail=detail)
    return make_error(problem, retry_seconds if response.status_code in {429, 503} else None)


def _read(result: type[R], content: str | bytes) -> R:
    try:
        return result.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(map(str, fault["loc"])) or "body"
        raise BriefbotError(
            f"expected {result.__name__} from the service; got something else at {field}: {fault['msg']}; "
            "check the base_url, and that client and service are of the same release"
        ) from error


def _read_event(event: httpx2.ServerSentEvent) -> StreamEvent | None:
    """An event of a stream, None for one that this release does not know; raises what a problem stands for."""
    if event.event == "error":
        raise make_error(_read(Problem, event.data))
    known = _EVENTS.get(event.event)
    return None if known is None else _read(known, event.data)


def _cut_off() -> NoReturn:
    raise UnreachableError("expected an answer at the end of the stream; got its end before; ask again")


def _may_try_again(error: BaseException) -> bool:
    """Whether an error says when to come back: the service did nothing then, and nothing is done twice."""
    seconds = error.retry_seconds if isinstance(error, BriefbotError) else None
    return seconds is not None and seconds <= LONGEST_WAIT_SECONDS


def _seconds_to_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return float(error.retry_seconds or 0) if isinstance(error, BriefbotError) else 0.0


def _check_url(base_url: str) -> None:
    with suppress(ValueError):
        parts = urlsplit(base_url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return
    raise UsageError(f"base_url: expected http://HOST:PORT; got {base_url[:80]}; correct it")


class _Connection:
    """What both clients know: where the service is, how to ask it, and how often."""

    def __init__(self, base_url: str, key: str | None, timeout_seconds: float, retries: int) -> None:
        _check_url(base_url)
        if key is not None and not (key.isascii() and key.isprintable() and key.strip()):
            raise UsageError("key: expected printable ASCII; got something else; copy the key again")
        self.base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._settings: dict[str, Any] = {
            "headers": {"authorization": f"Bearer {key.strip()}"} if key else {},
            "timeout": timeout_seconds,
            "trust_env": False,
        }
        self._retrying: dict[str, Any] = {
            "stop": stop_after_attempt(max(0, retries) + 1),
            "retry": retry_if_exception(_may_try_again),
            "wait": _seconds_to_wait,
            "reraise": True,
        }

    def _request(self, http: httpx2.Client | httpx2.AsyncClient, call: _Call[R]) -> httpx2.Request:
        seconds = self._timeout_seconds * max(1, call.questions)
        return http.build_request(
            call.method, self.base_url + call.path, json=call.body, params=call.query, timeout=seconds
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the transport's errors into our own."""
        try:
            yield
        except httpx2.ConnectError as error:
            raise UnreachableError(
                f"expected a briefbot service at {self.base_url}; got {error}; start it, or check the base_url",
                retry_seconds=_REFUSED_SECONDS,
            ) from error
        except httpx2.TimeoutException as error:
            raise DeadlineError(
                f"expected a response of {self.base_url} within {self._timeout_seconds:g} seconds; got none; "
                "try again, or raise timeout_seconds"
            ) from error
        except httpx2.HTTPError as error:
            raise UnreachableError(
                f"expected a whole response of {self.base_url}; got {type(error).__name__}: {error}; try again"
            ) from error


# -------------------------------------------------------------------- the clients


class Client(_Connection):
    """A briefbot service, asked over HTTP; can be used by several threads at once.

    Every method raises the error that the service's problem stands for, `UnreachableError` where no service answers, and
    `DeadlineError` where none answers in time. A request that was refused with a time to come back, or that nobody took,
    is sent again, `retries` times at most; one that the service has begun to answer never is.
    """

    def __init__(
        self, base_url: str = DEFAULT_URL, key: str | None = None, timeout_seconds: float = 60.0, retries: int = 2
    ) -> None:
        super().__init__(base_url, key, timeout_seconds, retries)
        self._http = httpx2.Client(**self._settings)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send_once(self, call: _Call[R], *, stream: bool = False) -> httpx2.Response:
        with self._explained():
            response = self._http.send(self._request(self._http, call), stream=stream)
            if response.is_success:
                return response
            with closing(response):
                response.read()
        raise _read_error(response)

    def _fetch(self, call: _Call[R]) -> R:
        return _read(call.result, Retrying(**self._retrying)(self._send_once, call).content)

    def ask(self, question: str, **options: Unpack[QuestionOptions]) -> AnswerOut:
        """A cited answer, or an abstention with its reason."""
        return self._fetch(_asking(question, options))

    def stream(self, question: str, **options: Unpack[QuestionOptions]) -> Generator[StreamEvent]:
        """The sources, the text piece by piece, and last the same answer as `ask` gives.

        The request is sent when the first event is asked for; closing the generator ends the work.
        """
        call = _asking(question, options, "/v1/answer/stream")
        response = Retrying(**self._retrying)(self._send_once, call, stream=True)
        with closing(response), self._explained():
            for event in httpx2.EventSource(response, LARGEST_EVENT_BYTES):
                read = _read_event(event)
                if read is not None:
                    yield read
                if isinstance(read, AnswerOut):
                    return
        _cut_off()

    def ask_all(self, questions: Iterable[AnyQuestion]) -> BatchOut:
        """Answers to 1 to 50 questions in their order, each with its problem where it has none."""
        return self._fetch(_asking_all(questions))

    def check(self, claim: str, **options: Unpack[SearchOptions]) -> CheckOut:
        """Whether the corpus bears a claim out, with the words that say so."""
        return self._fetch(_Call(CheckOut, "POST", "/v1/check", _fill(claim=claim, **options)))

    def search(self, query: str, *, top_k: int = 10, **options: Unpack[SearchOptions]) -> SearchOut:
        """The passages a question would be answered from, best first."""
        return self._fetch(_Call(SearchOut, "POST", "/v1/search", _fill(query=query, top_k=top_k, **options)))

    def documents(self, **options: Unpack[ListOptions]) -> DocumentListOut:
        """A page of the documents that match, newest first."""
        return self._fetch(_Call(DocumentListOut, "GET", "/v1/documents", query=_query(**options)))

    def document(self, document_id: str, *, as_of: Day | None = None) -> DocumentTextOut:
        """A document with its text and links, its status that of `as_of` or of today."""
        return self._fetch(_reading(DocumentTextOut, "documents", document_id, as_of))

    def timeline(self, **options: Unpack[TimelineOptions]) -> TimelineOut:
        """A page of dated events, oldest first."""
        return self._fetch(_listing_events(options))

    def start_conversation(self) -> Conversation:
        """A new conversation: what is asked in it is understood by what was said before."""
        return Conversation(self, self._fetch(_BEGINNING).id)

    def conversation(self, conversation_id: str) -> ConversationOut:
        """A conversation with every answer as it was given."""
        return self._fetch(_reading(ConversationOut, "conversations", conversation_id))

    def answer(self, answer_id: str) -> AnswerOut:
        """An answer as it was given."""
        return self._fetch(_reading(AnswerOut, "answers", answer_id))

    def feedback(
        self, answer_id: str, rating: Literal[1, -1], *, citation: int | None = None, comment: str | None = None
    ) -> FeedbackOut:
        """Say that an answer, or one of its citations, is good (1) or bad (-1)."""
        return self._fetch(_rating(answer_id, rating, citation, comment))

    def is_ready(self) -> bool:
        """Whether the service is there and can answer now."""
        try:
            return _read(Health, self._send_once(_PROBING).content).status == "ready"
        except BriefbotError:
            return False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that the service keeps."""

    client: Client
    id: str

    def ask(self, question: str, **options: Unpack[AnswerOptions]) -> AnswerOut:
        """The answer to the next question."""
        return self.client.ask(question, conversation_id=self.id, **options)

    def stream(self, question: str, **options: Unpack[AnswerOptions]) -> Generator[StreamEvent]:
        """The answer to the next question while it is made."""
        return self.client.stream(question, conversation_id=self.id, **options)


class AsyncClient(_Connection):
    """The same as `Client` for asyncio; can be used by several tasks at once."""

    def __init__(
        self, base_url: str = DEFAULT_URL, key: str | None = None, timeout_seconds: float = 60.0, retries: int = 2
    ) -> None:
        super().__init__(base_url, key, timeout_seconds, retries)
        self._http = httpx2.AsyncClient(**self._settings)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send_once(self, call: _Call[R], *, stream: bool = False) -> httpx2.Response:
        with self._explained():
            response = await self._http.send(self._request(self._http, call), stream=stream)
            if response.is_success:
                return response
            async with aclosing(response):
                await response.aread()
        raise _read_error(response)

    async def _send(self, call: _Call[R], *, stream: bool = False) -> httpx2.Response:
        response: httpx2.Response = await AsyncRetrying(**self._retrying)(self._send_once, call, stream=stream)
        return response

    async def _fetch(self, call: _Call[R]) -> R:
        return _read(call.result, (await self._send(call)).content)

    async def ask(self, question: str, **options: Unpack[QuestionOptions]) -> AnswerOut:
        """As `Client.ask`."""
        return await self._fetch(_asking(question, options))

    async def stream(self, question: str, **options: Unpack[QuestionOptions]) -> AsyncGenerator[StreamEvent]:
        """As `Client.stream`."""
        response = await self._send(_asking(question, options, "/v1/answer/stream"), stream=True)
        async with aclosing(response):
            with self._explained():
                async for event in httpx2.EventSource(response, LARGEST_EVENT_BYTES):
                    read = _read_event(event)
                    if read is not None:
                        yield read
                    if isinstance(read, AnswerOut):
                        return
        _cut_off()

    async def ask_all(self, questions: Iterable[AnyQuestion]) -> BatchOut:
        """As `Client.ask_all`."""
        return await self._fetch(_asking_all(questions))

    async def check(self, claim: str, **options: Unpack[SearchOptions]) -> CheckOut:
        """As `Client.check`."""
        return await self._fetch(_Call(CheckOut, "POST", "/v1/check", _fill(claim=claim, **options)))

    async def search(self, query: str, *, top_k: int = 10, **options: Unpack[SearchOptions]) -> SearchOut:
        """As `Client.search`."""
        return await self._fetch(_Call(SearchOut, "POST", "/v1/search", _fill(query=query, top_k=top_k, **options)))

    async def documents(self, **options: Unpack[ListOptions]) -> DocumentListOut:
        """As `Client.documents`."""
        return await self._fetch(_Call(DocumentListOut, "GET", "/v1/documents", query=_query(**options)))

    async def document(self, document_id: str, *, as_of: Day | None = None) -> DocumentTextOut:
        """As `Client.document`."""
        return await self._fetch(_reading(DocumentTextOut, "documents", document_id, as_of))

    async def timeline(self, **options: Unpack[TimelineOptions]) -> TimelineOut:
        """As `Client.timeline`."""
        return await self._fetch(_listing_events(options))

    async def start_conversation(self) -> AsyncConversation:
        """As `Client.start_conversation`."""
        return AsyncConversation(self, (await self._fetch(_BEGINNING)).id)

    async def conversation(self, conversation_id: str) -> ConversationOut:
        """As `Client.conversation`."""
        return await self._fetch(_reading(ConversationOut, "conversations", conversation_id))

    async def answer(self, answer_id: str) -> AnswerOut:
        """As `Client.answer`."""
        return await self._fetch(_reading(AnswerOut, "answers", answer_id))

    async def feedback(
        self, answer_id: str, rating: Literal[1, -1], *, citation: int | None = None, comment: str | None = None
    ) -> FeedbackOut:
        """As `Client.feedback`."""
        return await self._fetch(_rating(answer_id, rating, citation, comment))

    async def is_ready(self) -> bool:
        """As `Client.is_ready`."""
        try:
            return _read(Health, (await self._send_once(_PROBING)).content).status == "ready"
        except BriefbotError:
            return False


@dataclass(frozen=True, slots=True)
class AsyncConversation:
    """A conversation that the service keeps."""

    client: AsyncClient
    id: str

    async def ask(self, question: str, **options: Unpack[AnswerOptions]) -> AnswerOut:
        """The answer to the next question."""
        return await self.client.ask(question, conversation_id=self.id, **options)

    def stream(self, question: str, **options: Unpack[AnswerOptions]) -> AsyncGenerator[StreamEvent]:
        """The answer to the next question while it is made."""
        return self.client.stream(question, conversation_id=self.id, **options)
