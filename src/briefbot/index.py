"""The vector index: Chroma, in a folder or on a server, rebuildable from the record at any time (the only file that imports chromadb).

Chroma opens damaged segments without an error and keeps no vectors to rebuild itself from, so nothing lives here that
the record does not hold, and the index is checked before it is trusted. We call Chroma itself rather than LlamaIndex's
ChromaVectorStore: that one sends batches above Chroma's limit of 5,461 rows and stores a JSON copy of every node.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from briefbot.corpus import Corpus, PassageChange
from briefbot.errors import BriefbotError, ConfigurationError, StorageError
from briefbot.models import Language

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import HttpUrl

    from briefbot.settings import Settings

    Vectors = NDArray[np.float32]

T = TypeVar("T")

EF_SEARCH = 300
"""With 60,000 random vectors recall@20 was .58 at Chroma's default and .94 at 300, for half a millisecond more."""

BATCH_ROWS = 250
"""Chroma's own guide says 50 to 250 rows; above 5,461 it refuses."""

SAMPLED_QUERIES = 200
LEAST_SELF_HITS = 0.99
QUERIES_AT_ONCE = 50

LANGUAGES: tuple[Language, ...] = ("en", "zh")
"""Passages of each language lie in a collection of their own. Vectors of one language lie nearer to each other than to
those of the other, whatever they mean: in one collection Chinese questions found the right English document among the
first five in 20 % of cases, language by language in 87 %."""

CONNECT_SECONDS = 2.0
READ_SECONDS = 3.0
WRITE_SECONDS = 60.0
"""How long a server may take to be reached, to answer a query (4 ms on an idle machine) and to take a batch (.1 s)."""

LOOK_SECONDS = 1.0
RETRY_SECONDS = 2.0
"""A server is asked what its collections hold at most this often, and again this long after it did not answer."""

COLLECTIONS_LISTED = 100
RECORD_KEY = "record_id"
STEM_KEY = "chroma_stem"
"""Where the record keeps its random id and the first part of the names of the server's collections that are in use."""

CHANGING = "changing"
"""The version of an index while it is being changed, so that a change that was broken off is not taken for a whole one, not even
after the record went back to what it was. One collection is marked, which takes an embedded index 15 ms."""

_log = logging.getLogger(__name__)


class _Place(Protocol):
    """Where the collections are."""

    is_shared: bool
    """Whether other processes see what is written here at once."""

    def find(self) -> dict[Language, Any]:
        """The collections in use as they are now; none where none are."""

    def start_over(self) -> dict[Language, Any]:
        """Empty collections, for a rebuild."""

    def put_in_use(self, collections: Mapping[Language, Any]) -> None:
        """Use these collections from now on, and no others."""

    def explain(self, error: Exception) -> StorageError:
        """What went wrong here, in one line."""

    def record_version(self) -> str | None:
        """The version that the record has now, where that is worth another look."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What is known of the collections in use; each is counted once."""

    collections: Mapping[Language, Any]
    version: str | None
    counts: dict[Language, int] = field(default_factory=dict)

    @classmethod
    def of(cls, collections: Mapping[Language, Any]) -> _Held:
        """Collections with the version that all of them carry; where they differ, a change was broken off or goes on."""
        versions = {(item.metadata or {}).get("corpus_version") for item in collections.values()} or {None}
        return cls(collections, versions.pop() if len(versions) == 1 else CHANGING)

    def is_like(self, other: _Held) -> bool:
        """Whether both know the same collections at the same version."""
        return self.version == other.version and self._ids() == other._ids()

    def replaces(self, other: _Held) -> bool:
        """Whether it knows other collections at the same version."""
        return self.version == other.version and self._ids() != other._ids()

    def _ids(self) -> set[Any]:
        return {collection.id for collection in self.collections.values()}


