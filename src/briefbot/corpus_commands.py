"""`briefbot corpus`: check, list, print and delete documents, and what became of their sources."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from briefbot.opening import make_ingestor, open_record, opened_bot, print_json

corpus_app = typer.Typer(no_args_is_help=True, help="Check, list, print and delete documents.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
        print_json({"documents": count, "defects": [asdict(defect) for defect in defects]})
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

    corpus = open_record()
    catalogue = corpus.catalogue()
    documents = sorted(catalogue.documents.values(), key=lambda item: (item.published or dt.date.min, item.id))
    if as_json:
        rows = [DocumentOut.of(item, catalogue.status_of(item, None)).model_dump(mode="json") for item in documents]
        print_json({"documents": rows})
        return
    for item in documents:
        print(f"{item.published or '—'}  {catalogue.status_of(item, None):<16} {item.id}  {item.title}")


@corpus_app.command("show")
def corpus_show(document_id: str, as_json: AsJson = False) -> None:
    """Print one document with its metadata."""
    from briefbot.api.corpus_schemas import DocumentTextOut
    from briefbot.errors import NotFoundError

    corpus = open_record()
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
        print_json(plain)
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

    found = take_inventory(open_record())
    if as_json:
        print_json(asdict(found))
    else:
        for line in render_inventory(found):
            print(line)


@corpus_app.command("history")
def corpus_history(document_id: str, as_json: AsJson = False) -> None:
    """The versions of a document that are no longer answered from."""
    from dataclasses import asdict

    versions = open_record().versions_of(document_id)
    if as_json:
        print_json([asdict(version) for version in versions])
        return
    for version in versions:
        print(f"{version.ingested_at} – {version.ended_at}  {version.ending:<9} {version.fields['title']}")
    print(f"{len(versions)} earlier versions; --json prints their texts")


@corpus_app.command("remove")
def corpus_remove(document_id: str) -> None:
    """Delete one document."""
    with opened_bot() as bot:
        make_ingestor(bot).remove(document_id)
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
        print_json(coverage.as_json())
    else:
        print(render_coverage(coverage))
