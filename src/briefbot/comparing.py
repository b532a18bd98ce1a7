"""Two texts part by part: articles or sections paired by what they say, with the words that differ as spans of either text."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal

from briefbot.errors import UsageError
from briefbot.parts import Part, Span, split_parts
from briefbot.question_kinds import articles_in
from briefbot.terms import ENGLISH_STOPWORDS, terms_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float64]

PartKind = Literal["same", "changed", "added", "removed"]
Change = tuple[Span, Span]

MOST_PARTS = 2_000
"""Parts of one text; the longest law of China has 1,260 articles."""

LARGEST_TEXT_CHARS = 500_000
"""Two texts of that length, with every third character changed, are compared in five seconds."""

MOST_TOKEN_PAIRS = 1_000_000
"""Tokens of one side times tokens of the other that are compared one by one, in 10 milliseconds; more go by sentence."""

LEAST_SCORE = 0.35
"""Every article of the 2007 Anti-Monopoly Law has 0.6 or more with the one it became in 2022; most sections of two bundled
summaries that are about different things have less than 0.3."""

LEAST_TEXT_SIMILARITY = 0.08
"""Less, and a shared heading or number is not enough: the text below it is another."""

_HEADING_WEIGHT = 0.5
_NUMBER_WEIGHT = 0.1
_FORMER_WEIGHT = 0.3
_PLACE_WEIGHT = 0.02
_IDENTICAL_SCORE = 5.0
"""More than two pairs of parts that differ can have together, so that a part that stayed as it was is always found."""

_SHORTEST_KEPT_TOKENS = 4
"""Fewer equal tokens between two larger differences are marked with them: they are equal by chance."""

_FORMER = re.compile(
    r"\b(?:formerly|previously)(?: in)? articles? [^.;)\n]{1,40}|[原旧][^。，；\n]{0,10}第[^。，；\n]{1,12}条",
    re.IGNORECASE,
)
_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(
    rf"\d+(?:[.,]\d+)*%?|[零〇一二两三四五六七八九十百千万亿]+|[{_HAN}]"
    rf"|[^\W\d_{_HAN}][^\W_{_HAN}]*(?:['’-][^\W_{_HAN}]+)*|\S"
)
_SENTENCE_ENDS = frozenset(".;!?。；！？")


@dataclass(frozen=True, slots=True)
class PartPair:
    """What became of a part: on the left alone it was removed, on the right alone it was added."""

    kind: PartKind
    left: Part | None
    right: Part | None


def split_tokens(text: str) -> list[Span]:
    """Spans of what is compared: words, numbers, single Chinese characters and marks; white space is none of them."""
    return [match.span() for match in _TOKEN.finditer(text)]


def is_same_text(left: str, right: str) -> bool:
    """Whether two texts differ in nothing but white space."""
    return left == right or _TOKEN.findall(left) == _TOKEN.findall(right)


def compare_texts(left: str, right: str) -> list[PartPair]:
    """The parts of both texts, each once: in the order of the right text, with removed parts after what they stood behind.

    Swapping the texts swaps `added` and `removed` and changes nothing else but the order. Raises `UsageError` for texts
    above `LARGEST_TEXT_CHARS` or `MOST_PARTS`.
    """
    first, second = sorted((left, right))  # pairs of equal score are broken the same way from either side
    parts = (_split_checked(first), _split_checked(second))
    matches = _match(*parts)
    pairs = [_pair(parts[0][one], parts[1][other]) for one, other in matches.items()]
    taken = set(matches.values())
    pairs += [PartPair("removed", part, None) for at, part in enumerate(parts[0]) if at not in matches]
    pairs += [PartPair("added", None, part) for at, part in enumerate(parts[1]) if at not in taken]
    return _order(pairs if left == first else [_swap(pair) for pair in pairs])


def _swap(pair: PartPair) -> PartPair:
    swapped: dict[PartKind, PartKind] = {"added": "removed", "removed": "added"}
    return PartPair(swapped.get(pair.kind, pair.kind), pair.right, pair.left)


def _split_checked(text: str) -> list[Part]:
    if len(text) > LARGEST_TEXT_CHARS:
        raise _too_large(f"{LARGEST_TEXT_CHARS:,} characters", f"{len(text):,}")
    parts = split_parts(text)
    if len(parts) > MOST_PARTS:
        raise _too_large(f"{MOST_PARTS:,} articles or sections", f"{len(parts):,}")
    return parts


def _too_large(most: str, got: str) -> UsageError:
    message = f"expected texts of at most {most}; got one of {got}; compare shorter ones"
    return UsageError(message, expected=f"texts of at most {most}", got=got)


# ---------------------------------------------------------------- pairs


def _match(left: Sequence[Part], right: Sequence[Part]) -> dict[int, int]:
    """Which part of the right each part of the left became: the pairs whose scores have the highest sum."""
    if not left or not right:
        return {}
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    scores = _score(left, right)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return {int(row): int(column) for row, column in zip(rows, columns, strict=True) if scores[row, column] > 0}


def _score(left: Sequence[Part], right: Sequence[Part]) -> Scores:
    """How much each part of the left (rows) and of the right (columns) speak for being the same; 0 where it is too little."""
    import numpy as np

    texts = _cosines([terms_of(part.text) for part in left], [terms_of(part.text) for part in right])
    headings = _overlaps([_heading_words(part) for part in left], [_heading_words(part) for part in right])
    rows, columns = ([articles_in(part.title) for part in side] for side in (left, right))
    formers = _overlaps([_former_numbers(part) for part in left], columns)
    formers += _overlaps(rows, [_former_numbers(part) for part in right])
    scores: Scores = texts + _HEADING_WEIGHT * headings + _NUMBER_WEIGHT * _overlaps(rows, columns)
    scores += _FORMER_WEIGHT * formers
    scores[(scores < LEAST_SCORE) | (texts < LEAST_TEXT_SIMILARITY)] = 0
    found = _index_words(right)
    for row, part in enumerate(left):
        scores[row, found.get(tuple(_TOKEN.findall(part.text)), [])] += _IDENTICAL_SCORE
    places = abs(np.linspace(0, 1, len(left))[:, None] - np.linspace(0, 1, len(right)))
    scores[scores > 0] += _PLACE_WEIGHT * (1 - places)[scores > 0]
    return scores


def _index_words(parts: Sequence[Part]) -> dict[tuple[str, ...], list[int]]:
    """Which parts have exactly these words."""
    found: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, part in enumerate(parts):
        found[tuple(_TOKEN.findall(part.text))].append(at)
    return found


def _heading_words(part: Part) -> tuple[str, ...]:
    """The words of a heading that say what its section is about; the opening of a text is about the same as another's."""
    if not part.title:
        return ("",)
    words = terms_of(re.sub(r"第[^条]{1,12}条|(?i:articles?)|\d+", " ", part.title))
    return tuple(word for word in words if word not in ENGLISH_STOPWORDS)


