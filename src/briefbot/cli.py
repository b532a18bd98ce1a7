"""The command line: serve, ask, search, ingest, corpus, reindex; errors are one line on standard error."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from briefbot.errors import BriefbotError
from briefbot.eval.commands import eval_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from briefbot.answering import Briefbot
    from briefbot.corpus import Corpus
    from briefbot.embedding import Progress
    from briefbot.ingest.engines import Engine
    from briefbot.ingest.pipeline import Ingestor
    from briefbot.models import Answer, Citation, Language
    from briefbot.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Cited, dated, bilingual answers from a briefing corpus on China's technology policy.",
)
corpus_app = typer.Typer(no_args_is_help=True, help="Check, list, print and delete documents.")
app.add_typer(corpus_app, name="corpus")
models_app = typer.Typer(no_args_is_help=True, help="Fetch and list small language models that run on this machine.")
app.add_typer(models_app, name="models")
app.add_typer(eval_app, name="eval")

AsOf = Annotated[str | None, typer.Option("--as-of", help="Answer with what was published by that day.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _root(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False) -> None:
    """Options before the command."""
    _state["debug"] = debug


_state = {"debug": False}


def main() -> None:
    """Run the command line; briefbot's own errors become one line and their exit code."""
    try:
        app()
    except BriefbotError as error:
        if _state["debug"]:
            raise
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        sys.exit(1)


def _fail(message: str, code: int) -> None:
    print(f"briefbot: {message}", file=sys.stderr)
    sys.exit(code)


# ------------------------------------------------------------------ commands


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve the chat page and the answer API."""
    settings = _load_settings(host=host, port=port)
    _configure_logging(settings.log_level)
    from briefbot.serving import open_socket, run_service

    with open_socket(settings) as socket, progress_bars() as progress:
        bot = _open(settings, progress, announce=_announce)
        run_service(settings, bot, socket, announce=_announce)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in English or Chinese.")],
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Answer one question with citations."""
    from briefbot.answering import parse_date
    from briefbot.query import clean_question

    clean_question(question)
    parse_date(as_of)
    with opened_bot() as bot:
        answer = bot.ask(question, as_of=as_of)
    if as_json:
        from briefbot.api.schemas import AnswerOut

        _print_json(AnswerOut.of(answer).model_dump(mode="json"))
    else:
        _print_answer(answer)


@app.command()
def check(
    claim: Annotated[str, typer.Argument(help="The claim, in English or Chinese.")],
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Check a claim: supported, contradicted, partly supported or not found, with the words that bear on it."""
    from briefbot.answering import parse_date
    from briefbot.query import clean_question

    clean_question(claim, "claim")
    parse_date(as_of)
    with opened_bot() as bot:
        found = bot.check(claim, as_of=as_of)
    if as_json:
        from briefbot.api.schemas import CheckOut

        _print_json(CheckOut.of(found).model_dump(mode="json"))
        return
    print(found.text)
    for citation in found.citations:
        print(f"\n[{citation.number}] {citation.quote}")
    _print_sources(found.citations, found.language)


@app.command()
def verify(
    receipt: Annotated[Path, typer.Argument(help="An answer saved with `ask --json`, or from the API.")],
    as_json: AsJson = False,
) -> None:
    """Replay an answer: same, sources changed, or answer changed; exit 1 unless it is the same."""
    from dataclasses import asdict

    from briefbot.receipts import read_receipt, replay

    saved = read_receipt(receipt)
    with opened_bot() as bot:
        found = replay(bot, saved)
    if as_json:
        _print_json(asdict(found))
    else:
        print("\n".join([found.drift.replace("_", " "), *found.details]))
    if found.drift != "same":
        raise typer.Exit(1)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="Words or a question.")],
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=100, help="How many passages at most.")] = 10,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Find passages without composing an answer."""
    from briefbot.api.schemas import ScoredPassageOut
    from briefbot.query import clean_question

    clean_question(query)
    with opened_bot() as bot:
        found = bot.search(query, top_k=top_k, as_of=as_of)
    if as_json:
        _print_json({"passages": [ScoredPassageOut.of(item).model_dump(mode="json") for item in found]})
        return
    for item in found:
        passage = item.passage
        print(f"{item.rank}. {passage.document_id}  {passage.locator}  ({', '.join(item.found_by)})")
        print(f"   {' '.join(passage.text.split())[:200]}")


@app.command()
def ingest(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders, patterns and web addresses: Markdown, text, HTML, PDF, DOCX, ZIP, feeds, sitemaps."
        ),
    ] = None,
    catalogue: Annotated[
        str | None, typer.Option(help="A sources.yaml, or `official` for the official texts behind the corpus.")
    ] = None,
    engine: Annotated[str, typer.Option(help="`local`, or `ray` for a Ray cluster.")] = "local",
    as_json: AsJson = False,
) -> None:
    """Add or update documents."""
    from briefbot.ingest.reports import render_report, report_as_json
    from briefbot.ingest.targets import Fetching, ingest_targets, read_targets

    wanted = read_targets(targets or [], catalogue)
    settings = _load_settings()
    _configure_logging("WARNING")
    started = time.perf_counter()
    with progress_bars() as progress, opened_ingestor(settings, progress, engine) as (corpus, ingestor):
        results = ingest_targets(wanted, corpus, ingestor, Fetching(settings), progress=progress)
    if as_json:
        _print_json(report_as_json(results))
    else:
        for line in render_report(results, time.perf_counter() - started):
            print(line)
    if any(result.outcome == "refused" for result in results):
        raise typer.Exit(1)


