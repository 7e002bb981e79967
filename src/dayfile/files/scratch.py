"""Scratch folders: where an engine spills and remote objects are brought to. What a dead process left is wiped."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dayfile.errors import StorageUnavailable

_LOCK = "in-use"


@contextlib.contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """A folder of this process's own below `parent`, gone at the end; `name` is like no other process's.

    A process holds a lock on its folder as long as it lives, so folders that can be locked belong to nobody and are
    removed first. Raises StorageUnavailable when there is no room or no permission.
    """
    folder = parent / name
    try:
        folder.mkdir(parents=True)
        wipe_abandoned(parent)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageUnavailable(f"the scratch folder {folder} cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def wipe_abandoned(parent: Path) -> int:
    """Remove the folders of processes that are no more; how many there were."""
    wiped = 0
    for lock in parent.glob(f"*/{_LOCK}"):
        with contextlib.suppress(OSError):  # in use, or removed by somebody else just now
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent)
                wiped += 1
            finally:
                os.close(descriptor)
    return wiped
