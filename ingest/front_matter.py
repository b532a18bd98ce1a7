"""The front matter of a corpus file as a typed schema: what each field means, what it may hold, and how it is read."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal, get_args

import yaml
from briefbot.ingest.readers.text import clean_text
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from briefbot import models
from briefbot.errors import RefusedDocumentError

Topic = Literal[
    "data", "cybersecurity", "antitrust", "platform-economy", "fintech", "overseas-listing", "audit", "education",
    "games", "minors", "ai", "algorithms", "semiconductors", "export-control", "foreign-investment", "private-economy",
    "macro-policy", "capital-markets", "venture-capital", "clean-energy", "ev", "biotech-health", "telecom", "agencies",
    "market-value", "intellectual-property", "sanctions", "competition-law", "labour", "payments", "media",
]  # fmt: skip
TOPICS: tuple[str, ...] = get_args(Topic)
GlossaryKind = Literal["agency", "city", "company", "concept", "instrument", "law", "person", "place", "slogan"]

LARGEST_FRONT_MATTER_CHARS = 60_000
"""Five times the longest of the corpus; YAML is read at about 100,000 characters a second."""

DEEPEST_YAML = 20
"""Lists and mappings inside each other; the corpus has four."""

_MOST_FAULTS = 8
"""Faults that a reason names."""


def _check_printable(text: str) -> str:
    """YAML can write as an escape what `clean_text` takes out of a file's bytes."""
    if text != clean_text(text):
        raise ValueError("expected text without control characters and invisible marks")
    return text


Identifier = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Text = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_check_printable)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s<>\"]+$", max_length=1000)]

_FENCE = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class SourceEntry(_Strict):
    """A public text that confirms facts of the document."""

    publisher: Text = Field(description="Who published it")
    title: Text = Field(description="Its title")
    url: HttpUrl | None = Field(default=None, description="Where it was read")
    date: dt.date | None = Field(default=None, description="When it was published, if it says so")
    confirms: list[Text] = Field(min_length=1, description="Which facts it confirms")


class EdgeEntry(_Strict):
    """A link to another document, with the sentence of this document's body that states it."""

    type: models.EdgeType = Field(description="What this document does to the other one")
    target: Identifier = Field(description="The other document's id")
    words: Annotated[str, Field(min_length=1, max_length=1000)] = Field(description="One exact sentence of the body")


class FrontMatter(_Strict):
    """Everything a corpus file says about its document besides the text itself; status is computed, not typed."""

    id: Identifier = Field(description="Stable identity; equals the file's name")
    kind: models.Kind = Field(description="What sort of document it is")
    title: Text = Field(description="English title; the official name for instruments")
    title_zh: Text | None = Field(default=None, description="Chinese title; the official name for instruments")
    number: Text | None = Field(default=None, description="Official document number in English")
    number_zh: Text | None = Field(default=None, description="Official document number in Chinese")
    names: list[Text] = Field(default=[], description="Short names by which sentences refer to the document's subject")
    issuer: list[Text] = Field(min_length=1, description="Codes of agencies.yaml")
    authority: models.Authority = Field(description="Rank of the text among sources")
    force: models.Force = Field(description="Whether it binds or signals")
    phase: models.Phase | None = Field(default=None, description="Phase of the policy cycle; null for background")
    stage: models.Stage = Field(default="adopted", description="draft: published for comment")
    published: dt.date = Field(description="Day it became public; for events the day it happened")
    effective_from: dt.date | None = Field(default=None, description="First day in force")
    effective_to: dt.date | None = Field(default=None, description="Last day in force, where the text fixes it")
    edges: list[EdgeEntry] = Field(default=[], description="Links to other documents of the corpus")
    topics: list[Topic] = Field(min_length=1, description="What it is about")
    companies: list[Text] = Field(default=[], description="Companies it names as parties")
    language: models.Language = Field(default="en", description="Language of the body")
    url: HttpUrl | None = Field(default=None, description="Official text, or a full translation of it")
    sources: list[SourceEntry] = Field(min_length=2, description="At least two independent sources")
    checked_on: dt.date = Field(description="Day the facts were last checked")

    @model_validator(mode="after")
    def _dates_in_order(self) -> FrontMatter:
        if self.effective_from and self.effective_to and self.effective_to < self.effective_from:
            raise ValueError(f"effective_to: expected a day from {self.effective_from} on; got {self.effective_to}")
        if self.published > self.checked_on:
            raise ValueError(f"published: expected a day up to checked_on {self.checked_on}; got {self.published}")
        return self

    def to_document(self, text: str) -> models.Document:
        """The document these fields describe, with its body text."""
        plain: dict[str, Any] = self.model_dump(exclude={"sources", "edges"})
        plain = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
        edges = tuple(models.Edge(**edge.model_dump()) for edge in self.edges)
        sources = tuple(
            models.Source(**{**source.model_dump(), "confirms": tuple(source.confirms)}) for source in self.sources
        )
        return models.Document(text=text, edges=edges, sources=sources, **plain)


