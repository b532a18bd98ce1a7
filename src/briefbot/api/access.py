"""Who may use the service, and how often: one gate in front of every route, page and mounted app."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import logging
import math
import re
import time
from collections.abc import Callable

import anyio
import anyio.to_thread
from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from briefbot.api.problems import MEDIA_TYPE, make_problem, problem_of, route_path
from briefbot.errors import (
    AccessError,
    BriefbotError,
    ConfigurationError,
    RateLimitError,
    ScopeError,
    StorageError,
    UsageError,
)
from briefbot.keys import (
    ANYBODY,
    CONFIGURED,
    SECRET_PREFIX,
    Caller,
    KeyRing,
    Scope,
    hash_secret,
    parse_limit,
    sort_scopes,
)
from briefbot.settings import Settings

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What answers to anybody who can reach the service, under any name, so that a probe needs no key."""

BODY_SECONDS = 30.0
"""Longest wait for the next piece of a request's body. All of a body may take so long, and as long as it takes at
`SLOWEST_BYTES_PER_SECOND` besides."""

SLOWEST_BYTES_PER_SECOND = 10_000

UNTAKEN_SECONDS = 30.0
"""Longest wait until a piece of a response is taken, by the client or by the buffers on the way to it; then the client has gone."""

_ORIGIN = re.compile(
    r"(?!http://[^/]*:80$|https://[^/]*:443$)https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)
"""A site as browsers write it: no path, no user, no port that goes without saying, other scripts as `xn--…`."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LIMITED_PATHS = ("/v1", "/mcp")
_KEY_THREADS = 4
"""Keys are looked up in threads of their own, so that busy answers do not hold up who may come in."""

_log = logging.getLogger(__name__)


def needed_scope(method: str, path: str, *, is_open: bool = False) -> Scope | None:
    """The scope a request needs, None for what needs nothing; what is not named here is for whoever may ask.

    `is_open`: whether anybody may ask, and then see the metrics as well. Documents always need a key.
    """
    plain = path.rstrip("/")
    if path in OPEN_PATHS or (plain == "/metrics" and is_open):
        return None
    if method == "POST" and plain == "/v1/documents":
        return "ingest"
    return "admin" if plain == "/metrics" else "ask"


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_open(settings: Settings) -> bool:
    """Whether anybody who reaches the service may ask."""
    return settings.access == "open" or (settings.access == "auto" and is_loopback(settings.host))


def check_access(settings: Settings, keyring: KeyRing) -> None:
    """Raise `ConfigurationError` for a service on the network that nobody could use, for a limit that is none, and for sites that are none."""
    RequestLimiter(settings.rate_limit)
    read_origins(settings)
    if is_open(settings) or is_loopback(settings.host) or settings.api_key or keyring.has_any():
        return
    raise ConfigurationError(
        f"expected a key for a service on {settings.host}, which others can reach; got none; "
        "run `briefbot key create NAME`, or set BRIEFBOT_ACCESS=open to let anybody ask"
    )


def read_origins(settings: Settings) -> list[str]:
    """The sites whose pages may ask, as browsers write them; raises `ConfigurationError` for what is none."""
    origins = [origin.rstrip("/") for origin in _split(settings.cors_origins)]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                f"BRIEFBOT_CORS_ORIGINS: expected sites like https://tools.example, divided by commas; got {origin[:80]}; name each"
            )
    return origins


class RequestLimiter:
    """How often each key may ask: a moving window for each, kept by this process.

    Raises `ConfigurationError` for a default that is no limit. Who asks without a key is not limited.
    """

    def __init__(self, default: str) -> None:
        try:
            self._default = parse_limit(default)
        except UsageError as error:
            raise ConfigurationError(f"BRIEFBOT_RATE_LIMIT: {error}") from error
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def admit(self, caller: Caller) -> None:
        """Count one request; raises `RateLimitError` where the key has made as many as it may."""
        if caller.key_id is None:
            return
        limit = self._limit_of(caller)
        if not self._window.hit(limit, caller.key_id):
            raise _too_many(limit, self._seconds_left(limit, caller.key_id))

    def charge(self, caller: Caller, cost: int, field: str) -> None:
        """Count a request as `cost` requests, for `field` of its body: it counted as one when it was admitted.

        Raises `RateLimitError` where so many are not left, `UsageError` where they never will be; counts no more than that one then.
        """
        if caller.key_id is None or cost <= 1:
            return
        limit = self._limit_of(caller)
        if cost > limit.amount:
            raise UsageError(
                f"{field}: expected no more at once than the key's limit of {limit}; got {cost}; send fewer at a time"
            )
        if not self._window.hit(limit, caller.key_id, cost=cost - 1):
            raise _too_many(limit, limit.get_expiry())

    def headers(self, caller: Caller) -> dict[str, str]:
        """What is left of the caller's limit, as response headers; nothing for who is not limited."""
        if caller.key_id is None:
            return {}
        limit = self._limit_of(caller)
        return {
            "ratelimit-limit": str(limit.amount),
            "ratelimit-remaining": str(self._window.get_window_stats(limit, caller.key_id).remaining),
            "ratelimit-reset": str(self._seconds_left(limit, caller.key_id)),
        }

    def _limit_of(self, caller: Caller) -> RateLimitItem:
        return parse_limit(caller.rate_limit) if caller.rate_limit else self._default

    def _seconds_left(self, limit: RateLimitItem, key_id: str) -> int:
        """Whole seconds until the oldest request that counts has left the window."""
        left = self._window.get_window_stats(limit, key_id).reset_time - time.time()
        return max(1, math.floor(left) + 1)


def _too_many(limit: RateLimitItem, seconds: int) -> RateLimitError:
    return RateLimitError(
        f"expected at most {limit} with this key; got more; try again in {seconds} s",
        expected=str(limit),
        retry_seconds=seconds,
    )


class AccessGate:
    """ASGI middleware that lets in whoever may, and answers everybody else with a problem.

    The caller goes to `scope["state"]["caller"]`, the limiter to `scope["state"]["limiter"]`. Nothing is held back: bodies,
    streams and disconnects pass as they come.
    """

    def __init__(self, app: ASGIApp, settings: Settings, keyring: KeyRing) -> None:
        self._app = app
        self._keyring = keyring
        self._is_open = is_open(settings)
        self._configured = hash_secret(settings.api_key.get_secret_value()) if settings.api_key else None
        self._hosts = _allowed_hosts(settings)
        self._origins = frozenset(read_origins(settings))
        self._limiter = RequestLimiter(settings.rate_limit)
        self._threads = anyio.CapacityLimiter(_KEY_THREADS)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state.update(caller=ANYBODY, limiter=self._limiter)
        path = route_path(scope)
        if path in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        refusal = await self._examine(scope, path)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            limited = state["caller"] if _is_limited(path) else ANYBODY
            exchange = _Exchange(scope, receive, send, lambda: self._limiter.headers(limited))
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except ClientDisconnect:
                return  # nobody is left to answer, and it is no fault of the service
            except Exception:
                if not exchange.is_given_up:  # what streams makes a group of the disconnect and what follows from it
                    raise

    async def _examine(self, scope: Connection, path: str) -> Response | None:
        """Why the request is refused; else None, and the state says who the caller is."""
        headers = Headers(scope=scope)
        method = scope["method"] if scope["type"] == "http" else "WEBSOCKET"
        refusal = self._check_host(headers) or self._check_site(headers, method)
        if refusal is not None:
            return refusal
        try:
            caller = await self._identify(headers, needed_scope(method, path, is_open=self._is_open))
            if _is_limited(path):
                self._limiter.admit(caller)
        except StorageError as error:  # its message names a file, which is nothing for a stranger
            _log.error("%s", error)
            return make_problem(503, error.slug, "expected keys that can be read; the service's log says what is wrong")
        except RateLimitError as error:
            return problem_of(error, self._limiter.headers(caller))
        except BriefbotError as error:
            return problem_of(error)
        scope["state"]["caller"] = caller
        return None

    def _check_host(self, headers: Headers) -> Response | None:
        """A page elsewhere can point a name of its own at this machine; the name it then asks for is not one of ours."""
        if self._hosts is None:
            return None
        names = [_host_name(value) for value in headers.getlist("host")]
        if names and all(is_loopback(name) or name in self._hosts for name in names):
            return None
        got = ", ".join(name[:80] for name in names[:3]) or "none"
        detail = f"host: expected a name this service answers to; got {got}; add it to BRIEFBOT_ALLOWED_HOSTS"
        return make_problem(421, "misdirected-request", detail, got=got)

    def _check_site(self, headers: Headers, method: str) -> Response | None:
        """Refuse what a page elsewhere makes a browser send, with the key the browser remembers or where none is needed."""
        if method in _SAFE_METHODS or not self._is_from_elsewhere(headers):
            return None
        detail = (
            "origin: expected a request from this service's own page or from a program; got one from another site's page; "
            "add that site to BRIEFBOT_CORS_ORIGINS to allow it"
        )
        return make_problem(403, "cross-site", detail)

    def _is_from_elsewhere(self, headers: Headers) -> bool:
        """Browsers name the relation to the page; over plain HTTP to another machine they name its origin only."""
        origin = headers.get("origin")
        if origin is not None and origin.lower() in self._origins:
            return False
        relations = {relation.strip().lower() for relation in headers.getlist("sec-fetch-site")}
        if relations:
            return not relations <= {"same-origin", "none"}
        return origin is not None and origin.lower().partition("://")[2] != headers.get("host", "").lower()

    async def _identify(self, headers: Headers, needed: Scope | None) -> Caller:
        """The caller; raises `AccessError` without a key that opens anything, `ScopeError` without the scope."""
        secret = _read_secret(headers.getlist("authorization"))
        if secret is None:
            if needed is None or (self._is_open and needed in ANYBODY.scopes):
                return ANYBODY
            raise await self._missing_key(needed)
        caller = await self._find_caller(secret)
        if caller is None:
            # Clients that insist on a key send some word where none is needed; only what looks like ours, or would open more, fails.
            is_placeholder = not secret.startswith(SECRET_PREFIX) and self._is_open
            if is_placeholder and (needed is None or needed in ANYBODY.scopes):
                return ANYBODY
            raise AccessError("authorization: expected a key of this service; got one that is unknown or revoked")
        if needed is not None and needed not in caller.scopes:
            got = ", ".join(sort_scopes(caller.scopes))
            raise ScopeError(
                f"expected a key with the scope {needed}; got one with {got}; "
                f"`briefbot key create NAME --scope {needed}` makes another",
                expected=needed,
                got=got,
            )
        return caller

    async def _find_caller(self, secret: str) -> Caller | None:
        if self._configured is not None and hmac.compare_digest(self._configured, hash_secret(secret)):
            return CONFIGURED
        key = await anyio.to_thread.run_sync(self._keyring.find, secret, limiter=self._threads)
        return key.caller if key else None

    async def _missing_key(self, needed: Scope) -> AccessError:
        has_keys = self._configured is not None or await anyio.to_thread.run_sync(
            self._keyring.has_any, limiter=self._threads
        )
        if has_keys:
            return AccessError(
                f"authorization: expected a key with the scope {needed}; got none; "
                "send it as `Bearer KEY`, or as the password of HTTP Basic"
            )
        return AccessError(
            f"authorization: expected a key with the scope {needed}; got none, and this service has no key yet; "
            f"make one with `briefbot key create NAME --scope {needed}`"
        )


class _Exchange:
    """One request that was let in: its body must keep coming, and its response gets the headers, made when it begins."""

    def __init__(
        self, scope: Connection, receive: Receive, send: Send, make_headers: Callable[[], dict[str, str]]
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._make_headers = make_headers
        self._is_read = False
        self._is_answered = False
        self.is_given_up = False
        """Whether the client has gone, or was told off: nothing more is sent to it."""
        self._waited = 0.0
        self._received = 0

    async def receive(self) -> Message:
        """The next message; `http.disconnect` where the body has not gone on in time, for which the sender was told off."""
        if self.is_given_up:
            return {"type": "http.disconnect"}
        if self._is_read:
            return await self._receive()
        left = BODY_SECONDS + self._received / SLOWEST_BYTES_PER_SECOND - self._waited
        started = anyio.current_time()
        with anyio.move_on_after(min(BODY_SECONDS, left)):
            message = await self._receive()
            self._waited += anyio.current_time() - started
            self._received += len(message.get("body", b""))
            self._is_read = message["type"] != "http.request" or not message.get("more_body", False)
            return message
        await self._give_up()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass a message of the response on; the framework's plain refusal of a large body goes out as a problem."""
        if self.is_given_up:
            return
        if message["type"] == "http.response.start" and message["status"] == 413 and not _is_problem(message):
            self.is_given_up = True
            too_large = make_problem(
                413,
                "body-too-large",
                "body: expected a smaller one; got more than this route takes; send less at a time",
            )
            await too_large(self._scope, self._receive, self._pass_on)
        else:
            await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_answered = True
            headers = MutableHeaders(scope=message)
            for name, value in self._make_headers().items():
                headers[name] = value
        with anyio.move_on_after(UNTAKEN_SECONDS) as scope:
            await self._send(message)
        if scope.cancelled_caught:
            self.is_given_up = True
            raise ClientDisconnect

    async def _give_up(self) -> None:
        """Answer in the place of the app, unless its response has begun: the rest of that is not sent then."""
        self.is_given_up = True
        if self._is_answered:
            return
        detail = f"body: expected to go on within {BODY_SECONDS:g} s; got too little; send the request again"
        refusal = make_problem(408, "request-timeout", detail, headers={"connection": "close"})
        await refusal(self._scope, self._receive, self._send)


def _is_problem(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type") == MEDIA_TYPE


async def _refuse(refusal: Response, scope: Connection, receive: Receive, send: Send) -> None:
    """Send a refusal; a websocket whose server cannot send one is closed before it opens."""
    extensions = scope.get("extensions") or {}
    if scope["type"] == "websocket" and "websocket.http.response" not in extensions:
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
    else:
        await refusal(scope, receive, send)


def _read_secret(values: list[str]) -> str | None:
    """The key in an `Authorization` header, None without one; raises `AccessError` where there is no key in it."""
    if not values:
        return None
    scheme, _, rest = values[0].encode("latin-1").strip().partition(b" ")
    secret = b""
    if len(values) == 1 and scheme.lower() == b"bearer":
        secret = rest.strip()
    elif len(values) == 1 and scheme.lower() == b"basic":
        secret = _password_of(rest.strip())
    if not secret:
        raise AccessError(
            "authorization: expected `Bearer KEY`, or HTTP Basic with the key as password; got something else; correct it"
        )
    return secret.decode("utf-8", errors="surrogateescape")


def _password_of(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _is_limited(path: str) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in _LIMITED_PATHS)


def _allowed_hosts(settings: Settings) -> frozenset[str] | None:
    """Names the service answers to besides this machine's own; None where any will do."""
    if not settings.allowed_hosts and not is_loopback(settings.host):
        return None
    return frozenset({*(_host_name(name) for name in _split(settings.allowed_hosts)), settings.host.lower()})


def _host_name(host: str) -> str:
    """A `Host` header without its port."""
    plain = host.strip().lower()
    if plain.startswith("["):
        return plain[1:].partition("]")[0]
    return plain if plain.count(":") > 1 else plain.partition(":")[0].rstrip(".")


def _split(values: str | None) -> list[str]:
    return [value.strip().lower() for value in (values or "").split(",") if value.strip()]
