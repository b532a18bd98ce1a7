"""More than 500 hostile files are each ingested or refused with a reason, within limits, and the service answers all the while."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docx
import httpx2
import pytest
from briefbot.ingest.passages import _find_sentences, split_passages
from briefbot.ingest.pipeline import Ingestor
from briefbot.ingest.readers.docx import read_docx
from briefbot.ingest.readers.formats import LARGEST_FILE_BYTES, read_file
from briefbot.ingest.readers.html import read_html
from briefbot.ingest.readers.markdown import read_markdown
from briefbot.ingest.readers.text import MOST_PARTS, document_of
from briefbot.ingest.reports import IngestResult
from briefbot.ingest.sandbox import MOST_MEMORY_BYTES, Sandbox
from hostile_files import write_all, write_odd_names, write_special
from hostile_texts import front_matter, rows_of_stops
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_files import make_docx, make_pdf, pack
from test_pipeline import CountingEmbedder

from briefbot.corpus import Corpus
from briefbot.errors import RefusedDocumentError
from briefbot.index import PassageIndex
from briefbot.sentences import split_sentences

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of bytes, pipes and /proc are Linux's")

LEAST_FILES = 500
SECONDS = 8.0
"""Longest a file may take here, so that the ones that are too long for any limit do not hold up the tests."""

SLACK_SECONDS = 15.0
"""For what the parent does with an answer on a busy machine; the child is ended after `SECONDS`."""

_WORDS = (
    "harbour", "ferry", "office", "clerk", "ticket", "morning", "island", "bridge", "rope", "anchor", "storm", "lamp", "captain", "letter",
)  # fmt: skip


# ------------------------------------------------------------------ the run


@dataclass
class Watch:
    """What was seen of the reading: seconds of each call by the file's name, and the state of the child after each."""

    seconds: list[tuple[float, str]] = field(default_factory=list)
    most_memory_bytes: int = 0
    opened: set[str] = field(default_factory=set)
    limits: set[str] = field(default_factory=set)

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time taken."""

        @functools.wraps(call)
        def measured(*given: Any) -> Any:
            start = time.monotonic()
            try:
                return call(*given)
            finally:
                named = given[1] if isinstance(given[0], Sandbox) else given[0]
                self.seconds.append((time.monotonic() - start, str(getattr(named, "title", named))[:200]))
                if isinstance(given[0], Sandbox) and given[0]._child is not None:
                    self.look_at(given[0]._child.pid)

        return measured

    def look_at(self, pid: int) -> None:
        """Keep what the system says of a child."""
        process = Path("/proc", str(pid))
        try:
            status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            self.most_memory_bytes = max(self.most_memory_bytes, int(status["VmHWM"].split()[0]) << 10)
            self.opened |= {str(link.readlink()) for link in (process / "fd").iterdir()}
            self.limits |= {" ".join(line.split()[:5]) for line in (process / "limits").read_text().splitlines()}
        except (OSError, KeyError):  # it has ended
            pass


@dataclass(frozen=True)
class Run:
    """One ingestion of everything, and what the service and the outside world saw of it."""

    folder: Path
    counts: dict[str, int]
    good: dict[Path, str]
    results: list[IngestResult]
    watch: Watch
    asked: list[tuple[str, int]]
    reached_outside: bool
    before: dict[str, tuple[int, int]]
    after: dict[str, tuple[int, int]]
    texts: dict[str, str]


@pytest.fixture(scope="module")
def run(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("hostile")
    home = tmp_path_factory.mktemp("record")
    watch = Watch()
    with (
        socket.create_server(("127.0.0.1", 0)) as outside,
        pytest.MonkeyPatch.context() as patch,
        ThreadPoolExecutor(1) as thread,
        closing(Corpus(home / "record.sqlite3")) as corpus,
    ):
        counts = write_all(folder, f"http://127.0.0.1:{outside.getsockname()[1]}")
        good = write_good(folder)
        patch.setattr(Sandbox, "__init__", functools.partialmethod(Sandbox.__init__, seconds=SECONDS))
        patch.setattr(Sandbox, "read", watch.timed(Sandbox.read))
        patch.setattr(Sandbox, "list_archive", watch.timed(Sandbox.list_archive))
        patch.setattr("briefbot.ingest.engines.read_file", watch.timed(read_file))
        patch.setattr("briefbot.ingest.pipeline.split_passages", watch.timed(split_passages))
        before = list_files(folder)
        ingestor = Ingestor(corpus, PassageIndex(home / "index"), CountingEmbedder().provide)
        ingestion = thread.submit(ingestor.ingest, [folder])
        asked = list(ask_service(service, ingestion))
        outside.setblocking(False)
        try:
            outside.accept()[0].close()
            reached = True
        except BlockingIOError:
            reached = False
        texts = {id_: document.text for id_, document in corpus.catalogue().documents.items()}
        after = list_files(folder)
        yield Run(folder, counts, good, ingestion.result(), watch, asked, reached, before, after, texts)


def write_good(folder: Path) -> dict[Path, str]:
    """Good files of every format beside the hostile ones, each with its first sentence."""
    chance = random.Random(11)  # noqa: S311 - words, not secrets
    makers: dict[str, Callable[[str], bytes]] = {
        ".md": lambda text: f"# {text[:20]}\n\n{text}".encode(),
        ".txt": lambda text: text.encode("utf-16"),
        ".html": lambda text: (
            f"<html><body><article><h1>{text[:20]}</h1><p>{text}</p></article></body></html>".encode()
        ),
        ".pdf": make_pdf,
        ".docx": make_docx,
        ".zip": lambda text: pack({"note.txt": text.encode()}),
    }
    written = {}
    for kind in sorted(folder.iterdir()):
        for ending, make in makers.items():
            sentences = [
                f"The {' '.join(chance.sample(_WORDS, 8))} came to {chance.randrange(9999)}." for _ in range(8)
            ]
            path = kind / f"m-good{ending}"
            path.write_bytes(make(" ".join(sentences)))
            written[path] = sentences[0]
    return written


def list_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file."""
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def ask_service(service: str, ingestion: Future[Any]) -> Iterator[tuple[str, int]]:
    """What the service answers for as long as the ingestion goes on."""
    with httpx2.Client(timeout=60, trust_env=False) as client:
        while not ingestion.done():
            yield "healthz", client.get(f"{service}/healthz").status_code
            yield "search", client.post(f"{service}/v1/search", json={"query": "Didi fine", "top_k": 3}).status_code
            time.sleep(0.2)


