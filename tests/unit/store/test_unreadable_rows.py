"""Rows that say what no Dayfile writes: each is found, and named in words for operators."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    cast,
    literal,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import NullType

from dayfile.errors import DamagedRow
from dayfile.model.resource import RESOURCE_TYPES
from dayfile.store.columns import AnyNumber, DayText, Duration, Moment, read_day, read_type
from dayfile.store.database import Database
from dayfile.store.schema import migrate
from dayfile.store.tables.metadata import metadata
from dayfile.store.unreadable_rows import CHOICES, UnreadableRows
from tests.support.any_rows import fill_tables

TYPES: list[Column[Any]] = [table.c.resource_type for table in metadata.sorted_tables if "resource_type" in table.c]
DAYS: list[Column[Any]] = [
    column for table in metadata.sorted_tables for column in table.c if isinstance(column.type, DayText)
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with two rows in every table, all of which can be read."""
    file = tmp_path_factory.mktemp("sound") / "dayfile.sqlite"
    with closing(Database.connect(f"sqlite:///{file}")) as database:
        _fill(database)
        assert _named(database) == []
    return file


def _fill(database: Database) -> None:
    migrate(database)
    with database.exclusively() as connection:
        fill_tables(connection)
        for column in TYPES:
            connection.execute(update(column.table).values({column: "Messages"}))
        for column, choice in CHOICES.items():
            connection.execute(update(column.table).values({column: next(iter(choice)).value}))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with two rows in every table, all of which can be read."""
    with closing(Database.connect(database_url)) as found:
        _fill(found)
        yield found


class _Undone(Exception):
    """Raised to have a row as it was."""


def _edit(connection: Connection, column: Column[Any], value: Any) -> str:
    """Write a value into one row, past its type, and return the key of that row as it is then."""
    keys = [type_coerce(one, String) for one in column.table.primary_key]
    row = connection.execute(select(*keys).where(column.is_not(None)).order_by(*keys).limit(1)).one()
    which = [key == written for key, written in zip(keys, row, strict=True)]
    connection.execute(update(column.table).where(*which).values({column: type_coerce(value, NullType())}))
    pairs = zip(column.table.primary_key, row, strict=True)
    return ", ".join(str(value) if key is column else str(written) for key, written in pairs)


def _named(database: Database) -> list[str]:
    with database.snapshot() as tx:
        return [f"{one.name}: {one.column}" for one in tx.unreadable_rows.find(limit=9)]


def _rowid(table: Table) -> Column[Any] | None:
    """The column that SQLite keeps to whole numbers itself, since its rows are found by it."""
    [key, *others] = table.primary_key
    return None if others or not isinstance(key.type, Integer) else key


def _impossible(column: Column[Any]) -> Iterator[Any]:
    """Values that no Dayfile writes into a column; SQLite takes them all."""
    if isinstance(column.type, LargeBinary):
        yield "a text"
        return
    yield b"\xff\x00"
    if isinstance(column.type, String | DayText):
        yield cast(literal(b"\xff\xfe"), Text())  # not UTF-8
    if column.name == "resource_type" or isinstance(column.type, DayText) or column in CHOICES:
        yield "2026-11-3x"
    if isinstance(column.type, Integer | Boolean | Moment | Duration):
        yield "twelve"
        if not isinstance(column.type, AnyNumber):
            yield (1 << 63) - 1


COLUMNS = [
    column
    for table in metadata.sorted_tables
    for column in table.c
    if not column.foreign_keys and column is not _rowid(table)
]


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_each_row_that_cannot_be_read_is_named_and_no_other(tmp_path: Path, sound: Path, table: Table) -> None:
    """The operator finds it among millions, in any column, by anything that is wrong."""
    shutil.copyfile(sound, tmp_path / "dayfile.sqlite")
    with closing(Database.connect(f"sqlite:///{tmp_path / 'dayfile.sqlite'}")) as database:
        for column in (one for one in COLUMNS if one.table is table):
            for value in _impossible(column):
                with suppress(_Undone), database.exclusively() as connection:
                    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
                    _edit(connection, column, value)
                    found = UnreadableRows(connection).of_table(table, limit=9)
                    assert {one.column for one in found} == {column.name}, value
                    assert len({one.name for one in found}) == 1, value
                    raise _Undone
        with database.snapshot() as tx:
            assert tx.unreadable_rows.of_table(table, limit=9) == []


def test_days_and_types_that_there_are_not_are_named_on_both_databases(database: Database) -> None:
    """PostgreSQL keeps to the kinds of columns, and lets a text say anything."""
    assert _named(database) == []
    for column, text in [*((one, "Message1") for one in TYPES), *((one, "2026-11-3x") for one in DAYS)]:
        if column.foreign_keys:
            continue
        with database.exclusively() as connection:
            named = f"the row {_edit(connection, column, text)} of the table {column.table.name}: {column.name}"
        assert _named(database) == [named]
        good = "Messages" if column in TYPES else "2026-11-09"
        with database.exclusively() as connection:
            wrong = update(column.table).where(type_coerce(column, String) == text)
            connection.execute(wrong.values({column: type_coerce(good, String)}))
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
