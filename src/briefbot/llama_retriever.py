"""briefbot's retrieval as a LlamaIndex retriever, for pipelines that are built with LlamaIndex."""

from __future__ import annotations

import datetime as dt
from typing import Any

from llama_index.core.callbacks.base import CallbackManager
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from briefbot.answering import Briefbot
from briefbot.models import Filters, ScoredPassage


class BriefbotRetriever(BaseRetriever):  # type: ignore[misc]  # untyped library
    """Passages of an open `Briefbot` as nodes, with their spans and documents as metadata."""

    def __init__(
        self,
        bot: Briefbot,
        *,
        top_k: int = 10,
        as_of: dt.date | None = None,
        filters: Filters | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        self._bot = bot
        self._top_k = top_k
        self._as_of = as_of
        self._filters = filters
        super().__init__(callback_manager=callback_manager)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._bot.search(query_bundle.query_str, top_k=self._top_k, as_of=self._as_of, filters=self._filters)
        return [NodeWithScore(node=self._make_node(item), score=item.score) for item in found]

    def _make_node(self, found: ScoredPassage) -> TextNode:
        passage = found.passage
        document = self._bot.corpus.catalogue().documents[passage.document_id]
        metadata: dict[str, Any] = {
            "document_id": document.id,
            "title": document.title,
            "published": document.published.isoformat() if document.published else None,
            "locator": passage.locator,
            "start": passage.start,
            "end": passage.end,
        }
        return TextNode(
            id_=passage.id, text=passage.text, metadata=metadata, excluded_embed_metadata_keys=list(metadata)
        )
