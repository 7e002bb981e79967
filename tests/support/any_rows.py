"""Rows for every table that there is, also for those that nobody has thought of yet: made of their columns alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, LargeBinary, String, Table, insert, inspect, select

from dayfile.model.day import Day
from dayfile.store.columns import DayText, Duration, Moment
from dayfile.store.tables.instance import worker
from dayfile.store.tables.metadata import metadata
from tests.support.clock import NOON

ROWS = (1, 2)
"""The numbers of the rows: of the second one, everything is null that may be."""

_GIVEN = 40
"""A number that was given to a row which is gone."""


def fill_tables(connection: Connection) -> None:
    """Add two rows to every table, beside those that a new schema has."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    for table in metadata.sorted_tables:
        for number in reversed(ROWS):  # the first one refers to the second, where rows refer to others of their table
            connection.execute(insert(table).values(_row(table, number)))
        if table.autoincrement_column is not None:
            connection.execute(insert(table).values({**_row(table, 3), table.autoincrement_column.key: _GIVEN}))
            connection.execute(table.delete().where(table.autoincrement_column == _GIVEN))


def add_row(connection: Connection, table: Table) -> int:
    """Add a row whose number the database gives; return the number."""
    row = _row(table, 7)
    numbered = table.autoincrement_column
    assert numbered is not None
    del row[numbered.key]
    return int(connection.execute(insert(table).values(row).returning(numbered)).scalar_one())


def tables_with_numbers() -> Sequence[Table]:
    """The tables whose rows are numbered by the database."""
    return [table for table in metadata.sorted_tables if table.autoincrement_column is not None]


def rows_of(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables that the database has, whether anybody knows the table or not."""
    names = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
    assert set(names) == set(metadata.tables)
    ordered = ((table, select(table).order_by(*table.primary_key)) for table in metadata.sorted_tables)
    return {table.name: [tuple(row) for row in connection.execute(query)] for table, query in ordered}


def _row(table: Table, number: int) -> dict[str, Any]:
    return {column.key: _value(column, number) for column in table.columns}


def _value(column: Column[Any], number: int) -> Any:
    if column.foreign_keys:
        [key] = column.foreign_keys
        if key.column.table is column.table:
            return _value(key.column, 2) if number == 1 else None
        return _value(key.column, min(number, 2))
    if column.nullable and number == ROWS[-1] and column.table is not worker:  # a worker without a schema is refused
        return None
    match column.type:
        case Moment():
            return NOON + timedelta(days=number, microseconds=1)
        case Duration():
            return timedelta(hours=number, microseconds=1)
        case DayText():
            return Day.parse(f"2026-11-0{number}")
        case Boolean():
            return number == 1
        case LargeBinary():
            return bytes([0, 255, number])
        case String():
            text = f'{number}é"\\{column.name}'
            return text[: column.type.length] if column.type.length else f"{text}\n"
        case _:
            pass
    return number << (40 if isinstance(column.type, BigInteger) else 0)
