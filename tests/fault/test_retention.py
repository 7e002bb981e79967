"""Retention that is cut off at every step: in the end what goes is gone with all that belonged to it, and no more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import Transient
from dayfile.model.account import AccountSid
from tests.support.beginning import SESSIONS_OF_THE_DEAD, Beginning
from tests.support.clock import FakeClock
from tests.support.deployment import CLUSTER, LOCAL, Deployment
from tests.support.records import Sent
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.steps import Died, Lane, Steps
from tests.support.world import World

pytestmark = pytest.mark.filterwarnings(SESSIONS_OF_THE_DEAD)

DAY = "2026-11-01"
NAMES = ("acme", "bravo")
ACCOUNTS = [AccountSid(a_sid("AC", name)) for name in NAMES]
SWEPT_AFTER = timedelta(minutes=31)
LEAST_STEPS = 15
LANES = {LOCAL: 1, CLUSTER: 20}


def _revise(world: World, version: int) -> None:
    world.accept(
        [
            Sent(account=account, name="m", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:0{version}Z", body="b")
            for account in ACCOUNTS
        ]
    )
    world.seal(DAY)


def _publish(world: World) -> None:
    with world.database.snapshot() as tx:
        accounts = [tx.accounts.get(account) for account in ACCOUNTS]
    for account in accounts:
        world.jobs.submit(a_job_request(account, DAY, DAY))
    while world.worker.jobs_tick():
        pass


@pytest.fixture
def beginning(small_files: None, deployment: Deployment, tmp_path: Path) -> Beginning:
    """An instance in which much has had its time: a superseded revision that was published, day files, jobs."""
    beginning = Beginning(deployment, tmp_path / "beginning")
    for name in NAMES:
        an_account(beginning.world.database, name)
    for version in (1, 2):
        _revise(beginning.world, version)
        _publish(beginning.world)
    beginning.world.clock.pass_by(timedelta(days=8))
    return beginning


def _forget(world: World) -> None:
    """Work as the worker does for retention, until nothing is left to do, and once more when objects have rested."""
    for _ in range(2):
        while world.retention.step() | world.pack_rewrite.step() | world.sweep.step():
            pass
        world.clock.pass_by(SWEPT_AFTER)


def _check(world: World) -> None:
    assert [len(world.records(account, DAY)) for account in ACCOUNTS] == [1, 1], "the records stay"
    assert world.stored_keys() == world.referred_keys(), "no object is missing, none is left over"
    with world.database.snapshot() as tx:
        assert tx.jobs.recent(limit=10) == []
        assert tx.day_files.walk(after=None, limit=9) == []
    assert world.findings() == []


@pytest.mark.parametrize("recovers", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_retention_that_is_cut_off_at_any_step_ends_the_same(
    beginning: Beginning, tmp_path: Path, *, lane: Lane, recovers: bool
) -> None:
    """An object without a row would stay for ever, a row without an object would be a lost file: neither may be."""
    for step in lane.steps():
        steps = Steps(at=step, recovers=recovers)
        clock = FakeClock(beginning.world.clock.now())
        world = beginning.copy(tmp_path / str(step), clock=clock, steps=steps)
        try:
            _forget(world)
        except (Died, Transient):
            world = world.restarted()
            _forget(world)
        _check(world)
        beginning.end(world)
        if not steps.was_reached:
            break
    assert step > LEAST_STEPS
