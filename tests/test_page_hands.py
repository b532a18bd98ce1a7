"""The page under a reader's hands: typed days, quick changes, lost connections, other people's links, the keyboard alone."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from briefbot.ui.strings import EXAMPLES, STRINGS
from conftest import ModelServer, Reply, run_service
from pages import PHONE, Watched, ask, opened, show_tab
from playwright.sync_api import Browser, Page, Route, expect
from pydantic import HttpUrl, SecretStr

from briefbot.answering import Briefbot
from briefbot.corpus import Corpus
from briefbot.index import PassageIndex

pytestmark = pytest.mark.browser

EN, ZH = STRINGS["en"], STRINGS["zh"]
BUNDLED = Path(__file__).parents[1] / "ingest" / "corpus"
DIDI = "What happened to Didi?"
NO_STORAGE = """Object.defineProperty(window, "localStorage", { get() { throw new DOMException("blocked", "SecurityError"); } });"""
NO_CLIPBOARD = """Object.defineProperty(navigator, "clipboard", { value: undefined });"""


@pytest.fixture
def watched(browser: Browser, service: str) -> Iterator[Watched]:
    with opened(browser, service) as watch:
        yield watch


@pytest.fixture
def writing_service(bot: Briefbot, model_server: ModelServer) -> Iterator[tuple[str, ModelServer]]:
    """A service with a language model that says what the test tells it to."""
    writing = bot.settings.model_copy(update={"llm_url": HttpUrl(model_server.url), "llm_model": "m"})
    with run_service(writing, Briefbot(writing, bot.corpus, bot.embedder, bot.index)) as url:
        yield url, model_server


def get(url: str, path: str) -> Any:
    return httpx2.get(url + path, trust_env=False, timeout=60).json()


def plain_answer(url: str, question: str) -> str:
    """What an answer to a question says, without marks."""
    response = httpx2.post(f"{url}/v1/answer", json={"question": question}, timeout=60, trust_env=False)
    return without_marks(response.json()["text"])


def without_marks(text: str) -> str:
    return "".join(re.sub(r"\[\d+\]", "", text).split())


def shown_turns(page: Page) -> list[tuple[str, str]]:
    """Each question on the page with what stands below it, without marks."""
    found: list[tuple[str, str]] = page.locator("#chat .turn").evaluate_all(
        """turns => turns.map((turn) => {
            const said = turn.querySelector(".said")?.cloneNode(true);
            said?.querySelectorAll(".cite").forEach((mark) => mark.remove());
            return [turn.querySelector(".asked").textContent, said ? said.textContent : ""];
        })"""
    )
    return [(question, "".join(text.split())) for question, text in found]


def hold(held: list[Route], route: Route) -> None:
    held.append(route)


def focused(page: Page) -> str:
    found: str = page.evaluate(
        "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
    )
    return found


def focused_label(page: Page) -> str:
    found: str = page.evaluate("document.activeElement.getAttribute('aria-label')")
    return found


# ---------------------------------------------------------------- the day


def type_day(page: Page, year: str, month: str, date: str) -> None:
    """Type a day into the field, a key at a time, in the order in which this browser has its parts."""
    field = page.locator("#as-of")
    field.blur()
    field.focus()  # its first part
    for key in month + date + year:
        page.keyboard.press(key)
        page.wait_for_timeout(40)


def test_a_day_can_be_typed(watched: Watched) -> None:
    page = watched.page
    type_day(page, "2022", "03", "15")
    expect(page.locator("#as-of")).to_be_focused()
    expect(page.locator("#as-of")).to_have_value("2022-03-15")
    expect(page.locator("#active .chip")).to_contain_text("15 Mar 2022")
    assert "as_of=2022-03-15" in page.url
    page.keyboard.press("Tab")
    expect(page.locator("#as-of")).to_have_value("2022-03-15")
    expect(page.locator("#as-of-slider")).to_have_attribute("aria-valuetext", "15 Mar 2022")


def test_a_day_that_cannot_be_gives_way_with_a_reason(watched: Watched) -> None:
    page = watched.page
    type_day(page, "1999", "03", "15")
    page.keyboard.press("Enter")
    expect(page.locator("#controls .failed")).to_contain_text("Expected a day from")
    expect(page.locator("#active")).to_be_hidden()
    type_day(page, "2022", "03", "15")
    page.keyboard.press("Enter")
    expect(page.locator("#controls .failed")).to_be_hidden()
    expect(page.locator("#as-of")).to_have_value("2022-03-15")


@pytest.mark.parametrize("day", ["2022-02-31", "2022-13-45", "0000-00-00", "2999-01-01", "yesterday"])
def test_an_address_with_no_day_of_the_calendar_means_today(browser: Browser, service: str, day: str) -> None:
    with opened(browser, service, f"/?tab=timeline&as_of={day}&lang=toString") as watch:
        expect(watch.page.locator("#timeline .event").first).to_be_visible(timeout=20_000)
        expect(watch.page.locator("#active")).to_be_hidden()
        assert "NaN" not in watch.page.locator("#timeline").inner_html()
        assert watch.errors == []


def test_the_slider_stays_in_the_hand_that_drags_it(watched: Watched) -> None:
    page = watched.page
    slider = page.locator("#as-of-slider")
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in (0.8, 0.7, 0.6):
        page.mouse.move(box["x"] + box["width"] * step, box["y"] + box["height"] / 2, steps=4)
        page.evaluate("async () => (await import('/briefbot/api.js')).refresh()")  # counts come in while it is dragged
        page.wait_for_timeout(250)
    shown = page.locator("#as-of").input_value()
    page.mouse.up()
    expect(page.locator("#active .chip")).to_have_count(1)
    assert f"as_of={shown}" in page.url


# ---------------------------------------------------------------- conversations


def test_somebody_elses_conversation_is_shown_and_not_written_into(browser: Browser, service: str) -> None:
    with opened(browser, service) as theirs:
        ask(theirs.page, EXAMPLES[0])
        id_ = re.search(r"c=([\w-]+)", theirs.page.url)
        assert id_
    with opened(browser, service, f"/?c={id_[1]}") as mine:
        page = mine.page
        expect(page.locator("#chat [data-testid=bot]")).to_have_count(1)
        expect(page.locator("#foreign")).to_have_text(EN["foreign"])
        ask(page, EXAMPLES[2])
        own = re.search(r"c=([\w-]+)", page.url)
        assert own
        assert own[1] != id_[1]
        page.reload()
        expect(page.locator("#chat [data-testid=user]")).to_have_text([EXAMPLES[2]], timeout=20_000)
        expect(page.locator("#foreign")).to_be_hidden()
    assert [item["question"] for item in get(service, f"/v1/conversations/{id_[1]}")["answers"]] == [EXAMPLES[0]]
    assert [item["question"] for item in get(service, f"/v1/conversations/{own[1]}")["answers"]] == [EXAMPLES[2]]


def test_every_answer_stands_under_its_own_question_after_a_lost_connection(watched: Watched, service: str) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    page.route("**/v1/answer/stream", lambda route: route.abort())
    page.locator("#question textarea").fill(DIDI)
    page.locator("#question textarea").press("Enter")
    expect(page.locator("#chat .failed")).to_contain_text(EN["given_back"])
    expect(page.locator("#question textarea")).to_have_value(DIDI)
    page.unroute("**/v1/answer/stream")
    page.locator("#question textarea").fill("")
    ask(page, EXAMPLES[2])
    page.context.set_offline(True)
    page.locator("#question textarea").fill(EXAMPLES[3])
    page.locator("#question textarea").press("Enter")
    expect(page.locator("#chat .turn").last.locator(".failed")).to_have_text(EN["away_asks_again"])
    page.context.set_offline(False)
    expect(page.locator("#chat .turn").last.locator("button.cite").first).to_be_visible(timeout=20_000)
    answered = [question for question, text in shown_turns(page) if text]
    assert answered == [EXAMPLES[0], EXAMPLES[2], EXAMPLES[3]]
    for question, text in shown_turns(page):
        assert text == (without_marks(plain_answer(service, question)) if question != DIDI else "")
    page.locator("#chat .turn").nth(1).get_by_role("button", name=EN["try_again"]).click()
    expect(page.locator("#chat .turn").nth(1).locator("button.cite").first).to_be_visible(timeout=20_000)


def test_a_conversation_that_cannot_be_brought_back_can_be_tried_again(browser: Browser, service: str) -> None:
    with opened(browser, service) as watch:
        page = watch.page
        ask(page, EXAMPLES[0])
        page.route(
            "**/v1/conversations/*",
            lambda route: route.fulfill(status=503, json={"type": "urn:briefbot:problem:busy", "detail": "busy"}),
        )
        page.reload()
        expect(page.locator("#lost")).to_contain_text("busy", timeout=20_000)
        page.unroute("**/v1/conversations/*")
        page.locator("#lost").get_by_role("button", name=EN["try_again"]).click()
        expect(page.locator("#chat .said button.cite").first).to_be_visible()
        expect(page.locator("#lost")).to_be_hidden()


def test_a_question_asked_before_the_conversation_is_back_comes_after_it(browser: Browser, service: str) -> None:
    with opened(browser, service) as watch:
        page = watch.page
        ask(page, EXAMPLES[0])
        held: list[Route] = []
        page.route("**/v1/conversations/*", lambda route: hold(held, route))
        page.reload()
        box = page.locator("#question textarea")
        box.fill(EXAMPLES[2])
        page.wait_for_function("document.querySelector('#chat')")
        box.press("Enter")
        box.press("Enter")
        page.wait_for_timeout(300)
        assert held
        held[0].continue_()
        expect(page.locator("#chat .tools")).to_have_count(2, timeout=20_000)
        assert [question for question, _ in shown_turns(page)] == [EXAMPLES[0], EXAMPLES[2]]
        expect(box).to_have_value("")


def test_a_service_that_keeps_nothing_any_more_answers_all_the_same(
    browser: Browser, bot: Briefbot, service: str
) -> None:
    with opened(browser, service) as before:
        ask(before.page, EXAMPLES[0])
        kept = re.search(r"c=([\w-]+)", before.page.url)
        assert kept
    forgetful = bot.settings.model_copy(update={"history_days": 0})
    with (
        run_service(forgetful, Briefbot(forgetful, bot.corpus, bot.embedder, bot.index)) as url,
        opened(browser, url, f"/?c={kept[1]}") as watch,
    ):
        ask(watch.page, EXAMPLES[0])
        ask(watch.page, "And when was that?")
        expect(watch.page.locator("#chat .failed")).to_have_count(0)
        assert "c=" not in watch.page.url


def test_an_answer_of_another_day_says_which(browser: Browser, service: str) -> None:
    def age(route: Route) -> None:
        found = route.fetch().json()
        route.fulfill(json={**found, "answered_at": ["2026-03-04T20:00:00+00:00"] * len(found["answers"])})

    with opened(browser, service) as watch:
        page = watch.page
        ask(page, EXAMPLES[0])
        expect(page.locator("#chat .made")).to_contain_text(EN["as_of_today"])
        page.route("**/v1/conversations/*", age)
        page.reload()
        expect(page.locator("#chat .made")).to_contain_text(
            "as of 5 Mar 2026", timeout=20_000
        )  # it was the 5th in China


def test_what_is_asked_while_an_answer_comes_is_not_lost(
    browser: Browser, writing_service: tuple[str, ModelServer]
) -> None:
    url, model_server = writing_service
    model_server.replies = [
        Reply("SAMR fined Alibaba RMB 18.228 billion in April 2021 [1]. Then", silent_after=(8, 30))
    ]
    with opened(browser, url) as watch:
        page = watch.page
        box = page.locator("#question textarea")
        box.fill(EXAMPLES[0])
        box.press("Enter")
        expect(page.locator("#stop")).to_be_visible()
        box.fill(DIDI)
        box.press("Enter")
        expect(page.locator("#wait")).to_have_text(EN["still_answering"])
        expect(box).to_have_value(DIDI)
        page.locator("#stop").click()
        expect(page.locator("#wait")).to_be_hidden()
        expect(box).to_be_focused()
        expect(box).to_have_value(DIDI)
        model_server.replies = [(200, "SAMR fined Alibaba RMB 18.228 billion in April 2021 [1].")]
        page.locator("#chat .stopped").get_by_role("button", name=EN["try_again"]).click()
        expect(page.locator("#chat .said button.cite").first).to_be_visible(timeout=20_000)


def test_an_input_method_that_composes_does_not_ask(watched: Watched) -> None:
    box = watched.page.locator("#question textarea")
    box.fill("滴滴")
    box.evaluate(
        """node => node.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true, cancelable: true }))"""
    )
    watched.page.wait_for_timeout(300)
    expect(box).to_have_value("滴滴")
    expect(watched.page.locator("#chat .turn")).to_have_count(0)


# ---------------------------------------------------------------- answers that stand


def test_an_answer_stays_as_it_is_while_the_next_one_comes(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    first = page.locator("#chat [data-testid=bot]").first
    good = first.get_by_role("button", name=EN["good_answer"], exact=True)
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    first.locator(".said").evaluate("node => { node.isTheSame = true; }")
    expect(first.locator(".suggestion").first).to_be_visible(timeout=20_000)
    ask(page, EXAMPLES[2])
    assert first.locator(".said").evaluate("node => node.isTheSame") is True
    expect(good).to_have_attribute("aria-pressed", "true")
    expect(first.locator(".suggestions")).to_have_count(0)
    page.locator("#switch-language").click()
    expect(first.get_by_role("button", name=ZH["good_answer"], exact=True)).to_have_attribute("aria-pressed", "true")


def test_link_and_suggestions_go_by_what_the_answer_was_asked_with(watched: Watched) -> None:
    page = watched.page
    page.locator("#filters-summary").click()
    page.locator("#facet-kind-event").check()
    page.keyboard.press("Escape")
    with page.expect_request("**/v1/suggestions") as suggested:
        ask(page, DIDI)
    assert json.loads(suggested.value.post_data or "")["filters"] == {"kind": ["event"]}
    page.locator("#active .chip").click()
    page.locator("#mode").select_option("extractive")
    page.get_by_role("button", name=EN["copy_link"]).click()
    expect(page.get_by_role("button", name=EN["done"])).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert "kind=event" in link
    assert "mode=" not in link


def test_what_is_left_to_answer_from_is_counted_under_the_answers_own_filters(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?kind=law&as_of=2021-12-31") as watch:
        ask(watch.page, "Who won the cricket match?")
        count = get(service, "/v1/documents?kind=law&as_of=2021-12-31&limit=1")["total"]
        expect(watch.page.locator("#chat .covers")).to_contain_text(f"the {count} documents")
    with opened(browser, service, "/?topic=data") as watch:
        ask(watch.page, "Who won the cricket match?")
        count = get(service, "/v1/documents?topic=data&limit=1")["total"]
        expect(watch.page.locator("#chat .covers")).to_contain_text(f"the {count} documents are on data")


def test_a_finished_answer_is_read_out_once_and_whole(watched: Watched, service: str) -> None:
    ask(watched.page, EXAMPLES[0])
    expect(watched.page.locator("#said")).not_to_be_empty()
    assert without_marks(watched.page.locator("#said").inner_text()) == without_marks(
        plain_answer(service, EXAMPLES[0])
    )


@pytest.mark.parametrize("change", ["moved", "gone"])
def test_quoted_words_are_looked_for_in_a_text_that_has_changed(watched: Watched, service: str, change: str) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    response = httpx2.post(f"{service}/v1/answer", json={"question": EXAMPLES[0]}, timeout=60, trust_env=False)
    quote = response.json()["citations"][0]["quote"]

    def replace(route: Route) -> None:
        found = route.fetch().json()
        text = "# New 🀄\n\nA line before it.\n" + found["text"]
        route.fulfill(json={**found, "text": text if change == "moved" else text.replace(quote, "Other words.")})

    page.route("**/v1/documents/event-*", replace)
    page.locator("#chat .said button.cite").first.click()
    if change == "moved":
        expect(page.locator("#source mark")).to_have_text(quote)
        expect(page.locator("#source")).to_contain_text(EN["text_moved"])
    else:
        expect(page.locator("#source [role=note]")).to_contain_text(quote)
        expect(page.locator("#source mark")).to_have_count(0)


def test_a_file_keeps_the_name_of_a_chinese_question(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[1])
    page.locator("#chat .tools summary").click()
    with page.expect_download() as download:
        page.locator("#chat .tools").get_by_role("button", name="Markdown", exact=True).click()
    assert re.fullmatch(r"briefbot-\d{4}-\d{2}-\d{2}-滴滴被罚了多少钱\.md", download.value.suggested_filename)


def test_more_answers_than_a_file_takes_are_the_latest(watched: Watched) -> None:
    label = watched.page.evaluate(
        """async () => {
            const { drawButtons } = await import("/briefbot/tools.js");
            const answer = { id: "ans_x", question: "?", filters: {}, citations: [] };
            const made = drawButtons({ answer }, () => Array(51).fill(answer));
            document.body.append(made);
            made.querySelector("summary").click();
            while (!made.querySelector(".items button")) await new Promise(requestAnimationFrame);
            return [...made.querySelectorAll(".items button")].map((item) => item.textContent);
        }"""
    )
    assert EN["latest_markdown"].format(count=50) in label
    assert EN["latest_docx"].format(count=50) in label


# ---------------------------------------------------------------- a service that is away, a browser that keeps nothing


@pytest.mark.parametrize(
    ("tab", "content"),
    [
        ("timeline", "#timeline .event"), ("corpus", "#corpus .documents li"), ("compare", "#compare-left option:nth-child(5)"),
        ("quality", "#quality tbody tr"),
    ],
)  # fmt: skip
def test_every_tab_recovers_when_the_service_is_back(browser: Browser, service: str, tab: str, content: str) -> None:
    with opened(browser, service) as watch:
        page = watch.page
        page.context.set_offline(True)
        page.evaluate("async () => (await import('/briefbot/api.js')).refresh()")
        expect(page.locator("#away")).to_have_text(EN["away_banner"])
        show_tab(page, tab)  # the banner covers none of the tabs
        if tab != "compare":
            expect(page.locator(f"#{tab} .failed")).to_contain_text(EN["try_again"])
        page.context.set_offline(False)
        expect(page.locator(content).first).to_be_attached(timeout=20_000)
        expect(page.locator(f"#{tab} .failed")).to_have_count(0)


def test_filters_and_writer_are_read_again_when_the_service_is_back(browser: Browser, service: str) -> None:
    with opened(browser, service) as watch:
        page = watch.page
        page.context.set_offline(True)
        page.locator("#as-of").fill("2021-12-31")
        page.locator("#as-of").dispatch_event("change")
        expect(page.locator("#away")).to_be_visible()
        page.locator("#filters-summary").click()
        expect(page.locator("#filters .failed")).to_be_visible()
        page.context.set_offline(False)
        count = get(service, "/v1/documents?as_of=2021-12-31&limit=1")["total"]
        expect(page.locator("#filters p.count")).to_have_text(EN["documents_left"].format(count=count), timeout=20_000)
        expect(page.locator("#filters .failed")).to_have_count(0)


def test_a_browser_that_keeps_nothing_has_a_page_all_the_same(browser: Browser, service: str) -> None:
    context = browser.new_context()
    context.add_init_script(NO_STORAGE)
    page = context.new_page()
    page.goto(service)
    expect(page.locator("body[data-ready]")).to_be_attached(timeout=30_000)
    ask(page, EXAMPLES[0])
    ask(page, EXAMPLES[2])
    page.locator("#switch-language").click()
    expect(page.locator("#send")).to_have_text(ZH["send"])
    page.locator("#switch-theme").click()
    expect(page.locator("body.dark")).to_be_attached()
    context.close()


def test_text_is_copied_where_there_is_no_clipboard_to_write_to(browser: Browser, service: str) -> None:
    context = browser.new_context()
    context.add_init_script(NO_CLIPBOARD)
    page = context.new_page()
    page.goto(service)
    expect(page.locator("body[data-ready]")).to_be_attached(timeout=30_000)
    ask(page, EXAMPLES[0])
    copy = page.get_by_role("button", name=EN["copy_link"])
    copy.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text(EN["done"])
    assert focused(page) != "BODY"
    page.locator("#question textarea").focus()
    page.keyboard.press("Control+V")
    assert "q=How+much" in page.locator("#question textarea").input_value()
    context.close()


def test_the_language_chosen_outweighs_the_link(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?lang=zh") as watch:
        page = watch.page
        expect(page.locator("#send")).to_have_text(ZH["send"])
        page.locator("#switch-language").click()
        page.reload()
        expect(page.locator("#send")).to_have_text(EN["send"], timeout=20_000)


def test_what_the_service_refuses_is_said_in_chinese_to_chinese_readers(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?topic=astrology", locale="zh-CN") as watch:
        page = watch.page
        page.locator("#question textarea").fill(DIDI)
        page.locator("#question textarea").press("Enter")
        expect(page.locator("#chat .failed")).to_contain_text("请求中有不被接受的内容")
        expect(page.locator("#chat .failed")).to_contain_text("astrology")
        page.locator("#switch-language").click()
        expect(page.locator("#chat .failed")).to_contain_text("topic: expected")


# ---------------------------------------------------------------- the keyboard and the focus


def test_the_focus_is_never_lost(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?kind=law&kind=event&as_of=2023-12-31") as watch:
        page = watch.page
        for id_ in ("switch-language", "switch-language", "switch-theme"):
            page.locator(f"#{id_}").focus()
            page.keyboard.press("Enter")
            assert focused(page) == id_
        chips = page.locator("#active .chip")
        chips.first.focus()
        for left in (2, 1, 0):
            page.keyboard.press("Enter")
            expect(chips).to_have_count(left)
            expect(chips.first if left else page.locator("#filters-summary")).to_be_focused()
        page.keyboard.press("Enter")
        page.locator("#facet-kind-rule").focus()
        page.keyboard.press("Space")
        expect(page.locator("#facet-kind-rule")).to_be_focused()
        page.get_by_role("button", name=EN["clear_filters"]).press("Enter")
        assert focused(page) == "filters-summary"
        page.locator("#as-of-slider").press("PageDown")
        page.locator("#as-of-today").press("Enter")
        assert focused(page) == "as-of"
        ask(page, EXAMPLES[0])
        page.locator("#chat .suggestion").first.press("Enter")
        expect(page.locator("#chat .tools")).to_have_count(2, timeout=20_000)
        assert focused(page) == "turn"
        page.locator("#chat .said button.cite").first.press("Enter")
        expect(page.locator("#source")).to_be_focused()
        page.locator("#source-next").press("Enter")
        expect(page.locator("#source .steps")).to_contain_text("2 of")
        assert focused(page) in {"source-next", "source"}
        page.locator("#switch-language").press("Enter")
        page.locator("#switch-language").press("Enter")
        page.locator("#source").press("Escape")
        expect(page.locator("#chat .said button.cite").nth(1)).to_be_focused()
        show_tab(page, "corpus")
        page.locator("#corpus-more").press("Enter")
        expect(page.locator("#corpus .documents li")).to_have_count(100)
        expect(page.locator("#corpus .documents button").nth(50)).to_be_focused()
        show_tab(page, "timeline")
        page.locator("#timeline-list").press("Space")
        expect(page.locator("#timeline-list")).to_be_focused()
        assert watch.errors == []


def test_a_menu_closes_when_the_keyboard_leaves_it(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    summary = page.locator("#chat .tools summary")
    summary.press("Enter")
    expect(page.locator("#chat .menu[open]")).to_have_count(1)
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.locator("#chat .menu[open]")).to_have_count(0)


def test_the_card_can_be_read_and_closed_by_itself(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    marks = page.locator("#chat .said button.cite")
    marks.first.click()
    expect(page.locator("#source mark")).to_be_visible()
    marks.nth(1).hover()
    card = page.locator("#card")
    expect(card).to_be_visible()
    expect(marks.nth(1)).to_have_attribute("aria-describedby", "card")
    box = card.bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2, steps=5)
    page.wait_for_timeout(400)
    expect(card).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(page.locator("#source")).to_be_visible()
    assert marks.nth(1).get_attribute("aria-describedby") is None
    page.keyboard.press("Escape")
    expect(page.locator("#source")).to_have_count(0)


def test_on_a_phone_the_source_makes_room_for_what_is_asked(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?kind=event", **PHONE) as watch:
        page = watch.page
        ask(page, EXAMPLES[0])
        page.locator("#chat .said button.cite").first.click()
        page.locator("#source-ask").click()
        expect(page.locator("#chat .tools")).to_have_count(2, timeout=20_000)
        expect(page.locator("#source")).to_have_count(0)
        expect(page.locator("#controls .model")).to_be_visible()


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_what_restricts_stays_in_sight_however_far_one_scrolls(
    browser: Browser, service: str, size: dict[str, Any]
) -> None:
    with opened(browser, service, "/?tab=corpus&kind=event", **size) as watch:
        page = watch.page
        expect(page.locator("#corpus .cell").first).to_be_visible(timeout=20_000)
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(200)
        assert page.evaluate("scrollY") > 200
        expect(page.locator("#active .chip")).to_be_in_viewport()


# ---------------------------------------------------------------- the other tabs


def test_the_corpus_tab_keeps_what_was_typed_and_found_through_a_change_of_language(
    browser: Browser, service: str, tmp_path: Path
) -> None:
    (tmp_path / "ferry.md").write_text("# Ferry\n\nA ferry.\n", encoding="utf-8")
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        page.locator("#corpus-search").fill("data export security assessment")
        passages = page.locator("#corpus .passages li")
        expect(passages.first).to_be_visible(timeout=20_000)
        count = passages.count()
        page.locator("#upload-key").fill("bb_a_key")
        page.locator("#files").set_input_files([tmp_path / "ferry.md"])
        page.locator("#switch-language").click()
        expect(page.locator("#corpus h2")).to_have_text(ZH["tab_corpus"])
        expect(passages).to_have_count(count)
        expect(page.locator("#upload-key")).to_have_value("bb_a_key")
        assert page.locator("#files").evaluate("node => node.files.length") == 1


def test_a_quarter_restricts_the_search_in_sight_and_within_the_topics_chosen(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=corpus&topic=antitrust") as watch:
        page = watch.page
        cell = page.get_by_role("button", name=re.compile("antitrust, 2021 Q3"))
        count = int(cell.inner_text())
        cell.click()
        expect(page.locator("#corpus .documents li")).to_have_count(count)
        expect(page.locator("#corpus .map tbody tr")).to_have_count(1)
        page.locator("#corpus-search").fill("fine")
        expect(page.locator("#corpus .passages li").first).to_be_visible(timeout=20_000)
        expect(page.locator("#corpus .found .chip")).to_contain_text("antitrust, 2021 Q3")
        page.locator("#corpus .found .chip").click()
        expect(page.locator("#corpus .found .chip")).to_have_count(0)
        assert focused(page) != "BODY"


def test_one_document_is_not_called_documents(browser: Browser, service: str) -> None:
    counts: dict[tuple[str, str], int] = {}
    for cell in get(service, "/v1/coverage")["cells"]:
        counts[cell["topic"], cell["quarter"]] = counts.get((cell["topic"], cell["quarter"]), 0) + cell["count"]
    quarter = next(
        quarter for (topic, quarter), count in counts.items() if topic == "data" and count == 1 and quarter > "2020"
    )
    with opened(browser, service, "/?tab=corpus&topic=data") as watch:
        watch.page.get_by_role("button", name=re.compile(rf"data, {quarter}: 1 document\b")).click()
        expect(watch.page.locator("#corpus .found .count")).to_contain_text(EN["documents_left_one"])
        expect(watch.page.locator("#corpus .found .count")).not_to_contain_text("documents")


def test_the_map_hides_no_topic_for_good(browser: Browser, service: str) -> None:
    topics = {cell["topic"] for cell in get(service, "/v1/coverage")["cells"]}
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        page.locator("#map-topics").click()
        expect(page.locator("#corpus .map tbody tr")).to_have_count(len(topics))
        expect(page.locator("#map-topics")).to_be_focused()
        expect(page.locator("#map-topics")).to_have_attribute("aria-expanded", "true")


def test_the_map_is_one_stop_of_the_keyboard_and_walked_with_the_arrow_keys(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        cells = page.locator("#corpus .cell")
        expect(cells.first).to_be_visible(timeout=20_000)
        assert page.locator("#corpus .cell[tabindex='0']").count() == 1
        cells.first.focus()
        walked = [focused_label(page)]
        for key in ("ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft"):
            page.keyboard.press(key)
            walked.append(focused_label(page))
        topic = walked[0].split(",")[0]
        assert walked[1].split(",")[0] == topic
        assert walked[2].split(",")[0] != topic
        assert walked[1].split(":")[0].split(", ")[1] == walked[2].split(":")[0].split(", ")[1]  # the quarter below
        assert len(set(walked)) >= 3
        assert page.locator("#corpus .cell[tabindex='0']").count() == 1
        page.keyboard.press("Enter")
        expect(page.locator("#corpus .found .chip")).to_be_visible()


def test_versions_are_chosen_with_the_arrow_keys(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=compare") as watch:
        page = watch.page
        left = page.locator("#compare-left")
        expect(left.locator("option").nth(3)).to_be_attached(timeout=20_000)
        left.evaluate("node => { node.isTheSame = true; }")
        left.focus()
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        expect(left).to_be_focused()
        assert left.evaluate("node => node.isTheSame") is True
        assert left.evaluate("node => node.selectedIndex") == 3
        expect(left).to_have_value(re.compile(r"\w"))


def test_a_comparison_is_of_what_is_chosen_now(browser: Browser, service: str) -> None:
    first = get(service, "/v1/documents/law-aml-2007")["title"]

    with opened(browser, service, "/?tab=compare") as watch:
        page = watch.page
        held: list[Route] = []
        page.route("**/v1/compare?left=rule-genai*", lambda route: hold(held, route))
        page.locator("#compare-left").select_option("rule-genai-draft-2023")
        expect(page.locator("#compare-right")).to_have_value("rule-genai-2023", timeout=20_000)
        page.wait_for_timeout(200)
        page.locator("#compare-left").select_option("law-aml-2007")
        page.locator("#compare-right").select_option("law-aml-2022")
        heads = page.locator("#compare .parts thead th button")
        expect(heads.first).to_have_text(first, timeout=20_000)
        for route in held:
            route.continue_()
        page.wait_for_timeout(500)
        expect(heads.first).to_have_text(first)
        page.locator("#compare-right").select_option("law-aml-2007")
        expect(page.locator("#compare .compared .failed")).to_have_text(EN["choose_two"])
        expect(heads).to_have_count(0)
        page.locator("#compare-right").select_option("")
        expect(page.locator("#compare .compared")).to_be_empty()


def test_a_link_holds_a_question_at_two_dates(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=compare") as watch:
        page = watch.page
        page.locator("#compare-question").fill(DIDI)
        page.locator("#date-from").fill("2021-08-31")
        page.locator("#date-to").fill("2022-12-31")
        page.locator("#compare form .primary").click()
        expect(page.locator("#compare .sides .answer")).to_have_count(2, timeout=20_000)
        text = page.locator("#compare .sides").inner_text()
        rows = page.locator("#compare-between li").all_inner_texts()
        assert len(rows) == len(set(rows))  # a text and its Chinese summary are one row
        assert rows
        link = page.url.removeprefix(service)
    with opened(browser, service, link) as again:
        page = again.page
        expect(page.locator("#compare .sides")).to_have_text(text, timeout=20_000, use_inner_text=True)
        expect(page.locator("#compare-question")).to_have_value(DIDI)
        expect(page.locator("#date-from")).to_have_value("2021-08-31")
        page.locator("#switch-language").click()
        expect(page.locator("#compare .sides h4").first).to_have_text(ZH["as_of_day"].format(date="2021年8月31日"))


def test_verdicts_say_what_they_go_by_and_can_be_renewed(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=check&as_of=2021-12-31") as watch:
        page = watch.page
        page.locator("#claims").fill("The CAC fined Didi RMB 8.026 billion.")
        page.locator("#check button.primary").click()
        basis = page.locator("#check .basis")
        expect(basis).to_have_text(EN["as_of_day"].format(date="31 Dec 2021"), timeout=20_000)
        before = page.locator("#check .verdict .badge").first.inner_text()
        page.locator("#active .chip").click()
        expect(page.locator("#check-again")).to_be_visible()
        page.locator("#check-again").click()
        expect(basis).to_have_text(EN["as_of_today"], timeout=20_000)
        expect(page.locator("#check .verdict .badge").first).to_have_text(EN["verdict.supported"])
        assert before != EN["verdict.supported"]
        expect(page.locator("#check .evidence .bearing").first).to_contain_text(EN["in_favour"])


def test_the_timeline_gives_the_status_of_the_day_asked_about(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=timeline&as_of=2022-01-31") as watch:
        page = watch.page
        dot = page.locator("#timeline .event[data-id=law-aml-2007]")
        expect(dot).to_have_attribute("aria-label", re.compile(EN["status.in_force"]), timeout=20_000)
        page.locator("#active .chip").click()
        expect(dot).to_have_attribute("aria-label", re.compile(EN["status.amended"]))
        expect(page.locator("#timeline .event[data-id=law-pipl-2021]")).to_have_attribute(
            "aria-label", re.compile(f"{EN['event.takes_effect']} 1 Nov 2021")
        )


def test_a_drag_that_is_broken_off_chooses_nothing(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=timeline&as_of=2022-01-31") as watch:
        page = watch.page
        line = page.locator("#timeline .as-of")
        expect(line).to_have_attribute("aria-valuetext", "31 Jan 2022", timeout=20_000)
        grip = page.locator("#timeline .as-of-grip").bounding_box()
        assert grip
        page.mouse.move(grip["x"] + 40, grip["y"] + 8)
        page.mouse.down()
        page.mouse.move(grip["x"] + 240, grip["y"] + 8, steps=4)
        line.dispatch_event("pointercancel")
        expect(line).to_have_attribute("aria-valuetext", "31 Jan 2022")
        page.mouse.up()
        assert "as_of=2022-01-31" in page.url
        grip = page.locator("#timeline .as-of-grip").bounding_box()
        assert grip
        page.mouse.move(grip["x"] + 40, grip["y"] + 8)
        page.mouse.down()
        page.mouse.move(grip["x"] + 240, grip["y"] + 8, steps=4)
        page.mouse.up()
        expect(page.locator("#active .chip")).not_to_contain_text("31 Jan 2022")
        expect(line).to_be_focused()


def test_a_document_opened_from_a_tab_follows_the_day(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=corpus&kind=law&as_of=2022-01-31") as watch:
        page = watch.page
        title = get(service, "/v1/documents/law-aml-2007")["title"]
        page.locator("#corpus .documents").get_by_role("button", name=title, exact=True).click()
        expect(page.locator("#source header .status")).to_have_text(EN["status.in_force"])
        slider = page.locator("#as-of-slider")
        slider.focus()
        for _ in range(2):
            page.keyboard.press("PageUp")
            page.wait_for_timeout(300)
        expect(slider).to_be_focused()
        expect(page.locator("#source header .status")).to_have_text(EN["status.amended"])


def test_a_document_whose_page_is_gone_says_since_when(browser: Browser, service: str) -> None:
    def lose(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "gone_since": "2026-03-04T20:00:00+00:00"})

    with opened(browser, service, "/?tab=corpus&kind=law") as watch:
        page = watch.page
        page.route("**/v1/documents/law-*", lose)
        page.locator("#corpus .documents button").first.click()
        expect(page.locator("#source .about")).to_contain_text(f"{EN['fact_gone_since']}5 Mar 2026")


def test_a_document_of_later_says_that_it_is(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=timeline&as_of=2022-01-31") as watch:
        page = watch.page
        page.locator("#timeline .event[data-id=law-aml-2022]").click()
        expect(page.locator("#source .later")).to_have_text(EN["later_than_day"].format(date="31 Jan 2022"))


def test_a_document_says_what_is_known_about_it(browser: Browser, service: str) -> None:
    document = get(service, "/v1/documents/event-2022-07-21-didi-fined")
    with opened(browser, service) as watch:
        page = watch.page
        page.evaluate("async () => (await import('/briefbot/source.js')).openDocument('event-2022-07-21-didi-fined')")
        about = page.locator("#source .about")
        for topic in document["topics"]:
            expect(about).to_contain_text(EN[f"topic.{topic}"])
        for said in (
            *document["companies"],
            EN[f"authority.{document['authority']}"],
            EN[f"phase.{document['phase']}"],
            document["id"],
        ):
            expect(about).to_contain_text(said)
        expect(page.locator("#source header")).to_contain_text("Cyberspace Administration of China")


def test_what_was_added_is_counted_and_listed_everywhere(browser: Browser, bot: Briefbot, tmp_path: Path) -> None:
    corpus = Corpus(tmp_path / "record.sqlite3")
    corpus.bind_model(str(bot.embedder.identity))
    locked = bot.settings.model_copy(
        update={"home": tmp_path, "api_key": SecretStr("a-key-for-the-tests"), "access": "keys"}
    )
    shutil.copy(BUNDLED / "events" / "event-2022-07-21-didi-fined.md", tmp_path / "didi.md")
    own = Briefbot(locked, corpus, bot.embedder, PassageIndex(tmp_path / "index"))
    with (
        run_service(own.settings, own) as url,
        opened(
            browser, url, "/?tab=corpus", http_credentials={"username": "x", "password": "a-key-for-the-tests"}
        ) as watch,
    ):
        page = watch.page
        page.locator("#upload-send").click()
        expect(page.locator("#corpus .results .failed")).to_have_text(EN["files_empty"])
        page.locator("#files").set_input_files([tmp_path / "didi.md"])
        page.locator("#upload-send").click()
        expect(page.locator("#corpus .results tr.added")).to_be_visible(timeout=30_000)
        expect(page.locator("#corpus .documents li")).to_have_count(1)
        expect(page.locator("#filters p.count")).to_have_text(EN["documents_left_one"])
        show_tab(page, "timeline")
        expect(page.locator("#timeline .event")).to_have_count(1)
    corpus.close()


# ---------------------------------------------------------------- quick changes, and what crosses on its way


def test_a_status_in_the_timeline_is_the_one_of_the_day_asked_about(browser: Browser, service: str) -> None:
    query = "kind=law&status=in_force&as_of=2022-01-31"
    events = get(service, f"/v1/timeline?{query}&limit=1000")["events"]
    then = {item["document_id"] for item in events if item["type"] == "published"}
    assert "law-aml-2007" in then
    with opened(browser, service, f"/?tab=timeline&{query}") as watch:
        dots = watch.page.locator("#timeline .event")
        expect(dots.first).to_be_visible(timeout=20_000)
        shown = set(dots.evaluate_all("nodes => nodes.map(node => node.dataset.id)"))
        assert "law-aml-2007" in shown
        assert shown <= then
        watch.page.locator("#active .chip").first.click()
        expect(watch.page.locator("#timeline .event[data-id=law-aml-2007]")).to_have_count(0)
        expect(watch.page.locator("#timeline .event[data-id=law-aml-2022]")).to_have_count(1)


def test_a_timeline_left_while_it_loads_goes_by_the_filters_chosen_since(browser: Browser, service: str) -> None:
    held: list[Route] = []
    with opened(browser, service) as watch:
        page = watch.page
        page.route("**/v1/timeline*", lambda route: hold(held, route))
        show_tab(page, "timeline")
        page.wait_for_timeout(200)
        show_tab(page, "quality")
        page.locator("#filters-summary").click()
        page.locator("#facet-kind-law").check()
        page.keyboard.press("Escape")
        for route in held:
            route.continue_()
        page.unroute("**/v1/timeline*")
        page.wait_for_timeout(400)
        show_tab(page, "timeline")
        expect(page.locator("#timeline .event").first).to_be_visible(timeout=20_000)
        assert page.locator("#timeline .event").count() == page.locator("#timeline .event[data-id^=law-]").count()
        expect(page.locator("#timeline")).not_to_have_attribute("aria-busy", "true")


def test_a_topic_chosen_after_a_quarter_is_not_widened_by_it(browser: Browser, service: str) -> None:
    count = get(service, "/v1/documents?topic=games&limit=1")["total"]
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        page.get_by_role("button", name=re.compile("antitrust, 2021 Q3")).click()
        expect(page.locator("#corpus .found .chip")).to_be_visible()
        page.locator("#filters-summary").click()
        page.locator("#facet-topic-games").check()
        expect(page.locator("#corpus .documents li")).to_have_count(count)
        expect(page.locator("#corpus .found .chip")).to_have_count(0)


def test_more_is_not_shown_of_a_list_that_is_about_to_be_another(browser: Browser, service: str) -> None:
    count = get(service, "/v1/documents?kind=law&limit=1")["total"]
    held: list[Route] = []
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        expect(page.locator("#corpus .documents li")).to_have_count(50, timeout=20_000)
        page.route("**/v1/documents?kind=law*", lambda route: hold(held, route))
        page.locator("#filters-summary").click()
        page.locator("#facet-kind-law").check()
        page.keyboard.press("Escape")
        page.locator("#corpus-more").click()
        page.wait_for_timeout(200)
        for route in held:
            route.continue_()
        expect(page.locator("#corpus .documents li")).to_have_count(count)
        expect(page.locator("#corpus .found")).not_to_have_attribute("aria-busy", "true")


def test_a_conversation_missed_at_the_start_comes_back_with_the_service(browser: Browser, service: str) -> None:
    with opened(browser, service) as watch:
        page = watch.page
        ask(page, EXAMPLES[0])
        page.route("**/v1/conversations/*", lambda route: route.abort())
        page.reload()
        expect(page.locator("body[data-ready]")).to_be_attached(timeout=20_000)
        expect(page.locator("#chat .turn")).to_have_count(0)
        page.unroute("**/v1/conversations/*")
        page.context.set_offline(True)
        page.evaluate("async () => (await import('/briefbot/api.js')).refresh()")
        expect(page.locator("#away")).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator("#chat .said button.cite").first).to_be_visible(timeout=20_000)


def test_a_page_that_lay_open_overnight_means_the_new_day(browser: Browser, service: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.set_fixed_time("2026-11-27T15:00:00Z")
    page.goto(service)
    expect(page.locator("body[data-ready]")).to_be_attached(timeout=30_000)
    expect(page.locator("#as-of")).to_have_value("2026-11-27")
    page.clock.set_fixed_time("2026-11-27T17:00:00Z")
    page.locator("#as-of").focus()
    expect(page.locator("#as-of")).to_have_value("2026-11-28")
    page.locator("#switch-theme").focus()
    expect(page.locator("#active")).to_be_hidden()
    page.clock.set_fixed_time("2026-11-28T17:00:00Z")
    page.locator("#as-of-slider").press("End")
    expect(page.locator("#active")).to_be_hidden()
    assert "as_of" not in page.url
    context.close()


def test_a_day_before_the_corpus_is_no_fault_of_who_passes_the_field(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?as_of=1990-01-01") as watch:
        page = watch.page
        expect(page.locator("#active .chip")).to_contain_text("1 Jan 1990")
        page.locator("#as-of").focus()
        page.locator("#switch-theme").focus()
        expect(page.locator("#controls .failed")).to_be_hidden()
        expect(page.locator("#active .chip")).to_contain_text("1 Jan 1990")


def test_what_stands_in_the_comparison_is_the_readers(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=compare&left=law-aml-2007&right=law-aml-2022") as watch:
        page = watch.page
        rows = page.locator("#compare .parts tbody tr")
        expect(rows.first).to_be_visible(timeout=20_000)
        page.locator("#compare-question").fill(DIDI)
        page.locator("#date-from").fill("2021-08-31")
        page.locator("#compare form .primary").click()
        expect(page.locator("#compare .sides .answer")).to_have_count(2, timeout=20_000)
        expect(rows.first).to_be_visible()
        assert "left=law-aml-2007" in page.url
        page.locator("#compare-question").fill("What did Ant do?")
        page.locator("#date-to").fill("2024-06-30")
        page.locator("#switch-language").click()
        page.evaluate("async () => (await import('/briefbot/api.js')).refresh()")
        page.wait_for_timeout(300)
        expect(page.locator("#compare-question")).to_have_value("What did Ant do?")
        expect(page.locator("#date-to")).to_have_value("2024-06-30")
        page.route("**/v1/answer", lambda route: hold([], route))
        page.locator("#compare form .primary").click()
        expect(page.locator("#compare .twice")).to_have_attribute("aria-busy", "true")
        page.locator("#date-to").fill("2020-06-30")
        page.locator("#compare form .primary").click()
        expect(page.locator("#compare .twice .failed")).to_be_visible()
        expect(page.locator("#compare .twice")).not_to_have_attribute("aria-busy", "true")


def test_the_whole_conversation_is_whole_from_every_answer(watched: Watched) -> None:
    page = watched.page
    for question in EXAMPLES[:3]:
        ask(page, question)
    tools = page.locator("#chat .tools").first
    tools.locator("summary").click()
    with page.expect_download() as download:
        tools.get_by_role("button", name=EN["whole_markdown"]).click()
    text = Path(download.value.path()).read_text("utf-8")
    assert [question in text for question in EXAMPLES[:3]] == [True] * 3


def test_the_document_clicked_last_is_shown_as_of_the_day_chosen_last(browser: Browser, service: str) -> None:
    held: list[Route] = []
    with opened(browser, service, "/?tab=corpus&kind=law&as_of=2023-01-31") as watch:
        page = watch.page
        buttons = page.locator("#corpus .documents button")
        expect(buttons.nth(1)).to_be_visible(timeout=20_000)
        buttons.nth(0).click()
        expect(page.locator("#source h2")).to_have_text(buttons.nth(0).inner_text())
        title = buttons.nth(1).inner_text()
        page.route("**/v1/documents/*as_of=2023-01-31", lambda route: hold(held, route))
        buttons.nth(1).click()
        page.locator("#active .chip").first.click()
        expect(page.locator("#source h2")).to_have_text(title)
        expect(page.locator("#source")).not_to_have_attribute("aria-busy", "true")


def test_chinese_readers_get_the_names_of_agencies_however_late_they_come(browser: Browser, service: str) -> None:
    held: list[Route] = []
    with opened(browser, service, locale="zh-CN") as watch:
        page = watch.page
        ask(page, EXAMPLES[1])
        page.route("**/v1/coverage*", lambda route: hold(held, route))
        page.goto(page.url + "&issuer=CAC")
        expect(page.locator("#chat .sources .facts").first).to_contain_text("CAC", timeout=20_000)
        for route in held:
            route.continue_()
        expect(page.locator("#chat .sources .facts").first).to_contain_text("国家互联网信息办公室")
        expect(page.locator("#active .chip")).to_contain_text("国家互联网信息办公室")


def test_comparing_versions_takes_the_focus_along(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=corpus&kind=law&as_of=2023-01-31") as watch:
        page = watch.page
        title = get(service, "/v1/documents/law-aml-2007")["title"]
        page.locator("#corpus .documents").get_by_role("button", name=title, exact=True).first.click()
        page.locator("#source-compare").press("Enter")
        expect(page.locator("#compare")).to_be_focused()


def test_what_failed_is_said_in_the_language_chosen_since(browser: Browser, service: str) -> None:
    with opened(browser, service) as watch:
        page = watch.page
        for path in ("quality", "timeline*"):
            page.route(
                f"**/v1/{path}",
                lambda route: route.fulfill(
                    status=500, json={"type": "urn:briefbot:problem:internal", "detail": "Broken."}
                ),
            )
        for tab in ("quality", "timeline"):
            show_tab(page, tab)
            expect(page.locator(f"#{tab} .failed")).to_contain_text("Broken.")
            page.locator("#switch-language").click()
            expect(page.locator(f"#{tab} .failed")).to_contain_text(ZH["problem.internal"])
            page.locator("#switch-language").click()


def test_a_link_keeps_its_language_through_a_reload(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?lang=zh") as watch:
        page = watch.page
        ask(page, EXAMPLES[1])
        page.reload()
        expect(page.locator("#send")).to_have_text(ZH["send"], timeout=20_000)


def test_a_key_that_no_service_can_have_is_no_outage(browser: Browser, service: str, tmp_path: Path) -> None:
    (tmp_path / "ferry.md").write_text("# Ferry\n\nA ferry.\n", encoding="utf-8")
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        page.locator("#files").set_input_files([tmp_path / "ferry.md"])
        page.locator("#upload-key").fill("密钥")
        page.locator("#upload-send").click()
        expect(page.locator("#corpus .results .failed")).to_have_text(EN["upload_needs_key"])
        expect(page.locator("#away")).to_have_count(0)


def test_a_service_that_is_not_ready_is_waited_for(browser: Browser, service: str) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"type": "urn:briefbot:problem:busy", "detail": "Not ready."})

    context = browser.new_context()
    page = context.new_page()
    for path in ("**/readyz", "**/v1/coverage*"):
        page.route(path, refuse)
    page.goto(service)
    expect(page.locator("#away")).to_be_visible(timeout=30_000)
    page.unroute("**/readyz")
    page.unroute("**/v1/coverage*")
    expect(page.locator("#controls .model")).to_have_text(EN["model_is_not_set"], timeout=20_000)
    expect(page.locator("#facet-kind-law")).to_be_attached()
    context.close()
