"""Work that takes longer than its lease, in a process whose clock goes on: it is kept, or lost without a trace."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from dayfile.errors import DatabaseUnavailable, LostClaim
from dayfile.model.account import Account
from dayfile.model.day import Day
from dayfile.model.job import Job, Status
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from dayfile.store.tables.sealing import sealed_day
from dayfile.store.transaction import Transaction
from tests.support.clock import NOON, PassingClock
from tests.support.records import Sent
from tests.support.state import a_job_request, an_account
from tests.support.world import LEASE, STALE_AFTER, World

DAY = "2026-11-01"
THIRD = LEASE / 3


class Away(Database):
    """A database that does not answer as long as the test says so."""

    @classmethod
    def of(cls, database: Database) -> Away:
        """The same database."""
        away = cls.__new__(cls)
        away.__dict__.update(database.__dict__, is_away=False, refused=0)
        return away

    is_away: bool
    refused: int

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        if self.is_away:
            self.refused += 1
            raise DatabaseUnavailable("the state database does not answer")
        with super().transaction(durable=durable) as tx:
            yield tx


class Long:
    """A process that takes long to store what it makes of a day, beside another of the same instance."""

    def __init__(self, folder: Path) -> None:
        self.clock = PassingClock()
        self.here = World(folder, clock=self.clock)
        self.elsewhere = World(folder, clock=self.clock, process=2)
        self.account: Account = an_account(self.here.database)
        self.accept("m")

    def accept(self, name: str) -> None:
        """Take in a record of the day."""
        at = f"{DAY}T10:00:00Z"
        self.here.accept([Sent(account=self.account.sid, name=name, created=at, updated=at, body=name)])

    def let_thirds_pass(self, count: int, *, leases: int) -> None:
        """Let a third of a lease pass, again and again, and give who keeps leases the time for what is due."""
        for _ in range(count):
            self.clock.await_sleepers(leases)
            self.clock.pass_by(THIRD)
        self.clock.await_sleepers(leases)

    def after_puts(self, count: int, meanwhile: Callable[[], None]) -> None:
        """Have something happen after so many puts of a seal: first its inline segments, as one, then its files."""

        def next_time() -> None:
            self.after_puts(count - 1, meanwhile)

        self.here.storage.after_put = meanwhile if count == 1 else next_time

    def took(self) -> timedelta:
        """The time that the work took."""
        return self.clock.now() - NOON

    def submit(self) -> Job:
        """Submit a job for the day."""
        return self.here.jobs.submit(a_job_request(self.account, DAY, DAY))

    def status(self, job: Job) -> Status:
        """The status of the day of the job."""
        with self.here.database.snapshot() as tx:
            [job_day] = tx.jobs.days([job.sid])[job.sid]
        return job_day.status

    def names(self) -> list[object]:
        """The records of the day."""
        return [record["body"] for record in self.here.records(self.account.sid, DAY)]


@pytest.fixture
def long(tmp_path: Path) -> Iterator[Long]:
    """Both processes."""
    long = Long(tmp_path)
    yield long
    long.here.close()
    long.elsewhere.close()


def test_a_seal_longer_than_its_lease_is_nobody_elses(long: Long) -> None:
    """The day of a large account takes many leases; without extensions, it would be begun again and again for ever."""

    def meanwhile() -> None:
        for _ in range(4):
            long.let_thirds_pass(3, leases=1)
            assert long.elsewhere.worker.seal(MESSAGES, Day.parse(DAY)) is None

    long.here.storage.after_put = meanwhile
    long.here.seal(DAY)
    assert long.took() == 4 * LEASE
    assert long.names() == ["m"]
    assert long.here.findings() == []


def test_a_seal_longer_than_the_sweeps_patience_keeps_its_files(long: Long) -> None:
    """Its entry in the ledger is extended with its lease: files that are being made are nobody's to delete."""
    thirds = int(2 * STALE_AFTER / THIRD)

    def meanwhile() -> None:
        for _ in range(thirds):
            long.let_thirds_pass(1, leases=1)
            while long.elsewhere.sweep.step():
                pass

    long.after_puts(2, meanwhile)
    long.here.seal(DAY)
    assert long.took() == 2 * STALE_AFTER
    assert long.names() == ["m"]
    assert long.here.findings() == []


