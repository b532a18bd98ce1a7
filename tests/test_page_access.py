"""The page for everybody: no serious violation of axe-core's rules on any tab, and no width at which it breaks."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from briefbot.ui.strings import EXAMPLES
from pages import DESK, PHONE, TABS, ask, opened, show_tab
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


def prepare(page: Page, tab: str) -> None:
    """A tab with what it shows when it is used."""
    show_tab(page, tab)
    if tab == "chat":
        ask(page, EXAMPLES[0])
        expect(page.locator(".suggestions[aria-busy]")).to_have_count(0, timeout=20_000)
        page.locator("#chat .said button.cite").first.click()
        expect(page.locator("#source mark")).to_be_visible()
    elif tab == "timeline":
        expect(page.locator("#timeline .event, #timeline .years li").first).to_be_visible(timeout=20_000)
    elif tab == "corpus":
        expect(page.locator("#corpus .documents li").first).to_be_visible(timeout=20_000)
        expect(page.locator("#corpus .cell").first).to_be_visible()
    elif tab == "compare":
        page.locator("#compare-left").select_option("law-aml-2007")
        expect(page.locator("#compare .parts tbody tr").first).to_be_visible(timeout=20_000)
    elif tab == "check":
        page.locator("#claims").fill("SAMR fined Alibaba RMB 34 billion in 2021.")
        page.locator("#check button.primary").click()
        expect(page.locator("#check .verdict")).to_be_visible(timeout=20_000)
    elif tab == "quality":
        expect(page.locator("#quality tbody tr").first).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize(
    ("size", "scheme", "locale"),
    [(DESK, "light", "en-GB"), (DESK, "dark", "zh-CN"), (PHONE, "light", "zh-CN"), (PHONE, "dark", "en-GB")],
    ids=["desk-light-en", "desk-dark-zh", "phone-light-zh", "phone-dark-en"],
)
def test_axe_finds_no_serious_violation(
    browser: Browser, service: str, tab: str, size: dict[str, Any], scheme: Any, locale: str
) -> None:
    with opened(browser, service, **size, color_scheme=scheme, locale=locale, bypass_csp=True) as watch:
        prepare(watch.page, tab)
        watch.page.wait_for_timeout(200)
        found = Axe().run(watch.page).response["violations"]
        serious = [
            (item["id"], [node["html"][:160] for node in item["nodes"]][:4])
            for item in found
            if item["impact"] in {"serious", "critical"}
        ]
        assert serious == []
        assert watch.errors == []


@pytest.mark.parametrize("width", [1280, 640, 390, 320])
def test_no_tab_is_wider_than_its_window(browser: Browser, service: str, width: int) -> None:
    """640 pixels are a window of 1280 at 200 %, 320 pixels one at 400 %."""
    height = 430 if width == 640 else 800
    with opened(browser, service, viewport={"width": width, "height": height}) as watch:
        for tab in TABS:
            prepare(watch.page, tab)
            over = watch.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, f"{tab}: {over} pixels too wide"


def test_controls_have_names_and_the_heading_is_one(browser: Browser, service: str) -> None:
    with opened(browser, service) as watch:
        page = watch.page
        for label in ("Your question", "As of", "Answer as of this day", "Answers by"):
            expect(page.get_by_label(label, exact=True).first).to_be_visible()
        assert page.locator("h1").count() == 1
        expect(page.locator("#chat")).to_have_attribute("role", "log")
        expect(page.locator("#chat")).to_have_attribute("aria-live", "off")  # answers are read out by #said, whole


def test_streaming_moves_nothing_that_stands(browser: Browser, service: str) -> None:
    with opened(browser, service) as watch:
        page = watch.page
        ask(page, EXAMPLES[0])
        shifted = page.evaluate(
            """async () => {
                let sum = 0;
                new PerformanceObserver((list) => { for (const item of list.getEntries()) if (!item.hadRecentInput) sum += item.value; })
                    .observe({ type: "layout-shift", buffered: false });
                window.shifts = () => sum;
            }"""
        )
        assert shifted is None
        ask(page, EXAMPLES[2])
        expect(page.locator(".suggestions[aria-busy]")).to_have_count(0, timeout=20_000)
        page.wait_for_timeout(500)
        assert page.evaluate("window.shifts()") < 0.1
