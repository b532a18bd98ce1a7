"""Fetching of pages from the web as a polite guest: robots.txt kept, one request at a time, only what has changed.

Everything that comes back is held to limits of size and time, and every address on the way is checked by the guard.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Literal

import httpx2
from briefbot.ingest.addresses import AddressGuard, GuardedTransport
from briefbot.ingest.deadlines import Deadline, TimedTransport
from briefbot.ingest.readers.formats import LARGEST_FILE_BYTES
from briefbot.ingest.robots import LARGEST_ROBOTS_BYTES, RobotRules
from briefbot.ingest.urls import join_url, refuse_url, show_url, split_url
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from briefbot.errors import RefusedDocumentError

MOST_REDIRECTS = 5

_LONGEST_WAIT_SECONDS = 60.0
"""The longest that a server's `Retry-After` is followed."""

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_PAGES = frozenset((200, 203))
_GONE = frozenset((404, 410))
_TOO_MANY_REQUESTS = 429

_TRACKING = re.compile(
    r"(?:utm_\w*|gclid|dclid|gbraid|wbraid|fbclid|msclkid|yclid|mc_[ce]id|igshid|mkt_tok|_hs(?:enc|mi)|spm|scm|bd_vid|hm(?:sr|pl|cu|kw|ci))(?:=|\Z)",
    re.IGNORECASE,
)
"""Parameters that say where a reader came from, and change nothing on the page."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said about a version of a page, to ask whether there is a newer one.

    `url` is where it said so, after redirects: it is asked there, and nowhere on the way. Without it the address at hand is asked.
    """

    etag: str | None = None
    last_modified: str | None = None
    url: str | None = None


UNKNOWN = Validators()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of a URL; `url` is where it led in the end, and `content` is empty unless it was fetched."""

    url: str
    status: Literal["fetched", "not_modified", "gone"]
    content: bytes = b""
    media_type: str = ""
    validators: Validators = UNKNOWN


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much of a server's time and of ours a fetch may take.

    `delay_seconds` lie between two requests to a host; a step takes at most `timeout_seconds`, and a fetch with its redirects, repeats
    and robots.txt `deadline_seconds`, pauses not counted. `most_bytes` are those of a page unpacked.
    """

    delay_seconds: float = 1.0
    timeout_seconds: float = 20.0
    deadline_seconds: float = 120.0
    most_bytes: int = LARGEST_FILE_BYTES
    attempts: int = 3


DEFAULT_LIMITS = FetchLimits()


