"""Submission and deletion of custom jobs, in one commit each. The work on them is in `publish.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from dayfile.clock import Clock
from dayfile.errors import Invalid, NotFound
from dayfile.exports.outbox import Outbox
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.day import Day
from dayfile.model.job import Job, JobRequest, JobSid
from dayfile.model.secret import Randomness
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

_SID_DIGITS = 32


class QuotaExceeded(Invalid):
    """A job over more days than the account and its subaccounts may still request today."""


def _see_nothing(tx: Transaction, job: Job) -> None:
    """Do nothing: the default of `look`."""


class CustomJobs:
    """Custom jobs, submitted and deleted. `wake` is called after each submit, so that a worker here need not poll."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        randomness: Randomness,
        quota_days: int,
        job_lifetime: timedelta,
        outbox: Outbox,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness
        self._quota_days = quota_days  # 0: no quota
        self._job_lifetime = job_lifetime
        self._outbox = outbox
        self._wake = wake

    def quota_left(self, root_account: AccountSid) -> int | None:
        """Return how many days a root account and its subaccounts may still ask for today; None without a quota."""
        if not self._quota_days:
            return None
        with self._database.snapshot() as tx:
            drawn = tx.jobs.drawn_quota(root_account, today=Day.of(self._clock.now()))
        return max(0, self._quota_days - drawn)

    def submit(
        self,
        request: JobRequest,
        *,
        actor: Actor | None = None,
        look: Callable[[Transaction, Job], None] = _see_nothing,
    ) -> Job:
        """Put a job into the queue and return it; raises QuotaExceeded, which names the days left and when that ends.

        `look` is called within the transaction, to read whatever else the response needs: reading it afterwards could
        fail although the job was submitted.
        """
        sid = JobSid("JS" + self._randomness.hex(_SID_DIGITS))

        def submit(tx: Transaction) -> Job:
            now = self._clock.now()  # of this try: one may come long after another, on another day
            if self._quota_days:
                self._draw_quota(tx, request, today=Day.of(now))
            job = tx.jobs.submit(sid, request, now=now)
            _note(tx, job, "job.created", actor=actor, now=now)
            self._outbox.job_started(tx, job, now=now)
            look(tx, job)
            return job

        job = self._database.run(submit)
        self._outbox.wake()
        self._wake()
        return job

    def delete(self, account: AccountSid, sid: JobSid, *, actor: Actor | None = None) -> None:
        """Cancel the days that have not run and take the job off the list; raises NotFound for a job not shown there.

        Days that a worker holds end when it reports; until then the job is shown, and deleting it again changes
        nothing. Published files stay.
        """

        def delete(tx: Transaction) -> None:
            # Lock before the look-up: the last day may end in between, and then the job is not shown any more.
            tx.jobs.lock(sid)
            now = self._clock.now()
            job = tx.jobs.find(account, sid, over_since=now - self._job_lifetime)
            if job is None:
                raise NotFound(f"there is no job {sid}")
            if job.deleted_at is not None:
                return
            tx.job_days.delete(sid, now=now)
            tx.jobs.mark_deleted(sid, now=now)
            _note(tx, job, "job.deleted", actor=actor, now=now)
            tx.jobs.settle(sid, now=now)

        self._database.run(delete)

    def _draw_quota(self, tx: Transaction, request: JobRequest, *, today: Day) -> None:
        wanted = len(request.days)
        left = tx.jobs.draw_quota(request.root_account, today=today, days=wanted, limit=self._quota_days)
        if left is not None:
            raise QuotaExceeded(
                f"StartDay to EndDay asks for {wanted} days, and {left} of {self._quota_days} are left for the account "
                f"and its subaccounts today; the count starts anew on {today + 1} (UTC)"
            )


def _note(tx: Transaction, job: Job, action: str, *, actor: Actor | None, now: datetime) -> None:
    """Note in the audit log what was done to a job, by the account itself if nobody is named."""
    subject = f"{job.account}/{job.resource_type}/{job.sid}"
    tx.audit.add(actor=actor or Actor(name=job.account), action=action, subject=subject, now=now)
