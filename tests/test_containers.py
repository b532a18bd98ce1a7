"""The image and the compose file: linted, and compared with the code they run."""

from __future__ import annotations

import fnmatch
import functools
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from briefbot.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PYTHON = shutil.which("python", path=str(BIN)) or sys.executable

TOLERATED = {"CL-0019"}
"""Images are named by version. A digest too would tie the file to one registry's answer of one day, which nothing here can renew."""


@dataclass
class Stage:
    """A stage of the Dockerfile: its image, and its instructions in order."""

    image: str
    name: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, kind: str) -> list[str]:
        """What stands behind each instruction of a kind."""
        return [rest for word, rest in self.instructions if word == kind]

    @property
    def user(self) -> str:
        """Whom it runs as in the end."""
        return self.all("USER")[-1]


@functools.cache
def stages() -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    plain = "\n".join(line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", "", plain).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            image, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
            found[name] = Stage(image, name)
        elif word:
            list(found.values())[-1].instructions.append((word, rest.strip()))
    return found


def copied() -> list[str]:
    """Everything that is copied from the repository."""
    copies = [rest.split() for stage in stages().values() for rest in stage.all("COPY") if "--from=" not in rest]
    return [source for words in copies for source in words[:-1]]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a path through to the builder: the last pattern that fits it or a folder above it decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern, is_exception = line.removeprefix("!").split("/"), line.startswith("!")
        parts = path.split("/")
        if any(_fits(parts[:length], pattern) for length in range(1, len(parts) + 1)):
            sent = is_exception
    return sent


def _fits(parts: list[str], pattern: list[str]) -> bool:
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        return any(_fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts)))
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def interpolate(text: str, environ: Mapping[str, str]) -> str:
    """A value of the compose file with its variables filled in, as Compose does it."""

    def fill(match: re.Match[str]) -> str:
        name, default, message = match["name"], match["default"], match["message"]
        assert message is None or environ.get(name), message
        return environ.get(name) or default or ""

    return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?(?P<message>[^}]*))?\}", fill, text)


def environment_of(service: str, environ: Mapping[str, str]) -> dict[str, str]:
    return {name: interpolate(value, environ) for name, value in SERVICES[service].get("environment", {}).items()}


