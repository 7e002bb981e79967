"""Publishing of the days of jobs: which must be sealed before, and the commit that makes day files of them.

An export is a row, not a copy: publishing points at sealed days that exist already. `unsealed` names the days with
records that still wait to be sealed; the worker seals them before it publishes. `job_queue.py` claims the days.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from dayfile.clock import Clock
from dayfile.exports.job_queue import JobQueue
from dayfile.exports.outbox import Outbox
from dayfile.model.account import packed_holds
from dayfile.model.damage import first_that_blocks
from dayfile.model.day import Day
from dayfile.model.export import DayFile, SealedDay
from dayfile.model.job import Claim, Event, Job, Status
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

EARLY_DELAY = timedelta(minutes=1)
"""Pause of a day that is not over yet."""

DAMAGED_DELAY = timedelta(minutes=1)
"""Pause of a day that cannot be published because it is damaged."""

BLAMELESS_FOR = timedelta(hours=24)
"""Time since the submission, or since the damage was found, in which attempts that met a damage do not count."""

_PUBLISHED = (Status.COMPLETED, Status.COMPLETED_EMPTY_RECORDS)


class Publishing:
    """The publishing of claimed days. Every write is guarded by the claim."""

    def __init__(
        self, database: Database, queue: JobQueue, *, clock: Clock, outbox: Outbox, file_lifetime: timedelta
    ) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock
        self._outbox = outbox
        self._file_lifetime = file_lifetime

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
        claimed = list(days)

        def publish(tx: Transaction) -> Job:
            job = tx.jobs.lock(claim.job.sid)  # else two last days may end side by side, and neither sees the end
            reading = self._clock.reading()
            now = reading.now
            sealed = tx.sealed_days.current(job.account, job.resource_type, job.days)
            surely = tx.clock_marks.trust(reading).surely
            blocked = self._keep_damaged(tx, job, claim=claim, days=claimed, surely=surely)
            days = [day for day in claimed if day not in blocked]
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
            return self._queue.settle(tx, job, now=now)

        job = self._database.run(publish)
        self._outbox.wake()
        return job

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
                self._queue.fail_days(tx, claim, [day], error=damage.why)
        return set(blocked)

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
