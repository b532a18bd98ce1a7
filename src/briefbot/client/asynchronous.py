"""The client for asyncio: the same as the one for threads, method by method."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, TypeVar, Unpack

import httpx2
from tenacity import AsyncRetrying

from briefbot.api.check_schemas import CheckOut, ChecksOut
from briefbot.api.comparing import CompareOut, VersionsOut
from briefbot.api.conversation_schemas import ConversationOut, FeedbackOut
from briefbot.api.corpus_schemas import DocumentListOut, DocumentTextOut, IngestReportOut
from briefbot.api.coverage_schemas import CoverageOut, QualityOut
from briefbot.api.schemas import AnswerOut, BatchOut, SearchOut
from briefbot.api.suggestion_schemas import SuggestionsOut
from briefbot.api.timeline import TimelineOut
from briefbot.client import calls
from briefbot.client.calls import Call
from briefbot.client.connection import DEFAULT_TIMEOUT_SECONDS, DEFAULT_URL, LARGEST_EVENT_BYTES, Connection
from briefbot.client.options import (
    AnswerOptions,
    AnyAnswer,
    AnyPath,
    AnyQuestion,
    Day,
    ExportFormat,
    ListOptions,
    QuestionOptions,
    SearchOptions,
    TimelineOptions,
)
from briefbot.client.replies import StreamEvent, read_error, read_event, tell_cut_off
from briefbot.errors import BriefbotError
from briefbot.models import Language

T = TypeVar("T")


class AsyncClient(Connection):
    """The same as `Client` for asyncio; can be used by several tasks at once."""

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        key: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        retries: int = 2,
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

    async def _send_once(self, call: Call[T], *, stream: bool = False) -> httpx2.Response:
        with self._explained(call):
            response = await self._http.send(self._request(self._http, call), stream=stream)
            if response.is_success:
                return response
            async with aclosing(response):
                await response.aread()
        raise read_error(response)

    async def _send(self, call: Call[T], *, stream: bool = False) -> httpx2.Response:
        response: httpx2.Response = await AsyncRetrying(**self._retrying)(self._send_once, call, stream=stream)
        return response

    async def _fetch(self, call: Call[T]) -> T:
        return call.read((await self._send(call)).content)

    # ---------------------------------------------------------------- answers

    async def ask(self, question: str, **options: Unpack[QuestionOptions]) -> AnswerOut:
        """As `Client.ask`."""
        return await self._fetch(calls.asking(question, options))

    async def stream(self, question: str, **options: Unpack[QuestionOptions]) -> AsyncGenerator[StreamEvent]:
        """As `Client.stream`."""
        call = calls.asking(question, options, "/v1/answer/stream")
        response = await self._send(call, stream=True)
        async with aclosing(response):
            with self._explained(call):
                async for event in httpx2.EventSource(response, LARGEST_EVENT_BYTES):
                    read = read_event(event)
                    if read is not None:
                        yield read
                    if isinstance(read, AnswerOut):
                        return
        tell_cut_off()

    async def ask_all(self, questions: Iterable[AnyQuestion]) -> BatchOut:
        """As `Client.ask_all`."""
        return await self._fetch(calls.asking_all(questions))

    async def check(self, claim: str, **options: Unpack[SearchOptions]) -> CheckOut:
        """As `Client.check`."""
        return await self._fetch(calls.checking(claim, options))

    async def check_text(self, text: str, **options: Unpack[SearchOptions]) -> ChecksOut:
        """As `Client.check_text`."""
        return await self._fetch(calls.checking_text(text, options))

    async def search(self, query: str, *, top_k: int = 10, **options: Unpack[SearchOptions]) -> SearchOut:
        """As `Client.search`."""
        return await self._fetch(calls.searching(query, top_k, options))

    async def suggest(
        self,
        question: str,
        *,
        document_ids: Sequence[str] = (),
        asked: Sequence[str] = (),
        language: Language = "en",
        limit: int = 3,
        **options: Unpack[SearchOptions],
    ) -> SuggestionsOut:
        """As `Client.suggest`."""
        return await self._fetch(calls.suggesting(question, document_ids, asked, language, limit, options))

    async def export(self, answers: Iterable[AnyAnswer], format: ExportFormat = "markdown") -> bytes:  # noqa: A002 - as the API has it
        """As `Client.export`."""
        return await self._fetch(calls.exporting(answers, format))

    # ---------------------------------------------------------------- the corpus

    async def documents(self, **options: Unpack[ListOptions]) -> DocumentListOut:
        """As `Client.documents`."""
        return await self._fetch(calls.listing_documents(options))

    async def document(self, document_id: str, *, as_of: Day | None = None) -> DocumentTextOut:
        """As `Client.document`."""
        return await self._fetch(calls.reading_document(document_id, as_of))

    async def versions(self, document_id: str) -> VersionsOut:
        """As `Client.versions`."""
        return await self._fetch(calls.listing_versions(document_id))

    async def compare(self, left: str, right: str) -> CompareOut:
        """As `Client.compare`."""
        return await self._fetch(calls.comparing(left, right))

    async def compare_versions(self, document_id: str, since: Day, until: Day) -> CompareOut:
        """As `Client.compare_versions`."""
        return await self._fetch(calls.comparing_versions(document_id, since, until))

    async def timeline(self, **options: Unpack[TimelineOptions]) -> TimelineOut:
        """As `Client.timeline`."""
        return await self._fetch(calls.listing_events(options))

    async def coverage(self, **options: Unpack[SearchOptions]) -> CoverageOut:
        """As `Client.coverage`."""
        return await self._fetch(calls.measuring_coverage(options))

    async def quality(self) -> QualityOut:
        """As `Client.quality`."""
        return await self._fetch(calls.QUALITY)

    async def add_documents(self, paths: Iterable[AnyPath]) -> IngestReportOut:
        """As `Client.add_documents`."""
        return await self._fetch(await asyncio.to_thread(calls.adding_documents, paths))

    # ---------------------------------------------------------------- what is kept

    async def start_conversation(self) -> AsyncConversation:
        """As `Client.start_conversation`."""
        return AsyncConversation(self, (await self._fetch(calls.BEGINNING)).id)

    async def conversation(self, conversation_id: str) -> ConversationOut:
        """As `Client.conversation`."""
        return await self._fetch(calls.reading_conversation(conversation_id))

    async def delete_conversation(self, conversation_id: str) -> None:
        """As `Client.delete_conversation`."""
        await self._fetch(calls.deleting_conversation(conversation_id))

    async def answer(self, answer_id: str) -> AnswerOut:
        """As `Client.answer`."""
        return await self._fetch(calls.reading_answer(answer_id))

    async def feedback(
        self, answer_id: str, rating: Literal[1, -1], *, citation: int | None = None, comment: str | None = None
    ) -> FeedbackOut:
        """As `Client.feedback`."""
        return await self._fetch(calls.rating(answer_id, rating, citation, comment))

    async def is_ready(self) -> bool:
        """As `Client.is_ready`."""
        try:
            return calls.PROBING.read((await self._send_once(calls.PROBING)).content).status == "ready"
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

    async def read(self) -> ConversationOut:
        """The whole conversation, with every answer as it was given."""
        return await self.client.conversation(self.id)

    async def delete(self) -> None:
        """Delete it for good, with its answers and what was said about them."""
        await self.client.delete_conversation(self.id)
