"""Copies of objects from one storage to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from dayfile.files import disk
from dayfile.files.storage import BLOCK_BYTES, Storage

_DOING: Final = "write to the scratch folder"


def copy_object(
    source: Storage, target: Storage, key: str, *, scratch: Path, watch: Callable[[Iterator[bytes]], Iterator[bytes]]
) -> int:
    """Copy an object, whose bytes go through `watch`, and return its size.

    Raises NotFound, FileExistsError, StorageUnavailable, and what `watch` raises; then there is no copy.
    """
    blocks = watch(source.read(key))
    if not (source.is_remote and target.is_remote):
        return target.put(key, blocks)
    # The library that speaks to stores panics if it is to read from one while it puts the parts of a large object.
    file = scratch / "object"
    with disk.reported(_DOING), file.open("wb") as into:
        into.writelines(blocks)
    with file.open("rb") as opened:
        return target.put(key, iter(lambda: opened.read(BLOCK_BYTES), b""))
