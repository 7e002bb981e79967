"""The file of the instance key: made on first start, whole and durable, readable by its owner only."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dayfile.errors import Unusable
from dayfile.files import private


def find(path: Path) -> str | None:
    """Return the text of the file, or None where there is none. Raises Unusable with what to do."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from error


def read_or_make(path: Path, *, new: str, draft: str) -> str:
    """Return the text of the file, made with the text `new` if it does not exist. Raises Unusable with what to do.

    `draft` is a name that nobody else uses.
    """
    try:
        # Nothing is written if the file exists: the disk may be full or read-only.
        with suppress(FileNotFoundError):
            return path.read_text()
        private.make_folder(path.parent)
        with suppress(FileExistsError):
            _make(path, new, path.with_name(f".{path.name}.{draft}"))
        return path.read_text()
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> Unusable:
    return Unusable(
        f"the data folder {path.parent} cannot be used: {error.strerror}. "
        "Make it writable for this user, or set DAYFILE_DATA_DIR to another one"
    )


def _make(path: Path, text: str, draft: Path) -> None:
    """Make the file or raise FileExistsError.

    It appears under its name by a link, so that a second process starting at the same time never reads half of it.
    """
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
