"""A backup: first the database as of one moment, then the objects that it refers to, and its manifest last.

From before the first until after the last nothing is deleted: the sweep waits for the claim of a backup. Objects are
written once, so those that an earlier backup has brought are not read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from dayfile.clock import Clock
from dayfile.errors import Corrupt, Transient
from dayfile.files import disk
from dayfile.files.backup_manifest import (
    FORMAT,
    BackedUpObject,
    BackupManifest,
    ListedObjects,
    StoredPart,
    encoded_list,
)
from dayfile.files.storage import Storage
from dayfile.model.credential import Actor
from dayfile.model.secret import Randomness
from dayfile.objects import layout
from dayfile.objects.backup_target import BackupTarget, OnStep
from dayfile.objects.object_copy import ObjectCopy, listed, read
from dayfile.objects.referred_objects import ReferredObject, days_of, lost_of, objects_of
from dayfile.store.database import Database
from dayfile.store.database_copy import copy_to_file
from dayfile.store.instance import SCHEMA
from dayfile.store.referred import DayOfType

_MARK_DIGITS: Final = 16


class _Tally:
    """Counts of a backup, as it goes on."""

    def __init__(self) -> None:
        self.objects = self.size_bytes = 0
        self.damaged: list[str] = []
        self.missing: list[str] = []

    def add(self, one: BackedUpObject) -> None:
        self.objects += 1
        self.size_bytes += one.size_bytes
        if one.is_damaged:
            self.damaged.append(one.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBackup:
    """A backup that is whole: its manifest, how much was copied for it, and how many objects went with the last one."""

    manifest: BackupManifest
    is_first: bool  # no other one was there
    copied: int
    copied_bytes: int
    deleted: int


class Backup:
    """One backup of an instance. Whoever runs it extends its claim meanwhile."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        target: BackupTarget,
        *,
        clock: Clock,
        randomness: Randomness,
        scratch: Path,
        version: str,
    ) -> None:
        """Have a backup of a database and a storage in a target; `scratch` is a folder that nobody else uses."""
        self._database = database
        self._target = target
        self._copy = ObjectCopy(storage, target.storage)
        self._clock = clock
        self._scratch = scratch
        self._version = version
        self._new_id = randomness.hex(32)  # for an instance that has no id yet
        self._token = randomness.hex(_MARK_DIGITS)
        self._tally = _Tally()

    def claim(self) -> None:
        """Have nothing deleted from now on; raises InFlight while another backup runs."""
        with self._database.transaction() as tx:
            tx.backups.claim(self._token, now=self._clock.now())

    def extend(self) -> None:
        """Go on with that; raises LostClaim."""
        with self._database.transaction() as tx:
            tx.backups.extend(self._token, now=self._clock.now())

    def end(self) -> None:
        """Let deletion go on; if that cannot be written now, it goes on when the lease has run out."""
        with suppress(Transient), self._database.transaction() as tx:
            tx.backups.end(self._token)

    def run(self, *, key_text: str | None, actor: Actor, on_step: OnStep) -> MadeBackup:
        """Make the backup, under its claim; `key_text` is the key of the instance if it is to be part of it.

        Raises Conflict for a place with something else, StorageUnavailable, DatabaseUnavailable, Corrupt, LostClaim.
        """
        instance, key_check = self._identity()
        self._target.take(instance)
        self._target.drop_unfinished()
        former = self._target.former()
        folder = self._target.next_folder(self._token)
        made_at = self._clock.now()
        file, list_file = self._scratch / "database.sqlite", self._scratch / "objects.jsonl.gz"
        copy_to_file(self._database, file, on_step=lambda done, whole: on_step("Copying the database", done, whole))
        database = self._target.put_file(f"{folder}/database.sqlite", file)
        key = None if key_text is None else self._target.put(f"{folder}/secret.key", [key_text.encode()])
        copied = Database.connect_to_read(f"sqlite:///{file}")
        with disk.reported("write the list of objects"), closing(copied), list_file.open("xb") as into:
            into.writelines(encoded_list(self._objects(copied, former, on_step)))
        listed = self._target.put_file(f"{folder}/objects.jsonl.gz", list_file)
        manifest = BackupManifest(
            format=FORMAT,
            version=self._version,
            schema=SCHEMA,
            instance=instance,
            made_at=f"{made_at:%Y-%m-%dT%H:%M:%SZ}",
            key_check=key_check,
            database=database,
            listed=listed,
            key=key,
            objects=self._tally.objects,
            size_bytes=self._tally.size_bytes,
            damaged=tuple(self._tally.damaged),
            missing=tuple(self._tally.missing),
        )
        self._finish(folder, manifest, actor)
        return self._made(manifest, is_first=former is None, deleted=self._drop_former(folder, listed))

    def _finish(self, folder: str, manifest: BackupManifest, actor: Actor) -> None:
        """Make it count: not before it is in the audit log that somebody has all of this, and under a claim."""
        with self._database.transaction() as tx:
            now = self._clock.now()
            tx.backups.extend(self._token, now=now)
            tx.audit.add(actor=actor, action="backup.made", subject=folder, now=now)
        self._target.finish(folder, manifest)

    def _made(self, manifest: BackupManifest, *, is_first: bool, deleted: int) -> MadeBackup:
        return MadeBackup(
            manifest=manifest,
            is_first=is_first,
            copied=self._copy.copied,
            copied_bytes=self._copy.copied_bytes,
            deleted=deleted,
        )

    def _identity(self) -> tuple[str, str]:
        with self._database.transaction() as tx:
            return tx.instance.settle("id", self._new_id), tx.instance.find("key_check") or ""

    def _objects(self, copied: Database, former: BackupManifest | None, on_step: OnStep) -> Iterator[BackedUpObject]:
        """Copy the objects that the copied database refers to, day by day, and yield them."""
        days = days_of(copied)
        known = ListedObjects(self._target.storage, former.listed if former else None, forgives=True)
        for at, of in enumerate(days):
            on_step("Copying objects", at, len(days))
            there = {one.key: one.size_bytes for one in listed(self._target.storage, of)}
            former_ones, lost = known.of((of[0], str(of[1]))), lost_of(copied, of)
            for one in objects_of(copied, of):
                found = self._brought(of, one, there.get(one.key), former_ones.get(one.key))
                if found is not None:
                    self._tally.add(found)
                    yield found
                elif one.is_among(lost):
                    self._tally.missing.append(one.key)
                else:
                    raise Corrupt(
                        f"the storage lacks {one.key}, which the database refers to: `dayfile check` says what it is "
                        "and what to do. The last whole backup is as it was"
                    )

    def _brought(
        self, of: DayOfType, one: ReferredObject, there: int | None, former: BackedUpObject | None
    ) -> BackedUpObject | None:
        """Return an object of the target, copied there unless it is there already; None if nobody has it."""
        if former is not None and former.size_bytes == there and not former.is_damaged:
            return former
        if there is not None:
            # A backup that was not finished has brought it, or it was damaged when it was copied.
            kept = read(self._target.storage, one)
            if kept is not None and not (kept.is_damaged and self._copy.is_better(one, than=kept)):
                return kept.backed_up(of)
            self._target.storage.delete([one.key])
        copied = self._copy.copy(one)
        return None if copied is None else copied.backed_up(of)

    def _drop_former(self, folder: str, listed: StoredPart) -> int:
        """Delete the former backups, and objects that only they needed; return the number of those."""
        self.extend()
        self._target.drop_others(folder)
        storage, deleted = self._target.storage, 0
        for family in layout.FAMILIES:
            kept = ListedObjects(storage, listed)
            for of, keys in groupby(storage.scan(family), key=layout.day_of_key):
                known = kept.of(of) if of else {}
                unneeded = [key for key in keys if key not in known]
                storage.delete(unneeded)
                deleted += len(unneeded)
        return deleted
