"""The API's documentation as one HTML page without scripts or outside assets, made from the OpenAPI description."""

from __future__ import annotations

import json
import shlex
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
        _render_route(path, verb, operation)
        for path, operations in openapi["paths"].items()
        for verb, operation in operations.items()
    )
    models = "".join(_render_schema(name, schema) for name, schema in schemas.items())
    tags = _table(((tag["name"], tag["description"]) for tag in openapi.get("tags", ())), ("Routes", "What for"))
    info = openapi["info"]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1>{_paragraphs(info.get('description', ''))}{tags}"
        f'<p>The machine-readable description is at <a href="/openapi.json">/openapi.json</a>.</p>'
        f"{routes}<h2>Schemas</h2>{models}</main></body></html>"
    )


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.strip().split("\n\n"))


def _render_route(path: str, verb: str, operation: Mapping[str, Any]) -> str:
    parts = [
        f'<h2><span class="verb">{verb.upper()}</span><code>{escape(path)}</code></h2>',
        f"<p><strong>{escape(operation.get('summary', ''))}.</strong> {escape(operation.get('description', ''))}</p>",
    ]
    if operation.get("parameters"):
        parts.append(_table(_parameters(operation["parameters"])))
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(_render_body(media_type, content))
        parts.extend(
            f"<p>{escape(name)}:</p><pre>{escape(_write_curl(path, verb, operation, example['value']))}</pre>"
            for name, example in content.get("examples", {}).items()
        )
    parts.extend(_render_responses(operation.get("responses", {})))
    return "".join(parts)


def _render_body(media_type: str, content: Mapping[str, Any]) -> str:
    fields = (
        (field, _type(value), value.get("description", ""))
        for field, value in content["schema"].get("properties", {}).items()
    )
    table = "" if "$ref" in content["schema"] else _table(fields)
    return f"<p>Body: {_link(media_type, content)}</p>{table}"


def _write_curl(path: str, verb: str, operation: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """A call for a shell; where a key is always needed, with one."""
    lines = [
        f"curl -X {verb.upper()} http://127.0.0.1:8000{path.replace('{format}', 'markdown')}",
        "  -H 'content-type: application/json'",
    ]
    if {} not in operation.get("security", [{}]):
        lines.append('  -H "authorization: Bearer $BRIEFBOT_API_KEY"')
    if body.get("stream") or path.endswith("/stream"):
        lines[0] = lines[0].replace("curl", "curl --no-buffer")
    return " \\\n".join([*lines, f"  -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"])


def _render_responses(responses: Mapping[str, Any]) -> Iterator[str]:
    for status, response in responses.items():
        if status < "300":
            bodies = " or ".join(_link(*item) for item in response.get("content", {}).items()) or "nothing"
            yield f"<p>Gives <code>{status}</code>: {bodies}</p>"
    problems = [
        f"<code>{status}</code> {escape(it['description'])}" for status, it in responses.items() if status >= "400"
    ]
    if problems:
        yield f"<p>Or: {'; '.join(problems)}.</p>"


def _link(media_type: str, content: Mapping[str, Any]) -> str:
    """The schema of a body, or else its content type."""
    if "$ref" not in content.get("schema", {}):
        return f"<code>{escape(media_type)}</code>"
    name = escape(_type(content["schema"]))
    return f'<a href="#{name}">{name}</a>'


def _parameters(parameters: list[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for parameter in parameters:
        schema = parameter.get("schema", {})
        yield parameter["name"], _type(schema), parameter.get("description") or schema.get("description", "")


def _render_schema(name: str, schema: Mapping[str, Any]) -> str:
    rows = (
        (field, _type(value), value.get("description", "")) for field, value in schema.get("properties", {}).items()
    )
    return f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>{_table(rows)}'


def _table(rows: Iterator[tuple[str, ...]], heads: tuple[str, ...] = ("Field", "Type", "Meaning")) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(
        f"<tr><td><code>{escape(name)}</code></td>{''.join(f'<td>{escape(text)}</td>' for text in rest)}</tr>"
        for name, *rest in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


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
