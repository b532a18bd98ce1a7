"""POST /v1/checks: a text sentence by sentence, each as a claim of its own."""

from __future__ import annotations

import re

from anyio.to_thread import run_sync
from fastapi import Request

from briefbot.api.admission import Leaving
from briefbot.api.check_schemas import CheckedClaimOut, CheckOut, ChecksIn, ChecksOut, ClaimIn
from briefbot.api.desk import Desk
from briefbot.api.problems import describe_problem
from briefbot.api.routes import AtDesk, charge, make_router, stopped_with_client
from briefbot.api.schemas import Problem
from briefbot.errors import BusyError, UsageError
from briefbot.query import asks, states_something, strip_marks
from briefbot.sentences import split_sentences

MOST_CLAIMS = 20
LONGEST_CLAIM_CHARS = 2000
_HEADING = re.compile(r"\s*#{1,6}\s")

checks = make_router()


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
    charge(request, max(1, sum(checkable)), "text")
    claims: list[CheckedClaimOut] = []
    async with stopped_with_client(request) as stopped:
        for (start, end), is_claim in zip(spans, checkable, strict=True):
            claim = ClaimIn(claim=text[start:end], as_of=body.as_of, filters=body.filters) if is_claim else None
            is_first = not any(item.check for item in claims)
            check, problem = await _check(claim, desk, stopped, is_first=is_first) if claim else (None, None)
            claims.append(CheckedClaimOut(start=start, end=end, check=check, problem=problem))
    return ChecksOut(text=text, claims=claims)


async def _check(
    claim: ClaimIn, desk: Desk, stopped: Leaving, *, is_first: bool
) -> tuple[CheckOut | None, Problem | None]:
    """The verdict, or why there is none now: a sentence that finds no turn takes no verdict from those before it.

    The first one raises, so that a service that is too busy for all of them says so once.
    """
    try:
        return await desk.check(claim, stopped=stopped), None
    except BusyError as error:
        if is_first:
            raise
        return None, describe_problem(error)


def can_be_checked(sentence: str) -> bool:
    """Whether a sentence is long enough to state something, short enough to be a claim, and no question."""
    bare = strip_marks(sentence).strip()
    return len(bare) <= LONGEST_CLAIM_CHARS and states_something(bare) and not asks(bare)


def is_in_heading(text: str, at: int) -> bool:
    """Whether the line at an offset is a heading in Markdown."""
    return bool(_HEADING.match(text[text.rfind("\n", 0, at) + 1 : at]))
