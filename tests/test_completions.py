"""OpenAI's official client against the service: a conversation, streams, models, parameters, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx2
import openai
import pytest
from conftest import run_service
from openai import DefaultHttpxClient, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from pydantic import SecretStr

from briefbot.answering import Briefbot
from briefbot.api.completion_schemas import CompletionIn
from briefbot.errors import StorageError
from briefbot.models import Answer
from briefbot.query import make_query
from briefbot.settings import Settings
from briefbot.watching import Watcher

TURNS = ("How much was Alibaba fined in April 2021, and by whom?", "And Meituan?", "它是哪一天被罚的？")
ASKED: dict[str, Any] = {"model": "briefbot", "messages": [{"role": "user", "content": TURNS[0]}]}


def connect(url: str, key: str = "none") -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, http_client=DefaultHttpxClient(trust_env=False))


def own_part(completion: ChatCompletion) -> dict[str, Any]:
    """What only this service says."""
    own: dict[str, Any] = (completion.model_extra or {})["briefbot"]
    return own


@pytest.fixture
def client(service: str) -> Iterator[OpenAI]:
    with connect(service) as opened:
        yield opened


def test_a_conversation_of_three_turns_has_citations_and_goes_on_from_what_was_said(client: OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": "You are a pirate."}]
    for turn, expected in zip(TURNS, ("18.228 billion", "3.442 billion", "2021"), strict=True):
        messages.append({"role": "user", "content": turn})
        completion = client.chat.completions.create(model="briefbot", messages=messages, temperature=0.9)
        message = completion.choices[0].message
        assert completion.choices[0].finish_reason == "stop"
        own = own_part(completion)
        said = (message.content or "") + "".join(item["quote"] for item in own["citations"])
        assert expected in said, said
        assert message.annotations
        for annotation in message.annotations:
            span = annotation.url_citation
            assert (message.content or "")[span.start_index : span.end_index].startswith("[")
            assert span.url.startswith("http")
        messages.append({"role": "assistant", "content": message.content})
    assert "Meituan" in own["standalone_question"] or "美团" in own["standalone_question"]


def test_a_stream_has_the_same_text_its_sources_once_and_its_usage_last(client: OpenAI) -> None:
    question: list[ChatCompletionMessageParam] = [{"role": "user", "content": TURNS[0]}]
    whole = client.chat.completions.create(model="briefbot", messages=question)
    chunks = list(
        client.chat.completions.create(
            model="briefbot", messages=question, stream=True, stream_options={"include_usage": True}
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    annotated = [delta for delta in deltas if (delta.model_extra or {}).get("annotations")]
    assert annotated == deltas[-1:]
    assert chunks[-1].usage is not None
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    kept = [chunk for chunk in chunks if "briefbot" in (chunk.model_extra or {})]
    assert len(kept) == 1


def test_a_day_and_filters_of_our_own_hold(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model="briefbot-extractive",
        messages=[{"role": "user", "content": "What happened to Didi?"}],
        extra_body={"briefbot": {"as_of": "2021-12-31", "filters": {"kind": ["event"]}}},
    )
    documents = [item["document"] for item in own_part(completion)["citations"]]
    assert documents
    assert all(item["published"] <= "2021-12-31" and item["kind"] == "event" for item in documents)


def test_models_are_listed_and_one_that_needs_a_language_model_is_not(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["briefbot", "briefbot-extractive"]
    assert client.models.retrieve("briefbot").owned_by == "briefbot"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


TOOLS = [{"type": "function", "function": {"name": "x"}}]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"n": 2}, "n", "1 or null"),
        ({"n": True}, "n", "1 or null"),
        ({"logprobs": True}, "logprobs", "false"),
        ({"logprobs": True, "top_logprobs": 2}, "logprobs", "false"),
        ({"top_logprobs": 2}, "top_logprobs", "0 or null"),
        ({"tools": TOOLS}, "tools", "no tools"),
        ({"functions": [{"name": "x"}]}, "functions", "no functions"),
        ({"tool_choice": "required"}, "tool_choice", "'none' or 'auto'"),
        ({"tool_choice": TOOLS[0]}, "tool_choice", "'none' or 'auto'"),
        ({"function_call": {"name": "x"}}, "function_call", "'none' or 'auto'"),
        ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio", "not spoken"),
        ({"modalities": ["text", "audio"]}, "modalities.1", "'text'"),
        ({"response_format": {"type": "json_object"}}, "response_format.type", "text"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
            "response_format.type",
            "text",
        ),
        ({"web_search_options": {}}, "web_search_options", "corpus"),
        ({"moderation": {"model": "omni-moderation-latest"}}, "moderation", "null"),
        ({"temperature": 2.1}, "temperature", "2"),
        ({"temperature": -0.1}, "temperature", "0"),
        ({"top_p": 1.1}, "top_p", "1"),
        ({"presence_penalty": -2.1}, "presence_penalty", "-2"),
        ({"frequency_penalty": 2.1}, "frequency_penalty", "2"),
        ({"max_tokens": 0}, "max_tokens", "1"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "1"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "at most 4"),
        ({"stop": [1]}, "stop", "at most 4"),
        ({"metadata": {str(number): "x" for number in range(17)}}, "metadata", "at most 16"),
        ({"stream_options": {"include_cost": True}}, "stream_options.include_cost", "include_usage"),
        ({"extra_body": {"colour": "red"}}, "colour", "web_search_options"),
        ({"extra_body": {"briefbot": {"filters": {"issuer": ["NASA"]}}}}, "filters.issuer", "CAC"),
        ({"messages": [{"role": "assistant", "content": "Hello"}]}, "messages", "role user"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content", "a list of parts"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages.0.content.0", "a part"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text", "a value"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages.0.content", "2,000 characters"),
    ],
)
def test_what_cannot_be_done_is_refused_as_openai_refuses_it(
    client: OpenAI, changes: dict[str, Any], param: str, words: str, is_stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{**ASKED, "stream": is_stream, **changes})
    assert (refused.value.param, refused.value.type, refused.value.code) == (
        param,
        "invalid_request_error",
        "invalid_request",
    )
    assert words in refused.value.message


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERi0="}},
        {"type": "refusal", "refusal": "No."},
    ],
    ids=lambda part: part["type"],
)
def test_a_part_that_is_no_text_is_refused_by_its_place(client: OpenAI, part: Any) -> None:
    messages: Any = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, part]},
    ]
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="briefbot", messages=messages)
    assert refused.value.param == "messages.1.content.1.type"
    body = refused.value.body
    assert isinstance(body, dict)
    assert body["message"] == (
        f"messages.1.content.1.type: expected text, as only text is read; got {part['type']}; correct the request"
    )


def test_parts_refusals_and_calls_of_tools_that_came_before_are_passed_over(client: OpenAI) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    messages: Any = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "text", "text": TURNS[0], "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "18"},
        {"role": "assistant", "content": None, "function_call": {"name": "look_up", "arguments": "{}"}},
        {"role": "function", "name": "look_up", "content": "18"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}, {"type": "text", "text": "Much."}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "refusal": "No."},
        {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "Meituan?"}]},
    ]
    own = own_part(client.chat.completions.create(model="briefbot", messages=messages))
    assert own["question"].split() == ["And", "Meituan?"]
    assert [(turn["role"], turn["content"]) for turn in own["history"]] == [("user", TURNS[0]), ("assistant", "Much.")]


def test_every_parameter_of_openais_is_known_and_may_be_null(client: OpenAI) -> None:
    known = set(CompletionCreateParamsBase.__annotations__) | {"stream"}
    assert set(CompletionIn.model_fields) == known | {"briefbot"}
    nothing = dict.fromkeys(known - ASKED.keys())
    assert client.chat.completions.create(**ASKED, extra_body=nothing).choices[0].message.content


@pytest.mark.parametrize(
    "changes",
    [
        {
            "temperature": 2,
            "top_p": 0.0,
            "presence_penalty": -2.0,
            "frequency_penalty": 2,
            "max_tokens": 1,
            "max_completion_tokens": 1,
            "stop": ["a", "b", "c", "d"],
            "seed": -1,
            "logit_bias": {"50256": -100},
            "metadata": {str(number): "x" for number in range(16)},
        },
        {
            "n": 1,
            "logprobs": False,
            "top_logprobs": 0,
            "tools": [],
            "functions": [],
            "tool_choice": "auto",
            "function_call": "none",
            "parallel_tool_calls": True,
            "modalities": ["text"],
            "response_format": {"type": "text"},
        },
        {
            "stop": "a",
            "prediction": {"type": "content", "content": "SAMR fined Alibaba."},
            "prompt_cache_key": "x",
            "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
            "prompt_cache_retention": "24h",
            "reasoning_effort": "high",
            "verbosity": "low",
            "service_tier": "flex",
            "store": True,
            "user": "x",
            "safety_identifier": "x",
        },
    ],
)
def test_parameters_that_do_not_matter_are_taken_and_change_nothing(client: OpenAI, changes: dict[str, Any]) -> None:
    plain = client.chat.completions.create(**ASKED)
    asked = client.chat.completions.create(**ASKED, **changes)
    assert asked.choices[0].message == plain.choices[0].message


@pytest.mark.parametrize(
    "options", [None, {}, {"include_usage": False}, {"include_usage": None}, {"include_usage": True}]
)
def test_usage_is_in_every_chunk_or_in_none(client: OpenAI, options: Any) -> None:
    chunks = list(client.chat.completions.create(**ASKED, stream=True, stream_options=options))
    if not (options and options["include_usage"]):
        assert not any("usage" in chunk.model_fields_set for chunk in chunks)
        assert all(chunk.choices for chunk in chunks)
        return
    assert all("usage" in chunk.model_fields_set for chunk in chunks)
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].usage is not None
    assert not chunks[-1].choices


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("name", ["gpt-4o", "briefbot-generative", ""])
def test_a_model_that_is_not_listed_is_not_there(client: OpenAI, name: str, is_stream: bool) -> None:
    with pytest.raises(openai.NotFoundError) as asked:
        client.chat.completions.create(**{**ASKED, "model": name}, stream=is_stream)
    assert asked.value.code == "model_not_found"
    assert (asked.value.param, asked.value.type) == ("model", "invalid_request_error")
    assert f"expected one of briefbot, briefbot-extractive; got {name};" in asked.value.message
    if name:
        with pytest.raises(openai.NotFoundError) as retrieved:
            client.models.retrieve(name)
        assert retrieved.value.body == asked.value.body


def test_where_a_language_model_is_set_it_is_listed_and_told_of(
    client: OpenAI, bot: Briefbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"llm_url": "http://127.0.0.1:9/v1", "llm_model": "m"}
    monkeypatch.setattr(bot, "settings", bot.settings.model_copy(update=changes))
    listed = [model.id for model in client.models.list()]
    assert listed == ["briefbot", "briefbot-extractive", "briefbot-generative"]
    with pytest.raises(openai.NotFoundError, match=", ".join(listed)):
        client.chat.completions.create(**{**ASKED, "model": "gpt-4o"})


def test_a_wrong_key_and_too_many_requests_have_openais_codes(settings: Settings, bot: Briefbot) -> None:
    key = "a-key-for-the-tests"
    locked = settings.model_copy(update={"access": "keys", "api_key": SecretStr(key), "rate_limit": "1/hour"})
    with run_service(locked, bot) as url:
        with connect(url) as client, pytest.raises(openai.AuthenticationError) as unknown:
            client.chat.completions.create(**ASKED)
        with connect(url, key) as client:
            assert client.models.list().data
            with pytest.raises(openai.RateLimitError) as limited:
                client.chat.completions.create(**ASKED)
    assert (unknown.value.code, unknown.value.type) == ("invalid_api_key", "invalid_request_error")
    assert unknown.value.response.json()["type"] == "urn:briefbot:problem:unauthorized"
    assert (limited.value.code, limited.value.type, limited.value.param) == ("rate_limit_exceeded", "requests", None)
    assert limited.value.response.json()["type"] == "urn:briefbot:problem:rate-limited"


def test_of_what_was_said_before_the_last_messages_are_read_and_their_beginnings(client: OpenAI) -> None:
    before: list[Any] = [{"role": "user", "content": f"Number {number}."} for number in range(119)]
    before.append({"role": "assistant", "content": [{"type": "text", "text": "x" * 20_001}]})
    own = own_part(client.chat.completions.create(model="briefbot", messages=[*before, *ASKED["messages"]]))
    said = [turn["content"] for turn in own["history"]]
    assert (len(said), said[0], said[-2]) == (100, "Number 20.", "Number 118.")
    assert len(said[-1]) == 20_000


def test_beside_a_conversation_only_its_own_messages_are_read(client: OpenAI, service: str) -> None:
    id_ = httpx2.post(f"{service}/v1/conversations", json={}, trust_env=False).json()["id"]
    body = {"briefbot": {"conversation_id": id_}}
    first = own_part(client.chat.completions.create(**ASKED, extra_body=body))
    messages: Any = [
        {"role": "user", "content": "What happened to Didi?"},
        {"role": "assistant", "content": "It was reviewed."},
        {"role": "user", "content": "And Meituan?"},
    ]
    second = own_part(client.chat.completions.create(model="briefbot", messages=messages, extra_body=body))
    assert [turn["content"] for turn in second["history"]] == [TURNS[0], first["text"]]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (StorageError("record: expected a file; got none; restore it"), "storage", "restore it"),
        (RuntimeError("a secret"), "internal", "unexpected error"),
    ],
)
def test_what_goes_wrong_in_the_middle_of_a_stream_is_raised_by_openais_client(
    client: OpenAI, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str, words: str
) -> None:
    def fail(self: Briefbot, question: str, *, watcher: Watcher, **_: object) -> NoReturn:
        watcher.found(
            make_query(question, glossary=self.glossary), self.search(question, top_k=3), self.corpus.catalogue()
        )
        watcher.told("SAMR fined")
        raise error

    monkeypatch.setattr(Briefbot, "ask", fail)
    stream = client.chat.completions.create(**ASKED, stream=True)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "SAMR fined"]
    with pytest.raises(openai.APIError) as raised:
        next(stream)
    assert (raised.value.code, raised.value.type, raised.value.param) == (code, "server_error", None)
    assert words in raised.value.message
    assert "secret" not in raised.value.message


def test_while_an_answer_takes_long_comments_keep_the_stream_alive(
    client: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Briefbot.ask

    def ask_slowly(self: Briefbot, question: str, **options: Any) -> Answer:
        time.sleep(0.5)
        return ask(self, question, **options)

    monkeypatch.setattr(Briefbot, "ask", ask_slowly)
    monkeypatch.setattr("briefbot.api.completions.HEARTBEAT_SECONDS", 0.05)
    with client.chat.completions.with_streaming_response.create(**ASKED, stream=True) as response:
        lines = [line for line in response.iter_lines() if line]
    assert lines[1:3] == [": ping", ": ping"]
    assert lines[-1] == "data: [DONE]"
    said = [chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**ASKED, stream=True)]
    assert "18.228 billion" in "".join(said)
