"""Scores of one ranking against what is relevant: pure, and equal to those of ir-measures (a test compares them)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence


def recall_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """The share of the relevant ids among the first `k` distinct ones (ir-measures' R@k); 0 where nothing is relevant."""
    wanted = set(relevant)
    return len(wanted.intersection(first_distinct(ranked, k))) / len(wanted) if wanted else 0.0


def success_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 where any relevant id is among the first `k` distinct ones, else 0 (ir-measures' Success@k)."""
    return float(not set(relevant).isdisjoint(first_distinct(ranked, k)))


def reciprocal_rank_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 / rank of the first relevant id among the first `k` distinct ones, else 0 (ir-measures' RR@k; its mean is MRR@k)."""
    wanted = set(relevant)
    return next((1.0 / rank for rank, id_ in enumerate(first_distinct(ranked, k), start=1) if id_ in wanted), 0.0)


def ndcg_at(ranked: Sequence[str], gains: Mapping[str, int], k: int) -> float:
    """Normalised discounted cumulative gain of the first `k` distinct ids (ir-measures' nDCG@k).

    Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques", with the gain itself as the gain and
    log2(rank + 1) as the discount, as trec_eval has them.
    """
    best = _discounted(sorted(gains.values(), reverse=True)[:k])
    return _discounted([gains.get(id_, 0) for id_ in first_distinct(ranked, k)]) / best if best > 0 else 0.0


def first_distinct(ids: Sequence[str], k: int) -> list[str]:
    """The first `k` ids, each where it stands first."""
    return list(dict.fromkeys(ids))[:k]


def _discounted(gains: Sequence[int]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
