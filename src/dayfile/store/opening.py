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


def check_absent(url: str) -> None:
    """Raise Conflict if there is something in the place of a database, of Dayfile or not; and DatabaseUnavailable.

    The log of a SQLite file that is gone would be applied to another one.
    """
    file = file_of(url)
    if file is not None:
        for found in (file.with_name(file.name + name) for name in _OF_A_FILE):
            if found.exists():
                raise Conflict(
                    f"there is {found} already, and it is left as it is: move it away, or have DAYFILE_DATA_DIR or "
                    "DAYFILE_DATABASE_URL name a place without an instance"
                )
    else:
        with closing(Database.connect(url)) as database, database.looked_into() as connection:
            if schema.version(connection) is not None:
                raise Conflict(
                    "there is an instance in that database already, and it is left as it is: have "
                    "DAYFILE_DATABASE_URL name an empty database"
                )


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
    except FileNotFoundError:
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
