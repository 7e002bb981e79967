"""Copies of segments out of a remote storage, with no more of them than the lines of some accounts need.

A copy has the size of the segment, and holes where blocks were left out: all that is outside of blocks is in it, so
that its checksum can be compared and its rows can be read as those of the segment itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from dayfile.files import blocks, disk
from dayfile.files.arrow import intact
from dayfile.files.storage import Storage

WHOLE_BELOW: Final = 16 * 1024 * 1024
"""The size of a segment below which it is copied whole: requests take longer than what they would save."""

_TAIL: Final = 64 * 1024  # of a segment: its footer is in it, unless it has many hundreds of blocks
_MAGIC_BYTES: Final = 8  # the length of the metadata, and PAR1
_DOING: Final = "write to the scratch folder"

Accounts = tuple[str, str]
"""The digits of the first and the last account of a range."""


def copy_whole(key: str, storage: Storage, copy: Path) -> None:
    """Copy an object; raises NotFound."""
    found = storage.read(key)
    with disk.reported(_DOING), copy.open("xb", buffering=0) as file:
        for block in found:
            disk.write(file, block, _DOING)


def copy_some(key: str, storage: Storage, copy: Path, *, accounts: Accounts) -> None:
    """Copy a segment without the blocks that have no lines of these accounts; raises NotFound, Corrupt."""
    size = storage.size(key)
    if size < WHOLE_BELOW:
        copy_whole(key, storage, copy)
        return
    places = _places(key, storage, size)
    with disk.reported(_DOING), copy.open("xb", buffering=0) as file:
        file.truncate(size)
        for start, stop in _wanted(places, size, accounts):
            file.seek(start)
            for block in storage.read(key, start=start, stop=stop):
                disk.write(file, block, _DOING)


def places_of(key: str, storage: Storage) -> Sequence[blocks.Place]:
    """Return the positions of the blocks of a segment; reads its footer only. Raises NotFound, Corrupt."""
    path = storage.path(key)
    if path is None:
        return _places(key, storage, storage.size(key))
    with intact(key), pa.OSFile(str(path), "rb") as file:
        return blocks.places(pq.read_metadata(file))


def _places(key: str, storage: Storage, size: int) -> Sequence[blocks.Place]:
    tail = b"".join(storage.read(key, start=max(size - _TAIL, 0)))
    length = int.from_bytes(tail[-_MAGIC_BYTES : -_MAGIC_BYTES // 2], "little") + _MAGIC_BYTES
    if len(tail) < length <= size:
        tail = b"".join(storage.read(key, start=size - length))
    with intact(key):
        return blocks.places(pq.read_metadata(pa.BufferReader(tail)))


def _wanted(places: Sequence[blocks.Place], size: int, accounts: Accounts) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a segment that are to be copied: those between blocks that are not."""
    start = 0
    for place in places:
        if not place.may_have(*accounts):
            if start < place.start:
                yield start, place.start
            start = place.stop
    if start < size:
        yield start, size
