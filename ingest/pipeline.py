"""The way from files to the record and the index: read, divide, embed what is new, write each document in one transaction."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from briefbot.ingest.passages import CHUNKER_VERSION, split_passages
from briefbot.ingest.readers.formats import ARCHIVES, READERS, TRUSTED, read_file
from briefbot.ingest.sandbox import Sandbox
from briefbot.ingest.versions import link_versions

from briefbot.corpus import Corpus, EmbeddedPassage, hash_text
from briefbot.embedding import Embedder, Progress, load_embedder
from briefbot.errors import BriefbotError, NotFoundError, RefusedDocumentError
from briefbot.index import PassageIndex
from briefbot.models import Document, Passage
from briefbot.settings import Settings, prepare_home

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Outcome = Literal["added", "updated", "unchanged", "refused"]

CORPUS_FOLDER = Path(__file__).parent / "corpus"
"""The bundled briefing corpus."""

BUNDLED_ORIGIN = "bundled"
_GROUP_TEXTS = 512
"""Texts embedded together before their documents are written: enough to sort by length, little enough to lose."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of one file; `reason` says why it was refused."""

    source: str
    outcome: Outcome
    document_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """A changed document on its way into the record, with the texts to embed for it."""

    source: str
    document: Document
    passages: tuple[Passage, ...]
    content_hash: str

    def texts(self) -> Iterator[str]:
        """The texts whose vectors the record keeps: each passage in its context, then each of its sentences."""
        for passage in self.passages:
            yield from passage.embedded_texts()


