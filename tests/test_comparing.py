"""Two documents part by part: how articles are found and paired, which words are marked, and which versions are meant."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import httpx2
import pytest
from clients import TestClient
from conftest import SHARED
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from briefbot import comparing
from briefbot.answering import Briefbot
from briefbot.api.comparing import find_versions, version_on
from briefbot.api.comparisons import comparisons
from briefbot.api.desk import Desk
from briefbot.api.problems import add_problem_handlers
from briefbot.catalogue import Catalogue
from briefbot.comparing import PartPair, compare_texts, is_same_text, split_tokens
from briefbot.errors import UsageError
from briefbot.models import Document, Edge, Stage
from briefbot.parts import Part, split_parts

WORDS = ["the", "fine", "fee", "is", "10", "500,000", "yuan", "data", "review", "platform", "of", "a"]
HAN = ["经营者", "罚款", "五十万元", "数据", "的", "应当", "，", "申报", "条", "10%"]


def write_sections() -> st.SearchStrategy[str]:
    """Texts of the two languages with headings or article lines, or neither, and free text between."""
    english = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(lambda words: " ".join(words) + ".")
    chinese = st.lists(st.sampled_from(HAN), min_size=1, max_size=12).map(lambda words: "".join(words) + "。")
    body = english | chinese | st.text(max_size=20)
    number = st.integers(1, 9)
    opening = st.one_of(
        number.map("## Article {}: fines\n\n".format),
        number.map("第{}条 ".format),
        number.map("Article {}. ".format),
        st.sampled_from(["## Scope\n", "第一章 总则\n", "", "<!-- INFO END -->\n"]),
    )
    section = st.tuples(opening, body).map("".join)
    return st.lists(section, max_size=6).map("\n\n".join)


TEXTS = write_sections()


def tokens_outside_marks(part: Part) -> list[str]:
    """The words of a part that are in none of its marks."""
    spans = [(part.start + first, part.start + last) for first, last in split_tokens(part.text)]
    return [
        part.text[first - part.start : last - part.start]
        for first, last in spans
        if not any(start <= first and last <= end for start, end in part.marks)
    ]


@settings(deadline=None)
@given(TEXTS)
def test_a_text_compared_with_itself_is_all_the_same(text: str) -> None:
    pairs = compare_texts(text, text)
    assert [pair.kind for pair in pairs] == ["same"] * len(split_parts(text))
    assert [(pair.left, pair.right) for pair in pairs] == [(part, part) for part in split_parts(text)]


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_swapping_the_texts_swaps_added_and_removed_and_nothing_else(left: str, right: str) -> None:
    swapped = {"added": "removed", "removed": "added"}
    there = Counter((pair.kind, pair.left, pair.right) for pair in compare_texts(left, right))
    back = Counter((swapped.get(pair.kind, pair.kind), pair.right, pair.left) for pair in compare_texts(right, left))
    assert there == back


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_every_part_of_either_text_occurs_exactly_once(left: str, right: str) -> None:
    pairs = compare_texts(left, right)
    lefts = [(pair.left.start, pair.left.end) for pair in pairs if pair.left]
    rights = [(pair.right.start, pair.right.end) for pair in pairs if pair.right]
    assert sorted(lefts) == [(part.start, part.end) for part in split_parts(left)]
    assert rights == [(part.start, part.end) for part in split_parts(right)]
    for pair in pairs:
        sides = (pair.left is not None, pair.right is not None)
        assert sides == {"added": (False, True), "removed": (True, False)}.get(pair.kind, (True, True))


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_marks_lie_inside_parts_and_what_is_not_marked_is_equal(left: str, right: str) -> None:
    for pair in compare_texts(left, right):
        for part, text in ((pair.left, left), (pair.right, right)):
            if part is None:
                continue
            assert part.text == text[part.start : part.end]
            bounds = [bound for mark in part.marks for bound in mark]
            assert bounds == sorted(set(bounds))
            assert all(part.start <= bound <= part.end for bound in bounds)
            assert pair.kind == "changed" or not part.marks
        if pair.left and pair.right:
            assert tokens_outside_marks(pair.left) == tokens_outside_marks(pair.right)
            assert bool(pair.left.marks or pair.right.marks) == (pair.kind == "changed")


@settings(deadline=None)
@given(TEXTS)
def test_parts_hold_all_of_a_text_but_headings_numbers_and_comments(text: str) -> None:
    parts = split_parts(text)
    bounds = [bound for part in parts for bound in (part.start, part.end)]
    assert bounds == sorted(set(bounds))
    assert all(part.text == text[part.start : part.end] and part.text == part.text.strip() for part in parts)
    between = [text[end:start] for end, start in zip([0, *bounds[1::2]], [*bounds[::2], len(text)], strict=True)]
    marks = ("#", "第", "Article", "<!--", "*")
    lines = [line.strip() for gap in between for line in gap.splitlines() if line.strip()]
    assert all(line.startswith(marks) for line in lines)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30), st.lists(st.sampled_from(WORDS), max_size=30), st.integers(1, 60))
def test_marks_are_right_when_texts_are_too_long_to_compare_word_by_word(
    left: list[str], right: list[str], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "MOST_TOKEN_PAIRS", limit)
        patch.setattr(comparing, "LEAST_SCORE", 0.0)
        patch.setattr(comparing, "LEAST_TEXT_SIMILARITY", 0.0)
        pairs = compare_texts(". ".join(left), ". ".join(right))
    for pair in pairs:
        if pair.left and pair.right:
            assert tokens_outside_marks(pair.left) == tokens_outside_marks(pair.right)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=3, max_size=8), min_size=1, max_size=4), st.randoms())
def test_no_other_pairing_has_a_higher_total_score(sections: list[list[str]], random: Any) -> None:
    left = [Part("", "", 0, 1, " ".join(words)) for words in sections]
    right = [Part("", "", 0, 1, " ".join(random.sample(words, len(words) - 1))) for words in sections]
    random.shuffle(right)
    scores = comparing._score(left, right)
    found = sum(scores[one, other] for one, other in comparing._match(left, right).items())
    best = max(sum(scores[row, at] for row, at in enumerate(order)) for order in permutations(range(len(right))))
    assert found == pytest.approx(best)


# ---------------------------------------------------------------- parts


def locators(text: str) -> list[tuple[str, str]]:
    return [(part.locator, part.text) for part in split_parts(text)]


def test_the_opening_and_each_section_under_a_heading_are_parts() -> None:
    text = (
        "It was adopted.\n\n## Article 3: scope\n\nArticle 3 covers data.\n\nAnd more.\n\n## Context\n- One.\n- Two.\n"
    )
    assert locators(text) == [
        ("", "It was adopted."),
        ("Article 3: scope", "Article 3 covers data.\n\nAnd more."),
        ("Context", "- One.\n- Two."),
    ]


def test_articles_of_a_full_chinese_text_are_parts_with_their_chapter() -> None:
    text = (
        "# 某某管理办法\n\n2020年1月1日 通过\n\n<!-- INFO END -->\n\n## 第一章 总 则\n\n"
        "第一条 为了规范活动，依照第九条的规定，制定本办法。\n\n第二条　第一款。\n\n第二款。\n\n"
        "第二章 附则\n第十条之一 本办法自公布之日起施行。"
    )
    assert locators(text) == [
        ("某某管理办法", "2020年1月1日 通过"),
        ("第一章 总 则 第一条", "为了规范活动，依照第九条的规定，制定本办法。"),
        ("第一章 总 则 第二条", "第一款。\n\n第二款。"),
        ("第二章 附则 第十条之一", "本办法自公布之日起施行。"),
    ]


def test_articles_of_a_full_english_text_are_parts_and_prose_that_begins_with_one_is_not() -> None:
    text = (
        "Chapter I General Provisions\nArticle 1 This Law is made\nin accordance with\nArticle 5. It applies.\n"
        "Article 2: Data is covered.\n\nArticle 2 of this Law covers data.\n**Article 3** Fines\nA fine is due."
    )
    assert locators(text) == [
        ("Chapter I General Provisions Article 1", "This Law is made\nin accordance with\nArticle 5. It applies."),
        ("Chapter I General Provisions Article 2", "Data is covered.\n\nArticle 2 of this Law covers data."),
        ("Chapter I General Provisions Article 3", "Fines\nA fine is due."),
    ]


# ---------------------------------------------------------------- pairs and marks


def as_lines(pairs: list[PartPair]) -> list[tuple[str, str | None, str | None]]:
    return [
        (pair.kind, pair.left.locator if pair.left else None, pair.right.locator if pair.right else None)
        for pair in pairs
    ]


def test_moved_articles_are_found_and_removed_ones_stand_where_they_stood() -> None:
    left = "第一条 数据处理者应当加强管理。\n\n第二条 违者处五万元罚款。\n\n第三条 鼓励企业开展国际合作与技术交流。"
    right = "第一条 鼓励企业开展国际合作与技术交流。\n\n第二条 数据处理者应当加强管理。\n\n第三条 平台须公布算法原理。"
    assert as_lines(compare_texts(left, right)) == [
        ("same", "第三条", "第一条"),
        ("same", "第一条", "第二条"),
        ("removed", "第二条", None),
        ("added", None, "第三条"),
    ]


def test_whole_numbers_are_marked_and_few_equal_words_between_differences_are_marked_with_them() -> None:
    left = "A platform that breaks this rule pays a fine of RMB 500,000 to the agency."
    right = "A platform that breaks this rule pays a fine of RMB 1,500,000 to the agency."
    assert marked(left, right) == (["500,000"], ["1,500,000"])
    assert marked("违反本法规定的经营者，处五十万元以下的罚款。", "违反本法规定的经营者，处三百万元以下的罚款。") == (
        ["五十万"],
        ["三百万"],
    )
    left = "The agency sees records of sale, and old firms were quick to complain in the press about costs and delays."
    right = "The agency sees records of sale, and new banks often in the end paid for it with higher fees and taxes."
    assert len(marked(left, right)[0]) <= 2


def marked(left: str, right: str) -> tuple[list[str], list[str]]:
    (pair,) = compare_texts(left, right)
    assert pair.left
    assert pair.right
    return (
        [left[start:end] for start, end in pair.left.marks],
        [right[start:end] for start, end in pair.right.marks],
    )


def test_an_article_that_says_what_it_was_before_is_paired_with_it() -> None:
    left = "## Article 52: obstruction\n\nWhoever hides files pays.\n\n## Article 60: talks\n\nHeads may be summoned."
    right = "## Article 60: credit\n\nThe rule on whoever hides files, formerly Article 52, now adds a public record."
    assert as_lines(compare_texts(left, right)) == [
        ("changed", "Article 52: obstruction", "Article 60: credit"),
        ("removed", "Article 60: talks", None),
    ]


def test_texts_that_differ_in_white_space_alone_are_the_same() -> None:
    left, right = "第一条 违者处罚。\n\n第二条 施行。", "第一条　违者处罚。\r\n第二条 施行。\n"
    assert is_same_text(left, right)
    assert {pair.kind for pair in compare_texts(left, right)} == {"same"}
    assert not is_same_text(left, right.replace("第二条", "第三条"))


def test_a_text_of_too_many_parts_or_characters_is_refused() -> None:
    with pytest.raises(UsageError, match=r"at most 2,000 articles or sections; got one of 2,001"):
        compare_texts("\n".join(f"第{n}条 甲。" for n in range(2001)), "")
    with pytest.raises(UsageError, match=r"at most 500,000 characters; got one of 500,001"):
        compare_texts("", "a" * 500_001)


def test_the_largest_texts_are_compared_within_seconds() -> None:
    articles = [f"第{n}条 第{n}类企业应当遵守规定，违者处{n}万元罚款，并公布处理结果。" for n in range(1, 2001)]
    edited = [article.replace("公布", "公开" if n % 3 else "及时公布") for n, article in enumerate(articles)]
    long = " ".join(f"{n * 7919 % 997}" for n in range(100_000))
    for left, right in (
        ("\n".join(articles), "\n".join(edited[::-1])),
        (long, long[3:] + " 1"),
        ("甲乙" * 240_000, "乙甲" * 240_000),
    ):
        started = time.perf_counter()
        assert compare_texts(left, right)
        assert time.perf_counter() - started < 20


# ---------------------------------------------------------------- the corpus


@pytest.fixture(scope="module")
def client(bot: Briefbot) -> Iterator[TestClient]:
    app = FastAPI()
    app.state.desk = Desk(bot.settings, bot, None)
    add_problem_handlers(app)
    app.include_router(comparisons)
    with TestClient(app) as opened:
        yield opened


def get(client: TestClient, path: str, **query: str) -> httpx2.Response:
    return client.get(path, params=query)


def compare(client: TestClient, **query: str) -> dict[str, Any]:
    response = get(client, "/v1/compare", **query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def pairs_by_locator(found: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {
        part["left"]["locator"]: (part["kind"], part["right"] and part["right"]["locator"])
        for part in found["parts"]
        if part["left"]
    }


def marked_words(bot: Briefbot, document_id: str, part: dict[str, Any]) -> str:
    text = bot.corpus.catalogue().documents[document_id].text
    assert part["text"] == text[part["start"] : part["end"]]
    return " | ".join(text[start:end] for start, end in part["marks"])


def test_the_two_antimonopoly_laws_pair_their_fines_and_mark_the_figures(bot: Briefbot, client: TestClient) -> None:
    found = compare(client, left="law-aml-2007", right="law-aml-2022")
    pairs = pairs_by_locator(found)
    assert pairs["Article 46: fines for monopoly agreements"] == (
        "changed",
        "Article 56: fines for monopoly agreements",
    )
    assert pairs["Article 48: fines for unfiled mergers"] == ("changed", "Article 58: fines for unlawful mergers")
    assert pairs["Articles 9 and 10: agencies"] == ("removed", None)
    fines = next(part for part in found["parts"] if part["left"] and "Article 46" in part["left"]["locator"])
    assert "500,000" in marked_words(bot, "law-aml-2007", fines["left"])
    assert "3 million" in marked_words(bot, "law-aml-2022", fines["right"])
    assert found["link"]["document_id"] == "law-aml-2022"
    assert found["link"]["type"] == "amends"
    assert found["link"]["words"] in bot.corpus.catalogue().documents["law-aml-2022"].text
    assert not found["is_same"]
    assert found["counts"] == {"same": 0, **Counter(part["kind"] for part in found["parts"])}


def test_a_draft_and_its_final_text_are_linked_and_compared(client: TestClient) -> None:
    found = compare(client, left="rule-genai-draft-2023", right="rule-genai-2023")
    assert (found["link"]["type"], found["link"]["document_id"]) == ("drafts", "rule-genai-draft-2023")
    assert pairs_by_locator(found)["Scope"] == ("changed", "Articles 1 to 3: basis, scope and approach")
    assert ("added", "Article 17: security assessment and filing") in [
        (part["kind"], part["right"]["locator"]) for part in found["parts"] if part["right"]
    ]


@pytest.mark.parametrize(
    ("document_id", "day", "expected"),
    [
        ("law-aml-2022", "2007-08-30", "law-aml-2007"),
        ("law-aml-2007", "2022-07-31", "law-aml-2007"),  # the amendment is out, but not yet in force
        ("law-aml-2007", "2022-08-01", "law-aml-2022"),
        ("rule-genai-2023", "2023-07-12", "rule-genai-draft-2023"),
        ("rule-genai-draft-2023", "2023-07-13", "rule-genai-2023"),  # adopted, and the draft is over
        ("rule-encouraged-2022", "2026-02-01", "rule-encouraged-2025"),
    ],
)
def test_the_version_that_stood_on_a_day_is_compared(
    client: TestClient, document_id: str, day: str, expected: str
) -> None:
    found = compare(client, document=document_id, **{"from": day, "to": day})
    assert (found["left"]["id"], found["right"]["id"]) == (expected, expected)
    assert found["is_same"]
    assert {part["kind"] for part in found["parts"]} == {"same"}
    assert found["link"] is None


def test_two_days_compare_two_versions_with_their_status_on_these_days(client: TestClient) -> None:
    found = compare(client, document="law-aml-2022", **{"from": "2021-01-01", "to": "2023-01-01"})
    sides = [(found[side]["id"], found[side]["status"]) for side in ("left", "right")]
    assert sides == [("law-aml-2007", "in_force"), ("law-aml-2022", "in_force")]


def test_versions_are_listed_in_order_with_the_status_of_today(client: TestClient) -> None:
    for id_ in ("rule-genai-draft-2023", "rule-genai-2023"):
        versions = get(client, f"/v1/documents/{id_}/versions").json()["versions"]
        assert [(item["id"], item["status"]) for item in versions] == [
            ("rule-genai-draft-2023", "superseded"),
            ("rule-genai-2023", "in_force"),
        ]
    alone = get(client, "/v1/documents/law-aml-2022-zh/versions").json()["versions"]
    assert [item["id"] for item in alone] == ["law-aml-2022-zh"]
    assert get(client, "/v1/documents/nothing/versions").status_code == 404


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({}, 422, "got nothing"),
        ({"left": "law-aml-2007"}, 422, "either left and right, or document, from and to; got left"),
        ({"left": "law-aml-2007", "right": "law-aml-2022", "to": "2022-01-01"}, 422, "got left, right, to"),
        ({"document": "law-aml-2007", "from": "2022-01-01"}, 422, "got document, from"),
        ({"document": "law-aml-2007", "from": "2022-01-02", "to": "2022-01-01"}, 422, "not before 2022-01-02"),
        ({"document": "law-aml-2007", "from": "2001-01-01", "to": "2022-01-01"}, 422, "first version is of 2007-08-30"),
        ({"document": "law-aml-2007", "from": "1 May", "to": "2022-01-01"}, 422, "YYYY-MM-DD"),
        (
            {"left": "law-aml-2007", "right": "law-aml-2022", "since": "2022-01-01"},
            422,
            "one of the parameters document, from",
        ),
        ({"left": "law-aml-2007", "right": "nothing"}, 404, "right: expected the id of a document"),
        ({"left": "law-aml-2007", "right": "law-aml-2022-zh"}, 422, "choose law-aml-2022 for law-aml-2022-zh"),
        ({"left": "law-aml-2022-zh", "right": "law-aml-2007"}, 422, "choose law-aml-2022 for law-aml-2022-zh"),
        ({"left": "law-aml-2007", "right": "law-csl-2025-zh"}, 422, "choose law-csl-2025 for law-csl-2025-zh"),
        ({"left": "law-aml-2007", "right": "article-turn"}, 200, ""),
    ],
)
def test_whatever_cannot_be_compared_is_refused_with_what_would_be_right(
    client: TestClient, query: dict[str, str], status: int, words: str
) -> None:
    response = get(client, "/v1/compare", **query)
    assert response.status_code == status, response.text
    assert words in response.json().get("detail", "")


def make_version(id_: str, day: str, *edges: Edge, stage: Stage = "adopted", effective: str | None = None) -> Document:
    return Document(
        id=id_,
        title=id_,
        text="A text.",
        kind="rule",
        issuer=("CAC",),
        authority="rule",
        published=dt.date.fromisoformat(day),
        language="en",
        stage=stage,
        effective_from=dt.date.fromisoformat(effective or day),
        edges=edges,
    )


def test_versions_are_followed_over_several_edges_and_in_circles() -> None:
    draft = make_version("draft", "2019-01-01", Edge("drafts", "second", "w"), stage="draft")
    first = make_version("first", "2018-01-01", Edge("amends", "third", "w"))
    second = make_version("second", "2020-01-01", Edge("supersedes", "first", "w"))
    third = make_version("third", "2021-01-01", Edge("amends", "second", "w"), effective="2022-01-01")
    catalogue = Catalogue("v", [first, second, third, draft, make_version("other", "2020-01-01")])
    for document in (first, second, third, draft):
        assert [item.id for item in find_versions(catalogue, document)] == ["first", "draft", "second", "third"]
    assert version_on(catalogue, first, dt.date(2017, 12, 31)) is None


@pytest.mark.skipif(not (SHARED / "corpus/laws-zh").is_dir(), reason="the full laws lie beside the checkout only")
def test_the_articles_of_the_full_antimonopoly_laws_are_paired_as_they_were_renumbered() -> None:
    old, new = (
        (SHARED / f"corpus/laws-zh/反垄断法({day}).md").read_text(encoding="utf-8")
        for day in ("2007-08-30", "2022-06-24")
    )
    found = {
        pair.left.title: (pair.kind, pair.right.title if pair.right else None)
        for pair in compare_texts(old, new)
        if pair.left
    }
    assert len(found) == 58
    assert found["第二十条"] == ("same", "第二十五条")
    assert found["第四十六条"] == ("changed", "第五十六条")
    assert found["第四十八条"] == ("changed", "第五十八条")
    assert found["第五十七条"] == ("same", "第七十条")
    assert Counter(kind for kind, _ in found.values()) == Counter(same=33, changed=25)
