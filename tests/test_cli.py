"""The command line as a user meets it: output, exit codes, and one line for each error."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from briefbot.ui.strings import EXAMPLES

from briefbot.answering import Briefbot
from briefbot.cli import main
from briefbot.errors import UsageError
from briefbot.filter_options import read_filters
from briefbot.models import Filters
from briefbot.settings import Settings

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run the command line in a process of its own, on the session's home unless told otherwise."""

    def runner(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept_out = ("BRIEFBOT_", "PYTHONDONTWRITEBYTECODE")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(kept_out)}
        return subprocess.run(
            [sys.executable, "-m", "briefbot", *arguments],
            env={**clean, "BRIEFBOT_HOME": str(settings.home), **environment},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return runner


def assert_one_line_error(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    lines = [line for line in result.stderr.splitlines() if line.startswith("briefbot: ")]
    assert result.returncode == code, result.stderr
    assert lines, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in lines[-1]


def test_importing_briefbot_loads_no_heavy_library() -> None:
    code = "import sys, briefbot; print(sorted({'torch','chromadb','gradio','llama_index','numpy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['briefbot', '--help']\n"
        "from briefbot.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch','chromadb','gradio','llama_index','numpy','fastapi','pydantic'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("[]")
    assert "serve" in result.stdout


@pytest.mark.parametrize("question", EXAMPLES)
def test_terminal_and_api_cite_the_same_words(
    question: str, bot: Briefbot, service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def words(answer: dict[str, Any]) -> list[tuple[str, int, int]]:
        return [(item["document"]["id"], item["start"], item["end"]) for item in answer["citations"]]

    monkeypatch.setenv("BRIEFBOT_HOME", str(bot.settings.home))
    monkeypatch.setattr("briefbot.answering.load_embedder", lambda *_args, **_options: bot.embedder)
    monkeypatch.setattr(sys, "argv", ["briefbot", "ask", question, "--json"])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert not exit_info.value.code
    served = httpx2.post(f"{service}/v1/answer", json={"question": question}, timeout=60, trust_env=False).json()
    assert words(json.loads(capsys.readouterr().out)) == words(served)


def test_a_chinese_question_cites_the_didi_fine(run: Run, bot: Briefbot) -> None:
    assert bot.corpus.count_passages() > 0
    result = run("ask", "滴滴被罚了多少钱？")
    assert result.returncode == 0
    assert "80.26亿元" in result.stdout or "8.026 billion" in result.stdout
    assert re.search(r"^\[1\] .+", result.stdout, re.MULTILINE)


def test_an_empty_question_is_refused(run: Run) -> None:
    assert_one_line_error(run("ask", "   "), 2, "question", "1 to 2,000 characters", "got 0")


def test_a_question_of_ten_megabytes_is_refused_by_name_of_its_length(bot: Briefbot) -> None:
    from briefbot.errors import UsageError

    with pytest.raises(UsageError, match=r"got 10,000,000"):
        bot.ask("x" * 10_000_000)


def test_a_date_that_is_none_is_refused(run: Run) -> None:
    assert_one_line_error(run("ask", "What?", "--as-of", "soon"), 2, "as_of", "2022-01-31", "soon")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("issuer", ("FIELD=VALUE", "issuer")),
        ("colour=red", ("FIELD=VALUE", "published_from", "colour=red")),
        ("kind=poem", ("kind.0", "'law'", "poem")),
        ("published_from=May 2021", ("published_from", "YYYY-MM-DD", "May 2021")),
    ],
)
def test_a_filter_that_is_none_is_refused(given: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as refused:
        read_filters([given])
    assert all(word in str(refused.value) for word in words)


def test_a_wrong_filter_is_refused_before_anything_is_loaded(run: Run, tmp_path: Path) -> None:
    result = run("ask", "Why?", "--filter", "kind=poem", BRIEFBOT_EMBEDDING_MODEL=str(tmp_path))
    assert_one_line_error(result, 2, "kind.0", "poem")


def test_a_day_can_be_given_once() -> None:
    with pytest.raises(UsageError, match="published_to once"):
        read_filters(["published_to=2021-01-01", "published_to=2022-01-01"])


def test_filters_are_those_that_the_api_takes() -> None:
    given = ["kind=law", "kind = rule", "issuer=CAC", "published_from=2021-01-01", "topic=data=x"]
    assert read_filters(given) == Filters(
        kind=("law", "rule"), issuer=("CAC",), published_from=dt.date(2021, 1, 1), topic=("data=x",)
    )
    assert read_filters([]) == Filters()


def test_a_missing_file_is_refused_before_anything_is_loaded(run: Run) -> None:
    assert_one_line_error(run("ingest", "/no/such/file.md"), 1, "/no/such/file.md", "does not exist")


def test_a_home_that_cannot_be_made_is_named(run: Run, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    result = run("corpus", "list", BRIEFBOT_HOME=str(blocker / "home"))
    assert_one_line_error(result, 2, str(blocker / "home"), "BRIEFBOT_HOME")


def test_a_port_in_use_is_named_before_the_model_is_loaded(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port))
    assert_one_line_error(result, 2, f"127.0.0.1:{port}", "--port")
    assert "loading the embedding model" not in result.stderr


def test_an_index_of_another_model_is_refused_with_the_command_that_rebuilds(
    run: Run, bot: Briefbot, tmp_path: Path, settings: Settings
) -> None:
    from briefbot.ingest.pipeline import Ingestor

    from briefbot.corpus import Corpus

    assert bot.corpus.count_passages() > 0
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(settings.model_cache)
    corpus = Corpus(home / "record.sqlite3")
    note = tmp_path / "note.md"
    note.write_text("# A note\n\nThe regulator met the firm on 3 May 2021.\n", encoding="utf-8")
    Ingestor(corpus, None, lambda: bot.embedder).ingest([note])
    corpus.set_meta("model", "another-model:0123456789abcdef")
    before = corpus.version()
    result = run("ask", "Who met whom?", BRIEFBOT_HOME=str(home))
    assert_one_line_error(result, 1, "another-model", "briefbot reindex")
    assert corpus.version() == before
    assert corpus.count_passages() == 1


def test_a_damaged_model_cache_is_named(run: Run, tmp_path: Path, settings: Settings, bot: Briefbot) -> None:
    assert bot.corpus.count_passages() > 0
    folder = next(settings.model_cache.iterdir())
    copy = tmp_path / "home" / "models" / folder.name
    copy.mkdir(parents=True)
    for path in folder.iterdir():
        if path.is_file() and path.name != "model.safetensors":
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "model.safetensors").write_bytes(b"cut short")
    result = run("ask", "Who?", BRIEFBOT_HOME=str(tmp_path / "home"))
    assert_one_line_error(result, 1, "model.safetensors", "delete", str(copy))


def test_settings_that_are_wrong_are_named(run: Run) -> None:
    assert_one_line_error(run("corpus", "list", BRIEFBOT_PORT="ninety"), 2, "BRIEFBOT_PORT", "ninety")
    result = run("corpus", "list", BRIEFBOT_LLM_URL="http://127.0.0.1:1/v1")
    assert_one_line_error(result, 2, "BRIEFBOT_LLM_MODEL")


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("BRIEFBOT_API_KEY", "hunter2-secret", "hunter2"),
        ("BRIEFBOT_LLM_URL", "ftp://user:hunter2@models.example/v1", "hunter2"),
        ("BRIEFBOT_CHROMA_URL", "chroma://user:hunter2@chroma.example:8000", "hunter2"),
    ],
)
def test_a_wrong_setting_is_named_without_the_secret_in_it(run: Run, name: str, value: str, secret: str) -> None:
    result = run("corpus", "list", **{name: value})
    assert_one_line_error(result, 2, name)
    assert secret not in result.stderr + result.stdout


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    result = run("dance")
    assert result.returncode == 2
    assert "dance" in result.stderr


