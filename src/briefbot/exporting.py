"""What an export holds, the same in every format: its sections, footnotes and closing lines, and the labels around them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from urllib.parse import quote

from briefbot.api.schemas import AnswerOut, CitationOut, DocumentOut
from briefbot.errors import UsageError
from briefbot.models import Language
from briefbot.texts import STATUSES

LABELS: Mapping[str, Mapping[Language, str]] = {
    "as_of": {"en": "As of {day}", "zh": "截至{day}"},
    "today": {"en": "As of the day it was asked", "zh": "截至提问当日"},
    "filtered": {"en": "Only {filters}", "zh": "筛选条件：{filters}"},
    "unfiltered": {"en": "No filters", "zh": "未设筛选条件"},
    "extractive": {"en": "In the sources' own sentences", "zh": "由来源原文组成"},
    "generative": {
        "en": "Written by a language model and checked against the sources",
        "zh": "由语言模型撰写，并与来源核对",
    },
    "answered": {"en": "Answered", "zh": "已作答"},
    "abstained": {"en": "Not answered", "zh": "未作答"},
    "notice": {"en": "Note", "zh": "注意"},
    "checked": {
        "en": "In italics: written by a language model and checked against the quotes.",
        "zh": "斜体：由语言模型撰写，并与引文核对。",
    },
    "verbatim": {"en": " The rest: the sources' own sentences.", "zh": "其余：来源原文。"},
    "other_title": {"en": " ({title})", "zh": "（{title}）"},
    "published": {"en": "published {day}", "zh": "发布于{day}"},
    "status_on": {"en": "{status} on {day}", "zh": "截至{day}{status}"},
    "status_then": {"en": "{status} when asked", "zh": "提问时{status}"},
    "document": {"en": "document {id}", "zh": "文件{id}"},
    "link": {"en": ", official text: ", "zh": "，官方文本："},
    "corpus": {"en": "Corpus version: {version}; receipts: {ids}", "zh": "语料库版本：{version}；回执：{ids}"},
    "kind": {"en": "kind {values}", "zh": "类型为{values}"},
    "issuer": {"en": "issuer {values}", "zh": "发布机关为{values}"},
    "topic": {"en": "topic {values}", "zh": "主题为{values}"},
    "language": {"en": "language {values}", "zh": "语言为{values}"},
    "document_id": {"en": "document {values}", "zh": "文件为{values}"},
    "status": {"en": "status {values}", "zh": "状态为{values}"},
    "published_from": {"en": "published from {values}", "zh": "发布不早于{values}"},
    "published_to": {"en": "published to {values}", "zh": "发布不晚于{values}"},
    "comma": {"en": ", ", "zh": "，"},
    "semicolon": {"en": "; ", "zh": "；"},
    "colon": {"en": ": ", "zh": "："},
    "stop": {"en": ".", "zh": "。"},
}
"""What an export says itself, in the language of the answer."""

MOST_PARTS = 5_000
"""Lines, marks, statements, citations and notices of one file; fifty answers of the bundled corpus have 700."""

_LONGEST_LINK_CHARS = 2000
"""Word calls a file with a longer one damaged."""

_MARK = re.compile(r"\[([0-9]{1,3})\]")
_LINE = re.compile(r"[^\n]+")
_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write; readers of Markdown replace or drop most of it."""

