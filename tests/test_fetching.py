"""Fetching from a real site on loopback: robots.txt, versions, redirects, repeats and limits, with a clock that tests move on."""

from __future__ import annotations

import gzip
import itertools
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from briefbot.ingest.addresses import AddressGuard
from briefbot.ingest.fetching import Fetched, Fetcher, FetchLimits, Validators, canonical_url, name_agent
from hypothesis import example, given, settings
from hypothesis import strategies as st
from loopback import Handler, Reply, Site, serve

import briefbot
from briefbot.errors import RefusedDocumentError

PAGE = Reply(body=b"<p>text</p>", headers={"Content-Type": "Text/HTML; charset=gb2312"})
SHORT = FetchLimits(timeout_seconds=5, deadline_seconds=30, most_bytes=100_000)


@dataclass
class Clock:
    """A clock that moves on only by what is slept."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(Site(routes={"/page": PAGE})) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fetcher(site: Site, clock: Clock) -> Iterator[Fetcher]:
    with closing(open_fetcher(site, clock)) as opened:
        yield opened


def open_fetcher(site: Site, clock: Clock, limits: FetchLimits = SHORT, *others: Site) -> Fetcher:
    guard = AddressGuard([f"127.0.0.1:{each.port}" for each in (site, *others)])
    return Fetcher(guard, limits=limits, sleep=clock.sleep, clock=clock.read)


def refuses(fetcher: Fetcher, url: str, reason: str) -> str:
    """That a URL is refused in one line that names it, for a reason; the line."""
    with pytest.raises(RefusedDocumentError, match=reason) as refused:
        fetcher.fetch(url)
    message = str(refused.value)
    assert message.startswith(f"{url}: ")
    assert len(message.splitlines()) == 1
    return message


# ------------------------------------------------------------------ pages and their versions


def test_a_page_arrives_with_its_type_and_version(fetcher: Fetcher, site: Site) -> None:
    dated = {
        "ETag": '"v1"',
        "Last-Modified": "Fri, 04 Apr 2025 10:00:00 GMT",
        "Content-Type": "Text/HTML; charset=gb2312",
    }
    site.routes["/page"] = Reply(body=b"<p>text</p>", headers=dated)
    assert fetcher.fetch(f"{site.url}/page?utm_source=feed#part") == Fetched(
        f"{site.url}/page",
        "fetched",
        b"<p>text</p>",
        "text/html",
        Validators('"v1"', "Fri, 04 Apr 2025 10:00:00 GMT"),
    )
    assert site.paths == ["/robots.txt", "/page"]


def test_the_program_names_itself_and_sends_nothing_that_pages_set(fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = Reply(body=b"text", headers={"Set-Cookie": "session=1; Path=/"})
    fetcher.fetch(f"{site.url}/page")
    fetcher.fetch(f"{site.url}/page")
    assert name_agent() == f"briefbot/{briefbot.__version__} (corpus ingestion; respects robots.txt)"
    assert {request.headers["user-agent"] for request in site.requests} == {name_agent()}
    assert not any({"cookie", "authorization", "referer"} & request.headers.keys() for request in site.requests)


def test_proxies_and_passwords_of_the_environment_are_not_used(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with closing(open_fetcher(site, clock)) as fetcher:
        assert fetcher.fetch(f"{site.url}/page").content == b"<p>text</p>"


def test_a_page_that_has_not_changed_is_not_sent_again(fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = Reply(304, headers={"ETag": '"v2"'})
    known = Validators('"v1"', "Fri, 04 Apr 2025 10:00:00 GMT")
    found = fetcher.fetch(f"{site.url}/page", known)
    assert found == Fetched(
        f"{site.url}/page", "not_modified", validators=Validators('"v2"', "Fri, 04 Apr 2025 10:00:00 GMT")
    )
    asked = site.requests[-1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"v1"', "Fri, 04 Apr 2025 10:00:00 GMT")
    assert "if-none-match" not in site.requests[0].headers
    refuses(fetcher, f"{site.url}/page", "expected a page; got status 304")


def test_the_date_of_a_known_version_does_not_speak_for_another_page(fetcher: Fetcher, site: Site) -> None:
    site.routes["/old"] = Reply(301, headers={"Location": "/page"})
    fetcher.fetch(f"{site.url}/old", Validators('"v1"', "Fri, 04 Apr 2025 10:00:00 GMT"))
    first, second = (request.headers for request in site.requests if request.path != "/robots.txt")
    assert "if-modified-since" in first
    assert "if-modified-since" not in second
    assert second["if-none-match"] == '"v1"'


def test_a_mark_that_no_header_can_carry_is_not_sent(fetcher: Fetcher, site: Site) -> None:
    for mark in ('"新"', '"a\nb"', ""):
        assert fetcher.fetch(f"{site.url}/page", Validators(mark, mark)).status == "fetched"
    assert not any({"if-none-match", "if-modified-since"} & request.headers.keys() for request in site.requests)


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone_is_reported_as_gone(status: int, fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = Reply(status, b"not here")
    assert fetcher.fetch(f"{site.url}/page") == Fetched(f"{site.url}/page", "gone")


@pytest.mark.parametrize("status", [204, 206, 300, 400, 401, 403, 418, 451])
def test_other_answers_are_refused_at_once(status: int, fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = Reply(status)
    refuses(fetcher, f"{site.url}/page", f"expected a page; got status {status}")
    assert site.paths == ["/robots.txt", "/page"]


# ------------------------------------------------------------------ robots.txt

ROBOTS = b"""User-agent: *
Disallow: /

