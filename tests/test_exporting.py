"""Exports: the quotes as they are, footnotes that fit their marks, and nothing of what strangers wrote at work in a file."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import docx
import pytest
from briefbot.ingest.readers.docx import read_docx
from clients import TestClient
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree  # type: ignore[import-untyped]
from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from briefbot.answering import Briefbot
from briefbot.api.exports import describe_attachment, exports, name_file
from briefbot.api.problems import add_problem_handlers
from briefbot.api.schemas import AnswerOut
from briefbot.docx_export import write_docx
from briefbot.errors import UsageError
from briefbot.exporting import LABELS, MOST_PARTS, lay_out
from briefbot.markdown_export import write_markdown

ENGLISH = "How much was Alibaba fined in April 2021, and by whom?"
CHINESE = "滴滴被罚了多少钱？"
UNANSWERABLE = "What is the boiling point of gold in Paris?"
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
PLACED = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def answers(bot: Briefbot) -> list[AnswerOut]:
    asked = ((ENGLISH, dt.date(2022, 1, 31)), (CHINESE, None), (UNANSWERABLE, None))
    return [AnswerOut.of(bot.ask(question, as_of=day, mode="extractive")) for question, day in asked]


def all_quotes(answers: list[AnswerOut]) -> list[str]:
    return [citation.quote for answer in answers for citation in answer.citations]


def all_links(answers: list[AnswerOut]) -> list[str]:
    return [citation.document.url for answer in answers for citation in answer.citations if citation.document.url]


def in_plain_marks(answers: list[AnswerOut]) -> list[str]:
    """The paragraphs of the answers with their marks numbered through, without the space before a mark."""
    lines, before = [], 0
    for answer in answers:
        text = re.sub(r" ?\[(\d+)\]", lambda mark, offset=before: f"[{int(mark[1]) + offset}]", answer.text)  # type: ignore[misc]
        lines += [line for line in text.split("\n") if line]
        before += len(answer.citations)
    return lines


@dataclass
class Rendered:
    """What a reader of Markdown shows: blocks of text, footnotes by number, italics, links, and what is used besides."""

    blocks: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    references: list[int] = field(default_factory=list)
    italics: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)


def render(markdown: str) -> Rendered:
    """Render as a reader with footnotes does: definitions are taken out, references are shown as `[1]`."""
    shown = Rendered()
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    body = []
    for block in markdown.split("\n\n"):
        definition = re.fullmatch(r"\[\^(\d+)\]: (.*)\n?", block, re.DOTALL)
        if definition is None:
            body.append(re.sub(r"\\.|\[\^(\d+)\]", lambda found: _refer(found, shown), block, flags=re.DOTALL))
            continue
        assert int(definition[1]) not in shown.notes
        (shown.notes[int(definition[1])],) = _show(parser.parse(definition[2]), shown)
    shown.blocks = _show(parser.parse("\n\n".join(body)), shown)
    return shown


def _refer(found: re.Match[str], shown: Rendered) -> str:
    if found[1] is None:
        return found[0]
    shown.references.append(int(found[1]))
    return f"\\[{found[1]}\\]"


def _show(tokens: list[Token], shown: Rendered) -> list[str]:
    blocks = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        shown.used.add(token.type)
        if token.type == "inline":
            text = "".join(_show_inline(token.children or [], shown))
            blocks.append(text)
            if before is not None and before.type == "heading_open":
                shown.headings.append(text)
    return blocks


def _show_inline(tokens: list[Token], shown: Rendered) -> Iterator[str]:
    italic: list[str] | None = None
    for token in tokens:
        shown.used.add(token.type)
        if token.type == "em_open":
            italic = []
        elif token.type == "em_close":
            shown.italics.append("".join(italic or []))
            italic = None
        elif token.type == "link_open":
            shown.links.append(str(token.attrs["href"]))
        else:
            text = "\n" if token.type in {"softbreak", "hardbreak"} else token.content
            if italic is not None:
                italic.append(text)
            yield text


MARKDOWN_USED = {
    "heading_open", "heading_close", "paragraph_open", "paragraph_close", "blockquote_open", "blockquote_close", "inline", "hr",
    "text", "em_open", "em_close", "strong_open", "strong_close", "link_open", "link_close",
}  # fmt: skip


@dataclass
class Word:
    """What a Word file holds, read from its parts."""

    parts: dict[str, bytes]
    paragraphs: list[str]
    notes: dict[int, str]
    references: list[int]
    repeated: list[int]
    italics: list[str]
    links: list[str]


def read_word(data: bytes) -> Word:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        parts = {name: file.read(name) for name in file.namelist()}
    body = etree.fromstring(parts["word/document.xml"])
    notes = etree.fromstring(parts["word/footnotes.xml"])
    targets = relations_of(parts, "word/footnotes.xml")
    return Word(
        parts=parts,
        paragraphs=[text_of(paragraph) for paragraph in body.iter(f"{W}p")],
        notes={int(note.get(f"{W}id")): text_of(note) for note in notes.iter(f"{W}footnote")},
        references=[int(item.get(f"{W}id")) for item in body.iter(f"{W}footnoteReference")],
        repeated=[int(re.findall(r"_Note(\d+)", item.get(f"{W}instr"))[0]) for item in body.iter(f"{W}fldSimple")],
        italics=[text_of(run) for run in body.iter(f"{W}r") if run.find(f"{W}rPr/{W}i") is not None],
        links=[targets[item.get(f"{RELATION}id")] for item in notes.iter(f"{W}hyperlink")],
    )


def relations_of(parts: dict[str, bytes], name: str) -> dict[str, str]:
    path = PurePosixPath(name)
    found = parts.get(f"{path.parent}/_rels/{path.name}.rels".removeprefix("./"), b"<none/>")
    return {item.get("Id"): item.get("Target") for item in etree.fromstring(found).iter(PLACED)}


def text_of(element: Any) -> str:
    """The text as Word shows it, with `[1]` for a reference to a footnote and for a field that repeats one."""
    fields = [run for field_ in element.iter(f"{W}fldSimple") for run in field_]
    pieces = []
    for item in element.iter():
        if item.tag == f"{W}t":
            is_number = item.getparent() in fields
            between = item.text == ", " and item.getparent().find(f"{W}rPr/{W}rStyle") is not None
            pieces.append("" if between else f"[{item.text}]" if is_number else item.text or "")
        elif item.tag == f"{W}footnoteReference":
            pieces.append(f"[{item.get(f'{W}id')}]")
        elif item.tag in {f"{W}br", f"{W}tab"}:
            pieces.append("\t" if item.tag == f"{W}tab" else "\n")
    return "".join(pieces)


def make_writable(text: str) -> str:
    """The text without what XML 1.0 forbids (section 2.2), its line ends as newlines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        char
        for char in lines
        if char in "\t\n" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char >= "\U00010000"
    )