def test_a_job_whose_day_is_sealed_for_many_leases_is_nobody_elses(long: Long) -> None:
    """Its own claim is kept beside that of the seal: else every long day would count as a failed attempt."""
    job = long.submit()

    def meanwhile() -> None:
        for _ in range(4):
            long.let_thirds_pass(3, leases=2)
            assert not long.elsewhere.worker.jobs_tick()
            assert long.status(job) is Status.RUNNING

    long.here.storage.after_put = meanwhile
    assert long.here.worker.jobs_tick()
    assert long.status(job) is Status.COMPLETED
    assert long.here.findings() == []


def frozen(long: Long, then: Callable[[], None]) -> Callable[[], None]:
    """The process stands still for longer than its leases, and something happens elsewhere."""

    def meanwhile() -> None:
        # Nobody here is woken: a frozen process does not notice that time passes.
        sleepers, long.clock._sleepers = long.clock._sleepers, {}
        long.clock.pass_by(2 * LEASE)
        then()
        long.clock._sleepers = sleepers

    return meanwhile


@pytest.mark.parametrize("puts", [1, 2], ids=["before its files", "with all files there"])
def test_a_seal_that_lost_its_day_stops_and_writes_nothing(long: Long, puts: int) -> None:
    """Another has sealed the day with a record that came later: this seal must not put its own files in their place."""

    def elsewhere() -> None:
        long.accept("late")
        long.elsewhere.seal(DAY)

    long.after_puts(puts, frozen(long, elsewhere))
    with pytest.raises(LostClaim):
        long.here.seal(DAY)
    assert long.names() == ["late", "m"]
    with long.here.database.engine.connect() as connection:
        assert len(connection.execute(select(sealed_day)).all()) == 1
    assert long.here.sealed(long.account.sid, DAY) == long.elsewhere.sealed(long.account.sid, DAY)
    _sweep_all(long)
    assert long.here.stored_keys() == long.here.referred_keys()
    assert long.here.findings() == []


def test_a_job_that_lost_its_claim_stops_and_publishes_nothing(long: Long) -> None:
    """The customer has deleted and forgotten it by then, perhaps, or another worker has published it."""
    job = long.submit()
    long.here.storage.after_put = frozen(long, lambda: _take_back(long))
    assert long.here.worker.jobs_tick()
    assert long.status(job) is Status.ERROR_DURING_RUN
    assert long.here.listed(long.account.sid) == []
    assert long.here.findings() == []


def _take_back(long: Long) -> None:
    assert long.elsewhere.job_queue.take_back_expired() == 1


def _sweep_all(long: Long) -> None:
    for _ in range(3):
        long.clock.pass_by(STALE_AFTER + timedelta(seconds=1))
        while long.elsewhere.sweep.step():
            pass


@pytest.mark.parametrize("is_taken", [False, True], ids=["nobody took the day", "somebody took the day"])
def test_a_database_that_is_away_for_longer_than_a_lease_costs_the_seal_only_if_somebody_took_the_day(
    long: Long, is_taken: bool
) -> None:
    """It is asked again and again: hours of work are not thrown away for minutes without the database."""
    away = Away.of(long.here.database)
    long.here.sealing._database = away

    def meanwhile() -> None:
        away.is_away = True
        long.let_thirds_pass(5, leases=1)
        assert away.refused == 5
        if is_taken:
            long.elsewhere.seal(DAY)
        away.is_away = False
        if not is_taken:
            long.let_thirds_pass(1, leases=1)
            assert long.elsewhere.worker.seal(MESSAGES, Day.parse(DAY)) is None

    long.here.storage.after_put = meanwhile
    if is_taken:
        with pytest.raises(LostClaim):
            long.here.seal(DAY)
    else:
        long.here.seal(DAY)
    assert long.names() == ["m"]
    _sweep_all(long)
    assert long.here.stored_keys() == long.here.referred_keys()
    assert long.here.findings() == []
