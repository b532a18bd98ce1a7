"""Log lines of a stretch of a test as the service writes them; the state of logging is as before when it ends."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from briefbot.logs import LogFormat, configure_logging

_CHANGED = ("", "briefbot", "uvicorn", "uvicorn.error", "uvicorn.access")


class Lines(io.StringIO):
    """What was written to standard error."""

    def records(self) -> list[dict[str, Any]]:
        """Each line as the object it must be."""
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def wait_for(self, text: str) -> None:
        """Return once a line has the text; fails where none has it in good time."""
        deadline = time.monotonic() + 30
        while text not in self.getvalue():
            assert time.monotonic() < deadline, f"no {text} in {self.getvalue()}"
            time.sleep(0.01)


@contextmanager
def captured_logs(
    level: str = "INFO", log_format: LogFormat = "json", *, with_messages: bool = False
) -> Iterator[Lines]:
    loggers = [logging.getLogger(name) for name in _CHANGED]
    kept = [(logger, logger.level, list(logger.handlers), logger.propagate) for logger in loggers]
    stderr, sys.stderr = sys.stderr, Lines()
    lines = sys.stderr
    try:
        configure_logging(level, log_format, with_messages=with_messages)
        yield lines
    finally:
        sys.stderr = stderr
        logging.captureWarnings(False)
        structlog.reset_defaults()
        for logger, earlier_level, handlers, propagate in kept:
            logger.setLevel(earlier_level)
            logger.handlers[:] = handlers
            logger.propagate = propagate
