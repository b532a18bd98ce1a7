"""The recipes of docs/recipes.md, each run as it stands against a running service."""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from clients import TestClient

from briefbot.api.schemas import AnswerOut, SearchOut
from briefbot.client import Client

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
DOCUMENTED_URL = "http://127.0.0.1:8000"
SIGNED_WITH = "only-the-tests-sign-with-this"
BLOCKS = [
    (section.split("\n", 1)[0], language, code)
    for section in TEXT.split("\n## ")[1:]
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
]
"""Heading, language and code of every block, in their order."""


def block(heading: str, number: int = 0) -> str:
    """The code under a heading."""
    codes: list[str] = [code for found, _, code in BLOCKS if found == heading]
    return codes[number]


def run(command: list[str], folder: Path | None = None) -> str:
    """What a command prints; it must succeed, and reaches this machine directly."""
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=folder, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_shell(code: str, service: str) -> str:
    return run(["bash", "-euc", code.replace(DOCUMENTED_URL, service)])


def run_python(code: str, service: str, folder: Path | None = None) -> str:
    return run([sys.executable, "-c", code.replace(DOCUMENTED_URL, service)], folder)


def ask(service: str, question: str, **options: Any) -> AnswerOut:
    with Client(service) as client:
        return client.ask(question, **options)


def test_every_block_of_the_file_is_run_by_a_test_below() -> None:
    assert [(heading, language) for heading, language, _ in BLOCKS] == [
        ("curl", "bash"),
        ("curl", "bash"),
        ("curl", "bash"),
        ("Python", "python"),
        ("Python", "python"),
        ("Python", "python"),
        ("OpenAI's client", "python"),
        ("OpenAI's client", "python"),
        ("MCP", "json"),
        ("MCP", "json"),
        ("LangChain", "python"),
        ("LlamaIndex", "python"),
        ("A slash command", "python"),
        ("A spreadsheet", "python"),
    ]
    assert TEXT.count("\n```") == 2 * len(BLOCKS)


def test_curl_gets_an_answer(service: str) -> None:
    answer = AnswerOut.model_validate_json(run_shell(block("curl"), service))
    assert "18.228 billion" in answer.text
    assert answer.citations


def test_curl_gets_a_stream(service: str) -> None:
    printed = run_shell(block("curl", 1), service)
    names = re.findall(r"^event: (\w+)$", printed, re.MULTILINE)
    assert (names[0], set(names[1:-1]), names[-1]) == ("sources", {"delta"}, "answer")
    answer = AnswerOut.model_validate_json(re.findall(r"^data: (.+)$", printed, re.MULTILINE)[-1])
    assert answer.citations


def test_curl_gets_passages(service: str) -> None:
    found = SearchOut.model_validate_json(run_shell(block("curl", 2), service))
    assert [passage.rank for passage in found.passages] == [1, 2, 3]
    assert found.filters.topic == ["data"]


def test_the_python_client_holds_a_conversation(service: str) -> None:
    printed = run_python(block("Python"), service)
    assert "Meituan" in printed
    assert "\n[1] " in printed


def test_the_async_client_asks_at_once(service: str) -> None:
    printed = run_python(block("Python", 1), service)
    for question in ("When did the Data Security Law take effect?", "数据安全法何时施行？"):
        assert ask(service, question).text in printed


def test_the_python_client_streams(service: str) -> None:
    answer = ask(service, "What happened to Didi?", as_of="2022-12-31")
    assert run_python(block("Python", 2), service) == f"{answer.text}\n{len(answer.citations)} citations\n"


def test_openais_client_gets_an_answer_with_its_sources(service: str) -> None:
    printed = run_python(block("OpenAI's client"), service)
    answer = ask(service, "How much was Alibaba fined in April 2021, and by whom?", as_of="2022-01-31")
    assert printed.startswith(answer.text)
    for citation in answer.citations:
        assert f"\n{citation.document.title} http" in printed


