"""The running service: a listening socket taken before anything slow, and uvicorn on it."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from briefbot.answering import Briefbot
from briefbot.errors import BriefbotError, ConfigurationError
from briefbot.settings import Settings
from briefbot.tracing import open_tracing

STOPPING_SECONDS = 10
"""What has begun is finished in that time when the service is told to stop."""

_log = logging.getLogger(__name__)


@contextmanager
def open_socket(settings: Settings) -> Iterator[socket.socket]:
    """The socket the service will listen on; raises `ConfigurationError` where the port is taken or the host unknown."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigurationError(
                f"expected a free address to listen on; got {settings.host}:{settings.port} ({error.strerror}); "
                "stop the other program or choose another port with --port"
            ) from error
        yield listener


def run_service(settings: Settings, bot: Briefbot, listener: socket.socket, *, announce: Callable[[str], None]) -> None:
    """Serve page and API until told to stop."""
    import uvicorn

    from briefbot.api.app import create_app

    host, port = listener.getsockname()[:2]
    reachable = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    url = f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"
    threading.Thread(target=_warm_up, args=(bot,), name="briefbot-warm-up", daemon=True).start()
    announce("loading the page …")
    app = create_app(settings, bot, with_page=True, tracing=open_tracing(os.environ))
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, timeout_graceful_shutdown=STOPPING_SECONDS
    )
    server = uvicorn.Server(config)
    started = server.startup

    async def start(sockets: list[socket.socket] | None = None) -> None:
        await started(sockets)
        if server.started:
            announce(f"ready: page {url}/  API {url}/docs")

    server.startup = start  # type: ignore[method-assign]
    server.run(sockets=[listener])


def _warm_up(bot: Briefbot) -> None:
    """Load a local model beside the page; an answer says so where that fails."""
    try:
        bot.warm_up()
    except BriefbotError as error:
        _log.warning("%s", error)
