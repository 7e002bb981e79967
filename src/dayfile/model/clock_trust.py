"""Trust in the clock: which of its readings are believed, and how long a doubted clock has to agree with itself.

The mark is the latest moment that was believed. Within one boot the machine counts the time that has passed since; a
clock that differs from it by more than a minute has jumped. Across boots nobody counts: a gap of up to ten minutes is a
restart, a longer one may be a wrong clock. If the clock is before the mark, one of the two is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

JUMP: Final = timedelta(seconds=60)
"""The largest difference, within one boot, between a clock that has not jumped and the time that has passed."""

RESTART: Final = timedelta(minutes=10)
"""The longest gap between two boots that is an ordinary restart."""

SHORTEST_WAIT: Final = timedelta(minutes=15)
LONGEST_WAIT: Final = timedelta(hours=24)
WAIT_BEHIND: Final = timedelta(hours=1)
"""The time for which a clock before the mark has to agree with itself until the mark is lowered."""

_NOTHING: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """One reading of a machine's clocks: the time, the boot, and the time since that boot."""

    now: datetime
    boot_id: str  # no other boot of any machine has it
    uptime: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A clock that is not believed: its last reading, how long it has agreed with itself, and how long it has to."""

    said: datetime
    agreed_for: timedelta
    needed_for: timedelta

    @property
    def since(self) -> datetime:
        """The moment at which the doubt began, on the doubted clock."""
        return self.said - self.agreed_for

    @property
    def until(self) -> datetime:
        """The moment from which the clock is believed, on that clock, if it goes on like this."""
        return self.since + self.needed_for


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMark:
    """The latest moment that was believed, the time that has certainly passed since, and the doubt if there is one."""

    at: datetime
    passed: timedelta
    boot_id: str  # of the last look
    uptime: timedelta  # the same
    doubt: Doubt | None

    @classmethod
    def believing(cls, reading: ClockReading) -> Self:
        """Return the mark of a clock that is believed at this reading."""
        return cls(at=reading.now, passed=_NOTHING, boot_id=reading.boot_id, uptime=reading.uptime, doubt=None)

    @property
    def least(self) -> datetime:
        """The earliest moment that it can be by now, if the mark was right."""
        return self.at + self.passed

    @property
    def is_ahead(self) -> bool:
        """True if the clock is doubted because it is ahead of the mark."""
        return self.doubt is not None and self.doubt.said > self.at

    @property
    def is_behind(self) -> bool:
        """True if the clock is doubted because it is behind the mark."""
        return self.doubt is not None and self.doubt.said <= self.at

    def since_last_look(self, reading: ClockReading) -> timedelta | None:
        """Return the time that has passed since the last look; None after another boot, when nobody knows."""
        is_same = self.boot_id == reading.boot_id and self.uptime <= reading.uptime
        return reading.uptime - self.uptime if is_same else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The actions that a reading permits: all if the clock is believed, else only those that can be undone."""

    is_given: bool
    surely: datetime  # the clock's time if it is believed; else no later than the time that it surely is


def look(mark: ClockMark | None, reading: ClockReading) -> ClockMark:
    """Return the mark after this reading. Without a mark, as on a first start, the clock is believed."""
    if mark is None:
        return ClockMark.believing(reading)
    elapsed = mark.since_last_look(reading)
    passed = mark.passed + (elapsed or _NOTHING)
    slack = RESTART if elapsed is None or mark.doubt else JUMP
    if mark.at - JUMP <= reading.now <= mark.at + passed + slack:
        return ClockMark.believing(reading)
    doubt = _doubt_after(mark.doubt, reading, elapsed=elapsed) or _new_doubt(reading.now, mark.at + passed)
    if doubt.agreed_for >= doubt.needed_for:
        return ClockMark.believing(reading)
    return ClockMark(at=mark.at, passed=passed, boot_id=reading.boot_id, uptime=reading.uptime, doubt=doubt)


def trust(mark: ClockMark | None, reading: ClockReading) -> Trust:
    """Return what may be done at this reading, given the mark as it is stored.

    A stored doubt holds until the mark is written again: wrong times have to be corrected first.
    """
    seen = look(mark, reading)
    if seen.doubt is None and (mark is None or mark.doubt is None):
        return Trust(is_given=True, surely=reading.now)
    return Trust(is_given=False, surely=min(reading.now, seen.least))


def has_gone_back(before: ClockMark, after: ClockMark) -> bool:
    """Return True if the clock is believed now and showed a later time before: times written then need correction."""
    if after.doubt is not None:
        return False
    said = before.doubt.said if before.doubt else before.at
    same_boot = before.boot_id == after.boot_id and before.uptime <= after.uptime
    elapsed = after.uptime - before.uptime if same_boot else _NOTHING
    return after.at < max(said + elapsed, before.at) - JUMP


def _doubt_after(doubt: Doubt | None, reading: ClockReading, *, elapsed: timedelta | None) -> Doubt | None:
    """Return the doubt after another look; None if there was none, or if the clock has jumped again."""
    if doubt is None:
        return None
    expected = doubt.said + (elapsed or _NOTHING)
    if not expected - JUMP <= reading.now <= expected + (RESTART if elapsed is None else JUMP):
        return None
    agreed_for = doubt.agreed_for + (elapsed or _NOTHING)
    return Doubt(said=reading.now, agreed_for=agreed_for, needed_for=doubt.needed_for)


def _new_doubt(now: datetime, least: datetime) -> Doubt:
    ahead = min(max(SHORTEST_WAIT, (now - least) / 10), LONGEST_WAIT)
    return Doubt(said=now, agreed_for=_NOTHING, needed_for=ahead if now > least else WAIT_BEHIND)
