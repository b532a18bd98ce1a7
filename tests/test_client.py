"""The Python client, blocking and async: against a running service, and against a server that misbehaves."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import functools
import inspect
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, aclosing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, TypeVar

import httpx2
import pytest
from briefbot.ui.strings import EXAMPLES
from conftest import run_service
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Handler, Reply, Site, serve
from pydantic import SecretStr

from briefbot import errors, models
from briefbot.answering import Briefbot
from briefbot.api.problems import describe_problem
from briefbot.api.schemas import AnswerOut, DeltaOut, FiltersIn, FiltersOut, Problem, SourcesOut
from briefbot.api.uploads import MOST_FILES
from briefbot.client import AsyncClient, AsyncConversation, Client, Conversation, StreamEvent, UnreachableError
from briefbot.client.connection import LONGEST_WAIT_SECONDS
from briefbot.client.options import AnyQuestion, AnyTurn
from briefbot.client.replies import make_error, read_retry_after
from briefbot.corpus import Corpus
from briefbot.embedding import Embedder
from briefbot.index import PassageIndex
from briefbot.settings import Settings

TURNS = (EXAMPLES[0], "And Meituan?", "When did the Data Security Law take effect?")
PROBLEM = describe_problem(
    errors.QueueFullError("expected a free place; got a full queue; try again")
).model_dump_json()
SLOW = describe_problem(errors.DeadlineError("expected an answer; got none; try again")).model_dump_json()
QUERIES = st.lists(st.text(), max_size=5)
KEY = "ein-schlüssel-钥匙-of-the-tests"
CLAIM = "SAMR fined Alibaba RMB 34 billion in April 2021."
DESCRIBED = json.loads(Path(__file__).with_name("openapi.json").read_text(encoding="utf-8"))
FOR_OTHERS = {
    "GET /healthz",
    "GET /metrics",
    "GET /v1/models",
    "GET /v1/models/{model}",
    "POST /v1/chat/completions",
}
"""Operations for probes, Prometheus and OpenAI's clients."""

T = TypeVar("T")


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(Site()) as running:
        yield running


def make_answer(text: str = "Yes.") -> AnswerOut:
    return AnswerOut(
        id="ans_1",
        question="?",
        standalone_question="?",
        language="en",
        mode="extractive",
        as_of=None,
        filters=FiltersOut(),
        abstained=False,
        abstention_reason=None,
        text=text,
        statements=[],
        citations=[],
        notices=[],
        confidence=1.0,
        corpus_version="sha256:0",
        timings_ms={},
        tokens={},
    )


def encode_event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def reply(body: str | bytes, status: int = 200, **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, body if isinstance(body, bytes) else body.encode(), sent)


def busy(retry_after: str | None = "0", status: int = 503) -> Reply:
    return reply(PROBLEM, status, **({"Retry_After": retry_after} if retry_after is not None else {}))


def streamed(*events: bytes) -> Reply:
    return reply(b"".join(events), Content_Type="text/event-stream")


def same(answer: AnswerOut) -> dict[str, Any]:
    """What two answers to the same question have in common."""
    return answer.model_dump(exclude={"id", "timings_ms", "conversation_id"})


async def with_client(url: str, use: Callable[[AsyncClient], Any], **options: Any) -> Any:
    async with AsyncClient(url, **options) as client:
        return await use(client)


async def listed(events: AsyncIterator[T]) -> list[T]:
    return [event async for event in events]


def ask_both(url: str, **options: Any) -> list[type[Exception] | str]:
    """What asking comes to, blocking and async: the text of the answer, or the class of the error."""

    def outcome(ask: Callable[[], AnswerOut]) -> type[Exception] | str:
        try:
            return ask().text
        except errors.BriefbotError as error:
            return type(error) if len(str(error).splitlines()) == 1 else f"several lines: {error}"

    def ask() -> AnswerOut:
        with Client(url, **options) as client:
            return client.ask("?")

    return [outcome(ask), outcome(lambda: asyncio.run(with_client(url, lambda client: client.ask("?"), **options)))]


# -------------------------------------------------------------------- against the service


def assert_cited(answer: AnswerOut, read: Callable[[str], str]) -> None:
    assert answer.citations, answer.text
    for citation in answer.citations:
        assert read(citation.document.id)[citation.start : citation.end] == citation.quote


