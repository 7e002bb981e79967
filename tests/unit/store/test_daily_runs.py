"""Daily runs in both databases: started once, oldest first, and moved by any number of workers without a file twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from dayfile.exports.configuration import Configuring
from dayfile.exports.daily import DailyExports
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.day import Day
from dayfile.model.export import ConfigurationChange
from dayfile.model.resource import CALLS, MESSAGES
from dayfile.store.database import Database
from tests.support.clock import NOON, FakeClock
from tests.support.notices import an_outbox
from tests.support.sealed import sealed_days
from tests.support.state import an_account

YESTERDAY = Day.of(NOON) - 1
ENABLE = ConfigurationChange(enabled=True, webhook_url=None, webhook_method=None)


def _enabled(database: Database, count: int) -> list[AccountSid]:
    """Accounts that have enabled both types before yesterday ended, in the order of their sids."""
    clock = FakeClock(YESTERDAY.end - timedelta(hours=1))
    accounts = sorted(an_account(database, f"account {number}").sid for number in range(count))
    for account in accounts:
        for resource_type in (MESSAGES, CALLS):
            Configuring(database, clock=clock).change(account, resource_type, ENABLE, actor=Actor(name="test"))
    return accounts


def _start(database: Database, *days: Day) -> None:
    with database.transaction() as tx:
        for day in days:
            for resource_type in (MESSAGES, CALLS):
                tx.daily_runs.start(resource_type, day, now=NOON)


def test_workers_side_by_side_publish_every_file_once(database: Database) -> None:
    """They take the same accounts for two types at once, which must end neither in a deadlock nor in a second file."""
    accounts = _enabled(database, 23)
    sealed_days(database, accounts[3], [YESTERDAY])
    _start(database, YESTERDAY)

    def work(_: int) -> None:
        daily = DailyExports(
            database,
            clock=FakeClock(),
            outbox=an_outbox(),
            file_lifetime=timedelta(days=7),
            accounts_per_commit=2,
        )
        while daily.step():
            pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    with database.snapshot() as tx:
        assert tx.daily_runs.due(now=NOON, limit=10) == []
        for account in accounts:
            files = [tx.day_files.find(account, kind, YESTERDAY, now=NOON) for kind in (MESSAGES, CALLS)]
            assert [file is not None and file.friendly_name for file in files] == ["Daily export"] * 2
            assert sorted(file.generation for file in files if file) == [1, 2], "each of the account's files once"
        with_records = tx.day_files.find(accounts[3], MESSAGES, YESTERDAY, now=NOON)
        assert with_records is not None
        assert with_records.sealed is not None


def test_a_run_that_somebody_is_at_is_left_to_them(database: Database) -> None:
    """Waiting for it would keep the other runs waiting, too."""
    _start(database, YESTERDAY)
    with database.snapshot() as tx:
        first, second = tx.daily_runs.due(now=NOON, limit=10)
    if database.engine.dialect.name == "sqlite":
        return  # one writer at a time: there is nobody to be in the way
    with database.transaction() as tx:
        assert tx.daily_runs.lock(first) == first
        with database.transaction() as other:
            assert other.daily_runs.lock(first) is None
            assert other.daily_runs.lock(second) == second


def test_a_finished_run_never_runs_again(database: Database) -> None:
    """Not when its day is sealed again, and not by a worker that saw it unfinished."""
    _start(database, YESTERDAY)
    with database.snapshot() as tx:
        run = tx.daily_runs.due(now=NOON, limit=1)[0]
    with database.transaction() as tx:
        tx.daily_runs.finish(run, now=NOON)
    _start(database, YESTERDAY)
    with database.transaction() as tx:
        assert tx.daily_runs.lock(run) is None
        assert run not in tx.daily_runs.due(now=NOON + timedelta(days=1), limit=10)


def test_the_oldest_day_comes_first(database: Database) -> None:
    """After downtime, customers find the days in their order."""
    _start(database, YESTERDAY, YESTERDAY - 2, YESTERDAY - 1)
    with database.snapshot() as tx:
        days = [run.day for run in tx.daily_runs.due(now=NOON, limit=10)]
    assert days == sorted(days)


def test_a_run_that_rests_is_not_due(database: Database) -> None:
    """A run that failed must not be tried in a tight loop."""
    _start(database, YESTERDAY)
    with database.snapshot() as tx:
        run, other = tx.daily_runs.due(now=NOON, limit=10)
    with database.transaction() as tx:
        tx.daily_runs.rest(run, until=NOON + timedelta(minutes=5))
    with database.snapshot() as tx:
        assert tx.daily_runs.due(now=NOON, limit=10) == [other]
        assert len(tx.daily_runs.due(now=NOON + timedelta(minutes=5), limit=10)) == 2
        assert len(tx.daily_runs.overdue(started_before=NOON + timedelta(minutes=1), limit=10)) == 2


def test_finished_runs_are_forgotten_some_at_a_time(database: Database) -> None:
    """Else there would be four more every day, for ever; unfinished ones stay."""
    _start(database, YESTERDAY, YESTERDAY - 1)
    with database.transaction() as tx:
        for run in tx.daily_runs.due(now=NOON, limit=3):
            tx.daily_runs.finish(run, now=NOON)
        assert tx.daily_runs.forget(finished_before=NOON, limit=10) == 0
        later = NOON + timedelta(microseconds=1)
        assert [tx.daily_runs.forget(finished_before=later, limit=2) for _ in range(3)] == [2, 1, 0]
        assert len(tx.daily_runs.due(now=NOON, limit=10)) == 1
