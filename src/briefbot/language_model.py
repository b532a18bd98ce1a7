"""A language model behind an OpenAI-compatible endpoint, through LlamaIndex's client (the only file that imports one).

No environment variable of another product chooses a provider: without BRIEFBOT_LLM_URL there is no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from briefbot.errors import ModelError
from briefbot.settings import Settings
from briefbot.texts import PROMPT_RULES

LONGEST_ANSWER_TOKENS = 400


class LanguageModel:
    """Writes an answer from numbered evidence; what it writes is not to be trusted before it is verified."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    @property
    def name(self) -> str:
        """The model's name at its server."""
        return self._settings.llm_model or ""

    def write(self, question: str, evidence: Sequence[str], language: str) -> str:
        """The model's answer to a question from numbered evidence sentences.

        Raises `ModelError` where the server cannot be reached, answers an error or takes longer than the settings allow.
        """
        from llama_index.core.llms import ChatMessage, MessageRole

        messages = [
            ChatMessage(role=MessageRole.SYSTEM, content=PROMPT_RULES["zh" if language == "zh" else "en"]),
            ChatMessage(role=MessageRole.USER, content=make_prompt(question, evidence)),
        ]
        try:
            response = self._connect().chat(messages)
        except Exception as error:  # the client raises its own, httpx's and openai's errors
            raise ModelError(
                f"expected an answer from the model server at {self._settings.llm_url}; got {type(error).__name__}: "
                f"{str(error)[:200]}; check that it runs and serves {self.name}"
            ) from error
        return str(response.message.content or "")

    def _connect(self) -> Any:
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
