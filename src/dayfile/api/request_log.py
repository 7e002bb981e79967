"""The line that the log has about each request.

Apart, because the commands have a faster way to write it, and the edge must not know them.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec
import structlog

EVENT: Final = "request"

_log = structlog.get_logger()


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """One request that is over, as the log tells of it: without its query, which may hold a signature, and its body."""

    method: str
    path: str
    status: int | None
    code: int | None
    outcome: str
    duration_ms: float
    sent_bytes: int
    caller: str | None
    client: str
    request_id: str


class RequestLog(Protocol):
    """A log of requests that went as they should, or failed through a fault of their callers."""

    def tell(self, line: RequestLine) -> None:
        """Log a request."""


class UsualLog:
    """The log of everything else."""

    def tell(self, line: RequestLine) -> None:
        """Log a request as any other event."""
        _log.info(EVENT, **msgspec.structs.asdict(line))


def tell_of_failure(line: RequestLine, error: Exception) -> None:
    """Log a request that failed through no fault of its caller, with the traceback."""
    _log.error(EVENT, **msgspec.structs.asdict(line), exc_info=error)
