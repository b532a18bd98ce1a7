"""Answers written by a language model: each sentence is checked against the evidence it cites before anyone sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from briefbot.composition import LONG_WORDS, Part, count_words, quote_parts
from briefbot.errors import ModelError
from briefbot.language_model import LanguageModel
from briefbot.models import Evidence, Notice, Query
from briefbot.polarity import content_units
from briefbot.support import NEARLY_ALL
from briefbot.texts import NOTICES, NoticeKind
from briefbot.verification import Verifier, WrittenStatement, read_statements


@dataclass(frozen=True, slots=True)
class Following:
    """`told` gets all parts that are final, each time there are more; `check` is called for each piece, and may raise."""

    told: Callable[[Sequence[Part]], None]
    check: Callable[[], None]


EVIDENCE_TRIED = 3
"""Sentences that a statement without a mark is held against."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Generated:
    """The parts of an answer, why a model did not write it if it did not, and the tokens it read and wrote."""

    parts: Sequence[Part]
    notice: Notice | None = None
    tokens: Mapping[str, int] = field(default_factory=dict)
    written: int = 0
    refused: int = 0
    """How many sentences the model wrote, and how many of them their evidence did not support."""


def generate(
    model: LanguageModel,
    query: Query,
    chosen: Sequence[Evidence],
    quoted: Sequence[Part],
    verifier: Verifier,
    *,
    following: Following | None = None,
) -> Generated:
    """What the model writes about the chosen evidence, as far as that supports it.

    A sentence without a mark is cited to the evidence that bears it out. One that fails is replaced by the evidence it cites, or
    dropped where it cites none. The evidence that nothing cited
    follows in its own words, as far as the length allows. Where nothing that the model wrote survives, or it fails before a
    sentence has, the quoted parts are the answer, and the notice says so. What
    `following` raises ends the work.
    """
    texts = [item.sentence.text for item in chosen]
    around = [item.passage.context for item in chosen]
    buffer, tokens, failure = "", {}, False
    done: list[WrittenStatement] = []
    parts: list[Part] = []
    refused = 0

    def settle(statements: Sequence[WrittenStatement]) -> None:
        nonlocal refused
        for statement in statements[len(done) :]:
            done.append(statement)
            supported = find_supported(statement, texts, around, verifier)
            numbers = (supported or statement).cited
            cited = [chosen[number - 1] for number in numbers if 1 <= number <= len(chosen)]
            if supported:
                parts.append(Part(statement.text, tuple(cited), "checked", query.language))
            else:
                refused += 1
                parts.extend(quote_parts(cited, query.language))
            parts[:] = dict.fromkeys(parts)
            if following and any(part.support == "checked" for part in parts):
                following.told(parts)

    try:
        for piece in model.write(query.standalone, texts, query.language):
            if following:
                following.check()
            buffer += piece.text
            if piece.completion_tokens or piece.prompt_tokens:
                tokens = {"prompt": piece.prompt_tokens, "completion": piece.completion_tokens}
            settle(read_statements(buffer)[:-1])
        settle(read_statements(buffer))
    except ModelError as error:
        _log.warning("%s", error)
        failure = True
    checked = [part for part in parts if part.support == "checked"]
    if not checked:
        kind: NoticeKind = "model_unavailable" if failure else "model_unsupported"
        return Generated(quoted, Notice(kind, NOTICES[kind][query.language]), tokens, len(done), refused)
    notice = Notice("model_interrupted", NOTICES["model_interrupted"][query.language]) if failure else None
    return Generated(_complete(parts, chosen, query), notice, tokens, len(done), refused)


def find_supported(
    statement: WrittenStatement, evidence: Sequence[str], context: Sequence[str], verifier: Verifier
) -> WrittenStatement | None:
    """The statement where its evidence bears it out, with a mark where the model left none; else None.

    Small models seldom write marks; which sentence bears a statement out is for the verifier to say, mark or not. As the model has not
    said where it has the statement from, that sentence must hold nearly all of its words.
    """
    if statement.cited:
        return statement if verifier.supports(statement, evidence, context) else None
    units = set(content_units(statement.text))
    shared = [len(units & set(content_units(text))) for text in evidence]
    nearest = sorted(range(len(evidence)), key=lambda row: (-shared[row], row))[:EVIDENCE_TRIED]
    for row in nearest:
        marked = WrittenStatement(statement.text, (row + 1,))
        if units and shared[row] >= NEARLY_ALL * len(units) and verifier.supports(marked, evidence, context):
            return marked
    return None


def _complete(parts: Sequence[Part], chosen: Sequence[Evidence], query: Query) -> list[Part]:
    """The parts, and behind them in its own words the evidence that none of them cites, as far as the length allows."""
    cited = {id(item) for part in parts for item in part.evidence}
    length = sum(count_words(part.text) for part in parts)
    whole = list(parts)
    for part in quote_parts([item for item in chosen if id(item) not in cited], query.language):
        length += count_words(part.text)
        if length > LONG_WORDS:
            break
        whole.append(part)
    return whole