@pytest.mark.slow
def test_there_are_500_distinct_files_of_every_format_and_kind(run: Run) -> None:
    paths = [path for path in run.folder.rglob("*") if path.is_file() and path.parent.name != "large"]
    distinct = {(path.suffix, hashlib.sha256(path.read_bytes()).digest()) for path in paths}
    assert len(distinct) >= LEAST_FILES
    assert sum(run.counts.values()) >= LEAST_FILES
    for ending in (".md", ".txt", ".html", ".pdf", ".docx", ".zip"):
        assert sum(path.suffix == ending for path in paths) >= 50, ending


@pytest.mark.slow
def test_every_hostile_file_is_ingested_or_refused_with_a_reason_of_one_line(run: Run) -> None:
    outcomes: dict[str, list[IngestResult]] = {}
    for result in run.results:
        outcomes.setdefault(source_of(result.source), []).append(result)
        assert result.outcome in {"added", "duplicate", "refused"}, result
        if result.outcome == "refused":
            assert result.reason, result
            assert result.reason.strip(), result
    plain = {os.fsencode(path).decode(errors="backslashreplace"): Path(path) for path in run.before}
    assert set(outcomes) >= {source_of(path) for path, file in plain.items() if file.is_file()}
    odd_names = str(run.folder / "names")
    for result in run.results:
        if not result.source.startswith(odd_names):
            assert "\n" not in (result.reason or ""), result
            assert len(result.reason or "") < 2000


def source_of(path: str) -> str:
    """A file as reports name it, less the files inside of it."""
    return path.split(".zip!", maxsplit=1)[0] + (".zip" if ".zip!" in path else "")


@pytest.mark.slow
def test_good_files_among_hostile_ones_all_arrive(run: Run) -> None:
    arrived = {result.source.removesuffix("!note.txt"): result for result in run.results}
    for path, sentence in run.good.items():
        result = arrived[str(path)]
        assert result.outcome == "added", result
        assert sentence in run.texts[result.document_id or ""]


