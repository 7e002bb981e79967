"""Daily exports under a clock that is moved: each at its moment, for whom it is due, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dayfile.model.account import AccountSid, AccountState
from dayfile.model.day import Day
from tests.support.deployment import Place
from tests.support.records import Sent
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.world import World

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
GRACE = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
ACME = AccountSid(a_sid("AC", "acme"))


@pytest.fixture
def world(tmp_path: Path, place: Place) -> Iterator[World]:
    """An instance that was started at noon of the 23rd, with one account."""
    world = World(tmp_path, database=place.database, storage=place.storage)
    an_account(world.database, "acme")
    world.work()
    yield world
    world.close()


def a_message(world: World, name: str, day: str, *, account: AccountSid = ACME) -> None:
    """A message of that day arrives now."""
    world.accept([Sent(account=account, name=name, created=f"{day}T10:00:00Z", updated=f"{day}T10:00:01Z", body=name)])


def at(world: World, moment: datetime) -> None:
    """That moment comes, and the workers do what is due."""
    world.clock.pass_until(moment)
    world.work()


def days(world: World, account: AccountSid = ACME) -> list[str]:
    """Return the days on the account's list, in its order."""
    return [str(file.day) for file in world.listed(account)]


def bodies(world: World, account: AccountSid = ACME) -> list[list[str]]:
    """Return the bodies in each of the files on the list."""
    sealed = [file.sealed for file in world.listed(account)]
    lines = [world.records_of(one) if one else [] for one in sealed]
    return [sorted(str(record["body"]) for record in of_day) for of_day in lines]


@pytest.mark.compat(35, 60, 61)
def test_a_day_comes_by_itself_after_midnight_and_the_grace_time(world: World) -> None:
    """Not a moment before: the stragglers of the day are to be in it."""
    world.enable(ACME)
    a_message(world, "in time", "2026-11-23")
    at(world, MIDNIGHT)
    assert days(world) == []
    a_message(world, "straggler", "2026-11-23")
    a_message(world, "of the next day", "2026-11-24")
    at(world, MIDNIGHT + GRACE - MICROSECOND)
    assert days(world) == []
    at(world, MIDNIGHT + GRACE)
    assert days(world) == ["2026-11-23"]
    assert bodies(world) == [["in time", "straggler"]]
    [file] = world.listed(ACME)
    assert (file.friendly_name, file.created_at, file.expires_at) == (
        "Daily export",
        MIDNIGHT + GRACE,
        MIDNIGHT + GRACE + timedelta(days=7),
    )


@pytest.mark.compat(61)
def test_late_records_do_not_publish_a_day_again(world: World) -> None:
    """A published day keeps its revision: nobody finds another file under a name that was downloaded already."""
    world.enable(ACME)
    a_message(world, "in time", "2026-11-23")
    at(world, MIDNIGHT + GRACE)
    before = world.listed(ACME)
    a_message(world, "late", "2026-11-23")
    at(world, MIDNIGHT + GRACE + timedelta(minutes=11))
    assert len(world.records(ACME, "2026-11-23")) == 2, "the late record is sealed"
    assert world.listed(ACME) == before


@pytest.mark.compat(61)
def test_a_day_without_records_comes_all_the_same(world: World) -> None:
    """A customer who fetches a file every day must not take a quiet day for a failure."""
    world.enable(ACME)
    other = an_account(world.database, "other").sid
    a_message(world, "of somebody else", "2026-11-23", account=other)
    at(world, MIDNIGHT + GRACE)
    assert (days(world), bodies(world), days(world, other)) == (["2026-11-23"], [[]], [])


def test_a_day_without_any_record_of_anybody_comes_too(world: World) -> None:
    """A day is sealed at its time although nothing waits for it."""
    world.enable(ACME)
    at(world, MIDNIGHT + GRACE)
    assert (days(world), bodies(world)) == (["2026-11-23"], [[]])


