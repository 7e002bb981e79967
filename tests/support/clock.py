"""A clock that a test moves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from dayfile.model.clock_trust import ClockReading

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATIENCE_SECONDS = 20


class FakeClock:
    """Stands still until `pass_by` or `set` is called."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._monotonic = 0.0
        self._boot = 1

    def now(self) -> datetime:
        return self._now

    def reading(self) -> ClockReading:
        uptime = timedelta(seconds=self._monotonic)
        return ClockReading(now=self._now, boot_id=f"boot {self._boot}", uptime=uptime)

    def monotonic(self) -> float:
        return self._monotonic

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for the event alone: seconds pass only when the test says so, so a lease is never extended by itself."""
        del seconds
        return event.wait()

    def pause(self, seconds: float) -> None:
        """Return at once: whoever pauses is alone, and no time passes unless the test says so."""

    def pass_by(self, duration: timedelta) -> None:
        """Let time pass."""
        self._now += duration
        self._monotonic += duration.total_seconds()

    def pass_until(self, moment: datetime) -> None:
        """Let time pass until this moment, which is not over yet."""
        assert moment >= self._now
        self.pass_by(moment - self._now)

    def boot_after(self, duration: timedelta) -> None:
        """Switch the machine off and, after that time, on again: nobody has counted how long it was."""
        self._now += duration
        self._boot += 1

    def set(self, now: datetime) -> None:
        """Jump, forwards or back; the monotonic count does not notice."""
        self._now = now


class PassingClock(FakeClock):
    """Wakes those who wait as the test lets time pass, each at its moment."""

    def __init__(self, now: datetime = NOON) -> None:
        super().__init__(now)
        self._changed = threading.Condition()
        self._sleepers: dict[threading.Event, float] = {}  # and when each is to be woken

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the test has let the seconds pass."""
        until = self._monotonic + seconds
        with self._changed:
            self._sleepers[event] = until
            self._changed.notify_all()
        # The event's own condition: setting the event notifies it, too.
        with event._cond:  # type: ignore[attr-defined]
            event._cond.wait_for(lambda: event.is_set() or self._monotonic >= until)  # type: ignore[attr-defined]
        with self._changed:
            self._sleepers.pop(event, None)
        return event.is_set()

    def pass_by(self, duration: timedelta) -> None:
        """Let time pass, and wake all whose moment has come."""
        super().pass_by(duration)
        with self._changed:
            due = [event for event, until in self._sleepers.items() if until <= self._monotonic]
            for event in due:
                del self._sleepers[event]
        for event in due:
            with event._cond:  # type: ignore[attr-defined]
                event._cond.notify_all()  # type: ignore[attr-defined]

    def await_sleepers(self, count: int) -> None:
        """Return when so many wait; fails if that takes long."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._sleepers) == count, timeout=PATIENCE_SECONDS), (
                f"{len(self._sleepers)} wait, and not {count}"
            )