def test_every_quote_has_its_footnote_in_markdown(answers: list[AnswerOut]) -> None:
    shown = render(write_markdown(answers))
    quotes = all_quotes(answers)
    assert len(quotes) > 5
    assert list(shown.notes) == list(range(1, len(quotes) + 1))
    for note, quote in zip(shown.notes.values(), quotes, strict=True):
        assert note.startswith(f"“{quote}” — ")
    assert sorted(set(shown.references)) == list(shown.notes)
    assert shown.links == all_links(answers) != []
    assert shown.headings == [ENGLISH, CHINESE, UNANSWERABLE]
    assert [line for line in shown.blocks if line in in_plain_marks(answers)] == in_plain_marks(answers)
    assert shown.used <= MARKDOWN_USED


def test_every_quote_has_its_footnote_in_word(answers: list[AnswerOut]) -> None:
    word = read_word(write_docx(answers))
    quotes = all_quotes(answers)
    assert list(word.notes) == [-1, 0, *range(1, len(quotes) + 1)]
    for note, quote in zip(list(word.notes.values())[2:], quotes, strict=True):
        assert note.startswith(f" “{quote}” — ")
    assert word.references == list(range(1, len(quotes) + 1))
    assert word.links == all_links(answers)
    assert [line for line in word.paragraphs if line in in_plain_marks(answers)] == in_plain_marks(answers)


