"""A restore: the objects of a backup first, and its database last, which makes an instance of them.

Who dies before that has made nothing that starts; run again, it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from dayfile.errors import Conflict, Corrupt, NotFound, Unusable
from dayfile.files.backup_manifest import BackedUpObject, BackupManifest, ListedObjects, read_list
from dayfile.files.hashed import Hashed
from dayfile.files.storage import Storage
from dayfile.objects import layout
from dayfile.objects.backup_target import BackupTarget, OnStep
from dayfile.objects.database_place import check_place, put_in_place
from dayfile.store.database_copy import migrate_file
from dayfile.store.instance import SCHEMA


class _Fate(Enum):
    """The end of an object that is to be restored."""

    COPIED = auto()
    KEPT = auto()
    LEFT = auto()  # the backup has it as it was, damaged, and another one is there
    DAMAGED = auto()  # the backup does not have it as it was


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Counts of what was restored, and the keys of what the backup has damaged or not at all."""

    objects: int
    size_bytes: int
    copied: int
    damaged: tuple[str, ...]


class Restore:
    """The restoring of the last whole backup of a target into a place without an instance."""

    def __init__(self, target: BackupTarget, storage: Storage, database_url: str) -> None:
        self._target = target
        self._storage = storage
        self._url = database_url

    def manifest(self) -> BackupManifest:
        """Return the manifest of the backup to restore; raises Unusable if there is none, Corrupt.

        Raises Conflict for a place in which there is a database, and StorageUnavailable or DatabaseUnavailable.
        """
        check_place(self._url)
        found, begun = self._target.newest(), self._target.unfinished()
        if found is None and begun:
            raise Unusable(
                f"there is only a backup that was never finished ({begun[-1]}): it lacks its manifest, and nobody "
                "knows what else. Restore another one, or run `dayfile backup` to its end if the instance is there"
            )
        if found is None:
            raise Unusable(
                "there is no backup in that place: name the folder, or the URL, that `dayfile backup` was given"
            )
        if found.schema > SCHEMA:
            raise Unusable(
                f"the backup was made by Dayfile {found.version}, which is newer than this one: install that version"
            )
        return found

    def check_place(self, manifest: BackupManifest) -> None:
        """Raise Conflict for a storage with objects that the backup does not have: they are another instance's."""
        for family in layout.FAMILIES:
            known = ListedObjects(self._target.storage, manifest.listed)
            for key in self._storage.scan(family):
                if key not in known.of(layout.day_of_key(key) or ("", "")):
                    raise Conflict(
                        f"the object storage has {key}, which is not in the backup: it belongs to another instance, or "
                        "came after the backup. Have DAYFILE_STORAGE_URL name an empty place; to restore beside what "
                        "is there, which stays as it is, give --beside-other-objects"
                    )

    def run(self, manifest: BackupManifest, scratch: Path, *, despite_damage: bool, on_step: OnStep) -> Restored:
        """Restore it. Raises Corrupt for a damaged backup, before there is an instance, unless `despite_damage`.

        Raises Conflict for one that was replaced meanwhile.
        """
        file, copied, damaged, unknown = scratch / "database.sqlite", 0, list(manifest.missing), list[str]()
        for family in layout.FAMILIES:  # of a restore that was killed
            self._storage.remove_partial(list(self._storage.scan_partial(family)))
        try:
            self._target.fetch(manifest.database, file)
            for at, one in enumerate(read_list(self._target.storage, manifest.listed)):
                on_step("Copying objects", at, manifest.objects)
                fate = self._bring(one)
                copied += fate is _Fate.COPIED
                damaged += [one.key] if fate is _Fate.DAMAGED or one.is_damaged else []
                unknown += [one.key] if fate is _Fate.DAMAGED else []
        except (Corrupt, NotFound):
            self._check_newest(manifest)
            raise
        if unknown:
            self._check_newest(manifest)
        if unknown and not despite_damage:
            raise Corrupt(
                f"the backup is damaged: {len(unknown)} of its objects are missing or not what they were, such as "
                f"{unknown[0]}. There is no instance yet: repair the backup and run this again, which goes on where it "
                "was; or do without them (--despite-damage)"
            )
        migrate_file(file)
        put_in_place(file, self._url, on_step=on_step)
        return Restored(objects=manifest.objects, size_bytes=manifest.size_bytes, copied=copied, damaged=tuple(damaged))

    def _check_newest(self, manifest: BackupManifest) -> None:
        """Raise Conflict if another backup was made meanwhile: it has deleted what only the one before needed."""
        if self._target.newest() != manifest:
            raise Conflict(
                f"the backup of {manifest.made_at} was replaced by a newer one while it was restored, and there is no "
                "instance yet: run this again while no backup is made, into another place that is empty, or into this "
                "one with --beside-other-objects"
            )

    def _bring(self, one: BackedUpObject) -> _Fate:
        """Copy an object unless it is there; say what has become of it."""
        there = _hash_of(self._storage, one.key)
        if there == one.sha256:
            return _Fate.KEPT
        if there is not None:
            # It is replaced only by what is known to be right.
            if one.is_damaged:
                return _Fate.LEFT
            if _hash_of(self._target.storage, one.key) != one.sha256:
                return _Fate.DAMAGED
            self._storage.delete([one.key])
        try:
            self._storage.put(one.key, _compared(self._target.storage.read(one.key), one))
        except (NotFound, Corrupt):
            return _Fate.DAMAGED
        except FileExistsError:  # another restore of it is under way
            return _Fate.KEPT if _hash_of(self._storage, one.key) == one.sha256 else _Fate.DAMAGED
        return _Fate.COPIED


def _hash_of(storage: Storage, key: str) -> str | None:
    try:
        return Hashed(storage.read(key)).to_the_end()
    except NotFound:
        return None


def _compared(blocks: Iterator[bytes], one: BackedUpObject) -> Iterator[bytes]:
    """Yield the bytes of an object of a backup; raise Corrupt at their end, within the put, if they are others."""
    hashed = Hashed(blocks)
    yield from hashed
    if hashed.sha256 != one.sha256:
        raise Corrupt(f"{one.key} of the backup is not what its list says")
