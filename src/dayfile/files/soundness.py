"""Soundness of segments: the check that their bytes are as written, and the accounts in damaged blocks.

A block has a checksum in the metadata of its file, and all that is outside of blocks has one in the row of the segment.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dayfile.errors import Corrupt, NotFound, StorageUnavailable
from dayfile.files import blocks
from dayfile.files.arrow import intact
from dayfile.files.gzip import crc32
from dayfile.files.segments import decode_inline, opened
from dayfile.model.account import AccountSid, pack_accounts

_OF_ONE_OBJECT: Final = frozenset(
    {errno.EIO, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EBADMSG}
)
"""Errors of the system that are of one object; a storage that is away or full has others."""


def is_of_one_object(error: BaseException) -> bool:
    """Return True if an error may come from one damaged object, and not from a storage that is away or full."""
    cause = error.__cause__ if isinstance(error, StorageUnavailable) else error
    if isinstance(cause, OSError):
        return cause.errno is None or cause.errno in _OF_ONE_OBJECT
    return not isinstance(error, StorageUnavailable)


def reason_of(read: Callable[[], object]) -> str | None:
    """Return the reason why an object cannot be read, or None; raises StorageUnavailable if the storage is away."""
    try:
        read()
    except Exception as error:
        if not is_of_one_object(error):
            raise
        return _in_words(error)
    return None


def compare(path: Path, *, checksum: int | None) -> None:
    """Raise Corrupt if a Parquet segment is not the one with this checksum; its blocks are not looked at."""
    if checksum is not None:
        with intact(path.name), pa.OSFile(str(path), "rb") as file:
            blocks.compare_outside(file, blocks.places(pq.read_metadata(file)), checksum)


def compare_inline(data: bytes | None, *, checksum: int | None) -> None:
    """Raise Corrupt if the bytes of a small segment are missing, cannot be read or have another checksum."""
    if data is None:
        raise Corrupt("its bytes are not in the database")
    if checksum not in {None, crc32(data)}:
        raise Corrupt("its bytes in the database have changed")
    text = decode_inline(data)
    if text and not text.endswith(b"\n"):
        raise Corrupt("its last line is cut off")


def compare_whole(data: bytes | Path, *, checksum: int | None) -> None:
    """Raise Corrupt if anything in a Parquet segment differs from what was written."""
    _, damaged = damaged_blocks(data, checksum=checksum)
    if damaged:
        raise Corrupt(f"{len(damaged)} of its blocks have changed or cannot be read")


def damaged_blocks(
    data: bytes | Path, *, checksum: int | None, among: Collection[int] | None = None
) -> tuple[list[int], list[int]]:
    """Return the numbers of the sound and the damaged blocks of a Parquet segment; with `among`, of these only.

    Raises Corrupt if the rest of it is not sound: then nobody knows what its blocks are.
    """
    sound: list[int] = []
    damaged: list[int] = []
    with intact("that is looked at"), opened(data) as file:
        places = blocks.places(pq.read_metadata(file))
        blocks.compare_outside(file, places, checksum)
        for number, place in enumerate(places):
            if among is None or number in among:
                (sound if _is_sound(file, place) else damaged).append(number)
    return sound, damaged


def accounts_in(data: bytes | Path, numbers: Collection[int]) -> bytes:
    """Return the accounts, packed, that have lines in blocks of a Parquet segment; raises Corrupt."""
    with intact("that is looked at"), opened(data) as file:
        rows = pq.ParquetFile(file).read(columns=["account", "block"], use_threads=False)
        found = rows.filter(pc.is_in(rows["block"], value_set=pa.array(sorted(numbers), pa.int32())))
        return pack_accounts({AccountSid(f"AC{account.hex}") for account in set(found["account"].to_pylist())})


def _is_sound(file: Any, place: blocks.Place) -> bool:
    try:
        lines = blocks.read(file, place)
    except (pa.ArrowException, OSError, ValueError):  # an error of the disk, too, is one of this block
        return False
    return len(lines) == place.lines


def _in_words(error: Exception) -> str:
    if isinstance(error, NotFound):
        return "the object is missing"
    if isinstance(error, Corrupt | StorageUnavailable):
        return str(error)
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror or error}"
    return f"it cannot be read ({type(error).__name__}: {error})"