@dataclass(frozen=True, slots=True)
class _Reply:
    """A server's answer to one request."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes = b""


class _TryAgainError(Exception):
    """A request that may succeed later; `after_seconds` is what the server asked to wait."""

    def __init__(self, reason: str, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds


def name_agent() -> str:
    """What this program calls itself towards servers."""
    return f"briefbot/{version('briefbot')} (corpus ingestion; respects robots.txt)"


def canonical_url(url: str) -> str:
    """The one form of all URLs of a page: no default port, fragment or tracking parameters; host in lower-case ASCII.

    Raises `RefusedDocumentError` where it is no http or https URL.
    """
    web = split_url(url)
    query = "&".join(part for part in web.query.split("&") if part and not _TRACKING.match(part))
    try:
        path = httpx2.URL(f"{web.origin}{web.path or '/'}{'?' if query else ''}{query}").raw_path.decode("ascii")
    except httpx2.InvalidURL as error:
        raise refuse_url(url, "a URL", str(error)) from error
    return web.origin + re.sub(r"%[0-9A-Fa-f]{2}", lambda code: code[0].upper(), path)


class Fetcher:
    """Fetches pages one after the other, and reads each site's robots.txt once. Close it at the end. Not for several threads.

    `agent` names the program to servers where `name_agent` is not to; the part before its slash is what robots.txt files call it.
    `transport` replaces the network.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        agent: str | None = None,
        limits: FetchLimits = DEFAULT_LIMITS,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._limits = limits
        self._sleep = sleep
        self._clock = clock
        self._deadline = Deadline(clock)
        agent = agent or name_agent()
        self._token = agent.split("/", maxsplit=1)[0]
        self._client = httpx2.Client(
            transport=GuardedTransport(guard, transport or TimedTransport(self._deadline)),
            headers={"User-Agent": agent, "Accept-Encoding": "gzip"},
            timeout=limits.timeout_seconds,
            trust_env=False,
        )
        self._robots: dict[str, RobotRules | RefusedDocumentError] = {}
        self._free_at: dict[str, float] = {}

    def fetch(self, url: str, known: Validators = UNKNOWN) -> Fetched:
        """A page, or word that it is gone or still the version that `known` is of; raises `RefusedDocumentError` for all else."""
        self._deadline.start(self._limits.deadline_seconds)
        reply = self._follow(canonical_url(url), known, self._limits.most_bytes, self._check_robots)
        final = canonical_url(reply.url)
        if reply.status in _GONE:
            return Fetched(final, "gone")
        if reply.status == httpx2.codes.NOT_MODIFIED and known != UNKNOWN:
            return Fetched(final, "not_modified", validators=_read_validators(reply, known))
        if reply.status not in _PAGES:
            raise refuse_url(url, "a page", f"status {reply.status}", "check that it is open to all")
        if len(reply.content) > self._limits.most_bytes:
            raise refuse_url(url, f"at most {self._limits.most_bytes:,} bytes", "more", "leave it out")
        media_type = reply.headers.get("content-type", "").split(";")[0].strip().lower()
        return Fetched(final, "fetched", reply.content, media_type, _read_validators(reply))

    def sitemaps(self, url: str) -> tuple[str, ...]:
        """The sitemaps that the robots.txt of a URL's site names; raises `RefusedDocumentError` where it cannot be read."""
        self._deadline.start(self._limits.deadline_seconds)
        return self._read_robots(url).sitemaps

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # ------------------------------------------------------------------ redirects

    def _follow(self, url: str, known: Validators, most_bytes: int, check: Callable[[str], object]) -> _Reply:
        """The answer at the end of a URL's redirects, each of which `check` has let pass."""
        hops = [url]
        try:
            while True:
                check(hops[-1])
                reply = self._ask(hops[-1], _known_at(hops, known), most_bytes)
                if reply.status not in _REDIRECTS:
                    return reply
                hops.append(_next_hop(hops, reply))
        except RefusedDocumentError as error:
            if len(hops) == 1:
                raise
            raise RefusedDocumentError(f"{show_url(url)}: redirected to {error}") from error

    # ------------------------------------------------------------------ robots.txt

    def _check_robots(self, url: str) -> None:
        if not self._read_robots(url).allows(url):
            raise refuse_url(url, "a page that robots.txt leaves to programs", "one that it does not", "leave it out")

    def _read_robots(self, url: str) -> RobotRules:
        """The rules of a URL's site; a site whose robots.txt fails is left alone for the whole run, as RFC 9309 asks."""
        origin = split_url(url).origin
        if origin not in self._robots:
            self._robots[origin] = self._fetch_robots(f"{origin}/robots.txt")
        rules = self._robots[origin]
        if isinstance(rules, RefusedDocumentError):
            raise RefusedDocumentError(f"{show_url(url)}: robots.txt comes first: {rules}") from rules
        return rules

    def _fetch_robots(self, url: str) -> RobotRules | RefusedDocumentError:
        try:
            reply = self._follow(url, UNKNOWN, LARGEST_ROBOTS_BYTES, lambda _: None)
        except RefusedDocumentError as error:
            return error
        return RobotRules(reply.content, self._token)

    # ------------------------------------------------------------------ one request

    def _ask(self, url: str, known: Validators, most_bytes: int) -> _Reply:
        """The answer to a request, repeated where that may help."""
        retrying = Retrying(
            stop=stop_after_attempt(self._limits.attempts),
            wait=_choose_wait,
            retry=retry_if_exception_type(_TryAgainError),
            sleep=self._pause,
            reraise=True,
        )
        try:
            return retrying(self._exchange, url, known, most_bytes)
        except _TryAgainError as error:
            raise refuse_url(url, "an answer", str(error), "try again later") from error

    def _exchange(self, url: str, known: Validators, most_bytes: int) -> _Reply:
        host = split_url(url).host
        self._pause(self._free_at.get(host, 0.0) - self._clock())
        try:
            with self._client.stream("GET", url, headers=_ask_for_newer(known)) as response:
                return self._read_reply(url, response, most_bytes)
        except httpx2.TransportError as error:
            if self._deadline.left_seconds > 0:
                raise _TryAgainError(f"{type(error).__name__}: {error}"[:200]) from error
            limit = f"an answer within {self._limits.deadline_seconds:g} seconds"
            raise refuse_url(url, limit, "a longer one", "try again later") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise refuse_url(url, "an answer that can be read", f"{type(error).__name__}: {error}"[:200]) from error
        finally:
            self._client.cookies.clear()  # nothing that one page sets goes to another
            self._free_at[host] = self._clock() + self._delay_of(url)

    def _read_reply(self, url: str, response: httpx2.Response, most_bytes: int) -> _Reply:
        """An answer with its content where it is a page, cut just above the bytes allowed."""
        status = response.status_code
        if status == _TOO_MANY_REQUESTS or status >= 500:
            raise _TryAgainError(f"status {status}", _read_retry_after(response.headers.get("retry-after")))
        if status not in _PAGES:
            return _Reply(url, status, response.headers)
        packed = response.headers.get("content-encoding", "identity").strip().lower()
        if packed not in {"identity", "gzip", "x-gzip"}:
            raise refuse_url(url, "a page packed by gzip or not at all", packed[:40])
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if self._deadline.left_seconds <= 0:
                raise httpx2.ReadTimeout("the deadline is over")
            if len(content) > most_bytes:
                break
        return _Reply(url, status, response.headers, bytes(content))

    def _delay_of(self, url: str) -> float:
        rules = self._robots.get(split_url(url).origin)
        asked = rules.delay_seconds if isinstance(rules, RobotRules) else 0.0
        return max(self._limits.delay_seconds, asked)

    def _pause(self, seconds: float) -> None:
        """Wait, and give the time back to the deadline."""
        if seconds <= 0:
            return
        start = self._clock()
        self._sleep(seconds)
        self._deadline.extend(self._clock() - start)


