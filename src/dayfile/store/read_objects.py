"""Rows of objects that were read to their end and found intact, and the claim of the worker that reads them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, select, update

from dayfile.store.dialect import in_batches, insert_missing, upsert
from dayfile.store.instance import Instance
from dayfile.store.sound_rows import sound_rows
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
    """The results of reading objects, within one transaction. Losing them costs another reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, read: Sequence[ReadObject]) -> None:
        """Store the results of reading objects, replacing earlier ones."""
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
        """Return the last results for some objects, by their keys."""
        found: dict[str, ReadObject] = {}
        for batch in in_batches(keys):
            query = select(table).where(table.c.object_key.in_(batch))
            found |= {one.key: one for one in sound_rows(self._connection, query, _read_object)}
        return found

    def count_files(self, *, read_before: datetime) -> int:
        """Return the number of sealed files that were last read before then."""
        # Mostly there is none, which an index tells; to look for the files of some takes a look at all files.
        if (
            self._connection.execute(select(table.c.object_key).where(table.c.read_at < read_before).limit(1)).first()
            is None
        ):
            return 0
        query = select(func.count()).select_from(table).join(sealed_day, sealed_day.c.file_key == table.c.object_key)
        return self._connection.execute(query.where(table.c.read_at < read_before)).scalar_one()

    def forget(self, *, read_before: datetime, limit: int) -> int:
        """Delete results from before then, mostly of objects that no longer exist, and return their number."""
        old = select(table.c.object_key).where(table.c.read_at < read_before).limit(limit)
        return self._connection.execute(delete(table).where(table.c.object_key.in_(old))).rowcount

    def claim(self, worker: str, *, now: datetime, lease: timedelta) -> bool:
        """Claim the reading of objects for a worker, or extend its claim, for a lease; False while another has it.

        A lease of somebody else that ends later than one that begins now is of a clock that was ahead, and counts for
        nothing.
        """
        Instance(self._connection).check_version()
        until = now + lease
        insert_missing(self._connection, scrub, [{"id": _ONLY, "worker": worker, "leased_until": until}])
        is_free = (scrub.c.worker == worker) | (scrub.c.leased_until < now) | (scrub.c.leased_until > until)
        statement = update(scrub).where(scrub.c.id == _ONLY, is_free)
        return self._connection.execute(statement.values(worker=worker, leased_until=until)).rowcount == 1


def _read_object(row: Row[Any]) -> ReadObject:
    return ReadObject(key=row.object_key, size_bytes=row.size_bytes, modified_ns=row.modified_ns, read_at=row.read_at)
