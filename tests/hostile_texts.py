"""Hostile web pages, front matter and texts: deep, long, unclosed, of false encodings, and hard to search."""
# ruff: noqa: E501

from __future__ import annotations

import codecs

from sound_files import FRONT_MATTER, HAN_WORDS, WORDS, Files

# ------------------------------------------------------------------ web pages


def _page(body: str, head: str = "") -> bytes:
    return f'<html><head><meta charset="utf-8"><title>Fees</title>{head}</head><body>{body}</body></html>'.encode(
        "utf-8", "surrogatepass"
    )


def _data(text: str) -> str:
    return f'<script type="application/ld+json">{text}</script>'


def web_pages(outside: str) -> Files:
    """Pages that are deep, long, unclosed, scripted, full of entities, or lie about their encoding."""
    article = f"<article><h1>Harbour fees raised</h1><p>{WORDS}</p><p>{WORDS}</p></article>"
    for tag in ("div", "b", "table><tr><td", "ul><li", "blockquote", "a href=x", "font", "section"):
        name = tag.split()[0].split(">")[0]
        yield f"deep-{name}.html", _page(f"<{tag}>" * 20_000 + article)
    yield "deep-100000.html", _page("<div>" * 100_000 + article)
    yield "deep-closed.html", _page("<div>" * 40_000 + article + "</div>" * 40_000)
    yield "deep-200.html", _page("<div>" * 200 + article + "</div>" * 200)
    yield "attributes.html", _page(f"<p {' '.join(f'a{number}=b' for number in range(380_000))}>{WORDS}</p>")
    yield "long-attribute.html", _page(f'<p title="{"x" * 1_000_000}">{WORDS}</p>')
    yield "image-in-the-page.html", _page(f'<img src="data:image/png;base64,{"A" * 1_000_000}">{article}')
    yield (
        "table.html",
        _page(
            f"<article><table>{'<tr>' + '<td>fee</td>' * 50 + '</tr>'}{('<tr>' + '<td>fee</td>' * 50 + '</tr>') * 2000}</table></article>"
        ),
    )
    yield (
        "paragraphs.html",
        _page(f"<article>{''.join(f'<p>The fee is {number}.</p>' for number in range(2_000))}</article>"),
    )
    yield "empty-paragraphs.html", _page("<p>" * 1_000_000 + article)
    yield "links.html", _page("".join(f'<a href="/{number}">ferry {number}</a> ' for number in range(4_000)) + article)
    yield "breaks.html", _page(f"<article><p>{'fee<br>' * 15_000}</p></article>")
    yield "list.html", _page(f"<article><ul>{'<li>fee' * 5_000}</ul></article>")
    yield "options.html", _page(f"<select>{'<option>fee' * 10_000}</select>{article}")
    yield "long-word.html", _page(f"<article><p>{'x' * 100_000}</p></article>")
    yield "long-line.html", _page(f"<article><p>{'fee ' * 30_000}</p></article>")
    yield "spaces.html", _page(f"<article><p>The fee{' ' * 400_000}was raised.</p></article>")
    yield "angles.html", b"<" * 1_000_000
    yield "half-tags.html", b"<a <b <c " * 300_000
    yield "ends-alone.html", b"</p></div></b>" * 200_000
    yield "comment-without-end.html", _page("<!--" + "-" * 1_000_000)
    yield "comments.html", _page("<!---->" * 300_000 + article)
    yield "script-alone.html", _page("<script>document.write('The fee was raised.')</script><noscript></noscript>")
    yield "script-without-end.html", _page("<script>" + "for(;;);" * 100_000)
    yield "style-alone.html", _page(f"<style>{'p{color:red}' * 100_000}</style>")
    yield "entities.html", _page(f"<article><p>{'&amp;' * 100_000}</p></article>")
    yield "odd-entities.html", _page(f"<p>&#xD800;&#0;&#x110000;&#999999999999999999999;&{'a' * 100_000};</p>{article}")
    yield (
        "billion-laughs.xhtml",
        f"<?xml version='1.0'?><!DOCTYPE html [{_entities()}]><html><body><p>&a9;</p>{article}</body></html>".encode(),
    )
    yield (
        "external-entity.xhtml",
        f"<?xml version='1.0'?><!DOCTYPE html [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><html><body><p>&a;</p>{article}</body></html>".encode(),
    )
    yield (
        "frames.html",
        f"<frameset><frame src='file:///etc/passwd'></frameset><iframe src='{outside}/'></iframe>".encode(),
    )
    yield (
        "points-outside.html",
        _page(
            article,
            head=f"<base href='file:///'><link rel=canonical href='javascript:alert(1)'><meta http-equiv=refresh content='0;url={outside}/'>",
        ),
    )
    yield "structured-data.html", _page(article, head=f'<script type="application/ld+json">{"[" * 100_000}</script>')
    yield (
        "structured-data-deep.html",
        _page(article, head=_data('{"a":' * 5000 + "1" + "}" * 5000)),
    )
    yield (
        "structured-data-odd.html",
        _page(
            article,
            head='<script type="application/ld+json">{"@type":"Article","author":[[{"name":{"a":1}}]],"headline":5,"datePublished":[9]}</script>',
        ),
    )
    yield (
        "structured-data-broken.html",
        _page(
            article, head=f'<script type="application/ld+json">{{"@type":"Article","author":"{"x, " * 50_000}</script>'
        ),
    )
    yield "dates.html", _page(article + "2024-13-45 " * 10_000)
    yield (
        "digits.html",
        _page(
            article + f"<p>{'9' * 50_000}</p>",
            head=f'<meta property="article:published_time" content="{"2" * 500_000}"><time datetime="{"1" * 500_000}">',
        ),
    )
    yield (
        "title-of-a-megabyte.html",
        f"<html><head><title>{'fee ' * 250_000}</title></head><body>{article}</body></html>".encode(),
    )
    yield "author.html", _page(article, head=f'<meta name="author" content="{"By A and B, " * 10_000}">')
    yield "surrogate.html", _page(article.replace("fee", "f\ud800e"))
    yield "zeros-inside.html", _page(article).replace(b"fee", b"f\x00e\x00e")
    yield "invisible-marks.html", _page(article.replace("fee", "\u202eeef\u202c"))
    for encoding in (
        "utf-16",
        "utf-32-le",
        "utf-7",
        "punycode",
        "idna",
        "hex",
        "rot13",
        "undefined",
        "unicode_escape",
        "mbcs",
        "gb2312",
        "shift_jis",
        "none-such",
        "cp037",
    ):
        yield (
            f"says-{encoding}.html",
            _page(article + "费用\udcff").replace(b"utf-8", encoding.encode()) + b"\xff\xfe\x80",
        )
    yield "says-punycode-long.html", b'<meta charset="punycode">' + b"a-" + b"9z" * 200_000 + b"\xff"
    yield "many-encodings.html", b"<meta charset=" * 300 + b">" + _page(article)
    yield "svg.html", _page(f"<svg>{'<g>' * 50_000}</svg>{article}")
    yield "math.html", _page(f"<math>{'<mrow>' * 50_000}</math>{article}")


