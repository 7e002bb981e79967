"""The places of jobs in the queue and their estimates, from one look at the queue for all jobs of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dayfile.model.job import RATE_DAYS, RATE_WINDOW, Queue, Queued, days_per_second
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

RATE_KEPT_FOR: Final = timedelta(seconds=1)
"""The time for which jobs are told the same rate: it is that of minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """The place of a job in the queue and its estimated end; both None once it is over."""

    position: int | None
    done_at: datetime | None  # as estimated


NO_PLACE: Final = QueuePlace(position=None, done_at=None)
"""The place of a job that is over."""


@dataclass(frozen=True, slots=True)
class QueuePlaces:
    """The queue and how fast it moves, as of one moment."""

    queue: Queue
    days_per_second: float | None
    now: datetime

    @classmethod
    def of(
        cls,
        jobs: Sequence[Queued],
        tx: Transaction,
        *,
        now: datetime,
        rate: RecentRate | None = None,
        queue: Queue | None = None,
    ) -> QueuePlaces:
        """Look at the queue for these jobs, unless it is given.

        `rate` is one that was looked up a moment ago, or will be.
        """
        unfinished = [job for job in jobs if job.over_at is None]
        if not unfinished:
            return cls(_EMPTY, None, now)  # nobody will ask
        days_per_second = rate_of(tx, now=now) if rate is None else rate.as_seen_in(tx, now=now)
        return cls(queue or queue_of(unfinished, tx), days_per_second, now)

    def place(self, job: Queued) -> QueuePlace:
        """Return the position and the estimate of a job."""
        if job.over_at is not None:
            return NO_PLACE
        return QueuePlace(
            position=self.queue.position(job),
            done_at=self.queue.estimated_completion(job, days_per_second=self.days_per_second, now=self.now),
        )


_EMPTY: Final = Queue.of(())


def queue_of(unfinished: Sequence[Queued], tx: Transaction) -> Queue:
    """Return the queue as these jobs need it, of which there is at least one."""
    numbers = [job.submit_number for job in unfinished]
    return tx.jobs.queue(first=min(numbers), last=max(numbers))


def rate_of(tx: Transaction, *, now: datetime) -> float | None:
    """Return how many days are finished in a second, or None where too little is known."""
    return days_per_second(tx.jobs.worked(since=now - RATE_WINDOW, limit=RATE_DAYS))


class RecentRate:
    """The rate of the queue for the answers about jobs. To look it up takes five times as long as to submit one."""

    def __init__(self) -> None:
        self._found: tuple[datetime, float | None] | None = None

    def per_second(self, database: Database, *, now: datetime) -> float | None:
        """Return what `rate_of` returns, now or up to RATE_KEPT_FOR ago; raises DatabaseUnavailable."""
        if (found := self._recent(now)) is not None:
            return found[1]
        with database.snapshot() as tx:
            return self.as_seen_in(tx, now=now)

    def as_seen_in(self, tx: Transaction, *, now: datetime) -> float | None:
        """Return the same; if it is to be looked up now, it is in this transaction."""
        found = self._recent(now)
        if found is None:
            found = self._found = now, rate_of(tx, now=now)
        return found[1]

    def _recent(self, now: datetime) -> tuple[datetime, float | None] | None:
        found = self._found
        return found if found is not None and timedelta(0) <= now - found[0] < RATE_KEPT_FOR else None
