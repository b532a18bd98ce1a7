"""A language model behind an OpenAI-compatible endpoint, through LlamaIndex's client (the only file that imports one).

No environment variable of another product chooses a provider: without BRIEFBOT_LLM_URL or BRIEFBOT_LLM_GGUF there is no model.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from briefbot.errors import ModelError
from briefbot.local_models import find_model
from briefbot.local_server import LocalServer
from briefbot.settings import Settings
from briefbot.texts import PROMPT_RULES

LONGEST_ANSWER_TOKENS = 400
LONGEST_ANSWER_CHARS = 8000
"""What is read of an answer at most, whatever the server makes of the limit in tokens."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote, and the tokens it read and wrote for it, where its server says."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


class LanguageModel:
    """Writes an answer from numbered evidence; what it writes is not to be trusted before it is verified."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; a file they name must be a GGUF model (`ConfigurationError`), and is loaded when it is first asked."""
        self._settings = settings
        self._file = find_model(settings) if settings.llm_gguf else None
        self._server: LocalServer | None = None
        self._starting = threading.Lock()
        self._client: Any = None

    @property
    def name(self) -> str:
        """The model's name at its server, or its file's."""
        return self._file.stem if self._file else self._settings.llm_model or ""

    @property
    def place(self) -> str:
        """Where the model is: the address of its server, or its file's name."""
        return self._file.name if self._file else str(self._settings.llm_url)

    def close(self) -> None:
        """End the server of a local model."""
        with self._starting:
            if self._server:
                self._server.close()
            self._server = self._client = None

    def write(self, question: str, evidence: Sequence[str], language: str) -> Iterator[Written]:
        """The model's answer to a question from numbered evidence sentences, piece by piece as it comes.

        The last piece has no text, but the tokens. Raises `ModelError` where the server cannot be reached, answers an
        error or something that is no answer, or is not done within the settings' time, whatever it does meanwhile.
        """
        rules = PROMPT_RULES["zh" if language == "zh" else "en"]
        return self._within_deadline(lambda: self._stream(rules, make_prompt(question, evidence)))

    def complete(self, rules: str, prompt: str) -> Written:
        """What the model says to a prompt under rules; raises as `write` does."""
        pieces = list(self._within_deadline(lambda: self._stream(rules, prompt)))
        return Written("".join(piece.text for piece in pieces), pieces[-1].prompt_tokens, pieces[-1].completion_tokens)

    def _stream(self, rules: str, prompt: str) -> Iterator[Written]:
        from llama_index.core.llms import ChatMessage, MessageRole

        messages = [
            ChatMessage(role=MessageRole.SYSTEM, content=rules),
            ChatMessage(role=MessageRole.USER, content=prompt),
        ]
        prompt_tokens = completion_tokens = chars = 0
        for response in self.client().stream_chat(messages, stream_options={"include_usage": True}):
            usage = getattr(response.raw, "usage", None)
            prompt_tokens = int(getattr(usage, "prompt_tokens", 0) or prompt_tokens)
            completion_tokens = int(getattr(usage, "completion_tokens", 0) or completion_tokens)
            piece = str(response.delta or "")
            chars += len(piece)
            if piece:
                yield Written(piece)
            if chars > LONGEST_ANSWER_CHARS:
                break
        if not chars:
            raise ValueError("an answer without text")
        yield Written("", prompt_tokens, completion_tokens)

    def _within_deadline(self, start: Callable[[], Iterator[Written]]) -> Iterator[Written]:
        """What a stream yields, read by a thread of its own, so that no way of hanging outlasts the deadline."""
        deadline = time.monotonic() + self._settings.llm_timeout_seconds
        pieces: queue.SimpleQueue[Written | Exception | None] = queue.SimpleQueue()
        stopped = threading.Event()

        def read() -> None:
            try:
                for piece in start():
                    pieces.put(piece)
                    if stopped.is_set():
                        return
                pieces.put(None)
            except Exception as error:  # noqa: BLE001 - the client raises its own, httpx's, openai's and json's errors
                pieces.put(error)

        threading.Thread(target=read, name="briefbot-model", daemon=True).start()
        try:
            while True:
                try:
                    piece = pieces.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    piece = TimeoutError(f"no end after {self._settings.llm_timeout_seconds:g} seconds")
                if piece is None:
                    return
                if isinstance(piece, Exception):
                    raise ModelError(
                        f"expected an answer from the model at {self.place}; got "
                        f"{type(piece).__name__}: {str(piece)[:200]}; check that it runs and serves {self.name}"
                    ) from piece
                yield piece
        finally:
            stopped.set()

    def client(self) -> Any:
        """LlamaIndex's client of the model, made when it is first wanted; a local model's server is started, or started again."""
        with self._starting:
            if self._file and (self._server is None or not self._server.is_running):
                self._client = None
                self._server = LocalServer(self._file, self._settings.threads)
            if self._client is None:
                self._client = self._make_client()
            return self._client

    def _make_client(self) -> Any:
        from llama_index.llms.openai_like import OpenAILike

        key = self._settings.llm_api_key
        return OpenAILike(
            model=self.name,
            api_base=self._server.url if self._server else str(self._settings.llm_url),
            api_key=self._server.key if self._server else key.get_secret_value() if key else "none",
            is_chat_model=True,
            temperature=0.0,
            max_tokens=LONGEST_ANSWER_TOKENS,
            timeout=self._settings.llm_timeout_seconds,
            max_retries=0,
            context_window=8192,
        )


def make_prompt(question: str, evidence: Sequence[str]) -> str:
    """The question under its numbered evidence. Words of sources are joined by `^`, so that they read as data.

    Datamarking: Hines et al. 2024, "Defending Against Indirect Prompt Injection Attacks With Spotlighting", arXiv 2403.14720.
    """
    marked = [f"[{number}] {'^'.join(text.replace('[', '(').split())}" for number, text in enumerate(evidence, start=1)]
    return "\n".join([*marked, "", f"Question: {question}"])
