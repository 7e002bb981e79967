"""Connections in a transaction, whose session may have been lost while nobody used it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from dayfile.store.postgres_engine import begin_to_read, end_reading, notify, set_up_to_read


@contextmanager
def in_transaction(engine: Engine, **options: Any) -> Iterator[Connection]:
    """Open a connection in a transaction, which is committed when the block ends; with execution options for it."""

    def begin(connection: Connection) -> None:
        connection.execution_options(**options).begin()

    with _connected(engine, begin) as connection:
        yield connection
        if (transaction := connection.get_transaction()) is not None:
            transaction.commit()


@contextmanager
def in_reading(engine: Engine) -> Iterator[Connection]:
    """Open a connection to PostgreSQL in a transaction that only reads, and sees one moment."""
    with _connected(engine, begin_to_read) as connection:
        yield connection
        end_reading(connection)


def tell(engine: Engine, channel: str, words: str) -> None:
    """Notify those that listen on a channel of PostgreSQL, by one statement that is a transaction of its own."""
    with _connected(engine, lambda connection: notify(connection, channel, words)):
        pass


def connect_to_read(engine: Engine) -> Connection:
    """Return a connection to PostgreSQL of which each statement only reads, if there is no pooler; raises DBAPIError.

    Whoever has it invalidates it in the end: it is of no use to others.
    """
    return _begun_on_living(engine, set_up_to_read)


@contextmanager
def _connected(engine: Engine, begin: Callable[[Connection], None]) -> Iterator[Connection]:
    """Open a connection, with a transaction that `begin` begins and that is rolled back unless it ends in the block."""
    with _begun_on_living(engine, begin) as connection:
        yield connection


def _begun_on_living(engine: Engine, begin: Callable[[Connection], None]) -> Connection:
    """Return a connection on which `begin` has run.

    A session that was lost is noticed by that, which needs no query of its own.
    """
    try:
        return _begun(engine, begin)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        return _begun(engine, begin)  # a new one: all that were as old have been given up


def _begun(engine: Engine, begin: Callable[[Connection], None]) -> Connection:
    connection = engine.connect()
    try:
        begin(connection)
    except BaseException:
        connection.close()
        raise
    return connection
