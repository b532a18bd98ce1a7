"""The page's tabs under a reader's hands: quick changes that cross each other, days and filters that hold everywhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from briefbot.ui.strings import EXAMPLES, STRINGS
from pages import (
    PHONE,
    WITH_KEY,
    Watched,
    ask,
    compare_dates,
    focused,
    focused_label,
    get,
    hold,
    opened,
    own_service,
    show_tab,
)
from playwright.sync_api import Browser, Route, expect

from briefbot.answering import Briefbot

pytestmark = pytest.mark.browser

EN, ZH = STRINGS["en"], STRINGS["zh"]
BUNDLED = Path(__file__).parents[1] / "ingest" / "corpus"
DIDI = "What happened to Didi?"


@pytest.fixture
def watched(browser: Browser, service: str) -> Iterator[Watched]:
    with opened(browser, service) as watch:
        yield watch


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
        compare_dates(page, "2021-08-31", "2022-12-31", DIDI)
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
    shutil.copy(BUNDLED / "events" / "event-2022-07-21-didi-fined.md", tmp_path / "didi.md")
    with (
        own_service(bot, tmp_path) as url,
        opened(browser, url, "/?tab=corpus", **WITH_KEY) as watch,
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


def test_versions_are_compared_in_one_language_and_the_order_is_said(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=compare&left=law-aml-2007&right=law-aml-2022") as watch:
        page = watch.page
        expect(page.locator("#compare .parts tbody tr").first).to_be_visible(timeout=20_000)
        page.locator("#compare-right").select_option("law-aml-2022-zh")
        expect(page.locator("#compare-left")).not_to_have_value("law-aml-2007")
        expect(page.locator("#compare .compared .failed")).to_have_count(0)
        page.locator("#compare-left").select_option("law-aml-2022")
        page.locator("#compare-right").select_option("law-aml-2007")
        page.locator("#compare-left").select_option("law-aml-2022")
        expect(page.locator("#compare .compared")).to_contain_text(EN["left_is_newer"])


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_no_control_runs_out_of_the_window(browser: Browser, service: str, size: dict[str, Any]) -> None:
    with opened(browser, service, "/?tab=compare", **size) as watch:
        page = watch.page
        expect(page.locator("#compare-left option").nth(3)).to_be_attached(timeout=20_000)
        width = page.evaluate("innerWidth")
        for id_ in ("compare-left", "compare-right", "compare-instrument", "compare-question", "date-from", "date-to"):
            box = page.locator(f"#{id_}").bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        show_tab(page, "chat")
        ask(page, EXAMPLES[0])
        ask(page, EXAMPLES[2])
        page.locator("#chat .tools summary").last.click()
        menu = page.locator("#chat .tools .items").last.bounding_box()
        assert menu
        assert menu["x"] >= 0
        assert menu["x"] + menu["width"] <= width


def test_a_ticked_box_is_seen_to_be_ticked(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?kind=law") as watch:
        watch.page.locator("#filters-summary").click()
        box = watch.page.locator("#facet-kind-law")
        expect(box).to_be_checked()
        assert box.evaluate("node => getComputedStyle(node).appearance") == "auto"


def test_a_source_goes_when_something_else_is_asked(watched: Watched) -> None:
    page = watched.page
    ask(page, EXAMPLES[0])
    page.locator("#chat .said button.cite").first.click()
    expect(page.locator("#source mark")).to_be_visible()
    ask(page, EXAMPLES[2])
    expect(page.locator("#source")).to_have_count(0)


def test_a_click_counts_whatever_the_day_field_has_to_say(watched: Watched) -> None:
    page = watched.page
    page.locator("#question textarea").fill(EXAMPLES[0])
    page.locator("#as-of").focus()
    for key in "06152030":
        page.keyboard.press(key)
    button = page.locator("#send").bounding_box()
    assert button
    page.mouse.click(button["x"] + 10, button["y"] + 10)
    expect(page.locator("#chat .tools")).to_have_count(1, timeout=20_000)
    expect(page.locator("#controls .failed")).to_contain_text("Expected a day from")
