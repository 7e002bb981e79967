"""Blocks of large files in memory that is used again: to get a new page takes as long as to fill it.

Apart from the storage, whose readers may keep what they are given: who keeps a block from here keeps it from being used
again.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Final

from dayfile.errors import NotFound, StorageUnavailable
from dayfile.files import disk
from dayfile.files.storage import BLOCK_BYTES, Bytes, Storage

_KEPT: Final = 3  # one is sent, one waits, one is being filled


def read_reused(storage: Storage, key: str, *, start: int, stop: int) -> Iterator[Bytes]:
    """Return the same blocks as `Storage.read`, and raise as it does.

    From a disk of this machine they are views of at most three buffers, unless somebody holds more of them: a buffer is
    filled again when nobody has a view of it, and none is left when the iterator is dropped.
    """
    path = storage.path(key)
    if path is None:
        return storage.read(key, start=start, stop=stop)
    blocks = _read(path, key, start, stop)
    next(blocks)  # opens the file
    return blocks


class _Buffers:
    """The buffers of one reader."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: list[bytearray] = []

    def free(self) -> bytearray:
        """Return a buffer of which nobody has a view."""
        for buffer in self._kept:
            if _is_free(buffer):
                return buffer
        new = bytearray(self._size)
        if len(self._kept) < _KEPT:
            self._kept.append(new)
        return new


def _is_free(buffer: bytearray) -> bool:
    """Return True if nobody has a view of a buffer: only then does Python let its length change."""
    try:
        buffer.pop()
    except BufferError:
        return False
    buffer.append(0)
    return True


def _read(path: Path, key: str, start: int, stop: int) -> Iterator[Bytes]:
    with disk.reported(f"read {key}"):
        try:
            file = FileIO(path)
        except FileNotFoundError as error:
            raise NotFound(f"there is no object {key} in the storage") from error
        with file:
            left = stop - file.seek(start)
            buffers = _Buffers(min(left, BLOCK_BYTES))
            yield b""
            while left:
                view = memoryview(buffers.free())[:left]
                size = file.readinto(view)
                if not size:
                    raise StorageUnavailable(f"cannot read {key}: the file became shorter while it was read")
                left -= size
                block = view[:size]
                del view
                yield block
                del block  # so that it counts as free if nobody else has it
