"""A move of an instance to another database, another storage, or both: it is in one place at any moment.

The database that is left is closed first, so nothing changes any more while objects and then rows are copied. The last
step makes the instance in the new place. Whoever dies before it runs the move again, which goes on where it was, or
opens the old place again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

from dayfile.clock import Clock
from dayfile.errors import Conflict, Corrupt, DatabaseUnavailable, InFlight, NotFound, StorageUnavailable, Unusable
from dayfile.files.backup_manifest import BackedUpObject
from dayfile.files.storage import Storage, is_there
from dayfile.files.storage_url import StorageUrl
from dayfile.model.credential import Actor
from dayfile.model.quantity import count_text
from dayfile.model.secret import Randomness
from dayfile.objects import layout
from dayfile.objects.backup_target import OnStep
from dayfile.objects.database_place import put_in_place
from dayfile.objects.destination import Destination
from dayfile.objects.object_copy import ObjectCopy, listed, read
from dayfile.objects.referred_objects import ReferredObject, days_of, lost_of, objects_of
from dayfile.store.database import Database
from dayfile.store.database_copy import compare, copy_to_file, note_facts
from dayfile.store.database_url import shown_url
from dayfile.store.database_users import UNUSED_FOR, others_of
from dayfile.store.departure import Departure, Stage
from dayfile.store.instance import ARRIVED, LEFT_STORAGES, STORAGE
from dayfile.store.opening import check_absent, find_fact
from dayfile.store.referred import DayOfType

_OWNER: Final = f"{layout.MOVES}of-"
_ID_DIGITS: Final = 32
_SHOWN: Final = 3
_EVER: Final = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Counts of a move that is done, and the keys of what is damaged or missing in the new place as in the old one."""

    objects: int
    size_bytes: int
    copied: int  # in this run
    rows: int
    damaged: tuple[str, ...]
    missing: tuple[str, ...]


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
            check_absent(destination.database, to_do="name an empty place")
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
        """Close the database that is left; one that is closed stays so. Raises StorageUnavailable, too."""
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
        Conflict, StorageUnavailable, DatabaseUnavailable.
        """
        departure = self.departure()
        if departure is None or departure.stage is Stage.DONE:
            return None
        if self._has_arrived(departure, destination):
            self._let_go(destination)
            self._note(departure, Stage.DONE)
            return None
        copying = _Objects(self._database, self._storage, destination.storage, on_step)
        if departure.stage is Stage.OBJECTS:
            copying.copy()
            if not despite_damage:
                copying.check_known()
        copying.look()
        departure = self._note(departure, Stage.DATABASE)
        rows = self._move_database(departure, destination, scratch, on_step)
        if destination.database is not None:
            self._let_go(destination)
            self._note(departure, Stage.DONE)
        return copying.result(rows)

    def reopen(self, destination_url: str | None, *, despite_new_place: bool, actor: Actor) -> None:
        """Open the old place again; raises Conflict if the instance is in the new place, unless `despite_new_place`.

        `destination_url` is the database of the new place, which is asked for that; its password may be needed.
        """
        departure = self.departure()
        if departure is None:
            return
        if not despite_new_place and self._is_there(departure, destination_url):
            raise Conflict(
                f"the instance is in {departure.where} by now, and what came there is not here. If it is to be given "
                "up, delete it there, and give --despite-new-place"
            )
        with self._database.transaction() as tx:
            tx.departures.end()
            tx.audit.add(actor=actor, action="instance.reopened", subject=departure.where, now=self._clock.now())

    def _is_there(self, departure: Departure, url: str | None) -> bool:
        if departure.stage is not Stage.DATABASE or departure.database is None:
            return departure.stage is Stage.DONE
        if url is not None and shown_url(url) != departure.database:
            raise Conflict(f"the instance is on its way to {departure.database}, and not to {shown_url(url)}")
        try:
            return find_fact(url or departure.database, ARRIVED) == departure.id
        except (Unusable, DatabaseUnavailable) as error:
            raise Conflict(
                f"nobody can tell whether the instance is in {departure.where} by now: {error}. Name its database with "
                "--to-database, or give --despite-new-place if that place is lost"
            ) from error

    def _has_arrived(self, departure: Departure, destination: Destination) -> bool:
        """Return True if the database of the new place was made by this move, which died before it noted that."""
        return destination.database is not None and find_fact(destination.database, ARRIVED) == departure.id

    def _note(self, departure: Departure, stage: Stage) -> Departure:
        further = replace(departure, stage=stage)
        with self._database.transaction() as tx:
            tx.departures.note(further)
        return further

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

    def _take(self, target: Storage) -> None:
        key = _OWNER + self._identity()
        if not is_there(target, key):
            target.put(key, [])

    def _let_go(self, destination: Destination) -> None:
        """Delete the mark of this move in the new storage, as what is there is the instance's."""
        if destination.storage is not None:
            destination.storage.delete([_OWNER + self._identity()])

    def _move_database(self, departure: Departure, to: Destination, scratch: Path, on_step: OnStep) -> int:
        with self._database.snapshot() as tx:
            left = [one for one in tx.instance.left_storages() if one != to.storage_url]
        facts = {LEFT_STORAGES: json.dumps([*left, self._place] if to.storage else left)}
        if to.storage_url is not None:
            facts[STORAGE] = StorageUrl.parse(to.storage_url).whereabouts
        if to.database is None:
            self.check_alone(to)  # whoever came since then would go on with the storage that is left
            self._let_go(to)  # nothing of this move is asked for again after the commit
            with self._database.transaction() as tx:
                tx.departures.end()
                for name, value in facts.items():
                    tx.instance.replace(name, value)
            return 0
        file = scratch / "database.sqlite"
        copy_to_file(self._database, file, on_step=lambda done, whole: on_step("Copying the database", done, whole))
        note_facts(file, {**facts, ARRIVED: departure.id})
        rows = compare(self._database, file)
        put_in_place(file, to.database, on_step=on_step)
        return rows