def test_corpus_list_and_show_print_what_the_record_holds(run: Run, bot: Briefbot) -> None:
    listed = json.loads(run("corpus", "list", "--json").stdout)["documents"]
    assert len(listed) == len(bot.corpus.catalogue().documents)
    shown = json.loads(run("corpus", "show", "law-dsl-2021", "--json").stdout)
    assert shown["effective_from"] == "2021-09-01"
    assert shown["text"] == bot.corpus.catalogue().documents["law-dsl-2021"].text
    assert_one_line_error(run("corpus", "show", "no-such"), 1, "no-such", "corpus list")


@pytest.fixture
def own_home(tmp_path: Path, settings: Settings, bot: Briefbot) -> Path:
    """A home of the test's own with the bundled corpus in it, of which nothing is embedded again."""
    home = tmp_path / "home"
    home.mkdir()
    with closing(sqlite3.connect(bot.corpus.path)) as record, closing(sqlite3.connect(home / "record.sqlite3")) as copy:
        record.backup(copy)
    (home / "models").symlink_to(settings.model_cache)
    return home


def test_ingest_tells_of_every_source_and_the_second_run_loads_no_model(
    run: Run, own_home: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "ferries.txt").write_text("Title: Ferries\nThe ferry fee rose to RMB 300 in May 2024.", encoding="utf-8")
    (notes / "empty.md").write_text("", encoding="utf-8")
    home = {"BRIEFBOT_HOME": str(own_home)}
    first = run("ingest", str(notes), **home)
    assert first.returncode == 1
    lines = first.stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["refused", "added"]
    assert lines[-1].startswith("1 added, 0 updated, 0 unchanged, 0 duplicate, 0 gone, 1 refused; ")
    again = run("ingest", str(notes), "--json", BRIEFBOT_EMBEDDING_MODEL="/nowhere", **home)
    report = json.loads(again.stdout)
    assert report["counts"] == {"added": 0, "updated": 0, "unchanged": 1, "duplicate": 0, "gone": 0, "refused": 1}
    (notes / "ferries.txt").write_text("Title: Ferries\nThe ferry fee fell to RMB 200 in June 2024.", encoding="utf-8")
    (notes / "empty.md").unlink()
    changed = json.loads(run("ingest", str(notes), "--json", **home).stdout)
    assert [(row["outcome"]) for row in changed["results"]] == ["updated", "gone"]
    status = json.loads(run("corpus", "status", "--json", **home).stdout)
    assert (status["sources"], status["documents"] - status["bundled"]) == ({"indexed": 1, "gone": 1}, 1)
    assert status["earlier_versions"] == 1
    (document_id,) = (row["document_id"] for row in changed["results"] if row["outcome"] == "updated")
    history = json.loads(run("corpus", "history", document_id, "--json", **home).stdout)
    assert ["RMB 300" in version["text"] for version in history] == [True]
    assert "RMB 200" in run("ask", "What is the ferry fee?", **home).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "name what to take in"),
        (("x.md", "--engine", "spark"), 2, "expected local or ray"),
        (("--catalogue", "/no/such.yaml"), 1, "does not exist"),
        (("ftp://example.org/a.html",), 1, "does not exist"),
        (("notes/*.nothing",), 1, "check the path or the pattern"),
    ],
)
def test_what_cannot_be_ingested_is_told_before_anything_is_read(
    run: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert_one_line_error(run("ingest", *arguments), code, words)
