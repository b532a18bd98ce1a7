"""What Prometheus reads: requests, answers by outcome, stages, the model's statements, the queue and the index; and its route.

Every label has a small, fixed set of values; nothing of a request becomes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from briefbot.api.schemas import Problem

T = TypeVar("T")

Door = Literal["json", "stream", "chat", "mcp", "batch"]
Stage = Literal["retrieve", "compose", "generate", "first_text", "total"]

STAGES: tuple[Stage, ...] = ("retrieve", "compose", "generate", "first_text", "total")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Quoted answers take tens of milliseconds, written ones seconds, and one may take `BRIEFBOT_ANSWER_SECONDS`."""


class Answered(Protocol):
    """What is counted of an answer."""

    @property
    def mode(self) -> str:
        """Whether a model wrote it."""

    @property
    def abstention_reason(self) -> str | None:
        """Why there is none; None where there is one."""

    @property
    def timings_ms(self) -> Mapping[str, float]:
        """Milliseconds by stage."""

    @property
    def checked(self) -> Mapping[str, int]:
        """How many statements a model wrote (`written`), and how many were refused; empty where none wrote."""


@dataclass(frozen=True, slots=True)
class IndexHealth:
    """What there is to answer from; `is_current`: the vector index holds what the record holds, so that it is searched."""

    passages: int
    documents: int
    is_current: bool


class Metrics:
    """The numbers of one service, in a registry of its own, so that two services in a process do not clash."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "briefbot_http_requests",
            "Requests by route and class of status.",
            ["route", "status"],
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "briefbot_http_request_duration_seconds",
            "Time from a request to the end of its response.",
            ["route", "status"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._cut = Counter(
            "briefbot_http_responses_cut",
            "Responses that ended before they were whole.",
            ["route"],
            registry=self._registry,
        )
        self._open = Gauge(
            "briefbot_http_requests_open", "Requests whose response is not over yet.", registry=self._registry
        )
        self._stage_seconds = Histogram(
            "briefbot_answer_stage_duration_seconds",
            "Time of one stage of an answer.",
            ["stage"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._answers = Counter(
            "briefbot_answers",
            "Answers by door, mode and outcome: answered, or the reason there is none.",
            ["door", "mode", "outcome"],
            registry=self._registry,
        )
        self._written = Counter(
            "briefbot_model_statements_written", "Statements a language model wrote.", registry=self._registry
        )
        self._refused = Counter(
            "briefbot_model_statements_refused",
            "Statements of a language model that their evidence did not bear out.",
            registry=self._registry,
        )
        for stage in STAGES:
            self._stage_seconds.labels(stage)
        self._readings = _Readings()
        self._registry.register(self._readings)

    def open_request(self) -> AbstractContextManager[object]:
        """Count a request as open as long as the block lasts."""
        return self._open.track_inprogress()

    def count_request(self, route: str, status: int, seconds: float, *, is_cut: bool = False) -> None:
        """Count a request when its response is over; `route` is the template, never the path."""
        labels = (route, f"{status // 100}xx")
        self._requests.labels(*labels).inc()
        self._request_seconds.labels(*labels).observe(seconds)
        if is_cut:
            self._cut.labels(route).inc()

    def count_answer(self, door: Door, answer: Answered) -> None:
        """Count an answer that was given through one of the doors, the time of its stages and a model's statements."""
        self._answers.labels(door, answer.mode, answer.abstention_reason or "answered").inc()
        for stage in STAGES:
            if stage in answer.timings_ms:
                self._stage_seconds.labels(stage).observe(answer.timings_ms[stage] / 1000)
        self.count_statements(answer.checked.get("written", 0), answer.checked.get("refused", 0))

    def count_statements(self, written: int, refused: int) -> None:
        """Count what a model wrote for one answer, and how much of that was refused."""
        self._written.inc(written)
        self._refused.inc(refused)

    def watch_queue(self, waiting: Callable[[], int], running: Callable[[], int]) -> None:
        """Where to read, at each scrape, how many questions wait and how many are being answered."""
        self._readings.waiting, self._readings.running = waiting, running

    def watch_index(self, read: Callable[[], IndexHealth]) -> None:
        """Where to read, at each scrape, what there is to answer from; it may raise."""
        self._readings.index = read

    def render(self) -> tuple[bytes, str]:
        """Everything in Prometheus's text format, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class _Readings(Collector):
    """Gauges read when somebody scrapes; one that cannot be read is left out."""

    def __init__(self) -> None:
        self.waiting: Callable[[], int] | None = None
        self.running: Callable[[], int] | None = None
        self.index: Callable[[], IndexHealth] | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges of this moment."""
        for name, help_text, read in (
            ("briefbot_queue_waiting", "Questions that wait for their turn.", self.waiting),
            ("briefbot_queue_running", "Questions being answered.", self.running),
        ):
            value = _read(read)
            if value is not None:
                yield GaugeMetricFamily(name, help_text, value)
        if self.index is not None:
            yield from _describe_index(_read(self.index))


def _describe_index(index: IndexHealth | None) -> Iterator[GaugeMetricFamily]:
    yield GaugeMetricFamily("briefbot_index_readable", "Whether record and index can be read.", int(index is not None))
    if index is not None:
        yield GaugeMetricFamily("briefbot_index_passages", "Passages to answer from.", index.passages)
        yield GaugeMetricFamily("briefbot_index_documents", "Documents to answer from.", index.documents)
        yield GaugeMetricFamily(
            "briefbot_index_current",
            "Whether the vector index holds what the record holds; else vectors are compared one by one.",
            int(index.is_current),
        )


def _read(read: Callable[[], T] | None) -> T | None:
    try:
        return read() if read is not None else None
    except Exception:  # noqa: BLE001 - a scrape shows all else, and the gauge's absence tells
        return None


scrapes = APIRouter(tags=["health"])


@scrapes.get(
    "/metrics",
    summary="Numbers for Prometheus",
    response_class=PlainTextResponse,
    responses={
        401: {"model": Problem, "description": "No key, or one that does not hold"},
        403: {"model": Problem, "description": "The key may not do this"},
        421: {"model": Problem, "description": "The request names a host that is not this service"},
    },
)
def get_metrics(request: Request) -> Response:
    """Requests, answers, stages, statements, queue and index in Prometheus's text format."""
    metrics: Metrics = request.app.state.metrics
    body, content_type = metrics.render()
    return Response(body, media_type=content_type)
