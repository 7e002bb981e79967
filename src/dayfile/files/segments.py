"""Segments: canonical lines of one resource type and day, packed to wait for sealing.

A segment is a Parquet file with a row a line, or, if it is small, the lines themselves in one zstd frame. The values
that sealing needs (a record's account, its key, its times, the length of its line) are columns, and nothing else is
read to find the newest versions and their order. The lines are not a column: they precede the rows in blocks, each an
Arrow IPC stream of one record batch, at positions given in the file's metadata. So a decompressed block is text as in
the day file, newlines included. Lines and rows are in the same order, that of the day file.

The arrival of a record gives the order in which records were accepted. Within a segment it is the number of the line;
in a segment that was compacted from others it is, for every row, the id of its original segment and its number there,
in one integer. Ids begin at 1, so the two cannot be confused.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dayfile.errors import Corrupt
from dayfile.files import blocks, zstd
from dayfile.files.arrow import intact
from dayfile.files.gzip import crc32
from dayfile.files.key_columns import accounts_of, cut, fields, key_columns
from dayfile.model.resource import ResourceType

ARRIVAL_BITS: Final = 24
"""The bits of a line number. Smaller arrivals are numbers within the segment; others begin with a segment's id."""

MAX_LINES: Final = 2**ARRIVAL_BITS

_FOLD_BYTES: Final = 32 * 1024 * 1024
"""The bytes of text that are compacted at once."""

