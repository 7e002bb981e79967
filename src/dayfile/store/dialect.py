"""Statements that the dialects spell differently, in one spelling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice, repeat
from typing import Any, Final, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Table, bindparam, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dayfile.store.tables.instance import counter

T = TypeVar("T")

BATCH = 500
"""The most values in one IN list or rows in one insert: below every driver's limit of bound parameters."""

_ROWS_TOGETHER: Final = 100
"""The rows that one statement inserts into SQLite, for which each row takes a quarter less time. More bring no more."""


def insert(connection: Connection, table: Table) -> Any:
    """Return an INSERT of the connection's own dialect, which supports ON CONFLICT."""
    return _insert(connection.dialect.name, table)


def insert_columns(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], **same: Any) -> None:
    """Insert rows given as columns, in a quarter of the time that SQLAlchemy's own INSERT takes.

    `same` are values of further columns that all rows have in common. Raises ValueError unless the columns are equally
    long: rows that only some of them have would be lost without a word.
    """
    dialect = connection.dialect
    names = [*columns, *same]
    is_sqlite = dialect.name == "sqlite"
    place = ", ".join(["?" if is_sqlite else "%s"] * len(names))
    into = ", ".join(f'"{name}"' for name in names)
    statement = f"INSERT INTO {table.name} ({into}) VALUES ({place})"  # noqa: S608 - names

    def stored(name: str, values: Sequence[Any]) -> Iterable[Any]:
        process = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        return values if process is None else map(process, values)

    differing = [stored(name, values) for name, values in columns.items()]
    count = max(map(len, columns.values()), default=0)
    shared = [repeat(one, count) for name, value in same.items() for one in stored(name, [value])]
    rows = list(zip(*differing, *shared, strict=True))
    together = len(rows) - len(rows) % _ROWS_TOGETHER if is_sqlite else 0
    if together:
        starts = range(0, together, _ROWS_TOGETHER)
        values = [tuple(chain.from_iterable(rows[start : start + _ROWS_TOGETHER])) for start in starts]
        connection.exec_driver_sql(statement + f", ({place})" * (_ROWS_TOGETHER - 1), values)
    if rest := rows[together:]:
        connection.exec_driver_sql(statement, rest)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose key does not exist yet; leave the others as they are."""
    if rows:
        connection.execute(_inserting_missing(connection.dialect.name, table), list(rows))


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, or overwrite existing rows with the same key. All rows must have the same columns."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    # Two transactions that touch the same rows in different orders deadlock on PostgreSQL.
    ordered = sorted(rows, key=lambda row: [str(row[key]) for key in keys])
    connection.execute(_upserting(connection.dialect.name, table, tuple(ordered[0])), ordered)


def _insert(dialect: str, table: Table) -> Any:
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


@cache  # to make a statement takes longer than to run it
def _inserting_missing(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache  # the same
def _upserting(dialect: str, table: Table, names: tuple[str, ...]) -> Any:
    keys = [column.name for column in table.primary_key]
    statement = _insert(dialect, table)
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def next_number(connection: Connection, name: str, *, taken: Column[int] | None = None) -> int:
    """Return the next value of a counter; other transactions wait for this one, so numbers commit in their order.

    It is beyond every value of the column `taken`: a row that was edited must not make the counter run into it.
    """
    statement = _next_number(taken)
    number = connection.execute(statement, {"counter": name}).scalar_one_or_none()
    if number is None:  # the first of all
        insert_missing(connection, counter, [{"name": name, "value": 0}])
        number = connection.execute(statement, {"counter": name}).scalar_one()
    return int(number)


@cache  # the same
def _next_number(taken: Column[int] | None) -> Any:
    value: ColumnElement[int] = counter.c.value
    if taken is not None:
        highest = select(func.coalesce(func.max(taken), 0)).scalar_subquery()
        value = case((highest > value, highest), else_=value)
    of_name = counter.c.name == bindparam("counter")
    return update(counter).where(of_name).values(value=value + 1).returning(counter.c.value)


def give_ids_beyond(connection: Connection, table: Table, taken: int) -> None:
    """Have the next id of an AUTOINCREMENT table of SQLite be greater than one; no-op on PostgreSQL."""
    if connection.dialect.name == "sqlite":
        sequence = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?"
        connection.exec_driver_sql(sequence, (taken, table.name))


def before(connection: Connection, text: ColumnElement[str], mark: str) -> ColumnElement[str]:
    """Return the part of a text before the first mark in it; all of it if there is none."""
    find = func.strpos if connection.dialect.name == "postgresql" else func.instr
    return case((find(text, mark) > 0, func.substr(text, 1, find(text, mark) - 1)), else_=text)


def in_batches(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield the values in lists of at most BATCH."""
    iterator = iter(values)
    while batch := list(islice(iterator, BATCH)):
        yield batch
