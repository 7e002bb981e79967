"""The clock that all hosts share: the database server's, counted on from what it said last."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dayfile.checks.check import Check
from dayfile.clock import DatabaseClock, SystemClock
from dayfile.model.secret import InstanceKey
from dayfile.store.database import Database
from dayfile.work.clock_watch import SILENT_AFTER, ClockWatch
from tests.support.clock import NOON, FakeClock
from tests.support.postgres import a_postgres_database
from tests.support.recorded_log import recorded_log
from tests.support.state import a_database

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
WRONG = NOON - timedelta(days=400)


@pytest.fixture
def postgres() -> Iterator[Database]:
    """A database of a real server, with a real clock."""
    with closing(a_postgres_database()) as database:
        yield database


def _host(said: datetime = NOON, *, own: datetime = WRONG) -> tuple[FakeClock, DatabaseClock]:
    """A host whose own clock is anywhere, and its view of the database's."""
    machine = FakeClock(own)
    clock = DatabaseClock(machine)
    clock.sample(lambda: said)
    return machine, clock


def test_time_passes_as_this_machine_counts_it_and_not_as_its_clock_says() -> None:
    """A clock that is set, by a person or a time server, moves no lease and ends no day."""
    machine, clock = _host()
    machine.pass_by(MINUTE)
    machine.set(NOON + timedelta(days=3))
    assert (clock.now(), clock.reading().now) == (NOON + MINUTE, NOON + MINUTE)


@pytest.mark.parametrize(
    ("said", "took", "now"),
    [
        (NOON + 10 * SECOND, SECOND, NOON + 11 * SECOND),  # as counted: that may be right
        (NOON + 11 * SECOND, SECOND, NOON + 11 * SECOND),
        (NOON + 3 * SECOND, SECOND, NOON + 4 * SECOND),  # the server's clock was set back
        (NOON + HOUR, SECOND, NOON + HOUR),  # or ahead
    ],
)
def test_a_slow_answer_does_not_move_the_clock_back(said: datetime, took: timedelta, now: datetime) -> None:
    """An answer is at most as old as the time it took; the counted time stays where both may be right."""
    machine, clock = _host()
    machine.pass_by(10 * SECOND)

    def answer() -> datetime:
        machine.pass_by(took)
        return said

    clock.sample(answer)
    assert clock.now() == now


def test_an_answer_that_was_overtaken_does_not_count() -> None:
    """Threads ask side by side: one is held up between its answer and telling it, while the server's clock is set."""
    machine, clock = _host()

    def held_up() -> datetime:
        said = NOON + MINUTE
        machine.pass_by(SECOND)
        clock.sample(lambda: said + HOUR)
        return said

    machine.pass_by(MINUTE)
    clock.sample(held_up)
    assert clock.now() == NOON + HOUR + MINUTE


def test_threads_that_are_told_the_time_side_by_side_never_see_it_go_back(postgres: Database) -> None:
    """Each transaction of a process tells it, in whatever thread: a claim must not end before it was made."""
    clock = DatabaseClock(SystemClock())
    postgres.keep_time(clock)
    went_back: list[datetime] = []

    def ask() -> None:
        for _ in range(50):
            before = clock.now()
            with postgres.transaction():
                now = clock.now()
            if now < before:
                went_back.append(now)

    with postgres.snapshot():
        pass  # from here on it is the server's time
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert went_back == []


def test_every_host_goes_by_the_server_s_time(postgres: Database) -> None:
    """A host five minutes ahead would find every claim of the others expired, and take their work."""
    hosts = [DatabaseClock(FakeClock(own)) for own in (WRONG, NOON + timedelta(days=400))]
    before = _said(postgres)
    for host in hosts:
        postgres.keep_time(host)
        with postgres.snapshot():
            pass
    assert all(before <= host.now() <= _said(postgres) for host in hosts)


def test_what_writes_is_told_the_time_as_it_begins(postgres: Database) -> None:
    """A machine that slept, and has not counted, would write times of before; what only reads asks now and then."""
    clock = DatabaseClock(FakeClock())
    postgres.keep_time(clock)
    with postgres.snapshot():
        first = clock.now()
    with postgres.snapshot():
        assert clock.now() == first
    before = _said(postgres)
    with postgres.transaction():
        assert before <= clock.now() <= _said(postgres)


def _said(database: Database) -> datetime:
    with database.engine.connect() as connection:
        said: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return said


def test_one_host_watches_the_clock_and_another_takes_over_when_it_is_gone(tmp_path: Path) -> None:
    """Hosts that look in turn could never tell how long a doubted clock has agreed with itself."""
    with closing(a_database(tmp_path)) as database:
        (machine, first), (other_machine, second) = _host(), _host()
        machine.boot_after(HOUR)  # another machine has another boot
        watches = [_watch(database, first), _watch(database, second)]
        for watch in watches:
            watch.step()
        assert _boot(database) == first.reading().boot_id
        other_machine.pass_by(SILENT_AFTER - SECOND)
        machine.pass_by(SILENT_AFTER - SECOND)
        watches[0].step()  # it still looks
        other_machine.pass_by(2 * SECOND)
        watches[1].step()
        assert _boot(database) == first.reading().boot_id
        other_machine.pass_by(SILENT_AFTER)
        watches[1].step()
        assert _boot(database) == second.reading().boot_id


def test_a_host_whose_own_clock_is_wrong_is_named(tmp_path: Path) -> None:
    """Its log misleads whoever compares it, and an object store refuses what it signs."""
    with closing(a_database(tmp_path)) as database, recorded_log() as log:
        _, clock = _host(own=NOON + 2 * MINUTE)
        _watch(database, clock).step()
        assert log.next("clock.host_differs")["ahead_seconds"] == 120
        (found,) = _check(database, clock)._host_clock()
        assert "120 seconds ahead of the database server's" in found.detail
        assert list(_check(database, _host(own=NOON + MINUTE)[1])._host_clock()) == []


def _watch(database: Database, clock: DatabaseClock) -> ClockWatch:
    return ClockWatch(database, clock=clock, grace=HOUR, lease=MINUTE, file_lifetime=HOUR, sweep_delay=HOUR)


def _boot(database: Database) -> str:
    with database.snapshot() as tx:
        mark = tx.clock_marks.find()
    assert mark is not None
    return mark.boot_id


def _check(database: Database, clock: DatabaseClock) -> Check:
    return Check(
        database,
        None,  # type: ignore[arg-type]
        clock=clock,
        key=InstanceKey.parse("6b" * 32),
        job_lifetime=HOUR,
        notice_lifetime=HOUR,
        scrub_every=HOUR,
        unsent_letters=None,  # type: ignore[arg-type]
    )