def test_days_that_were_slept_through_come_oldest_first_and_once(world: World) -> None:
    """The instance was down for three nights: everything is there when it is back, in the order of the days."""
    world.enable(ACME)
    a_message(world, "before", "2026-11-23")
    a_message(world, "of the first night", "2026-11-24")
    at(world, MIDNIGHT + timedelta(days=3, hours=5))
    assert days(world) == ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"]
    assert bodies(world) == [["before"], ["of the first night"], [], []]
    generations = [file.generation for file in world.listed(ACME)]
    assert generations == [1, 2, 3, 4]
    at(world, MIDNIGHT + timedelta(days=3, hours=23))
    assert [file.generation for file in world.listed(ACME)] == generations


@pytest.mark.parametrize(("enabled_at", "first"), [(MIDNIGHT - MICROSECOND, "2026-11-23"), (MIDNIGHT, "2026-11-24")])
@pytest.mark.compat(61)
def test_the_first_day_is_that_in_which_it_was_enabled(world: World, enabled_at: datetime, first: str) -> None:
    """Midnight belongs to the next day; enabling in the grace time does not reach back."""
    a_message(world, "there from the start", "2026-11-23")
    at(world, enabled_at)
    world.enable(ACME)
    at(world, MIDNIGHT + GRACE)
    at(world, MIDNIGHT + timedelta(days=1) + GRACE)
    assert days(world)[0] == first
    assert days(world)[-1] == "2026-11-24"


@pytest.mark.compat(61)
def test_a_day_that_was_disabled_before_it_is_due_does_not_come(world: World) -> None:
    """Nobody is sent what they have said they no longer want; the files that they have stay."""
    world.enable(ACME)
    at(world, MIDNIGHT + GRACE)
    at(world, MIDNIGHT + timedelta(days=1))
    world.enable(ACME, enabled=False)
    at(world, MIDNIGHT + timedelta(days=1) + GRACE)
    assert days(world) == ["2026-11-23"]
    world.enable(ACME)
    at(world, MIDNIGHT + timedelta(days=2) + GRACE)
    assert days(world) == ["2026-11-23", "2026-11-25"]


def test_a_suspended_account_gets_nothing_while_it_is_suspended(world: World) -> None:
    """Its records are kept, and others get theirs; what it missed, it can ask for in a job."""
    other = an_account(world.database, "other").sid
    for account in (ACME, other):
        world.enable(account)
    a_message(world, "kept", "2026-11-23")
    with world.database.transaction() as tx:
        tx.accounts.set_state(ACME, AccountState.SUSPENDED)
    at(world, MIDNIGHT + GRACE)
    with world.database.transaction() as tx:
        tx.accounts.set_state(ACME, AccountState.ACTIVE)
    at(world, MIDNIGHT + timedelta(days=1) + GRACE)
    assert days(world) == ["2026-11-24"]
    assert days(world, other) == ["2026-11-23", "2026-11-24"]
    assert len(world.records(ACME, "2026-11-23")) == 1


def test_a_day_that_was_sealed_before_its_end_comes_whole(world: World) -> None:
    """An operator may seal a day that is not over; that is not the seal that its exports wait for."""
    world.enable(ACME)
    a_message(world, "morning", "2026-11-23")
    world.seal("2026-11-23")
    a_message(world, "evening", "2026-11-23")
    at(world, MIDNIGHT + GRACE - MICROSECOND)
    assert days(world) == []
    at(world, MIDNIGHT + GRACE)
    assert (days(world), bodies(world)) == (["2026-11-23"], [["evening", "morning"]])


def test_sealing_a_day_that_is_over_does_not_wait_for_the_grace_time(world: World) -> None:
    """An operator who seals now wants it now, with all that follows from it."""
    world.enable(ACME)
    a_message(world, "in time", "2026-11-23")
    world.clock.pass_until(MIDNIGHT)
    world.seal("2026-11-23")
    world.work()
    assert bodies(world) == [["in time"]]


