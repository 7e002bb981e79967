"""Backups and restores as the commands make them, without a terminal."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from dayfile.files.backup_manifest import read_list
from dayfile.files.storage import LocalStorage, Storage
from dayfile.model.credential import Actor
from dayfile.objects.backup import Backup, MadeBackup
from dayfile.objects.backup_target import BackupTarget
from dayfile.objects.restore import Restore, Restored
from dayfile.store.database import Database
from dayfile.store.database_url import file_of
from tests.support.clock import FakeClock
from tests.support.randomness import SeededRandomness
from tests.support.world import ALL_PACKED, World

_numbers = itertools.count(1)


def _nothing(*_: object) -> None:
    pass


def a_backup(world: World, target: Storage, folder: Path) -> Backup:
    """A backup of an instance, not begun; `folder` is for what it needs meanwhile."""
    scratch = folder / f"scratch-{next(_numbers)}"
    scratch.mkdir()
    return Backup(
        world.database,
        world.storage,
        BackupTarget(target),
        clock=world.clock,
        randomness=SeededRandomness(f"backup {next(_numbers)}"),
        scratch=scratch,
        version="1",
    )


def run(backup: Backup, *, on_step: Callable[[str, int, int], None] = _nothing) -> MadeBackup:
    """Make a backup that is claimed."""
    return backup.run(key_text=None, actor=Actor(name="test"), on_step=on_step)


def back_up(world: World, target: Storage, folder: Path) -> MadeBackup:
    """Make a backup to its end."""
    backup = a_backup(world, target, folder)
    backup.claim()
    try:
        return run(backup)
    finally:
        backup.end()


def restore(
    target: Storage,
    folder: Path,
    *,
    storage: Storage | None = None,
    database: str | None = None,
    despite_damage: bool = False,
    on_step: Callable[[str, int, int], None] = _nothing,
) -> Restored:
    """Restore the last whole backup to a folder, or to a storage and a database of its own."""
    folder.mkdir(exist_ok=True)
    objects = storage or LocalStorage.open(folder / "objects")
    one = Restore(BackupTarget(target), objects, database or f"sqlite:///{folder}/dayfile.sqlite")
    manifest = one.manifest()
    one.check_place(manifest)
    scratch = folder / f"scratch-{next(_numbers)}"
    scratch.mkdir()
    return one.run(manifest, scratch, despite_damage=despite_damage, on_step=on_step)


def started(folder: Path, *, at: World, database: str | None = None, storage: str | None = None) -> World:
    """The instance that was restored to a folder, in another process."""
    clock = FakeClock(at.clock.now())
    return World(folder, database=database, storage=storage, clock=clock, process=9, pack_below=ALL_PACKED)


def empty(database_url: str) -> None:
    """Take all tables, or the file, from a database."""
    file = file_of(database_url)
    if file is not None:
        file.unlink()
        return
    with closing(Database.connect(database_url)) as database, database.exclusively() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")


def unlike(target: Storage) -> list[str]:
    """The keys of the last whole backup that are not there as its manifest says."""
    manifest = BackupTarget(target).newest()
    if manifest is None:
        return ["no manifest"]
    there = set(target.scan(""))
    listed = [(one.key, one.sha256) for one in read_list(target, manifest.listed)]
    listed.append((manifest.database.key, manifest.database.sha256))
    return [
        key
        for key, sha256 in listed
        if key not in there or hashlib.sha256(b"".join(target.read(key))).hexdigest() != sha256
    ]


def let_an_hour_pass(database: Path) -> None:
    """Have the clock mark of a SQLite file be an hour old, and of another boot: nobody has counted meanwhile."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE clock_mark SET at = at - 3600000000, boot_id = 'another'")
        connection.commit()
