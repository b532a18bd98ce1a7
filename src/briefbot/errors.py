"""Every error briefbot raises on purpose, as one tree.

BriefbotError
├── UsageError            the request itself is wrong            exit 2, HTTP 422; do not retry
│   ├── NotFoundError     it names something that is not there   exit 1, HTTP 404
│   ├── MediaTypeError    its body is not sent as JSON       exit 2, HTTP 415
│   ├── AccessError       it lacks the key                       exit 1, HTTP 401
│   │   └── ScopeError    its key may not do this                exit 1, HTTP 403
│   └── RateLimitError    its key has asked too often            exit 1, HTTP 429; retry helps
├── ConfigurationError    a setting or folder cannot be used     exit 2, HTTP 500
├── RefusedDocumentError  a source cannot be taken in            exit 1, HTTP 422
├── ModelError            the embedding model cannot be loaded   exit 1, HTTP 503
├── IndexMismatchError    the index was built by another model   exit 1, HTTP 503
├── StorageError          the record cannot be read or written   exit 1, HTTP 503
├── UnreachableError      no service answers the client          exit 1, none over HTTP; retry helps
└── BusyError             another process is writing             exit 1, HTTP 503; retry helps
    ├── QueueFullError    too many questions wait for an answer  exit 1, HTTP 503; retry helps
    ├── DeadlineError     an answer took too long                exit 1, HTTP 503
    └── StoppedError      nobody waits for the answer any more   exit 1, HTTP 503

A message is one line: what was expected, what was found, what to do.
"""

from __future__ import annotations

from typing import ClassVar


class BriefbotError(Exception):
    """The root of the tree; `retry_helps` says whether the same call may succeed later, `retry_seconds` when."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    retry_helps: ClassVar[bool] = False

    def __init__(
        self, message: str, *, expected: str | None = None, got: str | None = None, retry_seconds: int | None = None
    ) -> None:
        super().__init__(" ".join(message.split()))
        self.expected = expected
        self.got = got
        self.retry_seconds = retry_seconds


class UsageError(BriefbotError):
    """The request is malformed; the message says what would be right."""

    exit_code = 2
    http_status = 422
    slug = "invalid-request"


class NotFoundError(UsageError):
    """The request names a document, file or answer that is not there."""

    exit_code = 1
    http_status = 404
    slug = "not-found"


class MediaTypeError(UsageError):
    """The request's body is sent as something else than JSON."""

    http_status = 415
    slug = "unsupported-media-type"


class AccessError(UsageError):
    """The request lacks the key it needs."""

    exit_code = 1
    http_status = 401
    slug = "unauthorized"


class ScopeError(AccessError):
    """The request's key lacks the scope it needs."""

    http_status = 403
    slug = "forbidden"


class RateLimitError(UsageError):
    """The request's key has made more requests than it may."""

    exit_code = 1
    http_status = 429
    slug = "rate-limited"
    retry_helps = True


class ConfigurationError(BriefbotError):
    """A setting has a value, or points at a place, that cannot be used."""

    exit_code = 2
    slug = "configuration"


class RefusedDocumentError(BriefbotError):
    """A source cannot be taken in; its previous version, if any, stays as it was."""

    http_status = 422
    slug = "refused-document"


class ModelError(BriefbotError):
    """The embedding model's files are missing or damaged."""

    http_status = 503
    slug = "model"


class IndexMismatchError(BriefbotError):
    """The index holds another model's vectors; `briefbot reindex` makes new ones."""

    http_status = 503
    slug = "index-mismatch"


class StorageError(BriefbotError):
    """The record on disk cannot be opened, read or written."""

    http_status = 503
    slug = "storage"


class UnreachableError(BriefbotError):
    """No service answers at the address, or the connection broke before it had."""

    slug = "unreachable"
    retry_helps = True


class BusyError(BriefbotError):
    """Another process holds the writer's lock; trying again later helps."""

    http_status = 503
    slug = "busy"
    retry_helps = True


class QueueFullError(BusyError):
    """As many questions wait for an answer as may, or this one has waited as long as it may."""

    slug = "queue-full"


class StoppedError(BusyError):
    """Whoever asked has gone, so that the work was ended."""

    slug = "stopped"
    retry_helps = False


class DeadlineError(BusyError):
    """An answer was not there in the time it may take: asked again at once, it would take that time again."""

    slug = "too-slow"
    retry_helps = False
