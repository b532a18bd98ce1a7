"""What a user names as sources, and the files they come to: paths, folders, patterns, archives, and pages that were fetched."""

from __future__ import annotations

import datetime as dt
import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from briefbot.ingest.passages import CHUNKER_VERSION
from briefbot.ingest.readers.formats import ARCHIVES, READERS
from briefbot.ingest.reports import IngestResult

from briefbot.corpus import hash_text
from briefbot.errors import NotFoundError, RefusedDocumentError
from briefbot.ledger import SourceRow
from briefbot.models import Authority, Kind

READER_VERSION = "1"
"""Raised where readers would make another document of the same bytes, so that every source is read anew."""

MEMBER_MARK = "!"
"""Stands between an archive's path and a file in it."""


@dataclass(frozen=True, slots=True)
class Description:
    """What the one who names a source says of it; an empty field says nothing."""

    title: str | None = None
    published: dt.date | None = None
    publisher: str | None = None
    issuer: tuple[str, ...] = ()
    kind: Kind | None = None
    authority: Authority | None = None
    about: str | None = None
    """The id of the document of the corpus that sums this one up."""


UNDESCRIBED = Description()


@dataclass(frozen=True, slots=True)
class WebPage:
    """Where a fetched file comes from: the address asked for, the one it was found at, and what its server said of it."""

    url: str
    found_at: str
    etag: str | None = None
    last_modified: str | None = None
    via: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read: one that was named, one of an archive, or a page that was fetched to it."""

    path: Path
    member: str | None = None
    page: WebPage | None = None
    description: Description = UNDESCRIBED

    @property
    def name(self) -> str:
        """What the source is called in reports and in the record; equal for no two sources."""
        if self.page:
            return self.page.url
        return str(self.path) if self.member is None else f"{self.path}{MEMBER_MARK}{self.member}"


def is_url(target: str) -> bool:
    """Whether a target is an address of the web rather than a path."""
    return target.lower().startswith(("http://", "https://"))


def find_source_files(paths: Iterable[Path], known: Iterable[str] = ()) -> list[Path]:
    """The files to ingest, each once: the files named, those that patterns match, and every readable file below the folders named.

    Raises `NotFoundError` for a path that does not exist, and is not the source of a document (`known`), before anything is ingested.
    """
    endings = READERS.keys() | ARCHIVES
    earlier = set(known)
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in endings and file.is_file() and file.name.lower() != "readme.md"
            )
        elif path.exists():
            found.append(path)
        else:
            matched = sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute ones too
            if not matched and not _is_known(path.absolute(), earlier):
                raise NotFoundError(
                    f"expected a file or folder; got {path}, which does not exist; check the path or the pattern"
                )
            found += [file for file in matched if file.is_file()]
    return list({file.absolute(): file.absolute() for file in found}.values())


def refuse_name(path: Path) -> IngestResult | None:
    """The refusal of a file whose name is no text, which no report and no record could hold; None for all others."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        name = os.fsencode(path).decode(errors="backslashreplace")
        return IngestResult(name, "refused", reason="expected a file name in UTF-8; got other bytes; rename the file")
    return None


def _is_known(path: Path, known: Iterable[str]) -> bool:
    return any(source == str(path) or source.startswith((f"{path}/", f"{path}{MEMBER_MARK}")) for source in known)


def open_archives(
    paths: Iterable[Path], list_members: Callable[[Path], Sequence[str]], settled: Mapping[Path, Sequence[str]] = {}
) -> Iterator[SourceFile | IngestResult]:
    """The files themselves and the files of archives; an archive that is refused yields that instead.

    `settled` are the files of archives that are known to be as they were, which are not opened.
    """
    for path in paths:
        if path.suffix.lower() not in ARCHIVES:
            yield SourceFile(path)
            continue
        try:
            members = settled[path] if path in settled else list_members(path)
        except RefusedDocumentError as error:
            yield IngestResult(str(path), "refused", reason=str(error))
        else:
            yield from (SourceFile(path, member) for member in members)


class Fingerprints:
    """Hashes over the bytes of files and over how they are read; every file's bytes are hashed once a run."""

    def __init__(self) -> None:
        self._digests: dict[Path, str] = {}
        self.described: dict[Path, Description] = {}
        """What is said of files that were named with a description."""

    def of(self, file: SourceFile) -> str:
        """The fingerprint of a file; raises `RefusedDocumentError` where it cannot be read."""
        if file.path not in self._digests:
            if not file.path.is_file():
                raise RefusedDocumentError(f"{file.path.name}: expected a regular file; got another kind; name a file")
            try:
                with file.path.open("rb") as opened:
                    digest = hashlib.file_digest(opened, "sha256").hexdigest()
            except OSError as error:
                raise RefusedDocumentError(
                    f"{file.path.name}: expected a readable file; got {error.strerror}; check it"
                ) from error
            self._digests[file.path] = digest
        said = "" if file.description == UNDESCRIBED else repr(file.description)
        return hash_text(
            "\x1f".join((READER_VERSION, CHUNKER_VERSION, self._digests[file.path], file.member or "", said))
        )


def find_settled_archives(
    paths: Iterable[Path], rows: Mapping[str, SourceRow], fingerprints: Fingerprints
) -> dict[Path, list[str]]:
    """The files of each archive whose bytes are those of the last run, by archive, as the record has them."""
    settled: dict[Path, list[str]] = {}
    for path in paths:
        if path.suffix.lower() in ARCHIVES:
            start = f"{path}{MEMBER_MARK}"
            members = [name.removeprefix(start) for name in rows if name.startswith(start)]
            if members and all(_is_settled(path, member, rows, fingerprints) for member in members):
                settled[path] = members
    return settled


def _is_settled(path: Path, member: str, rows: Mapping[str, SourceRow], fingerprints: Fingerprints) -> bool:
    file = SourceFile(path, member, description=fingerprints.described.get(path, UNDESCRIBED))
    row = rows[file.name]
    try:
        return row.state == "gone" or row.fingerprint == fingerprints.of(file)
    except RefusedDocumentError:
        return False


def find_vanished(rows: Mapping[str, SourceRow], targets: Iterable[Path], present: set[str]) -> list[SourceRow]:
    """The sources at or below the paths named that were there before and are not there now."""
    roots = [str(target.absolute()) for target in targets]
    return [
        row
        for source, row in rows.items()
        if row.state != "gone"
        and not is_url(source)
        and source not in present
        and any(_is_known(Path(root), [source]) for root in roots)
    ]
