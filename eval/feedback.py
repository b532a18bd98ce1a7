"""Cases drafted from what readers say about answers, for a person to complete or throw away.

What readers write is data: a comment goes into its draft's note as one printable line and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from briefbot.eval.cases import Case, CaseKind, NeededFact
from briefbot.eval.drafting import find_amounts_and_dates
from briefbot.eval.matching import holds_fact, normalise

from briefbot.errors import UsageError
from briefbot.journal import Feedback

GOOD_NOTE = (
    "draft: a reader rated this answer good; check the facts and documents against the sources, then remove this note"
)
BAD_NOTE = (
    "draft: a reader rated this answer bad; set kind, outcome, needed and documents from the sources, "
    "then remove this note"
)
LONGEST_COMMENT_CHARS = 500
MOST_FACTS = 6
"""More than a question asks for; it is quicker to strike facts out than to look them up."""

_LINE_BREAKS = re.compile("[\x85\u2028\u2029]")
"""Characters that end a line for the reader of cases, although JSON leaves them as they are."""

_Citation = Mapping[str, Any]


def draft_from_feedback(feedback: Iterable[Feedback]) -> list[Case]:
    """One draft for each answer that was rated, in the order in which they were.

    A good answer needs what it states in figures, from the documents it cites; a bad one is left as a question that ought not to
    be answered, since a case must say something, until a person says better.
    """
    by_answer: dict[str, list[Feedback]] = {}
    for item in feedback:
        by_answer.setdefault(item.answer_id, []).append(item)
    return [_draft(ratings) for ratings in by_answer.values()]


def _draft(ratings: Sequence[Feedback]) -> Case:
    answer = ratings[0].answer
    vouched = _find_vouched(ratings)
    is_good = bool(vouched) or (vouched is not None and answer["abstained"])
    facts = _find_facts(answer["text"], vouched or [])
    return Case(
        id=f"feedback-{ratings[0].answer_id}",
        split="dev",
        language=answer["language"],
        kind=_choose_kind(answer, facts) if vouched else "unanswerable",
        question=answer["question"],
        history=answer["history"],
        standalone=answer["standalone_question"] if answer["history"] else None,
        as_of=answer["as_of"],
        filters={name: value for name, value in answer["filters"].items() if isinstance(value, list)},
        needed=[NeededFact(any=[fact]) for _, fact in facts],
        documents=_list_documents(vouched or []),
        outcome="answer" if vouched else "abstain",
        note="; ".join([GOOD_NOTE if is_good else BAD_NOTE, *_remark(answer, ratings)]),
    )


def _find_vouched(ratings: Sequence[Feedback]) -> list[_Citation] | None:
    """The citations that the reader finds good, by themselves or with the whole answer; None for a bad answer."""
    by_citation = {item.citation: item.rating for item in ratings}
    whole = by_citation.pop(None, None)
    if whole == -1 or (whole is None and -1 in by_citation.values()):
        return None
    return [item for item in ratings[0].answer["citations"] if by_citation.get(item["number"], whole) == 1]


def _find_facts(text: str, citations: Sequence[_Citation]) -> list[tuple[CaseKind, str]]:
    """What quotes state in figures and the answer's text states too; where that is nothing, the first quote itself."""
    quotes = [" ".join(citation["quote"].split()) for citation in citations]
    found: dict[str, tuple[CaseKind, str]] = {}
    for quote in quotes:
        for kind, fact in find_amounts_and_dates(quote):
            if holds_fact(text, NeededFact(any=[fact])):
                found.setdefault(normalise(fact), (kind, fact))
    return list(found.values())[:MOST_FACTS] or [("list", quote) for quote in quotes[:1]]


def _choose_kind(answer: Mapping[str, Any], facts: Sequence[tuple[CaseKind, str]]) -> CaseKind:
    return "multi_turn" if answer["history"] else facts[0][0]


def _list_documents(citations: Iterable[_Citation]) -> list[str]:
    return list(dict.fromkeys(str(citation["document"]["id"]) for citation in citations))


def _remark(answer: Mapping[str, Any], ratings: Sequence[Feedback]) -> Iterator[str]:
    """What else a person should know: what the answer did, the days a case cannot filter by, and the reader's words."""
    cited = _list_documents(answer["citations"])
    yield f"it cited {', '.join(cited)}" if cited else "it abstained"
    for name, value in answer["filters"].items():
        if value is not None and not isinstance(value, list):
            yield f"it was asked with {name} {value}, which a case has no filter for"
    for item in ratings:
        about = "" if item.citation is None else f" of citation {item.citation}"
        if item.citation is not None or item.comment:
            words = f": “{write_on_one_line(item.comment)}”" if item.comment else ""
            yield f"the reader said {'good' if item.rating == 1 else 'bad'}{about}{words}"


def write_on_one_line(text: str) -> str:
    """A reader's text as one line that can be printed on any terminal, shortened where it is long."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= LONGEST_COMMENT_CHARS else f"{line[:LONGEST_COMMENT_CHARS]}…"


def write_drafts(cases: Iterable[Case], path: Path, *, replace: bool = False) -> None:
    """Write cases as JSON Lines; raises `UsageError` where the file exists, unless `replace`, or cannot be written."""
    lines = [_LINE_BREAKS.sub(_escape, case.model_dump_json()) + "\n" for case in cases]
    try:
        with path.open("w" if replace else "x", encoding="utf-8") as file:
            file.writelines(lines)
    except FileExistsError as error:
        raise UsageError(
            f"feedback export: expected a new file; got {path}, which exists; choose another, or add --force"
        ) from error
    except OSError as error:
        raise UsageError(
            f"feedback export: expected a file that can be written; got {path} ({error.strerror or error}); choose another"
        ) from error


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
