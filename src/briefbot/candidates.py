"""What could be asked of a document: questions that its front matter suggests, its links, and its neighbours in topic and time."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from briefbot.catalogue import Catalogue, china_today
from briefbot.glossary import Glossary
from briefbot.models import Document, EdgeType, Filters, Language
from briefbot.periods import find_days
from briefbot.question_wording import NORMATIVE, QUESTIONS, Names, Topic, edition_of

NEAR_DAYS = 200
"""Days between two documents that are close in time."""

STARTING_DOCUMENTS = 6
LINKED_DOCUMENTS = 4
NEAR_DOCUMENTS = 4
"""Documents that questions are made about: those cited, or found where none is; for each of them, those linked and those near to it."""

TOPICS_OF_CITED = 6
TOPICS_OF_OTHERS = 2
"""Questions that are made about a document at most."""

_VERSIONS: frozenset[EdgeType] = frozenset(("drafts", "amends", "supersedes"))
_SPOKEN_OF: Mapping[Topic, re.Pattern[str]] = {
    "duties": re.compile(r"\b(?:must|shall|requires?|required|obliges?|duty|duties)\b|应当|必须|要求|须|义务"),
    "penalties": re.compile(r"\b[Ff]ine[sd]?\b|\b[Pp]enal|罚"),
    "bans": re.compile(
        r"\b(?:bans?|banned|prohibits?|prohibited|may not|must not|forbids?|forbidden)\b|禁止|不得|严禁"
    ),
}
"""What a text that sets rules can be asked about, with words of which one stands in such a text and in the answer."""

_LISTED = re.compile(r"\b(?:Catalogue|List)\b")
_PLENUM = re.compile(r"meeting|conference|plenum|CEWC|会议", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question, the documents of which its answer must open with one, and what the quotes from them must show."""

    topic: Topic
    question: str
    about: tuple[str, ...]
    shows: Callable[[str], object] = bool
    source: str = ""
    distance: int = 0


