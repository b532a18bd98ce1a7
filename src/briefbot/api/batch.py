"""POST /v1/answers: up to 50 questions in one request, each answered by itself."""

from __future__ import annotations

from fastapi import Request

from briefbot.api import schemas
from briefbot.api.admission import Leaving
from briefbot.api.desk import Desk
from briefbot.api.problems import describe_problem
from briefbot.api.routes import AtDesk, Owner, charge, make_router, stopped_with_client
from briefbot.errors import BriefbotError

batch = make_router()


@batch.post("/answers", tags=["answers"], summary="Answer several questions")
async def post_answers(body: schemas.BatchIn, desk: AtDesk, owner: Owner, request: Request) -> schemas.BatchOut:
    """One item for each question, in their order: its answer, or the problem with it; one bad question spoils no other.

    Each question counts as a request towards the limit of a key.
    """
    charge(request, len(body.questions), "questions")
    async with stopped_with_client(request) as stopped:
        items = [await _answer(desk, question, owner, stopped) for question in body.questions]
    return schemas.BatchOut(answers=items)


async def _answer(
    desk: Desk, question: schemas.QuestionIn, owner: str | None, stopped: Leaving
) -> schemas.BatchItemOut:
    try:
        answer = await desk.answer(question, owner, door="batch", stopped=stopped)
    except BriefbotError as error:
        return schemas.BatchItemOut(answer=None, problem=describe_problem(error))
    return schemas.BatchItemOut(answer=answer, problem=None)
