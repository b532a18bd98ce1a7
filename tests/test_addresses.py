"""The guard of fetching: no spelling of a URL, no redirect and no name server leads to what only this machine can reach.

Each refusal is shown with a real listener, the canary, that a connection would have reached, and that counts connections.
"""

from __future__ import annotations

import ipaddress
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from briefbot.ingest.addresses import AddressGuard, GuardedTransport, Target, is_public
from briefbot.ingest.fetching import Fetcher, FetchLimits
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from loopback import Canary, Reply, Site, serve, set_out_canary

from briefbot.errors import ConfigurationError, RefusedDocumentError

PUBLIC = "93.184.215.14"
"""Stands for any address of the public internet."""


@pytest.fixture(scope="module")
def aviary() -> Iterator[Canary]:
    with set_out_canary() as bird:
        yield bird


@pytest.fixture
def canary(aviary: Canary) -> Canary:
    assert aviary.visits >= 0
    aviary.connections = 0
    return aviary


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(Site()) as running:
        yield running


class Rerouted(httpx2.BaseTransport):
    """The network of a test: goes to the real address of a request unless `routes` has another, at the port given for it."""

    def __init__(self, port: int, routes: Mapping[str, int] | None = None) -> None:
        self.port = port
        self.routes = routes or {}
        self.reached: list[str] = []
        self._plain = httpx2.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        self.reached.append(host)
        if host in self.routes:
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self.routes[host])
        else:
            request.url = request.url.copy_with(scheme="http", port=self.port)
        return self._plain.handle_request(request)

    def close(self) -> None:
        self._plain.close()


