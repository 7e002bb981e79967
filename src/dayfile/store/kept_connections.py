"""Connections to a SQLite file that threads keep for reading: to take one from the pool takes as long as some rows do.

A transaction on one begins and ends without SQLAlchemy, whose own way takes as long again.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

from sqlalchemy import Connection, Engine

from dayfile.store.postgres_session import as_raised


class KeptConnections:
    """The kept connections of all threads of a process, one for each that reads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._of_thread = threading.local()
        self._all: weakref.WeakSet[Connection] = weakref.WeakSet()

    def begin(self) -> Connection:
        """Return the connection of this thread, in a new transaction for reading."""
        connection: Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None or connection.closed or connection.invalidated:
            connection = self._of_thread.connection = self._engine.connect()
            self._all.add(connection)
        _driver(connection).execute("BEGIN")
        return connection

    def end(self, connection: Connection) -> None:
        """End the transaction of a connection of this thread."""
        if connection.in_transaction():
            connection.commit()  # SQLAlchemy has begun one for a statement of its own, and it is this one
            return
        errors: Any = connection.dialect.dbapi
        try:
            _driver(connection).commit()
        except errors.Error as error:
            raise as_raised(connection, error, statement="COMMIT") from error

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in list(self._all):
            connection.close()


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
