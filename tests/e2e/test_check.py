"""`dayfile check` on an instance in which something was broken on purpose: it finds it, and names it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.store.tables.exports import day_file
from tests.support.records import Sent
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.world import World

ACME, OTHER = (AccountSid(a_sid("AC", name)) for name in ("acme", "other"))
DAY = "2026-11-01"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance in which two accounts have a published day of one record each."""
    world = World(tmp_path)
    for name in ("acme", "other"):
        an_account(world.database, name)
    world.accept(
        [
            Sent(account=account, name="m", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:01Z", body="b")
            for account in (ACME, OTHER)
        ]
    )
    with world.database.snapshot() as tx:
        accounts = [tx.accounts.get(account) for account in (ACME, OTHER)]
    for account in accounts:
        world.jobs.submit(a_job_request(account, DAY, DAY))
    world.work()
    assert world.findings() == []
    yield world
    world.close()


def found(world: World) -> set[str]:
    """The invariants that are broken."""
    return {finding.partition(":")[0] for finding in world.findings()}


def test_a_published_file_that_is_gone_is_found(world: World) -> None:
    """Or cut short, or changed."""
    sealed = world.sealed(ACME, DAY)
    assert sealed is not None
    path = world.objects.path(sealed.key)
    assert path is not None
    content = path.read_bytes()
    path.chmod(0o600)
    for broken in (content[:-1], content[:-1] + bytes([content[-1] ^ 1])):
        path.write_bytes(broken)
        assert found(world) == {"a sealed file is complete"}
    path.unlink()
    assert found(world) == {"a sealed file is complete"}


def test_a_day_that_shows_the_file_of_somebody_else_is_found(world: World) -> None:
    """The worst that could happen: it must not take a customer to notice."""
    foreign = world.sealed(OTHER, DAY)
    assert foreign is not None
    with world.database.engine.begin() as connection:
        connection.execute(update(day_file).where(day_file.c.account == ACME).values(sealed_day_id=foreign.id))
    assert found(world) == {"a published day is a sealed day"}


def test_an_object_that_is_left_over_is_found_unless_somebody_sees_to_it(world: World) -> None:
    """An object that nothing refers to costs money for ever; one that is being written, or will be swept, is fine."""
    sealed = world.sealed(ACME, DAY)
    assert sealed is not None
    for key in (sealed.key.replace("revision-1", "revision-2"), f"segments/type=Messages/day={DAY}/left.parquet"):
        world.objects.put(key, [b"x"])
        assert found(world) == {"no object is left over"}
        with world.database.transaction() as tx:
            entry = tx.uploads.begin(key, now=world.clock.now())
        assert found(world) == set()
        with world.database.transaction() as tx:
            tx.uploads.go_live([entry], now=world.clock.now())
        assert found(world) == {"no object is left over"}
        with world.database.transaction() as tx:
            tx.uploads.discard([key], now=world.clock.now(), delete_after=world.clock.now() + timedelta(days=1))
        assert found(world) == set()


def test_a_daily_run_that_does_not_come_to_an_end_is_found(world: World) -> None:
    """Customers would wait for their day, and nobody would know."""
    with world.database.transaction() as tx:
        tx.daily_runs.start(MESSAGES, Day.parse(DAY), now=world.clock.now())
    assert found(world) == set()
    world.clock.pass_by(timedelta(hours=1, seconds=1))
    assert found(world) == {"a day that is sealed is exported"}


def test_a_job_that_nobody_works_on_is_found(world: World) -> None:
    """Its customer waits, and no worker runs that could say so."""
    with world.database.snapshot() as tx:
        account = tx.accounts.get(ACME)
    world.jobs.submit(a_job_request(account, DAY, DAY))
    assert found(world) == set()
    world.clock.pass_by(timedelta(minutes=5, seconds=1))
    assert found(world) == {"a job does not hang"}


def test_a_day_that_nobody_seals_is_found(world: World) -> None:
    """No worker for days: every customer's export is late."""
    world.clock.pass_by(timedelta(days=4))
    assert found(world) == {"a day is sealed in time"}


def test_what_should_be_forgotten_by_now_is_found(world: World) -> None:
    """It would be kept longer than customers were told."""
    world.clock.pass_by(timedelta(days=8, minutes=1))
    assert "what has had its time is forgotten" in found(world)
    world.work()
    world.clock.pass_by(timedelta(minutes=2))
    world.work()
    assert found(world) == set()


def _scrub(world: World) -> None:
    """Read all objects: what a second allows, second after second."""
    for _ in range(5):
        world.scrub.step()
        world.clock.pass_by(timedelta(seconds=1))


def test_objects_that_nobody_reads_again_are_found(tmp_path: Path) -> None:
    """Damage would stay unknown until a customer meets it, and the backups are gone by then."""
    world = World(tmp_path, scrub_days=2)
    an_account(world.database, "acme")
    world.accept([Sent(account=ACME, name="m", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:01Z", body="b")])
    world.seal(DAY)
    _scrub(world)
    assert found(world) == set()
    world.clock.pass_by(timedelta(days=4, seconds=1))
    assert "stored objects are read again" in found(world)
    _scrub(world)
    assert "stored objects are read again" not in found(world)
    world.close()
