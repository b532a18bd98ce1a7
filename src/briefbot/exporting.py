"""Cited answers as files to read and pass on: Markdown, and Word documents with real footnotes.

Questions, answers and documents are untrusted: nothing in them becomes markup, a link or a file that cannot be opened.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import Any
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
_HAN = re.compile(r"[\u3400-\u9fff]")
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
        legend="".join(_say(kind, answer.language) for kind in kinds) if "checked" in kinds else "",
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


def _say(label: str, language: Language, **values: object) -> str:
    return LABELS[label][language].format(**values)


def _describe_context(answer: AnswerOut) -> str:
    language = answer.language
    comma, semicolon = _say("comma", language), _say("semicolon", language)
    given = answer.filters.model_dump(mode="json", exclude_none=True)
    filters = [
        _say(name, language, values=values if isinstance(values, str) else comma.join(values))
        for name, values in given.items()
    ]
    parts = (
        _say("as_of", language, day=answer.as_of) if answer.as_of else _say("today", language),
        _say("filtered", language, filters=semicolon.join(filters)) if filters else _say("unfiltered", language),
        _say(answer.mode, language),
        _say("abstained" if answer.abstained else "answered", language),
    )
    return " ".join(" · ".join(parts).split())


def _make_note(answer: AnswerOut, citation: CitationOut) -> Note:
    document, language = citation.document, answer.language
    other = document.title_zh if document.title_zh != document.title else None
    parts = (
        document.title + (_say("other_title", language, title=other) if other else ""),
        *document.issuer,
        _say("published", language, day=document.published) if document.published else "",
        _describe_status(answer, document),
        citation.locator,
        _say("document", language, id=document.id),
    )
    source = _say("comma", language).join(" ".join(part.split()) for part in parts if part.strip())
    return Note(language, citation.quote, source, _link_to(document.url))


def _describe_status(answer: AnswerOut, document: DocumentOut) -> str:
    if document.status is None:
        return ""
    status = STATUSES[document.status][answer.language]
    return _say("status_on" if answer.as_of else "status_then", answer.language, status=status, day=answer.as_of)


def _link_to(url: str | None) -> str:
    """An http or https URL with whatever a reader could take for something else encoded; else nothing."""
    if url is None or not _WEB.fullmatch(url):
        return ""
    link = _ENTITY.sub(r"\1%3B", quote(_clean(url), safe="%/:?#!$&'()*+,;=~@"))
    return link if len(link) <= _LONGEST_LINK_CHARS else ""


def _close(answers: Sequence[AnswerOut]) -> Iterator[str]:
    """A line for each version of the corpus, with the answers from it."""
    for version in dict.fromkeys(answer.corpus_version for answer in answers):
        drawn = [answer for answer in answers if answer.corpus_version == version]
        language = drawn[0].language
        ids = _say("comma", language).join(answer.id for answer in drawn)
        yield " ".join(_say("corpus", language, version=version, ids=ids).split())


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


_ACTIVE = re.compile(r"[\\`*_\[\]{}<>&~^$|#@]|\.(?=[^\W\d_])|(?<=www)\.|:(?=\S)|/(?=/)|\A[(:]|!\Z", re.IGNORECASE)
"""What Markdown, HTML or a finder of bare links would act on; a mark may stand before and after."""

_ACTIVE_FIRST = re.compile(r"\A([0-9]*)([-+=.)])")
_CORE = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)
"""From the first letter or digit to the last: emphasis can begin and end there in every script."""


def write_markdown(answers: Sequence[AnswerOut]) -> str:
    """The answers as Markdown with footnotes; what is quoted reads exactly as in its source.

    Raises `UsageError` where they are too many for one file.
    """
    layout = lay_out(answers)
    blocks: list[str] = []
    for section in layout.sections:
        notice, colon = _say("notice", section.language), _say("colon", section.language)
        blocks += (f"# {_escape(section.heading)}", _escape(section.context))
        blocks += (_start_line(_write_runs(runs)) for runs in section.paragraphs)
        blocks += (f"> **{notice}**{colon}{_write_runs(runs)}" for runs in section.notices)
        blocks += [_escape(section.legend)] if section.legend else []
    blocks += ("---", *(_escape(line) for line in layout.closing))
    blocks += (_write_note(number, note) for number, note in enumerate(layout.notes, start=1))
    return "\n\n".join(blocks) + "\n"


def _write_runs(runs: Sequence[Run]) -> str:
    written = ""
    for before, run in pairwise((Run(""), *runs)):
        if run.note:
            written += f"{' ' if before.note else ''}[^{run.note}]"
            continue
        words = _emphasise(run.text) if run.is_checked else _escape(run.text)
        written += f"\\{words}" if before.text and words.startswith((".", "/")) else words
    return written


def _emphasise(text: str) -> str:
    core = _CORE.search(text)
    if core is None:
        return _escape(text)
    return f"{_escape(text[: core.start()])}*{_escape(core[0])}*{_escape(text[core.end() :])}"


def _start_line(written: str) -> str:
    """The paragraph, without what would make its beginning a list, a rule or a block of code."""
    return _ACTIVE_FIRST.sub(r"\1\\\2", written.lstrip(" \t"), count=1)


def _escape(text: str) -> str:
    return _ACTIVE.sub(r"\\\g<0>", _clean(text)).replace("\n", "&#10;")


def _write_note(number: int, note: Note) -> str:
    """A footnote; it ends with a full stop, so that no reader can take it for the definition of a link."""
    link = f"{_say('link', note.language)}<{note.link}>" if note.link else ""
    return f"[^{number}]: “{_escape(note.quote)}” — {_escape(note.source)}{link}{_say('stop', note.language)}"


_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
_FONT = "SimSun"
"""What Word writes Chinese with; the template leaves it to a theme, which chooses a Japanese font."""

_FOOTNOTES = f"""<w:footnotes {_W} {_R}>
<w:footnote w:type="separator" w:id="-1"><w:p><w:r><w:separator/></w:r></w:p></w:footnote>
<w:footnote w:type="continuationSeparator" w:id="0"><w:p><w:r><w:continuationSeparator/></w:r></w:p></w:footnote>
</w:footnotes>"""
_SETTINGS = f'<w:footnotePr {_W}><w:footnote w:id="-1"/><w:footnote w:id="0"/></w:footnotePr>'
_STYLES = (
    f"""<w:style {_W} w:type="paragraph" w:styleId="FootnoteText"><w:name w:val="footnote text"/>
