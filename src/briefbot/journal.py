"""The journal: conversations, answers as they were sent, and what readers say about them, in one SQLite file of its own.

An answer is kept as compressed JSON, of which the journal reads the question, the text and the citations' numbers only.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from briefbot.errors import NotFoundError, StorageError, UsageError
from briefbot.models import Turn

SCHEMA_VERSION = 1
WAIT_SECONDS = 30.0
"""How long a writer waits for another process that writes; one write takes a few milliseconds."""

FORGET_EVERY = dt.timedelta(hours=1)
MOST_ANSWERS_REMEMBERED = 10
"""Answers of a conversation that the next question is understood with."""

_READ_AT_ONCE = 100

Rating = Literal[1, -1]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, owner TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS conversations_age ON conversations (updated_at);
CREATE TABLE IF NOT EXISTS answers (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, conversation_id TEXT REFERENCES conversations ON DELETE CASCADE,
    owner TEXT, question TEXT NOT NULL, created_at TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS answers_conversation ON answers (conversation_id);
CREATE INDEX IF NOT EXISTS answers_age ON answers (created_at);
CREATE TABLE IF NOT EXISTS feedback (
    number INTEGER PRIMARY KEY, answer INTEGER NOT NULL REFERENCES answers ON DELETE CASCADE, citation INTEGER NOT NULL,
    rating INTEGER NOT NULL, comment TEXT, created_at TEXT NOT NULL, UNIQUE (answer, citation)) STRICT;
"""
"""A rating's owner is its answer's; `citation` is 0 where the rating is about the whole answer."""


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """A conversation with its answers as they were sent, oldest first; moments are in UTC, ISO 8601."""

    id: str
    created_at: str
    updated_at: str
    answers: list[dict[str, Any]]
    answered_at: list[str]
    """When each of the answers was kept."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a reader says about an answer, or about the citation of that number; `answer` is the answer as it was sent."""

    answer_id: str
    owner: str | None
    rating: Rating
    citation: int | None
    comment: str | None
    created_at: str
    answer: Mapping[str, Any]


