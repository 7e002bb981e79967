"""Checkpoints: a write-ahead log that has grown is moved into its SQLite file, beside the commits."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from dayfile.store.file_lock import locked

DUE_AT_BYTES: Final = 16 * 1024 * 1024

KEPT_BYTES: Final = 8 * 1024 * 1024
"""The size to which the first commit after a checkpoint cuts the log. Some is kept: it is cheaper to write again."""

_LOOK_AGAIN_AFTER_BYTES: Final = 1024 * 1024
_GIVEN_BACK_AT_ONCE: Final = 2000  # pages; they are moved, too
_CUT_WITH_A_CHECKPOINT: Final = 1000

_log = structlog.get_logger()


class Checkpoints:
    """Checkpoints of one file, by one process and one thread at a time.

    SQLite before 3.51.3 can lose pages when several processes checkpoint at once (its "WAL-reset" bug), so its own
    automatic checkpoint is off and these run under a file lock.
    """

    def __init__(self, file: Path, engine: Engine, *, writer: AbstractContextManager[Any]) -> None:
        """Checkpoint under `writer`: no commit of this process runs while it is held."""
        self._log_file = file.with_name(file.name + "-wal")
        self._lock_file = file.with_name(file.name + ".checkpoint-lock")
        self._engine = engine
        self._writer = writer
        self._due_at_bytes = DUE_AT_BYTES

    def run_if_due(self) -> None:
        """Checkpoint if the log has grown. Raises nothing: it follows a commit, which no error can take back."""
        try:
            self._run_if_due()
        except BlockingIOError:
            pass  # another process is checkpointing
        except Exception as error:  # noqa: BLE001 - whatever it is, what was committed is committed
            _log.warning("database.checkpoint_failed", reason=str(error))

    def give_back(self) -> None:
        """Cut free pages off the file, some at a time: others commit in between.

        Raises nothing: what was deleted is deleted, and later checkpoints go on with it.
        """
        try:
            before, left = None, self._give_some_back()
            while left and left != before:
                before, left = left, self._give_some_back()
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("database.checkpoint_failed", reason=str(error))

    def _give_some_back(self) -> int:
        """Cut some free pages off and return the number of those that are left."""
        with locked(self._lock_file, wait=True), self._writer, closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            _cut_free_pages(cursor, _GIVEN_BACK_AT_ONCE)
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            (left,) = cursor.execute("PRAGMA freelist_count").fetchone()
            cursor.close()
        return int(left)

    def _run_if_due(self) -> None:
        size = self._log_bytes()
        if size < DUE_AT_BYTES:
            self._due_at_bytes = DUE_AT_BYTES
        if size < self._due_at_bytes:
            return
        with locked(self._lock_file, wait=False), self._writer:
            # On a full disk, or beside a long read, a checkpoint after the next commit would fail in the same way.
            self._due_at_bytes = self._log_bytes() + _LOOK_AGAIN_AFTER_BYTES
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                _cut_free_pages(cursor, _CUT_WITH_A_CHECKPOINT)
                cursor.close()
            finally:
                connection.close()

    def _log_bytes(self) -> int:
        try:
            return self._log_file.stat().st_size
        except FileNotFoundError:
            return 0


def _cut_free_pages(cursor: Any, pages: int) -> None:
    # Python's sqlite3 takes only one step of a statement without columns, and each step of this one cuts one page; a
    # script is run to its end.
    cursor.executescript(f"PRAGMA incremental_vacuum({pages})")
