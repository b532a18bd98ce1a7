"""The test client under a name that the service answers to."""

from __future__ import annotations

from typing import Any

import starlette.testclient
from starlette.types import ASGIApp


class TestClient(starlette.testclient.TestClient):
    """Asks an app as if it listened on this machine."""

    __test__ = False

    def __init__(self, app: ASGIApp, base_url: str = "http://127.0.0.1", **options: Any) -> None:
        super().__init__(app, base_url=base_url, **options)

    def websocket_connect(self, url: str, *options: Any, **more: Any) -> Any:
        """Open a websocket at a path."""
        return super().websocket_connect(f"ws://127.0.0.1{url}", *options, **more)
