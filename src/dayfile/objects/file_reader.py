"""Sealed files as they are handed out: checked, and suspected once damage of them is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from dayfile.clock import Clock
from dayfile.errors import DamagedFile, DamagedObject, NotFound
from dayfile.files.checked_read import HASHED_FIRST_BYTES, CheckedRead
from dayfile.files.storage import Bytes, Storage
from dayfile.model.damage import DamageState
from dayfile.model.export import SealedDay
from dayfile.objects.damage_record import DamageRecord
from dayfile.store.database import Database

T = TypeVar("T")


class FileReader:
    """A reader of sealed files. Safe to use from several threads."""

    def __init__(self, database: Database, storage: Storage, *, clock: Clock, is_quick: bool = False) -> None:
        """Take where files and their rows are.

        One that `is_quick` raises DamagedObject for what it cannot read as its row says, looks for it nowhere else and
        records nothing, for callers that must not wait for the database.
        """
        self._database = database
        self._is_quick = is_quick
        self._storage = storage
        self._damage = DamageRecord(database, clock=clock)

    def check(self, sealed: SealedDay) -> None:
        """Return if a read could begin.

        Raises DamagedFile, NotFound if it was removed just now, StorageUnavailable, DatabaseUnavailable.
        """
        self._read(sealed, lambda read: read.check())

    def read(self, sealed: SealedDay, *, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to, not including, `stop`. Raises as `check` does."""
        return self._read(sealed, lambda read: read.read(start=start, stop=stop))

    def blocks(self, sealed: SealedDay, *, start: int, stop: int) -> Iterator[Bytes]:
        """Return the same in blocks. Raises at once as `check` does.

        The blocks raise DamagedFile before the last one of a whole file whose hash turns out to be wrong.
        """
        return self._rest(sealed, self._read(sealed, lambda read: read.blocks(start=start, stop=stop)))

    def link(self, sealed: SealedDay, *, lifetime: timedelta) -> str | None:
        """Return a URL at which the storage itself gives a file, for so long; None if it is to be read here.

        That is so where the storage gives none, for a file in a pack, and for one that is known as damaged: what the
        storage would give is not compared with anything. Raises StorageUnavailable, DatabaseUnavailable.
        """
        if not self._storage.is_remote or sealed.place.is_packed or self._is_damage_known(sealed):
            return None
        return self._storage.link(sealed.place.object_key, lifetime=lifetime)

    def _rest(self, sealed: SealedDay, blocks: Iterator[Bytes]) -> Iterator[Bytes]:
        with self._recorded(sealed):
            yield from blocks

    def _read(self, sealed: SealedDay, read: Callable[[CheckedRead], T]) -> T:
        """Read a file; once more where its row says by now, if it cannot be read in the pack where it was."""
        try:
            return read(self._reading(sealed))
        except DamagedObject:
            if self._is_quick:
                raise
            found = self._moved(sealed) if sealed.place.is_packed else sealed
            if found.place == sealed.place:
                with self._recorded(sealed):
                    raise
        with self._recorded(found):
            return read(self._reading(found))

    def _moved(self, sealed: SealedDay) -> SealedDay:
        """Return a sealed day as its row is now: its pack may have been rewritten, and swept, since it was read."""
        with self._database.snapshot() as tx:
            return tx.sealed_days.of_ids([sealed.id]).get(sealed.id, sealed)

    def _reading(self, sealed: SealedDay) -> CheckedRead:
        is_suspect = sealed.size_bytes > HASHED_FIRST_BYTES and self._is_damage_known(sealed)
        return CheckedRead(
            storage=self._storage,
            key=sealed.key,
            place=sealed.place,
            size_bytes=sealed.size_bytes,
            sha256=sealed.sha256,
            xxh3=None if is_suspect else sealed.xxh3,
            is_suspect=is_suspect,
        )

    def _is_damage_known(self, sealed: SealedDay) -> bool:
        with self._database.snapshot() as tx:
            damage = tx.damages.find(sealed.key)
        # One that was accepted stays: the file is as wrong as it was.
        return damage is not None and damage.state is not DamageState.REPAIRED

    @contextmanager
    def _recorded(self, sealed: SealedDay) -> Iterator[None]:
        try:
            yield
        except DamagedObject as damaged:
            if not self._damage.add_file(sealed, damaged.reason):
                raise NotFound(f"the file of {sealed.resource_type} of {sealed.day} was removed just now") from damaged
            raise DamagedFile(str(sealed.resource_type), str(sealed.day)) from damaged
