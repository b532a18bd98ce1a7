"""Passages: what each one holds, what it is called, and that a document is divided without loss."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from briefbot.ingest.passages import BUDGET_CHARS, split_passages
from hypothesis import given
from hypothesis import strategies as st

from briefbot.models import Document, Language, Passage

LAWS = Path(__file__).parents[2] / "shared" / "corpus" / "laws-zh"
"""Eight laws as published, one file each; not part of this repository."""

LAW = """# 示例管理办法

2021年8月20日 公布

<!-- INFO END -->

## 第一章 总 则

第一条 为了规范数据处理活动，制定本办法。

第二条 本办法所称数据，包括：

（一）个人信息；

（二）重要数据。

## 第二章 义务

### 第一节 一般规定

第三条 处理者应当承担责任。违反规定的，处一百万元以下罚款。

第四条之一 本条自公布之日起施行。
"""
_PIECES = (
    "# Title\n", "## Rules\n", "## Article 38: Transfers\n", "第一章 总则\n", "第一条 处理数据应当合法。\n", "第二条：略\n",
    "Alibaba was fined RMB 18.228 billion. It paid. ", "\n\n", "\n", "- item\n", "1. first\n", "<!-- note -->\n", " ", "#",
    "数据安全。" * 60, "x" * 900, "Long words run on here. " * 80, "\u3000", "a" + " " * 3000 + "b", "- ",
)  # fmt: skip


def make_document(text: str, *, language: Language = "en", title: str = "Fines") -> Document:
    return Document(
        id="fines-2021",
        title=title,
        title_zh="示例管理办法" if language == "zh" else None,
        text=text,
        kind="law",
        issuer=("SAMR",),
        authority="law",
        published=dt.date(2021, 8, 20),
        language=language,
    )


def split(text: str, *, language: Language = "en") -> list[Passage]:
    return split_passages(make_document(text, language=language))


def test_sections_become_passages_with_their_heading_path_as_locator_and_context() -> None:
    passages = split("# Fines\n\nIntro.\n\n## Amounts\n\nOne.\n\nTwo.\n\n### Reasons\n\nThree.\n\n## Dates\n\nFour.")
    assert [(passage.locator, passage.text) for passage in passages] == [
        ("Fines", "Intro."),
        ("Fines › Amounts", "One.\n\nTwo."),
        ("Fines › Amounts › Reasons", "Three."),
        ("Fines › Dates", "Four."),
    ]
    assert passages[2].context == "Fines › Fines › Amounts › Reasons"
    assert passages[2].embedded_texts()[0] == "Fines › Fines › Amounts › Reasons\nThree."


def test_an_english_article_heading_gives_the_article_as_locator_until_the_next_heading() -> None:
    passages = split("# Law\n\n## Article 38: Transfers\n\nOne.\n\n## Articles 40 to 42\n\nTwo.\n\n## Notes\n\nThree.")
    assert [passage.locator for passage in passages] == ["Article 38", "Articles 40 to 42", "Law › Notes"]
    assert passages[0].context == "Fines › Law › Article 38: Transfers"


def test_a_chinese_law_is_divided_by_article_with_the_chapter_in_the_locator() -> None:
    passages = split(LAW, language="zh")
    assert [(passage.locator, passage.text) for passage in passages] == [
        ("示例管理办法", "2021年8月20日 公布"),
        ("第一章 总 则 第一条", "第一条 为了规范数据处理活动，制定本办法。"),
        ("第一章 总 则 第二条", "第二条 本办法所称数据，包括：\n\n（一）个人信息；\n\n（二）重要数据。"),
        ("第二章 义务 第三条", "第三条 处理者应当承担责任。违反规定的，处一百万元以下罚款。"),
        ("第二章 义务 第四条之一", "第四条之一 本条自公布之日起施行。"),
    ]
    assert passages[3].context == "示例管理办法 › 示例管理办法 › 第二章 义务 › 第一节 一般规定"
    assert [sentence.text for sentence in passages[3].sentences] == [
        "第三条 处理者应当承担责任。",
        "违反规定的，处一百万元以下罚款。",
    ]


def test_chapters_and_sections_on_plain_lines_keep_their_order_so_that_a_section_does_not_hide_its_chapter() -> None:
    text = "第一章 总则\n第一条 甲。\n第二章 义务\n第一节 一般规定\n第二条 乙。\n第三章 附则\n第三条 丙。"
    passages = split(text, language="zh")
    assert [passage.locator for passage in passages] == [
        "第一章 总则 第一条",
        "第二章 义务 第二条",
        "第三章 附则 第三条",
    ]
    assert passages[1].context == "示例管理办法 › 第二章 义务 › 第一节 一般规定"


def test_a_reference_to_an_article_inside_a_sentence_opens_no_passage() -> None:
    passages = split("第一条 依照本法第三十八条的规定，可以处罚。\n\n第三十八条规定的情形除外。", language="zh")
    assert [passage.locator for passage in passages] == ["第一条"]


@pytest.mark.skipif(not LAWS.is_dir(), reason="the laws as published do not lie beside this checkout")
@pytest.mark.parametrize(
    ("name", "articles"),
    [
        ("个人信息保护法(2021-08-20)", 74),
        ("互联网信息服务算法推荐管理规定(2021-11-16)", 35),
        ("反垄断法(2007-08-30)", 57),
        ("反垄断法(2022-06-24)", 70),
        ("外商投资法实施条例(2019-12-26)", 49),
        ("数据安全法(2021-06-10)", 55),
        ("网络安全法(2016-11-07)", 79),
        ("网络数据安全管理条例(2024-09-24)", 64),
    ],
)
def test_a_law_as_published_has_a_passage_for_each_article_and_none_without_one(name: str, articles: int) -> None:
    text = (LAWS / f"{name}.md").read_text(encoding="utf-8")
    passages = split(text, language="zh")
    in_articles = [passage for passage in passages if passage.start > text.index("INFO END")]
    found = [re.search(r"第[一二三四五六七八九十百]+条$", passage.locator) for passage in in_articles]
    assert all(found)
    assert len({match[0] for match in found if match}) == articles
    assert all(passage.locator.startswith("第") and "章" in passage.locator for passage in in_articles)
    assert all(passage.language == "zh" for passage in in_articles)


def test_a_paragraph_above_the_budget_is_cut_between_sentences() -> None:
    sentence = "The regulator imposed a fine of 34 million yuan on firm number 17. "  # 67 characters
    passages = split(sentence * 40)
    assert [len(passage.text) for passage in passages] == [67 * 17 - 1, 67 * 17 - 1, 67 * 6 - 1]
    assert all(passage.text.startswith("The") and passage.text.endswith("17.") for passage in passages)


def test_one_sentence_above_twice_the_budget_is_cut_where_it_stands() -> None:
    passages = split("x" * 3000)
    assert [(passage.start, passage.end) for passage in passages] == [(0, 1200), (1200, 3000)]


def test_chinese_paragraphs_have_the_smaller_budget() -> None:
    passages = split("第一条 " + "处理数据应当合法。" * 100, language="zh")
    assert {passage.locator for passage in passages} == {"第一条"}
    assert max(len(passage.text) for passage in passages) <= BUDGET_CHARS["zh"]
    assert [len(passage.text) for passage in passages] == [4 + 9 * 46, 9 * 46, 9 * 8]


def test_short_paragraphs_of_one_section_share_a_passage_up_to_the_budget() -> None:
    paragraph = "word " * 79 + "end."  # 399 characters: two fit into 1,200 with the blank line between, three do not
    passages = split("\n\n".join([paragraph] * 5))
    assert [len(passage.text) for passage in passages] == [800, 800, 399]


def test_a_comment_and_a_second_heading_of_the_same_name_are_in_no_passage() -> None:
    passages = split("## Dates\n\nOne.\n\n<!-- hidden -->\n\nTwo.\n\n## Dates\n\nThree.")
    assert [passage.text for passage in passages] == ["One.", "Two.", "Three."]
    assert {passage.locator for passage in passages} == {"Dates"}


def test_list_markers_stay_inside_the_passages_of_a_list_above_the_budget() -> None:
    text = "\n".join(f"- Duty {number:03}: keep the records of every transfer for three years." for number in range(40))
    passages = split(text)
    assert len(passages) == 3
    assert "\n".join(passage.text for passage in passages) == text


def test_a_heading_with_thousands_of_spaces_is_read_as_fast_as_any() -> None:
    passages = split("# Long" + " " * 20_000 + "name ##\n\nText.")
    assert [(passage.locator, passage.text) for passage in passages] == [("Long name", "Text.")]


def test_a_document_of_headings_alone_has_no_passages() -> None:
    assert split("# Title\n\n## Section\n") == []


def test_ids_stay_when_a_paragraph_is_inserted_before() -> None:
    old = split("## A\n\nOne.\n\n## B\n\nTwo.")
    new = split("## New\n\nZero.\n\n## A\n\nOne.\n\n## B\n\nTwo.")
    assert [passage.id for passage in new[1:]] == [passage.id for passage in old]
    assert [passage.ordinal for passage in new] == [0, 1, 2]


def test_equal_passages_have_ids_of_their_own_and_another_section_has_another_id() -> None:
    passages = split("## A\n\nSame.\n\n## A\n\nSame.\n\n## B\n\nSame.")
    assert len({passage.id for passage in passages}) == 3
    assert passages[0].id.startswith("fines-2021:")


@given(st.one_of(st.text(), st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)))
def test_passages_are_ordered_and_disjoint_point_back_and_cover_all_but_headings_and_comments(text: str) -> None:
    passages = split(text)
    position = 0
    lost = ""
    for ordinal, passage in enumerate(passages):
        assert position <= passage.start < passage.end <= len(text)
        assert text[passage.start : passage.end] == passage.text == passage.text.strip()
        assert passage.ordinal == ordinal
        assert passage.sentences
        for sentence in passage.sentences:
            assert passage.start <= sentence.start < sentence.end <= passage.end
            assert text[sentence.start : sentence.end] == sentence.text
        lost += "\n" + text[position : passage.start]
        position = passage.end
    lost += "\n" + text[position:]
    for line in filter(None, map(str.strip, lost.splitlines())):
        assert re.fullmatch(r"#{1,6}[ \t]+\S.*|第[一二三四五六七八九十百零〇\d]+[编章节].*|<!--.*-->", line), (
            line,
            text,
        )
    assert len({passage.id for passage in passages}) == len(passages)


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_no_passage_is_longer_than_twice_the_budget(text: str) -> None:
    assert all(len(passage.text) <= 2 * max(BUDGET_CHARS.values()) for passage in split(text))
