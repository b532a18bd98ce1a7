"""Feeds and sitemaps as lists of links: formats, encodings, dates, limits, and XML that is out to do harm."""

from __future__ import annotations

import datetime as dt
import gzip
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from briefbot.ingest.feeds import (
    LARGEST_FEED_BYTES,
    LARGEST_SITEMAP_BYTES,
    Entry,
    Feed,
    Sitemap,
    kind_of,
    read_feed,
    read_sitemap,
)
from briefbot.ingest.sandbox import Sandbox
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Canary, set_out_canary

from briefbot.errors import RefusedDocumentError

URL = "https://news.example/feeds/all.xml"

RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
<title>政策 &amp; 法规</title><link>https://news.example/</link>
<item><title>国务院发布新规</title><link>https://news.example/a</link><pubDate>Fri, 04 Apr 2025 17:30:00 GMT</pubDate>
  <dc:creator>新华社</dc:creator></item>
<item><title><![CDATA[Rules &amp; <b>fines</b>]]></title><link>/b?id=1#top</link><pubDate>Fri, 04 Apr 2025 15:30:00 GMT</pubDate></item>
<item><title>By its guid</title><guid isPermaLink="true">https://news.example/c</guid><pubDate>2025-04-04 23:30:00</pubDate></item>
</channel></rss>"""

RSS_FEED = Feed(
    "政策 & 法规",
    (
        Entry("https://news.example/a", "国务院发布新规", dt.date(2025, 4, 5), "新华社"),
        Entry("https://news.example/b?id=1", "Rules & fines", dt.date(2025, 4, 4)),
        Entry("https://news.example/c", "By its guid", dt.date(2025, 4, 4)),
    ),
)

ATOM = b"""<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://other.example/base/">
<title type="html">Rules &amp;amp; &lt;i&gt;fines&lt;/i&gt;</title>
<entry><title>One</title><link rel="alternate" href="one.html"/><link rel="enclosure" href="one.mp3"/>
  <published>2025-04-04T16:00:00Z</published><updated>2025-04-06T00:30:00+08:00</updated><author><name>A. Author</name></author></entry>
<entry><title>Two</title><link href="//third.example/two"/><updated>2025-04-04T15:59:59Z</updated></entry>
</feed>"""

ATOM_FEED = Feed(
    "Rules & fines",
    (
        Entry("https://other.example/base/one.html", "One", dt.date(2025, 4, 5), "A. Author", dt.date(2025, 4, 6)),
        Entry("https://third.example/two", "Two", dt.date(2025, 4, 4), None, dt.date(2025, 4, 4)),
    ),
)

SITEMAP_SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
SITEMAP = f"""<?xml version="1.0" encoding="UTF-8"?>
<urlset {SITEMAP_SPACE} xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc> https://news.example/a </loc><lastmod>2025-04-04T17:00:00Z</lastmod><priority>0.5</priority></url>
<url><loc>https://news.example/b?x=1&amp;y=2</loc><lastmod>2025-04-04</lastmod>
  <image:image><image:loc>https://news.example/b.png</image:loc><image:title>A picture</image:title></image:image></url>
<url><loc>/c</loc><news:news><news:publication><news:name>News</news:name></news:publication>
  <news:publication_date>2025-04-04T23:00:00+00:00</news:publication_date><news:title>新规</news:title></news:news></url>
