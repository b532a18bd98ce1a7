"""`briefbot eval`: the evaluation on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from briefbot.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from briefbot.eval.cases import Case, Split
    from briefbot.eval.runner import Progress, Run
    from briefbot.eval.systems import System

    from briefbot.answering import Briefbot
    from briefbot.models import Document, Mode

eval_app = typer.Typer(no_args_is_help=True, help="Score answers against reference questions.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@eval_app.command("run")
def run_evaluation(  # noqa: PLR0913, PLR0917 - the options of a command
    cases: Annotated[
        list[Path] | None, typer.Option(help="Case files (JSON Lines); the bundled ones by default.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="dev or test; both by default.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="About a third of the cases, as every check runs them.")] = False,
    mode: Annotated[str, typer.Option(help="auto, extractive or generative.")] = "extractive",
    system: Annotated[
        list[str] | None,
        typer.Option(help="What to ask, the first one gated; `all` for every baseline beside briefbot."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="A running service; in this process by default.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for report.html; a broken-off run goes on there.")] = None,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Questions at a time; 0: one a core.")] = 0,
    judge: Annotated[str | None, typer.Option(help="An OpenAI-compatible server whose model grades as well.")] = None,
    judge_model: Annotated[str | None, typer.Option(help="The judge's model.")] = None,
    as_json: AsJson = False,
    update: Annotated[bool, typer.Option("--update", help="Raise the committed floors to these figures.")] = False,
    allow_regression: Annotated[
        bool, typer.Option("--allow-regression", help="With --update: let floors fall, for a reason in the CHANGELOG.")
    ] = False,
) -> None:
    """Ask every case, print the scoreboard; exit 1 where a figure is under its committed floor."""
    from briefbot.eval.cases import load_cases, pick_fast
    from briefbot.eval.scoreboard import render_runs

    chosen = load_cases(cases or (), split=_check_split(split))
    chosen = pick_fast(chosen) if fast else chosen
    is_bundled = cases is None and split is None
    _check_options(mode=mode, is_whole=is_bundled and not fast, update=update, allow_regression=allow_regression)
    if (judge is None) != (judge_model is None):
        raise UsageError("--judge: expected --judge and --judge-model together; got only one; give both or neither")
    runs, notes = _run_all(chosen, _check_mode(mode), system or ["briefbot"], url=url, folder=report, workers=workers)
    if judge and judge_model:
        notes += _judge(judge, judge_model, chosen, runs[0], report)
    print(json.dumps([run.as_json() for run in runs], ensure_ascii=False) if as_json else render_runs(runs))
    if report:
        from briefbot.eval.report import write_report

        notes.append(f"report: {write_report(runs, report, notes)}")
    for note in notes:
        _say(note)
    if update:
        _update(runs, chosen, allow_regression=allow_regression)
    elif is_bundled and mode == "extractive" and runs[0].system == "briefbot":
        _gate(runs[0], is_fast=fast)


def _check_split(split: str | None) -> Split | None:
    if split not in (None, "dev", "test"):
        raise UsageError(f"--split: expected dev or test; got {split}; choose one")
    return split  # type: ignore[return-value]  # one of the two


def _check_mode(mode: str) -> Mode:
    for known in ("auto", "extractive", "generative"):
        if mode == known:
            return known
    raise UsageError(f"--mode: expected auto, extractive or generative; got {mode}; choose one")


def _check_options(*, mode: str, is_whole: bool, update: bool, allow_regression: bool) -> None:
    if allow_regression and not update:
        raise UsageError("--allow-regression: expected it beside --update; got it alone; add --update")
    if update and not (is_whole and mode == "extractive"):
        raise UsageError(
            "--update: expected all bundled cases in extractive mode; got a part; leave out --cases, --split, --fast, --mode"
        )


def _run_all(
    cases: Sequence[Case], mode: Mode, names: Sequence[str], *, url: str | None, folder: Path | None, workers: int
) -> tuple[list[Run], list[str]]:
    """Every system's run, and a note for each baseline that cannot be run here."""
    from briefbot.eval.runner import run_cases
    from briefbot.eval.systems import SYSTEMS, OverHttp, open_system

    from briefbot.opening import opened_bot, progress_bars

    def run(system: System, progress: Progress) -> Run:
        return run_cases(system, cases, mode=mode, workers=workers, folder=folder, progress=progress)

    if url:
        if list(names) != ["briefbot"]:
            raise UsageError("--url: expected no other system beside the service; got --system; leave one of them out")
        with progress_bars() as progress:
            return [run(OverHttp(url), progress)], []
    wanted = list(dict.fromkeys(name for each in names for name in (SYSTEMS if each == "all" else [each])))
    runs: list[Run] = []
    notes: list[str] = []
    with opened_bot() as bot, progress_bars() as progress:
        for name in wanted:
            try:
                runs.append(run(open_system(name, bot), progress))
            except ConfigurationError as error:
                if "all" not in names or name == "briefbot":
                    raise
                notes.append(f"left out: {error}")
    return runs, notes