def test_records_of_an_archive_publish_nothing(world: World) -> None:
    """Days from before it was enabled are what jobs are for."""
    world.enable(ACME)
    a_message(world, "old", "2025-01-01")
    a_message(world, "of tomorrow", "2026-11-24")
    world.seal("2025-01-01")
    world.seal("2026-11-24")
    at(world, MIDNIGHT + GRACE)
    assert days(world) == ["2026-11-23"]
    at(world, MIDNIGHT + timedelta(days=1) + GRACE)
    assert bodies(world) == [[], ["of tomorrow"]]


def test_a_daily_export_that_comes_late_replaces_what_a_job_has_published(world: World) -> None:
    """And the reverse: the newest export counts, and each is made once."""
    world.enable(ACME)
    a_message(world, "in time", "2026-11-23")
    world.clock.pass_until(MIDNIGHT + timedelta(days=2))
    with world.database.snapshot() as tx:
        request = a_job_request(tx.accounts.get(ACME), "2026-11-23", "2026-11-23")
    world.jobs.submit(request)
    world.worker.jobs_tick()  # seals the day itself
    assert [file.friendly_name for file in world.listed(ACME)] == ["a job"]
    world.work()
    assert [file.friendly_name for file in world.listed(ACME)] == ["Daily export", "Daily export"]
    world.jobs.submit(request)
    world.work()
    assert [(str(file.day), file.friendly_name) for file in world.listed(ACME)] == [
        ("2026-11-24", "Daily export"),
        ("2026-11-23", "a job"),
    ]


def test_a_job_and_a_long_seal_hold_up_no_daily_export(world: World) -> None:
    """It has a loop of its own: one tick of it, with everything else left undone, publishes the day."""
    world.enable(ACME)
    a_message(world, "in time", "2026-11-23")
    world.clock.pass_until(MIDNIGHT + GRACE)
    world.seal("2026-11-23")
    with world.database.snapshot() as tx:
        account = tx.accounts.get(ACME)
    waiting = [world.jobs.submit(a_job_request(account)) for _ in range(3)]
    with world.database.snapshot() as tx:
        before = tx.jobs.queue(first=1, last=100)
    while world.worker.daily_tick():
        pass
    assert days(world) == ["2026-11-23"]
    with world.database.snapshot() as tx:
        after = tx.jobs.queue(first=1, last=100)
    assert [after.position(job) for job in waiting] == [before.position(job) for job in waiting] == [1, 2, 3]


def test_two_workers_publish_every_file_once(tmp_path: Path, place: Place) -> None:
    """However their ticks fall: each account has one file, of its first generation."""
    first = World(tmp_path, database=place.database, storage=place.storage)
    accounts = [an_account(first.database, f"account {number}").sid for number in range(7)]
    first.work()
    for account in accounts:
        first.enable(account)
    second = World(tmp_path, database=place.database, storage=place.storage, clock=first.clock, process=2)
    first.clock.pass_until(MIDNIGHT + GRACE)
    first.worker.days_tick()
    while first.worker.days_tick() | first.daily.step() | second.daily.step():
        pass
    assert [[file.generation for file in second.listed(account)] for account in accounts] == [[1]] * 7
    with first.database.snapshot() as tx:
        assert tx.daily_runs.due(now=first.clock.now(), limit=10) == []
    second.close()
    first.close()


def test_a_run_that_fails_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in one day must not end the exports of all that follow; it is tried again."""
    world.enable(ACME)
    world.clock.pass_until(MIDNIGHT + timedelta(days=1) + GRACE)
    real = type(world.daily)._publish
    broken = Day.parse("2026-11-23")

    def publish(*args: Any, **kwargs: Any) -> Any:
        if getattr(args[2], "day", None) == broken:
            raise ZeroDivisionError
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(world.daily), "_publish", publish)
        world.work()
    assert days(world) == ["2026-11-24"]
    world.clock.pass_by(timedelta(minutes=5))
    world.work()
    assert days(world) == ["2026-11-24", "2026-11-23"]
