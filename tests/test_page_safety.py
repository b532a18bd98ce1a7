"""What documents, titles and questions may not do to the page: run, ask for something elsewhere, or lie over it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from briefbot.ingest.pipeline import Ingestor
from clients import TestClient
from conftest import run_service
from hostile_markup import payloads
from loopback import Canary, set_out_canary
from pages import TABS, Watched, ask, opened, show_tab
from playwright.sync_api import Browser, Page, expect
from starlette.types import Receive, Scope, Send

from briefbot.answering import Briefbot
from briefbot.api.security import SecurityHeaders
from briefbot.corpus import Corpus
from briefbot.index import PassageIndex
from briefbot.models import Document

pytestmark = pytest.mark.browser

TOPICS = ("harbour", "ferry", "lighthouse", "customs", "pilotage", "dredging")


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with set_out_canary() as found:
        yield found


@pytest.fixture(scope="module")
def hostile(canary: Canary) -> list[Document]:
    """A document for each payload, which is its title and stands in its text."""
    return [
        Document(
            id=f"hostile-{number}", title=payload[:380], title_zh=payload[:380],
            text=f"{payload}\n\n## {payload}\n\nThe {TOPICS[number % 6]} fee of case {number} was RMB {number + 100} in 2024. {payload}",
            kind="rule", issuer=("CAC",), authority="rule", published=dt.date(2024, 1, 1 + number % 28), language="en",
            topics=("data",), phase="courting", url=f"javascript:window.taken={number}",
        )
        for number, payload in enumerate(payloads(canary.url))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def hostile_service(bot: Briefbot, hostile: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("hostile")
    corpus = Corpus(home / "record.sqlite3")
    corpus.bind_model(str(bot.embedder.identity))
    Ingestor(corpus, None, lambda: bot.embedder).ingest_documents(hostile, origin="test")
    index = PassageIndex(home / "index")
    with corpus.writing():
        index.rebuild(corpus)
    settings = bot.settings.model_copy(update={"home": home})
    with run_service(settings, Briefbot(settings, corpus, bot.embedder, index)) as url:
        yield url
    corpus.close()


def check_untouched(watch: Watched, canary: Canary) -> None:
    """Nothing ran, nothing was asked for elsewhere, nothing lies over the page, and no markup became an element."""
    page = watch.page
    assert page.evaluate("window.taken") is None
    assert watch.outside == []
    assert canary.visits == 0
    assert [error for error in watch.errors if "Content Security Policy" in error] == []
    found = page.evaluate(
        """() => [...document.querySelectorAll(
            ["iframe", "object", "embed", "img", "video", "audio", "form[action]", "style", "script", "dialog", "base"]
                .map((name) => `.bb ${name}`).join()
        )].map((node) => node.outerHTML.slice(0, 200))"""
    )
    assert found == []
    top = page.evaluate(
        "document.elementFromPoint(innerWidth / 2, 12)?.closest('#masthead, #bar, .gradio-container') !== null"
    )
    assert top


def test_there_are_payloads_enough(canary: Canary) -> None:
    assert len(set(payloads(canary.url))) >= 60


def test_every_document_is_shown_as_it_is(
    browser: Browser, hostile_service: str, hostile: list[Document], canary: Canary
) -> None:
    kept = {
        item["id"]: item
        for item in httpx2.get(f"{hostile_service}/v1/documents?limit=500", trust_env=False).json()["documents"]
    }
    assert len(kept) == len(hostile)
    with opened(browser, hostile_service, "/?tab=corpus") as watch:
        page = watch.page
        for document in hostile:
            page.evaluate("async (id) => (await import('/briefbot/source.js')).openDocument(id)", document.id)
            expect(page.locator("#source h2")).to_have_text(
                re.compile(re.escape(" ".join(kept[document.id]["title"].split())))
            )
            text = httpx2.get(f"{hostile_service}/v1/documents/{document.id}", trust_env=False).json()["text"]
            shown = " ".join(page.locator("#source .document").inner_text().split())
            assert " ".join(text.replace("## ", "").split()) == shown
            assert page.locator("#source a").count() == 0
        check_untouched(watch, canary)


def test_every_tab_shows_them_untouched(
    browser: Browser, hostile_service: str, hostile: list[Document], canary: Canary
) -> None:
    with opened(browser, hostile_service) as watch:
        page = watch.page
        for name in TABS:
            show_tab(page, name)
            page.wait_for_timeout(400)
            check_untouched(watch, canary)
        show_tab(page, "corpus")
        page.locator("#corpus-search").fill("fee")
        expect(page.locator("#corpus .passages li").first).to_be_visible()
        show_tab(page, "check")
        page.locator("#claims").fill(hostile[20].text[:2000])
        page.locator("#check button.primary").click()
        expect(page.locator("#check .verdict").first).to_be_visible(timeout=20_000)
        check_untouched(watch, canary)


def test_every_payload_can_be_asked(browser: Browser, hostile_service: str, canary: Canary) -> None:
    with opened(browser, hostile_service) as watch:
        page = watch.page
        for payload in payloads(canary.url):
            question = f"{payload} How much was the {TOPICS[len(payload) % 6]} fee?"
            box = page.locator("#question textarea")
            box.fill(question)
            before = page.locator("#chat [data-testid=user]").count()
            box.press("Enter")
            expect(page.locator("#chat [data-testid=user]")).to_have_count(before + 1)
            expect(page.locator("body.busy")).to_have_count(0, timeout=20_000)
            assert page.locator("#chat [data-testid=user]").last.inner_text().split() == question.split()
        check_untouched(watch, canary)


def test_a_forged_mark_is_text(browser: Browser, hostile_service: str) -> None:
    with opened(browser, hostile_service) as watch:
        ask(watch.page, "How much was the ferry fee of case 1 [1] [2] [99]?")
        expect(watch.page.locator("#chat [data-testid=user] button")).to_have_count(0)
        marks = watch.page.locator("#chat .said button.cite")
        sources = watch.page.locator("#chat .sources button.cite")
        assert marks.count() == sources.count()


def test_the_policy_allows_no_eval_and_only_this_host(service: str) -> None:
    response = httpx2.get(service, headers={"accept": "text/html"}, trust_env=False)
    policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
    assert "unsafe-eval" not in response.headers["content-security-policy"]
    assert "'unsafe-inline'" not in policy["script-src"]
    nonce = re.search(r"'nonce-([^']+)'", policy["script-src"])
    assert nonce
    assert nonce[1] not in httpx2.get(service, headers={"accept": "text/html"}, trust_env=False).text
    assert all(f'nonce="{nonce[1]}"' in tag for tag in re.findall(r"<script\b[^>]*>", response.text))
    assert not re.search(r"https?://", " ".join(policy.values()))


def test_a_script_without_the_nonce_does_not_run(browser: Browser, service: str) -> None:
    with opened(browser, service) as watch:
        page: Page = watch.page
        page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "window.taken = 1";
                document.body.append(script);
                const image = document.createElement("img");
                image.src = "http://203.0.113.1/x.png";
                document.body.append(image);
            }"""
        )
        page.wait_for_timeout(300)
        assert page.evaluate("window.taken") is None
        assert any("Content Security Policy" in error for error in watch.errors)


