"""A session of PostgreSQL in libpq's pipeline mode, for readings of an event loop that are a statement each.

Statements that are asked for in one turn of the loop travel together, and nobody waits for the answers of others before
asking. Each statement sees one moment, which is after it was asked for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Engine, Pool

from dayfile.store.connections import connect_to_read
from dayfile.store.postgres_session import session_of


class NotInPipeline(BaseException):
    """Signal that something is to be read in a thread, from the beginning: the pipeline cannot, or does not now."""


class PostgresPipeline:
    """The pipeline of one connection. Belongs to one event loop, except where something else is said."""

    def __init__(self, connection: Connection, *, engine: Engine, pool: Pool) -> None:
        """Take a connection of this pool for good, in any thread."""
        from psycopg import Error
        from psycopg.adapt import PyFormat, Transformer
        from psycopg.pq import ExecStatus

        driver: Any = connection.connection.dbapi_connection
        self._engine, self._pool = engine, pool
        self._connection, self._libpq, self._error = connection, driver.pgconn, Error
        self._transformer, self._as_text = Transformer(driver), PyFormat.TEXT
        self._failed = ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED
        self._names: dict[str, bytes] = {}  # of the statements that are prepared, by their text
        self._prepared = 0
        self._expected: deque[_Expected] = deque()  # answers, in the order in which they come
        self._reading: asyncio.AbstractEventLoop | None = None  # that reads the answers
        self._is_open, self._is_sending, self._is_retired = True, False, False

    @classmethod
    def connect(cls, engine: Engine) -> Self | None:
        """Return a pipeline on a new connection, in any thread; None behind a pooler, or if this libpq has none.

        Raises DBAPIError, and TimeoutError of SQLAlchemy if all are in use.
        """
        from psycopg import capabilities

        pool = engine.pool
        connection = connect_to_read(engine)
        if session_of(connection).keeps_statements and capabilities.has_pipeline():
            return cls(connection, engine=engine, pool=pool)
        connection.invalidate()
        connection.close()
        return None

    @property
    def is_open(self) -> bool:
        """True until its connection is closed."""
        return self._is_open

    @property
    def is_usable(self) -> bool:
        """True as long as statements may be asked for: its connection is open, and of those that are not given up."""
        return self._is_open and self._engine.pool is self._pool

    def begin(self) -> None:
        """Have answers read by the event loop that runs. If the connection is lost already, it is closed then."""
        self._reading = self._loop = asyncio.get_running_loop()
        try:
            self._libpq.nonblocking = 1
            self._libpq.enter_pipeline_mode()
            self._socket: int = self._libpq.socket  # which libpq knows no more once the connection is lost
        except self._error:
            self._give_up_connection()
        else:
            self._loop.add_reader(self._socket, self._read)

    def ask(self, statement: str, parameters: Sequence[Any]) -> asyncio.Future[list[tuple[Any, ...]]]:
        """Return the rows that a statement will give, whose parameters are $1, $2 and so on; NotInPipeline if none."""
        answer: asyncio.Future[list[tuple[Any, ...]]] = self._loop.create_future()
        try:
            given = self._transformer.dump_sequence(parameters, [self._as_text] * len(parameters))
            name = self._names.get(statement) or self._prepare(statement)
            self._libpq.send_query_prepared(name, given)
        except self._error as error:
            raise NotInPipeline from error
        self._expected.append(_Expected(statement=statement, answer=answer))
        if not self._is_sending:
            self._is_sending = True
            self._loop.call_soon(self._send)
        return answer

    def retire(self) -> None:
        """Close it once all answers have come."""
        self._is_retired = True
        if not self._expected:
            self.close()

    def close(self) -> None:
        """Close its connection; whoever waits for an answer is told NotInPipeline. Closing twice is fine."""
        if not self._is_open:
            return
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._give_up_connection()
        while self._expected:
            self._expected.popleft().refuse()

    def close_from_anywhere(self) -> None:
        """Close it, in any thread, whether the loop still runs or not."""
        if self._reading is None or self._reading.is_closed():
            self._give_up_connection()
        else:
            self._reading.call_soon_threadsafe(self.close)

    def _give_up_connection(self) -> None:
        if self._is_open:
            self._is_open = False
            self._connection.invalidate()  # its settings are nothing for others
            self._connection.close()

    def _prepare(self, statement: str) -> bytes:
        self._prepared += 1
        name = b"dayfile_%d" % self._prepared
        self._libpq.send_prepare(name, statement.encode())
        self._expected.append(_Expected(statement=statement, answer=None))
        self._names[statement] = name
        return name

    def _send(self) -> None:
        """Send what was asked for in this turn, with one mark behind which errors are forgotten."""
        self._is_sending = False
        if not self._is_open:
            return
        try:
            self._libpq.pipeline_sync()
        except self._error:
            self.close()
            return
        self._expected.append(_Expected(statement=None, answer=None))
        self._send_rest()

    def _send_rest(self) -> None:
        try:
            if self._libpq.flush():
                self._loop.add_writer(self._socket, self._send_rest)
            else:
                self._loop.remove_writer(self._socket)
        except self._error:
            self.close()

    def _read(self) -> None:
        try:
            self._libpq.consume_input()
            while self._expected and not self._libpq.is_busy():
                answer = self._libpq.get_result()
                if answer is not None:  # as it is between those to two statements
                    self._take(answer, self._expected.popleft())
        except self._error:
            self.close()
        if self._is_retired and not self._expected:
            self.close()

    def _take(self, answer: Any, expected: _Expected) -> None:
        if answer.status in self._failed:
            if expected.answer is None and expected.statement is not None:
                del self._names[expected.statement]
            expected.refuse()
        elif expected.answer is not None:
            try:
                self._transformer.set_pgresult(answer)
                expected.give(self._transformer.load_rows(0, answer.ntuples, tuple))
            except Exception:  # noqa: BLE001 - a thread raises it again, and nobody is left waiting
                expected.refuse()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """An answer that the server owes: to a statement, to its preparation, or, without either, to a mark."""

    statement: str | None
    answer: asyncio.Future[list[tuple[Any, ...]]] | None

    def give(self, rows: list[tuple[Any, ...]]) -> None:
        """Give rows to whoever waits for them."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(rows)

    def refuse(self) -> None:
        """Send whoever waits to a thread, where errors are told as everywhere."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(NotInPipeline())
