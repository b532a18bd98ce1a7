"""The documents of one version of the record: their statuses, and which of them filters and a date leave, without a scan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from briefbot.models import Document, Filters, Language, Status
from briefbot.status import Lineage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

DAYS_KEPT = 16
"""Days of which the statuses of all documents are remembered: filters by status ask for them again and again."""


def china_today() -> dt.date:
    """Today in China, where the documents' days are counted."""
    return dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()


class Catalogue:
    """All documents of one version of the record by id, in the order of their ids, with their lineage."""

    def __init__(self, version: str, documents: Iterable[Document]) -> None:
        self.version = version
        self.documents: Mapping[str, Document] = {
            document.id: document for document in sorted(documents, key=lambda document: document.id)
        }
        self.lineage = Lineage(self.documents.values())
        self.table = DocumentTable(tuple(self.documents.values()))
        self._statuses: dict[dt.date, dict[str, Status | None]] = {}

    def status_of(self, document: Document, as_of: dt.date | None = None) -> Status:
        """The status of a document on the day asked about, or today."""
        return self.status_on(document.id, as_of or china_today()) or "final"

    def status_on(self, document_id: str, day: dt.date) -> Status | None:
        """The status of a document on a day, worked out once; None on a day before it was published."""
        known = self._statuses.get(day)
        if known is None:
            if len(self._statuses) >= DAYS_KEPT:
                self._statuses.clear()
            known = self._statuses.setdefault(day, {})
        if document_id not in known:
            known[document_id] = self.lineage.status_on(self.documents[document_id], day)
        return known[document_id]

    def choose(self, filters: Filters, as_of: dt.date | None) -> Mask | None:
        """The rows of `table` that filters and date leave; None where nothing is restricted."""
        if as_of is None and filters.is_empty():
            return None
        chosen = self.table.choose(filters, as_of)
        if filters.status:
            day = as_of or china_today()
            for row, id_ in enumerate(self.documents):
                if chosen[row]:
                    chosen[row] = self.status_on(id_, day) in filters.status
        return chosen

    def admit(self, filters: Filters, as_of: dt.date | None) -> dict[str, Document]:
        """The documents that filters and date leave, by id."""
        chosen = self.choose(filters, as_of)
        return {id_: item for row, (id_, item) in enumerate(self.documents.items()) if chosen is None or chosen[row]}


class DocumentTable:
    """Documents, a row each, by the values that filters ask for."""

    def __init__(self, documents: Sequence[Document]) -> None:
        import numpy as np

        self.rows = {document.id: row for row, document in enumerate(documents)}
        self._by_value: dict[tuple[str, str], list[int]] = {}
        for row, document in enumerate(documents):
            values: list[tuple[str, str]] = [("kind", document.kind), ("language", document.language)]
            values += [("issuer", issuer) for issuer in document.issuer]
            values += [("topic", topic) for topic in document.topics]
            values += [("document_id", document.id)]
            for value in values:
                self._by_value.setdefault(value, []).append(row)
        self._is_dated = np.array([document.published is not None for document in documents], dtype=bool)
        days = [document.published.toordinal() if document.published else 0 for document in documents]
        self._days = np.array(days, dtype=np.int64)

    def values(self, field: str) -> set[str]:
        """The values that documents have in a field that filters ask for."""
        return {value for name, value in self._by_value if name == field}

    def choose(self, filters: Filters, as_of: dt.date | None) -> Mask:
        """The rows that pass every filter but the status, and were published by `as_of`."""
        import numpy as np

        chosen = np.ones(len(self.rows), dtype=bool)
        for field in ("kind", "issuer", "topic", "language", "document_id"):
            wanted = getattr(filters, field)
            if wanted:
                passes = np.zeros(len(self.rows), dtype=bool)
                for value in wanted:
                    passes[self._by_value.get((field, value), [])] = True
                chosen &= passes
        if filters.published_from:
            chosen &= self._is_dated & (self._days >= filters.published_from.toordinal())
        for last in (filters.published_to, as_of):
            if last:
                chosen &= self._is_dated & (self._days <= last.toordinal())
        return chosen


@dataclass(frozen=True, slots=True)
class PassageTable:
    """Every passage of the record in its order: number, id, document (a row of the document table) and language."""

    ids: Sequence[str]
    numbers: NDArray[np.int64]
    documents: NDArray[np.int32]
    is_of: dict[Language, Mask]
    rows: dict[str, int]

    @classmethod
    def of(cls, passages: Sequence[tuple[int, str, str, Language]], documents: DocumentTable) -> PassageTable:
        """From (number, id, document id, language) by rising number; passages of unknown documents are left out."""
        import numpy as np

        known = [item for item in passages if item[2] in documents.rows]
        ids = [item[1] for item in known]
        languages = [item[3] for item in known]
        return cls(
            ids=ids,
            numbers=np.array([item[0] for item in known], dtype=np.int64),
            documents=np.array([documents.rows[item[2]] for item in known], dtype=np.int32),
            is_of={name: np.array([each == name for each in languages], dtype=bool) for name in sorted(set(languages))},
            rows={id_: row for row, id_ in enumerate(ids)},
        )

    def select(self, language: Language, documents: Mask | None) -> Mask:
        """The passages of a language in these documents."""
        mask = self.is_of[language]
        return mask if documents is None else mask & documents[self.documents]

    def ids_of(self, numbers: Sequence[int], within: Mask) -> list[str]:
        """The ids of the passages with these numbers that `within` holds, in the same order."""
        import numpy as np

        if not numbers or not len(self.numbers):
            return []
        wanted = np.asarray(numbers, dtype=np.int64)
        rows = np.minimum(np.searchsorted(self.numbers, wanted), len(self.numbers) - 1)
        kept = rows[(self.numbers[rows] == wanted) & within[rows]]
        return [self.ids[row] for row in kept]

    def keep(self, ids: Iterable[str], within: Mask) -> list[str]:
        """Those of these ids that `within` holds, in the same order."""
        rows = self.rows
        return [id_ for id_ in ids if (row := rows.get(id_)) is not None and within[row]]