<w:basedOn w:val="Normal"/><w:pPr><w:spacing w:after="40" w:line="240" w:lineRule="auto"/></w:pPr>
<w:rPr><w:sz w:val="18"/><w:szCs w:val="18"/></w:rPr></w:style>""",
    f"""<w:style {_W} w:type="character" w:styleId="FootnoteReference"><w:name w:val="footnote reference"/>
<w:basedOn w:val="DefaultParagraphFont"/><w:rPr><w:vertAlign w:val="superscript"/></w:rPr></w:style>""",
    f"""<w:style {_W} w:type="character" w:styleId="Hyperlink"><w:name w:val="Hyperlink"/>
<w:basedOn w:val="DefaultParagraphFont"/><w:rPr><w:color w:val="0563C1"/><w:u w:val="single"/></w:rPr></w:style>""",
)


def write_docx(answers: Sequence[AnswerOut]) -> bytes:
    """The answers as a Word document with footnotes; a second mark of a citation is a field that repeats its number.

    Raises `UsageError` where they are too many for one file.
    """
    import docx

    layout = lay_out(answers)
    document = docx.Document()
    _prepare(document, layout)
    body = document.element.body
    page = body.sectPr
    referred: set[int] = set()
    for section in layout.sections:
        _add_words(_add_paragraph(body, "Heading1"), section.heading)
        _add_words(_add_paragraph(body), section.context)
        for runs in section.paragraphs:
            _add_runs(_add_paragraph(body), runs, referred)
        for runs in section.notices:
            paragraph = _add_paragraph(body)
            _add_words(paragraph, _say("notice", section.language), bold=True)
            _add_runs(paragraph, (Run(_say("colon", section.language)), *runs), referred)
        if section.legend:
            _add_words(_add_paragraph(body), section.legend)
    for line in layout.closing:
        _add_words(_add_paragraph(body), line)
    body.append(page)
    _add_footnotes(document, layout.notes)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def _prepare(document: Any, layout: Layout) -> None:
    """Styles, settings, fonts and properties of a new document; nothing of how its template was made stays."""
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.oxml import parse_xml
    from docx.oxml.ns import qn

    styles, settings = document.styles.element, document.settings.element
    styles.extend(parse_xml(style) for style in _STYLES)
    for fonts in styles.iter(qn("w:rFonts")):
        if fonts.attrib.pop(qn("w:eastAsiaTheme"), None):
            fonts.set(qn("w:eastAsia"), _FONT)
    for language in (*styles.iter(qn("w:lang")), *settings.iter(qn("w:themeFontLang"))):
        language.set(qn("w:eastAsia"), "zh-CN")
    settings.find(qn("w:compat")).addprevious(parse_xml(_SETTINGS))
    properties = document.core_properties
    properties.title = _clean(layout.sections[0].heading)[:200] if layout.sections else ""
    properties.author, properties.comments = "briefbot", ""
    for dated in [*properties._element.iter(qn("dcterms:created"), qn("dcterms:modified"))]:
        properties._element.remove(dated)
    relations = document.part.package.rels
    for id_ in [id_ for id_, relation in relations.items() if relation.reltype == RELATIONSHIP_TYPE.THUMBNAIL]:
        del relations[id_]


def _add_runs(paragraph: Any, runs: Sequence[Run], referred: set[int]) -> None:
    """Add runs to a paragraph; `referred` holds the footnotes that have their reference, and takes those of the runs."""
    for before, run in pairwise((Run(""), *runs)):
        if not run.note:
            _add_words(paragraph, run.text, italic=run.is_checked)
            continue
        if before.note:
            _add_words(paragraph, ", ", style="FootnoteReference")
        if run.note in referred:
            field = _add(paragraph, "w:fldSimple", instr=f" NOTEREF _Note{run.note} \\f \\h ")
            _add_words(field, str(run.note), style="FootnoteReference")
        else:
            referred.add(run.note)
            _add(paragraph, "w:bookmarkStart", id=run.note, name=f"_Note{run.note}")
            _add(_add_words(paragraph, "", style="FootnoteReference"), "w:footnoteReference", id=run.note)
            _add(paragraph, "w:bookmarkEnd", id=run.note)


def _add_footnotes(document: Any, notes: Sequence[Note]) -> None:
    from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import XmlPart
    from docx.oxml import parse_xml

    root = parse_xml(_FOOTNOTES)
    part = XmlPart(PackURI("/word/footnotes.xml"), CONTENT_TYPE.WML_FOOTNOTES, root, document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    links: dict[str, str] = {}
    for number, note in enumerate(notes, start=1):
        paragraph = _add_paragraph(_add(root, "w:footnote", id=number), "FootnoteText")
        _add(_add_words(paragraph, "", style="FootnoteReference"), "w:footnoteRef")
        _add_words(paragraph, f" “{note.quote}” — {note.source}")
        if note.link:
            _add_words(paragraph, _say("link", note.language))
            _add_words(_add_link(paragraph, note.link, part, links), note.link, style="Hyperlink")
        _add_words(paragraph, _say("stop", note.language))


def _add_link(paragraph: Any, url: str, part: Any, links: dict[str, str]) -> Any:
    """Add a link out of a part: its element. `links` holds the ids of those the part has, and takes that of a new one."""
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.oxml.ns import qn

    if url not in links:
        links[url] = f"rId{len(links) + 1}"
        part.load_rel(RELATIONSHIP_TYPE.HYPERLINK, url, links[url], is_external=True)
    link = _add(paragraph, "w:hyperlink")
    link.set(qn("r:id"), links[url])
    return link


def _add_paragraph(parent: Any, style: str = "") -> Any:
    paragraph = _add(parent, "w:p")
    if style:
        _add(_add(paragraph, "w:pPr"), "w:pStyle", val=style)
    return paragraph


def _add_words(parent: Any, text: str, *, style: str = "", italic: bool = False, bold: bool = False) -> Any:
    """Add a run: its element. One with Chinese is marked so, since its quotation marks and dashes are as wide then."""
    run = _add(parent, "w:r")
    kinds = _add(run, "w:rPr")
    if style:
        _add(kinds, "w:rStyle", val=style)
    if _HAN.search(text):
        _add(kinds, "w:rFonts", hint="eastAsia", eastAsia=_FONT)
    if bold:
        _add(kinds, "w:b")
    if italic:
        _add(kinds, "w:i")
    run.text = _clean(text)
    return run


def _add(parent: Any, tag: str, **values: object) -> Any:
    """Add an element with attributes of Word's namespace: the element."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement(tag, {qn(f"w:{name}"): str(value) for name, value in values.items()})
    parent.append(element)
    return element
