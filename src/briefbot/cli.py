"""The command line: serve, ask, search, ingest, corpus, reindex; errors are one line on standard error."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from briefbot.corpus_commands import corpus_app
from briefbot.errors import BriefbotError
from briefbot.eval.commands import eval_app
from briefbot.feedback_commands import feedback_app
from briefbot.key_commands import key_app
from briefbot.model_commands import models_app
from briefbot.opening import (
    announce,
    load_cli_settings,
    log_warnings,
    open_bot,
    opened_bot,
    opened_ingestor,
    print_json,
    progress_bars,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from briefbot.models import Answer, Citation, Filters, Language

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Cited, dated, bilingual answers from a briefing corpus on China's technology policy.",
)
app.add_typer(corpus_app, name="corpus")
app.add_typer(models_app, name="models")
app.add_typer(eval_app, name="eval")
app.add_typer(key_app, name="key")
app.add_typer(feedback_app, name="feedback")

AsOf = Annotated[str | None, typer.Option("--as-of", help="Answer with what was published by that day.")]
Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter", metavar="FIELD=VALUE", help="What the evidence may be drawn from, as `issuer=CAC`; may be repeated."
    ),
]
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
    settings = load_cli_settings(host=host, port=port)
    from briefbot.api.access import check_access
    from briefbot.keys import KeyRing
    from briefbot.logs import configure_logging
    from briefbot.serving import open_socket, run_service

    configure_logging(settings.log_level, settings.log_format, with_messages=settings.log_questions)
    check_access(settings, KeyRing(settings.keys_path))
    say = announce if settings.log_format == "text" else logging.getLogger("briefbot").info
    with open_socket(settings) as socket, progress_bars() as progress:
        bot = open_bot(settings, progress, announced=say)
        run_service(settings, bot, socket, announce=say)


@app.command()
def mcp() -> None:
    """Serve answers, searches and documents to a client of the Model Context Protocol, over standard input and output."""
    settings = load_cli_settings()
    from briefbot.logs import configure_logging
    from briefbot.mcp_server import run_stdio

    configure_logging(settings.log_level, settings.log_format, with_messages=settings.log_questions)
    with progress_bars() as progress:
        run_stdio(settings, lambda: open_bot(settings, progress, announced=announce))


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in English or Chinese.")],
    as_of: AsOf = None,
    given: Filter = None,
    as_json: AsJson = False,
) -> None:
    """Answer one question with citations."""
    from briefbot.answering import parse_date
    from briefbot.query import clean_question

    clean_question(question)
    parse_date(as_of)
    filters = _read_filters(given)
    with opened_bot() as bot:
        answer = bot.ask(question, as_of=as_of, filters=filters)
    if as_json:
        from briefbot.api.schemas import AnswerOut

        print_json(AnswerOut.of(answer).model_dump(mode="json"))
    else:
        _print_answer(answer)


@app.command()
def check(
    claim: Annotated[str, typer.Argument(help="The claim, in English or Chinese.")],
    as_of: AsOf = None,
    given: Filter = None,
    as_json: AsJson = False,
) -> None:
    """Check a claim: supported, contradicted, partly supported or not found, with the words that bear on it."""
    from briefbot.answering import parse_date
    from briefbot.query import clean_claim

    clean_claim(claim)
    parse_date(as_of)
    filters = _read_filters(given)
    with opened_bot() as bot:
        found = bot.check(claim, as_of=as_of, filters=filters)
    if as_json:
        from briefbot.api.check_schemas import CheckOut

        print_json(CheckOut.of(found).model_dump(mode="json"))
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
        print_json(asdict(found))
    else:
        print("\n".join([found.drift.replace("_", " "), *found.details]))
    if found.drift != "same":
        raise typer.Exit(1)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="Words or a question.")],
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=100, help="How many passages at most.")] = 10,
    as_of: AsOf = None,
    given: Filter = None,
    as_json: AsJson = False,
) -> None:
    """Find passages without composing an answer."""
    from briefbot.api.schemas import ScoredPassageOut
    from briefbot.query import clean_question

    clean_question(query)
    filters = _read_filters(given)
    with opened_bot() as bot:
        found = bot.search(query, top_k=top_k, as_of=as_of, filters=filters)
    if as_json:
        print_json({"passages": [ScoredPassageOut.of(item).model_dump(mode="json") for item in found]})
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
    settings = load_cli_settings()
    log_warnings()
    started = time.perf_counter()
    with progress_bars() as progress, opened_ingestor(settings, progress, engine) as (corpus, ingestor):
        results = ingest_targets(wanted, corpus, ingestor, Fetching(settings), progress=progress)
    if as_json:
        print_json(report_as_json(results))
    else:
        for line in render_report(results, time.perf_counter() - started):
            print(line)
    if any(result.outcome == "refused" for result in results):
        raise typer.Exit(1)


@app.command()
def reindex() -> None:
    """Make all vectors and the vector index anew, with the embedding model that the settings name."""
    settings = load_cli_settings()
    from briefbot.answering import Briefbot
    from briefbot.ingest.pipeline import reembed_record

    with progress_bars() as progress:
        reembed_record(settings, progress=progress)
        with Briefbot.open(settings) as bot:
            print(f"{bot.corpus.count_passages()} passages, model {bot.embedder.identity}")


def _read_filters(given: list[str] | None) -> Filters | None:
    if not given:
        return None
    from briefbot.filter_options import read_filters

    return read_filters(given)


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
