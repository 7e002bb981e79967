"""Moves of instances as the command makes them, without a terminal, and what must be the same afterwards."""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from dayfile.errors import Absent, Unusable
from dayfile.model.credential import Actor
from dayfile.objects.backup_target import OnStep
from dayfile.objects.destination import Destination
from dayfile.objects.move import Move
from dayfile.objects.moved_objects import Moved
from dayfile.opening import destination_of
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.database import Database
from dayfile.store.table_digests import OF_PROCESSES
from tests.support.any_rows import rows_of
from tests.support.clock import FakeClock
from tests.support.packed_day import ACCOUNTS, NAMES, a_message, files_of, let_die, revise
from tests.support.randomness import SeededRandomness
from tests.support.state import a_job_request, an_account
from tests.support.steps import SteppingDatabase, SteppingStorage, Steps
from tests.support.world import ALL_PACKED, World

_numbers = itertools.count(1)
ACTOR = Actor(name="test")


def _nothing(*_: object) -> None:
    pass


class Mover:
    """A process that moves an instance of which everything else is closed, and that may die at a step."""

    def __init__(self, settings: Settings, clock: FakeClock, *, steps: Steps | None = None) -> None:
        self._steps = steps or Steps()
        settings = settings.model_copy(update={"database_connections": 1})
        overrides = Overrides(
            clock=clock,
            randomness=SeededRandomness(f"move {next(_numbers)}"),
            database=lambda real: SteppingDatabase.of(real, self._steps),
        )
        self.service = Service.find(settings, overrides, to_move=True)
        self.move = Move(
            self.service.database,
            self.service.storage,
            settings.storage.text,
            clock=clock,
            randomness=self.service.randomness,
        )

    def run(
        self,
        database: str | None,
        storage: str | None,
        *,
        despite_damage: bool = False,
        on_step: OnStep = _nothing,
    ) -> Moved | None:
        """Move it, or go on with that."""
        settings = self.service.settings
        to = destination_of(settings, database=database, storage=storage, makes_folder=False)
        self.move.check_destination(to)
        self.move.check_alone(to)
        to = destination_of(settings, database=database, storage=storage, makes_folder=True)
        if to.storage is not None:
            to = replace(to, storage=SteppingStorage(to.storage, self._steps))
        self.move.begin(to, actor=ACTOR)
        scratch = settings.scratch / str(next(_numbers))
        scratch.mkdir(parents=True)
        return self.move.run(to, scratch, despite_damage=despite_damage, on_step=on_step)

    def destination(self, *, database: str) -> Destination:
        """The place of a database."""
        return destination_of(self.service.settings, database=database, storage=None, makes_folder=True)

    def close(self) -> None:
        """End the process."""
        self.service.close()


def moved(
    settings: Settings,
    clock: FakeClock,
    *,
    database: str | None = None,
    storage: str | None = None,
    steps: Steps | None = None,
    despite_damage: bool = False,
    on_step: OnStep = _nothing,
) -> Moved | None:
    """Move an instance to its end, in a process of its own."""
    with closing(Mover(settings, clock, steps=steps)) as mover:
        return mover.run(database, storage, despite_damage=despite_damage, on_step=on_step)


def reopen(settings: Settings, clock: FakeClock, *, database: str | None = None, despite: bool = False) -> None:
    """Open the old place again."""
    with closing(Mover(settings, clock)) as mover:
        mover.move.reopen(database, despite_new_place=despite, actor=ACTOR)


def opens(settings: Settings) -> bool:
    """Say if there is an instance that can be used, by these settings."""
    try:
        Service.find(settings).close()
    except Unusable as error:
        if not isinstance(error, Absent) and not any(words in str(error) for words in ("on its way to", "moved")):
            raise
        return False
    return True


def kept_rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows that a move must bring: not those of processes, and not those that a move itself writes."""
    with closing(Database.connect(url)) as database, database.looked_into() as connection:
        rows = rows_of(connection)
    of_moves = {"arrived", "departure", "id", "left_storages", "storage"}
    rows["instance"] = [row for row in rows["instance"] if row[0] not in of_moves]
    rows["audit"] = [row for row in rows["audit"] if not row[3].startswith(("instance.", "backup."))]
    return {name: there for name, there in rows.items() if name not in {table.name for table in OF_PROCESSES}}


def objects_in(folder: Path) -> dict[str, bytes]:
    """The bytes of all objects in a folder, by key."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def a_busy_world(folder: Path, *, database: str | None = None, storage: str | None = None) -> World:
    """An instance in use: sealed packs and a file of its own, a job with its notices, keys, and records that wait."""
    folder.mkdir(exist_ok=True)
    world = World(folder, database=database, storage=storage, pack_below=ALL_PACKED)
    acme = an_account(world.database, NAMES[0], email="someone@example.com")
    for name in NAMES[1:]:
        an_account(world.database, name, parent=acme.sid if name == NAMES[1] else None)
    world.service.administration.create_key(account=acme.sid)
    revise(world, ACCOUNTS, updated=1)
    let_die(world, ACCOUNTS[:3])
    world.enable(acme.sid)
    request = replace(a_job_request(acme), webhook_url="https://example.com/hook", webhook_method="POST")
    world.jobs.submit(request)
    world.work()
    world.accept([a_message(ACCOUNTS[0], name="waits", updated=3)], idempotency_key="k")
    assert world.listed(acme.sid)
    return world


def broken(world: World) -> list[str]:
    """The findings of `dayfile check --deep`, but for those of the clock, which jumps in tests."""
    return [found for found in world.findings() if not found.startswith("the clock")]


def bodies(world: World) -> list[str]:
    """The bodies of all records of the first account, after the day is sealed again."""
    world.clock.pass_by(timedelta(hours=8))
    world.work()
    return sorted(str(record["body"]) for record in world.records_of(files_of(world)[ACCOUNTS[0]]))
