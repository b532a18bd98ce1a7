"""Readers: every format arrives with its title, date, issuer, language and locators; hostile files are refused within limits."""

from __future__ import annotations

import datetime as dt
import io
import os
import random
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docx
import pytest
from briefbot.ingest.engines import read_document
from briefbot.ingest.passages import split_passages
from briefbot.ingest.pipeline import CORPUS_FOLDER
from briefbot.ingest.readers.archive import HIGHEST_RATIO
from briefbot.ingest.readers.formats import read_file
from briefbot.ingest.readers.pdf import join_pages, unwrap_lines
from briefbot.ingest.readers.text import clean_text
from briefbot.ingest.sandbox import Sandbox
from briefbot.ingest.sources import SourceFile, open_archives
from conftest import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas

from briefbot.child import ChildProcess
from briefbot.errors import RefusedDocumentError
from briefbot.models import Document

ENGLISH_TITLE = "Harbour fees raised for ferries"
ENGLISH = (
    "The harbour office raised the fee for ferries to RMB 300 a day on 3 May 2024.",
    "Ferry companies had asked for a lower fee, and the office declined.",
    "The new fee applies from 1 June 2024 and is paid at noon.",
)
CHINESE_TITLE = "中华人民共和国港口渡轮管理条例"
CHINESE = (
    "2024年5月3日国务院令第799号公布 自2024年6月1日起施行",
    "第一章 总则",
    "第一条 为了规范港口渡轮管理，制定本条例。",
    "第二条 在中华人民共和国境内经营渡轮，应当缴纳港口费。",
    "第三条 港口费每日三百元，由港口管理机构收取。",
    "第四条 本条例自2024年6月1日起施行。",
)


# ------------------------------------------------------------------ files of every format


def make_pdf(title: str, paragraphs: tuple[str, ...], *, chinese: bool = False) -> bytes:
    """A PDF with one paragraph a page, broken into short lines as typesetting does."""
    buffer = io.BytesIO()
    page = canvas.Canvas(buffer, pagesize=A4)
    page.setTitle(title)
    font = "Helvetica"
    if chinese:
        pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
        font = "STSong-Light"
    width = 18 if chinese else 40
    for number, paragraph in enumerate((title, *paragraphs)):
        if number > 1:
            page.showPage()
        page.setFont(font, 12)
        height = 780 if number != 1 else 740
        for at in range(0, len(paragraph), width):
            page.drawString(60, height, paragraph[at : at + width])
            height -= 18
    page.save()
    return buffer.getvalue()


def make_docx(title: str, paragraphs: tuple[str, ...]) -> bytes:
    file = docx.Document()
    file.core_properties.title = title
    file.add_heading(title, 0)
    for paragraph in paragraphs:
        file.add_paragraph(paragraph)
    table = file.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "ferry", "300"
    buffer = io.BytesIO()
    file.save(buffer)
    return buffer.getvalue()


def make_html(title: str, paragraphs: tuple[str, ...], *, encoding: str = "utf-8") -> bytes:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    page = (
        f'<html><head><meta charset="{encoding}"><title>{title}</title>'
        '<meta property="article:published_time" content="2024-05-03">'
        '<link rel="canonical" href="https://example.org/ferries"></head><body><nav><a href="/">Home</a> <a href="/x">Subscribe now</a></nav>'
        f"<article><h1>{title}</h1>{body}</article><footer>Cookies and more cookies</footer></body></html>"
    )
    return page.encode(encoding)


def make_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@dataclass(frozen=True)
class Expected:
    file: str
    make: Callable[[], bytes]
    title: str
    published: dt.date | None
    issuer: tuple[str, ...]
    language: str
    locator: str
    words: str


