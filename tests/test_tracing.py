"""Spans, as a collector on this machine receives them over gRPC."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from captured_logs import captured_logs
from clients import TestClient
from fastapi import FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from briefbot.api.metrics import Metrics
from briefbot.api.requests import RequestRecorder
from briefbot.errors import ConfigurationError
from briefbot.tracing import CLOSING_SECONDS, Tracing, open_tracing

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MARKER = "quagga"


@dataclass
class Received:
    """A span as it arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    is_error: bool
    events: int
    raw: str


@dataclass
class Collector:
    """A receiver of spans."""

    url: str = ""
    spans: dict[str, Received] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)


def value_of(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@pytest.fixture
def collector() -> Iterator[Collector]:
    state = Collector()

    class Receiver(TraceServiceServicer):
        def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - named by the protocol
            for group in request.resource_spans:
                state.resource = {item.key: value_of(item.value) for item in group.resource.attributes}
                for span in [span for scope in group.scope_spans for span in scope.spans]:
                    state.spans[span.name] = Received(
                        name=span.name,
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        kind=span.kind,
                        start_ns=span.start_time_unix_nano,
                        end_ns=span.end_time_unix_nano,
                        attributes={item.key: value_of(item.value) for item in span.attributes},
                        is_error=span.status.code == 2,
                        events=len(span.events),
                        raw=str(span),
                    )
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    add_TraceServiceServicer_to_server(Receiver(), server)  # type: ignore[no-untyped-call]
    state.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield state
    server.stop(grace=None).wait()


def environ_of(collector: Collector, **more: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **more}


def make_app(tracing: Tracing) -> FastAPI:
    app = FastAPI()

    @app.post("/v1/answer")
    def answer(body: dict[str, Any]) -> dict[str, Any]:
        with tracing.span("search", {"briefbot.passages": 3}):
            pass
        return body

    @app.get("/v1/documents/{document_id}")
    async def document(document_id: str) -> str:
        if document_id == "broken":
            raise ValueError(MARKER)
        return document_id

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    app.add_middleware(RequestRecorder, metrics=Metrics(), tracing=tracing)
    return app


def test_a_request_becomes_a_server_span_under_the_trace_its_headers_name(collector: Collector) -> None:
    tracing = open_tracing(environ_of(collector))
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with captured_logs() as lines, TestClient(make_app(tracing)) as client:
        client.post(f"/v1/answer?q={MARKER}", json={"question": MARKER}, headers=headers)
    tracing.close()
    span, inner = collector.spans["POST /v1/answer"], collector.spans["search"]
    assert (span.trace_id, span.parent_id, span.kind) == (TRACE, PARENT, 2)
    assert (inner.trace_id, inner.parent_id) == (TRACE, span.span_id)
    assert inner.attributes == {"briefbot.passages": 3}
    assert span.attributes == {
        "http.request.method": "POST",
        "url.path": "/v1/answer",
        "url.scheme": "http",
        "http.route": "/v1/answer",
        "http.response.status_code": 200,
        "briefbot.ending": "whole",
    }
    assert not span.is_error
    assert [line["trace_id"] for line in lines.records()] == [TRACE]
    assert not any(MARKER in item.raw for item in collector.spans.values())


@pytest.mark.parametrize("given", [None, "", "00-0-0-01", f"00-{'0' * 32}-{PARENT}-01", MARKER])
def test_without_a_sound_traceparent_a_trace_begins_here(collector: Collector, given: str | None) -> None:
    tracing = open_tracing(environ_of(collector))
    with TestClient(make_app(tracing)) as client:
        client.get("/v1/documents/d1", headers={} if given is None else {"traceparent": given})
    tracing.close()
    span = collector.spans["GET /v1/documents/{document_id}"]
    assert span.parent_id == ""
    assert span.trace_id not in {"0" * 32, TRACE}


def test_a_caller_that_is_not_sampled_is_not_traced(collector: Collector) -> None:
    tracing = open_tracing(environ_of(collector))
    with TestClient(make_app(tracing)) as client:
        client.get("/v1/documents/d1", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
        client.get("/v1/documents/d2")
    tracing.close()
    assert [span.attributes["url.path"] for span in collector.spans.values()] == ["/v1/documents/d2"]


def test_a_failure_is_marked_by_its_kind_and_never_by_its_message(collector: Collector) -> None:
    tracing = open_tracing(environ_of(collector))
    with TestClient(make_app(tracing), raise_server_exceptions=False) as client:
        assert client.get("/v1/documents/broken").status_code == 500
    with pytest.raises(KeyError), tracing.span("search"):
        raise KeyError(MARKER)
    tracing.close()
    for name, kind in (("GET /v1/documents/{document_id}", "ValueError"), ("search", "KeyError")):
        span = collector.spans[name]
        assert (span.is_error, span.attributes["error.type"], span.events) == (True, kind, 0)
        assert MARKER not in span.raw


def test_health_checks_are_not_traced(collector: Collector) -> None:
    tracing = open_tracing(environ_of(collector))
    with TestClient(make_app(tracing)) as client:
        client.get("/healthz")
        client.get("/v1/nothing")
    tracing.close()
    assert list(collector.spans) == ["GET other"]


def test_the_stages_of_an_answer_are_spans_that_end_when_it_did(collector: Collector) -> None:
    tracing = open_tracing(environ_of(collector))
    timings = {"retrieve": 40.0, "generate": 900.0, "first_text": 300.0, "compose": 60.0, "total": 1000.0}
    end = time.time() - 5
    with tracing.span("request"):
        tracing.record_stages(timings, end)
    tracing.close()
    spans = collector.spans
    answer = spans["answer"]
    assert answer.parent_id == spans["request"].span_id
    assert answer.end_ns == int(end * 1e9)
    for name, length in timings.items():
        span = spans["answer" if name == "total" else name]
        assert span.end_ns - span.start_ns == length * 1e6
        if span is not answer:
            assert span.parent_id == answer.span_id
            assert answer.start_ns <= span.start_ns <= span.end_ns <= answer.end_ns
    assert spans["retrieve"].start_ns == answer.start_ns
    assert spans["generate"].start_ns == spans["first_text"].start_ns == spans["retrieve"].end_ns
    assert spans["compose"].start_ns == spans["generate"].end_ns


def test_an_answer_without_a_model_has_no_spans_of_one(collector: Collector) -> None:
    tracing = open_tracing(environ_of(collector))
    tracing.record_stages({"retrieve": 30.0, "compose": 10.0, "total": 40.0}, time.time())
    tracing.close()
    assert set(collector.spans) == {"answer", "retrieve", "compose"}


@pytest.mark.parametrize(("given", "name"), [({}, "briefbot"), ({"OTEL_SERVICE_NAME": "policy-desk"}, "policy-desk")])
def test_the_service_has_its_name(collector: Collector, given: dict[str, str], name: str) -> None:
    tracing = open_tracing(environ_of(collector, **given))
    with tracing.span("one"):
        pass
    tracing.close()
    assert collector.resource["service.name"] == name
    assert collector.resource["service.version"]


def test_the_variable_for_traces_alone_goes_before_the_general_one(collector: Collector) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url,
    }
    tracing = open_tracing(environ)
    with tracing.span("one"):
        pass
    tracing.close()
    assert list(collector.spans) == ["one"]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_SERVICE_NAME": "briefbot"},
    ],
)
def test_tracing_is_off_unless_the_environment_asks_for_it(environ: dict[str, str]) -> None:
    tracing = open_tracing(environ)
    assert not tracing.is_on
    with tracing.span("one") as span:
        span.note({"a": 1}, name="other")
        span.fail("ValueError")
    tracing.record_stages({"total": 1.0}, time.time())
    tracing.close()


