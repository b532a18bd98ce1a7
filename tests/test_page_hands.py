"""The page under a reader's hands: typed days, quick changes, lost connections, other people's links, the keyboard alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from briefbot.ui.strings import EXAMPLES, STRINGS
from conftest import ModelServer, Reply, run_service
from pages import PHONE, Watched, ask, focused, get, hold, opened, show_tab
from playwright.sync_api import Browser, Page, Route, expect
from pydantic import HttpUrl

from briefbot.answering import Briefbot

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
        expect(page.locator("#chat")).to_be_attached()
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
    with opened(browser, service, script=NO_STORAGE) as watch:
        page = watch.page
        ask(page, EXAMPLES[0])
        ask(page, EXAMPLES[2])
        page.locator("#switch-language").click()
        expect(page.locator("#send")).to_have_text(ZH["send"])
        page.locator("#switch-theme").click()
        expect(page.locator("body.dark")).to_be_attached()


def test_text_is_copied_where_there_is_no_clipboard_to_write_to(browser: Browser, service: str) -> None:
    with opened(browser, service, script=NO_CLIPBOARD) as watch:
        page = watch.page
        ask(page, EXAMPLES[0])
        copy = page.get_by_role("button", name=EN["copy_link"])
        copy.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#said")).to_have_text(EN["done"])
        assert focused(page) != "BODY"
        page.locator("#question textarea").focus()
        page.keyboard.press("Control+V")
        assert "q=How+much" in page.locator("#question textarea").input_value()


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
