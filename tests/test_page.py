"""The chat page in Chromium: asking, citations that open and mark the exact words, and nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from briefbot.ui.page import encode_answers, make_history, read_key, show_answer
from briefbot.ui.strings import EXAMPLES, STRINGS
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


@dataclass
class Watched:
    """A page with what it requested and what went wrong on it."""

    page: Page
    requested: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture
def watched(browser: Browser, service: str) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    watch = Watched(page)
    page.on("request", lambda request: watch.requested.append(request.url))
    page.on("pageerror", lambda error: watch.errors.append(str(error)))
    page.on("console", lambda message: watch.errors.append(message.text) if message.type == "error" else None)
    page.goto(service)
    expect(page.locator("#question textarea")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(500)
    yield watch
    page.close()


def ask(page: Page, question: str) -> None:
    box = page.locator("#question textarea")
    box.fill(question)
    box.press("Enter")
    expect(box).to_have_value("", timeout=20_000)
    expect(page.locator("#chat button.cite").last).to_be_visible(timeout=20_000)


def test_a_citation_opens_its_source_with_the_quoted_words_marked(watched: Watched, service: str) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    served = httpx2.post(f"{service}/v1/answer", json={"question": EXAMPLES[0]}, timeout=60, trust_env=False).json()
    expect(page.locator("#chat button.cite")).to_have_count(len(served["citations"]))
    for number, citation in enumerate(served["citations"]):
        page.locator("#chat button.cite").nth(number).click()
        expect(page.locator("#source h2")).to_have_text(citation["document"]["title"])
        expect(page.locator("#source mark")).to_have_text(citation["quote"])
        expect(page.locator("#source mark")).to_be_in_viewport()


@pytest.mark.parametrize("question", EXAMPLES)
def test_page_and_api_cite_the_same_words(watched: Watched, service: str, question: str) -> None:
    ask(watched.page, question)
    served = httpx2.post(f"{service}/v1/answer", json={"question": question}, timeout=60, trust_env=False).json()
    marks = watched.page.locator("#chat button.cite")
    expect(marks).to_have_count(len(served["citations"]))
    marks.first.click()
    expect(watched.page.locator("#source mark")).to_have_text(served["citations"][0]["quote"])


def test_no_request_leaves_the_machine_and_nothing_fails(watched: Watched, service: str) -> None:
    ask(watched.page, EXAMPLES[1])
    watched.page.locator("#chat button.cite").first.click()
    expect(watched.page.locator("#source mark")).to_be_visible()
    outside = [url for url in watched.requested if not url.startswith((service, "data:", "blob:"))]
    assert outside == []
    assert watched.errors == []


def test_an_example_fills_the_question(watched: Watched) -> None:
    watched.page.get_by_text(EXAMPLES[1], exact=True).first.click()
    expect(watched.page.locator("#question textarea")).to_have_value(EXAMPLES[1])


def test_escape_closes_the_source_and_gives_the_focus_back(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    mark = page.locator("#chat button.cite").first
    mark.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#source mark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#source")).to_have_count(0)
    expect(mark).to_be_focused()


def test_the_second_turn_keeps_the_marks_of_the_first(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    first = page.locator("#chat [data-testid=bot]").first.locator("button.cite")
    before = first.count()
    ask(page, EXAMPLES[2])
    expect(first).to_have_count(before)
    first.first.click()
    expect(page.locator("#source mark")).to_contain_text("18.228 billion")


def test_a_date_restricts_the_answer(watched: Watched) -> None:
    page = watched.page
    page.locator("#as-of").fill("2021-12-31")
    page.locator("#as-of").dispatch_event("change")
    page.wait_for_timeout(300)
    ask(page, "What happened to Didi?")
    page.locator("#chat button.cite").first.click()
    expect(page.locator("#source .facts")).to_contain_text("2021-")


def test_markup_in_a_question_is_shown_as_text(watched: Watched) -> None:
    page = watched.page
    box = page.locator("#question textarea")
    box.fill(
        '<img src="http://203.0.113.1/x.png" onerror="document.title=1"> ![x](http://203.0.113.1/y.png) Didi fine?'
    )
    box.press("Enter")
    expect(page.locator("#chat [data-testid=user]").last).to_contain_text("onerror", timeout=20_000)
    expect(box).to_have_value("", timeout=20_000)
    assert not [url for url in watched.requested if "203.0.113.1" in url]
    assert page.title() == "briefbot"
    assert page.locator("#chat img").count() == 0


def test_a_reader_with_a_key_gets_answers_and_sources(browser: Browser, locked_service: tuple[str, str]) -> None:
    url, key = locked_service
    with browser.new_context(http_credentials={"username": "anybody", "password": key}) as context:
        page = context.new_page()
        page.goto(url)
        ask(page, EXAMPLES[0])
        page.locator("#chat button.cite").first.click()
        expect(page.locator("#source mark")).to_be_visible()


def test_a_failed_question_is_given_back_with_the_reason(watched: Watched) -> None:
    page = watched.page
    page.locator("#as-of").evaluate(
        "box => { box.type = 'text'; box.value = 'never'; box.dispatchEvent(new Event('change', { bubbles: true })); }"
    )
    page.wait_for_timeout(300)
    box = page.locator("#question textarea")
    box.fill("What happened to Didi?")
    box.press("Enter")
    expect(page.locator("#chat [data-testid=bot]").last).to_contain_text("as_of: expected", timeout=20_000)
    expect(box).to_have_value("What happened to Didi?")


def test_a_browsers_key_is_read_in_both_forms() -> None:
    basic = base64.b64encode(b"anybody:bb_a:b").decode()
    assert read_key(f"Basic {basic}") == "bb_a:b"
    assert read_key("bearer bb_a") == "bb_a"
    for none in (None, "", "Basic", "Basic ???", "Basic /w==", "Bearer ", "Digest x"):
        assert read_key(none) is None


def test_history_gives_back_what_was_typed() -> None:
    assert make_history([{"role": "user", "content": "R&amp;D &lt;b&gt;"}]) == [{"role": "user", "content": "R&D <b>"}]


def test_strings_exist_in_both_languages() -> None:
    assert STRINGS["en"].keys() == STRINGS["zh"].keys()
    assert all(text.strip() for texts in STRINGS.values() for text in texts.values())


def test_history_is_plain_text_whatever_gradio_passes() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "Q"}]},
        {"role": "assistant", "content": "A [1]."},
        {"role": "assistant", "content": None},
    ]
    assert make_history(messages) == [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A [1]."}]


def test_notices_follow_the_answer_in_its_language() -> None:
    answer = {"language": "zh", "text": "甲[1]。", "notices": [{"message": "乙"}]}
    assert show_answer(answer) == "甲[1]。\n\n⚠ 注意: 乙"
    assert encode_answers([]) == "W10="
