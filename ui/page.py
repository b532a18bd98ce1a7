"""The chat page: Gradio for layout, input and conversation; sources are drawn by our own script from the API's answers.

Gradio traps this file works around were found by running Gradio 6.31: an event with `js=` or a `gr.HTML` needs
`unsafe-eval`, which our content security policy refuses; the run history is kept in the browser unless switched off;
messages are escaped before Gradio gets them, because a Chatbot draws HTML even with Markdown off, and its sanitiser lets
remote images through.
"""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from html import escape, unescape
from pathlib import Path
from typing import Any

from briefbot.ui.strings import EXAMPLES, STRINGS
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from briefbot.api.schemas import AnswerOut, DeltaOut
from briefbot.client import AsyncClient
from briefbot.errors import BriefbotError, DeadlineError

ASSETS = Path(__file__).parent / "assets"
ANSWER_TIMEOUT_SECONDS = 60.0
CONCURRENT_CHATS = 8
HISTORY_TURNS = 10

Messages = list[dict[str, Any]]
_log = logging.getLogger(__name__)


def mount_page(app: FastAPI, service_url: str) -> FastAPI:
    """Serve the page at `/` of an app whose API answers at `service_url`."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    app.mount("/briefbot", StaticFiles(directory=ASSETS, follow_symlink=True), name="briefbot-assets")
    app.add_api_route("/manifest.json", _get_manifest, include_in_schema=False)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_page(service_url),
        path="/",
        theme=_make_theme(),
        head=(
            '<link rel="stylesheet" href="/briefbot/briefbot.css">'
            '<script src="/briefbot/briefbot.js" defer></script>'
            '<link rel="icon" href="/briefbot/favicon.svg" type="image/svg+xml">'
        ),
        footer_links=[],
        show_error=False,
        app_kwargs={"openapi_url": None, "docs_url": None, "redoc_url": None},
    )
    return mounted


async def _get_manifest() -> JSONResponse:
    """The web manifest that Gradio's page links to."""
    return JSONResponse({"name": "briefbot", "start_url": "/", "display": "browser"})


def _make_theme() -> Any:
    import gradio as gr
    from gradio.themes.utils.fonts import LocalFont

    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        radius_size="md",
        text_size="md",
        font=[LocalFont("Source Sans 3"), "Noto Sans SC", "PingFang SC", "Microsoft YaHei", "sans-serif"],
        font_mono=[LocalFont("IBM Plex Mono"), "monospace"],
    )


def build_page(service_url: str) -> Any:
    """The page's components and events."""
    import gradio as gr

    text = STRINGS["en"]
    with gr.Blocks(title=text["title"], analytics_enabled=False) as page:
        gr.Markdown(f"# {text['title']}\n{text['tagline']}", elem_id="masthead")
        with gr.Row(elem_id="desk"):
            with gr.Column(scale=3, elem_id="talk"):
                chat = gr.Chatbot(
                    label=text["chat"],
                    elem_id="chat",
                    height="58vh",
                    render_markdown=False,
                    buttons=["copy"],
                    group_consecutive_messages=False,
                    placeholder=text["ask_placeholder"],
                )
                with gr.Row(elem_id="ask"):
                    question = gr.Textbox(
                        label=text["ask_label"],
                        placeholder=text["ask_placeholder"],
                        lines=1,
                        max_lines=6,
                        max_length=2000,
                        scale=8,
                        elem_id="question",
                    )
                    send = gr.Button(text["send"], variant="primary", scale=1, elem_id="send")
                gr.Markdown(
                    f'<label for="as-of">{text["as_of"]}</label> <input type="date" id="as-of" max="2100-12-31">',
                    elem_id="controls",
                )
                gr.Examples([[example] for example in EXAMPLES], inputs=[question], label=text["examples"])
            with gr.Column(scale=2, elem_id="panel"):
                gr.Markdown(f"## {text['sources']}\n{text['sources_hint']}", elem_id="panel-hint")
        as_of_value = gr.Textbox(visible="hidden", elem_id="as-of-value")
        answers = gr.Markdown(visible="hidden", elem_id="answers")
        kept = gr.State([])

        async def respond(
            asked: str, day: str, messages: Messages, past: list[dict[str, Any]], request: Any
        ) -> AsyncIterator[Any]:
            """Show the question at once, then its answer as it comes; on failure give the question back with the reason."""
            if not asked.strip():
                yield gr.update(), messages, past, gr.update()
                return
            pending = [*messages, {"role": "user", "content": escape(asked)}]
            yield gr.update(value="", interactive=False), pending, past, gr.update()
            asking = ask_service(service_url, asked, day, messages, read_key(request.headers.get("authorization")))
            try:
                async with aclosing(asking) as replies:
                    async for said, answer in replies:
                        talk = [*pending, {"role": "assistant", "content": escape(said)}]
                        if answer is None:
                            yield gr.update(), talk, past, gr.update()
                            continue
                        shown = [*past, {"citations": answer["citations"], "notices": answer["notices"]}]
                        yield gr.update(value="", interactive=True), talk, shown, encode_answers(shown)
            except BriefbotError as error:
                reason = text["too_slow"] if isinstance(error, DeadlineError) else f"{error}."
                failed = [*pending, {"role": "assistant", "content": escape(text["failed"].format(reason=reason))}]
                shown = [*past, {"citations": [], "notices": []}]
                yield gr.update(value=asked, interactive=True), failed, shown, encode_answers(shown)

        respond.__annotations__["request"] = gr.Request  # Gradio passes it by its type, which has no name out here
        for trigger in (question.submit, send.click):
            trigger(
                respond,
                [question, as_of_value, chat, kept],
                [question, chat, kept, answers],
                concurrency_limit=CONCURRENT_CHATS,
                concurrency_id="chat",
                show_progress="hidden",
                api_visibility="private",
            )
    page.queue(max_size=64, default_concurrency_limit=CONCURRENT_CHATS)
    page.run_history = False
    return page


