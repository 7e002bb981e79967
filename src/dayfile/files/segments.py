"""Segments: canonical lines of one resource type and day, packed to wait for their sealing.

A segment is a Parquet file with a row a line, or, if it is small, the lines themselves in one zstd frame. What sealing
asks for (whose a record is, its key, its times, how long the line is) stands in columns, and nothing else is read to
find the newest versions and their order. The lines are no column: they stand before the rows in blocks, each an Arrow
IPC stream of one record batch, and the metadata of the file say where. So a block is, once it is decompressed, text as
the day file has it, newlines included. Lines and rows are in the same order, that of the day file.

Arrival is the order in which records were accepted. Within a segment it is the number of the line; in a segment that
was folded from others it is, for every row, the id of the segment it came in and its number there, in one integer. Ids
begin at 1, so the two cannot be taken for one another.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from dayfile.errors import Corrupt
from dayfile.files import blocks
from dayfile.files.arrow import intact
from dayfile.files.key_columns import cut, fields, key_columns
from dayfile.model.resource import ResourceType

ARRIVAL_BITS: Final = 24
"""Arrivals below two to this power are numbers within the segment; above it, they begin with an id."""

MAX_LINES: Final = 2**ARRIVAL_BITS

_FOLD_BYTES: Final = 32 * 1024 * 1024
"""How much text is folded at once."""

_ZSTD_MAGIC: Final = bytes.fromhex("28b52ffd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A segment as it is stored: its bytes in either form, or the Parquet file that they are in."""

    id: int
    data: bytes | Path

    def __post_init__(self) -> None:
        if self.id < 1:
            raise ValueError(f"segment ids begin at 1; got {self.id}")


def encode(lines: Sequence[bytes], resource_type: ResourceType) -> bytes:
    """Canonical lines, in order of arrival, as a Parquet segment; at least one, and less than 2 GiB of text."""
    sink = pa.BufferOutputStream()
    with _Writer(sink, resource_type) as writer:
        writer.write(_joined(lines), _numbers(len(lines)))
    return bytes(sink.getvalue())


def decode(data: bytes | Path) -> list[bytes]:
    """The lines of a segment in either form, in order of arrival; raises Corrupt."""
    pairs: list[tuple[int, bytes]] = []
    for lines, arrivals in _portions(Source(id=1, data=data)):
        pairs += zip(arrivals.to_pylist(), lines.to_pylist(), strict=True)
    return [line for _, line in sorted(pairs)]


def encode_inline(lines: Sequence[bytes]) -> bytes:
    """Canonical lines, in order of arrival, as a small segment."""
    return zstandard.ZstdCompressor().compress(b"".join(lines))


def decode_inline(data: bytes) -> list[bytes]:
    """The lines of a small segment, in order of arrival; raises Corrupt."""
    try:
        return zstandard.ZstdDecompressor().decompress(data).splitlines(keepends=True)
    except zstandard.ZstdError as error:
        raise Corrupt(f"a small segment is damaged: {error}") from error


def fold(sources: Iterable[Source], resource_type: ResourceType) -> Iterator[bytes]:
    """Many segments as one, every line with the arrival it had; at least one source. Holds only some of it at a time.

    Raises Corrupt if a source is damaged.
    """
    sink = _Sink()
    with _Writer(pa.PythonFile(sink, mode="w"), resource_type) as writer:
        for lines, arrivals in _together(sources):
            writer.write(lines, arrivals)
            yield from sink.take()
    yield from sink.take()


class _Sink:
    """What a Parquet writer writes to, emptied as it goes."""

    closed = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    def write(self, chunk: Any) -> int:
        self._chunks.append(bytes(chunk))
        self._size += len(chunk)
        return len(chunk)

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
    """Writes lines in the order of the day file: those of an account stand together, and among them those of a time."""

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

    def write(self, lines: Any, arrivals: Any) -> None:
        """Write a portion of lines, ordered by itself."""
        columns = {"arrival": arrivals, "length": pc.binary_length(lines), **cut(lines, self._resource_type)}
        rows = pa.table(columns)
        order = pc.sort_indices(rows, self._order)
        rows, lines = rows.take(order), lines.take(order)
        numbers = array("i")
        for start, stop in pairwise(blocks.borders(rows["length"])):
            numbers.extend([len(self._places)] * (stop - start))
            self._places.append(blocks.write(self._sink, lines.slice(start, stop - start)))
        self._parquet.write_table(_typed(rows.append_column("block", pa.array(numbers)), self._schema))


def _schema(resource_type: ResourceType) -> Any:
    columns = [*fields(resource_type), ("length", pa.int32()), ("arrival", pa.int64()), ("block", pa.int32())]
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns])


def _parquet_writer(sink: Any, schema: Any) -> Any:
    sids = [name for name in schema.names if name.startswith("key_")]
    return pq.ParquetWriter(
        sink,
        schema,
        column_encoding={"arrival": "DELTA_BINARY_PACKED"},
        # All of them are read twice, and zstd would take a seventh less room.
        compression={name: "none" if name in sids else "lz4" for name in schema.names},
        use_dictionary=["account", "created", "updated", "block"],
        write_statistics=["account"],  # a piece of a seal skips the row groups of other pieces' accounts
        store_schema=False,
    )


def _typed(rows: Any, schema: Any) -> Any:
    """The columns in the types of the file; a table that is to be sorted cannot have sids in theirs."""
    columns = []
    for field in schema:
        column = rows[field.name].combine_chunks()
        columns.append(pa.ExtensionArray.from_storage(field.type, column) if field.type == pa.uuid() else column)
    return pa.Table.from_arrays(columns, schema=schema)


def _together(sources: Iterable[Source]) -> Iterator[tuple[Any, Any]]:
    """Lines and arrivals of several segments, in portions that are worth sorting and small enough to be held."""
    portions: list[tuple[Any, Any]] = []
    size = 0
    for portion in (portion for source in sources for portion in _portions(source)):
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
    """Lines and arrivals of one segment, row group by row group."""
    if isinstance(source.data, bytes) and source.data.startswith(_ZSTD_MAGIC):
        lines = decode_inline(source.data)
        yield _joined(lines), _absolute(_numbers(len(lines)), source.id)
        return
    with intact(str(source.id)), _opened(source.data) as file:
        parquet = pq.ParquetFile(file)
        places = blocks.places(parquet.metadata)
        arrivals = parquet.read(columns=["arrival"], use_threads=False)["arrival"].combine_chunks()
        for place, first_row in zip(places, blocks.first_rows(places), strict=True):
            yield blocks.read(file, place), _absolute(arrivals.slice(first_row, place.lines), source.id)


def _opened(data: bytes | Path) -> Any:
    return pa.BufferReader(data) if isinstance(data, bytes) else pa.OSFile(str(data), "rb")


def _absolute(arrivals: Any, segment_id: int) -> Any:
    is_number = pc.less(arrivals, MAX_LINES)
    return pc.if_else(is_number, pc.add(arrivals, segment_id << ARRIVAL_BITS), arrivals)


def _numbers(count: int) -> Any:
    if count > MAX_LINES:
        raise ValueError(f"a segment has at most {MAX_LINES} lines; got {count}")
    return pa.array(range(count), pa.int64())


def _joined(lines: Sequence[bytes]) -> Any:
    """Lines as one Arrow array, twice as fast as Arrow makes it of a list."""
    offsets = array("i", accumulate(map(len, lines), initial=0))
    return pa.Array.from_buffers(pa.binary(), len(lines), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(lines))])