def hash_document(document: Document) -> str:
    """A hash over everything of a document that the record would hold, and over how it is divided.

    A document without pages has the hash it had before there were any, so that it is not taken in again.
    """
    held = dataclasses.asdict(document)
    if not document.pages:
        del held["pages"]
    plain = json.dumps(held, default=str, sort_keys=True, ensure_ascii=False)
    return hash_text(f"{CHUNKER_VERSION}\x1f{plain}")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read, or a file of an archive."""

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """What the file is called in reports; equal for no two files."""
        return str(self.path) if self.member is None else f"{self.path}!{self.member}"


def find_source_files(paths: Iterable[Path]) -> list[Path]:
    """The files to ingest, each once: the files named, and every readable file below the folders named.

    Raises `NotFoundError` for a path that does not exist, before anything is ingested.
    """
    endings = READERS.keys() | ARCHIVES
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in endings and file.is_file() and file.name.lower() != "readme.md"
            )
        elif path.is_file():
            found.append(path)
        else:
            raise NotFoundError(f"expected a file or folder; got {path}, which does not exist; check the path")
    return list({file.absolute(): file for file in found}.values())


def open_archives(paths: Iterable[Path], sandbox: Sandbox) -> Iterator[SourceFile | IngestResult]:
    """The files themselves and the files of archives; an archive that is refused yields that instead."""
    for path in paths:
        if path.suffix.lower() not in ARCHIVES:
            yield SourceFile(path)
            continue
        try:
            for member in sandbox.list_archive(path):
                yield SourceFile(path, member)
        except RefusedDocumentError as error:
            yield IngestResult(str(path), "refused", reason=str(error))


def _clash(document: Document, source: SourceFile, whose: str) -> RefusedDocumentError:
    name = Path(source.member or source.path).name
    return RefusedDocumentError(f"{name}: expected an id of its own; got {document.id}, {whose}")


def read_document(source: SourceFile, sandbox: Sandbox) -> Document:
    """Read one file as a document; raises `RefusedDocumentError` where that cannot be done.

    Formats that other people's parsers read are read in the sandbox.
    """
    if source.member is None and source.path.suffix.lower() in TRUSTED:
        return read_file(source.path)
    return sandbox.read(source.path, source.member)


class Ingestor:
    """Takes documents into the record and the index; unchanged ones cost a hash, changed ones only their new texts."""

    def __init__(self, corpus: Corpus, index: PassageIndex | None, embedder: Callable[[], Embedder]) -> None:
        """`embedder` is called when the first text must be embedded; `index` None leaves the index to a later rebuild."""
        self._corpus = corpus
        self._index = index
        self._embedder = embedder

    def ingest(
        self, paths: Sequence[Path], *, origin: str | None = None, progress: Progress | None = None
    ) -> list[IngestResult]:
        """Add or update documents from files and folders; a file that is refused harms no other.

        `origin` overrides where the documents are said to come from (by default each file's path). Raises `BusyError`
        where another process is writing, `IndexMismatchError` where the record holds another model's vectors.
        """
        files = find_source_files(paths)
        with self._corpus.writing(), closing(Sandbox()) as sandbox:
            results: list[IngestResult] = []
            read: dict[str, tuple[str, Document]] = {}
            known, origins = self._corpus.content_hashes(), self._corpus.origins()
            bundled = (
                {}
                if origin == BUNDLED_ORIGIN
                else {id_: known[id_] for id_, of in origins.items() if of == BUNDLED_ORIGIN}
            )
            for source in open_archives(files, sandbox):
                if isinstance(source, IngestResult):
                    results.append(source)
                    continue
                try:
                    document = read_document(source, sandbox)
                    if document.id in read:
                        raise _clash(
                            document, source, f"which {Path(read[document.id][0]).name} has; change one of them"
                        )
                    if document.id in bundled and bundled[document.id] != hash_document(document):
                        raise _clash(document, source, "which the bundled corpus has; change it")
                except BriefbotError as error:
                    results.append(IngestResult(source.name, "refused", reason=str(error)))
                else:
                    read[document.id] = (source.name, document)
            pending: list[_Work] = []
            own = [id_ for id_ in origins if id_ not in bundled]
            for id_, document in self._link([document for _, document in read.values()], own, origin).items():
                name = read[id_][0] if id_ in read else id_
                content_hash = hash_document(document)
                if known.get(id_) == content_hash:
                    results.append(IngestResult(name, "unchanged", id_))
                else:
                    pending.append(_Work(name, document, tuple(split_passages(document)), content_hash))
            results += self._write_all(pending, known, origin, progress)
        return results

    def _link(self, read: Sequence[Document], own: Sequence[str], origin: str | None) -> dict[str, Document]:
        """The documents with the links their titles and dates make; the bundled corpus states its own."""
        if origin == BUNDLED_ORIGIN or not read:
            return {document.id: document for document in read}
        return link_versions(read, self._corpus.catalogue().documents, own)

    def ingest_documents(
        self, documents: Iterable[Document], *, origin: str, progress: Progress | None = None
    ) -> list[IngestResult]:
        """Add or update documents that are already read, in one go; raises as `ingest` does."""
        with self._corpus.writing():
            known = self._corpus.content_hashes()
            results: list[IngestResult] = []
            pending: list[_Work] = []
            for document in documents:
                content_hash = hash_document(document)
                if known.get(document.id) == content_hash:
                    results.append(IngestResult(document.id, "unchanged", document.id))
                else:
                    pending.append(_Work(document.id, document, tuple(split_passages(document)), content_hash))
            return results + self._write_all(pending, known, origin, progress)

    def _write_all(
        self, pending: Sequence[_Work], known: dict[str, str], origin: str | None, progress: Progress | None
    ) -> list[IngestResult]:
        if not pending:
            return []
        embedder = self._embedder()
        self._corpus.bind_model(str(embedder.identity))
        total = sum(1 for work in pending for _ in work.texts())
        done = 0
        results: list[IngestResult] = []
        for group in _group_work(pending):
            start = done

            def report(_step: str, count: int, _total: int, start: int = start) -> None:
                if progress:
                    progress("embedding", start + count, total)

            vectors = self._embed(embedder, group, report)
            done += sum(1 for work in group for _ in work.texts())
            if progress:
                progress("embedding", done, total)
            for work in group:
                self._write(work, vectors, origin)
                outcome: Outcome = "updated" if work.document.id in known else "added"
                results.append(IngestResult(work.source, outcome, work.document.id))
        return results

    def _embed(self, embedder: Embedder, group: Sequence[_Work], report: Progress) -> dict[str, Vectors]:
        """The vector of every text of a group by the text's hash, embedding only texts the record does not know."""
        texts = {hash_text(text): text for work in group for text in work.texts()}
        vectors = self._corpus.known_vectors(texts)
        missing = [digest for digest in texts if digest not in vectors]
        if missing:
            fresh = embedder.embed_passages([texts[digest] for digest in missing], progress=report)
            vectors.update(zip(missing, fresh, strict=True))
        return vectors

    def _write(self, work: _Work, vectors: dict[str, Vectors], origin: str | None) -> None:
        import numpy as np

        items = []
        for passage in work.passages:
            own, *hashes = (hash_text(text) for text in passage.embedded_texts())
            sentence_vectors = np.stack([vectors[digest] for digest in hashes])
            items.append(EmbeddedPassage(passage, vectors[own], own, sentence_vectors, tuple(hashes)))
        was_current = self._is_index_current()
        change = self._corpus.put_document(
            work.document, items, content_hash=work.content_hash, origin=origin or work.source
        )
        if self._index is not None and was_current:
            self._index.apply(change, self._corpus.version())

    def remove(self, document_id: str) -> None:
        """Delete a document; raises `NotFoundError` where there is none of that id."""
        with self._corpus.writing():
            if document_id not in self._corpus.content_hashes():
                raise NotFoundError(
                    f"expected the id of a document in the corpus; got {document_id}; `briefbot corpus list` shows them"
                )
            self._forget(document_id)

    def _forget(self, document_id: str) -> None:
        was_current = self._is_index_current()
        change = self._corpus.remove_document(document_id)
        if self._index is not None and was_current:
            self._index.apply(change, self._corpus.version())

    def _is_index_current(self) -> bool:
        """Whether one more change brings the index up to date; an empty index is current for an empty record only."""
        if self._index is None:
            return False
        if self._index.version is None:
            return self._corpus.count_passages() == 0 and self._index.count() == 0
        return self._index.version == self._corpus.version()

    def ingest_bundled(self, *, progress: Progress | None = None) -> list[IngestResult]:
        """Bring the bundled corpus up to date: new and changed documents in, those it no longer has out.

        Nothing is read but the files' bytes where they are the ones taken in last time; the list is then empty.
        """
        digest = _digest_bundled()
        if self._corpus.meta("bundled") == digest:
            return []
        results = self.ingest([CORPUS_FOLDER], origin=BUNDLED_ORIGIN, progress=progress)
        refused = {Path(result.source).stem for result in results if result.outcome == "refused"}
        present = {result.document_id for result in results} | refused
        stale = [
            id_ for id_, origin in self._corpus.origins().items() if origin == BUNDLED_ORIGIN and id_ not in present
        ]
        if stale:
            with self._corpus.writing():
                for document_id in stale:
                    self._forget(document_id)
        for result in results:
            if result.outcome == "refused":
                _log.warning("bundled document refused: %s", result.reason)
        self._corpus.set_meta("bundled", digest)
        return results


def _digest_bundled() -> str:
    """A hash over the bundled files and over how they are divided."""
    digest = hashlib.sha256(CHUNKER_VERSION.encode())
    for path in find_source_files([CORPUS_FOLDER]):
        digest.update(path.name.encode() + b"\x1f" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def reembed_record(settings: Settings, *, progress: Progress | None = None) -> None:
    """Embed every text of the record anew with the model that the settings name, and write all vectors in one transaction.

    Until then the old vectors stay. Raises `BusyError` where another process is writing.
    """
    prepare_home(settings)
    embedder = load_embedder(settings, progress=progress)
    corpus = Corpus(settings.record_path)
    with corpus.writing():
        texts = corpus.embedded_texts()
        vectors = embedder.embed_passages(list(texts.values()), progress=progress)
        corpus.replace_vectors(str(embedder.identity), dict(zip(texts, vectors, strict=True)))
    corpus.close()


def _group_work(pending: Sequence[_Work]) -> Iterator[list[_Work]]:
    group: list[_Work] = []
    size = 0
    for work in pending:
        group.append(work)
        size += sum(1 for _ in work.texts())
        if size >= _GROUP_TEXTS:
            yield group
            group, size = [], 0
    if group:
        yield group
