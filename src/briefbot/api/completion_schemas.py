"""What OpenAI's chat completions API takes and gives, as far as this service speaks it.

Field names and shapes follow https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from briefbot import models
from briefbot.api.schemas import AnswerOut, Day, FiltersIn, FiltersOrNull, In, Out

MOST_TURNS = 100
MOST_CHARS = 20_000
"""What is read of the messages before the question: so many of them, and so much of each."""


def _refuse(expected: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "expected {expected}", {"expected": expected})


def _only(expected: str, *values: object) -> BeforeValidator:
    """Nothing but these values, told apart as in JSON: to Python 1 and true are the same, and so are 0 and false."""

    def check(value: object) -> object:
        if not any(type(value) is type(it) and value == it for it in values):
            raise _refuse(expected)
        return value

    return BeforeValidator(check)


def _check_stop(value: object) -> object:
    """One text or up to four: a union would tell what is wrong for each of its choices."""
    texts = value if isinstance(value, list) else [value]
    is_sound = len(texts) <= 4 and all(isinstance(text, str) for text in texts)
    if value is not None and not is_sound:
        raise _refuse("text, a list of at most 4 texts, or null")
    return value


class TextPartIn(In):
    """A piece of a message that is text; what else it has is not read."""

    model_config = ConfigDict(extra="ignore")

    type: Annotated[Literal["text"], _only("text, as only text is read", "text")] = Field(
        description="Only `text`: images, sound and files are refused", examples=["text"]
    )
    text: str = Field(description="The text", examples=["How much was Alibaba fined?"])


class RefusalPartIn(In):
    """A piece of an assistant's message that refuses; it is read over."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["refusal"] = Field(description="Always `refusal`", examples=["refusal"])
    refusal: str = Field(description="Not read", examples=["I cannot help with that."])


def _read_part(value: object, info: ValidationInfo) -> object:
    """A piece as what it says it is; only the role in `info.context` that answers may refuse."""
    if isinstance(value, TextPartIn | RefusalPartIn):
        return value
    if not isinstance(value, dict):
        raise _refuse("a part with type and text")
    is_refusal = value.get("type") == "refusal" and info.context == "assistant"
    return (RefusalPartIn if is_refusal else TextPartIn).model_validate(value)


_PARTS = TypeAdapter(list[Annotated[TextPartIn | RefusalPartIn, BeforeValidator(_read_part)]])


class MessageIn(In):
    """One message. The last one is the question, the user's and assistant's before it its context; others are not read."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = Field(
        description="Who says it", examples=["user"]
    )
    content: str | list[TextPartIn | RefusalPartIn] | None = Field(
        default=None,
        description=f"What is said; of a message before the question, the first {MOST_CHARS:,} characters are read",
        examples=["How much was Alibaba fined?"],
    )

    @field_validator("content", mode="before")
    @classmethod
    def _read_parts(cls, value: object, info: ValidationInfo) -> object:
        """Piece by piece, so that a fault names its place: a union would name all that the content could have been."""
        if value is None or isinstance(value, str):
            return value
        if not isinstance(value, list):
            raise _refuse("text, a list of parts, or null")
        return _PARTS.validate_python(value, context=info.data.get("role"))

    @property
    def text(self) -> str:
        """What is said, as one text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if isinstance(part, TextPartIn))
        return self.content or ""


class StreamOptionsIn(In):
    """What a stream ends with."""

    model_config = ConfigDict(strict=True)

    include_usage: bool | None = Field(
        default=None,
        description="Whether a last chunk tells the tokens; `usage` is then null in every other one",
        examples=[True],
    )
    include_obfuscation: bool | None = Field(default=None, description="Not read", examples=[False])


class ResponseFormatIn(In):
    """The form of the answer."""

    type: Annotated[Literal["text"], _only("text, as answers have no other form", "text")] = Field(
        description="Only `text`", examples=["text"]
    )


class BriefbotIn(In):
    """What only this service knows: send it as `extra_body={"briefbot": {…}}`."""

    as_of: Day | None = Field(
        default=None, description="Answer with what was published by that day", examples=["2022-01-31"]
    )
    filters: FiltersOrNull = Field(default_factory=FiltersIn, description="What the answer may be drawn from")
    mode: models.Mode | None = Field(default=None, description="In the place of the model's", examples=["extractive"])
    conversation_id: str | None = Field(
        default=None,
        max_length=80,
        description="A conversation that keeps the answer; its own messages are then the context, and those sent before "
        "the question are not read",
        examples=[None],
    )


Penalty = Annotated[float, Field(ge=-2, le=2)]
Tokens = Annotated[int, Field(ge=1)]
NoTools = Annotated[list[Any], Field(max_length=0)]
ToolChoice = Literal["none", "auto"]


