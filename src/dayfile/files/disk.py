"""Disk operations: bytes that survive a power cut, and names that are given only once.

Nothing here knows what is in a file.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dayfile.errors import StorageUnavailable

_FULL: Final = "the disk is full: free space on it or move the folder to a larger one"
_FORBIDDEN: Final = "permission denied: the folder and all in it must belong to the user that runs Dayfile"
_TOO_MANY: Final = "too many files are open: raise the limit (ulimit -n) of the process or of the system"
_WHAT_TO_DO: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: "the file system is read-only: mount it so that it can be written",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EMFILE: _TOO_MANY,
    errno.ENFILE: _TOO_MANY,
    errno.EIO: "the disk reports an error: look at the system's log and check the disk",
}
_NOT_POSSIBLE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
_AT_FDCWD: Final = -100
_RENAME_NOREPLACE: Final = 1
_TRIES: Final = 100


@contextmanager
def reported(doing: str) -> Iterator[None]:
    """Raise StorageUnavailable for an error of the system, saying what was being done, why it failed and what helps.

    FileExistsError stays what it is: a name that is taken does not become free by waiting.
    """
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        # The message may be shown to a customer: it names the key, and only its cause names the folder on this machine.
        advice = _WHAT_TO_DO.get(error.errno or 0) or error.strerror or str(error)
        raise StorageUnavailable(f"cannot {doing}: {advice}") from error


def create(draft: Path) -> tuple[FileIO, list[Path]]:
    """Create a file, with its folder if need be, and return it with the folders that got a new name in them.

    It is unbuffered, so that closing it cannot fail.
    """
    for _ in range(_TRIES):
        # A process that removes empty folders may remove this one just before it is used.
        with suppress(FileNotFoundError):
            parents = make_folders(draft.parent)
            return draft.open("xb", buffering=0), parents
    raise StorageUnavailable(f"cannot write {draft.name}: its folder is removed again and again")


def write(file: FileIO, chunk: bytes | bytearray | memoryview, doing: str) -> int:
    """Write all of a chunk and return its size in bytes."""
    view = memoryview(chunk).cast("B")
    size = len(view)
    with reported(doing):
        while view:
            view = view[file.write(view) :]
    return size


def discard(paths: Iterable[Path]) -> None:
    """Remove files after an error; further errors are ignored, since they say less than the first one."""
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def publish(draft: Path, path: Path) -> None:
    """Rename a finished file to the name that readers know; raises FileExistsError if that name is taken.

    Not durable before the folder is synced.
    """
    rename = _rename_unless_taken()
    if rename is None or not rename(draft, path):
        os.link(draft, path)
        draft.unlink(missing_ok=True)  # the sweep removes drafts of writers that it takes for dead


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_removals(folder: Path, root: Path) -> None:
    """Make durable that names have gone from a folder; where another process has removed it since, that it has gone.

    Raises FileNotFoundError if the root itself is not there.
    """
    while True:
        try:
            return sync_folder(folder)
        except FileNotFoundError:
            if folder == root:
                raise
            folder = folder.parent


def make_folders(folder: Path, *, mode: int = 0o777) -> list[Path]:
    """Make a folder and its missing parents, and return the folders that got a new name in them.

    The umask is applied to `mode`.
    """
    missing = []
    at = folder
    while not at.is_dir():
        missing.append(at)
        at = at.parent
    for path in reversed(missing):
        # Path.mkdir(exist_ok=True) would check that it is still there, and fail if it has just been removed again.
        with suppress(FileExistsError):
            path.mkdir(mode=mode)
    return [path.parent for path in missing]


class SyncedTogether:
    """Durability of many files, or many names, at once.

    One sync of the whole file system costs about as much as a handful of files synced one by one, however many there
    are. Open it before the writing, so that it sees every write error from then on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> Self:
        self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)

    def sync(self, paths: Iterable[Path]) -> None:
        """Make these files and folders durable; where the system has no such call, one after the other."""
        if self._sync_all():
            return
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def sync_removals(self, folders: Iterable[Path]) -> None:
        """Make durable that names have gone from these folders, of which others may be removing some."""
        if self._sync_all():
            return
        for folder in folders:
            sync_removals(folder, self._folder)

    def _sync_all(self) -> bool:
        """Make the whole file system durable; return False where the system has no such call."""
        syncfs = _syncfs()
        if syncfs is None:
            return False
        syncfs(self._descriptor)
        return True


@cache
def _syncfs() -> Callable[[int], None] | None:
    call = _of_the_system("syncfs", ctypes.c_int)
    if call is None:
        return None

    def syncfs(descriptor: int) -> None:
        if call(descriptor) != 0:
            raise _last_error()

    return syncfs


@cache
def _rename_unless_taken() -> Callable[[Path, Path], bool] | None:
    """Return a rename, by Linux's renameat2, that fails if the name is taken: half the price of a hard link.

    The function returns False if this disk does not support it. Returns None if the system does not have it.
    """
    call = _of_the_system("renameat2", ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    if call is None:
        return None

    def rename(source: Path, target: Path) -> bool:
        if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE) == 0:
            return True
        error = _last_error(target)
        if error.errno in _NOT_POSSIBLE:
            return False
        raise error

    return rename


def _of_the_system(name: str, *arguments: type) -> Callable[..., int] | None:
    """Return a function of the C library that Python does not offer, or None where it does not exist."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        return None
    function.argtypes = arguments
    function.restype = ctypes.c_int
    call: Callable[..., int] = function
    return call


def _last_error(path: Path | None = None) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), str(path) if path else None)