def test_a_conversation_of_three_turns_is_cited_and_kept_and_the_same_blocking_and_async(service: str) -> None:
    async def converse(client: AsyncClient) -> list[AnswerOut]:
        conversation = await client.start_conversation()
        answers = [await conversation.ask(question) for question in TURNS]
        assert (await client.conversation(conversation.id)).answers == answers
        assert await client.answer(answers[0].id) == answers[0]
        return answers

    with Client(service) as client:
        conversation = client.start_conversation()
        answers = [conversation.ask(question) for question in TURNS]
        assert client.conversation(conversation.id).answers == answers
        assert client.answer(answers[0].id) == answers[0]
        for answer in answers:
            assert_cited(answer, lambda id_: client.document(id_).text)
    assert "Meituan" in answers[1].standalone_question
    assert all(answer.conversation_id == conversation.id for answer in answers)
    others = asyncio.run(with_client(service, converse))
    assert [same(answer) for answer in answers] == [same(answer) for answer in others]


def test_a_history_is_understood_like_a_conversation(service: str) -> None:
    with Client(service) as client:
        first = client.ask(TURNS[0])
        history: list[AnyTurn] = [models.Turn("user", TURNS[0]), {"role": "assistant", "content": first.text}]
        assert "Meituan" in client.ask(TURNS[1], history=history).standalone_question


@pytest.mark.parametrize("question", EXAMPLES[:3])
def test_a_stream_gives_sources_then_the_text_then_the_answer_that_ask_gives(service: str, question: str) -> None:
    with Client(service) as client:
        events = list(client.stream(question))
        whole = client.ask(question)
    *before, last = events
    assert isinstance(before[0], SourcesOut)
    assert isinstance(last, AnswerOut)
    assert "".join(event.text for event in before if isinstance(event, DeltaOut)) == last.text
    assert [type(event) for event in before[1:]] == [DeltaOut] * (len(before) - 1)
    assert same(last) == same(whole)
    assert {item.document.id for item in last.citations} <= {item.id for item in before[0].documents}
    others = asyncio.run(with_client(service, lambda client: listed(client.stream(question))))
    assert [type(event) for event in others] == [type(event) for event in events]
    assert same(others[-1]) == same(last)


def test_a_streamed_turn_is_kept_in_its_conversation(service: str) -> None:
    async def stream(client: AsyncClient) -> None:
        conversation = await client.start_conversation()
        events = await listed(conversation.stream(TURNS[0]))
        assert (await client.conversation(conversation.id)).answers == [events[-1]]

    with Client(service) as client:
        conversation = client.start_conversation()
        *_, last = conversation.stream(TURNS[0])
        assert client.conversation(conversation.id).answers == [last]
    asyncio.run(with_client(service, stream))


def test_a_stream_can_be_left_before_its_end_and_the_client_used_on(service: str) -> None:
    async def leave(client: AsyncClient) -> AnswerOut:
        async with aclosing(client.stream(TURNS[0])) as events:
            await anext(events)
        return await client.ask(TURNS[0])

    with Client(service) as client:
        events = client.stream(TURNS[0])
        next(events)
        events.close()
        answer = client.ask(TURNS[0])
    assert same(answer) == same(asyncio.run(with_client(service, leave)))


def test_many_tasks_share_one_async_client(service: str) -> None:
    async def ask_at_once(client: AsyncClient) -> list[AnswerOut]:
        return list(await asyncio.gather(*(client.ask(question) for question in EXAMPLES)))

    answers = asyncio.run(with_client(service, ask_at_once))
    assert [answer.question for answer in answers] == list(EXAMPLES)


def test_a_batch_tells_the_answer_or_the_problem_of_each_question(service: str) -> None:
    questions: list[AnyQuestion] = [EXAMPLES[0], {"question": "Fines?", "filters": {"issuer": ["NASA"]}}, "  "]
    with Client(service) as client:
        batch = client.ask_all(questions)
        assert batch.answers[0].answer is not None
        assert same(batch.answers[0].answer) == same(client.ask(EXAMPLES[0]))
    assert [item.problem.status if item.problem else None for item in batch.answers] == [None, 422, 422]
    other = asyncio.run(with_client(service, lambda client: client.ask_all(questions)))
    assert [item.problem for item in other.answers] == [item.problem for item in batch.answers]


