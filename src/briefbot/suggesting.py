"""Questions to go on with that the corpus answers: made from what documents say of themselves and of each other, then asked."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from briefbot.answering import Briefbot
from briefbot.catalogue import Catalogue, china_today
from briefbot.errors import NotFoundError
from briefbot.glossary import Glossary, GlossaryEntry
from briefbot.models import Answer, Document, EdgeType, Filters, Language
from briefbot.periods import MONTHS, find_days
from briefbot.query import clean_question
from briefbot.terms import fold, query_terms

SPARE_QUESTIONS = 7
"""Candidates that are asked beyond the number wanted: one answer takes 10 to 50 ms."""

SAME_QUESTION = 0.75
"""Share of their terms from which on two questions are the same one."""

NEAR_DAYS = 200
"""Days between two documents that are close in time."""

STARTING_DOCUMENTS = 6
LINKED_DOCUMENTS = 4
NEAR_DOCUMENTS = 4
"""Documents that questions are made about: those cited, or found where none is; for each of them, those linked and those near to it."""

TOPICS_OF_CITED = 6
TOPICS_OF_OTHERS = 2
"""Questions that are made about a document at most."""

LONGEST_NAME_CHARS = 96
LONGEST_NAME_CHARS_ZH = 36

Topic = Literal[
    "duties", "bans", "penalties", "effective", "planned", "draft", "edition", "change", "afterwards", "before", "basis", "why",
    "decision", "happened", "announced", "points", "meeting", "figures",
]  # fmt: skip

QUESTIONS: Mapping[Topic, Mapping[Language, str]] = {
    "duties": {"en": "What are the main requirements of {name}?", "zh": "{name}有哪些主要要求？"},
    "bans": {"en": "What is prohibited under {name}?", "zh": "{name}禁止哪些行为？"},
    "penalties": {"en": "What penalties apply under {name}?", "zh": "{name}规定了哪些处罚？"},
    "effective": {"en": "When did {name} take effect?", "zh": "{name}自何时起施行？"},
    "planned": {"en": "When will {name} take effect?", "zh": "{name}将于何时施行？"},
    "draft": {
        "en": "What changed between the draft and the final {base}?",
        "zh": "{base}从征求意见稿到定稿有哪些变化？",
    },
    "edition": {
        "en": "What changed from the {first} to the {last} {base}?",
        "zh": "{base}从{first}年版到{last}年版有哪些变化？",
    },
    "change": {"en": "What changed from {older} to {name}?", "zh": "从{older}到{name}有哪些变化？"},
    "afterwards": {"en": "What happened to {company} after {month}?", "zh": "{month}之后{company}又发生了什么？"},
    "before": {"en": "What happened to {company} before {month}?", "zh": "{month}之前{company}发生了什么？"},
    "basis": {
        "en": "On which law did {body} base its action against {company} in {month}?",
        "zh": "{company}在{month}被处理的法律依据是什么？",
    },
    "why": {"en": "Why did {body} act against {company} in {month}?", "zh": "{company}为何在{month}受到处理？"},
    "decision": {
        "en": "What did {body} decide about {company} in {month}?",
        "zh": "{body}在{month}对{company}采取了什么措施？",
    },
    "happened": {"en": "What happened to {company} in {month}?", "zh": "{company}在{month}发生了什么？"},
    "announced": {"en": "What did {body} announce in {month}?", "zh": "{month}{body}宣布了什么？"},
    "points": {"en": "What are the main points of {name}?", "zh": "{name}的主要内容是什么？"},
    "meeting": {"en": "What did {name} call for?", "zh": "{name}提出了哪些要求？"},
    "figures": {"en": "How did {name} develop over the years?", "zh": "{name}历年有什么变化？"},
}
"""What can be asked about a document, by what its front matter holds."""

_NORMATIVE = frozenset(("law", "regulation", "rule"))
_VERSIONS: frozenset[EdgeType] = frozenset(("drafts", "amends", "supersedes"))
_SPOKEN_OF: Mapping[Topic, re.Pattern[str]] = {
    "duties": re.compile(r"\b(?:must|shall|requires?|required|obliges?|duty|duties)\b|应当|必须|要求|须|义务"),
    "penalties": re.compile(r"\b[Ff]ine[sd]?\b|\b[Pp]enal|罚"),
    "bans": re.compile(
        r"\b(?:bans?|banned|prohibits?|prohibited|may not|must not|forbids?|forbidden)\b|禁止|不得|严禁"
    ),
}
"""What a text that sets rules can be asked about, with words of which one stands in such a text and in the answer."""

_ALIKE: Mapping[Topic, Topic] = {"why": "decision", "happened": "decision", "draft": "change", "edition": "change"}
"""Topics that count as another one where suggestions are to differ."""

_LISTED = re.compile(r"\b(?:Catalogue|List)\b")
_BRACKETS = re.compile(r"\s*[(（][^()（）]*[)）]\s*$")
_EDITION = re.compile(r"[(（](\d{4})[^()（）]*[)）]\s*$")
_REPUBLIC = re.compile(r" of the People's Republic of China|^中华人民共和国")
_MEETING = re.compile(rf"(?P<body>.+?)(?: meeting)? of (?P<month>{'|'.join(MONTHS)}) (?P<year>\d{{4}})", re.IGNORECASE)
_PLENUM = re.compile(r"meeting|conference|plenum|CEWC|会议", re.IGNORECASE)
_TITLE = re.compile(
    r"\b(?:Law|Act|Regulations|Provisions|Measures|Guidelines|Rules|Catalogue|List|Opinions|Notice|Announcement|Plan|Policies|Outline)\b"
)
_ABBREVIATION = re.compile(r"[A-Z]{3}")
_TITLE_ZH = re.compile(
    r"(?:法|条例|规定|办法|细则|意见|通知|公告|决定|方案|措施|政策|规划|纲要|建议|目录|清单|指引|指南|报告)$"
)
_NO_ARTICLE = re.compile(r"\bOrder \d|\bNo\. \d|\bI{2,3}$")
_YEAR = re.compile(r"^\d{4} ")


@dataclass(frozen=True, slots=True)
class SuggestionRequest:
    """What was asked and cited so far, and what may be suggested: at most `limit` questions in `language`."""

    question: str
    language: Language = "en"
    document_ids: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    as_of: dt.date | None = None
    filters: Filters = field(default_factory=Filters)
    limit: int = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question that the corpus answers, and a document that it is about and its answer cites."""

    question: str
    document_id: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A question, the documents of which its answer must open with one, and what the quotes from them must show."""

    topic: Topic
    question: str
    about: tuple[str, ...]
    shows: Callable[[str], object] = bool
    source: str = ""
    distance: int = 0


def suggest(bot: Briefbot, request: SuggestionRequest) -> list[Suggestion]:
    """Questions to go on with, each of which the corpus answers under the request's day and filters.

    Raises `UsageError` for a malformed question or filter, and `NotFoundError` for a document that is not in the corpus.
    """
    clean_question(request.question)
    bot.check_filters(request.filters)
    catalogue = bot.corpus.catalogue()
    for id_ in request.document_ids:
        if id_ not in catalogue.documents:
            raise NotFoundError(
                f"document_ids: expected ids of documents in the corpus; got {id_[:80]}; GET /v1/documents lists them"
            )
    shelf = _Shelf(catalogue, bot.glossary, request)
    near = list(request.document_ids)
    if not any(id_ in shelf.shown for id_ in near):
        found = bot.search(request.question, top_k=12, as_of=request.as_of, filters=request.filters)
        near = [item.passage.document_id for item in found]
    return _Choice(bot, request).choose(list(shelf.ask_from(near)))


class _Names:
    """How documents, companies and bodies are called in a question; None where the language has no name for them."""

    def __init__(
        self, glossary: Glossary, language: Language, shown: Mapping[str, Document], later: Iterable[Document]
    ) -> None:
        self._glossary = glossary
        self._language = language
        self._entries = {
            fold(name): entry for entry in reversed(glossary.entries) for name in reversed((*entry.en, *entry.zh))
        }
        self._uses = Counter(
            name for item in shown.values() if item.kind != "article" for name in {fold(each) for each in item.names}
        )
        self._hidden = {fold(name) for item in later for name in item.names} - {
            fold(name) for item in shown.values() for name in item.names
        }
        self._subjects: dict[str, str | None] = {}

    def base(self, document: Document) -> str | None:
        """The name that all editions of a text share, without an article."""
        if self._language == "zh":
            return self._meeting(document) or self._base_zh(document)
        return self._normative_en(document) if document.kind in _NORMATIVE else self._distinct_en(document)

    def name(self, document: Document, *, with_edition: bool = False) -> str | None:
        """The name of a document as it stands in a sentence, with its year where other editions share the name."""
        base = self.base(document)
        if base and self._language == "zh":
            edition = _EDITION.search(document.title_zh or "")
            added = edition[0] if edition else f"（{edition_of(document)}年）"
            return f"{base[:-1]}{added}》" if with_edition and base[-1] == "》" else base
        if base and document.stage == "draft" and "draft" not in base.casefold():
            base = f"draft {base}"
        elif base and with_edition:
            base = f"{edition_of(document)} {base}"
        return f"the {base}" if base and not _NO_ARTICLE.search(base) else base

    def company(self, name: str) -> str | None:
        """The usual name of a company."""
        entry = self._entries.get(fold(name))
        return entry.names(self._language)[0] if entry else name if self._language == "en" else None

    def subject(self, document: Document) -> str | None:
        """The company that an event is about, as its front matter calls it: one in its title, or the one that announced it."""
        if document.id not in self._subjects:
            titled = {entry.id for entry in self._glossary.find(document.title, "en")}
            companies = document.companies if document.kind == "event" else ()
            named = [name for name in companies if (entry := self._entries.get(fold(name))) and entry.id in titled]
            own = companies if "COMPANY" in document.issuer else ()
            self._subjects[document.id] = next(iter((*named, *own)), None)
        return self._subjects[document.id]

    def body(self, document: Document) -> str | None:
        """The first body that issued a document."""
        for code in document.issuer:
            entry = self._entries.get(fold(code)) or self._entries.get(fold(code.replace("_", " ")))
            if entry and entry.kind == "agency":
                return entry.zh[0] if self._language == "zh" else f"the {entry.en[0]}"
        return None

    def month(self, day: dt.date | None) -> str | None:
        """The month of a day: "July 2021", "2021年7月"."""
        if day is None:
            return None
        return f"{day.year}年{day.month}月" if self._language == "zh" else f"{day:%B %Y}"

    def counted(self, document: Document) -> str | None:
        """What statistics count: the first of their names that is no body's and no person's."""
        for name in document.names:
            entry = self._entries.get(fold(name))
            if entry is None or entry.kind in {"concept", "slogan"}:
                return entry.names(self._language)[0] if entry else name if self._language == "en" else None
        return None

    def _entry_of(self, document: Document) -> GlossaryEntry | None:
        entries = (self._entries.get(fold(name)) for name in document.names)
        return next((entry for entry in entries if entry and entry.kind in {"law", "instrument"}), None)

    def _normative_en(self, document: Document) -> str | None:
        """The title where it is short, else a telling name of three to seven words, else the title, else its shortest name."""
        title = _REPUBLIC.sub("", _BRACKETS.sub("", document.title))
        entry = self._entry_of(document)
        known = [*document.names, *(name for name in (entry.en if entry else ()) if fold(name) not in self._hidden)]
        short = [name for name in known if _TITLE.search(name) and not name[0].islower() and len(name.split()) <= 7]
        telling = [name for name in short if len(name.split()) > 2 and not _ABBREVIATION.search(name)]
        is_short = len(title.split()) <= 5
        found = (
            title
            if is_short or (not telling and len(title) <= LONGEST_NAME_CHARS)
            else next(iter((*telling, *short)), None)
        )
        return found and re.sub("^Draft ", "draft ", _YEAR.sub("", found))

    def _distinct_en(self, document: Document) -> str | None:
        """A proper name that no other document has, else the title of an instrument."""
        for name in document.names:
            entry = self._entries.get(fold(name))
            words = name.split()
            is_proper = len(words) > 1 and not words[-1].islower() and "No." not in name
            if is_proper and self._uses[fold(name)] == 1 and (not entry or entry.kind in {"law", "instrument"}):
                return self._meeting(document) or name
        title = _BRACKETS.sub("", document.title)
        return title if _TITLE.search(" ".join(title.split()[:3])) and len(title) <= LONGEST_NAME_CHARS else None

    def _meeting(self, document: Document) -> str | None:
        """The meeting of a month: "Politburo meeting of July 2023", "2023年7月中共中央政治局会议"."""
        for name in document.names:
            match = _MEETING.fullmatch(name)
            entry = self._entries.get(fold(match["body"])) if match else None
            if match and entry and entry.kind == "agency":
                if self._language == "en":
                    return name.replace(match["body"], entry.en[0])
                month = MONTHS.index(match["month"].casefold()) + 1
                return f"{match['year']}年{month}月{entry.zh[0].removesuffix('会议')}会议"
        return None

    def _base_zh(self, document: Document) -> str | None:
        """The Chinese title of an instrument in its marks, else the Chinese of its name."""
        title = _REPUBLIC.sub("", _EDITION.sub("", document.title_zh or ""))
        title = re.sub(r"^\S+ .*?(?=关于)", "", title).replace("《", "〈").replace("》", "〉")
        is_instrument = document.kind in _NORMATIVE or _TITLE_ZH.search(_BRACKETS.sub("", title))
        if title and is_instrument and len(title) <= LONGEST_NAME_CHARS_ZH:
            return f"《{title}》"
        entry = self._entry_of(document) if document.stage == "adopted" else None
        return entry.zh[0] if entry and len(entry.zh[0]) <= LONGEST_NAME_CHARS_ZH else None


def edition_of(document: Document) -> str:
    """The year by which editions of a text are told apart: that of its title, else that of its publication."""
    match = _EDITION.search(document.title)
    return match[1] if match else str(document.published.year if document.published else "")


class _Shelf:
    """The documents that may be asked about, and the questions that their front matter and links suggest."""

    def __init__(self, catalogue: Catalogue, glossary: Glossary, request: SuggestionRequest) -> None:
        self.shown = catalogue.admit(request.filters, request.as_of)
        self._documents = catalogue.documents
        self._lineage = catalogue.lineage
        self._today = request.as_of or china_today()
        later = [item for item in self._documents.values() if item.published and item.published > self._today]
        self._names = _Names(glossary, request.language, self.shown, later)
        self._language = request.language
        self._whole: dict[str, str] = {}
        for item in self._documents.values():
            self._whole.update((item.id, edge.target) for edge in item.edges if self._is_summary(item, edge.target))
        self._topics = Counter(topic for item in self.shown.values() for topic in set(item.topics))
        self._family: dict[str, list[str]] = {}
        for id_ in sorted(self.shown, key=lambda id_: self.shown[id_].language != request.language):
            self._family.setdefault(self.whole(id_), []).append(id_)

    def whole(self, id_: str) -> str:
        """The text that a document is a summary of in the other language, or the document itself."""
        return self._whole.get(id_, id_)

    def _is_summary(self, document: Document, target: str) -> bool:
        other = self._documents.get(target)
        return other is not None and other.kind == document.kind and other.language != document.language

    def ask_from(self, ids: Sequence[str]) -> Iterator[_Candidate]:
        """Questions about these documents in turn, then about those linked to them, then about those near to them.

        Where none of them is there, about those that most others point at.
        """
        first = list(dict.fromkeys(self.whole(id_) for id_ in ids if id_ in self.shown))[:STARTING_DOCUMENTS]
        first = first or self._central()
        yield from self._ask_in_turn(first, TOPICS_OF_CITED, 0)
        for find, distance in ((self._linked, 0), (self._near, 2)):
            found = dict.fromkeys(other for id_ in first for other in find(self._documents[id_]) if other not in first)
            yield from self._ask_in_turn(list(found), TOPICS_OF_OTHERS, distance)

    def _ask_in_turn(self, ids: Sequence[str], most: int, distance: int) -> Iterator[_Candidate]:
        lists = [self._own(self._documents[id_])[:most] for id_ in ids]
        for row in range(most):
            for id_, found in zip(ids, lists, strict=True):
                yield from (replace(item, source=id_, distance=distance) for item in found[row : row + 1])

    def _own(self, document: Document) -> list[_Candidate]:
        if document.kind in _NORMATIVE:
            return list(self._about_text(document))
        return list(self._about_event(document) if document.kind == "event" else self._about_policy(document))

    def _make(
        self,
        topic: Topic,
        about: Iterable[str],
        names: Mapping[str, str | None],
        shows: Callable[[str], object] = bool,
    ) -> Iterator[_Candidate]:
        """A candidate where everything in it has a name, and something is left that it is about."""
        ids = tuple(id_ for one in about for id_ in self._family.get(self.whole(one), ()))
        if ids and None not in names.values():
            yield _Candidate(topic, QUESTIONS[topic][self._language].format(**names), ids, shows)

    def _about_text(self, document: Document) -> Iterator[_Candidate]:
        yield from self._changes(document)
        name = self._name(document)
        if _LISTED.search(document.title):
            yield from self._make("points", [document.id], {"name": name})
        for topic, words in _SPOKEN_OF.items():
            if any(words.search(self._documents[id_].text) for id_ in self._family[document.id]):
                yield from self._make(topic, [document.id], {"name": name}, words.search)
        yield from self._effect(document, name)

    def _changes(self, document: Document) -> Iterator[_Candidate]:
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

    def _effect(self, document: Document, name: str | None) -> Iterator[_Candidate]:
        day = document.effective_from
        if day and day != document.published:
            topic: Topic = "effective" if day <= self._today else "planned"
            yield from self._make(topic, [document.id], {"name": name}, lambda quotes: _is_named(day, quotes))

    def _about_policy(self, document: Document) -> Iterator[_Candidate]:
        name = self._name(document)
        yield from self._make("meeting" if name and _PLENUM.search(name) else "points", [document.id], {"name": name})
        if name is None:
            yield from self._announced(document)
        yield from self._effect(document, name)

    def _about_event(self, document: Document) -> Iterator[_Candidate]:
        company = self._names.subject(document)
        if company:
            yield from self._about_company(document, company)
        elif document.authority == "statistics":
            yield from self._make("figures", [document.id], {"name": self._names.counted(document)})
        else:
            yield from self._announced(document)

    def _about_company(self, document: Document, company: str) -> Iterator[_Candidate]:
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

    def _announced(self, document: Document) -> Iterator[_Candidate]:
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


class _Choice:
    """Asks candidates until enough are answered."""

    def __init__(self, bot: Briefbot, request: SuggestionRequest) -> None:
        self._bot = bot
        self._request = request
        self._said = [self._terms(text) for text in (request.question, *request.asked)]
        self._told = set(_spans(self._ask(request.question)))
        self._chosen: Counter[str] = Counter()

    def choose(self, candidates: Iterable[_Candidate]) -> list[Suggestion]:
        """The first candidates that are answered with something new; of other topics and other documents first."""
        kept: list[Suggestion] = []
        left = list(candidates)
        questions = self._request.limit + SPARE_QUESTIONS
        while left and questions and len(kept) < self._request.limit:
            candidate = min(left, key=self._cost)
            left.remove(candidate)
            if self._is_said(candidate.question):
                continue
            questions -= 1
            answer = self._ask(candidate.question)
            if self._is_good(answer, candidate):
                kept.append(self._keep(answer, candidate))
        return kept

    def _cost(self, candidate: _Candidate) -> int:
        """How often its topic was chosen, and its document beyond the first time, with its distance from what was cited."""
        topic = _ALIKE.get(candidate.topic, candidate.topic)
        return self._chosen[topic] + max(0, self._chosen[candidate.source] - 1) + candidate.distance

    def _keep(self, answer: Answer, candidate: _Candidate) -> Suggestion:
        self._said.append(self._terms(candidate.question))
        self._told.add(_spans(answer)[0])
        self._chosen.update((_ALIKE.get(candidate.topic, candidate.topic), candidate.source))
        cited = {item.document.id for item in answer.citations}
        return Suggestion(candidate.question, next(id_ for id_ in candidate.about if id_ in cited))

    def _ask(self, question: str) -> Answer:
        request = self._request
        return self._bot.ask(question, as_of=request.as_of, filters=request.filters, mode="extractive")

    def _is_good(self, answer: Answer, candidate: _Candidate) -> bool:
        """Whether an answer opens with words from a document it is to be about, that were not told before, and shows what it must."""
        if answer.abstained or answer.citations[0].document.id not in candidate.about:
            return False
        quotes = " ".join(item.quote for item in answer.citations if item.document.id in candidate.about)
        return _spans(answer)[0] not in self._told and bool(candidate.shows(quotes))

    def _is_said(self, question: str) -> bool:
        terms = self._terms(question)
        return any(len(terms & said) >= SAME_QUESTION * len(terms | said) for said in self._said)

    def _terms(self, text: str) -> frozenset[str]:
        return frozenset(query_terms(self._bot.glossary.unify(text)))


def _spans(answer: Answer) -> list[tuple[str, int, int]]:
    return [(item.document.id, item.start, item.end) for item in answer.citations]


def _month_of(document: Document) -> tuple[int, int]:
    return (document.published.year, document.published.month) if document.published else (0, 0)


def _days_between(one: Document, other: Document) -> int:
    return abs((one.published - other.published).days) if one.published and other.published else NEAR_DAYS + 1


def _is_named(day: dt.date, text: str) -> bool:
    return any(period.first == period.last == day for period in find_days(text))
