"""Statements that the dialects spell differently, in one spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice, repeat
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, LargeBinary, Table, case, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from dayfile.store.postgres_session import rows_of

T = TypeVar("T")

_POSTGRES: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
# A text that is cast to a width is cut, where one that is assigned is refused.
_WIDTH_OR_COLLATION: Final = re.compile(r"\(.*\)| COLLATE .*")

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

    def stored(name: str, values: Sequence[Any]) -> Sequence[Any]:
        process = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        is_raw = isinstance(table.c[name].type, LargeBinary)  # psycopg's cursors take bytes in a cover
        return values if process is None or is_raw else list(map(process, values))

    differing = {name: stored(name, values) for name, values in columns.items()}
    shared = {name: stored(name, [value])[0] for name, value in same.items()}
    if len(set(map(len, differing.values()))) > 1:
        raise ValueError(f"the columns of {table.name} are not equally long")
    if not any(map(len, differing.values())):
        return
    if dialect.name == "postgresql":
        arrays = list(map(array_literal, differing.values()))
        rows_of(connection, _inserting_arrays(table, tuple(differing), tuple(shared)), [*arrays, *shared.values()])
    else:
        _insert_rows(connection, table, differing, shared)


def _insert_rows(
    connection: Connection, table: Table, differing: Mapping[str, Sequence[Any]], shared: Mapping[str, Any]
) -> None:
    names = [*differing, *shared]
    place = ", ".join(["?"] * len(names))
    statement = f"INSERT INTO {table.name} ({_listed(names)}) VALUES ({place})"  # noqa: S608 - names
    rows = list(zip(*differing.values(), *map(repeat, shared.values()), strict=False))
    together = len(rows) - len(rows) % _ROWS_TOGETHER
    if together:
        starts = range(0, together, _ROWS_TOGETHER)
        values = [tuple(chain.from_iterable(rows[start : start + _ROWS_TOGETHER])) for start in starts]
        connection.exec_driver_sql(statement + f", ({place})" * (_ROWS_TOGETHER - 1), values)
    if rest := rows[together:]:
        connection.exec_driver_sql(statement, rest)


@cache  # so that it is the same text, which is prepared
def _inserting_arrays(table: Table, differing: tuple[str, ...], shared: tuple[str, ...]) -> str:
    """Return PostgreSQL's INSERT of any number of rows, whose columns are arrays: one statement, which is read once."""
    types = [_WIDTH_OR_COLLATION.sub("", table.c[name].type.compile(_POSTGRES)) for name in (*differing, *shared)]
    cast = [f"${number}::{kind}" for number, kind in enumerate(types, start=1)]
    arrays, values = [f"{one}[]" for one in cast[: len(differing)]], cast[len(differing) :]
    taken = ", ".join([*(f'given."{name}"' for name in differing), *values])
    return (
        f"INSERT INTO {table.name} ({_listed([*differing, *shared])}) SELECT {taken} "  # noqa: S608 - names
        f"FROM unnest({', '.join(arrays)}) AS given({_listed(differing)})"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def array_literal(values: Iterable[Any]) -> str:
    """Return PostgreSQL's text of an array of texts, bytes or numbers, with None among them."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f'"\\\\x{value.hex()}"' if isinstance(value, bytes) else str(value)


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
