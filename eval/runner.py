"""Runs of the evaluation: every case asked by several threads, scored, kept on disk as it goes, and summed up."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from briefbot.eval.cases import Case, digest_cases, load_statuses
from briefbot.eval.metrics import Metric, Outcome, estimate_all, make_metrics, missing_facts, score_case
from briefbot.eval.overlap import THIRDS, divide_in_thirds, measure_overlap
from briefbot.eval.statistics import Estimate, Ratio
from briefbot.eval.systems import System

import briefbot
from briefbot.embedding import count_cores
from briefbot.errors import BriefbotError, ConfigurationError, UsageError
from briefbot.models import Mode

Progress = Callable[[str, int, int], None]
Row = dict[str, Any]
"""A case as a run keeps it: what was asked and answered, what was missing, its scores. Plain JSON values."""


@dataclass(frozen=True, slots=True)
class Run:
    """One system's figures over all cases and by group, with what they were taken on and every case's row."""

    system: str
    mode: str
    cases: int
    cases_digest: str
    corpus_version: str
    overall: Mapping[str, Estimate]
    groups: Mapping[str, Mapping[str, Mapping[str, Estimate]]]
    latency_ms: Mapping[str, Mapping[str, float]]
    rows: Sequence[Row] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)

    def fingerprint(self) -> str:
        """A hash over everything but the times taken: two runs of the same code on the same corpus have the same."""
        rows = [{key: value for key, value in row.items() if key != "timings_ms"} for row in self.rows]
        return hashlib.sha256(json.dumps(rows, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def run_cases(
    system: System,
    cases: Sequence[Case],
    *,
    mode: Mode = "extractive",
    workers: int = 0,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Ask every case and score what comes back; claims wait for the claim check and are left out.

    With a `folder`, rows are kept there as they come, and those of an earlier, broken-off run of the same system, code,
    corpus and cases are taken over. A case that fails is scored as an abstention and keeps its error in its row.
    `workers` 0 means one thread a core.
    """
    asked = [case for case in cases if not case.is_claim]
    keeper = _Keeper(folder, system, asked, mode) if folder else None
    rows: dict[str, Row] = dict(keeper.rows) if keeper else {}
    metrics = make_metrics(load_statuses())
    lock = threading.Lock()

    def ask(case: Case) -> None:
        row = ask_case(system, case, mode, metrics)
        with lock:
            rows[case.id] = row
            if keeper:
                keeper.keep(row)
            if progress:
                progress(f"asking {system.name}", len(rows), len(asked))

    with ThreadPoolExecutor(workers or count_cores()) as pool:
        for _ in pool.map(ask, [case for case in asked if case.id not in rows]):
            pass
    return summarise(
        system.name, mode, asked, [rows[case.id] for case in asked], corpus_version=system.corpus_version()
    )


def ask_case(system: System, case: Case, mode: Mode, metrics: Sequence[Metric]) -> Row:
    """Ask one case and score what comes back."""
    try:
        outcome = system.ask(case, mode)
    except ConfigurationError:
        raise
    except BriefbotError as error:
        nothing = {"text": "", "statements": [], "citations": [], "abstained": True, "language": case.language}
        outcome = Outcome(nothing, [], error=str(error))
    return make_row(case, outcome, metrics)


def make_row(case: Case, outcome: Outcome, metrics: Sequence[Metric]) -> Row:
    """What a run keeps of a case."""
    answer = outcome.answer
    return {
        "id": case.id,
        "kind": case.kind,
        "language": case.language,
        "split": case.split,
        "outcome": case.outcome,
        "question": case.question,
        "standalone": answer.get("standalone_question", case.question),
        "as_of": case.as_of.isoformat() if case.as_of else None,
        "filters": case.filters,
        "documents": case.documents,
        "text": answer["text"],
        "abstained": bool(answer["abstained"]),
        "abstention_reason": answer.get("abstention_reason"),
        "confidence": answer.get("confidence", 0.0),
        "missing": [fact.any[0] for fact in missing_facts(case, outcome)],
        "evidence": [
            {"number": item["number"], "document": item["document"]["id"], "quote": item["quote"]}
            for item in answer["citations"]
        ],
        "ranked": list(dict.fromkeys(outcome.ranked_documents))[:10],
        "overlap": measure_overlap(case, outcome.documents) if case.is_answerable else None,
        "scores": {name: _plain(score) for name, score in score_case(case, outcome, metrics).items()},
        "timings_ms": dict(answer.get("timings_ms") or {}),
        "error": outcome.error,
    }


