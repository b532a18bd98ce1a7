"""What suggested questions say: a text for each topic and language, and the names of documents, companies and bodies in them."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from briefbot.glossary import Glossary, GlossaryEntry
from briefbot.models import Document, Language
from briefbot.periods import MONTHS
from briefbot.terms import fold

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

NORMATIVE = frozenset(("law", "regulation", "rule"))
"""Kinds of documents that set rules."""

_BRACKETS = re.compile(r"\s*[(（][^()（）]*[)）]\s*$")
_EDITION = re.compile(r"[(（](\d{4})[^()（）]*[)）]\s*$")
_REPUBLIC = re.compile(r" of the People's Republic of China|^中华人民共和国")
_MEETING = re.compile(rf"(?P<body>.+?)(?: meeting)? of (?P<month>{'|'.join(MONTHS)}) (?P<year>\d{{4}})", re.IGNORECASE)
_TITLE = re.compile(
    r"\b(?:Law|Act|Regulations|Provisions|Measures|Guidelines|Rules|Catalogue|List|Opinions|Notice|Announcement|Plan|Policies|Outline)\b"
)
_ABBREVIATION = re.compile(r"[A-Z]{3}")
_TITLE_ZH = re.compile(
    r"(?:法|条例|规定|办法|细则|意见|通知|公告|决定|方案|措施|政策|规划|纲要|建议|目录|清单|指引|指南|报告)$"
)
_NO_ARTICLE = re.compile(r"\bOrder \d|\bNo\. \d|\bI{2,3}$")
_YEAR = re.compile(r"^\d{4} ")


class Names:
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
        return self._normative_en(document) if document.kind in NORMATIVE else self._distinct_en(document)

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
        is_instrument = document.kind in NORMATIVE or _TITLE_ZH.search(_BRACKETS.sub("", title))
        if title and is_instrument and len(title) <= LONGEST_NAME_CHARS_ZH:
            return f"《{title}》"
        entry = self._entry_of(document) if document.stage == "adopted" else None
        return entry.zh[0] if entry and len(entry.zh[0]) <= LONGEST_NAME_CHARS_ZH else None


def edition_of(document: Document) -> str:
    """The year by which editions of a text are told apart: that of its title, else that of its publication."""
    match = _EDITION.search(document.title)
    return match[1] if match else str(document.published.year if document.published else "")
