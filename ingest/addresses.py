"""Which addresses a fetch may connect to: public ones and those the user allows, each name looked up once and then pinned.

A fetch that follows links of strangers must not reach what only this machine can reach. So the host of every URL is resolved once,
every address that comes back is judged, and the connection goes to the address that was judged.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import httpx2
from briefbot.ingest.urls import DEFAULT_PORTS, Address, read_address, read_authority, refuse_url, split_url

from briefbot.errors import ConfigurationError, RefusedDocumentError

Resolver = Callable[[str], Sequence[str]]
"""All addresses of a host name, as text; raises `OSError` where there are none."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that is handed out of the IPv6 space so far; what lies outside is reserved, local or a spelling of IPv4."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_NEVER_PUBLIC: tuple[_Network, ...] = (
    ipaddress.ip_network("168.63.129.16/32"),  # a cloud's own host, at an address that looks public
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments, and another cloud's metadata
    ipaddress.ip_network("192.88.99.0/24"),  # relays of 6to4
    ipaddress.ip_network("2001::/23"),  # Teredo, ORCHID and the like
    ipaddress.ip_network("2001:db8::/32"),  # documentation
    ipaddress.ip_network("2002::/16"),  # 6to4: a tunnel to an IPv4 address
    ipaddress.ip_network("3fff::/20"),  # documentation
)
"""What no page is served from, named here since Python's own table differs from version to version."""

_PRIVATE: tuple[_Network, ...] = tuple(
    ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""Where a name that the user allows may lead, beside the public and this machine; never to link-local addresses."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: the host and port it names, and the one address to connect to."""

    scheme: str
    host: str
    port: int
    address: str


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet's; translated ones are judged by the IPv4 address they stand for."""
    if address in _NAT64:
        address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    is_special = address.is_multicast or address.is_reserved or any(address in network for network in _NEVER_PUBLIC)
    return address.is_global and not is_special


@dataclass(frozen=True, slots=True)
class _Rule:
    """Something the user allows: a name or a network, at certain ports."""

    host: str | _Network
    ports: frozenset[int]

    def covers(self, host: str, address: Address) -> bool:
        if not isinstance(self.host, str):
            return address in self.host
        near = address.is_loopback or any(address in network for network in _PRIVATE)
        return self.host == host and (near or is_public(address))


def _read_rule(entry: str) -> _Rule:
    try:
        return _Rule(ipaddress.ip_network(entry), frozenset(DEFAULT_PORTS.values()))
    except ValueError:
        pass
    try:
        host, port = read_authority(entry, entry)
    except RefusedDocumentError as error:
        raise ConfigurationError(
            f"expected a host, an address or a network to allow, with a port where it is another than 80 and 443; got {entry}; correct it"
        ) from error
    address = read_address(host)
    return _Rule(
        host if address is None else ipaddress.ip_network(address),
        frozenset(DEFAULT_PORTS.values()) if port is None else frozenset((port,)),
    )


class AddressGuard:
    """Says where a URL may lead; what `allowed` names is let through although private or at another port.

    An entry is a host name, an address or a network (`10.1.0.0/16`); all but networks may have a port, which is then the only one.
    Raises `ConfigurationError` for an entry that is none of these.
    """

    def __init__(self, allowed: Iterable[str] = (), *, resolve: Resolver | None = None) -> None:
        self._rules = tuple(_read_rule(entry) for entry in allowed)
        self._resolve = resolve or look_up

    def check(self, url: str) -> Target:
        """Where a URL leads, its host looked up once; raises `RefusedDocumentError` where that is not public and not allowed."""
        web = split_url(url)
        rules = [rule for rule in self._rules if web.port in rule.ports]
        if web.port not in DEFAULT_PORTS.values() and not rules:
            raise refuse_url(
                url,
                "port 80 or 443",
                str(web.port),
                "add the host with its port to BRIEFBOT_FETCH_ALLOWED if it is meant",
            )
        addresses = self._find_addresses(url, web.host)
        for address in addresses:
            if any(rule.covers(web.host, address) for rule in rules):
                continue
            if web.port not in DEFAULT_PORTS.values() or not is_public(address):
                raise refuse_url(
                    url,
                    "a public address",
                    f"{address} at port {web.port}",
                    "add it to BRIEFBOT_FETCH_ALLOWED if it is meant",
                )
        return Target(web.scheme, web.host, web.port, str(addresses[0]))

    def _find_addresses(self, url: str, host: str) -> list[Address]:
        literal = read_address(host)
        if literal is not None:
            return [literal]
        try:
            answers = self._resolve(host)
        except (OSError, UnicodeError) as error:
            raise refuse_url(url, "a host that has an address", str(error) or type(error).__name__) from error
        if not answers:
            raise refuse_url(url, "a host that has an address", "none")
        addresses = []
        for answer in answers:
            address = read_address(answer)
            if address is None:
                raise refuse_url(url, "a public address", answer[:80])
            addresses.append(address)
        return addresses


def look_up(host: str) -> list[str]:
    """All addresses that the system knows of a host, of both families, best first; raises `OSError` where there are none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedTransport(httpx2.BaseTransport):
    """Checks every request, also those that a redirect leads to, and sends it to the address that was checked.

    The `Host` header and the name that a certificate must bear stay the URL's. Each connection serves one request: a pool would tell
    connections apart by address alone, and hand one that was verified for a name to another name at the same address.
    """

    def __init__(self, guard: AddressGuard, inner: httpx2.BaseTransport) -> None:
        self._guard = guard
        self._inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; raises `RefusedDocumentError` where its URL may not be reached."""
        target = self._guard.check(str(request.url))
        headers = request.headers.copy()
        headers["Connection"] = "close"
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(scheme=target.scheme, host=target.address, port=target.port),
            headers=headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": target.host},
        )
        return self._inner.handle_request(pinned)

    def close(self) -> None:
        """Close the transport below."""
        self._inner.close()
