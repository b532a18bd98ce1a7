"""`briefbot eval`: the evaluation on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from briefbot.errors import UsageError

if TYPE_CHECKING:
    from briefbot.eval.runner import Run

eval_app = typer.Typer(no_args_is_help=True, help="Score answers against reference questions.")


@eval_app.callback()
def _root() -> None:
    """Keep `run` a command of its own."""


@eval_app.command("run")
def run_evaluation(
    cases: Annotated[
        list[Path] | None, typer.Option(help="Case files (JSON Lines); the bundled ones by default.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="dev or test; both by default.")] = None,
    mode: Annotated[str, typer.Option(help="auto, extractive or generative.")] = "extractive",
    url: Annotated[str | None, typer.Option(help="A running service; in this process by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every case with it.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Write the figures as the new floors.")] = False,
) -> None:
    """Ask every case, print the scoreboard; exit 1 where a figure is under its committed floor."""
    from briefbot.eval.cases import load_cases
    from briefbot.eval.runner import BASELINE_FILE, InProcess, OverHttp, make_baseline, render_run, run_cases

    from briefbot.cli import opened_bot, progress_bars

    if split not in (None, "dev", "test"):
        raise UsageError(f"--split: expected dev or test; got {split}; choose one")
    if mode not in ("auto", "extractive", "generative"):
        raise UsageError(f"--mode: expected auto, extractive or generative; got {mode}; choose one")
    chosen = load_cases(cases or (), split=split)  # type: ignore[arg-type]  # checked above
    if url:
        with progress_bars() as progress:
            run = run_cases(OverHttp(url), chosen, mode=mode, progress=progress)  # type: ignore[arg-type]
    else:
        with opened_bot() as bot, progress_bars() as progress:
            run = run_cases(InProcess(bot), chosen, mode=mode, progress=progress)  # type: ignore[arg-type]
    print(json.dumps(run.as_json(), ensure_ascii=False, indent=2) if as_json else render_run(run))
    if update:
        BASELINE_FILE.write_text(json.dumps(make_baseline(run), indent=2) + "\n", encoding="utf-8")
        return
    if cases is None and split is None and mode == "extractive":
        _gate(run)


def _gate(run: Run) -> None:
    from briefbot.eval.runner import check_floors, read_baseline

    baseline = read_baseline()
    if baseline is None:
        return
    failures = check_floors(run, baseline)
    for failure in failures:
        typer.echo(f"briefbot: under the floor: {failure}", err=True)
    if failures:
        raise typer.Exit(1)
