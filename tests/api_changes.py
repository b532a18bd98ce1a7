"""What changed between two OpenAPI descriptions: what breaks a caller, and what was only added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Described = Mapping[str, Any]


@dataclass
class Changes:
    """Lines about what breaks callers, what was added, and what only reads differently."""

    breaking: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = (("Breaks callers", self.breaking), ("Added", self.added), ("Reads differently", self.other))
        return "\n".join(f"{title}:\n" + "\n".join(f"  {line}" for line in lines) for title, lines in parts if lines)


def compare_apis(old: Described, new: Described) -> Changes:
    """What is different in the new description."""
    changes = Changes()
    _compare_operations(old, new, changes)
    _compare_schemas(old, new, changes)
    if old != new and not (changes.breaking or changes.added or changes.other):
        changes.other.append("descriptions, examples or order")
    return changes


def _operations(api: Described) -> dict[str, Described]:
    return {f"{verb.upper()} {path}": it for path, item in api["paths"].items() for verb, it in item.items()}


def _compare_operations(old: Described, new: Described, changes: Changes) -> None:
    before, after = _operations(old), _operations(new)
    changes.breaking += [f"{name} was removed" for name in before.keys() - after.keys()]
    changes.added += [f"{name}" for name in after.keys() - before.keys()]
    for name in sorted(before.keys() & after.keys()):
        _compare_parameters(name, before[name], after[name], changes)
        _compare_responses(name, before[name], after[name], changes)
        _compare_bodies(name, before[name], after[name], changes)


def _compare_parameters(name: str, old: Described, new: Described, changes: Changes) -> None:
    before, after = ({it["name"]: it for it in op.get("parameters", ())} for op in (old, new))
    changes.breaking += [f"{name}: parameter {it} was removed" for it in before.keys() - after.keys()]
    for it in after.keys() - before.keys():
        required = after[it]["required"]
        (changes.breaking if required else changes.added).append(f"{name}: {'required ' * required}parameter {it}")
    for it in before.keys() & after.keys():
        where = f"{name}: parameter {it}"
        if after[it]["required"] and not before[it]["required"]:
            changes.breaking.append(f"{where} is now required")
        _compare_values(where, before[it]["schema"], after[it]["schema"], changes, is_sent=True)


def _compare_responses(name: str, old: Described, new: Described, changes: Changes) -> None:
    before, after = (_bodies(op["responses"]) for op in (old, new))
    changes.breaking += [f"{name}: response {it} was removed" for it in before.keys() - after.keys() if it[0] == "2"]
    changes.other += [f"{name}: response {it} was removed" for it in before.keys() - after.keys() if it[0] != "2"]
    changes.added += [f"{name}: response {it}" for it in after.keys() - before.keys()]
    for it in before.keys() & after.keys():
        _compare_values(f"{name}: response {it}", before[it], after[it], changes, is_sent=False)


def _bodies(responses: Described) -> dict[str, Described]:
    """The schema of each response, by status and content type."""
    return {
        f"{status} {media_type}".strip(): content.get("schema", {})
        for status, response in responses.items()
        for media_type, content in (response.get("content") or {"": {}}).items()
    }


def _compare_bodies(name: str, old: Described, new: Described, changes: Changes) -> None:
    before, after = (op.get("requestBody", {}).get("content", {}) for op in (old, new))
    changes.breaking += [f"{name}: body {it} was removed" for it in before.keys() - after.keys()]
    for it in after.keys() - before.keys():
        (changes.added if before else changes.breaking).append(f"{name}: body {it}")
    for it in before.keys() & after.keys():
        _compare_values(f"{name}: body {it}", before[it]["schema"], after[it]["schema"], changes, is_sent=True)


def _compare_schemas(old: Described, new: Described, changes: Changes) -> None:
    before, after = old["components"]["schemas"], new["components"]["schemas"]
    sent, given = _reach(new, is_sent=True), _reach(new, is_sent=False)
    for name in sorted(before.keys() & after.keys()):
        for is_sent, reached in ((True, sent), (False, given)):
            if name in reached:
                _compare_objects(name, before[name], after[name], changes, is_sent=is_sent)
    changes.other += [f"schema {name} is gone" for name in before.keys() - after.keys()]
    changes.added += [f"schema {name}" for name in after.keys() - before.keys()]


def _compare_objects(name: str, old: Described, new: Described, changes: Changes, *, is_sent: bool) -> None:
    before, after = old.get("properties", {}), new.get("properties", {})
    required, was_required = set(new.get("required", ())), set(old.get("required", ()))
    for it in before.keys() - after.keys():
        changes.breaking.append(f"{name}.{it} was removed")
    for it in after.keys() - before.keys():
        is_new_demand = is_sent and it in required
        (changes.breaking if is_new_demand else changes.added).append(f"{name}.{it}{', required' * is_new_demand}")
    for it in before.keys() & after.keys():
        if is_sent and it in required - was_required:
            changes.breaking.append(f"{name}.{it} is now required")
        if not is_sent and it in was_required - required:
            changes.breaking.append(f"{name}.{it} may now be missing")
        _compare_values(f"{name}.{it}", before[it], after[it], changes, is_sent=is_sent)


def _compare_values(where: str, old: Described, new: Described, changes: Changes, *, is_sent: bool) -> None:
    """What a value may be: a caller's must not get fewer choices, an answer's must not become another thing."""
    before, after = _choices(old), _choices(new)
    gone, come = before - after, after - before
    if gone:
        line = f"{where}: no longer {', '.join(sorted(gone))}"
        (changes.breaking if is_sent or not after <= before else changes.other).append(line)
    if come:
        changes.added.append(f"{where}: also {', '.join(sorted(come))}")


def _choices(schema: Described) -> set[str]:
    """The types, references and constants a schema admits, those of its items marked."""
    found: set[str] = set()
    for option in schema.get("anyOf") or schema.get("oneOf") or [schema]:
        if "$ref" in option:
            found.add(str(option["$ref"]).rsplit("/", 1)[-1])
        elif "enum" in option or "const" in option:
            found |= {repr(value) for value in option.get("enum", [option.get("const")])}
        elif option.get("type") == "array":
            found |= {f"list of {it}" for it in _choices(option.get("items", {}))}
        elif option.get("type"):
            found.add(str(option.get("format") or option["type"]))
    return found


def _reach(api: Described, *, is_sent: bool) -> set[str]:
    """The names of the schemas that callers send, or that they are given."""
    roots = (
        operation.get("requestBody", {}) if is_sent else operation["responses"]
        for operation in _operations(api).values()
    )
    found: set[str] = set()
    waiting = [name for root in roots for name in _references(root)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(api["components"]["schemas"][name])
    return found


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rsplit("/", 1)[-1]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
