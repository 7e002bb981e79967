"""Partial files: left by writers that die or freeze, and removed when nobody can go on with them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import StorageUnavailable
from dayfile.files.storage import LocalStorage
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.objects.sweep import LOOK_FOR_ORPHANS_EVERY
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.world import STALE_AFTER, World

DAY = "2026-11-01"
KEY = f"segments/type=Messages/day={DAY}/partial.parquet"
SECOND = timedelta(seconds=1)

KILLED_WHILE_IT_WRITES = """
import os, signal, sys
from pathlib import Path
from dayfile.files.storage import LocalStorage

def chunks():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)

LocalStorage(Path(sys.argv[1])).put(sys.argv[2], chunks())
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance with an account and a day that waits to be sealed."""
    world = World(tmp_path)
    account = an_account(world.database).sid
    world.accept([Sent(account=account, name="m", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:01Z", body="body")])
    yield world
    world.close()


def die_writing(world: World, key: str = KEY) -> None:
    """Another process writes an object, and is killed half way."""
    command = [sys.executable, "-c", KILLED_WHILE_IT_WRITES, str(world.objects.root), key]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert partial_files(world) == [key.rpartition("/")[2]]


def partial_files(world: World) -> list[str]:
    """The objects that have a partial file, by the last part of their keys."""
    found = world.objects.root.rglob(".*.partial")
    return sorted(path.name.removeprefix(".").removesuffix(".partial") for path in found)


def sweep(world: World) -> None:
    """Sweep until there is nothing to do."""
    while world.sweep.step():
        pass


def test_a_killed_writers_file_goes_when_it_is_taken_for_dead(world: World) -> None:
    """Not before: nobody can tell a killed writer from a slow one, whose file it would be."""
    with world.database.transaction() as tx:
        tx.uploads.begin(KEY, now=world.clock.now())
    die_writing(world)
    world.clock.pass_by(STALE_AFTER - SECOND)
    sweep(world)
    assert partial_files(world) == ["partial.parquet"]
    assert world.findings() == []
    world.clock.pass_by(2 * SECOND)
    sweep(world)
    assert list((world.objects.root).rglob("*")) == []


def test_a_killed_seals_files_go_when_the_day_is_given_to_another(world: World) -> None:
    """They stand in the ledger under one entry for all files of the seal."""
    claim = world.sealing.claim(MESSAGES, Day.parse(DAY), worker="killed")
    assert claim is not None
    die_writing(world, f"sealed/type=Messages/day={DAY}/account=AC/revision-1-{claim.mark}.json.gz")
    assert world.findings() == []
    world.clock.pass_by(timedelta(minutes=2))
    world.seal(DAY)
    assert partial_files(world) != []
    sweep(world)
    assert partial_files(world) == []
    assert world.findings() == []


def test_a_slow_writer_that_goes_on_extending_keeps_its_file(world: World) -> None:
    """A large account's day may take hours to compress: its age says nothing."""
    with world.database.transaction() as tx:
        upload_id = tx.uploads.begin(KEY, now=world.clock.now())

    def chunks() -> Iterator[bytes]:
        for _ in range(60):
            yield b"some"
            world.clock.pass_by(LOOK_FOR_ORPHANS_EVERY / 2)
            with world.database.transaction() as tx:
                tx.uploads.extend(upload_id, now=world.clock.now())
            sweep(world)
            assert world.findings() == []

    assert world.storage.put(KEY, chunks()) == 240
    with world.database.transaction() as tx:
        tx.uploads.go_live([upload_id], now=world.clock.now())


def test_a_writer_that_froze_for_too_long_fails_and_leaves_nothing(world: World) -> None:
    """It was taken for dead: when it wakes up, its put must not bring to life what nobody would ever delete."""
    with world.database.transaction() as tx:
        tx.uploads.begin(KEY, now=world.clock.now())

    def chunks() -> Iterator[bytes]:
        yield b"half"
        world.clock.pass_by(STALE_AFTER + SECOND)
        sweep(world)
        yield b"rest"

    with pytest.raises(StorageUnavailable, match=r"partial\.parquet"):
        world.storage.put(KEY, chunks())
    assert list(world.objects.root.rglob("*")) == []


def _unannounced(world: World) -> None:
    """From a release that did not see to them: its entry is long forgotten."""
    die_writing(world)


def _of_a_live_entry(world: World) -> None:
    """One that could not be removed when its put failed, as the disk was read-only, and whose entry went live."""
    with world.database.transaction() as tx:
        upload_id = tx.uploads.begin(KEY, now=world.clock.now())
        tx.uploads.go_live([upload_id], now=world.clock.now())
    die_writing(world)


@pytest.mark.parametrize("leave", [_unannounced, _of_a_live_entry])
def test_a_file_that_no_entry_leads_to_is_found_and_goes_within_a_day(
    world: World, leave: Callable[[World], None]
) -> None:
    """`check` names it while it is there; a worker looks for such files when it starts, and every day."""
    sweep(world)
    leave(world)
    [finding] = world.findings()
    assert finding.startswith(f"no object is left over: {KEY}: its write was interrupted")
    sweep(world)
    assert partial_files(world) == ["partial.parquet"]
    world.clock.pass_by(LOOK_FOR_ORPHANS_EVERY)
    sweep(world)
    assert partial_files(world) == []
    assert world.findings() == []
    leave(world)
    restarted = world.restarted()
    sweep(restarted)
    assert partial_files(restarted) == []
    restarted.close()


def test_a_clock_that_jumps_takes_no_file_from_its_writer(world: World) -> None:
    """No file is judged by its age: the look for files without an entry goes by what is in the ledger."""
    with world.database.transaction() as tx:
        tx.uploads.begin(KEY, now=world.clock.now() + timedelta(days=9999))
    die_writing(world)
    world.clock.set(world.clock.now() + timedelta(days=3650))
    restarted = world.restarted()
    sweep(restarted)
    assert partial_files(restarted) == ["partial.parquet"]
    restarted.close()


def test_a_probe_of_a_killed_server_goes_after_a_day(world: World) -> None:
    """Probes are in no ledger; one that is there at two looks, a day apart, is nobody's."""
    sweep(world)
    LocalStorage(world.objects.root).put("probes/whole", [b"dayfile"])
    die_writing(world, "probes/half")
    for looks in range(2):
        assert (partial_files(world), list(world.objects.scan("probes/"))) == (["half"], ["probes/whole"]), looks
        world.clock.pass_by(LOOK_FOR_ORPHANS_EVERY)
        sweep(world)
    assert list(world.objects.root.rglob("*")) == []


def test_a_seal_that_fails_gives_its_object_up(world: World) -> None:
    """At once, not hours later: on a full disk, every try would otherwise leave another one."""

    def fail() -> None:
        raise StorageUnavailable("the disk is full")

    world.storage.after_put = fail
    with pytest.raises(StorageUnavailable):
        world.seal(DAY)
    assert len(world.stored_keys()) == 1
    sweep(world)
    assert world.stored_keys() == set()
    world.seal(DAY)
    assert world.findings() == []
