"""The client for threads: each method sends one request and waits for its response."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, TypeVar, Unpack

import httpx2
from tenacity import Retrying

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


class Client(Connection):
    """A briefbot service, asked over HTTP; can be used by several threads at once.

    Every method raises the error that the service's problem stands for, `UnreachableError` where no service answers, and
    `DeadlineError` where none answers in `timeout_seconds`, or in as many times that as a request has questions, sentences
    or files. A request that was refused with a time to come back, or that nobody took, is sent again, `retries` times at
    most; one that the service has begun to answer never is, nor one whose answer took too long.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        key: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        retries: int = 2,
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

    def _send_once(self, call: Call[T], *, stream: bool = False) -> httpx2.Response:
        with self._explained(call):
            response = self._http.send(self._request(self._http, call), stream=stream)
            if response.is_success:
                return response
            with closing(response):
                response.read()
        raise read_error(response)

    def _fetch(self, call: Call[T]) -> T:
        return call.read(Retrying(**self._retrying)(self._send_once, call).content)

    # ---------------------------------------------------------------- answers

    def ask(self, question: str, **options: Unpack[QuestionOptions]) -> AnswerOut:
        """A cited answer, or an abstention with its reason."""
        return self._fetch(calls.asking(question, options))

    def stream(self, question: str, **options: Unpack[QuestionOptions]) -> Generator[StreamEvent]:
        """The sources, the text piece by piece, and last the same answer as `ask` gives.

        The request is sent when the first event is asked for; closing the generator ends the work.
        """
        call = calls.asking(question, options, "/v1/answer/stream")
        response = Retrying(**self._retrying)(self._send_once, call, stream=True)
        with closing(response), self._explained(call):
            for event in httpx2.EventSource(response, LARGEST_EVENT_BYTES):
                read = read_event(event)
                if read is not None:
                    yield read
                if isinstance(read, AnswerOut):
                    return
        tell_cut_off()

    def ask_all(self, questions: Iterable[AnyQuestion]) -> BatchOut:
        """Answers to 1 to 50 questions in their order, each with its problem where it has none."""
        return self._fetch(calls.asking_all(questions))

    def check(self, claim: str, **options: Unpack[SearchOptions]) -> CheckOut:
        """Whether the corpus bears a claim out, with the words that say so."""
        return self._fetch(calls.checking(claim, options))

    def check_text(self, text: str, **options: Unpack[SearchOptions]) -> ChecksOut:
        """The same for each of the 1 to 20 sentences of a text; those that state nothing come without a verdict."""
        return self._fetch(calls.checking_text(text, options))

    def search(self, query: str, *, top_k: int = 10, **options: Unpack[SearchOptions]) -> SearchOut:
        """The passages a question would be answered from, best first."""
        return self._fetch(calls.searching(query, top_k, options))

    def suggest(
        self,
        question: str,
        *,
        document_ids: Sequence[str] = (),
        asked: Sequence[str] = (),
        language: Language = "en",
        limit: int = 3,
        **options: Unpack[SearchOptions],
    ) -> SuggestionsOut:
        """Questions to go on with after one whose answer cites `document_ids`; none that was `asked` before."""
        return self._fetch(calls.suggesting(question, document_ids, asked, language, limit, options))

    def export(self, answers: Iterable[AnyAnswer], format: ExportFormat = "markdown") -> bytes:  # noqa: A002 - as the API has it
        """The bytes of a file with 1 to 50 answers, a footnote for each citation; Markdown is in UTF-8."""
        return self._fetch(calls.exporting(answers, format))

    # ---------------------------------------------------------------- the corpus

    def documents(self, **options: Unpack[ListOptions]) -> DocumentListOut:
        """A page of the documents that match, newest first."""
        return self._fetch(calls.listing_documents(options))

    def document(self, document_id: str, *, as_of: Day | None = None) -> DocumentTextOut:
        """A document with its text and links, its status that of `as_of` or of today."""
        return self._fetch(calls.reading_document(document_id, as_of))

    def versions(self, document_id: str) -> VersionsOut:
        """The drafts and texts of an instrument, oldest first; any of them may be named."""
        return self._fetch(calls.listing_versions(document_id))

    def compare(self, left: str, right: str) -> CompareOut:
        """Two documents part by part, with the words that differ."""
        return self._fetch(calls.comparing(left, right))

    def compare_versions(self, document_id: str, since: Day, until: Day) -> CompareOut:
        """The same for the versions of an instrument that stood on two days; any of them may be named."""
        return self._fetch(calls.comparing_versions(document_id, since, until))

    def timeline(self, **options: Unpack[TimelineOptions]) -> TimelineOut:
        """A page of dated events, oldest first."""
        return self._fetch(calls.listing_events(options))

    def coverage(self, **options: Unpack[SearchOptions]) -> CoverageOut:
        """How many documents each filter would leave, and the topics by phase and quarter, with their gaps."""
        return self._fetch(calls.measuring_coverage(options))

    def quality(self) -> QualityOut:
        """The latest scores of the service's answers to the reference questions."""
        return self._fetch(calls.QUALITY)

    def add_documents(self, paths: Iterable[AnyPath]) -> IngestReportOut:
        """What became of 1 to 20 files that are sent to be taken in, once all are; needs a key with the scope `ingest`.

        Raises `UsageError` for a path that is no file; a file that the service cannot take in is a row of the report.
        """
        return self._fetch(calls.adding_documents(paths))

    # ---------------------------------------------------------------- what is kept

    def start_conversation(self) -> Conversation:
        """A new conversation: what is asked in it is understood by what was said before."""
        return Conversation(self, self._fetch(calls.BEGINNING).id)

    def conversation(self, conversation_id: str) -> ConversationOut:
        """A conversation with every answer as it was given."""
        return self._fetch(calls.reading_conversation(conversation_id))

    def delete_conversation(self, conversation_id: str) -> None:
        """Delete a conversation for good, with its answers and what was said about them."""
        self._fetch(calls.deleting_conversation(conversation_id))

    def answer(self, answer_id: str) -> AnswerOut:
        """An answer as it was given."""
        return self._fetch(calls.reading_answer(answer_id))

    def feedback(
        self, answer_id: str, rating: Literal[1, -1], *, citation: int | None = None, comment: str | None = None
    ) -> FeedbackOut:
        """Say that an answer, or one of its citations, is good (1) or bad (-1)."""
        return self._fetch(calls.rating(answer_id, rating, citation, comment))

    def is_ready(self) -> bool:
        """Whether the service is there and can answer now."""
        try:
            return calls.PROBING.read(self._send_once(calls.PROBING).content).status == "ready"
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

    def read(self) -> ConversationOut:
        """The whole conversation, with every answer as it was given."""
        return self.client.conversation(self.id)

    def delete(self) -> None:
        """Delete it for good, with its answers and what was said about them."""
        self.client.delete_conversation(self.id)
