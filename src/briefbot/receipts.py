"""Receipts: an answer as the API gives it holds all that is needed to replay it, offline, on this or a later corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from briefbot.answering import Briefbot
from briefbot.api.schemas import AnswerOut, CitationOut, FiltersIn
from briefbot.errors import UsageError
from briefbot.models import Turn
from briefbot.verification import read_statements

Drift = Literal["same", "sources_changed", "answer_changed"]


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of an answer: `details` has a line for each difference, and is empty where there is none."""

    drift: Drift
    details: tuple[str, ...]
    corpus_version_then: str
    corpus_version_now: str


def read_receipt(path: Path) -> AnswerOut:
    """The answer in a file, as `briefbot ask --json` and `POST /v1/answer` give it; raises `UsageError` for anything else."""
    try:
        return AnswerOut.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"expected an answer's JSON; got {path} ({error.strerror}); check the path") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: expected an answer's JSON; got {error}; save it with `briefbot ask --json`"
        ) from error
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise UsageError(
            f"{path}: {field}: {fault['msg']}; expected an answer as `briefbot ask --json` prints it"
        ) from error


def replay(bot: Briefbot, receipt: AnswerOut) -> Replay:
    """Look the quotes up again and answer the question again.

    What a model wrote is not written again, but checked against its quotes again.
    """
    gone = [line for citation in receipt.citations for line in _compare_source(bot, citation)]
    details = gone or list(_compare_answer(bot, receipt))
    drift: Drift = "sources_changed" if gone else "answer_changed" if details else "same"
    return Replay(drift, tuple(details), receipt.corpus_version, bot.corpus.version())


def _compare_source(bot: Briefbot, citation: CitationOut) -> Iterator[str]:
    document = bot.corpus.catalogue().documents.get(citation.document.id)
    if document is None:
        yield f"[{citation.number}] {citation.document.id}: no longer in the corpus"
    elif document.text[citation.start : citation.end] != citation.quote:
        yield f"[{citation.number}] {citation.document.id}: the quoted words no longer stand at {citation.start}"


def _compare_answer(bot: Briefbot, receipt: AnswerOut) -> Iterator[str]:
    catalogue = bot.corpus.catalogue()
    for citation in receipt.citations:
        status = catalogue.status_of(catalogue.documents[citation.document.id], receipt.as_of)
        if status != citation.document.status:
            yield f"[{citation.number}] {citation.document.id}: status {citation.document.status} then, {status} now"
    if receipt.mode == "generative":
        yield from _check_again(bot, receipt)
        return
    filters = FiltersIn.model_validate(receipt.filters.model_dump(exclude_none=True)).to_filters()
    history = [Turn(turn.role, turn.content) for turn in receipt.history]
    again = AnswerOut.of(
        bot.ask(receipt.question, history=history, as_of=receipt.as_of, filters=filters, mode="extractive")
    )
    if again.abstained != receipt.abstained:
        yield "abstained then, answered now" if receipt.abstained else "answered then, abstained now"
    elif again.text != receipt.text and not receipt.abstained:
        cited = {(item.document.id, item.start) for item in receipt.citations}
        new = {(item.document.id, item.start) for item in again.citations}
        for document, start in sorted(cited - new):
            yield f"{document}: the sentence at {start} was cited then, and is not now"
        for document, start in sorted(new - cited):
            yield f"{document}: the sentence at {start} is cited now, and was not then"
        if cited == new:
            yield "the same sentences are put together in another way"


def _check_again(bot: Briefbot, receipt: AnswerOut) -> Iterator[str]:
    quotes = {citation.number: citation.quote for citation in receipt.citations}
    for statement in receipt.statements:
        evidence = [quotes[number] for number in statement.citations]
        bare = " ".join(item.text for item in read_statements(statement.text))
        faults = bot.verifier.find_faults(bare, evidence) if statement.support == "checked" else []
        if faults:
            yield f"{statement.text!r}: no longer borne out by its quotes ({faults[0].kind})"
