"""What pydantic finds wrong with a request, in the words of this project: what was expected, and what came."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from briefbot.errors import UsageError

_RULE = re.compile(r"^(?:Value error, )?(?:\w+ should (?:be|have) )?")
"""What pydantic says before the rule itself."""

_SORTS: Mapping[str, str] = {
    "model_attributes_type": "an object",
    "model_type": "an object",
    "dict_type": "an object",
    "list_type": "a list",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "date_type": "a date as YYYY-MM-DD",
    "date_parsing": "a date as YYYY-MM-DD",
    "date_from_datetime_parsing": "a date of the calendar as YYYY-MM-DD",
    "date_from_datetime_inexact": "a date as YYYY-MM-DD",
}
_NOTHING = "nothing"


def name_fault(fault: Mapping[str, Any], model: type[BaseModel] | None) -> UsageError:
    """What pydantic found wrong with a value for `model`, as an error with the list of what exists where that is short."""
    path = fault["loc"]
    field = shorten(".".join(str(part) for part in path)) or "body"
    expected, got = _expected(fault, model), _got(fault)
    return UsageError(f"{field}: expected {expected}; got {got}; correct the request", expected=expected, got=got)


def name_json_fault(fault: Mapping[str, Any]) -> str:
    """Where a body stops being JSON, and why, as far as the parser tells."""
    reason = str((fault.get("ctx") or {}).get("error") or "")
    at = fault["loc"][-1] if isinstance(fault["loc"][-1], int) else None
    where = "" if at is None else f" at character {at}"
    return f"body: expected JSON; got something else{where}{f' ({reason})' if reason else ''}; correct the body"


def _expected(fault: Mapping[str, Any], model: type[BaseModel] | None) -> str:
    """What would have been right, with the list of what exists where a field or value is unknown."""
    kind, context = fault["type"], fault.get("ctx") or {}
    if kind == "extra_forbidden":
        return "one of the fields " + ", ".join(_fields_at(model, fault["loc"]))
    if kind == "missing":
        return "a value"
    if kind in {"too_short", "too_long"}:
        few, number = kind == "too_short", context.get("min_length", context.get("max_length"))
        return f"{'at least' if few else 'at most'} {number} item{'' if number == 1 else 's'}"
    if "UploadFile" in fault["msg"]:
        return "a file"
    return _SORTS.get(kind) or str(context.get("expected") or _RULE.sub("", fault["msg"]))


def _got(fault: Mapping[str, Any]) -> str:
    kind, value = fault["type"], fault.get("input")
    if kind == "extra_forbidden":
        return shorten(fault["loc"][-1])
    if kind == "missing" or (value is None and not fault["loc"]):
        return _NOTHING
    if kind == "order":
        return str((fault.get("ctx") or {})["got"])
    if kind in {"too_short", "too_long"}:
        return str((fault.get("ctx") or {}).get("actual_length", shorten(value)))
    if "UploadFile" in fault["msg"]:
        return "a text"
    return shorten(value)


def _fields_at(model: type[BaseModel] | None, path: Sequence[str | int]) -> list[str]:
    """The fields that exist where an unknown one was sent: `path` is the way there, and its name."""
    for part in path[:-1]:
        field = model.model_fields.get(str(part)) if model else None
        model = (find_model(field.annotation) if field else None) or model
    return sorted(field.alias or name for name, field in model.model_fields.items()) if model else []


def find_model(annotation: object) -> type[BaseModel] | None:
    """The first model in a type: of a list its items', of a union the one among its choices."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := find_model(inner))), None)


def shorten(value: object) -> str:
    """A value as it can be shown; JSON nests deeper than `str` can follow."""
    text = make_sendable(value if isinstance(value, str) else reprlib.repr(value))
    return text if len(text) <= 80 else f"{text[:80]}… ({len(text):,} characters)"


def make_sendable(text: str) -> str:
    """Half of a surrogate pair, which JSON can escape, has no UTF-8."""
    return text.encode(errors="replace").decode()
