"""The OpenAPI description: complete, true, and the same as the committed one, so that no change of the API goes unseen."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from api_changes import compare_apis

from briefbot.api.app import create_app
from briefbot.api.openapi import EXAMPLES, TAGS
from briefbot.settings import Settings

KEPT = Path(__file__).with_name("openapi.json")
RENEW = "BRIEFBOT_TESTS_RENEW"
Described = dict[str, Any]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Described:
    return create_app(Settings(home=tmp_path_factory.mktemp("home")), None).openapi()


@pytest.fixture
def kept() -> Described:
    found: Described = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def operations(described: Described) -> Iterator[tuple[str, Described]]:
    for path, item in described["paths"].items():
        for verb, operation in item.items():
            yield f"{verb.upper()} {path}", operation


def test_the_api_is_the_one_whose_description_is_committed(described: Described) -> None:
    text = (
        json.dumps({**described, "info": {**described["info"], "version": "any"}}, ensure_ascii=False, indent=1) + "\n"
    )
    if os.environ.get(RENEW) == "1":
        KEPT.write_text(text, encoding="utf-8")
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    changes = compare_apis(kept, json.loads(text))
    assert json.loads(text) == kept, (
        f"the API is another than {KEPT.name} says\n{changes}\n"
        f"If that is meant, run this test once with {RENEW}=1 and commit the file; what breaks callers belongs in the CHANGELOG."
    )


def remove_path(api: Described) -> None:
    del api["paths"]["/v1/search"]


def remove_method(api: Described) -> None:
    del api["paths"]["/v1/documents"]["get"]


def remove_field(api: Described) -> None:
    del api["components"]["schemas"]["CitationOut"]["properties"]["quote"]


def require_field(api: Described) -> None:
    api["components"]["schemas"]["QuestionIn"]["required"].append("as_of")


def require_new_field(api: Described) -> None:
    schema = api["components"]["schemas"]["SearchIn"]
    schema["properties"]["reason"] = {"type": "string"}
    schema["required"].append("reason")


def narrow_enum(api: Described) -> None:
    kinds, _null = api["components"]["schemas"]["FiltersIn"]["properties"]["kind"]["anyOf"]
    kinds["items"]["enum"].remove("law")


def narrow_parameter(api: Described) -> None:
    (parameter,) = (it for it in api["paths"]["/v1/timeline"]["get"]["parameters"] if it["name"] == "language")
    parameter["schema"]["items"]["enum"].remove("zh")


def change_type(api: Described) -> None:
    api["components"]["schemas"]["CitationOut"]["properties"]["start"]["type"] = "string"


def make_optional(api: Described) -> None:
    api["components"]["schemas"]["AnswerOut"]["required"].remove("text")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (remove_path, "POST /v1/search was removed"),
        (remove_method, "GET /v1/documents was removed"),
        (remove_field, "CitationOut.quote was removed"),
        (require_field, "QuestionIn.as_of is now required"),
        (require_new_field, "SearchIn.reason, required"),
        (narrow_enum, "FiltersIn.kind: no longer list of 'law'"),
        (narrow_parameter, "GET /v1/timeline: parameter language: no longer list of 'zh'"),
        (change_type, "CitationOut.start: no longer integer"),
        (make_optional, "AnswerOut.text may now be missing"),
    ],
)
def test_what_breaks_callers_is_told_as_such(kept: Described, change: Callable[[Described], None], line: str) -> None:
    changed = copy.deepcopy(kept)
    change(changed)
    assert line in compare_apis(kept, changed).breaking


def test_what_is_only_added_breaks_nobody(kept: Described) -> None:
    changed = copy.deepcopy(kept)
    changed["paths"]["/v1/more"] = {"get": {"responses": {}}}
    changed["components"]["schemas"]["AnswerOut"]["properties"]["mood"] = {"type": "string"}
    changed["components"]["schemas"]["QuestionIn"]["properties"]["mood"] = {"type": "string"}
    changes = compare_apis(kept, changed)
    assert not changes.breaking
    assert set(changes.added) == {"GET /v1/more", "AnswerOut.mood", "QuestionIn.mood"}


def is_leaf(schema: Described) -> bool:
    """Whether a value has no schema of its own behind it, which would bring the examples."""
    options = schema.get("anyOf") or [schema]
    return not any("$ref" in option or "$ref" in option.get("items", {}) for option in options)


def test_every_field_has_a_description_and_every_leaf_an_example(described: Described) -> None:
    lacking = []
    for name, schema in described["components"]["schemas"].items():
        lacking += [] if schema.get("description") else [f"{name}: description"]
        for field, value in schema["properties"].items():
            lacking += [] if value.get("description") else [f"{name}.{field}: description"]
            if is_leaf(value) and "const" not in value and not value.get("examples"):
                lacking.append(f"{name}.{field}: example")
    assert not lacking


def test_every_operation_and_parameter_is_described(described: Described) -> None:
    lacking = []
    for name, operation in operations(described):
        lacking += [f"{name}: {part}" for part in ("summary", "description", "operationId") if not operation.get(part)]
        lacking += [f"{name}: {it['name']}" for it in operation.get("parameters", ()) if not it.get("description")]
        lacking += [
            f"{name}: an example of {it['name']}"
            for it in operation.get("parameters", ())
            if not it["schema"].get("examples")
        ]
        assert set(operation["tags"]) <= set(TAGS), name
    assert not lacking
    assert [tag["name"] for tag in described["tags"]] == list(TAGS)


def test_problems_have_their_own_content_type_and_nothing_is_left_of_the_frameworks(described: Described) -> None:
    assert "ValidationError" not in json.dumps(described)
    for name, operation in operations(described):
        for status, response in operation["responses"].items():
            if status < "400" or name == "GET /readyz":
                continue
            (media_type,) = response["content"]
            assert media_type == "application/problem+json", (name, status)


def test_the_description_names_servers_licence_and_how_a_key_is_sent(described: Described) -> None:
    assert described["info"]["license"]["identifier"] == "Apache-2.0"
    assert described["servers"]
    schemes = described["components"]["securitySchemes"]
    assert {name: scheme["scheme"] for name, scheme in schemes.items()} == {"Bearer": "bearer", "Basic": "basic"}
    security = {name: operation["security"] for name, operation in operations(described)}
    assert security["POST /v1/documents"] == [{"Bearer": ["ingest"]}, {"Basic": ["ingest"]}]
    assert security["POST /v1/answer"] == [{"Bearer": ["ask"]}, {"Basic": ["ask"]}, {}]
    assert security["GET /healthz"] == []


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, named in EXAMPLES.items() for name in named])
def test_every_example_of_a_body_is_answered(service: str, path: str, name: str) -> None:
    body = dict(EXAMPLES[path][name])
    if "answer_id" in body:
        asked = httpx2.post(f"{service}/v1/answer", json={"question": "How much was Alibaba fined?"}, trust_env=False)
        body["answer_id"] = asked.json()["id"]
    response = httpx2.post(service + path.format(format="markdown"), json=body, timeout=60, trust_env=False)
    assert response.status_code == (201 if path == "/v1/feedback" else 200), response.text
    if path in {"/v1/answer", "/v1/check", "/v1/search"}:
        given = response.json()
        assert given["passages"] if path == "/v1/search" else given["citations"]


def test_every_body_of_json_has_examples(described: Described) -> None:
    for name, operation in operations(described):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            assert media_type == "multipart/form-data" or content["examples"], name


def test_the_events_of_a_stream_are_described_by_what_they_hold(described: Described) -> None:
    response = described["paths"]["/v1/answer/stream"]["post"]["responses"]["200"]
    events = response["content"]["text/event-stream"]["itemSchema"]["oneOf"]
    names = [event["properties"]["event"]["const"] for event in events]
    held = [event["properties"]["data"]["contentSchema"]["$ref"].rsplit("/", 1)[-1] for event in events]
    assert dict(zip(names, held, strict=True)) == {
        "sources": "SourcesOut",
        "delta": "DeltaOut",
        "answer": "AnswerOut",
        "error": "Problem",
    }
    assert set(held) <= described["components"]["schemas"].keys()


def test_the_page_shows_calls_that_a_shell_understands(service: str) -> None:
    import html
    import re
    import shlex

    page = httpx2.get(f"{service}/docs", trust_env=False).text
    calls = [html.unescape(call) for call in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    assert len(calls) == sum(len(named) for named in EXAMPLES.values())
    for call in calls:
        words = shlex.split(call.replace("\\\n", " "))
        assert words[0] == "curl"
        assert json.loads(words[words.index("-d") + 1]) in [it for named in EXAMPLES.values() for it in named.values()]