def test_filters_and_days_can_be_given_in_every_form(service: str) -> None:
    forms: list[Any] = [{"kind": ["law"]}, FiltersIn(kind=["law"]), models.Filters(kind=("law",))]
    with Client(service) as client:
        found = [client.search("data", top_k=3, filters=form, as_of=dt.date(2022, 1, 31)) for form in forms]
        listed = [client.documents(filters=form, as_of="2022-01-31", limit=3) for form in forms]
        events = [client.timeline(filters=form, until="2022-01-31") for form in forms]
        answers = [same(client.ask(TURNS[2], filters=form, as_of=dt.date(2022, 1, 31))) for form in forms]
    for same_thing in (found, listed, events, answers):
        assert same_thing[0] == same_thing[1] == same_thing[2]
    assert len(found[0].passages) == 3
    assert {document.kind for document in listed[0].documents} == {"law"}
    assert {event.kind for event in events[0].events} == {"law"}


def without_times(value: Any) -> Any:
    """JSON without what differs between two requests for the same."""
    if isinstance(value, dict):
        return {name: without_times(item) for name, item in value.items() if name != "timings_ms"}
    return [without_times(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("method", "values", "options", "path", "body"),
    [
        ("documents", [], {"limit": 2, "offset": 1}, "/v1/documents?limit=2&offset=1", None),
        (
            "document",
            ["law-aml-2007"],
            {"as_of": "2022-07-31"},
            "/v1/documents/law-aml-2007?as_of=2022-07-31",
            None,
        ),
        ("versions", ["law-aml-2007"], {}, "/v1/documents/law-aml-2007/versions", None),
        ("compare", ["law-aml-2007", "law-aml-2022"], {}, "/v1/compare?left=law-aml-2007&right=law-aml-2022", None),
        (
            "compare_versions",
            ["law-aml-2022", "2020-01-01", dt.date(2023, 1, 1)],
            {},
            "/v1/compare?document=law-aml-2022&from=2020-01-01&to=2023-01-01",
            None,
        ),
        (
            "timeline",
            [],
            {"since": "2021-01-01", "phase": ["crackdown"], "limit": 5},
            "/v1/timeline?from=2021-01-01&phase=crackdown&limit=5",
            None,
        ),
        (
            "coverage",
            [],
            {"as_of": "2022-01-31", "filters": FiltersIn(kind=["law", "rule"], issuer=["CAC"])},
            "/v1/coverage?as_of=2022-01-31&kind=law&kind=rule&issuer=CAC",
            None,
        ),
        ("quality", [], {}, "/v1/quality", None),
        ("search", ["Didi"], {"top_k": 2}, "/v1/search", {"query": "Didi", "top_k": 2}),
        ("check", [CLAIM], {"as_of": "2022-01-31"}, "/v1/check", {"claim": CLAIM, "as_of": "2022-01-31"}),
        (
            "check_text",
            [f"# Fines\n\n{CLAIM}"],
            {"filters": {"kind": ["event"]}},
            "/v1/checks",
            {"text": f"# Fines\n\n{CLAIM}", "filters": {"kind": ["event"]}},
        ),
        (
            "suggest",
            [EXAMPLES[0]],
            {"document_ids": ["event-2021-04-10-alibaba-fined"], "limit": 1, "as_of": "2024-12-31"},
            "/v1/suggestions",
            {
                "question": EXAMPLES[0],
                "document_ids": ["event-2021-04-10-alibaba-fined"],
                "limit": 1,
                "as_of": "2024-12-31",
            },
        ),
    ],
)
def test_each_method_gives_what_its_route_gives(
    service: str, method: str, values: list[Any], options: dict[str, Any], path: str, body: dict[str, Any] | None
) -> None:
    def plain(result: Any) -> Any:
        return without_times(result.model_dump(mode="json", by_alias=True))

    verb = "GET" if body is None else "POST"
    response = httpx2.request(verb, f"{service}{path}", json=body, trust_env=False, timeout=60)
    assert response.is_success
    with Client(service) as client:
        assert plain(getattr(client, method)(*values, **options)) == without_times(response.json())
    other = asyncio.run(with_client(service, lambda client: getattr(client, method)(*values, **options)))
    assert plain(other) == without_times(response.json())


@pytest.mark.parametrize("form", ["markdown", "docx"])
def test_answers_are_exported_as_the_files_that_the_route_gives(
    service: str, form: Literal["markdown", "docx"]
) -> None:
    with Client(service) as client:
        answer = client.ask(TURNS[0])
        found = client.export([answer, answer.model_dump(mode="json")], form)
    body = {"answers": [answer.model_dump(mode="json")] * 2}
    response = httpx2.post(f"{service}/v1/export/{form}", json=body, trust_env=False)
    assert found == response.read()
    assert found == asyncio.run(with_client(service, lambda client: client.export([answer, answer], form)))


def test_a_conversation_can_be_read_and_deleted(service: str) -> None:
    async def converse(client: AsyncClient) -> None:
        conversation = await client.start_conversation()
        assert await conversation.read() == await client.conversation(conversation.id)
        await conversation.delete()
        with pytest.raises(errors.NotFoundError):
            await conversation.read()

    with Client(service) as client:
        conversation = client.start_conversation()
        answer = conversation.ask(TURNS[0])
        assert conversation.read().answers == [answer]
        conversation.delete()
        for gone in (conversation.read, conversation.delete, lambda: client.answer(answer.id)):
            with pytest.raises(errors.NotFoundError):
                gone()
    asyncio.run(with_client(service, converse))


@pytest.fixture
def office(tmp_path: Path, embedder: Embedder) -> Iterator[str]:
    """A service of a test's own, which takes documents from the holder of `KEY`."""
    settings = Settings(home=tmp_path / "home", embedding_model="bundled", api_key=SecretStr(KEY))
    bot = Briefbot(settings, Corpus(settings.record_path), embedder, PassageIndex(settings.index_path))
    with run_service(settings, bot) as url:
        yield url
    bot.close()


def test_files_are_taken_in_from_the_holder_of_a_key_in_any_script(office: str, tmp_path: Path) -> None:
    paths = [tmp_path / "渡轮.txt", tmp_path / "empty.txt"]
    for path, text in zip(paths, ("A ferry pays RMB 300 a day.", ""), strict=True):
        path.write_text(text, encoding="utf-8")
    with Client(office, KEY) as client:
        report = client.add_documents(paths)
        assert [(row.source, row.outcome) for row in report.results] == [
            ("渡轮.txt", "added"),
            ("empty.txt", "refused"),
        ]
        assert client.documents().documents[0].id == report.results[0].document_id
    again = asyncio.run(with_client(office, lambda client: client.add_documents([str(paths[0])]), key=KEY))
    assert [row.outcome for row in again.results] == ["unchanged"]
    with Client(office) as client, pytest.raises(errors.AccessError):
        client.add_documents(paths)


def test_paths_that_are_no_files_are_refused_before_anything_is_sent(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("Words.", encoding="utf-8")
    wrong: list[list[str | Path]] = [[], [tmp_path], [file, tmp_path / "none.txt"], ["\0"], [file] * (MOST_FILES + 1)]

    async def send(client: AsyncClient, paths: list[str | Path]) -> None:
        await client.add_documents(paths)

    for paths in wrong:
        with Client(site.url) as client, pytest.raises(errors.UsageError, match="paths: expected"):
            client.add_documents(paths)
        with pytest.raises(errors.UsageError, match="paths: expected"):
            asyncio.run(with_client(site.url, functools.partial(send, paths=paths)))
    assert site.paths == []


def test_feedback_is_kept(service: str) -> None:
    async def rate(client: AsyncClient, answer_id: str) -> int:
        return (await client.feedback(answer_id, -1)).rating

    with Client(service) as client:
        answer = client.ask(TURNS[0])
        kept = client.feedback(answer.id, 1, citation=1, comment="Right.")
        assert (kept.answer_id, kept.rating, kept.citation, kept.comment) == (answer.id, 1, 1, "Right.")
    assert asyncio.run(with_client(service, lambda client: rate(client, answer.id))) == -1


def test_a_refused_request_raises_what_it_was_refused_for(service: str) -> None:
    with Client(service) as client:
        with pytest.raises(errors.UsageError, match="issuer") as refused:
            client.ask("Fines?", filters={"author": ["x"]})
        assert "issuer" in (refused.value.expected or "")
        assert refused.value.got == "author"
        with pytest.raises(errors.NotFoundError, match="no such id"):
            client.document("no such id?")
        with pytest.raises(errors.NotFoundError):
            client.conversation("conv_none")
        with pytest.raises(errors.UsageError, match="limit"):
            client.documents(limit=0)
        with pytest.raises(errors.UsageError, match="50"):
            client.ask_all(["?"] * 51)
        with pytest.raises(errors.UsageError, match="1 to 2,000"):
            next(client.stream("  "))


def test_a_service_that_wants_a_key_gets_it(locked_service: tuple[str, str]) -> None:
    url, key = locked_service
    for wrong in (None, "another"):
        with Client(url, wrong) as client:
            assert client.is_ready()
            with pytest.raises(errors.AccessError):
                client.search("Didi")
            with pytest.raises(errors.AccessError):
                next(client.stream("Didi?"))
    with Client(url, key) as client:
        assert client.search("Didi").passages
    assert asyncio.run(with_client(url, lambda client: client.search("Didi"), key=key)).passages


# -------------------------------------------------------------------- against a server that misbehaves


def test_a_busy_service_is_asked_again_when_it_says_so(site: Site) -> None:
    for status in (503, 429):
        site.routes["/v1/answer"] = [busy(status=status), busy(status=status), reply(make_answer().model_dump_json())]
        with Client(site.url) as client:
            assert client.ask("?").text == "Yes."
        site.routes["/v1/answer"] = [busy(status=status), busy(status=status), reply(make_answer().model_dump_json())]
        assert asyncio.run(with_client(site.url, lambda client: client.ask("?"))).text == "Yes."
    assert len(site.paths) == 12


def test_the_wait_is_the_one_that_was_asked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waits.append))
    site.routes["/v1/answer"] = [busy("7"), busy(str(LONGEST_WAIT_SECONDS)), reply(make_answer().model_dump_json())]
    with Client(site.url) as client:
        client.ask("?")
    assert waits == [7, LONGEST_WAIT_SECONDS]


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        pytest.param(busy(None), {}, id="which says nothing of a time to come back"),
        pytest.param(busy(str(LONGEST_WAIT_SECONDS + 1)), {}, id="which lets wait too long"),
        pytest.param(busy("soon"), {}, id="whose time cannot be read"),
        pytest.param(busy(), {"retries": 0}, id="where no second try is wanted"),
    ],
)
def test_a_busy_service_is_not_asked_again(site: Site, answer: Reply, options: dict[str, Any]) -> None:
    site.routes["/v1/answer"] = answer
    assert ask_both(site.url, **options) == [errors.QueueFullError] * 2
    assert len(site.paths) == 2