def test_a_footnote_names_title_issuer_dates_status_place_and_document(answers: list[AnswerOut]) -> None:
    english, chinese, _ = answers
    first, other = lay_out([english]).notes[2], lay_out([chinese]).notes[2]
    document = english.citations[2].document
    assert first.source == (
        f"{document.title} ({document.title_zh}), {document.issuer[0]}, published {document.published}, "
        f"final on 2022-01-31, {english.citations[2].locator}, document {document.id}"
    )
    cited = chinese.citations[2].document
    assert other.source == (
        f"{cited.title}（{cited.title_zh}），{cited.issuer[0]}，发布于{cited.published}，"
        f"提问时为最终文本，{chinese.citations[2].locator}，文件{cited.id}"
    )


def test_the_context_tells_day_filters_mode_and_whether_it_is_answered(answers: list[AnswerOut]) -> None:
    english, chinese, unanswered = lay_out(answers).sections
    assert english.context == "As of 2022-01-31 · No filters · In the sources' own sentences · Answered"
    assert chinese.context == "截至提问当日 · 未设筛选条件 · 由来源原文组成 · 已作答"
    assert unanswered.context.endswith("· Not answered")
    filters = answers[0].filters.model_copy(update={"issuer": ["SAMR", "CAC"], "published_to": dt.date(2024, 12, 31)})
    changed = answers[0].model_copy(update={"filters": filters, "mode": "generative"})
    assert lay_out([changed]).sections[0].context == (
        "As of 2022-01-31 · Only issuer SAMR, CAC; published to 2024-12-31 · "
        "Written by a language model and checked against the sources · Answered"
    )


def test_the_end_names_the_corpus_and_every_receipt(answers: list[AnswerOut]) -> None:
    other = answers[2].model_copy(update={"corpus_version": "sha256:other"})
    closing = lay_out([*answers[:2], other]).closing
    assert closing[0].endswith(f"{answers[0].corpus_version}; receipts: {answers[0].id}, {answers[1].id}")
    assert closing[1] == f"Corpus version: sha256:other; receipts: {other.id}"
    assert read_word(write_docx(answers)).paragraphs[-1] == render(write_markdown(answers)).blocks[-1]


def test_both_languages_have_every_label_with_the_same_gaps() -> None:
    for name, texts in LABELS.items():
        assert set(texts) == {"en", "zh"}, name
        assert len({tuple(sorted(re.findall(r"\{\w+\}", text))) for text in texts.values()}) == 1, name


def test_notices_are_shown_and_their_marks_lead_to_the_same_footnotes(answers: list[AnswerOut]) -> None:
    notice = {"kind": "premise_differs", "message": "The source has “18” [2].", "document_id": None}
    given = answers[0].model_dump(mode="json") | {"notices": [notice]}
    answer = AnswerOut.model_validate(given)
    shown, word = render(write_markdown([answer])), read_word(write_docx([answer]))
    assert "Note: The source has “18”[2]." in shown.blocks
    assert "Note: The source has “18”[2]." in word.paragraphs
    assert word.repeated == [2]
    assert word.references == list(range(1, len(answer.citations) + 1))
    assert b'w:name="_Note2"' in word.parts["word/document.xml"]


