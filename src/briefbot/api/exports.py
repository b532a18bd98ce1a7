"""POST /v1/export/{format}: answers as files to read and pass on; nothing is kept here, and no corpus is needed."""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Path, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from briefbot.api.routes import make_router
from briefbot.api.schemas import AnswerOut, In
from briefbot.catalogue import china_today
from briefbot.docx_export import write_docx
from briefbot.markdown_export import write_markdown

Format = Literal["markdown", "docx"]

LARGEST_EXPORT_BYTES = 4_000_000
"""Fifty answers of the bundled corpus take 0.3 MB."""

_MARKDOWN = "text/markdown; charset=utf-8"
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_LONGEST_SLUG_CHARS = 60

_FORMATS: Mapping[Format, tuple[str, str, Callable[[Sequence[AnswerOut]], str | bytes]]] = {
    "markdown": (".md", _MARKDOWN, write_markdown),
    "docx": (".docx", _DOCX, write_docx),
}
"""Each format with the ending of its files, its media type, and what writes it."""

_FILE: dict[str, Any] = {
    "description": "The file: each question with its answer, and a footnote with the exact words for each citation",
    "headers": {"Content-Disposition": {"description": "A name for the file", "schema": {"type": "string"}}},
    "content": {
        _MARKDOWN: {
            "schema": {"type": "string"},
            "example": "# What was fined?\n\nThe regulator fined a company[^1].\n",
        },
        _DOCX: {"schema": {"type": "string", "format": "binary"}},
    },
}


class ExportIn(In):
    """Answers that go into one file, in their order."""

    answers: list[AnswerOut] = Field(
        min_length=1, max_length=50, description="1 to 50 answers, as `POST /v1/answer` gives them"
    )

    @field_validator("answers", mode="before")
    @classmethod
    def _check_types(cls, value: object) -> object:
        """A result is read as strictly as it is described: a number is no day, and a text no number."""
        for number, item in enumerate(value if isinstance(value, list) else ()):
            try:
                AnswerOut.model_validate_json(json.dumps(item), strict=True)
            except ValidationError as error:
                fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
                place = ".".join(str(part) for part in (number, *fault["loc"]))
                said = f"an answer as POST /v1/answer gives it ({place}: {fault['msg']})"
                raise PydanticCustomError("answer", "expected {expected}", {"expected": said}) from error
        return value


exports = make_router()

WantedFormat = Annotated[Format, Path(alias="format", description="The format of the file", examples=["markdown"])]


@exports.post(
    "/export/{format}",
    tags=["answers"],
    summary="Export answers as a file",
    response_class=Response,
    responses={200: _FILE},
    max_body_size=LARGEST_EXPORT_BYTES,
)
async def post_export(wanted: WantedFormat, body: ExportIn) -> Response:
    """The answers as Markdown or as a Word document, with a footnote for each citation, numbered through.

    Nothing is looked up and nothing is kept: the file holds what is sent.
    """
    ending, media_type, write = _FORMATS[wanted]
    content = await run_in_threadpool(write, body.answers)
    name = name_file(body.answers[0].question, body.answers[0].as_of or china_today())
    headers = {"Content-Disposition": describe_attachment(f"{name}{ending}")}
    return Response(content, media_type=media_type, headers=headers)


def name_file(question: str, day: dt.date) -> str:
    """A file's name without its ending, of the day and the letters and digits of a question in any script."""
    folded = unicodedata.normalize("NFKC", question).lower()
    words = [word for word in re.split(r"[\W_]+", folded) if word]
    slug = "-".join(words)[:_LONGEST_SLUG_CHARS].rstrip("-")
    return "-".join(part for part in ("briefbot", day.isoformat(), slug) if part)


def describe_attachment(name: str) -> str:
    """The header for a file to save under a name: in ASCII for old readers, and after RFC 5987 in full."""
    stem, dot, ending = name.rpartition(".")
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    plain = re.sub(r"-{2,}", "-", plain).strip("-")
    return f"attachment; filename=\"{plain}{dot}{ending}\"; filename*=UTF-8''{quote(name, safe='')}"
