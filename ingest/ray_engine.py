"""Reading and embedding spread over a Ray cluster; what comes back is written by this process, the one writer.

Ray's own actors rather than LlamaIndex's Ray ingestion: that one hands nodes to a vector store from its workers, where here every document
is written whole by one writer, and it brings pandas and Arrow along. Workers get the bytes of files, so that they need no common disk; each
needs briefbot installed, and converts the embedding model in its own home.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from briefbot.ingest.engines import GROUP_CHARS, Reading, read_or_refuse
from briefbot.ingest.readers.formats import LARGEST_FILE_BYTES
from briefbot.ingest.readers.text import make_id
from briefbot.ingest.sandbox import Sandbox
from briefbot.ingest.sources import SourceFile

from briefbot.embedding import Embedder, ModelIdentity, Progress, load_embedder
from briefbot.errors import ConfigurationError, RefusedDocumentError
from briefbot.models import Document
from briefbot.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

T = TypeVar("T")

BATCH_TEXTS = 64
"""Texts sent to a worker at once: a few batches of the model."""

_WAITING_PER_WORKER = 2
"""Calls that wait at each worker while it is busy with another."""


class Worker:
    """What runs on the cluster: reads files in a child process of its own, and embeds on one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.model_copy(update={"threads": 1})
        self._sandbox = Sandbox()
        self._embedder: Embedder | None = None

    def read(self, source: SourceFile, content: bytes) -> Document | RefusedDocumentError:
        """The document in the bytes of a file, as it would be read from the file's own place."""
        with tempfile.TemporaryDirectory(prefix="briefbot-") as folder:
            path = Path(folder) / source.path.name
            path.write_bytes(content)
            found = read_or_refuse(SourceFile(path, source.member), self._sandbox)
        return found if isinstance(found, RefusedDocumentError) else _place(found, path, source)

    def embed(self, texts: list[str]) -> Vectors:
        """Unit vectors (texts, dimension)."""
        return self._load().embed_passages(texts)

    def identity(self) -> ModelIdentity:
        """The embedding model's identity."""
        return self._load().identity

    def _load(self) -> Embedder:
        if self._embedder is None:
            self._embedder = load_embedder(self._settings)
        return self._embedder


class RayEngine:
    """A Ray cluster: the one that `RAY_ADDRESS` names, else one on this machine for the time of the run.

    Raises `ConfigurationError` where Ray is not installed or the cluster cannot be reached.
    """

    def __init__(self, settings: Settings, *, workers: int = 0) -> None:
        """`workers` 0: one for each core of the cluster."""
        self._settings = settings
        self._wanted = workers
        self._workers: list[Any] = []
        self._sandbox = Sandbox()
        self._ray = _import_ray()
        self.group_chars = GROUP_CHARS

    def list_archive(self, path: Path) -> list[str]:
        """The readable files of an archive; raises `RefusedDocumentError`."""
        return self._sandbox.list_archive(path)

    def read(self, files: Iterator[SourceFile]) -> Iterator[Reading]:
        """Each file with its document or refusal, in order, while later ones are read elsewhere."""
        return self._spread(self._call_of(file) for file in files)

    def _call_of(self, file: SourceFile) -> tuple[SourceFile, Callable[[Any], Any]]:
        try:
            size = file.path.stat().st_size
            content = file.path.read_bytes() if size <= LARGEST_FILE_BYTES else b""
        except OSError as error:
            refusal = RefusedDocumentError(
                f"{file.path.name}: expected a readable file; got {error.strerror}; check it"
            )
            return file, lambda _worker: self._ray.put(refusal)
        if size > LARGEST_FILE_BYTES:
            refusal = RefusedDocumentError(
                f"{file.path.name}: expected at most {LARGEST_FILE_BYTES:,} bytes; got {size:,}; divide the file"
            )
            return file, lambda _worker: self._ray.put(refusal)
        return file, lambda worker: worker.read.remote(file, content)

    def identity(self) -> ModelIdentity:
        """The embedding model's identity, which all workers share."""
        identity: ModelIdentity = self._ray.get(self._start()[0].identity.remote())
        return identity

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit vectors (texts, dimension) in the order of the texts."""
        import numpy as np

        order = sorted(range(len(texts)), key=lambda place: len(texts[place]), reverse=True)
        batches = [order[at : at + BATCH_TEXTS] for at in range(0, len(order), BATCH_TEXTS)]
        found: dict[int, Vectors] = {}
        for batch, vectors in self._spread((batch, self._embedding_of(batch, texts)) for batch in batches):
            found.update(zip(batch, vectors, strict=True))
            if progress:
                progress("embedding", len(found), len(texts))
        return np.stack([found[place] for place in range(len(texts))])

    @staticmethod
    def _embedding_of(batch: Sequence[int], texts: Sequence[str]) -> Callable[[Any], Any]:
        wanted = [texts[place] for place in batch]
        return lambda worker: worker.embed.remote(wanted)

    def _spread(self, calls: Iterable[tuple[T, Callable[[Any], Any]]]) -> Iterator[tuple[T, Any]]:
        """What each call gives, in order; a few calls wait at every worker, and no more are made before."""
        workers = self._start()
        waiting: deque[tuple[T, Any]] = deque()
        for number, (key, call) in enumerate(calls):
            waiting.append((key, call(workers[number % len(workers)])))
            if len(waiting) > _WAITING_PER_WORKER * len(workers):
                first, reference = waiting.popleft()
                yield first, self._ray.get(reference)
        for key, reference in waiting:
            yield key, self._ray.get(reference)

    def _start(self) -> list[Any]:
        if not self._workers:
            if not self._ray.is_initialized():
                self._connect()
            cores = int(self._ray.cluster_resources().get("CPU", 1))
            remote = self._ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=2)(Worker)
            self._workers = [remote.remote(self._settings) for _ in range(self._wanted or max(1, cores))]
        return self._workers

    def _connect(self) -> None:
        try:
            self._ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
        except Exception as error:  # Ray raises whatever its transport does
            raise ConfigurationError(
                f"expected a Ray cluster; got {type(error).__name__}: {str(error)[:200]}; check RAY_ADDRESS"
            ) from error

    def close(self) -> None:
        """End the workers; a cluster that was started for the run ends with this process."""
        for worker in self._workers:
            with contextlib.suppress(Exception):  # one that is gone already
                self._ray.kill(worker)
        self._workers = []
        self._sandbox.close()


def _place(document: Document, read_from: Path, source: SourceFile) -> Document:
    """The document as if it had been read where its source is: ids of files without one come from where they lie."""
    import dataclasses

    member = source.member
    here, there = (path / member if member else path for path in (read_from, source.path))
    return dataclasses.replace(document, id=make_id(there)) if document.id == make_id(here) else document


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigurationError("--engine ray: expected the package ray; got none; install briefbot[ray]") from error
    return ray