class PassageIndex:
    """Approximate nearest passages by cosine, over one Chroma collection a language.

    Every method raises `StorageError` where Chroma fails. On a server other processes may search while one writes.
    """

    def __init__(self, place: Path | _Place) -> None:
        self._place: _Place = _Folder(place) if isinstance(place, Path) else place
        self._lock = threading.Lock()
        self._look_again_at = 0.0
        self._is_lost = False
        with self._reporting():
            self._held = _Held.of(self._place.find())

    @classmethod
    def open(cls, settings: Settings, corpus: Corpus) -> Self:
        """The index of a record, on the server that the settings name or else in their home.

        Raises `StorageError` where the server cannot be reached, `ConfigurationError` where it is not a Chroma server
        or refuses us.
        """
        return cls(_Server(settings.chroma_url, corpus) if settings.chroma_url else settings.index_path)

    @property
    def is_shared(self) -> bool:
        """Whether other processes see changes at once, as they do on a server."""
        return self._place.is_shared

    @property
    def version(self) -> str | None:
        """The version of the record this index was last brought up to; None where there is none or it cannot be read."""
        if self._place.is_shared:
            due = time.monotonic() >= self._look_again_at
            if due or (not self._is_lost and self._held.version != self._place.record_version()):
                self._look()
        return self._held.version

    def count(self, language: Language | None = None) -> int:
        """How many vectors it holds, of one language or of all."""
        held = self._held
        with self._reporting():
            return sum(_count(held, name) for name in held.collections if language in (None, name))

    def search(self, vector: Vectors, limit: int, language: Language | None = None) -> list[tuple[str, float]]:
        """Passage ids and cosine similarities, nearest first, of one language or of all."""
        import numpy as np

        if not np.isfinite(vector).all():
            raise ValueError("expected a finite query vector; got NaN or infinity")
        while True:
            held = self._held
            try:
                return self._search(held, vector, limit, language)
            except StorageError as error:
                # After a rebuild by another process the same passages are in other collections.
                if not (self._place.is_shared and self._look() and self._held.replaces(held)):
                    self._lose(error)
                    raise

    def apply(self, change: PassageChange, version: str) -> None:
        """Bring the index up to `version` by one change of the record; only the writer calls this.

        Where it fails, or where the index is no longer what it was, the index stays behind the record until it is rebuilt.
        """
        with self._lock, self._reporting():
            held = _Held.of(self._place.find())
            if held.version != self._held.version or held.version == CHANGING:
                _log.warning(
                    "the vector index is not what it was; it will be rebuilt from the record at the next start"
                )
                return
            collections = held.collections
            if not collections:
                collections = self._place.start_over()
                self._place.put_in_use(collections)
            self._held = _Held(collections, CHANGING)
            collections["en"].modify(metadata={"corpus_version": CHANGING})
            added = set(change.added)
            for batch in _batches(tuple(id_ for id_ in change.removed if id_ not in added)):
                for collection in collections.values():
                    collection.delete(ids=list(batch))
            if change.vectors is not None:
                _add(collections, change.added, change.languages, change.vectors)
            self._mark(collections, version)

    def rebuild(self, corpus: Corpus) -> None:
        """Fill the index anew from the record; only the writer calls this.

        On a server the old collections are searched until the new ones are complete.
        """
        with self._lock, self._reporting():
            self._held = _Held(self._held.collections, CHANGING)
            ids, vectors = corpus.vectors()
            languages = corpus.languages_of(ids)
            version = corpus.version()
            collections = self._place.start_over()
            if ids:
                _add(collections, ids, [languages[id_] for id_ in ids], vectors)
            self._mark(collections, version)
            self._place.put_in_use(collections)

    def is_sound(self, corpus: Corpus) -> bool:
        """Whether it holds what the record holds: same version and count, and sampled vectors find themselves."""
        if self._place.is_shared:
            self._look()
        try:
            if self._held.version != corpus.version() or self.count() != corpus.count_passages():
                return False
            return self._share_found(corpus) >= LEAST_SELF_HITS
        except StorageError:
            return False

    def close(self) -> None:
        """Let go of connections to a server."""
        self._place.close()

    def _search(self, held: _Held, vector: Vectors, limit: int, language: Language | None) -> list[tuple[str, float]]:
        with self._reporting():
            found = [
                pair
                for name, collection in held.collections.items()
                if language in (None, name)
                for pair in _query(collection, [vector.tolist()], min(limit, _count(held, name)))[0]
            ]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def _share_found(self, corpus: Corpus) -> float:
        """The part of a sample of the record's vectors that find themselves."""
        ids, vectors = corpus.vectors()
        sample = range(0, len(ids), max(1, len(ids) // SAMPLED_QUERIES))
        languages = corpus.languages_of([ids[row] for row in sample])
        held, hits = self._held, 0
        for name, collection in held.collections.items():
            for batch in _batches([row for row in sample if languages[ids[row]] == name], QUERIES_AT_ONCE):
                with self._reporting():
                    found = _query(collection, vectors[list(batch)].tolist(), min(5, _count(held, name)))
                hits += sum(_is_among(ids[row], pairs) for row, pairs in zip(batch, found, strict=True))
        return hits / len(sample) if sample else 1.0

    def _look(self) -> bool:
        """Ask which collections are in use and what they hold; False where that cannot be asked now."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            with self._reporting():
                found = _Held.of(self._place.find())
        except StorageError as error:
            self._lose(error)
            return False
        else:
            if self._is_lost:
                _log.info("the vector index answers again")
            self._is_lost = False
            self._look_again_at = time.monotonic() + LOOK_SECONDS
            if not found.is_like(self._held):
                self._held = found
            return True
        finally:
            self._lock.release()

    def _lose(self, error: StorageError) -> None:
        """Have no version until a server answers again, so that what is found does not depend on it."""
        if not self._is_lost:
            _log.warning("%s; until it answers, vectors are compared one by one", error)
        if not self._place.is_shared:
            return
        self._is_lost = True
        self._look_again_at = time.monotonic() + RETRY_SECONDS
        self._held = _Held(self._held.collections, None)

    def _mark(self, collections: Mapping[Language, Any], version: str) -> None:
        for collection in collections.values():
            collection.modify(metadata={"corpus_version": version})
        self._held = _Held(collections, version)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except BriefbotError:
            raise
        except Exception as error:  # chromadb raises its Rust core's and a server's errors as plain Exceptions
            raise self._place.explain(error) from error


class _Folder:
    """Collections in a folder of this machine. Only this process can search what it writes, so it rebuilds them in place."""

    is_shared = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client, self._collections = _open_folder(folder)

    def find(self) -> dict[Language, Any]:
        return self._collections

    def start_over(self) -> dict[Language, Any]:
        for collection in self._collections.values():
            self._client.delete_collection(collection.name)
        self._collections = _make_collections(self._client, "passages")
        return self._collections

    def put_in_use(self, collections: Mapping[Language, Any]) -> None:
        """Nothing to do: there are no others."""

    def explain(self, error: Exception) -> StorageError:
        return StorageError(
            f"expected a vector index that can be read and written in {self._folder}; got {_in_few_words(error)}; "
            "check the disk, and start again: it is rebuilt from the record"
        )

    def record_version(self) -> str | None:
        return None

    def close(self) -> None:
        """Nothing to do: Chroma shares its open files within a process."""


class _Server:
    """Collections on a Chroma server, under names that begin with an id of the record.

    Which of them are in use is written in the record, in one step for all languages: a server refuses to rename a
    collection to a name that is taken, so two collections cannot be swapped there without a moment that has neither.
    """

    is_shared = True

    def __init__(self, url: HttpUrl, corpus: Corpus) -> None:
        self._shown = _without_credentials(url)
        self._corpus = corpus
        _check_server(url, self._shown)
        try:
            self._client = _connect_server(url)
        except Exception as error:
            raise self.explain(error) from error

    def find(self) -> dict[Language, Any]:
        from chromadb.errors import NotFoundError

        stem = self._corpus.meta(STEM_KEY)
        if stem is None:
            return {}
        try:
            return {
                language: self._client.get_collection(f"{stem}-{language}", embedding_function=None)
                for language in LANGUAGES
            }
        except NotFoundError:
            # Between the two lines above a writer may have put others in use and removed these.
            return {} if self._corpus.meta(STEM_KEY) == stem else self.find()

    def start_over(self) -> dict[Language, Any]:
        """New collections beside those in use, in the place of what an interrupted rebuild left."""
        self._remove_others(self._corpus.meta(STEM_KEY))
        return _make_collections(self._client, f"{self._prefix()}{uuid.uuid4().hex[:8]}")

    def put_in_use(self, collections: Mapping[Language, Any]) -> None:
        stem = collections["en"].name.removesuffix("-en")
        self._corpus.set_meta(STEM_KEY, stem)
        self._remove_others(stem)

    def explain(self, error: Exception) -> StorageError:
        return StorageError(
            f"expected a Chroma server that answers at {self._shown}; got {_in_few_words(error)}; "
            "see that it runs and look at its log, or unset BRIEFBOT_CHROMA_URL to keep the index in a folder"
        )

    def record_version(self) -> str | None:
        return self._corpus.version()

    def close(self) -> None:
        self._client.close()

    def _prefix(self) -> str:
        record = self._corpus.meta(RECORD_KEY)
        if record is None:
            record = uuid.uuid4().hex
            self._corpus.set_meta(RECORD_KEY, record)
        return f"briefbot-{record}-"

    def _remove_others(self, stem: str | None) -> None:
        """Remove the record's collections whose names do not begin with `stem`."""
        from chromadb.errors import NotFoundError

        prefix = self._prefix()
        names: list[str] = []
        while page := self._client.list_collections(limit=COLLECTIONS_LISTED, offset=len(names)):
            names += [collection.name for collection in page]
        for name in names:
            if name.startswith(prefix) and name.rpartition("-")[0] != stem:
                with contextlib.suppress(NotFoundError):
                    self._client.delete_collection(name)


def _check_server(url: HttpUrl, shown: str) -> None:
    """Raise what is wrong with a server in the words of the setting; Chroma's client would wait for it without end."""
    import httpx2

    expected = f"expected a Chroma server at {shown}"
    try:
        answer = httpx2.get(
            f"{str(url).rstrip('/')}/api/v2/heartbeat", timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        )
    except httpx2.HTTPError as error:
        raise StorageError(
            f"{expected}; got {_in_few_words(error)}; start it with `chroma run`, or correct or unset BRIEFBOT_CHROMA_URL"
        ) from error
    if answer.status_code >= 500:
        raise StorageError(f"{expected}; got HTTP {answer.status_code}; look at the log of the server, or of its proxy")
    if answer.status_code in {401, 403}:
        raise ConfigurationError(
            f"{expected} that lets us in; got HTTP {answer.status_code}; "
            "write BRIEFBOT_CHROMA_URL as http://user:password@host:port"
        )
    if answer.status_code != 200 or '"nanosecond heartbeat"' not in answer.text:
        got = f"HTTP {answer.status_code} with {answer.headers.get('content-type', 'no content type')}"
        raise ConfigurationError(f"{expected}; got another one ({got}); correct BRIEFBOT_CHROMA_URL")


def _connect_server(url: HttpUrl) -> Any:
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    client = chromadb.HttpClient(host=str(url), settings=ChromaSettings(anonymized_telemetry=False))
    session = client._server._session
    session.timeout = (CONNECT_SECONDS, WRITE_SECONDS, WRITE_SECONDS, WRITE_SECONDS)
    session.event_hooks = {"request": [_shorten_reading]}
    return client


def _shorten_reading(request: Any) -> None:
    """Let reading requests wait less than writing ones, which Chroma's client has no option for."""
    if request.method == "GET" or request.url.path.endswith("/query"):
        request.extensions["timeout"]["read"] = READ_SECONDS


def _without_credentials(url: HttpUrl) -> str:
    path = (url.path or "").rstrip("/")
    return f"{url.scheme}://{url.host}:{url.port}{path}"


def _in_few_words(error: BaseException) -> str:
    """An error in a few words, with the HTTP status that it came from."""
    cause: BaseException | None = error
    while cause is not None:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status is not None:
            return f"HTTP {status}"
        cause = cause.__cause__ or cause.__context__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _open_folder(folder: Path) -> tuple[Any, dict[Language, Any]]:
    """Client and collections; a folder that Chroma cannot open is thrown away and made anew."""
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    from chromadb.api.shared_system_client import SharedSystemClient

    try:
        return _connect_folder(folder)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it holds nothing that the record does not
        # Chroma remembers, by path, even a client that failed to start, and would hand it out again.
        SharedSystemClient._identifier_to_system.pop(str(folder), None)
        try:
            _set_aside(folder)
            return _connect_folder(folder)
        except Exception as error:  # chromadb raises its Rust core's errors as plain Exception subclasses
            raise StorageError(
                f"expected a folder for the vector index at {folder}; got {type(error).__name__}: {error}; "
                "check the disk, or set BRIEFBOT_HOME to another folder"
            ) from error


def _connect_folder(folder: Path) -> tuple[Any, dict[Language, Any]]:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    folder.mkdir(parents=True, exist_ok=True)
    settings = ChromaSettings(anonymized_telemetry=False, allow_reset=False)
    client = chromadb.PersistentClient(path=str(folder), settings=settings)
    return client, _make_collections(client, "passages")


def _set_aside(folder: Path) -> None:
    """Keep what cannot be opened under another name, in place of what was kept there before."""
    kept = folder.with_name(f"{folder.name}.damaged")
    if kept.is_dir():
        shutil.rmtree(kept)
    kept.unlink(missing_ok=True)
    folder.rename(kept)


def _make_collections(client: Any, stem: str) -> dict[Language, Any]:
    return {
        language: client.get_or_create_collection(
            f"{stem}-{language}",
            configuration={"hnsw": {"space": "cosine", "ef_search": EF_SEARCH}},
            embedding_function=None,
        )
        for language in LANGUAGES
    }


def _count(held: _Held, language: Language) -> int:
    if language not in held.counts:
        held.counts[language] = int(held.collections[language].count())
    return held.counts[language]


def _query(collection: Any, vectors: list[list[float]], limit: int) -> list[list[tuple[str, float]]]:
    """For each vector its nearest ids and cosine similarities."""
    if limit == 0:
        return [[] for _ in vectors]
    found = collection.query(query_embeddings=vectors, n_results=limit, include=["distances"])
    return [
        [(id_, 1.0 - float(distance)) for id_, distance in zip(ids, distances, strict=True)]
        for ids, distances in zip(found["ids"], found["distances"], strict=True)
    ]


def _is_among(id_: str, pairs: Sequence[tuple[str, float]]) -> bool:
    return any(other == id_ or similarity > 0.9999 for other, similarity in pairs)


def _add(
    collections: Mapping[Language, Any], ids: Sequence[str], languages: Sequence[Language], vectors: Vectors
) -> None:
    for name, collection in collections.items():
        rows = [row for row, language in enumerate(languages) if language == name]
        for batch in _batches(rows):
            collection.upsert(ids=[ids[row] for row in batch], embeddings=vectors[list(batch)])


def _batches(items: Sequence[T], size: int = BATCH_ROWS) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
