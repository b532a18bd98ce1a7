"""The record: documents, passages, sentences, vectors, hashes and the full-text index in one SQLite file (the only SQL).

Every change of a document is one transaction, so a reader sees the old version or the new one. Vectors are kept here
too, as float32 little-endian, so that the vector index can be rebuilt without embedding anything again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from filelock import FileLock, Timeout

from briefbot import ledger
from briefbot.catalogue import Catalogue
from briefbot.errors import BusyError, IndexMismatchError, StorageError
from briefbot.ledger import SourceRow, Version
from briefbot.models import Document, Edge, Language, Passage, Sentence, Source
from briefbot.terms import terms_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

SCHEMA_VERSION = 2
MAPPED_BYTES = 4 << 30
"""So much of the file is read through the page cache of the system; searching 100,000 passages takes a third less time."""

WRITER_WAIT_SECONDS = 10.0
"""How long a writer waits for another one before it gives up with `BusyError`."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY, fields TEXT NOT NULL, text TEXT NOT NULL, content_hash TEXT NOT NULL, origin TEXT NOT NULL,
    ingested_at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, locator TEXT NOT NULL, context TEXT NOT NULL,
    language TEXT NOT NULL, embedded_hash TEXT NOT NULL, vector BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS passages_document ON passages (document_id, ordinal);
