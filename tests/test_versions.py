"""Links between versions of a Chinese legal text, and from a text to the corpus's summary of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from briefbot.ingest.versions import link_versions, plain_title

from briefbot.models import Document

LAW = Document(
    id="harbour-2007",
    title="中华人民共和国港口法",
    title_zh="中华人民共和国港口法",
    text="# 中华人民共和国港口法\n\n2007年8月30日 通过\n\n第一条 港口。",
    kind="law",
    issuer=("NPCSC",),
    authority="law",
    published=dt.date(2007, 8, 30),
    language="zh",
)
AMENDED = replace(LAW, id="harbour-2022", published=dt.date(2022, 6, 24), text=LAW.text + "\n\n2022年6月24日 修正")
SUMMARY = replace(LAW, id="law-harbour", language="en", title_zh="港口法", sources=(), checked_on=dt.date(2026, 1, 1))


def test_a_later_version_amends_the_earlier_one_in_whatever_order_they_come() -> None:
    together = link_versions([AMENDED, LAW], {}, [])
    assert [(edge.type, edge.target) for edge in together[AMENDED.id].edges] == [("amends", LAW.id)]
    assert together[LAW.id].edges == ()
    later = link_versions([LAW], {AMENDED.id: AMENDED}, [AMENDED.id])
    assert [(edge.type, edge.target) for edge in later[AMENDED.id].edges] == [("amends", LAW.id)]
    again = link_versions([together[AMENDED.id]], {LAW.id: LAW, AMENDED.id: together[AMENDED.id]}, [LAW.id, AMENDED.id])
    assert again[AMENDED.id] == together[AMENDED.id]


def test_the_words_of_a_link_stand_in_the_text() -> None:
    (edge,) = link_versions([AMENDED, LAW], {}, [])[AMENDED.id].edges
    assert edge.words
    assert edge.words in AMENDED.text


def test_a_text_is_linked_to_the_summary_of_its_version_alone_and_summaries_never_change() -> None:
    known = {SUMMARY.id: SUMMARY}
    linked = link_versions([LAW, AMENDED], known, [])
    assert ("about", SUMMARY.id) in {(edge.type, edge.target) for edge in linked[LAW.id].edges}
    assert ("about", SUMMARY.id) not in {(edge.type, edge.target) for edge in linked[AMENDED.id].edges}
    assert SUMMARY.id not in linked


def test_other_titles_undated_texts_and_texts_with_stated_links_are_left_alone() -> None:
    other = replace(AMENDED, id="ferry", title_zh="中华人民共和国渡轮法")
    undated = replace(AMENDED, id="undated", published=None)
    stated = replace(AMENDED, id="stated", checked_on=dt.date(2026, 1, 1))
    linked = link_versions([LAW, other, undated, stated], {}, [])
    assert all(document.edges == () for document in linked.values())
    assert plain_title("《中华人民共和国港口法》（2022修正）") == "港口法"
