"""Log lines on standard error, as text or one JSON object a line; none of them shows a key, a header or a question.

Three things see to that. Libraries log from WARNING on whatever the level, as their finer lines show requests. What looks like a key
is masked. And of an exception only the kind and the place are written: its message may quote what was asked.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from briefbot.errors import BriefbotError, UsageError

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["text", "json"]

_HANDLER = "briefbot"
_KEY = re.compile(
    r"\bbb_[\w-]{8,}|\bsk-[\w-]{8,}|(?<=Bearer )[\w.~+/=-]{16,}|(?<=Basic )[A-Za-z0-9+/=]{20,}|(?<=://)[^\s/@]+(?=@)"
)
"""Keys of this service and of model servers, credentials of a header, and a password in an address."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""What could make one line of a log look like two, or move a terminal's cursor."""


_STANDARD = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}
"""What every record has; anything else is an `extra`."""


def configure_logging(level: str, log_format: LogFormat, *, with_messages: bool = False) -> None:
    """Send all log lines of this process to standard error, from `level` on those of briefbot.

    `with_messages` writes the messages of exceptions too, for services that may log questions. A second call replaces the first.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(_make_formatter(log_format, with_messages=with_messages))
    handler.addFilter(_is_wanted)
    root = logging.getLogger()
    for earlier in [item for item in root.handlers if item.get_name() == _HANDLER]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(max(logging.getLevelName(level), logging.WARNING))
    logging.getLogger("briefbot").setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.captureWarnings(log_format == "json")
    _configure_structlog()


def _is_own(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == "briefbot"


def _is_wanted(record: logging.LogRecord) -> bool:
    """Whether a line is ours or a warning; some libraries set the level of their loggers themselves."""
    return _is_own(record) or record.levelno >= logging.WARNING


def _configure_structlog() -> None:
    """Loggers of structlog write through the same handler."""
    import structlog

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _make_formatter(log_format: LogFormat, *, with_messages: bool) -> logging.Formatter:
    import structlog

    def render_exception(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        error = _find_exception(event.pop("exc_info", None))
        if error is not None:
            event["exception"] = describe_exception(error, with_messages=with_messages)
        return event

    render: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars, _add_fields],
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _clean,
            render_exception,
            render,
        ],
    )


def _add_fields(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """The `extra` of briefbot's own lines become fields; those of libraries may hold anything and are left out."""
    record = event["_record"]
    if _is_own(record):
        event.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
    return event


def _clean(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """One line without keys: whatever is no number becomes text, masked and without control characters."""
    return {
        field: value
        if field == "exc_info" or value is None or isinstance(value, bool | int | float)
        else _KEY.sub("***", _CONTROL.sub(" ", str(value)))
        for field, value in event.items()
    }


def _find_exception(info: object) -> BaseException | None:
    if info is True:
        return sys.exc_info()[1]
    if isinstance(info, tuple):
        return info[1] if isinstance(info[1], BaseException) else None
    return info if isinstance(info, BaseException) else None


def describe_exception(error: BaseException, *, with_messages: bool = False) -> str:
    """The kinds and places of an exception and of those that led to it, first cause first; messages only if wanted."""
    return "\n".join(_describe(error, with_messages, set()))


def _describe(error: BaseException, with_messages: bool, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:
        return
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _describe(cause, with_messages, seen)
        yield "which led to"
    yield from (line.rstrip() for line in traceback.format_tb(error.__traceback__))
    yield _name(error, with_messages)
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield "with"
            yield from _describe(part, with_messages, seen)


def _name(error: BaseException, with_messages: bool) -> str:
    """The kind of an exception, with what the system or briefbot says of its own state."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    said = None
    if with_messages or (isinstance(error, BriefbotError) and not isinstance(error, UsageError)):
        said = str(error)
    elif isinstance(error, OSError):
        said = error.strerror
    return f"{kind}: {_KEY.sub('***', _CONTROL.sub(' ', said))}" if said else kind