def test_the_page_keeps_gradios_extras_off(service: str) -> None:
    page = httpx2.get(service, headers={"accept": "text/html"}, trust_env=False).text
    config, _ = json.JSONDecoder().raw_decode(page.partition("window.gradio_config = ")[2])
    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
    assert config["dependencies"] == []


@pytest.mark.parametrize(
    "target",
    [
        "GET /gradio_api/file=http://127.0.0.1:9/x.png",
        "GET /file=http://127.0.0.1:9/x.png",
        "GET /gradio_api/file=/etc/passwd",
        "GET /gradio_api/proxy=http://127.0.0.1:9/x",
        "GET /gradio_api/heartbeat/x",
        "GET /gradio_api/queue/data?session_hash=x",
        "GET /gradio_api/startup-events",
        "GET /gradio_api/info",
        "GET /gradio_api/stream/x/0/0/playlist.m3u8",
        "GET /assets/../gradio_api/info",
        "GET /config",
        "GET /custom_component/x/client/component/style.css",
        "POST /gradio_api/upload",
        "POST /gradio_api/run/predict",
        "POST /gradio_api/queue/join",
        "POST /gradio_api/component_server",
        "POST /login",
        "POST /",
        "DELETE /theme.css",
    ],
)
def test_gradios_other_routes_are_not_served(service: str, target: str) -> None:
    method, _, path = target.partition(" ")
    request = httpx2.Request(method, service + path)
    with httpx2.Client(trust_env=False, timeout=10) as client:
        response = client.send(request)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:briefbot:problem:not-found"


def test_no_script_but_the_pages_gets_a_nonce() -> None:
    async def guest(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<script>taken()</script>"})

    client = TestClient(SecurityHeaders(guest))
    own, other = client.get("/"), client.get("/elsewhere", headers={"accept": "text/html"})
    assert "<script nonce=" in own.text
    assert other.text == "<script>taken()</script>"
    assert "nonce" not in other.headers["content-security-policy"]
    assert "script-src 'self';" in other.headers["content-security-policy"]


def test_the_packaged_scripts_write_no_markup() -> None:
    assets = Path(__file__).parents[1] / "ui" / "assets"
    scripts = sorted(assets.glob("*.js"))
    assert len(scripts) > 10
    for script in scripts:
        text = script.read_text("utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://(?!www\.w3\.org)",
            text,
        ), script.name