async def ask_service(
    service_url: str, question: str, as_of: str, messages: Messages, key: str | None = None
) -> AsyncGenerator[tuple[str, dict[str, Any] | None]]:
    """What the chat says so far, again and again, and at last with the answer; raises the errors of `AsyncClient`."""
    said = ""
    async with AsyncClient(service_url, key, ANSWER_TIMEOUT_SECONDS, retries=0) as client:
        events = client.stream(question, history=make_history(messages), as_of=as_of or None)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, DeltaOut):
                    said += event.text
                    yield said, None
                elif isinstance(event, AnswerOut):
                    answer = event.model_dump(mode="json")
                    yield show_answer(answer), answer


def read_key(authorization: str | None) -> str | None:
    """The key that a browser sent, by itself or as a password; the page asks with it in the reader's place."""
    scheme, _, value = (authorization or "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2] or None
    except ValueError:
        return None


def make_history(messages: Messages) -> list[dict[str, str]]:
    """The conversation so far as the API takes it: plain text, the newest turns."""
    turns = [{"role": str(message["role"]), "content": _plain(message["content"])} for message in messages]
    return [turn for turn in turns if turn["content"]][-2 * HISTORY_TURNS :]


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return unescape(content)[:20_000]
    if isinstance(content, list):
        return " ".join(_plain(part.get("text", "")) if isinstance(part, dict) else str(part) for part in content)
    return ""


def show_answer(answer: dict[str, Any]) -> str:
    """The answer as the chat shows it: its text, then what the reader must know about its sources."""
    text = STRINGS["zh" if answer["language"] == "zh" else "en"]
    notices = [f"\n\n⚠ {text['notice']}: {notice['message']}" for notice in answer["notices"]]
    return str(answer["text"]) + "".join(notices)


def encode_answers(shown: list[dict[str, Any]]) -> str:
    """The citations of every answer so far, in a form that passes through Markdown unchanged; the script reads it."""
    slim = [[_slim_citation(citation) for citation in item["citations"]] for item in shown]
    return base64.b64encode(json.dumps(slim, ensure_ascii=False).encode()).decode()


def _slim_citation(citation: dict[str, Any]) -> dict[str, Any]:
    document = citation["document"]
    return {
        "number": citation["number"],
        "start": citation["start"],
        "end": citation["end"],
        "quote": citation["quote"],
        "locator": citation["locator"],
        "id": document["id"],
        "title": document["title"],
        "title_zh": document["title_zh"],
        "published": document["published"],
        "issuer": document["issuer"],
        "status": document["status"],
    }
