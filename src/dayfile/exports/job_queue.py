"""The queue of job days as workers use it: claim days, keep them, and hand them back or report their failure.

Every write is guarded by the claim. A job is over when its last day is final; its notices are in the same commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from dayfile.clock import Clock
from dayfile.errors import DamagedRow
from dayfile.exports.outbox import Outbox
from dayfile.model.day import Day
from dayfile.model.job import Claim, Event, Job, RetryRule
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

DAYS_PER_CLAIM = 400
"""Limit of days in one claim: one commit publishes a whole year of sealed days."""

BUSY_DELAY = timedelta(seconds=1)
"""Pause of a day that another worker is sealing."""


UNREADABLE_DELAY = timedelta(minutes=5)
"""Pause of a job whose rows cannot be read."""

log = structlog.get_logger()


class JobQueue:
    """The queue of job days."""

    def __init__(self, database: Database, *, clock: Clock, outbox: Outbox, lease: timedelta, retry: RetryRule) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._lease = lease
        self._retry = retry

    def claim(self, *, worker: str) -> Claim | None:
        """Claim days of the next job in the queue; None if there is nothing to do now, or the job cannot be read."""

        def claim(tx: Transaction) -> Claim | None:
            now = self._clock.now()
            return tx.job_days.claim(worker=worker, leased_until=now + self._lease, limit=DAYS_PER_CLAIM, now=now)

        try:
            return self._database.run(claim)
        except DamagedRow as error:
            log.error("job.unreadable", reason=str(error))  # noqa: TRY400 - no bug
        now = self._clock.now()
        self._database.run(lambda tx: tx.job_days.put_off(until=now + UNREADABLE_DELAY, now=now))
        return None

    def extend(self, claim: Claim) -> None:
        """Renew the lease on the rest of the claim; raises LostClaim."""
        with self._database.transaction() as tx:
            tx.job_days.extend(claim, leased_until=self._clock.now() + self._lease)

    def hand_back(self, claim: Claim, days: Iterable[Day], *, delay: timedelta = timedelta(0)) -> None:
        """Release days, to be claimed again after the delay; it does not count as a failed attempt."""

        def hand_back(tx: Transaction) -> None:
            job = tx.jobs.lock(claim.job.sid)
            now = self._clock.now()
            tx.job_days.report(claim, dict.fromkeys(days, Event.HAND_BACK), now=now, not_before=now + delay)
            self.settle(tx, job, now=now)

        self._database.run(hand_back)

    def fail(self, claim: Claim, days: Iterable[Day], *, error: str) -> None:
        """Count a failed attempt for each day: it is tried again later, or given up after its last attempt."""

        def fail(tx: Transaction) -> None:
            job = tx.jobs.lock(claim.job.sid)
            self._fail(tx, job, claim=claim, days=days, error=error)

        self._database.run(fail)
        self._outbox.wake()

    def take_back_expired(self) -> int:
        """Take back every claim whose lease ran out, since its worker is lost, and return their number.

        That is no failed attempt of its days: `RetryRule` says what follows.
        """
        with self._database.snapshot() as tx:
            expired = tx.job_days.expired(now=self._clock.now(), limit=100)
        taken_back = 0
        failures: list[Exception] = []
        for claim in expired:
            try:
                taken_back += self._take_back(claim)
            except Exception as error:  # noqa: BLE001 - it is raised below, after the other claims
                failures.append(error)
            self._outbox.wake()
        if failures:
            raise failures[0]
        return taken_back

    def fail_days(self, tx: Transaction, claim: Claim, days: Iterable[Day], *, error: str) -> None:
        """Count a failed attempt for each day, in a transaction that settles the job afterwards."""
        now = self._clock.now()
        attempts = {job_day.day: job_day.attempt for job_day in claim.days}
        for day in days:
            event = Event.GIVE_UP if self._retry.gives_up(attempts[day]) else Event.ERROR
            not_before = now + self._retry.delay(attempts[day])
            tx.job_days.report(claim, {day: event}, now=now, not_before=not_before, error=error)

    def settle(self, tx: Transaction, locked: Job, *, now: datetime) -> Job:
        """Mark a locked job as over if its last day is final, with its notices in the same commit; return the job."""
        job = tx.jobs.settle(locked.sid, now=now)
        if job.over_at and not locked.over_at:
            self._outbox.job_over(tx, job, tx.jobs.days([job.sid])[job.sid], now=now)
        return job

    def _take_back(self, claim: Claim) -> bool:
        def take_back(tx: Transaction) -> bool:
            job = tx.jobs.lock(claim.job.sid)
            reading = self._clock.reading()
            if not tx.job_days.is_expired(claim, now=reading.now):  # it may have reported or extended after all
                return False
            self._lose(tx, claim, now=reading.now, surely=tx.clock_marks.trust(reading).surely)
            self.settle(tx, job, now=reading.now)
            return True

        return self._database.run(take_back)

    def _lose(self, tx: Transaction, claim: Claim, *, now: datetime, surely: datetime) -> None:
        waited = surely - claim.job.submitted_at
        alike: dict[int, list[Day]] = {}  # days, by how often their worker was lost by now
        for job_day in claim.days:
            alike.setdefault(job_day.lost + 1, []).append(job_day.day)
        for lost, days in alike.items():
            event = Event.GIVE_UP if self._retry.gives_up_lost(lost, waited=waited) else Event.LOSE
            times = "" if lost == 1 else f", and {lost - 1} before it"
            error = f"the worker {claim.worker} was lost while it ran{times}"
            events, not_before = dict.fromkeys(days, event), now + self._retry.delay(lost)
            tx.job_days.report(claim, events, now=now, not_before=not_before, error=error)

    def _fail(self, tx: Transaction, job: Job, *, claim: Claim, days: Iterable[Day], error: str) -> None:
        self.fail_days(tx, claim, days, error=error)
        self.settle(tx, job, now=self._clock.now())
