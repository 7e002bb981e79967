"""The state database: engine, transactions, and every difference between dialects.

SQLite serves one machine, PostgreSQL many. Nothing outside this file knows which of them is there. A transaction is
short: none stays open while object storage is used.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from dayfile.errors import DatabaseUnavailable, Unusable
from dayfile.store.transaction import Transaction
from dayfile.store.turns import Turns

BUSY_TIMEOUT_MS = 30_000
_CHECKPOINT_AT_BYTES = 16 * 1024 * 1024
_WRITES = {"dayfile_writes": True}  # the execution option by which _begin_sqlite knows a writing transaction


class Database:
    """One state database. Safe to share between threads; close it once at the end."""

    def __init__(self, engine: Engine, *, file: Path | None) -> None:
        self.engine = engine
        self._file = file  # of SQLite
        # SQLite has one writer at a time: queueing here is fair and wakes at once, its own busy wait is neither.
        self._writer: contextlib.AbstractContextManager[Any] = Turns() if file else contextlib.nullcontext()

    @property
    def file(self) -> Path | None:
        """The file of SQLite; None for a database that is none."""
        return self._file

    @classmethod
    def connect(cls, url: str) -> Database:
        """Open the database at a SQLAlchemy URL without touching its tables; raises Unusable for a bad URL."""
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise Unusable("the database URL must name a SQLite file: one in memory would lose every record")
            engine = _engine(parsed)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return cls(engine, file=Path(parsed.database))
        if parsed.get_backend_name() != "postgresql":
            raise Unusable(
                f"the database URL must begin with sqlite:/// or postgresql+psycopg://, not {parsed.drivername}"
            )
        return cls(_engine(parsed, pool_pre_ping=True), file=None)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A writing transaction: committed as one when the block ends, as if it never was when the block raises.

        Raises DatabaseUnavailable when the database is away, full, read-only or busy for too long.
        """
        with _translated(), self._writer, self._connection(**_WRITES) as connection, connection.begin():
            yield Transaction(connection)
        self._checkpoint_if_due()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Reads only, all of one moment. Raises DatabaseUnavailable."""
        reads = {} if self._file else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with _translated(), self._connection(**reads) as connection, connection.begin():
            yield Transaction(connection)

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[Connection]:
        """A connection for migrations, which no other process of this machine (or, on PostgreSQL, of this database)
        has at the same time.
        """
        locked, connecting = self._migration_lock(), self._connection(**_WRITES)
        with _translated(), locked, connecting as connection, connection.begin():
            if not self._file:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4660714)")
            yield connection

    def close(self) -> None:
        """Give back every connection; closing twice is fine."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _connection(self, **options: Any) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection.execution_options(**options)

    @contextlib.contextmanager
    def _migration_lock(self) -> Iterator[None]:
        if self._file is None:
            yield
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self._file.with_name(self._file.name + ".migrate-lock"), wait=True):
            yield

    def _checkpoint_if_due(self) -> None:
        """Move the write-ahead log into the database when it has grown, one process and thread at a time.

        SQLite before 3.51.3 can lose pages when several processes checkpoint at once (its "WAL-reset" bug), so its own
        automatic checkpoint is off and this one runs under a file lock.
        """
        if self._file is None:
            return
        log = self._file.with_name(self._file.name + "-wal")
        with contextlib.suppress(FileNotFoundError, BlockingIOError, OperationalError):
            if log.stat().st_size < _CHECKPOINT_AT_BYTES:
                return
            with _locked(self._file.with_name(self._file.name + ".checkpoint-lock"), wait=False), self._writer:
                raw = self.engine.raw_connection()
                try:
                    cursor = raw.cursor()
                    cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                    cursor.execute("PRAGMA incremental_vacuum(1000)").fetchall()
                    cursor.close()
                finally:
                    raw.close()


def _engine(url: URL, **options: Any) -> Engine:
    # Errors are logged, and parameters are records and secrets.
    return create_engine(
        url, hide_parameters=True, pool_size=16, max_overflow=64, pool_timeout=BUSY_TIMEOUT_MS / 1000, **options
    )


def _prepare_sqlite(connection: Any, record: Any) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    connection.isolation_level = None  # transactions begin where _begin_sqlite says, not where sqlite3 guesses
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "auto_vacuum = INCREMENTAL",  # only heeded before the first table is made
        "journal_mode = WAL",
        "synchronous = FULL",  # a commit that was answered survives the power cord
        "secure_delete = ON",  # what was erased is not left in free pages
        "foreign_keys = ON",
        "wal_autocheckpoint = 0",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a deferred transaction that turns to writing later can only fail.
    writes = connection.get_execution_options().get("dayfile_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextlib.contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn a driver's "not now" into DatabaseUnavailable; anything else it raises is a bug and passes through."""
    try:
        yield
    except OperationalError as error:
        raise DatabaseUnavailable(f"the state database cannot be used right now: {error.orig}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable(f"the state database went away: {error.orig}") from error
        raise
