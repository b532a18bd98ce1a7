"""The chat page in Chromium: asking, citations that open and mark the exact words, and nothing loaded from elsewhere."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from briefbot.ui.strings import EXAMPLES, STRINGS
from conftest import ModelServer, Reply, run_service
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import DESK, PHONE, Watched, ask, opened
from playwright.sync_api import Browser, Page, expect
from pydantic import HttpUrl

from briefbot.answering import Briefbot

pytestmark = pytest.mark.browser


@pytest.fixture
def watched(browser: Browser, service: str) -> Iterator[Watched]:
    with opened(browser, service) as watch:
        yield watch


def served_answer(url: str, question: str, **body: Any) -> dict[str, Any]:
    response = httpx2.post(f"{url}/v1/answer", json={"question": question, **body}, timeout=60, trust_env=False)
    answer: dict[str, Any] = response.json()
    return answer


def marks_of(page: Page) -> Any:
    return page.locator("#chat .said button.cite")


# ---------------------------------------------------------------- asking and reading


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_each_citation_opens_its_source_with_the_quoted_words_marked(
    browser: Browser, service: str, size: dict[str, Any]
) -> None:
    served = served_answer(service, EXAMPLES[0])
    with opened(browser, service, **size) as watch:
        page = watch.page
        ask(page, EXAMPLES[0])
        expect(marks_of(page)).to_have_count(len(served["citations"]))
        for number, citation in enumerate(served["citations"]):
            marks_of(page).nth(number).click()
            expect(page.locator("#source h2")).to_have_text(citation["document"]["title"])
            expect(page.locator("#source mark")).to_have_text(citation["quote"])
            expect(page.locator("#source mark")).to_be_in_viewport()
            page.locator("#source .close").click()
        assert watch.errors == []


@pytest.mark.parametrize("question", EXAMPLES)
def test_page_and_api_cite_the_same_words(watched: Watched, service: str, question: str) -> None:
    ask(watched.page, question)
    served = served_answer(service, question)
    expect(marks_of(watched.page)).to_have_count(len(served["citations"]))
    marks_of(watched.page).first.click()
    expect(watched.page.locator("#source mark")).to_have_text(served["citations"][0]["quote"])


def test_the_card_over_a_mark_says_source_date_issuer_and_status(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    marks_of(page).first.hover()
    card = page.locator("#card")
    expect(card).to_be_visible()
    for said in ("Alibaba fined RMB 18.228 billion", "10 Apr 2021", "SAMR", "final"):
        expect(card).to_contain_text(said)


def test_the_source_shows_both_titles_and_a_link_to_the_original(browser: Browser, service: str) -> None:
    found = httpx2.get(f"{service}/v1/documents?limit=500", trust_env=False).json()["documents"]
    document = next(item for item in found if item["url"] and item["title_zh"])
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        page.locator("#corpus-search").fill(document["title"])
        page.locator("#corpus .passages").get_by_role("button", name=document["title"], exact=True).first.click()
        expect(page.locator("#source h2")).to_have_text(document["title"])
        expect(page.locator("#source .title-zh")).to_have_text(document["title_zh"])
        link = page.locator("#source .actions a")
        expect(link).to_have_attribute("href", document["url"])
        expect(link).to_have_attribute("rel", "noopener noreferrer")


def test_no_request_leaves_the_machine_and_nothing_fails(watched: Watched) -> None:
    ask(watched.page, EXAMPLES[1])
    marks_of(watched.page).first.click()
    expect(watched.page.locator("#source mark")).to_be_visible()
    assert watched.outside == []
    assert watched.errors == []


def test_an_example_fills_the_question(watched: Watched) -> None:
    watched.page.get_by_role("button", name=EXAMPLES[1], exact=True).click()
    expect(watched.page.locator("#question textarea")).to_have_value(EXAMPLES[1])
    expect(watched.page.locator("#question textarea")).to_be_focused()


def test_the_keyboard_walks_the_citations_and_comes_back(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    first = marks_of(page).first
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(marks_of(page).nth(1)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#source mark")).to_be_visible()
    expect(page.locator("#source")).to_be_focused()
    expect(first).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#source")).to_have_count(0)
    expect(first).to_be_focused()


def test_tabs_follow_the_arrow_keys(watched: Watched) -> None:
    page = watched.page
    page.locator("#tab-chat").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-timeline")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#tab-timeline")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#timeline")).to_be_visible()
    expect(page.locator("#talk")).to_be_hidden()


def test_the_browser_steps_back_through_the_tabs(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    for name in ("timeline", "corpus"):
        page.locator(f"#tab-{name}").click()
    page.go_back()
    expect(page.locator("#timeline")).to_be_visible()
    page.go_back()
    expect(page.locator("#chat .said button.cite").first).to_be_visible()
    page.go_forward()
    expect(page.locator("#tab-timeline")).to_have_attribute("aria-selected", "true")


# ---------------------------------------------------------------- citations that last


def test_citations_survive_the_next_turn_a_reload_and_a_change_of_language(watched: Watched, service: str) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    quotes = [item["quote"] for item in served_answer(service, EXAMPLES[0])["citations"]]
    answer = page.locator("#chat [data-testid=bot]").first

    def check() -> None:
        marks = answer.locator(".said button.cite")
        expect(marks).to_have_count(len(quotes))
        for number, quote in enumerate(quotes):
            marks.nth(number).click()
            expect(page.locator("#source mark")).to_have_text(quote)

    ask(page, EXAMPLES[2])
    check()
    page.reload()
    expect(page.locator("#chat [data-testid=bot]")).to_have_count(2, timeout=20_000)
    check()
    page.locator("#switch-language").click()
    expect(page.locator("#tab-timeline")).to_have_text(STRINGS["zh"]["tab_timeline"])
    check()


def test_a_copy_and_every_export_carry_the_quotes(watched: Watched, service: str) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    quotes = [item["quote"] for item in served_answer(service, EXAMPLES[0])["citations"]]
    tools = page.locator("#chat .tools")
    tools.get_by_role("button", name=STRINGS["en"]["copy"], exact=True).click()
    expect(tools.get_by_role("button", name=STRINGS["en"]["done"])).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.count("[^") >= 2 * len(quotes)
    files = {}
    for name in ("Markdown", "Word (DOCX)", STRINGS["en"]["receipt"]):
        if not tools.locator("details").evaluate("menu => menu.open"):
            tools.locator("summary").click()
        with page.expect_download() as download:
            tools.get_by_role("button", name=name, exact=True).click()
        files[name] = download.value.path().read_bytes()
    receipt = json.loads(files[STRINGS["en"]["receipt"]])
    assert [item["quote"] for item in receipt["citations"]] == quotes
    assert files["Markdown"].decode() == copied
    notes = zipfile.ZipFile(io.BytesIO(files["Word (DOCX)"])).read("word/footnotes.xml").decode()
    said = re.sub(r"<[^>]+>", "", notes).replace("&amp;", "&").replace("&#39;", "'")
    assert all(quote in said for quote in quotes)


def test_a_link_asks_the_same_again(watched: Watched, browser: Browser, service: str) -> None:
    page = watched.page
    page.locator("#as-of").fill("2021-12-31")
    page.locator("#as-of").dispatch_event("change")
    page.locator("#filters-summary").click()
    page.locator("#facet-kind-event").check()
    page.keyboard.press("Escape")
    ask(page, "What happened to Didi?")
    page.get_by_role("button", name=STRINGS["en"]["copy_link"]).click()
    expect(page.get_by_role("button", name=STRINGS["en"]["done"])).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    text = page.locator("#chat .said").inner_text()
    with opened(browser, service, link.removeprefix(service)) as again:
        expect(again.page.locator("#chat .said")).to_have_text(text, timeout=20_000, use_inner_text=True)
        expect(again.page.locator("#active .chip")).to_have_count(2)


def test_a_new_conversation_begins_empty(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    page.locator("#fresh").click()
    expect(page.locator("#chat [data-testid=bot]")).to_have_count(0)
    expect(page.locator("#welcome")).to_be_visible()
    assert "c=" not in page.url


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_marked_is_the_quote(data: st.DataObject, browser: Browser, service: str) -> None:
    line = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60)
    lines = data.draw(
        st.lists(st.one_of(line, line.map("- {}".format), line.map("## {}".format)), min_size=1, max_size=6)
    )
    text = "\n".join(lines)
    at = data.draw(st.integers(0, len(lines) - 1))
    first = sum(len(item) + 1 for item in lines[:at])
    skip = len((re.match(r"#{1,6}[ \t]+|[ \t]*[-*][ \t]+", lines[at]) or [""])[0])
    if skip >= len(lines[at]) or lines[at][skip:] != lines[at][skip:].strip():
        return
    start = data.draw(st.integers(first + skip, first + len(lines[at]) - 1))
    end = data.draw(st.integers(start + 1, first + len(lines[at])))
    page = _blank(browser, service)
    marked = page.evaluate(
        """async ([text, start, end]) => {
            const { drawText } = await import("/briefbot/source.js");
            const body = document.createElement("div");
            drawText(body, text, start, end);
            return [...body.querySelectorAll("mark")].map((mark) => mark.textContent);
        }""",
        [text, start, end],
    )
    assert marked == [text[start:end]]


_blanks: dict[Browser, Page] = {}


def _blank(browser: Browser, service: str) -> Page:
    """One page for all examples of a property."""
    if browser not in _blanks:
        page = browser.new_page()
        page.goto(service)
        expect(page.locator("body[data-ready]")).to_be_attached(timeout=30_000)
        _blanks.clear()
        _blanks[browser] = page
    return _blanks[browser]


# ---------------------------------------------------------------- day, filters, mode


def test_a_day_restricts_the_answer_and_stays_in_sight(watched: Watched) -> None:
    page = watched.page
    page.locator("#as-of").fill("2021-12-31")
    page.locator("#as-of").dispatch_event("change")
    ask(page, "What happened to Didi?")
    expect(page.locator("#chat .tools")).to_contain_text("31 Dec 2021")
    for date in page.locator("#chat .sources .facts").all_inner_texts():
        assert "2021" in date or "2020" in date
    page.locator("#tab-corpus").click()
    expect(page.locator("#active .chip")).to_contain_text("31 Dec 2021")
    page.locator("#active .chip").click()
    expect(page.locator("#active .chip")).to_have_count(0)


def test_the_slider_sets_the_day(watched: Watched) -> None:
    slider = watched.page.locator("#as-of-slider")
    slider.focus()
    watched.page.keyboard.press("PageDown")
    expect(watched.page.locator("#active .chip")).to_have_count(1)
    assert "as_of=20" in watched.page.url
    expect(watched.page.locator("#as-of-slider")).to_be_focused()


def test_filters_count_what_they_leave_and_restrict_the_answer(watched: Watched, service: str) -> None:
    page = watched.page
    total = httpx2.get(f"{service}/v1/documents?kind=law&limit=1", trust_env=False).json()["total"]
    page.locator("#filters-summary").click()
    expect(page.locator("label[for=facet-kind-law] .count")).to_have_text(str(total))
    page.locator("#facet-kind-law").check()
    expect(page.locator("#filters p.count")).to_have_text(STRINGS["en"]["documents_left"].format(count=total))
    expect(page.locator("#facet-kind-law")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#filters-summary")).to_be_focused()
    ask(page, "What does the Data Security Law require?")
    marks_of(page).first.click()
    expect(page.locator("#source .badge").first).to_have_text("Law")
    assert "kind=law" in page.url


def test_a_filter_that_does_not_exist_is_refused_in_words_and_the_question_given_back(
    browser: Browser, service: str
) -> None:
    with opened(browser, service, "/?topic=astrology") as watch:
        box = watch.page.locator("#question textarea")
        box.fill("What happened to Didi?")
        box.press("Enter")
        failed = watch.page.locator("#chat .failed")
        expect(failed).to_contain_text("astrology", timeout=20_000)
        expect(failed).to_have_attribute("role", "alert")
        expect(box).to_have_value("What happened to Didi?")


def test_without_a_model_the_page_says_who_writes(watched: Watched) -> None:
    expect(watched.page.locator("#controls .model")).to_have_text(STRINGS["en"]["model_is_not_set"])
    assert watched.page.locator("#mode option[value=generative]").evaluate("option => option.disabled")


def test_what_a_model_wrote_looks_different_and_says_so(
    browser: Browser, bot: Briefbot, model_server: ModelServer
) -> None:
    model_server.replies = [(200, "SAMR fined Alibaba RMB 18.228 billion in April 2021 [1].")]
    writing = bot.settings.model_copy(update={"llm_url": HttpUrl(model_server.url), "llm_model": "m"})
    with (
        run_service(writing, Briefbot(writing, bot.corpus, bot.embedder, bot.index)) as url,
        opened(browser, url) as watch,
    ):
        page = watch.page
        expect(page.locator("#controls .model")).to_have_text(STRINGS["en"]["model_is_set"].format(model="m"))
        ask(page, EXAMPLES[0])
        written, quoted = page.locator(".statement.checked"), page.locator(".statement.verbatim")
        expect(written).to_have_count(1)
        assert quoted.count() >= 1
        style = "node => getComputedStyle(node).fontStyle + getComputedStyle(node).backgroundImage"
        assert written.evaluate(style) != quoted.first.evaluate(style)
        expect(page.locator("#chat .tools")).to_contain_text(STRINGS["en"]["by_model"].format(model="m"))


def test_a_reader_stops_an_answer_and_asks_on(browser: Browser, bot: Briefbot, model_server: ModelServer) -> None:
    model_server.replies = [
        Reply("SAMR fined Alibaba RMB 18.228 billion in April 2021 [1]. Then", silent_after=(8, 30))
    ]
    writing = bot.settings.model_copy(update={"llm_url": HttpUrl(model_server.url), "llm_model": "m"})
    with (
        run_service(writing, Briefbot(writing, bot.corpus, bot.embedder, bot.index)) as url,
        opened(browser, url) as watch,
    ):
        page = watch.page
        page.locator("#question textarea").fill(EXAMPLES[0])
        page.locator("#send").click()
        expect(page.locator("#stop")).to_be_visible()
        expect(page.locator("#send")).to_be_hidden()
        page.locator("#stop").click()
        expect(page.locator("#chat .stopped")).to_contain_text(STRINGS["en"]["stopped"])
        expect(page.locator("#send")).to_be_visible()
        page.locator("#mode").select_option("extractive")
        ask(page, EXAMPLES[2])
        expect(page.locator("#chat [data-testid=bot]").last.locator("button.cite").first).to_be_visible()


# ---------------------------------------------------------------- what comes with an answer


@pytest.mark.parametrize("question", [EXAMPLES[0], EXAMPLES[1]])
def test_suggestions_are_questions_that_the_corpus_answers(watched: Watched, question: str) -> None:
    page = watched.page
    ask(page, question)
    expect(page.locator(".suggestions .suggestion").first).to_be_visible(timeout=20_000)
    suggested = page.locator(".suggestions .suggestion").first.inner_text()
    page.locator(".suggestions .suggestion").first.click()
    expect(page.locator("#chat [data-testid=user]").last).to_have_text(suggested)
    expect(page.locator("#chat [data-testid=bot]").last.locator("button.cite").first).to_be_visible(timeout=20_000)
    expect(page.locator("#chat .abstained")).to_have_count(0)


@pytest.mark.parametrize(
    ("question", "language"), [("Who won the cricket match?", "en"), ("昨晚谁赢了板球比赛？", "zh")]
)
def test_an_abstention_says_what_the_corpus_does_cover(
    browser: Browser, service: str, question: str, language: str
) -> None:
    with opened(browser, service, locale="zh-CN" if language == "zh" else "en-GB") as watch:
        ask(watch.page, question)
        expect(watch.page.locator("#chat .abstained")).to_be_visible()
        covers = watch.page.locator("#chat .covers")
        total = httpx2.get(f"{service}/v1/documents?limit=1", trust_env=False).json()["total"]
        expect(covers).to_contain_text(str(total))
        assert watch.page.locator("#chat button.cite").count() == 0


def test_feedback_is_kept_for_an_answer_and_for_a_citation(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    with page.expect_response(lambda response: response.url.endswith("/v1/feedback")) as kept:
        page.get_by_role("button", name=STRINGS["en"]["bad_answer"]).click()
    assert (kept.value.status, kept.value.json()["rating"], kept.value.json()["citation"]) == (201, -1, None)
    expect(page.get_by_role("button", name=STRINGS["en"]["bad_answer"])).to_have_attribute("aria-pressed", "true")
    marks_of(page).nth(1).click()
    with page.expect_response(lambda response: response.url.endswith("/v1/feedback")) as kept:
        page.locator("#source .rate").get_by_role("button", name=STRINGS["en"]["yes"], exact=True).click()
    assert (kept.value.status, kept.value.json()["rating"], kept.value.json()["citation"]) == (201, 1, 2)
    expect(page.locator("#source .rate")).to_contain_text(STRINGS["en"]["thanks"])
    expect(page.locator("#said")).to_have_text(STRINGS["en"]["thanks"])


def test_the_reader_walks_from_citation_to_citation(watched: Watched, service: str) -> None:
    page = watched.page
    served = served_answer(service, EXAMPLES[0])
    ask(page, EXAMPLES[0])
    marks_of(page).first.click()
    for citation in served["citations"][1:]:
        page.locator("#source .steps").get_by_role("button", name=STRINGS["en"]["next"], exact=True).click()
        expect(page.locator("#source mark")).to_have_text(citation["quote"])
    expect(
        page.locator("#source .steps").get_by_role("button", name=STRINGS["en"]["next"], exact=True)
    ).to_be_disabled()


# ---------------------------------------------------------------- language, keys, strings


def test_the_page_speaks_the_browsers_language_and_the_other_when_asked(browser: Browser, service: str) -> None:
    with opened(browser, service, locale="zh-CN") as watch:
        page = watch.page
        zh, en = STRINGS["zh"], STRINGS["en"]
        expect(page.locator("#send")).to_have_text(zh["send"])
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        ask(page, EXAMPLES[1])
        marks_of(page).first.click()
        expect(page.locator("#source")).to_contain_text(zh["confirmed_by"])
        page.locator("#switch-language").click()
        expect(page.locator("#send")).to_have_text(en["send"])
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.locator("#source")).to_contain_text(en["confirmed_by"])
        expect(page.locator("#question textarea")).to_have_attribute("placeholder", en["ask_placeholder"])
        page.reload()
        expect(page.locator("#send")).to_have_text(en["send"])


def test_every_text_of_the_scripts_exists_and_every_text_is_used() -> None:
    assets = Path(__file__).parents[1] / "ui" / "assets"
    scripts = "".join(path.read_text("utf-8") for path in assets.glob("*.js")) + (assets.parent / "page.py").read_text(
        "utf-8"
    )
    named = set(re.findall(r"""\b(?:t|text|fault)[(\[]"([a-z_0-9]+)"[,)\]]""", scripts))
    quoted = set(re.findall(r'"([a-z_0-9]+)"', scripts))
    prefixes = tuple(set(re.findall(r"\bt\(`([a-z_]+_)\$", scripts)) | {"example_"})
    assert named <= STRINGS["en"].keys()
    assert [
        key
        for key in STRINGS["en"]
        if "." not in key and key.removesuffix("_one") not in quoted and not key.startswith(prefixes)
    ] == []


def test_strings_exist_in_both_languages() -> None:
    assert STRINGS["en"].keys() == STRINGS["zh"].keys()
    assert all(text.strip() for texts in STRINGS.values() for text in texts.values())
    for key, text in STRINGS["en"].items():
        filled, filled_zh = (set(re.findall(r"\{\w+\}", words)) for words in (text, STRINGS["zh"][key]))
        assert filled_zh == filled or (key.startswith("problem.") and filled_zh < filled), key


def test_a_reader_with_a_key_gets_answers_and_sources(browser: Browser, locked_service: tuple[str, str]) -> None:
    url, key = locked_service
    with opened(browser, url, http_credentials={"username": "anybody", "password": key}) as watch:
        ask(watch.page, EXAMPLES[0])
        marks_of(watch.page).first.click()
        expect(watch.page.locator("#source mark")).to_be_visible()
        assert watch.errors == []


def test_markup_in_a_question_is_shown_as_text(watched: Watched) -> None:
    page = watched.page
    ask(
        page,
        '<img src="http://203.0.113.1/x.png" onerror="document.title=1"> ![x](http://203.0.113.1/y.png) Didi fine?',
    )
    expect(page.locator("#chat [data-testid=user]").last).to_contain_text("onerror")
    assert watched.outside == []
    assert page.title() == "briefbot"
    assert page.locator("#chat img").count() == 0
