"""Vital signs: what an operator sees beyond whether the server answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.checks.vitals import Level, Sign
from dayfile.model.seen_worker import GONE_AFTER
from dayfile.store.database import Database
from dayfile.work.presence import FORGOTTEN_AFTER, Presence
from tests.support.clock import FakeClock
from tests.support.full import fill
from tests.support.mounts import small_disk
from tests.support.state import a_database, a_job, a_job_request, an_account
from tests.support.vitals import a_vitals

MINUTE = timedelta(minutes=1)


class Looked:
    """An instance whose clock the test moves."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.clock = FakeClock()
        self.vitals = a_vitals(database, self.clock, folder)

    def sign(self, name: str) -> Sign:
        """The sign of that name, as it is now."""
        (found,) = (sign for sign in self.vitals.signs() if sign.name == name)
        return found

    def presence(self, name: str) -> Presence:
        """The presence of another worker."""
        return Presence(name, database=self.database, clock=self.clock)


@pytest.fixture
def looked(tmp_path: Path) -> Iterator[Looked]:
    """A new instance."""
    database = a_database(tmp_path)
    yield Looked(database, tmp_path)
    database.close()


def test_a_worker_that_was_killed_is_missed_after_a_minute(looked: Looked) -> None:
    """It cannot say goodbye; its silence must be enough."""
    assert (looked.sign("workers").level, looked.sign("workers").facts["running"]) == (Level.WARNING, 0)
    one, two = looked.presence("one"), looked.presence("two")
    one.step()
    looked.clock.pass_by(GONE_AFTER)
    two.step()
    assert looked.sign("workers").facts["running"] == 2
    looked.clock.pass_by(timedelta(seconds=1))
    assert looked.sign("workers").text == "1 running"
    looked.clock.pass_by(GONE_AFTER)
    gone = looked.sign("workers")
    assert (gone.level, "last seen" in gone.text) == (Level.WARNING, True)


def test_a_worker_that_works_on_stays(looked: Looked) -> None:
    """However long its work takes, and without a write for every look."""
    worker = looked.presence("one")
    for _ in range(10):
        worker.step()
        looked.clock.pass_by(timedelta(seconds=5))
    assert looked.sign("workers").level is Level.OK


def test_a_worker_that_stops_is_gone_at_once(looked: Looked) -> None:
    """A restart must not look as if two of them ran."""
    worker = looked.presence("one")
    worker.step()
    worker.leave()
    assert looked.sign("workers").facts["seen"] == []


def test_workers_that_were_lost_do_not_pile_up(looked: Looked) -> None:
    """Each start has a name of its own, also those under a clock that was years ahead."""
    looked.presence("old").step()
    looked.clock.pass_by(timedelta(days=700))
    looked.presence("ahead").step()
    looked.clock.set(looked.clock.now() - timedelta(days=699) + FORGOTTEN_AFTER)
    looked.presence("new").step()
    with looked.database.snapshot() as tx:
        assert [worker.name for worker in tx.workers.all()] == ["new"]


def test_a_job_in_a_queue_that_stands_still_is_overdue(looked: Looked) -> None:
    """A long queue is no fault; one in which nothing moves is."""
    request = a_job_request(an_account(looked.database))
    a_job(looked.database, request, "first")
    a_job(looked.database, request, "second")
    looked.clock.pass_by(4 * MINUTE)
    assert looked.sign("work").level is Level.OK
    looked.clock.pass_by(2 * MINUTE)
    assert looked.sign("work").facts["broken"] == {"a job does not hang": 2}
    now = looked.clock.now()
    with looked.database.transaction() as tx:
        assert tx.job_days.claim(worker="w", leased_until=now + MINUTE, limit=1, now=now)
    assert looked.sign("work").level is Level.OK


def test_a_disk_that_is_nearly_full_is_a_sign(tmp_path: Path) -> None:
    """The operator learns it before customers get 503."""
    with small_disk(tmp_path / "disk", megabytes=64) as disk:
        database = a_database(tmp_path)
        vitals = a_vitals(database, FakeClock(), disk)
        assert vitals.space().level is Level.OK
        for but, level in ((5_000_000, Level.WARNING), (1_300_000, Level.BAD), (0, Level.BAD)):
            filler = fill(disk, but=but)
            sign = vitals.space()
            assert (sign.level, str(disk) in sign.text) == (level, True)
            filler.unlink()
        database.close()
