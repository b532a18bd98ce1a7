"""GET /v1/compare: two documents part by part; and GET /v1/documents/{id}/versions: what an instrument was before and became."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Query, Request

from briefbot.api.comparing import CompareOut, CompareQuery, VersionsOut, compare_documents, list_versions
from briefbot.api.routes import AtDesk, DocumentId, make_router, stopped_with_client

comparisons = make_router(tags=["corpus"])


@comparisons.get("/compare", summary="Compare two documents part by part")
async def get_comparison(query: Annotated[CompareQuery, Query()], desk: AtDesk, request: Request) -> CompareOut:
    """The articles or sections of two documents, paired by what they say, with the words that differ.

    Takes `left` and `right`, or `document`, `from` and `to`: the versions of that instrument that stood on these days.
    """
    async with stopped_with_client(request) as stopped, desk.admission.turn(stopped):
        return await desk.admission.run(lambda: compare_documents(desk.bot.corpus.catalogue(), query))


@comparisons.get("/documents/{document_id}/versions", summary="The versions of an instrument")
async def get_versions(document_id: DocumentId, desk: AtDesk) -> VersionsOut:
    """The document with its drafts, what it replaced or amended and what replaced or amended it, in its language."""
    return await run_sync(lambda: list_versions(desk.bot.corpus.catalogue(), document_id))
