"""Transactions that are open at the same time. SQLite has one writer at a time, so this is PostgreSQL's alone.

The first is held before its commit; the second comes to its end or waits for a lock; then the first commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest

from dayfile.errors import LostClaim
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from dayfile.store.jobs import Jobs
from dayfile.store.transaction import Transaction
from tests.support.clock import NOON
from tests.support.held import HeldDatabase
from tests.support.postgres import a_postgres_database
from tests.support.race import Ending, a_desk, a_job_for_two, give_up, publish
from tests.support.state import a_segment, a_sid, an_account

ACME = AccountSid(a_sid("AC", "acme"))
DAY = Day.parse("2026-11-01")
LEASE = timedelta(seconds=60)
T = TypeVar("T")


@pytest.fixture
def database() -> Iterator[Database]:
    """A new database of several writers."""
    database = a_postgres_database()
    yield database
    database.close()


def _while_held(database: Database, first: Callable[[Database], object], second: Callable[[], T]) -> T:
    """Run the first up to its commit, then the second as far as it comes, then both to their ends."""
    running: list[Future[T]] = []

    def begin_second(_: int) -> None:
        running.append(pool.submit(second))
        while not running[0].done() and not _is_waited_for(database):
            pass

    with ThreadPoolExecutor(1) as pool:
        first(HeldDatabase.of(database, begin_second))
        return running[0].result()


def _is_waited_for(database: Database) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with database.engine.connect() as connection:
        return bool(connection.exec_driver_sql(waiting).scalar_one())


def _claim(tx: Transaction) -> int:
    claim = tx.seals.claim(
        MESSAGES,
        DAY,
        worker="w",
        upload_id=tx.uploads.begin("sealed/", mark="m", now=NOON),
        mark="m",
        leased_until=NOON + LEASE,
        now=NOON,
    )
    assert claim is not None
    tx.segments.take(claim.id, MESSAGES, DAY)
    return claim.id


def _waiting(database: Database) -> list[int]:
    with database.snapshot() as tx:
        return [segment.id for segment in tx.segments.of_day(MESSAGES, DAY)]


def test_a_lower_id_that_commits_after_a_higher_one_was_sealed_still_waits(database: Database) -> None:
    """Ids are given before they commit: with a watermark at the sealed one, this batch would be lost."""
    with database.transaction() as slow:
        [low] = slow.segments.add([a_segment(ACME)], now=NOON)
        with database.transaction() as quick:
            [high] = quick.segments.add([a_segment(ACME)], now=NOON)
        with database.transaction() as tx:
            seal = _claim(tx)
        assert low < high
        assert _waiting(database) == [high]
    with database.transaction() as tx:
        tx.segments.remove_of_seal(seal)
    assert _waiting(database) == [low]


def test_of_two_compactions_one_has_the_segments(database: Database) -> None:
    """Workers wake up at the same moment, and choose the same group; who meets a claim must not have it, too."""
    with database.transaction() as tx:
        ids = tx.segments.add([a_segment(ACME) for _ in range(3)], now=NOON)

    def first(held: Database) -> None:
        with held.transaction() as tx:
            tx.segments.claim(ids[:2], now=NOON)

    def second() -> None:
        with database.transaction() as tx:
            tx.segments.claim(ids[1:], now=NOON)

    with pytest.raises(LostClaim):
        _while_held(database, first, second)
    with database.snapshot() as tx:
        assert [one.id for one in tx.segments.compactable(MESSAGES, DAY, now=NOON)] == ids[2:], "nothing of it is left"


def test_a_fold_that_meets_a_seal_at_its_segments_loses(database: Database) -> None:
    """Else the compacted lines, which are in the sealed file too, come back later as if they had arrived after it."""
    with database.transaction() as tx:
        ids = tx.segments.add([a_segment(ACME), a_segment(ACME)], now=NOON)

    def seal(held: Database) -> None:
        with held.transaction() as tx:
            _claim(tx)

    def compact() -> None:
        with database.transaction() as tx:
            tx.segments.replace(ids, a_segment(ACME, key="segments/compacted"), accepted_at=NOON)

    with pytest.raises(LostClaim):
        _while_held(database, seal, compact)
    assert _waiting(database) == ids


def test_a_seal_that_meets_a_fold_takes_what_is_there_afterwards(database: Database) -> None:
    """The compaction was first: its segment waits for the next seal, and this one holds none that is gone."""
    with database.transaction() as tx:
        ids = tx.segments.add([a_segment(ACME), a_segment(ACME)], now=NOON)

    def compact(held: Database) -> None:
        with held.transaction() as tx:
            tx.segments.replace(ids, a_segment(ACME, key="segments/compacted"), accepted_at=NOON)

    def seal() -> int:
        with database.transaction() as tx:
            return _claim(tx)

    seal_id = _while_held(database, compact, seal)
    with database.snapshot() as tx:
        held = [segment.key for segment in tx.segments.of_seal(seal_id)]
        assert held in ([], ["segments/compacted"])
        assert [segment.key for segment in tx.segments.of_day(MESSAGES, DAY)] == ["segments/compacted"]


@pytest.mark.parametrize("first", [publish, give_up])
@pytest.mark.parametrize("second", [publish, give_up])
def test_two_last_days_that_finish_side_by_side_end_their_job(
    database: Database, first: Ending, second: Ending
) -> None:
    """Neither would see the other: the job would never be over, and nobody would be told that it is."""
    job, claims = a_job_for_two(database, an_account(database), "job")
    _while_held(
        database,
        lambda held: first(a_desk(held, "first"), claims[0]),
        lambda: second(a_desk(database, "second"), claims[1]),
    )
    with database.snapshot() as tx:
        assert tx.jobs.get(job.sid).over_at == NOON
        assert [notice.job_sid for notice in tx.notices.page(limit=9)] == [job.sid]


def test_without_the_lock_of_the_job_nobody_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of the lock prove something only if the job is lost without it."""
    job, claims = a_job_for_two(database, an_account(database), "job")
    monkeypatch.setattr(Jobs, "lock", Jobs.get)
    _while_held(
        database,
        lambda held: give_up(a_desk(held, "first"), claims[0]),
        lambda: give_up(a_desk(database, "second"), claims[1]),
    )
    with database.snapshot() as tx:
        assert tx.jobs.get(job.sid).over_at is None
        assert tx.notices.page(limit=9) == []