def _entities() -> str:
    return '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 10))


# ------------------------------------------------------------------ front matter


def laughs() -> str:
    """Nine lines by which aliases stand for a thousand million values."""
    return "a0: &a0 [ha]\n" + "\n".join(
        f"a{number}: &a{number} [{','.join([f'*a{number - 1}'] * 9)}]" for number in range(1, 10)
    )


def _merges() -> str:
    """The same by keys of mappings merged into others, which the reader of YAML itself would write out."""
    lines = [f"m{number}: &m{number} {{<<: [{','.join([f'*m{number - 1}'] * 9)}]}}" for number in range(1, 10)]
    return "m0: &m0 {k: v}\n" + "\n".join(lines)


def front_matter() -> Files:
    """Markdown whose front matter is a bomb, deep, long, of wrong types, or no YAML."""
    body = f"\n# Harbour fees\n\n{WORDS}\n"
    heads = {
        "laughs": laughs(),
        "merges": _merges(),
        "alias-of-itself": "a: &a [*a]",
        "alias-as-value": "title: &t Fees\ntitle_zh: *t",
        "anchor-unknown": "a: *b",
        "deep-lists": "a: " + "[" * 50_000,
        "deep-lists-closed": "a: " + "[" * 5000 + "]" * 5000,
        "deep-mappings": "{a: " * 10_000,
        "deep-blocks": "- " * 20_000 + "a",
        "deep-questions": "? " * 20_000 + "a",
        "deep-lines": "\n".join(" " * number + "a:" for number in range(300)),
        "key-of-a-megabyte": "k" * 1_000_000 + ": v",
        "value-of-a-megabyte": "title: " + "v" * 1_000_000,
        "long-key": "k" * 50_000 + ": v",
        "many-keys": "\n".join(f"k{number}: v" for number in range(5000)),
        "many-wrong-values": f"topics: [{'1, ' * 15_000}]",
        "million-lines": "\n".join("a: b" for _ in range(1_000_000)),
        "python-object": "title: !!python/object/apply:os.system ['echo harm']",
        "python-name": "title: !!python/name:os.system",
        "unknown-tag": "title: !odd x",
        "binary-tag": "title: !!binary aGFybQ==",
        "set-tag": "title: !!set {a, b}",
        "int-of-nothing": 'title: !!int ""',
        "timestamp-of-nothing": "title: !!timestamp x",
        "float-of-text": "title: !!float " + "x" * 40_000,
        "same-key-twice": "title: A\ntitle: B",
        "merge-key": "<<: {title: A}\nid: b",
        "merge-of-text": "<<: text",
        "list": "- id",
        "text": "id",
        "nothing": "",
        "null": "~",
        "number": "42",
        "digits": "id: " + "9" * 50_000,
        "sixties": "id: 1" + ":59" * 15_000,
        "hexadecimal": "id: 0x" + "f" * 50_000,
        "infinity": "published: .inf\nchecked_on: .nan",
        "list-as-key": "? [a, b]\n: c",
        "mapping-as-key": "? {a: b}\n: c",
        "tabs": "\tid: a",
        "control-marks": "id: a\x07b",
        "two-documents": "id: a\n...\n---x\nid: b",
        "directive": "%YAML 9.9\n--- {id: a}",
        "quote-without-end": "title: \"" + "x" * 40_000,
        "block-text": "title: |\n" + "  line\n" * 5000,
    }  # fmt: skip
    for name, head in heads.items():
        yield f"{name}.md", f"---\n{head}\n---\n{body}".encode()
    yield "no-end.md", ("---\n" + "id: a\n" * 200_000).encode()
    yield "fences.md", b"---\n" * 300_000
    yield "fences-with-spaces.md", b"---" + b" " * 1_000_000 + b"\n---"
    yield "dashes.md", b"-" * 100_000
    for number, (field, value) in enumerate(
        (
            ("id", "[a]"), ("id", "../../etc"), ("id", '"a\\0b"'), ("id", "a" * 90), ("title", "{a: b}"), ("title", '"a\\uD800b"'), ("title", '"a\\u202Eb"'),
            ("title", '"a\\0b"'), ("title", "5"), ("issuer", "SAMR"), ("issuer", "[[SAMR]]"), ("issuer", '["a\\e[31m"]'), ("published", "2021-13-45"), ("published", "9999999999999"),
            ("published", "1e400"), ("published", "2999-01-01"), ("topics", "{}"), ("topics", "[antitrust, antitrust, none]"), ("sources", "[]"), ("sources", "[5, a]"),
            ("checked_on", "0001-01-01"), ("checked_on", "[2026-01-01]"), ("kind", "!!python/tuple [event]"), ("force", "yes"), ("authority", '"law\\n"'), ("title", '"é\\u0301"'),
        )
    ):  # fmt: skip
        lines = [
            line
            for line in FRONT_MATTER.splitlines()
            if not line.startswith((f"{field}:", "id:") if field != "id" else "id:")
        ]
        if field == "sources":
            lines = [line for line in lines if not line.startswith("  - ")]
        id_line = [] if field == "id" else [f"id: hostile-field-{number}"]
        yield f"field-{number:02}.md", "\n".join([lines[0], *id_line, f"{field}: {value}", *lines[1:], body]).encode()


