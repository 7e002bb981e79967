"""Folders and files readable by this user only, whatever the umask; those open to others all the same are reported.

Records and letters are personal, and a umask is a habit of the machine. So Dayfile creates its files closed, and closes
what it owns when it starts. Another user's folder, and one that is also used for other things, are left as they are:
closing them could break something that Dayfile knows nothing of.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dayfile.files import disk

_FOLDER: Final = 0o700
_FILE: Final = 0o600
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
OF_FILE_SYSTEMS: Final = "lost+found"
"""The name of a folder that file systems make in their root."""

_BESIDE_DATABASE: Final = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """A folder or file that other users of the machine can reach, and that Dayfile may not close."""

    path: Path
    mode: int  # the permissions alone
    reason: str  # why it is left

    def __str__(self) -> str:
        close = "0700" if self.path.is_dir() else "0600"
        return (
            f"{self.path} is open to other users of this machine (mode {self.mode:04o}) and is left so, because "
            f"{self.reason}: set it to {close}, or give Dayfile a folder of its own"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A folder or file that was open to other users of the machine, and no longer is."""

    path: Path
    mode: int  # what the permissions were

    def __str__(self) -> str:
        return f"{self.path} was open to other users of this machine (mode {self.mode:04o}), and is closed to them now"


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and its missing parents, each closed at once, and return the folders that got a new name in them.

    Raises OSError, also if something else has that name.
    """
    changed = disk.make_folders(folder, mode=_FOLDER)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return changed


def close_folder(folder: Path, *, is_own: Callable[[str], bool]) -> Exposed | Closed | None:
    """Close a folder that is this user's and contains only names for which `is_own` returns True.

    Returns None if it is closed already, or does not exist. Raises OSError if it cannot be looked at.
    """
    found = _open_to_others(folder)
    if found is None:
        return None
    if found.st_uid == os.geteuid():
        if found.st_mode & stat.S_ISVTX:
            return _left(folder, found, "it is a folder for everybody (its sticky bit is set)")
        foreign = next((name for name in _names(folder) if not (is_own(name) or name == OF_FILE_SYSTEMS)), None)
        if foreign is not None:
            return _left(folder, found, f"there are other things in it, such as {foreign!r}")
    return _close(folder, found, _FOLDER)


def close_database(file: Path) -> list[Exposed | Closed]:
    """Create the file of a database, closed at once, or close an existing one with the files beside it.

    SQLite gives the files that it makes beside it the same permissions. Nothing is reported in a folder that is closed.
    Raises OSError.
    """
    make_folder(file.parent)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE))
    found = [_close_file(file.with_name(file.name + suffix)) for suffix in _BESIDE_DATABASE]
    return [one for one in found if one is not None] if is_open(file.parent) else []


def is_open(path: Path) -> bool:
    """Return True if users other than its owner can reach an existing folder or file; raises OSError."""
    return _open_to_others(path) is not None


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _close_file(file: Path) -> Exposed | Closed | None:
    # Never by opening it: closing a file of SQLite releases all locks that this process has on it.
    found = _open_to_others(file)
    return None if found is None else _close(file, found, _FILE)


def _open_to_others(path: Path) -> os.stat_result | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found if found.st_mode & _OTHERS else None


def _close(path: Path, found: os.stat_result, wanted: int) -> Exposed | Closed | None:
    if found.st_uid != os.geteuid():
        return _left(path, found, f"it belongs to another user (uid {found.st_uid})")
    try:
        path.chmod(wanted)
    except FileNotFoundError:
        return None  # as the files beside a database, which the last process that used it removes
    except OSError as error:
        return _left(path, found, f"its permissions cannot be changed ({error.strerror})")
    return Closed(path=path, mode=stat.S_IMODE(found.st_mode))


def _left(path: Path, found: os.stat_result, reason: str) -> Exposed:
    return Exposed(path=path, mode=stat.S_IMODE(found.st_mode), reason=reason)
