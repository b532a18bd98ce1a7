"""`briefbot feedback`: what readers say about answers, listed, and drafted as cases for the evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from briefbot.opening import load_with_home, print_json

if TYPE_CHECKING:
    from briefbot.journal import Feedback, Journal

feedback_app = typer.Typer(no_args_is_help=True, help="What readers say about answers.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@feedback_app.command("list")
def list_feedback(as_json: AsJson = False) -> None:
    """List what readers say about answers, oldest first."""
    with _opened_journal() as journal:
        if as_json:
            print_json({"feedback": [_as_plain(item) for item in journal.feedback()]})
            return
        for item in journal.feedback():
            typer.echo(_as_line(item))


@feedback_app.command("export")
def export_feedback(
    file: Annotated[Path, typer.Argument(help="File to write (JSON Lines).")],
    as_json: AsJson = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
) -> None:
    """Draft evaluation cases from ratings, for you to check and complete."""
    from briefbot.eval.feedback import draft_from_feedback, write_drafts

    with _opened_journal() as journal:
        cases = draft_from_feedback(journal.feedback())
    write_drafts(cases, file, replace=force)
    if as_json:
        print_json({"file": str(file), "drafts": len(cases)})
    else:
        typer.echo(f"{len(cases)} drafts in {file}: complete them, then `briefbot eval run --cases {file}`")


@contextmanager
def _opened_journal() -> Iterator[Journal]:
    from briefbot.journal import Journal

    settings = load_with_home()
    with closing(Journal(settings.journal_path, keep_days=settings.history_days)) as journal:
        yield journal


def _as_plain(item: Feedback) -> dict[str, object]:
    names = ("answer_id", "owner", "rating", "citation", "comment", "created_at")
    return {name: getattr(item, name) for name in names} | {"question": item.answer["question"]}


def _as_line(item: Feedback) -> str:
    from briefbot.eval.feedback import write_on_one_line

    about = f"[{item.citation}]" if item.citation else "all"
    words = f" — {write_on_one_line(item.comment)}" if item.comment else ""
    rating = "good" if item.rating == 1 else "bad "
    return f"{item.created_at}  {rating}  {about:<4}  {item.answer_id}  {write_on_one_line(item.answer['question'])}{words}"
