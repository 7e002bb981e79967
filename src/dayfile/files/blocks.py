"""Blocks: the lines of a segment, a megabyte at a time, as the compressor of the day file takes them.

A block is an Arrow IPC stream of one record batch. The blocks of a Parquet file lie between its columns, where no
reader of Parquet looks; the file's metadata give their positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dayfile.files.arrow import intact
from dayfile.files.gzip import crc32

PLACES_KEY: Final = b"dayfile.blocks"
"""The key in the file's metadata of the positions of its blocks, in JSON."""

_BLOCK_BYTES: Final = 1024 * 1024
"""The bytes of text in a block: sealing reads as many to get at one line, and holds as many of each segment."""

_SCHEMA: Final = pa.schema([pa.field("line", pa.binary(), nullable=False)])
# Lines are read only once more, all versions of them, and soon deleted: zstd takes 0.6 of the room and twice the time.
# At this level lz4 takes a fifth less time, and a hundredth more room.
_WRITING: Final = pa.ipc.IpcWriteOptions(compression=pa.Codec("lz4", compression_level=-5), use_threads=False)
_READING: Final = pa.ipc.IpcReadOptions(use_threads=False)


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The position of a block in its file, in bytes."""

    start: int
    stop: int
    lines: int
    crc32: int  # of its bytes: lz4 does not notice when they have changed
    first: str = ""  # digits of the account of its first line; empty in a segment that was made before this was noted
    last: str = ""  # the same of its last line; a block is in the order of accounts

    def may_have(self, first: str, last: str) -> bool:
        """Return True if it may have lines of accounts in a range of such digits, both ends included."""
        return not self.first or (self.first <= last and first <= self.last)


class Blocks:
    """The blocks of a segment on this machine. Threads may share it."""

    def __init__(self, path: Path) -> None:
        """Read the positions of the blocks; raises Corrupt."""
        self._path = path
        with intact(path.name), pa.OSFile(str(path), "rb") as file:  # for a path, Arrow asks what filesystem it is of
            self._places = places(pq.read_metadata(file))
        self.first_rows = first_rows(self._places)
        """For each, the number of its first line in the segment."""

    def lines(self, number: int) -> Any:
        """Return the lines of one block, a binary array; raises Corrupt."""
        with intact(self._path.name), pa.OSFile(str(self._path), "rb") as file:
            return read(file, self._places[number])


def borders(lengths: Any) -> list[int]:
    """Return where blocks begin if lines have these lengths, and where the last one ends, as numbers of lines."""
    size = pa.scalar(_BLOCK_BYTES, pa.int64())  # of a Python integer, Arrow asks whether it is one of pandas
    blocks = pc.divide(pc.cumulative_sum(lengths.cast(pa.int64())), size)
    return [0, *pc.run_end_encode(blocks).run_ends.to_pylist()]


def write(file: Any, lines: Any, *, accounts: tuple[str, str]) -> Place:
    """Write lines, a binary array, as a block, and return its position; `accounts` are those of its first and last."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _SCHEMA, options=_WRITING) as stream:
        stream.write_batch(pa.record_batch([lines], schema=_SCHEMA))
    data = sink.getvalue()
    start = file.tell()
    file.write(data)
    return Place(start, start + data.size, len(lines), crc32(data), *accounts)


def read(file: Any, place: Place) -> Any:
    """Return the lines of a block, a binary array; raises pyarrow.ArrowInvalid if its bytes have changed since."""
    file.seek(place.start)
    data = file.read_buffer(place.stop - place.start)
    if crc32(data) != place.crc32:
        raise pa.ArrowInvalid("the bytes of a block have changed")
    [batch] = pa.ipc.open_stream(data, options=_READING)
    return batch["line"]


def checksum_outside(file: Any, places: Sequence[Place]) -> int:
    """Return the CRC-32 of what is outside of the blocks of a Parquet file: columns, and where they and blocks are."""
    checksum, at = 0, 0
    for start, stop in [*((place.start, place.stop) for place in places), (file.size(), file.size())]:
        if start < at or stop < start:
            raise pa.ArrowInvalid("its blocks are not where they can be")
        file.seek(at)
        while at < start:
            data = file.read_buffer(min(start - at, _BLOCK_BYTES))
            if not data.size:
                raise pa.ArrowInvalid("it is cut off")
            checksum, at = crc32(data, checksum), at + data.size
        at = stop
    return checksum


def compare_outside(file: Any, places: Sequence[Place], checksum: int | None) -> None:
    """Raise pyarrow.ArrowInvalid if a Parquet file has not this checksum outside of its blocks; None is not compared.

    Neither Parquet nor lz4 notices when a byte of a column has changed: the line would be taken for another account's.
    """
    if checksum is not None and checksum_outside(file, places) != checksum:
        raise pa.ArrowInvalid("the bytes outside of its blocks have changed")


def places(metadata: Any) -> list[Place]:
    """Return the positions of the blocks of a Parquet file; raises pyarrow.ArrowInvalid."""
    text = (metadata.metadata or {}).get(PLACES_KEY, b"")
    try:
        found = msgspec.json.decode(text, type=list[Place])
    except msgspec.MsgspecError as error:
        raise pa.ArrowInvalid(f"it does not say where its blocks are: {error}") from error
    if sum(place.lines for place in found) != metadata.num_rows:
        raise pa.ArrowInvalid("it has not as many lines as rows")
    return found


def first_rows(places: Sequence[Place]) -> list[int]:
    """Return, for each block, the number of its first line in the file."""
    return list(accumulate((place.lines for place in places[:-1]), initial=0))