def _judge(url: str, model: str, cases: Sequence[Case], run: Run, folder: Path | None) -> list[str]:
    from dataclasses import asdict

    from briefbot.eval.judge import grade_rows, render_grades

    from briefbot.language_model import LanguageModel
    from briefbot.opening import progress_bars
    from briefbot.settings import load_settings

    with progress_bars() as progress:
        judge = LanguageModel(load_settings(llm_url=url, llm_model=model))
        grades = grade_rows(judge, {case.id: case for case in cases}, run.rows, progress=progress)
    if folder:
        text = json.dumps([asdict(grade) for grade in grades], ensure_ascii=False, indent=1)
        (folder / "grades.json").write_text(text, encoding="utf-8")
    return render_grades(grades, run.rows)


def _gate(run: Run, *, is_fast: bool) -> None:
    from briefbot.eval.gate import check_floors, read_baseline

    baseline = read_baseline()
    if baseline is None:
        return
    failures = check_floors(run, baseline, is_fast=is_fast)
    for failure in failures:
        _say(f"under the floor: {failure}")
    if failures:
        raise typer.Exit(1)
    _say(f"gate: all {len(baseline['fast' if is_fast else 'full']['floors'])} figures at or above their floors")


def _update(runs: Sequence[Run], cases: Sequence[Case], *, allow_regression: bool) -> None:
    from briefbot.eval.gate import make_baseline, raise_floors, read_baseline, write_baseline

    asked = [case for case in cases if not case.is_claim]
    new = make_baseline(runs[0], asked, runs[1:])
    write_baseline(raise_floors(read_baseline(), new, allow_regression=allow_regression))
    _say("floors written; `briefbot eval scoreboard` prints the README's table")


