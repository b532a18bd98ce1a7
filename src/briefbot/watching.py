"""What follows one answer while it is made: told of what was found and written, asked whether the work is still wanted."""

from __future__ import annotations

from collections.abc import Sequence

from briefbot.catalogue import Catalogue
from briefbot.models import Query, ScoredPassage


class Watcher:
    """Follows an answer from the thread that makes it; every method may raise to stop the work. This one lets it pass."""

    def check(self) -> None:
        """Called between steps, and for each piece a model writes."""

    def found(self, query: Query, passages: Sequence[ScoredPassage], catalogue: Catalogue) -> None:
        """Called once, with what the question was read as, the passages it is answered from, and the catalogue of their documents."""

    def told(self, text: str) -> None:
        """Called with the answer's text as far as it is final, as it grows."""