def test_an_answer_that_took_too_long_is_not_asked_for_again(site: Site) -> None:
    site.routes["/v1/answer"] = reply(SLOW, 503)
    assert ask_both(site.url) == [errors.DeadlineError] * 2
    assert len(site.paths) == 2


def test_a_deletion_is_sent_again_only_where_it_was_refused(site: Site) -> None:
    def hang_up(handler: Handler) -> None:
        handler.close_connection = True

    site.routes = {"/v1/conversations/kept": [busy(), Reply(204)], "/v1/conversations/lost": hang_up}
    with Client(site.url) as client:
        client.delete_conversation("kept")
        with pytest.raises(UnreachableError):
            client.delete_conversation("lost")
    with pytest.raises(UnreachableError):
        asyncio.run(with_client(site.url, lambda client: client.delete_conversation("lost")))
    assert [path.rpartition("/")[2] for path in site.paths] == ["kept", "kept", "lost", "lost"]


def test_after_the_last_try_the_error_tells_when_to_come_back(site: Site) -> None:
    site.routes["/v1/answer"] = [busy(), busy(), busy("20")]
    with Client(site.url, retries=2) as client, pytest.raises(errors.QueueFullError, match="full queue") as caught:
        client.ask("?")
    assert caught.value.retry_seconds == 20
    assert len(site.paths) == 3


