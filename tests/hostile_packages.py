"""Hostile archives and Word files: bombs by ratio, number, depth and entities, false sizes, paths outside, missing parts."""
# ruff: noqa: E501

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from hostile_pdfs import page_cycle
from hostile_texts import laughs
from sound_files import WORDS, Files, make_docx, pack

# ------------------------------------------------------------------ archives


def _entry(
    name: bytes, data: bytes, *, packed: bytes | None = None, size: int | None = None, flags: int = 0
) -> tuple[bytes, bytes]:
    """A member's own record, and the one of the directory without its place, which is appended by `_assemble`."""
    body = data if packed is None else packed
    method = 0 if packed is None else 8
    stated = len(data) if size is None else size
    common = struct.pack("<HHHHHLLLHH", 20, flags, method, 0, 33, zlib.crc32(data), len(body), stated, len(name), 0)
    return b"PK\x03\x04" + common + name + body, b"PK\x01\x02\x14\x00" + common + struct.pack(
        "<HHHLL", 0, 0, 0, 0, 0
    ) + name


def _assemble(
    entries: list[tuple[bytes, bytes]], *, count: int | None = None, places: list[int] | None = None
) -> bytes:
    body, directory = b"", b""
    for number, (local, central) in enumerate(entries):
        at = len(body) if places is None else places[number]
        directory += central[:42] + struct.pack("<L", at) + central[46:]
        body += local
    stated = len(entries) if count is None else count
    return (
        body + directory + b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, stated, stated, len(directory), len(body), 0)
    )


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _zip_of_links() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, target in enumerate(("/etc/passwd", "../../outside", "link-0.md")):
            link = zipfile.ZipInfo(f"link-{number}.md")
            link.create_system, link.external_attr = 3, 0o120777 << 16
            archive.writestr(link, target)
    return buffer.getvalue()


def _nested_zip(depth: int) -> bytes:
    data = pack({"end.txt": b"0" * 1_000_000})
    for number in range(depth):
        data = pack(
            {f"{number}-{copy}.zip": data for copy in range(4)},
            zipfile.ZIP_STORED if number < 3 else zipfile.ZIP_DEFLATED,
        )
    return data


