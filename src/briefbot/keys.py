"""The keys of the service: who may do what and how often, kept as hashes in one SQLite file of their own."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from briefbot.errors import NotFoundError, StorageError, UsageError

if TYPE_CHECKING:
    from limits import RateLimitItem

Scope = Literal["ask", "ingest", "admin"]

SCOPES: tuple[Scope, ...] = get_args(Scope)
SECRET_PREFIX = "bb_"  # noqa: S105 - the same for every key, so that a leaked one is recognised
SCHEMA_VERSION = 1

_LONGEST_NAME_CHARS = 80
_BUSY_SECONDS = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, scopes TEXT NOT NULL,
    rate_limit TEXT, created_at TEXT NOT NULL, revoked_at TEXT, last_used_day TEXT) STRICT;
"""
_SELECT = "SELECT hash, id, name, scopes, rate_limit, created_at, revoked_at, last_used_day FROM keys"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from; `key_id` owns its conversations and feedback, None where nobody needs a key."""

    key_id: str | None
    scopes: frozenset[Scope]
    rate_limit: str | None


ANYBODY = Caller(None, frozenset({"ask"}), None)
"""Who asks without a key, where that is allowed."""

CONFIGURED = Caller("configured", frozenset(SCOPES), None)
"""The holder of the key in the settings, which may do everything."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key, which is all but the key itself; moments are in UTC."""

    id: str
    name: str
    scopes: frozenset[Scope]
    rate_limit: str | None
    created_at: str
    revoked_at: str | None = None
    last_used_day: str | None = None

    @property
    def caller(self) -> Caller:
        """The key's holder; `admin` implies every scope."""
        scopes = frozenset(SCOPES) if "admin" in self.scopes else self.scopes
        return Caller(self.id, scopes, self.rate_limit)

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        return {name: getattr(self, name) for name in self.__slots__} | {"scopes": sort_scopes(self.scopes)}


# Inside the class below, `list` is a method.
_Keys = list[Key]
_Rows = list[tuple[bytes, Key]]


class KeyRing:
    """The keys on disk, safe to use from any thread and process; a file is made with the first key.

    Every method raises `StorageError` where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._marked: dict[str, str] = {}

    def create(self, name: str, scopes: Iterable[str], rate_limit: str | None = None) -> tuple[Key, str]:
        """Make a key; returns it with its secret, which is nowhere kept and cannot be shown again.

        Raises `UsageError` for a name, scope or limit that cannot be.
        """
        if rate_limit is not None:
            parse_limit(rate_limit)
        secret = SECRET_PREFIX + secrets.token_urlsafe(32)
        moment = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        key = Key(f"key_{secrets.token_hex(6)}", check_name(name), check_scopes(scopes), rate_limit, moment)
        with self._connected(create=True) as connection:
            if connection is None:
                raise FileNotFoundError("the file has been deleted")
            connection.execute(
                "INSERT INTO keys (id, name, hash, scopes, rate_limit, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                (key.id, key.name, hash_secret(secret), " ".join(sort_scopes(key.scopes)), rate_limit, moment),
            )
        return key, secret

    def list(self) -> _Keys:
        """Every key, oldest first, those that are revoked as well."""
        return [key for _, key in self._select(f"{_SELECT} ORDER BY number")]

    def revoke(self, key_id: str) -> None:
        """Let a key open nothing from now on; raises `NotFoundError` where there is none of that id."""
        moment = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        statement = "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
        with self._connected() as connection:
            if connection is not None and connection.execute(statement, (moment, key_id)).rowcount:
                return
        raise NotFoundError(f"expected the id of a key; got {key_id[:80]}; `briefbot key list` shows them")

    def find(self, secret: str) -> Key | None:
        """The key a secret belongs to, None for a wrong or revoked one.

        Read from the file each time, so that what another process revokes is refused at once. Every hash is compared,
        each in constant time, so that the time taken tells nothing of the keys there are.
        """
        presented = hash_secret(secret)
        found: Key | None = None
        for digest, key in self._select(f"{_SELECT} WHERE revoked_at IS NULL"):
            if hmac.compare_digest(digest, presented):
                found = key
        if found is not None:
            self._mark_used(found)
        return found

    def has_any(self) -> bool:
        """Whether there is a key that is not revoked."""
        return bool(self._select(f"{_SELECT} WHERE revoked_at IS NULL LIMIT 1"))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._disconnect()

    # ---------------------------------------------------------------- the file

    def _select(self, statement: str) -> _Rows:
        with self._connected() as connection:
            rows = connection.execute(statement).fetchall() if connection else []
        return [(row[0], _key_of(row)) for row in rows]

    def _mark_used(self, key: Key) -> None:
        """Note the day, with at most one attempt a day; a disk that is full must not keep the holder out."""
        today = dt.datetime.now(dt.UTC).date().isoformat()
        if today in (key.last_used_day, self._marked.get(key.id)):
            return
        self._marked[key.id] = today
        with suppress(StorageError), self._connected() as connection:
            if connection is not None:
                connection.execute("UPDATE keys SET last_used_day = ? WHERE id = ?", (today, key.id))

    @contextmanager
    def _connected(self, *, create: bool = False) -> Iterator[sqlite3.Connection | None]:
        """The connection, for one thread at a time; None where there is no file and none is to be made."""
        try:
            with self._lock:
                if create:
                    self._make_file()
                yield self._connect()
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"expected keys that can be read and written; got {error} for {self.path}; "
                "check the disk and the folder's permissions"
            ) from error

    def _make_file(self) -> None:
        """Make the file for its owner only. SQLite gives its companions the same mode."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch(mode=0o600)
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o600)

    def _connect(self) -> sqlite3.Connection | None:
        """The open file; one that was deleted opens nothing any more, and one made in its place is opened instead."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._disconnect()
            return None
        file = (status.st_dev, status.st_ino)
        if self._connection is not None and file != self._file:
            self._disconnect()
        if self._connection is None:
            self._connection, self._file = _open_file(self.path), file
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def hash_secret(secret: str) -> bytes:
    """The SHA-256 that stands for a secret; secrets are long and random, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", errors="surrogatepass")).digest()


