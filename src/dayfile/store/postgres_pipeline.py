"""A session of PostgreSQL in libpq's pipeline mode, for readings of an event loop that are a statement or a few.

Statements that are asked for in one turn of the loop travel together, and nobody waits for the answers of others before
asking. Together they see one moment, which is after they were asked for: what has no mark between is one transaction.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, Pool

from dayfile.store.connections import connect_to_read
from dayfile.store.postgres_session import session_of

HELD_UP_AFTER_SECONDS: Final = 0.25
"""Time without an answer after which whoever waits for one is sent to a thread: some statement waits, or takes long."""

MOST_EXPECTED: Final = 500
"""Limit of answers that are waited for. Whoever waits in a thread's queue takes less memory."""

MOST_BYTES_TOGETHER: Final = 4000
"""Size from which statements are sent before others are asked for. libpq begins to send by itself from 8,192 bytes on,
and those that were asked for afterwards would be told of a moment before."""

_LEAST_BYTES: Final = 64

Rows = list[tuple[Any, ...]]

Asked = tuple[str, Sequence[Any]]
"""A statement, and the values of its parameters $1, $2 and so on."""


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
        self._transformer, self._as_text = partial(Transformer, driver), PyFormat.TEXT
        self._failed = ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED
        self._statements: dict[str, _Statement] = {}  # that are prepared, by their text
        self._prepared = 0
        self._expected: deque[_Expected] = deque()  # answers, in the order in which they come
        self._came = 0  # answers so far
        self._waiting_bytes = 0  # of statements that nobody is to join once they are many
        self._reading: asyncio.AbstractEventLoop | None = None  # that reads the answers
        self._looking: asyncio.TimerHandle | None = None
        self._is_open, self._is_sending, self._is_retired, self._is_held_up = True, False, False, False

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

    @property
    def is_busy(self) -> bool:
        """True while nothing more should be asked for: many wait, or something holds up all that would come after."""
        return self._is_held_up or len(self._expected) >= MOST_EXPECTED

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

    def ask(self, asked: Sequence[Asked]) -> list[asyncio.Future[Rows | None]]:
        """Return the rows that statements of one moment will give; None for one that will not.

        Raises NotInPipeline.
        """
        if self._waiting_bytes > MOST_BYTES_TOGETHER:
            self._send()
        answers: list[asyncio.Future[Rows | None]] = []
        try:
            for text, parameters in asked:
                statement = self._statements.get(text) or self._prepare(text)
                given = statement.transformer.dump_sequence(parameters, [self._as_text] * len(parameters))
                self._libpq.send_query_prepared(statement.name, given)
                answers.append(self._loop.create_future())
                self._expected.append(_Expected(statement=statement, answer=answers[-1]))
                self._waiting_bytes += _LEAST_BYTES + sum(len(value) for value in given if value is not None)
        except self._error as error:
            raise NotInPipeline from error
        finally:
            if not self._is_sending:
                self._is_sending = True
                self._loop.call_soon(self._send_on_time)
        return answers

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
        if self._looking is not None:
            self._looking.cancel()
        self._give_up_connection()
        while self._expected:
            self._expected.popleft().give(None)

    def close_from_anywhere(self) -> None:
        """Close it, in any thread, whether the loop still runs or not."""
        if self._reading is not None and self._reading.is_running():
            with suppress(RuntimeError):  # the loop has just been closed
                self._reading.call_soon_threadsafe(self.close)
                return
        self._give_up_connection()  # a loop that stands still would never do it

    def _give_up_connection(self) -> None:
        if self._is_open:
            self._is_open = False
            self._connection.invalidate()  # its settings are nothing for others
            self._connection.close()

    def _prepare(self, text: str) -> _Statement:
        self._prepared += 1
        made = _Statement(text, name=b"dayfile_%d" % self._prepared, transformer=self._transformer())
        self._libpq.send_prepare(made.name, text.encode())
        self._waiting_bytes += len(text)
        self._expected.append(_Expected(statement=made, answer=None))
        self._statements[text] = made
        return made

    def _send_on_time(self) -> None:
        """Send what was asked for in this turn, and was not sent yet."""
        self._is_sending = False
        if self._is_open and self._waiting_bytes:
            self._send()

    def _send(self) -> None:
        """Send what was asked for, with a mark: it ends their transaction, and behind it errors are forgotten."""
        self._waiting_bytes = 0
        try:
            self._libpq.pipeline_sync()
        except self._error:
            self.close()
            return
        self._expected.append(_Expected(statement=None, answer=None))
        if self._looking is None:
            self._looking = self._loop.call_later(HELD_UP_AFTER_SECONDS, self._look, self._came)
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
                    self._came += 1
                    self._take(answer, self._expected.popleft())
        except self._error:
            self.close()
        if not self._expected:
            self._is_held_up = False
            if self._is_retired:
                self.close()

    def _take(self, answer: Any, expected: _Expected) -> None:
        if answer.status in self._failed:
            if expected.answer is None and expected.statement is not None:
                del self._statements[expected.statement.text]
            expected.give(None)
        elif expected.answer is not None and expected.statement is not None:
            rows: Rows | None = None
            with suppress(Exception):  # a thread raises it again, and nobody is left waiting
                rows = expected.statement.rows(answer)
            expected.give(rows)

    def _look(self, came: int) -> None:
        """Send all who wait to threads if no answer has come since; look again as long as there are some to come."""
        self._looking = None
        if came == self._came:
            self._read()  # the loop itself may have been too late to read them
        if not self._is_open or not self._expected:
            return
        if came == self._came:
            self._is_held_up = True
            for expected in self._expected:
                expected.give(None)
        self._looking = self._loop.call_later(HELD_UP_AFTER_SECONDS, self._look, self._came)


class _Statement:
    """A statement that is prepared, and what turns values into its parameters and the columns of its rows into values.

    Its columns stay what they are: the server refuses it after they have changed.
    """

    __slots__ = ("_knows_columns", "name", "text", "transformer")

    def __init__(self, text: str, *, name: bytes, transformer: Any) -> None:
        self.text, self.name, self.transformer = text, name, transformer
        self._knows_columns = False

    def rows(self, answer: Any) -> Rows:
        """Return the rows of an answer."""
        self.transformer.set_pgresult(answer, set_loaders=not self._knows_columns)
        self._knows_columns = True
        found: Rows = self.transformer.load_rows(0, answer.ntuples, tuple)
        self.transformer.set_pgresult(None, set_loaders=False)  # keeps no answer
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """An answer that the server owes: to a statement, to its preparation, or, without either, to a mark."""

    statement: _Statement | None
    answer: asyncio.Future[Rows | None] | None

    def give(self, rows: Rows | None) -> None:
        """Give rows to whoever waits for them; None sends them to a thread, where errors are told as everywhere."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(rows)
