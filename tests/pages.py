"""What the tests of the page share: a page that watches what it requests and what goes wrong on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, expect

DESK: Mapping[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: Mapping[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
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
def opened(browser: Browser, url: str, path: str = "/", **options: Any) -> Iterator[Watched]:
    """The page in a context of its own, ready to be used."""
    context = browser.new_context(**{**DESK, **options})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
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
