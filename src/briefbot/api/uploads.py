"""POST /v1/documents: files sent by a key's holder are kept in the home and taken in like any others."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, File, Request, UploadFile
from fastapi.concurrency import run_in_threadpool

from briefbot.answering import Briefbot
from briefbot.api.admission import Admission
from briefbot.api.corpus_schemas import IngestReportOut
from briefbot.api.routes import PROBLEMS, Bot
from briefbot.errors import StorageError, UsageError
from briefbot.ingest.pipeline import Ingestor
from briefbot.ingest.readers.formats import ARCHIVES, LARGEST_FILE_BYTES, READERS
from briefbot.ingest.reports import IngestResult, report_as_json

MOST_FILES = 20
MOST_WAITING = 8
"""Requests with files that may wait: one is taken in after the other, as two that send a file of one name must not mix, and the corpus
has one writer anyway."""

LARGEST_UPLOAD_BYTES = LARGEST_FILE_BYTES + 1_000_000
"""All files of one request together, with what the form itself takes."""

_LONGEST_NAME_CHARS = 120
_CHUNK_BYTES = 1 << 20
_UNSAFE = re.compile(r"[^\w.()（）《》 -]+")

uploads = APIRouter(prefix="/v1")


async def _get_admission(request: Request) -> Admission:
    admission: Admission = request.app.state.upload_admission
    return admission


Files = Annotated[
    list[UploadFile],
    File(description=f"1 to {MOST_FILES} files, each with a name of its own; archives are taken apart"),
]


@uploads.post(
    "/documents",
    tags=["corpus"],
    summary="Add or update documents",
    max_body_size=LARGEST_UPLOAD_BYTES,
    responses=PROBLEMS,
)
async def post_documents(
    files: Files, bot: Bot, admission: Annotated[Admission, Depends(_get_admission)]
) -> IngestReportOut:
    """Take in files as `briefbot ingest` does; a file of a name that was sent before is a new version of it.

    The answer comes when all are taken in or refused, each with its reason.
    """
    if len(files) > MOST_FILES:
        raise UsageError(f"files: expected at most {MOST_FILES}; got {len(files)}; send them in several requests")
    folder = bot.settings.home / "uploads"
    names = [make_name(file.filename or "") for file in files]
    if len(set(names)) < len(names):
        raise UsageError("files: expected names of their own; got two of one name; rename one")
    async with admission.turn():
        for name, file in zip(names, files, strict=True):
            await run_in_threadpool(_keep, folder / name, file)
        results = await run_in_threadpool(_take_in, bot, [folder / name for name in names])
    report = report_as_json([_without_folder(result, folder) for result in results])
    return IngestReportOut.model_validate(report)


def make_name(name: str) -> str:
    """A plain name for a file that was sent; raises `UsageError` where no reader takes it."""
    plain = _UNSAFE.sub("_", Path(name.replace("\\", "/")).name).strip(". ")
    path = Path(plain)
    if path.suffix.lower() not in READERS.keys() | ARCHIVES or not path.stem:
        known = ", ".join(sorted([*READERS, *ARCHIVES]))
        raise UsageError(
            f"files: expected names that end in one of {known}; got {name[:80]!r}; rename or convert the file"
        )
    stem = path.stem[:_LONGEST_NAME_CHARS]
    while len(stem.encode()) + len(path.suffix) > 200:
        stem = stem[:-1]
    return stem + path.suffix.lower()


def _keep(path: Path, file: UploadFile) -> None:
    """Write what was sent in the place of an earlier file of its name, whole or not at all; raises `StorageError`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as written:
            while chunk := file.file.read(_CHUNK_BYTES):
                written.write(chunk)
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"expected a folder of uploads that can be written; got {error.strerror or type(error).__name__}; check the disk, "
            "then send the files again"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _take_in(bot: Briefbot, paths: list[Path]) -> list[IngestResult]:
    return Ingestor(bot.corpus, bot.index, lambda: bot.embedder).ingest(paths)


def _without_folder(result: IngestResult, folder: Path) -> IngestResult:
    """The result as the sender knows the file: nothing of where it is kept here."""
    return replace(result, source=result.source.removeprefix(f"{folder}{os.sep}"))