def test_tracing_that_is_off_imports_nothing_of_opentelemetry() -> None:
    code = (
        "import sys; from briefbot.tracing import open_tracing; t = open_tracing({})\n"
        "with t.span('a'), t.request('b', {}, []): pass\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'grpc'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tracing_that_is_asked_for_and_not_installed_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(ConfigurationError) as caught:
        open_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"})
    message = str(caught.value)
    assert "expected" in message
    assert "pip install 'briefbot[otel]'" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "http/protobuf"),
    ],
)
def test_what_is_not_supported_is_refused_at_the_start(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"expected .*got {named}"):
        open_tracing(environ)


def test_spans_can_be_written_to_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    tracing = open_tracing({"OTEL_TRACES_EXPORTER": "console"})
    with tracing.span("one", {"briefbot.passages": 3}):
        pass
    tracing.close()
    assert json.loads(capsys.readouterr().out)["attributes"] == {"briefbot.passages": 3}


def test_a_collector_that_never_answers_does_not_keep_the_service_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert CLOSING_SECONDS <= 10
    monkeypatch.setattr("briefbot.tracing.CLOSING_SECONDS", 0.1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        tracing = open_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{mute.getsockname()[1]}"})
        with tracing.span("one"):
            pass
        tracing.close()
        (closing,) = [thread for thread in threading.enumerate() if thread.name == "briefbot-tracing-close"]
        assert closing.daemon
        closing.join()
