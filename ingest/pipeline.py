"""The way from sources to the record and the index: read, divide, embed what is new, write each document in one transaction.

Every source's way is kept in the record (`briefbot.ledger`), so that a run that was broken off at any point is gone on with by the next.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from briefbot.ingest.describing import describe_document
from briefbot.ingest.duplicates import DuplicateFinder, is_copy
from briefbot.ingest.engines import Engine, LocalEngine, Reading
from briefbot.ingest.passages import CHUNKER_VERSION, split_passages
from briefbot.ingest.readers.formats import ARCHIVES
from briefbot.ingest.reports import IngestResult, Outcome
from briefbot.ingest.sources import (
    MEMBER_MARK,
    UNDESCRIBED,
    Description,
    Fingerprints,
    SourceFile,
    find_settled_archives,
    find_source_files,
    find_vanished,
    is_url,
    open_archives,
    refuse_name,
)
from briefbot.ingest.versions import link_versions, may_be_linked

from briefbot.corpus import Corpus, EmbeddedPassage, PassageChange, hash_text, join_changes
from briefbot.embedding import Embedder, Progress, load_embedder
from briefbot.errors import NotFoundError, RefusedDocumentError
from briefbot.index import PassageIndex
from briefbot.ledger import SourceRow, State
from briefbot.models import Document, Passage
from briefbot.settings import Settings, prepare_home

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

CORPUS_FOLDER = Path(__file__).parent / "corpus"
"""The bundled briefing corpus."""

BUNDLED_ORIGIN = "bundled"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Work:
    """A changed document on its way into the record, with its passages and its source's row."""

    source: str
    document: Document
    content_hash: str
    row: SourceRow | None = None
    path: Path | None = None
    """The file a page was fetched to, which is not needed once the document is written."""

    passages: tuple[Passage, ...] = ()

    def texts(self) -> Iterator[str]:
        """The texts whose vectors the record keeps: each passage in its context, then each of its sentences."""
        for passage in self.passages:
            yield from passage.embedded_texts()


@dataclass
class _Run:
    """What one run knows of the record, and what became of its sources so far.

    `follows` is whether the sources are followed from run to run; those of a stated origin are not.
    """

    origin: str | None
    progress: Progress | None
    known: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    rows: dict[str, SourceRow] = field(default_factory=dict)
    owners: dict[str, list[SourceRow]] = field(default_factory=dict)
    """The sources of each document before this run, by its id."""

    claimed: dict[str, str] = field(default_factory=dict)
    """Where in this run each document was found, by its id."""

    fingerprints: Fingerprints = field(default_factory=Fingerprints)

    present: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    results: list[IngestResult] = field(default_factory=list)
    total: int = 0
    embedded: int = 0

    @property
    def follows(self) -> bool:
        return self.origin is None

    def tell(self, result: IngestResult) -> None:
        self.results.append(result)
        if self.progress and self.total:
            self.progress("sources", min(len(self.results), self.total), self.total)

    def sorted_results(self, pages: Sequence[str], files: Sequence[Path]) -> list[IngestResult]:
        """What became of the sources in the order they were named in; those that were found to be gone come last."""
        places = {name: place for place, name in enumerate((*pages, *map(str, files)))}
        return sorted(
            self.results,
            key=lambda result: places.get(result.source, places.get(result.source.split(MEMBER_MARK)[0], len(places))),
        )

    def tell_embedding(self, done: int, total: int) -> None:
        """So many texts of a group are embedded."""
        if self.progress:
            self.progress("embedding", self.embedded + done, self.embedded + total)


def hash_document(document: Document) -> str:
    """A hash over everything of a document that the record would hold, and over how it is divided.

    A document without pages has the hash it had before there were any, so that it is not taken in again.
    """
    held = dataclasses.asdict(document)
    if not document.pages:
        del held["pages"]
    plain = json.dumps(held, default=str, sort_keys=True, ensure_ascii=False)
    return hash_text(f"{CHUNKER_VERSION}\x1f{plain}")


