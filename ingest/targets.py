"""Everything a user names at once - paths, addresses, a catalogue - taken in by one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from briefbot.ingest.addresses import AddressGuard
from briefbot.ingest.fetching import Fetcher, FetchLimits
from briefbot.ingest.pipeline import Ingestor
from briefbot.ingest.reports import IngestResult
from briefbot.ingest.sandbox import Sandbox
from briefbot.ingest.sources import Description, SourceFile, find_source_files, is_url
from briefbot.ingest.sources_file import OFFICIAL, OFFICIAL_FILE, ListedSource, read_sources_file
from briefbot.ingest.web import WebGatherer

from briefbot.corpus import Corpus
from briefbot.embedding import Progress
from briefbot.errors import UsageError
from briefbot.ledger import SourceRow
from briefbot.settings import Settings


@dataclass(frozen=True, slots=True)
class Targets:
    """What to take in: paths, what is said of some of them, and what to fetch."""

    paths: tuple[Path, ...]
    listed: tuple[ListedSource, ...]
    descriptions: dict[Path, Description]


def read_targets(named: Sequence[str], catalogue: str | None = None) -> Targets:
    """Paths and addresses from a command line, with the entries of a catalogue.

    Raises `UsageError` for an empty list or a faulty catalogue, `NotFoundError` for a catalogue that does not exist.
    """
    file = OFFICIAL_FILE if catalogue == OFFICIAL else Path(catalogue) if catalogue else None
    entries = read_sources_file(file) if file else []
    if not named and not entries:
        raise UsageError("ingest: expected paths, addresses or --catalogue; got none; name what to take in")
    folder = file.absolute().parent if file else Path()
    described = {folder / entry.path: entry.describe() for entry in entries if entry.path}
    return Targets(
        paths=(*(Path(name) for name in named if not is_url(name)), *described),
        listed=(
            *(ListedSource(url=name) for name in named if is_url(name)),
            *(entry for entry in entries if entry.url),
        ),
        descriptions=described,
    )


class Fetching:
    """How pages are fetched: by whom, within which limits, and through which guard."""

    def __init__(self, settings: Settings, *, limits: FetchLimits | None = None) -> None:
        self._guard = AddressGuard((settings.fetch_allowed or "").replace(",", " ").split())
        self._limits = limits or FetchLimits(delay_seconds=settings.fetch_delay_seconds)
        self.folder = settings.home / "fetched"

    def open(self) -> Fetcher:
        """A fetcher for one run; close it at the end."""
        return Fetcher(self._guard, limits=self._limits)


def ingest_targets(
    targets: Targets, corpus: Corpus, ingestor: Ingestor, fetching: Fetching, *, progress: Progress | None = None
) -> list[IngestResult]:
    """Fetch what is to be fetched, then take in everything in one run; raises as `Ingestor.ingest` does.

    Paths are looked at first, so that one that does not exist stops the run before anything is asked of anybody.
    """
    find_source_files(targets.paths, corpus.sources())
    pages = list(_gather(targets.listed, corpus, fetching, progress)) if targets.listed else []
    return ingestor.ingest(targets.paths, pages=pages, descriptions=targets.descriptions, progress=progress)


def _gather(
    listed: Sequence[ListedSource], corpus: Corpus, fetching: Fetching, progress: Progress | None
) -> Iterator[SourceFile | IngestResult]:
    def mark(rows: Sequence[SourceRow]) -> None:
        with corpus.writing():
            corpus.put_sources(rows)

    with closing(fetching.open()) as fetcher, closing(Sandbox()) as sandbox:
        gatherer = WebGatherer(
            fetcher,
            sandbox,
            fetching.folder,
            rows=corpus.sources(),
            indexed=corpus.content_hashes(),
            mark=mark,
        )
        for done, found in enumerate(gatherer.gather(listed), 1):
            if progress:
                progress("fetching", done, max(done, len(listed)))
            yield found
