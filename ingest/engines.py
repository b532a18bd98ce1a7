"""Who reads and embeds: the engine of this machine, and what any other engine must be able to do."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from briefbot.ingest.readers.formats import TRUSTED, read_file
from briefbot.ingest.sandbox import Sandbox
from briefbot.ingest.sources import SourceFile

from briefbot.embedding import Embedder, ModelIdentity, Progress
from briefbot.errors import BriefbotError, RefusedDocumentError
from briefbot.models import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

T = TypeVar("T")
Reading = tuple[SourceFile, Document | RefusedDocumentError]
"""A file, and the document in it or why there is none."""

GROUP_CHARS = 60_000
"""Characters of documents embedded together before they are written, some 500 texts: enough to sort by length, little enough to lose."""

READ_AHEAD = 64
"""Files read before their turn to be embedded."""


class Engine(Protocol):
    """Reads files and embeds texts, here or elsewhere; everything else of ingestion has one place."""

    group_chars: int

    def list_archive(self, path: Path) -> list[str]:
        """The readable files of an archive; raises `RefusedDocumentError`."""

    def read(self, files: Iterator[SourceFile]) -> Iterator[Reading]:
        """Each file with its document or refusal, while the one who asks is busy with those before."""

    def identity(self) -> ModelIdentity:
        """The embedding model's identity; loads it."""

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit vectors (texts, dimension) in the order of the texts."""

    def close(self) -> None:
        """Let go of what a run needed; the engine can be used again."""


class LocalEngine:
    """This machine: files of untrusted formats in one child process, read ahead while the model embeds here."""

    group_chars = GROUP_CHARS

    def __init__(self, embedder: Callable[[], Embedder]) -> None:
        self._embedder = embedder
        self._sandbox = Sandbox()

    def list_archive(self, path: Path) -> list[str]:
        """The readable files of an archive; raises `RefusedDocumentError`."""
        return self._sandbox.list_archive(path)

    def read(self, files: Iterator[SourceFile]) -> Iterator[Reading]:
        """Each file with its document or refusal, in order, up to `READ_AHEAD` before they are asked for."""
        return read_ahead(((file, read_or_refuse(file, self._sandbox)) for file in files), READ_AHEAD)

    def identity(self) -> ModelIdentity:
        """The embedding model's identity; loads it."""
        return self._embedder().identity

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit vectors (texts, dimension) in the order of the texts."""
        return self._embedder().embed_passages(texts, progress=progress)

    def close(self) -> None:
        """End the child process."""
        self._sandbox.close()


def read_document(source: SourceFile, sandbox: Sandbox) -> Document:
    """Read one file as a document; raises `RefusedDocumentError` where that cannot be done.

    Formats that other people's parsers read are read in the sandbox.
    """
    if source.member is None and source.path.suffix.lower() in TRUSTED:
        return read_file(source.path)
    return sandbox.read(source.path, source.member)


def read_or_refuse(source: SourceFile, sandbox: Sandbox) -> Document | RefusedDocumentError:
    """What is in a file, or why it is refused."""
    try:
        return read_document(source, sandbox)
    except RefusedDocumentError as error:
        return error
    except BriefbotError as error:
        return RefusedDocumentError(str(error))


def read_ahead(items: Iterable[T], most: int) -> Iterator[T]:
    """The items as they come, made in a thread of their own up to `most` ahead; what fails there is raised here."""
    waiting: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(most)
    is_over = threading.Event()

    def put(item: tuple[T] | BaseException | None) -> bool:
        while not is_over.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item,)):
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the one who waits
            put(error)

    thread = threading.Thread(target=work, name="briefbot-reader", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
    finally:
        is_over.set()
        thread.join()
