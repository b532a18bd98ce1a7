"""Reference questions: what a case may say, and how case files are read."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from briefbot.errors import NotFoundError, UsageError

CASES_FOLDER = Path(__file__).parent / "cases"
"""The cases over the bundled corpus."""

STATUSES_FILE = CASES_FOLDER / "statuses.json"
"""The legal status of the bundled documents on days, worked out by hand."""

Split = Literal["dev", "test"]
CaseKind = Literal[
    "amount", "date", "who", "list", "compare", "change", "why", "status", "as_of", "multi_turn", "unanswerable",
    "false_premise", "claim", "opinion", "injection", "typo",
]  # fmt: skip
Outcome = Literal["answer", "abstain", "correct", "supported", "contradicted", "not_found"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NeededFact(_Strict):
    """Something a right answer says, in any of these forms."""

    any: list[str] = Field(min_length=1, description="Written forms, any of which will do")


class CaseTurn(_Strict):
    """An earlier message."""

    role: Literal["user", "assistant"]
    content: str


class Case(_Strict):
    """A question with what a right answer holds, which documents say it, and which must not be cited."""

    id: str = Field(min_length=1, description="Unique name")
    split: Split = Field(description="dev: for choosing settings; test: only for measuring")
    language: Literal["en", "zh"] = Field(description="Language of the question")
    kind: CaseKind = Field(description="What sort of question it is")
    question: str = Field(min_length=1, description="The question, or the claim to be checked")
    history: list[CaseTurn] = Field(default=[], description="Earlier messages")
    standalone: str | None = Field(default=None, description="A follow-up written out in full")
    as_of: dt.date | None = Field(default=None, description="Day the question is asked as of")
    filters: dict[str, list[str]] = Field(default={}, description="Filters, as in the API")
    needed: list[NeededFact] = Field(default=[], description="Facts a right answer holds")
    documents: list[str] = Field(default=[], description="Documents that hold the needed facts, best first")
    forbidden_documents: list[str] = Field(default=[], description="Documents that must not be cited")
    outcome: Outcome = Field(description="What ought to happen")
    note: str = Field(default="", description="The author's remark")

    @model_validator(mode="after")
    def _is_whole(self) -> Case:
        if self.is_answerable and not (self.needed and self.documents):
            raise ValueError("expected needed facts and documents for a question that can be answered; got none")
        if self.outcome == "abstain" and self.needed:
            raise ValueError("expected no needed facts for a question that cannot be answered; got some")
        return self

    @property
    def is_answerable(self) -> bool:
        """Whether the corpus answers it."""
        return self.outcome in {"answer", "correct"}

    @property
    def is_claim(self) -> bool:
        """Whether it is a claim to be checked, which the answer metrics leave out."""
        return self.kind == "claim"


def find_case_files(paths: Iterable[Path] = ()) -> list[Path]:
    """The case files named, or those of the bundled corpus; raises `NotFoundError` for a path that is not there."""
    chosen = list(paths) or sorted(CASES_FOLDER.glob("*.jsonl"))
    for path in chosen:
        if not path.is_file():
            raise NotFoundError(
                f"expected a file of cases (JSON Lines); got {path}, which does not exist; check the path"
            )
    return chosen


def load_cases(paths: Iterable[Path] = (), *, split: Split | None = None) -> list[Case]:
    """Cases from JSON Lines files, in order; raises `UsageError` that names file, line and field of a faulty one."""
    cases: list[Case] = []
    seen: dict[str, str] = {}
    for path in find_case_files(paths):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            where = f"{path.name}:{number}"
            case = _parse_case(line, where)
            if case.id in seen:
                raise UsageError(
                    f"{where}: expected an id used once; got {case.id}, also at {seen[case.id]}; change one"
                )
            seen[case.id] = where
            if split is None or case.split == split:
                cases.append(case)
    return cases


def _parse_case(line: str, where: str) -> Case:
    try:
        return Case.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise UsageError(f"{where}: expected one JSON object a line; got {error}; correct the line") from error
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in fault["loc"]) or "case"
        raise UsageError(f"{where}: {field}: {fault['msg']}; correct the line") from error


def digest_cases(cases: Sequence[Case]) -> str:
    """A hash over cases, so that figures over other cases are not compared with them."""
    digest = hashlib.sha256()
    for case in sorted(cases, key=lambda item: item.id):
        digest.update(case.model_dump_json().encode() + b"\n")
    return f"sha256:{digest.hexdigest()}"


def pick_fast(cases: Sequence[Case]) -> list[Case]:
    """A smaller set for every check: all cases under filters, and of the others a third, drawn by the hash of their ids."""
    return [case for case in cases if case.filters or hashlib.sha256(case.id.encode()).digest()[0] % 3 == 0]


class StatusTable:
    """Statuses of documents on days, from a table made by hand that names every day on which one changes."""

    def __init__(self, rows: Mapping[str, Sequence[tuple[dt.date, str]]]) -> None:
        self._rows = {document: sorted(days) for document, days in rows.items()}

    def status_on(self, document: str, day: dt.date) -> str | None:
        """The status on a day: that of the latest row by then; None where the table does not say."""
        return next((status for on, status in reversed(self._rows.get(document, [])) if on <= day), None)

    @property
    def documents(self) -> frozenset[str]:
        """The documents it speaks of."""
        return frozenset(self._rows)


def load_statuses(path: Path = STATUSES_FILE) -> StatusTable:
    """The table in a file; an empty one where there is none."""
    rows: dict[str, list[tuple[dt.date, str]]] = {}
    if path.is_file():
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
            rows.setdefault(row["document"], []).append((dt.date.fromisoformat(row["on"]), row["status"]))
    return StatusTable(rows)
