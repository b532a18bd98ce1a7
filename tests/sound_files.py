"""Whole small files of every format, of which the hostile ones are made."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping

import docx
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

Files = Iterator[tuple[str, bytes]]
"""Names with their endings, and bytes."""

WORDS = "The harbour office raised the fee for ferries to RMB 300 a day on 3 May 2024. It is paid at noon."
HAN_WORDS = (
    "第一条 为了规范港口渡轮管理，制定本条例。\n\n第二条 港口费每日三百元。\n\n第三条 本条例自2024年6月1日起施行。"
)
FRONT_MATTER = """---
id: ferries
kind: event
title: Harbour fees
issuer: [SAMR]
authority: enforcement
force: binding
published: 2021-04-10
topics: [antitrust]
sources:
  - {publisher: SAMR, title: Decision, confirms: [amount]}
  - {publisher: Xinhua, title: Report, confirms: [amount]}
checked_on: 2026-01-01
---
"""
PAGE = (
    '<html><head><meta charset="utf-8"><title>Harbour fees raised</title></head><body><article><h1>Harbour fees raised</h1>'
    f"<p>{WORDS}</p><p>{WORDS.replace('noon', 'one')}</p></article></body></html>"
)


def make_pdf(*pages: str) -> bytes:
    buffer = io.BytesIO()
    paper = canvas.Canvas(buffer, pagesize=A4, invariant=1)
    paper.setTitle("Harbour fees raised")
    for text in pages:
        for number, line in enumerate(text.split(". ")):
            paper.drawString(60, 780 - 18 * number, f"{line}.")
        paper.showPage()
    paper.save()
    return buffer.getvalue()


def make_docx(*paragraphs: str) -> bytes:
    file = docx.Document()
    file.add_heading("Harbour fees raised", 1)
    for paragraph in paragraphs:
        file.add_paragraph(paragraph)
    table = file.add_table(rows=2, cols=2)
    table.cell(0, 0).text = "ferry"
    buffer = io.BytesIO()
    file.save(buffer)
    return buffer.getvalue()


def pack(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def good_files() -> dict[str, bytes]:
    """One or two whole files of every format, by a name with its ending."""
    return {
        "plain.md": f"# Harbour fees\n\n{WORDS}\n\n## Amounts\n\n- One.\n- Two.\n".encode(),
        "fields.md": f"{FRONT_MATTER}# Harbour fees\n\n{WORDS}\n".encode(),
        "law.md": f"# 港口渡轮管理条例\n\n{HAN_WORDS}\n".encode(),
        "plain.txt": f"Title: Harbour fees\n\n{WORDS}\n".encode(),
        "wide.txt": f"Harbour fees\n\n{WORDS}\n".encode("utf-16"),
        "law.txt": f"港口渡轮管理条例\n\n{HAN_WORDS}\n".encode("gb18030"),
        "page.html": PAGE.encode(),
        "page.htm": PAGE.replace("utf-8", "gb2312").replace(WORDS, HAN_WORDS).encode("gb2312", "replace"),
        "paper.pdf": make_pdf(WORDS, WORDS),
        "letter.docx": make_docx(WORDS, "第一条 港口费每日三百元。"),
        "pack.zip": pack({"a.md": WORDS.encode(), "b/c.txt": HAN_WORDS.encode(), "d.html": PAGE.encode()}),
        "stored.zip": pack({"a.pdf": make_pdf(WORDS), "b.docx": make_docx(WORDS)}, zipfile.ZIP_STORED),
    }