def _former_numbers(part: Part) -> tuple[int, ...]:
    """The articles that a part says it was before: "Article 62, formerly Article 52"."""
    return articles_in(" ".join(_FORMER.findall(part.text)))


def _overlaps(left: Sequence[Sequence[object]], right: Sequence[Sequence[object]]) -> Scores:
    """Dice's coefficient of each set of the left with each of the right; 0 where one of them is empty."""
    import numpy as np

    sizes = [np.array([len(set(values)) for values in side]) for side in (left, right)]
    shared = _multiply(
        [dict.fromkeys(values, 1.0) for values in left], [dict.fromkeys(values, 1.0) for values in right]
    )
    overlaps: Scores = 2 * shared / np.maximum(sizes[0][:, None] + sizes[1], 1)
    return overlaps


def _cosines(left: Sequence[Sequence[str]], right: Sequence[Sequence[str]]) -> Scores:
    """Cosines of texts as their terms, weighted by how rare these are among all the texts of both sides."""
    spread = Counter(term for terms in (*left, *right) for term in set(terms))
    rarity = {term: math.log(1 + (len(left) + len(right)) / count) for term, count in spread.items()}
    return _multiply([_weigh(terms, rarity) for terms in left], [_weigh(terms, rarity) for terms in right])


def _weigh(terms: Sequence[str], rarity: Mapping[str, float]) -> dict[str, float]:
    """The weight of each term of a text, as a vector of length 1."""
    weights = {term: (1 + math.log(count)) * rarity[term] for term, count in Counter(terms).items()}
    length = math.hypot(*weights.values()) or 1.0
    return {term: weight / length for term, weight in weights.items()}


def _multiply(left: Sequence[Mapping[Any, float]], right: Sequence[Mapping[Any, float]]) -> Scores:
    """The product of each sparse vector of the left with each of the right."""
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    columns = {key: at for at, key in enumerate(dict.fromkeys(key for vector in (*left, *right) for key in vector))}
    sides = []
    for vectors in (left, right):
        values = [value for vector in vectors for value in vector.values()]
        places = [columns[key] for vector in vectors for key in vector]
        starts = [0, *accumulate(len(vector) for vector in vectors)]
        sides.append(csr_array((values, places, starts), shape=(len(vectors), len(columns) or 1), dtype=float))
    product: Scores = (sides[0] @ sides[1].T).toarray()
    return product


