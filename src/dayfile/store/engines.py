"""Connections to SQLite files, and the way in which their transactions begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event

from dayfile.store.checkpoints import KEPT_BYTES
from dayfile.store.departure import name_refusals

BUSY_TIMEOUT_MS: Final = 30_000

_INCREMENTAL: Final = 2  # auto_vacuum's number for it

WRITES: Final = {"dayfile_writes": True}
"""The execution options of a connection whose transactions write."""


def sqlite_engine(url: URL) -> Engine:
    """Return an engine for a SQLite file, which is created on first use."""
    engine = _engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def sqlite_reading_engine(file: Path, *, is_immutable: bool) -> Engine:
    """Return an engine that only reads a SQLite file, in a folder that need not be writable.

    `is_immutable` reads the file alone, without locks. It is only for a file without a write-ahead log beside it: the
    commits in a log would be missing, and the pages that it replaces may be of different moments.
    """
    query = {"uri": "true", "mode": "ro"} | ({"immutable": "1"} if is_immutable else {})
    engine = _engine(URL.create("sqlite", database=f"file:{quote(str(file))}", query=query))
    event.listen(engine, "connect", _prepare_sqlite_to_read)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _engine(url: URL) -> Engine:
    # Errors are logged, and parameters may be records and secrets.
    engine = create_engine(
        url, hide_parameters=True, pool_size=16, max_overflow=64, pool_timeout=BUSY_TIMEOUT_MS / 1000
    )
    name_refusals(engine)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    connection.isolation_level = None  # transactions begin where _begin_sqlite says, not where sqlite3 guesses
    cursor = connection.cursor()
    # This comes first: any write below would be followed by SQLite's own checkpoint, beside that of another process.
    cursor.execute("PRAGMA wal_autocheckpoint = 0")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    # Only effective before the first table is made. Set only if need be: it writes, which fails on a full disk.
    if cursor.execute("PRAGMA auto_vacuum").fetchone() != (_INCREMENTAL,):
        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for pragma in (
        "journal_mode = WAL",
        f"journal_size_limit = {KEPT_BYTES}",
        "secure_delete = ON",  # erased data is not left in free pages
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_sqlite_to_read(connection: Any, record: Any) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}").close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a deferred transaction that turns to writing later can only fail.
    options = connection.get_execution_options()
    driver: Any = connection.connection.dbapi_connection
    if options.get("dayfile_writes"):
        # A commit that was answered survives the power cord, and with it whatever the log has before it.
        driver.execute(f"PRAGMA synchronous = {'FULL' if options.get('dayfile_durable', True) else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    if not driver.in_transaction:  # a kept connection may have begun without SQLAlchemy
        driver.execute("BEGIN")  # it only begins to read with the next statement, so it neither waits nor fails
