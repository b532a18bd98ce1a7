"""Small instruct models as GGUF files on this machine: what is pinned, what is there, and fetching one.

A transfer goes on where an earlier one stopped; what arrives must have the pinned hash. (The hub's own client starts anew in a new
process, and sends whatever token it finds on the machine.)
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from briefbot.errors import ConfigurationError, ModelError, NotFoundError
from briefbot.settings import Settings

if TYPE_CHECKING:
    from briefbot.embedding import Progress

_TIMEOUT_SECONDS = 30.0
"""Longest silence of a hub."""

_SPARE_BYTES = 200_000_000
"""What must stay free on the disk beside a model."""


@dataclass(frozen=True, slots=True)
class PinnedModel:
    """A model file at a hub, by revision, with what it must be and what it needs; `size` in bytes, `memory` in GiB."""

    name: str
    repository: str
    revision: str
    file: str
    size: int
    sha256: str
    licence: str
    memory: float
    about: str


PINNED: tuple[PinnedModel, ...] = (
    PinnedModel(
        name="qwen2.5-1.5b-instruct",
        repository="Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        revision="91cad51170dc346986eccefdc2dd33a9da36ead9",
        file="qwen2.5-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_736,
        sha256="6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e",
        licence="Apache-2.0",
        memory=2.0,
        about="English and Chinese; the smallest that answers well from evidence",
    ),
    PinnedModel(
        name="qwen2.5-0.5b-instruct",
        repository="Qwen/Qwen2.5-0.5B-Instruct-GGUF",
        revision="9217f5db79a29953eb74d5343926648285ec7e67",
        file="qwen2.5-0.5b-instruct-q4_k_m.gguf",
        size=491_400_032,
        sha256="74a4da8c9fdbcd15bd1f6d01d621410d31c6fc00986f5eb687824e7b93d7a9db",
        licence="Apache-2.0",
        memory=1.0,
        about="English and Chinese; quicker, and more of what it writes is refused",
    ),
)


def models_folder(settings: Settings) -> Path:
    """Where fetched models lie."""
    return settings.model_cache / "gguf"


def find_model(settings: Settings) -> Path:
    """The GGUF file that `BRIEFBOT_LLM_GGUF` names, by path or by a pinned name.

    Raises `ConfigurationError` where there is no such file, or it is no GGUF file.
    """
    wanted = settings.llm_gguf or ""
    pinned = next((model for model in PINNED if model.name == wanted), None)
    path = models_folder(settings) / pinned.file if pinned else Path(wanted).expanduser()
    try:
        with path.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
    except OSError as error:
        advice = (
            f"`briefbot models pull {wanted}` fetches it" if pinned else "`briefbot models list` names those to fetch"
        )
        raise ConfigurationError(
            f"BRIEFBOT_LLM_GGUF: expected a GGUF file; got {wanted} ({error.strerror or error}); {advice}"
        ) from error
    if not is_gguf:
        raise ConfigurationError(f"BRIEFBOT_LLM_GGUF: expected a GGUF file; got {path}, which is none; choose another")
    return path


def find_pinned(name: str, pinned: Sequence[PinnedModel] = PINNED) -> PinnedModel:
    """The pinned model of a name; raises `NotFoundError` with the names there are."""
    for model in pinned:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in pinned)
    raise NotFoundError(f"name: expected one of {known}; got {name[:80]}; `briefbot models list` describes them")


def is_there(model: PinnedModel, settings: Settings) -> bool:
    """Whether a model's file is there in its full size."""
    path = models_folder(settings) / model.file
    return path.is_file() and path.stat().st_size == model.size


def pull_model(model: PinnedModel, settings: Settings, progress: Progress | None = None) -> Path:
    """Fetch a model, going on where an earlier attempt stopped, and check its hash.

    Raises `ModelError` where the disk is too small, the hub cannot be reached, or what arrived is not what is pinned, which is then
    deleted.
    """
    folder = models_folder(settings)
    path = folder / model.file
    if not is_there(model, settings):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < model.size + _SPARE_BYTES:
            raise ModelError(
                f"expected {(model.size + _SPARE_BYTES) / 1e9:.1f} GB free for {model.name}; got {free / 1e9:.1f} GB in {folder}; "
                "make room or set BRIEFBOT_HOME to another disk"
            )
        _download(model, settings, path, progress)
    found = _hash_of(path)
    if found != model.sha256:
        path.unlink()
        raise ModelError(
            f"{model.file}: expected sha256 {model.sha256}; got {found}; the file was deleted, pull it again or check the hub"
        )
    return path


def _download(model: PinnedModel, settings: Settings, path: Path, progress: Progress | None) -> None:
    """Fetch what a part file lacks; the part becomes the file once it is whole."""
    part = path.with_name(f"{path.name}.part")
    hub = str(settings.model_hub).rstrip("/")
    url = f"{hub}/{model.repository}/resolve/{model.revision}/{model.file}"
    done = part.stat().st_size if part.exists() else 0
    try:
        with httpx2.stream(
            "GET",
            url,
            headers={"range": f"bytes={done}-"} if done else {},
            follow_redirects=True,
            timeout=_TIMEOUT_SECONDS,
        ) as response:
            response.raise_for_status()
            is_rest = response.status_code == httpx2.codes.PARTIAL_CONTENT
            done = done if is_rest else 0
            with part.open("ab" if is_rest else "wb") as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    done += len(chunk)
                    if progress:
                        progress(f"fetching {model.file} (MB)", done // 1_000_000, model.size // 1_000_000)
                    if done > model.size:
                        break
    except (httpx2.HTTPError, OSError) as error:
        raise ModelError(
            f"expected {model.file} from {hub}; got {type(error).__name__}: {str(error).strip()[:200]}; "
            "try again, it goes on where it stopped, or set BRIEFBOT_MODEL_HUB"
        ) from error
    part.replace(path)


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