class Shelf:
    """The documents that may be asked about, and the questions that their front matter and links suggest."""

    def __init__(
        self, catalogue: Catalogue, glossary: Glossary, language: Language, filters: Filters, as_of: dt.date | None
    ) -> None:
        self.shown = catalogue.admit(filters, as_of)
        self._documents = catalogue.documents
        self._lineage = catalogue.lineage
        self._today = as_of or china_today()
        later = [item for item in self._documents.values() if item.published and item.published > self._today]
        self._names = Names(glossary, language, self.shown, later)
        self._language = language
        self._whole: dict[str, str] = {}
        for item in self._documents.values():
            self._whole.update((item.id, edge.target) for edge in item.edges if self._is_summary(item, edge.target))
        self._topics = Counter(topic for item in self.shown.values() for topic in set(item.topics))
        self._family: dict[str, list[str]] = {}
        for id_ in sorted(self.shown, key=lambda id_: self.shown[id_].language != language):
            self._family.setdefault(self.whole(id_), []).append(id_)

    def whole(self, id_: str) -> str:
        """The text that a document is a summary of in the other language, or the document itself."""
        return self._whole.get(id_, id_)

    def _is_summary(self, document: Document, target: str) -> bool:
        other = self._documents.get(target)
        return other is not None and other.kind == document.kind and other.language != document.language

    def ask_from(self, ids: Sequence[str]) -> Iterator[Candidate]:
        """Questions about these documents in turn, then about those linked to them, then about those near to them.

        Where none of them is there, about those that most others point at.
        """
        first = list(dict.fromkeys(self.whole(id_) for id_ in ids if id_ in self.shown))[:STARTING_DOCUMENTS]
        first = first or self._central()
        yield from self._ask_in_turn(first, TOPICS_OF_CITED, 0)
        for find, distance in ((self._linked, 0), (self._near, 2)):
            found = dict.fromkeys(other for id_ in first for other in find(self._documents[id_]) if other not in first)
            yield from self._ask_in_turn(list(found), TOPICS_OF_OTHERS, distance)

    def _ask_in_turn(self, ids: Sequence[str], most: int, distance: int) -> Iterator[Candidate]:
        lists = [self._own(self._documents[id_])[:most] for id_ in ids]
        for row in range(most):
            for id_, found in zip(ids, lists, strict=True):
                yield from (replace(item, source=id_, distance=distance) for item in found[row : row + 1])

    def _own(self, document: Document) -> list[Candidate]:
        if document.kind in NORMATIVE:
            return list(self._about_text(document))
        return list(self._about_event(document) if document.kind == "event" else self._about_policy(document))

    def _make(
        self,
        topic: Topic,
        about: Iterable[str],
        names: Mapping[str, str | None],
        shows: Callable[[str], object] = bool,
    ) -> Iterator[Candidate]:
        """A candidate where everything in it has a name, and something is left that it is about."""
        ids = tuple(id_ for one in about for id_ in self._family.get(self.whole(one), ()))
        if ids and None not in names.values():
            yield Candidate(topic, QUESTIONS[topic][self._language].format(**names), ids, shows)

    def _about_text(self, document: Document) -> Iterator[Candidate]:
        yield from self._changes(document)
        name = self._name(document)
        if _LISTED.search(document.title):
            yield from self._make("points", [document.id], {"name": name})
        for topic, words in _SPOKEN_OF.items():
            if any(words.search(self._documents[id_].text) for id_ in self._family[document.id]):
                yield from self._make(topic, [document.id], {"name": name}, words.search)
        yield from self._effect(document, name)

    def _changes(self, document: Document) -> Iterator[Candidate]:
        """What changed between versions of a text that are both there."""
        pairs = [(edge.type, document, self._documents.get(edge.target)) for edge in document.edges]
        pairs += [(type_, other, document) for type_, other in self._lineage.incoming(document.id)]
        for type_, source, target in pairs:
            if (
                type_ not in _VERSIONS
                or target is None
                or not (self._is_there(source.id) and self._is_there(target.id))
            ):
                continue
            older, newer = (source, target) if type_ == "drafts" else (target, source)
            ids, base = [newer.id, older.id], self._names.base(newer)
            if type_ == "drafts":
                yield from self._make("draft", ids, {"base": base})
            elif base == self._names.base(older):
                yield from self._make(
                    "edition", ids, {"base": base, "first": edition_of(older), "last": edition_of(newer)}
                )
            else:
                yield from self._make(
                    "change", ids, {"older": self._names.name(older), "name": self._names.name(newer)}
                )

    def _effect(self, document: Document, name: str | None) -> Iterator[Candidate]:
        day = document.effective_from
        if day and day != document.published:
            topic: Topic = "effective" if day <= self._today else "planned"
            yield from self._make(topic, [document.id], {"name": name}, lambda quotes: _is_named(day, quotes))

    def _about_policy(self, document: Document) -> Iterator[Candidate]:
        name = self._name(document)
        yield from self._make("meeting" if name and _PLENUM.search(name) else "points", [document.id], {"name": name})
        if name is None:
            yield from self._announced(document)
        yield from self._effect(document, name)

    def _about_event(self, document: Document) -> Iterator[Candidate]:
        company = self._names.subject(document)
        if company:
            yield from self._about_company(document, company)
        elif document.authority == "statistics":
            yield from self._make("figures", [document.id], {"name": self._names.counted(document)})
        else:
            yield from self._announced(document)

    def _about_company(self, document: Document, company: str) -> Iterator[Candidate]:
        names = {"company": self._names.company(company), "month": self._names.month(document.published)}
        acting = {**names, "body": self._names.body(document)}
        story = [item for item in self.shown.values() if item.published and self._names.subject(item) == company]
        month = _month_of(document)
        yield from self._make("afterwards", [item.id for item in story if _month_of(item) > month], names)
        laws = [edge for edge in document.edges if edge.type == "implements"]
        if laws:
            yield from self._make("why", [document.id], acting)
        elif document.authority == "enforcement":
            yield from self._make("decision", [document.id], acting)
        yield from self._make("happened", [document.id], names)
        if laws:
            ids = [document.id, *(edge.target for edge in laws)]
            yield from self._make("basis", ids, acting, lambda quotes: any(edge.words in quotes for edge in laws))
        yield from self._make("before", [item.id for item in story if _month_of(item) < month], names)

    def _announced(self, document: Document) -> Iterator[Candidate]:
        names = {"body": self._names.body(document), "month": self._names.month(document.published)}
        yield from self._make("announced", [document.id], names)

    def _name(self, document: Document) -> str | None:
        """The name of a document, with its year where it is an edition, or another one of the same name is there."""
        others = [self._documents[id_] for id_ in self._lineage.versions(document.id) if self._is_there(id_)]
        base = self._names.base(document)
        is_shared = any(other.stage == "adopted" and self._names.base(other) == base for other in others)
        return self._names.name(document, with_edition=is_shared or "Edition)" in document.title)

    def _is_there(self, id_: str) -> bool:
        return self.whole(id_) in self._family

    def _linked(self, document: Document) -> list[str]:
        """The documents with a link to or from this one, the nearest first."""
        others = [edge.target for edge in document.edges]
        others += [other.id for _, other in self._lineage.incoming(document.id)]
        return self._order(document, {self.whole(id_) for id_ in others if self._is_there(id_)})[:LINKED_DOCUMENTS]

    def _near(self, document: Document) -> list[str]:
        """The documents on a topic of this one that are close to it in time, the nearest first."""
        close = {
            self.whole(item.id)
            for item in self.shown.values()
            if set(item.topics) & set(document.topics) and _days_between(item, document) <= NEAR_DAYS
        }
        return self._order(document, close)[:NEAR_DOCUMENTS]

    def _order(self, document: Document, ids: Iterable[str]) -> list[str]:
        """Documents but overviews and the document itself, the most alike first, then the closest in time."""
        others = [self._documents[id_] for id_ in ids if id_ != document.id]
        ranked = sorted((-self._likeness(item, document), _days_between(item, document), item.id) for item in others)
        return [id_ for *_, id_ in ranked if self._documents[id_].kind != "article"]

    def _likeness(self, one: Document, other: Document) -> float:
        """The topics that two documents share, each weighing the more the fewer have it."""
        return sum(1 / self._topics[topic] for topic in sorted(set(one.topics) & set(other.topics)))

    def _central(self) -> list[str]:
        """The documents that most others point at."""
        links = {
            id_: sum(self._is_there(other.id) for _, other in self._lineage.incoming(id_))
            for id_ in sorted(self._family)
        }
        return sorted(links, key=lambda id_: -links[id_])[:STARTING_DOCUMENTS]


def _month_of(document: Document) -> tuple[int, int]:
    return (document.published.year, document.published.month) if document.published else (0, 0)


def _days_between(one: Document, other: Document) -> int:
    return abs((one.published - other.published).days) if one.published and other.published else NEAR_DAYS + 1


def _is_named(day: dt.date, text: str) -> bool:
    return any(period.first == period.last == day for period in find_days(text))
