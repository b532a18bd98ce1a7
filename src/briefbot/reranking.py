"""An optional cross-encoder that reorders the first passages, within a budget of time (off unless configured)."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from briefbot.embedding import load_cross_encoder
from briefbot.models import ScoredPassage
from briefbot.settings import Settings

RERANKED = 20
"""First passages that are reordered; the rest keeps its order."""

BATCH = 4
"""Pairs scored between two looks at the clock."""

_log = logging.getLogger(__name__)


class Reranker:
    """Scores question and passage together, as Nogueira and Cho 2019, "Passage Re-ranking with BERT", do."""

    def __init__(self, model: Any, budget_ms: int) -> None:
        """`model` has `predict(pairs)` that returns a score for each; `budget_ms` is the longest it may take."""
        self._model = model
        self._budget_ms = budget_ms

    def reorder(self, question: str, found: Sequence[ScoredPassage]) -> list[ScoredPassage]:
        """The passages with the first ones by falling score of the cross-encoder; as they were where time runs out."""
        head, rest = list(found[:RERANKED]), list(found[RERANKED:])
        started = time.perf_counter()
        scores: list[float] = []
        for first in range(0, len(head), BATCH):
            pairs = [(question, item.passage.text) for item in head[first : first + BATCH]]
            scores += [float(value) for value in self._model.predict(pairs)]
            if 1000 * (time.perf_counter() - started) > self._budget_ms and first + BATCH < len(head):
                _log.warning("the reranker took longer than %d ms; the order stands without it", self._budget_ms)
                return list(found)
        order = sorted(range(len(head)), key=lambda row: (-scores[row], row))
        return [replace(item, rank=rank) for rank, item in enumerate([*(head[row] for row in order), *rest], start=1)]


def open_reranker(settings: Settings) -> Reranker | None:
    """The reranker that the settings name, or None; raises `ModelError` where its files are missing or damaged."""
    if settings.reranker is None:
        return None
    return Reranker(load_cross_encoder(settings.reranker), settings.reranker_budget_ms)