def _plain(score: float | Ratio) -> float | list[float]:
    return [score.part, score.whole] if isinstance(score, Ratio) else float(score)


def read_scores(row: Row) -> dict[str, float | Ratio]:
    """The scores of a row."""
    return {name: Ratio(*value) if isinstance(value, list) else float(value) for name, value in row["scores"].items()}


def summarise(system: str, mode: str, cases: Sequence[Case], rows: Sequence[Row], *, corpus_version: str) -> Run:
    """A run from its rows."""
    order = [metric.name for metric in make_metrics(load_statuses())]
    thirds = divide_in_thirds([row["overlap"] for row in rows])
    return Run(
        system=system,
        mode=mode,
        cases=len(rows),
        cases_digest=digest_cases(cases),
        corpus_version=corpus_version,
        overall=_estimate_in_order(rows, order),
        groups={
            "language": _estimate_groups(rows, [row["language"] for row in rows], order),
            "split": _estimate_groups(rows, [row["split"] for row in rows], order),
            "kind": _estimate_groups(rows, [row["kind"] for row in rows], order),
            "overlap": _estimate_groups(rows, thirds, order, names=THIRDS),
        },
        latency_ms=measure_latency(rows),
        rows=rows,
    )


def _estimate_in_order(rows: Sequence[Row], order: Sequence[str]) -> dict[str, Estimate]:
    found = estimate_all([read_scores(row) for row in rows])
    return {name: found[name] for name in order if name in found}


def _estimate_groups(
    rows: Sequence[Row], labels: Sequence[str | None], order: Sequence[str], names: Iterable[str] = ()
) -> dict[str, dict[str, Estimate]]:
    known = list(names) or sorted({label for label in labels if label is not None})
    return {
        name: _estimate_in_order([row for row, label in zip(rows, labels, strict=True) if label == name], order)
        for name in known
    }


def measure_latency(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Milliseconds by stage: median and 95th percentile over the cases that have the stage."""
    import numpy as np

    stages = dict.fromkeys(stage for row in rows for stage in row["timings_ms"])
    return {
        stage: {
            "p50": float(np.quantile(times, 0.5)),
            "p95": float(np.quantile(times, 0.95)),
        }
        for stage in stages
        if (times := [row["timings_ms"][stage] for row in rows if stage in row["timings_ms"]])
    }


def load_run(path: Path) -> Run:
    """A run as `--json` or a report's folder kept it; raises `UsageError` where the file is not one."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        plain["overall"] = {name: Estimate(**item) for name, item in plain["overall"].items()}
        plain["groups"] = {
            by: {name: {metric: Estimate(**item) for metric, item in items.items()} for name, items in groups.items()}
            for by, groups in plain["groups"].items()
        }
        return Run(**plain)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"expected a run written by `briefbot eval run --report DIR` (DIR/run-SYSTEM.json); got {path}: "
            f"{type(error).__name__}; check the path"
        ) from error


def digest_code() -> str:
    """A hash over the product's source files, so that rows of other code are not taken over."""
    digest = hashlib.sha256()
    for folder in briefbot.__path__:
        for path in sorted(Path(folder).rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


class _Keeper:
    """Rows in a file, a header first; those of another system, code, corpus or set of cases are thrown away."""

    def __init__(self, folder: Path, system: System, cases: Sequence[Case], mode: str) -> None:
        header = {
            "system": system.name,
            "mode": mode,
            "code": digest_code(),
            "corpus_version": system.corpus_version(),
            "cases_digest": digest_cases(cases),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path = folder / f"rows-{system.name}.jsonl"
            self.rows = _read_rows(self._path, header)
            lines = [header, *self.rows.values()]
            self._path.write_text("".join(_line(item) for item in lines), encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"--report: expected a folder that can be written; got {folder} ({error.strerror or error}); choose another"
            ) from error

    def keep(self, row: Row) -> None:
        """Add a row."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(row))


def _read_rows(path: Path, header: Mapping[str, str]) -> dict[str, Row]:
    """The whole rows under this header; a last line cut off in the middle is left out."""
    if not path.is_file():
        return {}
    items = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            items.append(json.loads(line))
        except json.JSONDecodeError:
            break
    if not items or items[0] != header:
        return {}
    return {row["id"]: row for row in items[1:] if row["error"] is None}


def _line(item: object) -> str:
    return json.dumps(item, ensure_ascii=False) + "\n"
