"""The log, kept for a test to read."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import structlog
from structlog.typing import EventDict


class RecordedLog:
    """The log of all threads; an event may come after the answer has arrived."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def record(self, logger: object, level: str, event: EventDict) -> EventDict:
        """Keep an event; nothing of it reaches the terminal."""
        self._events.put({**event, "level": level})
        raise structlog.DropEvent

    def until(self, answer: httpx2.Response) -> list[dict[str, Any]]:
        """Wait for the line about an answered request; it, and all that came before it and was not asked for yet."""
        events = [self._events.get(timeout=10)]
        while (events[-1]["event"], events[-1].get("request_id")) != ("request", answer.headers["twilio-request-id"]):
            events.append(self._events.get(timeout=10))
        return events

    def next(self, name: str) -> dict[str, Any]:
        """Wait for the next event of a name."""
        while (event := self._events.get(timeout=30))["event"] != name:
            pass
        return event

    def line_about(self, path: str) -> dict[str, Any]:
        """Wait for the next line about a request for a path."""
        while (event := self._events.get(timeout=10))["event"] != "request" or event["path"] != path:
            pass
        return event


@contextmanager
def recorded_log() -> Iterator[RecordedLog]:
    """The log of everything that happens meanwhile."""
    log, before = RecordedLog(), structlog.get_config()["processors"]
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, log.record])
    try:
        yield log
    finally:
        structlog.configure(processors=before)
