"""A clock that is wrong for a while costs time, never a file, a job or a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.day import Day
from dayfile.model.job import JobRequest, Status
from dayfile.model.notice import NoticeState, Result
from dayfile.work.worker import Worker
from tests.support.clock import NOON, FakeClock
from tests.support.notices import RecordingTransport, an_outcome
from tests.support.records import Sent
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.world import World

ACME = AccountSid(a_sid("AC", "acme"))
GRACE = timedelta(hours=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance that was started at noon of the 23rd, with one account that has every day exported."""
    world = World(tmp_path)
    an_account(world.database, "acme")
    world.work()
    world.enable(ACME)
    yield world
    world.close()


def _send(world: World, name: str, day: str) -> None:
    world.accept([Sent(account=ACME, name=name, created=f"{day}T10:00:00Z", updated=f"{day}T10:00:01Z", body=name)])


def _jump(world: World, by: timedelta) -> None:
    world.clock.set(world.clock.now() + by)
    world.work()


def _pass(world: World, duration: timedelta, *, step: timedelta = timedelta(minutes=20)) -> None:
    """Let time pass, while the worker works."""
    until = world.clock.now() + duration
    while world.clock.now() < until:
        world.clock.pass_by(min(step, until - world.clock.now()))
        world.work()


def _days(world: World) -> list[str]:
    return [str(file.day) for file in world.listed(ACME)]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_first_start_with_a_clock_that_is_ahead_stops_nothing_once_it_is_right(
    tmp_path: Path, *, restarts: bool
) -> None:
    """The loop for days failed in every tick until real time caught up: nothing was sealed, nothing forgotten."""
    world = World(tmp_path, clock=FakeClock(NOON + timedelta(hours=50)))
    an_account(world.database, "acme")
    world.work()
    world.clock.set(NOON)
    world = world.restarted() if restarts else world
    world.work()
    world.enable(ACME)
    _send(world, "one", "2026-11-23")
    _pass(world, timedelta(hours=14))
    assert _days(world) == ["2026-11-23"]
    assert [record["body"] for record in world.records(ACME, "2026-11-23")] == ["one"]
    _pass(world, timedelta(days=3), step=timedelta(hours=1))
    assert _days(world) == ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"]
    assert world.findings() == []
    world.close()


@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_that_is_ahead_for_a_moment_destroys_and_makes_up_nothing(world: World, *, restarts: bool) -> None:
    """Published days and jobs were gone for good, and empty days of the future were published."""
    _send(world, "one", "2026-11-23")
    _pass(world, timedelta(hours=14))
    job = world.jobs.submit(_request(world, "2026-11-20"))
    world.work()
    listed = world.listed(ACME)
    assert [str(file.day) for file in listed] == ["2026-11-23", "2026-11-20"]
    now = world.clock.now()
    world.clock.set(now + timedelta(days=10))
    world = world.restarted() if restarts else world
    world.work()
    world.clock.pass_by(timedelta(seconds=14))
    world.work()
    world.clock.set(now + timedelta(seconds=14))
    world = world.restarted() if restarts else world
    world.work()
    assert world.listed(ACME) == listed
    with world.database.snapshot() as tx:
        assert tx.jobs.get(job.sid).over_at is not None
        assert set(tx.seals.newest_days().values()) == {Day.of(now)}
    _pass(world, timedelta(hours=25))
    assert _days(world) == ["2026-11-23", "2026-11-20", "2026-11-24"]
    assert world.findings() == []


def _request(world: World, day: str) -> JobRequest:
    with world.database.snapshot() as tx:
        return a_job_request(tx.accounts.get(ACME), day, day)


