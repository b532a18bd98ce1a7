"""Runs that are killed at any point: every document is wholly old or wholly new, and the next run completes."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import killed_runs
import pytest

DOCUMENTS = 24
ROUNDS = int(os.environ.get("BRIEFBOT_TESTS_KILLS", "6"))
"""Kills of a first run, and as many of a second; a release is tested with 50."""

_LONGEST_SECONDS = 60

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["killed_runs", "chromadb", "numpy"])


def run(work: Callable[[], None]) -> None:
    """Run to the end in a process of its own."""
    process = _processes.Process(target=work)
    process.start()
    process.join(_LONGEST_SECONDS)
    assert process.exitcode == 0


def kill(work: Callable[[], None], after_seconds: float) -> bool:
    """Run and kill it after so long; whether it was still running."""
    process = _processes.Process(target=work)
    process.start()
    time.sleep(after_seconds)
    was_running = process.is_alive()
    if process.pid and was_running:
        os.kill(process.pid, signal.SIGKILL)
    process.join(_LONGEST_SECONDS)
    return was_running


def measure_whole_run(start: Path, home: Path, sources: Path) -> float:
    """The seconds of a run that nobody kills, by which the moments to kill others are chosen."""
    shutil.copytree(start, home)
    began = time.monotonic()
    run(partial(killed_runs.ingest, home, sources))
    return time.monotonic() - began


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    killed_runs.write_version(folder, 1, DOCUMENTS)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("is_second_run", [False, True], ids=["first run", "second run"])
def test_killed_at_any_point_no_document_is_half_and_the_next_run_completes(
    tmp_path: Path, sources: Path, is_second_run: bool
) -> None:
    start = tmp_path / "start"
    start.mkdir()
    if is_second_run:
        run(partial(killed_runs.ingest, start, sources))
        killed_runs.write_version(sources, 2, DOCUMENTS)
    seconds = min(measure_whole_run(start, tmp_path / f"whole-{number}", sources) for number in range(2))
    rng = random.Random(20)  # noqa: S311 - moments, not secrets
    newest = 2 if is_second_run else 1
    killed = 0
    for number in range(ROUNDS):
        home = tmp_path / f"home-{number}"
        shutil.copytree(start, home)
        killed += kill(partial(killed_runs.ingest, home, sources), rng.uniform(0.0, seconds))
        if (home / "record.sqlite3").exists():
            run(
                partial(
                    killed_runs.inspect, home, sources, DOCUMENTS, versions=set(range(1, newest + 1)), is_whole=False
                )
            )
        run(partial(killed_runs.ingest, home, sources))
        run(partial(killed_runs.inspect, home, sources, DOCUMENTS, versions={newest}, is_whole=True))
        shutil.rmtree(home)
    assert killed >= ROUNDS // 2
