"""A foreign file: something in a storage that Dayfile has not put there.

A place that is named for the first time must have none: a mistyped name would litter somebody's folder.
"""

from __future__ import annotations

from collections.abc import Iterable

from dayfile.files import disk
from dayfile.files.private import OF_FILE_SYSTEMS
from dayfile.files.storage import LocalStorage, Storage


def find_foreign(storage: Storage, *, families: Iterable[str]) -> str | None:
    """Return the name of something whose key begins like none of these families; None if there is nothing else.

    Hidden files in a folder, and what a file system makes in its root, are nobody's. Raises StorageUnavailable.
    """
    names = _names(storage) if isinstance(storage, LocalStorage) else storage.scan("")
    own = {family.partition("/")[0] for family in families}
    return next((name for name in names if name.partition("/")[0] not in own), None)


def _names(storage: LocalStorage) -> list[str]:
    with disk.reported("list the folder"):
        if not storage.root.is_dir():
            return []
        names = [path.name for path in storage.root.iterdir()]
    return sorted(name for name in names if not name.startswith(".") and name != OF_FILE_SYSTEMS)
