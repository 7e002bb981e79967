"""Names of files in a storage folder, and the keys of the complete or unfinished objects that they stand for.

Apart, because it is the one place that spells the names, and a sweep of the folder must read what a put has written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from dayfile.files import disk

_PART: Final = r"[A-Za-z0-9=_-][A-Za-z0-9=._-]{0,199}"
KEY: Final = re.compile(rf"{_PART}(?:/{_PART})*")
"""The form of a key."""

_PARTIAL: Final = ".partial"


def draft_of(path: Path) -> Path:
    """Return the path of an object's bytes until they are complete: beside it, under a name that no key has."""
    return path.with_name(f".{path.name}{_PARTIAL}")


def key_of(name: str) -> str | None:
    """Return the last part of the key of an object whose file has this name; None for any other file."""
    return None if name.startswith(".") else name


def key_of_draft(name: str) -> str | None:
    """Return the last part of the key of an object whose draft has this name; None for any other file."""
    key = name.removeprefix(".").removesuffix(_PARTIAL)
    return key if name == f".{key}{_PARTIAL}" and KEY.fullmatch(key) else None


def keys(root: Path, folder: str, prefix: str, key_of: Callable[[str], str | None]) -> Iterator[str]:
    """Yield the keys, beginning with the prefix, of files below a folder; folders without any are not entered."""
    with disk.reported(f"list {folder or 'the storage folder'}"):
        try:
            with os.scandir(root / folder) as entries:
                names = [_folder_of(entry.name) if entry.is_dir() else key_of(entry.name) for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return
    for name in sorted(filter(None, names)):
        key = f"{folder}/{name}" if folder else name
        if not (key.startswith(prefix) or prefix.startswith(key)):
            continue
        if key.endswith("/"):
            yield from keys(root, key[:-1], prefix, key_of)
        else:
            yield key


def _folder_of(name: str) -> str | None:
    return None if name.startswith(".") else f"{name}/"
