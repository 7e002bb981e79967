"""Retention: expired rows are deleted in small steps, and so are revisions that nothing refers to any more.

A day file is hidden from the moment at which it expires, and its links are dead, since no link outlives its file. The
rows are deleted here later, some of each kind in a small commit that can be repeated. Sealed days are the records and
stay; only revisions go that were superseded, that no list shows, and that no link leads to any more. Their objects are
condemned in the commit that deletes the rows, and are kept for a while before they are swept, so that a restored older
database still finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from dayfile.clock import Clock
from dayfile.errors import Transient
from dayfile.model.day import Day
from dayfile.model.export import LONGEST_LINK
from dayfile.model.receipt import RECEIPT_LIFETIME
from dayfile.objects.layout import objects_of_pack
from dayfile.objects.seal_manifests import manifest_keys
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

ROWS_AT_ONCE: Final = 200
JOBS_AT_ONCE: Final = 20  # each has up to thousands of days

RESTS_FOR_SECONDS: Final = 60.0
"""Pause after a look that found nothing to delete."""

SUPERSEDED_RESTS_FOR: Final = timedelta(hours=1)
"""Time after which no transaction can still be about to publish a revision that was current when it looked."""

SETTLED_KEPT_FOR: Final = timedelta(days=30)
"""Time for which a settled damage is still listed."""


class Retention:
    """The deletion of rows whose retention is over. Safe to run in any number of workers at once."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        job_lifetime: timedelta,
        notice_lifetime: timedelta,
        sweep_delay: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._job_lifetime = job_lifetime
        self._notice_lifetime = notice_lifetime
        self._sweep_delay = sweep_delay
        self._rests_until = 0.0

    def step(self) -> bool:
        """Delete some expired rows of each kind; return False if there were none, now or within RESTS_FOR_SECONDS.

        Nothing is deleted while the clock is not trusted: rows would not come back when it is right again.
        """
        if self._clock.monotonic() < self._rests_until:
            return False
        reading = self._clock.reading()
        now = reading.now
        with self._database.snapshot() as tx:
            if not tx.clock_marks.trust(reading).is_given:
                return False
        forgot = self._forget(now)
        if not forgot:
            self._rests_until = self._clock.monotonic() + RESTS_FOR_SECONDS
        return forgot > 0

    def _forget(self, now: datetime) -> int:
        # Day files before revisions, the order in which publishing locks them: the other would deadlock on PostgreSQL.
        every = (self._forget_published, self._forget_revisions, self._forget_work)
        try:
            return self._commit(every, now)
        except Transient:
            raise
        except Exception:
            for forget in every:  # one kind that cannot be deleted must not keep the others
                with suppress(Exception):
                    self._commit([forget], now)
            raise

    def _commit(self, every: Iterable[Callable[[Transaction, datetime], int]], now: datetime) -> int:
        def forget_all(tx: Transaction) -> int:
            return sum(forget(tx, now) for forget in every)

        return self._database.run(forget_all)

    def _forget_published(self, tx: Transaction, now: datetime) -> int:
        return tx.day_files.forget_expired(now=now, limit=ROWS_AT_ONCE) + tx.jobs.forget(
            over_before=now - self._job_lifetime, limit=JOBS_AT_ONCE
        )

    def _forget_revisions(self, tx: Transaction, now: datetime) -> int:
        rested = now - SUPERSEDED_RESTS_FOR
        disused = tx.sealed_days.disused(
            superseded_before=rested, unpublished_before=rested - LONGEST_LINK, limit=ROWS_AT_ONCE
        )
        tx.damages.forget_objects([one.key for one in disused])
        # In the same commit: an object without a row and without an upload in the ledger would stay for ever.
        unused = tx.sealed_days.forget(disused)
        objects = [key for unused_key in unused for key in objects_of_pack(unused_key)]
        tx.uploads.condemn(objects, now=now, delete_after=now + self._sweep_delay)
        return len(disused)

    def _forget_work(self, tx: Transaction, now: datetime) -> int:
        """Delete rows about finished work: seals, daily runs, quota, receipts, notices, sessions; return the count."""
        limit, done_before = ROWS_AT_ONCE, now - self._job_lifetime
        seals = tx.seals.forget(begun_before=done_before, limit=limit)
        manifests = [key for one in seals if one.is_committed for key in manifest_keys(one)]
        tx.uploads.condemn(manifests, now=now, delete_after=now + self._sweep_delay)
        return sum(
            (
                len(seals),
                tx.daily_runs.forget(finished_before=done_before, limit=limit),
                # Yesterday's rows stay a day longer, for a host whose clock is behind.
                tx.jobs.forget_quota(before=Day.of(now) - 1, limit=limit),
                tx.receipts.forget(received_before=now - RECEIPT_LIFETIME, limit=limit),
                tx.notices.forget(ended_before=now - self._notice_lifetime, limit=limit),
                tx.sessions.forget(expired_before=now, limit=limit),
                tx.damages.forget(settled_before=now - SETTLED_KEPT_FOR, limit=limit),
            )
        )
