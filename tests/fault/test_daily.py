"""A daily export that is cut off at every step: each account has each day once, whatever dies or fails when.

Accounts are published two a commit, so that a run has a middle.
"""

from __future__ import annotations

import itertools
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayfile.errors import Transient
from dayfile.model.account import AccountSid
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.steps import Died, Steps
from tests.support.world import World

DUE = datetime(2026, 11, 24, 1, tzinfo=UTC)
DAY = "2026-11-23"
NAMES = ("acme", "bravo", "charlie", "delta", "echo")
ACCOUNTS = [AccountSid(a_sid("AC", name)) for name in NAMES]
QUIET = ACCOUNTS[-1]  # it has no records
LEAST_STEPS = 25


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance at noon, with accounts that have enabled daily exports, and records of the day."""
    folder = tmp_path_factory.mktemp("beginning")
    world = World(folder)
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
    world.clock.pass_until(DUE)
    world.close()
    return folder


def _begin(beginning: Path, folder: Path, steps: Steps) -> World:
    shutil.copytree(beginning, folder)
    world = World(folder, steps=steps, process=2)
    world.clock.pass_until(DUE)
    return world


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
    beginning: Path, tmp_path: Path, *, recovers: bool
) -> None:
    """Between the seal and its run, between two commits of a run, just before and just after each of them."""
    for step in itertools.count(1):
        steps = Steps(at=step, recovers=recovers)
        world = _begin(beginning, tmp_path / str(step), steps)
        try:
            _work(world)
        except (Died, Transient):
            world = world.restarted()
            world.clock.pass_by(timedelta(minutes=6))  # leases run out, what rests after trouble is tried again
            _work(world)
        _check(world)
        world.close()
        shutil.rmtree(tmp_path / str(step))
        if not steps.was_reached:
            break
    assert step > LEAST_STEPS
