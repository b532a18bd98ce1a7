"""A site with feed, sitemap, redirects, validators, missing and slow pages and robots.txt, followed as a real one; twice."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from briefbot.ingest.fetching import FetchLimits, canonical_url
from briefbot.ingest.pipeline import CORPUS_FOLDER, Ingestor
from briefbot.ingest.reports import IngestResult
from briefbot.ingest.sources_file import OFFICIAL_FILE, ListedSource, read_sources_file
from briefbot.ingest.targets import Fetching, ingest_targets, read_targets
from test_pipeline import Bench
from test_readers import CHINESE, CHINESE_TITLE, ENGLISH, ENGLISH_TITLE, make_html, make_pdf

from briefbot.errors import NotFoundError, UsageError
from briefbot.models import Document, Edge
from briefbot.settings import Settings

FRESH = "Fri, 03 May 2024 04:00:00 GMT"


@dataclass
class Page:
    body: bytes = b""
    media_type: str = "text/html; charset=utf-8"
    status: int = 200
    location: str = ""
    etag: str = ""
    modified: str = ""
    waits: bool = False
    """Answers only when the test is over."""


@dataclass
class Site:
    """A web site on loopback: its pages by path, and what was asked of it."""

    url: str = ""
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def fetched(self) -> list[str]:
        """The paths whose content was sent since the last look."""
        paths = [path for path, status in self.asked if status == 200 and path != "/robots.txt"]
        self.asked.clear()
        return sorted(paths)

    def put(self, path: str, body: bytes | str, **options: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.pages[path] = Page(data, **options)  # type: ignore[arg-type]


@pytest.fixture
def site() -> Iterator[Site]:
    state = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = state.pages.get(self.path, Page(b"missing", status=404))
            if page.waits:
                state.over.wait(30)
            same = page.etag and self.headers.get("if-none-match") == page.etag
            same = same or (page.modified and self.headers.get("if-modified-since") == page.modified)
            status = 304 if same else page.status
            state.asked.append((self.path, status))
            self.send_response(status)
            for name, value in (("location", page.location), ("etag", page.etag), ("last-modified", page.modified)):
                if value:
                    self.send_header(name, value)
            self.send_header("content-type", page.media_type)
            body = b"" if same else page.body
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):  # a client that did not wait
                self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    state.over.set()
    server.shutdown()
    server.server_close()


@dataclass
class Desk:
    """A record with its ingestion, and a catalogue file to follow."""

    bench: Bench
    fetching: Fetching
    catalogue: Path

    def follow(self, *named: str) -> dict[str, IngestResult]:
        targets = read_targets(named, None if named else str(self.catalogue))
        results = ingest_targets(targets, self.bench.corpus, self.bench.ingestor, self.fetching)
        assert len({result.source for result in results}) == len(results)
        return {result.source: result for result in results}

    def document(self, result: IngestResult) -> Document:
        return self.bench.corpus.catalogue().documents[result.document_id or ""]


@pytest.fixture
def desk(tmp_path: Path, site: Site) -> Desk:
    settings = Settings(home=tmp_path, fetch_allowed=site.url.removeprefix("http://"))
    limits = FetchLimits(delay_seconds=0.0, timeout_seconds=1.0, deadline_seconds=2.0, attempts=1)
    return Desk(Bench(tmp_path), Fetching(settings, limits=limits), tmp_path / "sources.yaml")


def make_feed(site: Site, *entries: tuple[str, str]) -> str:
    items = "".join(
        f"<item><title>{title}</title><link>{path}</link><pubDate>{FRESH}</pubDate></item>" for path, title in entries
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Harbour news</title><link>{site.url}/</link>{items}</channel></rss>'


def make_sitemap(*entries: tuple[str, str]) -> str:
    urls = "".join(f"<url><loc>{url}</loc><lastmod>{day}</lastmod></url>" for url, day in entries)
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'


def article(title: str, words: str) -> bytes:
    return make_html(title, (*ENGLISH, f"This one is about {words}, and about nothing else in the whole harbour."))


def build(site: Site) -> None:
    """The whole site."""
    site.put("/robots.txt", "User-agent: *\nDisallow: /private/\n", media_type="text/plain")
    stories = (
        ("/a", "Story a"),
        ("/moved", "Story b"),
        ("/private/c", "Story c"),
        ("/none", "Story d"),
        ("/slow", "Story e"),
    )
    site.put("/feed.xml", make_feed(site, *stories), media_type="application/rss+xml", etag='"feed-1"')
    site.put("/a", article("Harbour story a", "anchors"), etag='"a-1"')
    site.put("/b", article("Harbour story b", "boats"), modified=FRESH)
    site.pages["/moved"] = Page(status=301, location="/b?utm_source=feed")
    site.pages["/b?utm_source=feed"] = site.pages["/b"]
    site.put("/private/c", article("Harbour story c", "cranes"))
    site.pages["/slow"] = Page(article("Harbour story e", "eels"), waits=True)
    site.put("/rules.pdf", make_pdf(ENGLISH_TITLE, ENGLISH), media_type="application/pdf", etag='"pdf-1"')
    site.put("/law", make_html(CHINESE_TITLE, CHINESE, encoding="gb18030"), media_type="text/html", etag='"law-1"')
    site.put(
        "/sitemap.xml",
        make_sitemap((f"{site.url}/rules.pdf", "2024-05-03"), (f"{site.url}/law", "2024-05-03")),
        media_type="application/xml",
    )


def write_catalogue(desk: Desk, site: Site) -> None:
    desk.catalogue.write_text(
        f"sources:\n"
        f"  - url: {site.url}/feed.xml\n    publisher: Harbour office\n"
        f"  - url: {site.url}/sitemap.xml\n    form: sitemap\n",
        encoding="utf-8",
    )


def test_a_site_is_followed_through_its_feed_and_sitemap(desk: Desk, site: Site) -> None:
    build(site)
    write_catalogue(desk, site)
    found = {source.removeprefix(site.url): result for source, result in desk.follow().items()}
    assert {path: result.outcome for path, result in found.items()} == {
        "/a": "added",
        "/moved": "added",
        "/private/c": "refused",
        "/none": "refused",
        "/slow": "refused",
        "/rules.pdf": "added",
        "/law": "added",
    }
    assert "robots.txt" in (found["/private/c"].reason or "")
    assert not any(path == "/private/c" for path, _ in site.asked)
    story, moved, pdf, law = (desk.document(found[path]) for path in ("/a", "/moved", "/rules.pdf", "/law"))
    assert (story.title, story.published, story.url) == ("Harbour story a", dt.date(2024, 5, 3), f"{site.url}/a")
    assert [source.publisher for source in story.sources] == ["Harbour office"]
    assert moved.url == f"{site.url}/b"
    assert (pdf.title, len(pdf.pages)) == (ENGLISH_TITLE, 3)
    assert (law.title, law.kind, law.issuer, law.published, law.language) == (
        CHINESE_TITLE, "regulation", ("STATE_COUNCIL",), dt.date(2024, 5, 3), "zh",
    )  # fmt: skip
    assert not list(desk.fetching.folder.iterdir())


def test_the_second_time_only_what_has_changed_is_fetched_and_embedded(desk: Desk, site: Site) -> None:
    build(site)
    write_catalogue(desk, site)
    desk.follow()
    site.fetched()
    version, texts = desk.bench.corpus.version(), len(desk.bench.embedder.history)
    again = {source.removeprefix(site.url): result.outcome for source, result in desk.follow().items()}
    assert {again[path] for path in ("/a", "/moved", "/rules.pdf", "/law")} == {"unchanged"}
    assert site.fetched() == ["/sitemap.xml"]
    assert (desk.bench.corpus.version(), len(desk.bench.embedder.history)) == (version, texts)
    site.put("/a", article("Harbour story a", "anchors and chains"), etag='"a-2"')
    site.put("/new", article("Harbour story f", "fog"), etag='"new-1"')
    stories = make_feed(site, ("/a", "Story a"), ("/new", "Story f"))
    site.put("/feed.xml", stories, media_type="application/rss+xml", etag='"feed-2"')
    changed = {source.removeprefix(site.url): result.outcome for source, result in desk.follow().items()}
    assert (changed["/a"], changed["/new"]) == ("updated", "added")
    assert site.fetched() == ["/a", "/feed.xml", "/new", "/sitemap.xml"]
    id_ = desk.bench.corpus.sources()[f"{site.url}/a"].document_id or ""
    assert [version.ending for version in desk.bench.corpus.versions_of(id_)] == ["replaced"]


def test_pages_whose_sitemap_says_that_nothing_changed_are_not_even_asked_for(desk: Desk, site: Site) -> None:
    build(site)
    targets = (f"{site.url}/sitemap.xml",)
    desk.follow(*targets)
    site.asked.clear()
    desk.follow(*targets)
    assert {path for path, _ in site.asked} == {"/robots.txt", "/sitemap.xml"}


def test_a_page_that_is_gone_from_the_web_is_told_and_its_text_stays(desk: Desk, site: Site) -> None:
    build(site)
    url = f"{site.url}/a"
    added = desk.follow(url)[url]
    del site.pages["/a"]
    gone = desk.follow(url)[url]
    assert (gone.outcome, gone.document_id) == ("gone", added.document_id)
    assert desk.document(added).title == "Harbour story a"
    assert desk.bench.corpus.sources()[url].state == "gone"
    assert desk.bench.corpus.gone_since(added.document_id or "")
    build(site)
    assert desk.follow(url)[url].outcome == "unchanged"
    assert desk.bench.corpus.sources()[url].state == "indexed"
    assert desk.bench.corpus.gone_since(added.document_id or "") is None


def test_a_new_version_that_cannot_be_read_leaves_the_earlier_one(desk: Desk, site: Site) -> None:
    build(site)
    url = f"{site.url}/rules.pdf"
    added = desk.follow(url)[url]
    site.put("/rules.pdf", b"%PDF-1.7 broken", media_type="application/pdf", etag='"pdf-2"')
    refused = desk.follow(url)[url]
    assert refused.outcome == "refused"
    assert desk.document(added).title == ENGLISH_TITLE
    assert not list(desk.fetching.folder.iterdir())


def test_a_run_that_was_broken_off_after_fetching_does_not_fetch_again(
    desk: Desk, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(site)
    write_catalogue(desk, site)
    monkeypatch.setattr(Ingestor, "ingest", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        desk.follow()
    monkeypatch.undo()
    assert [row.state for row in desk.bench.corpus.sources().values()].count("fetched") == 4
    site.fetched()
    found = {source.removeprefix(site.url): result.outcome for source, result in desk.follow().items()}
    assert {found[path] for path in ("/a", "/moved", "/rules.pdf", "/law")} == {"added"}
    assert site.fetched() == ["/sitemap.xml"]


def test_the_same_page_under_two_addresses_is_one_document(desk: Desk, site: Site) -> None:
    build(site)
    found = desk.follow(f"{site.url}/moved", f"{site.url}/b")
    assert sorted(result.outcome for result in found.values()) == ["added", "unchanged"]
    assert len(desk.bench.corpus.content_hashes()) == 1
    assert {result.outcome for result in desk.follow(f"{site.url}/b").values()} == {"unchanged"}


def test_what_is_not_due_is_not_asked_for(desk: Desk, site: Site) -> None:
    build(site)
    desk.catalogue.write_text(f"sources:\n  - url: {site.url}/a\n    every: day\n", encoding="utf-8")
    desk.follow()
    site.asked.clear()
    (result,) = desk.follow().values()
    assert (result.outcome, site.asked) == ("unchanged", [])
    assert "due once a day" in (result.reason or "")


@pytest.mark.parametrize(
    ("every", "hours", "is_due"),
    [(None, 0, True), ("hour", 2, True), ("day", 23, False), ("week", 24 * 8, True), ("once", 24 * 9999, False)],
)
def test_a_source_is_due_when_its_time_has_passed(every: str | None, hours: int, is_due: bool) -> None:
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    source = ListedSource.model_validate({"url": "https://example.org/", "every": every})
    assert source.is_due((moment - dt.timedelta(hours=hours)).isoformat(), moment) == is_due
    assert source.is_due(None, moment)


# ------------------------------------------------------------------ what a catalogue says of its documents


def test_an_original_is_linked_to_its_digest_and_takes_what_that_was_checked_for(desk: Desk, site: Site) -> None:
    digest = Document(
        "rule-ferries", "Ferry Rules", "The rules raise the fee.", "rule", ("MOT",), "rule", dt.date(2024, 5, 2), "en",
        title_zh="渡轮规定", effective_from=dt.date(2024, 6, 1), force="binding",
    )  # fmt: skip
    desk.bench.ingestor.ingest_documents([digest], origin="test")
    site.put(
        "/original",
        make_html(
            "关于渡轮收费的通知", ("根据《渡轮规定》，渡轮应当缴纳港口费，每日三百元，由港口管理机构收取。",) * 3
        ),
    )
    site.put("/other", make_html("天气预报", ("今天多云，明天有雨，后天转晴，气温略有上升，请市民注意增减衣物。",) * 3))
    desk.catalogue.write_text(
        f"sources:\n  - url: {site.url}/original\n    about: rule-ferries\n"
        f"  - url: {site.url}/other\n    about: rule-ferries\n  - url: {site.url}/original?again\n    about: nothing\n",
        encoding="utf-8",
    )
    site.pages["/original?again"] = site.pages["/original"]
    found = desk.follow()
    original = desk.document(found[f"{site.url}/original"])
    assert (original.kind, original.issuer, original.published) == ("rule", ("MOT",), dt.date(2024, 5, 2))
    assert original.effective_from == dt.date(2024, 6, 1)
    assert original.edges == (Edge("about", "rule-ferries", original.title),)
    assert "does not name it" in (found[f"{site.url}/other"].reason or "")
    assert "about: nothing" in (found[f"{site.url}/original?again"].reason or "")


def test_a_catalogue_describes_files_beside_it(desk: Desk) -> None:
    folder = desk.catalogue.parent / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("Title: Ferries\nThe fee rose in May.", encoding="utf-8")
    desk.catalogue.write_text(
        "sources:\n  - path: notes/*.txt\n    issuer: [MOT]\n    kind: policy\n    authority: normative_document\n    published: 2024-05-03\n",
        encoding="utf-8",
    )
    (result,) = desk.follow().values()
    document = desk.document(result)
    assert (document.issuer, document.kind, document.published) == (("MOT",), "policy", dt.date(2024, 5, 3))
    assert [item.outcome for item in desk.follow().values()] == ["unchanged"]
    desk.catalogue.write_text(desk.catalogue.read_text(encoding="utf-8").replace("MOT", "CAC"), encoding="utf-8")
    assert [item.outcome for item in desk.follow().values()] == ["updated"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: []", "sources: expected List should have at least 1 item"),
        ("sources:\n  - {}", "expected a url or a path"),
        ("sources:\n  - url: ftp://example.org/", "sources.0.url"),
        ("sources:\n  - url: https://example.org/\n    every: minute", "sources.0.every"),
        ("sources:\n  - url: https://example.org/\n    colour: red", "sources.0.colour"),
        ("sources: [", "expected YAML"),
        ("", "valid dictionary"),
    ],
)
def test_a_faulty_catalogue_is_told_by_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sources.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"sources\.yaml") as caught:
        read_sources_file(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_catalogue_that_does_not_exist_and_an_empty_call_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        read_targets((), str(tmp_path / "none.yaml"))
    with pytest.raises(UsageError, match="name what to take in"):
        read_targets(())


def test_the_official_catalogue_has_the_official_address_of_every_instrument_that_has_one() -> None:
    from briefbot.ingest.readers.formats import read_file

    documents = [
        read_file(path) for folder in ("laws", "policies") for path in sorted((CORPUS_FOLDER / folder).glob("*.md"))
    ]
    official = {
        canonical_url(document.url): document.id
        for document in documents
        if document.url and is_official(document.url) and document.language == "en"
    }
    listed = read_sources_file(OFFICIAL_FILE)
    assert {canonical_url(source.url or ""): source.about for source in listed} == official
    assert len(listed) >= 30


def is_official(url: str) -> bool:
    host = url.split("/")[2]
    return host.endswith((".gov.cn", ".news.cn", ".cdurl.cn")) or host == "www.news.cn"


# ------------------------------------------------------------------ addresses that must not be asked


def test_private_addresses_are_refused_with_what_would_allow_them(tmp_path: Path, site: Site) -> None:
    build(site)
    bench = Bench(tmp_path)
    targets = read_targets((f"{site.url}/a",))
    (result,) = ingest_targets(targets, bench.corpus, bench.ingestor, Fetching(Settings(home=tmp_path)))
    assert result.outcome == "refused"
    assert site.asked == []


def test_progress_counts_pages(desk: Desk, site: Site) -> None:
    build(site)
    told: list[tuple[str, int, int]] = []
    report: Callable[[str, int, int], None] = lambda *step: told.append(step)  # noqa: E731
    targets = read_targets((f"{site.url}/a", f"{site.url}/rules.pdf"))
    ingest_targets(targets, desk.bench.corpus, desk.bench.ingestor, desk.fetching, progress=report)
    assert [step for step in told if step[0] == "fetching"] == [("fetching", 1, 2), ("fetching", 2, 2)]
    assert told[-1] == ("sources", 2, 2)


def test_the_report_of_a_followed_site_can_be_written_as_json(desk: Desk, site: Site) -> None:
    from briefbot.ingest.reports import report_as_json

    build(site)
    plain = json.loads(json.dumps(report_as_json(list(desk.follow(f"{site.url}/a").values()))))
    assert plain["counts"]["added"] == 1
