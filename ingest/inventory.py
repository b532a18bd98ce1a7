"""What the record holds and what became of its sources, for `briefbot corpus status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from briefbot.ingest.pipeline import BUNDLED_ORIGIN
from briefbot.ingest.reports import IngestResult

from briefbot.corpus import Corpus
from briefbot.ledger import UNFINISHED, SourceRow

_SHOWN = 20
"""Sources of each sort that are printed; `--json` has all."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Counts of what the record holds, and the sources that need a look; moments are in UTC."""

    documents: int
    bundled: int
    passages: int
    earlier_versions: int
    model: str | None
    record_bytes: int
    sources: Mapping[str, int]
    last_change: str | None
    unfinished: tuple[str, ...]
    refused: tuple[IngestResult, ...]
    duplicates: tuple[IngestResult, ...]
    gone: tuple[IngestResult, ...]


def take_inventory(corpus: Corpus) -> Inventory:
    """What the record holds now; nothing is written."""
    origins, rows = corpus.origins(), corpus.sources()
    by_state: dict[str, list[SourceRow]] = {}
    for row in rows.values():
        by_state.setdefault(row.state, []).append(row)
    return Inventory(
        documents=len(origins),
        bundled=sum(origin == BUNDLED_ORIGIN for origin in origins.values()),
        passages=corpus.count_passages(),
        earlier_versions=corpus.count_versions(),
        model=corpus.meta("model"),
        record_bytes=corpus.path.stat().st_size,
        sources=dict(Counter(row.state for row in rows.values())),
        last_change=max((row.changed_at for row in rows.values()), default=None),
        unfinished=tuple(row.source for row in rows.values() if row.state in UNFINISHED),
        refused=tuple(
            IngestResult(row.source, "refused", row.document_id, row.reason) for row in by_state.get("refused", ())
        ),
        duplicates=tuple(
            IngestResult(row.source, "duplicate", row.document_id, duplicate_of=row.duplicate_of)
            for row in by_state.get("duplicate", ())
        ),
        gone=tuple(
            IngestResult(row.source, "gone", row.document_id, f"since {row.changed_at}")
            for row in by_state.get("gone", ())
        ),
    )


def render_inventory(found: Inventory) -> Iterator[str]:
    """The inventory as lines."""
    yield f"documents    {found.documents}, {found.bundled} of them bundled; {found.earlier_versions} earlier versions kept"
    yield f"passages     {found.passages}, model {found.model or '—'}, record {found.record_bytes / 1e6:.1f} MB"
    states = ", ".join(f"{count} {state}" for state, count in sorted(found.sources.items())) or "none"
    yield f"sources      {states}{f'; last change {found.last_change}' if found.last_change else ''}"
    for name, results in (("refused", found.refused), ("duplicate", found.duplicates), ("gone", found.gone)):
        for result in results[:_SHOWN]:
            note = f"same as {result.duplicate_of}" if result.duplicate_of else result.reason or ""
            yield f"{name:<12} {result.source}  {note}".rstrip()
        if len(results) > _SHOWN:
            yield f"{name:<12} and {len(results) - _SHOWN} more; --json shows all"
    for source in found.unfinished[:_SHOWN]:
        yield f"{'unfinished':<12} {source}  the next run goes on with it"