def archives() -> Files:
    """ZIP files that would unpack into too much, reach outside, lie about themselves, or are locked."""
    text = WORDS.encode()
    zeros = b"0" * 40_000_000
    packed = _deflate(zeros)
    yield "ratio.zip", pack({"bomb.txt": zeros})
    yield "ratio-bz2.zip", pack({"bomb.txt": zeros}, zipfile.ZIP_BZIP2)
    yield "ratio-lzma.zip", pack({"bomb.txt": zeros}, zipfile.ZIP_LZMA)
    yield "nested.zip", _nested_zip(5)
    yield "nested-beside-text.zip", pack({"a.txt": text, "inner.zip": _nested_zip(2)})
    yield "many-members.zip", pack({f"{number}.txt": b"a" for number in range(2001)})
    yield "a-million-members.zip", _assemble([_entry(b"a.txt", b"")]) + b"PK\x01\x02" * 1_000_000
    yield "directory-of-100000.zip", _long_directory(100_000)
    yield "overlapping.zip", _assemble(
        [_entry(f"{number}.txt".encode(), zeros, packed=packed) if number == 0 else (b"", _entry(f"{number}.txt".encode(), zeros, packed=packed)[1])
         for number in range(100)], places=[0] * 100,
    )  # fmt: skip
    yield "overlapping-small.zip", _assemble([_entry(b"a.txt", text), (b"", _entry(b"b.txt", text)[1])], places=[0, 0])
    yield "lies-small.zip", _assemble([_entry(b"a.txt", zeros, packed=packed, size=1000)])
    yield "lies-large.zip", _assemble([_entry(b"a.txt", text, size=4_000_000_000)])
    yield "lies-a-little.zip", _assemble([_entry(b"a.txt", text, size=99_000)])
    yield "lies-count.zip", _assemble([_entry(b"a.txt", text)], count=65_000)
    yield "lies-place.zip", _assemble([_entry(b"a.txt", text)], places=[4_000_000])
    yield "wrong-checksum.zip", _assemble([_entry(b"a.txt", text)]).replace(text, text[::-1])
    yield "garbage-deflate.zip", _assemble([_entry(b"a.txt", text, packed=b"\xff" * 200)])
    yield (
        "unknown-method.zip",
        _assemble([_entry(b"a.txt", text)]).replace(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x00\x00\x63\x00"),
    )
    yield "locked.zip", _assemble([_entry(b"a.txt", text, flags=1)])
    yield "strongly-locked.zip", _assemble([_entry(b"a.txt", text, flags=0x41)])
    yield "patched.zip", _assemble([_entry(b"a.txt", text, flags=0x20)])
    yield "links.zip", _zip_of_links()
    yield "link-beside-text.zip", _zip_of_links()[:0] + pack({"a.txt": text})
    for number, name in enumerate(
        (
            "../../outside.txt", "/etc/outside.txt", "..\\..\\outside.txt", "C:\\outside.txt", "a/../../outside.txt", "\x00.txt", "line\nbreak.txt",
            "\x1b[31mred.txt", "\u202egnp.txt", "n" * 5000 + ".txt", "a/" * 2000 + "deep.txt", "CON.txt", " .txt", "....txt", ".hidden/a.txt",
        )
    ):  # fmt: skip
        yield f"path-{number:02}.zip", _assemble([_entry(name.encode(), text)])
    yield "name-no-utf-8.zip", _assemble([_entry(b"\xff\xfe.txt", text, flags=0x800)])
    yield "same-name-twice.zip", _assemble([_entry(b"a.txt", text), _entry(b"a.txt", text[::-1])])
    yield "folder-with-ending.zip", _assemble([_entry(b"a.txt/", b"")])
    yield "no-members.zip", _assemble([])
    yield "only-end.zip", b"PK\x05\x06" + bytes(18)
    yield "end-in-comment.zip", _assemble([_entry(b"a.txt", text)])[:-2] + b"\x16\x00" + b"PK\x05\x06" + bytes(18)
    yield "hostile-members.zip", pack(
        {"a.md": b"---\n" + laughs().encode() + b"\n---\ntext", "b.pdf": page_cycle(), "c.docx": b"PK\x03\x04", "d.html": b"<" * 100_000,
         "e.txt": b"", "f.txt": text}
    )  # fmt: skip


def _long_directory(count: int) -> bytes:
    """An archive of empty files, of which each takes the 50 bytes that its line of the directory needs."""
    line = b"PK\x01\x02" + struct.pack("<HHHHHHLLLHHHHHLL", 20, 20, 0, 0, 0, 33, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0)
    directory = b"".join(line + struct.pack("<L", number).replace(b"\x00", b"-") for number in range(count))
    end64 = b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    finder = b"PK\x06\x07" + struct.pack("<LQL", 0, len(directory), 1)
    return (
        directory
        + end64
        + finder
        + b"PK\x05\x06"
        + struct.pack("<HHHHLLH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    )


# ------------------------------------------------------------------ Word files

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_CORE_TITLE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{}</dc:title></cp:coreProperties>'
)
_PARAGRAPH = "<w:p><w:r><w:t>The fee was raised.</w:t></w:r></w:p>"


def _docx_with(parts: Mapping[str, bytes | None], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A whole Word file with parts replaced, added, or (None) left out."""
    with zipfile.ZipFile(io.BytesIO(make_docx(WORDS))) as archive:
        files: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    return pack({name: data for name, data in {**files, **parts}.items() if data is not None}, method)


def _docx_of(body: str, *, before: str = "", method: int = zipfile.ZIP_STORED) -> bytes:
    """A Word file with this body; stored, so that no ratio gives it away."""
    xml = f'<?xml version="1.0" encoding="UTF-8"?>{before}<w:document {_W}><w:body>{body}</w:body></w:document>'
    return _docx_with({"word/document.xml": xml.encode("utf-8", "surrogatepass")}, method=method)


def _cell(words: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{words}</w:t></w:r></w:p></w:tc>"


def _row(cells: str) -> str:
    return f"<w:tr>{cells}</w:tr>"


def _table(rows: str) -> str:
    return f"<w:tbl>{rows}</w:tbl>"


def _doctype(*entities: str) -> str:
    return f"<!DOCTYPE w:document [{''.join(f'<!ENTITY {entity}>' for entity in entities)}]>"


def _run(words: str) -> str:
    return f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>"


def word_files(outside: str) -> Files:
    """Word files that are bombs by size, entities, depth or tables, lack parts, or point to an address outside."""
    yield from _long_word_files()
    yield from _entity_word_files(outside)
    yield from _table_word_files()
    yield from _broken_word_files(outside)
    yield "surrogate.docx", _docx_of(_run("a\ud800b"))
    yield "invisible-marks.docx", _docx_of(_run("The \u202eeef\u202c was \u200braised."))
    yield (
        "locked.docx",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000) + "EncryptedPackage".encode("utf-16-le") + bytes(4000),
    )


def _long_word_files() -> Files:
    yield "million-paragraphs.docx", _docx_of("<w:p/>" * 1_000_000)
    yield "million-paragraphs-packed.docx", _docx_of(_PARAGRAPH * 1_000_000, method=zipfile.ZIP_DEFLATED)
    yield "many-paragraphs.docx", _docx_of(_PARAGRAPH * 60_000)
    yield "huge-part.docx", _docx_of(" " * 60_000_000, method=zipfile.ZIP_DEFLATED)
    yield "huge-text.docx", _docx_of(_run("word " * 2_400_000))
    yield "long-text.docx", _docx_of(_run("word " * 1_200_000))
    yield "many-runs.docx", _docx_of(f"<w:p>{'<w:r><w:t>a</w:t><w:br/></w:r>' * 20_000}</w:p>")
    yield "many-parts.docx", _docx_with({f"word/media/{number}.png": b"a" for number in range(2500)})
    title = _CORE_TITLE.format("title " * 170_000)
    yield "title-of-a-megabyte.docx", _docx_with({"docProps/core.xml": title.encode()})
    styles = "".join(f"<w:style w:styleId='s{number}'/>" for number in range(4000))
    styled = "".join(f"<w:p><w:pPr><w:pStyle w:val='s{number}'/></w:pPr></w:p>" for number in range(200))
    yield (
        "many-styles.docx",
        _docx_with(
            {
                "word/styles.xml": f"<w:styles {_W}>{styles}</w:styles>".encode(),
                "word/document.xml": f"<w:document {_W}><w:body>{styled}{_PARAGRAPH}</w:body></w:document>".encode(),
            }
        ),
    )


def _entity_word_files(outside: str) -> Files:
    laughs = ["a0 'ha'", *(f"a{number} '{f'&a{number - 1};' * 10}'" for number in range(1, 10))]
    yield "billion-laughs.docx", _docx_of(_run("&a9;"), before=_doctype(*laughs))
    yield (
        "quadratic-entity.docx",
        _docx_of(_run("&a;" * 50_000), before=_doctype(f"a '{'x' * 50_000}'")),
    )
    yield "external-entity.docx", _docx_of(_run("&a;"), before=_doctype('a SYSTEM "file:///etc/passwd"'))
    yield "external-entity-net.docx", _docx_of(_run("&a;"), before=_doctype(f'a SYSTEM "{outside}/x"'))
    yield (
        "parameter-entity.docx",
        _docx_of(_PARAGRAPH, before=_doctype(f'% a SYSTEM "{outside}/x"').replace("]>", "%a;]>")),
    )
    yield (
        "external-doctype.docx",
        _docx_of(_PARAGRAPH, before=f'<!DOCTYPE w:document SYSTEM "{outside}/x.dtd">'),
    )


def _table_word_files() -> Files:
    yield "deep.docx", _docx_of("<w:sdt><w:sdtContent>" * 50_000)
    yield "deep-closed.docx", _docx_of("<w:smartTag>" * 200 + _PARAGRAPH + "</w:smartTag>" * 200)
    yield "many-attributes.docx", _docx_of("<w:p " + " ".join(f"w:a{number}='1'" for number in range(100_000)) + "/>")
    yield (
        "many-namespaces.docx",
        _docx_of("<w:p " + " ".join(f"xmlns:a{number}='u{number}'" for number in range(20_000)) + "/>"),
    )
    yield (
        "wide-cell.docx",
        _docx_of(_table(_row(_cell("fee", "<w:gridSpan w:val='1000000000'/>"))) + _PARAGRAPH),
    )
    yield (
        "no-number-wide-cell.docx",
        _docx_of(_table(_row(_cell("fee", "<w:gridSpan w:val='many'/>"))) + _PARAGRAPH),
    )
    yield (
        "cell-goes-on-from-nothing.docx",
        _docx_of(_table(_row(_cell("fee", "<w:vMerge/>"))) + _PARAGRAPH),
    )
    yield (
        "cell-of-3000-rows.docx",
        _docx_of(_table(_row(_cell("fee", "<w:vMerge w:val='restart'/>")) + _row(_cell("", "<w:vMerge/>")) * 3000)),
    )
    yield "row-of-5000-cells.docx", _docx_of(_table(_row(_cell("fee") * 5000)))
    yield "rows-60000.docx", _docx_of(_table(_row("") * 60_000))
    yield (
        "tables-inside-each-other.docx",
        _docx_of("<w:tbl><w:tr><w:tc>" * 60 + _PARAGRAPH + "</w:tc></w:tr></w:tbl>" * 60),
    )


def _broken_word_files(outside: str) -> Files:
    for number, part in enumerate(
        (
            "[Content_Types].xml",
            "_rels/.rels",
            "word/document.xml",
            "word/_rels/document.xml.rels",
            "word/styles.xml",
            "docProps/core.xml",
        )
    ):
        yield f"without-part-{number}.docx", _docx_with({part: None})
        yield f"empty-part-{number}.docx", _docx_with({part: b""})
        yield f"wrong-part-{number}.docx", _docx_with({part: b"<a/>"})
    rels = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    for number, (target, mode) in enumerate(
        (
            ("../../../etc/passwd", "Internal"),
            ("file:///etc/passwd", "External"),
            (f"{outside}/x", "External"),
            ("_rels/.rels", "Internal"),
        )
    ):
        link = f'<Relationship Id="r1" Type="{office}" Target="{target}" TargetMode="{mode}"/>'
        yield f"points-outside-{number}.docx", _docx_with({"_rels/.rels": rels.format(link).encode()})
    circle = f'<Relationship Id="r1" Type="{office}" Target="document.xml"/>'
    yield "points-to-itself.docx", _docx_with({"word/_rels/document.xml.rels": rels.format(circle).encode()})
    many = "".join(f'<Relationship Id="r{number}" Type="{office}" Target="styles.xml"/>' for number in range(50_000))
    yield "many-links.docx", _docx_with({"word/_rels/document.xml.rels": rels.format(many).encode()})
