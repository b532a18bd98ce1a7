"""How much of a question's words a passage holds: BM25 as a share of what a passage could reach, and the terms worth looking up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

K1 = 1.2
B = 0.75
"""Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond"; the constants SQLite's FTS5 has."""

POSTINGS = 4000
"""Passages that full-text search may look at for one question: rare words first, so that the work does not grow with the corpus."""


class TermWeights:
    """The weights of a question's terms in a corpus of `passages` passages: rare terms weigh more, unknown ones most."""

    def __init__(self, terms: Sequence[str], frequencies: Mapping[str, int], passages: int) -> None:
        self._frequencies = {term: frequencies.get(term, 0) for term in terms}
        self._weights = {
            term: math.log(1.0 + (passages - held + 0.5) / (held + 0.5)) for term, held in self._frequencies.items()
        }

    def pick_rare(self) -> list[str]:
        """The terms to look up: the rarest that occur at all, as many as `POSTINGS` allows, one at the least."""
        known = sorted(
            (term for term, held in self._frequencies.items() if held), key=lambda term: (self._frequencies[term], term)
        )
        chosen: list[str] = []
        total = 0
        for term in known:
            total += self._frequencies[term]
            if chosen and total > POSTINGS:
                break
            chosen.append(term)
        return chosen

    def share(self, held: Sequence[str], typical_length: float) -> float:
        """BM25 of a passage's terms over the most that any passage could have, 0 to 1; `typical_length` in terms."""
        most = (K1 + 1.0) * sum(self._weights.values())
        if not most:
            return 0.0
        counts = Counter(filter(self._weights.__contains__, held))
        norm = K1 * (1.0 - B + B * len(held) / max(1.0, typical_length))
        found = sum(self._weights[term] * count * (K1 + 1.0) / (count + norm) for term, count in counts.items())
        return found / most