def _order(pairs: Sequence[PartPair]) -> list[PartPair]:
    """By the right text, and parts that are only on the left after the one they stood behind there."""
    by_left = sorted((pair for pair in pairs if pair.left), key=lambda pair: pair.left.start if pair.left else 0)
    followers: dict[int, list[PartPair]] = defaultdict(list)
    behind = -1
    for pair in by_left:
        if pair.right:
            behind = pair.right.start
        else:
            followers[behind].append(pair)
    ordered = followers[-1]
    by_right = sorted((pair for pair in pairs if pair.right), key=lambda pair: pair.right.start if pair.right else 0)
    for pair in by_right:
        ordered += [pair, *followers[pair.right.start if pair.right else -1]]
    return ordered


# ---------------------------------------------------------------- marks


def _pair(left: Part, right: Part) -> PartPair:
    """Two versions of a part, with the words marked that only one of them has."""
    changes = _absorb_islands(_find_changes(_TOKEN.findall(left.text), _TOKEN.findall(right.text)))
    if not changes:
        return PartPair("same", left, right)
    left_runs, right_runs = zip(*changes, strict=True)
    return PartPair("changed", _mark(left, left_runs), _mark(right, right_runs))


def _mark(part: Part, runs: Sequence[Span]) -> Part:
    """The part with runs `[first, last)` of its tokens marked."""
    spans = split_tokens(part.text)
    marks = [(part.start + spans[first][0], part.start + spans[last - 1][1]) for first, last in runs if first < last]
    return replace(part, marks=tuple(marks))


def _find_changes(left: Sequence[str], right: Sequence[str]) -> list[Change]:
    """Runs of tokens that differ, in order; between them both sides are equal."""
    regions: list[Change] = [((0, len(left)), (0, len(right)))]
    if len(left) * len(right) > MOST_TOKEN_PAIRS:
        regions = _find_changed_sentences(left, right)
    return [change for region in regions for change in _compare_region(left, right, region)]


def _find_changed_sentences(left: Sequence[str], right: Sequence[str]) -> list[Change]:
    """Runs of tokens that hold the sentences that differ."""
    bounds = _sentence_bounds(left), _sentence_bounds(right)
    sentences = [
        [tuple(tokens[first:last]) for first, last in pairwise(found)]
        for tokens, found in zip((left, right), bounds, strict=True)
    ]
    return [
        ((bounds[0][first], bounds[0][last]), (bounds[1][start], bounds[1][end]))
        for (first, last), (start, end) in _diff(*sentences)
    ]


def _sentence_bounds(tokens: Sequence[str]) -> list[int]:
    """Where sentences begin, and the end of the last one."""
    return sorted({0, len(tokens), *(at + 1 for at, token in enumerate(tokens) if token in _SENTENCE_ENDS)})


def _compare_region(left: Sequence[str], right: Sequence[str], region: Change) -> list[Change]:
    """The runs that differ within two runs; all of both where they are too long to compare."""
    (first, last), (start, end) = region
    while first < last and start < end and left[first] == right[start]:
        first, start = first + 1, start + 1
    while first < last and start < end and left[last - 1] == right[end - 1]:
        last, end = last - 1, end - 1
    if (last - first) * (end - start) > MOST_TOKEN_PAIRS or (first == last) != (start == end):
        return [((first, last), (start, end))]
    found = _diff(left[first:last], right[start:end])
    return [((first + a, first + b), (start + c, start + d)) for (a, b), (c, d) in found]


def _diff(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[Change]:
    """The runs that differ; in long ones no match begins at a frequent token, which bounds the work."""
    matcher = SequenceMatcher(None, left, right, autojunk=True)
    return [((a, b), (c, d)) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]


def _absorb_islands(changes: Sequence[Change]) -> list[Change]:
    """Changes, those joined between which only a few tokens are equal, as "the" in a sentence that was written anew."""
    joined: list[Change] = []
    for change in changes:
        while joined and _is_island(joined[-1], change):
            (first, _), (start, _) = joined.pop()
            change = ((first, change[0][1]), (start, change[1][1]))  # noqa: PLW2901
        joined.append(change)
    return joined


def _is_island(before: Change, after: Change) -> bool:
    """Whether the equal run between two changes is short, and shorter than both."""
    length = after[0][0] - before[0][1]
    sizes = [max(last - first for first, last in change) for change in (before, after)]
    return length < min(_SHORTEST_KEPT_TOKENS, *sizes) or length == 0