<url><loc>https://news.example/d</loc><lastmod>yesterday</lastmod></url>
<url><lastmod>2025-04-04</lastmod></url>
</urlset>""".encode()

PAGES = Sitemap(
    (
        Entry("https://news.example/a", modified=dt.date(2025, 4, 5)),
        Entry("https://news.example/b?x=1&y=2", modified=dt.date(2025, 4, 4)),
        Entry("https://news.example/c", "新规", dt.date(2025, 4, 5)),
        Entry("https://news.example/d"),
    ),
    (),
)

INDEX = f"""<sitemapindex {SITEMAP_SPACE}><sitemap><loc>https://news.example/1.xml.gz</loc><lastmod>2025-04-04</lastmod></sitemap>
<sitemap><loc>2.xml</loc></sitemap></sitemapindex>""".encode()

INDEXED = Sitemap((), ("https://news.example/1.xml.gz", "https://news.example/feeds/2.xml"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with closing(Sandbox()) as opened:
        yield opened


@pytest.fixture
def canary() -> Iterator[Canary]:
    with set_out_canary() as bird:
        yield bird


# ------------------------------------------------------------------ feeds


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-16-le"),
        ("utf-16", "utf-16-be"),
        ("gb2312", "gb18030"),
        ("GBK", "gbk"),
        ("gb18030", "gb18030"),
        ("utf-8", "gb18030"),
        ("unheard-of", "utf-8"),
        ("unheard-of", "gb18030"),
        ("punycode", "utf-8"),
    ],
)
def test_a_feed_is_read_in_the_encoding_that_it_has(declared: str, encoding: str) -> None:
    assert read_feed(RSS.format(encoding=declared).encode(encoding), URL) == RSS_FEED


def test_an_encoding_that_is_declared_is_believed() -> None:
    text = "<?xml version='1.0' encoding='big5'?><rss version='2.0'><channel><title>法規</title></channel></rss>"
    assert read_feed(text.encode("big5"), URL).title == "法規"


def test_atom_is_read_with_its_own_base() -> None:
    assert read_feed(ATOM, URL) == ATOM_FEED


@pytest.mark.parametrize(
    "head",
    [
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">',
        '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://dtd.example/rss-0.91.dtd"><rss version="0.91">',
        '<!-- made by hand --><?xml-stylesheet href="style.xsl"?><rss version="0.92">',
        "<rss>",
    ],
)
def test_older_feeds_are_read(head: str) -> None:
    end = "</rdf:RDF>" if "RDF" in head else "</rss>"
    text = f"{head}<channel><title>Old</title><item><title>T</title><link>https://news.example/t</link></item></channel>{end}"
    assert read_feed(text.encode(), URL).entries == (Entry("https://news.example/t", "T"),)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("Fri, 04 Apr 2025 15:59:59 GMT", dt.date(2025, 4, 4)),
        ("Fri, 04 Apr 2025 16:00:00 GMT", dt.date(2025, 4, 5)),
        ("Fri, 04 Apr 2025 23:59:59 +0800", dt.date(2025, 4, 4)),
        ("Sat, 05 Apr 2025 00:00:00 +0800", dt.date(2025, 4, 5)),
        ("Fri, 04 Apr 2025 12:00:00 EDT", dt.date(2025, 4, 5)),
        ("2025-04-04T23:30:00+08:00", dt.date(2025, 4, 4)),
        ("2025-04-04T23:30:00Z", dt.date(2025, 4, 5)),
        ("2025-04-04T23:30:00", dt.date(2025, 4, 4)),
        ("2025-04-04 23:30:00", dt.date(2025, 4, 4)),
        ("2025-04-04", dt.date(2025, 4, 4)),
        ("the day before", None),
        ("9999-12-31T23:59:59Z", None),
        ("", None),
    ],
)
def test_the_day_is_that_of_china(written: str, day: dt.date | None) -> None:
    text = f"<rss version='2.0'><channel><item><link>/a</link><pubDate>{written}</pubDate></item></channel></rss>"
    assert read_feed(text.encode(), URL).entries[0].published == day


@pytest.mark.parametrize(
    "link",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://news.example/a",
        "mailto:a@news.example",
        "http://",
        "http://u:p@news.example/",
        "http://news.example/a b",
        "http://[::1",
        "",
    ],
)
def test_links_that_lead_elsewhere_than_to_the_web_are_left_out(link: str) -> None:
    text = f"<rss version='2.0'><channel><item><title>T</title><link>{link}</link></item><item><link>/b</link></item></channel></rss>"
    assert read_feed(text.encode(), URL).entries == (Entry("https://news.example/b"),)


def test_a_base_that_leads_to_files_makes_no_links() -> None:
    text = ATOM.replace(b"https://other.example/base/", b"file:///etc/")
    assert [entry.url for entry in read_feed(text, URL).entries] == []


def test_only_the_first_thousand_entries_are_taken() -> None:
    items = "".join(f"<item><title>{number}</title><link>/{number}</link></item>" for number in range(1001))
    found = read_feed(f"<rss version='2.0'><channel><title>Many</title>{items}</channel></rss>".encode(), URL)
    assert len(found.entries) == 1000
    assert found.entries[-1] == Entry("https://news.example/999", "999")


def test_titles_are_one_short_plain_line() -> None:
    title = f"\u202eA&#10;title\u200b &lt;script&gt;alert(1)&lt;/script&gt; {'x' * 1000}"
    text = f"<rss version='2.0'><channel><title> </title><item><title>{title}</title><link>/a</link></item></channel></rss>"
    found = read_feed(text.encode(), URL)
    assert found.title is None
    assert found.entries[0].title is not None
    assert found.entries[0].title.startswith("A title alert(1) x")
    assert len(found.entries[0].title) == 500


def test_a_feed_with_a_fault_is_read_as_far_as_it_goes() -> None:
    broken = RSS.format(encoding="utf-8").replace("&amp; 法规", "& 法规").replace("</channel></rss>", "").encode()
    assert [entry.url for entry in read_feed(broken, URL).entries] == [entry.url for entry in RSS_FEED.entries]


def test_an_empty_feed_is_a_feed() -> None:
    assert read_feed(b"<rss version='2.0'><channel><title>None yet</title></channel></rss>", URL) == Feed(
        "None yet", ()
    )


@pytest.mark.parametrize(
    "data", [b"", b"   ", b"text", b"<html><body>A page</body></html>", b"\x00\x01\x02", b"{}", b"<a><b></a>", SITEMAP]
)
def test_what_is_no_feed_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedDocumentError, match=rf"{URL}: expected an RSS or Atom feed; got "):
        read_feed(data, URL)


def test_a_feed_of_too_many_bytes_is_refused() -> None:
    with pytest.raises(RefusedDocumentError, match="expected a feed of at most 10,000,000 bytes; got 10,000,001"):
        read_feed(bytes(LARGEST_FEED_BYTES + 1), URL)


def test_bytes_are_never_taken_for_the_name_of_a_file_or_for_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: Canary
) -> None:
    (tmp_path / "feed.xml").write_text(RSS.format(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    for name in (
        "feed.xml",
        str(tmp_path / "feed.xml"),
        f"file://{tmp_path}/feed.xml",
        f"http://127.0.0.1:{canary.port}/feed",
    ):
        with pytest.raises(RefusedDocumentError, match="expected an RSS or Atom feed"):
            read_feed(name.encode(), URL)
    assert canary.visits == 0


# ------------------------------------------------------------------ sitemaps


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_pages_of_a_sitemap_are_read(pack: type[bytes]) -> None:
    assert read_sitemap(pack(SITEMAP), URL) == PAGES


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_sitemaps_of_an_index_are_read(pack: type[bytes]) -> None:
    assert read_sitemap(pack(INDEX), URL) == INDEXED


def test_a_sitemap_may_be_in_another_encoding_and_without_a_namespace() -> None:
    text = "<?xml version='1.0' encoding='gb2312'?><urlset><url><loc>https://news.example/新规</loc></url></urlset>"
    assert read_sitemap(text.encode("gb18030"), URL).pages == (Entry("https://news.example/新规"),)
    assert read_sitemap(b"<urlset/>", URL) == Sitemap((), ())


def test_only_as_many_urls_are_taken_as_the_protocol_allows() -> None:
    urls = "".join(f"<url><loc>/{number}</loc></url>" for number in range(50_001))
    found = read_sitemap(f"<urlset {SITEMAP_SPACE}>{urls}</urlset>".encode(), URL)
    assert len(found.pages) == 50_000
    assert found.pages[-1].url == "https://news.example/49999"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "a sitemap in well-formed XML"),
        (b"https://news.example/a\nhttps://news.example/b\n", "a sitemap in well-formed XML"),
        (SITEMAP[:-20], "a sitemap in well-formed XML"),
        (b"<urlset><url><loc>&undeclared;</loc></url></urlset>", "a sitemap in well-formed XML"),
        (b"<html><body>A page</body></html>", "a sitemap; got an element html"),
        (RSS.format(encoding="utf-8").encode(), "a sitemap; got an element rss"),
        (gzip.compress(SITEMAP)[:-200], "a sitemap in well-formed XML"),
        (b"\x1f\x8bnot packed", "a sitemap in well-formed XML"),
        (bytes(LARGEST_SITEMAP_BYTES + 1), "a sitemap of at most 52,428,800 bytes; got a larger one"),
        (gzip.compress(bytes(LARGEST_SITEMAP_BYTES + 1)), "a sitemap of at most 52,428,800 bytes; got a larger one"),
    ],
    ids=["empty", "text", "cut", "entity", "page", "feed", "cut-gzip", "no-gzip", "large", "bomb"],
)
def test_what_is_no_sitemap_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(RefusedDocumentError, match=rf"{URL}: expected {reason}"):
        read_sitemap(data, URL)


def test_gzip_in_gzip_is_unpacked_once() -> None:
    with pytest.raises(RefusedDocumentError, match=r"expected a sitemap|expected text"):
        read_sitemap(gzip.compress(gzip.compress(SITEMAP)), URL)


# ------------------------------------------------------------------ which is which


@pytest.mark.parametrize(
    ("data", "media_type", "kind"),
    [
        (RSS.format(encoding="utf-8").encode(), "text/html", "feed"),
        (RSS.format(encoding="utf-16").encode("utf-16"), "", "feed"),
        (b"\xef\xbb\xbf" + ATOM, "application/octet-stream", "feed"),
        (b"<rdf:RDF xmlns='x'>", "text/xml", "feed"),
        (b"<!-- <html> --><?a <html> ?><!DOCTYPE rss>\n<rss>", "", "feed"),
        (SITEMAP, "text/xml", "sitemap"),
        (INDEX, "application/xml", "sitemap"),
        (gzip.compress(SITEMAP), "application/gzip", "sitemap"),
        (b"<sm:urlset xmlns:sm='x'>", "text/xml", "sitemap"),
        (b"<!doctype html><html><feed>", "text/html", "page"),
        (b"<html><body><rss>", "application/rss+xml", "page"),
        (b"<p>a page</p><rss>", "", "page"),
        (b"%PDF-1.7", "application/pdf", "page"),
        (b"plain text", "text/plain", "page"),
        (b"", "", "page"),
        (b"", "application/atom+xml", "feed"),
        (gzip.compress(b"text"), "", "page"),
        (b"\x1f\x8bnot packed", "", "page"),
        (b"<feedback>", "", "page"),
    ],
)
def test_the_first_element_tells_feeds_sitemaps_and_pages_apart(data: bytes, media_type: str, kind: str) -> None:
    assert kind_of(data, media_type) == kind


# ------------------------------------------------------------------ XML that is out to do harm

CONTENT = "the-secret-of-this-machine"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS_IN_LINES = LAUGHS.replace("><", ">\n<")

HOSTILE = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>BODY&l9;',
    "billion laughs in lines": f'<!DOCTYPE x [\n<!ENTITY l0 "ha">\n{LAUGHS_IN_LINES}\n]>BODY&l9;',
    "one entity many times": f'<!DOCTYPE x [<!ENTITY a "{"a" * 100_000}">]>BODY{"&a;" * 20_000}',
    "file": '<!DOCTYPE x [<!ENTITY a SYSTEM "file://FILE">]>BODY&a;',
    "file in lines": '<!DOCTYPE x [\n<!ENTITY a SYSTEM "FILE">\n]>BODY&a;',
    "page": '<!DOCTYPE x [<!ENTITY a SYSTEM "http://HOST/">]>BODY&a;',
    "parameter": '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://HOST/"> %a;]>BODY&b;',
    "outside document type": '<!DOCTYPE x SYSTEM "http://HOST/x.dtd">BODY&a;',
    "document type in a file": '<!DOCTYPE x SYSTEM "file://FILE">BODY&a;',
    "long document type": f'<!DOCTYPE x {" " * 5000} [<!ENTITY a SYSTEM "file://FILE">]>BODY&a;',
    "small letters": '<!doctype x [<!entity a SYSTEM "file://FILE">]>BODY&a;',
    "attributes by default": '<!DOCTYPE x [<!ATTLIST link href CDATA "http://HOST/">]>BODY',
    "inclusion": 'BODY<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://FILE" parse="text"/>',
    "style sheet": '<?xml-stylesheet type="text/xsl" href="http://HOST/"?>BODY',
}
"""XML that explodes, or that brings a file or an answer of this machine into a title, with its places to be filled in."""

BODIES = {
    "feed": '<rss version="2.0"><channel><title>TEXT</title><item><title>TEXT</title><link>/a</link></item></channel></rss>',
    "sitemap": f"<urlset {SITEMAP_SPACE}><url><loc>/a?TEXT</loc></url></urlset>",
}


def read_or_refuse(read: Callable[[bytes, str], Feed | Sitemap], data: bytes) -> str:
    """What was read, or the one line of the refusal."""
    try:
        return str(read(data, URL))
    except RefusedDocumentError as error:
        message = str(error)
    assert message.startswith(f"{URL}: expected ")
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_xml_brings_in_what_lies_outside_or_explodes(
    name: str, kind: str, encoding: str, tmp_path: Path, sandbox: Sandbox, canary: Canary
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(CONTENT)
    before, _, carried = HOSTILE[name].partition("BODY")
    text = before + BODIES[kind].replace("TEXT", carried)
    data = text.replace("FILE", str(secret)).replace("HOST", f"127.0.0.1:{canary.port}").encode(encoding)
    read = sandbox.read_feed if kind == "feed" else sandbox.read_sitemap
    found = read_or_refuse(read, data)
    assert CONTENT not in found
    assert "secret" not in found.replace(str(tmp_path), "")
    assert len(found) < 1000
    assert canary.visits == 0


def test_deep_xml_is_read_or_refused_in_the_process_of_its_own() -> None:
    deep = f"<rss version='2.0'><channel>{'<a>' * 100_000}{'</a>' * 100_000}</channel></rss>".encode()
    with closing(Sandbox(seconds=3)) as hurried:
        assert read_or_refuse(hurried.read_feed, deep)
        assert read_or_refuse(
            hurried.read_sitemap, deep.replace(b"rss version='2.0'", b"urlset").replace(b"/rss", b"/urlset")
        )
        assert hurried.read_feed(ATOM, URL) == ATOM_FEED


def test_the_process_of_its_own_gives_what_is_read_here(sandbox: Sandbox) -> None:
    assert sandbox.read_feed(ATOM, URL) == ATOM_FEED
    assert sandbox.read_sitemap(SITEMAP, URL) == PAGES
    assert sandbox.read_sitemap(gzip.compress(INDEX), URL) == INDEXED
    with pytest.raises(RefusedDocumentError, match=f"{URL}: expected an RSS or Atom feed"):
        sandbox.read_feed(b"text", URL)


def test_a_sitemap_that_takes_too_long_is_refused_by_its_address() -> None:
    with (
        closing(Sandbox(seconds=0.0)) as hurried,
        pytest.raises(RefusedDocumentError, match=f"{URL}: expected a file that can be read in 0 seconds"),
    ):
        hurried.read_sitemap(SITEMAP, URL)


def test_the_time_of_the_processor_is_limited_anew_for_each_request() -> None:
    program = (
        "import resource, time; from briefbot.ingest.sandbox import _limit_time\n"
        "for seconds in (5, 9):\n"
        "    _limit_time(seconds); soft, hard = resource.getrlimit(resource.RLIMIT_CPU)\n"
        "    assert seconds <= soft - time.process_time() <= seconds + 1, soft\n"
        "    assert hard == resource.RLIM_INFINITY or hard >= soft\n"
        "_limit_time(0.0)\n"
        "while True: pass"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGXCPU, done.stderr


@settings(deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"<rss>", b"<feed>", b"<urlset><url>", b"<?xml version='1.0' encoding='", b"\x1f\x8b"]),
)
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes, start: bytes) -> None:
    assert kind_of(start + data, "") in {"feed", "sitemap", "page"}
    for read in (read_feed, read_sitemap):
        assert read_or_refuse(read, start + data)
