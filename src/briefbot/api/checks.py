"""POST /v1/checks: a text sentence by sentence, each as a claim of its own."""

from __future__ import annotations

import re
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from briefbot.api import schemas
from briefbot.api.desk import Desk
from briefbot.api.routes import PROBLEMS, AtDesk, stopped_with_client
from briefbot.errors import UsageError
from briefbot.sentences import split_sentences
from briefbot.terms import is_chinese

MOST_CLAIMS = 20
LONGEST_TEXT_CHARS = 5000
LONGEST_CLAIM_CHARS = 2000
_LEAST_WORDS = 3
_LEAST_HAN = 6
_ASKS = re.compile(r"[?？][\"'”’」』)）]*$")
_HEADING = re.compile(r"\s*#{1,6}\s")

checks = APIRouter(prefix="/v1", responses=PROBLEMS)


class ChecksIn(schemas.In):
    """A text whose sentences are to be checked."""

    text: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        max_length=LONGEST_TEXT_CHARS,
        description="1 to 5,000 characters after trimming, in English or Chinese, at most 20 sentences",
        examples=["SAMR fined Alibaba RMB 34 billion in 2022. The fine followed an investigation."],
    )
    as_of: schemas.Day | None = Field(
        default=None, description="Check with what was published by that day", examples=["2022-01-31"]
    )
    filters: schemas.FiltersIn = Field(
        default_factory=schemas.FiltersIn, description="What the evidence may be drawn from"
    )


class CheckedClaimOut(schemas.Out):
    """A sentence of the text with its verdict: `text[start:end]`."""

    start: int = Field(description="Where it begins in the text, in code points", examples=[0])
    end: int = Field(description="Where it ends", examples=[42])
    check: schemas.CheckOut | None = Field(
        description="The verdict; none where it states nothing that could be checked"
    )


class ChecksOut(schemas.Out):
    """The sentences of a text, in their order."""

    text: str = Field(description="The text that the offsets point into", examples=["SAMR fined Alibaba in 2021."])
    claims: list[CheckedClaimOut] = Field(description="Its sentences")


@checks.post("/checks", tags=["answers"], summary="Check a text sentence by sentence")
async def post_checks(body: ChecksIn, desk: AtDesk, request: Request) -> ChecksOut:
    """What the corpus says of each sentence: borne out, contradicted, partly borne out, or not spoken of.

    Each sentence that is checked counts as a request towards the limit of a key.
    """
    text = body.text.strip()
    if not text:
        raise UsageError("text: expected 1 to 5,000 characters; got 0; send a claim", expected="1 to 5,000 characters")
    spans = split_sentences(text)
    if len(spans) > MOST_CLAIMS:
        raise UsageError(f"text: expected at most {MOST_CLAIMS} sentences; got {len(spans)}; send it in parts")
    await run_sync(desk.bot.check_filters, body.filters.to_filters())
    checkable = [can_be_checked(text[start:end]) and not is_in_heading(text, start) for start, end in spans]
    limiter = getattr(request.state, "limiter", None)
    if limiter is not None:
        limiter.charge(request.state.caller, max(1, sum(checkable)))
    claims = []
    async with stopped_with_client(request) as stopped:
        for span, is_claim in zip(spans, checkable, strict=True):
            claims.append(await _check(text, span, body, desk if is_claim and not stopped.is_set() else None))
    return ChecksOut(text=text, claims=claims)


async def _check(text: str, span: tuple[int, int], body: ChecksIn, desk: Desk | None) -> CheckedClaimOut:
    start, end = span
    claim = text[start:end]
    check = None
    if desk is not None:
        check = await desk.check(schemas.ClaimIn(claim=claim, as_of=body.as_of, filters=body.filters))
    return CheckedClaimOut(start=start, end=end, check=check)


def can_be_checked(sentence: str) -> bool:
    """Whether a sentence is long enough to state something, short enough to be a claim, and no question."""
    if len(sentence) > LONGEST_CLAIM_CHARS or _ASKS.search(sentence):
        return False
    if is_chinese(sentence):
        return sum(is_chinese(character) for character in sentence) >= _LEAST_HAN
    return len(re.findall(r"\w+", sentence)) >= _LEAST_WORDS


def is_in_heading(text: str, at: int) -> bool:
    """Whether the line at an offset is a heading in Markdown."""
    return bool(_HEADING.match(text[text.rfind("\n", 0, at) + 1 : at]))
