"""Copies of a database as of one moment, while it is in use: as a SQLite file, whichever database it is of.

SQLite's file is copied page by page, by its own online backup. PostgreSQL's tables are copied row by row, out of one
snapshot, into a file of the same schema; `fill` brings them back. So one form of backup fits both, can be looked into
where no server is, and moves an instance from the one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Column, Connection, Table, create_engine, delete, func, insert, select, text
from sqlalchemy.exc import DataError

from dayfile.errors import Conflict, Corrupt, DatabaseUnavailable
from dayfile.store import schema
from dayfile.store.database import Database
from dayfile.store.departure import reopen
from dayfile.store.dialect import BATCH, give_ids_beyond
from dayfile.store.driver_errors import translated
from dayfile.store.instance import ARRIVED, LEFT_STORAGES, Instance
from dayfile.store.table_digests import OF_PROCESSES, check_same
from dayfile.store.tables.instance import worker
from dayfile.store.tables.metadata import metadata

_PAGES: Final = 2000

OnStep = Callable[[int, int], None]
"""A function that is called as the copy goes on: with what is copied, and the whole."""


def copy_to_file(source: Database, file: Path, *, on_step: OnStep) -> None:
    """Copy a database, as of one moment, into a new SQLite file that stands alone; raises DatabaseUnavailable.

    The copy is open, also if the database is closed, and knows of no former moves.
    """
    url = URL.create("sqlite", database=str(file))
    if source.file is not None:
        _copy_pages(source, url, on_step)
    else:
        making = Database.connect(url.render_as_string())
        with closing(making), source.looked_into() as rows, making.exclusively() as into:
            schema.make(into)
            _copy_rows(rows, into, on_step)
    with _plain(url) as copied:
        for table in OF_PROCESSES:
            copied.execute(delete(table))
        reopen(copied)
        for fact in (ARRIVED, LEFT_STORAGES):  # of the place that it is a copy of
            Instance(copied).drop(fact)
        copied.commit()
        copied.exec_driver_sql("PRAGMA journal_mode = DELETE")  # all of it is in the one file from here on


def migrate_file(file: Path) -> None:
    """Bring a copy in a file to the schema of this version; raises Unusable for one of a newer version."""
    url = URL.create("sqlite", database=str(file))
    with closing(Database.connect(url.render_as_string())) as database:
        schema.migrate(database)
    with _plain(url) as copied:
        copied.exec_driver_sql("PRAGMA journal_mode = DELETE")


def fill(target: Database, file: Path, *, check: Callable[[], None], on_step: OnStep) -> None:
    """Make a database out of a copy of this version's schema, in one transaction: it has all of it, or nothing.

    `check` is called just before it is committed, and may raise. Raises Conflict for one with tables of Dayfile,
    Corrupt if a row is another one there, DatabaseUnavailable.
    """
    source = Database.connect_to_read(URL.create("sqlite", database=str(file)).render_as_string())
    with closing(source), source.looked_into() as rows, target.exclusively() as into:
        if schema.version(into) is not None:
            raise Conflict("there is an instance in this database already, and it is left as it is")
        schema.make(into)
        _copy_rows(rows, into, on_step)
        check_same(rows, into)
        check()


def note_facts(file: Path, facts: Mapping[str, str]) -> None:
    """Note facts in a copy in a file."""
    url = URL.create("sqlite", database=str(file))
    with _plain(url) as copied:
        for name, value in facts.items():
            Instance(copied).replace(name, value)
        copied.commit()


def compare(source: Database, file: Path) -> int:
    """Compare a database with a copy of it in a file; return the number of rows. Raises Corrupt if they differ."""
    url = URL.create("sqlite", database=str(file))
    with source.looked_into() as rows, _plain(url) as copied:
        return check_same(rows, copied)


def _copy_pages(source: Database, url: URL, on_step: OnStep) -> None:
    with source.looked_into() as reading, _plain(url) as writing:
        # From here on it sees this moment, and no commit makes the copy begin again.
        reading.execute(select(func.count()).select_from(worker)).all()
        try:
            progress = lambda _, left, whole: on_step(whole - left, whole)  # noqa: E731 - the driver's arguments
            _driver(reading).backup(_driver(writing), pages=_PAGES, progress=progress)
        except writing.dialect.loaded_dbapi.Error as error:
            raise DatabaseUnavailable(f"the copy of the database cannot be written: {error}") from error


def _copy_rows(source: Connection, target: Connection, on_step: OnStep) -> None:
    tables = [table for table in metadata.sorted_tables if table not in OF_PROCESSES]
    if target.dialect.name == "sqlite":
        target.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    for table in reversed(tables):  # a new schema has a few rows of its own
        target.execute(delete(table))
    counts = {table: source.execute(select(func.count()).select_from(table)).scalar_one() for table in tables}
    done, whole = 0, sum(counts.values())
    for table in tables:
        into = insert(table)
        for rows in _batches(source, table):
            try:
                target.execute(into, rows)
            except DataError as error:
                raise Corrupt(f"a row of the table {table.name} cannot be kept there: {error.orig}") from error
            done += len(rows)
            on_step(done, whole)
        numbered = table.autoincrement_column
        if numbered is not None:
            _give_numbers_beyond(target, numbered, _last_number(source, numbered))


def _batches(source: Connection, table: Table) -> Iterator[Sequence[dict[str, Any]]]:
    # Rows that others of the table refer to come first.
    own = [key.parent for key in table.foreign_keys if key.column.table is table]
    query = select(table).order_by(*(column.is_not(None) for column in own), *table.primary_key)
    keys = [column.key for column in table.columns]  # a row has the names of the columns, and an insert takes these
    for rows in source.execution_options(yield_per=BATCH).execute(query).partitions():
        yield [dict(zip(keys, row, strict=True)) for row in rows]
    source.execution_options(yield_per=None)


def _last_number(source: Connection, column: Column[Any]) -> int:
    """Return the last number that a column has given: none is given twice, also if its row is gone."""
    if source.dialect.name == "sqlite":
        query = text("SELECT max(seq) FROM sqlite_sequence WHERE name = :name")
        return int(source.execute(query, {"name": column.table.name}).scalar_one_or_none() or 0)
    sequence = source.execute(select(_sequence_of(column))).scalar_one()
    last, is_called = source.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()  # noqa: S608 - a name
    return int(last) if is_called else 0


def _give_numbers_beyond(target: Connection, column: Column[Any], last: int) -> None:
    if target.dialect.name == "sqlite":
        give_ids_beyond(target, column.table, last)
    elif last:
        target.execute(select(func.setval(_sequence_of(column), last)))


def _sequence_of(column: Column[Any]) -> Any:
    return func.pg_get_serial_sequence(column.table.name, column.name)


@contextmanager
def _plain(url: URL) -> Iterator[Connection]:
    """Open a file without the settings of a database in use, which would have it written twice."""
    engine = create_engine(url, hide_parameters=True)
    try:
        with translated(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
