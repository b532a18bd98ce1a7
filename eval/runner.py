"""Runs of the evaluation: every case asked, in process or over HTTP, scored, and printed as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from briefbot.eval.cases import Case, digest_cases
from briefbot.eval.metrics import Estimate, Outcome, score_all

from briefbot.answering import Briefbot
from briefbot.api import schemas
from briefbot.errors import BriefbotError, ConfigurationError
from briefbot.models import Mode, Turn

BASELINE_FILE = Path(__file__).resolve().parent / "baseline.json"
PASSAGES_RANKED = 12

Progress = Callable[[str, int, int], None]


class System(Protocol):
    """Anything that can be asked a case."""

    def ask(self, case: Case, mode: Mode) -> Outcome:
        """What it answers."""


class InProcess:
    """The product itself, in this process."""

    def __init__(self, bot: Briefbot) -> None:
        self._bot = bot
        self._texts = {id_: item.text for id_, item in bot.corpus.catalogue().documents.items()}

    def ask(self, case: Case, mode: Mode) -> Outcome:
        """Ask through `Briefbot.ask`, and rank documents for the question as it was understood."""
        filters = schemas.FiltersIn.model_validate(case.filters).to_filters()
        history = [Turn(turn.role, turn.content) for turn in case.history]
        answer = self._bot.ask(case.question, history=history, as_of=case.as_of, filters=filters, mode=mode)
        found = self._bot.search(
            answer.standalone_question[:2000], top_k=PASSAGES_RANKED, as_of=case.as_of, filters=filters
        )
        shown = schemas.AnswerOut.of(answer).model_dump(mode="json")
        return Outcome(shown, [item.passage.document_id for item in found], self._texts)


class OverHttp:
    """A running service."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._texts: dict[str, str] = {}

    def ask(self, case: Case, mode: Mode) -> Outcome:
        """Ask through POST /v1/answer and POST /v1/search; raises `ConfigurationError` where nothing answers."""
        common = {"as_of": case.as_of.isoformat() if case.as_of else None, "filters": case.filters}
        history = [turn.model_dump() for turn in case.history]
        answer = self._send(
            "POST", "/v1/answer", {"question": case.question, "history": history, "mode": mode, **common}
        )
        query = answer["standalone_question"][:2000]
        found = self._send("POST", "/v1/search", {"query": query, "top_k": PASSAGES_RANKED, **common})
        for citation in answer["citations"]:
            id_ = citation["document"]["id"]
            if id_ not in self._texts:
                self._texts[id_] = self._send("GET", f"/v1/documents/{id_}", None)["text"]
        return Outcome(answer, [item["document_id"] for item in found["passages"]], self._texts)

    def _send(self, method: str, path: str, body: object) -> dict[str, Any]:
        import httpx2

        try:
            response = httpx2.request(method, f"{self._url}{path}", json=body, timeout=120, trust_env=False)
            response.raise_for_status()
        except httpx2.HTTPError as error:
            raise ConfigurationError(
                f"--url: expected a briefbot service at {self._url}; got {error}; start it with `briefbot serve`"
            ) from error
        content: dict[str, Any] = response.json()
        return content


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation: figures over all cases and by language and kind, with what they were taken on."""

    cases: int
    cases_digest: str
    corpus_version: str
    overall: Mapping[str, Estimate]
    by_language: Mapping[str, Mapping[str, Estimate]]
    by_kind: Mapping[str, Mapping[str, Estimate]]
    rows: Sequence[Mapping[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def run_cases(system: System, cases: Sequence[Case], *, mode: Mode, progress: Progress | None = None) -> Run:
    """Ask every case and score what comes back; claims wait for the claim check and are left out.

    A case that fails is scored as an abstention and keeps its error in its row.
    """
    asked = [case for case in cases if not case.is_claim]
    pairs: list[tuple[Case, Outcome]] = []
    for done, case in enumerate(asked, start=1):
        pairs.append((case, _ask(system, case, mode)))
        if progress:
            progress("asking", done, len(asked))
    versions = {str(outcome.answer.get("corpus_version", "")) for _, outcome in pairs}
    return Run(
        cases=len(asked),
        cases_digest=digest_cases(asked),
        corpus_version=", ".join(sorted(versions - {""})),
        overall=score_all(pairs),
        by_language={
            language: score_all([pair for pair in pairs if pair[0].language == language])
            for language in sorted({case.language for case in asked})
        },
        by_kind={
            kind: score_all([pair for pair in pairs if pair[0].kind == kind])
            for kind in sorted({case.kind for case in asked})
        },
        rows=[_row(case, outcome) for case, outcome in pairs],
    )


def _ask(system: System, case: Case, mode: Mode) -> Outcome:
    try:
        return system.ask(case, mode)
    except ConfigurationError:
        raise
    except BriefbotError as error:
        nothing = {"text": "", "statements": [], "citations": [], "abstained": True, "corpus_version": ""}
        return Outcome(nothing, [], error=str(error))


def _row(case: Case, outcome: Outcome) -> dict[str, Any]:
    answer = outcome.answer
    return {
        "id": case.id,
        "kind": case.kind,
        "language": case.language,
        "split": case.split,
        "question": case.question,
        "text": answer["text"],
        "abstained": answer["abstained"],
        "cited": [citation["document"]["id"] for citation in answer["citations"]],
        "ranked": list(dict.fromkeys(outcome.ranked_documents))[:5],
        "error": outcome.error,
    }


SHOWN = ("document_recall@1", "document_recall@5", "fact_recall", "citation_precision", "false_abstention")


def render_run(run: Run) -> str:
    """The figures as a table for the terminal, means with 95 % bootstrap intervals."""
    lines = [f"{run.cases} cases, corpus {run.corpus_version[:19]}…", ""]
    lines.append(f"{'metric':<22}{'mean':>8}  {'95 % interval':<16}{'cases':>6}")
    for name, item in run.overall.items():
        digits = 1 if item.mean > 2 else 3
        interval = f"[{item.low:.{digits}f}, {item.high:.{digits}f}]"
        lines.append(f"{name:<22}{item.mean:>8.{digits}f}  {interval:<16}{item.count:>6}")
    lines += ["", f"{'by language and kind':<22}" + "".join(f"{name:>20}" for name in SHOWN)]
    for group, estimates in {**run.by_language, **run.by_kind}.items():
        cells = "".join(f"{estimates[name].mean:>20.3f}" if name in estimates else f"{'–':>20}" for name in SHOWN)
        lines.append(f"{group:<22}{cells}")
    return "\n".join(lines)


LOWER_IS_BETTER = frozenset({"false_abstention", "answer_words"})


def check_floors(run: Run, baseline: Mapping[str, Any]) -> list[str]:
    """What fell under its committed floor, one line each; empty where the run may pass.

    Floors hold for the cases they were taken on: figures over other cases are not compared.
    """
    if baseline["cases_digest"] != run.cases_digest:
        return [
            f"expected the cases the floors were taken on ({baseline['cases_digest'][:19]}…); got {run.cases_digest[:19]}…; "
            "take new floors with --update"
        ]
    failures = []
    for name, floor in baseline["floors"].items():
        found = run.overall.get(name)
        is_worse = found is None or (found.mean > floor if name in LOWER_IS_BETTER else found.mean < floor)
        if is_worse:
            side = "at most" if name in LOWER_IS_BETTER else "at least"
            got = f"{found.mean:.4}" if found else "nothing"
            failures.append(f"{name}: expected {side} {floor}; got {got}")
    return failures


def make_baseline(run: Run, *, slack: float = 0.02) -> dict[str, Any]:
    """Floors from a run: each figure less a little slack for other processors' rounding."""
    floors = {
        name: round(item.mean * (1 + slack) if name in LOWER_IS_BETTER else item.mean * (1 - slack), 4)
        for name, item in run.overall.items()
    }
    return {"cases_digest": run.cases_digest, "corpus_version": run.corpus_version, "floors": floors}


def read_baseline(path: Path = BASELINE_FILE) -> dict[str, Any] | None:
    """The committed floors, or None where there are none."""
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