def _read_clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Journal:
    """The journal on disk; safe to use from any thread and process.

    Every row belongs to an owner, the id of a key, or to None where nobody needs one. An owner sees only rows of its own;
    what is another's is answered for as what is not there, so that ids cannot be probed. With `keep_days` 0 nothing is kept.
    """

    def __init__(self, path: Path, *, keep_days: int, clock: Callable[[], dt.datetime] = _read_clock) -> None:
        self.path = path
        self.keep_days = keep_days
        self._clock = clock
        self._forgot_at: dt.datetime | None = None
        self._lock = threading.Lock()
        try:
            self._connection = self._open()
        except (sqlite3.Error, OSError) as error:
            raise _storage_error(path, error) from error

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite does not wait where two processes change a new file to WAL mode at once: they open it one by one.
        with FileLock(self.path.with_suffix(".lock"), timeout=WAIT_SECONDS):
            self.path.touch(mode=0o600)
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, SCHEMA_VERSION):
            raise StorageError(
                f"expected a journal of schema {SCHEMA_VERSION}; got schema {found} in {self.path}, written by another "
                "release of briefbot; move the file away"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten too
        if found == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

    def close(self) -> None:
        """Close the file, whichever thread uses it; what is asked of this journal afterwards raises `StorageError`."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time; SQLite's errors come out as `StorageError`."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise _storage_error(self.path, error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, and with it one wait for the disk; what it wrote is durable when the block has ended."""
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself has rolled back where the disk failed
                    connection.execute("ROLLBACK")
                raise

    # ---------------------------------------------------------------- conversations

    def begin_conversation(self, owner: str | None) -> tuple[str, str]:
        """Make a conversation; returns its id and the moment. Raises `UsageError` where nothing is kept."""
        self._check_keeps("conversations")
        id_, moment = f"conv_{secrets.token_hex(16)}", _as_text(self._clock())
        with self._writing() as connection:
            connection.execute("INSERT INTO conversations VALUES (?, ?, ?, ?)", (id_, owner, moment, moment))
        return id_, moment

    def conversation(self, conversation_id: str, owner: str | None) -> StoredConversation:
        """A conversation with all its answers; raises `NotFoundError`."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT conversations.created_at, updated_at, answers.created_at, body FROM conversations "
                "LEFT JOIN answers ON conversation_id = conversations.id "
                "WHERE conversations.id = ? AND conversations.owner IS ? ORDER BY number",
                (conversation_id, owner),
            ).fetchall()
        if not rows:
            raise _no_conversation(conversation_id)
        created_at, updated_at, *_ = rows[0]
        kept = [(moment, self._unpack(body)) for _, _, moment, body in rows if body is not None]
        answered_at, answers = [moment for moment, _ in kept], [answer for _, answer in kept]
        return StoredConversation(conversation_id, created_at, updated_at, answers, answered_at)

    def turns_of(self, conversation_id: str, owner: str | None, most: int = MOST_ANSWERS_REMEMBERED) -> list[Turn]:
        """Questions and answers of a conversation's newest `most` answers, oldest first; raises `NotFoundError`, and `UsageError`
        where nothing is kept."""
        self._check_keeps("conversations")
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT question, body FROM conversations LEFT JOIN answers ON conversation_id = conversations.id "
                "WHERE conversations.id = ? AND conversations.owner IS ? ORDER BY number DESC LIMIT ?",
                (conversation_id, owner, most),
            ).fetchall()
        if not rows:
            raise _no_conversation(conversation_id)
        pairs = [(question, self._unpack(body)["text"]) for question, body in reversed(rows) if body is not None]
        return [turn for question, text in pairs for turn in (Turn("user", question), Turn("assistant", text))]

    def delete_conversation(self, conversation_id: str, owner: str | None) -> None:
        """Delete a conversation with its answers and what was said about them; raises `NotFoundError`."""
        with self._writing() as connection:
            if not connection.execute(
                "DELETE FROM conversations WHERE id = ? AND owner IS ?", (conversation_id, owner)
            ).rowcount:
                raise _no_conversation(conversation_id)

    # ---------------------------------------------------------------- answers

    def keep_answer(
        self, answer_id: str, body: Mapping[str, Any], *, conversation_id: str | None, owner: str | None
    ) -> None:
        """Keep an answer, by itself or in a conversation; it is durable when this returns.

        Raises `NotFoundError` where the conversation has been deleted meanwhile; then nothing is kept.
        """
        if not self.keep_days:
            return
        moment = self._clock()
        packed = zlib.compress(json.dumps(body, ensure_ascii=False).encode())
        with self._writing() as connection:
            if conversation_id is not None:
                self._touch(connection, conversation_id, owner, moment)
            connection.execute(
                "INSERT INTO answers (id, conversation_id, owner, question, created_at, body) VALUES (?, ?, ?, ?, ?, ?)",
                (answer_id, conversation_id, owner, body["question"], _as_text(moment), packed),
            )
            if self._forgot_at is None or abs(moment - self._forgot_at) >= FORGET_EVERY:
                self._forget(connection, moment)

    @staticmethod
    def _touch(connection: sqlite3.Connection, conversation_id: str, owner: str | None, moment: dt.datetime) -> None:
        if not connection.execute(
            "UPDATE conversations SET updated_at = ? WHERE id = ? AND owner IS ?",
            (_as_text(moment), conversation_id, owner),
        ).rowcount:
            raise _no_conversation(conversation_id)

    def answer(self, answer_id: str, owner: str | None) -> dict[str, Any]:
        """An answer as it was sent; raises `NotFoundError`."""
        with self._reading() as connection:
            _, packed = self._find_answer(connection, answer_id, owner)
        return self._unpack(packed)

    @staticmethod
    def _find_answer(connection: sqlite3.Connection, answer_id: str, owner: str | None) -> tuple[int, bytes]:
        row = connection.execute(
            "SELECT number, body FROM answers WHERE id = ? AND owner IS ?", (answer_id, owner)
        ).fetchone()
        if row is None:
            raise NotFoundError(
                f"answer_id: expected the id of an answer that is kept; got {answer_id[:80]}; "
                "answers are kept for BRIEFBOT_HISTORY_DAYS"
            )
        return row[0], row[1]

    def forget_old(self) -> None:
        """Delete answers given `keep_days` ago or earlier, and conversations without an answer since then.

        `keep_answer` does so too, once an hour.
        """
        with self._writing() as connection:
            self._forget(connection, self._clock())

    def _forget(self, connection: sqlite3.Connection, moment: dt.datetime) -> None:
        last = _as_text(moment - dt.timedelta(days=self.keep_days))
        connection.execute("DELETE FROM conversations WHERE updated_at <= ?", (last,))
        connection.execute("DELETE FROM answers WHERE created_at <= ?", (last,))
        self._forgot_at = moment

    # ---------------------------------------------------------------- feedback

    def keep_feedback(
        self,
        answer_id: str,
        rating: Rating,
        *,
        citation: int | None = None,
        comment: str | None = None,
        owner: str | None,
    ) -> Feedback:
        """Keep a rating in the place of an earlier one of the same answer and citation.

        Raises `NotFoundError` for an answer that is not kept, `UsageError` for a citation that it does not have.
        """
        self._check_keeps("feedback")
        moment = _as_text(self._clock())
        with self._writing() as connection:
            number, packed = self._find_answer(connection, answer_id, owner)
            answer = self._unpack(packed)
            _check_citation(citation, answer)
            connection.execute(
                "INSERT OR REPLACE INTO feedback (answer, citation, rating, comment, created_at) VALUES (?, ?, ?, ?, ?)",
                (number, citation or 0, rating, comment, moment),
            )
        return Feedback(answer_id, owner, rating, citation, comment, moment, answer)

    def feedback(self) -> Iterator[Feedback]:
        """All feedback of all owners, oldest first, read a little at a time."""
        last = 0
        while rows := self._read_feedback(last):
            last = rows[-1][0]
            for _, id_, owner, rating, citation, comment, moment, packed in rows:
                yield Feedback(id_, owner, rating, citation or None, comment, moment, self._unpack(packed))

    def _read_feedback(self, after: int) -> list[Any]:
        with self._reading() as connection:
            return connection.execute(
                "SELECT feedback.number, id, owner, rating, citation, comment, feedback.created_at, body FROM feedback "
                "JOIN answers ON answer = answers.number WHERE feedback.number > ? ORDER BY feedback.number LIMIT ?",
                (after, _READ_AT_ONCE),
            ).fetchall()

    # ---------------------------------------------------------------- shared steps

    def _unpack(self, packed: bytes) -> dict[str, Any]:
        try:
            body: dict[str, Any] = json.loads(zlib.decompress(packed))
        except (zlib.error, ValueError) as error:
            raise _storage_error(self.path, error) from error
        return body

    def _check_keeps(self, what: str) -> None:
        if not self.keep_days:
            raise UsageError(
                f"expected a service that keeps {what}; this one keeps nothing; set BRIEFBOT_HISTORY_DAYS to the days "
                "that it should be kept and start it again"
            )


def _as_text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _check_citation(citation: int | None, answer: Mapping[str, Any]) -> None:
    numbers = [item["number"] for item in answer.get("citations", ())]
    if citation is not None and citation not in numbers:
        expected = (
            f"one of the answer's citations, 1 to {len(numbers)}" if numbers else "none, as the answer cites nothing"
        )
        raise UsageError(
            f"citation: expected {expected}; got {citation}; leave it out to rate the whole answer",
            expected=expected,
            got=str(citation),
        )


def _no_conversation(conversation_id: str) -> NotFoundError:
    return NotFoundError(
        f"conversation_id: expected the id of a conversation that is kept; got {conversation_id[:80]}; "
        "POST /v1/conversations makes one"
    )


def _storage_error(path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"expected a journal that can be read and written at {path}; got {type(error).__name__}: {error}; "
        "check the disk, or move the file away to begin a new one"
    )
