"""PostgreSQL that goes away in the middle: work waits, nothing accepted is lost, and no day fails for it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import DatabaseUnavailable
from dayfile.model.account import AccountSid
from dayfile.model.job import Status
from tests.support.postgres_server import PostgresServer
from tests.support.records import Sent
from tests.support.state import a_job_request, an_account
from tests.support.world import LEASE, World

DAY = "2026-11-01"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this module; each test leaves it running."""
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="dayfile-")))
    yield server
    server.stop()


@pytest.fixture
def world(server: PostgresServer, tmp_path: Path) -> Iterator[World]:
    """An instance on it."""
    world = World(tmp_path, database=server.a_database(), attempts=2)
    yield world
    world.close()


def _sent(account: AccountSid, *names: str) -> list[Sent]:
    at = f"{DAY}T10:00:00Z"
    return [Sent(account=account, name=name, created=at, updated=at, body=name) for name in names]


def _bodies(world: World, account: AccountSid) -> list[str]:
    return sorted(str(record["body"]) for record in world.records(account, DAY))


def test_a_batch_that_met_a_crash_is_taken_once_when_it_is_sent_again(server: PostgresServer, world: World) -> None:
    """Its sender is told to try again, and the next connection is a new one."""
    acme = an_account(world.database, "acme").sid
    world.accept(_sent(acme, "before"))
    server.kill()
    with pytest.raises(DatabaseUnavailable, match=r"start it, or have DAYFILE_DATABASE_URL name"):
        world.accept(_sent(acme, "meanwhile"), idempotency_key="k")
    server.start()
    receipt = world.accept(_sent(acme, "meanwhile"), idempotency_key="k")
    assert world.accept(_sent(acme, "meanwhile"), idempotency_key="k") == receipt
    world.seal(DAY)
    assert _bodies(world, acme) == ["before", "meanwhile"]
    assert world.findings() == []


def test_a_server_that_restarts_is_not_noticed_by_what_comes_after(server: PostgresServer, world: World) -> None:
    """Connections of the pool are all dead then, which is noticed before anything is asked of them."""
    acme = an_account(world.database, "acme").sid
    world.accept(_sent(acme, "before"))
    server.stop()
    server.start()
    world.accept(_sent(acme, "after"))
    world.seal(DAY)
    assert _bodies(world, acme) == ["after", "before"]


def test_readers_do_not_notice_it_either(server: PostgresServer, world: World) -> None:
    """They would be answered with errors, one for each connection that there was."""
    with ThreadPoolExecutor(3) as threads:
        together = threading.Barrier(3)

        def read(number: int) -> int:
            with world.database.snapshot() as tx:
                together.wait(timeout=20)  # each on a connection of its own
                return number + tx.accounts.count()

        assert list(threads.map(read, range(3))) == [0, 1, 2]
        server.stop()
        server.start()
        assert list(threads.map(read, range(3))) == [0, 1, 2]


def test_readers_that_share_a_snapshot_wait_once_for_a_server_that_is_away(
    server: PostgresServer, world: World
) -> None:
    """Each of them would wait for it as long as the first."""
    server.stop()
    told = []
    with world.database.shared_snapshot():
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable) as raised, world.database.snapshot():
                pass
            told.append(raised.value)
    server.start()
    assert told[0] is told[1]


def test_a_job_that_met_a_restart_is_completed_when_its_lease_has_run_out(server: PostgresServer, world: World) -> None:
    """The files of its day are stored, and their commit is not: it is made again, under a new claim."""
    acme = an_account(world.database, "acme")
    world.accept(_sent(acme.sid, "m", "n"))
    job = world.jobs.submit(replace(a_job_request(acme, first=DAY, last=DAY)))
    world.storage.after_put = server.stop  # in the middle of the seal
    with pytest.raises(DatabaseUnavailable):
        world.worker.jobs_tick()
    server.start()
    world.clock.pass_by(LEASE + timedelta(seconds=1))
    world.work()
    world.clock.pass_by(timedelta(hours=1))  # one lost claim counts, and is tried again later
    world.work()
    with world.database.snapshot() as tx:
        assert [day.status for day in tx.jobs.days([job.sid])[job.sid]] == [Status.COMPLETED]
    assert _bodies(world, acme.sid) == ["m", "n"]
    assert world.findings() == []
