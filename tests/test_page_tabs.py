"""The other tabs in Chromium, in both languages and at both sizes: timeline, corpus, compare, check and quality."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from briefbot.ui.strings import STRINGS
from pages import DESK, PHONE, WITH_KEY, ask, compare_dates, get, opened, own_service, show_tab
from playwright.sync_api import Browser, Page, expect

from briefbot.answering import Briefbot

pytestmark = pytest.mark.browser

EN, ZH = STRINGS["en"], STRINGS["zh"]
VIEWS = [("en-GB", DESK), ("zh-CN", DESK), ("en-GB", PHONE), ("zh-CN", PHONE)]
VIEW_IDS = ["en-desk", "zh-desk", "en-phone", "zh-phone"]


def titles_of(document: dict[str, Any]) -> set[str]:
    return {title for title in (document["title"], document["title_zh"]) if title}


# ---------------------------------------------------------------- timeline


def test_the_timeline_has_every_event_and_instrument_in_the_lane_of_its_agency(browser: Browser, service: str) -> None:
    events = get(service, "/v1/timeline?limit=1000")["events"]
    published = {
        item["document_id"]: item for item in events if item["type"] == "published" and item["kind"] != "article"
    }
    twins = {
        item["document_id"]
        for item in published.values()
        for link in item["links"]
        if link["type"] == "about" and item["language"] == "zh" and published.get(link["document_id"], item)["language"] == "en"
        and published[link["document_id"]]["kind"] == item["kind"]
    }  # fmt: skip
    with opened(browser, service, "/?tab=timeline") as watch:
        dots = watch.page.locator("#timeline .event")
        expect(dots.first).to_be_visible(timeout=20_000)
        ids = dots.evaluate_all("nodes => nodes.map(node => node.dataset.id)")
        assert set(ids) == published.keys() - twins
        assert len(ids) == len(set(ids))
        lanes = watch.page.locator("#timeline g[role=list]")
        for number in range(lanes.count() - 1):  # the last lane holds what is left
            agency = lanes.nth(number).get_attribute("data-issuer")
            for id_ in lanes.nth(number).locator(".event").evaluate_all("nodes => nodes.map(node => node.dataset.id)"):
                assert published[id_]["issuer"][0] == agency
        for phase in ("crackdown", "rectification", "turn", "courting"):
            held = {id_ for id_ in ids if published[id_]["phase"] == phase}
            shown = watch.page.locator(f"#timeline .event.{phase}").evaluate_all(
                "nodes => nodes.map(node => node.dataset.id)"
            )
            assert set(shown) == held


def test_drafts_are_joined_to_finals_and_versions_to_versions(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=timeline") as watch:
        expect(watch.page.locator("#timeline .event").first).to_be_visible(timeout=20_000)
        assert watch.page.locator("#timeline path.join.drafts").count() >= 5
        assert watch.page.locator("#timeline path.join.amends").count() >= 2
        assert watch.page.locator("#timeline path.join.supersedes").count() >= 2


def test_an_event_opens_its_document_and_is_asked_about(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=timeline") as watch:
        page = watch.page
        dot = page.locator("#timeline .event[data-id=event-2022-07-21-didi-fined]")
        dot.click()
        title = get(service, "/v1/documents/event-2022-07-21-didi-fined")["title"]
        expect(page.locator("#source h2")).to_have_text(title)
        page.keyboard.press("Escape")
        expect(dot).to_be_focused()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect(page.locator("#source h2")).not_to_have_text(title)
        asked = page.locator("#source h2").inner_text()
        page.locator("#source").get_by_role("button", name=EN["ask_about"]).click()
        expect(page.locator("#chat [data-testid=user]")).to_contain_text(asked)
        expect(page.locator("#chat .said button.cite").first).to_be_visible(timeout=20_000)


def test_the_line_of_the_day_can_be_dragged_and_set(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=timeline&as_of=2022-01-31") as watch:
        page = watch.page
        line = page.locator("#timeline .as-of")
        expect(line).to_have_attribute("aria-valuetext", "31 Jan 2022", timeout=20_000)
        later = page.locator("#timeline .event.later").count()
        assert later > 20
        grip = page.locator("#timeline .as-of-grip").bounding_box()
        assert grip
        page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + 8)
        page.mouse.down()
        page.mouse.move(grip["x"] + grip["width"] / 2 + 300, grip["y"] + 8, steps=6)
        page.mouse.up()
        expect(page.locator("#as-of")).not_to_have_value("2022-01-31")
        dragged = page.locator("#as-of").input_value()
        assert dragged > "2022-06"
        assert page.locator("#timeline .event.later").count() < later
        line.focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#timeline .as-of")).to_be_focused()
        assert page.locator("#as-of").input_value() < dragged
        page.locator("#as-of").fill("2021-06-30")
        page.locator("#as-of").dispatch_event("change")
        expect(line).to_have_attribute("aria-valuetext", "30 Jun 2021")


@pytest.mark.parametrize(("locale", "size"), VIEWS, ids=VIEW_IDS)
def test_the_timeline_is_a_list_too(browser: Browser, service: str, locale: str, size: dict[str, Any]) -> None:
    with opened(browser, service, "/?tab=timeline", **size, locale=locale) as watch:
        page = watch.page
        if size is DESK:
            page.locator("#timeline .as-list input").check()
        items = page.locator("#timeline .years li")
        expect(items.first).to_be_visible(timeout=20_000)
        days = items.locator("time").evaluate_all("nodes => nodes.map(node => node.dateTime)")
        assert days == sorted(days)
        assert len(days) > 100
        items.nth(10).locator("button").click()
        expect(page.locator("#source h2")).to_have_text(items.nth(10).locator("button").inner_text())
        assert watch.errors == []


# ---------------------------------------------------------------- corpus


@pytest.mark.parametrize(("locale", "size"), VIEWS, ids=VIEW_IDS)
def test_the_corpus_is_listed_filtered_searched_and_read(
    browser: Browser, service: str, locale: str, size: dict[str, Any]
) -> None:
    laws = get(service, "/v1/documents?kind=law&limit=500")["documents"]
    with opened(browser, service, "/?tab=corpus&kind=law", **size, locale=locale) as watch:
        page = watch.page
        rows = page.locator("#corpus .documents li")
        expect(rows).to_have_count(len(laws), timeout=20_000)
        assert all(
            row in titles_of(law) for row, law in zip(rows.locator("button").all_inner_texts(), laws, strict=True)
        )
        page.locator("#corpus-search").fill(
            "数据出境安全评估" if locale == "zh-CN" else "data export security assessment"
        )
        found = page.locator("#corpus .passages li")
        expect(found.first).to_be_visible(timeout=20_000)
        first = " ".join(found.first.locator("p").inner_text().rstrip("…").split())
        found.first.locator("button").click()
        expect(page.locator("#source mark").first).to_be_visible()
        marked = "".join("".join(page.locator("#source mark").all_inner_texts()).split())
        assert marked.startswith("".join(first.split())[:40])
        expect(page.locator("#source .badge").first).to_have_text((ZH if locale == "zh-CN" else EN)["kind.law"])
        assert watch.errors == []


def test_more_documents_come_when_asked_for(browser: Browser, service: str) -> None:
    total = get(service, "/v1/documents?limit=1")["total"]
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        rows = page.locator("#corpus .documents li")
        expect(rows).to_have_count(50, timeout=20_000)
        while rows.count() < total:
            before = rows.count()
            page.get_by_role("button", name=EN["more"]).click()
            expect(rows).to_have_count(min(total, before + 50))
        expect(page.get_by_role("button", name=EN["more"])).to_have_count(0)


def test_a_document_shows_metadata_history_links_and_sources(browser: Browser, service: str) -> None:
    document = get(service, "/v1/documents/law-aml-2007")
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        page.evaluate("async () => (await import('/briefbot/source.js')).openDocument('law-aml-2007')")
        expect(page.locator("#source h2")).to_have_text(document["title"])
        expect(page.locator("#source .title-zh")).to_have_text(document["title_zh"])
        history = page.locator("#source .history li")
        expect(history).to_have_count(len(document["status_history"]))
        expect(history.last).to_contain_text(EN["status.amended"])
        newer = get(service, "/v1/documents/law-aml-2022")["title"]
        history.last.get_by_role("button", name=newer).click()
        expect(page.locator("#source h2")).to_have_text(newer)
        edges = get(service, "/v1/documents/law-aml-2022")["edges"]
        expect(page.locator("#source .edges li")).to_have_count(len(edges))
        for edge in edges:
            expect(page.locator("#source .edges")).to_contain_text(edge["words"])
        sources = get(service, "/v1/documents/law-aml-2022")["sources"]
        expect(page.locator("#source footer li")).to_have_count(len(sources))
        page.get_by_role("button", name=EN["compare_versions"]).click()
        expect(page.locator("#compare .parts tbody tr").first).to_be_visible(timeout=20_000)
        expect(page.locator("#compare-left")).to_have_value("law-aml-2007")
        expect(page.locator("#compare-right")).to_have_value("law-aml-2022")


def test_the_map_counts_documents_by_topic_and_quarter_and_lists_them(browser: Browser, service: str) -> None:
    cells = get(service, "/v1/coverage")["cells"]
    counts: dict[tuple[str, str], int] = {}
    for cell in cells:
        counts[cell["topic"], cell["quarter"]] = counts.get((cell["topic"], cell["quarter"]), 0) + cell["count"]
    count = counts["antitrust", "2021 Q3"]
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        cell = page.get_by_role("button", name=re.compile("antitrust, 2021 Q3"))
        expect(cell).to_have_text(str(count))
        cell.click()
        expect(page.locator("#corpus .documents li")).to_have_count(count)
        for time in page.locator("#corpus .documents time").evaluate_all("nodes => nodes.map(node => node.dateTime)"):
            assert "2021-07-01" <= time <= "2021-09-30"
        page.locator("#corpus .found .chip").click()
        expect(page.locator("#corpus .documents li")).to_have_count(50)
        page.locator("#corpus .gaps summary").click()
        expect(page.locator("#corpus .gaps li").first).to_be_visible()


def test_files_are_taken_in_or_refused_each_with_its_reason(browser: Browser, bot: Briefbot, tmp_path: Path) -> None:
    (tmp_path / "ferry.md").write_text(
        "# Ferry fees\n\nThe ferry fee was raised to RMB 12 on 3 March 2024.\n", encoding="utf-8"
    )
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    with (
        own_service(bot, tmp_path) as url,
        opened(browser, url, "/?tab=corpus", **WITH_KEY) as watch,
    ):
        page = watch.page
        page.locator("#files").set_input_files([tmp_path / "ferry.md", tmp_path / "broken.pdf"])
        page.locator("#corpus .upload").get_by_role("button", name=EN["upload"], exact=True).click()
        rows = page.locator("#corpus .results tbody tr")
        expect(rows).to_have_count(2, timeout=30_000)
        expect(page.locator("#corpus .results tr.added")).to_contain_text("ferry.md")
        expect(page.locator("#corpus .results tr.refused")).to_contain_text("broken.pdf")
        expect(page.locator("#corpus .documents li")).to_have_count(1)
        page.locator("#corpus .results tr.added button").click()
        expect(page.locator("#source .document")).to_contain_text("raised to RMB 12")
        show_tab(page, "chat")
        ask(page, "How much is the ferry fee?")
        expect(page.locator("#chat .said")).to_contain_text("RMB 12")


def test_adding_needs_a_key(browser: Browser, service: str, tmp_path: Path) -> None:
    (tmp_path / "ferry.md").write_text("# Ferry\n\nA ferry.\n", encoding="utf-8")
    with opened(browser, service, "/?tab=corpus") as watch:
        page = watch.page
        page.locator("#files").set_input_files([tmp_path / "ferry.md"])
        for key in ("", "bb_not_a_key"):
            page.locator("#upload-key").fill(key)
            with page.expect_response(lambda response: response.request.method == "POST") as refused:
                page.locator("#corpus .upload").get_by_role("button", name=EN["upload"], exact=True).click()
            assert refused.value.status == 401
            expect(page.locator("#corpus .results .failed")).to_have_text(EN["upload_needs_key"])


# ---------------------------------------------------------------- compare


@pytest.mark.parametrize(("locale", "size"), VIEWS, ids=VIEW_IDS)
def test_two_versions_are_compared_part_by_part(
    browser: Browser, service: str, locale: str, size: dict[str, Any]
) -> None:
    served = get(service, "/v1/compare?left=law-aml-2007&right=law-aml-2022")
    with opened(browser, service, "/?tab=compare&left=law-aml-2007&right=law-aml-2022", **size, locale=locale) as watch:
        page = watch.page
        rows = page.locator("#compare .parts tbody tr")
        differing = [part for part in served["parts"] if part["kind"] != "same"]
        expect(rows).to_have_count(len(differing), timeout=20_000)
        for number, part in enumerate(differing[:6]):
            for at, side in enumerate(("left", "right")):
                cell = rows.nth(number).locator("td").nth(at)
                if part[side] is None:
                    assert cell.inner_text() == "–"
                    continue
                assert cell.locator("p").text_content() == part[side]["text"]
                marks = [
                    part[side]["text"][start - part[side]["start"] : end - part[side]["start"]]
                    for start, end in part[side]["marks"]
                ]
                assert cell.locator("mark").all_text_contents() == marks
        rows.locator("td p").first.scroll_into_view_if_needed()
        rows.nth(1).locator("button").first.click()
        expect(page.locator("#source mark").first).to_be_visible()
        assert watch.errors == []


def test_choosing_one_version_finds_the_other(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=compare") as watch:
        page = watch.page
        page.locator("#compare-left").select_option("rule-genai-draft-2023")
        expect(page.locator("#compare-right")).to_have_value("rule-genai-2023", timeout=20_000)
        expect(page.locator("#compare .parts tbody tr").first).to_be_visible()
        assert "left=rule-genai-draft-2023" in page.url


def test_an_instrument_at_two_dates_is_compared_as_it_stood_then(browser: Browser, service: str) -> None:
    with opened(browser, service, "/?tab=compare") as watch:
        page = watch.page
        page.locator("#compare-instrument").select_option("law-aml-2022")
        compare_dates(page, "2021-12-31", "2023-12-31")
        heads = page.locator("#compare .parts thead th button")
        expect(heads).to_have_count(2, timeout=20_000)
        titles = [get(service, f"/v1/documents/{id_}")["title"] for id_ in ("law-aml-2007", "law-aml-2022")]
        assert heads.all_inner_texts() == titles
        assert "document=law-aml-2022" in page.url


def test_one_question_at_two_dates_stands_side_by_side(browser: Browser, service: str) -> None:
    question = "What happened to Didi?"
    with opened(browser, service, "/?tab=compare") as watch:
        page = watch.page
        compare_dates(page, "2021-12-31", "2023-12-31", question)
        sides = page.locator("#compare .sides .answer")
        expect(sides).to_have_count(2, timeout=20_000)
        expect(sides.nth(0).locator("h4")).to_contain_text("31 Dec 2021")
        for number, day in enumerate(("2021-12-31", "2023-12-31")):
            body = {"question": question, "as_of": day}
            served = httpx2.post(f"{service}/v1/answer", json=body, timeout=60, trust_env=False).json()
            said = sides.nth(number).locator(".text").text_content()
            assert said == re.sub(r"\s(?=\[\d+\])", "", served["text"])
        assert sides.nth(1).locator(".only-here").count() >= 1
        days = page.locator("#compare .twice time").evaluate_all("nodes => nodes.map(node => node.dateTime)")
        assert days == sorted(days)
        assert all("2021-12-31" < day <= "2023-12-31" for day in days)
        page.locator("#date-from").fill("2024-12-31")
        page.locator("#compare form .primary").click()
        expect(page.locator("#compare .twice .failed")).to_have_text(EN["days_in_order"])


# ---------------------------------------------------------------- check, quality


@pytest.mark.parametrize(("locale", "size"), VIEWS, ids=VIEW_IDS)
def test_each_sentence_of_a_paragraph_gets_a_verdict_with_words(
    browser: Browser, service: str, locale: str, size: dict[str, Any]
) -> None:
    strings = ZH if locale == "zh-CN" else EN
    text = "SAMR fined Alibaba RMB 34 billion in 2021. The Personal Information Protection Law took effect on 1 November 2021. Why?"
    with opened(browser, service, "/?tab=check", **size, locale=locale) as watch:
        page = watch.page
        page.locator("#check button.primary").click()
        expect(page.locator("#check .failed")).to_have_text(strings["claims_empty"])
        page.locator("#claims").fill(text)
        page.locator("#check button.primary").click()
        verdicts = page.locator("#check .verdict")
        expect(verdicts).to_have_count(3, timeout=20_000)
        expect(verdicts.nth(0).locator(".badge").first).to_have_text(strings["verdict.contradicted"])
        expect(verdicts.nth(0).locator(".differences")).to_contain_text("18.228 billion")
        expect(verdicts.nth(1).locator(".badge").first).to_have_text(strings["verdict.supported"])
        expect(verdicts.nth(2)).to_contain_text(strings["not_checkable"])
        quote = verdicts.nth(1).locator(".evidence q").first.inner_text()
        verdicts.nth(1).locator(".evidence button.cite").first.click()
        expect(page.locator("#source mark")).to_have_text(quote)
        assert watch.errors == []


@pytest.mark.parametrize(("locale", "size"), VIEWS, ids=VIEW_IDS)
def test_the_scoreboard_is_shown_in_plain_words(
    browser: Browser, service: str, locale: str, size: dict[str, Any]
) -> None:
    served = get(service, "/v1/quality")
    name = "name_zh" if locale == "zh-CN" else "name"
    with opened(browser, service, "/?tab=quality", **size, locale=locale) as watch:
        page = watch.page
        rows = page.locator("#quality tbody tr")
        expect(rows).to_have_count(len(served["metrics"]), timeout=20_000)
        for number, metric in enumerate(served["metrics"]):
            assert rows.nth(number).locator("strong").inner_text() == metric[name]
            value = served["systems"][0]["values"][metric["id"]]
            expected = f"{value * 100:.1f} %" if value <= 1 else f"{value:.0f}"
            assert rows.nth(number).locator("td.ours .figure").inner_text() == expected
        assert watch.errors == []


# ---------------------------------------------------------------- the look that was chosen


def test_dark_and_light_follow_the_system_and_the_switch(browser: Browser, service: str) -> None:
    def paper(page: Page) -> str:
        found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return found

    with opened(browser, service, color_scheme="dark") as dark, opened(browser, service) as light:
        assert paper(dark.page) != paper(light.page)
        light.page.locator("#switch-theme").click()
        assert paper(light.page) == paper(dark.page)
        light.page.reload()
        expect(light.page.locator("body[data-ready]")).to_be_attached(timeout=20_000)
        assert paper(light.page) == paper(dark.page)
