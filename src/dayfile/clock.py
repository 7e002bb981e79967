"""The only place that knows the time: now (UTC), a monotonic count of seconds, and waiting.

On SQLite now is this machine's; on PostgreSQL it is the database server's, on every host.

Everything below gets moments as arguments; everything above gets a Clock.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from dayfile.model.clock_trust import ClockReading

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
HOSTS_DIFFER: Final = timedelta(seconds=60)
"""The difference from the database's time from which a host is named."""

_TOLD_EVERY: Final = timedelta(seconds=5)
"""Time after which a transaction that only reads asks for the time, too; each that writes does."""


class Clock(Protocol):
    """A source of the time, and a way to wait."""

    def now(self) -> datetime:
        """Return the current moment, aware, UTC."""
        ...

    def reading(self) -> ClockReading:
        """Return the current moment with the boot and the time since the boot, which a wrong clock does not change."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for measuring durations."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the seconds have passed; True if the event is set."""
        ...

    def pause(self, seconds: float) -> None:
        """Let the seconds pass."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def reading(self) -> ClockReading:
        return ClockReading(now=self.now(), boot_id=_boot_id(), uptime=timedelta(seconds=_uptime()))

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)


class DatabaseClock:
    """The clock of the database server, by which all hosts go: as it was told last, and counted on from there.

    It is never ahead of the server's, and behind it by less than an answer takes. This machine's own time has no part
    in it, only its count of the time that passes.
    """

    def __init__(self, own: Clock) -> None:
        """Take the clock of this machine, which counts."""
        self._own = own
        self._told: tuple[datetime, timedelta] | None = None  # a moment, and the uptime at it
        self._asked = timedelta.min  # the uptime at which that was asked for
        self._lock = threading.Lock()  # each transaction tells it, in whatever thread

    def now(self) -> datetime:
        return self._counted(self._own.reading().uptime) or self._own.now()

    def reading(self) -> ClockReading:
        own = self._own.reading()
        return replace(own, now=self._counted(own.uptime) or own.now)

    def monotonic(self) -> float:
        return self._own.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return self._own.wait(event, seconds)

    def pause(self, seconds: float) -> None:
        self._own.pause(seconds)

    def is_due(self) -> bool:
        """Return True if it was told long ago, or never."""
        told = self._told
        return told is None or self._own.reading().uptime - told[1] >= _TOLD_EVERY

    def sample(self, ask: Callable[[], datetime]) -> None:
        """Ask the database for its time, now."""
        asked = self._own.reading().uptime
        said = ask().astimezone(UTC)
        answered = self._own.reading().uptime
        with self._lock:
            if asked < self._asked:
                return  # another thread has asked since, and was answered sooner
            # By now it is between what was said and as much later as the answer took. What was counted is kept if that
            # may be right, so that slow answers do not make the clock go back.
            counted = self._counted(answered) or said
            self._told, self._asked = (min(max(counted, said), said + (answered - asked)), answered), asked

    def ahead(self) -> timedelta:
        """Return how far this machine's own clock is ahead of the database's; negative if it is behind."""
        return self._own.now() - self.now()

    def _counted(self, uptime: timedelta) -> datetime | None:
        told = self._told
        if told is None:
            return None
        said, at = told
        return said + (uptime - at)


@cache
def _boot_id() -> str:
    """Return the id of this boot; where the system does not tell it, one of this process."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return f"process {os.getpid()} of {time.time_ns()}"


def _uptime() -> float:
    """Return the seconds since the boot, including those in which the machine slept, where they are counted."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
