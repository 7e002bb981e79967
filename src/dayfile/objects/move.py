"""A move of an instance to another database, another storage, or both: it is in one place at any moment.

The database that is left is closed first, so nothing changes any more while objects and then rows are copied. The last
step makes the instance in the new place. Whoever dies before it runs the move again, which goes on where it was, or
opens the old place again.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from dayfile.clock import Clock
from dayfile.errors import Conflict, Corrupt, DatabaseUnavailable, DayfileError, InFlight, LostClaim, Unusable
from dayfile.files.storage import Storage, is_there
from dayfile.files.storage_url import StorageUrl
from dayfile.model.credential import Actor
from dayfile.model.secret import Randomness
from dayfile.objects import layout
from dayfile.objects.backup_target import OnStep
from dayfile.objects.database_place import check_place, put_in_place
from dayfile.objects.destination import Destination
from dayfile.objects.foreign_file import find_foreign
from dayfile.objects.moved_objects import Moved, MovedObjects
from dayfile.store.database import Database
from dayfile.store.database_copy import compare, copy_to_file, note_facts
from dayfile.store.database_url import shown_url
from dayfile.store.database_users import UNUSED_FOR, others_of
from dayfile.store.departure import Departure, Stage, given_up
from dayfile.store.instance import ARRIVED, LEFT_STORAGES, STORAGE
from dayfile.store.opening import check_absent, find_fact

_OWNER: Final = f"{layout.MOVES}of-"
_ID_DIGITS: Final = 32
_SHOWN: Final = 3
_EVER: Final = timedelta(days=3650)


class Move:
    """The move of an instance, whose database may be closed for it already, out of the place where it is."""

    def __init__(
        self, database: Database, storage: Storage, place: str, *, clock: Clock, randomness: Randomness
    ) -> None:
        """Have an instance move of which nothing else is open in this process; `place` is the URL of its storage."""
        self._database = database
        self._storage = storage
        self._place = place
        self._clock = clock
        self._new_id = randomness.hex(_ID_DIGITS)
        self._runner = randomness.hex(_ID_DIGITS)
        self._instance_id = randomness.hex(_ID_DIGITS)  # for an instance that has no id yet

    def departure(self) -> Departure | None:
        """Return how far the move is; None before it has begun."""
        with self._database.snapshot() as tx:
            return tx.departures.find()

    def check_destination(self, destination: Destination) -> None:
        """Raise Conflict for a place where something else is, or for another one than that of a move that has begun.

        Raises Unusable, DatabaseUnavailable or StorageUnavailable for a place that cannot be used.
        """
        departure = self.departure()
        if departure is not None:
            if (departure.database, departure.storage) != (destination.shown_database, destination.storage_url):
                raise Conflict(f"{departure.told}. Another place cannot be named now")
            if departure.stage is Stage.DONE or self._has_arrived(departure, destination):
                return
        if destination.database is not None:
            check_place(destination.database, to_do="name an empty place")
        if destination.storage is not None and (departure is None or departure.stage is Stage.OBJECTS):
            self._check_storage(destination.storage)

    def check_alone(self, destination: Destination) -> None:
        """Raise InFlight while another process uses the instance, as far as that can be seen, also to move it.

        If the database stays, nothing stops a process that stands still meanwhile and goes on with the storage that is
        left: then each session that there is counts.
        """
        with self._database.snapshot() as tx:
            now = self._clock.now()
            workers = [worker.name for worker in tx.workers.all() if worker.is_running(now)]
            departure = tx.departures.find()
            is_backed_up = tx.backups.is_running(now=now)
        if departure is not None and departure.stage is Stage.DONE:
            return
        users = [*(f"the worker {name}" for name in workers), *(["a backup"] if is_backed_up else [])]
        users = users or others_of(self._database, unused_for=_EVER if destination.database is None else UNUSED_FOR)
        if users:
            raise InFlight(
                f"the instance is in use: {', '.join(users[:_SHOWN])}. Stop every process of it, on every host. A "
                "worker that was killed counts for another minute, a session of a pooler for three, a backup for ten",
                retry_after=60,
            )

    def begin(self, destination: Destination, *, actor: Actor) -> None:
        """Close the database that is left; one that is closed stays so. Raises Conflict, StorageUnavailable, too."""
        departure = self.departure()
        if departure is not None and departure.stage is not Stage.OBJECTS:
            return
        if destination.storage is not None:
            self._take(destination.storage)
        if departure is not None:
            return
        with self._database.transaction() as tx:
            now = self._clock.now()
            departure = Departure(
                id=self._new_id,
                database=destination.shown_database,
                storage=destination.storage_url,
                begun_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
            )
            tx.audit.add(actor=actor, action="instance.moved", subject=departure.where, now=now)
            tx.departures.begin(departure)

    def run(self, destination: Destination, scratch: Path, *, despite_damage: bool, on_step: OnStep) -> Moved | None:
        """Copy what is not there yet and make the instance there; None if that is done. `scratch` is an empty folder.

        Raises Corrupt for damage that nobody knew of, before there is an instance, unless `despite_damage`. Raises
        LostClaim if the move was given up meanwhile; Conflict, StorageUnavailable, DatabaseUnavailable.
        """
        departure = self._taken_over(destination)
        if departure.stage is Stage.DONE:
            return None
        if self._has_arrived(departure, destination):
            self._let_go(destination)
            self._note(departure, Stage.DONE)
            return None
        check = partial(self._check, departure)
        copying = MovedObjects(self._database, self._storage, destination.storage, check=check, on_step=on_step)
        if departure.stage is Stage.OBJECTS:
            copying.copy()
            copying.check_known(despite_damage=despite_damage)
        copying.look()
        if departure.stage is Stage.OBJECTS:
            departure = self._note(departure, Stage.DATABASE)
        if destination.database is None:
            self._go_on_with_storage(departure, destination)
            return copying.result(0)
        return copying.result(self._move_database(departure, destination, scratch, on_step=on_step))

    def reopen(self, destination_url: str | None, *, despite_new_place: bool, actor: Actor) -> None:
        """Open the old place again, which ends a move that still runs.

        Raises Conflict if the instance is, or may be, in the new place, unless `despite_new_place`. `destination_url`
        is the database of the new place, which may be asked for that; its password may be needed.
        """
        departure = self.departure()
        if departure is None:
            return
        if not despite_new_place:
            self._check_not_there(departure, destination_url)
        with self._database.transaction() as tx:
            try:
                tx.departures.check(departure)
            except LostClaim as error:
                raise Conflict("the move goes on this moment, and nothing was changed: try it again") from error
            tx.departures.end()
            tx.audit.add(actor=actor, action="instance.reopened", subject=departure.where, now=self._clock.now())

    def _check_not_there(self, departure: Departure, url: str | None) -> None:
        if url is not None and departure.database not in {None, shown_url(url)}:
            raise Conflict(f"the instance is on its way to {departure.database}, and not to {shown_url(url)}")
        if departure.stage is Stage.DONE or (departure.stage is Stage.MAKING and self._was_made(departure, url)):
            raise Conflict(
                f"the instance is in {departure.where} by now, and what came there is not here. If it is to be given "
                "up, delete it there, and give --despite-new-place"
            )
        if departure.stage is Stage.MAKING:
            raise Conflict(
                f"the instance is being made in {departure.where} now, or that was interrupted: run `dayfile move` "
                "again to end it. If that place is lost, see that no `dayfile move` still runs, and give "
                "--despite-new-place"
            )

    def _was_made(self, departure: Departure, url: str | None) -> bool:
        try:
            return find_fact(url or departure.database or "", ARRIVED) == departure.id
        except (Unusable, DatabaseUnavailable) as error:
            raise Conflict(
                f"nobody can tell whether the instance is in {departure.where} by now: {error}. Name its database with "
                "--to-database, or give --despite-new-place if that place is lost"
            ) from error

    def _has_arrived(self, departure: Departure, destination: Destination) -> bool:
        """Return True if the database of the new place was made by this move, which died before it noted that."""
        return destination.database is not None and find_fact(destination.database, ARRIVED) == departure.id

    def _taken_over(self, destination: Destination) -> Departure:
        """Return the move to that place, with which from now on no other process goes on; raises LostClaim."""
        departure = self.departure()
        place = destination.shown_database, destination.storage_url
        if departure is None or (departure.database, departure.storage) != place:
            raise given_up()
        return departure if departure.stage is Stage.DONE else self._note(departure, departure.stage)

    def _note(self, departure: Departure, stage: Stage) -> Departure:
        further = replace(departure, stage=stage, runner=self._runner)
        with self._database.transaction() as tx:
            tx.departures.note(departure, further)
        return further

    def _check(self, departure: Departure) -> None:
        """Raise LostClaim if the move was given up, or if another process goes on with it."""
        with self._database.snapshot() as tx:
            tx.departures.check(departure, is_locked=False)

    def _identity(self) -> str:
        with self._database.transaction() as tx:
            return tx.instance.settle("id", self._instance_id)

    def _check_storage(self, target: Storage) -> None:
        """Raise Conflict for a storage with objects that no move of this instance has brought."""
        owners = {key.removeprefix(_OWNER) for key in target.scan(_OWNER)}
        if owners and owners != {self._identity()}:
            raise Conflict("another instance is on its way into that storage: name another place")
        for family in () if owners else layout.FAMILIES:
            key = next(iter(target.scan(family)), None)
            if key is not None:
                raise Conflict(
                    f"that storage has {key}, which belongs to another instance, or is what a former move has left: "
                    "name an empty place, such as another prefix or folder"
                )
        foreign = None if owners else find_foreign(target, families=(*layout.FAMILIES, layout.MOVES))
        if foreign is not None:
            raise Conflict(
                f"that storage has {foreign}: name an empty place, such as a new folder in it, or a longer prefix"
            )

    def _take(self, target: Storage) -> None:
        key = _OWNER + self._identity()
        if not is_there(target, key):
            with suppress(FileExistsError):  # another process of this move was first
                target.put(key, [])

    def _let_go(self, destination: Destination) -> None:
        """Delete the mark of this move in the new storage, as what is there is the instance's."""
        if destination.storage is not None:
            destination.storage.delete([_OWNER + self._identity()])

    def _facts(self, to: Destination) -> dict[str, str]:
        """Return the facts of the new place."""
        with self._database.snapshot() as tx:
            left = [one for one in tx.instance.left_storages() if one != to.storage_url]
        if to.storage_url is None:
            return {LEFT_STORAGES: json.dumps(left)}
        left.append(self._place)
        return {LEFT_STORAGES: json.dumps(left), STORAGE: StorageUrl.parse(to.storage_url).whereabouts}

    def _go_on_with_storage(self, departure: Departure, to: Destination) -> None:
        """Have the database, which stays where it is, go on with the new storage."""
        facts = self._facts(to)
        self.check_alone(to)  # whoever came since then would go on with the storage that is left
        self._check(departure)
        self._let_go(to)  # nothing of this move is asked for again after the commit
        with self._database.transaction() as tx:
            tx.departures.check(departure)
            tx.departures.end()
            for name, value in facts.items():
                tx.instance.replace(name, value)

    def _move_database(self, departure: Departure, to: Destination, scratch: Path, *, on_step: OnStep) -> int:
        """Make the database there, and return the number of its rows."""
        file, url = scratch / "database.sqlite", to.database or ""
        copy_to_file(self._database, file, on_step=partial(on_step, "Copying the database"))
        note_facts(file, {**self._facts(to), ARRIVED: departure.id})
        try:
            rows = compare(self._database, file)
        except Corrupt:
            self._check(departure)  # a database that was opened again has gone on
            raise
        making = self._note(departure, Stage.MAKING)
        try:
            put_in_place(file, url, check=partial(self._check, making), on_step=on_step)
        except BaseException:
            with suppress(DayfileError):
                check_absent(url)  # so nothing came of it, and it may be given up
                self._note(making, Stage.DATABASE)
            raise
        self._let_go(to)
        self._note(making, Stage.DONE)
        return rows
