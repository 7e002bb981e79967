"""Manifests that are not whole: found by the scrub, and written anew while the database knows what was in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dayfile.errors import StorageUnavailable
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import SealedDay
from dayfile.model.resource import MESSAGES
from dayfile.objects import layout
from dayfile.objects.rebuild import Rebuild
from tests.support.damage import cut, flip, remove
from tests.support.packed_day import ACCOUNTS, DAY, a_packed_world, files_of, let_die
from tests.support.recorded_log import recorded_log
from tests.support.scrub_walk import walk
from tests.support.state import a_database
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance with two seals, and a pack that was rewritten; everything was looked at once."""
    world = a_packed_world(tmp_path / "instance", scrub_days=7)
    let_die(world, ACCOUNTS[:3])
    assert world.pack_rewrite.step()
    walk(world)
    yield world
    world.close()


def manifests(world: World) -> list[Path]:
    """Return the files of all manifests."""
    keys = [key for key in world.stored_keys() if layout.manifest_mark(key) or layout.pack_of(key) != key]
    assert len(keys) == 3
    return [world.objects.root / key for key in sorted(keys)]


@pytest.mark.parametrize("harm", [flip, cut, remove])
def test_one_that_is_not_whole_is_written_anew(world: World, harm: Callable[[Path], bytes]) -> None:
    """Nobody reads it until the database is lost, and then it is too late."""
    for path in manifests(world):
        path.chmod(0o600)
        harm(path)
        with recorded_log() as log:
            walk(world)
            line = log.next("manifest.rewritten")
        assert (world.objects.root / line["object"], bool(line["damage"])) == (path, True)
        assert world.check(deep=True) == []


def test_one_that_is_in_the_place_of_another_is_written_anew(world: World) -> None:
    """Whole, and wrong: rebuild would take its files for those of the other seal."""
    one, other, _ = manifests(world)
    one.chmod(0o600)
    one.write_bytes(other.read_bytes())
    with recorded_log() as log:
        walk(world)
        assert "it is the manifest of" in log.next("manifest.rewritten")["damage"]


def test_what_is_written_anew_says_the_same(world: World) -> None:
    """The same rows give the same bytes, as long as no file of the seal was forgotten or moved."""
    with world.database.snapshot() as tx:
        newest = str(tx.seals.former_mark(MESSAGES, Day.parse(DAY)))
    was = {path: path.read_bytes() for path in manifests(world) if "pack-" in path.name or newest in path.name}
    assert len(was) == 2
    for path in was:
        remove(path)
    walk(world)
    assert {path: path.read_bytes() for path in was} == was


def test_sealed_days_are_rebuilt_from_what_is_written_anew(world: World, tmp_path: Path) -> None:
    """Manifests are for nothing else: each file is found where it is now."""
    for path in manifests(world):
        remove(path)
    walk(world)
    (tmp_path / "rebuilt").mkdir()
    database = a_database(tmp_path / "rebuilt")
    rebuilt = Rebuild(database, world.objects, clock=world.clock).run()
    assert (rebuilt.seals, rebuilt.unmarked, rebuilt.unreadable, rebuilt.missing) == (2, (), (), ())
    with database.snapshot() as tx:
        found = tx.sealed_days.of_day(MESSAGES, Day.parse(DAY))
    assert _places(found) == _places(files_of(world))
    database.close()


def test_a_storage_that_takes_nothing_is_no_harm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next walk finds it missing, and tries again."""
    remove(manifests(world)[-1])

    def full(*_: object) -> int:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as patched, recorded_log() as log:
        patched.setattr(type(world.objects), "put", full)
        walk(world)
        assert log.next("manifest.not_rewritten")["reason"] == "the disk is full"
    walk(world)
    assert world.check(deep=True) == []


def _places(files: dict[AccountSid, SealedDay]) -> dict[AccountSid, tuple[object, ...]]:
    return {
        account: (one.revision, one.sha256, one.sealed_at, one.place.object_key, one.place.start)
        for account, one in files.items()
    }
