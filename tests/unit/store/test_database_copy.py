"""Copies of databases, from either kind to either kind: every table with every row, and numbers that go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dayfile.errors import Conflict, Corrupt
from dayfile.store.database import Database
from dayfile.store.database_copy import compare, copy_to_file, fill
from dayfile.store.departure import Departure
from dayfile.store.instance import ARRIVED, LEFT_STORAGES
from dayfile.store.table_digests import OF_PROCESSES
from dayfile.store.tables.instance import counter
from dayfile.store.tables.metadata import metadata
from tests.support.any_rows import add_row, fill_tables, rows_of, tables_with_numbers
from tests.support.backups import empty
from tests.support.databases import a_new_database
from tests.support.state import an_account


def _nothing(*_: object) -> None:
    pass


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    (tmp_path / "target").mkdir()
    with a_new_database(request.param, tmp_path / "target") as url:
        empty(url)
        with closing(Database.connect(url)) as database:
            yield database


def test_every_row_of_every_table_is_copied_and_numbers_go_on(
    database: Database, target: Database, tmp_path: Path
) -> None:
    """A table that a later version adds is copied, too, or this fails: the rows are made of its columns."""
    with database.exclusively() as connection:
        fill_tables(connection)
    copy_to_file(database, tmp_path / "copy", on_step=_nothing)
    rows = compare(database, tmp_path / "copy")
    fill(target, tmp_path / "copy", check=_nothing, on_step=_nothing)
    with database.looked_into() as connection:
        before = rows_of(connection)
    with target.exclusively() as connection:
        after = rows_of(connection)
        numbers = {table.name: add_row(connection, table) for table in tables_with_numbers()}
    of_processes = {table.name for table in OF_PROCESSES}
    assert after == {name: [] if name in of_processes else there for name, there in before.items()}
    assert min(map(len, before.values())) >= 2
    assert rows == sum(map(len, after.values()))
    assert min(numbers.values()) > 40  # the last that was given, although its row is gone
    with pytest.raises(Conflict, match="left as it is"):
        fill(target, tmp_path / "copy", check=_nothing, on_step=_nothing)


def test_a_copy_is_open_and_may_be_restored_to_a_place_that_was_left(database: Database, tmp_path: Path) -> None:
    """Facts of the place that it was copied from are not true of the next one."""
    with database.transaction() as tx:
        tx.instance.replace(LEFT_STORAGES, '["file:///old"]')
        tx.instance.replace(ARRIVED, "1")
        tx.departures.begin(Departure(id="2", database=None, storage="s3://new", begun_at="2026-11-01"))
    copy_to_file(database, tmp_path / "copy", on_step=_nothing)
    with closing(Database.connect(f"sqlite:///{tmp_path}/copy")) as copied, copied.snapshot() as tx:
        assert (tx.departures.find(), tx.instance.left_storages(), tx.instance.find(ARRIVED)) == (None, [], None)
    with closing(Database.connect(f"sqlite:///{tmp_path}/copy")) as copied:
        an_account(copied)


def test_a_row_that_is_missing_from_any_table_of_a_copy_is_noticed(
    full: tuple[Database, Callable[[], Path]],
) -> None:
    """A comparison that does not look at a table would let a move lose it."""
    database, a_copy = full
    for table in metadata.sorted_tables:
        file = a_copy()
        with closing(sqlite3.connect(file)) as copied:
            copied.execute(f"DELETE FROM {table.name}")  # noqa: S608 - a name of ours
            copied.commit()
        if table in OF_PROCESSES:
            compare(database, file)
        else:
            with pytest.raises(Corrupt, match="the copy of the table"):
                compare(database, file)


def test_a_value_that_differs_is_noticed(full: tuple[Database, Callable[[], Path]]) -> None:
    """The number of rows alone says nothing of them."""
    database, a_copy = full
    file = a_copy()
    with closing(Database.connect(f"sqlite:///{file}")) as copied, copied.exclusively() as connection:
        connection.execute(counter.update().values(value=counter.c.value + 1))
    with pytest.raises(Corrupt, match=r"the table counter .* 2 rows of 2, or rows that differ"):
        compare(database, file)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Callable[[], Path]]]:
    """A database with rows in every table, and a function that gives a new copy of it."""
    folder = tmp_path_factory.mktemp("full")
    with a_new_database("sqlite", folder) as url, closing(Database.connect(url)) as database:
        with database.exclusively() as connection:
            fill_tables(connection)
        copy_to_file(database, folder / "first", on_step=_nothing)
        made = iter(range(1000))

        def a_copy() -> Path:
            file = folder / f"copy-{next(made)}"
            file.write_bytes((folder / "first").read_bytes())
            return file

        yield database, a_copy
