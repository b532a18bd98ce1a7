"""What every command begins with: settings, record, model and index opened, progress shown, JSON printed."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from briefbot.answering import Briefbot
    from briefbot.corpus import Corpus
    from briefbot.embedding import Progress
    from briefbot.ingest.engines import Engine
    from briefbot.ingest.pipeline import Ingestor
    from briefbot.settings import Settings


def load_cli_settings(**overrides: Any) -> Settings:
    """The settings from the environment and the options."""
    from briefbot.settings import load_settings

    return load_settings(**overrides)


def load_with_home() -> Settings:
    """The settings from the environment, with their home folder made."""
    from briefbot.settings import prepare_home

    settings = load_cli_settings()
    prepare_home(settings)
    return settings


def open_record() -> Corpus:
    """The record under the home folder."""
    from briefbot.corpus import Corpus

    return Corpus(load_with_home().record_path)


@contextmanager
def opened_bot() -> Iterator[Briefbot]:
    """An open `Briefbot` with the bundled corpus in it."""
    settings = load_cli_settings()
    log_warnings()
    with progress_bars() as progress, open_bot(settings, progress) as bot:
        yield bot


def open_bot(settings: Settings, progress: Progress, *, announced: Any = None) -> Briefbot:
    """Open record, model and index, and bring the bundled corpus up to date; say what took how long."""
    say = announced or (lambda _message: None)
    started = time.perf_counter()
    say("loading the embedding model and opening the record …")
    from briefbot.answering import Briefbot

    bot = Briefbot.open(settings, progress=progress)
    say(f"model {bot.embedder.identity} and record ready after {time.perf_counter() - started:.1f} s")
    started = time.perf_counter()
    results = make_ingestor(bot).ingest_bundled(progress=progress)
    changed = sum(result.outcome in {"added", "updated"} for result in results)
    say(
        f"bundled corpus: {changed} documents added or updated in {time.perf_counter() - started:.1f} s; "
        f"{bot.corpus.count_passages()} passages in all"
    )
    return bot


@contextmanager
def opened_ingestor(settings: Settings, progress: Progress, engine: str) -> Iterator[tuple[Corpus, Ingestor]]:
    """The record and what writes to it, with the bundled corpus in it; model and index are opened when they are needed."""
    from functools import cache

    from briefbot.corpus import Corpus
    from briefbot.embedding import load_embedder
    from briefbot.index import PassageIndex
    from briefbot.ingest.pipeline import Ingestor
    from briefbot.settings import prepare_home

    prepare_home(settings)
    corpus = Corpus(settings.record_path)
    embedder = cache(lambda: load_embedder(settings, progress=progress))
    ingestor = Ingestor(
        corpus, lambda: PassageIndex.open(settings, corpus), embedder, engine=choose_engine(engine, settings)
    )
    try:
        ingestor.ingest_bundled(progress=progress)
        yield corpus, ingestor
    finally:
        corpus.close()


def choose_engine(name: str, settings: Settings) -> Engine | None:
    """None is this machine's own engine; raises `UsageError` for a name there is no engine of."""
    from briefbot.errors import UsageError

    if name == "local":
        return None
    if name != "ray":
        raise UsageError(f"--engine: expected local or ray; got {name}; choose one")
    from briefbot.ingest.ray_engine import RayEngine

    return RayEngine(settings)


def make_ingestor(bot: Briefbot) -> Ingestor:
    """What writes to the record of an open `Briefbot`."""
    from briefbot.ingest.pipeline import Ingestor

    return Ingestor(bot.corpus, bot.index, lambda: bot.embedder)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """A progress bar for each step, on standard error, where that is a terminal; else a line at the start and end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    tasks: dict[str, Any] = {}

    def report(step: str, done: int, total: int) -> None:
        if step not in tasks:
            bars.start()
            tasks[step] = bars.add_task(step, total=total, rate="")
            if not console.is_terminal:
                announce(f"{step}: {total} to do …")
        speed = bars.tasks[tasks[step]].finished_speed or bars.tasks[tasks[step]].speed
        bars.update(tasks[step], completed=done, total=total, rate=f"{speed:.1f}/s" if speed else "")
        if done >= total:
            bars.stop()

    try:
        yield report
    finally:
        bars.stop()


def log_warnings() -> None:
    """Log warnings and errors, on standard error."""
    from briefbot.logs import configure_logging

    configure_logging("WARNING", "text")


def announce(message: str) -> None:
    """Say what goes on, on standard error."""
    print(f"briefbot: {message}", file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """Print a value as JSON, on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))