@pytest.mark.slow
def test_no_file_takes_longer_or_more_memory_than_it_may(run: Run) -> None:
    assert len(run.watch.seconds) > LEAST_FILES
    slowest = sorted(run.watch.seconds)[-5:]
    assert slowest[-1][0] < SECONDS + SLACK_SECONDS, slowest
    assert f"Max address space {MOST_MEMORY_BYTES} {MOST_MEMORY_BYTES}" in run.watch.limits
    assert 0 < run.watch.most_memory_bytes <= MOST_MEMORY_BYTES


@pytest.mark.slow
def test_the_clock_ends_a_file_that_its_reader_would_not_finish(run: Run) -> None:
    (result,) = (
        result for result in run.results if result.source.endswith("attributes.html") and "long" not in result.source
    )
    assert f"can be read in {SECONDS:g} seconds" in (result.reason or "")


@pytest.mark.slow
def test_the_service_answers_all_the_while(run: Run) -> None:
    assert len(run.asked) >= 20
    assert {status for _, status in run.asked} == {200}


@pytest.mark.slow
def test_nothing_is_written_and_no_address_is_asked(run: Run) -> None:
    assert run.after == run.before
    assert not run.reached_outside
    assert not [name for name in run.watch.opened if name.startswith("socket:")]
    assert "Max file size 0 0" in run.watch.limits
    harm = [id_ for id_, text in run.texts.items() if "root:x:0" in text]
    assert not harm


# ------------------------------------------------------------------ what is no file, odd names


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    paths = write_special(tmp_path / "special")
    assert len(paths) == 9
    for path in paths:
        with pytest.raises(RefusedDocumentError, match=r"expected (?:a|at most) .*; got .*") as caught:
            read_file(path)
        assert "\n" not in str(caught.value)
    assert (tmp_path / "special" / "terabyte.md").stat().st_size > LARGEST_FILE_BYTES


def test_a_folder_without_files_has_nothing_to_ingest(tmp_path: Path) -> None:
    write_special(tmp_path / "special")
    (tmp_path / "special" / "terabyte.md").unlink()
    with closing(Corpus(tmp_path / "record.sqlite3")) as corpus:
        assert Ingestor(corpus, None, CountingEmbedder().provide).ingest([tmp_path / "special"]) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "closed.md"
    path.write_text("The fee was raised.")
    path.chmod(0)
    with pytest.raises(RefusedDocumentError, match="expected a readable file; got Permission denied"):
        read_file(path)


def test_texts_under_odd_names_are_read_and_empty_ones_refused_in_one_plain_line(tmp_path: Path) -> None:
    write_odd_names(tmp_path / "names")
    paths = sorted((tmp_path / "names").iterdir())
    assert any("\n" in path.name for path in paths)
    for path in paths:
        document = read_file(path)
        document.title.encode()
        path.write_bytes(b"")
        with pytest.raises(RefusedDocumentError) as caught:
            read_file(path)
        reason = str(caught.value)
        reason.encode()
        assert reason.isprintable(), ascii(reason)
        assert "got an empty file" in reason


# ------------------------------------------------------------------ front matter


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("laughs.md", "an alias in line 2; write the value out"),
        ("merges.md", "an alias in line 2; write the value out"),
        ("alias-of-itself.md", "an alias in line 1; write the value out"),
        ("deep-lists.md", "values inside each other more than 20 deep"),
        ("deep-blocks.md", "values inside each other more than 20 deep"),
        ("value-of-a-megabyte.md", "at most 60,000 characters; got 1,000,007; shorten it"),
        ("many-wrong-values.md", "more"),
        ("python-object.md", "could not determine a constructor for the tag"),
        ("quote-without-end.md", "while scanning a quoted scalar"),
    ],
)
def test_front_matter_that_would_do_harm_is_refused_with_the_reason(name: str, reason: str) -> None:
    data = dict(front_matter())[name]
    with pytest.raises(RefusedDocumentError, match=reason) as caught:
        read_markdown(data, Path(name))
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("value", [r"a\0b", r"a\u202Eb", r"a\uD800b", r"a\e[31mb"])
def test_a_title_with_marks_that_do_not_print_is_refused(value: str) -> None:
    name, data = next((name, data) for name, data in front_matter() if name == "field-04.md")
    text = data.decode().replace("title: {a: b}", f'title: "{value}"')
    with pytest.raises(RefusedDocumentError, match="title: "):
        read_markdown(text.encode(), Path(name))
    assert read_markdown(text.replace(value, "Fees").encode(), Path(name)).title == "Fees"