User-agent: Briefbot
Disallow: /private
Disallow: /*.pdf$
Allow: /private/open
Crawl-delay: 7

Sitemap: http://sitemaps.example/all.xml
"""


def test_what_robots_txt_keeps_from_programs_is_not_asked_for(fetcher: Fetcher, site: Site) -> None:
    site.routes |= {"/robots.txt": Reply(body=ROBOTS), "/private/open": PAGE, "/private": PAGE, "/a.pdf": PAGE}
    for path in ("/private", "/private/page?a=1", "/a.pdf"):
        refuses(
            fetcher,
            f"{site.url}{path}",
            r"expected a page that robots\.txt leaves to programs; got one that it does not",
        )
    for path in ("/page", "/private/open"):
        assert fetcher.fetch(f"{site.url}{path}").status == "fetched"
    assert site.paths == ["/robots.txt", "/page", "/private/open"]
    assert fetcher.sitemaps(site.url) == ("http://sitemaps.example/all.xml",)


def test_the_time_that_robots_txt_asks_for_lies_between_requests(fetcher: Fetcher, site: Site, clock: Clock) -> None:
    site.routes["/robots.txt"] = Reply(body=ROBOTS)
    for _ in range(3):
        fetcher.fetch(f"{site.url}/page")
    assert clock.slept == [1.0, 7.0, 7.0]


@pytest.mark.parametrize(("delay", "slept"), [("0.1", 1.0), ("100000", 30.0), ("nan", 1.0), ("-5", 1.0), ("soon", 1.0)])
def test_a_delay_is_neither_shorter_than_ours_nor_longer_than_half_a_minute(
    delay: str, slept: float, fetcher: Fetcher, site: Site, clock: Clock
) -> None:
    site.routes["/robots.txt"] = Reply(body=f"User-agent: *\nCrawl-delay: {delay}".encode())
    fetcher.fetch(f"{site.url}/page")
    fetcher.fetch(f"{site.url}/page")
    assert clock.slept == [1.0, slept]


def test_time_that_has_passed_is_not_waited_for(fetcher: Fetcher, site: Site, clock: Clock) -> None:
    fetcher.fetch(f"{site.url}/page")
    clock.now += 0.75
    fetcher.fetch(f"{site.url}/page")
    clock.now += 5
    fetcher.fetch(f"{site.url}/page")
    assert clock.slept == [1.0, 0.25]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_site_without_a_robots_txt_may_be_read(status: int, fetcher: Fetcher, site: Site) -> None:
    site.routes["/robots.txt"] = Reply(status, b"User-agent: *\nDisallow: /")
    assert fetcher.fetch(f"{site.url}/page").status == "fetched"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_site_whose_robots_txt_fails_is_left_alone_for_the_run(
    status: int, fetcher: Fetcher, site: Site, clock: Clock
) -> None:
    site.routes["/robots.txt"] = Reply(status)
    for path in ("/page", "/other"):
        message = refuses(fetcher, f"{site.url}{path}", r"robots\.txt comes first: ")
        assert f"got status {status}" in message
    assert site.paths == ["/robots.txt"] * 3
    assert len(clock.slept) == 2


def test_a_site_that_cannot_be_reached_is_left_alone_for_the_run(clock: Clock) -> None:
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        dead = Site(port=closed.getsockname()[1])
        with closing(open_fetcher(dead, clock)) as fetcher:
            refuses(fetcher, f"{dead.url}/page", r"robots\.txt comes first: .*ConnectError")
            slept = list(clock.slept)
            refuses(fetcher, f"{dead.url}/other", r"robots\.txt comes first")
            assert clock.slept == slept


def test_a_robots_txt_is_followed_to_another_site(fetcher: Fetcher, site: Site, clock: Clock) -> None:
    with serve(Site(routes={"/rules": Reply(body=b"User-agent: *\nDisallow: /page")})) as other:
        site.routes["/robots.txt"] = Reply(301, headers={"Location": f"{other.url}/rules"})
        with closing(open_fetcher(site, clock, SHORT, other)) as wide:
            refuses(wide, f"{site.url}/page", "leaves to programs")
        assert other.paths == ["/rules"]
    refuses(fetcher, f"{site.url}/page", "port 80 or 443")


def test_only_the_beginning_of_a_huge_robots_txt_counts(site: Site, clock: Clock) -> None:
    head, rest = b"User-agent: *\nDisallow: /page\n", b"Disallow: /open\n"
    site.routes |= {"/robots.txt": Reply(body=head + b"#" * 600_000 + b"\n" + rest), "/open": PAGE}
    with closing(open_fetcher(site, clock)) as fetcher:
        refuses(fetcher, f"{site.url}/page", "leaves to programs")
        assert fetcher.fetch(f"{site.url}/open").status == "fetched"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff\xfe",
        b"<!doctype html><title>Not found</title>",
        b"\xef\xbb\xbfUser-agent: *\nAllow: /",
        b"Disallow: /",
    ],
)
def test_a_robots_txt_that_says_nothing_forbids_nothing(body: bytes, fetcher: Fetcher, site: Site) -> None:
    site.routes["/robots.txt"] = Reply(body=body)
    assert fetcher.fetch(f"{site.url}/page").status == "fetched"


# ------------------------------------------------------------------ redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_to_the_page(status: int, fetcher: Fetcher, site: Site) -> None:
    for number in range(5):
        site.routes[f"/{number}"] = Reply(status, headers={"Location": f"{number + 1}#part"})
    site.routes["/5"] = PAGE
    assert fetcher.fetch(f"{site.url}/0").url == f"{site.url}/5"
    assert site.paths == ["/robots.txt", "/0", "/1", "/2", "/3", "/4", "/5"]


def test_a_redirect_may_be_written_in_another_script(fetcher: Fetcher, site: Site) -> None:
    site.routes["/start"] = Reply(302, headers={"Location": "/法规".encode().decode("latin-1")})
    site.routes["/%E6%B3%95%E8%A7%84"] = PAGE
    assert fetcher.fetch(f"{site.url}/start").url == f"{site.url}/%E6%B3%95%E8%A7%84"


def test_a_sixth_redirect_is_refused(fetcher: Fetcher, site: Site) -> None:
    for number in range(9):
        site.routes[f"/{number}"] = Reply(302, headers={"Location": f"/{number + 1}"})
    refuses(fetcher, f"{site.url}/0", "expected at most 5 redirects; got more")
    assert site.paths[-1] == "/5"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("/start", "expected a redirect to a page not seen yet"),
        ("/start#part", "expected a redirect to a page not seen yet"),
        ("", "expected a redirect that says where to; got none"),
        ("file:///etc/passwd", "expected a redirect to a web page; got one to file:///etc/passwd"),
        ("javascript:alert(1)", "expected a redirect to a web page"),
        ("http://user:secret@127.0.0.1/", "expected a URL without a user name"),
        ("/a b", "expected a URL without spaces"),
        ("http://[::1", "expected a redirect to a web page"),
        ("//127.0.0.1:1/", "redirected to http://127.0.0.1:1/: robots.txt comes first: .*expected port 80 or 443"),
        (f"/{'a' * 5000}", "expected at most 4,096 characters"),
    ],
)
def test_redirects_that_lead_nowhere_are_refused(location: str, reason: str, fetcher: Fetcher, site: Site) -> None:
    site.routes["/start"] = Reply(302, headers={"Location": location})
    assert "secret" not in refuses(fetcher, f"{site.url}/start", reason)
    assert site.paths == ["/robots.txt", "/start"]


def test_a_loop_of_two_pages_is_refused(fetcher: Fetcher, site: Site) -> None:
    site.routes["/a"] = Reply(302, headers={"Location": "/b"})
    site.routes["/b"] = Reply(302, headers={"Location": "/a"})
    refuses(fetcher, f"{site.url}/a", "redirected to .*/b: expected a redirect to a page not seen yet")
    assert site.paths == ["/robots.txt", "/a", "/b"]


