"""Moves of an instance to other databases and storages, and back; whatever dies or fails on the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dayfile.errors import Conflict, Corrupt, DatabaseUnavailable, InFlight, Moved, StorageUnavailable, Unusable
from dayfile.files.storage import LocalStorage
from dayfile.service import Service
from dayfile.store.database import Database
from tests.support.backups import empty, started
from tests.support.clock import FakeClock
from tests.support.damage import flip
from tests.support.databases import a_new_database
from tests.support.full import fill
from tests.support.mounts import small_disk
from tests.support.moves import Mover, a_busy_world, bodies, broken, objects_in, kept_rows, moved, opens, reopen
from tests.support.packed_day import files_of
from tests.support.steps import Died, Steps
from tests.support.swift import Bucket
from tests.support.world import QuickSettings, World


def _at(folder: Path, world: World, *, database: str, storage: str) -> QuickSettings:
    """The settings with which the instance of a world is used in another place."""
    return world.settings.model_copy(update={"data_dir": folder, "database_url": database, "storage_url": storage})


def only(keys: set[str], objects: dict[str, bytes]) -> dict[str, bytes]:
    """The objects that something refers to: garbage stays behind."""
    return {key: objects[key] for key in keys}


@pytest.fixture
def empty_server(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with a_new_database("postgresql", tmp_path) as url:
        empty(url)
        yield url


def test_an_instance_moves_to_postgresql_and_a_bucket_and_back(
    tmp_path: Path, bucket: Bucket, empty_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row and every byte is the same in each place; the old one is closed, and work goes on in the new one."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    world = a_busy_world(tmp_path / "old")
    needed = world.referred_keys()
    world.close()
    rows, files = kept_rows(world.settings.database), only(needed, objects_in(tmp_path / "old" / "objects"))
    there = moved(world.settings, world.clock, database=empty_server, storage=bucket.url)
    assert there is not None
    assert (there.objects, there.copied, there.damaged, there.missing) == (len(files), len(files), (), ())
    assert kept_rows(empty_server) == rows
    assert bucket.objects() == len(files)
    assert not opens(world.settings)
    remote = _at(tmp_path / "old", world, database=empty_server, storage=bucket.url)
    back = f"sqlite:///{tmp_path}/new/dayfile.sqlite"
    assert moved(remote, world.clock, database=back, storage=f"file://{tmp_path}/new/objects") is not None
    assert kept_rows(back) == rows
    assert objects_in(tmp_path / "new" / "objects") == files
    assert not opens(remote)
    new = started(tmp_path / "new", at=world)
    assert broken(new) == []
    assert files_of(new) != {}
    assert bodies(new) == ["v2", "v3"]
    assert broken(new) == []
    assert only(needed, objects_in(tmp_path / "old" / "objects")) == files
    new.close()


def test_wherever_a_move_dies_one_place_is_the_instance_and_it_goes_on(tmp_path: Path) -> None:
    """At each step of the copying: what was begun is ended by the same command, and nothing is there twice or never."""
    world = a_busy_world(tmp_path / "first")
    needed = world.referred_keys()
    world.close()
    rows, files = kept_rows(world.settings.database), only(needed, objects_in(tmp_path / "first" / "objects"))
    was_reached, at = True, 0
    while was_reached:
        at += 1
        folder = tmp_path / f"at {at}"
        shutil.copytree(tmp_path / "first", folder / "old")
        old = _at(folder / "old", world, database=f"sqlite:///{folder}/old/dayfile.sqlite", storage=f"file://{folder}/old/objects")
        to = {"database": f"sqlite:///{folder}/new/dayfile.sqlite", "storage": f"file://{folder}/new/objects"}
        new, steps = _at(folder / "old", world, **to), Steps(at=at)
        try:
            moved(old, world.clock, **to, steps=steps)
        except Died:
            assert not (opens(old) and opens(new))
            moved(old, world.clock, **to)
        was_reached = steps.was_reached
        assert (opens(old), opens(new)) == (False, True)
        assert kept_rows(to["database"]) == rows
        assert objects_in(folder / "new" / "objects") == files
        shutil.rmtree(folder)
    assert at > 30
