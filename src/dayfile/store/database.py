"""The state database: transactions, and every difference between dialects.

SQLite serves one machine, PostgreSQL many. Only this file and those that it is made of know which one is in use. A
transaction is short: none stays open while object storage is used.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn, Self, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from dayfile.errors import DatabaseDamaged, DatabaseUnavailable, DatabaseUnwritable, Undone, Unusable
from dayfile.store.checkpoints import Checkpoints
from dayfile.store.connections import in_reading, in_transaction, tell
from dayfile.store.database_url import file_in, parse_url
from dayfile.store.driver_errors import is_cut_off, moved, translated
from dayfile.store.engines import WRITES, sqlite_engine, sqlite_reading_engine
from dayfile.store.file_lock import locked
from dayfile.store.kept_connections import KeptConnections
from dayfile.store.listening import CHANNEL
from dayfile.store.pipelined_readings import LEAST_CONNECTIONS, PipelinedReadings, pipelined_connection
from dayfile.store.postgres_engine import (
    CONNECTIONS,
    Pause,
    TimeKeeper,
    at_once,
    check_server,
    keep_time,
    postgres_engine,
)
from dayfile.store.postgres_pipeline import NotInPipeline
from dayfile.store.shared_snapshot import KeptSnapshot, SharedSnapshot
from dayfile.store.transaction import Transaction
from dayfile.store.turns import Turns

_ROOM: Final = bytes(64 * 1024)
"""The bytes that a disk must accept for a database on it to count as ready."""

_FINDINGS: Final = 20

PAUSES: Final = (0.02, 0.1, 0.3, 1.0)
"""Seconds before each further try of a transaction that was undone."""

T = TypeVar("T")

_log = structlog.get_logger()


class Database:
    """One state database. Safe to share between threads; close it once at the end."""

    def __init__(
        self,
        engine: Engine,
        *,
        file: Path | None,
        is_immutable: bool = False,
        connections: int = CONNECTIONS,
        pause: Pause = at_once,
    ) -> None:
        self.engine = engine
        self._pause = pause
        self.connections = connections  # the most that there are to PostgreSQL
        self._file = file  # of SQLite
        self._is_immutable = is_immutable
        self._damage: str | None = None  # damage that was found
        self._of_thread = threading.local()  # the snapshot that a thread shares
        self._kept = KeptConnections(engine)
        self._login_changes = itertools.count(1)
        self.logins_as_of = 0
        has_one_for_it = file is None and connections >= LEAST_CONNECTIONS
        self._pipelined = PipelinedReadings(engine) if has_one_for_it else None
        # SQLite has one writer at a time. Among the threads of this process the queue is fair and wakes at once;
        # SQLite's own busy wait, which is left between processes, is neither.
        self._writer: contextlib.AbstractContextManager[Any] = Turns() if file else contextlib.nullcontext()
        self._checkpoints = None if file is None else Checkpoints(file, engine, writer=self._writer)

    # `logins_as_of` is a number that is another one after every commit of this process that changes logins.

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for another database."""
        return self._file

    @classmethod
    def connect(cls, url: str, *, connections: int = CONNECTIONS, pause: Pause = at_once) -> Self:
        """Open the database at a URL without touching its tables; raises Unusable for a bad URL.

        `connections` are the most that there are to PostgreSQL; `pause` lets time pass before what is tried again.
        """
        parsed = parse_url(url)
        file = file_in(parsed)
        if file is None:
            engine = postgres_engine(parsed, connections=connections, pause=pause)
            return cls(engine, file=None, connections=connections, pause=pause)
        return cls(sqlite_engine(parsed), file=file, pause=pause)

    @classmethod
    def connect_to_read(cls, url: str, *, connections: int = CONNECTIONS, pause: Pause = at_once) -> Self:
        """Open a database that cannot be written, for snapshots only.

        Raises Unusable, with what to do, for a SQLite file whose write-ahead log cannot be read where it is, and
        DatabaseUnavailable for one that cannot be read at all.
        """
        parsed = parse_url(url)
        file = file_in(parsed)
        if file is None:
            return cls.connect(url, connections=connections, pause=pause)
        try:
            return cls._reading(file, is_immutable=False)
        except DatabaseUnwritable as error:
            # SQLite reads a file in WAL mode only with its -shm file, and could not make one.
            if _has_log(file):
                raise Unusable(_how_to_copy(file)) from error
        return cls._reading(file, is_immutable=True)

    def keep_time(self, keeper: TimeKeeper) -> None:
        """Have a keeper told PostgreSQL's time as transactions begin."""
        keep_time(self.engine, keeper)

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Open a writing transaction: committed when the block ends, rolled back when the block raises.

        Without `durable` the commit does not wait for the disk, and may be lost with the power until the next one that
        does: for rows that count only by a later commit.

        Raises DatabaseUnavailable if the database is away, full, read-only or busy for too long; Undone, a kind of it,
        if certainly nothing was committed and the same block may run again, as `run` has it. Once it is committed,
        nothing raises.
        """
        tx, is_at_end = None, False
        try:
            options = {**WRITES, "dayfile_durable": durable}
            with self._translated(), self._writer, in_transaction(self.engine, **options) as connection:
                tx = Transaction(connection)
                yield tx
                is_at_end = True  # from here on the answer to a commit may be what is lost
        except DatabaseUnavailable as error:
            if is_at_end or not is_cut_off(error.__cause__):
                raise
            raise Undone(f"{error}; nothing was committed") from error
        finally:
            # Also after an error: a commit whose answer was lost may have happened.
            if tx is not None and tx.changes_logins:
                self.logins_as_of = next(self._login_changes)
        if self._checkpoints is not None:
            self._checkpoints.run_if_due()

    def run(self, decide: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """Run a function in a transaction, and once more if the database has undone it, up to four times.

        The function must have no other effects than in its transaction. It is not run again after an error of its
        commit, which may have happened. Raises as `transaction` does.
        """
        for seconds in PAUSES:
            try:
                with self.transaction(durable=durable) as tx:
                    return decide(tx)
            except Undone as error:
                _log.info("database.again", reason=str(error))
                self._pause(seconds)
        with self.transaction(durable=durable) as tx:
            return decide(tx)

    def snapshot(self) -> contextlib.AbstractContextManager[Transaction]:
        """Open a read-only transaction that sees one moment. Raises DatabaseUnavailable, here or on entry."""
        shared: SharedSnapshot | None = getattr(self._of_thread, "snapshot", None)
        if shared is not None:
            return shared.part()
        if (pipelined := pipelined_connection(self.engine)) is not None:
            return contextlib.nullcontext(Transaction(pipelined, logins_as_of=self.logins_as_of))
        return self._snapshot()

    def shared_snapshot(self) -> contextlib.AbstractContextManager[None]:
        """Have every snapshot that this thread opens meanwhile be the same one, which begins with the first of them.

        Raises DatabaseUnavailable, as they do. On SQLite the thread keeps its connection.
        """
        begin = self._snapshot if self._file is None or self._is_immutable else self._kept_snapshot
        return SharedSnapshot(self._of_thread, begin, self._raise_meaning)

    @property
    def is_asked_by_loops(self) -> bool:
        """True if event loops themselves may ask it, and do something else until it answers."""
        return self._pipelined is not None

    async def read_in_loop(self, read: Callable[[], T]) -> T | None:
        """Return what a reading returns, which this event loop does itself; raises what it raises.

        None if a thread is to do it, from its beginning: it was perhaps begun here, and so must have no other effects.
        """
        if self._pipelined is None:
            return None
        try:
            return await self._pipelined.run(read)
        except NotInPipeline:
            return None

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[Connection]:
        """Open a connection for migrations, for one process of this machine (PostgreSQL: database) at a time.

        Raises Unusable for a PostgreSQL that Dayfile does not work with.
        """
        # On PostgreSQL without the limits of what writes: a migration may take long, and others wait for it.
        locking, beginning = self._migration_lock(), in_transaction(self.engine, **(WRITES if self._file else {}))
        with self._translated(), locking, beginning as connection:
            if not self._file:
                check_server(connection)
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4660714)")
            yield connection

    @contextlib.contextmanager
    def looked_into(self) -> Iterator[Connection]:
        """Open a read-only connection for looking at the schema. Raises DatabaseUnavailable."""
        with self._read() as connection:
            yield connection

    def notify(self, topic: str) -> None:
        """Wake those that listen on PostgreSQL, in a transaction of its own; no-op on SQLite. Raises as `snapshot`."""
        if self._file is None:
            with self._translated():
                tell(self.engine, CHANNEL, topic)

    def probe(self) -> None:
        """Check that the database can be read and that its disk takes more.

        Raises DatabaseUnavailable if not, and Moved for one that is closed; DatabaseDamaged, once damage was met, for
        as long as this process lives.
        """
        if self._damage is not None:
            raise DatabaseDamaged(self._damage)
        with self.snapshot() as tx:
            tx.accounts.are_there()
            is_closed = tx.departures.find() is not None
        if is_closed:
            raise moved()
        if self._file is not None:
            with _as_unwritable("written"), tempfile.TemporaryFile(dir=self._file.parent, buffering=0) as room:
                if room.write(_ROOM) < len(_ROOM):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def damage(self) -> list[str]:
        """Return the damage that SQLite finds by reading its whole file, which takes a while; none on PostgreSQL."""
        if self._file is None:
            return []
        with self._read() as connection:
            found = connection.exec_driver_sql(f"PRAGMA integrity_check({_FINDINGS})").scalars().all()
        return [] if found == ["ok"] else [str(one) for one in found]

    def give_back_space(self) -> None:
        """Return the space of deleted rows to the disk, after many were deleted; PostgreSQL reuses it by itself."""
        if self._checkpoints is not None:
            self._checkpoints.give_back()

    def close(self) -> None:
        """Close every connection; closing twice is fine."""
        self._kept.close()
        if self._pipelined is not None:
            self._pipelined.close()
        self.engine.dispose()

    @classmethod
    def _reading(cls, file: Path, *, is_immutable: bool) -> Self:
        database = cls(sqlite_reading_engine(file, is_immutable=is_immutable), file=file, is_immutable=is_immutable)
        try:
            with database._read() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").all()
        except BaseException:
            database.close()
            raise
        return database

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[Transaction]:
        as_of = self.logins_as_of
        with self._read() as connection:
            yield Transaction(connection, logins_as_of=as_of)

    def _kept_snapshot(self) -> KeptSnapshot:
        return KeptSnapshot(self._kept, logins_as_of=self.logins_as_of, translate=self._raise_meaning)

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._translated(), in_transaction(self.engine) if self._file else in_reading(self.engine) as connection:
            yield connection
        if self._is_immutable and self._file and _has_log(self._file):
            raise DatabaseUnavailable("the state database was written while it was read: run the command again")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated():
                yield
        except DatabaseDamaged as damaged:
            self._damage = damaged.found
            raise
        except DatabaseUnwritable:
            if self._file is None:
                # A server that another one has succeeded still answers what reads: connect anew, perhaps to that one.
                self.engine.dispose()
            raise

    def _raise_meaning(self, error: SQLAlchemyError) -> NoReturn:
        with self._translated():
            raise error

    @contextlib.contextmanager
    def _migration_lock(self) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            if self._file is not None:
                with _as_unwritable("locked"):
                    self._file.parent.mkdir(parents=True, exist_ok=True)
                    held.enter_context(locked(self._file.with_name(self._file.name + ".migrate-lock"), wait=True))
            yield


@contextlib.contextmanager
def _as_unwritable(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatabaseUnwritable(
            f"the state database cannot be {what}: {error.strerror}; its folder must be writable and its disk have room"
        ) from error


def _has_log(file: Path) -> bool:
    """Return True if there may be commits beside the file that are not in it."""
    try:
        return file.with_name(file.name + "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False  # or the last process that used the database has just removed it


def _how_to_copy(file: Path) -> str:
    return (
        f"the write-ahead log {file.name}-wal cannot be read where it is, because the folder or its disk cannot be "
        f"written: copy {file.name} and {file.name}-wal, both, to a folder that can be written while no process uses "
        "them, and set DAYFILE_DATABASE_URL to the copy, sqlite:////FOLDER/" + file.name
    )
