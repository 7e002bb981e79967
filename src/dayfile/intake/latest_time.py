"""The latest moment that it may be by now: records are not refused because this machine's clock is behind."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from dayfile.clock import Clock
from dayfile.store.database import Database

_READ_AGAIN_SECONDS: Final = 1.0  # a read for every small batch would cost it a tenth of its time


class LatestTime:
    """The later of the clock and the mark, for any number of threads."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._mark = clock.now()
        self._read_again_at = float("-inf")

    def time(self) -> datetime:
        """Return the clock's time, or the mark if that is later; the mark is read at most once a second.

        Raises DatabaseUnavailable.
        """
        if self._clock.monotonic() >= self._read_again_at:
            with self._database.snapshot() as tx:
                mark = tx.clock_marks.find()
            self._mark = mark.at if mark else self._clock.now()
            self._read_again_at = self._clock.monotonic() + _READ_AGAIN_SECONDS
        return max(self._clock.now(), self._mark)
