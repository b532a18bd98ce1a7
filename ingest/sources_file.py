"""The catalogue of sources, `sources.yaml`: what to fetch or read, how often, and what it is.

sources:
  - url: https://example.gov.cn/rules.xml
    form: feed          # page, feed or sitemap; found out where it is left out
    every: day          # hour, day, week, month or once; each run where it is left out
    limit: 50           # pages that a feed or sitemap leads to
    issuer: [CAC]
    kind: rule
    authority: rule
    about: rule-data-export-2024   # the corpus's document on the same text
  - path: notes/**/*.pdf           # files beside this one
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal

from briefbot.ingest.front_matter import describe_validation_error, load_yaml
from briefbot.ingest.sources import Description
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from briefbot.errors import NotFoundError, RefusedDocumentError, UsageError
from briefbot.models import Authority, Kind

OFFICIAL = "official"
"""What the catalogue of the official texts behind the corpus is called on the command line."""

OFFICIAL_FILE = Path(__file__).parent / "sources.yaml"

Form = Literal["page", "feed", "sitemap"]
Period = Literal["hour", "day", "week", "month", "once"]

DEFAULT_LIMIT = 100
_PERIODS: dict[Period, dt.timedelta] = {
    "hour": dt.timedelta(hours=1),
    "day": dt.timedelta(days=1),
    "week": dt.timedelta(weeks=1),
    "month": dt.timedelta(days=30),
    "once": dt.timedelta.max,
}
_Line = Annotated[str, Field(min_length=1, max_length=400)]


class ListedSource(BaseModel):
    """One entry of a catalogue: an address or a path, how often it is asked, and what its documents are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(pattern="^https?://", max_length=2000, description="Address to fetch")] | None = None
    path: _Line | None = Field(default=None, description="File, folder or pattern, from the catalogue's folder")
    form: Form | None = Field(default=None, description="What is at the address; found out where it is left out")
    every: Period | None = Field(default=None, description="Shortest time between two visits")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=10_000, description="Pages that a feed or sitemap leads to")
    title: _Line | None = Field(default=None, description="Title in the place of the page's own")
    published: dt.date | None = Field(default=None, description="Day of publication where the page names none")
    publisher: _Line | None = Field(default=None, description="Who publishes it")
    issuer: list[_Line] = Field(default=[], max_length=20, description="Codes of agencies.yaml")
    kind: Kind | None = Field(default=None, description="Kind of its documents")
    authority: Authority | None = Field(default=None, description="Rank of its documents")
    about: _Line | None = Field(default=None, description="Id of the corpus's document on the same text")

    @model_validator(mode="after")
    def _check_place(self) -> ListedSource:
        if (self.url is None) == (self.path is None):
            raise ValueError("expected a url or a path, and not both")
        return self

    def is_due(self, checked_at: str | None, moment: dt.datetime) -> bool:
        """Whether so much time has passed since it was asked last."""
        if self.every is None or not checked_at:
            return True
        return moment - dt.datetime.fromisoformat(checked_at) >= _PERIODS[self.every]

    def describe(self) -> Description:
        """What it says of its documents."""
        return Description(
            title=self.title,
            published=self.published,
            publisher=self.publisher,
            issuer=tuple(self.issuer),
            kind=self.kind,
            authority=self.authority,
            about=self.about,
        )


class _Catalogue(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sources: list[ListedSource] = Field(min_length=1, max_length=100_000)


def read_sources_file(path: Path) -> list[ListedSource]:
    """The entries of a catalogue; raises `NotFoundError`, or `UsageError` that names each wrong field."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(
            f"expected a catalogue of sources; got {path}, which does not exist; check the path"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name}: expected a text file in UTF-8; got {type(error).__name__}; check it") from error
    try:
        plain: Any = load_yaml(text)
        return _Catalogue.model_validate(plain).sources
    except RefusedDocumentError as error:
        raise UsageError(f"{path.name}: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{place}: expected {expected}; got {got}" for place, expected, got in describe_validation_error(error)[:5]
        )
        raise UsageError(f"{path.name}: {faults}; correct the catalogue") from error
