"""Whether the sentences chosen as evidence hold the answer, on any dataset in BEIR's format whose queries carry answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from briefbot.eval.beir import LONGEST_QUERY_CHARS, Dataset, open_dataset
from briefbot.eval.statistics import Estimate, estimate

from briefbot.answering import Briefbot
from briefbot.embedding import Progress
from briefbot.errors import UsageError
from briefbot.terms import fold

SENTENCES_READ = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class EvidenceFigures:
    """Shares of questions whose answer stands in one of the best 1, 2 and 3 sentences, with 95 % intervals; by that number."""

    questions: int
    found: Mapping[int, Estimate]


def measure_evidence(dataset: Dataset, bot: Briefbot, progress: Progress | None = None) -> EvidenceFigures:
    """Ask every query that has answers; an answer counts where one sentence holds it whole, letter case and width aside.

    Raises `UsageError` where no query has an answer.
    """
    asked = [id_ for id_ in dataset.queries if dataset.answers.get(id_)]
    if not asked:
        raise UsageError(
            f"--dataset: expected queries with metadata.answers; got none in {dataset.name}; use a set that has them"
        )
    corpus, index = open_dataset(dataset, bot, progress)
    reader = Briefbot(bot.settings, corpus, bot.embedder, index)
    ranks = []
    for done, id_ in enumerate(asked, start=1):
        evidence = reader.find_evidence(dataset.queries[id_][:LONGEST_QUERY_CHARS])
        ranks.append(_first_with([item.sentence.text for item in evidence], dataset.answers[id_]))
        if progress:
            progress("reading", done, len(asked))
    shares = {k: estimate([float(rank <= k) for rank in ranks]) for k in SENTENCES_READ}
    return EvidenceFigures(len(asked), {k: share for k, share in shares.items() if share})


def _first_with(sentences: Sequence[str], answers: Sequence[str]) -> int:
    """The rank of the first of the best sentences that holds one of the answers; one past the last read where none does."""
    wanted = [fold(answer) for answer in answers]
    for rank, text in enumerate(sentences[: max(SENTENCES_READ)], start=1):
        if any(answer in fold(text) for answer in wanted):
            return rank
    return max(SENTENCES_READ) + 1


def render_evidence(dataset: Dataset, figures: EvidenceFigures) -> str:
    """The figures as lines for the terminal."""
    lines = [f"{dataset.name}: {figures.questions} questions with answers"]
    for number, share in figures.found.items():
        lines.append(f"answer in the best {number}: {share.mean:.3f} ({share.low:.3f} to {share.high:.3f})")
    return "\n".join(lines)