def test_openais_client_gets_a_stream_with_its_sources(service: str) -> None:
    printed = run_python(block("OpenAI's client", 1), service)
    answer = ask(service, "When did the Data Security Law take effect?")
    assert printed.startswith(answer.text + "\n")
    for citation in answer.citations:
        assert f"\n{citation.document.title}" in printed


def test_the_mcp_settings_start_a_command_of_this_package() -> None:
    (server,) = json.loads(block("MCP"))["mcpServers"].values()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert server["command"] in scripts
    told = run([sys.executable, "-m", "briefbot", *server["args"], "--help"])
    assert "Model Context Protocol" in " ".join(told.split())


def test_the_mcp_settings_name_the_address_of_a_running_service(service: str) -> None:
    (server,) = json.loads(block("MCP", 1).replace(DOCUMENTED_URL, service))["mcpServers"].values()
    assert server["headers"]["Authorization"].startswith("Bearer bb_")
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    headers = {"Accept": "application/json, text/event-stream"}
    reply = httpx2.post(server["url"], json=call, headers=headers, trust_env=False, timeout=60)
    assert reply.status_code == 200
    assert "briefbot" in reply.text


@pytest.mark.parametrize("heading", ["LangChain", "LlamaIndex"])
def test_a_retriever_of_another_library_finds_what_search_finds(service: str, heading: str) -> None:
    with Client(service) as client:
        found = client.search("Why was Didi fined?", top_k=5).passages
    assert run_python(block(heading), service).splitlines() == [
        f"{passage.document_id} {passage.locator}" for passage in found
    ]


def test_a_slash_command_is_answered_only_when_its_signature_holds(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SIGNED_WITH)
    names: dict[str, Any] = {"__name__": "slash"}
    exec(compile(block("A slash command").replace(DOCUMENTED_URL, service), "slash.py", "exec"), names)  # noqa: S102
    question = "How much was Alibaba fined in April 2021, and by whom?"
    body = urlencode({"command": "/brief", "text": question})

    def sign(sent_at: int, secret: str = SIGNED_WITH, signed: str = body) -> dict[str, str]:
        digest = hmac.new(secret.encode(), f"v0:{sent_at}:{signed}".encode(), hashlib.sha256).hexdigest()
        return {"x-slack-request-timestamp": str(sent_at), "x-slack-signature": f"v0={digest}"}

    now = int(time.time())
    with TestClient(names["app"]) as client:
        reply = client.post("/slack", content=body, headers=sign(now))
        assert reply.status_code == 200
        assert reply.json()["text"].startswith(ask(service, question, mode="extractive").text)
        assert "\n[1] " in reply.json()["text"]
        empty = client.post("/slack", content="text=", headers=sign(now, signed="text="))
        assert "1 to 2,000" in empty.json()["text"]
        assert empty.json()["response_type"] == "ephemeral"
        for wrong in ({}, sign(now, "another"), sign(now - 301), sign(now, signed="text=x")):
            assert client.post("/slack", content=body, headers=wrong).status_code == 401


def test_a_table_of_questions_becomes_a_table_of_answers(service: str, tmp_path: Path) -> None:
    known = "When did the Data Security Law take effect?"
    formula = "=HYPERLINK(1) When was Didi fined?"
    questions = [known, "", formula, *["滴滴被罚了多少钱？"] * 50]
    with (tmp_path / "questions.csv").open("w", encoding="utf-8", newline="") as source:
        table = csv.writer(source)
        table.writerow(["number", "question"])
        table.writerows(enumerate(questions))
    run_python(block("A spreadsheet"), service, tmp_path)
    with (tmp_path / "answers.csv").open(encoding="utf-8-sig", newline="") as target:
        rows = list(csv.DictReader(target))
    assert [row["question"] for row in rows] == [f"'{formula}" if item == formula else item for item in questions]
    answer = ask(service, known)
    assert rows[0]["answer"] == answer.text
    assert answer.citations[0].document.title in rows[0]["sources"]
    assert (rows[1]["answer"], rows[1]["problem"][:8]) == ("", "question")
    assert rows[-1]["answer"] == rows[3]["answer"] != ""
