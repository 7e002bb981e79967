"""Rows that say what no Dayfile writes, of all tables: they were edited, or are damaged.

Apart, because it looks into the tables of all families, by the kinds of their columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, String, Table, select, type_coerce

from dayfile.errors import DamagedRow
from dayfile.store.columns import DayText, known_type, read_day, row_name
from dayfile.store.tables.metadata import metadata


class UnreadableRows:
    """The search for rows that cannot be read, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_unknown_type(self, *, limit: int) -> list[str]:
        """Return the names of rows whose resource type there is not, at most so many of each table."""
        return [
            row_name(table.name, *row)
            for table in metadata.sorted_tables
            if "resource_type" in table.c
            for row in self._connection.execute(_keys(table).where(~known_type(table)).limit(limit))
        ]

    def of_no_day(self, *, limit: int) -> list[str]:
        """Return the names of rows with a day that is not in the calendar, at most so many of each column."""
        return [
            row_name(column.table.name, *row)
            for table in metadata.sorted_tables
            for column in table.c
            if isinstance(column.type, DayText)
            for text in self._unreadable_days(column)
            for row in self._connection.execute(_keys(table).where(_as_written(column) == text).limit(limit))
        ]

    def _unreadable_days(self, column: Column[Any]) -> Iterator[str]:
        query = select(_as_written(column)).where(column.is_not(None)).distinct()
        for text in self._connection.execute(query).scalars():
            try:
                read_day(text)
            except DamagedRow:
                yield text


def _keys(table: Table) -> Any:
    return select(*map(_as_written, table.primary_key)).order_by(*table.primary_key)


def _as_written(column: Column[Any]) -> Any:
    """Return a column whose days are texts, whatever these say."""
    return type_coerce(column, String) if isinstance(column.type, DayText) else column