class _Objects:
    """The objects that a database refers to, on their way from one storage to another, or staying where they are."""

    def __init__(self, database: Database, source: Storage, target: Storage | None, on_step: OnStep) -> None:
        self._database = database
        self._target = target
        self._copy = ObjectCopy(source, target or source)
        self._on_step = on_step
        self._objects = self._size_bytes = 0
        self._damaged: list[str] = []
        self._missing: list[str] = []
        self._unknown: list[str] = []  # damage that nobody knew of

    def copy(self) -> None:
        """Copy those that are not there yet, and delete what a former try of the instance has left there."""
        if self._target is None:
            return
        for family in layout.FAMILIES:  # of a move that was killed
            self._target.remove_partial(list(self._target.scan_partial(family)))
        days = days_of(self._database)
        for at, of in enumerate(days):
            self._on_step("Copying objects", at, len(days))
            self._copy_day(self._target, of)
        known = {(name, str(day)) for name, day in days}
        for family in layout.FAMILIES:
            for day, keys in groupby(self._target.scan(family), key=layout.day_of_key):
                if day not in known:
                    self._target.delete(keys)

    def check_known(self) -> None:
        """Raise Corrupt for damage that nobody knew of."""
        if self._unknown:
            raise Corrupt(
                f"{count_text(len(self._unknown), 'object')} of the instance, such as {self._unknown[0]}, nobody knew "
                "to be missing or damaged. There is no instance in the new place: open the old one again (`dayfile "
                "move --reopen`) and repair it as `dayfile check --deep` says, or move it as it is (--despite-damage)"
            )

    def look(self) -> None:
        """Look for all of them in lists of the new place; raises StorageUnavailable unless all are there."""
        days = [] if self._target is None else days_of(self._database)
        for at, of in enumerate(days):
            self._on_step("Looking for objects", at, len(days))
            there = {found.key: found.size_bytes for found in listed(self._copy.target, of)}
            for one in objects_of(self._database, of):
                size = there.get(one.key)
                if size is None or one.size_bytes not in {None, size}:
                    size = self._compared_size(one)
                self._objects += size is not None
                self._size_bytes += size or 0

    def result(self, rows: int) -> Moved:
        """Return the counts of the move."""
        return Moved(
            objects=self._objects,
            size_bytes=self._size_bytes,
            copied=self._copy.copied,
            rows=rows,
            damaged=tuple(sorted({*self._damaged, *self._unknown} - {*self._missing})),
            missing=tuple(self._missing),
        )

    def _copy_day(self, target: Storage, of: DayOfType) -> None:
        needed, lost = objects_of(self._database, of), lost_of(self._database, of)
        there = {found.key for found in listed(target, of)}
        target.delete(there - {one.key for one in needed})
        for one in needed:
            found = self._kept(target, of, one) if one.key in there else None
            found = found or self._copy.copy(of, one)
            if found is None:
                self._missing.append(one.key)
                is_known = one.is_among(lost)
            else:
                is_known = not found.is_damaged or one.key in lost or any(part.name in lost for part in one.parts)
                self._damaged += [one.key] if found.is_damaged else []
            self._unknown += [] if is_known else [one.key]

    def _kept(self, target: Storage, of: DayOfType, one: ReferredObject) -> BackedUpObject | None:
        """Return what an earlier run has brought if it is as it should be; otherwise it is deleted."""
        kept = read(target, of, one)
        if kept is not None and not kept.is_damaged:
            own = kept if one.parts else read(self._copy.source, of, one)  # no row has the hash of any other object
            if own is not None and own.sha256 == kept.sha256:
                return kept
        target.delete([one.key])
        return None

    def _compared_size(self, one: ReferredObject) -> int | None:
        """Return the size of an object that is not in a list as its row says, if it is the same in both storages."""
        sizes = [_size(storage, one.key) for storage in (self._copy.source, self._copy.target)]
        if sizes[0] != sizes[1]:
            raise StorageUnavailable(
                f"{one.key} was copied, and is not there as it was: {sizes[1]} bytes of {sizes[0]}. Is that storage "
                "still mounted, and does nobody else write there? Run the command again"
            )
        return sizes[1]


def _size(storage: Storage, key: str) -> int | None:
    try:
        return storage.size(key)
    except NotFound:
        return None
