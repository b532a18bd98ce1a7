"""The page over a day: a service that is killed in the middle of an answer, and many questions in a row."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from briefbot.ui.strings import EXAMPLES, STRINGS
from conftest import ModelServer, Reply
from pages import ask, opened
from playwright.sync_api import Browser, expect

from briefbot.answering import Briefbot
from briefbot.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LARGEST_GROWTH_BYTES = 50_000_000

Start = Callable[[int], tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def start(tmp_path: Path, settings: Settings, bot: Briefbot, model_server: ModelServer) -> Iterator[Start]:
    """Start the service on a port, 0 for a free one, with a model that writes."""
    assert bot.corpus.count_passages()
    home = shutil.copytree(settings.home, tmp_path / "home", ignore=shutil.ignore_patterns("*.lock", "journal*"))
    processes: list[subprocess.Popen[str]] = []

    def starter(port: int) -> tuple[subprocess.Popen[str], str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIEFBOT_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "briefbot", "serve", "--port", str(port)],
            env={**clean, "BRIEFBOT_HOME": str(home), "BRIEFBOT_LLM_URL": model_server.url, "BRIEFBOT_LLM_MODEL": "m"},
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"ready: page (http://\S+?)/ ", line)
            if found:
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return process, found[1]
        raise AssertionError("the service ended before it was ready")

    yield starter
    for process in processes:
        process.kill()
        process.wait(timeout=20)


def test_a_service_killed_in_the_middle_of_an_answer_is_waited_for_and_asked_again(
    browser: Browser, start: Start, model_server: ModelServer
) -> None:
    said = "SAMR fined Alibaba RMB 18.228 billion in April 2021 [1]."
    model_server.replies = [Reply(said), Reply(f"{said} Then", silent_after=(8, 60))]
    process, url = start(0)
    with opened(browser, url) as watch:
        page = watch.page
        page.evaluate("window.isTheSame = true")
        ask(page, EXAMPLES[0])
        first = page.locator("#chat [data-testid=bot]").first.inner_text()
        page.locator("#question textarea").fill(EXAMPLES[2])
        page.locator("#question textarea").press("Enter")
        expect(page.locator("body.busy")).to_be_attached()
        page.locator("#question textarea").fill("What I was about to ask")
        process.send_signal(signal.SIGKILL)
        expect(page.locator("#away")).to_have_text(STRINGS["en"]["away_banner"], timeout=10_000)
        expect(page.locator("#chat .failed")).to_have_text(STRINGS["en"]["away_asks_again"])
        model_server.replies = [Reply(said)]
        start(int(url.rsplit(":", 1)[1]))
        expect(page.locator("#chat [data-testid=bot]").last.locator("button.cite").first).to_be_visible(timeout=30_000)
        expect(page.locator("#chat .failed")).to_have_count(0)
        expect(page.locator("#away")).to_be_hidden(timeout=10_000)
        assert page.evaluate("window.isTheSame") is True
        expect(page.locator("#question textarea")).to_have_value("What I was about to ask")
        assert page.locator("#chat [data-testid=bot]").first.inner_text().startswith(first.splitlines()[0])
        page.locator("#chat [data-testid=bot]").first.locator("button.cite").first.click()
        expect(page.locator("#source mark")).to_be_visible()


def test_a_source_that_cannot_be_fetched_can_be_tried_again(browser: Browser, start: Start) -> None:
    process, url = start(0)
    with opened(browser, url) as watch:
        page = watch.page
        page.locator("#mode").select_option("extractive")
        ask(page, EXAMPLES[0])
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
        page.locator("#chat .said button.cite").first.click()
        expect(page.locator("#source .failed")).to_be_visible()
        start(int(url.rsplit(":", 1)[1]))
        expect(page.locator("body.away")).to_have_count(0, timeout=30_000)
        page.locator("#source").get_by_role("button", name=STRINGS["en"]["try_again"]).click()
        expect(page.locator("#source mark")).to_be_visible()


def test_twenty_questions_leave_the_browsers_memory_much_as_it_was(browser: Browser, service: str) -> None:
    with opened(browser, service) as watch:
        page = watch.page
        session = page.context.new_cdp_session(page)

        def used() -> int:
            session.send("HeapProfiler.collectGarbage")
            found: int = session.send("Runtime.getHeapUsage")["usedSize"]
            return found

        ask(page, EXAMPLES[0])
        before = used()
        for number in range(20):
            ask(page, EXAMPLES[number % len(EXAMPLES)])
            page.locator("#chat [data-testid=bot]").last.locator("button.cite").first.click()
            expect(page.locator("#source mark").first).to_be_visible()
        expect(page.locator(".suggestions[aria-busy]")).to_have_count(0, timeout=20_000)
        assert used() - before < LARGEST_GROWTH_BYTES
        assert watch.errors == []
