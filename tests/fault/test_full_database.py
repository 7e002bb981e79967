"""A disk that is full or read-only for a while: what was committed is answered so, and it goes on without a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from dayfile.errors import Transient
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from tests.support.full import fill, grow_log
from tests.support.intake_server import DAY, Server, served
from tests.support.mounts import change, small_disk
from tests.support.records import Sent, body_of

JOB = {"StartDay": DAY, "EndDay": DAY, "FriendlyName": "november"}
JOBS = "/v1/Exports/Messages/Jobs"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose folder is on a small disk."""
    with small_disk(tmp_path / "disk", megabytes=48) as disk, served(disk / "data", quota_days=0) as server:
        yield server


@dataclass
class Customers:
    """Senders of records and an account that asks for jobs: what each was answered."""

    server: Server
    records: dict[str, int] = field(default_factory=dict)  # the status, by the body of its only record
    jobs: list[httpx2.Response] = field(default_factory=list)

    def ask(self, rounds: int) -> set[int]:
        """Send so many records and ask for as many jobs, one after the other; the statuses of the answers."""
        statuses = set()
        for _ in range(rounds):
            name = f"record {len(self.records)}"
            at, account = f"{DAY}T10:00:00Z", self.server.account[0]
            sent = Sent(account=account, name=name, body=name, created=at, updated=at)
            self.records[name] = self.server.post(body_of([sent])).status_code
            self.jobs.append(self.server.client.post(JOBS, data=JOB, auth=self.server.account))
            statuses |= {self.records[name], self.jobs[-1].status_code}
        return statuses

    def check(self) -> None:
        """Assert that everything acknowledged is there, and nothing else."""
        taken = {name for name, status in self.records.items() if status == 200}
        assert sorted(self.server.waiting(self.server.account[0])) == sorted(taken)
        made = {answer.json()["job_sid"] for answer in self.jobs if answer.status_code == 201}
        listed = self.server.client.get(JOBS, params={"PageSize": "1000"}, auth=self.server.account).json()["jobs"]
        assert {job["job_sid"] for job in listed} == made

    def check_files(self) -> None:
        """Every record that was acknowledged is in its file, once."""
        service, account = self.server.service, AccountSid(self.server.account[0])
        assert service.worker.seal(MESSAGES, Day.parse(DAY)) is not None
        with service.database.snapshot() as tx:
            sealed = tx.sealed_days.of_day(MESSAGES, Day.parse(DAY))[account]
        assert sealed.records == sum(status == 200 for status in self.records.values())
        assert list(service.insight.check.run(deep=True)) == []


def _ready(server: Server) -> int:
    server.service.clock.pass_by(timedelta(seconds=2))  # type: ignore[attr-defined]  # the last look is no longer fresh
    return server.client.get("/readyz").status_code


def test_a_full_disk_answers_for_what_was_committed_and_recovers_by_itself(server: Server) -> None:
    """A sender who is told of an error sends again; who is told that it is there must find it, whatever came after."""
    data = server.service.settings.data_dir
    customers = Customers(server)
    assert customers.ask(3) == {200, 201}
    # The log may be large while there is room: commits go on into it when its checkpoint has none left.
    with server.place.database.snapshot() as tx:
        tx.accounts.count()
        grow_log(server.service.database, megabytes=20)
    filler = fill(data.parent, but=300_000)
    assert _ready(server) == 200
    while customers.ask(1) != {503}:
        assert len(customers.jobs) < 500, "the disk never fills"
    customers.ask(5)
    assert {*customers.records.values()} == {200, 503}
    assert {answer.status_code for answer in customers.jobs} == {201, 503}
    assert {answer.json()["code"] for answer in customers.jobs if answer.status_code == 503} == {20503}
    fill(data.parent).stat()
    assert _ready(server) == 503
    customers.check()
    with pytest.raises(Transient):
        server.service.worker.seal(MESSAGES, Day.parse(DAY))
    filler.unlink()
    assert customers.ask(3) == {200, 201}
    assert _ready(server) == 200
    customers.check()
    customers.check_files()


def test_a_disk_that_is_read_only_for_a_while_loses_nothing(server: Server) -> None:
    """Linux makes a disk read-only when it fails, and somebody mounts it again: the server has lived through it."""
    data = server.service.settings.data_dir
    customers = Customers(server)
    assert customers.ask(3) == {200, 201}
    # A test can only make it read-only while nothing is open for writing; each connection is opened again by itself.
    server.service.database.close()
    server.place.database.close()
    change(data.parent, "ro")
    assert customers.ask(2) == {503}
    answer = server.client.post(JOBS, data=JOB, auth=server.account)
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, 20503, "5")
    assert str(data) not in json.dumps(answer.json())
    assert _ready(server) == 503
    change(data.parent, "rw")
    assert customers.ask(3) == {200, 201}
    assert _ready(server) == 200
    customers.check()
    customers.check_files()
