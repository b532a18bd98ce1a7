"""Log lines: one a record, the same shape whoever logs, and nothing in them that must stay in the service."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import pytest
import structlog
from captured_logs import captured_logs
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from briefbot.errors import StorageError, UsageError
from briefbot.logs import LogFormat, configure_logging

KEY = "bb_3f9a1c5d7e9b2a4c6d8e"


def test_lines_of_every_logger_have_one_shape() -> None:
    with captured_logs() as lines, bound_contextvars(request_id="req_1"):
        logging.getLogger("briefbot.index").info("the vector index answers again")
        logging.getLogger("another.server").error("port %d is taken", 80)
        structlog.get_logger("briefbot.jobs").warning("three jobs wait", waiting=3)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("an old call", UserWarning, stacklevel=1)
    own, server, native, warned = lines.records()
    for record in (own, server, native, warned):
        assert record["request_id"] == "req_1"
        assert record["timestamp"].endswith("Z")
    assert (own["level"], own["logger"], own["event"]) == ("info", "briefbot.index", "the vector index answers again")
    assert (server["level"], server["logger"], server["event"]) == ("error", "another.server", "port 80 is taken")
    assert (native["level"], native["logger"], native["waiting"]) == ("warning", "briefbot.jobs", 3)
    assert (warned["level"], warned["logger"]) == ("warning", "py.warnings")


def test_text_lines_show_the_message_and_its_fields() -> None:
    with captured_logs(log_format="text") as lines:
        logging.getLogger("briefbot.requests").info("request", extra={"path": "/v1/answer", "status": 200})
    (line,) = lines.getvalue().splitlines()
    assert line.endswith("request [briefbot.requests] path=/v1/answer status=200")
    assert "info" in line


def test_the_level_is_that_of_briefbots_own_lines_and_libraries_stay_at_warnings() -> None:
    with captured_logs("DEBUG") as lines:
        logging.getLogger("briefbot.retrieval").debug("own")
        for library in ("httpcore.http11", "openai", "mcp.server", "sse_starlette.sse", "a_library_of_next_year"):
            logging.getLogger(library).debug("headers and bodies")
            logging.getLogger(library).info("addresses")
            logging.getLogger(library).warning("heard from %s", library)
    heard = [record["event"] for record in lines.records()]
    assert heard[0] == "own"
    assert all(event.startswith("heard from") for event in heard[1:])
    assert len(heard) == 6


def test_at_the_level_of_errors_warnings_are_not_written() -> None:
    with captured_logs("ERROR") as lines:
        logging.getLogger("briefbot").warning("one")
        logging.getLogger("chromadb").warning("two")
        logging.getLogger("briefbot").error("three")
    assert [record["event"] for record in lines.records()] == ["three"]


def test_a_second_call_replaces_the_first() -> None:
    with captured_logs("INFO", "text") as lines:
        configure_logging("INFO", "json")
        logging.getLogger("briefbot").info("once")
    assert [record["event"] for record in lines.records()] == ["once"]


@pytest.mark.parametrize(
    "secret",
    [
        f"refused {KEY}",
        "sent Authorization: Bearer a-key-for-tests-only-1",
        "sent Authorization: Basic dXNlcjphLWtleS1mb3ItdGVzdHM=",
        "asked with sk-proj-0123456789abcdef",
        "asked http://someone:a-key-for-tests-only-1@127.0.0.1/v1",
    ],
)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_looks_like_a_key_is_masked_wherever_it_stands(secret: str, log_format: LogFormat) -> None:
    with captured_logs(log_format=log_format) as lines:
        logger = logging.getLogger("briefbot")
        logger.warning("%s", secret)
        logger.warning("a field", extra={"given": secret, "nested": {"deep": [secret]}})
        logger.error("an error", exc_info=OSError(5, secret))
    written = lines.getvalue()
    assert written.count("***") == 4
    for part in (KEY, "a-key-for-tests-only-1", "dXNlcjphLWtleS1mb3ItdGVzdHM", "0123456789abcdef"):
        assert part not in written


def test_words_about_keys_and_laws_are_no_keys() -> None:
    said = "expected `Bearer` and the key; got Basic requirements of the Basic Law at http://127.0.0.1:8000/v1"
    with captured_logs() as lines:
        logging.getLogger("briefbot").warning(said)
    assert lines.records()[0]["event"] == said


def fail_on(question: str) -> None:
    try:
        int(question)
    except ValueError as error:
        raise KeyError(question) from error


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_of_an_exception_the_kinds_and_places_are_written_and_no_message(log_format: LogFormat) -> None:
    with captured_logs(log_format=log_format) as lines:
        try:
            fail_on("quagga")
        except KeyError:
            logging.getLogger("briefbot").exception("unexpected error")
    written = lines.getvalue()
    assert "quagga" not in written.replace('fail_on("quagga")', "").replace('fail_on(\\"quagga\\")', "")
    for expected in ("ValueError", "which led to", "KeyError", "test_logs.py", "in fail_on"):
        assert expected in written


def test_messages_of_exceptions_are_written_where_questions_may_be() -> None:
    question = "quagga".upper()
    with captured_logs(with_messages=True) as lines:
        try:
            fail_on(question)
        except KeyError:
            logging.getLogger("briefbot").exception("unexpected error")
    assert "KeyError: 'QUAGGA'" in lines.records()[0]["exception"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "/somewhere"), "OSError: No space left on device"),
        (StorageError("expected a journal; got none"), "briefbot.errors.StorageError: expected a journal; got none"),
        (UsageError(f"question: got {KEY}"), "briefbot.errors.UsageError"),
        (RuntimeError("quagga"), "RuntimeError"),
    ],
)
def test_what_the_system_and_briefbot_say_of_their_own_state_is_written(error: Exception, told: str) -> None:
    with captured_logs() as lines:
        logging.getLogger("briefbot").error("unexpected error", exc_info=error)
    assert lines.records()[0]["exception"] == told


def test_all_parts_of_a_group_of_exceptions_are_written_once() -> None:
    with captured_logs() as lines:
        inner = ValueError("inner")
        inner.__context__ = KeyError("first")
        group = ExceptionGroup("several", [inner, TypeError("other"), inner])
        logging.getLogger("briefbot").error("unexpected error", exc_info=group)
    told = lines.records()[0]["exception"].splitlines()
    assert [line for line in told if line.endswith("Error")] == ["KeyError", "ValueError", "TypeError"]
    assert told[0] == "ExceptionGroup"


@given(st.text(), st.dictionaries(st.sampled_from(["path", "reason"]), st.text() | st.integers() | st.none()))
def test_whatever_is_logged_is_one_line(message: str, fields: dict[str, Any]) -> None:
    for log_format in ("text", "json"):
        with captured_logs(log_format=log_format) as lines:
            logging.getLogger("briefbot").info("%s", message, extra=fields)
        assert len(lines.getvalue().splitlines()) == 1
