"""Seals on a cluster that has bad luck: whatever becomes of tasks, the files are those of one machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayfile.files import segment_copy
from dayfile.model.account import AccountSid
from dayfile.model.job import Status
from dayfile.sealing import execution
from dayfile.work.worker import AWAY_DELAY
from tests.support.bad_luck import BadLuck, Fate
from tests.support.cut_day import CUT_BYTES, DAY, sealed_twice, sweep_all, texts, until_sealed
from tests.support.records import Sent
from tests.support.state import a_job_request, an_account
from tests.support.swift import Bucket
from tests.support.world import SWEEP_DELAY, Elsewhere, World

Texts = dict[AccountSid, tuple[int, str]]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """The texts that this process makes of the day, by itself."""
    world = World(tmp_path_factory.mktemp("local"))
    try:
        return sealed_twice(world)
    finally:
        world.close()


def _on_cluster(folder: Path, luck: BadLuck, monkeypatch: pytest.MonkeyPatch) -> World:
    """An instance whose cluster knows nothing but where the objects are."""
    (folder / "instance" / "objects").mkdir(parents=True)
    monkeypatch.setenv("DAYFILE_STORAGE_URL", f"file://{folder / 'instance' / 'objects'}")
    monkeypatch.setenv("DAYFILE_DATA_DIR", str(folder / "worker"))
    return World(folder / "instance", elsewhere=Elsewhere(cluster=luck, cut_bytes=CUT_BYTES))


@pytest.mark.parametrize("fate", Fate)
def test_nothing_of_what_becomes_of_tasks_can_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: Texts, fate: Fate
) -> None:
    """One of the pieces of each seal has this fate: no record is lost or doubled, and no object is left over."""
    luck = BadLuck([Fate.DONE, fate])
    world = _on_cluster(tmp_path, luck, monkeypatch)
    assert sealed_twice(world, seal=until_sealed) == expected
    assert luck.submitted >= 4, "the day is cut"
    assert world.findings() == []
    luck.wake_up()
    sweep_all(world)
    assert world.stored_keys() == world.referred_keys()
    assert texts(world) == expected
    assert world.findings() == []
    world.close()


@pytest.mark.slow
@settings(max_examples=12)
@given(fates=st.lists(st.sampled_from(Fate), min_size=1, max_size=12), wakes=st.booleans())
def test_no_course_of_events_shows(
    tmp_path_factory: pytest.TempPathFactory, expected: Texts, fates: list[Fate], wakes: bool
) -> None:
    """Several of them at once, one after the other, and machines that wake up between the two seals."""
    luck = BadLuck(fates)

    def seal(world: World) -> None:
        until_sealed(world)
        if wakes:
            luck.wake_up()

    with pytest.MonkeyPatch.context() as monkeypatch:
        world = _on_cluster(tmp_path_factory.mktemp("course"), luck, monkeypatch)
        assert sealed_twice(world, seal=seal) == expected
        luck.wake_up()
        sweep_all(world)
        assert world.stored_keys() == world.referred_keys()
        assert world.findings() == []
        world.close()


def test_more_rows_than_a_task_returns_come_back_as_an_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: Texts
) -> None:
    """A scheduler is no place for the rows of a million accounts; the object is announced, and swept."""
    monkeypatch.setattr(execution, "MOST_ROWS", 1)
    luck = BadLuck([Fate.TWICE])
    world = _on_cluster(tmp_path, luck, monkeypatch)
    assert sealed_twice(world, seal=until_sealed) == expected
    assert any("/rows-" in key for key in world.stored_keys())
    assert world.findings() == []
    world.clock.pass_by(SWEEP_DELAY)
    sweep_all(world)
    assert world.stored_keys() == world.referred_keys()
    world.close()


class Together(BadLuck):
    """A cluster that begins no task before there are two of different days."""

    def __init__(self) -> None:
        super().__init__()
        self._machines = ThreadPoolExecutor(2)
        self._both = threading.Barrier(2, timeout=20)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def do() -> Any:
            self._both.wait()
            return fn(*args, **kwargs)

        return self._machines.submit(do)


def test_days_are_sealed_at_once_so_that_no_machine_is_idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small day has one piece: one after the other, a cluster would be as fast as one machine."""
    world = _on_cluster(tmp_path, Together(), monkeypatch)
    account = an_account(world.database).sid
    days = (DAY, "2026-11-02")
    for day in days:
        at = f"{day}T10:00:00Z"
        world.accept([Sent(account=account, name=day, created=at, updated=at, body=day)])
    world.clock.pass_by(timedelta(hours=7))
    world.worker.days_tick()
    assert [[one["body"] for one in world.records(account, day)] for day in days] == [[DAY], ["2026-11-02"]]
    world.close()


@pytest.mark.slow
def test_a_cluster_seals_what_is_in_a_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: Texts, bucket: Bucket
) -> None:
    """Workers have no folder in common with anybody, and fetch of each segment what their accounts need."""
    monkeypatch.setattr(segment_copy, "WHOLE_BELOW", 0)
    for name, value in {**bucket.environment(), "DAYFILE_STORAGE_URL": bucket.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAYFILE_DATA_DIR", str(tmp_path / "worker"))
    (tmp_path / "instance").mkdir()
    luck = BadLuck([Fate.TWICE, Fate.LATE])
    world = World(tmp_path / "instance", storage=bucket.url, elsewhere=Elsewhere(cluster=luck, cut_bytes=CUT_BYTES))
    assert sealed_twice(world, seal=until_sealed) == expected
    luck.wake_up()
    assert world.findings() == []
    sweep_all(world)
    assert world.stored_keys() == world.referred_keys()
    world.close()


def test_a_job_waits_for_the_cluster_and_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The day is given back with its claim: a scheduler that was restarted costs the customer half a minute."""
    world = _on_cluster(tmp_path, BadLuck([Fate.LOST]), monkeypatch)
    account = an_account(world.database)
    at = f"{DAY}T10:00:00Z"
    world.accept([Sent(account=account.sid, name="m", created=at, updated=at, body="m")])
    job = world.jobs.submit(a_job_request(account, DAY, DAY))

    def tick() -> tuple[Status, int]:
        assert world.worker.jobs_tick()
        with world.database.snapshot() as tx:
            [job_day] = tx.jobs.days([job.sid])[job.sid]
        return job_day.status, job_day.attempt

    assert tick() == (Status.SUBMITTED, 0)
    world.clock.pass_by(AWAY_DELAY)
    assert tick() == (Status.COMPLETED, 1)
    assert world.findings() == []
    world.close()
