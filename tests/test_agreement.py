"""Every promise of the contract over generated questions, and that JSON, stream, chat completions, MCP, page and terminal agree.

BRIEFBOT_TESTS_QUESTIONS sets how many are asked; 200 are meant for a change of the API, a few run each time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from generated_questions import generate_questions
from mcp import Client
from openai import DefaultHttpxClient, OpenAI
from pages import opened
from playwright.sync_api import Browser, expect

from briefbot.answering import Briefbot
from briefbot.cli import main
from briefbot.terms import is_chinese
from briefbot.texts import QUOTED_ABOUT, QUOTED_IN_OTHER_LANGUAGE

QUESTIONS = int(os.environ.get("BRIEFBOT_TESTS_QUESTIONS", "12"))
_MARK = re.compile(r"\[(\d+)\]")


@pytest.fixture(scope="module")
def asked(bot: Briefbot, service: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each question's body with the answer that `POST /v1/answer` gives."""
    bodies = generate_questions(bot, QUESTIONS)
    with httpx2.Client(base_url=service, timeout=60, trust_env=False) as client:
        answers = [client.post("/v1/answer", json=body) for body in bodies]
    assert [answer.status_code for answer in answers] == [200] * len(bodies)
    return [(body, answer.json()) for body, answer in zip(bodies, answers, strict=True)]


Asked = list[tuple[dict[str, Any], dict[str, Any]]]


