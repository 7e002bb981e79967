"""A daily export that is cut off at every step: each account has each day once, whatever dies or fails when.

Accounts are published two a commit, so that a run has a middle.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayfile.errors import Transient
from dayfile.model.account import AccountSid
from tests.support.beginning import SESSIONS_OF_THE_DEAD, Beginning
from tests.support.deployment import CLUSTER, LOCAL, Deployment
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.steps import Died, Lane, Steps
from tests.support.world import World

pytestmark = pytest.mark.filterwarnings(SESSIONS_OF_THE_DEAD)

DUE = datetime(2026, 11, 24, 1, tzinfo=UTC)
DAY = "2026-11-23"
NAMES = ("acme", "bravo", "charlie", "delta", "echo")
ACCOUNTS = [AccountSid(a_sid("AC", name)) for name in NAMES]
QUIET = ACCOUNTS[-1]  # it has no records
LEAST_STEPS = 25
LANES = {LOCAL: 1, CLUSTER: 20}


@pytest.fixture
def beginning(deployment: Deployment, tmp_path: Path) -> Beginning:
    """An instance at noon, with accounts that have enabled daily exports, and records of the day."""
    beginning = Beginning(deployment, tmp_path / "beginning")
    world = beginning.world
    world.work()
    for name in NAMES:
        world.enable(an_account(world.database, name).sid)
    world.accept(
        [
            Sent(account=account, name="m", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:01Z", body=account)
            for account in ACCOUNTS
            if account != QUIET
        ]
    )
    return beginning


def _work(world: World) -> None:
    """Work as the worker does on this one day and type: seal it, and publish what follows from that."""
    world.seal(DAY)
    while world.daily.step():
        pass


def _check(world: World) -> None:
    for account in ACCOUNTS:
        files = world.listed(account)
        assert [(str(file.day), file.generation) for file in files] == [(DAY, 1)], "once, never twice"
        sealed = files[0].sealed
        assert [record["body"] for record in (world.records_of(sealed) if sealed else [])] == (
            [] if account == QUIET else [account]
        )
    assert world.findings() == []


@pytest.mark.parametrize("recovers", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_file_is_published_once_whatever_step_it_is_cut_off_at(
    beginning: Beginning, tmp_path: Path, *, lane: Lane, recovers: bool
) -> None:
    """Between the seal and its run, between two commits of a run, just before and just after each of them."""
    for step in lane.steps():
        steps = Steps(at=step, recovers=recovers)
        world = beginning.copy(tmp_path / str(step), steps=steps)
        world.clock.pass_until(DUE)
        try:
            _work(world)
        except (Died, Transient):
            world = world.restarted()
            world.clock.pass_by(timedelta(minutes=6))  # leases run out, what rests after trouble is tried again
            _work(world)
        _check(world)
        beginning.end(world)
        if not steps.was_reached:
            break
    assert step > LEAST_STEPS
