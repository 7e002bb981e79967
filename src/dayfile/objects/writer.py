"""Writing of objects: announced, put, and then live or given up. No object is written in another way.

A process can be killed, or frozen for hours, between any two steps. So the ledger first says what is about to be
written; the commit that refers to the objects makes them live. A writer that does not come to that commit gives them
up, or is taken for dead by the sweep, which deletes complete objects and partial files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from dayfile.clock import Clock
from dayfile.errors import Transient
from dayfile.files.storage import Bytes, Storage
from dayfile.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingObject:
    """An object that is durable and does not count yet."""

    key: str
    size_bytes: int
    upload_id: int  # its ledger entry: to go live in the commit that refers to the object


class ObjectWriter:
    """A writer of objects under ledger entries. Safe to use from several threads."""

    def __init__(self, database: Database, storage: Storage, *, clock: Clock) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock

    @contextmanager
    def put(self, key: str, chunks: Iterable[Bytes]) -> Iterator[PendingObject]:
        """Write an object for a block whose commit makes it live; give it up if the block raises.

        Raises StorageUnavailable, DatabaseUnavailable and what the chunks raise.
        """
        with self._announced([key]) as upload_ids:
            size_bytes = self._storage.put(key, chunks)
            yield PendingObject(key=key, size_bytes=size_bytes, upload_id=upload_ids[key])

    def put_many(self, objects: Mapping[str, bytes]) -> dict[str, int]:
        """Write objects and return the ids of their ledger entries, to go live or to be given up.

        Raises StorageUnavailable or DatabaseUnavailable; then all of them are given up.
        """
        with self._announced(objects) as upload_ids:
            self._storage.put_many(objects.items())
        return upload_ids

    def give_up(self, upload_ids: Collection[int]) -> None:
        """Leave objects that will not be committed to the sweep.

        It has them at once if the database lets us say so, otherwise when they have been pending for too long.
        """
        if upload_ids:
            with suppress(Transient), self._database.transaction() as tx:
                tx.uploads.give_up(upload_ids, now=self._clock.now())

    @contextmanager
    def _announced(self, keys: Collection[str]) -> Iterator[dict[str, int]]:
        with self._database.transaction() as tx:
            now = self._clock.now()
            upload_ids = dict(zip(keys, tx.uploads.begin_each(list(keys), now=now), strict=True))
        try:
            yield upload_ids
        except BaseException:
            self.give_up(upload_ids.values())
            raise