def test_a_service_that_is_just_starting_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(routes={"/v1/answer": reply(make_answer().model_dump_json())})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site.port = listener.getsockname()[1]
    with ExitStack() as stack, Client(site.url) as client:
        start = SimpleNamespace(sleep=lambda _seconds: stack.enter_context(serve(site)))
        monkeypatch.setattr("tenacity.nap.time", start)
        assert client.ask("?").text == "Yes."


def test_where_nothing_listens_the_error_names_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert ask_both(url, retries=0) == [UnreachableError] * 2
    with Client(url, retries=0) as client:
        assert not client.is_ready()
        with pytest.raises(UnreachableError, match=f"{url}; got .*refused.*; start it"):
            client.ask("?")
        with pytest.raises(UnreachableError):
            next(client.stream("?"))
    assert not asyncio.run(with_client(url, lambda client: client.is_ready()))


def test_a_stream_is_opened_again_before_it_begins(site: Site) -> None:
    whole = streamed(encode_event("answer", make_answer().model_dump_json()))
    site.routes["/v1/answer/stream"] = [busy(), whole]
    with Client(site.url) as client:
        assert list(client.stream("?")) == [make_answer()]
    site.routes["/v1/answer/stream"] = [busy(), whole]
    assert asyncio.run(with_client(site.url, lambda client: listed(client.stream("?")))) == [make_answer()]
    assert len(site.paths) == 4


