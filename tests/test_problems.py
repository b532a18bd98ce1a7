"""Problems: their shape on our own routes and on OpenAI's, and that no JSON, however odd, is more than a malformed request."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import openai
import pytest
from clients import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from briefbot.api import schemas
from briefbot.api.app import create_app
from briefbot.api.bounds import DEEPEST_JSON, check_depth
from briefbot.api.check_schemas import ClaimIn
from briefbot.api.completion_schemas import CompletionIn
from briefbot.api.problems import describe_error, problem_of
from briefbot.errors import DeadlineError, QueueFullError, UsageError
from briefbot.settings import Settings

KEY = "a-key-for-tests-only"
CHAT: dict[str, Any] = {"model": "briefbot", "messages": [{"role": "user", "content": "What happened to Didi?"}]}
DEEP = 20_000

ODD_BODIES = {
    "nothing": b"",
    "not a number as the question": b'{"question": NaN}',
    "not a number where a day is wanted": b'{"question": "Didi", "as_of": NaN}',
    "infinity": b'{"question": "Didi", "history": -Infinity}',
    "half a surrogate pair in the question": b'{"question": "\\ud800 Didi"}',
    "half a surrogate pair as a mode": b'{"question": "Didi", "mode": "\\udfff"}',
    "half a surrogate pair as a field": b'{"question": "Didi", "\\ud800": 1}',
    "half a surrogate pair as a filter": b'{"question": "Didi", "filters": {"\\udc00": ["x"]}}',
    "half a surrogate pair among the filters": b'{"question": "Didi", "filters": {"issuer": ["\\ud83d"]}}',
    "half a surrogate pair as a conversation": b'{"question": "Didi", "conversation_id": "\\ud800"}',
    "half a surrogate pair before it": b'{"question": "Didi?", "history": [{"role": "user", "content": "\\udbff"}]}',
    "lists, deep": b'{"question": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "objects, deep": b'{"question": "Didi", "filters": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "lists, as deep as a parser goes": b'{"question": ' + b"[" * 900 + b"]" * 900 + b"}",
    "lists, open": b"[" * DEEP,
    "a field twice": b'{"question": "x", "question": "What happened to Didi?"}',
    "a field twice, the last one wrong": b'{"question": "What happened to Didi?", "question": 1}',
    "an integer of 5,000 digits": b'{"question": "Didi", "as_of": ' + b"9" * 5000 + b"}",
    "an integer of 4,000 digits": b'{"question": ' + b"9" * 4000 + b"}",
    "a float out of range": b'{"question": 1e999}',
    "a byte order mark": b'\xef\xbb\xbf{"question": "What happened to Didi?"}',
    "utf-16": '{"question": "滴滴怎么了？"}'.encode("utf-16"),
    "utf-32": '{"question": "滴滴怎么了？"}'.encode("utf-32"),
    "latin-1": '{"question": "Café?"}'.encode("latin-1"),
    "utf-8, cut": '{"question": "滴'.encode()[:-1],
    "a zero byte": b'{"question": "Didi\\u0000 fined"}',
    "only zero bytes": b'{"question": "\\u0000\\u0000"}',
    "a list": b"[]",
    "null": b"null",
    "a word": b'"Didi"',
    "two values": b'{"question": "Didi"}{"question": "Didi"}',
    "a comment": b'{"question": "Didi" /* fined */}',
    "single quotes": b"{'question': 'Didi'}",
    "a name of 100,000 characters": b'{"question": "Didi", "' + b"x" * 100_000 + b'": 1}',
    "10,000 unknown fields": json.dumps({"question": "Didi", **{f"f{n}": n for n in range(10_000)}}).encode(),
    "right to left and joined": '{"question": "\u202eDidi\u200d\u2066 fined\ufeff?"}'.encode(),
    "characters of four bytes": '{"question": "𠀀𠀁 滴滴 🀄️"}'.encode(),
}


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def read_strictly(text: str) -> Any:
    """JSON as RFC 8259 has it: no NaN, no Infinity."""
    return json.loads(text, parse_constant=refuse_constant)


@pytest.mark.parametrize("path", ["/v1/answer", "/v1/answer/stream"])
@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
def test_odd_json_is_answered_or_refused_and_never_breaks_the_service(service: str, path: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    response = httpx2.post(f"{service}{path}", content=body, headers=headers, timeout=60, trust_env=False)
    assert response.status_code in {200, 400, 404, 422}, response.text
    if response.status_code == 200:
        assert path.endswith("stream") or read_strictly(response.text)["id"]
        return
    assert response.headers["content-type"] == "application/problem+json"
    problem = schemas.Problem.model_validate(read_strictly(response.text))
    assert problem.status == response.status_code
    assert len(problem.detail) < 600
    assert "\n" not in problem.detail


@pytest.mark.parametrize("bracket", ["[]", "{}"])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/answer", "filters"),
        ("/v1/answer/stream", "history"),
        ("/v1/answers", "questions"),
        ("/v1/search", "filters"),
        ("/v1/check", "filters"),
        ("/v1/checks", "filters"),
        ("/v1/suggestions", "document_ids"),
        ("/v1/export/markdown", "answers"),
        ("/v1/feedback", "comment"),
        ("/v1/chat/completions", "messages"),
    ],
)
def test_what_nests_too_deeply_is_refused_by_every_route(service: str, path: str, field: str, bracket: str) -> None:
    def nest(levels: int) -> bytes:
        opening = "[" if bracket == "[]" else '{"a":'
        return f'{{"{field}": {opening * (levels - 1)}"]]]"{bracket[1] * (levels - 1)}}}'.encode()

    headers = {"content-type": "application/json"}
    for levels in (DEEPEST_JSON, DEEPEST_JSON + 1, 949, 951, 953, 960):
        response = httpx2.post(f"{service}{path}", content=nest(levels), headers=headers, timeout=60, trust_env=False)
        assert response.status_code in {400, 422}
        is_told = f"at most {DEEPEST_JSON} levels" in response.json()["detail"]
        assert is_told == (levels > DEEPEST_JSON), levels


def test_a_text_that_does_not_end_is_looked_at_once() -> None:
    unfinished = b"[" * (DEEPEST_JSON + 1) + b'"' + b'\\"' * 400_000
    with pytest.raises(UsageError, match="levels"):
        check_depth(unfinished)
    check_depth(b"[" * DEEPEST_JSON + b'"' + b'\\"[' * 300_000)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_brackets_in_texts_do_not_count(value: Any) -> None:
    def levels(item: Any) -> int:
        inner = item if isinstance(item, list) else item.values() if isinstance(item, dict) else None
        return 0 if inner is None else 1 + max(map(levels, inner), default=0)

    deep = json.dumps(["[" * 100 + '\\"{' * 100, value]).encode()
    for _ in range(DEEPEST_JSON - levels(value) - 1):
        deep = b"[" + deep + b"]"
    check_depth(deep)
    with pytest.raises(UsageError, match="levels"):
        check_depth(b'{"x":' + deep + b"}" if levels(value) else b"[[" + deep + b"]]")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/search", b'{"query": "\\ud800 data"}'),
        ("/v1/check", b'{"claim": "\\ud800 data"}'),
        ("/v1/answers", b'{"questions": [{"question": "Didi?", "filters": {"topic": ["\\ud800"]}}]}'),
        ("/v1/feedback", b'{"answer_id": "\\ud800", "rating": 1}'),
        ("/v1/feedback", b'{"answer_id": "ans_x", "rating": 1, "comment": "\\ud800"}'),
        ("/v1/chat/completions", b'{"model": "\\ud800", "messages": [{"role": "user", "content": "x"}]}'),
        ("/v1/chat/completions", b'{"model": "briefbot", "messages": [{"role": "user", "content": "\\ud800"}]}'),
    ],
)
def test_half_a_character_is_refused_by_every_route(service: str, path: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    response = httpx2.post(f"{service}{path}", content=body, headers=headers, trust_env=False)
    assert response.status_code in {400, 422}, response.text
    assert read_strictly(response.text)["expected"] == "whole characters"


def as_chat(body: bytes) -> bytes:
    """The same oddity where a chat completion is asked for."""
    return b'{"model": "briefbot", "messages": [{"role": "user", "content": "Didi"}], "metadata": ' + body + b"}"


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
def test_odd_json_for_a_completion_is_refused_as_openai_refuses(service: str, body: bytes) -> None:
    for sent in (body, as_chat(body)):
        headers = {"content-type": "application/json"}
        url = f"{service}/v1/chat/completions"
        response = httpx2.post(url, content=sent, headers=headers, timeout=60, trust_env=False)
        assert response.status_code in {200, 400}, response.text
        if response.status_code == 400:
            problem = read_strictly(response.text)
            assert problem["status"] == 400
            assert problem["error"]["message"] == problem["detail"]


@pytest.fixture
def client(service: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def test_openais_client_is_told_which_field_is_at_fault(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{**CHAT, "messages": [{"role": "assistant", "content": "Yes."}]})
    assert (caught.value.param, caught.value.code, caught.value.type) == (
        "messages",
        "invalid_request",
        "invalid_request_error",
    )


def test_openais_client_is_told_the_parameters_there_are(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**CHAT, extra_body={"colour": "red"})
    assert caught.value.param == "colour"
    assert all(field in caught.value.message for field in CompletionIn.model_fields)


def test_openais_client_is_told_of_a_model_that_is_not_there(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(**{**CHAT, "model": "gpt"})
    assert (caught.value.param, caught.value.code) == ("model", "model_not_found")
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt")
    assert "briefbot" in caught.value.message


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[TestClient]:
    """A service that wants a key, and is still loading."""
    settings = Settings(home=tmp_path, access="keys", api_key=SecretStr(KEY), rate_limit="2/hour")
    with TestClient(create_app(settings, None)) as opened:
        yield opened


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/briefbot", "/v1/chat/completions"])
def test_what_the_gate_refuses_on_openais_routes_has_its_error_too(gated: TestClient, path: str) -> None:
    verb = "POST" if path.endswith("completions") else "GET"
    problem = gated.request(verb, path).json()
    assert problem["type"] == "urn:briefbot:problem:unauthorized"
    assert problem["error"] == {
        "message": problem["detail"],
        "type": "invalid_request_error",
        "param": "authorization",
        "code": "invalid_api_key",
    }


def test_the_error_comes_with_every_status_and_keeps_the_headers(gated: TestClient) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    loading = gated.get("/v1/models", headers=headers)
    assert (loading.status_code, loading.json()["error"]["type"]) == (503, "server_error")
    assert loading.headers["retry-after"]
    gated.get("/v1/models", headers=headers)
    limited = gated.get("/v1/models", headers=headers)
    assert (limited.status_code, limited.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert limited.headers["retry-after"]
    assert "www-authenticate" in gated.get("/v1/models").headers


@pytest.mark.parametrize("path", ["/v1/answer", "/v1/modelsandmore", "/v1/chat"])
def test_other_routes_have_no_such_error(gated: TestClient, path: str) -> None:
    problem = gated.post(path, headers={"authorization": f"Bearer {KEY}"}, json={"x": 1}).json()
    assert "error" not in problem
    assert problem["status"] in {404, 422}


def test_behind_a_prefix_the_routes_are_told_apart_as_well(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, access="keys", api_key=SecretStr(KEY))
    with TestClient(create_app(settings, None), root_path="/briefs") as opened:
        assert "error" in opened.get("/briefs/v1/models").json()
        basic = base64.b64encode(f"me:{KEY}".encode()).decode()
        response = opened.post("/briefs/v1/chat/completions", json={}, headers={"authorization": f"Basic {basic}"})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "model"


def test_another_method_is_refused_with_the_ones_there_are(service: str) -> None:
    for verb, path, allowed in (
        ("PUT", "/v1/documents", "GET, HEAD, POST"),
        ("GET", "/v1/answer", "POST"),
        ("PATCH", "/v1/conversations/conv_x", "DELETE, GET, HEAD"),
    ):
        response = httpx2.request(verb, f"{service}{path}", trust_env=False)
        assert (response.status_code, response.headers["allow"]) == (405, allowed), path
        assert response.json()["type"] == "urn:briefbot:problem:method-not-allowed"


@pytest.mark.parametrize(
    "path", ["/v1/answer", "/v1/answer/stream", "/v1/chat/completions", "/v1/no-such-route", "/mcp"]
)
@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_that_is_too_large_is_a_problem_as_well(service: str, path: str, is_announced: bool) -> None:
    body = b'{"question": "' + b"x" * 1_000_000 + b'"}'
    content = body if is_announced else iter([body[:500_000], body[500_000:]])
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    response = httpx2.post(f"{service}{path}", content=content, headers=headers, timeout=60, trust_env=False)
    if path == "/v1/no-such-route" and not is_announced:
        assert response.status_code == 404  # nobody reads the body
        return
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"]
    problem = response.json()
    assert problem["type"] == "urn:briefbot:problem:body-too-large"
    assert ("error" in problem) == (path == "/v1/chat/completions")


@pytest.mark.parametrize(
    ("path", "body", "exist"),
    [
        ("/v1/answer", {"question": "x", "colour": 1}, schemas.QuestionIn),
        ("/v1/answer", {"question": "x", "history": [{"role": "user", "content": "x", "colour": 1}]}, schemas.TurnIn),
        ("/v1/answers", {"questions": [{"question": "x", "filters": {"colour": 1}}]}, schemas.FiltersIn),
        ("/v1/check", {"claim": "x", "colour": 1}, ClaimIn),
    ],
)
def test_an_unknown_field_is_refused_with_those_that_exist_at_its_place(
    service: str, path: str, body: dict[str, Any], exist: type[schemas.In]
) -> None:
    problem = httpx2.post(f"{service}{path}", json=body, trust_env=False).json()
    assert problem["expected"] == "one of the fields " + ", ".join(sorted(exist.model_fields))
    assert problem["got"] == "colour"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/documents/law-pipl-2021?asof=2021-09-15", "asof: expected one of the parameters as_of; got asof"),
        ("/v1/quality?page=2", "page: expected no parameters; got page"),
        ("/v1/documents/law-pipl-2021?as_of=2021-01-01&as_of=2022-01-01", "as_of: expected one value; got 2"),
        ("/v1/documents?limit=1&limit=2", "limit: expected one value; got 2"),
        ("/v1/documents?issuer=XYZ", "issuer: expected one of "),
        (
            "/v1/documents?published_from=2022-01-02&published_to=2022-01-01",
            "expected published_from on or before published_to, which is 2022-01-01; got 2022-01-02",
        ),
        ("/v1/timeline?from=2022-01-02&to=2022-01-01", "expected from on or before to, which is 2022-01-01"),
    ],
)
def test_a_parameter_that_would_be_passed_over_is_refused(service: str, path: str, said: str) -> None:
    response = httpx2.get(f"{service}{path}", trust_env=False)
    assert response.status_code == 422, response.text
    assert said in response.json()["detail"]


def test_a_day_beside_the_body_is_not_passed_over(service: str) -> None:
    body = {"question": "What happened to Didi?"}
    response = httpx2.post(f"{service}/v1/answer", params={"as_of": "2021-07-01"}, json=body, trust_env=False)
    assert response.status_code == 422
    assert response.json()["detail"] == "as_of: expected no parameters; got as_of; correct the request"
    nameless = httpx2.get(f"{service}/v1/documents?=1", trust_env=False)
    assert nameless.json()["detail"].startswith("a parameter: expected one of the parameters as_of, ")


def test_a_parameter_for_several_values_may_come_several_times(service: str) -> None:
    found = httpx2.get(f"{service}/v1/documents?kind=law&kind=rule&limit=500", trust_env=False).json()
    assert {document["kind"] for document in found["documents"]} == {"law", "rule"}


@pytest.mark.parametrize(
    "sent_as",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/xml; charset=utf-8", "multipart/form-data"],
)
@pytest.mark.parametrize("path", ["/v1/answer", "/v1/chat/completions", "/v1/checks"])
def test_json_that_is_sent_as_something_else_is_refused_with_what_to_send(
    service: str, path: str, sent_as: str
) -> None:
    body = b'{"question": "What happened to Didi?"}'
    response = httpx2.post(f"{service}{path}", content=body, headers={"content-type": sent_as}, trust_env=False)
    assert response.status_code == 415, response.text
    assert response.headers["content-type"] == "application/problem+json"
    got = sent_as.partition(";")[0] or "none"
    assert response.json()["detail"] == (f"content-type: expected application/json; got {got}; send it with the body")


@pytest.mark.parametrize("sent_as", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"])
def test_every_way_of_saying_json_is_taken(service: str, sent_as: str) -> None:
    body = b'{"question": "How much was Alibaba fined in April 2021?"}'
    headers = {"content-type": sent_as}
    assert httpx2.post(f"{service}/v1/answer", content=body, headers=headers, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "body: expected a value; got nothing; correct the request"),
        (b"null", "body: expected an object; got nothing; correct the request"),
        (b"{}", "question: expected a value; got nothing; correct the request"),
        (b"[]", "body: expected an object; got []; correct the request"),
        (b'{"question": 1}', "question: expected a text; got 1; correct the request"),
        (
            b'{"question": "x", "filters": {"issuer": "CAC"}}',
            "filters.issuer: expected a list; got CAC; correct the request",
        ),
        (
            b'{"question": "x", "filters": {"published_from": "2022-02-01", "published_to": "2022-01-01"}}',
            "filters: expected published_from on or before published_to, which is 2022-01-01; got 2022-02-01; correct the request",
        ),
    ],
)
def test_what_is_wrong_with_a_body_is_said_in_plain_words(service: str, body: bytes, said: str) -> None:
    headers = {"content-type": "application/json"}
    response = httpx2.post(f"{service}/v1/answer", content=body, headers=headers, trust_env=False)
    assert response.status_code == 422
    assert response.json()["detail"] == said


def test_where_json_breaks_off_is_said(service: str) -> None:
    headers = {"content-type": "application/json"}
    response = httpx2.post(f"{service}/v1/answer", content=b'{"question": "x",}', headers=headers, trust_env=False)
    assert response.status_code == 400
    assert re.search(
        r"body: expected JSON; got something else at character 1\d \(.+\); correct", response.json()["detail"]
    )


def test_a_day_that_the_calendar_lacks_is_refused_plainly(service: str) -> None:
    body = {"question": "x", "as_of": "2022-02-30"}
    detail = httpx2.post(f"{service}/v1/answer", json=body, trust_env=False).json()["detail"]
    assert detail == "as_of: expected a date of the calendar as YYYY-MM-DD; got 2022-02-30; correct the request"


@pytest.mark.parametrize(
    "path", ["/v1/documents", "/v1/documents/law-pipl-2021", "/healthz", "/readyz", "/docs", "/openapi.json"]
)
def test_head_has_the_headers_of_get_and_no_body(service: str, path: str) -> None:
    head, get = (httpx2.request(method, f"{service}{path}", trust_env=False) for method in ("HEAD", "GET"))
    assert (head.status_code, head.content) == (get.status_code, b"") == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_no_cache_keeps_what_is_below_v1(service: str) -> None:
    body = {"question": "What happened to Didi?"}
    assert httpx2.post(f"{service}/v1/answer/stream", json=body, trust_env=False).headers["cache-control"] == "no-store"
    for path, kept in (("/v1/documents", "no-store"), ("/v1/nothing", "no-store"), ("/healthz", None)):
        assert httpx2.get(f"{service}{path}", trust_env=False).headers.get("cache-control") == kept, path


def test_head_asks_for_no_answer(service: str) -> None:
    assert httpx2.head(f"{service}/v1/answer", trust_env=False).status_code == 405
    assert httpx2.head(f"{service}/v1/nothing", trust_env=False).status_code == 404


def test_an_answer_that_took_too_long_does_not_ask_to_be_asked_for_again() -> None:
    for error, is_told in ((DeadlineError("too long"), False), (QueueFullError("too many"), True)):
        response = TestClient(problem_of(error)).get("/")
        assert response.status_code == 503
        assert ("retry-after" in response.headers) == is_told


def test_the_filters_of_an_answer_can_be_sent_back(service: str) -> None:
    question = {"question": "How much was Alibaba fined in April 2021?"}
    for filters in (None, {}, {"issuer": ["SAMR"]}):
        first = httpx2.post(f"{service}/v1/answer", json={**question, "filters": filters}, trust_env=False).json()
        again = httpx2.post(f"{service}/v1/answer", json={**question, "filters": first["filters"]}, trust_env=False)
        assert again.status_code == 200, again.text
        assert again.json()["text"] == first["text"]
        assert again.json()["filters"] == first["filters"]


def test_an_unknown_parameter_is_refused_with_those_that_exist(service: str) -> None:
    problem = httpx2.get(f"{service}/v1/timeline", params={"colour": "red"}, trust_env=False).json()
    assert problem["status"] == 422
    assert "from, issuer" in problem["expected"]


@pytest.mark.parametrize(
    "day", [0, 1643587200, "0", "1643587200", "2022-01-31T00:00:00", "2022-1-31", "20220131", True]
)
def test_a_day_is_written_in_one_way_only(service: str, day: object) -> None:
    problem = httpx2.post(f"{service}/v1/answer", json={"question": "Didi?", "as_of": day}, trust_env=False).json()
    assert (problem["status"], problem["expected"]) == (422, "a date as YYYY-MM-DD")


def test_a_parameter_is_named_only_where_the_detail_begins_with_one() -> None:
    def param_of(detail: str) -> str | None:
        return describe_error(schemas.Problem(type="urn:x:y", title="Y", status=400, detail=detail)).param

    assert param_of("messages.0.role: expected a role") == "messages.0.role"
    assert param_of("expected one of: a, b") is None
