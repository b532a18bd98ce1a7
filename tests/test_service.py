"""The service as a process of its own: what it keeps when it is killed, how it stops, and where it refuses to start."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from briefbot.answering import Briefbot
from briefbot.settings import Settings

QUESTIONS = ("How much was Alibaba fined in April 2021?", "And Tencent?", "When did that happen?")


@dataclass
class Running:
    """A service in a process of its own."""

    process: subprocess.Popen[str]
    url: str


Start = Callable[..., Running]


@pytest.fixture
def home(tmp_path: Path, settings: Settings, bot: Briefbot) -> Path:
    """A copy of the session's home, so that what is kept is this test's own."""
    assert bot.corpus.count_passages()
    return Path(shutil.copytree(settings.home, tmp_path / "home", ignore=shutil.ignore_patterns("*.lock", "journal*")))


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Start the service, and wait until it says that it is ready."""
    processes: list[subprocess.Popen[str]] = []

    def starter(**environment: str) -> Running:
        kept_out = ("BRIEFBOT_", "PYTHONDONTWRITEBYTECODE")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(kept_out)}
        process = subprocess.Popen(
            [sys.executable, "-m", "briefbot", "serve", "--port", "0"],
            env={**clean, "BRIEFBOT_HOME": str(home), **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"ready: page (http://\S+?)/ ", line)
            if found:
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return Running(process, found[1])
        raise AssertionError("the service ended before it was ready")

    yield starter
    for process in processes:
        process.kill()
        process.wait(timeout=20)


def ask(url: str, question: str, conversation: str) -> dict[str, Any]:
    body = {"question": question, "conversation_id": conversation}
    response = httpx2.post(f"{url}/v1/answer", json=body, timeout=60, trust_env=False)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.slow
def test_a_killed_service_keeps_every_finished_turn_and_one_told_to_stop_finishes_what_it_has_begun(
    start: Start,
) -> None:
    running = start()
    conversation = httpx2.post(f"{running.url}/v1/conversations", trust_env=False).json()["id"]
    finished = [ask(running.url, question, conversation) for question in QUESTIONS[:2]]
    assert "Tencent" in finished[1]["standalone_question"]
    with httpx2.stream(
        "POST",
        f"{running.url}/v1/answer/stream",
        json={"question": QUESTIONS[2], "conversation_id": conversation},
        timeout=60,
        trust_env=False,
    ) as response:
        next(response.iter_lines())
        running.process.send_signal(signal.SIGKILL)
    running.process.wait(timeout=20)

    again = start()
    kept = httpx2.get(f"{again.url}/v1/conversations/{conversation}", trust_env=False).json()["answers"]
    assert kept[:2] == finished
    third = ask(again.url, QUESTIONS[2], conversation)
    assert third["citations"]
    assert [turn["content"] for turn in third["history"][:4:2]] == list(QUESTIONS[:2])
    assert httpx2.get(f"{again.url}/v1/answers/{finished[0]['id']}", trust_env=False).json() == finished[0]

    body = {"question": QUESTIONS[0]}
    with httpx2.stream("POST", f"{again.url}/v1/answer/stream", json=body, timeout=60, trust_env=False) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: sources"
        again.process.send_signal(signal.SIGTERM)
        rest = list(lines)
    answer = json.loads(rest[rest.index("event: answer") + 1].removeprefix("data: "))
    assert answer["citations"] == finished[0]["citations"]
    assert again.process.wait(timeout=20) in {0, -signal.SIGTERM}


def test_a_service_on_another_address_does_not_start_without_a_key(home: Path) -> None:
    kept_out = ("BRIEFBOT_", "PYTHONDONTWRITEBYTECODE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(kept_out)}
    result = subprocess.run(
        [sys.executable, "-m", "briefbot", "serve", "--host", "0.0.0.0", "--port", "0"],  # noqa: S104 - refused
        env={**clean, "BRIEFBOT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert "briefbot key create" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