_WEB = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[1-5]?[0-9]{1,4})?(?:[/?#]\S*)?", re.IGNORECASE)
_ENTITY = re.compile(r"(&[#\w]+);")


@dataclass(frozen=True, slots=True)
class Run:
    """Words of one kind, or, where `note` is not 0, the reference to that footnote."""

    text: str
    note: int = 0
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A footnote: the exact quote, where it is from, and the link to the official text, empty where there is none."""

    language: Language
    quote: str
    source: str
    link: str


@dataclass(frozen=True, slots=True)
class Section:
    """One answer: its question in a line, the context, paragraphs and notices as runs, and the legend, which may be empty."""

    language: Language
    heading: str
    context: str
    paragraphs: tuple[tuple[Run, ...], ...]
    notices: tuple[tuple[Run, ...], ...]
    legend: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What every format shows: `notes` are numbered from 1 through all sections, in order of first use."""

    sections: tuple[Section, ...]
    notes: tuple[Note, ...]
    closing: tuple[str, ...]


def lay_out(answers: Sequence[AnswerOut]) -> Layout:
    """The contents of an export; a citation without a mark has its footnote at the end of the answer's text.

    Raises `UsageError` where they have more than `MOST_PARTS` parts.
    """
    parts = sum(_count_parts(answer) for answer in answers)
    if parts > MOST_PARTS:
        raise UsageError(
            f"answers: expected at most {MOST_PARTS:,} lines, marks and citations; got {parts:,}; export fewer at a time"
        )
    notes: list[Note] = []
    sections = tuple(_lay_out_answer(answer, notes) for answer in answers)
    return Layout(sections, tuple(notes), tuple(_close(answers)))


def say(label: str, language: Language, **values: object) -> str:
    """What a label says in a language, with the values that it has gaps for."""
    return LABELS[label][language].format(**values)


def clean(text: str) -> str:
    """A text with its lines ended by one character each, and without what no file can hold."""
    return _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _count_parts(answer: AnswerOut) -> int:
    texts = [answer.text, *(notice.message for notice in answer.notices)]
    marks_and_lines = sum(1 + text.count("[") + text.count("\n") for text in texts)
    return marks_and_lines + len(answer.statements) + len(answer.citations)


class _Numbering:
    """The footnotes of one answer's citations, after those that `notes` holds."""

    def __init__(self, answer: AnswerOut, notes: list[Note]) -> None:
        self._answer = answer
        self._notes = notes
        self._places = {item.number: place for place, item in reversed([*enumerate(answer.citations)])}
        self._given: dict[int, int] = {}

    def of_mark(self, number: int) -> int:
        """The footnote of a mark; 0 where no citation has its number."""
        return self._give(self._places[number]) if number in self._places else 0

    def rest(self) -> list[int]:
        """The footnotes of the citations that have none yet."""
        return [self._give(place) for place in range(len(self._answer.citations)) if place not in self._given]

    def _give(self, place: int) -> int:
        if place not in self._given:
            self._notes.append(_make_note(self._answer, self._answer.citations[place]))
            self._given[place] = len(self._notes)
        return self._given[place]


def _lay_out_answer(answer: AnswerOut, notes: list[Note]) -> Section:
    numbering = _Numbering(answer, notes)
    checked = _find_checked(answer)
    lines = [match.span() for match in _LINE.finditer(answer.text) if match[0].strip()]
    paragraphs = [[*_read_runs(answer.text, span, numbering, checked)] for span in lines] or [[]]
    paragraphs[-1] += [Run("", number) for number in numbering.rest()]
    notices = [" ".join(notice.message.split()) for notice in answer.notices]
    kinds = sorted({item.support for item in answer.statements})
    return Section(
        language=answer.language,
        heading=" ".join(answer.question.split()),
        context=_describe_context(answer),
        paragraphs=tuple(tuple(runs) for runs in paragraphs if runs),
        notices=tuple(tuple(_read_runs(text, (0, len(text)), numbering, [False] * len(text))) for text in notices),
        legend="".join(say(kind, answer.language) for kind in kinds) if "checked" in kinds else "",
    )


def _find_checked(answer: AnswerOut) -> list[bool]:
    """For each character of the text, whether it is of a statement that a model wrote."""
    length = len(answer.text)
    steps = [0] * (length + 1)
    for item in answer.statements:
        start, end = max(item.start, 0), min(item.end, length)
        if item.support == "checked" and start < end:
            steps[start] += 1
            steps[end] -= 1
    return [depth > 0 for depth in accumulate(steps)]


def _read_runs(text: str, span: tuple[int, int], numbering: _Numbering, checked: Sequence[bool]) -> Iterator[Run]:
    """The runs of a part of a text; the space before a mark goes with the mark."""
    at, end = span
    for mark in _MARK.finditer(text, at, end):
        number = numbering.of_mark(int(mark[1]))
        if number:
            last = mark.start() - (text[at : mark.start()].endswith(" "))
            yield from _read_words(text, at, last, checked)
            yield Run("", number)
            at = mark.end()
    yield from _read_words(text, at, end, checked)


def _read_words(text: str, start: int, end: int, checked: Sequence[bool]) -> Iterator[Run]:
    for is_checked, group in groupby(range(start, end), key=checked.__getitem__):
        places = [*group]
        yield Run(text[places[0] : places[-1] + 1], is_checked=is_checked)


def _describe_context(answer: AnswerOut) -> str:
    language = answer.language
    comma, semicolon = say("comma", language), say("semicolon", language)
    given = answer.filters.model_dump(mode="json", exclude_none=True)
    filters = [
        say(name, language, values=values if isinstance(values, str) else comma.join(values))
        for name, values in given.items()
    ]
    parts = (
        say("as_of", language, day=answer.as_of) if answer.as_of else say("today", language),
        say("filtered", language, filters=semicolon.join(filters)) if filters else say("unfiltered", language),
        say(answer.mode, language),
        say("abstained" if answer.abstained else "answered", language),
    )
    return " ".join(" · ".join(parts).split())


def _make_note(answer: AnswerOut, citation: CitationOut) -> Note:
    document, language = citation.document, answer.language
    other = document.title_zh if document.title_zh != document.title else None
    parts = (
        document.title + (say("other_title", language, title=other) if other else ""),
        *document.issuer,
        say("published", language, day=document.published) if document.published else "",
        _describe_status(answer, document),
        citation.locator,
        say("document", language, id=document.id),
    )
    source = say("comma", language).join(" ".join(part.split()) for part in parts if part.strip())
    return Note(language, citation.quote, source, _link_to(document.url))


def _describe_status(answer: AnswerOut, document: DocumentOut) -> str:
    if document.status is None:
        return ""
    status = STATUSES[document.status][answer.language]
    return say("status_on" if answer.as_of else "status_then", answer.language, status=status, day=answer.as_of)


def _link_to(url: str | None) -> str:
    """An http or https URL with whatever a reader could take for something else encoded; else nothing."""
    if url is None or not _WEB.fullmatch(url):
        return ""
    link = _ENTITY.sub(r"\1%3B", quote(clean(url), safe="%/:?#!$&'()*+,;=~@"))
    return link if len(link) <= _LONGEST_LINK_CHARS else ""


def _close(answers: Sequence[AnswerOut]) -> Iterator[str]:
    """A line for each version of the corpus, with the answers from it."""
    for version in dict.fromkeys(answer.corpus_version for answer in answers):
        drawn = [answer for answer in answers if answer.corpus_version == version]
        language = drawn[0].language
        ids = say("comma", language).join(answer.id for answer in drawn)
        yield " ".join(say("corpus", language, version=version, ids=ids).split())
