"""Means and ratios with bootstrap confidence intervals, and paired differences of two runs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Ratio:
    """What one case adds to a figure that is a ratio of sums, such as F1; a plain score is a ratio over 1."""

    part: float
    whole: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval, over `count` cases."""

    mean: float
    low: float
    high: float
    count: int


def estimate(scores: Sequence[float | Ratio], *, seed: int = 0) -> Estimate | None:
    """The sum of parts over the sum of wholes, with its percentile bootstrap interval; None of nothing.

    Efron 1979, "Bootstrap methods: another look at the jackknife"; 1,000 resamples of cases. The same scores, the same interval.
    """
    import numpy as np

    ratios = [score if isinstance(score, Ratio) else Ratio(float(score), 1.0) for score in scores]
    parts = np.array([ratio.part for ratio in ratios])
    wholes = np.array([ratio.whole for ratio in ratios])
    if not ratios or wholes.sum() == 0:
        return None
    rows = np.random.default_rng(seed).integers(0, len(ratios), (RESAMPLES, len(ratios)))
    sums = wholes[rows].sum(axis=1)
    means = np.sort((parts[rows].sum(axis=1) / np.where(sums == 0, 1.0, sums))[sums != 0])
    low, high = (float(value) for value in np.quantile(means, (0.025, 0.975)))
    return Estimate(float(parts.sum() / wholes.sum()), low, high, len(ratios))


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of b less mean of a over the same cases, with its 95 % interval and the share of resamples on the other side."""

    first: float
    second: float
    low: float
    high: float
    p_value: float
    count: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def compare_paired(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Difference | None:
    """The paired bootstrap of two systems' scores on the same cases, in the same order; None of nothing.

    Koehn 2004, "Statistical significance tests for machine translation evaluation"; `p_value` is two-sided.
    Raises `ValueError` where the numbers of scores differ.
    """
    if len(first) != len(second):
        raise ValueError(f"expected as many scores of one run as of the other; got {len(first)} and {len(second)}")
    if not first:
        return None
    gaps = [after - before for before, after in zip(first, second, strict=True)]
    rng = random.Random(seed)  # noqa: S311 - resampling, not secrets
    size = len(gaps)
    means = sorted(sum(rng.choices(gaps, k=size)) / size for _ in range(RESAMPLES))
    at_or_below, at_or_above = sum(mean <= 0 for mean in means), sum(mean >= 0 for mean in means)
    return Difference(
        first=sum(first) / size,
        second=sum(second) / size,
        low=means[int(0.025 * RESAMPLES)],
        high=means[int(0.975 * RESAMPLES) - 1],
        p_value=min(1.0, 2 * min(at_or_below, at_or_above) / RESAMPLES),
        count=size,
    )
