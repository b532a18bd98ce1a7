"""How soon the page can be used, and how soon an answer is seen, in a browser on this machine."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from briefbot.errors import ConfigurationError

WAIT_MS = 60_000

_WATCH = """
() => {
  window.seen = new Promise((resolve) => {
    const place = document.querySelector("#chat");
    const before = place.querySelectorAll("[data-testid=bot] .said").length;
    new MutationObserver((_, observer) => {
      const said = [...place.querySelectorAll("[data-testid=bot] .said")].slice(before).at(-1);
      if (!said?.textContent.trim()) return;
      observer.disconnect();
      requestAnimationFrame(() => requestAnimationFrame((time) => resolve(time)));
    }).observe(place, { childList: true, subtree: true, characterData: true });
  });
}
"""
"""Resolves to the moment at which the first words of the next answer are painted."""

_FIRST_EVENT = """
() => performance.getEntriesByType("resource").filter((item) => item.name.endsWith("/v1/answer/stream")).at(-1).responseStart
"""


@dataclass(frozen=True, slots=True)
class PageSpeed:
    """Milliseconds, one for each opening and each question, and the targets that were missed."""

    usable_ms: Sequence[float]
    first_words_ms: Sequence[float]
    missed: Sequence[str]

    def as_json(self) -> dict[str, object]:
        """Everything, as JSON has it."""
        return asdict(self)


def measure_page(
    url: str, questions: Sequence[str], *, openings: int = 5, usable_ms: float = 2000.0, words_ms: float = 1000.0
) -> PageSpeed:
    """Open the page of a service again and again until it takes a question, and ask.

    `first_words_ms` counts from the first byte that the browser got of an answer's stream to the paint of its first words.
    Raises `ConfigurationError` without Playwright and a Chromium on the PATH.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        raise ConfigurationError(
            "expected Playwright and Chromium; got none; install the package playwright and Debian's chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        usable = [_open(browser, url) for _ in range(openings)]
        words = list(_ask(browser, url, questions))
        browser.close()
    missed = [f"usable: expected within {usable_ms:g} ms; got {max(usable):.0f}"] if max(usable) > usable_ms else []
    if max(words) > words_ms:
        missed.append(f"first words: expected within {words_ms:g} ms of the first event; got {max(words):.0f}")
    return PageSpeed([round(item) for item in usable], [round(item, 1) for item in words], missed)


def _open(browser: Any, url: str) -> float:
    """Milliseconds from going to the page, with nothing cached, until it takes a question."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url, wait_until="commit")
    page.locator("body[data-ready]").wait_for(state="attached", timeout=WAIT_MS)
    took: float = page.evaluate("performance.now()")
    context.close()
    return took


def _ask(browser: Any, url: str, questions: Sequence[str]) -> Iterator[float]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.locator("body[data-ready]").wait_for(state="attached", timeout=WAIT_MS)
    for question in questions:
        page.evaluate(_WATCH)
        page.locator("#question textarea").fill(question)
        page.locator("#question textarea").press("Enter")
        seen: float = page.evaluate("window.seen")
        page.locator("body:not(.busy)").wait_for(state="attached", timeout=WAIT_MS)
        page.wait_for_timeout(300)
        yield max(0.0, seen - page.evaluate(_FIRST_EVENT))
    context.close()


def render_page_speed(found: PageSpeed) -> Iterator[str]:
    """The figures as lines."""
    for name, values in (("usable", found.usable_ms), ("first words after the first event", found.first_words_ms)):
        yield f"{name}: median {statistics.median(values):.0f} ms, slowest {max(values):.0f} ms of {len(values)}"
    yield from (f"missed: {line}" for line in found.missed)