@pytest.mark.parametrize("which", ["none", "first", "all"])
def test_what_a_model_wrote_is_in_italics_and_the_legend_says_so(answers: list[AnswerOut], which: str) -> None:
    checked = {"none": [], "first": [0], "all": [0, 1, 2, 3]}[which]
    given = answers[0].model_dump(mode="json")
    for place in checked:
        given["statements"][place]["support"] = "checked"
    answer = AnswerOut.model_validate(given)
    shown, word = render(write_markdown([answer])), read_word(write_docx([answer]))
    marked = [re.sub(r" \[\d+\]", "", answer.statements[place].text) for place in checked]
    assert shown.italics == [text.removesuffix(".") for text in marked]
    assert "".join(word.italics) == "".join(marked)
    legend = lay_out([answer]).sections[0].legend
    assert ("In italics" in legend, "The rest" in legend) == (bool(checked), which == "first")
    assert (legend in shown.blocks, legend in word.paragraphs) == (bool(checked), bool(checked))


def test_citations_without_a_mark_and_marks_without_a_citation_lose_nothing(answers: list[AnswerOut]) -> None:
    given = answers[0].model_dump(mode="json") | {"text": "Only this [2], and not [9].", "statements": []}
    given["citations"][3]["number"] = 2
    answer = AnswerOut.model_validate(given)
    quotes = [answer.citations[place].quote for place in (1, 0, 2, 3)]
    assert [note.quote for note in lay_out([answer]).notes] == quotes
    assert "Only this[1], and not [9].[2] [3] [4]" in render(write_markdown([answer])).blocks
    assert read_word(write_docx([answer])).references == [1, 2, 3, 4]


def test_the_word_file_is_a_sound_package(answers: list[AnswerOut]) -> None:
    word = read_word(write_docx(answers))
    types = etree.fromstring(word.parts["[Content_Types].xml"])
    defaults = {item.get("Extension") for item in types if item.tag.endswith("Default")}
    overrides = {item.get("PartName"): item.get("ContentType") for item in types if item.tag.endswith("Override")}
    assert overrides["/word/footnotes.xml"].endswith("wordprocessingml.footnotes+xml")
    names = set(word.parts) - {"[Content_Types].xml"}
    assert all(f"/{name}" in overrides or name.rpartition(".")[2] in defaults for name in names)
    assert {name.removeprefix("/") for name in overrides} <= names
    for name in (name for name in names if name.endswith(".rels")):
        folder = PurePosixPath(name).parent.parent
        for item in etree.fromstring(word.parts[name]).iter(PLACED):
            if item.get("TargetMode") != "External":
                parts = [part for part in (folder / item.get("Target")).parts if part != "."]
                while ".." in parts:
                    at = parts.index("..")
                    del parts[at - 1 : at + 1]
                assert "/".join(parts) in names, item.get("Target")
    assert "footnotes.xml" in relations_of(word.parts, "word/document.xml").values()


def test_the_word_file_has_the_settings_and_styles_of_footnotes_and_a_chinese_font(answers: list[AnswerOut]) -> None:
    parts = read_word(write_docx(answers)).parts
    settings_ = etree.fromstring(parts["word/settings.xml"])
    properties = settings_.find(f"{W}footnotePr")
    assert [item.get(f"{W}id") for item in properties] == ["-1", "0"]
    assert properties.getnext().tag == f"{W}compat"
    styles = etree.fromstring(parts["word/styles.xml"])
    ids = [style.get(f"{W}styleId") for style in styles.iter(f"{W}style")]
    assert len(ids) == len(set(ids))
    used = {
        item.get(f"{W}val")
        for name in ("word/document.xml", "word/footnotes.xml")
        for item in etree.fromstring(parts[name]).iter(f"{W}pStyle", f"{W}rStyle")
    }
    assert used == {"Heading1", "FootnoteText", "FootnoteReference", "Hyperlink"} & set(ids)
    fonts = styles.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr/{W}rFonts")
    assert fonts.get(f"{W}eastAsia") == "SimSun"
    assert b"eastAsiaTheme" not in parts["word/styles.xml"]
    for name in ("word/document.xml", "word/footnotes.xml"):
        for run in etree.fromstring(parts[name]).iter(f"{W}r"):
            if re.search(r"[\u4e00-\u9fff]", "".join(run.itertext())):
                assert run.find(f"{W}rPr/{W}rFonts").get(f"{W}eastAsia") == "SimSun"


