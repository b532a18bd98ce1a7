"""What Prometheus reads: the names, the units, and that nothing that is read can break the page."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from clients import TestClient
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from briefbot.api.metrics import STAGES, IndexHealth, Metrics, scrapes


@dataclass(frozen=True)
class Answer:
    mode: str = "extractive"
    abstention_reason: str | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    checked: Mapping[str, int] = field(default_factory=dict)


def samples(metrics: Metrics) -> dict[str, float]:
    """Each sample's value by its name and labels."""
    body, _ = metrics.render()
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_every_metric_has_the_services_name_a_base_unit_and_a_help_text() -> None:
    metrics = Metrics()
    metrics.count_request("/v1/answer", 200, 0.1, is_cut=True)
    metrics.count_answer("json", Answer(timings_ms={"total": 1}))
    metrics.watch_queue(lambda: 0, lambda: 0)
    metrics.watch_index(lambda: IndexHealth(1, 1, is_current=True))
    families = list(text_string_to_metric_families(metrics.render()[0].decode()))
    assert len(families) > 10
    for family in families:
        assert re.fullmatch(r"briefbot_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ms|milliseconds|minutes|kb|percent)(_|$)", family.name)


def test_requests_are_counted_by_route_and_class_of_status() -> None:
    metrics = Metrics()
    for status in (200, 204, 404, 422, 500):
        metrics.count_request("/v1/answer", status, 0.2)
    metrics.count_request("/v1/answer/stream", 200, 3.0, is_cut=True)
    found = samples(metrics)
    for statuses, count in (("2xx", 2), ("4xx", 2), ("5xx", 1)):
        assert found[f"briefbot_http_requests_total[('route', '/v1/answer'), ('status', '{statuses}')]"] == count
    labels = "('route', '/v1/answer/stream'), ('status', '2xx')"
    assert found[f"briefbot_http_request_duration_seconds_sum[{labels}]"] == 3.0
    assert found["briefbot_http_responses_cut_total[('route', '/v1/answer/stream')]"] == 1
    assert "briefbot_http_responses_cut_total[('route', '/v1/answer')]" not in found


def test_an_answer_is_counted_by_door_mode_and_outcome_and_its_stages_in_seconds() -> None:
    metrics = Metrics()
    metrics.count_answer("json", Answer(timings_ms={"retrieve": 40.0, "compose": 10.0, "total": 50.0}))
    metrics.count_answer(
        "mcp", Answer("generative", timings_ms={"generate": 2000.0, "first_text": 700.0, "total": 2100.0})
    )
    metrics.count_answer("stream", Answer(abstention_reason="no_evidence"))
    found = samples(metrics)
    for door, mode, outcome in (
        ("json", "extractive", "answered"),
        ("mcp", "generative", "answered"),
        ("stream", "extractive", "no_evidence"),
    ):
        assert found[f"briefbot_answers_total[('door', '{door}'), ('mode', '{mode}'), ('outcome', '{outcome}')]"] == 1
    seconds = "briefbot_answer_stage_duration_seconds"
    assert found[f"{seconds}_sum[('stage', 'retrieve')]"] == pytest.approx(0.04)
    assert found[f"{seconds}_sum[('stage', 'total')]"] == pytest.approx(2.15)
    assert found[f"{seconds}_count[('stage', 'first_text')]"] == 1
    assert found[f"{seconds}_bucket[('le', '1.0'), ('stage', 'first_text')]"] == 1
    assert found[f"{seconds}_bucket[('le', '0.5'), ('stage', 'first_text')]"] == 0


def test_an_unknown_stage_makes_no_label_and_the_known_ones_are_there_before_the_first_answer() -> None:
    metrics = Metrics()
    before = set(samples(metrics))
    metrics.count_answer("batch", Answer(timings_ms={"a_stage_of_next_year": 1.0}))
    assert {name for name in set(samples(metrics)) - before if "stage" in name} == set()
    for stage in STAGES:
        assert f"briefbot_answer_stage_duration_seconds_count[('stage', '{stage}')]" in before


def test_statements_written_and_refused_are_added_up() -> None:
    metrics = Metrics()
    assert samples(metrics)["briefbot_model_statements_refused_total"] == 0
    metrics.count_answer("json", Answer("generative", checked={"written": 4, "refused": 1}))
    metrics.count_answer("json", Answer())
    metrics.count_statements(2, 2)
    found = samples(metrics)
    assert found["briefbot_model_statements_written_total"] == 6
    assert found["briefbot_model_statements_refused_total"] == 3


def test_queue_and_index_are_read_at_each_scrape() -> None:
    metrics = Metrics()
    waiting, index = [3], [IndexHealth(1200, 80, is_current=True)]
    metrics.watch_queue(lambda: waiting[0], lambda: 8)
    metrics.watch_index(lambda: index[0])
    found = samples(metrics)
    assert (found["briefbot_queue_waiting"], found["briefbot_queue_running"]) == (3, 8)
    assert (found["briefbot_index_passages"], found["briefbot_index_documents"]) == (1200, 80)
    assert (found["briefbot_index_current"], found["briefbot_index_readable"]) == (1, 1)
    waiting[0], index[0] = 0, IndexHealth(0, 0, is_current=False)
    found = samples(metrics)
    assert (found["briefbot_queue_waiting"], found["briefbot_index_passages"]) == (0, 0)
    assert found["briefbot_index_current"] == 0


def test_an_index_that_cannot_be_read_is_told_and_all_else_is_there() -> None:
    def fail() -> IndexHealth:
        raise OSError(5, "Input/output error")

    metrics = Metrics()
    metrics.count_request("/v1/answer", 503, 0.1)
    metrics.watch_queue(lambda: 1 // 0, lambda: 2)
    metrics.watch_index(fail)
    found = samples(metrics)
    assert found["briefbot_index_readable"] == 0
    assert found["briefbot_queue_running"] == 2
    assert "briefbot_http_requests_total[('route', '/v1/answer'), ('status', '5xx')]" in found
    assert not {"briefbot_index_passages", "briefbot_index_current", "briefbot_queue_waiting"} & set(found)


def test_what_nobody_watches_is_not_shown_as_zero() -> None:
    assert not [name for name in samples(Metrics()) if "queue" in name or "index" in name]


def test_two_services_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.count_statements(5, 0)
    assert samples(second)["briefbot_model_statements_written_total"] == 0


def test_counts_from_many_threads_are_all_there() -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(200):
            metrics.count_answer("json", Answer(timings_ms={"total": 5.0}))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = samples(metrics)
    assert found["briefbot_answers_total[('door', 'json'), ('mode', 'extractive'), ('outcome', 'answered')]"] == 1600
    assert found["briefbot_answer_stage_duration_seconds_count[('stage', 'total')]"] == 1600


def test_the_route_gives_what_prometheus_reads_and_the_description_names_it() -> None:
    app = FastAPI()
    app.state.metrics = Metrics()
    app.include_router(scrapes)
    with TestClient(app) as client:
        response = client.get("/metrics")
        described = client.get("/openapi.json").json()["paths"]["/metrics"]["get"]
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=1.0.0")
    assert list(text_string_to_metric_families(response.text))
    assert list(described["responses"]) == ["200", "401", "403", "421"]
    assert list(described["responses"]["200"]["content"]) == ["text/plain"]
    assert "parameters" not in described
