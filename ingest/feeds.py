"""Feeds and sitemaps of strangers as lists of links: RSS and Atom by feedparser, sitemaps by the standard library.

XML is made into plain text first, and refused where it declares entities, so that no parser below has anything to expand or to load.
"""

from __future__ import annotations

import calendar
import datetime as dt
import html
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from briefbot.ingest.readers.text import clean_text
from briefbot.ingest.urls import join_url, refuse_url

from briefbot.errors import RefusedDocumentError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LinkKind = Literal["feed", "sitemap"]

MOST_ENTRIES = 1_000
MOST_SITEMAP_URLS = 50_000
"""As many as the sitemap protocol allows in a file."""

LARGEST_FEED_BYTES = 10_000_000
LARGEST_SITEMAP_BYTES = 50 * 1024 * 1024
"""As many as the sitemap protocol allows in a file, unpacked."""

_HEAD_BYTES = 8_192
_LONGEST_TEXT_CHARS = 500
_GZIP = b"\x1f\x8b"
_CHINA = dt.timezone(dt.timedelta(hours=8))

_DECLARED = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_-]{2,20})[\"']")
_ENCODING = re.compile(
    r"utf-?8|gb(?:2312|k|18030)|big5|euc-(?:jp|kr|cn)|shift_jis|iso-8859-\d{1,2}|windows-125\d|us-ascii|koi8-[ru]"
)
_CHINESE_ENCODINGS = frozenset(("gb2312", "gbk", "euc-cn"))
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>")
_DOCTYPE = re.compile(r"<!DOCTYPE[^<>\[]{0,1000}>", re.IGNORECASE)
_DECLARES = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ROOT = re.compile(
    r"<(?:[A-Za-z][\w.-]{0,30}:)?(rss|feed|rdf|urlset|sitemapindex|[A-Za-z][\w.-]*)[\s/>]", re.IGNORECASE
)
_PROLOGUE = re.compile(r"<\?.*?\?>|<!--.*?-->|<![^>]*>", re.DOTALL)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,1000}>")
_NEWS = "{http://www.google.com/schemas/sitemap-news/0.9}news"
_ZONE = re.compile(r"(?:Z|UTC?|GMT|[ECMP][SD]T|[+-]\d\d:?\d\d)\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that a feed or sitemap names; `published` and `modified` are days in China's time."""

    url: str
    title: str | None = None
    published: dt.date | None = None
    author: str | None = None
    modified: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """An RSS or Atom feed: its first entries, at most 1,000."""

    title: str | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Sitemap:
    """A sitemap's pages, or an index's further sitemaps: the first, at most 50,000."""

    pages: tuple[Entry, ...]
    sitemaps: tuple[str, ...]


def kind_of(data: bytes, media_type: str) -> Literal["feed", "sitemap", "page"]:
    """What an answer holds, by its first element; the media type decides where there is none to be seen."""
    head = _unpack(data, _HEAD_BYTES) if data.startswith(_GZIP) else data[:_HEAD_BYTES]
    root = _ROOT.search(_PROLOGUE.sub(" ", _peek(head)))
    match root[1].lower() if root else "":
        case "rss" | "feed" | "rdf":
            return "feed"
        case "urlset" | "sitemapindex":
            return "sitemap"
        case "":
            return "feed" if media_type in {"application/rss+xml", "application/atom+xml"} else "page"
    return "page"


def _peek(head: bytes) -> str:
    """The beginning of a text, well enough to see its ASCII."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="ignore")
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")


def read_feed(data: bytes, url: str) -> Feed:
    """A feed's entries with links to web pages, resolved against where the feed lies.

    Raises `RefusedDocumentError` where it is no RSS or Atom feed, is too large or declares entities.
    """
    import feedparser

    if len(data) > LARGEST_FEED_BYTES:
        raise refuse_url(url, f"a feed of at most {LARGEST_FEED_BYTES:,} bytes", f"{len(data):,}", "leave it out")
    text = _read_xml(data, url)
    try:
        found = feedparser.parse(
            io.BytesIO(text.encode()),  # bytes alone might be taken for the name of a file
            response_headers={"content-type": "application/xml; charset=utf-8", "content-location": url},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except Exception as error:  # the library raises whatever a damaged feed leads to
        raise refuse_url(
            url, "an RSS or Atom feed", f"{type(error).__name__}: {error}"[:120], "leave it out"
        ) from error
    if not found.get("version") and not found.entries:
        raise refuse_url(url, "an RSS or Atom feed", str(found.get("bozo_exception", "another text"))[:120])
    # As plain dictionaries, since feedparser's own give one date for another.
    entries = (_read_entry(dict(entry), url) for entry in found.entries[:MOST_ENTRIES])
    return Feed(_read_text(dict(found.feed), "title"), tuple(entry for entry in entries if entry is not None))


def _read_entry(entry: Mapping[str, Any], base: str) -> Entry | None:
    link = _read_link(str(entry.get("link") or ""), base)
    if link is None:
        return None
    published, modified = _read_day(entry, "published"), _read_day(entry, "updated")
    return Entry(link, _read_text(entry, "title"), published or modified, _read_text(entry, "author"), modified)


def _read_link(link: str, base: str) -> str | None:
    """A link that leads to the web; None for all others."""
    with suppress(RefusedDocumentError):
        return join_url(base, link.strip()) if link.strip() else None
    return None


def _read_text(found: Mapping[str, Any], name: str) -> str | None:
    """A title or name as one plain line, without tags."""
    value = _TAG.sub(" ", str(found.get(name) or ""))
    if found.get(f"{name}_detail", {}).get("type") in {"text/html", "application/xhtml+xml"}:
        value = html.unescape(value)
    return " ".join(clean_text(value).split())[:_LONGEST_TEXT_CHARS] or None


def _read_day(entry: Mapping[str, Any], name: str) -> dt.date | None:
    """The day of a time in China; a time without a zone is taken for China's."""
    parsed = entry.get(f"{name}_parsed")
    if parsed is None:
        return None
    zone = _CHINA if _ZONE.search(str(entry.get(name) or "")) else dt.UTC
    try:
        return dt.datetime.fromtimestamp(calendar.timegm(parsed), zone).date()
    except (ValueError, OverflowError, OSError):
        return None


def read_sitemap(data: bytes, url: str) -> Sitemap:
    """The links of a sitemap or of an index of sitemaps, packed by gzip or not.

    Raises `RefusedDocumentError` where it is neither, is too large, or declares entities.
    """
    if data.startswith(_GZIP):
        data = _unpack(data, LARGEST_SITEMAP_BYTES + 1)
    if len(data) > LARGEST_SITEMAP_BYTES:
        raise refuse_url(url, f"a sitemap of at most {LARGEST_SITEMAP_BYTES:,} bytes", "a larger one", "leave it out")
    pages: list[Entry] = []
    sitemaps: list[str] = []
    for element in islice(_iterate_links(_read_xml(data, url), url), MOST_SITEMAP_URLS):
        values = _read_children(element)
        link = _read_link(values.get("loc", ""), url)
        if link is None:
            continue
        if _local_name(element) == "sitemap":
            sitemaps.append(link)
        else:
            news = element.find(_NEWS)
            pages.append(_read_page(link, values, {} if news is None else _read_children(news)))
    return Sitemap(tuple(pages), tuple(sitemaps))


def _read_children(element: Element) -> dict[str, str]:
    return {_local_name(child): (child.text or "").strip() for child in element}


def _read_page(link: str, values: Mapping[str, str], news: Mapping[str, str]) -> Entry:
    """A page of a sitemap; only news sitemaps say when and under what title it was published."""
    return Entry(
        link,
        title=_read_text(news, "title"),
        published=_read_iso_day(news.get("publication_date", "")),
        modified=_read_iso_day(values.get("lastmod", "")),
    )


def _read_iso_day(value: str) -> dt.date | None:
    try:
        time = dt.datetime.fromisoformat(value)
        return (time.astimezone(_CHINA) if time.tzinfo else time).date()
    except (ValueError, OverflowError):
        return None


def _iterate_links(text: str, url: str) -> Iterator[Element]:
    """The `url` and `sitemap` elements of a sitemap one by one, each forgotten once it was read."""
    from xml.etree import ElementTree

    parser = ElementTree.iterparse(io.BytesIO(text.encode()), events=("start", "end"))  # noqa: S314 - no entities get here
    root: Element | None = None
    try:
        for event, element in parser:
            if root is None:
                root = element
                if _local_name(root) not in {"urlset", "sitemapindex"}:
                    raise refuse_url(url, "a sitemap", f"an element {_local_name(root)[:40]}")
            elif event == "end" and _local_name(element) in {"url", "sitemap"}:
                yield element
                root.clear()
    except ElementTree.ParseError as error:
        raise refuse_url(url, "a sitemap in well-formed XML", str(error)) from error


def _local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _unpack(data: bytes, most_bytes: int) -> bytes:
    """The first bytes of what gzip packed, also of a file that breaks off; nothing where it is no such file."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, most_bytes)
    except zlib.error:
        return b""


def _read_xml(data: bytes, url: str) -> str:
    """XML as text without declaration and document type; raises `RefusedDocumentError` where that has more than a name."""
    text = _DOCTYPE.sub("", clean_text(_DECLARATION.sub("", _decode(data, url), count=1))).strip()
    if _DECLARES.search(text):
        raise refuse_url(url, "XML without entities of its own", "a declaration of them", "leave it out")
    return text


def _decode(data: bytes, url: str) -> str:
    """The text of XML by its mark or the encoding that it declares, else as UTF-8 or GB18030."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if data.startswith((b"<\x00", b"\x00<")):
        return data.decode("utf-16-le" if data.startswith(b"<") else "utf-16-be", errors="replace")
    found = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf"))
    declared = found[1].decode("ascii").lower() if found else ""
    declared = declared if _ENCODING.fullmatch(declared) else "utf-8"
    for encoding in (declared, "utf-8-sig", "gb18030"):
        with suppress(UnicodeDecodeError, LookupError):
            return data.decode("gb18030" if encoding in _CHINESE_ENCODINGS else encoding)
    raise refuse_url(url, "text in the encoding that it declares, UTF-8 or GB18030", "other bytes", "leave it out")
