"""A paragraph checked sentence by sentence, and the scoreboard as the API gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from briefbot.api.checks import can_be_checked


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
    ],
)
def test_a_text_that_cannot_be_checked_is_refused(service: str, body: dict[str, Any], said: str) -> None:
    response = post(service, **body)
    assert response.status_code == 422
    assert said in response.json()["detail"]


def test_what_states_nothing_is_not_checked() -> None:
    assert can_be_checked("The fine was paid.")
    assert can_be_checked("罚款已经缴纳完毕。")
    for nothing in ("Background", "Two words", "Was it paid?", "付了吗？", "背景", "word " * 500):
        assert not can_be_checked(nothing)


def test_the_scoreboard_is_the_committed_one(service: str) -> None:
    found = httpx2.get(f"{service}/v1/quality", trust_env=False).json()
    kept = json.loads((Path(__file__).parents[1] / "eval" / "baseline.json").read_text("utf-8"))["scoreboard"]
    assert [system["is_ours"] for system in found["systems"]] == [True, False, False, False]
    for system in found["systems"]:
        for metric in found["metrics"]:
            assert system["values"][metric["id"]] == kept[system["id"]][metric["id"]]["mean"]
    assert all(metric["name"] and metric["name_zh"] and metric["explanation_zh"] for metric in found["metrics"])
