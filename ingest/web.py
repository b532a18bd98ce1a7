"""Pages, feeds and sitemaps of the web as files to read: fetched where they are due and have changed, and described by who named them."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from briefbot.ingest.feeds import Entry, kind_of
from briefbot.ingest.fetching import UNKNOWN, Fetched, Fetcher, Validators, canonical_url
from briefbot.ingest.readers.formats import READERS
from briefbot.ingest.reports import IngestResult, Outcome
from briefbot.ingest.sandbox import Sandbox
from briefbot.ingest.sources import Description, SourceFile, WebPage
from briefbot.ingest.sources_file import ListedSource

from briefbot.errors import RefusedDocumentError
from briefbot.ledger import UNFINISHED, SourceRow

Gathered = SourceFile | IngestResult
Mark = Callable[[Sequence[SourceRow]], None]

DEEPEST_SITEMAPS = 3
"""How many sitemaps may lead to each other."""

_ENDINGS: Mapping[str, str] = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
}
_MAGIC: tuple[tuple[bytes, str], ...] = ((b"%PDF-", ".pdf"), (b"PK\x03\x04", ".docx"))


@dataclass(frozen=True, slots=True)
class _Lead:
    """An address to fetch, what is said of it, and the feed or sitemap that led to it."""

    url: str
    description: Description
    via: str | None = None
    modified: dt.date | None = None


class WebGatherer:
    """Fetches what is listed into `folder`, one file a page, and keeps in the record (`mark`) how far each has come.

    `rows` is what the record knows of sources, `indexed` the ids of its documents: only a page whose document is there is asked for
    by what has changed since.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        sandbox: Sandbox,
        folder: Path,
        *,
        rows: Mapping[str, SourceRow],
        indexed: Iterable[str],
        mark: Mark,
    ) -> None:
        self._fetcher = fetcher
        self._sandbox = sandbox
        self._folder = folder
        self._rows = dict(rows)
        self._indexed = set(indexed)
        self._mark = mark
        self._seen: set[str] = set()

    def gather(self, listed: Iterable[ListedSource]) -> Iterator[Gathered]:
        """A file for each page that is new or has changed, and what became of the others; each address once."""
        moment = dt.datetime.now(dt.UTC)
        for source in listed:
            try:
                url = canonical_url(source.url or "")
            except RefusedDocumentError as error:
                yield IngestResult(source.url or "", "refused", reason=str(error))
                continue
            row = self._rows.get(url)
            if row and row.state not in UNFINISHED and not source.is_due(row.checked_at, moment):
                self._seen.add(url)
                yield IngestResult(
                    url, "unchanged", row.document_id, reason=f"asked {row.checked_at}; due once a {source.every}"
                )
            elif url not in self._seen:
                yield from self._visit(source, _Lead(url, source.describe()), DEEPEST_SITEMAPS)

    def _visit(self, source: ListedSource, lead: _Lead, depth: int) -> Iterator[Gathered]:
        """What is at an address: a page, or the pages that a feed or sitemap leads to."""
        self._seen.add(lead.url)
        try:
            fetched = self._fetcher.fetch(lead.url, self._known(lead.url))
            if fetched.status == "fetched" and self._form_of(source, fetched) != "page":
                yield from self._open_listing(source, lead, fetched, depth)
                return
        except RefusedDocumentError as error:
            yield self._refuse(lead, error)
            return
        row = self._rows.get(lead.url)
        if fetched.status == "not_modified" and row and row.state == "listed":
            leads = [
                _Lead(url, lead.description, lead.url) for url, found in self._rows.items() if found.via == lead.url
            ]
            self._keep(replace(row, checked_at=""))
            yield from self._follow(source, leads, depth)
        else:
            yield self._settle(lead, fetched)

    def _form_of(self, source: ListedSource, fetched: Fetched) -> str:
        return source.form if source.form == "page" else kind_of(fetched.content, fetched.media_type)

    def _open_listing(self, source: ListedSource, lead: _Lead, fetched: Fetched, depth: int) -> Iterator[Gathered]:
        """The pages of a feed or sitemap; that it was read is kept only when all of them are known to the record."""
        deeper: tuple[str, ...] = ()
        publisher: str | None = None
        if kind_of(fetched.content, fetched.media_type) == "feed":
            feed = self._sandbox.read_feed(fetched.content, fetched.url)
            entries, publisher = feed.entries, feed.title
        else:
            sitemap = self._sandbox.read_sitemap(fetched.content, fetched.url)
            entries, deeper = sitemap.pages, sitemap.sitemaps
        leads = list(self._lead_on(lead, _newest(entries)[: source.limit], publisher))
        self._keep(*(SourceRow(item.url, "seen", via=lead.url) for item in leads if item.url not in self._rows))
        known = fetched.validators
        self._keep(SourceRow(lead.url, "listed", etag=known.etag, last_modified=known.last_modified, via=lead.via))
        yield from self._follow(source, leads, depth)
        for url in deeper[: source.limit] if depth > 1 else deeper[:0]:
            yield from self._follow_listing(source, url, lead, depth - 1)

    def _follow_listing(self, source: ListedSource, url: str, lead: _Lead, depth: int) -> Iterator[Gathered]:
        try:
            plain = canonical_url(url)
        except RefusedDocumentError as error:
            yield IngestResult(url, "refused", reason=str(error))
            return
        if plain not in self._seen:
            yield from self._visit(source, _Lead(plain, lead.description, lead.url), depth)

    def _lead_on(self, lead: _Lead, entries: Iterable[Entry], publisher: str | None) -> Iterator[_Lead]:
        """The entries of a listing, described by it where its catalogue says nothing."""
        for entry in entries:
            try:
                url = canonical_url(entry.url)
            except RefusedDocumentError:
                continue
            given = lead.description
            description = replace(
                given,
                title=given.title or entry.title,
                published=given.published or entry.published,
                publisher=given.publisher or publisher,
            )
            yield _Lead(url, description, lead.url, entry.modified)

    def _follow(self, source: ListedSource, leads: Iterable[_Lead], depth: int) -> Iterator[Gathered]:
        for lead in leads:
            if lead.url in self._seen:
                continue
            row = self._rows.get(lead.url)
            if row and lead.modified and self._is_indexed(row) and lead.modified.isoformat() < row.checked_at[:10]:
                self._seen.add(lead.url)
                yield IngestResult(lead.url, "unchanged", row.document_id)
            elif row and row.state == "listed":
                yield from self._visit(source, lead, depth - 1) if depth > 1 else ()
            else:
                yield from self._visit(source.model_copy(update={"form": "page"}), lead, 1)

    def _settle(self, lead: _Lead, fetched: Fetched) -> Gathered:
        """A page as a file, or what became of it."""
        row = self._rows.get(lead.url)
        if fetched.status == "gone":
            if row is None or row.document_id is None:
                return self._refuse(
                    lead, RefusedDocumentError(f"{lead.url}: expected a page; got none; check the link")
                )
            self._keep(replace(row, state="gone", etag=None, last_modified=None, changed_at="", checked_at=""))
            return IngestResult(lead.url, "gone", row.document_id, reason="no longer there; its text is kept")
        if fetched.status == "not_modified" and row and row.state not in UNFINISHED:
            self._keep(replace(row, checked_at=""))
            outcome: Outcome = "duplicate" if row.state == "duplicate" else "unchanged"
            return IngestResult(lead.url, outcome, row.document_id, duplicate_of=row.duplicate_of)
        page = WebPage(
            url=lead.url,
            found_at=fetched.url,
            etag=fetched.validators.etag,
            last_modified=fetched.validators.last_modified,
            via=lead.via,
        )
        path = self._path_of(lead.url, fetched, row)
        if fetched.status == "fetched":
            self._folder.mkdir(parents=True, exist_ok=True)
            for older in self._folder.glob(f"{path.stem}.*"):
                older.unlink()
            path.write_bytes(fetched.content)
        document_id = row.document_id if row else None
        self._keep(
            SourceRow(
                lead.url, "fetched", document_id, etag=page.etag, last_modified=page.last_modified, url=fetched.url,
                via=lead.via,
            )
        )  # fmt: skip
        return SourceFile(path, page=page, description=lead.description)

    def _path_of(self, url: str, fetched: Fetched, row: SourceRow | None) -> Path:
        """Where a page is kept until it is in the record; the name's ending says which reader takes it."""
        name = hashlib.sha256(url.encode()).hexdigest()[:24]
        if fetched.status == "not_modified" and row:
            return next(self._folder.glob(f"{name}.*"))
        return self._folder / f"{name}{find_ending(fetched)}"

    def _known(self, url: str) -> Validators:
        """What to ask for changes since: nothing where neither a document nor a fetched file would be left without an answer."""
        row = self._rows.get(url)
        if row is None:
            return UNKNOWN
        name = hashlib.sha256(url.encode()).hexdigest()[:24]
        is_waiting = row.state in UNFINISHED and any(self._folder.glob(f"{name}.*"))
        if row.state == "listed" or self._is_indexed(row) or is_waiting:
            return Validators(row.etag, row.last_modified, row.url)
        return UNKNOWN

    def _is_indexed(self, row: SourceRow) -> bool:
        return (row.state == "indexed" and row.document_id in self._indexed) or (
            row.state == "duplicate" and row.duplicate_of in self._indexed
        )

    def _refuse(self, lead: _Lead, error: RefusedDocumentError) -> IngestResult:
        row = self._rows.get(lead.url)
        self._keep(SourceRow(lead.url, "refused", row.document_id if row else None, reason=str(error), via=lead.via))
        return IngestResult(lead.url, "refused", row.document_id if row else None, reason=str(error))

    def _keep(self, *rows: SourceRow) -> None:
        self._mark(rows)
        self._rows.update((row.source, row) for row in rows)


def _newest(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with the latest days first; those without a day keep their order, behind."""
    days = {entry: entry.modified or entry.published or dt.date.min for entry in entries}
    return sorted(entries, key=lambda entry: days[entry], reverse=True)


def find_ending(fetched: Fetched) -> str:
    """The file ending of what was fetched: by its first bytes, its media type, else its address; HTML where nothing tells."""
    for magic, ending in _MAGIC:
        if fetched.content.startswith(magic):
            return ending
    if fetched.media_type in _ENDINGS and not (fetched.media_type == "text/plain" and _ending_of(fetched.url) == ".md"):
        return _ENDINGS[fetched.media_type]
    return _ending_of(fetched.url) or ".html"


def _ending_of(url: str) -> str | None:
    ending = Path(urlsplit(url).path).suffix.lower()
    return ending if ending in READERS else None


def page_id(url: str) -> str:
    """A stable id for the document at an address: the last part of its path made plain, with a hash of the address."""
    parts = urlsplit(url)
    last = [part for part in parts.path.split("/") if part][-1:] or [parts.hostname or ""]
    plain = re.sub(r"[^a-z0-9]+", "-", Path(last[0]).stem.lower()).strip("-")[:48]
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else f"page-{digest}"
