"""The end of a life on hosts: what must hold when all has come to rest, looked at from outside of every process."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from dayfile.accounts.administer import OPERATOR
from dayfile.clock import SystemClock
from dayfile.model.job import Job, Status
from dayfile.model.notice import Notice, NoticeEvent, NoticeState
from dayfile.model.resource import MESSAGES
from dayfile.objects.layout import PROBES
from dayfile.objects.sweep import LOOK_AGAIN_AFTER
from dayfile.store.database import Database
from tests.support.clock import FakeClock
from tests.support.cut_day import sweep_all
from tests.support.hosted_life import Life
from tests.support.hosts import Hosts
from tests.support.receiver import Received
from tests.support.records import newest
from tests.support.world import World

PATIENCE_SECONDS: Final = 900
"""Much longer than the leases of whatever was lost, one after the other: a lane's is a minute."""

_LOOK_SECONDS: Final = 0.5
_MANY: Final = 100_000
_OVER: Final = {Status.COMPLETED, Status.COMPLETED_EMPTY_RECORDS}


def come_to_rest(hosts: Hosts, life: Life) -> None:
    """Return when nothing waits and everybody was told; fails, with what is missing, if that takes too long."""
    clock, never = SystemClock(), threading.Event()
    until = clock.monotonic() + PATIENCE_SECONDS
    database = Database.connect(hosts.database_url)
    try:
        while missing := _missing(database, life):
            assert clock.monotonic() < until, f"it does not come to rest: {missing}"
            never.wait(_LOOK_SECONDS)
    finally:
        database.close()


