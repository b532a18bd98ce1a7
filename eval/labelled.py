"""Labelled rows in JSON Lines files, each checked against its model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from briefbot.errors import UsageError

Row = TypeVar("Row", bound=BaseModel)


def read_rows(path: Path, model: type[Row]) -> list[Row]:
    """The rows of a file, in order; raises `UsageError` that names the file, or the line at fault."""
    name = model.__name__.lower()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"expected a file of {name}s (JSON Lines); got {path} ({error.strerror}); check it") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(model.model_validate(json.loads(line)))
        except (json.JSONDecodeError, ValidationError) as error:
            shown = str(error).splitlines()[0]
            raise UsageError(f"{path}:{number}: expected a {name}; got {shown}; correct the line") from error
    return rows
