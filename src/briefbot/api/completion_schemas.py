"""What OpenAI's chat completions API takes and gives, as far as this service speaks it.

Field names and shapes follow https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from briefbot import models
from briefbot.api.schemas import AnswerOut, Day, FiltersIn, In, Out


def _refuse_zero(value: object) -> object:
    """To Python zero is false; to JSON it is not."""
    if value is None or isinstance(value, bool):
        return value
    raise PydanticCustomError("only_false", "expected false or null", {"expected": "false or null"})


class ContentPartIn(In):
    """A piece of a message; only text is read."""

    type: Literal["text"] = Field(description="Only `text`", examples=["text"])
    text: str = Field(max_length=20_000, description="The text", examples=["How much was Alibaba fined?"])


class MessageIn(In):
    """One message. The last one is the question, the user's and assistant's before it its context; others are not read."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = Field(
        description="Who says it", examples=["user"]
    )
    content: str | list[ContentPartIn] | None = Field(
        default=None, description="What is said", examples=["How much was Alibaba fined?"]
    )

    @property
    def text(self) -> str:
        """What is said, as one text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptionsIn(In):
    """What a stream ends with."""

    model_config = ConfigDict(strict=True)

    include_usage: bool = Field(default=False, description="Whether a last chunk tells the tokens", examples=[True])
    include_obfuscation: bool = Field(default=False, description="Not read", examples=[False])


class ResponseFormatIn(In):
    """The form of the answer."""

    type: Literal["text"] = Field(description="Only `text`", examples=["text"])


class BriefbotIn(In):
    """What only this service knows: send it as `extra_body={"briefbot": {…}}`."""

    as_of: Day | None = Field(
        default=None, description="Answer with what was published by that day", examples=["2022-01-31"]
    )
    filters: FiltersIn = Field(default_factory=FiltersIn, description="What the answer may be drawn from")
    mode: models.Mode | None = Field(default=None, description="In the place of the model's", examples=["extractive"])
    conversation_id: str | None = Field(
        default=None, max_length=80, description="A conversation that keeps the answer", examples=[None]
    )


class CompletionIn(In):
    """A request for a chat completion. Parameters of sampling are taken and not read; unknown ones are refused."""

    model_config = ConfigDict(strict=True)

    model: str = Field(max_length=200, description="One of GET /v1/models", examples=["briefbot"])
    messages: list[MessageIn] = Field(min_length=1, max_length=500, description="The conversation, oldest first")
    stream: bool | None = Field(default=None, description="Whether to send chunks as they come", examples=[False])
    stream_options: StreamOptionsIn | None = Field(default=None, description="What a stream ends with")
    n: Literal[1] | None = Field(default=None, description="Only 1", examples=[1])
    response_format: ResponseFormatIn | None = Field(default=None, description="Only text")
    tools: list[Any] | None = Field(default=None, max_length=0, description="Only none", examples=[[]])
    functions: list[Any] | None = Field(default=None, max_length=0, description="Only none", examples=[[]])
    tool_choice: Literal["none", "auto"] | None = Field(default=None, description="Not read", examples=["none"])
    modalities: list[Literal["text"]] | None = Field(default=None, description="Only text", examples=[["text"]])
    briefbot: BriefbotIn | None = Field(default=None, description="What only this service knows")
    temperature: float | None = Field(default=None, description="Not read", examples=[0.0])
    top_p: float | None = Field(default=None, description="Not read", examples=[1.0])
    max_tokens: int | None = Field(default=None, description="Not read", examples=[500])
    max_completion_tokens: int | None = Field(default=None, description="Not read", examples=[500])
    stop: str | list[str] | None = Field(default=None, description="Not read", examples=[None])
    seed: int | None = Field(default=None, description="Not read: quoted answers are always the same", examples=[1])
    presence_penalty: float | None = Field(default=None, description="Not read", examples=[0.0])
    frequency_penalty: float | None = Field(default=None, description="Not read", examples=[0.0])
    logit_bias: dict[str, float] | None = Field(default=None, description="Not read", examples=[{}])
    logprobs: Annotated[Literal[False] | None, BeforeValidator(_refuse_zero)] = Field(
        default=None, description="Only false", examples=[False]
    )
    parallel_tool_calls: bool | None = Field(default=None, description="Not read", examples=[False])
    reasoning_effort: str | None = Field(default=None, description="Not read", examples=["low"])
    verbosity: str | None = Field(default=None, description="Not read", examples=["low"])
    service_tier: str | None = Field(default=None, description="Not read", examples=["auto"])
    store: bool | None = Field(default=None, description="Not read", examples=[False])
    metadata: dict[str, str] | None = Field(default=None, description="Not read", examples=[{}])
    user: str | None = Field(default=None, description="Not read", examples=[None])
    safety_identifier: str | None = Field(default=None, description="Not read", examples=[None])
    prompt_cache_key: str | None = Field(default=None, description="Not read", examples=[None])


class UrlCitationOut(Out):
    """A source behind a mark."""

    start_index: int = Field(description="Where its mark begins in the content, in code points", examples=[40])
    end_index: int = Field(description="Where the mark ends", examples=[43])
    url: str = Field(description="The document", examples=["http://127.0.0.1:8000/v1/documents/law-pipl-2021"])
    title: str = Field(description="The document's title", examples=["Personal Information Protection Law"])


class AnnotationOut(Out):
    """One mark of the content with its source; there is one for each mark."""

    type: Literal["url_citation"] = Field(default="url_citation", description="Always `url_citation`")
    url_citation: UrlCitationOut = Field(description="The source")


class MessageOut(Out):
    """The answer as a message."""

    role: Literal["assistant"] = Field(default="assistant", description="Always `assistant`")
    content: str = Field(
        description="The answer's text with marks", examples=["The regulator fined a company in 2021 [1]."]
    )
    refusal: None = Field(
        default=None, description="Always null; an answer that abstains says so in its content", examples=[None]
    )
    annotations: list[AnnotationOut] = Field(description="The sources behind the marks, in their order")


class ChoiceOut(Out):
    """The one choice."""

    index: Literal[0] = Field(default=0, description="Always 0")
    message: MessageOut = Field(description="The answer")
    finish_reason: Literal["stop"] = Field(default="stop", description="Always `stop`")
    logprobs: None = Field(default=None, description="Always null", examples=[None])


class UsageOut(Out):
    """Tokens a language model read and wrote; zero where none was asked."""

    prompt_tokens: int = Field(description="Tokens read", examples=[0])
    completion_tokens: int = Field(description="Tokens written", examples=[0])
    total_tokens: int = Field(description="Both", examples=[0])


class CompletionOut(Out):
    """A chat completion, with the whole answer under `briefbot`."""

    id: str = Field(description="Its id", examples=["chatcmpl-5c1f0e"])
    object: Literal["chat.completion"] = Field(default="chat.completion", description="Always `chat.completion`")
    created: int = Field(description="Moment in seconds since 1970", examples=[1795000000])
    model: str = Field(description="The model that was asked for", examples=["briefbot"])
    choices: list[ChoiceOut] = Field(description="Always one")
    usage: UsageOut = Field(description="Tokens")
    system_fingerprint: str = Field(description="The corpus version", examples=["sha256:9f2c"])
    briefbot: AnswerOut = Field(description="The whole answer")


class ModelOut(Out):
    """A name that may be asked for."""

    id: str = Field(description="The name", examples=["briefbot"])
    object: Literal["model"] = Field(default="model", description="Always `model`")
    created: int = Field(default=0, description="Always 0", examples=[0])
    owned_by: Literal["briefbot"] = Field(default="briefbot", description="Always `briefbot`")


class ModelListOut(Out):
    """The names that may be asked for."""

    object: Literal["list"] = Field(default="list", description="Always `list`")
    data: list[ModelOut] = Field(description="`briefbot`, and one for each mode that can be asked for")