class FactEntry(_Strict):
    """One amount, threshold or date of the corpus, with the exact sentence that states it."""

    class Converted(_Strict):
        """The same amount in another currency, as the same sentence states it."""

        value: float
        unit: str
        as_written: Text

    id: Identifier
    document: Identifier
    subject: Text
    what: Text
    value: dt.date | float | str
    unit: Text
    as_written: Text
    sentence: Annotated[str, Field(min_length=1, max_length=1000)]
    converted: Converted | None = None


class AgencyEntry(_Strict):
    """One issuing body, as `agencies.yaml` lists it under its code."""

    name: Text = Field(description="Official English name")
    name_zh: Text = Field(description="Official Chinese name")
    short: list[Text] = Field(default=[], description="Short names in use, in either language")
    former: list[Text] = Field(default=[], description="Names it had before, and bodies it took over")

    def all_names(self) -> tuple[str, ...]:
        """Every name of the agency, in both languages."""
        return (self.name, self.name_zh, *self.short, *self.former)


class GlossaryEntry(_Strict):
    """One name or term of the corpus in English and Chinese, with the documents that hold it."""

    id: Identifier = Field(description="Stable identity")
    kind: GlossaryKind = Field(description="What sort of thing it names")
    en: Text = Field(description="English name; the official one where there is one")
    zh: Text = Field(description="Chinese name; the official one where there is one")
    also_en: list[Text] = Field(default=[], description="Other English names in use")
    also_zh: list[Text] = Field(default=[], description="Other Chinese names in use")
    former: list[Text] = Field(default=[], description="Names it had before, in either language")
    meaning: Text = Field(description="What it is, in one sentence")
    documents: list[Identifier] = Field(min_length=1, description="Ids of documents that hold one of its names")

    def all_names(self) -> tuple[str, ...]:
        """Every name of the entry, in both languages."""
        return (self.en, self.zh, *self.also_en, *self.also_zh, *self.former)


class _SafeLoader(yaml.SafeLoader):
    """YAML without yes/no booleans, so that codes such as NO stay text, without aliases, and of little depth.

    With aliases, ten short lines can stand for a thousand million values.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node; raises `yaml.YAMLError` where it is an alias or lies too deep."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.YAMLError(f"an alias in line {event.start_mark.line + 1}; write the value out")
        if self._depth >= DEEPEST_YAML:
            raise yaml.YAMLError(f"values inside each other more than {DEEPEST_YAML} deep")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


_SafeLoader.yaml_implicit_resolvers = {
    key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


_YAML_FAULTS = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, OverflowError, RecursionError)
"""What the YAML reader raises on faulty text: besides its own error, whatever a tag's constructor meets, such as an
IndexError on `!!int ""` and an AttributeError on `!!timestamp x`."""


def load_yaml(text: str) -> Any:
    """Parse YAML text, raising `RefusedDocumentError` with line and reason where it is not YAML."""
    try:
        return yaml.load(text, Loader=_SafeLoader)  # noqa: S506 - a subclass of SafeLoader
    except _YAML_FAULTS as error:
        reason = " ".join(str(error).split())[:400]
        raise RefusedDocumentError(f"expected YAML; got {reason}; correct the file") from error


def split_front_matter(source: str) -> tuple[dict[str, Any] | None, str]:
    """Divide a Markdown file into its front matter (None where it has none) and its body without outer blank lines."""
    match = _FENCE.match(source)
    if match is None:
        return None, source.removeprefix("\ufeff").strip()
    if len(match[1]) > LARGEST_FRONT_MATTER_CHARS:
        raise RefusedDocumentError(
            f"front matter: expected at most {LARGEST_FRONT_MATTER_CHARS:,} characters; got {len(match[1]):,}; shorten it"
        )
    fields = load_yaml(match[1])
    if not isinstance(fields, dict):
        raise RefusedDocumentError(f"front matter: expected a mapping of fields; got {type(fields).__name__}")
    return fields, source[match.end() :].strip()


def describe_validation_error(error: ValidationError) -> list[tuple[str, str, str]]:
    """A pydantic error as (field, expected, got) triples, one per fault."""
    faults = []
    for fault in error.errors(include_url=False):
        field = ".".join(str(part) for part in fault["loc"]) or "front matter"
        faults.append((field, fault["msg"], _show(fault["input"])))
    return faults


def _show(value: object) -> str:
    try:
        return repr(value)[:80]
    except (ValueError, RecursionError):  # an integer of more than 4300 digits, or a list nested too deep
        return f"an unprintable {type(value).__name__}"


def parse_front_matter(fields: dict[str, Any]) -> FrontMatter:
    """Validate front matter, raising `RefusedDocumentError` that names each wrong field."""
    try:
        return FrontMatter.model_validate(fields)
    except ValidationError as error:
        found = describe_validation_error(error)
        faults = [f"{field[:80]}: {expected} (got {got})" for field, expected, got in found[:_MOST_FAULTS]]
        if len(found) > _MOST_FAULTS:
            faults.append(f"and {len(found) - _MOST_FAULTS:,} more")
        raise RefusedDocumentError(f"front matter: {'; '.join(faults)}") from error