@eval_app.command("compare")
def compare(
    first: Annotated[Path, typer.Argument(help="run-SYSTEM.json of a report's folder.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    as_json: AsJson = False,
) -> None:
    """Compare two runs: paired differences by metric, and the cases that flipped, side by side."""
    from dataclasses import asdict

    from briefbot.eval.comparison import compare_runs, render_comparison
    from briefbot.eval.runner import load_run

    comparison = compare_runs(load_run(first), load_run(second))
    print(json.dumps(asdict(comparison), ensure_ascii=False) if as_json else render_comparison(comparison))


@eval_app.command("scoreboard")
def scoreboard() -> None:
    """Print the committed figures as the README shows them."""
    from briefbot.eval.gate import read_baseline
    from briefbot.eval.scoreboard import render_markdown

    baseline = read_baseline()
    if baseline is None:
        raise UsageError("expected committed figures; got none; run `briefbot eval run --update`")
    print(render_markdown(baseline["scoreboard"]))


@eval_app.command("init")
def init(folder: Annotated[Path, typer.Argument(help="Where to write the template.")]) -> None:
    """Write a template for reference questions over your own documents."""
    from briefbot.eval.drafting import write_template

    print(f"{write_template(folder)}: change the examples, then `briefbot eval run --cases {folder}/cases.jsonl`")


@eval_app.command("suggest")
def suggest(
    document: Annotated[
        list[str] | None, typer.Option(help="Ids of documents; all those you ingested by default.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write (JSON Lines); standard output by default.")] = None,
) -> None:
    """Draft questions from dates, amounts and definitions in your documents, for you to check and reword."""
    from briefbot.eval.drafting import draft_cases

    from briefbot.opening import opened_bot

    with opened_bot() as bot:
        cases = draft_cases(_choose_documents(bot, document))
    lines = "".join(f"{case.model_dump_json()}\n" for case in cases)
    if out is None:
        sys.stdout.write(lines)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(lines)
    except OSError as error:
        raise UsageError(
            f"--out: expected a new file; got {out} ({error.strerror or error}); choose another"
        ) from error
    print(f"{len(cases)} drafts in {out}: reword them, then `briefbot eval run --cases {out}`")


def _choose_documents(bot: Briefbot, ids: Sequence[str] | None) -> list[Document]:
    from briefbot.ingest.pipeline import BUNDLED_ORIGIN

    from briefbot.errors import NotFoundError

    documents = bot.corpus.catalogue().documents
    unknown = [id_ for id_ in ids or () if id_ not in documents]
    if unknown:
        raise NotFoundError(
            f"--document: expected the id of a document in the corpus; got {unknown[0]}; `briefbot corpus list` shows them"
        )
    origins = bot.corpus.origins()
    own = [id_ for id_ in documents if origins.get(id_) != BUNDLED_ORIGIN]
    return [documents[id_] for id_ in ids or own]


def _say(message: str) -> None:
    typer.echo(f"briefbot: {message}", err=True)


@eval_app.command("retrieval")
def retrieval(
    dataset: Annotated[
        list[Path], typer.Option(help="A folder in BEIR's format; the corpora of further ones join it, by id.")
    ],
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=100, help="Documents ranked for a query.")] = 20,
    baselines: Annotated[bool, typer.Option(help="LlamaIndex's VectorStoreIndex beside it.")] = True,
    as_json: AsJson = False,
) -> None:
    """Measure retrieval on a dataset, part by part, beside LlamaIndex's VectorStoreIndex with two models."""
    from dataclasses import asdict

    from briefbot.eval.beir import load_dataset, measure_retrieval, render_retrieval

    from briefbot.opening import opened_bot, progress_bars

    loaded = load_dataset(dataset)
    with opened_bot() as bot, progress_bars() as progress:
        found, notes = measure_retrieval(loaded, bot, top_k=top_k, baselines=baselines, progress=progress)
    for note in notes:
        _say(note)
    print(json.dumps([asdict(item) for item in found]) if as_json else render_retrieval(loaded, found))


@eval_app.command("evidence")
def evidence(
    dataset: Annotated[Path, typer.Option(help="A folder in BEIR's format whose queries have metadata.answers.")],
    as_json: AsJson = False,
) -> None:
    """Measure how often the best 1, 2 and 3 sentences chosen as evidence hold the answer."""
    from dataclasses import asdict

    from briefbot.eval.beir import load_dataset
    from briefbot.eval.evidence import measure_evidence, render_evidence

    from briefbot.opening import opened_bot, progress_bars

    loaded = load_dataset([dataset])
    with opened_bot() as bot, progress_bars() as progress:
        figures = measure_evidence(loaded, bot, progress)
    print(json.dumps(asdict(figures)) if as_json else render_evidence(loaded, figures))


