"""Scratch folders: where an engine spills and remote objects are brought to. Those of dead processes are deleted.

Apart, because nothing in a scratch folder is kept: it has no part in the storage.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dayfile.errors import StorageUnavailable
from dayfile.files import private

_LOCK = "in-use"
_DOOR = ".door"  # locked while a folder is made or deleted: a new folder has no lock of its own yet


@contextlib.contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Make a folder of this process's own below `parent`, removed at the end; `name` is unlike any other process's.

    A process holds a lock on its folder as long as it lives, so folders that can be locked belong to no process and are
    removed first. Raises StorageUnavailable if there is no room or no permission.
    """
    folder = parent / name
    with contextlib.ExitStack() as closing:
        try:
            private.make_folder(parent)
            with _locked(parent / _DOOR, wait=True):
                _wipe_abandoned(parent)
                folder.mkdir(mode=0o700)
                closing.callback(shutil.rmtree, folder, ignore_errors=True)
                closing.enter_context(_locked(folder / _LOCK, wait=False))
        except OSError as error:
            raise StorageUnavailable(f"the scratch folder {folder} cannot be made: {error.strerror}") from error
        yield folder


def _wipe_abandoned(parent: Path) -> None:
    for lock in parent.glob(f"*/{_LOCK}"):
        # A process that ends removes its own folder, and may do so just now.
        with contextlib.suppress(BlockingIOError, FileNotFoundError), _locked(lock, wait=False):
            shutil.rmtree(lock.parent, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