@app.command()
def reindex() -> None:
    """Make all vectors and the vector index anew, with the embedding model that the settings name."""
    settings = _load_settings()
    from briefbot.answering import Briefbot
    from briefbot.ingest.pipeline import reembed_record

    with progress_bars() as progress:
        reembed_record(settings, progress=progress)
        with Briefbot.open(settings) as bot:
            print(f"{bot.corpus.count_passages()} passages, model {bot.embedder.identity}")


@corpus_app.command("lint")
def corpus_lint(
    paths: Annotated[list[Path], typer.Argument(help="Corpus folders.")],
    originals: Annotated[
        Path | None, typer.Option(help="Folder of outside texts that no sentence may be shared with.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check front matter, dates, edges, facts and sentences of corpus folders."""
    from dataclasses import asdict

    from briefbot.ingest.lint import find_corpus_files, lint_corpus

    defects = [defect for path in paths for defect in lint_corpus(path, originals=originals)]
    count = sum(len(find_corpus_files(path)) for path in paths)
    if as_json:
        _print_json({"documents": count, "defects": [asdict(defect) for defect in defects]})
    else:
        for defect in defects:
            print(defect)
        print(f"{count} documents, {len(defects)} defects")
    if defects:
        raise typer.Exit(1)


@corpus_app.command("list")
def corpus_list(as_json: AsJson = False) -> None:
    """List the documents of the record."""
    from briefbot.api.schemas import DocumentOut

    corpus = _open_record()
    catalogue = corpus.catalogue()
    documents = sorted(catalogue.documents.values(), key=lambda item: (item.published or dt.date.min, item.id))
    if as_json:
        rows = [DocumentOut.of(item, catalogue.status_of(item, None)).model_dump(mode="json") for item in documents]
        _print_json({"documents": rows})
        return
    for item in documents:
        print(f"{item.published or '—'}  {catalogue.status_of(item, None):<16} {item.id}  {item.title}")


@corpus_app.command("show")
def corpus_show(document_id: str, as_json: AsJson = False) -> None:
    """Print one document with its metadata."""
    from briefbot.api.schemas import DocumentTextOut
    from briefbot.errors import NotFoundError

    corpus = _open_record()
    catalogue = corpus.catalogue()
    document = catalogue.documents.get(document_id)
    if document is None:
        raise NotFoundError(
            f"expected the id of a document in the corpus; got {document_id}; `briefbot corpus list` shows them"
        )
    full = DocumentTextOut.full(
        document,
        catalogue.status_of(document, None),
        catalogue.lineage,
        copies=corpus.copies_of(document_id),
        gone_since=corpus.gone_since(document_id),
    )
    plain = full.model_dump(mode="json")
    if as_json:
        _print_json(plain)
        return
    for name, value in plain.items():
        if value not in (None, [], "") and name not in {"text", "sources", "edges"}:
            print(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
    for edge in full.edges:
        print(f"{'→' if edge.direction == 'out' else '←'} {edge.type} {edge.document_id}")
    print(f"\n{full.text}")


@corpus_app.command("status")
def corpus_status(as_json: AsJson = False) -> None:
    """What the record holds, and what became of every source."""
    from dataclasses import asdict

    from briefbot.ingest.inventory import render_inventory, take_inventory

    found = take_inventory(_open_record())
    if as_json:
        _print_json(asdict(found))
    else:
        for line in render_inventory(found):
            print(line)


@corpus_app.command("history")
def corpus_history(document_id: str, as_json: AsJson = False) -> None:
    """The versions of a document that are no longer answered from."""
    from dataclasses import asdict

    versions = _open_record().versions_of(document_id)
    if as_json:
        _print_json([asdict(version) for version in versions])
        return
    for version in versions:
        print(f"{version.ingested_at} – {version.ended_at}  {version.ending:<9} {version.fields['title']}")
    print(f"{len(versions)} earlier versions; --json prints their texts")


@corpus_app.command("remove")
def corpus_remove(document_id: str) -> None:
    """Delete one document."""
    with opened_bot() as bot:
        _ingestor(bot).remove(document_id)
    print(f"removed {document_id}")


@corpus_app.command("coverage")
def corpus_coverage(
    path: Annotated[Path | None, typer.Argument(help="A corpus folder; the bundled one by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Documents by phase, topic and quarter, and the gaps."""
    from briefbot.ingest.coverage import measure_coverage, render_coverage
    from briefbot.ingest.pipeline import CORPUS_FOLDER

    coverage = measure_coverage(path or CORPUS_FOLDER)
    if as_json:
        _print_json(coverage.as_json())
    else:
        print(render_coverage(coverage))


@models_app.command("pull")
def models_pull(name: Annotated[str, typer.Argument(help="A name that `models list` shows.")]) -> None:
    """Fetch a pinned model from its hub, going on where an earlier attempt stopped, and check its hash."""
    from briefbot.local_models import find_pinned, pull_model
    from briefbot.settings import prepare_home

    model = find_pinned(name)
    settings = _load_settings()
    prepare_home(settings)
    _announce(f"{model.file}: {model.size / 1e9:.2f} GB, {model.licence}, from {model.repository}")
    with progress_bars() as progress:
        path = pull_model(model, settings, progress)
    print(f"{path}\nuse it with BRIEFBOT_LLM_GGUF={model.name} (needs `pip install 'briefbot[local]'`)")


@models_app.command("list")
def models_list(as_json: AsJson = False) -> None:
    """Show the models that can be fetched, which are there, and what each needs."""
    from dataclasses import asdict

    from briefbot.local_models import PINNED, is_there

    settings = _load_settings()
    if as_json:
        _print_json([{**asdict(model), "is_there": is_there(model, settings)} for model in PINNED])
        return
    for model in PINNED:
        there = "here" if is_there(model, settings) else "not here"
        needs = f"{model.size / 1e9:.2f} GB on disk, about {model.memory:g} GiB of memory"
        print(f"{model.name}  ({there}; {model.licence}; {needs})\n  {model.about}")


# ------------------------------------------------------------------ shared steps


def _load_settings(**overrides: Any) -> Settings:
    from briefbot.settings import load_settings

    return load_settings(**overrides)


def _open_record() -> Any:
    from briefbot.corpus import Corpus
    from briefbot.settings import prepare_home

    settings = _load_settings()
    prepare_home(settings)
    return Corpus(settings.record_path)


@contextmanager
def opened_bot() -> Iterator[Briefbot]:
    """An open `Briefbot` with the bundled corpus in it."""
    settings = _load_settings()
    _configure_logging("WARNING")
    with progress_bars() as progress, _open(settings, progress) as bot:
        yield bot


def _open(settings: Settings, progress: Progress, *, announce: Any = None) -> Briefbot:
    """Open record, model and index, and bring the bundled corpus up to date; say what took how long."""
    say = announce or (lambda _message: None)
    started = time.perf_counter()
    say("loading the embedding model and opening the record …")
    from briefbot.answering import Briefbot

    bot = Briefbot.open(settings, progress=progress)
    say(f"model {bot.embedder.identity} and record ready after {time.perf_counter() - started:.1f} s")
    started = time.perf_counter()
    results = _ingestor(bot).ingest_bundled(progress=progress)
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
        corpus, lambda: PassageIndex.open(settings, corpus), embedder, engine=_choose_engine(engine, settings)
    )
    try:
        ingestor.ingest_bundled(progress=progress)
        yield corpus, ingestor
    finally:
        corpus.close()


def _choose_engine(name: str, settings: Settings) -> Engine | None:
    """None is this machine's own engine; raises `UsageError` for a name there is no engine of."""
    from briefbot.errors import UsageError

    if name == "local":
        return None
    if name != "ray":
        raise UsageError(f"--engine: expected local or ray; got {name}; choose one")
    from briefbot.ingest.ray_engine import RayEngine

    return RayEngine(settings)


def _ingestor(bot: Briefbot) -> Any:
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
                _announce(f"{step}: {total} to do …")
        speed = bars.tasks[tasks[step]].finished_speed or bars.tasks[tasks[step]].speed
        bars.update(tasks[step], completed=done, total=total, rate=f"{speed:.1f}/s" if speed else "")
        if done >= total:
            bars.stop()

    try:
        yield report
    finally:
        bars.stop()


def _configure_logging(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpx2", "httpcore", "chromadb", "sentence_transformers", "filelock"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _announce(message: str) -> None:
    print(f"briefbot: {message}", file=sys.stderr, flush=True)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _result_as_json(result: Any) -> dict[str, Any]:
    return {name: getattr(result, name) for name in ("source", "outcome", "document_id", "reason")}


def _print_answer(answer: Answer) -> None:
    print(answer.text)
    for notice in answer.notices:
        print(f"\n! {notice.message}")
    _print_sources(answer.citations, answer.language)


def _print_sources(citations: Sequence[Citation], language: Language) -> None:
    if citations:
        print()
    for citation in citations:
        document = citation.document
        title = (document.title_zh if language == "zh" else None) or document.title
        where = f", {citation.locator}" if citation.locator else ""
        print(f"[{citation.number}] {title}{where} — {document.published or '—'}, {citation.status} ({document.id})")
