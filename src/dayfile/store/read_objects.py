"""Objects that were read to their end and found whole: one row each; and who is reading them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from dayfile.store.dialect import in_batches, insert_missing, upsert
from dayfile.store.tables.sealing import read_object as table
from dayfile.store.tables.sealing import scrub, sealed_day

_ONLY: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadObject:
    """An object as it was when it was read."""

    key: str
    size_bytes: int
    modified_ns: int
    read_at: datetime


class ReadObjects:
    """What is remembered of objects that were read, within one transaction. Losing it costs another reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, read: Sequence[ReadObject]) -> None:
        """Remember objects, in the place of what was remembered of them."""
        for batch in in_batches(read):
            rows = [
                {
                    "object_key": one.key,
                    "size_bytes": one.size_bytes,
                    "modified_ns": one.modified_ns,
                    "read_at": one.read_at,
                }
                for one in batch
            ]
            upsert(self._connection, table, rows)

    def of_keys(self, keys: Collection[str]) -> dict[str, ReadObject]:
        """Return what is remembered of some objects, by their keys."""
        found: dict[str, ReadObject] = {}
        for batch in in_batches(keys):
            for row in self._connection.execute(select(table).where(table.c.object_key.in_(batch))):
                found[row.object_key] = ReadObject(
                    key=row.object_key, size_bytes=row.size_bytes, modified_ns=row.modified_ns, read_at=row.read_at
                )
        return found

    def count_files(self, *, read_before: datetime) -> int:
        """Return how many sealed files were read, and not again since then."""
        query = select(func.count()).select_from(table).join(sealed_day, sealed_day.c.object_key == table.c.object_key)
        return self._connection.execute(query.where(table.c.read_at < read_before)).scalar_one()

    def forget(self, *, read_before: datetime, limit: int) -> int:
        """Drop objects that were not read again since then, which mostly are gone; return how many."""
        old = select(table.c.object_key).where(table.c.read_at < read_before).limit(limit)
        return self._connection.execute(delete(table).where(table.c.object_key.in_(old))).rowcount

    def claim(self, worker: str, *, now: datetime, lease: timedelta) -> bool:
        """Make a worker the one that reads, or go on being it, for the time of a lease; False while another one is.

        A lease of somebody else that ends later than one that begins now is of a clock that was ahead, and counts for
        nothing.
        """
        until = now + lease
        insert_missing(self._connection, scrub, [{"id": _ONLY, "worker": worker, "leased_until": until}])
        is_free = (scrub.c.worker == worker) | (scrub.c.leased_until < now) | (scrub.c.leased_until > until)
        statement = update(scrub).where(scrub.c.id == _ONLY, is_free)
        return self._connection.execute(statement.values(worker=worker, leased_until=until)).rowcount == 1