def test_other_readers_of_word_open_the_file(answers: list[AnswerOut]) -> None:
    data = write_docx(answers)
    file = docx.Document(io.BytesIO(data))
    headings = [item.text for item in file.paragraphs if item.style.name == "Heading 1"]
    assert headings == [answer.question for answer in answers]
    assert (file.core_properties.title, file.core_properties.author) == (ENGLISH, "briefbot")
    read = read_docx(data, Path("answers.docx"))
    assert f"## {CHINESE}" in read.text
    again = io.BytesIO()
    file.save(again)
    assert read_word(again.getvalue()).notes == read_word(data).notes


PIECES = (
    "](http://evil.test)", "[x](http://evil.test)", "![x](y)", "<img src=x>", "<script>", "<!--", "-->",
    "<http://evil.test>", "<a@b.c>", "http://evil.test", "www.evil.test", "WWW.1.test", "evil.com", "//evil.test",
    "mailto:a@b.c", "`", "```", "~~~", "~~", "*", "**", "_", "#", "# ", "## ", "\n", "\n\n", "\r\n", "\r", "[^1]:",
    "[^1]: ", "[^1]", "[1]", "[2]", "[9]", "[1](http://evil.test)", "[2]: x", "![1]",
    "[", "]", "(", ")", "{", "}", "|", "|-|", "---", "===", "1. ", "1) ", "- ",
    "+ ", "> ", "    ", "\t", " ", "  \n", "\\", "\\\n", "&lt;", "&#60;", "&", ";", "!", ":", "/", ".", "\"", "'",
    " \"t\"", "$x$", "^", "@x", "word", " word ", "1", "中文", "。", "，", "“", "”", "é", "e\u0301", "😀", "\x00", "\x0b",
    "\x1b[0m", "\x85", "\u2028", "\xa0", "\u3000", "\ufeff", "\ufffe", "\u202e", "_x000D_", "]]>", "%s", "{title}",
)  # fmt: skip
nasty = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=["Cs"]), max_size=8).map("".join)
urls = st.sampled_from(
    (None, "", "javascript:alert(1)", "http://", "https://a.test/x_y_(z)?a=1&b=2#c", "http://a.test/\">x", "http://a.test/ b",
     "http://a.test/中?&lt;=<b>", "HTTP://A.test:80", "ftp://a.test/", "http://[a", "http://a.test:99999/", "http://a.test/" + "x" * 3000)
)  # fmt: skip
LINKS = {
    "https://a.test/x_y_(z)?a=1&b=2#c": "https://a.test/x_y_(z)?a=1&b=2#c",
    'http://a.test/">x': "http://a.test/%22%3Ex",
    "http://a.test/中?&lt;=<b>": "http://a.test/%E4%B8%AD?&lt%3B=%3Cb%3E",
    "HTTP://A.test:80": "HTTP://A.test:80",
}
"""The official links among them, as they are written."""


@st.composite
def nasty_answers(draw: st.DrawFn) -> AnswerOut:
    document: dict[str, Any] = {
        "kind": "rule", "authority": "rule", "force": "binding", "phase": None, "stage": "adopted", "number": None, "number_zh": None,
        "published": "2021-08-20", "effective_from": None, "effective_to": None, "status": draw(st.sampled_from([None, "in_force"])),
        "language": "en", "topics": [], "companies": [],
    }  # fmt: skip
    citations = [
        {
            "number": number, "passage_id": "p", "quote": draw(nasty), "start": 0, "end": 1, "locator": draw(nasty),
            "document": {**document, "id": draw(nasty), "title": draw(nasty), "title_zh": draw(st.none() | nasty), "url": draw(urls),
                         "issuer": draw(st.lists(nasty, max_size=2))},
        }
        for number in (1, 2)
    ]  # fmt: skip
    text = draw(nasty) + draw(nasty)
    spans = st.tuples(st.integers(-2, len(text) + 2), st.integers(-2, len(text) + 2))
    statements = [
        {"text": "", "start": start, "end": end, "citations": [], "support": draw(st.sampled_from(["checked", "verbatim"]))}
        for start, end in draw(st.lists(spans, max_size=3))
    ]  # fmt: skip
    return AnswerOut.model_validate(
        {
            "id": draw(nasty), "question": draw(nasty), "standalone_question": "", "language": draw(st.sampled_from(["en", "zh"])),
            "mode": "extractive", "as_of": draw(st.sampled_from([None, "2022-01-31"])),
            "filters": {"topic": [draw(nasty)]}, "abstained": False, "abstention_reason": None,
            "text": text, "statements": statements, "citations": citations, "confidence": 0.5,
            "notices": [{"kind": "draft_source", "message": draw(nasty), "document_id": None}],
            "corpus_version": draw(nasty), "timings_ms": {}, "tokens": {},
        }
    )  # fmt: skip


