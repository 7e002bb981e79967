"""Overdue work: the part of a check that compares due times with the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from dayfile.checks.finding import Finding
from dayfile.clock import Clock
from dayfile.exports.retention import SUPERSEDED_RESTS_FOR
from dayfile.model.day import Day
from dayfile.model.export import LONGEST_LINK
from dayfile.store.database import Database

RUN_OVERDUE_AFTER: Final = timedelta(hours=1)
"""Age at which a daily run is overdue: it takes seconds, and a failed one is tried again every five minutes."""

DAY_OVERDUE_AFTER: Final = timedelta(days=2)
"""Age at which an unsealed day is overdue: more than the longest grace time plus a day to seal it."""

FORGETTING_OVERDUE_AFTER: Final = timedelta(days=1)

CLAIM_OVERDUE_AFTER: Final = timedelta(minutes=5)
"""Time after which a worker should have claimed a job or a lane, or taken back an expired lease."""

_SHOWN: Final = 100
_CLAIMS: Final = 500


class Overdue:
    """A search for unsealed days, daily runs, expired rows and readings of objects that are long overdue."""

    def __init__(self, database: Database, *, clock: Clock, job_lifetime: timedelta, scrub_every: timedelta) -> None:
        self._scrub_every = scrub_every
        self._database = database
        self._clock = clock
        self._job_lifetime = job_lifetime

    def find(self) -> Iterator[Finding]:
        """Yield a finding for everything that is overdue."""
        now = self._clock.now()
        yield from self._queue(now)
        yield from self._days(now)
        yield from self._runs(now)
        yield from self._forgetting(now)
        yield from self._scrub(now)

    def hanging(self) -> Iterator[Finding]:
        """Yield a finding for every lease that no worker takes back, and every notice that none attempts."""
        before = self._clock.now() - CLAIM_OVERDUE_AFTER
        with self._database.snapshot() as tx:
            claims = tx.job_days.expired(now=before, limit=_CLAIMS)
            lanes = tx.lanes.overdue(before=before, limit=_CLAIMS)
        for claim in claims:
            yield Finding(
                invariant="a job does not hang",
                subject=claim.job.sid,
                detail=f"the lease of {claim.worker} ran out at {claim.leased_until:%Y-%m-%d %H:%M:%S} UTC "
                "and no worker has taken it back: is one running?",
            )
        for key, due_at in lanes:
            yield Finding(
                invariant="a notice does not hang",
                subject=f"{key.account} {key.host}",
                detail=f"an attempt has been due since {due_at:%Y-%m-%d %H:%M:%S} UTC and no worker has made it: "
                "is one running?",
            )

    def _queue(self, now: datetime) -> Iterator[Finding]:
        with self._database.snapshot() as tx:
            stalled = tx.jobs.stalled(due_before=now - CLAIM_OVERDUE_AFTER, now=now, limit=_SHOWN)
        for job in stalled:
            yield Finding(
                invariant="a job does not hang",
                subject=job.sid,
                detail=f"it was submitted at {job.submitted_at:%Y-%m-%d %H:%M:%S} UTC, and no worker works on any job: "
                "is one running?",
            )

    def _days(self, now: datetime) -> Iterator[Finding]:
        with self._database.snapshot() as tx:
            overdue = tx.seals.still_open(before=Day.of(now - DAY_OVERDUE_AFTER))
        for resource_type, day in overdue[:_SHOWN]:
            yield Finding(
                invariant="a day is sealed in time",
                subject=f"{resource_type} {day}",
                detail="it ended long ago and was not sealed: is a worker running, and what does its log say?",
            )

    def _runs(self, now: datetime) -> Iterator[Finding]:
        with self._database.snapshot() as tx:
            overdue = tx.daily_runs.overdue(started_before=now - RUN_OVERDUE_AFTER, limit=_SHOWN)
        for run in overdue:
            yield Finding(
                invariant="a day that is sealed is exported",
                subject=f"{run.resource_type} {run.day}",
                detail=f"its daily exports are due since {run.started_at:%Y-%m-%d %H:%M:%S} UTC, and {run.published} "
                "files are published: is a worker running, and what does its log say?",
            )

    def _forgetting(self, now: datetime) -> Iterator[Finding]:
        before = now - FORGETTING_OVERDUE_AFTER
        rested = before - SUPERSEDED_RESTS_FOR
        with self._database.snapshot() as tx:
            kept = {
                "published days": tx.day_files.count_expired(before=before),
                "jobs": tx.jobs.count_over(before=before - self._job_lifetime),
                "revisions": tx.sealed_days.count_disused(
                    superseded_before=rested, unpublished_before=rested - LONGEST_LINK
                ),
            }
        for what, count in kept.items():
            if count:
                yield Finding(
                    invariant="what has had its time is forgotten",
                    subject=what,
                    detail=f"{count} should be gone since a day ago: is a worker running, and what does its log say?",
                )

    def _scrub(self, now: datetime) -> Iterator[Finding]:
        if not self._scrub_every:
            return
        with self._database.snapshot() as tx:
            count = tx.read_objects.count_files(read_before=now - 2 * self._scrub_every)
        if count:
            yield Finding(
                invariant="stored objects are read again",
                subject="sealed files",
                detail=f"{count} were not read for {2 * self._scrub_every.days} days, so damage of them is not known: "
                "is a worker running, and is DAYFILE_SCRUB_MB_PER_SECOND enough?",
            )