def _missing(database: Database, life: Life) -> list[str]:
    with database.snapshot() as tx:
        waiting = [f"records of {one.day}" for one in tx.segments.waiting()]
        unfinished = [f"job {job.sid}" for job in tx.jobs.recent(limit=_MANY) if job.over_at is None]
        pending = [f"{tx.notices.pending()} notices"] if tx.notices.pending() else []
        now = SystemClock().now()
        listed = {
            account: {one.day for one in tx.day_files.page(account, MESSAGES, limit=1000, now=now)}
            for account in life.members.tokens
        }
    daily = [f"{day} of {account}" for account, days in listed.items() for day in life.members.days if day not in days]
    return [*waiting, *unfinished, *pending, *daily]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of what there was in the end."""

    records: int
    versions: int
    jobs: int
    days_of_jobs: int
    attempts_of_days: int
    notices: int
    deliveries: int
    swept: int

    def __str__(self) -> str:
        return (
            f"{self.versions:,} versions of {self.records:,} records; {self.jobs} jobs with {self.days_of_jobs} days, "
            f"claimed {self.attempts_of_days} times; {self.notices} notices, delivered {self.deliveries} times; "
            f"{self.swept} objects swept"
        )


def check_end(hosts: Hosts, life: Life) -> Counts:
    """Assert that nothing is lost, doubled or left over, of an instance all of whose hosts have stopped."""
    with _looked_at(hosts, "last") as world:
        records = _check_records(world, life)
        jobs, days, attempts = _check_jobs(world, life)
        notices = _check_notices(world, life, jobs)
        _check_nothing_found(world)
        swept = _check_left_over(world)
    with _looked_at(hosts, "very last") as world:  # with the right time again
        _check_records(world, life)
        _check_nothing_found(world)
    return Counts(
        records=records,
        versions=len(life.acknowledged),
        jobs=len(jobs),
        days_of_jobs=days,
        attempts_of_days=attempts,
        notices=notices,
        deliveries=len(life.receiver.received),
        swept=swept,
    )


@contextmanager
def _looked_at(hosts: Hosts, name: str) -> Iterator[World]:
    """The instance as a process sees it that stands still in time."""
    folder = hosts.folder / name
    folder.mkdir()
    clock = FakeClock(SystemClock().now())
    world = World(folder, database=hosts.database_url, storage=hosts.variables["DAYFILE_STORAGE_URL"], clock=clock)
    try:
        world.clock_watch.accept(actor=OPERATOR)
        yield world
    finally:
        world.close()


def _check_nothing_found(world: World) -> None:
    """Find nothing with `check --deep`."""
    found = world.findings()
    assert found == [], found


def _check_records(world: World, life: Life) -> int:
    """Every acknowledged record is in its file once, in its newest version, and nothing else is."""
    expected: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for (account, day, sid), sent in newest(life.acknowledged).items():
        expected[account, day][sid] = sent.body
    for account in life.members.tokens:
        for day in map(str, life.members.days):
            found = world.records(account, day)
            bodies = {str(record["sid"]): str(record["body"]) for record in found}
            assert len(bodies) == len(found), f"a record of {account} and {day} is there twice"
            wanted = expected.get((account, day), {})
            lost, foreign = wanted.keys() - bodies.keys(), bodies.keys() - wanted.keys()
            assert (lost, foreign) == (set(), set()), f"{account} {day}: {len(lost)} lost, {len(foreign)} of nobody"
            assert bodies == wanted, f"{account} {day}: not the newest versions"
    return sum(map(len, expected.values()))


def _check_jobs(world: World, life: Life) -> tuple[Sequence[Job], int, int]:
    """Every job that was acknowledged is there, and every job is over and has all its days."""
    with world.database.snapshot() as tx:
        jobs = tx.jobs.recent(limit=_MANY)
        days = tx.jobs.days([job.sid for job in jobs])
    lost = set(life.job_names) - {job.friendly_name for job in jobs}
    assert not lost, f"jobs that were acknowledged and are not there: {lost}"
    unfinished = [job.sid for job in jobs if job.over_at is None]
    assert not unfinished, f"jobs that are not over: {unfinished}"
    of_all = [one for of_job in days.values() for one in of_job]
    statuses = {one.status for one in of_all}
    assert statuses <= _OVER, f"days that are {statuses}"
    return jobs, len(of_all), sum(one.attempt for one in of_all)


def _check_notices(world: World, life: Life, jobs: Sequence[Job]) -> int:
    """Each event has one notice, which was delivered under one event sid; a repetition has the same."""
    with world.database.snapshot() as tx:
        notices = tx.notices.page(limit=_MANY)
    of_jobs = [one for one in notices if one.event is NoticeEvent.JOB_FINISHED]
    of_days = [one for one in notices if one.event is NoticeEvent.DAY_EXPORTED]
    of_each = Counter(one.job_sid for one in of_jobs)
    assert of_each == Counter(job.sid for job in jobs), "jobs that have no notice, or several"
    expected_days = {(account, day) for account in life.members.tokens for day in life.members.days}
    of_each_day = Counter((one.account, one.day) for one in of_days)
    assert of_each_day.keys() >= expected_days, f"no notice of {expected_days - of_each_day.keys()}"
    doubled_days = [one for one, count in of_each_day.items() if count > 1]  # at midnight there is another day
    assert not doubled_days, f"daily files with several notices: {doubled_days}"
    told = [*of_jobs, *of_days]
    states = {one.state for one in told}
    assert states == {NoticeState.DELIVERED}, f"notices that are {states}"
    received = defaultdict(set)
    for request in filter(_is_whole, life.receiver.received):
        received[request.form["EventSid"]].add((request.target, request.body))
    unlike = received.keys() ^ {one.sid for one in told}
    assert not unlike, f"events that were told and not written, or written and not told: {unlike}"
    doubled = [sid for sid, requests in received.items() if len(requests) > 1]
    assert not doubled, f"events that were told in two ways: {doubled}"
    _check_targets(told, received)
    return len(told)


def _is_whole(request: Received) -> bool:
    """Return False if the host that sent it was killed in the middle of it."""
    return len(request.body) == int(request.headers.get("content-length", "0"))


def _check_targets(told: Sequence[Notice], received: dict[str, set[tuple[str, bytes]]]) -> None:
    for one in told:
        [(target, _)] = received[one.sid]
        assert one.receiver.endswith(target), f"{one.sid} was told to {target}"


def _check_left_over(world: World) -> int:
    """After a sweep there is no object that nothing refers to.

    A host that was frozen may have put one when the sweep had been there: it looks again after a day.
    """
    before = world.stored_keys()
    sweep_all(world)
    world.clock.pass_by(LOOK_AGAIN_AFTER)
    sweep_all(world)
    stored = {key for key in world.stored_keys() if not key.startswith(PROBES)}
    referred = world.referred_keys()
    assert stored <= referred, f"left over: {sorted(stored - referred)}"
    assert stored >= referred, f"missing: {sorted(referred - stored)}"
    return len(before) - len(world.stored_keys())