@contextmanager
def answering(status: int, paths: list[str]) -> Iterator[int]:
    """A server on this machine that gives every GET a status and keeps its path; yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def served_paths() -> set[str]:
    from briefbot.api.routes import health

    return {route.path for route in health.routes if hasattr(route, "path")}


# ------------------------------------------------------------------ linters


def test_hadolint_finds_nothing_of_any_severity() -> None:
    command = [str(BIN / "hadolint"), "--no-color", "--disable-ignore-pragma", "--failure-threshold", "style"]
    done = subprocess.run([*command, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_lint_finds_nothing_of_any_severity_but_missing_digests() -> None:
    command = [str(BIN / "compose-lint"), "check", "--format", "json", "--fail-on", "low", "--no-env"]
    done = subprocess.run([*command, str(ROOT / "compose.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert {finding["rule_id"] for finding in findings} <= TOLERATED, done.stdout


# ------------------------------------------------------------------ what is built


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    assert {"pyproject.toml", "constraints.txt", "src", "ingest", "ui", "eval"} <= set(copied())
    for source in copied():
        assert (ROOT / source).exists(), source
        assert is_sent(source), source


@pytest.mark.parametrize(
    "path",
    [
        ".venv/bin/python",
        ".git/config",
        ".env",
        "src/.env.local",
        "src/briefbot/__pycache__/cli.cpython-311.pyc",
        "build/lib/briefbot/cli.py",
        "tests/conftest.py",
        "eval/report/report.html",
        "model.gguf",
    ],
)
def test_environments_history_keys_and_caches_are_not_sent_to_the_builder(path: str) -> None:
    assert not is_sent(path)


def test_what_is_copied_builds_a_package_with_all_its_data(tmp_path: Path) -> None:
    for source in copied():
        for path in [ROOT / source, *(ROOT / source).rglob("*")]:
            name = path.relative_to(ROOT)
            if path.is_file() and is_sent(name.as_posix()):
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, tmp_path / name)
    subprocess.run(
        [sys.executable, "-c", "from setuptools import build_meta; build_meta.build_wheel('out')"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    (wheel,) = (tmp_path / "out").glob("briefbot-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    folders = {"src/briefbot": "briefbot", "ingest": "briefbot/ingest", "ui": "briefbot/ui", "eval": "briefbot/eval"}
    expected = {
        f"{package}/{path.relative_to(tmp_path / folder).as_posix()}"
        for folder, package in folders.items()
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    }
    assert {"briefbot/cli.py", "briefbot/ingest/sources.yaml", "briefbot/ui/assets/briefbot.js"} <= expected
    assert expected <= inside, sorted(expected - inside)


def test_every_image_is_named_by_a_version() -> None:
    images = [stage.image for stage in stages().values()] + [
        item["image"] for item in SERVICES.values() if "image" in item
    ]
    assert len(images) == 4
    for image in images:
        _, _, tag = image.rpartition(":")
        assert re.fullmatch(r"\d+\.\d+\.\d+(-[a-z]+)*|server-b\d+", tag), image


def test_the_chroma_server_is_of_the_version_of_the_client() -> None:
    client = re.search(r"^chromadb==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert client is not None
    assert stages()["chroma"].image == f"chromadb/chroma:{client[1]}"


def test_the_python_of_both_stages_is_the_same_and_one_that_the_package_takes() -> None:
    assert stages()["build"].image == stages()["service"].image
    least = re.search(r'requires-python = ">=(\d+)\.(\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = re.match(r"python:(\d+)\.(\d+)\.", stages()["service"].image)
    assert least is not None
    assert found is not None
    assert tuple(map(int, found.groups())) >= tuple(map(int, least.groups()))


def test_every_extra_that_is_installed_exists() -> None:
    import tomllib

    extras = re.findall(r"--extra (\w+)", DOCKERFILE)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert extras
    assert set(extras) <= set(known)


# ------------------------------------------------------------------ what is run


@pytest.mark.parametrize("name", ["service", "chroma"])
def test_images_run_as_a_user_that_is_not_root_and_owns_its_volume(name: str) -> None:
    stage = stages()[name]
    uid, gid = re.fullmatch(r"(\d+):(\d+)", stage.user).groups()  # type: ignore[union-attr]
    assert int(uid) >= 1000
    (volume,) = stage.all("VOLUME")
    assert f"install --directory --owner={uid} --group={gid} {volume}" in " ".join(stage.all("RUN"))
    service = next(item for item in SERVICES.values() if item.get("build", {}).get("target") == name)
    assert service["user"] == stage.user
    assert [mount.split(":")[1] for mount in service["volumes"]] == [volume]


def test_the_service_is_the_last_stage_so_that_a_plain_build_makes_it() -> None:
    assert list(stages())[-1] == "service"


def test_the_command_is_one_of_the_command_line_and_gets_signals_itself() -> None:
    from briefbot.cli import app

    (command,) = stages()["service"].all("CMD")
    program, name = json.loads(command)
    assert program == "briefbot"
    assert name in {item.name or (item.callback and item.callback.__name__) for item in app.registered_commands}
    assert not stages()["service"].all("ENTRYPOINT")


def test_settings_of_the_image_exist_and_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(re.findall(r"\b(BRIEFBOT_\w+)=(\S+)", " ".join(stages()["service"].all("ENV"))))
    assert {"BRIEFBOT_HOME", "BRIEFBOT_HOST"} <= set(given)
    assert {name.removeprefix("BRIEFBOT_").lower() for name in given} <= set(Settings.model_fields)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert str(settings.home) == given["BRIEFBOT_HOME"] == stages()["service"].all("VOLUME")[0]
    assert stages()["service"].all("EXPOSE") == [str(Settings.model_fields["port"].default)]


def test_the_health_check_asks_a_route_of_the_service_and_fails_unless_it_is_ready() -> None:
    (line,) = stages()["service"].all("HEALTHCHECK")
    command = json.loads(line.split(" CMD ", 1)[1])
    assert command[0] == "python"

    def check(port: int) -> int:
        environ = {
            **os.environ,
            "BRIEFBOT_PORT": str(port),
            "HTTP_PROXY": "http://127.0.0.1:9",
            "http_proxy": "http://127.0.0.1:9",
        }
        return subprocess.run([PYTHON, *command[1:]], env=environ, capture_output=True, check=False).returncode

    asked: list[str] = []
    with answering(200, asked) as port:
        assert check(port) == 0
    with answering(503, asked) as port:
        assert check(port) == 1
    assert check(unused_port()) != 0
    assert set(asked) == {"/readyz"} <= served_paths()


# ------------------------------------------------------------------ compose


def test_settings_of_the_compose_file_exist_and_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"BRIEFBOT_API_KEY": "k" * 16, "BRIEFBOT_LLM_URL": "http://model:8080/v1", "BRIEFBOT_LLM_MODEL": "local"}
    for given in ({"BRIEFBOT_API_KEY": "k" * 16}, environ):
        values = environment_of("briefbot", given)
        names = {name for name in values if name.startswith("BRIEFBOT_")}
        assert {name.removeprefix("BRIEFBOT_").lower() for name in names} <= set(Settings.model_fields)
        for name in names:
            monkeypatch.setenv(name, values[name])
        settings = load_settings()
        assert settings.chroma_url is not None
        assert settings.chroma_url.host in SERVICES
        assert settings.has_model == ("BRIEFBOT_LLM_URL" in given)
        assert settings.log_format == "json"


def test_without_a_key_compose_says_what_is_expected() -> None:
    with pytest.raises(
        AssertionError, match="expected a key of at least 16 characters; got none; set BRIEFBOT_API_KEY"
    ):
        environment_of("briefbot", {})


def test_no_key_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search("KEY|TOKEN|SECRET|PASSWORD", name) or value.startswith("${"), name


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", service["user"])
    assert {"mem_limit", "cpus", "pids_limit", "tmpfs"} <= set(service)
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)
    health = service.get("healthcheck") or stages()[service["build"]["target"]].all("HEALTHCHECK")
    assert health


def test_only_the_service_is_published_and_only_on_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["briefbot"]
    for port in SERVICES["briefbot"]["ports"]:
        host, _, inside = interpolate(port, {}).split(":")
        assert host == "127.0.0.1"
        assert [inside] == stages()["service"].all("EXPOSE")


def test_index_and_model_are_reached_by_the_service_alone() -> None:
    for name in ("chroma", "model"):
        for network in SERVICES[name]["networks"]:
            assert COMPOSE["networks"][network]["internal"] is True
            assert {other for other, service in SERVICES.items() if network in service["networks"]} == {
                name,
                "briefbot",
            }


def test_every_network_and_volume_that_is_used_is_declared() -> None:
    networks = {network for service in SERVICES.values() for network in service["networks"]}
    mounts = [mount for service in SERVICES.values() for mount in service["volumes"] if isinstance(mount, str)]
    assert networks == set(COMPOSE["networks"])
    assert {mount.split(":")[0] for mount in mounts} == set(COMPOSE["volumes"])


def test_the_model_is_there_only_when_asked_for_and_nothing_waits_for_it() -> None:
    assert SERVICES["model"]["profiles"] == ["model"]
    assert all("model" not in service.get("depends_on", {}) for service in SERVICES.values())
    (mount,) = SERVICES["model"]["volumes"]
    assert mount["read_only"] is True
    assert mount["target"] in SERVICES["model"]["command"]
    assert "BRIEFBOT_LLM_URL=http://model:8080/v1 BRIEFBOT_LLM_MODEL=local" in COMPOSE_TEXT
    assert SERVICES["model"]["command"][SERVICES["model"]["command"].index("--alias") + 1] == "local"


def test_the_health_check_of_chroma_fails_unless_the_server_answers() -> None:
    command = SERVICES["chroma"]["healthcheck"]["test"]
    assert command[:3] == ["CMD", "bash", "-c"]

    def check(port: int) -> int:
        script = command[3].replace("$$", "$").replace("/8000", f"/{port}")
        return subprocess.run(["bash", "-c", script], capture_output=True, check=False).returncode

    asked: list[str] = []
    with answering(200, asked) as port:
        assert check(port) == 0
    with answering(503, asked) as port:
        assert check(port) == 1
    assert check(unused_port()) == 1
    assert asked == ["/api/v2/heartbeat"] * 2
