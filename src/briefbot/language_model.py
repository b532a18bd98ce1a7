"""A language model behind an OpenAI-compatible endpoint, through LlamaIndex's client (the only file that imports one).

No environment variable of another product chooses a provider: without BRIEFBOT_LLM_URL there is no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from briefbot.errors import ModelError
from briefbot.settings import Settings
from briefbot.texts import PROMPT_RULES

LONGEST_ANSWER_TOKENS = 400


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote, and the tokens it read and wrote for it, where its server says."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


class LanguageModel:
    """Writes an answer from numbered evidence; what it writes is not to be trusted before it is verified."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    @property
    def name(self) -> str:
        """The model's name at its server."""
        return self._settings.llm_model or ""

    def write(self, question: str, evidence: Sequence[str], language: str) -> Written:
        """The model's answer to a question from numbered evidence sentences; raises as `complete` does."""
        return self.complete(PROMPT_RULES["zh" if language == "zh" else "en"], make_prompt(question, evidence))

    def complete(self, rules: str, prompt: str) -> Written:
        """What the model says to a prompt under rules.

        Raises `ModelError` where the server cannot be reached, answers an error or takes longer than the settings allow.
        """
        from llama_index.core.llms import ChatMessage, MessageRole

        messages = [
            ChatMessage(role=MessageRole.SYSTEM, content=rules),
            ChatMessage(role=MessageRole.USER, content=prompt),
        ]
        try:
            response = self.client().chat(messages)
        except Exception as error:  # the client raises its own, httpx's and openai's errors
            raise ModelError(
                f"expected an answer from the model server at {self._settings.llm_url}; got {type(error).__name__}: "
                f"{str(error)[:200]}; check that it runs and serves {self.name}"
            ) from error
        usage = getattr(response.raw, "usage", None)
        return Written(
            str(response.message.content or ""),
            int(getattr(usage, "prompt_tokens", 0) or 0),
            int(getattr(usage, "completion_tokens", 0) or 0),
        )

    def client(self) -> Any:
        """LlamaIndex's client of the model, made when it is first wanted."""
        if self._client is None:
            from llama_index.llms.openai_like import OpenAILike

            key = self._settings.llm_api_key
            self._client = OpenAILike(
                model=self.name,
                api_base=str(self._settings.llm_url),
                api_key=key.get_secret_value() if key else "none",
                is_chat_model=True,
                temperature=0.0,
                max_tokens=LONGEST_ANSWER_TOKENS,
                timeout=self._settings.llm_timeout_seconds,
                max_retries=0,
                context_window=8192,
            )
        return self._client


def make_prompt(question: str, evidence: Sequence[str]) -> str:
    """The question under its numbered evidence. Words of sources are joined by `^`, so that they read as data.

    Datamarking: Hines et al. 2024, "Defending Against Indirect Prompt Injection Attacks With Spotlighting", arXiv 2403.14720.
    """
    marked = [f"[{number}] {'^'.join(text.replace('[', '(').split())}" for number, text in enumerate(evidence, start=1)]
    return "\n".join([*marked, "", f"Question: {question}"])
