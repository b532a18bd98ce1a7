"""The chat page: Gradio for frame, look and input; our scripts draw all else in the browser, from the HTTP API's values.

Gradio traps this file works around were found by running Gradio 6.31: an event with `js=` or a `gr.HTML` needs
`unsafe-eval`, which our content security policy refuses; the run history is kept in the browser unless switched off; and
Gradio's events come to an end when their connection breaks, until the page is loaded anew. So the page has none: questions
go from the browser to the API's stream, with the key that the browser sends by itself. Gradio's other routes, which take files
in, fetch what others publish and hold connections open, are therefore not served.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from briefbot.ui.strings import STRINGS
from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from briefbot.api.problems import problem_of, route_path
from briefbot.errors import NotFoundError

ASSETS = Path(__file__).parent / "assets"
IDLE_SECONDS = 1.0

_FRAME_PATHS = frozenset({"/", "/theme.css"})
_FRAME_FOLDERS = ("/assets/", "/static/")
"""What the page loads of Gradio's."""


class _Assets(StaticFiles):
    """Our scripts and styles; a browser asks each time whether they are still the same, as their names never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


class _Frame:
    """Gradio's app without what this page does not use."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = route_path(scope)
        is_read = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if is_read and (path in _FRAME_PATHS or path.startswith(_FRAME_FOLDERS)):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            detail = (
                f"expected the page at / or a route of the API; got {path[:80]}; GET /openapi.json lists the routes"
            )
            await problem_of(NotFoundError(detail, got=path[:80]))(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})


def mount_page(app: FastAPI) -> FastAPI:
    """Serve the page at `/` of an app that serves the API below `/v1`."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    app.mount("/briefbot", _Assets(directory=ASSETS, follow_symlink=True), name="briefbot-assets")
    app.add_api_route("/manifest.json", _get_manifest, include_in_schema=False)
    app.add_api_route("/favicon.ico", _get_icon, include_in_schema=False)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_page(),
        path="/",
        theme=_make_theme(),
        head=(
            '<link rel="stylesheet" href="/briefbot/briefbot.css">'
            '<script src="/briefbot/briefbot.js" type="module"></script>'
            '<link rel="icon" href="/briefbot/favicon.svg" type="image/svg+xml">'
        ),
        footer_links=[],
        run_history=False,
        show_error=False,
        app_kwargs={"openapi_url": None, "docs_url": None, "redoc_url": None},
    )
    frame = mounted.routes[-1]
    if not isinstance(frame, Mount):
        raise TypeError("expected Gradio's app as the last route; got something else; pin another release of gradio")
    frame.app = _Frame(frame.app)
    return mounted


async def _get_manifest() -> JSONResponse:
    """The web manifest that Gradio's page links to."""
    return JSONResponse({"name": "briefbot", "start_url": "/", "display": "browser"})


async def _get_icon() -> FileResponse:
    """The icon, for browsers that look for it before they have read the page."""
    return FileResponse(ASSETS / "favicon.svg", media_type="image/svg+xml")


def _make_theme() -> Any:
    """The readers' own fonts: the ones that come with Gradio lack most letters."""
    import gradio as gr

    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        radius_size="md",
        text_size="md",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


def build_page() -> Any:
    """The page's frame: its name, the box for questions with its buttons, and the places that our scripts fill."""
    import gradio as gr

    text = STRINGS["en"]
    with gr.Blocks(title=text["title"], analytics_enabled=False) as page:
        gr.Markdown(f"# {text['title']}", elem_id="masthead")
        with gr.Row(elem_id="desk"):
            with gr.Column(elem_id="talk"), gr.Row(elem_id="ask"):
                gr.Textbox(
                    label=text["ask_label"],
                    placeholder=text["ask_placeholder"],
                    show_label=False,
                    container=False,
                    lines=1,
                    max_lines=6,
                    max_length=2000,
                    scale=8,
                    elem_id="question",
                )
                gr.Button(text["send"], variant="primary", scale=1, min_width=90, elem_id="send")
                gr.Button(text["stop"], scale=1, min_width=90, elem_id="stop")
                gr.Button(text["fresh"], scale=1, min_width=90, elem_id="fresh")
            gr.Column(elem_id="panel")
    # Gradio's queue looks every millisecond whether there is an event, and this page has none.
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = IDLE_SECONDS
    return page