TABLE = (
    Expected("ferries.pdf", lambda: make_pdf(ENGLISH_TITLE, ENGLISH), ENGLISH_TITLE, None, ("PRESS",), "en", "p. 2", "the office declined"),
    Expected("ferries.docx", lambda: make_docx(ENGLISH_TITLE, ENGLISH), ENGLISH_TITLE, None, ("PRESS",), "en", ENGLISH_TITLE, "the office declined"),
    Expected("ferries.html", lambda: make_html(ENGLISH_TITLE, ENGLISH), ENGLISH_TITLE, dt.date(2024, 5, 3), ("PRESS",), "en", "", "the office declined"),
    Expected("ferries.txt", lambda: "\n\n".join((ENGLISH_TITLE, *ENGLISH)).encode("utf-16"), ENGLISH_TITLE, None, ("PRESS",), "en", "", "the office declined"),
    Expected("rules.txt", lambda: "\n\n".join((CHINESE_TITLE, *CHINESE)).encode("gb18030"), CHINESE_TITLE, dt.date(2024, 5, 3), ("STATE_COUNCIL",), "zh", "第一章 总则 第二条", "应当缴纳港口费"),
    Expected("rules.md", lambda: f"# {CHINESE_TITLE}\n\n{CHINESE[0]}\n\n## {CHINESE[1]}\n\n{chr(10).join(f'{line}{chr(10)}' for line in CHINESE[2:])}".encode(), CHINESE_TITLE, dt.date(2024, 5, 3), ("STATE_COUNCIL",), "zh", "第一章 总则 第二条", "应当缴纳港口费"),
    Expected("rules.html", lambda: make_html(CHINESE_TITLE, CHINESE, encoding="gb2312"), CHINESE_TITLE, dt.date(2024, 5, 3), ("STATE_COUNCIL",), "zh", "第二条", "应当缴纳港口费"),
    Expected("rules.docx", lambda: make_docx(CHINESE_TITLE, CHINESE), CHINESE_TITLE, dt.date(2024, 5, 3), ("STATE_COUNCIL",), "zh", "第二条", "应当缴纳港口费"),
    Expected("rules.pdf", lambda: make_pdf(CHINESE_TITLE, CHINESE, chinese=True), CHINESE_TITLE, dt.date(2024, 5, 3), ("STATE_COUNCIL",), "zh", "第二条", "应当缴纳港口费"),
)  # fmt: skip


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox()


def passage_of(document: Document, words: str) -> str:
    """The locator of the passage that holds some words."""
    return next(passage.locator for passage in split_passages(document) if words in passage.text)


@pytest.mark.parametrize("expected", TABLE, ids=lambda expected: expected.file)
def test_every_format_arrives_with_title_date_issuer_language_and_locators(
    expected: Expected, tmp_path: Path, sandbox: Sandbox
) -> None:
    path = tmp_path / expected.file
    path.write_bytes(expected.make())
    for document in (read_document(SourceFile(path), sandbox), _read_from_zip(path, tmp_path, sandbox)):
        assert document.title == expected.title
        assert document.published == expected.published
        assert document.issuer == expected.issuer
        assert document.language == expected.language
        assert expected.locator in passage_of(document, expected.words)
        assert "cookies" not in document.text.lower()
        assert "Subscribe" not in document.text
        if expected.language == "zh":
            assert document.effective_from == dt.date(2024, 6, 1)
            assert (document.kind, document.force) == ("regulation", "binding")


def _read_from_zip(path: Path, folder: Path, sandbox: Sandbox) -> Document:
    packed = folder / "packed.zip"
    packed.write_bytes(make_zip({f"inner/{path.name}": path.read_bytes(), "README.md": b"no", ".hidden.txt": b"no"}))
    (source,) = open_archives([packed], sandbox.list_archive)
    assert isinstance(source, SourceFile)
    assert source.member == f"inner/{path.name}"
    return read_document(source, sandbox)


