"""The API's documentation as one HTML page without scripts or outside assets, made from the OpenAPI description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.6 system-ui, "Noto Sans SC", sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
code, pre { font: 14px/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
.verb { font-weight: 700; margin-right: .5rem; }
"""


def render_docs(openapi: Mapping[str, Any]) -> str:
    """An HTML page that lists every route with its fields and an example call."""
    schemas = openapi.get("components", {}).get("schemas", {})
    routes = "".join(
        _render_route(path, verb, operation, schemas)
        for path, operations in openapi["paths"].items()
        for verb, operation in operations.items()
    )
    models = "".join(_render_schema(name, schema) for name, schema in schemas.items())
    info = openapi["info"]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info.get('description', ''))} "
        f'The machine-readable description is at <a href="/openapi.json">/openapi.json</a>.</p>'
        f"{routes}<h2>Schemas</h2>{models}</main></body></html>"
    )


def _render_route(path: str, verb: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = body.get("$ref", "").rsplit("/", 1)[-1]
    parts = [
        f'<h2><span class="verb">{verb.upper()}</span><code>{escape(path)}</code></h2>',
        f"<p><strong>{escape(operation.get('summary', ''))}.</strong> {escape(operation.get('description', ''))}</p>",
    ]
    if operation.get("parameters"):
        parts.append(_table(_parameters(operation["parameters"])))
    if name:
        example = json.dumps(_example(schemas[name]), ensure_ascii=False)
        parts.append(f'<p>Body: <a href="#{name}">{name}</a></p>')
        parts.append(
            "<pre>"
            + escape(
                f"curl -X {verb.upper()} http://127.0.0.1:8000{path} \\\n"
                f"  -H 'content-type: application/json' \\\n  -d '{example}'"
            )
            + "</pre>"
        )
    return "".join(parts)


def _parameters(parameters: list[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for parameter in parameters:
        schema = parameter.get("schema", {})
        yield parameter["name"], _type(schema), parameter.get("description") or schema.get("description", "")


def _render_schema(name: str, schema: Mapping[str, Any]) -> str:
    rows = (
        (field, _type(value), value.get("description", "")) for field, value in schema.get("properties", {}).items()
    )
    return f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>{_table(rows)}'


def _table(rows: Iterator[tuple[str, str, str]]) -> str:
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(type_)}</td><td>{escape(text)}</td></tr>"
        for name, type_, text in rows
    )
    return f"<table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>{cells}</tbody></table>"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or schema.get("const") or "any")


def _example(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The required fields of a body with their examples."""
    return {field: (schema["properties"][field].get("examples") or ["…"])[0] for field in schema.get("required", ())}