_ZSTD_MAGIC: Final = bytes.fromhex("28b52ffd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A stored segment: its bytes in either form, or the path of its Parquet file."""

    id: int
    data: bytes | Path
    checksum: int | None = None  # as its row has it
    blocks: Collection[int] | None = None  # those that count; None: all

    def __post_init__(self) -> None:
        if self.id < 1:
            raise ValueError(f"segment ids begin at 1; got {self.id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """The lines of one account out of several segments, as a Parquet segment. They have the arrivals they had."""

    account: bytes  # the 16 bytes that its digits stand for
    data: bytes
    records: int
    plain_bytes: int


def encode(text: bytes, resource_type: ResourceType) -> bytes:
    """Return canonical lines, in order of arrival, as a Parquet segment; at least one, and less than 2 GiB of text."""
    lines = _lines_of(text)
    return _encoded(lines, _numbers(len(lines)), resource_type)


def checksum(data: bytes) -> int:
    """Return the checksum for the row of a segment in either form; raises Corrupt.

    Of a Parquet segment it is the CRC-32 of the bytes outside of its blocks, which have checksums of their own.
    """
    if data.startswith(_ZSTD_MAGIC):
        return crc32(data)
    with intact("that is new"):
        file = pa.BufferReader(data)
        return blocks.checksum_outside(file, blocks.places(pq.read_metadata(file)))


def decode(data: bytes | Path) -> list[bytes]:
    """Return the lines of a segment in either form, in order of arrival; raises Corrupt."""
    pairs: list[tuple[int, bytes]] = []
    for lines, arrivals in _portions(Source(id=1, data=data)):
        pairs += zip(arrivals.to_pylist(), lines.to_pylist(), strict=True)
    return [line for _, line in sorted(pairs)]


def encode_inline(text: bytes) -> bytes:
    """Return canonical lines, in order of arrival, as a small segment."""
    return zstd.compress(text)


def decode_inline(data: bytes) -> bytes:
    """Return the lines of a small segment as one text, in order of arrival; raises Corrupt."""
    try:
        return zstd.decompress(data)
    except zstd.ZstdError as error:
        raise Corrupt(f"a small segment is damaged: {error}") from error


class Merged:
    """Many segments as one, every line with the arrival it had; at least one source.

    It is made while it is iterated over, once, and holds only some of it at a time; then the properties say what it is.
    Iterating raises Corrupt if a source is damaged.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        resource_type: ResourceType,
        *,
        wanted: Callable[[Any], Any] | None = None,
    ) -> None:
        """Take only the lines whose accounts `wanted` selects: an array of accounts (16 bytes each) to booleans."""
        self._portions = _together(_only(sources, resource_type, wanted))
        self._resource_type = resource_type
        self._sink = _Sink()
        self.records = 0
        self.plain_bytes = 0

    @property
    def checksum(self) -> int:
        """The checksum for its row."""
        return self._sink.checksum

    def __iter__(self) -> Iterator[bytes]:
        sink = self._sink
        with _Writer(pa.PythonFile(sink, mode="w"), self._resource_type) as writer:
            for lines, arrivals in self._portions:
                self.records += len(lines)
                self.plain_bytes += pc.sum(pc.binary_length(lines)).as_py() or 0
                writer.write(lines, arrivals, in_block=sink.in_block)
                yield from sink.take()
        yield from sink.take()


def extract(
    sources: Iterable[Source], resource_type: ResourceType, *, wanted: Callable[[Any], Any]
) -> Iterator[Extract]:
    """Yield the lines of accounts out of several segments, of each account by itself; of one with many, in parts.

    Holds only some of it at a time. Raises Corrupt if a source is damaged.
    """
    for portion in _together(_only(sources, resource_type, wanted)):
        order = pc.sort_indices(accounts_of(portion[0], resource_type))
        lines, arrivals = (column.take(order) for column in portion)
        accounts = accounts_of(lines, resource_type)
        runs = pc.run_end_encode(accounts)
        start = 0
        for account, stop in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            some = lines.slice(start, stop - start)
            yield Extract(
                account=account,
                data=_encoded(some, arrivals.slice(start, stop - start), resource_type),
                records=stop - start,
                plain_bytes=pc.sum(pc.binary_length(some)).as_py(),
            )
            start = stop


def opened(data: bytes | Path) -> Any:
    """Return the file that a Parquet segment is, for Arrow to read, in memory or on this machine."""
    return pa.BufferReader(data) if isinstance(data, bytes) else pa.OSFile(str(data), "rb")


class _Sink:
    """The output of a Parquet writer, emptied as it is written."""

    closed = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._is_block = False
        self.checksum = 0

    @contextmanager
    def in_block(self) -> Iterator[None]:
        """Have what is written meanwhile be a block, which the checksum leaves out."""
        self._is_block = True
        yield
        self._is_block = False

    def write(self, chunk: Any) -> int:
        data = bytes(chunk)
        self._chunks.append(data)
        self._size += len(data)
        if not self._is_block:
            self.checksum = crc32(data, self.checksum)
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def take(self) -> list[bytes]:
        chunks, self._chunks = self._chunks, []
        return chunks


class _Writer:
    """A writer of lines in the order of the day file: by account, and within an account by time."""

    def __init__(self, sink: Any, resource_type: ResourceType) -> None:
        self._resource_type = resource_type
        self._order = [(name, "ascending") for name in ("account", "created", *key_columns(resource_type))]
        self._schema = _schema(resource_type)
        self._sink = sink
        self._parquet = _parquet_writer(sink, self._schema)
        self._places: list[blocks.Place] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._parquet.add_key_value_metadata({blocks.PLACES_KEY: msgspec.json.encode(self._places)})
        self._parquet.close()

    def write(
        self, lines: Any, arrivals: Any, *, in_block: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """Write a portion of lines, ordered by itself; each block within a context of `in_block`."""
        columns = {"arrival": arrivals, "length": pc.binary_length(lines), **cut(lines, self._resource_type)}
        rows = pa.record_batch(columns)
        order = pc.sort_indices(rows, self._order)
        rows, lines = rows.take(order), lines.take(order)
        accounts, numbers = rows["account"], array("i")
        for start, stop in pairwise(blocks.borders(rows["length"])):
            numbers.extend(array("i", [len(self._places)]) * (stop - start))
            with in_block():
                ends = tuple(accounts[at].as_py().hex() for at in (start, stop - 1))
                some = lines.slice(start, stop - start)
                self._places.append(blocks.write(self._sink, some, accounts=ends))
        self._parquet.write_batch(_typed(rows, _integers(numbers), self._schema))


def _encoded(lines: Any, arrivals: Any, resource_type: ResourceType) -> bytes:
    sink = pa.BufferOutputStream()
    with _Writer(sink, resource_type) as writer:
        writer.write(lines, arrivals)
    return bytes(sink.getvalue())


def _schema(resource_type: ResourceType) -> Any:
    columns = [*fields(resource_type), ("length", pa.int32()), ("arrival", pa.int64()), ("block", pa.int32())]
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns])


