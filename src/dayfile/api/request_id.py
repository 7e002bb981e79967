"""The id of the request that something is done for, which everything that is logged meanwhile has."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from structlog.contextvars import bind_contextvars, reset_contextvars


def _variable() -> ContextVar[str]:
    """Return the context variable in which structlog keeps it.

    It is looked up once: `bind_contextvars` does so for each request, which takes longer than to set it.
    """
    bound = bind_contextvars(request_id="")
    reset_contextvars(**bound)
    return bound["request_id"].var


REQUEST_ID: Final = _variable()
