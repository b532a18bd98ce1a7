"""What the record knows of its sources, and the versions it no longer answers from: the tables `sources` and `history`.

A source goes through `seen`, `fetched` (pages of the web), `parsed`, `split`, `embedded` to `indexed`, or ends as a `duplicate` of another
document, as `refused`, or as `gone`. Its row is written in the transaction that changes its document, so the two never disagree.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

State = Literal["seen", "fetched", "parsed", "split", "embedded", "indexed", "listed", "duplicate", "refused", "gone"]
Ending = Literal["replaced", "gone", "duplicate"]

UNFINISHED: frozenset[State] = frozenset(("seen", "fetched", "parsed", "split", "embedded"))
"""States that a run which was broken off leaves behind; the next one goes on from there."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    source TEXT PRIMARY KEY, state TEXT NOT NULL, document_id TEXT, fingerprint TEXT, duplicate_of TEXT, reason TEXT, etag TEXT,
    last_modified TEXT, url TEXT, via TEXT, changed_at TEXT NOT NULL, checked_at TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sources_document ON sources (document_id);
CREATE TABLE IF NOT EXISTS history (
    number INTEGER PRIMARY KEY, document_id TEXT NOT NULL, fields TEXT NOT NULL, text TEXT NOT NULL, content_hash TEXT NOT NULL,
    origin TEXT NOT NULL, ingested_at TEXT NOT NULL, ended_at TEXT NOT NULL, ending TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS history_document ON history (document_id);
"""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What became of one source; `changed_at` and `checked_at` are moments in UTC, filled in when it is written.

    `fingerprint` is a hash over its bytes and over how they are read; `etag` and `last_modified` are its server's; `url` is where it was
    found after redirects; `via` is the feed or sitemap that led to it; `duplicate_of` is a document's id.
    """

    source: str
    state: State
    document_id: str | None = None
    fingerprint: str | None = None
    duplicate_of: str | None = None
    reason: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    url: str | None = None
    via: str | None = None
    changed_at: str = ""
    checked_at: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a document that is no longer answered from; `ending` says why, `fields` is its metadata."""

    number: int
    document_id: str
    fields: Mapping[str, object]
    text: str
    content_hash: str
    origin: str
    ingested_at: str
    ended_at: str
    ending: Ending


_COLUMNS = tuple(item.name for item in fields(SourceRow))
_PUT = f"INSERT OR REPLACE INTO sources ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - names of columns
_GET = f"SELECT {', '.join(_COLUMNS)} FROM sources"  # noqa: S608
_KEEP = (
    "INSERT INTO history (document_id, fields, text, content_hash, origin, ingested_at, ended_at, ending) "
    "SELECT id, fields, text, content_hash, origin, ingested_at, ?, ? FROM documents WHERE id = ?"
)


def now() -> str:
    """This moment in UTC, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def put_sources(connection: sqlite3.Connection, rows: Iterable[SourceRow]) -> None:
    """Write rows, each in the place of its source's earlier one; the moment of a change stays where the state stays."""
    moment = now()
    stamped = [replace(row, changed_at=row.changed_at or moment, checked_at=row.checked_at or moment) for row in rows]
    connection.executemany(_PUT, [tuple(getattr(row, name) for name in _COLUMNS) for row in stamped])


def get_sources(connection: sqlite3.Connection) -> dict[str, SourceRow]:
    """Every source's row, by source."""
    return {row[0]: SourceRow(*row) for row in connection.execute(_GET)}


def forget_source(connection: sqlite3.Connection, document_id: str) -> None:
    """Delete the rows and earlier versions of a document that a user deletes."""
    connection.execute("DELETE FROM sources WHERE document_id = ?", (document_id,))
    connection.execute("DELETE FROM history WHERE document_id = ?", (document_id,))


def keep_version(connection: sqlite3.Connection, document_id: str, ending: Ending) -> None:
    """Copy a document, as it is now, to the history; nothing where there is none."""
    connection.execute(_KEEP, (now(), ending, document_id))


def keep_duplicate(connection: sqlite3.Connection, values: Sequence[str]) -> None:
    """Keep a document that another one stands for: id, fields, text, hash and origin, in the place of its earlier duplicate."""
    connection.execute("DELETE FROM history WHERE document_id = ? AND ending = 'duplicate'", (values[0],))
    connection.execute(
        "INSERT INTO history (document_id, fields, text, content_hash, origin, ingested_at, ended_at, ending) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 'duplicate')",
        (*values, now(), now()),
    )


def drop_duplicate(connection: sqlite3.Connection, document_id: str) -> None:
    """Forget a kept duplicate that is answered from now, or is gone."""
    connection.execute("DELETE FROM history WHERE document_id = ? AND ending = 'duplicate'", (document_id,))


def get_versions(connection: sqlite3.Connection, document_id: str) -> list[Version]:
    """The earlier versions of a document, oldest first."""
    rows = connection.execute(
        "SELECT number, document_id, fields, text, content_hash, origin, ingested_at, ended_at, ending FROM history "
        "WHERE document_id = ? ORDER BY number",
        (document_id,),
    )
    return [Version(number, id_, json.loads(plain), *rest) for number, id_, plain, *rest in rows]
