"""The one place where every door (JSON, stream, chat completions, MCP, batch) asks: checks, turns, deadlines, history."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from pydantic import Field

from briefbot.answering import Briefbot
from briefbot.api import schemas
from briefbot.api.admission import Admission, Leaving, Place, nobody_waits
from briefbot.api.check_schemas import CheckOut, ClaimIn
from briefbot.api.corpus_schemas import DocumentListOut, DocumentTextOut, Health
from briefbot.api.metrics import Door, IndexHealth
from briefbot.api.problems import describe_problem
from briefbot.api.timeline import TimelineOut, TimelineQuery, list_events
from briefbot.catalogue import Catalogue
from briefbot.errors import (
    BriefbotError,
    BusyError,
    DeadlineError,
    NotFoundError,
    StoppedError,
    StorageError,
    UsageError,
)
from briefbot.journal import Journal
from briefbot.models import Answer, Filters, Query, ScoredPassage, Turn
from briefbot.query import clean_question
from briefbot.settings import Settings
from briefbot.tracing import Tracing
from briefbot.watching import Watcher

T = TypeVar("T")
Recorded = Callable[[Door, Answer], object]
"""Told of every answer that was made."""

EVENTS_AHEAD = 64
"""Events of a stream that may wait for a slow reader."""

STALLED_SECONDS = 15.0
"""A reader who takes nothing for so long has gone."""

_log = logging.getLogger("briefbot.answers")


PROBE = "policy"
PROBED_SECONDS = 10.0
FAILED_SECONDS = 1.0
"""For so long a search that succeeded, or failed, says that the next one will."""


class DocumentsQuery(schemas.FiltersQuery):
    """Which documents are wanted, and which page of them."""

    as_of: schemas.Day | None = Field(
        default=None, description="Only what was published by that day", examples=["2022-01-31"]
    )
    limit: int = Field(default=50, ge=1, le=500, description="Documents on a page", examples=[50])
    offset: int = Field(default=0, ge=0, le=1_000_000, description="Documents before the page", examples=[0])


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    name: Literal["sources", "delta", "answer", "error"]
    data: schemas.SourcesOut | schemas.DeltaOut | schemas.AnswerOut | schemas.Problem


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A question that can be asked: its parts are checked, and its history is read."""

    body: schemas.QuestionIn
    history: tuple[Turn, ...]
    filters: Filters
    owner: str | None
    door: Door
    begins_conversation: bool = False