def open_client(guard: AddressGuard, transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
    inner = transport or httpx2.HTTPTransport(trust_env=False)
    return httpx2.Client(transport=GuardedTransport(guard, inner), trust_env=False, follow_redirects=True, timeout=5)


def resolve_like_the_system(host: str) -> list[str]:
    """Names of a test by table; numbers as the C library reads them; every other name leads to this machine."""
    if host in NAMES:
        return NAMES[host]
    try:
        return [socket.inet_ntoa(socket.inet_aton(host))]
    except OSError:
        return ["127.0.0.1"]


NAMES = {
    "public.example": [PUBLIC],
    "six.example": ["::1"],
    "mixed.example": [PUBLIC, "127.0.0.1"],
    "mixed-too.example": ["10.1.2.3", PUBLIC],
    "mixed-six.example": [PUBLIC, "fd00::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "zoned.example": ["fe80::1%eth0"],
    "garbled.example": ["127.0.0.1\x00"],
    "nothing.example": [],
}

REFUSED: dict[str, list[str]] = {
    "expected a public address": [
        "http://127.0.0.1/",
        "http://127.0.0.1:80/",
        "https://127.0.0.1/",
        "http://127.0.0.1:443/",
        "http://127.1.2.3/",
        "http://127.0.0.1./",
        "http://0.0.0.0/",
        "http://0.1.2.3/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://172.31.255.254/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.170.2/v2/credentials",
        "http://168.63.129.16/machine",
        "http://192.0.0.192/opc/v2/",
        "http://100.100.100.200/latest/meta-data/",
        "http://100.64.0.1/",
        "http://100.127.255.254/",
        "http://192.0.2.1/",
        "http://198.18.0.1/",
        "http://198.51.100.7/",
        "http://203.0.113.9/",
        "http://192.88.99.1/",
        "http://224.0.0.1/",
        "http://239.255.255.250/",
        "http://240.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::127.0.0.1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[64:ff9b:1::1]/",
        "http://[2002:7f00:1::]/",
        "http://[2002:a9fe:a9fe::1]/",
        "http://[2001:0:7f00:1:0:ffff:80ff:fffe]/",
        "http://[2001:db8::1]/",
        "http://[3fff::1]/",
        "http://[fc00::1]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
        "http://[100::1]/",
        "http://[5f00::1]/",
        "http://localhost/",
        "http://LOCALHOST/",
        "http://localhost./",
        "http://api.localhost/",
        "http://localhost.localdomain/",
        "http://intranet/",
        "http://evil.example/",
        "http://evil.example./",
        "http://127.0.0.1.nip.example/",
        "http://six.example/",
        "http://mixed.example/",
        "http://mixed-too.example/",
        "http://mixed-six.example/",
        "http://mapped.example/",
        "http://metadata.example/",
        "http://zoned.example/",
        "http://garbled.example/",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
        "http://①②⑦.0.0.1/",
        "http://bücher.example/",
    ],
    "expected an IPv4 address of four decimal numbers": [
        "http://2130706433/",
        "http://2852039166/",
        "http://0x7f000001/",
        "http://0X7F000001/",
        "http://0x7f.0x0.0x0.0x1/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://0177.0.0.01/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0/",
        "http://0x0/",
        "http://00.0.0.0/",
        "http://127.0.0.0x1/",
        "http://256.256.256.256/",
        "http://127.0.0.1.1/",
        "http://example.0x/",
        "http://２１３０７０６４３３/",
        "http://0x08080808/",
    ],
    "expected (an IPv6 address between brackets|a URL;)": [
        "http://[::ffff:127.0.0.1.1]/",
        "http://[1::2::3]/",
        "http://[127.0.0.1]/",
    ],
    "expected (a host name or address, and at most a port|a URL;)": [
        "http://[fe80::1%25eth0]/",
        "http://[::1%25lo]/",
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.1%2f.public.example/",
        "http://localhost%00.public.example/",
        "http://127.0.0.1:80:80/",
        "http://127.0.0.1:８０/",
        "http://public.example[::1]/",
        "http://[::1].public.example/",
        "http://::1/",
        "http://",
        "http:127.0.0.1/",
        "http:/127.0.0.1/",
        "http:///127.0.0.1/",
        "http://?@127.0.0.1/",
        "http://#@127.0.0.1/",
    ],
    "expected a URL without a user name": [
        "http://user@127.0.0.1/",
        "http://user:password@127.0.0.1/",
        "http://public.example@127.0.0.1/",
        "http://public.example:80@127.0.0.1/",
        "http://public.example%23@127.0.0.1/",
        "http://@127.0.0.1/",
        "http://:@127.0.0.1/",
        "http://127.0.0.1@public.example/",
    ],
    "expected a URL without spaces, backslashes and control characters": [
        "http://public.example\\@127.0.0.1/",
        "http://127.0.0.1\\.public.example/",
        "http:\\\\127.0.0.1\\",
        "http:/\\127.0.0.1/",
        "http://127.0.0.1\t/",
        "http://127.0.\n0.1/",
        "http://127.0.0.1\r\nHost: public.example/",
        "http://127.0.0.1 /",
        " http://127.0.0.1/",
        "http://127.0.0.1/\x00",
        "http://public.example/\x7f",
        "http://local\u200bhost/",
        "http://local\u00adhost/",
        "\u202ehttp://127.0.0.1/",
        "http://127.0.0.1/\u3000",
        "ht\ntp://127.0.0.1/",
    ],
    "expected an http or https address": [
        "file:///etc/passwd",
        "file://127.0.0.1/etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1:80/_GET",
        "dict://127.0.0.1:80/info",
        "ldap://127.0.0.1/",
        "ws://127.0.0.1/",
        "tftp://127.0.0.1/",
        "javascript:fetch('http://127.0.0.1/')",
        "data:text/html,secret",
        "blob:http://127.0.0.1/1",
        "jar:http://127.0.0.1!/",
        "httpx://127.0.0.1/",
        "//127.0.0.1/",
        "127.0.0.1",
        "localhost/",
        "",
        "/etc/passwd",
    ],
    "expected port 80 or 443": [
        "http://127.0.0.1:8080/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:6379/",
        "http://127.0.0.1:00022/",
        "http://public.example:22/",
        "https://public.example:8443/",
        "http://[::1]:99999/",
    ],
    "expected a host name;": [
        "http://./",
        "http://../",
        "http://.127.0.0.1/",
        "http://127..0.0.1/",
        "http://localhost../",
        "http://local*host/",
        "http://local,host/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 130}example/",
        "http://-ü-.example/",
    ],
    "expected a URL;": ["http://[::1/", "http://::1]/", "http://public.example\uff0f@127.0.0.1/"],
    "expected a host that has an address": ["http://nothing.example/"],
    "expected at most 4,096 characters": [f"http://127.0.0.1/{'a' * 5000}"],
}

CASES = [(url, reason) for reason, urls in REFUSED.items() for url in urls]


@pytest.mark.parametrize(
    ("url", "reason"), CASES, ids=[f"{number}-{url[:40]!a}" for number, (url, _) in enumerate(CASES)]
)
def test_no_spelling_of_a_url_leads_inside(url: str, reason: str, canary: Canary) -> None:
    network = Rerouted(canary.port)
    with closing(open_client(AddressGuard(resolve=resolve_like_the_system), network)) as client:
        with pytest.raises(RefusedDocumentError, match=reason) as refused:
            client._transport.handle_request(Unparsed(url))
        with pytest.raises((RefusedDocumentError, httpx2.InvalidURL, httpx2.UnsupportedProtocol)):
            client.get(url)
    assert network.reached == []
    assert canary.visits == 0
    assert len(str(refused.value).splitlines()) == 1
    assert "password" not in str(refused.value)


class Unparsed(httpx2.Request):
    """A request whose URL reaches the guard as it was written, without the client's own checks before."""

    def __init__(self, url: str) -> None:
        super().__init__("GET", "http://placeholder.invalid/")
        self.url = url  # type: ignore[assignment]


def test_the_canary_sings_when_the_guard_lets_one_through(canary: Canary) -> None:
    network = Rerouted(canary.port)
    guard = AddressGuard(["127.0.0.0/8", "::1", "localhost"], resolve=resolve_like_the_system)
    with closing(open_client(guard, network)) as client:
        for number, url in enumerate(("http://127.0.0.1/", "http://localhost/", "http://evil.example/"), start=1):
            assert client.get(url).content == b"secret"
            assert canary.visits == number


# ------------------------------------------------------------------ what is let through


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://public.example/a?b#c", Target("http", "public.example", 80, PUBLIC)),
        ("HTTPS://PUBLIC.example./", Target("https", "public.example", 443, PUBLIC)),
        ("http://public.example:443/", Target("http", "public.example", 443, PUBLIC)),
        ("http://public.example:/", Target("http", "public.example", 80, PUBLIC)),
        ("http://8.8.8.8/", Target("http", "8.8.8.8", 80, "8.8.8.8")),
        ("http://[::ffff:8.8.8.8]/", Target("http", "::ffff:808:808", 80, "8.8.8.8")),
        ("http://[2606:4700::1111]/", Target("http", "2606:4700::1111", 80, "2606:4700::1111")),
        ("http://[64:ff9b::808:808]/", Target("http", "64:ff9b::808:808", 80, "64:ff9b::808:808")),
    ],
)
def test_public_addresses_are_let_through(url: str, target: Target) -> None:
    assert AddressGuard(resolve=resolve_like_the_system).check(url) == target


