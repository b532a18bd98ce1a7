"""Filters as the command line takes them: `--filter FIELD=VALUE`, as often as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_origin

from pydantic import ValidationError

from briefbot.api.faults import name_fault
from briefbot.api.schemas import FiltersQuery
from briefbot.errors import UsageError
from briefbot.models import Filters


def read_filters(given: Sequence[str]) -> Filters:
    """The filters; raises `UsageError` for what is no filter. Whether the corpus has such a value is for `Briefbot` to say."""
    values: dict[str, Any] = {}
    for item in given:
        name, equals, value = (part.strip() for part in item.partition("="))
        field = FiltersQuery.model_fields.get(name)
        if not equals or field is None:
            known = ", ".join(FiltersQuery.model_fields)
            raise UsageError(
                f"--filter: expected FIELD=VALUE with one of the fields {known}; got {item[:80]}; correct it"
            )
        if get_origin(field.annotation) is list:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise UsageError(f"--filter: expected {name} once; got it twice; leave one out")
        else:
            values[name] = value
    try:
        return FiltersQuery.model_validate(values).to_filters()
    except ValidationError as error:
        raise name_fault(dict(error.errors(include_url=False)[0]), FiltersQuery) from error