def same(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs from one time to the next."""
    return {name: value for name, value in answer.items() if name not in {"id", "timings_ms", "conversation_id"}}


def cited(citations: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(item["number"], item["document"]["id"], item["start"], item["end"], item["quote"]) for item in citations]


def test_the_questions_are_of_every_sort(asked: Asked) -> None:
    answers = [answer for _, answer in asked]
    assert any(answer["abstained"] for answer in answers)
    assert any(not answer["abstained"] for answer in answers)
    assert {answer["language"] for answer in answers} == {"en", "zh"}
    assert any(body.get("as_of") for body, _ in asked)
    assert any(body.get("filters") for body, _ in asked)


def test_numbers_run_without_gaps_and_every_mark_has_its_citation(asked: Asked) -> None:
    for body, answer in asked:
        marks = [int(number) for number in _MARK.findall(answer["text"])]
        numbers = [citation["number"] for citation in answer["citations"]]
        assert numbers == list(range(1, len(numbers) + 1)), body
        assert list(dict.fromkeys(marks)) == numbers, body


def test_statements_stand_where_they_say_and_nothing_else_states_a_fact(asked: Asked) -> None:
    introductions = re.compile(
        "|".join(
            re.escape(text).replace(re.escape("{names}"), ".{1,200}?")
            for texts in (QUOTED_ABOUT, QUOTED_IN_OTHER_LANGUAGE)
            for text in texts.values()
        )
    )
    for body, answer in asked:
        at, rest = 0, ""
        for statement in answer["statements"]:
            assert statement["start"] >= at, body
            assert answer["text"][statement["start"] : statement["end"]] == statement["text"], body
            assert statement["citations"], body
            assert [int(number) for number in _MARK.findall(statement["text"])] == statement["citations"], body
            rest += answer["text"][at : statement["start"]] + "\n"
            at = statement["end"]
        rest += answer["text"][at:]
        if not answer["abstained"]:
            assert not re.sub(r"^\d+\. ", "", introductions.sub("", rest), flags=re.MULTILINE).strip(), (body, rest)


def test_quotes_are_the_documents_own_characters(asked: Asked, service: str) -> None:
    texts: dict[str, str] = {}
    with httpx2.Client(base_url=service, timeout=60, trust_env=False) as client:
        for body, answer in asked:
            for citation in answer["citations"]:
                id_ = citation["document"]["id"]
                texts.setdefault(id_, client.get(f"/v1/documents/{id_}").json()["text"])
                assert texts[id_][citation["start"] : citation["end"]] == citation["quote"], body


def test_abstentions_say_why_and_cite_nothing(asked: Asked) -> None:
    for body, answer in asked:
        reasons = {"no_evidence", "weak_evidence", "filtered_out", "not_a_question"}
        assert (answer["abstention_reason"] in reasons) == answer["abstained"], body
        assert bool(answer["statements"]) == bool(answer["citations"]) == (not answer["abstained"]), body
        assert answer["text"].strip(), body
        assert is_chinese(answer["text"]) == (answer["language"] == "zh") or not answer["abstained"], body


def test_nothing_cited_is_later_than_the_day_asked_about_and_statuses_are_of_that_day(
    asked: Asked, bot: Briefbot
) -> None:
    catalogue = bot.corpus.catalogue()
    for body, answer in asked:
        for citation in answer["citations"]:
            document = catalogue.documents[citation["document"]["id"]]
            if body.get("as_of"):
                day = dt.date.fromisoformat(body["as_of"])
                assert document.published is not None, body
                assert document.published <= day, body
                assert citation["document"]["status"] == catalogue.lineage.status_on(document, day), body
            if body.get("filters"):
                assert document.kind in body["filters"]["kind"], body


def test_the_same_question_gives_the_same_answer(asked: Asked, service: str) -> None:
    with httpx2.Client(base_url=service, timeout=60, trust_env=False) as client:
        for body, answer in asked:
            assert same(client.post("/v1/answer", json=body).json()) == same(answer)


def read_events(client: httpx2.Client, body: dict[str, Any]) -> list[tuple[str, Any]]:
    """The events of a stream, by the rules of server-sent events as far as these are used."""
    response = client.post("/v1/answer/stream", json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = []
    for block in response.text.split("\n\n"):
        fields = [line.partition(": ") for line in block.split("\n") if line and not line.startswith(":")]
        named = {name: value for name, _, value in fields}
        if named:
            events.append((named["event"], json.loads(named["data"])))
    return events


def test_the_stream_gives_the_same_answer_and_never_splits_a_mark(asked: Asked, service: str) -> None:
    with httpx2.Client(base_url=service, timeout=60, trust_env=False) as client:
        for body, answer in asked:
            names, data = zip(*read_events(client, body), strict=True)
            assert names[0] == "sources", body
            assert names[-1] == "answer", body
            assert set(names[1:-1]) == {"delta"}, body
            pieces = [item["text"] for item in data[1:-1]]
            assert "".join(pieces) == answer["text"], body
            assert not [piece for piece in pieces if piece.count("[") != piece.count("]")], body
            assert same(data[-1]) == same(answer), body
            found = {item["document_id"] for item in data[0]["passages"]}
            assert found == {item["id"] for item in data[0]["documents"]}, body


def test_chat_completions_give_the_same_answer_with_a_source_for_each_mark(asked: Asked, service: str) -> None:
    client = OpenAI(base_url=f"{service}/v1", api_key="none", http_client=DefaultHttpxClient(trust_env=False))
    with client:
        for body, answer in asked:
            own = {name: value for name, value in body.items() if name != "question"}
            completion = client.chat.completions.create(
                model="briefbot",
                messages=[{"role": "user", "content": body["question"]}],
                extra_body={"briefbot": own},
            )
            message = completion.choices[0].message
            assert message.content == answer["text"], body
            assert same((completion.model_extra or {})["briefbot"]) == same(answer), body
            spans = [(item.url_citation.start_index, item.url_citation.end_index) for item in message.annotations or ()]
            assert spans == [mark.span() for mark in _MARK.finditer(answer["text"])], body


def test_streamed_chat_completions_give_the_same_answer_and_never_split_a_mark(asked: Asked, service: str) -> None:
    client = OpenAI(base_url=f"{service}/v1", api_key="none", http_client=DefaultHttpxClient(trust_env=False))
    with client:
        for body, answer in asked:
            own = {name: value for name, value in body.items() if name != "question"}
            chunks = list(
                client.chat.completions.create(
                    model="briefbot",
                    messages=[{"role": "user", "content": body["question"]}],
                    extra_body={"briefbot": own},
                    stream=True,
                )
            )
            pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
            assert "".join(pieces) == answer["text"], body
            assert not [piece for piece in pieces if piece.count("[") != piece.count("]")], body
            assert same((chunks[-1].model_extra or {})["briefbot"]) == same(answer), body
            annotations: list[Any] = getattr(chunks[-1].choices[0].delta, "annotations", [])
            assert len(annotations) == len(_MARK.findall(answer["text"])), body


def test_a_batch_gives_the_same_answers(asked: Asked, service: str) -> None:
    with httpx2.Client(base_url=service, timeout=120, trust_env=False) as client:
        for first in range(0, len(asked), 50):
            part = asked[first : first + 50]
            given = client.post("/v1/answers", json={"questions": [body for body, _ in part]}).json()["answers"]
            assert [same(item["answer"]) for item in given] == [same(answer) for _, answer in part]


def test_mcp_gives_the_same_answer(asked: Asked, service: str) -> None:
    async def ask_all() -> list[dict[str, Any]]:
        async with Client(f"{service}/mcp") as client:
            results = [await client.call_tool("ask", body) for body, _ in asked]
            return [result.structured_content or {} for result in results]

    for (body, answer), given in zip(asked, asyncio.run(ask_all()), strict=True):
        assert same(given) == same(answer), body


def test_the_terminal_gives_the_same_answer(
    asked: Asked, bot: Briefbot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def opened() -> Iterator[Briefbot]:
        yield bot

    monkeypatch.setattr("briefbot.cli.opened_bot", opened)
    for body, answer in asked:
        day = ["--as-of", body["as_of"]] if body.get("as_of") else []
        filters = [
            f"--filter={name}={value}" for name, values in (body.get("filters") or {}).items() for value in values
        ]
        monkeypatch.setattr(sys, "argv", ["briefbot", "ask", *day, *filters, "--json", "--", body["question"]])
        with pytest.raises(SystemExit) as exit_info:
            main()
        assert not exit_info.value.code, body
        assert same(json.loads(capsys.readouterr().out)) == same(answer), body


@pytest.mark.browser
def test_the_page_shows_the_same_text_and_sources(asked: Asked, service: str, browser: Browser) -> None:
    for body, answer in asked:
        filters = body.get("filters") or {}
        if filters.keys() - {"kind", "issuer", "topic", "language", "status"}:  # the page has no more
            continue
        query = {"q": body["question"], "mode": "extractive", **filters}
        if body.get("as_of"):
            query["as_of"] = body["as_of"]
        with opened(browser, service, f"/?{urlencode(query, doseq=True)}") as watch:
            page = watch.page
            expect(page.locator("#chat .tools")).to_be_visible(timeout=20_000)
            said = page.locator("#chat .said .text").text_content() or ""
            assert said == re.sub(r"\s(?=\[\d+\])", "", answer["text"]), body
            shown = page.locator("#chat .notices li").all_text_contents()
            assert shown == [notice["message"] for notice in answer["notices"]], body
            for citation in answer["citations"]:
                page.locator(f"#chat .said button.cite[data-number='{citation['number']}']").first.click()
                expect(page.locator("#source")).to_be_visible()
                expect(page.locator("#source[aria-busy]")).to_have_count(0)
                marked = "\n".join(page.locator("#source mark").all_text_contents())
                assert marked.split() == re.sub(r"(?m)^[-*] ", "", citation["quote"]).split(), body
                title = citation["document"]["title"]
                expect(page.locator("#source h2")).to_have_text(" ".join(title.split()))
