"""A session of PostgreSQL as libpq has it, for what every answer needs: psycopg's cursors take longer than the server.

A statement is prepared once in a session that is surely this process's own, and each time behind a pooler.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from dayfile.store.driver_errors import is_undecodable, undecodable

KEPT_AS: Final = "dayfile_session"
"""Name of a session in the information of its connection."""


class PostgresSession:
    """The session of one connection of psycopg. For one thread at a time, as the connection is."""

    def __init__(self, driver: Any, *, keeps_statements: bool) -> None:
        """Take a connection in psycopg's autocommit mode, and whether what is prepared in it will be there again."""
        from psycopg.adapt import PyFormat, Transformer
        from psycopg.errors import error_from_result
        from psycopg.generators import execute
        from psycopg.pq import ExecStatus, TransactionStatus

        self._driver, self._libpq = driver, driver.pgconn
        self._transformer, self._as_text = Transformer, PyFormat.TEXT
        self._answers, self._failed, self._error = execute, ExecStatus.FATAL_ERROR, error_from_result
        self._idle = TransactionStatus.IDLE
        self._keeps_statements = keeps_statements
        self._names: dict[str, bytes] = {}  # of the statements that are prepared, by their text
        self._prepared = 0

    @property
    def keeps_statements(self) -> bool:
        """True if what is prepared in it will be there again."""
        return self._keeps_statements

    def keep(self, info: dict[Any, Any]) -> None:
        """Be found by `session_of` on the connections of SQLAlchemy with this information."""
        info[KEPT_AS] = self

    @property
    def is_idle(self) -> bool:
        """True if no transaction is under way, as far as the server has told."""
        return bool(self._libpq.transaction_status == self._idle)

    def run(self, statements: bytes) -> Any | None:
        """Run statements without parameters; return the last value of the last one's row, if it has any.

        Raises psycopg.Error.
        """
        self._libpq.send_query(statements)
        rows = self._rows(self._answer())
        return rows[0][-1] if rows else None

    def execute(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows that a statement gives, whose parameters are $1, $2 and so on; raises psycopg.Error."""
        given = self._transformer(self._driver).dump_sequence(parameters, [self._as_text] * len(parameters))
        if not self._keeps_statements:
            self._libpq.send_query_params(statement.encode(), given)
            return self._rows(self._answer())
        name = self._names.get(statement) or self._prepare(statement)
        self._libpq.send_query_prepared(name, given)
        try:
            return self._rows(self._answer())
        except self._driver.Error:
            self._names.pop(statement, None)  # perhaps it is of a table that has changed since
            raise

    def _prepare(self, statement: str) -> bytes:
        self._prepared += 1
        name = b"dayfile_%d" % self._prepared
        self._libpq.send_prepare(name, statement.encode())
        self._answer()
        self._names[statement] = name
        return name

    def _answer(self) -> Any:
        """Return the last of the server's answers to what was sent."""
        # psycopg waits, so that a command which is interrupted meanwhile cancels what it has asked for.
        answers = self._driver.wait(self._answers(self._libpq))
        for answer in answers:
            if answer.status == self._failed:
                raise self._error(answer, encoding=self._driver.info.encoding)
        return answers[-1]

    def _rows(self, answer: Any) -> list[tuple[Any, ...]]:
        if not answer.ntuples:
            return []
        reading = self._transformer(self._driver)
        reading.set_pgresult(answer)
        rows: list[tuple[Any, ...]] = reading.load_rows(0, answer.ntuples, tuple)
        return rows


def session_of(connection: Connection) -> PostgresSession:
    """Return the session of a connection to PostgreSQL."""
    session: PostgresSession = connection.info[KEPT_AS]
    return session


def rows_of(connection: Connection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows that a statement gives; raises as `Connection.execute` does, but calls none of its listeners."""
    errors: Any = connection.dialect.dbapi
    try:
        return session_of(connection).execute(statement, parameters)
    except errors.Error as error:
        raise as_raised(connection, error, statement=statement) from error


def as_raised(connection: Connection, error: Any, *, statement: str) -> Exception:
    """Return the error that SQLAlchemy raises for one of a driver, whose parameters nobody is told."""
    if is_undecodable(error):
        return undecodable()
    dialect: Any = connection.dialect
    driver: Any = connection.connection.dbapi_connection
    raised: Exception = DBAPIError.instance(
        statement,
        None,
        error,
        dialect.dbapi.Error,
        hide_parameters=True,
        dialect=dialect,
        connection_invalidated=dialect.is_disconnect(error, driver, None),
    )
    return raised
