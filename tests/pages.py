"""What the tests of the page share: a page that watches what it requests and what goes wrong on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from conftest import run_service
from playwright.sync_api import Browser, Page, Route, expect
from pydantic import SecretStr

from briefbot.answering import Briefbot
from briefbot.corpus import Corpus
from briefbot.index import PassageIndex

DESK: Mapping[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: Mapping[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
KEY = "a-key-for-the-tests"
WITH_KEY: Mapping[str, Any] = {"http_credentials": {"username": "x", "password": KEY}}
TABS = ("chat", "timeline", "corpus", "compare", "check", "quality")


@dataclass
class Watched:
    """A page with what it requested and what went wrong on it."""

    page: Page
    url: str
    requested: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def outside(self) -> list[str]:
        """What was requested from anywhere but the service."""
        return [url for url in self.requested if not url.startswith((self.url, "data:", "blob:"))]


@contextmanager
def opened(browser: Browser, url: str, path: str = "/", *, script: str = "", **options: Any) -> Iterator[Watched]:
    """The page in a context of its own, ready to be used; `script` runs in it before anything else."""
    context = browser.new_context(**{**DESK, **options})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.add_init_script(script)
    page = context.new_page()
    watched = Watched(page, url)
    page.on("request", lambda request: watched.requested.append(request.url))
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("console", lambda message: watched.errors.append(message.text) if message.type == "error" else None)
    page.goto(url + path)
    expect(page.locator("body[data-ready]")).to_be_attached(timeout=30_000)
    yield watched
    context.close()


def ask(page: Page, question: str) -> None:
    """Ask, and wait for the whole answer."""
    before = page.locator("#chat [data-testid=bot] .tools").count()
    box = page.locator("#question textarea")
    box.fill(question)
    box.press("Enter")
    expect(box).to_have_value("", timeout=20_000)
    expect(page.locator("#chat [data-testid=bot] .tools")).to_have_count(before + 1, timeout=20_000)


def show_tab(page: Page, name: str) -> None:
    """Choose a tab, and wait for what it shows."""
    page.locator(f"#tab-{name}").click()
    expect(page.locator(f"#{'talk' if name == 'chat' else name}")).to_be_visible()


@contextmanager
def own_service(bot: Briefbot, home: Path) -> Iterator[str]:
    """The base URL of a service with an empty record of its own, which wants `KEY`."""
    corpus = Corpus(home / "record.sqlite3")
    corpus.bind_model(str(bot.embedder.identity))
    locked = bot.settings.model_copy(update={"home": home, "api_key": SecretStr(KEY), "access": "keys"})
    own = Briefbot(locked, corpus, bot.embedder, PassageIndex(home / "index"))
    with run_service(locked, own) as url:
        yield url
    corpus.close()


def get(url: str, path: str) -> Any:
    """The JSON of a path of the API."""
    return httpx2.get(url + path, trust_env=False, timeout=60).json()


def hold(held: list[Route], route: Route) -> None:
    """Keep a request from being answered until the test says so."""
    held.append(route)


def focused(page: Page) -> str:
    """What has the focus: its id, else its class, else its tag."""
    found: str = page.evaluate(
        "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
    )
    return found


def focused_label(page: Page) -> str:
    """The name for screen readers of what has the focus."""
    found: str = page.evaluate("document.activeElement.getAttribute('aria-label')")
    return found


def compare_dates(page: Page, first: str, second: str, question: str = "") -> None:
    """Ask the Compare tab for two dates, and a question at both."""
    page.locator("#compare-question").fill(question)
    page.locator("#date-from").fill(first)
    page.locator("#date-to").fill(second)
    page.locator("#compare form .primary").click()
