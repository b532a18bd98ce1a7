"""How much of a question's words a passage holds: BM25 as a share of what a passage could reach, and the terms worth looking up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

K1 = 1.2
B = 0.75
"""Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond"; the constants SQLite's FTS5 has."""

POSTINGS = 500
"""Passages that full-text search may look at for one question: rare words first, so that the work does not grow with the corpus."""


class TermWeights:
    """The weights of a question's terms in a corpus of `passages` passages: rare terms weigh more, unknown ones most."""

    def __init__(self, terms: Sequence[str], frequencies: Mapping[str, int], passages: int) -> None:
        self._passages = passages
        self._frequencies = {term: frequencies.get(term, 0) for term in terms}
        self._weights = {
            term: math.log(1.0 + (passages - held + 0.5) / (held + 0.5)) for term, held in self._frequencies.items()
        }

    def pick_rare(self) -> list[list[str]]:
        """What to look up, as alternatives of terms that must occur together.

        The rarest terms that occur at all, each by itself, as many as `POSTINGS` allows; where the rarest occurs in more
        passages than that, it and the next rarest together, until few enough passages can be expected to hold them all.
        """
        known = sorted(
            (term for term, held in self._frequencies.items() if held), key=lambda term: (self._frequencies[term], term)
        )
        if known and self._frequencies[known[0]] > POSTINGS:
            return [self._join_common(known)]
        chosen: list[list[str]] = []
        total = 0
        for term in known:
            total += self._frequencies[term]
            if total > POSTINGS:
                break
            chosen.append([term])
        return chosen

    def _join_common(self, known: Sequence[str]) -> list[str]:
        together: list[str] = []
        expected = float(self._passages)
        for term in known:
            together.append(term)
            expected *= self._frequencies[term] / self._passages
            if expected <= POSTINGS:
                break
        return together

    def share(self, held: str, typical_length: float) -> float:
        """BM25 of a passage's terms (with a space between them) over the most that any passage could have, 0 to 1.

        `typical_length` is in terms.
        """
        most = (K1 + 1.0) * sum(self._weights.values())
        if not most:
            return 0.0
        spaced = f" {held.replace(' ', '  ')} "
        length = held.count(" ") + 1
        norm = K1 * (1.0 - B + B * length / max(1.0, typical_length))
        found = 0.0
        for term, weight in self._weights.items():
            count = spaced.count(f" {term} ")
            if count:
                found += weight * count * (K1 + 1.0) / (count + norm)
        return found / most
