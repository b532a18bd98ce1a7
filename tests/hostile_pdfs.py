"""Hostile PDFs: bombs by filters, tokens, forms, trees and tables, circles, locks, and scans without text."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping

from pypdf import PdfReader, PdfWriter
from sound_files import WORDS, Files, make_pdf


def raw_pdf(objects: Mapping[int, bytes], trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, with a table of where they lie."""
    body = b"%PDF-1.7\n"
    places = {}
    for number, value in objects.items():
        places[number] = len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % (number, value)
    size = max(objects) + 1
    table = b"".join(
        b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n" for number in range(size)
    )
    return (
        body
        + b"xref\n0 %d\n%s" % (size, table)
        + b"trailer\n<</Size %d %s>>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, len(body))
    )


def _stream(data: bytes, fields: bytes = b"") -> bytes:
    return b"<</Length %d %s>>\nstream\n%s\nendstream" % (len(data), fields, data)


_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
_SHOWN = b"BT /F1 12 Tf 60 700 Td (The harbour office raised the fee for ferries.) Tj ET"


def one_page(
    content: bytes = _SHOWN,
    fields: bytes = b"",
    more: Mapping[int, bytes] | None = None,
    resources: bytes = b"",
    root: bytes = b"",
) -> bytes:
    """A PDF of one page with this content stream; `more` are objects from number 6 on."""
    return raw_pdf(
        {
            1: b"<</Type/Catalog/Pages 2 0 R %s>>" % root,
            2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>%s>>>>"
            % resources,
            4: content if content.startswith((b"<<", b"[")) else _stream(content, fields),
            5: _FONT,
            **(more or {}),
        }
    )


def page_cycle() -> bytes:
    return raw_pdf(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[3 0 R]/Count 2>>",
            3: b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R 2 0 R]/Count 2>>",
        }
    )


def _many_pages(count: int, content: bytes = _SHOWN) -> bytes:
    kids = b" ".join(b"%d 0 R" % number for number in range(6, 6 + count))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
    return raw_pdf(
        {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count), 4: _stream(content), 5: _FONT,
         **dict.fromkeys(range(6, 6 + count), page)}
    )  # fmt: skip


def _forms(depth: int, copies: int) -> bytes:
    """A page that shows a form, which shows the next ones `copies` times, and so on."""
    more = {}
    for number in range(depth):
        inner = b"/X Do " * copies if number + 1 < depth else _SHOWN
        resources = b"/Resources<</Font<</F1 5 0 R>>/XObject<</X %d 0 R>>>>" % (7 + number)
        more[6 + number] = _stream(inner, b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]" + resources)
    return one_page(b"/X Do " * copies, more=more, resources=b"/XObject<</X 6 0 R>>")


def _locked_pdf(user: str, owner: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf(WORDS))))
    writer.encrypt(user, owner)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def pdf_files() -> Files:
    """PDFs that are bombs by filters, tokens, forms, trees or tables, point in circles, are locked, or have no text."""
    yield from _filter_pdfs()
    yield from _object_pdfs()
    yield from _tree_pdfs()
    yield from _table_pdfs()
    yield from _font_pdfs()
    yield from _locked_pdfs()


