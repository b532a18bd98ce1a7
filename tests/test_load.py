"""The load script against a running service, and against one that misbehaves."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator

import pytest
from briefbot.eval.load import (
    PHRASE_CHARACTERS,
    PHRASE_WORDS,
    Deck,
    LoadPlan,
    Targets,
    ask_about,
    make_questions,
    press,
    render_load,
)
from briefbot.eval.page_speed import measure_page, render_page_speed
from briefbot.ui.strings import EXAMPLES

from briefbot.terms import is_chinese

PLAN = LoadPlan(users=3, overload_users=4, cut_streams=8, seconds=1.0, think_seconds=0.2)


@pytest.fixture(params=[b"", b'event: answer\ndata: {"text": "SAMR fi', b"event: answer\n\n"])
def broken_service(request: pytest.FixtureRequest) -> Iterator[str]:
    """A service whose streams end before their answer, in it, or without one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"event: sources\ndata: {}\n\n" + self.server.ending)  # type: ignore[attr-defined]

        def do_GET(self) -> None:
            metrics = b"briefbot_queue_running 3.0\nbriefbot_queue_waiting 1.0\nbriefbot_http_requests_open 3.0\n"
            self.send_response(200)
            self.send_header("content-length", str(len(metrics)))
            self.end_headers()
            self.wfile.write(metrics)

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.ending = request.param  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_service_is_measured_and_streams_that_are_cut_leave_nothing_in_flight(service: str) -> None:
    targets = Targets(first_event_p95_ms=60_000)
    report = asyncio.run(press(service, EXAMPLES, PLAN, targets, None))
    steady, overload, recovery, cut = report.phases
    assert steady["answers"]
    assert overload["answers"]
    assert steady["errors"] == overload["errors"] == {}
    assert recovery["seconds"] is not None
    assert cut["cut"] == PLAN.cut_streams
    assert cut["in_flight"] == 0
    assert report.missed == []
    assert any("first_event_ms" in line for line in render_load(report))


def test_a_target_that_is_missed_is_named(service: str) -> None:
    targets = Targets(first_event_p95_ms=0.001)
    report = asyncio.run(press(service, EXAMPLES, PLAN, targets, None))
    assert [line.split(":")[0] for line in report.missed] == ["steady"]


def test_answers_that_do_not_end_are_errors_and_what_stays_in_flight_is_told(broken_service: str) -> None:
    targets = Targets(recovery_seconds=0.5, cut_seconds=0.5)
    report = asyncio.run(press(broken_service, EXAMPLES, PLAN, targets, None))
    steady, _, _, cut = report.phases
    assert steady["answers"] == 0
    assert steady["errors"]
    assert cut["in_flight"] == 6
    assert {line.split(":")[0] for line in report.missed} >= {"steady", "overload", "cut"}


def test_the_questions_are_about_the_corpus_and_none_comes_twice_before_all_have_come(service: str) -> None:
    questions = make_questions(service)
    assert len(set(questions)) > 1_000
    assert any(is_chinese(question) for question in questions)
    assert max(len(question) for question in questions) < 300
    deck = Deck(questions, 7)
    size = len(set(questions))
    assert len({deck.draw() for _ in range(size)}) == size
    assert deck.repeats == 0
    again = Deck(list(reversed(questions)), 7)
    assert deck.draw() == again.draw()
    assert deck.repeats == 1


def test_a_question_is_the_beginning_of_what_it_is_about() -> None:
    words = " ".join(f"w{number}" for number in range(PHRASE_WORDS + 5))
    assert ask_about(words) == f"What is known of this: {' '.join(words.split()[:PHRASE_WORDS])}?"
    assert ask_about("反垄断法" * 20) == f"{'反垄断法' * (PHRASE_CHARACTERS // 4)}，这是怎么回事？"


@pytest.mark.browser
def test_the_page_is_measured_and_what_is_too_slow_is_named(service: str) -> None:
    found = measure_page(service, EXAMPLES[:2], openings=1, usable_ms=0.0, words_ms=-1.0)
    assert len(found.usable_ms) == 1
    assert len(found.first_words_ms) == 2
    assert all(item >= 0 for item in found.first_words_ms)
    assert [line.split(":")[0] for line in found.missed] == ["usable", "first words"]
    assert len(list(render_page_speed(found))) == 4
