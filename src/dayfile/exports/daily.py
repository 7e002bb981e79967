"""Daily exports: every day of a resource type, for every account that enabled it, once the day is sealed.

The commit that first seals a day starts its daily run. A run goes over the enabled configurations in the order of their
accounts, so many a commit; that commit publishes their files and moves the run's cursor behind them, under the lock of
the run's row. So no file is published twice and none is left out, whoever dies when, and a run needs no lease: nothing
of it is ever under way outside of a commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from dayfile.clock import Clock
from dayfile.errors import Transient
from dayfile.exports.outbox import Outbox
from dayfile.model.export import DailyRun, DayFile, ExportConfiguration
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

log = structlog.get_logger()

FRIENDLY_NAME: Final = "Daily export"
"""What files are called that came by themselves."""

ACCOUNTS_PER_COMMIT: Final = 500

FAILED_RUN_RESTS_FOR: Final = timedelta(minutes=5)
"""How long a run that failed is left alone, so that it holds up no other."""

_RUNS_LOOKED_AT: Final = 20  # the first that nobody else is at is taken


class DailyExports:
    """Publishes what comes by itself. Any number of workers may do it at once."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        outbox: Outbox,
        file_lifetime: timedelta,
        accounts_per_commit: int = ACCOUNTS_PER_COMMIT,
    ) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._file_lifetime = file_lifetime
        self._accounts_per_commit = accounts_per_commit

    def round(self) -> bool:
        """Publish the next files of the oldest run that is due and that nobody else is at; False when there is none.

        Runs wait while the clock is not trusted: each publishes its day once, also for accounts without records.
        """
        reading = self._clock.reading()
        with self._database.snapshot() as tx:
            if not tx.clock_marks.trust(reading).is_given:
                return False
            due = tx.daily_runs.due(now=reading.now, limit=_RUNS_LOOKED_AT)
        return any(self._advance_or_rest(run) for run in due)

    def _advance_or_rest(self, run: DailyRun) -> bool:
        try:
            return self._advance(run)
        except Transient:
            raise
        except Exception:
            log.exception("daily_run.failed", resource_type=run.resource_type.name, day=str(run.day))
            with self._database.transaction() as tx:
                tx.daily_runs.rest(run, until=self._clock.now() + FAILED_RUN_RESTS_FOR)
            return False

    def _advance(self, run: DailyRun) -> bool:
        now = self._clock.now()
        with self._database.transaction() as tx:
            locked = tx.daily_runs.lock(run)
            if locked is None:
                return False
            configurations = tx.configurations.covering(
                locked.resource_type, locked.day, after=locked.cursor, limit=self._accounts_per_commit
            )
            self._publish(tx, locked, configurations, now=now)
            if is_last := len(configurations) < self._accounts_per_commit:
                tx.daily_runs.finish(locked, now=now)
        self._outbox.wake()
        if is_last:
            files = locked.published + len(configurations)
            log.info("daily_run.finished", resource_type=run.resource_type.name, day=str(run.day), files=files)
        return True

    def _publish(
        self, tx: Transaction, run: DailyRun, configurations: Sequence[ExportConfiguration], *, now: datetime
    ) -> None:
        """Publish the day for the accounts of these configurations, and move the run behind them."""
        if not configurations:
            return
        accounts = [configuration.account for configuration in configurations]
        sealed = tx.sealed_days.current_of(accounts, run.resource_type, run.day)
        generations = tx.accounts.next_generations(accounts)
        files = [
            DayFile(
                account=account,
                resource_type=run.resource_type,
                day=run.day,
                friendly_name=FRIENDLY_NAME,
                created_at=now,
                generation=generations[account],
                sealed=sealed.get(account),
                expires_at=now + self._file_lifetime,
            )
            for account in accounts
        ]
        tx.day_files.publish(files, now=now)
        self._outbox.days_exported(tx, zip(files, configurations, strict=True), now=now)
        tx.daily_runs.advance(run, cursor=accounts[-1], published=len(files))
