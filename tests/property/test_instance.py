"""The whole instance as one machine: whatever is done to it in whatever order, its promises hold.

Hypothesis draws what senders, customers, workers, time and accidents do; the model beside it is a list of what was
acknowledged. Times of records are distinct here; ties follow arrival and are proven apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from dayfile.errors import LostClaim, NotFound
from dayfile.model.account import Account
from dayfile.model.job import Claim, Job, JobSid, Status
from tests.support.deployment import Deployment, Place
from tests.support.effort import cases
from tests.support.records import Sent, newest
from tests.support.state import a_job_request, an_account
from tests.support.world import ALL_PACKED, LEASE, World

DAYS = ("2026-11-01", "2026-11-02")
NAMES = ("acme", "other")
MESSAGES_SENT = st.tuples(st.sampled_from(NAMES), st.sampled_from(DAYS), st.integers(0, 5), st.integers(0, 59))
BATCHES = st.lists(MESSAGES_SENT, min_size=1, max_size=6)


def _sent(accounts: dict[str, Account], drawn: tuple[str, str, int, int], *, body: str) -> Sent:
    account, day, number, second = drawn
    return Sent(
        account=accounts[account].sid,
        name=f"{account} {number}",
        created=f"{day}T10:00:00Z",
        updated=f"{day}T11:00:{second:02}Z",
        body=body,
    )


class Instance(RuleBasedStateMachine):
    """An instance, and what everybody was told by it."""

    deployment: Deployment
    jobs = Bundle("jobs")
    claims = Bundle("claims")
    pack_below: int  # the bound of packs

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dayfile-"))
        self.place = place = self.deployment.place(self.folder)
        self.world = World(self.folder, database=place.database, storage=place.storage, pack_below=self.pack_below)
        self.accounts = {name: an_account(self.world.database, name) for name in NAMES}
        self.acknowledged: list[Sent] = []
        self.positions: dict[JobSid, int] = {}
        self.numbers = itertools.count()

    @rule(batch=BATCHES)
    def accept(self, batch: list[tuple[str, str, int, int]]) -> None:
        """A platform sends records, some of them older versions or the same again."""
        sent = [_sent(self.accounts, one, body=f"arrival {next(self.numbers)}") for one in batch]
        receipt = self.world.accept(sent)
        assert receipt.accepted == len(sent)
        self.acknowledged += sent

    @rule(target=jobs, name=st.sampled_from(NAMES))
    def submit(self, name: str) -> Job:
        """A customer asks for three days."""
        return self.world.jobs.submit(a_job_request(self.accounts[name]))

    @rule(job=consumes(jobs))
    def delete(self, job: Job) -> None:
        """A customer takes a job back, perhaps too late."""
        with contextlib.suppress(NotFound):  # it may have been over for a week
            self.world.jobs.delete(job.account, job.sid)

    @rule()
    def work_on_a_job(self) -> None:
        """A worker does what is next in the queue."""
        self.world.worker.jobs_tick()

    @rule()
    def work_on_days(self) -> None:
        """A worker seals what is due, compacts and sweeps."""
        self.world.worker.days_tick()

    @rule()
    def compact(self) -> None:
        """Small segments become one."""
        self.world.compaction.step()

    @rule(day=st.sampled_from(DAYS))
    def seal_now(self, day: str) -> None:
        """The operator does not want to wait."""
        self.world.seal(day)

    @rule(target=claims)
    def claim_and_freeze(self) -> Claim | None:
        """Another worker takes a job and is never heard of again, for now."""
        return self.world.job_queue.claim(worker="frozen")

    @rule(claim=consumes(claims))
    def wake_up_and_publish(self, claim: Claim | None) -> None:
        """It wakes up: if its lease has run out, or it was deleted, what it says must change nothing."""
        if claim is None:
            return
        try:
            ready = [one.day for one in claim.days if one.day not in self.world.publishing.unsealed(claim)]
            self.world.publishing.publish(claim, ready)
        except LostClaim:
            now = self.world.clock.now()
            assert claim.leased_until <= now, "only a lease that ran out is given away"

    @rule(minutes=st.sampled_from([1, 5, 11, 40, 90]))
    def time_passes(self, minutes: int) -> None:
        """Leases run out, late records come to rest, garbage ripens."""
        self.world.clock.pass_by(timedelta(minutes=minutes))

    @rule()
    def restart(self) -> None:
        """The process ends and another begins: only what is on disk is left."""
        self.world = self.world.restarted()

    @invariant()
    def positions_never_rise(self) -> None:
        """The API promises it to every customer."""
        with self.world.database.snapshot() as tx:
            for job in tx.jobs.recent(limit=100):
                position = tx.jobs.queue(first=job.submit_number, last=job.submit_number).position(job)
                assert position is None or position <= self.positions.get(job.sid, position)
                if position is not None:
                    self.positions[job.sid] = position

    @invariant()
    def what_is_published_is_whole(self) -> None:
        """Every listed file is there with its size, whatever is going on."""
        for account in self.accounts.values():
            for file in self.world.listed(account.sid):
                if file.sealed is not None:
                    content = self.world.bytes_of(file.sealed)
                    assert hashlib.sha256(content).hexdigest() == file.sealed.sha256

    def teardown(self) -> None:
        """In the end everything has come to rest, and nothing was lost, doubled or left over."""
        try:
            self._come_to_rest()
            self._check()
        finally:
            self.world.close()
            self.deployment.give_up(self.place)
            shutil.rmtree(self.folder)

    def _come_to_rest(self) -> None:
        self.world.clock.pass_by(2 * LEASE)
        for _ in range(4):
            self.world.work()
            self.world.clock.pass_by(timedelta(minutes=40))
        self.world.work()

    def _check(self) -> None:
        wanted = newest(self.acknowledged)
        for account, day in itertools.product(self.accounts.values(), DAYS):
            found = self.world.records(account.sid, day)
            expected = {key[2]: sent for key, sent in wanted.items() if key[:2] == (account.sid, day)}
            assert [record["sid"] for record in found] == sorted(expected)
            assert {record["sid"]: record["body"] for record in found} == {sid: s.body for sid, s in expected.items()}
        with self.world.database.snapshot() as tx:
            jobs = tx.jobs.recent(limit=1000)
            days = tx.jobs.days([job.sid for job in jobs])
        assert all(job.over_at is not None for job in jobs)
        assert {one.status for of_job in days.values() for one in of_job} <= {
            Status.COMPLETED,
            Status.COMPLETED_EMPTY_RECORDS,
        }
        assert self.world.findings() == []
        assert self.world.stored_keys() == self.world.referred_keys()


@pytest.mark.timeout(cases(300, thorough=7200))
@pytest.mark.parametrize("pack_below", [ALL_PACKED, pytest.param(0, marks=pytest.mark.slow)])
def test_whatever_is_done_in_whatever_order_its_promises_hold(deployment: Deployment, pack_below: int) -> None:
    """The machine above, on each deployment, with all files in packs and with none."""
    machine = type("Instance", (Instance,), {"deployment": deployment, "pack_below": pack_below})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=cases(5 if deployment.is_remote else 10, thorough=200),  # each takes longer over the network
            stateful_step_count=cases(25, thorough=50),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(cases(300, thorough=7200))
@given(
    sent=st.lists(MESSAGES_SENT, min_size=1, max_size=40, unique_by=lambda one: (one[0], one[1], one[2], one[3])),
    data=st.data(),
)
@settings(max_examples=cases(6, thorough=200), deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.compat(53)
def test_the_same_records_give_the_same_text_however_they_came(
    deployment: Deployment, sent: list[tuple[str, str, int, int]], data: st.DataObject
) -> None:
    """In other batches, another order, some of them twice, sealed in between or not: one SHA-256 for each day."""
    hashes = []
    for _ in range(2):
        order = data.draw(st.permutations(sent))
        repeated = data.draw(st.lists(st.sampled_from(sent), max_size=5))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
        seals = data.draw(st.sets(st.integers(0, 4)))
        hashes.append(_hashes_after([*order, *repeated], cuts, seals, deployment=deployment))
    assert hashes[0] == hashes[1]


def _hashes_after(
    arrivals: list[tuple[str, str, int, int]], cuts: list[int], seals: set[int], *, deployment: Deployment
) -> dict[tuple[str, str], str]:
    with tempfile.TemporaryDirectory(prefix="dayfile-") as folder:
        place = deployment.place(Path(folder))
        world = World(Path(folder), database=place.database, storage=place.storage)
        accounts = {name: an_account(world.database, name) for name in NAMES}
        for number, (start, stop) in enumerate(itertools.pairwise([0, *cuts, len(arrivals)])):
            # The body tells the version, not the arrival: the same version always says the same.
            batch = [_sent(accounts, one, body=f"version {one[3]}") for one in arrivals[start:stop]]
            if batch:
                world.accept(batch)
            if number in seals:
                for day in DAYS:
                    world.seal(day)
        for day in DAYS:
            world.seal(day)
        found = {
            (name, day): sealed.plain_sha256
            for (name, account), day in itertools.product(accounts.items(), DAYS)
            if (sealed := world.sealed(account.sid, day)) is not None
        }
        for (name, day), digest in found.items():
            sealed = world.sealed(accounts[name].sid, day)
            assert sealed is not None
            text = b"".join(line + b"\n" for line in world.lines(sealed))
            assert hashlib.sha256(text).hexdigest() == digest
        world.close()
        deployment.give_up(place)
        return found


@pytest.mark.parametrize("is_sealed_between", [False, True])
def test_of_versions_of_the_same_second_the_later_arrival_wins(
    tmp_path: Path, place: Place, *, is_sealed_between: bool
) -> None:
    """Prices arrive in the second in which a message was updated: the record that came later has them."""
    world = World(tmp_path, database=place.database, storage=place.storage)
    account = an_account(world.database)
    for body in ("first", "second", "third"):
        same = Sent(
            account=account.sid, name="m", created="2026-11-01T10:00:00Z", updated="2026-11-01T10:00:01Z", body=body
        )
        world.accept([same])
        if is_sealed_between:
            world.seal("2026-11-01")
    world.compaction.step()
    world.seal("2026-11-01")
    assert [record["body"] for record in world.records(account.sid, "2026-11-01")] == ["third"]
    world.close()
