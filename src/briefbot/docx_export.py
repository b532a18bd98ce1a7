"""Cited answers as Word documents with real footnotes.

Questions, answers and documents are untrusted: nothing in them becomes markup, a link or a file that cannot be opened.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from briefbot.api.schemas import AnswerOut
from briefbot.exporting import Layout, Note, Run, clean, lay_out, say

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
_FONT = "SimSun"
"""What Word writes Chinese with; the template leaves it to a theme, which chooses a Japanese font."""

_HAN = re.compile(r"[\u3400-\u9fff]")
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
            _add_words(paragraph, say("notice", section.language), bold=True)
            _add_runs(paragraph, (Run(say("colon", section.language)), *runs), referred)
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
    properties.title = clean(layout.sections[0].heading)[:200] if layout.sections else ""
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
            _add_words(paragraph, say("link", note.language))
            _add_words(_add_link(paragraph, note.link, part, links), note.link, style="Hyperlink")
        _add_words(paragraph, say("stop", note.language))


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
    run.text = clean(text)
    return run


def _add(parent: Any, tag: str, **values: object) -> Any:
    """Add an element with attributes of Word's namespace: the element."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement(tag, {qn(f"w:{name}"): str(value) for name, value in values.items()})
    parent.append(element)
    return element
