"""What runs in processes of its own: it keeps answers one after another, and tells the id of each once it is kept."""

from __future__ import annotations

import itertools
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from briefbot.errors import StorageError
from briefbot.journal import Journal


def make_body(id_: str, citations: int = 2, question: str = "谁被罚款？ Who was fined?") -> dict[str, Any]:
    """An answer as the journal sees it; its text depends on its id, so that answers cannot be mistaken for each other."""
    numbered = [{"number": number, "quote": f"quote {number} of {id_}"} for number in range(1, citations + 1)]
    return {"id": id_, "question": question, "text": f"The text of {id_}. " * 40, "citations": numbered}


def keep_answers(path: Path, count: int | None = None) -> Iterator[str]:
    """Keep answers in a conversation of nobody's: its id first, then that of each answer once it is kept."""
    journal = Journal(path, keep_days=90)
    conversation, _ = journal.begin_conversation(None)
    yield conversation
    for _ in itertools.count() if count is None else range(count):
        id_ = f"ans_{secrets.token_hex(16)}"
        journal.keep_answer(id_, make_body(id_), conversation_id=conversation, owner=None)
        yield id_


def open_together(paths: Sequence[Path], barrier: Barrier) -> None:
    """Open each journal at the moment at which others do."""
    for path in paths:
        barrier.wait(20)
        with closing(Journal(path, keep_days=90)) as journal:
            journal.begin_conversation(None)


def main(path: str, count: str | None = None, largest_file_bytes: str | None = None) -> None:
    """Write until killed, or so many answers, or until files may grow no further."""
    if largest_file_bytes:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest_file_bytes),) * 2)
    try:
        for id_ in keep_answers(Path(path), int(count) if count else None):
            sys.stdout.write(f"{id_}\n")
            sys.stdout.flush()
    except StorageError as error:
        sys.exit(f"StorageError: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
