"""A resource type that an upgrade adds, on an instance that has been running without it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayfile.exports.configuration import Configuring
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.export import ConfigurationChange
from dayfile.model.resource import CALLS, CONFERENCES, MESSAGES
from dayfile.sealing import schedule
from tests.support.state import a_sid, an_account
from tests.support.world import World

ACME = AccountSid(a_sid("AC", "acme"))
SEALED_AT = datetime(2026, 11, 24, 1, tzinfo=UTC)
"""The end of the 23rd, on which the clock stands, and the grace time."""


def test_a_type_that_an_upgrade_adds_is_exported_from_its_first_day_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A customer who enables it on the day of the upgrade was promised that day."""
    with monkeypatch.context() as older:
        older.setattr(schedule, "RESOURCE_TYPES", (MESSAGES, CALLS))
        world = World(tmp_path)
        an_account(world.database, "acme")
        world.work()
    world = world.restarted()
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    change = ConfigurationChange(enabled=True, webhook_url=None, webhook_method=None)
    Configuring(world.database, clock=world.clock).change(ACME, CONFERENCES, change, actor=Actor(name="test"))
    world.clock.pass_until(SEALED_AT)
    world.work()
    with world.database.snapshot() as tx:
        files = tx.day_files.page(ACME, CONFERENCES, limit=1000, now=world.clock.now())
    assert [str(file.day) for file in files] == ["2026-11-23"]
    assert world.findings() == []
    world.close()