def test_a_redirect_that_only_adds_where_one_came_from_is_no_loop(fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = Reply(302, headers={"Location": "/page?spm=1.2.3"})
    site.routes["/page?spm=1.2.3"] = PAGE
    assert fetcher.fetch(f"{site.url}/page").url == f"{site.url}/page"


def test_robots_txt_holds_for_every_step_of_a_redirect(site: Site, clock: Clock) -> None:
    rules = {"/robots.txt": Reply(body=b"User-agent: *\nDisallow: /private"), "/private": PAGE, "/open": PAGE}
    with serve(Site(routes=dict(rules))) as other:
        site.routes["/there"] = Reply(302, headers={"Location": f"{other.url}/private"})
        site.routes["/fine"] = Reply(302, headers={"Location": f"{other.url}/open"})
        with closing(open_fetcher(site, clock, SHORT, other)) as fetcher:
            refuses(fetcher, f"{site.url}/there", f"redirected to {other.url}/private: .*leaves to programs")
            assert fetcher.fetch(f"{site.url}/fine").url == f"{other.url}/open"
        assert other.paths == ["/robots.txt", "/open"]


# ------------------------------------------------------------------ another try


def test_a_busy_server_is_asked_again_when_it_says_so(fetcher: Fetcher, site: Site, clock: Clock) -> None:
    site.routes["/page"] = [
        Reply(429, headers={"Retry-After": "12"}),
        Reply(503, headers={"Retry-After": "86400"}),
        PAGE,
    ]
    assert fetcher.fetch(f"{site.url}/page").status == "fetched"
    assert clock.slept == [1.0, 12.0, 60.0]


def test_a_server_may_name_the_time_as_a_date(fetcher: Fetcher, site: Site, clock: Clock) -> None:
    later, earlier = (format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True) for hours in (1, -1))
    site.routes["/page"] = [
        Reply(503, headers={"Retry-After": later}),
        Reply(503, headers={"Retry-After": earlier}),
        PAGE,
    ]
    assert fetcher.fetch(f"{site.url}/page").status == "fetched"
    assert clock.slept == [1.0, 60.0, 1.0]


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "-1"}, {"Retry-After": "9" * 400}])
def test_a_server_that_fails_is_asked_again_ever_later(headers: dict[str, str], site: Site, clock: Clock) -> None:
    site.routes["/page"] = Reply(500, headers=headers)
    with closing(open_fetcher(site, clock, FetchLimits(delay_seconds=0.5, attempts=5))) as fetcher:
        refuses(fetcher, f"{site.url}/page", "expected an answer; got status 500; try again later")
        assert clock.slept == [0.5, 1.0, 2.0, 4.0, 8.0]
        assert site.paths == ["/robots.txt"] + ["/page"] * 5


