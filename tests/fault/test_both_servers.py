"""PostgreSQL and an object store that have bad hours, as one instance meets them: it waits, and goes on by itself.

No day fails for it, nothing accepted is lost, and what is told names what to change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from dayfile.errors import DatabaseUnavailable, StorageUnavailable, Transient
from dayfile.model.account import Account
from dayfile.model.job import JobSid, Status
from tests.support.cloud import cloud_storage
from tests.support.cut_line import CutLine, a_line_to
from tests.support.failing_proxy import FailingProxy, failing_proxy
from tests.support.postgres_server import PostgresServer
from tests.support.recorded_log import recorded_log
from tests.support.records import Sent
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.swift import Bucket
from tests.support.world import SWEEP_DELAY, World

DAY = "2026-11-01"
SECONDS_AWAY = 30
GONE = timedelta(hours=1)


@dataclass
class Servers:
    """An instance on both, and what is between them and it."""

    world: World
    line: CutLine  # to the database
    proxy: FailingProxy  # before the store
    account: Account

    def send(self, name: str, *, large: bool = True) -> None:
        """Send a record, in a batch that is an object of its own if it is large."""
        body = "".join(a_sid("", f"{name} {part}") for part in range(4000 if large else 1))
        at = f"{DAY}T10:00:00Z"
        one = Sent(account=self.account.sid, name=name, created=at, updated=at, body=body)
        self.world.accept([one], idempotency_key=name)

    def submit(self) -> JobSid:
        """Ask for the day."""
        return self.world.jobs.submit(a_job_request(self.account, first=DAY, last=DAY)).sid

    def status(self, job: JobSid) -> Status:
        """The status of the day of a job."""
        with self.world.database.snapshot() as tx:
            [day] = tx.jobs.days([job])[job]
        return day.status

    def try_for(self, seconds: int, do: Callable[[], object]) -> None:
        """Have time pass, and each five seconds of it something be tried."""
        for _ in range(seconds // 5):
            with suppress(Transient):
                do()
            self.world.clock.pass_by(timedelta(seconds=5))

    def names(self) -> set[str]:
        """The sids of all records of the day in its file."""
        return {str(record["sid"]) for record in self.world.records(self.account.sid, DAY)}


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server of this module."""
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="dayfile-")))
    yield server
    server.stop()


@pytest.fixture
def servers(
    postgres: PostgresServer, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Servers]:
    """An instance on them; a day of a job has two attempts: one for a worker that was lost, none for servers away."""
    with failing_proxy(bucket.endpoint) as proxy, a_line_to(postgres.socket) as line:
        for name, value in bucket.environment(endpoint=proxy.url).items():
            monkeypatch.setenv(name, value)
        by_line = make_url(postgres.a_database()).set(host="127.0.0.1", port=line.port, query={"sslmode": "disable"})
        world = World(tmp_path, database=by_line.render_as_string(hide_password=False), storage=bucket.url, attempts=2)
        servers = Servers(world=world, line=line, proxy=proxy, account=an_account(world.database, "acme"))
        yield servers
        world.close()


def _sids(*names: str) -> set[str]:
    at = f"{DAY}T10:00:00Z"
    return {Sent(account=a_sid("AC", "acme"), name=name, created=at, updated=at).sid for name in names}


def test_a_store_that_refuses_every_third_request_is_asked_again(servers: Servers) -> None:
    """A store under load answers 503, and means: again, later. Nobody outside notices."""
    busy = servers.proxy.fails(".", times=10_000, every=3, status=503)
    servers.send("a")
    servers.send("b")
    job = servers.submit()
    servers.world.work()
    assert servers.status(job) == Status.COMPLETED
    assert servers.names() == _sids("a", "b")
    assert servers.world.findings() == []
    assert 10_000 - busy.times > 5


def test_a_store_that_says_nothing_for_half_a_minute_costs_no_day(
    servers: Servers, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Senders of large batches are told to come again; small ones are taken in, since the database has them."""
    servers.send("before")
    job = servers.submit()
    hasty = cloud_storage(bucket, monkeypatch, endpoint=servers.proxy.url)  # it repeats less often
    servers.world.storage.become(hasty)
    silent = servers.proxy.fails(".", times=10_000, unheard=True)
    with pytest.raises(StorageUnavailable, match="AWS_ENDPOINT_URL is right and can be reached"):
        servers.send("large")
    servers.send("small", large=False)
    with recorded_log() as log:
        servers.try_for(SECONDS_AWAY, servers.world.worker.jobs_tick)
        assert "AWS_ENDPOINT_URL" in log.next("job_day.waiting")["reason"]
    assert servers.status(job) == Status.SUBMITTED
    silent.times = 0
    servers.send("large")
    servers.world.clock.pass_by(timedelta(minutes=1))
    servers.world.work()
    assert servers.status(job) == Status.COMPLETED
    assert servers.names() == _sids("before", "large", "small")
    assert servers.world.findings() == []


def test_a_database_that_is_cut_off_for_half_a_minute_costs_no_day(servers: Servers) -> None:
    """It is cut off when the files of the seal are stored and their commit is not sent."""
    servers.send("before")
    job = servers.submit()
    servers.world.storage.after_put = servers.line.cut
    with pytest.raises(DatabaseUnavailable):
        servers.world.worker.jobs_tick()
    servers.try_for(SECONDS_AWAY, servers.world.worker.tick)
    with pytest.raises(DatabaseUnavailable):
        servers.send("meanwhile", large=False)
    servers.line.mend()
    servers.send("meanwhile", large=False)
    servers.world.clock.pass_by(timedelta(minutes=2))
    servers.world.work()
    servers.world.clock.pass_by(GONE)
    servers.world.work()
    assert servers.status(job) == Status.COMPLETED
    assert servers.names() == _sids("before", "meanwhile")
    assert servers.world.findings() == []


@pytest.mark.parametrize(
    ("pattern", "permission"), [("GET .*list-type", "s3:ListBucket"), (r"POST .*\?delete|DELETE", "s3:DeleteObject")]
)
def test_without_a_permission_all_else_goes_on_and_what_waited_is_done_when_it_is_there(
    servers: Servers, pattern: str, permission: str
) -> None:
    """A key that may write and not delete works for a week, until the sweep; days are sealed all the same."""
    forbidden = servers.proxy.fails(pattern, times=10_000, status=403, code="AccessDenied")
    servers.send("a")
    job = servers.submit()
    servers.try_for(15, servers.world.worker.tick)
    assert servers.status(job) == Status.COMPLETED
    servers.world.clock.pass_by(SWEEP_DELAY + timedelta(minutes=1))
    with pytest.raises(StorageUnavailable, match=f"does not permit it: allow {permission}"):
        _clean_up(servers.world)
    forbidden.times = 0
    servers.world.clock.pass_by(GONE)
    _clean_up(servers.world)
    assert servers.world.stored_keys() == servers.world.referred_keys()
    assert servers.world.findings() == []


def _clean_up(world: World) -> None:
    world.stored_keys()
    while world.sweep.step():
        pass
