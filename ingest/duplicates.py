"""Near-duplicates: the same article from several sources, of which one is answered from and all are named.

Documents are compared sentence by sentence (the resemblance of Broder 1997, with sentences in the place of shingles, weighed by length):
a table of monthly figures shares its wording with last month's and not its sentences. A text with a number that another lacks is never
taken for a copy of that one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from briefbot.corpus import Corpus, hash_text
from briefbot.models import Document, Passage
from briefbot.sentences import split_sentences

LEAST_SHARED = 0.8
"""Share of the longer text's characters that stand in sentences of both."""

_LEAST_CHARS = 200
"""Shorter texts are too easily alike."""

_MOST_CANDIDATES = 5
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class DuplicateFinder:
    """Looks for what a document is a copy of, in the record and among those of the run that are not written yet."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._waiting: dict[str, Document] = {}
        self._by_sentence: dict[str, list[str]] = {}

    def find(self, document: Document, passages: Sequence[Passage]) -> str | None:
        """The id of a document that this one is a copy of; None where there is none, and then it may be copied itself."""
        if not may_be_copied(document):
            return None
        hashes = [hash_text(sentence.text) for passage in passages for sentence in passage.sentences]
        waiting = [id_ for digest in hashes for id_ in self._by_sentence.get(digest, ())]
        candidates = self._corpus.documents_sharing(hashes, _MOST_CANDIDATES)
        known = self._corpus.documents(candidates)
        for id_ in dict.fromkeys((*waiting, *candidates)):
            other = self._waiting.get(id_) or known.get(id_)
            if other and other.id != document.id and may_be_copied(other) and is_copy(document, other):
                return other.id
        self._waiting[document.id] = document
        for digest in hashes:
            self._by_sentence.setdefault(digest, []).append(document.id)
        return None

    def forget_waiting(self) -> None:
        """What was waiting stands in the record now."""
        self._waiting.clear()
        self._by_sentence.clear()


def may_be_copied(document: Document) -> bool:
    """Whether a document is a press article without metadata of its own: laws have versions, and the corpus has no copies."""
    return document.authority == "press" and document.checked_on is None and len(document.text) >= _LEAST_CHARS


def is_copy(document: Document, other: Document) -> bool:
    """Whether a document is nearly the same text as another, in its language, and has no number that the other lacks."""
    if document.language != other.language:
        return False
    own, theirs = _sentences_of(document), _sentences_of(other)
    shared = sum(len(sentence) for sentence in own & theirs)
    longer = max(sum(map(len, own)), sum(map(len, theirs)))
    return shared >= LEAST_SHARED * longer and _numbers_in(own) <= _numbers_in(theirs)


def _sentences_of(document: Document) -> set[str]:
    """The sentences of a document by their letters and digits alone."""
    plain = (document.text[start:end] for start, end in split_sentences(document.text))
    return {bare for sentence in plain if (bare := _bare(sentence))}


def _bare(sentence: str) -> str:
    folded = unicodedata.normalize("NFKC", sentence).casefold()
    return "".join(
        character
        for at, character in enumerate(folded)
        if character.isalnum() or (character in ".," and folded[at - 1 : at].isdigit())
    )


def _numbers_in(sentences: set[str]) -> set[str]:
    return {number for sentence in sentences for number in _NUMBER.findall(sentence)}
