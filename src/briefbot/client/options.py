"""What can be said of a question, a search or a list, and the forms in which it may be given."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from briefbot.api.schemas import AnswerOut, FiltersIn, QuestionIn, TurnIn
from briefbot.models import Filters, Mode, Phase, Turn

Day: TypeAlias = dt.date | str
AnyFilters: TypeAlias = FiltersIn | Filters | Mapping[str, Any]
AnyTurn: TypeAlias = TurnIn | Turn | Mapping[str, str]
AnyQuestion: TypeAlias = str | QuestionIn | Mapping[str, Any]
AnyAnswer: TypeAlias = AnswerOut | Mapping[str, Any]
AnyPath: TypeAlias = str | os.PathLike[str]
ExportFormat: TypeAlias = Literal["markdown", "docx"]


class SearchOptions(TypedDict, total=False):
    """What the evidence may be drawn from."""

    as_of: Day | None
    """Only what was published by that day."""
    filters: AnyFilters | None
    """Fields of `FiltersIn`; one that is left out restricts nothing."""


class AnswerOptions(SearchOptions, total=False):
    """How a question is to be answered."""

    mode: Mode
    """Who writes: the sources' own sentences (`extractive`), a model (`generative`), or as the service can (`auto`)."""


class QuestionOptions(AnswerOptions, total=False):
    """How a question is to be answered, and what was said before it."""

    history: Sequence[AnyTurn]
    """Earlier messages, oldest first; not beside `conversation_id`."""
    conversation_id: str | None
    """A conversation, which gives the earlier messages and keeps the answer."""


class ListOptions(SearchOptions, total=False):
    """Which part of a list is wanted."""

    limit: int
    """How many on a page."""
    offset: int
    """How many before the page."""


class TimelineOptions(ListOptions, total=False):
    """Which events are wanted."""

    since: Day | None
    """Earliest day."""
    until: Day | None
    """Latest day."""
    phase: Sequence[Phase]
    """Phases of the policy."""
