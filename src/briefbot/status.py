"""The legal status of a document on a day, computed from dates and edges and never typed by hand.

A new version counts from the day it takes effect; a final text replaces its draft from the day it is published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from briefbot.models import Document, EdgeType, Status

_ENDING: Mapping[EdgeType, Status] = {"repeals": "repealed", "supersedes": "superseded", "amends": "amended"}
"""Edges that end a text, strongest first."""


@dataclass(frozen=True, slots=True)
class Change:
    """A status that a document has from a day on, with the document that brought it, None where its own dates did."""

    since: dt.date
    status: Status
    because: str | None


class Lineage:
    """Which documents replaced, amended or repealed which: the edges of a corpus, readable in both directions."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = {document.id: document for document in documents}
        self._incoming: dict[str, list[tuple[EdgeType, Document]]] = {}
        for document in self._documents.values():
            for edge in document.edges:
                self._incoming.setdefault(edge.target, []).append((edge.type, document))

    def incoming(self, document_id: str) -> list[tuple[EdgeType, Document]]:
        """The edges that point at a document, each with the document it comes from."""
        return list(self._incoming.get(document_id, ()))

    def versions(self, document_id: str) -> list[str]:
        """The documents that are other versions of this one: its drafts and finals, what it replaced and what replaced it."""
        document = self._documents.get(document_id)
        kinds = {"drafts", "amends", "supersedes"}
        found = [edge.target for edge in document.edges if edge.type in kinds] if document else []
        found += [other.id for type_, other in self.incoming(document_id) if type_ in kinds]
        return [id_ for id_ in dict.fromkeys(found) if id_ in self._documents and id_ != document_id]

    def status_on(self, document: Document, on: dt.date) -> Status | None:
        """The status of `document` on the day `on`, or None on a day before it was published."""
        if document.published is not None and on < document.published:
            return None
        if document.stage == "draft" and self._final_texts(document, on):
            return "superseded"
        for type_, status in _ENDING.items():
            if any(since <= on for since in self._ends(document, type_)):
                return status
        if document.stage == "draft":
            return "draft"
        return _own_status(document, on)

    def history(self, document: Document, until: dt.date | None = None) -> list[Change]:
        """Every status a document has had or is known to get, from its publication on or up to the day `until`.

        A text without a day of publication has no first entry: since when it has its first status is not known.
        """
        changes: list[Change] = []
        for day in sorted(self._days_of_change(document)):
            status = self.status_on(document, day) if until is None or day <= until else None
            if status is not None and (not changes or changes[-1].status != status):
                changes.append(Change(day, status, self._cause(document, status, day)))
        return changes

    def replacement(self, document: Document, on: dt.date) -> Document | None:
        """The newest text that took this one's place by the day `on`, or None where it still stands."""
        finals = self._final_texts(document, on)
        newer = [
            (since, other)
            for type_ in ("supersedes", "amends")
            for since, other in self._dated_incoming(document, type_)
            if since <= on
        ]
        newer += [(final.published or dt.date.min, final) for final in finals]
        return max(newer, key=lambda pair: (pair[0], pair[1].id))[1] if newer else None

    def _days_of_change(self, document: Document) -> set[dt.date]:
        """The days on which the status of a document can become another."""
        days = {day for day in (document.published, document.effective_from) if day}
        if document.effective_to is not None and document.effective_to < dt.date.max:
            days.add(document.effective_to + dt.timedelta(days=1))
        days.update(final.published for final in self._final_texts(document, dt.date.max) if final.published)
        days.update(since for type_ in _ENDING for since in self._ends(document, type_))
        return days

    def _cause(self, document: Document, status: Status, on: dt.date) -> str | None:
        """The document that brought a status which began on the day `on`; None where its own dates did."""
        causes = [
            (since, other.id)
            for type_, ending in _ENDING.items()
            if ending == status
            for since, other in self._dated_incoming(document, type_)
            if since <= on
        ]
        if document.stage == "draft" and status == "superseded":
            causes += [(final.published or dt.date.min, final.id) for final in self._final_texts(document, on)]
        return max(causes)[1] if causes else None

    def _final_texts(self, document: Document, on: dt.date) -> list[Document]:
        drafts = (document, *self._twins(document))
        targets = (
            self._documents.get(edge.target) for draft in drafts for edge in draft.edges if edge.type == "drafts"
        )
        return [final for final in targets if final and final.published is not None and final.published <= on]

    def _ends(self, document: Document, type_: EdgeType) -> list[dt.date]:
        return [since for since, _ in self._dated_incoming(document, type_)]

    def _dated_incoming(self, document: Document, type_: EdgeType) -> list[tuple[dt.date, Document]]:
        """Edges of a type that end this text, each with the day from which it counts; a summary in the other
        language shares the fate of the text it is about."""
        targets = [document.id, *(twin.id for twin in self._twins(document))]
        found: list[tuple[dt.date, Document]] = []
        for target in targets:
            for edge_type, other in self._incoming.get(target, ()):
                since = other.effective_from or other.published
                if edge_type == type_ and other.stage == "adopted" and since is not None:
                    found.append((since, other))
        return found

    def _twins(self, document: Document) -> list[Document]:
        """Documents in the other language that this one is a summary of."""
        targets = (self._documents.get(edge.target) for edge in document.edges if edge.type == "about")
        return [twin for twin in targets if twin and twin.kind == document.kind and twin.language != document.language]


def _own_status(document: Document, on: dt.date) -> Status:
    if document.effective_from is None:
        return "final"
    if on < document.effective_from:
        return "not_yet_in_force"
    if document.effective_to is not None and document.effective_to < on:
        return "expired"
    return "in_force"