def break_off(handler: Handler) -> None:
    """Promise more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(encode_event("delta", '{"text": "Ye"}'))
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(break_off, UnreachableError, id="broken off"),
        pytest.param(streamed(encode_event("delta", '{"text": "Ye"}')), UnreachableError, id="ended without an answer"),
        pytest.param(
            streamed(encode_event("delta", '{"text": "Ye"}'), encode_event("error", PROBLEM)),
            errors.QueueFullError,
            id="ended with a problem",
        ),
        pytest.param(
            streamed(encode_event("delta", '{"text": "Ye"}'), encode_event("answer", "{}")),
            errors.BriefbotError,
            id="ended with something else",
        ),
    ],
)
def test_a_stream_that_has_begun_is_not_asked_for_again(site: Site, answer: Any, error: type[Exception]) -> None:
    async def stream(client: AsyncClient, got: list[StreamEvent]) -> None:
        async for event in client.stream("?"):
            got.append(event)

    site.routes["/v1/answer/stream"] = answer
    got: list[StreamEvent] = []
    with Client(site.url) as client, pytest.raises(error) as caught:
        got.extend(client.stream("?"))
    assert type(caught.value) is error
    with pytest.raises(error):
        asyncio.run(with_client(site.url, lambda client: stream(client, got)))
    assert set(got) == {DeltaOut(text="Ye")}
    assert len(site.paths) == 2


def test_an_event_of_a_later_release_is_passed_over(site: Site) -> None:
    site.routes["/v1/answer/stream"] = streamed(
        encode_event("thought", "?"), encode_event("answer", make_answer().model_dump_json())
    )
    with Client(site.url) as client:
        assert list(client.stream("?")) == [make_answer()]


def test_a_silent_service_is_not_waited_for_for_ever(site: Site) -> None:
    over = threading.Event()

    def stay_silent(_handler: Handler) -> None:
        over.wait(30)

    site.routes["/v1/answer"] = stay_silent
    try:
        assert ask_both(site.url, timeout_seconds=0.2) == [errors.DeadlineError] * 2
        assert len(site.paths) == 2
        site.routes["/v1/answers"] = stay_silent
        with (
            Client(site.url, timeout_seconds=0.1) as client,
            pytest.raises(errors.DeadlineError, match=r"within 0\.2 seconds"),
        ):
            client.ask_all(["?", "?"])
    finally:
        over.set()


def test_a_service_has_the_time_to_say_itself_that_an_answer_took_too_long() -> None:
    theirs = Settings.model_fields["answer_seconds"].default
    for client in (Client, AsyncClient):
        assert inspect.signature(client).parameters["timeout_seconds"].default > theirs


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(reply("<html>", 502), errors.BriefbotError, id="a gateway's page"),
        pytest.param(reply("<html>", 404), errors.NotFoundError, id="another site's page"),
        pytest.param(reply("<html>", 401), errors.AccessError, id="a login"),
        pytest.param(reply("", 307, Location="http://203.0.113.1/"), errors.BriefbotError, id="a redirect"),
        pytest.param(reply("<html>"), errors.BriefbotError, id="no JSON"),
        pytest.param(reply('{"text": "Yes."}'), errors.BriefbotError, id="another JSON"),
        pytest.param(Reply(200, b"{", {"Content-Length": "9"}), UnreachableError, id="half an answer"),
    ],
)
def test_what_is_no_answer_of_a_briefbot_is_told_in_one_line(site: Site, answer: Reply, error: type[Exception]) -> None:
    def answer_and_hang_up(handler: Handler) -> None:
        handler.close_connection = True
        answer.send(handler)

    site.routes["/v1/answer"] = answer_and_hang_up
    assert ask_both(site.url) == [error] * 2
    assert len(site.paths) == 2


def test_only_the_given_key_is_sent(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    site.routes["/v1/answer"] = reply(make_answer().model_dump_json())
    ask_both(site.url + "/", key="bb_secret")
    ask_both(site.url)
    ask_both(site.url, key=f" {KEY} ")
    sent = [request.headers.get("authorization", "").encode("latin-1") for request in site.requests]
    assert sent == [b"Bearer bb_secret"] * 2 + [b""] * 2 + [f"Bearer {KEY}".encode()] * 2


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "", "http://", "http://[", "http://x:99999"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    for client in (Client, AsyncClient):
        with pytest.raises(errors.UsageError, match="base_url: expected http://HOST:PORT"):
            client(url)


def test_the_address_may_end_as_openais_clients_want_it(site: Site) -> None:
    for end in ("", "/", "/v1", "/v1/"):
        assert Client(f"{site.url}{end}").base_url == site.url
    assert Client("http://127.0.0.1:8000/briefbot/v1").base_url == "http://127.0.0.1:8000/briefbot"


@pytest.mark.parametrize("key", ["", " ", "a\nb", "a\r", "a\0b", "a\x7f", "a\u0085b", "a\u2028b", "\ud800"])
def test_a_key_that_no_header_can_carry_is_refused_at_once(key: str) -> None:
    with pytest.raises(errors.UsageError, match="key: expected"):
        Client(key=key)
    with pytest.raises(errors.UsageError, match="key: expected"):
        AsyncClient(key=key)


def test_values_that_json_cannot_hold_are_refused(service: str) -> None:
    with Client(service) as client, pytest.raises(errors.UsageError, match="JSON"):
        client.ask("?", filters={"kind": object()})


# -------------------------------------------------------------------- laws


def error_classes() -> list[type[errors.BriefbotError]]:
    return [
        found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, errors.BriefbotError)
    ]


@pytest.mark.parametrize("error", error_classes(), ids=lambda found: str(found.__name__))
def test_every_error_of_the_service_is_raised_as_the_same_class(error: type[errors.BriefbotError]) -> None:
    made = make_error(describe_problem(error("expected a; got b; do c", expected="a", got="b")), 5)
    assert type(made) is error
    assert (str(made), made.expected, made.got, made.retry_seconds) == ("expected a; got b; do c", "a", "b", 5)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.UsageError),
        (401, errors.AccessError),
        (403, errors.ScopeError),
        (404, errors.NotFoundError),
        (413, errors.UsageError),
        (429, errors.RateLimitError),
        (500, errors.BriefbotError),
        (503, errors.BusyError),
    ],
)
def test_a_problem_of_an_unknown_type_is_told_by_its_status(status: int, error: type[Exception]) -> None:
    problem = Problem(type="urn:briefbot:problem:of-tomorrow", title="", status=status, detail="x")
    assert type(make_error(problem)) is error


def test_a_time_to_come_back_is_read_as_number_and_as_date() -> None:
    assert read_retry_after(None) is None
    assert read_retry_after("12") == 12
    assert read_retry_after("-3") == 0
    assert read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    later = read_retry_after(email.utils.formatdate(time.time() + 10_000, usegmt=True))
    assert later is not None
    assert 9_000 < later <= 10_001


@given(st.text())
def test_any_time_to_come_back_is_a_number_or_none(value: str) -> None:
    assert (read_retry_after(value) or 0) >= 0


class Pieces(httpx2.SyncByteStream):
    """A body that arrives in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


