"""What a corpus covers: documents by phase, topic and quarter, and the quarters and topics where it has nothing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from briefbot.ingest.front_matter import TOPICS, load_yaml
from briefbot.ingest.lint import load_corpus_folder

from briefbot.errors import RefusedDocumentError

FIRST_QUARTER = (2020, 4)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of documents; `ends` is the day the corpus says it ends, or the newest publication."""

    documents: int
    quarters: Mapping[str, int]
    phases: Mapping[str, int]
    topics: Mapping[str, int]
    cells: Mapping[tuple[str, str, str], int]
    ends: dt.date | None
    gaps: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        cells = [
            {"phase": phase, "topic": topic, "quarter": quarter, "documents": count}
            for (phase, topic, quarter), count in sorted(self.cells.items())
        ]
        return {
            "documents": self.documents,
            "ends": self.ends.isoformat() if self.ends else None,
            "quarters": dict(self.quarters),
            "phases": dict(self.phases),
            "topics": dict(self.topics),
            "cells": cells,
            "gaps": list(self.gaps),
        }


def quarter_of(day: dt.date) -> str:
    """A day's quarter, such as 2021 Q3."""
    return f"{day.year} Q{(day.month - 1) // 3 + 1}"


def measure_coverage(folder: Path) -> Coverage:
    """Count a corpus folder's documents; overviews by the project itself count by topic, not by quarter.

    Raises `NotFoundError` where the folder does not exist, `RefusedDocumentError` where it holds no valid document.
    """
    files, defects = load_corpus_folder(folder)
    if not files:
        raise RefusedDocumentError(
            f"expected corpus documents in {folder}; got none ({len(defects)} defects); run lint"
        )
    about = _read_about(folder)
    dated = [file.front for file in files if "BRIEFBOT" not in file.front.issuer]
    newest = max(front.published for front in dated) if dated else None
    ends = about.get("coverage_ends") or newest
    quarters = dict.fromkeys(_quarters_between(FIRST_QUARTER, newest), 0) if newest else {}
    counted = Counter(quarter_of(front.published) for front in dated)
    quarters.update({quarter: count for quarter, count in sorted(counted.items()) if quarter in quarters})
    topics = Counter(dict.fromkeys(TOPICS, 0))
    topics.update(topic for file in files for topic in file.front.topics)
    cells: Counter[tuple[str, str, str]] = Counter()
    for front in dated:
        for topic in front.topics:
            cells[front.phase or "background", topic, quarter_of(front.published)] += 1
    empty = [f"no document in {quarter}" for quarter, count in quarters.items() if count == 0]
    empty += [f"no document on {topic}" for topic, count in sorted(topics.items()) if count == 0]
    return Coverage(
        documents=len(files),
        quarters=quarters,
        phases=Counter(file.front.phase or "background" for file in files),
        topics=topics,
        cells=cells,
        ends=ends,
        gaps=(*empty, *(about.get("known_gaps") or ())),
    )


def _read_about(folder: Path) -> dict[str, Any]:
    """What the corpus says about itself in `about.yaml`: where coverage ends, and gaps known to its authors."""
    path = folder / "about.yaml"
    found = load_yaml(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def _quarters_between(first: tuple[int, int], last: dt.date) -> list[str]:
    year, quarter = first
    end = (last.year, (last.month - 1) // 3 + 1)
    names = []
    while (year, quarter) <= end:
        names.append(f"{year} Q{quarter}")
        year, quarter = (year, quarter + 1) if quarter < 4 else (year + 1, 1)
    return names


def render_coverage(coverage: Coverage) -> str:
    """Coverage as a table for the terminal: topics down, phases across, then quarters and gaps."""
    phases = [
        phase for phase in ("background", "crackdown", "rectification", "turn", "courting") if phase in coverage.phases
    ]
    lines = [f"{coverage.documents} documents; coverage ends {coverage.ends}", ""]
    lines.append(f"{'topic':<22}" + "".join(f"{phase:>15}" for phase in phases) + f"{'all':>7}")
    for topic, total in sorted(coverage.topics.items(), key=lambda item: (-item[1], item[0])):
        by_phase = [
            sum(count for (phase, name, _), count in coverage.cells.items() if phase == wanted and name == topic)
            for wanted in phases
        ]
        lines.append(f"{topic:<22}" + "".join(f"{count or '·':>15}" for count in by_phase) + f"{total:>7}")
    lines += ["", "documents by quarter"]
    lines += [f"{quarter}  {'█' * count} {count}" for quarter, count in coverage.quarters.items()]
    lines += ["", "known gaps", *(f"- {gap}" for gap in coverage.gaps or ("none known",))]
    return "\n".join(lines)
