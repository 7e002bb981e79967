"""The clock watch: stores the mark, doubts a clock that jumps, corrects times written by a clock that was ahead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import structlog

from dayfile.checks.clock_state import WAITS, WAY_OUT
from dayfile.clock import HOSTS_DIFFER, Clock, DatabaseClock
from dayfile.delivery.dispatcher import LEASE
from dayfile.model.clock_trust import ClockMark, ClockReading, has_gone_back, look
from dayfile.model.credential import Actor
from dayfile.model.lane import GIVE_UP_AFTER
from dayfile.model.session import SESSION_LIFETIME
from dayfile.objects.sweep import LOOK_AGAIN_AFTER
from dayfile.store import wrong_times
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

log = structlog.get_logger()

KEPT_EVERY: Final = timedelta(seconds=30)
"""Age at which an unchanged mark is stored anew: writing it at every look would cost a write every second."""

SILENT_AFTER: Final = timedelta(seconds=75)
"""Time without news of the mark after which another host takes over, since the one that watched must be gone."""

_TOLD_EVERY: Final = timedelta(hours=1)

LONGEST_PAUSE: Final = timedelta(hours=1)
"""Upper bound of the pauses of failed days, daily runs, lanes and packs."""

LONGEST_NEXT_ATTEMPT: Final = timedelta(hours=29)
"""The last pause of a notice's schedule, with its jitter."""


class ClockWatch:
    """A periodic check of the clock. Safe to run in any number of workers at once."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        grace: timedelta,
        lease: timedelta,
        file_lifetime: timedelta,
        sweep_delay: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shared = clock if isinstance(clock, DatabaseClock) else None  # other hosts watch it, too
        self._told_at = float("-inf")  # on the monotonic clock: that this host differs from it
        self._seen: tuple[ClockMark, float] | None = None  # the mark of another host, and when it was new
        self._grace = grace
        self._longest: Mapping[wrong_times.Columns, timedelta] = {
            wrong_times.FACTS: timedelta(0),
            wrong_times.LEASES: max(lease, LEASE),
            wrong_times.PAUSES: LONGEST_PAUSE,
            wrong_times.NEXT_ATTEMPTS: LONGEST_NEXT_ATTEMPT,
            wrong_times.PATIENCE: GIVE_UP_AFTER,
            wrong_times.FILE_LIFETIMES: file_lifetime,
            wrong_times.SESSIONS: SESSION_LIFETIME,
            wrong_times.RESTS_OF_GARBAGE: max(sweep_delay, LOOK_AGAIN_AFTER),
        }

    def step(self) -> bool:
        """Update the stored mark if it is due. Always returns False: there is never more to do at once."""
        self._look_at_host()
        with self._database.snapshot() as tx:
            before = tx.clock_marks.find()
        reading = self._clock.reading()
        if self._is_watched(before, reading) or not _is_news(before, look(before, reading), reading):
            return False
        with self._database.transaction() as tx:
            before = tx.clock_marks.lock()
            reading = self._clock.reading()
            after = look(before, reading)
            self._keep(tx, before, after)
        _tell(before, after, reading)
        return False

    def _look_at_host(self) -> None:
        at = self._clock.monotonic()
        if self._shared is None or at < self._told_at + _TOLD_EVERY.total_seconds():
            return
        ahead = self._shared.ahead()
        if abs(ahead) > HOSTS_DIFFER:
            self._told_at = at
            log.warning(
                "clock.host_differs",
                ahead_seconds=round(ahead.total_seconds()),
                what_to_do="set it by a time server: Dayfile goes by the database's clock, but its log has the time "
                "of this host, and so have its requests to object stores",
            )

    def _is_watched(self, mark: ClockMark | None, reading: ClockReading) -> bool:
        """Return True if another host watches the clock: only one can tell how much time has passed since a look."""
        if self._shared is None or mark is None or mark.boot_id == reading.boot_id:
            self._seen = None
            return False
        at = self._clock.monotonic()
        if self._seen is None or self._seen[0] != mark:
            self._seen = mark, at
        return at - self._seen[1] < SILENT_AFTER.total_seconds()

    def accept(self, *, actor: Actor) -> ClockMark:
        """Trust the clock as it is, on the operator's word, and note that in the audit log; return the new mark."""
        with self._database.transaction() as tx:
            before = tx.clock_marks.lock()
            reading = self._clock.reading()
            after = ClockMark.believing(reading)
            self._keep(tx, before, after)
            tx.audit.add(actor=actor, action="clock.accepted", subject="clock", now=reading.now)
        return after

    def _keep(self, tx: Transaction, before: ClockMark | None, after: ClockMark) -> None:
        tx.clock_marks.put(after)
        if before is not None and has_gone_back(before, after):
            moments = tx.wrong_times.cut(self._longest, now=after.at)
            days = tx.wrong_times.withdraw_days(now=after.at, grace=self._grace)
            log.warning("clock.set_right", moments=moments, days=days)


def _is_news(before: ClockMark | None, after: ClockMark, reading: ClockReading) -> bool:
    """Return True if the mark must be stored: something has changed, or the stored one is too old."""
    if before is None or before.boot_id != reading.boot_id:
        return True
    if before.doubt and after.doubt:
        is_same = before.doubt.since <= after.doubt.since and before.doubt.needed_for == after.doubt.needed_for
        return not is_same or reading.uptime - before.uptime >= KEPT_EVERY
    return before.doubt != after.doubt or has_gone_back(before, after) or reading.uptime - before.uptime >= KEPT_EVERY


def _tell(before: ClockMark | None, after: ClockMark, reading: ClockReading) -> None:
    doubted = before.doubt if before else None
    if after.doubt and (doubted is None or after.doubt.agreed_for < doubted.agreed_for):
        log.warning(
            "clock.doubted",
            now=reading.now.isoformat(),
            mark=after.at.isoformat(),
            direction="ahead" if after.is_ahead else "behind",
            what_waits=WAITS,
            waits_until=after.doubt.until.isoformat(),
            what_to_do=WAY_OUT,
        )
    elif doubted and not after.doubt:
        log.warning("clock.trusted", now=reading.now.isoformat())
