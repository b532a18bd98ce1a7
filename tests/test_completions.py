"""OpenAI's official client against the service: a conversation, streams, models, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import DefaultHttpxClient, OpenAI
from openai.types.chat import ChatCompletionMessageParam

TURNS = ("How much was Alibaba fined in April 2021, and by whom?", "And Meituan?", "它是哪一天被罚的？")


@pytest.fixture
def client(service: str) -> Iterator[OpenAI]:
    with OpenAI(
        base_url=f"{service}/v1", api_key="none", max_retries=0, http_client=DefaultHttpxClient(trust_env=False)
    ) as opened:
        yield opened


def test_a_conversation_of_three_turns_has_citations_and_goes_on_from_what_was_said(client: OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": "You are a pirate."}]
    for turn, expected in zip(TURNS, ("18.228 billion", "3.442 billion", "2021"), strict=True):
        messages.append({"role": "user", "content": turn})
        completion = client.chat.completions.create(model="briefbot", messages=messages, temperature=0.9)
        message = completion.choices[0].message
        assert completion.choices[0].finish_reason == "stop"
        own = (completion.model_extra or {})["briefbot"]
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
    documents = [item["document"] for item in (completion.model_extra or {})["briefbot"]["citations"]]
    assert documents
    assert all(item["published"] <= "2021-12-31" and item["kind"] == "event" for item in documents)


def test_models_are_listed_and_one_that_needs_a_language_model_is_not(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["briefbot", "briefbot-extractive"]
    assert client.models.retrieve("briefbot").owned_by == "briefbot"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"model": "gpt-4o"}, openai.NotFoundError, "briefbot"),
        ({"n": 2}, openai.BadRequestError, "n"),
        ({"tools": [{"type": "function", "function": {"name": "x"}}]}, openai.BadRequestError, "tools"),
        ({"extra_body": {"colour": "red"}}, openai.BadRequestError, "colour"),
        ({"messages": [{"role": "assistant", "content": "Hello"}]}, openai.BadRequestError, "role user"),
        ({"extra_body": {"briefbot": {"filters": {"issuer": ["NASA"]}}}}, openai.BadRequestError, "CAC"),
    ],
)
def test_what_cannot_be_done_is_refused_as_openai_refuses_it(
    client: OpenAI, changes: dict[str, Any], error: type[openai.APIStatusError], words: str
) -> None:
    asked: dict[str, Any] = {"model": "briefbot", "messages": [{"role": "user", "content": TURNS[0]}], **changes}
    with pytest.raises(error) as refused:
        client.chat.completions.create(**asked)
    body = refused.value.body
    assert isinstance(body, dict)
    assert words in str(body["message"])
    assert body["type"] == "invalid_request_error"
