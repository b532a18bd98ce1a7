"""The OpenAPI description: FastAPI's own, with problems, keys, tags and examples as this service really has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from briefbot.api import schemas
from briefbot.api.access import needed_scope
from briefbot.api.problems import MEDIA_TYPE
from briefbot.keys import Scope

TAGS: Mapping[str, str] = {
    "answers": "Questions answered with citations, claims checked, passages found.",
    "corpus": "What is answered from: documents with their dates, links and sources.",
    "conversations": "What is kept: conversations, answers, and what readers say about answers. A key sees only its own.",
    "OpenAI-compatible": "The same answers for clients and tools that speak OpenAI's API; errors have its shape as well.",
    "health": "Whether the service lives and can answer, and its numbers.",
}
"""Each tag of an operation with what it holds, in the order of the page."""

_ANSWER: Mapping[str, Any] = {
    "id": "ans_5c1f0e",
    "question": "Who was fined?",
    "standalone_question": "Who was fined?",
    "language": "en",
    "mode": "extractive",
    "as_of": None,
    "filters": {},
    "abstained": False,
    "abstention_reason": None,
    "text": "The regulator fined a company in 2021 [1].",
    "statements": [
        {
            "text": "The regulator fined a company in 2021 [1].",
            "start": 0,
            "end": 42,
            "citations": [1],
            "support": "verbatim",
        }
    ],
    "citations": [
        {
            "number": 1,
            "passage_id": "event-fine:340faf93d171c108",
            "quote": "The regulator fined a company in 2021.",
            "start": 0,
            "end": 38,
            "locator": "",
            "document": {
                "id": "event-fine", "title": "A fine", "title_zh": None, "kind": "event", "issuer": ["SAMR"],
                "authority": "enforcement", "force": "signal", "phase": None, "stage": "adopted", "number": None,
                "number_zh": None, "published": "2021-04-10", "effective_from": None, "effective_to": None, "status": "final",
                "language": "en", "topics": [], "companies": [], "url": None,
            },
        }
    ],
    "notices": [],
    "confidence": 0.93,
    "corpus_version": "sha256:9f2c",
    "timings_ms": {"total": 47.5},
    "tokens": {},
}  # fmt: skip
"""An answer as this API gives them."""

EXAMPLES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "/v1/answer": {
        "A question": {"question": "How much was Alibaba fined in April 2021, and by whom?"},
        "In Chinese, from laws only": {
            "question": "个人信息保护法从什么时候开始施行？",
            "filters": {"kind": ["law"], "language": ["zh"]},
        },
        "With what was said before, as of a day": {
            "question": "And what happened to it afterwards?",
            "history": [{"role": "user", "content": "Why was Didi investigated?"}],
            "as_of": "2022-01-31",
            "mode": "extractive",
        },
    },
    "/v1/answer/stream": {"A question": {"question": "What changed between the 2008 and 2022 Anti-Monopoly Law?"}},
    "/v1/answers": {
        "Two questions": {
            "questions": [
                {"question": "Who reviews the cybersecurity of network platforms?"},
                {"question": "什么是重要数据？", "as_of": "2023-12-31"},
            ]
        }
    },
    "/v1/check": {
        "A claim that is wrong": {"claim": "SAMR fined Alibaba RMB 34 billion in 2021."},
        "A claim as of a day": {"claim": "The Personal Information Protection Law is in force.", "as_of": "2021-10-31"},
    },
    "/v1/checks": {
        "A paragraph": {
            "text": "SAMR fined Alibaba RMB 34 billion in 2021. The Personal Information Protection Law took effect in 2021."
        }
    },
    "/v1/suggestions": {
        "After an answer": {
            "question": "How much was Alibaba fined?",
            "document_ids": ["event-2021-04-10-alibaba-fined"],
            "language": "en",
        }
    },
    "/v1/export/{format}": {"An answer": {"answers": [_ANSWER]}},
    "/v1/search": {
        "In Chinese": {"query": "数据出境安全评估", "top_k": 5},
        "Rules of one body": {
            "query": "algorithm filing",
            "filters": {"issuer": ["CAC"], "published_from": "2021-01-01"},
        },
    },
    "/v1/feedback": {
        "About one citation": {
            "answer_id": "ans_5c1f0e",
            "rating": -1,
            "citation": 1,
            "comment": "The quote is about another company.",
        }
    },
    "/v1/chat/completions": {
        "A question": {
            "model": "briefbot",
            "messages": [{"role": "user", "content": "How much was Alibaba fined in April 2021?"}],
        },
        "As of a day, as a stream": {
            "model": "briefbot-extractive",
            "messages": [{"role": "user", "content": "What happened to Didi?"}],
            "stream": True,
            "briefbot": {"as_of": "2022-01-31"},
        },
    },
}
"""Bodies that are answered with the bundled corpus; the answer that is rated has an id of its own each time."""

_DESCRIPTION = """\
Cited, dated, bilingual answers from a briefing corpus on China's technology policy.

