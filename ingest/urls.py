"""URLs of strangers, read by one strict parser, so that what is checked is what is fetched."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import idna

from briefbot.errors import RefusedDocumentError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_URL_CHARS = 4096

_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]@:%]+))(?::(?P<port>[0-9]{0,5}))?")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class WebUrl:
    """A URL taken apart: `host` is a plain name in ASCII or an address without brackets, and `port` is never left out."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> str:
        """Scheme, host and port as a URL writes them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def show_url(url: str) -> str:
    """A URL as messages show it: without the password that it may hold, and not too long."""
    shown = "".join(char if char.isprintable() else "?" for char in re.sub(r"//[^/]*@", "//…@", url))
    return shown if len(shown) <= 200 else f"{shown[:199]}…"


def refuse_url(url: str, expected: str, got: str, advice: str = "check the link") -> RefusedDocumentError:
    """The error for a URL, in one line."""
    return RefusedDocumentError(
        f"{show_url(url)}: expected {expected}; got {got}; {advice}", expected=expected, got=got
    )


def split_url(url: str) -> WebUrl:
    """The parts of an http or https URL; raises `RefusedDocumentError` where it is none, or one that programs read differently."""
    _check_characters(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise refuse_url(url, "a URL", str(error)) from error
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise refuse_url(url, "an http or https address", f"{scheme[:20] or 'no scheme'}")
    if "@" in parts.netloc:
        raise refuse_url(url, "a URL without a user name", "one with it", "leave it out")
    host, port = read_authority(url, parts.netloc)
    return WebUrl(scheme, host, DEFAULT_PORTS[scheme] if port is None else port, parts.path, parts.query)


def join_url(base: str, reference: str) -> str:
    """A link on a page, from there on and without its fragment; raises `RefusedDocumentError` as `split_url` does."""
    _check_characters(reference)
    try:
        joined = urljoin(base, reference).partition("#")[0]
    except ValueError as error:
        raise refuse_url(reference, "a link", str(error)) from error
    split_url(joined)
    return joined


def _check_characters(url: str) -> None:
    if len(url) > LONGEST_URL_CHARS:
        raise refuse_url(url, f"at most {LONGEST_URL_CHARS:,} characters", f"{len(url):,}")
    if not url.isprintable() or " " in url or "\\" in url:
        odd = next(char for char in url if char in " \\" or not char.isprintable())
        raise refuse_url(url, "a URL without spaces, backslashes and control characters", f"U+{ord(odd):04X}")


def read_authority(url: str, authority: str) -> tuple[str, int | None]:
    """The host and the port, if any, of a URL's authority; raises `RefusedDocumentError` as `split_url` does."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise refuse_url(url, "a host name or address, and at most a port", authority[:80] or "none")
    host = _normalise_six(url, found["six"]) if found["six"] else _normalise_name(url, found["name"])
    return host, int(found["port"]) if found["port"] else None


def _normalise_six(url: str, host: str) -> str:
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError as error:
        raise refuse_url(url, "an IPv6 address between brackets", host[:80]) from error


def _normalise_name(url: str, host: str) -> str:
    """The host in lower-case ASCII, without the dot that may end it.

    IPv4 addresses are four plain decimal numbers: other spellings (`0x7f.1`, `2130706433`, `017700000001`) serve to hide one.
    """
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise refuse_url(url, "a host name", host[:80]) from error
    name = name.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise refuse_url(url, "a host name", host[:80])
    if _NUMBER.fullmatch(name.rsplit(".", 1)[-1]) and read_address(name) is None:
        raise refuse_url(url, "an IPv4 address of four decimal numbers", host[:80])
    return name


def read_address(text: str) -> Address | None:
    """An address, one of IPv4 in IPv6's clothes as itself; None for anything else, and for addresses with a zone."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return None if address.scope_id else address.ipv4_mapped or address