def expected_notes(answers: list[AnswerOut]) -> list[tuple[str, str]]:
    return [(make_writable(note.quote), make_writable(note.source)) for note in lay_out(answers).notes]


@settings(max_examples=300, deadline=None)
@given(st.lists(nasty_answers(), min_size=1, max_size=2))
def test_nothing_that_strangers_wrote_is_markup_in_markdown(answers: list[AnswerOut]) -> None:
    markdown = write_markdown(answers)
    shown = render(markdown)
    expected = expected_notes(answers)
    assert list(shown.notes) == list(range(1, len(expected) + 1)) == sorted(set(shown.references))
    for note, (quote, source) in zip(shown.notes.values(), expected, strict=True):
        assert note.startswith(f"“{quote}” — {source}")
    assert sorted(shown.links) == sorted(links_of(answers))
    assert shown.used <= MARKDOWN_USED
    assert len(shown.headings) == len(answers)
    for heading, answer in zip(shown.headings, answers, strict=True):
        assert heading.split() == make_writable(" ".join(answer.question.split())).split()
    written = re.sub(r"<https?://[^>]*>", "", markdown, flags=re.IGNORECASE)
    assert not re.search(r"(?<!\\)(?:\w:[\w/]|//|www\.|\w@\w|<|!\[|\]\(|\]:(?! “))", written, re.IGNORECASE)
    plain = [token for token in MarkdownIt("commonmark").parse(markdown) if token.type == "inline"]
    followed = [
        str(child.attrs["href"]) for token in plain for child in token.children or [] if child.type == "link_open"
    ]
    assert sorted(followed) == sorted(links_of(answers))


def links_of(answers: list[AnswerOut]) -> list[str]:
    cited = [citation.document.url or "" for answer in answers for citation in answer.citations]
    return [LINKS[url] for url in cited if url in LINKS]


@settings(max_examples=60, deadline=None)
@given(st.lists(nasty_answers(), min_size=1, max_size=2))
def test_whatever_strangers_wrote_the_word_file_opens_and_has_it(answers: list[AnswerOut]) -> None:
    data = write_docx(answers)
    docx.Document(io.BytesIO(data))
    word = read_word(data)
    expected = expected_notes(answers)
    assert word.references == list(range(1, len(expected) + 1))
    assert set(word.repeated) <= set(word.references)
    assert set(word.notes) == {-1, 0, *word.references}
    for number, (quote, source) in enumerate(expected, start=1):
        assert word.notes[number].startswith(f" “{quote}” — {source}")
    assert sorted(word.links) == sorted(links_of(answers))


def test_more_than_a_file_holds_is_refused(answers: list[AnswerOut]) -> None:
    answer = answers[0].model_copy(update={"text": "[1]" * MOST_PARTS})
    for write in (write_markdown, write_docx):
        with pytest.raises(UsageError, match="export fewer"):
            write([answer])


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """The route by itself, under the limit that every body has: it needs neither corpus nor journal."""
    app = FastAPI()
    app.include_router(exports)
    add_problem_handlers(app)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=1_000_000)
    with TestClient(app) as opened:
        yield opened


