"""The Model Context Protocol through the SDK's own client: over standard input and output, and over HTTP in both protocols."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import shlex
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import httpx2
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ResourceTemplateReference, TextContent, TextResourceContents

from briefbot.answering import Briefbot
from briefbot.api.desk import Desk
from briefbot.api.mounted_mcp import LARGEST_MESSAGE_BYTES, mount_mcp
from briefbot.cli import main
from briefbot.errors import ConfigurationError, StoppedError, StorageError
from briefbot.journal import Journal
from briefbot.mcp_server import DOCUMENTS_URI, make_server
from briefbot.settings import Settings

T = TypeVar("T")

TOOLS = {"ask", "search", "get_document", "timeline", "check_claim"}
TURNS = ("How much was Alibaba fined in April 2021?", "And Tencent?", "When did that happen?")
ALIBABA = "event-2021-04-10-alibaba-fined"


@dataclass(frozen=True)
class Speaker:
    """A client that is connected, used from outside its event loop."""

    portal: BlockingPortal
    client: Client

    def call(self, tool: str, **arguments: Any) -> CallToolResult:
        return self.portal.call(lambda: self.client.call_tool(tool, arguments))

    def structured(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured result of a call that succeeds; the client has checked it against the tool's schema."""
        result = self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        content: dict[str, Any] = result.structured_content
        return content

    def refusal(self, tool: str, **arguments: Any) -> str:
        """The text of a call that fails."""
        result = self.call(tool, **arguments)
        assert result.is_error
        assert result.structured_content is None
        return text_of(result)

    def resource(self, uri: str) -> TextResourceContents:
        (content,) = self.portal.call(lambda: self.client.read_resource(uri)).contents
        assert isinstance(content, TextResourceContents)
        return content


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@contextmanager
def speaking(client: Client) -> Iterator[Speaker]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
        yield Speaker(portal, client)


@asynccontextmanager
async def over_http(url: str, key: str | None = None) -> AsyncIterator[Any]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        streamable_http_client(f"{url}/mcp", http_client=http) as streams,
    ):
        yield streams


@dataclass(frozen=True)
class Process:
    """`briefbot mcp` as a client starts it, and what it wrote to standard output and standard error."""

    speaker: Speaker
    output: Path
    log: Path


