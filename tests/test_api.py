"""The HTTP API against a running service: answers, documents, errors and headers."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from briefbot.ui.strings import EXAMPLES


def post(service: str, path: str, body: object) -> httpx2.Response:
    return httpx2.post(f"{service}{path}", json=body, timeout=60, trust_env=False)


def get(service: str, path: str, **params: Any) -> httpx2.Response:
    return httpx2.get(f"{service}{path}", params=params, timeout=60, trust_env=False)


@pytest.mark.parametrize("question", EXAMPLES)
def test_every_quote_of_a_readme_question_stands_in_its_document_at_its_offsets(service: str, question: str) -> None:
    answer = post(service, "/v1/answer", {"question": question}).json()
    assert not answer["abstained"], answer["text"]
    assert answer["citations"]
    assert [item["number"] for item in answer["citations"]] == list(range(1, len(answer["citations"]) + 1))
    for citation in answer["citations"]:
        text = get(service, f"/v1/documents/{citation['document']['id']}").json()["text"]
        assert text[citation["start"] : citation["end"]] == citation["quote"]
        assert f"[{citation['number']}]" in answer["text"]
    for statement in answer["statements"]:
        assert answer["text"][statement["start"] : statement["end"]] == statement["text"]
        assert statement["support"] == "verbatim"


def test_the_same_question_gives_the_same_answer_apart_from_id_and_timings(service: str) -> None:
    first, second = (post(service, "/v1/answer", {"question": EXAMPLES[0]}).json() for _ in range(2))
    assert first["id"] != second["id"]
    for answer in (first, second):
        del answer["id"], answer["timings_ms"]
    assert first == second


def test_as_of_cites_nothing_published_later(service: str) -> None:
    body = {"question": "What happened to Didi?", "as_of": "2021-12-31"}
    answer = post(service, "/v1/answer", body).json()
    assert answer["as_of"] == "2021-12-31"
    assert answer["citations"]
    assert all(item["document"]["published"] <= "2021-12-31" for item in answer["citations"])


def test_filters_restrict_what_is_found_and_are_echoed(service: str) -> None:
    found = post(service, "/v1/search", {"query": "data", "filters": {"kind": ["law"], "language": ["zh"]}}).json()
    assert found["filters"]["kind"] == ["law"]
    assert found["passages"]
    for passage in found["passages"]:
        document = get(service, f"/v1/documents/{passage['document_id']}").json()
        assert document["kind"] == "law"
        assert document["language"] == "zh"
        assert document["text"][passage["start"] : passage["end"]] == passage["text"]


def test_a_filter_that_leaves_nothing_is_an_abstention_and_never_widens(service: str) -> None:
    body = {"question": "How much was Alibaba fined?", "filters": {"published_to": "2001-01-01"}}
    answer = post(service, "/v1/answer", body).json()
    assert answer["abstained"]
    assert answer["abstention_reason"] == "filtered_out"
    assert answer["citations"] == answer["statements"] == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"question": "x", "colour": "red"}, "as_of"),
        ({"question": "x", "filters": {"kind": ["poem"]}}, "'law'"),
        ({"question": "x", "filters": {"author": ["x"]}}, "issuer"),
        ({"question": "x", "filters": {"issuer": ["NASA"]}}, "CAC"),
        ({"question": "x", "filters": {"topic": ["cooking"]}}, "antitrust"),
        ({"question": "x", "filters": {"document_id": ["no-such"]}}, "law-pipl-2021"),
        ({"question": "x", "mode": "creative"}, "extractive"),
        ({"question": "x", "mode": "generative"}, "BRIEFBOT_LLM_URL"),
        ({"question": "x", "as_of": "yesterday"}, "date"),
        ({"question": "   "}, "1 to 2,000"),
        ({"question": "x" * 2001}, "1 to 2,000"),
        ({}, "question"),
    ],
)
def test_a_malformed_question_is_refused_with_what_would_be_right(
    service: str, body: dict[str, Any], expected: str
) -> None:
    response = post(service, "/v1/answer", body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert expected in problem["detail"] + str(problem["expected"])
    assert "\n" not in problem["detail"]
    assert problem["type"].startswith("urn:briefbot:problem:")


def test_ten_megabytes_of_text_are_refused_as_too_large(service: str) -> None:
    response = post(service, "/v1/answer", {"question": "x" * 10_000_000})
    assert response.status_code == 413
    assert get(service, "/readyz").status_code == 200


def test_a_body_that_is_not_json_is_refused(service: str) -> None:
    response = httpx2.post(
        f"{service}/v1/answer", content=b"{", headers={"content-type": "application/json"}, trust_env=False
    )
    assert response.status_code == 400
    assert response.json()["type"] == "urn:briefbot:problem:invalid-json"


def test_an_unknown_document_or_route_is_a_problem_of_status_404(service: str) -> None:
    for path in ("/v1/documents/no-such-document", "/v1/no-such-route"):
        response = get(service, path)
        assert response.status_code == 404, path
        assert response.json()["status"] == 404


def test_documents_are_listed_a_page_at_a_time_newest_first(service: str) -> None:
    first = get(service, "/v1/documents", limit=5, kind="event").json()
    second = get(service, "/v1/documents", limit=5, offset=5, kind="event").json()
    days = [item["published"] for item in first["documents"] + second["documents"]]
    assert len(days) == 10
    assert days == sorted(days, reverse=True)
    assert first["total"] == second["total"] >= 40
    assert {item["id"] for item in first["documents"]}.isdisjoint(item["id"] for item in second["documents"])


def test_a_document_shows_its_links_in_both_directions(service: str) -> None:
    old = get(service, "/v1/documents/law-aml-2007").json()
    new = get(service, "/v1/documents/law-aml-2022").json()
    assert ("amends", "out", "law-aml-2007") in [(e["type"], e["direction"], e["document_id"]) for e in new["edges"]]
    assert ("amends", "in", "law-aml-2022") in [(e["type"], e["direction"], e["document_id"]) for e in old["edges"]]
    assert all(edge["words"] for edge in old["edges"] + new["edges"])
    assert old["status"] == "amended"
    assert get(service, "/v1/documents/law-aml-2007", as_of="2022-07-31").json()["status"] == "in_force"


def test_health_says_alive_and_ready(service: str) -> None:
    assert get(service, "/healthz").json()["status"] == "ok"
    ready = get(service, "/readyz").json()
    assert ready["status"] == "ready"
    assert ready["documents"] >= 110
    assert ready["index"] == "approximate"


def test_the_documentation_page_names_every_route_and_loads_nothing(service: str) -> None:
    page = get(service, "/docs").text
    for path in get(service, "/openapi.json").json()["paths"]:
        assert path in page
    assert "<script" not in page
    assert "src=" not in page


def test_pages_carry_a_policy_without_unsafe_eval_and_a_fresh_nonce(service: str) -> None:
    policies = [get(service, "/").headers["content-security-policy"] for _ in range(2)]
    assert policies[0] != policies[1]
    for policy in policies:
        assert "unsafe-eval" not in policy
        assert "script-src 'self' 'nonce-" in policy
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_every_answer_carries_a_request_id(service: str) -> None:
    response = post(service, "/v1/search", {"query": "Didi", "top_k": 1})
    assert response.headers["x-request-id"].startswith("req_")