LAWS = {
    "个人信息保护法(2021-08-20)": (dt.date(2021, 8, 20), dt.date(2021, 11, 1), ("NPCSC",), "law", "中华人民共和国个人信息保护法"),
    "互联网信息服务算法推荐管理规定(2021-11-16)": (dt.date(2021, 11, 16), dt.date(2022, 3, 1), ("CAC",), "rule", "互联网信息服务算法推荐管理规定"),
    "反垄断法(2007-08-30)": (dt.date(2007, 8, 30), dt.date(2008, 8, 1), ("NPCSC",), "law", "中华人民共和国反垄断法"),
    "反垄断法(2022-06-24)": (dt.date(2022, 6, 24), None, ("NPCSC",), "law", "中华人民共和国反垄断法"),
    "外商投资法实施条例(2019-12-26)": (dt.date(2019, 12, 26), dt.date(2020, 1, 1), ("STATE_COUNCIL",), "regulation", "中华人民共和国外商投资法实施条例"),
    "数据安全法(2021-06-10)": (dt.date(2021, 6, 10), dt.date(2021, 9, 1), ("NPCSC",), "law", "中华人民共和国数据安全法"),
    "网络安全法(2016-11-07)": (dt.date(2016, 11, 7), dt.date(2017, 6, 1), ("NPCSC",), "law", "中华人民共和国网络安全法"),
    "网络数据安全管理条例(2024-09-24)": (dt.date(2024, 9, 24), dt.date(2025, 1, 1), ("STATE_COUNCIL",), "regulation", "网络数据安全管理条例"),
}  # fmt: skip


@pytest.mark.skipif(not (SHARED / "corpus").exists(), reason="the official texts are not beside this checkout")
@pytest.mark.parametrize("name", LAWS)
def test_official_texts_arrive_with_title_dates_issuer_and_articles(name: str) -> None:
    published, effective, issuer, kind, title = LAWS[name]
    document = read_file(SHARED / "corpus" / "laws-zh" / f"{name}.md")
    assert (document.title, document.title_zh, document.language) == (title, title, "zh")
    assert (document.published, document.effective_from) == (published, effective)
    assert document.issuer[: len(issuer)] == issuer
    assert document.kind == kind
    locators = [passage.locator for passage in split_passages(document)]
    assert any(locator.endswith("第一条") for locator in locators)
    assert sum("条" in locator for locator in locators) > 0.95 * len(locators)


@pytest.mark.skipif(not (SHARED / "corpus").exists(), reason="the starting article is not beside this checkout")
def test_the_starting_article_arrives_with_its_title(sandbox: Sandbox) -> None:
    (path,) = (SHARED / "corpus").glob("*.txt")
    document = read_document(SourceFile(path), sandbox)
    assert document.language == "en"
    assert 10 < len(document.title) < 200
    assert document.title not in {"", path.stem}