def _filter_pdfs() -> Files:
    zeros = zlib.compress(bytes(200_000_000), 9)
    flate = b"/Filter/FlateDecode"
    yield "flate.pdf", one_page(zeros, flate)
    yield "double-flate.pdf", one_page(zlib.compress(zeros, 9), b"/Filter[/FlateDecode/FlateDecode]")
    yield "many-filters.pdf", one_page(zeros, b"/Filter[%s]" % (b"/FlateDecode" * 1000))
    yield "run-length.pdf", one_page(b"\x81A" * 1_000_000 + b"\x80", b"/Filter/RunLengthDecode")
    yield "lzw.pdf", one_page(b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01" * 500_000, b"/Filter/LZWDecode")
    yield "ascii-85.pdf", one_page(b"z" * 500_000 + b"~>", b"/Filter/ASCII85Decode")
    yield (
        "predictor.pdf",
        one_page(
            zlib.compress(bytes(1_000_000)), flate + b"/DecodeParms<</Predictor 15/Columns 1000000000/Colors 100>>"
        ),
    )
    yield "damaged-flate.pdf", one_page(zlib.compress(_SHOWN * 1000)[:-20].replace(b"\x00", b"\x01"), flate)
    yield "contents-of-many-streams.pdf", one_page(b"[%s]" % (b"6 0 R " * 20_000), more={6: _stream(_SHOWN)})
    yield "many-tokens.pdf", one_page(zlib.compress(b"0 0 m " * 1_500_000), flate)
    yield "many-texts.pdf", one_page(zlib.compress(b"BT /F1 12 Tf 60 700 Td %s ET" % (b"(fee) Tj " * 40_000)), flate)
    yield "many-states.pdf", one_page(b"q " * 100_000 + _SHOWN)


def _object_pdfs() -> Files:
    yield "deep-arrays.pdf", one_page(b"[" * 50_000 + b"]" * 50_000)
    yield (
        "deep-dictionaries.pdf",
        raw_pdf({1: b"<</Type/Catalog/Pages 2 0 R/A " + b"<</A " * 20_000 + b">>" * 20_000 + b">>", 2: b"<<>>"}),
    )
    yield "long-array.pdf", one_page(root=b"/A[%s]" % (b"0 " * 1_000_000))
    yield "long-string.pdf", one_page(root=b"/A(%s)" % (b"(" * 1_000_000))
    yield "long-name.pdf", one_page(root=b"/" + b"A" * 2_000_000 + b" 1")
    yield "long-number.pdf", one_page(root=b"/A " + b"9" * 1_000_000)


def _tree_pdfs() -> Files:
    yield "page-cycle.pdf", page_cycle()
    yield (
        "page-in-itself.pdf",
        raw_pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 1>>"}),
    )
    yield (
        "same-page-3000-times.pdf",
        raw_pdf(
            {
                1: b"<</Type/Catalog/Pages 2 0 R>>",
                2: b"<</Type/Pages/Kids[%s]/Count 3000>>" % (b"3 0 R " * 3000),
                3: b"<</Type/Page/Parent 2 0 R>>",
            }
        ),
    )
    yield "count-too-large.pdf", one_page().replace(b"/Count 1>>", b"/Count 999999999>>")
    yield "count-negative.pdf", one_page().replace(b"/Count 1>>", b"/Count -1>>")
    yield "count-of-no-number.pdf", one_page().replace(b"/Count 1>>", b"/Count /A>>")
    yield "pages-2001.pdf", _many_pages(2001)
    yield "pages-200.pdf", _many_pages(200)
    yield (
        "pages-with-much-text.pdf",
        _many_pages(1900, b"BT /F1 12 Tf 60 700 Td %s ET" % (b"(%s) Tj T* " % (b"fee " * 2000) * 10)),
    )
    yield (
        "deep-pages.pdf",
        raw_pdf(
            {
                1: b"<</Type/Catalog/Pages 2 0 R>>",
                **{number: b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (number + 1) for number in range(2, 3000)},
                3000: b"<</Type/Page>>",
            }
        ),
    )
    yield (
        "forms-in-circles.pdf",
        one_page(
            b"/X Do",
            more={6: _stream(b"/X Do /X Do", b"/Type/XObject/Subtype/Form/Resources<</XObject<</X 6 0 R>>>>")},
            resources=b"/XObject<</X 6 0 R>>",
        ),
    )
    yield "forms-by-powers.pdf", _forms(12, 10)
    yield "forms-deep.pdf", _forms(2000, 1)


def _table_pdfs() -> Files:
    yield "length-in-circles.pdf", one_page(b"<</Length 6 0 R>>\nstream\nx\nendstream", more={6: b"7 0 R", 7: b"6 0 R"})
    yield "length-of-a-terabyte.pdf", one_page(b"<</Length 1000000000000>>\nstream\n" + _SHOWN + b"\nendstream")
    yield "length-negative.pdf", one_page(b"<</Length -5>>\nstream\n" + _SHOWN + b"\nendstream")
    yield (
        "chain-of-objects.pdf",
        one_page(root=b"/A 6 0 R", more={number: b"%d 0 R" % (number + 1) for number in range(6, 3000)}),
    )
    yield "table-in-circles.pdf", raw_pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<<>>"}, b"/Root 1 0 R/Prev 9")
    yield "table-after-itself.pdf", _table_after_itself()
    yield "table-too-long.pdf", one_page().replace(b"xref\n0 6", b"xref\n0 999999999")
    yield (
        "table-stream-too-long.pdf",
        b"%PDF-1.7\n1 0 obj\n"
        + _stream(
            zlib.compress(bytes(4_000_000)),
            b"/Filter/FlateDecode/Type/XRef/W[1 8 8]/Index[0 999999999]/Size 999999999/Root 1 0 R",
        )
        + b"\nendobj\nstartxref\n9\n%%EOF",
    )
    yield (
        "objects-in-stream.pdf",
        one_page(root=b"/A 7 0 R", more={6: _stream(b"0 0 " * 100_000, b"/Type/ObjStm/N 999999999/First 4")}),
    )
    yield "no-table.pdf", one_page().split(b"xref")[0] + b"%%EOF"
    yield (
        "no-table-many-objects.pdf",
        b"%PDF-1.7\n" + b"1 0 obj\n<<>>\nendobj\n" * 100_000 + b"trailer <</Root 1 0 R>>\n%%EOF",
    )
    yield "no-table-many-numbers.pdf", b"%PDF-1.7\n" + b"1 0 obj " * 500_000 + b"\n%%EOF"
    yield "many-trailers.pdf", b"%PDF-1.7\n" + b"trailer <</Root 1 0 R>>\n" * 100_000 + b"%%EOF"
    yield "many-ends.pdf", b"%PDF-1.7\n" + b"startxref\n0\n%%EOF\n" * 100_000
    yield "comments.pdf", b"%PDF-1.7\n" + b"%" * 3_000_000 + b"\n%%EOF"
    yield "no-ends-of-lines.pdf", b"%PDF-1.7 " + b" " * 3_000_000 + b"\n%%EOF"
    yield "header-alone.pdf", b"%PDF-1.7\n"
    yield "root-missing.pdf", raw_pdf({1: b"<<>>"}, b"")
    yield "root-of-no-dictionary.pdf", raw_pdf({1: b"(a)"})


def _locked_pdfs() -> Files:
    yield "locked.pdf", _locked_pdf("secret", "owner")
    yield "locked-for-changes.pdf", _locked_pdf("", "owner")
    yield (
        "locked-by-unknown-means.pdf",
        raw_pdf(
            {1: b"<</Type/Catalog>>", 2: b"<</Filter/Odd/V 9/R 9/O(a)/U(b)/P -1>>"},
            b"/Root 1 0 R/Encrypt 2 0 R/ID[(a)(b)]",
        ),
    )
    yield (
        "script.pdf",
        one_page(root=b"/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>/AA<</O<</S/Launch/F(cmd.exe)>>>>"),
    )
    yield (
        "attached-file.pdf",
        one_page(root=b"/Names<</EmbeddedFiles<</Names[(a.exe)<</EF<</F 6 0 R>>>>]>>>>", more={6: _stream(b"MZ")}),
    )
    scan = _stream(
        bytes(100 * 100), b"/Type/XObject/Subtype/Image/Width 100/Height 100/ColorSpace/DeviceGray/BitsPerComponent 8"
    )
    yield "scan.pdf", one_page(b"/I Do", more={6: scan}, resources=b"/XObject<</I 6 0 R>>")


def _font_pdfs() -> Files:
    yield "characters-map.pdf", _characters_map(b"<0000> <ffff> <0000>\n" * 50_000)
    yield "characters-map-to-long-texts.pdf", _characters_map(b"<0054> <0054> <%s>\n" % (b"0041" * 100_000))
    yield "characters-map-to-surrogates.pdf", _characters_map(b"<0054> <0054> <d800>\n<0065> <0065> <202e>\n")
    yield (
        "font-in-circles.pdf",
        one_page().replace(_FONT, b"<</Type/Font/Subtype/Type0/BaseFont/A/DescendantFonts[5 0 R]/Encoding 5 0 R>>"),
    )
    yield (
        "font-with-odd-widths.pdf",
        one_page().replace(
            _FONT, b"<</Type/Font/Subtype/TrueType/BaseFont/A/FirstChar -9/LastChar 999999999/Widths 5 0 R>>"
        ),
    )
    yield (
        "title-with-line-breaks.pdf",
        raw_pdf(
            {
                1: b"<</Type/Catalog/Pages 2 0 R>>",
                2: b"<</Type/Pages/Kids[]/Count 0>>",
                3: b"<</Title(a\\nb\\033[31m)>>",
            },
            b"/Root 1 0 R/Info 3 0 R",
        ),
    )
    yield (
        "title-of-a-megabyte.pdf",
        raw_pdf(
            {
                1: b"<</Type/Catalog/Pages 2 0 R>>",
                2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
                3: b"<</Type/Page/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
                4: _stream(_SHOWN),
                5: _FONT,
                6: b"<</Title(%s)>>" % (b"t " * 500_000),
            },
            b"/Root 1 0 R/Info 6 0 R",
        ),
    )


def _table_after_itself() -> bytes:
    whole = one_page()
    return whole.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d" % whole.index(b"xref"))


def _characters_map(lines: bytes) -> bytes:
    mapping = (
        b"begincmap\n1 begincodespacerange <0000> <ffff> endcodespacerange\n100 beginbfrange\n%sendbfrange\nendcmap"
        % lines
    )
    return one_page(more={6: _stream(mapping)}).replace(_FONT, _FONT[:-2] + b"/ToUnicode 6 0 R>>")
