"""Digests of tables: whether two databases have the same rows, whichever dialects they speak.

Apart, because it reads every table and knows none of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, select

from dayfile.errors import Corrupt
from dayfile.store.departure import DEPARTURE
from dayfile.store.instance import ARRIVED, LEFT_STORAGES, STORAGE
from dayfile.store.tables.instance import backup, instance, worker
from dayfile.store.tables.metadata import metadata

OF_PROCESSES: Final = (backup, worker)
"""Tables of processes that run: none of them has anything to do with a copy of a database."""

_READ_AT_ONCE: Final = 5_000

_OF_A_PLACE: Final = (ARRIVED, DEPARTURE, LEFT_STORAGES, STORAGE)
"""Facts of the place where an instance is: they differ where it moves to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDigest:
    """The number of the rows of a table, and a digest of them in the order of their keys."""

    rows: int
    sha256: str


def check_same(source: Connection, target: Connection) -> int:
    """Compare every table of two databases, each as of one moment, and return the number of rows; raises Corrupt."""
    whole = 0
    for table in metadata.sorted_tables:
        if table in OF_PROCESSES:
            continue
        of_source, of_target = digest(source, table), digest(target, table)
        if of_source != of_target:
            raise Corrupt(
                f"the copy of the table {table.name} is not what it is a copy of: {of_target.rows} rows of "
                f"{of_source.rows}, or rows that differ. The copy is not used; run the command again"
            )
        whole += of_source.rows
    return whole


def digest(connection: Connection, table: Table) -> TableDigest:
    """Return the digest of a table, without facts that differ from place to place."""
    count, digested = 0, hashlib.sha256()
    rows = connection.execution_options(yield_per=_READ_AT_ONCE).execute(_all(table))
    for part in rows.partitions():
        count += len(part)
        digested.update("\n".join(repr(tuple(map(_alike, row))) for row in part).encode())
    connection.execution_options(yield_per=None)
    return TableDigest(rows=count, sha256=digested.hexdigest())


def _all(table: Table) -> Select[Any]:
    query = select(table).order_by(*table.primary_key)
    return query.where(instance.c.name.not_in(_OF_A_PLACE)) if table is instance else query


def _alike(value: Any) -> Any:
    """Return a value as every driver has it."""
    return bytes(value) if isinstance(value, memoryview | bytearray) else value
