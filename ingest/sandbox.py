"""Reading of untrusted files and feeds in a child process with limits on memory and time, so that none can harm the service.

The parent sends one request a line and gets one answer a line, both JSON. A child that hangs, dies or runs out of memory is replaced,
and the file it read is refused; what it had answered before stands.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from briefbot.ingest.feeds import Feed, LinkKind, Sitemap, read_feed, read_sitemap
from pydantic import TypeAdapter

from briefbot.child import ChildProcess
from briefbot.errors import BriefbotError, RefusedDocumentError
from briefbot.models import Document

MOST_MEMORY_BYTES = 1 << 30
MOST_SECONDS = 20.0
"""Longest a file may take, by the clock."""

_START_SECONDS = 60.0

_OUT_OF_TIME = int(getattr(signal, "SIGXCPU", 0))
"""The signal that ends a child at the limit of `_limit_time`; none where the system knows no limits."""

_DOCUMENT: TypeAdapter[Document] = TypeAdapter(Document)
_FEED: TypeAdapter[Feed] = TypeAdapter(Feed)
_SITEMAP: TypeAdapter[Sitemap] = TypeAdapter(Sitemap)
"""What the child sends is checked like anything else from outside."""


class Sandbox:
    """A child process that reads files; it starts with the first one. Close it at the end. Not for several threads."""

    def __init__(self, *, seconds: float = MOST_SECONDS, memory: int = MOST_MEMORY_BYTES) -> None:
        self._seconds = seconds
        self._memory = memory
        self._child: ChildProcess | None = None

    def read(self, path: Path, member: str | None = None) -> Document:
        """The document in a file, or in a file of an archive.

        Raises `RefusedDocumentError` where it cannot be read, or not within the limits.
        """
        answer = self._ask({"path": str(path), "member": member}, path.name)
        return _DOCUMENT.validate_python(answer["document"])

    def list_archive(self, path: Path) -> list[str]:
        """The readable files of an archive; raises `RefusedDocumentError` as `read` does."""
        return [str(member) for member in self._ask({"path": str(path), "list": True}, path.name)["members"]]

    def read_feed(self, data: bytes, url: str) -> Feed:
        """The entries of an RSS or Atom feed that was fetched from `url`; raises `RefusedDocumentError` as `read` does."""
        return _FEED.validate_python(self._read_links(data, "feed", url))

    def read_sitemap(self, data: bytes, url: str) -> Sitemap:
        """The links of a sitemap that was fetched from `url`; raises `RefusedDocumentError` as `read` does."""
        return _SITEMAP.validate_python(self._read_links(data, "sitemap", url))

    def _read_links(self, data: bytes, kind: LinkKind, url: str) -> Any:
        with tempfile.TemporaryDirectory(prefix="briefbot-") as folder:
            path = Path(folder) / kind
            path.write_bytes(data)
            return self._ask({"path": str(path), "links": kind, "url": url}, url)["links"]

    def _ask(self, request: Mapping[str, Any], name: str) -> dict[str, Any]:
        child = self._start()
        try:
            child.send(json.dumps({**request, "seconds": self._seconds}))
            line = child.receive(self._seconds)
        except TimeoutError:
            self.close()
            raise self._too_long(name) from None
        except OSError:
            line = None
        if line is None:
            self.close()
            if _OUT_OF_TIME and child.returncode == -_OUT_OF_TIME:  # the system's clock came before ours
                raise self._too_long(name)
            raise RefusedDocumentError(
                f"{name}: expected a file that can be read with {self._memory >> 20} MiB in {self._seconds:g} seconds; "
                "got one that ended its reader; divide or simplify it"
            )
        answer: dict[str, Any] = json.loads(line)
        if "refused" in answer:
            raise RefusedDocumentError(str(answer["refused"]))
        return answer

    def _too_long(self, name: str) -> RefusedDocumentError:
        return RefusedDocumentError(
            f"{name}: expected a file that can be read in {self._seconds:g} seconds; got a longer one; divide or simplify it"
        )

    def _start(self) -> ChildProcess:
        if self._child is not None and self._child.returncode is None:
            return self._child
        self.close()
        self._child = ChildProcess("briefbot.ingest.sandbox", str(self._memory))
        try:
            if self._child.receive(_START_SECONDS) is None:
                raise RefusedDocumentError("expected a reader that starts; got none; see `briefbot --debug`")
        except TimeoutError:
            self.close()
            raise RefusedDocumentError("expected a reader that starts in time; got none; try again") from None
        return self._child

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.close()
            self._child = None


def _limit(memory: int) -> None:
    """Hold this process to its memory, and let it write no file; where the system knows no limits, only the clock is kept."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: float) -> None:
    """End this process once it has worked for so many seconds more, also where no parent is left to do so."""
    try:
        import resource
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if most == resource.RLIM_INFINITY else min(soft, most), most))


def _read_links(path: Path, kind: LinkKind, url: str) -> Any:
    if kind == "feed":
        return _FEED.dump_python(read_feed(path.read_bytes(), url), mode="json")
    return _SITEMAP.dump_python(read_sitemap(path.read_bytes(), url), mode="json")


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    from briefbot.ingest.readers.formats import list_archive, read_file

    path = Path(request["path"])
    _limit_time(request["seconds"])
    try:
        if "links" in request:
            return {"links": _read_links(path, request["links"], request["url"])}
        if request.get("list"):
            return {"members": list_archive(path)}
        return {"document": _DOCUMENT.dump_python(read_file(path, request.get("member")), mode="json")}
    except BriefbotError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {
            "refused": f"{path.name}: expected a file that can be read in the memory allowed; got a larger one; divide it"
        }
    except Exception as error:  # noqa: BLE001 - whatever a hostile file makes a library raise
        return {
            "refused": f"{path.name}: expected a file that can be read; got {type(error).__name__}: {str(error)[:120]}; save it again"
        }


def main() -> None:
    """Answer requests from standard input until it ends; the first argument is the memory allowed, in bytes."""
    output = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints must not be taken for an answer
    _limit(int(sys.argv[1]))
    output.write("ready\n")
    output.flush()
    for line in sys.stdin:
        output.write(f"{json.dumps(_answer(json.loads(line)))}\n")
        output.flush()


if __name__ == "__main__":
    main()
