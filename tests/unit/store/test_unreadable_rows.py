"""Rows that say what no Dayfile writes: each is found, and named in words for operators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, String, select, type_coerce, update
from sqlalchemy.dialects import sqlite

from dayfile.errors import DamagedRow
from dayfile.model.resource import RESOURCE_TYPES
from dayfile.store.columns import DayText, Moment, read_day, read_type
from dayfile.store.database import Database
from dayfile.store.schema import migrate
from dayfile.store.tables.metadata import metadata
from tests.support.any_rows import fill_tables

TYPES = [table.c.resource_type for table in metadata.sorted_tables if "resource_type" in table.c]
DAYS = [column for table in metadata.sorted_tables for column in table.c if isinstance(column.type, DayText)]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with two rows in every table, all of which can be read."""
    with closing(Database.connect(database_url)) as found:
        migrate(found)
        with found.exclusively() as connection:
            fill_tables(connection)
            for column in TYPES:
                connection.execute(update(column.table).values({column: "Messages"}))
        yield found


def _edit(database: Database, column: Column[Any], text: str) -> str:
    """Write a text into one row, and return the key of that row as it is then."""
    keys = [type_coerce(one, String) if isinstance(one.type, DayText) else one for one in column.table.primary_key]
    with database.exclusively() as connection:
        row = connection.execute(select(*keys).where(column.is_not(None)).order_by(*keys).limit(1)).one()
        which = [key == value for key, value in zip(keys, row, strict=True)]
        connection.execute(update(column.table).where(*which).values({column: type_coerce(text, String)}))
    pairs = zip(column.table.primary_key, row, strict=True)
    return ", ".join(text if key is column else str(value) for key, value in pairs)


def _named(database: Database) -> list[str]:
    with database.snapshot() as tx:
        return tx.unreadable_rows.of_unknown_type(limit=9) + tx.unreadable_rows.of_no_day(limit=9)


def test_each_row_that_cannot_be_read_is_named_and_no_other(database: Database) -> None:
    """The operator finds it among millions."""
    assert _named(database) == []
    there = []
    for column in TYPES:
        there.append(f"the row {_edit(database, column, 'Message1')} of the table {column.table.name}")
        assert sorted(_named(database)) == sorted(there)
        with database.exclusively() as connection:
            connection.execute(update(column.table).values({column: "Messages"}))
        there.clear()


def test_each_row_with_a_day_that_is_none_is_named_and_no_other(database: Database) -> None:
    """A day may be in several columns of a row, and it may be part of what names the row."""
    for column in DAYS:
        if column.foreign_keys:
            continue
        named = f"the row {_edit(database, column, '2026-11-3x')} of the table {column.table.name}"
        assert _named(database) == [named]
        with database.exclusively() as connection:
            wrong = update(column.table).where(type_coerce(column, String) == "2026-11-3x")
            connection.execute(wrong.values({column: type_coerce("2026-11-09", String)}))
        assert _named(database) == []


@given(st.text())
def test_a_type_is_read_or_the_row_is_named_without_what_it_says(text: str) -> None:
    """A damaged row may say anything, a secret, too."""
    if any(text == kind.name for kind in RESOURCE_TYPES):
        return
    with pytest.raises(DamagedRow) as raised:
        read_type(text, "sealed_day", 17)
    assert str(raised.value) == (
        f"the row 17 of the table sealed_day in the state database has a resource type that is none. {DamagedRow.to_do}"
    )


@given(st.text() | st.integers() | st.binary())
def test_a_day_is_read_as_it_is_written_or_is_damage(value: Any) -> None:
    """A bad request is the caller's fault, and a bad row is not."""
    with suppress(DamagedRow):
        assert str(read_day(value)) == value


@given(st.integers() | st.text())
def test_a_time_is_read_as_it_is_written_or_is_damage(value: Any) -> None:
    """No row makes a process fail in a way that looks like a bug."""
    column, dialect = Moment(), sqlite.dialect()
    with suppress(DamagedRow):
        assert column.process_bind_param(column.process_result_value(value, dialect), dialect) == value
