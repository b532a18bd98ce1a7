"""Spans for an OpenTelemetry collector, where the environment names one; otherwise everything here does nothing.

The provider is this module's own and never the process's: libraries that trace through the global one would put query strings and
messages of exceptions into spans, and a question must not leave the service that way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Any

from briefbot.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

Attributes = Mapping[str, str | bool | int | float]
Headers = Sequence[tuple[bytes, bytes]]

CLOSING_SECONDS = 5.0
"""Longest wait for a collector when the service stops; what it has not taken by then is lost."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTERS = frozenset(("otlp", "console", "none"))


class Span:
    """A piece of work that nothing is noted of."""

    trace_id: str | None = None

    def note(self, attributes: Attributes, *, name: str | None = None) -> None:
        """Add attributes, and rename the span where there is a better name by now."""

    def fail(self, kind: str) -> None:
        """Mark the work as failed; `kind` is the kind of error, never its message."""


class Tracing:
    """No collector is named: spans are opened and nothing is noted."""

    is_on = False

    @contextmanager
    def span(self, name: str, attributes: Attributes | None = None) -> Iterator[Span]:  # noqa: ARG002 - the shape of the real one
        """A piece of work inside the current one; do not keep it open over a `yield` of an async generator."""
        yield Span()

    @contextmanager
    def request(self, name: str, attributes: Attributes, headers: Headers) -> Iterator[Span]:  # noqa: ARG002
        """A request to this service, which continues the trace that its headers name."""
        yield Span()

    def record_stages(self, timings_ms: Mapping[str, float], end: float) -> None:
        """Spans for an answer's stages, by its timings in milliseconds; `end` is when it was done, as `time.time()` tells it."""

    def close(self) -> None:
        """Send what has not been sent; nothing may be traced after it."""


def open_tracing(environ: Mapping[str, str]) -> Tracing:
    """Tracing as the standard variables `OTEL_*` ask for it; off where they ask for none.

    Raises `ConfigurationError` where they ask for what is not installed or not supported.
    """
    exporters = _read_exporters(environ)
    if not exporters:
        return Tracing()
    try:
        return _ExportedTracing(_make_provider(exporters, environ))
    except ImportError as error:
        raise ConfigurationError(
            "OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_TRACES_EXPORTER: expected the packages of OpenTelemetry, as tracing is on; "
            f"got none ({error.name}); run `pip install 'briefbot[otel]'` or unset the variables"
        ) from error


def _read_exporters(environ: Mapping[str, str]) -> set[str]:
    """Which of otlp and console are asked for; raises `ConfigurationError` for others."""
    endpoint = any(environ.get(name, "").strip() for name in _ENDPOINTS)
    asked = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() or ("otlp" if endpoint else "none")
    exporters = {part.strip() for part in asked.split(",")}
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return set()
    if not exporters <= _EXPORTERS:
        raise ConfigurationError(
            f"OTEL_TRACES_EXPORTER: expected otlp, console or none; got {asked[:80]}; choose one of those"
        )
    protocol = next((environ[name].strip() for name in _PROTOCOLS if environ.get(name, "").strip()), "grpc")
    if "otlp" in exporters and protocol != "grpc":
        raise ConfigurationError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: expected grpc; got {protocol[:80]}; name the collector's gRPC port, mostly 4317"
        )
    return exporters - {"none"}


def _make_provider(exporters: set[str], environ: Mapping[str, str]) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    name = environ.get("OTEL_SERVICE_NAME", "").strip() or "briefbot"
    resource = Resource.create({"service.name": name, "service.version": version("briefbot")})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if "otlp" in exporters:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        endpoint = next((environ[key].strip() for key in _ENDPOINTS if environ.get(key, "").strip()), None)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    if "console" in exporters:
        provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(out=sys.stdout)))
    return provider


class _ExportedSpan(Span):
    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.trace_id = f"{span.get_span_context().trace_id:032x}"

    def note(self, attributes: Attributes, *, name: str | None = None) -> None:
        self._span.set_attributes(dict(attributes))
        if name is not None:
            self._span.update_name(name)

    def fail(self, kind: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)


class _ExportedTracing(Tracing):
    """Spans go to the collector in batches, from a thread of their own."""

    is_on = True

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("briefbot", version("briefbot"))

    @contextmanager
    def span(self, name: str, attributes: Attributes | None = None) -> Iterator[Span]:
        with self._open(name, attributes or {}) as span:
            yield span

    @contextmanager
    def request(self, name: str, attributes: Attributes, headers: Headers) -> Iterator[Span]:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in headers}
        context = TraceContextTextMapPropagator().extract(carrier)
        with self._open(name, attributes, context=context, kind=SpanKind.SERVER) as span:
            yield span

    @contextmanager
    def _open(self, name: str, attributes: Attributes, **options: Any) -> Iterator[Span]:
        """The messages of exceptions stay here, as they may quote what was asked."""
        with self._tracer.start_as_current_span(
            name, attributes=dict(attributes), record_exception=False, set_status_on_exception=False, **options
        ) as opened:
            span = _ExportedSpan(opened)
            try:
                yield span
            except Exception as error:
                span.fail(type(error).__qualname__)
                raise

    def record_stages(self, timings_ms: Mapping[str, float], end: float) -> None:
        from opentelemetry.trace import set_span_in_context

        end_ns = int(end * 1e9)
        answer = self._tracer.start_span("answer", start_time=end_ns - _nanoseconds(timings_ms.get("total", 0.0)))
        context = set_span_in_context(answer)
        for name, start_ns, length_ns in _lay_out(timings_ms, end_ns):
            self._tracer.start_span(name, context, start_time=start_ns).end(end_time=start_ns + length_ns)
        answer.end(end_time=end_ns)

    def close(self) -> None:
        # A collector that is away would hold the service back for as long as it retries.
        closing = Thread(target=self._provider.shutdown, name="briefbot-tracing-close", daemon=True)
        closing.start()
        closing.join(CLOSING_SECONDS)


def _lay_out(timings_ms: Mapping[str, float], end_ns: int) -> Iterator[tuple[str, int, int]]:
    """Name, start and length in nanoseconds of each stage: retrieve, then the model with its first text in it, then compose.

    Composing begins a little before the model is asked; all of it is laid behind, where most of it is.
    """
    start = end_ns - _nanoseconds(timings_ms.get("total", 0.0))
    for name in ("retrieve", "generate", "compose"):
        if name in timings_ms:
            length = _nanoseconds(timings_ms[name])
            yield name, start, length
            if name == "generate" and "first_text" in timings_ms:
                yield "first_text", start, _nanoseconds(timings_ms["first_text"])
            start += length


def _nanoseconds(milliseconds: float) -> int:
    return int(milliseconds * 1e6)