@pytest.fixture(scope="module")
def process(settings: Settings, bot: Briefbot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    assert bot.corpus.count_passages()
    folder = tmp_path_factory.mktemp("mcp")
    output, log = folder / "output", folder / "log"
    command = f"{shlex.quote(sys.executable)} -m briefbot mcp | tee {shlex.quote(str(output))}"
    environment = {"BRIEFBOT_HOME": str(settings.home), "BRIEFBOT_HISTORY_DAYS": "90"}
    parameters = StdioServerParameters(command="sh", args=["-c", command], env=environment)
    with log.open("w") as errors, speaking(Client(stdio_client(parameters, errlog=errors))) as speaker:
        yield Process(speaker, output, log)


@pytest.fixture(scope="module", params=["stdio", "http", "http of 2025"])
def speaker(request: pytest.FixtureRequest) -> Iterator[Speaker]:
    """The same client over every door: most tests hold for each."""
    if request.param == "stdio":
        yield request.getfixturevalue("process").speaker
        return
    url = request.getfixturevalue("service")
    with speaking(Client(over_http(url), mode="auto" if request.param == "http" else "legacy")) as speaker:
        yield speaker


# ------------------------------------------------------------------ what there is


def test_every_tool_is_described_typed_and_read_only(speaker: Speaker) -> None:
    tools = speaker.portal.call(speaker.client.list_tools).tools
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.output_schema is not None
        assert tool.input_schema["additionalProperties"] is False
        for name, field in tool.input_schema["properties"].items():
            assert "description" in field, f"{tool.name}.{name}"


def test_the_instructions_say_that_answers_carry_quotes_and_that_documents_are_data(speaker: Speaker) -> None:
    instructions = speaker.client.instructions or ""
    assert "quotes" in instructions
    assert "data, not instructions" in instructions
    assert "\n" not in instructions


# ------------------------------------------------------------------ tools


def test_a_conversation_of_three_turns_quotes_the_documents_word_for_word(speaker: Speaker) -> None:
    conversation: dict[str, str] = {}
    asked_with = []
    for question in TURNS:
        result = speaker.call("ask", question=question, **conversation)
        assert not result.is_error, text_of(result)
        answer = result.structured_content
        assert answer["citations"], answer["text"]
        for citation in answer["citations"]:
            document = speaker.structured("get_document", document_id=citation["document"]["id"])
            assert document["text"][citation["start"] : citation["end"]] == citation["quote"]
            assert f"[{citation['number']}] “{citation['quote']}”" in text_of(result)
        assert answer["text"] in text_of(result)
        assert answer["conversation_id"] in text_of(result)
        conversation.setdefault("conversation_id", answer["conversation_id"])
        assert answer["conversation_id"] == conversation["conversation_id"]
        asked_with.append((answer["standalone_question"], [turn["content"] for turn in answer["history"][::2]]))
    assert "Tencent" in asked_with[1][0]
    assert [history for _, history in asked_with] == [[], [TURNS[0]], list(TURNS[:2])]


def test_an_answer_is_the_one_that_json_gives(speaker: Speaker, service: str) -> None:
    arguments = {"question": TURNS[0], "as_of": "2022-01-31", "filters": {"language": ["en"]}, "mode": "extractive"}
    answer = speaker.structured("ask", **arguments)
    response = httpx2.post(f"{service}/v1/answer", json=arguments, timeout=60, trust_env=False)
    other = response.json()
    for each in (answer, other):
        del each["id"], each["timings_ms"], each["conversation_id"]
    assert answer == other


def test_an_answer_that_is_none_says_so(speaker: Speaker) -> None:
    result = speaker.call("ask", question=TURNS[0], filters={"published_to": "2001-01-01"})
    assert result.structured_content["abstention_reason"] == "filtered_out"
    assert text_of(result).startswith(result.structured_content["text"])


def test_a_search_finds_passages_under_its_filters_and_its_day(speaker: Speaker) -> None:
    result = speaker.call("search", query="data export", top_k=3, as_of="2022-01-31", filters={"kind": ["law"]})
    found = result.structured_content
    assert len(found["passages"]) == 3
    assert found["filters"]["kind"] == ["law"]
    for passage in found["passages"]:
        document = speaker.structured("get_document", document_id=passage["document_id"])
        assert document["kind"] == "law"
        assert document["published"] <= "2022-01-31"
        assert passage["text"] in text_of(result)


def test_filters_that_come_as_json_in_a_string_are_read(speaker: Speaker) -> None:
    found = speaker.structured("search", query="data", top_k=2, filters='{"kind": ["law"]}')
    assert found["filters"]["kind"] == ["law"]


def test_a_document_has_its_status_on_the_day_asked_about(speaker: Speaker) -> None:
    before, after = (
        speaker.structured("get_document", document_id="law-pipl-2021", as_of=day)["status"]
        for day in ("2021-09-01", "2022-01-31")
    )
    assert before != after


def test_a_timeline_is_in_order_and_within_its_days_and_phase(speaker: Speaker) -> None:
    arguments = {"from": "2020-11-01", "to": "2021-12-31", "phase": ["crackdown"], "topic": ["antitrust"], "limit": 5}
    result = speaker.call("timeline", **arguments)
    events = result.structured_content["events"]
    assert 1 < len(events) <= 5
    assert [event["date"] for event in events] == sorted(event["date"] for event in events)
    assert all("2020-11-01" <= event["date"] <= "2021-12-31" for event in events)
    assert all(event["phase"] == "crackdown" and "antitrust" in event["topics"] for event in events)
    assert f"{len(events)} of {result.structured_content['total']} events" in text_of(result)
    assert all(f"{event['date']} " in text_of(result) for event in events)


def test_a_claim_that_is_wrong_is_contradicted_with_the_words_against_it(speaker: Speaker) -> None:
    result = speaker.call("check_claim", claim="SAMR fined Alibaba RMB 34 billion in April 2021.")
    found = result.structured_content
    assert found["verdict"] == "contradicted"
    assert text_of(result).startswith("contradicted: ")
    assert found["citations"]
    assert all(citation["quote"] in text_of(result) for citation in found["citations"])


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("ask", {"question": "  "}, "1 to 2,000 characters"),
        ("ask", {}, "question: expected a value"),
        ("ask", {"question": "x", "colour": "red"}, "conversation_id, filters, mode, question"),
        ("ask", {"question": "x", "filters": {"kind": ["poem"]}}, "'law'"),
        ("ask", {"question": "x", "filters": {"author": ["x"]}}, "issuer, kind, language"),
        ("ask", {"question": "x", "filters": {"issuer": ["NASA"]}}, "CAC"),
        ("ask", {"question": "x", "mode": "generative"}, "BRIEFBOT_LLM_URL"),
        ("ask", {"question": "x", "conversation_id": "conv_none"}, "conv_none"),
        ("search", {"query": "x", "filters": {"topic": ["cooking"]}}, "antitrust"),
        ("search", {"query": "x", "top_k": 1000}, "top_k"),
        ("search", {"query": "x", "as_of": "yesterday"}, "a date as YYYY-MM-DD"),
        ("get_document", {"document_id": "no-such"}, "no-such"),
        ("timeline", {"phase": ["springtime"]}, "'crackdown'"),
        ("timeline", {"since_when": "2020-01-01"}, "as_of, document_id, from"),
        ("check_claim", {"claim": "x", "filters": {"document_id": ["no-such"]}}, "law-pipl-2021"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_what_would_be_right(
    speaker: Speaker, tool: str, arguments: dict[str, Any], expected: str
) -> None:
    text = speaker.refusal(tool, **arguments)
    assert expected in text
    assert "expected" in text
    assert "; got " in text
    assert "\n" not in text
    assert "pydantic" not in text


def test_an_error_that_nobody_foresaw_tells_nothing_of_itself(bot: Briefbot, settings: Settings) -> None:
    class Broken(Desk):
        async def search(self, body: Any, **_more: Any) -> Any:
            raise RuntimeError(f"a secret about {body.query}")

    with speaking(Client(make_server(Broken(settings, bot, None)))) as speaker:
        text = speaker.refusal("search", query="x")
    assert "unexpected error" in text
    assert "secret" not in text


def test_a_service_that_keeps_no_history_answers_without_a_conversation(bot: Briefbot, settings: Settings) -> None:
    with speaking(Client(make_server(Desk(settings, bot, None)))) as speaker:
        answer = speaker.structured("ask", question=TURNS[0])
    assert answer["citations"]
    assert answer["conversation_id"] is None


def test_a_refused_question_begins_no_conversation_and_a_journal_that_fails_stops_no_answer(
    bot: Briefbot, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal.sqlite3", keep_days=90)
    begun: list[object] = []
    begin = journal.begin_conversation

    def fail(_owner: object) -> Any:
        raise StorageError("expected a disk with room; got a full one; make room")

    def note(owner: str | None) -> tuple[str, str]:
        begun.append(owner)
        return begin(owner)

    monkeypatch.setattr(journal, "begin_conversation", note)
    with speaking(Client(make_server(Desk(settings, bot, journal)))) as speaker:
        speaker.refusal("ask", question="Why?", filters={"issuer": ["NASA"]})
        speaker.refusal("ask", question="  ")
        assert begun == []
        answer = speaker.structured("ask", question=TURNS[0])
        assert begun == [None]
        assert journal.conversation(answer["conversation_id"], None).answers[0]["id"] == answer["id"]
        monkeypatch.setattr(journal, "begin_conversation", fail)
        answer = speaker.structured("ask", question=TURNS[0])
    assert answer["citations"]
    assert answer["conversation_id"] is None


def test_making_a_server_leaves_the_logging_of_the_process_alone(bot: Briefbot, settings: Settings) -> None:
    root = logging.getLogger()
    handlers = list(root.handlers)
    root.handlers.clear()
    try:
        make_server(Desk(settings, bot, None))
        assert root.handlers == []
    finally:
        root.handlers[:] = handlers


# ------------------------------------------------------------------ resources


def test_the_list_of_documents_leads_to_each_of_them(speaker: Speaker, bot: Briefbot) -> None:
    listed = speaker.portal.call(speaker.client.list_resources).resources
    assert [str(resource.uri) for resource in listed] == [DOCUMENTS_URI]
    content = speaker.resource(DOCUMENTS_URI)
    assert content.mime_type == "text/markdown"
    for document_id in bot.corpus.catalogue().documents:
        assert f"({DOCUMENTS_URI}/{document_id})" in content.text


def test_a_document_as_a_resource_is_its_metadata_and_then_its_text(speaker: Speaker, bot: Briefbot) -> None:
    (template,) = speaker.portal.call(speaker.client.list_resource_templates).resource_templates
    assert template.uri_template == f"{DOCUMENTS_URI}/{{document_id}}"
    content = speaker.resource(f"{DOCUMENTS_URI}/{ALIBABA}")
    document = bot.corpus.catalogue().documents[ALIBABA]
    assert content.mime_type == "text/markdown"
    assert content.text.startswith(f"---\nid: {ALIBABA}\n")
    assert content.text.endswith(f"---\n\n{document.text}")


def test_a_document_that_is_not_there_is_an_error_of_the_protocol(speaker: Speaker) -> None:
    with pytest.raises(MCPError, match="expected the id of a document in the corpus; got no-such"):
        speaker.resource(f"{DOCUMENTS_URI}/no-such")


def test_ids_of_documents_are_completed(speaker: Speaker) -> None:
    reference = ResourceTemplateReference(uri=f"{DOCUMENTS_URI}/{{document_id}}")
    argument = {"name": "document_id", "value": "pipl"}
    completion = speaker.portal.call(lambda: speaker.client.complete(reference, argument)).completion
    assert "law-pipl-2021" in completion.values
    assert all("pipl" in value for value in completion.values)


# ------------------------------------------------------------------ standard input and output


def test_nothing_but_the_protocol_reaches_standard_output(process: Process) -> None:
    process.speaker.structured("search", query="data")
    lines = process.output.read_text(encoding="utf-8").splitlines()
    assert lines
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in lines)
    assert "record ready" in process.log.read_text(encoding="utf-8")


def test_what_is_printed_while_the_service_opens_goes_to_standard_error() -> None:
    script = (
        "import os\nfrom briefbot.mcp_server import run_stdio\nfrom briefbot.settings import Settings\n"
        "def loud():\n    print('from python')\n    os.system('echo from a child')\n    raise SystemExit(3)\n"
        "run_stdio(Settings(), loud)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 3
    assert result.stdout == ""
    assert "from python" in result.stderr
    assert "from a child" in result.stderr


# ------------------------------------------------------------------ over HTTP


def post(url: str, body: object, **headers: str) -> httpx2.Response:
    sent = {"accept": "application/json, text/event-stream", **headers}
    return httpx2.post(f"{url}/mcp", json=body, headers=sent, timeout=60, trust_env=False)


LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_methods_that_need_a_session_are_refused_with_what_is_allowed(service: str, method: str, path: str) -> None:
    headers = {"accept": "text/event-stream", "mcp-session-id": "none"}
    response = httpx2.request(method, f"{service}{path}", headers=headers, timeout=20, trust_env=False)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    if method != "HEAD":
        assert response.json()["type"] == "urn:briefbot:problem:method-not-allowed"


@pytest.mark.parametrize("body", [[], {}, "text", {"jsonrpc": "2.0", "id": 1, "method": "no/such"}])
@pytest.mark.parametrize("headers", [{}, {"mcp-protocol-version": "2026-07-28"}, {"mcp-protocol-version": "nonsense"}])
def test_a_message_that_is_none_is_no_fault_of_the_service(service: str, body: object, headers: dict[str, str]) -> None:
    response = post(service, body, **headers)
    assert response.status_code < 500
    assert "error" in response.json()


def test_a_message_that_is_too_long_is_refused(service: str) -> None:
    assert post(service, {"jsonrpc": "2.0", "id": 1, "x": "x" * LARGEST_MESSAGE_BYTES}).status_code == 413


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_a_client_without_a_handshake_is_served(service: str, path: str) -> None:
    headers = {"accept": "application/json"}
    response = httpx2.post(f"{service}{path}", json=LIST_TOOLS, headers=headers, timeout=60, trust_env=False)
    assert {tool["name"] for tool in response.json()["result"]["tools"]} == TOOLS


def test_a_page_elsewhere_or_under_another_name_is_refused(service: str) -> None:
    assert post(service, LIST_TOOLS, origin="https://example.com").status_code == 403
    assert post(service, LIST_TOOLS, host="example.com").status_code == 421


def test_without_a_key_nobody_is_served_where_keys_are_wanted(locked_service: tuple[str, str]) -> None:
    url, _ = locked_service
    for response in (post(url, LIST_TOOLS), post(url, LIST_TOOLS, authorization="Bearer bb_wrong")):
        assert response.status_code == 401
        assert "www-authenticate" in response.headers


def test_with_a_key_a_conversation_belongs_to_it(locked_service: tuple[str, str]) -> None:
    url, key = locked_service
    with speaking(Client(over_http(url, key))) as speaker:
        answer = speaker.structured("ask", question=TURNS[0])
        again = speaker.structured("ask", question=TURNS[1], conversation_id=answer["conversation_id"])
    assert "Tencent" in again["standalone_question"]
    path = f"/v1/conversations/{answer['conversation_id']}"
    kept = httpx2.get(f"{url}{path}", headers={"authorization": f"Bearer {key}"}, timeout=20, trust_env=False).json()
    assert [item["id"] for item in kept["answers"]] == [answer["id"], again["id"]]


def test_a_conversation_of_a_key_is_not_there_for_others(locked_service: tuple[str, str], service: str) -> None:
    url, key = locked_service
    with speaking(Client(over_http(url, key))) as owner, speaking(Client(over_http(service))) as other:
        answer = owner.structured("ask", question=TURNS[0])
        text = other.refusal("ask", question=TURNS[1], conversation_id=answer["conversation_id"])
    assert answer["conversation_id"] in text


def test_a_service_stops_while_a_client_is_connected(settings: Settings, bot: Briefbot) -> None:
    from conftest import run_service

    before = set(threading.enumerate())
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(contextlib.ExitStack()).enter_context(run_service(settings, bot))
        assert url
        (server,) = [thread for thread in set(threading.enumerate()) - before if "run" in thread.name]
        with speaking(Client(over_http(url), mode="legacy")) as speaker:
            speaker.structured("search", query="data")
            stack.pop_all().close()
            assert not server.is_alive()


def make_call(version: str) -> tuple[dict[str, Any], bytes]:
    """A call of `ask` as a server gets it: the ASGI scope, and the body."""
    prefix = "io.modelcontextprotocol"
    client = {"name": "test", "version": "1"}
    meta = {
        f"{prefix}/protocolVersion": version,
        f"{prefix}/clientInfo": client,
        f"{prefix}/clientCapabilities": {},
    }
    call = {"name": "ask", "arguments": {"question": TURNS[0]}, "_meta": meta}
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "mcp-protocol-version": version,
        "mcp-method": "tools/call",
        "mcp-name": "ask",
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return scope, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode()


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
def test_the_work_for_a_client_that_goes_away_ends(bot: Briefbot, settings: Settings, version: str) -> None:
    ended = []

    class Waiting(Desk):
        async def answer(self, *_asked: Any, stopped: Any = None, **_more: Any) -> Any:
            try:
                with stopped.waiting():
                    await anyio.sleep(10)
            except StoppedError:
                ended.append(stopped.is_set())
                raise

    scope, body = make_call(version)
    messages = iter([{"type": "http.request", "body": body}])

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(_message: Any) -> None:
        pass

    async def leave() -> None:
        app = FastAPI()
        async with mount_mcp(app, Waiting(settings, bot, None))():
            await app.router(scope, receive, send)

    anyio.run(leave)
    assert ended == [True]


# ------------------------------------------------------------------ without the extra


@pytest.fixture
def without_mcp(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in {"mcp", "mcp_types"}]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "briefbot.mcp_server")


@pytest.mark.usefixtures("without_mcp")
def test_without_the_extra_the_error_names_it() -> None:
    with pytest.raises(ConfigurationError, match=r"briefbot\[mcp\]"):
        importlib.import_module("briefbot.mcp_server")


@pytest.mark.usefixtures("without_mcp")
def test_without_the_extra_the_command_fails_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["briefbot", "mcp"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "briefbot[mcp]" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.usefixtures("without_mcp")
def test_without_the_extra_the_service_has_no_such_route(bot: Briefbot, settings: Settings) -> None:
    app = FastAPI()
    routes = list(app.router.routes)
    mount_mcp(app, Desk(settings, bot, None))
    assert app.router.routes == routes
