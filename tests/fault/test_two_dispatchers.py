"""Two processes deliver from one database while jobs end by the hundred: every event is told, once, by one of them.

Nothing fails here, so once means once: an event that is told twice was attempted by both.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.clock import SystemClock
from dayfile.exports.job_queue import JobQueue
from dayfile.exports.publish import Publishing
from dayfile.model.account import Account
from dayfile.model.job import Claim, RetryRule
from dayfile.model.notice import NoticeState
from dayfile.store.database import Database
from tests.support.callee import Callee
from tests.support.dispatching import dispatching
from tests.support.notices import an_outbox
from tests.support.postgres import a_postgres_database
from tests.support.state import a_database, a_job, a_job_request, an_account

LEASE = timedelta(minutes=10)
ACCOUNTS, PUBLISHERS = 8, 4
FEW, MANY = 40, 1000


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    database = a_database(tmp_path) if request.param == "sqlite" else a_postgres_database()
    yield database
    database.close()


def _claims(database: Database, accounts: list[Account], count: int) -> list[Claim]:
    """Jobs that are about to end: each has one day, and a worker that holds it."""
    now, claims = SystemClock().now(), []
    for number in range(count):
        request = replace(
            a_job_request(accounts[number % ACCOUNTS], "2026-01-01", "2026-01-01"),
            webhook_url=f"https://{number % 3}.example.com/{number}",
            webhook_method="POST",
        )
        a_job(database, request, f"job {number}", now=now)
        with database.transaction() as tx:
            claim = tx.job_days.claim(worker=f"w{number}", leased_until=now + LEASE, limit=1, now=now)
        assert claim is not None
        claims.append(claim)
    return claims


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_every_event_is_told_by_one_of_two_processes(database: Database, count: int) -> None:
    """Jobs that end at once are the worst moment: both dispatchers want the same lanes all the time."""
    now = SystemClock().now()
    accounts = [an_account(database, f"a{number}", now=now) for number in range(ACCOUNTS)]
    claims, callee = _claims(database, accounts, count), Callee()
    clock, outbox = SystemClock(), an_outbox()
    queue = JobQueue(database, clock=clock, outbox=outbox, lease=LEASE, retry=RetryRule())
    desk = Publishing(database, queue, clock=clock, outbox=outbox, file_lifetime=timedelta(days=7))
    with (
        callee.answering(),
        dispatching("one", database, callee.port),
        dispatching("other", database, callee.port),
        ThreadPoolExecutor(PUBLISHERS) as pool,
    ):
        list(pool.map(lambda claim: desk.publish(claim, claim.job.days), claims))
        callee.wait_for(count)
    with database.snapshot() as tx:
        notices = tx.notices.page(limit=2 * count)
        attempts = {notice.sid: len(tx.notices.attempts(notice.sid)) for notice in notices}
    assert {notice.sid: 1 for notice in notices} == dict(callee.told) == attempts
    assert len(notices) == count
    assert {notice.state for notice in notices} == {NoticeState.DELIVERED}
    assert callee.overlaps == []
