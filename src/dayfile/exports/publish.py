"""Work on jobs: claim days, publish their day files, report the outcome.

An export is a row, not a copy: publishing points at sealed days that exist already. `unsealed` names the days with
records that still wait to be sealed; the worker seals them before it publishes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from dayfile.clock import Clock
from dayfile.exports.outbox import Outbox
from dayfile.model.account import packed_holds
from dayfile.model.damage import first_that_blocks
from dayfile.model.day import Day
from dayfile.model.export import DayFile, SealedDay
from dayfile.model.job import Claim, Event, Job, RetryRule, Status
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

DAYS_PER_CLAIM = 400
"""Limit of days in one claim: one commit publishes a whole year of sealed days."""

BUSY_DELAY = timedelta(seconds=1)
"""Pause of a day that another worker is sealing."""

EARLY_DELAY = timedelta(minutes=1)
"""Pause of a day that is not over yet."""

DAMAGED_DELAY = timedelta(minutes=1)
"""Pause of a day that cannot be published because it is damaged."""

BLAMELESS_FOR = timedelta(hours=24)
"""Time since the submission, or since the damage was found, in which attempts that met a damage do not count."""

_PUBLISHED = (Status.COMPLETED, Status.COMPLETED_EMPTY_RECORDS)


class Publishing:
    """The queue of job days as a worker uses it: claim, publish, report. Every write is guarded by the claim."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        outbox: Outbox,
        lease: timedelta,
        file_lifetime: timedelta,
        retry: RetryRule,
    ) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._lease = lease
        self._file_lifetime = file_lifetime
        self._retry = retry

    def claim(self, *, worker: str) -> Claim | None:
        """Claim days of the next job in the queue; None if there is nothing to do now."""
        now = self._clock.now()
        with self._database.transaction() as tx:
            return tx.job_days.claim(worker=worker, leased_until=now + self._lease, limit=DAYS_PER_CLAIM, now=now)

    def extend(self, claim: Claim) -> None:
        """Renew the lease on the rest of the claim; raises LostClaim."""
        with self._database.transaction() as tx:
            tx.job_days.extend(claim, leased_until=self._clock.now() + self._lease)

    def unsealed(self, claim: Claim) -> list[Day]:
        """Return the claimed days that have unsealed records of the account, accepted before the job was submitted."""
        job = claim.job
        with self._database.snapshot() as tx:
            waiting = tx.segments.days_waiting(job.account, job.resource_type, accepted_by=job.submitted_at)
            damages = tx.damages.unsettled(job.resource_type, job.days)
            # A resolved damage is settled by the next seal, and keeps the day from being published until then.
            waiting |= {one.day for one in damages if not one.is_open and packed_holds(one.accounts, job.account)}
        return [job_day.day for job_day in claim.days if job_day.day in waiting]

    def publish(self, claim: Claim, days: Iterable[Day]) -> Job:
        """Publish claimed days in one commit, which also ends the job if they are its last; raises LostClaim.

        A day that is not over is handed back: the job was submitted under a clock that was ahead. While the clock is
        not trusted, a day without records is handed back unless it is certainly over. A day with a damage that
        concerns the account is handed back with the reason; within BLAMELESS_FOR that is no failed attempt.
        """
        reading = self._clock.reading()
        now, days = reading.now, list(days)
        with self._database.transaction() as tx:
            job = tx.jobs.lock(claim.job.sid)  # else two last days may end side by side, and neither sees the end
            sealed = tx.sealed_days.current(job.account, job.resource_type, job.days)
            surely = tx.clock_marks.trust(reading).surely
            blocked = self._keep_damaged(tx, job, claim=claim, days=days, surely=surely)
            days = [day for day in days if day not in blocked]
            early = {day for day in days if day.end > (now if day in sealed else surely)}
            if early:
                tx.job_days.report(claim, dict.fromkeys(early, Event.HAND_BACK), now=now, not_before=now + EARLY_DELAY)
            events = {
                day: Event.COMPLETE if day in sealed and sealed[day].records else Event.COMPLETE_EMPTY
                for day in days
                if day not in early
            }
            done = tx.job_days.report(claim, events, now=now)
            # A day that was deleted while it ran is not published.
            published = [job_day.day for job_day in done if job_day.status in _PUBLISHED]
            tx.day_files.publish(self._files(tx, job, {day: sealed.get(day) for day in published}, now=now), now=now)
            job = self._settle(tx, job, now=now)
        self._outbox.wake()
        return job

    def hand_back(self, claim: Claim, days: Iterable[Day], *, delay: timedelta = timedelta(0)) -> None:
        """Release days, to be claimed again after the delay; it does not count as a failed attempt."""
        now = self._clock.now()
        with self._database.transaction() as tx:
            job = tx.jobs.lock(claim.job.sid)
            tx.job_days.report(claim, dict.fromkeys(days, Event.HAND_BACK), now=now, not_before=now + delay)
            self._settle(tx, job, now=now)

    def fail(self, claim: Claim, days: Iterable[Day], *, error: str) -> None:
        """Count a failed attempt for each day: it is tried again later, or given up after its last attempt."""
        with self._database.transaction() as tx:
            job = tx.jobs.lock(claim.job.sid)
            self._fail(tx, job, claim=claim, days=days, error=error)
        self._outbox.wake()

    def take_back_expired(self) -> int:
        """Count a failed attempt for every claim whose lease ran out, since its worker is lost; return their number."""
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

    def _take_back(self, claim: Claim) -> bool:
        with self._database.transaction() as tx:
            job = tx.jobs.lock(claim.job.sid)
            if not tx.job_days.is_expired(claim, now=self._clock.now()):  # it may have reported or extended after all
                return False
            days = [job_day.day for job_day in claim.days]
            self._fail(tx, job, claim=claim, days=days, error=f"the worker {claim.worker} was lost while it ran")
            return True

    def _fail(self, tx: Transaction, job: Job, *, claim: Claim, days: Iterable[Day], error: str) -> None:
        self._fail_days(tx, claim=claim, days=days, error=error)
        self._settle(tx, job, now=self._clock.now())

    def _fail_days(self, tx: Transaction, *, claim: Claim, days: Iterable[Day], error: str) -> None:
        now = self._clock.now()
        attempts = {job_day.day: job_day.attempt for job_day in claim.days}
        for day in days:
            event = Event.GIVE_UP if self._retry.gives_up(attempts[day]) else Event.ERROR
            not_before = now + self._retry.delay(attempts[day])
            tx.job_days.report(claim, {day: event}, now=now, not_before=not_before, error=error)

    def _keep_damaged(
        self, tx: Transaction, job: Job, *, claim: Claim, days: Iterable[Day], surely: datetime
    ) -> set[Day]:
        """Report the days with a damage that concerns the account, which are not published; return them."""
        damages = tx.damages.unsettled(job.resource_type, job.days)
        if not damages:
            return set()
        sealed = tx.sealed_days.current(job.account, job.resource_type, job.days)
        keys = {day: sealed[day].key if day in sealed else None for day in days}
        found = {day: first_that_blocks(damages, job.account, day, key) for day, key in keys.items()}
        blocked = {day: damage for day, damage in found.items() if damage is not None}
        now = self._clock.now()
        for day, damage in blocked.items():
            if surely - max(job.submitted_at, damage.found_at) < BLAMELESS_FOR:
                hand_back, later = {day: Event.HAND_BACK}, now + DAMAGED_DELAY
                tx.job_days.report(claim, hand_back, now=now, not_before=later, error=damage.why)
            else:
                self._fail_days(tx, claim=claim, days=[day], error=damage.why)
        return set(blocked)

    def _settle(self, tx: Transaction, locked: Job, *, now: datetime) -> Job:
        """Mark a locked job as over if its last day is final, with its notices in the same commit; return the job."""
        job = tx.jobs.settle(locked.sid, now=now)
        if job.over_at and not locked.over_at:
            self._outbox.job_over(tx, job, tx.jobs.days([job.sid])[job.sid], now=now)
        return job

    def _files(self, tx: Transaction, job: Job, sealed: dict[Day, SealedDay | None], *, now: datetime) -> list[DayFile]:
        if not sealed:
            return []
        generation = tx.accounts.next_generation(job.account)
        return [
            DayFile(
                account=job.account,
                resource_type=job.resource_type,
                day=day,
                friendly_name=job.friendly_name,
                created_at=now,
                generation=generation,
                sealed=revision,
                expires_at=now + self._file_lifetime,
            )
            for day, revision in sealed.items()
        ]
