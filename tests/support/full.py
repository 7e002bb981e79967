"""A disk that is filled to its last byte, and a write-ahead log that has grown."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path

import pytest

from dayfile.store.audit import Deed
from dayfile.store.database import Database
from tests.support.clock import NOON

_BLOCK = 4096


def fill(disk: Path, *, but: int = 0) -> Path:
    """Use up all the room on a disk, but for so many bytes; the file to remove to give it back."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file, pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        _write_without_end(file)
    os.truncate(filler, max(0, filler.stat().st_size - but))
    return filler


def grow_log(database: Database, *, megabytes: int) -> None:
    """Commit so much at once that nobody looks for: lines of the audit log."""
    deeds = [Deed(at=NOON, actor="a", action="b", subject="c" * 100_000)] * (10 * megabytes)
    with database.transaction() as tx:
        tx.audit.add_all(deeds)


def log_bytes(folder: Path) -> int:
    """The size of the write-ahead log in an instance's folder."""
    return (folder / "dayfile.sqlite-wal").stat().st_size


def _write_without_end(file: FileIO) -> None:
    while True:
        file.write(b"x" * _BLOCK)