@functools.cache
def make_client() -> Client:
    """One client for every example: it takes long to make one, as the machine's certificates are read."""
    client = Client()
    client.close()
    return client


def stream_pieces(pieces: list[bytes]) -> list[StreamEvent]:
    """The events of a response whose body arrives in these pieces."""
    response = httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(pieces))
    client = make_client()
    client._http = httpx2.Client(transport=httpx2.MockTransport(lambda _request: response), trust_env=False)
    return list(client.stream("?"))


def cut(body: bytes, places: list[int]) -> list[bytes]:
    ends = [*sorted({place % len(body) for place in places}), len(body)] if body else []
    return [body[start:end] for start, end in zip([0, *ends], ends, strict=False) if start < end]


@given(
    texts=QUERIES,
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    indent=st.sampled_from([None, 1]),
    space=st.sampled_from(["", " "]),
    comment=st.sampled_from(["", ": ping", ":", "id: 7", "retry: 5", "colour: red"]),
    places=st.lists(st.integers(0, 100_000), max_size=30),
)
@settings(deadline=None, max_examples=60)
def test_a_stream_reads_the_same_wherever_it_is_split(
    texts: list[str], newline: str, indent: int | None, space: str, comment: str, places: list[int]
) -> None:
    wanted: list[StreamEvent] = [*(DeltaOut(text=text) for text in texts), make_answer("".join(texts))]
    lines: list[str] = []
    for event in wanted:
        encoded = json.dumps(event.model_dump(mode="json"), ensure_ascii=bool(indent), indent=indent)
        lines += [comment] if comment else []
        lines.append(f"event:{space}{'delta' if isinstance(event, DeltaOut) else 'answer'}")
        lines += [*(f"data:{space}{line}" for line in encoded.split("\n")), ""]
    body = "".join(line + newline for line in lines).encode()
    assert stream_pieces(cut(body, places)) == wanted


