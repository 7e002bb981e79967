"""Opening the state database: with this version's schema, for everything or only for reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from dayfile.errors import Conflict, DatabaseDamaged, DatabaseUnavailable, DatabaseUnwritable, Unusable
from dayfile.store import schema
from dayfile.store.database import Database
from dayfile.store.database_url import file_of
from dayfile.store.postgres_engine import CONNECTIONS, Pause, at_once

_OF_A_FILE: Final = ("", "-wal", "-journal")


def make_database(url: str, *, connections: int = CONNECTIONS, pause: Pause = at_once) -> Database:
    """Open the database, creating and migrating it where need be; raises Unusable with what to do."""
    with _as_unusable():
        return _open(url, connections, pause)


def find_database(url: str, *, connections: int = CONNECTIONS, pause: Pause = at_once) -> Database | None:
    """Open the database, migrating it where need be; None, and nothing is changed, where there is none of Dayfile's.

    Raises Unusable with what to do.
    """
    with _as_unusable():
        return _open(url, connections, pause) if _is_there(url) else None


def find_database_to_read(url: str, *, connections: int = CONNECTIONS, pause: Pause = at_once) -> Database | None:
    """Open the database as `find_database` does or, where it cannot be written, for reading only.

    Raises Unusable with what to do.
    """
    with _as_unusable():
        if not _is_there(url):
            return None
        try:
            return _open(url, connections, pause)
        except DatabaseUnwritable:
            database = Database.connect_to_read(url, connections=connections, pause=pause)
            with _closed_on_failure(database):
                schema.check_version(database)
            return database


def find_closed_database(url: str, *, connections: int = CONNECTIONS, pause: Pause = at_once) -> Database | None:
    """Open the database of an instance that moves, closed or not, and change nothing; None where there is none.

    Raises Unusable with what to do, also for one of another version: a move is ended by the version that began it.
    """
    with _as_unusable():
        if not _is_there(url):
            return None
        database = Database.connect(url, connections=connections, pause=pause)
        with _closed_on_failure(database):
            with database.looked_into() as connection:
                found, is_closed = schema.version(connection), schema.is_closed(connection)
            if is_closed and found != schema.newest():
                raise Unusable(
                    f"this instance is being moved by another version of Dayfile, of the schema {found}: end the move "
                    "with that version, and upgrade then"
                )
            if not is_closed:
                schema.migrate(database)
        return database


def find_fact(url: str, name: str) -> str | None:
    """Return a fact of the instance at a URL; None where there is no instance. Raises Unusable, DatabaseUnavailable."""
    if not has_tables(url):
        return None
    with closing(Database.connect_to_read(url)) as database, database.snapshot() as tx:
        return tx.instance.find(name)


def check_absent(url: str, *, to_do: str | None = None) -> None:
    """Raise Conflict if there is something in the place of a database, of Dayfile or not.

    The log of a SQLite file that is gone would be applied to another one. `to_do` is what helps, unless the place is
    that of the settings. Raises DatabaseUnavailable, also for a server that would not let this role make tables, and
    Unusable for one that Dayfile does not work with.
    """
    file = file_of(url)
    if file is not None:
        for found in (file.with_name(file.name + name) for name in _OF_A_FILE):
            if found.exists():
                way_out = (
                    "move it away, or have DAYFILE_DATA_DIR or DAYFILE_DATABASE_URL name a place without an instance"
                )
                raise Conflict(f"there is {found} already, and it is left as it is: {to_do or way_out}")
    else:
        with closing(Database.connect(url)) as database, database.exclusively() as connection:
            version = schema.version(connection)
            if version is not None:
                newer = ", of a newer version of Dayfile" if version > schema.newest() else ""
                way_out = "have DAYFILE_DATABASE_URL name an empty database"
                raise Conflict(
                    f"there is an instance in that database already{newer}, and it is left as it is: {to_do or way_out}"
                )
            for statement in ("CREATE TABLE dayfile_probe ()", "DROP TABLE dayfile_probe"):
                connection.exec_driver_sql(statement)


def has_tables(url: str) -> bool:
    """Return True if a database has tables of Dayfile, and change nothing; raises Unusable with what to do."""
    file = file_of(url)
    if file is not None and not file.exists():
        return False
    with _as_unusable(), closing(Database.connect_to_read(url)) as database:
        return schema.is_there(database)


def _is_there(url: str) -> bool:
    """Return True if there is a database with tables of Dayfile, or one that only opening can tell about."""
    file = file_of(url)
    try:
        if file is not None and file.stat().st_size == 0:
            return False  # as a first start leaves it that was killed in its first moment
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # opening it says what is wrong
    try:
        # Only read: another program's file is left as it is.
        database = Database.connect_to_read(url)
    except (DatabaseUnavailable, Unusable):
        return True
    with closing(database):
        return schema.is_there(database)


def _open(url: str, connections: int, pause: Pause) -> Database:
    database = Database.connect(url, connections=connections, pause=pause)
    with _closed_on_failure(database):
        schema.migrate(database)
    return database


@contextmanager
def _closed_on_failure(database: Database) -> Iterator[None]:
    try:
        yield
    except BaseException:
        database.close()
        raise


@contextmanager
def _as_unusable() -> Iterator[None]:
    try:
        yield
    except DatabaseDamaged as error:
        raise Unusable(f"{error}. {error.to_do}") from error
    except DatabaseUnavailable as error:
        raise Unusable(str(error)) from error
