"""Opening the state database: with this version's schema, for everything or only for reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dayfile.errors import DatabaseDamaged, DatabaseUnavailable, DatabaseUnwritable, Unusable
from dayfile.store import schema
from dayfile.store.database import Database


def open_database(url: str) -> Database:
    """Open the database, creating and migrating it where need be; raises Unusable with what to do."""
    with _as_unusable():
        return _open(url)


def open_database_to_read(url: str) -> Database:
    """Open the database as `open_database` does or, where it cannot be written, for reading only.

    Raises Unusable with what to do.
    """
    with _as_unusable():
        try:
            return _open(url)
        except DatabaseUnwritable:
            database = Database.connect_to_read(url)
            with _closed_on_failure(database):
                schema.check_version(database)
            return database


def _open(url: str) -> Database:
    database = Database.connect(url)
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