@eval_app.command("verifier")
def verifier(
    pairs: Annotated[Path | None, typer.Option(help="Pairs (JSON Lines); the bundled ones by default.")] = None,
    split: Annotated[str | None, typer.Option(help="dev or test; both by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how many unsupported statements the verifier refuses, by what is wrong with them."""
    from dataclasses import asdict

    from briefbot.eval.verifier import PAIRS_FILE, load_pairs, measure_verifier, render_verifier

    from briefbot.opening import opened_bot

    loaded = load_pairs(pairs or PAIRS_FILE, split=_check_split(split))
    with opened_bot() as bot:
        figures = measure_verifier(bot.verifier, loaded)
    print(json.dumps(asdict(figures)) if as_json else render_verifier(figures))


@eval_app.command("claims")
def claims(
    file: Annotated[
        Path | None, typer.Option("--claims", help="Claims (JSON Lines); the bundled ones by default.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="dev or test; both by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the verdicts on labelled claims: supported, contradicted, partly supported, not found."""
    from dataclasses import asdict

    from briefbot.eval.claims import CLAIMS_FILE, load_claims, measure_claims, render_claims

    from briefbot.opening import opened_bot

    loaded = load_claims(file or CLAIMS_FILE, split=_check_split(split))
    with opened_bot() as bot:
        figures = measure_claims(bot, loaded)
    print(json.dumps(asdict(figures)) if as_json else render_claims(figures))


@eval_app.command("exchanges")
def exchanges(
    count: Annotated[int, typer.Option(min=1, help="Sentences to change.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed changes other sentences.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure how often the check of claims calls a sentence supported whose date or number was exchanged for a neighbour's."""
    from dataclasses import asdict

    from briefbot.eval.exchanges import load_plain_claims, make_exchanges, measure_exchanges, render_exchanges

    from briefbot.opening import opened_bot

    plain = load_plain_claims()
    with opened_bot() as bot:
        figures = measure_exchanges(bot, make_exchanges(bot, count, seed=seed), plain)
    print(json.dumps(asdict(figures)) if as_json else render_exchanges(figures))


@eval_app.command("throughput")
def throughput(
    dataset: Annotated[Path, typer.Option(help="A dataset in BEIR's format.")],
    repeats: Annotated[int, typer.Option(min=1, max=20, help="Repetitions, both ways in turn.")] = 3,
    limit: Annotated[int, typer.Option(min=1, help="Documents at most.")] = 240,
) -> None:
    """Measure how fast documents are taken in, beside LlamaIndex's default way."""
    from itertools import islice

    from briefbot.eval.beir import load_dataset
    from briefbot.eval.throughput import measure_throughput, render_throughput

    from briefbot.embedding import load_embedder, locate_model
    from briefbot.opening import progress_bars
    from briefbot.settings import load_settings, prepare_home

    texts = {id_: pieces[0][1] for id_, pieces in islice(load_dataset([dataset]).texts.items(), limit)}
    settings = load_settings()
    prepare_home(settings)
    with progress_bars() as progress:
        embedder = load_embedder(settings, progress=progress)
        found = measure_throughput(texts, embedder, locate_model(settings), repeats=repeats, progress=progress)
    print(render_throughput(found, len(texts)))


@eval_app.command("load")
def load(
    url: Annotated[str | None, typer.Option(help="A service that runs already; by default one is started.")] = None,
    users: Annotated[int, typer.Option(min=1, max=1000, help="Users of the steady load.")] = 50,
    overload: Annotated[
        int, typer.Option(min=1, max=2000, help="Users of the overload, and streams that are cut.")
    ] = 200,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Length of each load.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of the users' questions.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the service under load: 50 users, then more than it can serve, then streams that are cut; exit 1 for a missed target."""
    import asyncio
    from contextlib import nullcontext

    from briefbot.eval.cases import load_cases
    from briefbot.eval.load import LoadPlan, Targets, make_questions, press, render_load, started_service

    plan = LoadPlan(users=users, overload_users=overload, cut_streams=overload, seconds=seconds, seed=seed)
    cases = [case.question for case in load_cases() if not case.is_claim and not case.history]
    with nullcontext((url, None)) if url else started_service() as (address, pid):
        questions = [*cases, *make_questions(address)]
        report = asyncio.run(press(address.rstrip("/"), questions, plan, Targets(), pid))
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        print("\n".join(render_load(report)))
    if report.missed:
        raise typer.Exit(1)


@eval_app.command("page")
def page(
    url: Annotated[str | None, typer.Option("--url", help="A running service; by default one is started.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how soon the page can be used and an answer is seen, in Chromium; exits 1 where a target is missed."""
    from contextlib import nullcontext

    from briefbot.eval.load import started_service
    from briefbot.eval.page_speed import measure_page, render_page_speed
    from briefbot.ui.strings import EXAMPLES

    with nullcontext((url, None)) if url else started_service() as (address, _):
        found = measure_page(address, EXAMPLES)
    print(json.dumps(found.as_json(), indent=2) if as_json else "\n".join(render_page_speed(found)))
    if found.missed:
        raise typer.Exit(1)


@eval_app.command("growth")
def growth(
    folder: Annotated[Path, typer.Argument(help="Where the synthetic records are made and kept.")],
    small: Annotated[int, typer.Option(min=100, help="Passages of the small record.")] = 1_000,
    large: Annotated[int, typer.Option(min=100, help="Passages of the large record.")] = 100_000,
) -> None:
    """Measure how search time grows with the corpus, filters included."""
    from briefbot.eval.growth import measure_growth, render_growth

    from briefbot.opening import opened_bot, progress_bars

    with opened_bot() as bot, progress_bars() as progress:
        found, embedding_ms = measure_growth(bot, folder, small=small, large=large, progress=progress)
    print(render_growth(found, embedding_ms, small=small, large=large))
