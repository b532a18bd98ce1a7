"""A paragraph checked sentence by sentence."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from briefbot.api.check_schemas import LONGEST_TEXT_CHARS
from briefbot.api.checks import can_be_checked
from briefbot.query import clean_question


def post(url: str, **body: Any) -> httpx2.Response:
    return httpx2.post(f"{url}/v1/checks", json=body, timeout=60, trust_env=False)


def test_each_sentence_is_checked_as_by_itself(service: str) -> None:
    text = "  SAMR fined Alibaba RMB 34 billion in 2021. Who knew? The Personal Information Protection Law took effect in 2021.\n"
    found = post(service, text=text).json()
    assert found["text"] == text.strip()
    said = [found["text"][claim["start"] : claim["end"]] for claim in found["claims"]]
    assert said[1] == "Who knew?"
    assert found["claims"][1]["check"] is None
    for sentence, claim in ((said[0], found["claims"][0]), (said[2], found["claims"][2])):
        alone = httpx2.post(f"{service}/v1/check", json={"claim": sentence}, timeout=60, trust_env=False).json()
        assert {**claim["check"], "timings_ms": {}} == {**alone, "timings_ms": {}}
    assert [found["claims"][at]["check"]["verdict"] for at in (0, 2)] == ["contradicted", "supported"]


def test_a_day_and_filters_hold_for_every_sentence(service: str) -> None:
    found = post(
        service, text="国家网信办对滴滴处以罚款。滴滴被下架。", as_of="2021-12-31", filters={"kind": ["event"]}
    ).json()
    citations = [item for claim in found["claims"] if claim["check"] for item in claim["check"]["citations"]]
    assert all(
        item["document"]["published"] <= "2021-12-31" and item["document"]["kind"] == "event" for item in citations
    )
    assert len(found["claims"]) == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"text": "   "}, "expected 1 to 5,000 characters"),
        ({"text": "One more fine. " * 21}, "at most 20 sentences; got 21"),
        ({"text": "x" * 5001}, "5000"),
        ({"text": "A fine was paid.", "filters": {"issuer": ["NASA"]}}, "NASA"),
        ({"text": "Was it paid?", "filters": {"issuer": ["NASA"]}}, "NASA"),
    ],
)
def test_a_text_that_cannot_be_checked_is_refused(service: str, body: dict[str, Any], said: str) -> None:
    response = post(service, **body)
    assert response.status_code == 422
    assert said in response.json()["detail"]


@pytest.mark.parametrize(
    ("text", "checked"),
    [
        ("SAMR fined Alibaba. [1] [2] [3] [4] [5]", [True, False]),
        ("SAMR fined Alibaba in April 2021.\n\nWho fined Alibaba in the end?[1]", [True, False]),
        ('The Post asked "Will Didi delist?"[1]', [True]),
    ],
)
def test_marks_and_quoted_questions_refuse_nothing(service: str, text: str, checked: list[bool]) -> None:
    response = httpx2.post(f"{service}/v1/checks", json={"text": text}, trust_env=False)
    assert response.status_code == 200, response.text
    assert [claim["check"] is not None for claim in response.json()["claims"]] == checked


def test_what_states_nothing_is_not_checked() -> None:
    assert can_be_checked("The fine was paid.")
    assert can_be_checked("罚款已经缴纳完毕。")
    for nothing in ("Background", "Two words", "Was it paid?", "付了吗？", "背景", "word " * 500):
        assert not can_be_checked(nothing)


@pytest.mark.parametrize(
    ("text", "said", "checked"),
    [
        ("# Background of the case\nA fine was paid.", ["Background of the case", "A fine was paid."], [False, True]),
        ("## 平台经济监管的背景\n\n罚款已经缴纳完毕。", ["平台经济监管的背景", "罚款已经缴纳完毕。"], [False, True]),
        ("The list has item #3 in it.", ["The list has item #3 in it."], [True]),
    ],
)
def test_headings_are_not_checked(service: str, text: str, said: list[str], checked: list[bool]) -> None:
    found = post(service, text=text).json()
    assert [found["text"][claim["start"] : claim["end"]] for claim in found["claims"]] == said
    assert [claim["check"] is not None for claim in found["claims"]] == checked


@pytest.mark.parametrize(("length", "status"), [(LONGEST_TEXT_CHARS, 200), (LONGEST_TEXT_CHARS + 1, 422)])
def test_the_space_around_a_text_does_not_count(service: str, length: int, status: int) -> None:
    assert post(service, text=f" \n{'x' * length}\u3000 ").status_code == status


@given(st.text(max_size=60) | st.text("一款。 a.\x00\x0b\u200b?", max_size=2100))
def test_whatever_is_checked_is_a_claim_that_the_desk_takes(sentence: str) -> None:
    if can_be_checked(sentence):
        assert clean_question(sentence, "claim")
