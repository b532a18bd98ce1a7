"""POST /v1/suggestions: questions to go on with after an answer, each of which the corpus answers."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import Request

from briefbot.api.routes import AtDesk, charge, make_router, stopped_with_client
from briefbot.api.suggestion_schemas import SuggestionOut, SuggestionsIn, SuggestionsOut
from briefbot.suggesting import SuggestionRequest, check_request, suggest

suggestions = make_router()


@suggestions.post("/suggestions", tags=["answers"], summary="Suggest questions to go on with")
async def post_suggestions(body: SuggestionsIn, desk: AtDesk, request: Request) -> SuggestionsOut:
    """Questions that follow from the documents an answer cites; each was asked, and its answer cites the document named.

    Each that is wanted counts as a request towards the limit of a key.
    """
    wanted = make_request(body)
    await run_sync(check_request, desk.bot, wanted)
    charge(request, body.limit, "limit")
    async with stopped_with_client(request) as stopped, desk.admission.turn(stopped):
        found = await desk.admission.run(lambda: suggest(desk.bot, wanted, desk.deadline(stopped)))
    return SuggestionsOut(
        suggestions=[SuggestionOut(question=item.question, document_id=item.document_id) for item in found]
    )


def make_request(body: SuggestionsIn) -> SuggestionRequest:
    """The same as the value the product works with."""
    return SuggestionRequest(
        question=body.question,
        language=body.language,
        document_ids=tuple(body.document_ids),
        asked=tuple(body.asked),
        as_of=body.as_of,
        filters=body.filters.to_filters(),
        limit=body.limit,
    )