def test_names_in_other_scripts_are_looked_up_in_ascii() -> None:
    asked: list[str] = []

    def resolve(host: str) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC]

    guard = AddressGuard(resolve=resolve)
    for url in ("http://中国政府网.政务/", "http://xn--fiqs8sirgfmhq98a.xn--zfr164b/", "http://ＢÜCHER。example/"):
        guard.check(url)
    assert asked == ["xn--fiqs8sirgfmhq98a.xn--zfr164b", "xn--fiqs8sirgfmhq98a.xn--zfr164b", "xn--bcher-kva.example"]


@pytest.mark.parametrize(
    ("allowed", "url", "is_let_through"),
    [
        ("10.1.2.3", "http://10.1.2.3/", True),
        ("10.1.2.3", "http://10.1.2.4/", False),
        ("10.1.2.3", "http://10.1.2.3:8080/", False),
        ("10.1.2.3:8080", "http://10.1.2.3:8080/", True),
        ("10.1.2.3:8080", "http://10.1.2.3/", False),
        ("10.1.2.3:8080", "http://[::ffff:10.1.2.3]:8080/", True),
        ("10.1.0.0/16", "http://10.1.200.3/", True),
        ("10.1.0.0/16", "http://10.2.0.1/", False),
        ("10.1.0.0/16", "http://mixed-too.example/", True),
        ("fd00::/8", "http://[fd12::1]/", True),
        ("fd00::/8", "http://mixed-six.example/", True),
        ("[fd12::1]:8080", "http://[fd12:0::1]:8080/", True),
        ("localhost", "http://localhost./", True),
        ("localhost", "http://127.0.0.1/", False),
        ("LOCALHOST.", "http://localhost/", True),
        ("intranet:8080", "http://intranet:8080/", True),
        ("intranet:8080", "http://other:8080/", False),
        ("mixed.example", "http://mixed.example/", True),
        ("public.example:8080", "http://public.example:8080/", True),
        ("public.example:8080", "http://public.example/", True),
        ("metadata.example", "http://metadata.example/", False),
        ("169.254.169.254", "http://metadata.example/", True),
        ("zoned.example", "http://zoned.example/", False),
        ("127.0.0.1", "http://user@127.0.0.1/", False),
        ("127.0.0.1", "http://2130706433/", False),
    ],
)
def test_what_is_allowed_is_let_through_and_nothing_beside_it(allowed: str, url: str, is_let_through: bool) -> None:
    guard = AddressGuard([allowed], resolve=resolve_like_the_system)
    if is_let_through:
        assert guard.check(url).port in {80, 443, 8080}
    else:
        with pytest.raises(RefusedDocumentError):
            guard.check(url)