@given(st.lists(st.binary(max_size=40), max_size=8))
@settings(deadline=None, max_examples=60)
def test_a_body_of_any_bytes_raises_nothing_but_our_own_errors(pieces: list[bytes]) -> None:
    with pytest.raises(errors.BriefbotError):
        stream_pieces([b"event: answer\ndata: ", *pieces])


@pytest.mark.parametrize(("blocking", "other"), [(Client, AsyncClient), (Conversation, AsyncConversation)])
def test_both_clients_offer_the_same_with_the_same_parameters(blocking: type, other: type) -> None:
    def offered(kind: type) -> dict[str, list[inspect.Parameter]]:
        found = inspect.getmembers(kind, inspect.isfunction)
        public = {name: function for name, function in found if not name.startswith("_") or name == "__init__"}
        return {name: list(inspect.signature(function).parameters.values())[1:] for name, function in public.items()}

    mine, others = offered(blocking), offered(other)
    if blocking is Client:
        others["close"] = others.pop("aclose")
    else:
        mine.pop("__init__")
        others.pop("__init__")
    assert mine == others


def arguments(file: Path) -> Mapping[str, tuple[Any, ...]]:
    """What each method can be called with; ids are named as in the paths of the OpenAPI description."""
    return {
        "add_documents": ([file],),
        "answer": ("{answer_id}",),
        "ask": ("?",),
        "ask_all": (["?"],),
        "check": ("?",),
        "check_text": ("?",),
        "compare": ("one", "other"),
        "compare_versions": ("one", "2020-01-01", "2021-01-01"),
        "conversation": ("{conversation_id}",),
        "coverage": (),
        "delete_conversation": ("{conversation_id}",),
        "document": ("{document_id}",),
        "documents": (),
        "export": ([make_answer()], "{format}"),
        "feedback": ("ans_1", 1),
        "is_ready": (),
        "quality": (),
        "search": ("?",),
        "start_conversation": (),
        "stream": ("?",),
        "suggest": ("?",),
        "timeline": (),
        "versions": ("{document_id}",),
    }


def test_every_operation_of_the_api_has_a_method(tmp_path: Path) -> None:
    sent: list[str] = []

    def refuse(request: httpx2.Request) -> httpx2.Response:
        sent.append(f"{request.method} {request.url.path}")
        return httpx2.Response(404)

    file = tmp_path / "a.txt"
    file.touch()
    client = make_client()
    client._http = httpx2.Client(transport=httpx2.MockTransport(refuse), trust_env=False)
    for name, values in arguments(file).items():
        with suppress(errors.NotFoundError):
            result = getattr(client, name)(*values)
            if name == "stream":
                next(result)
    operations = {f"{verb.upper()} {path}" for path, item in DESCRIBED["paths"].items() for verb in item}
    assert set(sent) == operations - FOR_OTHERS
    assert operations >= FOR_OTHERS
    public = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    assert arguments(file).keys() == public - {"close"}


def test_importing_the_client_loads_nothing_heavy() -> None:
    code = (
        "import sys, briefbot.client\n"
        "heavy = {'fastapi', 'starlette', 'uvicorn', 'torch', 'numpy', 'gradio', 'llama_index', 'chromadb',"
        " 'transformers', 'tokenizers', 'sqlite3', 'briefbot.answering', 'briefbot.settings'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