class Desk:
    """Takes questions from every door; belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        bot: Briefbot | None,
        journal: Journal | None,
        *,
        recorded: Sequence[Recorded] = (),
        tracing: Tracing | None = None,
    ) -> None:
        self.settings = settings
        self.admission = Admission(settings.max_concurrent, settings.max_queued, settings.queue_seconds)
        self._bot = bot
        self._journal = journal
        self._recorded = recorded
        self._tracing = tracing or Tracing()
        self._probed: tuple[float, Health] | None = None
        self._probing = anyio.Lock()

    @property
    def bot(self) -> Briefbot:
        """The open `Briefbot`; raises `BusyError` while it is still starting."""
        if self._bot is None:
            raise BusyError("expected a service that is ready; it is still loading; try again in a few seconds")
        return self._bot

    # ---------------------------------------------------------------- answers

    async def answer(
        self,
        body: schemas.QuestionIn,
        owner: str | None,
        *,
        door: Door = "json",
        stopped: Leaving | None = None,
        begins_conversation: bool = False,
    ) -> schemas.AnswerOut:
        """An answer, kept before it is given; raises the errors of `Briefbot.ask`, `QueueFullError` and `DeadlineError`.

        Setting `stopped` ends the wait for a turn, and the work at its next step. `begins_conversation`: an answer outside of a
        conversation becomes the first one of its own, where this service keeps any.
        """
        accepted = replace(await self._accept(body, owner, door), begins_conversation=begins_conversation)
        stopped = stopped or Leaving()
        watcher = self.deadline(stopped)
        async with self.admission.turn(stopped):
            return await self.admission.run(lambda: self._make(accepted, watcher))

    @asynccontextmanager
    async def streaming(
        self, body: schemas.QuestionIn, owner: str | None, *, door: Door = "stream", stopped: Leaving | None = None
    ) -> AsyncIterator[MemoryObjectReceiveStream[Event]]:
        """The events of an answer while it is made. A fault that is known before the work begins is raised here.

        Text that was sent is never taken back. The turn ends with the work: who reads slowly holds up nobody else. Leaving the
        block ends the work at its next step, and waits for that; so does setting `stopped`.
        """
        accepted = await self._accept(body, owner, door)
        stopped = stopped or Leaving()
        async with self.admission.turn(stopped) as place, anyio.create_task_group() as group:
            send, receive = anyio.create_memory_object_stream[Event](EVENTS_AHEAD)
            teller = _Teller(self.settings.answer_seconds, stopped, send)
            group.start_soon(self._tell, accepted, teller, send, place)
            try:
                yield receive
            finally:
                stopped.set()
                receive.close()

    def deadline(self, stopped: Leaving) -> Watcher:
        """What ends work that takes longer than an answer may, or that nobody waits for."""
        return _Deadline(self.settings.answer_seconds, stopped)

    async def _accept(self, body: schemas.QuestionIn, owner: str | None, door: Door) -> _Accepted:
        return await anyio.to_thread.run_sync(lambda: self._accept_now(body, owner, door))

    def _accept_now(self, body: schemas.QuestionIn, owner: str | None, door: Door) -> _Accepted:
        clean_question(body.question)
        self.bot.check_mode(body.mode)
        filters = self.bot.check_filters(body.filters.to_filters())
        history = tuple(Turn(turn.role, turn.content) for turn in body.history)
        if body.conversation_id is not None:
            if history:
                raise UsageError(
                    "history: expected none beside conversation_id, which has its own; got both; leave one out"
                )
            history = tuple(self._kept_journal().turns_of(body.conversation_id, owner))
        return _Accepted(body, history, filters, owner, door)

    def _kept_journal(self) -> Journal:
        if self._journal is None:
            raise UsageError("conversation_id: expected none, as this service keeps no history; got one; leave it out")
        return self._journal

    def _make(self, accepted: _Accepted, watcher: Watcher) -> schemas.AnswerOut:
        """Answer in this thread, and keep the answer."""
        body = accepted.body
        with self._tracing.span("question", {"briefbot.door": accepted.door}):
            answer = self.bot.ask(
                body.question,
                history=accepted.history,
                as_of=body.as_of,
                filters=accepted.filters,
                mode=body.mode,
                watcher=watcher,
            )
            self._tracing.record_stages(answer.timings_ms, time.time())
        for record in self._recorded:
            record(accepted.door, answer)
        if self.settings.log_questions:
            _log.info("%s %s", answer.id, answer.question)
        conversation_id = body.conversation_id or (
            self._begin_conversation(accepted.owner) if accepted.begins_conversation else None
        )
        made = schemas.AnswerOut.of(answer).model_copy(update={"conversation_id": conversation_id})
        self._keep(made, accepted.owner)
        return made

    def _begin_conversation(self, owner: str | None) -> str | None:
        """The id of a new conversation; None where this service keeps none, or cannot now."""
        journal = self._journal
        if journal is None or not journal.keep_days:
            return None
        try:
            return journal.begin_conversation(owner)[0]
        except StorageError:
            _log.exception("a conversation could not be begun")
            return None

    def _keep(self, answer: schemas.AnswerOut, owner: str | None) -> None:
        """Keep an answer; where that fails, only an answer of a conversation fails with it."""
        if self._journal is None:
            return
        try:
            self._journal.keep_answer(
                answer.id, answer.model_dump(mode="json"), conversation_id=answer.conversation_id, owner=owner
            )
        except StorageError:
            if answer.conversation_id is not None:
                raise
            _log.exception("an answer could not be kept")

    async def _tell(
        self, accepted: _Accepted, teller: _Teller, send: MemoryObjectSendStream[Event], place: Place
    ) -> None:
        """Make an answer and send its events; what goes wrong becomes the last one."""
        with send:
            try:
                try:
                    answer = await self.admission.run(lambda: self._make(accepted, teller))
                finally:
                    place.end()
                for piece in split_pieces(answer, teller.sent):
                    await _send_in_time(send, Event("delta", schemas.DeltaOut(text=piece)))
                await _send_in_time(send, Event("answer", answer))
            except StoppedError:
                return
            except BriefbotError as error:
                await _send_last(send, Event("error", describe_problem(error)))
            except Exception:  # noqa: BLE001 - the response has begun: whatever it is can only be told as its last event
                _log.exception("unexpected error")
                await _send_last(send, Event("error", describe_problem(None)))

    # ---------------------------------------------------------------- other questions

    async def check(self, body: ClaimIn, *, stopped: Leaving | None = None) -> CheckOut:
        """The verdict on a claim; raises the errors of `Briefbot.check` and `QueueFullError`. Setting `stopped` ends the wait for it."""
        filters = body.filters.to_filters()
        async with self.admission.turn(stopped):
            found = await self.admission.run(lambda: self.bot.check(body.claim, as_of=body.as_of, filters=filters))
        return CheckOut.of(found)

    async def search(self, body: schemas.SearchIn, *, stopped: Leaving | None = None) -> schemas.SearchOut:
        """Passages, best first; raises the errors of `Briefbot.search` and `QueueFullError`. Setting `stopped` ends the wait for them."""
        filters = body.filters.to_filters()
        async with self.admission.turn(stopped):
            found = await self.admission.run(
                lambda: self.bot.search(body.query, top_k=body.top_k, as_of=body.as_of, filters=filters)
            )
        return schemas.SearchOut(
            passages=[schemas.ScoredPassageOut.of(item) for item in found],
            filters=schemas.FiltersOut.of(filters),
            as_of=body.as_of,
        )

    async def documents(self, query: DocumentsQuery) -> DocumentListOut:
        """A page of the documents that match, newest first."""
        return await anyio.to_thread.run_sync(lambda: self._list_documents(query))

    def _list_documents(self, query: DocumentsQuery) -> DocumentListOut:
        filters = self.bot.check_filters(query.to_filters(), "")
        catalogue = self.bot.corpus.catalogue()
        found = list(catalogue.admit(filters, query.as_of).values())
        found.sort(key=lambda document: (document.published or dt.date.min, document.id), reverse=True)
        page = found[query.offset : query.offset + query.limit]
        return DocumentListOut(
            documents=[schemas.DocumentOut.of(item, catalogue.status_of(item, query.as_of)) for item in page],
            total=len(found),
            limit=query.limit,
            offset=query.offset,
            filters=schemas.FiltersOut.of(filters),
            as_of=query.as_of,
        )

    async def document(self, document_id: str, as_of: dt.date | None = None) -> DocumentTextOut:
        """A document with its text, links and sources, its status that of `as_of` or of today; raises `NotFoundError`."""
        return await anyio.to_thread.run_sync(lambda: self._read_document(document_id, as_of))

    def _read_document(self, document_id: str, as_of: dt.date | None) -> DocumentTextOut:
        corpus = self.bot.corpus
        catalogue = corpus.catalogue()
        document = catalogue.documents.get(document_id)
        if document is None:
            raise NotFoundError(
                f"document_id: expected the id of a document in the corpus; got {document_id[:80]}; GET /v1/documents lists them"
            )
        status = catalogue.lineage.status_on(document, as_of) if as_of else catalogue.status_of(document, None)
        return DocumentTextOut.full(
            document,
            status,
            catalogue.lineage,
            copies=corpus.copies_of(document_id),
            as_of=as_of,
            gone_since=corpus.gone_since(document_id),
        )

    async def timeline(self, query: TimelineQuery) -> TimelineOut:
        """A page of dated events, oldest first."""
        return await anyio.to_thread.run_sync(
            lambda: list_events(self.bot.corpus.catalogue(), query, self.bot.check_filters(query.to_filters(), ""))
        )

    async def probe(self) -> Health:
        """Whether an answer can be given, by a search of the corpus now and then: whoever asks meanwhile is told the same."""
        if self._bot is None:
            return Health(status="starting")
        async with self._probing:
            if self._probed is None or time.monotonic() > self._probed[0]:
                found = await anyio.to_thread.run_sync(self._probe_now)
                lasts = PROBED_SECONDS if found.status == "ready" else FAILED_SECONDS
                self._probed = (time.monotonic() + lasts, found)
            return self._probed[1]

    def _probe_now(self) -> Health:
        bot = self.bot
        try:
            held = self.read_index()
            is_found = bool(held.passages) and bool(bot.search(PROBE, top_k=1))
            version = bot.corpus.version()
        except BriefbotError as error:
            _log.warning("not ready: %s", error)
            return Health(status="starting")
        return Health(
            status="ready" if is_found else "starting",
            documents=held.documents,
            passages=held.passages,
            model=str(bot.embedder.identity),
            language_model=bot.model_name,
            index="approximate" if held.is_current else "exact",
            corpus_version=version,
        )

    def read_index(self) -> IndexHealth:
        """What there is to answer from; raises the errors of the record, and `BusyError` while the service is starting."""
        bot = self.bot
        catalogue = bot.corpus.catalogue()
        is_current = bot.index is not None and bot.index.version == catalogue.version
        return IndexHealth(bot.corpus.count_passages(), len(catalogue.documents), is_current)


class _Deadline(Watcher):
    """Ends work that takes too long or that nobody waits for."""

    def __init__(self, seconds: float, stopped: Leaving) -> None:
        self.stopped = stopped
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds

    def check(self) -> None:
        """Raise where the work is to end."""
        if self.stopped.is_set():
            raise nobody_waits()
        if time.monotonic() > self._ends_at:
            raise DeadlineError(
                f"expected an answer within {self._seconds:g} seconds; got none; ask for mode extractive, or ask less"
            )


class _Teller(_Deadline):
    """Sends what is found and written, from the thread that makes the answer to the loop that streams it."""

    def __init__(self, seconds: float, stopped: Leaving, send: MemoryObjectSendStream[Event]) -> None:
        super().__init__(seconds, stopped)
        self._send = send
        self.sent = ""
        """The text sent so far."""

    def found(self, query: Query, passages: Sequence[ScoredPassage], catalogue: Catalogue) -> None:
        """Send the sources."""
        self.check()
        documents = [catalogue.documents[id_] for id_ in dict.fromkeys(item.passage.document_id for item in passages)]
        self._tell(
            Event(
                "sources",
                schemas.SourcesOut(
                    passages=[schemas.ScoredPassageOut.of(item) for item in passages],
                    documents=[
                        schemas.DocumentOut.of(item, catalogue.status_of(item, query.as_of)) for item in documents
                    ],
                    filters=schemas.FiltersOut.of(query.filters),
                    as_of=query.as_of,
                ),
            )
        )

    def told(self, text: str) -> None:
        """Send what the text has more than before."""
        self.check()
        if text.startswith(self.sent) and len(text) > len(self.sent):
            self._tell(Event("delta", schemas.DeltaOut(text=text[len(self.sent) :])))
            self.sent = text

    def _tell(self, event: Event) -> None:
        try:
            anyio.from_thread.run(_send_in_time, self._send, event)
        except anyio.ClosedResourceError as error:
            raise nobody_waits() from error


async def _send_in_time(send: MemoryObjectSendStream[Event], event: Event) -> None:
    """Send an event; raises `StoppedError` where the reader takes nothing, or has gone."""
    with anyio.move_on_after(STALLED_SECONDS):
        try:
            await send.send(event)
        except anyio.BrokenResourceError as error:
            raise nobody_waits() from error
        return
    raise nobody_waits()


async def _send_last(send: MemoryObjectSendStream[Event], event: Event) -> None:
    with suppress(StoppedError):
        await _send_in_time(send, event)


def split_pieces(answer: schemas.AnswerOut, sent: str = "") -> Iterator[str]:
    """The text of an answer after what was sent, a statement a piece: no mark is ever split."""
    at = len(sent)
    for statement in answer.statements:
        if statement.end > at:
            yield answer.text[at : statement.end]
            at = statement.end
    if at < len(answer.text):
        yield answer.text[at:]