def _known_at(hops: Sequence[str], known: Validators) -> Validators:
    """What to ask the last of these addresses about: where it is unknown which page a date is of, later ones get none.

    A page that is older than the known one may still never have been seen.
    """
    if known.url:
        return known if canonical_url(hops[-1]) == known.url else UNKNOWN
    return known if len(hops) == 1 else Validators(known.etag)


def _next_hop(hops: list[str], reply: _Reply) -> str:
    """Where an answer redirects to; raises `RefusedDocumentError` for loops, long chains and ways out of TLS."""
    here = hops[-1]
    location = reply.headers.get("location", "").strip()
    if not location:
        raise refuse_url(here, "a redirect that says where to", "none")
    try:
        there = join_url(here, location)
    except RefusedDocumentError as error:
        raise refuse_url(here, "a redirect to a web page", f"one to {error}") from error
    if split_url(here).scheme == "https" != split_url(there).scheme:
        raise refuse_url(here, "a redirect that stays on https", there[:200])
    if there in hops:
        raise refuse_url(here, "a redirect to a page not seen yet", there[:200])
    if len(hops) > MOST_REDIRECTS:
        raise refuse_url(here, f"at most {MOST_REDIRECTS} redirects", "more")
    return there


def _ask_for_newer(known: Validators) -> dict[str, str]:
    """The headers that ask for a page only where it has changed; a mark that no header can carry is not sent."""
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in headers.items() if value and value.isascii() and value.isprintable()}


def _read_validators(reply: _Reply, known: Validators = UNKNOWN) -> Validators:
    return Validators(
        reply.headers.get("etag") or known.etag, reply.headers.get("last-modified") or known.last_modified
    )


def _choose_wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: what the server asked for, else one, two, four and so on."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _TryAgainError) and error.after_seconds is not None:
        return min(max(error.after_seconds, 0.0), _LONGEST_WAIT_SECONDS)
    return wait_exponential(max=_LONGEST_WAIT_SECONDS)(state)


def _read_retry_after(value: str | None) -> float | None:
    """The seconds that a server asks to wait, given as a number or a date; None where it says nothing that can be read."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=dt.UTC)
    return (until - dt.datetime.now(dt.UTC)).total_seconds()
