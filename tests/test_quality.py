"""The scoreboard as the API gives it: the committed figures, and what is said where there are none."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2
import pytest
from briefbot.eval.cases import load_cases
from clients import TestClient
from fastapi import FastAPI

from briefbot.api import quality
from briefbot.api.problems import add_problem_handlers

BASELINE = Path(__file__).parents[1] / "eval" / "baseline.json"


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in the place of the evaluation's package."""
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    quality._read_scoreboard.cache_clear()
    yield tmp_path
    quality._read_scoreboard.cache_clear()


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    add_problem_handlers(app)
    app.include_router(quality.quality)
    return TestClient(app)


def read_baseline() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(BASELINE.read_text("utf-8"))
    return read


def test_the_scoreboard_is_the_committed_one(service: str) -> None:
    found = httpx2.get(f"{service}/v1/quality", trust_env=False).json()
    kept = read_baseline()["scoreboard"]
    assert [system["is_ours"] for system in found["systems"]] == [True, False, False, False]
    for system in found["systems"]:
        for metric in found["metrics"]:
            assert system["values"][metric["id"]] == kept[system["id"]][metric["id"]]["mean"]
    assert all(metric["name"] and metric["name_zh"] and metric["explanation_zh"] for metric in found["metrics"])


def test_the_figures_are_of_all_reference_questions(service: str) -> None:
    found = httpx2.get(f"{service}/v1/quality", trust_env=False).json()
    assert found["split"] == "all"
    assert found["cases"] == sum(not case.is_claim for case in load_cases())
    assert found["measured_on"] == read_baseline().get("measured_on")


def test_the_day_of_measurement_is_told_where_it_is_written_down(packaged: Path, client: TestClient) -> None:
    (packaged / "baseline.json").write_text(json.dumps({**read_baseline(), "measured_on": "2026-01-02"}), "utf-8")
    assert dt.date.fromisoformat(client.get("/v1/quality").json()["measured_on"]) == dt.date(2026, 1, 2)


def test_a_figure_that_was_not_measured_is_none(packaged: Path, client: TestClient) -> None:
    kept = read_baseline()
    del kept["scoreboard"]["bm25"]["fact_recall"]
    (packaged / "baseline.json").write_text(json.dumps(kept), "utf-8")
    systems = {system["id"]: system for system in client.get("/v1/quality").json()["systems"]}
    assert systems["bm25"]["values"]["fact_recall"] is None
    assert "fact_recall" not in systems["bm25"]["intervals"]
    assert systems["briefbot"]["values"]["fact_recall"] == kept["scoreboard"]["briefbot"]["fact_recall"]["mean"]


@pytest.mark.parametrize("text", [None, "no json", "{}", '{"corpus_version": "v", "scoreboard": {"bm25": {}}}'])
def test_without_a_scoreboard_it_is_said_how_to_make_one(packaged: Path, client: TestClient, text: str | None) -> None:
    if text is not None:
        (packaged / "baseline.json").write_text(text, "utf-8")
    response = client.get("/v1/quality")
    assert response.status_code == 404
    assert "briefbot eval run --system all --update" in response.json()["detail"]
