"""The state of the clock in words: trusted or not, why, what waits, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dayfile.model.clock_trust import ClockMark, ClockReading, look

WAITS: Final = (
    "opening days, sealing days without records, daily exports, publishing empty days that may not be over, expiring, "
    "forgetting and sweeping"
)
"""Everything that waits while the clock is not trusted."""

WAY_OUT: Final = "Set the clock right; if it is right, run dayfile clock accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """The clock compared with the mark. If it is trusted, `why` and `until` are None."""

    now: datetime
    mark: datetime | None  # None: no worker has run yet
    why: str | None
    until: datetime | None  # on this clock

    @property
    def is_trusted(self) -> bool:
        """True if the clock is trusted, so that nothing waits for it."""
        return self.why is None

    @property
    def advice(self) -> str | None:
        """The reason why the clock is not trusted, what waits until when, and what to do; None if it is trusted."""
        if self.why is None or self.until is None:
            return None
        return f"{self.why}: {WAITS} wait until {self.until:%Y-%m-%d %H:%M:%S} UTC. {WAY_OUT}"


def clock_state(mark: ClockMark | None, reading: ClockReading) -> ClockState:
    """Return the state of the clock at a reading, compared with the stored mark."""
    seen = look(mark, reading)
    if seen.doubt is None and mark is not None and mark.doubt is not None:
        seen = mark  # about to be trusted again, but the wrong times in the database must be corrected first
    if mark is None or seen.doubt is None:
        return ClockState(now=reading.now, mark=mark.at if mark else None, why=None, until=None)
    gap = abs(seen.doubt.said - (seen.least if seen.is_ahead else seen.at))
    direction = "ahead of" if seen.is_ahead else "behind"
    why = f"the clock says {reading.now:%Y-%m-%d %H:%M:%S} UTC, which is {_in_words(gap)} {direction} what is expected"
    return ClockState(now=reading.now, mark=seen.at, why=why, until=seen.doubt.until)


def _in_words(gap: timedelta) -> str:
    minutes = int(gap.total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} days {hours} hours"
    return f"{hours} hours {minutes % 60} minutes" if hours else f"{minutes} minutes"
