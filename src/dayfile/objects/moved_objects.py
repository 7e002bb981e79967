"""The objects of an instance that moves, on their way from one storage to another, or staying where they are."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import groupby

from dayfile.errors import Corrupt, NotFound, StorageUnavailable
from dayfile.files.soundness import compare_whole
from dayfile.files.storage import Storage
from dayfile.model.quantity import count_text
from dayfile.objects import layout
from dayfile.objects.backup_target import OnStep
from dayfile.objects.object_copy import FoundObject, ObjectCopy, is_better, listed, read
from dayfile.objects.referred_objects import ReferredObject, days_of, lost_of, objects_of
from dayfile.store.database import Database
from dayfile.store.referred import DayOfType


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Counts of a move that is done, and the keys of what is damaged or missing in the new place as in the old one."""

    objects: int
    size_bytes: int
    copied: int  # in this run
    rows: int
    damaged: tuple[str, ...]
    missing: tuple[str, ...]


class MovedObjects:
    """The objects that a database refers to, and the storage that they are to be in."""

    def __init__(
        self,
        database: Database,
        source: Storage,
        target: Storage | None,
        *,
        check: Callable[[], None],
        on_step: OnStep,
    ) -> None:
        """Have objects go from a storage to a target, or stay if that is None; `check` raises if it is to end."""
        self._database = database
        self._target = target
        self._copy = ObjectCopy(source, target or source)
        self._check = check
        self._on_step = on_step
        self._has_any = False
        self._objects = self._size_bytes = 0
        self._damaged: list[str] = []
        self._missing: list[str] = []
        self._unknown: list[str] = []  # objects, or files in them, whose damage nobody knew of

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

    def check_known(self, *, despite_damage: bool) -> None:
        """Raise Corrupt for damage that nobody knew of, unless `despite_damage`, and if nothing is there at all."""
        if not self._unknown:
            return
        self._check()
        if not self._has_any:
            raise StorageUnavailable(
                "the storage that is left has none of the objects that the database names: is its disk mounted, and "
                "is it that of the instance? Run the command again, or open the old place again (`dayfile move "
                "--reopen`)"
            )
        if not despite_damage:
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
            damaged=tuple(sorted(self._damaged)),
            missing=tuple(self._missing),
        )

    def _copy_day(self, target: Storage, of: DayOfType) -> None:
        needed, lost = objects_of(self._database, of), lost_of(self._database, of)
        there = {found.key for found in listed(target, of)}
        self._check()  # a move that was given up deletes nothing, in what may be another one's by now
        target.delete(there - {one.key for one in needed})
        for one in needed:
            self._check()
            found = self._kept(target, one) if one.key in there else None
            found = found or self._copy.copy(one)
            self._has_any |= found is not None
            if found is None:
                self._missing.append(one.key)
                self._unknown += [] if one.is_among(lost) else [one.key]
            elif found.is_damaged:
                self._damaged.append(one.key)
                self._unknown += _unknown(found, lost)

    def _kept(self, target: Storage, one: ReferredObject) -> FoundObject | None:
        """Return what an earlier run has brought, unless the source has it and has it better: then it is deleted."""
        kept = read(target, one)
        if kept is None or (one.parts and not kept.is_damaged):
            return kept
        own = read(self._copy.source, one)
        if own is None or own.sha256 == kept.sha256:
            return kept
        if not is_better(own, kept):
            return kept
        # No row has the hash of an object without files. Of two that are as large as they should be, one has changed.
        is_segment = one.key.startswith(layout.SEGMENTS) and not kept.is_damaged
        if is_segment and not _is_sound(self._copy.source, one.key) and _is_sound(target, one.key):
            return kept
        target.delete([one.key])
        return None

    def _compared_size(self, one: ReferredObject) -> int | None:
        """Return the size of an object that is not in a list as its row says, if it is not another in the source."""
        sizes = [_size(storage, one.key) for storage in (self._copy.source, self._copy.target)]
        if sizes[0] not in {None, sizes[1]}:
            self._check()  # a database that was opened again names other objects
            raise StorageUnavailable(
                f"{one.key} was copied, and is not there as it was: {sizes[1]} bytes of {sizes[0]}. Is that storage "
                "still mounted, and does nobody else write there? Run the command again"
            )
        return sizes[1]


def _unknown(found: FoundObject, lost: Collection[str]) -> list[str]:
    """Return what is damaged of an object and not known to be: files in it, or the object."""
    if found.key in lost:
        return []
    files = [name for name in found.damaged_files if name not in lost]
    return [f"{name}, in {found.key}" for name in files] if found.damaged_files else [found.key]


def _is_sound(storage: Storage, key: str) -> bool:
    """Return True unless the checksums in a segment say that it has changed."""
    try:
        compare_whole(b"".join(storage.read(key)), checksum=None)
    except Corrupt:
        return False
    return True


def _size(storage: Storage, key: str) -> int | None:
    try:
        return storage.size(key)
    except NotFound:
        return None