def as_body(answers: list[AnswerOut]) -> dict[str, Any]:
    return {"answers": [answer.model_dump(mode="json") for answer in answers]}


def test_the_route_gives_the_file_in_either_format(client: TestClient, answers: list[AnswerOut]) -> None:
    response = client.post("/v1/export/markdown", json=as_body(answers))
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    assert response.content.decode() == write_markdown(answers)
    assert 'filename="briefbot-2022-01-31-how-much-was-alibaba-fined' in response.headers["content-disposition"]
    response = client.post("/v1/export/docx", json=as_body(answers))
    assert response.headers["content-type"] == WORD_TYPE
    assert read_word(response.content).notes == read_word(write_docx(answers)).notes


def test_an_unknown_format_is_refused_with_those_that_exist(client: TestClient, answers: list[AnswerOut]) -> None:
    response = client.post("/v1/export/pdf", json=as_body(answers))
    assert response.status_code == 422
    assert response.json()["detail"] == "format: expected 'markdown' or 'docx'; got pdf; correct the request"


def test_none_too_many_unknown_fields_and_what_is_no_answer_are_refused(
    client: TestClient, answers: list[AnswerOut]
) -> None:
    unanswered = answers[2].model_dump(mode="json")
    half = json.dumps({"answers": [{**unanswered, "text": "\ud800"}]})
    bodies: tuple[dict[str, Any], ...] = (
        {"answers": []},
        {"answers": [unanswered] * 51},
        {"answers": [unanswered], "title": "x"},
        {"answers": [{"id": "ans_1"}]},
    )
    for body in bodies:
        assert client.post("/v1/export/markdown", json=body).status_code == 422
    for format_ in ("markdown", "docx"):
        assert client.post(f"/v1/export/{format_}", content=half, headers=JSON).status_code == 422
    marks = {**unanswered, "text": "[1]" * MOST_PARTS}
    assert "export fewer" in client.post("/v1/export/docx", json={"answers": [marks]}).json()["detail"]


def test_what_a_newer_service_adds_to_an_answer_is_no_obstacle(client: TestClient, answers: list[AnswerOut]) -> None:
    body = as_body(answers)
    body["answers"][0]["mood"] = "calm"
    body["answers"][0]["citations"][0]["document"]["mood"] = "calm"
    assert client.post("/v1/export/markdown", json=body).content.decode() == write_markdown(answers)


def test_the_body_may_be_larger_than_others_but_not_without_end(client: TestClient, answers: list[AnswerOut]) -> None:
    def send(chars: int) -> int:
        body = as_body([answers[2].model_copy(update={"text": "x" * chars})])
        return client.post("/v1/export/markdown", json=body).status_code

    assert (send(3_500_000), send(4_100_000)) == (200, 413)


def test_the_description_has_both_media_types(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]["/v1/export/{format}"]["post"]
    assert set(described["responses"]["200"]["content"]) == {"text/markdown; charset=utf-8", WORD_TYPE}


def test_a_chinese_question_names_the_file_in_full_for_who_can_read_it(
    client: TestClient, answers: list[AnswerOut]
) -> None:
    answer = answers[1].model_copy(update={"as_of": dt.date(2022, 1, 31)})
    header = client.post("/v1/export/docx", json=as_body([answer])).headers["content-disposition"]
    assert header.startswith('attachment; filename="briefbot-2022-01-31.docx"; filename*=UTF-8')
    assert unquote(header.rpartition("'")[2]) == "briefbot-2022-01-31-滴滴被罚了多少钱.docx"


@given(st.text() | nasty)
def test_a_question_of_any_characters_makes_a_name_that_is_one(question: str) -> None:
    name = name_file(question, dt.date(2022, 1, 31))
    header = describe_attachment(f"{name}.md")
    assert re.fullmatch(
        r"attachment; filename=\"briefbot-2022-01-31[\w-]*\.md\"; filename\*=UTF-8''[\w.%~-]+", header, re.ASCII
    )
    assert len(name) <= 81