@pytest.mark.parametrize(
    "entry", ["", "http://intranet/", "10.1.2.3/8", "10.0.0.0/8:8080", "a b", "user@host", "0x7f.1", "host:port"]
)
def test_an_entry_that_allows_nothing_is_a_configuration_error(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a host, an address or a network to allow"):
        AddressGuard([entry])


def test_an_allowed_site_is_reached_under_its_name_over_a_connection_for_each_request(site: Site) -> None:
    site.routes["/page"] = Reply(body=b"text")
    guard = AddressGuard([f"docs.example:{site.port}"], resolve=lambda _: ["127.0.0.1"])
    with closing(open_client(guard)) as client:
        for _ in range(3):
            response = client.get(f"http://docs.example:{site.port}/page")
            assert response.content == b"text"
            assert str(response.url) == f"http://docs.example:{site.port}/page"
    assert {request.headers["host"] for request in site.requests} == {f"docs.example:{site.port}"}
    assert {request.headers["connection"] for request in site.requests} == {"close"}
    assert site.connections == 3


def test_the_system_is_asked_where_no_resolver_is_given(canary: Canary) -> None:
    with pytest.raises(RefusedDocumentError, match=r"expected a public address; got (127\.0\.0\.1|::1) at port 80"):
        AddressGuard().check("http://localhost/")
    with pytest.raises(RefusedDocumentError, match="expected a host that has an address"):
        AddressGuard().check("http://no-such-name.invalid/")
    assert canary.visits == 0


# ------------------------------------------------------------------ TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for docs.example with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    made, other = tmp_path / "docs.pem", tmp_path / "certificate.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=docs.example"
    names = ["-addext", "subjectAltName=DNS:docs.example", "-keyout", str(made), "-out", str(other)]
    subprocess.run(["openssl", *words.split(), *names], check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + other.read_bytes())
    return made


def test_a_certificate_must_bear_the_name_of_the_url_though_the_address_is_shared(certificate: Path) -> None:
    named: list[str | None] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    trusting = httpx2.HTTPTransport(verify=ssl.create_default_context(cafile=str(certificate)), trust_env=False)
    with serve(Site(routes={"/": Reply(body=b"text")}), context) as site:
        allowed = [f"docs.example:{site.port}", f"other.example:{site.port}", f"127.0.0.1:{site.port}"]
        guard = AddressGuard(allowed, resolve=lambda _: ["127.0.0.1"])
        with closing(open_client(guard, trusting)) as client:
            assert client.get(f"https://docs.example:{site.port}/").content == b"text"
            for host in ("other.example", "127.0.0.1"):
                with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    client.get(f"https://{host}:{site.port}/")
    assert named == ["docs.example", "other.example", None]


# ------------------------------------------------------------------ redirects

REDIRECTS: dict[str, Callable[[Site, Canary], str]] = {
    "absolute": lambda _site, canary: f"http://127.0.0.1:{canary.port}/",
    "protocol-relative": lambda _site, canary: f"//127.0.0.1:{canary.port}/",
    "at the usual port": lambda _site, _canary: "http://127.0.0.1/",
    "IPv6": lambda _site, canary: f"http://[::1]:{canary.port}/",
    "mapped": lambda _site, canary: f"http://[::ffff:127.0.0.1]:{canary.port}/",
    "decimal": lambda _site, canary: f"http://2130706433:{canary.port}/",
    "another name": lambda _site, canary: f"http://evil.example:{canary.port}/",
    "another name at the allowed port": lambda site, _canary: f"http://evil.example:{site.port}/",
    "the name as user": lambda site, canary: f"http://docs.example:{site.port}@127.0.0.1:{canary.port}/",
    "backslash": lambda site, canary: f"http://127.0.0.1:{canary.port}\\@docs.example:{site.port}/",
    "chain": lambda _site, _canary: "/next",
    "https": lambda _site, canary: f"https://127.0.0.1:{canary.port}/",
    "file": lambda _site, _canary: "file:///etc/passwd",
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", REDIRECTS)
def test_no_redirect_of_an_allowed_site_leads_inside(kind: str, status: int, site: Site, canary: Canary) -> None:
    site.routes["/"] = Reply(status, headers={"Location": REDIRECTS[kind](site, canary)})
    site.routes["/next"] = Reply(status, headers={"Location": "further"})
    site.routes["/further"] = Reply(status, headers={"Location": f"http://127.0.0.1:{canary.port}/"})
    guard = AddressGuard([f"docs.example:{site.port}"], resolve=lambda _: ["127.0.0.1"])
    start = f"http://docs.example:{site.port}/"
    with closing(open_client(guard)) as client, pytest.raises((RefusedDocumentError, httpx2.UnsupportedProtocol)):
        client.get(start)
    with (
        closing(Fetcher(guard, limits=FetchLimits(delay_seconds=0))) as fetcher,
        pytest.raises(RefusedDocumentError, match=re.escape(start)),
    ):
        fetcher.fetch(start)
    assert "/" in site.paths
    assert canary.visits == 0


# ------------------------------------------------------------------ name servers that change their mind


@dataclass
class NameServer:
    """A name server on loopback that gives the next of its answers to every question, and the last one for ever."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def serve(self, listener: socket.socket) -> None:
        while True:
            question, sender = listener.recvfrom(512)
            if len(question) < 12:
                return
            listener.sendto(self._answer(question), sender)

    def _answer(self, question: bytes) -> bytes:
        name, rest = _read_name(question[12:])
        self.asked.append(name)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        asked = question[12 : len(question) - len(rest) + 4]
        header = question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(addresses), 0, 0)
        records = (struct.pack("!HHHIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton(address) for address in addresses)
        return header + asked + b"".join(records)

    def resolve(self, host: str) -> list[str]:
        """Ask the server, once."""
        labels = b"".join(bytes((len(label),)) + label.encode() for label in host.split("."))
        question = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, 1, 1)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            client.settimeout(5)
            client.connect(("127.0.0.1", self.port))
            client.send(question)
            answer = client.recv(512)
        count = struct.unpack("!H", answer[6:8])[0]
        return [socket.inet_ntoa(answer[len(question) + 16 * i + 12 :][:4]) for i in range(count)]


def _read_name(data: bytes) -> tuple[str, bytes]:
    labels = []
    while data[0]:
        labels.append(data[1 : 1 + data[0]].decode())
        data = data[1 + data[0] :]
    return ".".join(labels), data[1:]


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    server = NameServer([])
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    thread = threading.Thread(target=server.serve, args=(listener,), daemon=True)
    thread.start()
    yield server
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.connect(("127.0.0.1", server.port))
        client.send(b"end")
    thread.join()
    listener.close()


HERE = "127.0.0.1"


@pytest.mark.parametrize(
    ("answers", "outcomes"),
    [
        ([[PUBLIC], [HERE]], ["reached", "refused", "refused"]),
        ([[HERE], [PUBLIC], [HERE]], ["refused", "reached", "refused"]),
        ([[PUBLIC, HERE], [HERE, PUBLIC], [PUBLIC]], ["refused", "refused", "reached"]),
        ([[PUBLIC, PUBLIC], [PUBLIC], [HERE]], ["reached", "reached", "refused"]),
    ],
)
def test_a_name_that_moves_inside_is_looked_up_once_and_reached_where_it_was_checked(
    answers: list[list[str]], outcomes: list[str], name_server: NameServer, site: Site, canary: Canary
) -> None:
    site.routes["/"] = Reply(body=b"text")
    name_server.answers = answers
    network = Rerouted(canary.port, {PUBLIC: site.port})
    with closing(open_client(AddressGuard(resolve=name_server.resolve), network)) as client:
        for number, outcome in enumerate(outcomes, start=1):
            if outcome == "reached":
                assert client.get("http://rebinding.example/").content == b"text"
            else:
                with pytest.raises(
                    RefusedDocumentError, match=r"expected a public address; got 127\.0\.0\.1 at port 80"
                ):
                    client.get("http://rebinding.example/")
            assert name_server.asked == ["rebinding.example"] * number
    assert network.reached == [PUBLIC] * outcomes.count("reached")
    assert {request.headers["host"] for request in site.requests} == {"rebinding.example"}
    assert canary.visits == 0


def test_a_name_that_moves_inside_between_redirects_is_refused(
    name_server: NameServer, site: Site, canary: Canary
) -> None:
    site.routes["/"] = Reply(302, headers={"Location": "/again"})
    name_server.answers = [[PUBLIC], [HERE]]
    network = Rerouted(canary.port, {PUBLIC: site.port})
    with (
        closing(open_client(AddressGuard(resolve=name_server.resolve), network)) as client,
        pytest.raises(RefusedDocumentError, match="expected a public address"),
    ):
        client.get("http://rebinding.example/")
    assert name_server.asked == ["rebinding.example"] * 2
    assert site.paths == ["/"]
    assert canary.visits == 0


def test_a_fetch_asks_the_name_server_once_a_request(name_server: NameServer, site: Site, canary: Canary) -> None:
    site.routes["/page"] = Reply(body=b"text")
    name_server.answers = [[PUBLIC], [PUBLIC], [HERE]]
    network = Rerouted(canary.port, {PUBLIC: site.port})
    guard = AddressGuard(resolve=name_server.resolve)
    with closing(Fetcher(guard, limits=FetchLimits(delay_seconds=0), transport=network)) as fetcher:
        assert fetcher.fetch("http://rebinding.example/page").content == b"text"
        assert site.paths == ["/robots.txt", "/page"]
        assert name_server.asked == ["rebinding.example"] * 2
        with pytest.raises(RefusedDocumentError, match=r"http://rebinding\.example/page: expected a public address"):
            fetcher.fetch("http://rebinding.example/page")
    assert name_server.asked == ["rebinding.example"] * 3
    assert network.reached == [PUBLIC, PUBLIC]
    assert canary.visits == 0


# ------------------------------------------------------------------ laws

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SPECIAL = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
]
SPECIAL_SIX = ["::/64", "64:ff9b:1::/48", "2001:db8::/32", "fc00::/7", "fe80::/10"]
addresses = st.one_of(
    st.ip_addresses(),
    *(st.ip_addresses(v=4, network=network) for network in SPECIAL),
    *(st.ip_addresses(v=6, network=network) for network in SPECIAL_SIX),
)


def spell(address: Address) -> Iterator[str]:
    """The ways to write an address as the host of a URL."""
    if isinstance(address, ipaddress.IPv6Address):
        yield from (f"[{address}]", f"[{address.exploded}]", f"[{str(address).upper()}]")
        return
    number = int(address)
    octets = address.packed
    yield from (str(address), f"{address}.", str(number), hex(number), f"0{number:o}")
    yield ".".join(hex(octet) for octet in octets)
    yield ".".join(f"0{octet:o}" for octet in octets)
    yield f"{octets[0]}.{number & 0xFFFFFF}"
    yield f"{octets[0]}.{octets[1]}.{number & 0xFFFF}"
    yield str(address).translate({ord(str(digit)): ord("０") + digit for digit in range(10)})
    yield str(address).replace(".", "。")
    for prefix in ("::ffff:", "::", "64:ff9b::"):
        yield f"[{prefix}{address}]"
    yield f"[2002:{octets[0]:02x}{octets[1]:02x}:{octets[2]:02x}{octets[3]:02x}::1]"


@settings(deadline=None)
@given(addresses)
@example(ipaddress.ip_address("127.0.0.1"))
@example(ipaddress.ip_address("169.254.169.254"))
@example(ipaddress.ip_address("224.0.0.1"))
def test_an_address_that_is_not_global_is_refused_in_every_spelling_and_behind_every_name(address: Address) -> None:
    assume(not address.is_global or address.is_multicast)
    for host in spell(address):
        with pytest.raises(RefusedDocumentError):
            AddressGuard(resolve=lambda host: [socket.inet_ntoa(socket.inet_aton(host))]).check(f"http://{host}/")
    answers = {
        "only.example": [str(address)],
        "last.example": [PUBLIC, str(address)],
        "first.example": [str(address), PUBLIC],
    }
    for name in answers:
        with pytest.raises(RefusedDocumentError, match="expected a public address"):
            AddressGuard(resolve=answers.__getitem__).check(f"https://{name}/")


@settings(deadline=None)
@given(st.ip_addresses())
def test_what_is_let_through_is_global_and_connected_to_as_checked(address: Address) -> None:
    if is_public(address):
        inner = (
            ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            if address in ipaddress.ip_network("64:ff9b::/96")
            else address
        )
        assert inner.is_global
        host = f"[{address}]" if address.version == 6 else str(address)
        assert ipaddress.ip_address(AddressGuard().check(f"https://{host}/").address) == address


@settings(deadline=None)
@given(st.text())
def test_any_text_is_checked_or_refused_and_nothing_else(text: str) -> None:
    guard = AddressGuard(resolve=lambda _: ["127.0.0.1"])
    for url in (text, f"http://{text}", f"https://public.example/{text}", f"http://public.example:{text}"):
        with pytest.raises(RefusedDocumentError) as refused:
            guard.check(url)
        assert "\n" not in str(refused.value)