Where the service asks for a key, send it as `Authorization: Bearer KEY`, or as the password of HTTP Basic with any user
name. Whatever goes wrong is told as problem details after RFC 9457, in `application/problem+json`.
"""
_SCHEMES: Mapping[str, Mapping[str, str]] = {
    "Bearer": {"type": "http", "scheme": "bearer", "description": "A key of this service, from `briefbot key create`"},
    "Basic": {"type": "http", "scheme": "basic", "description": "Any user name, and the key as the password"},
}
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "401": {"WWW-Authenticate": {"description": "How a key is sent", "schema": {"type": "string"}}},
    "429": {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "string", "pattern": "^[0-9]+$"}}},
    "503": {
        "Retry-After": {
            "description": "Seconds to wait, where trying again may help",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }
    },
}
_UNUSED = ("HTTPValidationError", "ValidationError")
"""What FastAPI answers malformed requests with where nobody says otherwise."""

_IDS = frozenset({"answer_id", "conversation_id", "model", "document_ids", "left", "right"})
_EVENTS: Mapping[str, type[BaseModel]] = {
    "sources": schemas.SourcesOut,
    "delta": schemas.DeltaOut,
    "answer": schemas.AnswerOut,
    "error": schemas.Problem,
}
_REF = "#/components/schemas/{model}"


def describe_api(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 description of an app that `create_app` made; the same dictionary at every call."""
    if app.openapi_schema is None:
        app.openapi_schema = _describe(app)
    return app.openapi_schema


def name_operation(route: APIRoute) -> str:
    """The id of an operation, which generated clients name their methods by."""
    return route.name


def _describe(app: FastAPI) -> dict[str, Any]:
    described = get_openapi(
        title=app.title,
        version=app.version,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        servers=[{"url": "/", "description": "This service"}],
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
    )
    components = described["components"]
    found = {**_event_schemas(), **components["schemas"]}
    for path, item in described["paths"].items():
        for verb, operation in item.items():
            _describe_body(path, operation, found)
            _describe_problems(operation, found)
            _describe_keys(operation, needed_scope(verb.upper(), path))
    _describe_stream(described["paths"]["/v1/answer/stream"]["post"])
    components["schemas"] = {name: found[name] for name in sorted(found) if name not in _UNUSED}
    components["securitySchemes"] = {name: dict(scheme) for name, scheme in _SCHEMES.items()}
    return described


def _event_schemas() -> dict[str, Any]:
    """The schemas of what a stream's events hold."""
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "serialization") for model in _EVENTS.values()]
    _, found = models_json_schema(modes, ref_template=_REF)
    definitions: dict[str, Any] = found["$defs"]
    return definitions


def _describe_body(path: str, operation: dict[str, Any], found: dict[str, Any]) -> None:
    """Examples for JSON; a form's schema, which has no name of its own, at its place."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == "application/json":
            content["examples"] = {name: {"value": value} for name, value in EXAMPLES[path].items()}
        else:
            content["schema"] = found.pop(_name(content["schema"]))


def _describe_problems(operation: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Problems under their own content type, and only those that can come: FastAPI has them like any other response."""
    impossible = _impossible(operation, found)
    responses = {
        status: response
        for status, response in sorted(operation["responses"].items())
        if status not in impossible and _UNUSED[0] not in str(response)
    }
    for status, response in responses.items():
        schema: dict[str, Any] = next(
            (content.get("schema", {}) for content in response.get("content", {}).values()), {}
        )
        if _name(schema).endswith("Problem"):
            response["content"] = {MEDIA_TYPE: {"schema": schema}}
            response.update({"headers": dict(_HEADERS[status])} if status in _HEADERS else {})
    operation["responses"] = responses


def _impossible(operation: Mapping[str, Any], found: Mapping[str, Any]) -> set[str]:
    """Statuses an operation cannot have: of a body where it takes none, of a missing thing where it names none."""
    sent = operation.get("requestBody", {}).get("content", {})
    contents = sent.values()
    fields = {field for it in contents for field in found.get(_name(it["schema"]), {}).get("properties", {})}
    parameters = operation.get("parameters", ())
    names_something = fields & _IDS or any(it["in"] == "path" or it["name"] in _IDS for it in parameters)
    unread = set() if contents else {"400", "408", "413"}
    return (set() if names_something else {"404"}) | unread | (set() if "application/json" in sent else {"415"})


def _describe_keys(operation: dict[str, Any], needed: Scope | None) -> None:
    """Which key is wanted: a service that is open asks for none but where something is changed for everybody."""
    if needed is None:
        operation["security"] = []
        return
    keys: list[dict[str, list[str]]] = [{name: [needed]} for name in _SCHEMES]
    operation["security"] = keys if needed == "ingest" else [*keys, {}]


def _describe_stream(operation: dict[str, Any]) -> None:
    """The events of a stream, with what each of them holds."""
    content = operation["responses"]["200"]["content"]["text/event-stream"]
    content["itemSchema"] = {"oneOf": [_describe_event(name, model) for name, model in _EVENTS.items()]}


def _describe_event(name: str, model: type[BaseModel]) -> dict[str, Any]:
    data = {"$ref": _REF.format(model=model.__name__)}
    return {
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"const": name},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data},
        },
    }


def _name(schema: Mapping[str, Any]) -> str:
    """The name of the schema that another one refers to; nothing where it refers to none."""
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]