def sort_scopes(scopes: Iterable[Scope]) -> list[Scope]:
    """Scopes in the order they are documented in."""
    return sorted(scopes, key=SCOPES.index)


def check_name(name: str) -> str:
    """A key's name without space around it; raises `UsageError` unless it is 1 to 80 characters that can be shown."""
    plain = name.strip()
    if not 1 <= len(plain) <= _LONGEST_NAME_CHARS or not plain.isprintable():
        raise UsageError(
            f"name: expected 1 to {_LONGEST_NAME_CHARS} characters on one line; got {name[:100]!r}; choose another name"
        )
    return plain


def check_scopes(scopes: Iterable[str]) -> frozenset[Scope]:
    """The scopes; raises `UsageError` where there is none or one that does not exist."""
    wanted = tuple(scopes)
    known = frozenset(scope for scope in SCOPES if scope in wanted)
    if not known or len(known) < len(set(wanted)):
        got = ", ".join(repr(scope[:40]) for scope in wanted) or "none"
        raise UsageError(f"scope: expected one or more of {', '.join(SCOPES)}; got {got}; choose among them")
    return known


def parse_limit(limit: str) -> RateLimitItem:
    """A limit such as `60/minute`; raises `UsageError` where it is none, allows nothing, or is several."""
    from limits import parse_many

    try:
        items = parse_many(limit)
    except ValueError:
        items = []
    if len(items) != 1 or items[0].amount < 1:
        raise UsageError(
            f"rate limit: expected a number and a unit, such as 60/minute or 1000/day; got {limit[:80]!r}; correct it"
        )
    return items[0]


def _open_file(path: Path) -> sqlite3.Connection:
    """A connection to a file that exists, with its table; any thread may use it, one at a time."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prepare(connection, path)
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the table of a new file; raises `StorageError` for a file of another release."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == SCHEMA_VERSION:
        return
    if found != 0:
        raise StorageError(
            f"expected keys of schema {SCHEMA_VERSION}; got schema {found} in {path}, written by another release of "
            "briefbot; move the file away and make new keys"
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(_SCHEMA)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _key_of(row: tuple[Any, ...]) -> Key:
    _, key_id, name, scopes, *rest = row
    return Key(key_id, name, frozenset(scope for scope in SCOPES if scope in scopes.split()), *rest)
