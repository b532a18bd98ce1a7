"""How likely it is that evidence supports a statement, from what their words, negations and modalities have in common.

For faults that no single rule finds for certain: a logistic score over plain signs. The coefficients were fitted to the development
half of the pairs in `eval/pairs`; `briefbot eval verifier` measures them on the other half. In eight-fold cross-validation of the
development half, together with the rules for numbers, dates and names, 87 % of the unsupported statements were caught while 20 % of
the supported ones were refused, or 76 % and 8 %: a refused statement costs little, its evidence stands in its place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

from briefbot.glossary import Glossary
from briefbot.polarity import content_units, denials_in, denied_alone, modalities_in, opposed_directions
from briefbot.terms import is_chinese

Likeness = Callable[[Sequence[str], Sequence[str]], Sequence[Sequence[float]]]
"""The cosines of texts' vectors: a row for each of the first, a column for each of the second."""

_CLAUSE = re.compile(r"[，,；;。：:、—()（）]|\b(?:and|which|because|so|but|while|with|after|before|by)\b")
_LEAST_UNITS = 2
LEAST_SAID = 3
"""Words of content that a statement has at least."""

NEARLY_ALL = 0.85
"""Part of a statement's words that its evidence holds from which on a difference in force is a contradiction."""
UNKNOWN_SHARE, UNKNOWN_LEAST = 0.75, 0.5
"""What the shares of words are taken to be where statement and evidence are in different languages."""


def signs_of_support(
    statement: str, evidence: Sequence[str], glossary: Glossary, likeness: Likeness | None = None
) -> dict[str, float]:
    """What speaks for and against a statement, by name; every sign is there for every pair.

    Words are compared after the glossary's names have been made one, whatever form and language they are in.
    """
    same = is_chinese(statement) == is_chinese(" ".join(evidence))
    near, nearest_clause = _liken(statement, split_clauses(statement), evidence, likeness)
    statement, known = glossary.unify(statement), glossary.unify(" ".join(evidence))
    ours, theirs = denials_in(statement), denials_in(known)
    stated, meant = modalities_in(statement), modalities_in(known)
    clauses = split_clauses(statement)
    signs = {
        "denied_here_only": float(min(2, len(denied_alone(statement, known)))) if same else 0.0,
        "denied_there_only": float(min(2, len(denied_alone(known, statement)))) if same else 0.0,
        "denies_alone": float(bool(ours) and not theirs),
        "does_not_deny": float(bool(theirs) and not ours),
        "other_modality": float(bool(stated) and bool(meant) and not stated & meant),
        "opposite": float(min(2, len(opposed_directions(statement, known)))),
    }
    for name in ("shall", "may", "encourage", "proposed"):
        signs[f"{name}_here_only"] = float(name in stated and name not in meant)
        signs[f"{name}_there_only"] = float(name in meant and name not in stated)
    signs["share"] = _share(statement, known) if same else UNKNOWN_SHARE
    signs["least_share"] = min(_share(clause, known) for clause in clauses) if same else UNKNOWN_LEAST
    signs["length"] = math.log((1 + len(content_units(statement))) / (1 + len(content_units(known)))) if same else 0.0
    signs["near"] = near
    signs["clause_near"] = nearest_clause
    signs["near_across"] = 0.0 if same else near
    signs["clause_near_across"] = 0.0 if same else nearest_clause
    signs["across"] = float(not same)
    return signs


def says_too_little(statement: str, known: str) -> bool:
    """Whether a statement has hardly any words, and one of them is not in its evidence."""
    units = content_units(statement)
    return len(units) < LEAST_SAID and not set(units) <= set(content_units(known))


def contradicts(signs: Mapping[str, float]) -> bool:
    """Whether a statement has nearly the words of its evidence, but denies, turns round or changes the force of what that says."""
    opposed = (
        (signs["denied_here_only"] and signs["denies_alone"])
        or (signs["denied_there_only"] and signs["does_not_deny"])
        or signs["other_modality"]
        or signs["opposite"]
    )
    return signs["share"] >= NEARLY_ALL and bool(opposed)


def split_clauses(text: str) -> list[str]:
    """The parts of a sentence that say something of their own."""
    return [part for part in _CLAUSE.split(text) if len(content_units(part)) >= _LEAST_UNITS] or [text]


def _share(text: str, known: str) -> float:
    units, held = content_units(text), set(content_units(known))
    return sum(unit in held for unit in units) / len(units) if units else 1.0


def _liken(
    statement: str, clauses: Sequence[str], evidence: Sequence[str], likeness: Likeness | None
) -> tuple[float, float]:
    """How near the statement is to the evidence, and its farthest clause to any clause of it."""
    if likeness is None:
        return MEAN_SIGNS["near"], MEAN_SIGNS["clause_near"]
    others = [*evidence, " ".join(evidence), *(clause for text in evidence for clause in split_clauses(text))]
    rows = likeness([statement, *clauses], others)
    return float(max(rows[0])), float(min(max(row) for row in rows[1:]))


def score_support(signs: Mapping[str, float]) -> float:
    """The logit of being supported, by the fitted weights; 0 is even odds."""
    return INTERCEPT + sum(WEIGHTS[name] * value for name, value in signs.items())


INTERCEPT = -5.61
WEIGHTS: Mapping[str, float] = {
    "denied_here_only": -0.02, "denied_there_only": -0.89, "denies_alone": -0.8, "does_not_deny": -1.6,
    "other_modality": -2.27, "opposite": -2.28,
    "shall_here_only": -1.04, "shall_there_only": 0.3, "may_here_only": 0.24, "may_there_only": -1.33,
    "encourage_here_only": -1.67, "encourage_there_only": 1.12, "proposed_here_only": -1.05, "proposed_there_only": -1.6,
    "share": -0.77, "least_share": 0.77, "length": -3.2,
    "near": 4.78, "clause_near": 2.34, "near_across": 0.1, "clause_near_across": 0.22, "across": 0.05,
}  # fmt: skip
MEAN_SIGNS: Mapping[str, float] = {"near": 0.94, "clause_near": 0.88}
"""What nearness is taken to be where no vectors can be had: its mean over the development pairs."""