def test_a_server_that_failed_once_is_forgiven(fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = [Reply(503), PAGE]
    assert fetcher.fetch(f"{site.url}/page").content == b"<p>text</p>"


def hang_up(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def break_off(handler: Handler) -> None:
    Reply(body=b"half of", headers={"Content-Length": "100"}).send(handler)
    hang_up(handler)


def talk_nonsense(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.0\r\n\r\n")
    hang_up(handler)


@pytest.mark.parametrize("fail", [hang_up, break_off, talk_nonsense])
def test_a_connection_that_breaks_is_tried_again(fail: Callable[[Handler], None], fetcher: Fetcher, site: Site) -> None:
    def fail_once(handler: Handler) -> None:
        site.routes["/page"] = PAGE
        fail(handler)

    site.routes["/page"] = fail_once
    assert fetcher.fetch(f"{site.url}/page").content == b"<p>text</p>"
    site.routes["/page"] = fail
    refuses(fetcher, f"{site.url}/page", "expected an answer; got RemoteProtocolError: .*; try again later")
    assert site.paths.count("/page") == 5


# ------------------------------------------------------------------ limits


def stream(handler: Handler, parts: Iterator[bytes], headers: dict[str, str] | None = None) -> None:
    """An answer in chunks, until they end or the other side has had enough."""
    handler.send_response(200)
    for name, value in {"Transfer-Encoding": "chunked", **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    for part in parts:
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    handler.wfile.write(b"0\r\n\r\n")


def test_a_page_of_just_the_bytes_allowed_is_taken_and_one_more_is_refused(fetcher: Fetcher, site: Site) -> None:
    site.routes |= {"/most": Reply(body=bytes(100_000)), "/more": Reply(body=bytes(100_001))}
    assert len(fetcher.fetch(f"{site.url}/most").content) == 100_000
    refuses(fetcher, f"{site.url}/more", "expected at most 100,000 bytes; got more")


def test_a_page_without_end_is_refused(fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = lambda handler: stream(handler, itertools.repeat(bytes(10_000)))
    refuses(fetcher, f"{site.url}/page", "expected at most 100,000 bytes; got more")


def test_a_page_that_unpacks_into_too_much_is_refused_and_others_are_unpacked(fetcher: Fetcher, site: Site) -> None:
    packed = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(bytes(50_000_000))
    site.routes |= {
        "/bomb": Reply(body=bomb, headers=packed),
        "/page": Reply(body=gzip.compress(b"text"), headers=packed),
    }
    assert len(bomb) < 100_000
    refuses(fetcher, f"{site.url}/bomb", "expected at most 100,000 bytes; got more")
    assert fetcher.fetch(f"{site.url}/page").content == b"text"
    assert site.requests[-1].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "gzip,br", "exotic"])
def test_a_page_that_is_packed_in_another_way_is_refused(encoding: str, fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = Reply(body=gzip.compress(gzip.compress(b"text")), headers={"Content-Encoding": encoding})
    refuses(fetcher, f"{site.url}/page", f"expected a page packed by gzip or not at all; got {re.escape(encoding)}")


def test_a_page_that_does_not_unpack_is_refused(fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = Reply(body=b"not packed", headers={"Content-Encoding": "gzip"})
    refuses(fetcher, f"{site.url}/page", "expected an answer that can be read; got DecodingError")


def test_what_follows_the_length_that_was_said_is_not_read(fetcher: Fetcher, site: Site) -> None:
    site.routes["/page"] = Reply(body=b"text and more", headers={"Content-Length": "4", "Connection": "close"})
    assert fetcher.fetch(f"{site.url}/page").content == b"text"


class Ticking:
    """A clock on which every look takes a second."""

    def __init__(self) -> None:
        self._ticks = itertools.count()

    def read(self) -> float:
        return float(next(self._ticks))


def drip_headers(handler: Handler, done: threading.Event) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not done.wait(0.005):
        handler.wfile.write(b"a")


def drip_body(handler: Handler, done: threading.Event) -> None:
    stream(handler, iter(lambda: b"" if done.wait(0.005) else b"a", b""))


def drip_packed(handler: Handler, done: threading.Event) -> None:
    """Empty blocks, which unpack into nothing for ever."""
    start, block = gzip.compress(b"")[:10], b"\x00\x00\x00\xff\xff"
    parts = iter(lambda: b"" if done.wait(0.005) else block, b"")
    stream(handler, itertools.chain([start], parts), {"Content-Encoding": "gzip"})


@pytest.mark.parametrize("drip", [drip_headers, drip_body, drip_packed])
@pytest.mark.parametrize("path", ["/page", "/robots.txt"])
def test_a_server_that_sends_byte_by_byte_is_cut_off_at_the_deadline(
    path: str, drip: Callable[[Handler, threading.Event], None], site: Site
) -> None:
    done = threading.Event()
    site.routes[path] = lambda handler: drip(handler, done)
    guard = AddressGuard([f"127.0.0.1:{site.port}"])
    limits = FetchLimits(delay_seconds=0, deadline_seconds=100)
    with closing(Fetcher(guard, limits=limits, clock=Ticking().read)) as fetcher:
        refuses(fetcher, f"{site.url}/page", "expected an answer within 100 seconds; got a longer one; try again later")
    done.set()
    assert site.paths[-1] == path
    assert site.paths.count(path) == 1


def test_a_server_that_says_nothing_is_given_up(site: Site, clock: Clock) -> None:
    done = threading.Event()

    def wait(_handler: Handler) -> None:
        done.wait()

    site.routes["/robots.txt"] = wait
    with closing(open_fetcher(site, clock, FetchLimits(timeout_seconds=0.1))) as fetcher:
        refuses(fetcher, f"{site.url}/page", "expected an answer; got ReadTimeout")
    done.set()
    assert clock.slept == [1.0, 2.0]
    assert "/page" not in site.paths


def test_pauses_that_servers_ask_for_do_not_count_towards_the_deadline(site: Site, clock: Clock) -> None:
    site.routes["/page"] = [Reply(503, headers={"Retry-After": "50"}), PAGE]
    with closing(open_fetcher(site, clock, FetchLimits(deadline_seconds=5))) as fetcher:
        assert fetcher.fetch(f"{site.url}/page").status == "fetched"


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "page", "", "http://127.0.0.1/", "http://user@public.example/", "http://a b/"]
)
def test_what_is_no_public_web_address_is_refused(url: str, clock: Clock) -> None:
    with closing(open_fetcher(Site(port=1), clock)) as fetcher, pytest.raises(RefusedDocumentError):
        fetcher.fetch(url)
    assert clock.slept == []


# ------------------------------------------------------------------ one form for all URLs of a page


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://WWW.Example.COM", "http://www.example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com:80/a", "https://example.com:80/a"),
        ("http://example.com./a", "http://example.com/a"),
        ("http://example.com/a#b", "http://example.com/a"),
        ("http://example.com?a=1", "http://example.com/?a=1"),
        ("http://example.com/?", "http://example.com/"),
        ("http://example.com/?b=2&a=1", "http://example.com/?b=2&a=1"),
        ("http://example.com/?utm_source=a&id=1&UTM_Campaign=b&gclid=c&fbclid=d&spm=e", "http://example.com/?id=1"),
        ("http://example.com/?utm_source&&spm", "http://example.com/"),
        ("http://example.com/?spm_of=1&xgclid=2&utm=3", "http://example.com/?spm_of=1&xgclid=2&utm=3"),
        ("http://example.com/a/../b/./c", "http://example.com/b/c"),
        ("http://example.com/%e4%b8%ad", "http://example.com/%E4%B8%AD"),
        ("http://example.com/中文?q=法", "http://example.com/%E4%B8%AD%E6%96%87?q=%E6%B3%95"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[2606:4700:0:0::1111]:80/", "http://[2606:4700::1111]/"),
    ],
)
def test_urls_of_a_page_have_one_form(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@settings(deadline=None)
@given(st.text() | st.text("./%2eE?&="), st.text() | st.text("&=?%2e"))
@example(path=".", query="")
def test_the_form_is_kept_when_it_is_made_again(path: str, query: str) -> None:
    try:
        once = canonical_url(f"http://Example.com:80/{path}?{query}")
    except RefusedDocumentError:
        return
    assert canonical_url(once) == once
    assert once.isascii()
