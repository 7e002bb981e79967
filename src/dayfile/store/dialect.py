"""Statements that the dialects spell differently, in one spelling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, case, func, update
from sqlalchemy.dialects import postgresql, sqlite

from dayfile.store.tables.instance import counter

T = TypeVar("T")

BATCH = 500
"""The most values in one IN list or rows in one insert: below every driver's limit of bound parameters."""


def insert(connection: Connection, table: Table) -> Any:
    """Return an INSERT of the connection's own dialect, which supports ON CONFLICT."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose key does not exist yet; leave the others as they are."""
    if rows:
        connection.execute(insert(connection, table).on_conflict_do_nothing(), list(rows))


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, or overwrite existing rows with the same key. All rows must have the same columns."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    # Two transactions that touch the same rows in different orders deadlock on PostgreSQL.
    ordered = sorted(rows, key=lambda row: [str(row[key]) for key in keys])
    statement = insert(connection, table)
    changed = {name: statement.excluded[name] for name in ordered[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), ordered)


def next_number(connection: Connection, name: str) -> int:
    """Return the next value of a counter; other transactions wait for this one, so numbers commit in their order."""
    insert_missing(connection, counter, [{"name": name, "value": 0}])
    statement = (
        update(counter).where(counter.c.name == name).values(value=counter.c.value + 1).returning(counter.c.value)
    )
    return int(connection.execute(statement).scalar_one())


def before(connection: Connection, text: ColumnElement[str], mark: str) -> ColumnElement[str]:
    """Return the part of a text before the first mark in it; all of it if there is none."""
    find = func.strpos if connection.dialect.name == "postgresql" else func.instr
    return case((find(text, mark) > 0, func.substr(text, 1, find(text, mark) - 1)), else_=text)


def in_batches(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield the values in lists of at most BATCH."""
    iterator = iter(values)
    while batch := list(islice(iterator, BATCH)):
        yield batch