CREATE INDEX IF NOT EXISTS passages_hash ON passages (embedded_hash);
CREATE TABLE IF NOT EXISTS sentences (
    passage INTEGER NOT NULL REFERENCES passages ON DELETE CASCADE, ordinal INTEGER NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, embedded_hash TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (passage, ordinal)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sentences_hash ON sentences (embedded_hash);
CREATE VIRTUAL TABLE IF NOT EXISTS terms USING fts5 (words, tokenize = "unicode61 remove_diacritics 0");
"""
_OLDER_SCHEMAS = frozenset((1,))
"""Schemas that lack tables only, which are added when the record is opened."""

_RANKED = "SELECT rowid AS number, bm25(terms) AS score FROM terms WHERE terms MATCH ?"

_DATES = frozenset({"published", "effective_from", "effective_to", "checked_on"})
_TUPLES = frozenset(name for name, hint in get_type_hints(Document).items() if str(hint).startswith("tuple"))


@dataclass(frozen=True, slots=True)
class EmbeddedPassage:
    """A passage with what the record keeps about its embedding: vectors and the hashes of the texts they stand for."""

    passage: Passage
    vector: Vectors
    embedded_hash: str
    sentence_vectors: Vectors
    sentence_hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassageChange:
    """What a write did to the passages: ids gone, and ids added with their vectors (rows, dimension)."""

    removed: tuple[str, ...]
    added: tuple[str, ...]
    vectors: Vectors | None
    languages: tuple[Language, ...] = ()


def join_changes(changes: Sequence[PassageChange]) -> PassageChange:
    """Several changes in a row as one."""
    import numpy as np

    vectors = [change.vectors for change in changes if change.vectors is not None]
    return PassageChange(
        tuple(id_ for change in changes for id_ in change.removed),
        tuple(id_ for change in changes for id_ in change.added),
        np.concatenate(vectors) if vectors else None,
        tuple(language for change in changes for language in change.languages),
    )


def hash_text(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


class Corpus:
    """The record on disk. Reading is safe from any thread and process; writing goes through `writing()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._lock = FileLock(path.with_suffix(".lock"))
        self._catalogue: Catalogue | None = None
        self._catalogue_lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._connection() as connection:
                self._prepare(connection)
        except (sqlite3.Error, OSError) as error:
            raise _storage_error(path, error) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == SCHEMA_VERSION:
            return
        if found != 0 and found not in _OLDER_SCHEMAS:
            raise StorageError(
                f"expected a record of schema {SCHEMA_VERSION}; got schema {found} in {self.path}, written by another "
                "release of briefbot; move the file away and ingest again"
            )
        connection.executescript(_SCHEMA + ledger.SCHEMA)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection; SQLite's errors come out as `StorageError`."""
        try:
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
                self._local.connection = connection
            yield connection
        except sqlite3.Error as error:
            raise _storage_error(self.path, error) from error

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    # ---------------------------------------------------------------- writing

    @contextmanager
    def writing(self, *, wait_seconds: float | None = None) -> Iterator[None]:
        """Hold the writer's lock; raises `BusyError` where another process holds it for longer than `wait_seconds`.

        Without a time given it is `WRITER_WAIT_SECONDS`.
        """
        try:
            with self._lock.acquire(timeout=WRITER_WAIT_SECONDS if wait_seconds is None else wait_seconds):
                yield
        except Timeout as error:
            raise BusyError(
                f"expected to be the only writer of {self.path.parent}; another process is writing; "
                "wait until it is done and try again"
            ) from error

    def put_document(
        self,
        document: Document,
        passages: Sequence[EmbeddedPassage],
        *,
        content_hash: str,
        origin: str,
        source: SourceRow | None = None,
    ) -> PassageChange:
        """Add a document or replace its old version, which goes to the history, in one transaction, with its source's row.

        Returns what changed for the vector index.
        """
        with self._connection() as connection, self._transaction(connection):
            ledger.keep_version(connection, document.id, "replaced")
            ledger.drop_duplicate(connection, document.id)
            removed = self._delete_rows(connection, document.id)
            connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)",
                (
                    document.id,
                    _document_to_json(document),
                    document.text,
                    content_hash,
                    origin,
                    ledger.now(),
                ),
            )
            names = " ".join(filter(None, (document.title_zh, document.number, document.number_zh, *document.names)))
            for item in passages:
                self._insert_passage(connection, item, names)
            if source:
                ledger.put_sources(connection, [source])
            self._store_version(connection)
        added = tuple(item.passage.id for item in passages)
        languages = tuple(item.passage.language for item in passages)
        return PassageChange(removed, added, _stack([item.vector for item in passages]), languages)

    def remove_document(self, document_id: str, *, gone: SourceRow | None = None) -> PassageChange:
        """Delete a document with its passages, in one transaction: for good, or as `gone` to the history."""
        with self._connection() as connection, self._transaction(connection):
            if gone:
                ledger.keep_version(connection, document_id, "gone")
                ledger.drop_duplicate(connection, document_id)
                ledger.put_sources(connection, [gone])
            else:
                ledger.forget_source(connection, document_id)
            removed = self._delete_rows(connection, document_id)
            self._store_version(connection)
        return PassageChange(removed, (), None)

    def put_sources(self, rows: Sequence[SourceRow]) -> None:
        """Write what became of sources whose documents stay as they are, in one transaction."""
        if rows:
            with self._connection() as connection, self._transaction(connection):
                ledger.put_sources(connection, rows)

    def put_duplicate(self, document: Document, content_hash: str, source: SourceRow) -> PassageChange:
        """Keep a document that another one stands for, and take out what was answered from it, in one transaction."""
        values = (document.id, _document_to_json(document), document.text, content_hash, source.source)
        with self._connection() as connection, self._transaction(connection):
            ledger.keep_version(connection, document.id, "replaced")
            removed = self._delete_rows(connection, document.id)
            ledger.keep_duplicate(connection, values)
            ledger.put_sources(connection, [source])
            self._store_version(connection)
        return PassageChange(removed, (), None)

    def replace_vectors(self, model: str, vectors: Mapping[str, Vectors]) -> None:
        """Give every text its vector by another model, and tie the record to that model, in one transaction."""
        with self._connection() as connection, self._transaction(connection):
            for table in ("passages", "sentences"):
                connection.executemany(
                    f"UPDATE {table} SET vector = ? WHERE embedded_hash = ?",
                    [(_to_blob(vector), digest) for digest, vector in vectors.items()],
                )
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('model', ?)", (model,))
            self._store_version(connection)

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        if not self._lock.is_locked:
            raise BusyError("expected the writer's lock to be held; write inside `with corpus.writing():`")
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @staticmethod
    def _delete_rows(connection: sqlite3.Connection, document_id: str) -> tuple[str, ...]:
        rows = connection.execute("SELECT number, id FROM passages WHERE document_id = ?", (document_id,)).fetchall()
        connection.executemany("DELETE FROM terms WHERE rowid = ?", [(number,) for number, _ in rows])
        connection.execute("DELETE FROM documents WHERE id = ?", (document_id,))
        return tuple(id_ for _, id_ in rows)

    @staticmethod
    def _insert_passage(connection: sqlite3.Connection, item: EmbeddedPassage, names: str) -> None:
        """Write one passage; `names` (the document's title in Chinese, numbers, short names) can be searched as well."""
        passage = item.passage
        number = connection.execute(
            'INSERT INTO passages (id, document_id, ordinal, start, "end", locator, context, language, embedded_hash, '
            "vector) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                passage.id,
                passage.document_id,
                passage.ordinal,
                passage.start,
                passage.end,
                passage.locator,
                passage.context,
                passage.language,
                item.embedded_hash,
                _to_blob(item.vector),
            ),
        ).lastrowid
        words = " ".join(terms_of(f"{names}\n{passage.context}\n{passage.text}"))
        connection.execute("INSERT INTO terms (rowid, words) VALUES (?, ?)", (number, words))
        rows = zip(passage.sentences, item.sentence_vectors, item.sentence_hashes, strict=True)
        connection.executemany(
            "INSERT INTO sentences VALUES (?, ?, ?, ?, ?, ?)",
            [
                (number, ordinal, sentence.start, sentence.end, digest, _to_blob(vector))
                for ordinal, (sentence, vector, digest) in enumerate(rows)
            ],
        )

    @staticmethod
    def _store_version(connection: sqlite3.Connection) -> None:
        digest = hashlib.sha256()
        for row in connection.execute("SELECT id, content_hash FROM documents ORDER BY id"):
            digest.update("\x1f".join(row).encode() + b"\n")
        model = connection.execute("SELECT value FROM meta WHERE key = 'model'").fetchone()
        digest.update(model[0].encode() if model else b"")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", (f"sha256:{digest.hexdigest()}",))

    def set_meta(self, key: str, value: str) -> None:
        """Remember a value under a key."""
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # ---------------------------------------------------------------- reading

    def meta(self, key: str) -> str | None:
        """The value remembered under a key."""
        with self._connection() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def version(self) -> str:
        """A hash of all documents and of the embedding model; it changes whenever an answer could change."""
        return self.meta("version") or "sha256:empty"

    def bind_model(self, identity: str) -> None:
        """Tie the record to an embedding model; raises `IndexMismatchError` if it holds another one's vectors."""
        stored = self.meta("model")
        if stored == identity:
            return
        if stored is not None and self.count_passages() > 0:
            raise IndexMismatchError(
                f"expected an index made with the embedding model {identity}; got one made with {stored}; run "
                "`briefbot reindex` to make the vectors anew, or set BRIEFBOT_EMBEDDING_MODEL back"
            )
        self.set_meta("model", identity)

    def catalogue(self) -> Catalogue:
        """All documents, read once per version of the record."""
        version = self.version()
        with self._catalogue_lock:
            if self._catalogue is None or self._catalogue.version != version:
                with self._connection() as connection:
                    rows = connection.execute("SELECT fields, text FROM documents ORDER BY id").fetchall()
                self._catalogue = Catalogue(version, [_document_from_row(*row) for row in rows])
            return self._catalogue

    def content_hashes(self) -> dict[str, str]:
        """The content hash of every document, by id."""
        with self._connection() as connection:
            return dict(connection.execute("SELECT id, content_hash FROM documents"))

    def origins(self) -> dict[str, str]:
        """Where every document came from, by id."""
        with self._connection() as connection:
            return dict(connection.execute("SELECT id, origin FROM documents"))

    def sources(self) -> dict[str, SourceRow]:
        """What became of every source that was taken in or tried, by source; the bundled corpus has none."""
        with self._connection() as connection:
            return ledger.get_sources(connection)

    def versions_of(self, document_id: str) -> list[Version]:
        """The versions of a document that are no longer answered from, oldest first."""
        with self._connection() as connection:
            return ledger.get_versions(connection, document_id)

    def count_versions(self) -> int:
        """How many versions of documents are kept that are no longer answered from."""
        with self._connection() as connection:
            return int(connection.execute("SELECT count(*) FROM history WHERE ending != 'duplicate'").fetchone()[0])

    def duplicate(self, document_id: str) -> Document | None:
        """A document that another one stands for, as it was kept."""
        kept = [version for version in self.versions_of(document_id) if version.ending == "duplicate"]
        return _document_from_fields(dict(kept[-1].fields), kept[-1].text) if kept else None

    def copies_of(self, document_id: str) -> list[Document]:
        """The documents that this one stands for: the same article from other sources."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT fields, text FROM sources JOIN history USING (document_id) "
                "WHERE duplicate_of = ? AND state = 'duplicate' AND ending = 'duplicate' ORDER BY source",
                (document_id,),
            )
            return [_document_from_row(*row) for row in rows]

    def gone_since(self, document_id: str) -> str | None:
        """The moment, in UTC, since which a document's source is known to be gone; None while any of its sources is there."""
        with self._connection() as connection:
            rows = connection.execute("SELECT state, changed_at FROM sources WHERE document_id = ?", (document_id,))
            found = rows.fetchall()
        is_gone = bool(found) and all(state == "gone" for state, _ in found)
        return max(moment for _, moment in found) if is_gone else None

    def documents_sharing(self, sentence_hashes: Iterable[str], limit: int = 5) -> list[str]:
        """The ids of documents that hold any of these sentences, those that hold most of them first."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT document_id, count(*) AS shared FROM sentences JOIN passages ON passage = number "
                "WHERE sentences.embedded_hash IN (SELECT value FROM json_each(?)) GROUP BY document_id "
                "ORDER BY shared DESC, document_id LIMIT ?",
                (json.dumps(sorted(set(sentence_hashes))), limit),
            )
            return [row[0] for row in rows]

    def documents(self, ids: Iterable[str]) -> dict[str, Document]:
        """The documents with these ids, without reading the others; unknown ids are left out."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, fields, text FROM documents WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(ids)),),
            )
            return {id_: _document_from_row(plain, text) for id_, plain, text in rows}

    def count_passages(self) -> int:
        """How many passages there are."""
        with self._connection() as connection:
            return int(connection.execute("SELECT count(*) FROM passages").fetchone()[0])

    def passages(self, ids: Iterable[str]) -> dict[str, Passage]:
        """The passages with these ids; unknown ids are left out."""
        wanted = json.dumps(list(ids))
        texts = self.catalogue().documents
        with self._connection() as connection:
            rows = connection.execute(
                'SELECT number, id, document_id, ordinal, start, "end", locator, context, language FROM passages '
                "WHERE id IN (SELECT value FROM json_each(?))",
                (wanted,),
            ).fetchall()
            found = {}
            for number, id_, document_id, *rest in rows:
                if document_id in texts:
                    spans = connection.execute(
                        'SELECT start, "end" FROM sentences WHERE passage = ? ORDER BY ordinal', (number,)
                    ).fetchall()
                    found[id_] = _make_passage(texts[document_id].text, id_, document_id, rest, spans)
        return found

    def passages_of(self, document_id: str) -> list[Passage]:
        """The passages of a document, in order."""
        with self._connection() as connection:
            rows = connection.execute("SELECT id FROM passages WHERE document_id = ? ORDER BY ordinal", (document_id,))
            ids = [row[0] for row in rows]
        found = self.passages(ids)
        return [found[id_] for id_ in ids if id_ in found]

    def document_ids_of(self, passage_ids: Iterable[str]) -> dict[str, str]:
        """The document of each passage id."""
        return self._column_of("document_id", passage_ids)

    def languages_of(self, passage_ids: Iterable[str]) -> dict[str, Language]:
        """The language of each passage id."""
        return self._column_of("language", passage_ids)

    def locators_of(self, passage_ids: Iterable[str]) -> dict[str, str]:
        """The locator of each passage id."""
        return self._column_of("locator", passage_ids)

    def _column_of(
        self, column: Literal["document_id", "language", "locator"], passage_ids: Iterable[str]
    ) -> dict[str, Any]:
        with self._connection() as connection:
            return dict(
                connection.execute(
                    f"SELECT id, {column} FROM passages WHERE id IN (SELECT value FROM json_each(?))",
                    (json.dumps(list(passage_ids)),),
                )
            )

    def sample_passages(self, language: Language, size: int) -> list[str]:
        """Up to `size` passage ids of a language, spread evenly over the record; the same record, the same sample."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id FROM passages WHERE language = ? ORDER BY number", (language,)
            ).fetchall()
        step = max(1, len(rows) // size)
        return [row[0] for row in rows[::step][:size]]

    def vectors_of(self, passage_ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """Ids and vectors of these passages, in the record's order."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, vector FROM passages WHERE id IN (SELECT value FROM json_each(?)) ORDER BY number",
                (json.dumps(list(passage_ids)),),
            ).fetchall()
        return [row[0] for row in rows], _from_blobs([row[1] for row in rows])

    def sentence_vectors_of(self, passage_ids: Sequence[str]) -> dict[str, Vectors]:
        """The vectors of each passage's sentences, in order, by passage id."""
        blobs: dict[str, list[bytes]] = {}
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, sentences.vector FROM sentences JOIN passages ON passage = number "
                "WHERE id IN (SELECT value FROM json_each(?)) ORDER BY number, sentences.ordinal",
                (json.dumps(list(passage_ids)),),
            )
            for id_, blob in rows:
                blobs.setdefault(id_, []).append(blob)
        return {id_: _from_blobs(items) for id_, items in blobs.items()}

    def vectors(
        self, document_ids: Iterable[str] | None = None, language: Language | None = None
    ) -> tuple[list[str], Vectors]:
        """Passage ids and their vectors (passages, dimension), of some documents and one language, or of all."""
        sql = "SELECT id, vector FROM passages WHERE 1"
        bound: list[str] = []
        if document_ids is not None:
            sql += " AND document_id IN (SELECT value FROM json_each(?))"
            bound.append(json.dumps(list(document_ids)))
        if language is not None:
            sql += " AND language = ?"
            bound.append(language)
        with self._connection() as connection:
            rows = connection.execute(sql + " ORDER BY number", bound).fetchall()
        return [row[0] for row in rows], _from_blobs([row[1] for row in rows])

    def known_vectors(self, hashes: Iterable[str]) -> dict[str, Vectors]:
        """Vectors already in the record for texts with these hashes, so that they need not be embedded again."""
        wanted = json.dumps(sorted(set(hashes)))
        found: dict[str, Vectors] = {}
        with self._connection() as connection:
            for table in ("passages", "sentences"):
                sql = (
                    f"SELECT embedded_hash, vector FROM {table} WHERE embedded_hash IN (SELECT value FROM json_each(?))"
                )
                found.update((digest, _from_blobs([blob])[0]) for digest, blob in connection.execute(sql, (wanted,)))
        return found

    def embedded_texts(self) -> dict[str, str]:
        """Every text that has a vector, by its hash: passages in their context, and sentences."""
        texts: dict[str, str] = {}
        for document_id in self.catalogue().documents:
            for passage in self.passages_of(document_id):
                for text in passage.embedded_texts():
                    texts[hash_text(text)] = text
        return texts

    def search_terms(self, terms: Sequence[str], limit: int, document_ids: Iterable[str] | None = None) -> list[str]:
        """Passage ids that hold any of these index terms, best first (BM25 over stems, bigrams and numbers)."""
        if not terms:
            return []
        sql = f"SELECT id FROM ({_RANKED}) JOIN passages USING (number) WHERE 1"
        bound: list[Any] = [" OR ".join(map(_quote, terms))]
        if document_ids is not None:
            sql += " AND document_id IN (SELECT value FROM json_each(?))"
            bound.append(json.dumps(list(document_ids)))
        with self._connection() as connection:
            rows = connection.execute(f"{sql} ORDER BY score, number LIMIT ?", [*bound, limit])
            return [row[0] for row in rows]

    def rank_terms(self, alternatives: Sequence[Sequence[str]], most: int) -> list[int]:
        """The numbers of passages that hold all terms of any of these alternatives, best first (BM25).

        Of more than `most` such passages the newest in the record are ranked.
        """
        if not alternatives:
            return []
        match = " OR ".join("(" + " AND ".join(map(_quote, terms)) + ")" for terms in alternatives)
        with self._connection() as connection:
            rows = connection.execute(f"{_RANKED} ORDER BY rowid DESC LIMIT ?", (match, most)).fetchall()
        return [number for number, _ in sorted(rows, key=lambda row: (row[1], row[0]))]

    def document_frequencies(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many passages each index term occurs; terms that occur nowhere are left out."""
        wanted = json.dumps(sorted(set(terms)))
        with self._connection() as connection:
            connection.execute(
                "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab('main', 'terms', 'row')"
            )
            rows = connection.execute(
                "SELECT term, doc FROM temp.vocabulary WHERE term IN (SELECT value FROM json_each(?))", (wanted,)
            )
            return dict(rows.fetchall())

    def index_terms_of(self, passage_ids: Iterable[str]) -> dict[str, str]:
        """The index terms of passages with spaces between them, names and headings included, by passage id."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, words FROM passages JOIN terms ON terms.rowid = number "
                "WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(passage_ids)),),
            )
            return dict(rows.fetchall())

    def list_passages(self) -> list[tuple[int, str, str, Language]]:
        """Number, id, document id and language of every passage, in the record's order."""
        with self._connection() as connection:
            return connection.execute(
                "SELECT number, id, document_id, language FROM passages ORDER BY number"
            ).fetchall()

    def quick_check(self) -> None:
        """Raise `StorageError` where SQLite finds the file damaged."""
        with self._connection() as connection:
            result = connection.execute("PRAGMA quick_check").fetchone()[0]
        if result != "ok":
            raise _storage_error(self.path, sqlite3.DatabaseError(str(result)))


def _quote(term: str) -> str:
    """A term as a string of SQLite's full-text query language, in which nothing has a meaning of its own."""
    return '"' + term.replace('"', '""') + '"'


def _storage_error(path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"expected a record that can be read and written at {path}; got {type(error).__name__}: {error}; "
        "check the disk, or move the file away and ingest again"
    )


def _document_to_json(document: Document) -> str:
    plain = asdict(document)
    del plain["text"]
    return json.dumps(plain, ensure_ascii=False, default=str, sort_keys=True)


def _document_from_row(fields_json: str, text: str) -> Document:
    return _document_from_fields(json.loads(fields_json), text)


def _document_from_fields(plain: dict[str, Any], text: str) -> Document:
    known = {item.name for item in fields(Document)}
    plain = {name: value for name, value in plain.items() if name in known}
    for name in _DATES & plain.keys():
        plain[name] = dt.date.fromisoformat(plain[name]) if plain[name] else None
    plain["edges"] = tuple(Edge(**edge) for edge in plain.get("edges", ()))
    plain["sources"] = tuple(_source_from_json(source) for source in plain.get("sources", ()))
    for name in (_TUPLES & plain.keys()) - {"edges", "sources"}:
        plain[name] = tuple(plain[name])
    return Document(text=text, **plain)


def _source_from_json(plain: dict[str, Any]) -> Source:
    date = dt.date.fromisoformat(plain["date"]) if plain["date"] else None
    return Source(plain["publisher"], plain["title"], plain["url"], date, tuple(plain["confirms"]))


def _make_passage(
    text: str, id_: str, document_id: str, row: Sequence[Any], spans: Sequence[tuple[int, int]]
) -> Passage:
    ordinal, start, end, locator, context, language = row
    sentences = tuple(Sentence(first, last, text[first:last]) for first, last in spans)
    return Passage(id_, document_id, ordinal, start, end, text[start:end], locator, context, language, sentences)


def _to_blob(vector: Vectors) -> bytes:
    return vector.astype("<f4", copy=False).tobytes()


def _from_blobs(blobs: Sequence[bytes]) -> Vectors:
    import numpy as np

    if not blobs:
        return np.zeros((0, 0), dtype=np.float32)
    return np.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(blobs), -1)


def _stack(vectors: Sequence[Vectors]) -> Vectors | None:
    import numpy as np

    return np.stack(vectors) if vectors else None