def test_a_step_that_fails_keeps_no_other_step_from_its_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step of the loop for days raised, and nothing was sealed or forgotten any more."""

    def fail(_: Worker) -> None:
        raise ValueError("a bug")

    _send(world, "one", "2026-11-22")
    world.clock.pass_by(timedelta(minutes=15))
    monkeypatch.setattr(Worker, "open_days", fail)
    world = world.restarted()
    with pytest.raises(ValueError, match="a bug"):
        world.worker.days_tick()
    assert world.sealed(ACME, "2026-11-22") is not None


def test_days_of_a_wrong_clock_that_was_accepted_are_taken_back_when_it_is_right(world: World) -> None:
    """An operator makes a mistake: empty days of the future leave the list, and each day comes at its own time."""
    _send(world, "one", "2026-11-23")
    now = world.clock.now()
    world.clock.set(now + timedelta(days=4))
    world.clock_watch.accept(actor=Actor(name="operator"))
    world.work()
    assert _days(world) == ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"]
    world.clock.set(now)
    world.work()
    _send(world, "two", "2026-11-23")
    assert len(world.findings()) == 1, "the clock, and nothing else"
    _pass(world, timedelta(minutes=59), step=timedelta(minutes=10))
    assert len(_days(world)) == 4, "it may be the mark that is right"
    _pass(world, timedelta(minutes=10))
    assert _days(world) == ["2026-11-23"], "a file with records stays until the day is over"
    assert world.findings() == []
    _pass(world, timedelta(hours=37), step=timedelta(hours=1))
    assert _days(world) == ["2026-11-23", "2026-11-24"]
    assert sorted(str(record["body"]) for record in world.records(ACME, "2026-11-23")) == ["one", "two"]
    [first, _] = world.listed(ACME)
    assert first.sealed is not None
    assert first.sealed.records == 2
    assert world.findings() == []


def test_what_a_worker_held_under_a_clock_that_was_ahead_is_free_again(world: World) -> None:
    """It died holding a job until ten days from now: the customer would have waited for as long."""
    now = world.clock.now()
    job = world.jobs.submit(_request(world, "2026-11-20"))
    world.clock.set(now + timedelta(days=10))
    world.worker.clock_tick()
    assert world.job_queue.claim(worker="lost") is not None
    world.clock.set(now)
    world = world.restarted()
    world.work()
    _pass(world, timedelta(minutes=3), step=timedelta(minutes=1))
    with world.database.snapshot() as tx:
        assert tx.jobs.get(job.sid).over_at is not None


@pytest.mark.parametrize("has_records", [False, True])
def test_a_day_that_is_not_over_is_published_by_no_job(world: World, *, has_records: bool) -> None:
    """A clock that was ahead let a customer ask for it: its records are still to come."""
    if has_records:
        _send(world, "early", "2026-11-24")
    job = world.jobs.submit(_request(world, "2026-11-24"))
    world.work()
    assert _days(world) == []
    world.clock.set(world.clock.now() + timedelta(hours=1))
    world.work()
    assert _days(world) == [], "nor under a clock that is not trusted"
    world.clock.set(world.clock.now() - timedelta(hours=1))
    _pass(world, timedelta(hours=37), step=timedelta(hours=1))
    with world.database.snapshot() as tx:
        assert tx.jobs.get(job.sid).over_at is not None
    [file] = [file for file in world.listed(ACME) if str(file.day) == "2026-11-24"]
    assert (file.sealed is not None) is has_records


def test_a_clock_that_fell_back_refuses_no_record(world: World) -> None:
    """The platform's clock is right: its records of today are not of the future."""
    world.clock.set(world.clock.now() - timedelta(days=30))
    world = world.restarted()
    sent = Sent(account=ACME, name="m", created="2026-11-24T10:00:00Z", updated="2026-11-24T10:00:00Z")
    assert world.accept([sent]).accepted == 1
    later = Sent(account=ACME, name="n", created="2026-11-25T10:00:00Z", updated="2026-11-25T10:00:00Z")
    assert world.accept([later]).accepted == 0


@pytest.mark.parametrize("ahead", [timedelta(hours=50), timedelta(days=400)])
def test_everything_else_goes_on_under_a_clock_that_is_not_trusted(world: World, ahead: timedelta) -> None:
    """It may be right: intake, files of days with records, jobs and downloads do not wait."""
    now = world.clock.now()
    world.clock.boot_after(ahead)
    world.work()
    _send(world, "one", "2026-11-20")
    _pass(world, timedelta(minutes=12), step=timedelta(minutes=3))
    job = world.jobs.submit(_request(world, "2026-11-20"))
    world.work()
    assert _days(world) == ["2026-11-20"]
    assert [record["body"] for record in world.records(ACME, "2026-11-20")] == ["one"]
    with world.database.snapshot() as tx:
        assert tx.jobs.get(job.sid).over_at is not None
        assert set(tx.seals.newest_days().values()) == {Day.of(now)}


def test_a_notice_for_a_host_that_is_down_is_not_given_up_by_a_clock_that_is_ahead(tmp_path: Path) -> None:
    """It has waited for minutes, not for four days."""
    world = World(tmp_path, transport=RecordingTransport(lambda _: an_outcome(Result.FAILED, status=500)))
    an_account(world.database, "acme")
    world.work()
    world.enable(ACME, webhook_url="https://example.com/hook")
    _pass(world, timedelta(hours=14))
    now = world.clock.now()
    _jump(world, timedelta(days=10))
    world.clock.set(now)
    world.work()
    with world.database.snapshot() as tx:
        [notice] = tx.notices.page(account=ACME, limit=10)
    assert notice.state is NoticeState.PENDING
    world.close()


def test_a_job_whose_storage_is_away_is_not_given_up_by_a_clock_that_is_ahead(tmp_path: Path) -> None:
    """For a day that is nobody's fault, and a day is not over because a clock says so."""
    world = World(tmp_path, attempts=1)
    an_account(world.database, "acme")
    world.work()
    _send(world, "one", "2026-11-20")
    job = world.jobs.submit(_request(world, "2026-11-20"))
    objects, away = tmp_path / "objects", tmp_path / "away"
    objects.rename(away)
    objects.touch()  # a folder that is none
    now = world.clock.now()
    world.clock.set(now + timedelta(hours=50))
    world.worker.clock_tick()
    while world.worker.jobs_tick():
        pass
    with world.database.snapshot() as tx:
        assert {one.status for one in tx.jobs.days([job.sid])[job.sid]} == {Status.SUBMITTED}
    objects.unlink()
    away.rename(objects)
    world.clock.set(now)
    world.work()
    _pass(world, timedelta(minutes=65))  # the longest pause of a day that failed
    with world.database.snapshot() as tx:
        assert {one.status for one in tx.jobs.days([job.sid])[job.sid]} == {Status.COMPLETED}
    world.close()
