"""The days of an account with their states: one answer for each day of a range, whatever there is of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dayfile.exports.account_days import AccountDay, AccountDays
from dayfile.exports.job_queue import JobQueue
from dayfile.exports.publish import Publishing
from dayfile.model.account import Account
from dayfile.model.day import Day, DayRange
from dayfile.model.day_state import DayState
from dayfile.model.job import RetryRule
from dayfile.model.resource import MESSAGES
from dayfile.model.seal import SealClaim
from dayfile.store.database import Database
from tests.support.clock import NOON, FakeClock
from tests.support.notices import an_outbox
from tests.support.sealed import a_sealed_file, sealed_days
from tests.support.state import a_database, a_job, a_job_request, an_account

FIRST = Day.parse("2026-11-01")
DAYS = DayRange(first=FIRST, last=FIRST + 3)
WEEK = timedelta(days=7)
MONTH = timedelta(days=30)


class Shelf:
    """An instance with one account, for which a job has published the first three days; the second has no records."""

    def __init__(self, folder: Path) -> None:
        self.database: Database = a_database(folder)
        self.account: Account = an_account(self.database)
        sealed_days(self.database, self.account.sid, [FIRST, FIRST + 2])
        a_job(self.database, a_job_request(self.account))
        outbox, clock = an_outbox(), FakeClock()
        queue = JobQueue(self.database, clock=clock, outbox=outbox, lease=WEEK, retry=RetryRule(attempts=3))
        publishing = Publishing(self.database, queue, clock=clock, outbox=outbox, file_lifetime=WEEK)
        claim = queue.claim(worker="w")
        assert claim is not None
        publishing.publish(claim, [FIRST, FIRST + 1, FIRST + 2])

    def begin_sealing(self, day: Day) -> SealClaim:
        """Seal a second revision of a day, and do not commit it."""
        with self.database.transaction() as tx:
            upload = tx.uploads.begin("sealed/", mark="other", now=NOON)
            claim = tx.seals.claim(
                MESSAGES, day, worker="w", upload_id=upload, mark="other", leased_until=NOON + WEEK, now=NOON
            )
            assert claim is not None
            new = a_sealed_file(self.account.sid, MESSAGES, day, revision=2, mark="other")
            tx.sealed_days.add(claim, [new], now=NOON)
        return claim

    def commit(self, claims: Sequence[SealClaim]) -> None:
        """Commit seals."""
        with self.database.transaction() as tx:
            for claim in claims:
                tx.seals.commit(claim, now=NOON)

    def read(self, days: DayRange = DAYS, *, now: datetime = NOON) -> list[AccountDay]:
        """Days, as of then."""
        reading = AccountDays(self.account.sid, MESSAGES, job_lifetime=MONTH, file_lifetime=WEEK)
        with self.database.snapshot() as tx:
            return reading.read(tx, days, now=now)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A shelf of one's own."""
    return Shelf(tmp_path)


def test_each_day_has_what_is_published_and_what_is_newest(shelf: Shelf) -> None:
    """Records that came late are the newest, and what was published stays what it is."""
    sealed_days(shelf.database, shelf.account.sid, [FIRST, FIRST + 3], revision=2)
    found = shelf.read()
    assert [one.day for one in found] == list(DAYS)
    assert [one.state for one in found] == [DayState.NEWER, DayState.EMPTY, DayState.FILE, DayState.MISSING]
    assert [one.published and one.published.number for one in found] == [1, 0, 1, None]
    assert [one.newest and one.newest.number for one in found] == [2, None, 1, 2]
    assert [one.published and one.published.records for one in found] == [1, 0, 1, None]


def test_a_revision_counts_once_its_seal_is_committed(shelf: Shelf) -> None:
    """Until then nobody may have it, beside a file that is published and where there is none."""
    claims = [shelf.begin_sealing(day) for day in (FIRST, FIRST + 3)]
    states = [one.state for one in shelf.read()]
    assert states == [DayState.FILE, DayState.EMPTY, DayState.FILE, DayState.MISSING]
    assert [one.newest and one.newest.number for one in shelf.read()] == [1, None, 1, None]
    shelf.commit(claims)
    assert [one.newest and one.newest.number for one in shelf.read()] == [2, None, 1, 2]


def test_revisions_count_in_the_same_way_where_hundreds_have_no_file(shelf: Shelf) -> None:
    """All that are not published may be many: they are read in another way."""
    many = DayRange(first=FIRST - 60, last=FIRST + 3)
    sealed_days(shelf.database, shelf.account.sid, list(many)[:60])
    claim = shelf.begin_sealing(FIRST - 60)
    found = shelf.read(many)
    assert [one.newest and one.newest.number for one in found] == [*[1] * 61, None, 1, None]
    shelf.commit([claim])
    assert [one.newest and one.newest.number for one in shelf.read(many)] == [2, *[1] * 60, None, 1, None]


def test_days_whose_files_are_gone_have_expired(shelf: Shelf) -> None:
    """The job that published them says so; a day that nobody has exported is missing."""
    states = [one.state for one in shelf.read(now=NOON + WEEK)]
    assert states == [DayState.EXPIRED, DayState.EXPIRED, DayState.EXPIRED, DayState.MISSING]


def test_a_day_that_no_job_may_ask_for_is_ahead(shelf: Shelf) -> None:
    """A clock that was set back makes days new again that a job has published; it would refuse to do it again."""
    with shelf.database.transaction() as tx:
        tx.day_files.forget_expired(now=NOON + WEEK, limit=10)
    states = [one.state for one in shelf.read(now=(FIRST + 3).start)]
    assert states == [DayState.EXPIRED, DayState.EXPIRED, DayState.AHEAD, DayState.AHEAD]
