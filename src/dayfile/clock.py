"""The only place that knows the time: now (UTC), a monotonic count of seconds, and waiting.

Everything below gets moments as arguments; everything above gets a Clock.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from dayfile.model.clock_trust import ClockReading

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


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