# ------------------------------------------------------------------ limits


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("scan.pdf", lambda: make_pdf("", ("",)), "run text recognition"),
        ("locked.pdf", lambda: _lock(make_pdf(ENGLISH_TITLE, ENGLISH)), "with a password"),
        ("broken.pdf", lambda: make_pdf(ENGLISH_TITLE, ENGLISH)[:400], "expected a PDF"),
        ("text.pdf", lambda: b"just text", "expected a PDF that can be read"),
        ("empty.html", lambda: b"<html><body></body></html>", "expected a page with an article"),
        ("text.docx", lambda: b"just text", "expected a Word file"),
        ("other.docx", lambda: make_zip({"a.txt": b"a"}), "expected a Word file"),
        ("empty.docx", lambda: b"", "expected a Word file"),
        ("image.png", lambda: b"\x89PNG", "expected one of .docx"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_advice(
    name: str, make: Callable[[], bytes], reason: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    path = tmp_path / name
    path.write_bytes(make())
    with pytest.raises(RefusedDocumentError, match=reason) as caught:
        read_document(SourceFile(path), sandbox)
    assert "\n" not in str(caught.value)


def _lock(data: bytes) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt("secret")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"bomb.txt": b"0" * (101_000 * HIGHEST_RATIO)}, "unpack to at most"),
        ({f"{number}.txt": b"a" for number in range(2001)}, "at most 2,000 files"),
        ({"../../outside.txt": b"a"}, "paths inside the archive"),
        ({"/etc/outside.txt": b"a"}, "paths inside the archive"),
        ({"picture.png": b"a"}, "expected files that end in"),
    ],
)
def test_an_archive_that_would_do_harm_is_refused_and_others_are_read(
    files: dict[str, bytes], reason: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    bad, good = tmp_path / "bad.zip", tmp_path / "good.zip"
    bad.write_bytes(make_zip(files))
    good.write_bytes(make_zip({"note.txt": b"The ferry leaves at noon."}))
    refused, source = open_archives([bad, good], sandbox.list_archive)
    assert not isinstance(refused, SourceFile)
    assert refused.reason is not None
    assert reason in refused.reason
    assert isinstance(source, SourceFile)


def test_a_reader_that_hangs_or_dies_is_replaced_and_only_its_file_refused(tmp_path: Path) -> None:
    path = tmp_path / "ferries.html"
    path.write_bytes(make_html(ENGLISH_TITLE, ENGLISH))
    with closing(Sandbox(seconds=0.0)) as hurried, pytest.raises(RefusedDocumentError, match="in 0 seconds"):
        hurried.read(path)
    with closing(Sandbox()) as steady:
        assert steady.read(path).title == ENGLISH_TITLE
        assert steady._child is not None
        os.kill(steady._child.pid, signal.SIGKILL)
        while steady._child.returncode is None:
            time.sleep(0.01)
        assert steady.read(path).title == ENGLISH_TITLE


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process are the system's")
def test_a_file_that_takes_too_long_is_refused_for_that_also_where_we_look_up_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "slow.html"
    path.write_text(f"<p {' '.join(f'a{number}=b' for number in range(380_000))}>The ferry leaves at noon.</p>")
    punctual = ChildProcess.receive
    monkeypatch.setattr(ChildProcess, "receive", lambda child, timeout: punctual(child, timeout + 60))
    with (
        closing(Sandbox(seconds=1)) as hurried,
        pytest.raises(RefusedDocumentError, match="read in 1 seconds; got a longer one"),
    ):
        hurried.read(path)


def test_damaged_files_of_every_format_are_read_or_refused_and_nothing_else(tmp_path: Path, sandbox: Sandbox) -> None:
    chance = random.Random(7)  # noqa: S311 - damage, not secrets
    whole = {expected.file: expected.make() for expected in TABLE}
    for number in range(60):
        name = chance.choice(sorted(whole))
        data = bytearray(whole[name])
        for _ in range(chance.choice((1, 5, 50))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(bytes(data))
        try:
            document = read_document(SourceFile(path), sandbox)
        except RefusedDocumentError:
            continue
        assert document.text.strip()
        for passage in split_passages(document):
            assert document.text[passage.start : passage.end] == passage.text


# ------------------------------------------------------------------ parts


def test_lines_that_a_page_broke_are_joined_and_paragraphs_stay_apart() -> None:
    assert (
        unwrap_lines("The fee was\nraised for fer-\nries.\nIt applies\nat noon.")
        == "The fee was raised for ferries.\n\nIt applies at noon."
    )
    assert (
        unwrap_lines("第一条 为了规范\n港口管理。\n第二条 应当\n缴费。")
        == "第一条 为了规范港口管理。\n\n第二条 应当缴费。"
    )
    text, starts = join_pages(["The fee was", "raised.", "", "It applies."])
    assert text == "The fee was raised.\n\nIt applies."
    assert [text[start : start + 3] for start in starts] == ["The", "rai", "", "It "] or starts[1] == 12


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_clean_text_is_printable_and_stays_so(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    cleaned.encode("utf-8")
    assert "\r" not in cleaned


def test_the_bundled_corpus_is_read_without_a_process_of_its_own() -> None:
    path = next(CORPUS_FOLDER.rglob("law-pipl-2021.md"))
    lazy = Sandbox()
    assert read_document(SourceFile(path), lazy).id == "law-pipl-2021"
    assert lazy._child is None


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("Harbour fees", "Harbour fees"),
        ("The fee, " * 40, f"{('The fee, ' * 11).rstrip(', ')} …"),
        ("港口费每日三百元" * 20, f"{('港口费每日三百元' * 20)[:100]} …"),
    ],
)
def test_a_first_line_that_is_a_paragraph_gives_the_title_its_beginning(tmp_path: Path, line: str, title: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"{line}\n\nMore.", encoding="utf-8")
    assert read_file(path).title == title