def _parquet_writer(sink: Any, schema: Any) -> Any:
    sids = [name for name in schema.names if name.startswith("key_")]
    return pq.ParquetWriter(
        sink,
        schema,
        # Rows are in the order of accounts and times, so that neighbours differ by little.
        column_encoding=dict.fromkeys(("created", "updated", "length", "arrival"), "DELTA_BINARY_PACKED"),
        # All of them are read twice, and zstd would take a seventh less room.
        compression={name: "none" if name in sids else "lz4" for name in schema.names},
        use_dictionary=["account", "block"],
        write_statistics=["account"],  # a piece of a seal skips the row groups of other pieces' accounts
        store_schema=False,
    )


def _typed(rows: Any, numbers: Any, schema: Any) -> Any:
    """Return rows and the numbers of their blocks in the types of the file; what is to be sorted cannot be in them."""
    columns = (numbers if field.name == "block" else rows[field.name] for field in schema)
    typed = [
        pa.ExtensionArray.from_storage(field.type, column) if field.type == pa.uuid() else column
        for field, column in zip(schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(typed, schema=schema)


def _only(
    sources: Iterable[Source], resource_type: ResourceType, wanted: Callable[[Any], Any] | None
) -> Iterator[tuple[Any, Any]]:
    """Yield lines and arrivals of several segments, without the lines of accounts that are not wanted."""
    for source in sources:
        for lines, arrivals in _portions(source):
            if wanted is None:
                yield lines, arrivals
            elif (mask := wanted(accounts_of(lines, resource_type))).true_count:
                yield lines.filter(mask), arrivals.filter(mask)


def _together(of_sources: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """Yield lines and arrivals of several segments, in portions worth sorting and small enough to be held."""
    portions: list[tuple[Any, Any]] = []
    size = 0
    for portion in of_sources:
        portions.append(portion)
        size += portion[0].nbytes
        if size >= _FOLD_BYTES:
            yield _concatenated(portions)
            portions, size = [], 0
    if portions:
        yield _concatenated(portions)


def _concatenated(portions: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    lines, arrivals = zip(*portions, strict=True)
    return pa.concat_arrays(lines), pa.concat_arrays(arrivals)


def _portions(source: Source) -> Iterator[tuple[Any, Any]]:
    """Yield lines and arrivals of one segment by block; raises Corrupt, also for one that differs from its row."""
    if isinstance(source.data, bytes) and source.data.startswith(_ZSTD_MAGIC):
        if source.checksum not in {None, crc32(source.data)}:
            raise Corrupt(f"the segment {source.id} is damaged: its bytes have changed")
        lines = _lines_of(decode_inline(source.data))
        yield lines, _absolute(_numbers(len(lines)), source.id)
        return
    with intact(str(source.id)), opened(source.data) as file:
        parquet = pq.ParquetFile(file)
        places = blocks.places(parquet.metadata)
        blocks.compare_outside(file, places, source.checksum)
        arrivals = parquet.read(columns=["arrival"], use_threads=False)["arrival"].combine_chunks()
        for number, (place, first_row) in enumerate(zip(places, blocks.first_rows(places), strict=True)):
            if source.blocks is not None and number not in source.blocks:
                continue
            yield blocks.read(file, place), _absolute(arrivals.slice(first_row, place.lines), source.id)


def _absolute(arrivals: Any, segment_id: int) -> Any:
    # Of a Python integer, Arrow asks whether it is a type of pandas or dateutil, and looks for both each time.
    most, start = pa.scalar(MAX_LINES, pa.int64()), pa.scalar(segment_id << ARRIVAL_BITS, pa.int64())
    return pc.if_else(pc.less(arrivals, most), pc.add(arrivals, start), arrivals)


def _numbers(count: int) -> Any:
    if count > MAX_LINES:
        raise ValueError(f"a segment has at most {MAX_LINES} lines; got {count}")
    return pa.arange(0, count)


def _lines_of(text: bytes) -> Any:
    """Return a text as an array of its lines, newlines included; it is not copied."""
    lengths = array("i", [0])
    lengths.fromlist(list(map(len, BytesIO(text))))  # a line at a time: all of them at once would not fit into a cache
    offsets = pc.cumulative_sum_checked(_integers(lengths))
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, offsets.buffers()[1], pa.py_buffer(text)])


def _integers(numbers: array[int]) -> Any:
    """Return integers for Arrow, uncopied; asked to make an array of them, it would look for pandas each time."""
    return pa.Array.from_buffers(pa.int32(), len(numbers), [None, pa.py_buffer(numbers)])
