"""A clock that a test moves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class FakeClock:
    """Stands still until `pass_by` or `set` is called."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for the event alone: seconds pass only when the test says so, so a lease is never extended by itself."""
        del seconds
        return event.wait()

    def pass_by(self, duration: timedelta) -> None:
        """Let time pass."""
        self._now += duration
        self._monotonic += duration.total_seconds()

    def set(self, now: datetime) -> None:
        """Jump, forwards or back; the monotonic count does not notice."""
        self._now = now