class CompletionIn(In):
    """A request for a chat completion, with every parameter of OpenAI's.

    What would change the answer in a way that is not possible here is refused, and so are unknown names; the rest is
    taken and not read.
    """

    model_config = ConfigDict(strict=True)

    model: str = Field(max_length=200, description="One of GET /v1/models", examples=["briefbot"])
    messages: list[MessageIn] = Field(
        min_length=1,
        max_length=500,
        description=f"The conversation, oldest first; of the user's and assistant's messages before the question, "
        f"the last {MOST_TURNS} are read, and none beside `briefbot.conversation_id`",
    )
    stream: bool | None = Field(default=None, description="Whether to send chunks as they come", examples=[False])
    stream_options: StreamOptionsIn | None = Field(default=None, description="What a stream ends with")
    briefbot: BriefbotIn | None = Field(default=None, description="What only this service knows")

    n: Annotated[Literal[1] | None, _only("1 or null, as there is one answer", 1, None)] = Field(
        default=None, description="Only 1", examples=[1]
    )
    response_format: ResponseFormatIn | None = Field(default=None, description="Only text")
    modalities: list[Literal["text"]] | None = Field(default=None, description="Only text", examples=[["text"]])
    audio: Annotated[None, _only("null, as answers are not spoken", None)] = Field(
        default=None, description="Only null: answers are not spoken", examples=[None]
    )
    tools: Annotated[NoTools | None, _only("no tools, as none are called", [], None)] = Field(
        default=None, description="Only none", examples=[[]]
    )
    functions: Annotated[NoTools | None, _only("no functions, as none are called", [], None)] = Field(
        default=None, description="Only none", examples=[[]]
    )
    tool_choice: ToolChoice | None = Field(default=None, description="Not read", examples=["none"])
    function_call: ToolChoice | None = Field(default=None, description="Not read", examples=["none"])
    logprobs: Annotated[Literal[False] | None, _only("false or null, as none are given", False, None)] = Field(
        default=None, description="Only false", examples=[False]
    )
    top_logprobs: Annotated[Literal[0] | None, _only("0 or null, as none are given", 0, None)] = Field(
        default=None, description="Only 0", examples=[0]
    )
    web_search_options: Annotated[None, _only("null, as only the corpus is searched", None)] = Field(
        default=None, description="Only null: the corpus is searched, the web is not", examples=[None]
    )
    moderation: Annotated[None, _only("null, as nothing is moderated", None)] = Field(
        default=None, description="Only null: nothing is moderated", examples=[None]
    )

    temperature: float | None = Field(default=None, ge=0, le=2, description="Not read", examples=[0.0])
    top_p: float | None = Field(default=None, ge=0, le=1, description="Not read", examples=[1.0])
    presence_penalty: Penalty | None = Field(default=None, description="Not read", examples=[0.0])
    frequency_penalty: Penalty | None = Field(default=None, description="Not read", examples=[0.0])
    logit_bias: dict[str, float] | None = Field(default=None, description="Not read", examples=[{}])
    seed: int | None = Field(default=None, description="Not read: quoted answers are always the same", examples=[1])
    max_tokens: Tokens | None = Field(default=None, description="Not read", examples=[500])
    max_completion_tokens: Tokens | None = Field(default=None, description="Not read", examples=[500])
    stop: Annotated[str | Annotated[list[str], Field(max_length=4)] | None, BeforeValidator(_check_stop)] = Field(
        default=None, description="Not read", examples=[None]
    )
    prediction: dict[str, Any] | None = Field(default=None, description="Not read", examples=[None])
    parallel_tool_calls: bool | None = Field(default=None, description="Not read", examples=[False])
    reasoning_effort: str | None = Field(default=None, description="Not read", examples=["low"])
    verbosity: str | None = Field(default=None, description="Not read", examples=["low"])
    service_tier: str | None = Field(default=None, description="Not read", examples=["auto"])
    store: bool | None = Field(default=None, description="Not read", examples=[False])
    metadata: dict[str, str] | None = Field(default=None, max_length=16, description="Not read", examples=[{}])
    user: str | None = Field(default=None, description="Not read", examples=[None])
    safety_identifier: str | None = Field(default=None, description="Not read", examples=[None])
    prompt_cache_key: str | None = Field(default=None, description="Not read", examples=[None])
    prompt_cache_options: dict[str, Any] | None = Field(default=None, description="Not read", examples=[None])
    prompt_cache_retention: str | None = Field(default=None, description="Not read", examples=["24h"])

    @property
    def wants_usage(self) -> bool:
        """Whether a stream tells the tokens."""
        return bool(self.stream_options and self.stream_options.include_usage)


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