# ------------------------------------------------------------------ division


@pytest.mark.parametrize(("name", "data"), [*rows_of_stops()], ids=lambda part: part if isinstance(part, str) else "")
def test_rows_of_full_stops_are_divided(name: str, data: bytes) -> None:
    document = document_of(data.decode(), Path(name))
    passages = split_passages(document)
    assert "".join(passage.text for passage in passages) == document.text


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from([*'.!?"”)])aB9。字 \n-', "........", "Inc. ", "The ", "\n\n"]), max_size=40).map("".join)
)
def test_the_sentences_of_a_paragraph_are_those_of_the_text(text: str) -> None:
    assert list(_find_sentences(text)) == split_sentences(text)


def test_the_sentences_of_a_long_paragraph_do_not_depend_on_where_it_was_cut() -> None:
    text = "".join(f"The {number}th ferry left at noon, and the office said so. " for number in range(2000))
    assert list(_find_sentences(text)) == split_sentences(text)


def test_a_heading_of_a_megabyte_does_not_stand_whole_in_every_passage() -> None:
    text = f"# {'fee ' * 250_000}\n\n" + "\n\n".join(f"Fee {number}. " * 60 for number in range(200))
    passages = split_passages(document_of(text, Path("fees.md")))
    assert len(passages) >= 100
    assert max(len(passage.context) + len(passage.locator) for passage in passages) < 2000


@pytest.mark.parametrize(("part", "what"), [("a\n", "lines"), ("A fee. ", "sentences")])
def test_a_text_of_too_many_parts_is_refused(part: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "fees.txt"
    path.write_text(part * MOST_PARTS)
    assert read_file(path).text
    path.write_text(part * (MOST_PARTS + 2))
    with pytest.raises(RefusedDocumentError, match=rf"at most {MOST_PARTS:,} {what}; got"):
        read_file(path)


# ------------------------------------------------------------------ the readers' own ways beside their libraries'


def test_cells_over_several_rows_and_columns_are_read_as_the_library_reads_them() -> None:
    file = docx.Document()
    table = file.add_table(rows=5, cols=4)
    for row, column in ((row, column) for row in range(5) for column in range(4)):
        table.cell(row, column).text = f"cell {row} {column}"
    for first, last in (((0, 0), (2, 0)), ((1, 1), (1, 3)), ((2, 1), (4, 2)), ((3, 3), (4, 3))):
        table.cell(*first).merge(table.cell(*last))
    expected = [" | ".join(dict.fromkeys(" ".join(cell.text.split()) for cell in row.cells)) for row in table.rows]
    buffer = io.BytesIO()
    file.save(buffer)
    assert read_docx(buffer.getvalue(), Path("table.docx")).text == "\n\n".join(expected)


@pytest.mark.parametrize("encoding", ["gb2312", "big5", "shift_jis", "windows-1252", "koi8-r", "iso-8859-15", "euc-kr"])
def test_a_page_is_read_in_the_encoding_that_it_names(encoding: str) -> None:
    words = {
        "gb2312": "渡轮费用",
        "big5": "渡輪費用",
        "shift_jis": "渡し船の料金",
        "koi8-r": "паром",
        "euc-kr": "나룻배",
    }.get(encoding, "déjà")
    page = f'<html><head><meta charset="{encoding}"></head><body><article><p>{words} {"fee " * 40}</p></article></body></html>'
    assert words in read_html(page.encode(encoding), Path("page.html")).text


@pytest.mark.parametrize("encoding", ["punycode", "utf-7", "hex", "undefined", "utf-16", "none"])
def test_a_page_that_names_an_encoding_it_cannot_have_is_read_as_any_other(encoding: str) -> None:
    page = f'<html><head><meta charset="{encoding}"></head><body><article><p>费用 {"fee " * 40}</p></article></body></html>'
    assert "费用" in read_html(page.encode("gb18030"), Path("page.html")).text