class Ingestor:
    """Takes documents into the record and the index; unchanged ones cost a hash, changed ones only their new texts."""

    def __init__(
        self,
        corpus: Corpus,
        index: PassageIndex | Callable[[], PassageIndex | None] | None,
        embedder: Callable[[], Embedder],
        *,
        engine: Engine | None = None,
    ) -> None:
        """`embedder` is called when the first text must be embedded, `index`, where it is to be opened, with the first change.

        `index` None leaves the index to a later rebuild. `engine` reads and embeds in the place of this machine's own.
        """
        self._corpus = corpus
        self._open_index = index if callable(index) else lambda: index
        self._engine = engine or LocalEngine(embedder)
        self._duplicates = DuplicateFinder(corpus)

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        pages: Sequence[SourceFile | IngestResult] = (),
        descriptions: Mapping[Path, Description] = {},
        origin: str | None = None,
        progress: Progress | None = None,
    ) -> list[IngestResult]:
        """Add or update documents from files, folders and `pages` that were fetched; a file that is refused harms no other.

        `descriptions` say what is known of files, folders and patterns that are among `paths`.
        `origin` overrides where the documents are said to come from (by default each file's path); such files are not followed from run
        to run. Raises `BusyError` where another process is writing, `IndexMismatchError` where the record holds another model's
        vectors, `NotFoundError` for a path that never was.
        """
        with self._corpus.writing(), closing(self._engine):
            run = self._start(origin, progress)
            files = self._leave_out_unnamed(run, find_source_files(paths, run.rows if run.follows else ()))
            for path, description in descriptions.items():
                run.fingerprints.described.update(dict.fromkeys(find_source_files([path], run.rows), description))
            for page in pages:
                if isinstance(page, IngestResult):
                    run.tell(page)
            run.total = len(files) + len(pages)
            fetched = [page for page in pages if isinstance(page, SourceFile)]
            self._mark_seen(run, files)
            self._take_in(run, self._engine.read(self._screen(run, files, fetched)))
            if run.follows:
                self._bury(run, find_vanished(run.rows, paths, run.present))
                self._settle_duplicates(run.changed, run)
            if run.changed:
                self._repair_index()
            return run.sorted_results(
                [page.source if isinstance(page, IngestResult) else page.name for page in pages], files
            )

    def ingest_documents(
        self, documents: Iterable[Document], *, origin: str, progress: Progress | None = None
    ) -> list[IngestResult]:
        """Add or update documents that are already read, in one go; raises as `ingest` does."""
        with self._corpus.writing():
            run = self._start(origin, progress)
            pending: list[_Work] = []
            for document in documents:
                content_hash = hash_document(document)
                if run.known.get(document.id) == content_hash:
                    run.tell(IngestResult(document.id, "unchanged", document.id))
                else:
                    pending.append(_Work(document.id, document, content_hash))
            for group in self._group(pending):
                self._write_group(run, self._divide(run, group))
            return run.results

    def _start(self, origin: str | None, progress: Progress | None) -> _Run:
        rows = self._corpus.sources() if origin is None else {}
        owners: dict[str, list[SourceRow]] = {}
        for row in rows.values():
            if row.document_id:
                owners.setdefault(row.document_id, []).append(row)
        return _Run(origin, progress, self._corpus.content_hashes(), self._corpus.origins(), rows, owners)

    # ---------------------------------------------------------------- reading

    @staticmethod
    def _leave_out_unnamed(run: _Run, files: Sequence[Path]) -> list[Path]:
        refusals = {path: refuse_name(path) for path in files}
        for refusal in refusals.values():
            if refusal:
                run.tell(refusal)
        return [path for path, refusal in refusals.items() if refusal is None]

    def _mark_seen(self, run: _Run, paths: Sequence[Path]) -> None:
        """Keep which new files there are before any is read."""
        if run.follows:
            new = [path for path in paths if str(path) not in run.rows and path.suffix.lower() not in ARCHIVES]
            self._corpus.put_sources([SourceRow(str(path), "seen") for path in new])

    def _screen(self, run: _Run, paths: Sequence[Path], pages: Sequence[SourceFile]) -> Iterator[SourceFile]:
        """The files that must be read: those whose bytes are not the ones of the last run."""
        yield from pages
        settled = find_settled_archives(paths, run.rows, run.fingerprints)
        for found in open_archives(paths, self._engine.list_archive, settled):
            if isinstance(found, IngestResult):
                # What an archive held before it could no longer be opened stays as it was.
                held = (name for name in run.rows if name.startswith(f"{found.source}{MEMBER_MARK}"))
                run.present.update((found.source, *held))
                run.tell(found)
                continue
            file = replace(found, description=run.fingerprints.described.get(found.path, UNDESCRIBED))
            run.present.add(file.name)
            result = self._recall(run, file) if run.follows else None
            if result is None:
                yield file
            else:
                run.tell(result)

    def _recall(self, run: _Run, file: SourceFile) -> IngestResult | None:
        """What the last run made of the same bytes; None where there was none, or it did not come to an end.

        The bytes are hashed before they are read, so that a change in between is noticed by the next run.
        """
        try:
            fingerprint = run.fingerprints.of(file)
        except RefusedDocumentError:
            return None
        row = run.rows.get(file.name)
        if row is None or row.fingerprint != fingerprint:
            return None
        if row.state == "refused":
            return IngestResult(file.name, "refused", reason=row.reason)
        if row.state == "duplicate" and row.duplicate_of in run.known:
            return IngestResult(file.name, "duplicate", row.document_id, duplicate_of=row.duplicate_of)
        if row.state == "indexed" and row.document_id in run.known:
            run.claimed.setdefault(row.document_id, file.name)
            return IngestResult(file.name, "unchanged", row.document_id)
        return None

    def _take_in(self, run: _Run, readings: Iterator[Reading]) -> None:
        """Write the documents in groups while later ones are read."""
        for parsed in self._group(self._admit(run, readings)):
            self._mark(run, parsed, "parsed")
            group = self._divide(run, parsed)
            self._mark(run, group, "split")
            self._write_group(run, self._link(run, self._leave_out_copies(run, group)), marks=True)
            self._duplicates.forget_waiting()

    def _admit(self, run: _Run, readings: Iterator[Reading]) -> Iterator[_Work]:
        """The documents that are new or changed; of the others is told what became of them."""
        for file, reading in readings:
            try:
                if isinstance(reading, RefusedDocumentError):
                    raise reading
                document = describe_document(reading, file, self._digests_for(file))
                row = self._row_of(run, file, document)
                self._check_id(run, document, file)
            except RefusedDocumentError as error:
                self._refuse(run, file, error, is_final=reading is error)
                continue
            is_again = document.id in run.claimed
            run.claimed[document.id] = _found_at(file)
            content_hash = hash_document(document)
            work = _Work(file.name, document, content_hash, row if run.follows else None, _fetched_path(file))
            if is_again or run.known.get(document.id) == content_hash:
                self._leave(run, work)
            else:
                yield work

    def _digests_for(self, file: SourceFile) -> dict[str, Document]:
        about = file.description.about
        return self._corpus.documents([about]) if about else {}

    def _leave(self, run: _Run, work: _Work) -> None:
        """The document is in the record as it is; what its source's server said last is kept."""
        if work.row:
            self._corpus.put_sources([work.row])
        run.tell(IngestResult(work.source, "unchanged", work.document.id))
        _drop(work.path)

    def _divide(self, run: _Run, group: Sequence[_Work]) -> list[_Work]:
        """The documents with their passages."""
        divided: list[_Work] = []
        for work in group:
            try:
                divided.append(replace(work, passages=tuple(split_passages(work.document))))
            except Exception as error:  # noqa: BLE001 - whatever an unforeseen text makes of it, it is one document's end and not the run's
                _log.exception("%s could not be divided", work.source)
                reason = f"{work.source}: expected a text that can be divided; got {type(error).__name__}; report it"
                self._refuse(run, SourceFile(Path(work.source)), RefusedDocumentError(reason), is_final=False)
        return divided

    def _row_of(self, run: _Run, file: SourceFile, document: Document) -> SourceRow:
        """The row of a source whose document is in the record."""
        page = file.page
        return SourceRow(
            source=file.name,
            state="indexed",
            document_id=document.id,
            fingerprint=run.fingerprints.of(file) if run.follows else None,
            etag=page.etag if page else None,
            last_modified=page.last_modified if page else None,
            url=page.found_at if page else None,
            via=page.via if page else None,
        )

    def _refuse(self, run: _Run, file: SourceFile, error: RefusedDocumentError, *, is_final: bool) -> None:
        """Tell of a refusal; what depends on the bytes alone is remembered with them. An earlier version stays as it was."""
        if run.follows:
            try:
                fingerprint = run.fingerprints.of(file) if is_final else None
            except RefusedDocumentError:
                fingerprint = None
            earlier = _earlier_id(run, file.name)
            row = SourceRow(file.name, "refused", earlier, fingerprint, reason=str(error))
            self._corpus.put_sources([replace(row, via=file.page.via) if file.page else row])
        run.tell(IngestResult(file.name, "refused", reason=str(error)))
        _drop(_fetched_path(file))

    def _check_id(self, run: _Run, document: Document, file: SourceFile) -> None:
        """Raise `RefusedDocumentError` where another source has the document's id."""
        id_ = document.id
        if run.claimed.get(id_, _found_at(file)) != _found_at(file):
            raise _clash(document, file, f"which {Path(run.claimed[id_]).name} has; change one of them")
        if not run.follows:
            return
        if run.origins.get(id_) == BUNDLED_ORIGIN and run.known[id_] != hash_document(document):
            raise _clash(document, file, "which the bundled corpus has; change it")
        for row in run.owners.get(id_, ()):
            if row.source != file.name and row.state == "indexed" and _stands(row, file):
                raise _clash(document, file, f"which {row.source} has; change one of them")

    def _link(self, run: _Run, group: Sequence[_Work]) -> list[_Work]:
        """The documents with the links their titles and dates make, and those that get other links by them.

        The bundled corpus states its own.
        """
        if run.origin == BUNDLED_ORIGIN or not any(may_be_linked(work.document) for work in group):
            return list(group)
        own = [id_ for id_, of in run.origins.items() if of != BUNDLED_ORIGIN]
        works = {work.document.id: work for work in group}
        linked = link_versions([work.document for work in group], self._corpus.catalogue().documents, own)
        found: list[_Work] = []
        for id_, document in linked.items():
            content_hash = hash_document(document)
            work = works.get(id_)
            if run.known.get(id_) != content_hash:
                found.append(
                    replace(work, document=document, content_hash=content_hash)
                    if work
                    else _Work(run.origins[id_], document, content_hash, passages=tuple(self._corpus.passages_of(id_)))
                )
            elif work:
                self._leave(run, work)
        return found

    # ---------------------------------------------------------------- duplicates and sources that are gone

    def _leave_out_copies(self, run: _Run, group: Sequence[_Work]) -> list[_Work]:
        """The documents that are no copies of others; copies are kept aside."""
        kept: list[_Work] = []
        for work in group:
            original = self._duplicates.find(work.document, work.passages) if work.row else None
            if original is None or work.row is None:
                kept.append(work)
                continue
            row = replace(work.row, state="duplicate", duplicate_of=original)
            self._apply(partial(self._corpus.put_duplicate, work.document, work.content_hash, row))
            run.changed.add(work.document.id)
            run.tell(IngestResult(work.source, "duplicate", work.document.id, duplicate_of=original))
            _drop(work.path)
        return kept

    def _settle_duplicates(self, changed: Collection[str], run: _Run) -> None:
        """Take in kept copies whose original is gone, or is another text now."""
        standing = self._corpus.content_hashes().keys() - set(changed)
        loose = [
            row
            for row in self._corpus.sources().values()
            if row.state == "duplicate" and row.duplicate_of not in standing
        ]
        for group in self._group(self._freed(loose)):
            self._write_group(run, self._leave_out_copies(run, self._divide(run, group)))
            self._duplicates.forget_waiting()

    def _freed(self, rows: Iterable[SourceRow]) -> Iterator[_Work]:
        """The kept copies that their original no longer stands for."""
        for row in rows:
            document = self._corpus.duplicate(row.document_id or "")
            original = self._corpus.documents([row.duplicate_of or ""]).get(row.duplicate_of or "")
            if document and not (original and is_copy(document, original)):
                kept = replace(row, state="indexed", duplicate_of=None, changed_at="", checked_at="")
                yield _Work(row.source, document, hash_document(document), kept)

    def _bury(self, run: _Run, vanished: Iterable[SourceRow]) -> None:
        """Take out the documents of sources that are gone; their texts stay in the history."""
        for row in vanished:
            stone = replace(row, state="gone", fingerprint=None, duplicate_of=None, changed_at="", checked_at="")
            id_ = row.document_id
            if id_ and run.claimed.get(id_) is None:
                self._apply(partial(self._corpus.remove_document, id_, gone=stone))
                run.changed.add(id_)
            else:
                self._corpus.put_sources([replace(stone, document_id=None)])
            run.tell(IngestResult(row.source, "gone", id_))

    # ---------------------------------------------------------------- writing

    def _group(self, works: Iterable[_Work]) -> Iterator[list[_Work]]:
        group: list[_Work] = []
        size = 0
        for work in works:
            group.append(work)
            size += len(work.document.text)
            if size >= self._engine.group_chars:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _mark(self, run: _Run, group: Sequence[_Work], state: State) -> None:
        """Keep how far sources have come; their fingerprint is not theirs before they have come to the end."""
        rows = [
            replace(work.row, state=state, fingerprint=None, document_id=_earlier_id(run, work.source))
            for work in group
            if work.row
        ]
        self._corpus.put_sources(rows)

    def _write_group(self, run: _Run, group: Sequence[_Work], *, marks: bool = False) -> None:
        """Embed and write documents; `marks` keeps that they are embedded, for a run that is broken off right then."""
        if not group:
            return
        self._corpus.bind_model(str(self._engine.identity()))
        vectors = self._embed(run, group)
        if marks:
            self._mark(run, group, "embedded")
        was_current = self._is_index_current()
        changes: list[PassageChange] = []
        for work in group:
            changes.append(self._write(work, vectors, run.origin))
            outcome: Outcome = "updated" if work.document.id in run.known else "added"
            run.known[work.document.id] = work.content_hash
            run.origins[work.document.id] = run.origin or work.source
            run.changed.add(work.document.id)
            run.tell(IngestResult(work.source, outcome, work.document.id))
            _drop(work.path)
        if self._index is not None and was_current:
            self._index.apply(join_changes(changes), self._corpus.version())

    def _embed(self, run: _Run, group: Sequence[_Work]) -> dict[str, Vectors]:
        """The vector of every text of a group by the text's hash, embedding only texts the record does not know."""
        texts = {hash_text(text): text for work in group for text in work.texts()}
        vectors = self._corpus.known_vectors(texts)
        missing = [digest for digest in texts if digest not in vectors]
        if missing:
            wanted = [texts[digest] for digest in missing]
            fresh = self._engine.embed(wanted, lambda _step, done, total: run.tell_embedding(done, total))
            vectors.update(zip(missing, fresh, strict=True))
        run.embedded += len(texts)
        run.tell_embedding(0, 0)
        return vectors

    def _write(self, work: _Work, vectors: Mapping[str, Vectors], origin: str | None) -> PassageChange:
        import numpy as np

        items = []
        for passage in work.passages:
            own, *hashes = (hash_text(text) for text in passage.embedded_texts())
            sentence_vectors = np.stack([vectors[digest] for digest in hashes])
            items.append(EmbeddedPassage(passage, vectors[own], own, sentence_vectors, tuple(hashes)))
        return self._corpus.put_document(
            work.document, items, content_hash=work.content_hash, origin=origin or work.source, source=work.row
        )

    def _apply(self, change: Callable[[], PassageChange]) -> None:
        """Make a change to the record, and the same to the index where it is as far as the record."""
        was_current = self._is_index_current()
        made = change()
        if self._index is not None and was_current:
            self._index.apply(made, self._corpus.version())

    def remove(self, document_id: str) -> None:
        """Delete a document with its history; raises `NotFoundError` where there is none of that id."""
        with self._corpus.writing(), closing(self._engine):
            if document_id not in self._corpus.content_hashes():
                raise NotFoundError(
                    f"expected the id of a document in the corpus; got {document_id}; `briefbot corpus list` shows them"
                )
            self._apply(partial(self._corpus.remove_document, document_id))
            self._settle_duplicates((), self._start(None, None))

    def _repair_index(self) -> None:
        """Fill the index anew where it was behind the record, as a run that was killed leaves it."""
        if self._index is not None and not self._is_index_current():
            self._index.rebuild(self._corpus)

    @cached_property
    def _index(self) -> PassageIndex | None:
        return self._open_index()

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
                    self._apply(partial(self._corpus.remove_document, document_id))
        for result in results:
            if result.outcome == "refused":
                _log.warning("bundled document refused: %s", result.reason)
        self._corpus.set_meta("bundled", digest)
        return results


def _clash(document: Document, source: SourceFile, whose: str) -> RefusedDocumentError:
    name = Path(source.member or source.path).name if source.page is None else source.name
    return RefusedDocumentError(f"{name}: expected an id of its own; got {document.id}, {whose}")


def _stands(row: SourceRow, file: SourceFile) -> bool:
    """Whether another source of the same document is still there, and is not the same page under another address."""
    if is_url(row.source):
        return not (file.page and row.url == file.page.found_at)
    return Path(row.source.split("!")[0]).exists()


def _earlier_id(run: _Run, source: str) -> str | None:
    """The document that a source had before this run, which it has until the new version is written."""
    row = run.rows.get(source)
    return row.document_id if row else None


def _fetched_path(file: SourceFile) -> Path | None:
    return file.path if file.page else None


def _found_at(file: SourceFile) -> str:
    """What tells one place of a document from another: a page's address after redirects, else the source's name."""
    return file.page.found_at if file.page else file.name


def _drop(path: Path | None) -> None:
    if path:
        path.unlink(missing_ok=True)


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