# ------------------------------------------------------------------ text


def texts() -> Files:
    """Texts without end, without sentences, of one mark, or of marks that are hard to search for."""
    repeated = {
        "hashes": ("#", 1_000_000), "stars": ("*", 1_000_000), "brackets": ("[", 1_000_000), "parentheses": ("(", 200_000), "digits": ("9", 1_000_000),
        "ordinal-marks": ("第", 100_000), "words": ("a ", 1_000_000), "stops": (".", 100_000), "stops-with-quotes": ('!"', 100_000), "backticks": ("`", 100_000),
        "angles": (">", 100_000), "bars": ("|", 100_000), "backslashes": ("\\", 100_000), "links": ("[a](b", 20_000), "images": ("![a](", 20_000),
        "comments": ("<!--", 30_000), "comment-ends": ("-->", 30_000), "hash-spaces": ("# ", 100_000), "dates": ("2024年5月", 10_000), "day-stubs": ("自2024年5月3日", 10_000),
        "amounts": ("1,000.", 30_000), "quotes": ("《", 100_000), "titles": ("法", 100_000), "commas": ("1,", 100_000), "colons": ("Title:", 20_000),
        "accents": ("e" + "\u0301" * 100, 1000), "emoji": ("👩\u200d👩\u200d👧", 20_000), "wide-spaces": ("字\u3000", 20_000), "stops-full-width": ("。", 100_000),
        "urls": ("http://", 20_000), "abbreviations": ("U.S. ", 40_000), "initials": ("J. ", 40_000), "table": ("|a|b|\n", 40_000), "fields": ("a: b\n", 40_000),
    }  # fmt: skip
    for name, (mark, count) in repeated.items():
        yield f"{name}.md", (mark * count).encode()
    yield "line-of-5-megabytes.txt", b"The fee was raised and " * 217_000
    yield "line-without-spaces.txt", b"x" * 100_000
    yield "newlines.md", b"a" + b"\n" * 1_000_000 + b"b"
    yield "newlines-and-spaces.md", b"a" + b"\n " * 300_000 + b"b"
    yield "carriage-returns.txt", b"a\r" * 500_000
    yield "paragraphs.md", b"a\n\n" * 500_000
    yield "paragraphs-40000.md", b"The fee.\n\n" * 40_000
    yield "items.md", b"- a\n" * 500_000
    yield "headings.md", b"# a\n" * 500_000
    yield (
        "headings-2000.md",
        b"".join(b"%s a%d\n\nb\n\n" % (b"#" * (1 + number % 6), number) for number in range(2_000)),
    )
    yield (
        "heading-of-a-megabyte.md",
        b"# " + b"fee " * 250_000 + b"\n\n" + b"\n\n".join(b"The fee is %d." % number * 90 for number in range(300)),
    )
    yield (
        "headings-of-a-megabyte.md",
        b"".join(b"%s %s\n\n" % (b"#" * depth, b"fee " * 100_000) for depth in range(1, 7))
        + b"\n\n".join(b"The fee is %d." % number * 90 for number in range(200)),
    )
    yield "sentences.txt", b"A fee. " * 700_000
    yield "articles.md", "".join(f"第{number}条 费。\n" for number in range(100_000)).encode()
    yield "articles-2000.md", ("# 港口条例\n\n" + "".join(f"第{number}条 费。\n" for number in range(2000))).encode()
    yield "long-article-number.md", ("第" + "一" * 100_000 + "条 费\n\n" + "字。\n\n" * 2_000).encode()
    yield "long-chapter-number.md", ("第" + "一" * 100_000 + "章\n\n" + "第一条 费。\n\n" * 3).encode()
    yield "legal-title-without-end.txt", ("《" * 1400 + "法律" * 20_000).encode()
    yield "head-of-days.txt", ("港口渡轮管理条例\n\n" + "2024年5月3日" * 100 + "\n\n" + HAN_WORDS).encode()
    yield "spaces.txt", b"a" + b" " * 1_000_000 + b"b"
    yield "spaces-alone.txt", b" \n" * 1_000_000
    yield "invisible-alone.txt", "\u200b\u202e\ufeff".encode() * 100_000
    yield "separators.txt", "a\u2028b\u2029c\x85d".encode() * 5000
    for number, data in enumerate(
        (
            b"", b"\x00", b"\n", b"\xff", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\x00", b"\xff\xfe\x00\x00", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf---\n",
            b"\xff\xfe\x00\xd8", b"\xed\xa0\x80 surrogate", b"a\xc0\xafb", b"\xf8\x88\x80\x80\x80", WORDS.encode("utf-32"), WORDS.encode("utf-16-le"), WORDS.encode("utf-7") + b"+2AA-",
            WORDS.encode() + "费".encode("gb18030"), "费用".encode("gb18030") + "费用".encode(), "費用".encode("big5"), "費用".encode("euc-jp"), b"\x1b$B" + b"\x1b(B", codecs.BOM_UTF16_LE + WORDS.encode(),
            WORDS.encode("cp037"), bytes(range(256)), bytes(range(256)) * 4000, b"\x1b]0;title\x07\x1b[2J", "\u202e\u2066\u2067\u2068 abc \u2069".encode(), b"a\x0b\x0c\x1c\x1d\x1eb",
            "\U0010ffff\ufffe\uffff".encode(), b"Title: ", b"Title:\n\n", "标题：".encode(), b"# ", b"#", b"---", b"---\n---\n", b"---\n---\n---\n", b"<!-- a", b"<!-- a -->",
        )
    ):  # fmt: skip
        yield f"bytes-{number:02}.txt", data
        yield f"bytes-{number:02}.md", data


def rows_of_stops() -> Files:
    """Texts that take a search for the ends of sentences the square of their length, if it looks at each full stop of a row."""
    yield "rows-of-stops.txt", (b"." * 1199 + b"a") * 1000
    yield "rows-of-stops-short.txt", (b"." * 7 + b"a") * 100_000
    yield "one-row-of-stops.txt", b"." * 1_000_000 + b"a"
    yield "stops-and-marks.txt", b"?" * 200_000 + b")" * 200_000 + b"a"
