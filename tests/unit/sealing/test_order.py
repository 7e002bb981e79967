from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.world import World

DAY = "2026-11-01"


@pytest.mark.parametrize("in_between", [False, True])
def test_lines_go_by_time_of_creation_and_then_by_key(tmp_path: Path, *, in_between: bool) -> None:
    """Readers merge days and look for a time; keys are random, so an order by them alone would say nothing."""
    world = World(tmp_path)
    account = an_account(world.database)
    for second, name in itertools.product((3, 1, 2), "abc"):
        at = f"{DAY}T10:00:0{second}Z"
        world.accept([Sent(account=account.sid, name=f"{name}{second}", created=at, updated=at)])
        if in_between:
            world.seal(DAY)
    world.seal(DAY)
    found = [(str(one["date_created"]), str(one["sid"])) for one in world.records(account.sid, DAY)]
    assert len(found) == 9
    assert found == sorted(found)
    assert [sid for _, sid in found] != sorted(sid for _, sid in found)
    world.close()
