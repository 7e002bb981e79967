"""A claim that the database undoes at its first try: its lease is as long as any, from the try that counts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.store.seals import Seals
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.undone import undo_once
from tests.support.world import LEASE, World

DAY = Day.parse("2026-11-01")


def test_a_day_is_held_for_a_whole_lease_also_if_its_claim_had_to_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker would take it, and do the same work, while this one has just begun."""
    world = World(tmp_path)
    at = f"{DAY}T10:00:00Z"
    world.accept([Sent(account=an_account(world.database).sid, name="m", created=at, updated=at, body="m")])
    undo_once(monkeypatch, Seals, "claim", world.clock)
    assert world.sealing.claim(MESSAGES, DAY, worker="w")
    world.clock.pass_by(LEASE - timedelta(seconds=1))
    assert world.sealing.claim(MESSAGES, DAY, worker="another") is None
    world.clock.pass_by(timedelta(seconds=1))
    assert world.sealing.claim(MESSAGES, DAY, worker="another")
    world.close()
