"""Daily exports: every day of a resource type, for every account that enabled it, once the day is sealed.

The commit that first seals a day starts its daily run. A run walks the enabled configurations in the order of their
accounts, a batch per commit; the commit publishes their files and moves the run's cursor past them, under the lock of
the run's row. So no file is published twice and none is left out, whichever process dies, and a run needs no lease: it
does nothing outside of a commit.

An account whose day is damaged is skipped, and the same commit notes that its file is withheld. It is published
automatically once the damage is settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from dayfile.clock import Clock
from dayfile.errors import DamagedRow, Transient
from dayfile.exports.outbox import Outbox
from dayfile.model.account import AccountSid, AccountState
from dayfile.model.damage import first_that_blocks
from dayfile.model.day import DayRange
from dayfile.model.export import DailyRun, DayFile, ExportConfiguration, SealedDay, WithheldDay
from dayfile.store.database import Database
from dayfile.store.sealed_days import UnreadableDay
from dayfile.store.transaction import Transaction

log = structlog.get_logger()

FRIENDLY_NAME: Final = "Daily export"
"""Friendly name of files that were exported daily."""

ACCOUNTS_PER_COMMIT: Final = 500

FAILED_RUN_RESTS_FOR: Final = timedelta(minutes=5)
"""Pause of a run that failed, so that it delays no other run."""

_RUNS_LOOKED_AT: Final = 20  # the first that no other worker holds is taken


class DailyExports:
    """The publication of daily exports. Safe to run in any number of workers at once."""

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
        self._withheld_after: WithheldDay | None = None

    def step(self) -> bool:
        """Publish the next files of the oldest due run that no other worker holds; return False if there is none.

        Runs wait while the clock is not trusted: each publishes its day only once, also for accounts without records.
        """
        reading = self._clock.reading()
        with self._database.snapshot() as tx:
            if not tx.clock_marks.trust(reading).is_given:
                return False
            due = tx.daily_runs.due(now=reading.now, limit=_RUNS_LOOKED_AT)
        return any(self._advance_or_rest(run) for run in due) or self._publish_withheld()

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
        advanced = self._database.run(lambda tx: self._advanced(tx, run))
        if advanced is None:
            return False
        self._outbox.wake()
        files, is_last = advanced
        if is_last:
            log.info("daily_run.finished", resource_type=run.resource_type.name, day=str(run.day), files=files)
        return True

    def _advanced(self, tx: Transaction, run: DailyRun) -> tuple[int, bool] | None:
        """Publish the next files of a run; return how many it has now, and whether it is finished; None if it was."""
        locked = tx.daily_runs.lock(run)
        if locked is None:
            return None
        now = self._clock.now()
        unreadable: set[AccountSid] = set()
        configurations = tx.configurations.covering(
            locked.resource_type,
            locked.day,
            after=locked.cursor,
            limit=self._accounts_per_commit,
            on_refused=lambda row, _: unreadable.add(AccountSid(row.account)),
        )
        sealed = self._current(tx, locked, configurations, unreadable=unreadable)
        blocked = _blocked(tx, locked, configurations, sealed) | unreadable
        published = [one for one in configurations if one.account not in blocked]
        published, unnumbered = self._publish(tx, locked, published, sealed, now=now)
        tx.daily_runs.withhold(locked, blocked | unnumbered)
        passed = [*(one.account for one in configurations), *unreadable]
        if passed:
            tx.daily_runs.advance(locked, cursor=max(passed), published=len(published))
        if is_last := len(set(passed)) < self._accounts_per_commit:
            tx.daily_runs.finish(locked, now=now)
        return locked.published + len(published), is_last

    def _publish_withheld(self) -> bool:
        """Publish some of the withheld files, of accounts whose damage is settled by now.

        One of an account whose rows cannot be read stays withheld.
        """
        with self._database.snapshot() as tx:
            withheld = tx.daily_runs.withheld(after=self._withheld_after, limit=self._accounts_per_commit)
            free = [one for one in withheld if not _blocked_day(tx, one)]
        self._withheld_after = withheld[-1] if len(withheld) == self._accounts_per_commit else None
        published = []
        for one in free:
            with suppress(DamagedRow):  # `dayfile check` names the row; others must not wait for it
                published.append(self._publish_late(one))
        if published:
            self._outbox.wake()
        return any(published)

    def _publish_late(self, withheld: WithheldDay) -> bool:
        with self._database.transaction() as tx:
            now = self._clock.now()
            if _blocked_day(tx, withheld) or not tx.daily_runs.let_go(withheld):
                return False  # another worker was first, or it is damaged again
            configuration = tx.configurations.get(withheld.account, withheld.resource_type)
            is_active = tx.accounts.get(withheld.account).state is AccountState.ACTIVE
            if is_active and configuration.covers(withheld.day):
                sealed = self._current(tx, withheld, [configuration], unreadable=set())
                if self._publish(tx, withheld, [configuration], sealed, now=now)[1]:
                    raise DamagedRow(f"the row {withheld.account} of the table account has no generation")
        log.info(
            "daily_run.published_late",
            resource_type=withheld.resource_type.name,
            day=str(withheld.day),
            account=withheld.account,
        )
        return True

    def _current(
        self,
        tx: Transaction,
        of: DailyRun | WithheldDay,
        configurations: Sequence[ExportConfiguration],
        *,
        unreadable: set[AccountSid],
    ) -> dict[AccountSid, SealedDay]:
        """Return the files of accounts; those of which one cannot be read are added to `unreadable`."""
        accounts = [configuration.account for configuration in configurations]
        return tx.sealed_days.current_of(
            accounts,
            of.resource_type,
            of.day,
            on_unreadable=lambda row: unreadable.add(AccountSid(str(row.account))),
        )

    def _publish(
        self,
        tx: Transaction,
        of: DailyRun | WithheldDay,
        configurations: Sequence[ExportConfiguration],
        sealed: dict[AccountSid, SealedDay],
        *,
        now: datetime,
    ) -> tuple[list[ExportConfiguration], set[AccountSid]]:
        """Publish the day for the accounts of these configurations; return those, and accounts that got no number."""
        generations = tx.accounts.next_generations([configuration.account for configuration in configurations])
        unnumbered = {one.account for one in configurations} - generations.keys()
        configurations = [one for one in configurations if one.account in generations]
        if not configurations:
            return [], unnumbered
        files = [
            DayFile(
                account=configuration.account,
                resource_type=of.resource_type,
                day=of.day,
                friendly_name=FRIENDLY_NAME,
                created_at=now,
                generation=generations[configuration.account],
                sealed=sealed.get(configuration.account),
                expires_at=now + self._file_lifetime,
            )
            for configuration in configurations
        ]
        tx.day_files.publish(files, now=now)
        self._outbox.days_exported(tx, zip(files, configurations, strict=True), now=now)
        return configurations, unnumbered


def _blocked(
    tx: Transaction,
    run: DailyRun,
    configurations: Sequence[ExportConfiguration],
    sealed: dict[AccountSid, SealedDay],
) -> set[AccountSid]:
    """Return the accounts whose day must not be published yet, because it is damaged."""
    damages = tx.damages.unsettled(run.resource_type, DayRange(first=run.day, last=run.day))
    keys = {one.account: sealed[one.account].key if one.account in sealed else None for one in configurations}
    return {account for account, key in keys.items() if first_that_blocks(damages, account, run.day, key)}


def _blocked_day(tx: Transaction, withheld: WithheldDay) -> bool:
    day, kind = withheld.day, withheld.resource_type
    damages = tx.damages.unsettled(kind, DayRange(first=day, last=day))
    unreadable: list[UnreadableDay] = []
    found = tx.sealed_days.current_of([withheld.account], kind, day, on_unreadable=unreadable.append)
    sealed = found.get(withheld.account)
    return (
        bool(unreadable)
        or first_that_blocks(damages, withheld.account, day, sealed.key if sealed else None) is not None
    )
