"""Segments: canonical lines of one resource type and day, packed to wait for their sealing.

A segment is a Parquet file with a row a line, or, if it is small, the lines themselves in one zstd frame. What sealing
asks for (whose a record is, its key, its times) stands in columns of its own, cut out of the lines by position; nothing
here parses. The column `line` is text as the day file has it, newlines included.

Arrival is the order in which records were accepted. Within a segment it is the number of the line; in a segment that
was folded from others it is, for every row, the id of the segment it came in and its number there, in one integer. Ids
begin at 1, so the two cannot be taken for one another.
"""

from __future__ import annotations

import binascii
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from dayfile.errors import Corrupt
from dayfile.model.resource import ResourceType, Span

ARRIVAL_BITS: Final = 24
"""Arrivals below two to this power are numbers within the segment; above it, they begin with an id."""

MAX_LINES: Final = 2**ARRIVAL_BITS

_GROUP_BYTES: Final = 2 * 1024 * 1024
"""How much text is in a row group: what sealing reads to get at one line, and holds of every segment at a time."""

_FOLD_BYTES: Final = 32 * 1024 * 1024
"""How much text is folded at once."""

_PREFIX_BYTES: Final = 2
_DIGITS: Final = 32
_ZSTD_MAGIC: Final = bytes.fromhex("28b52ffd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A segment as it is stored: its bytes in either form, or the Parquet file that they are in."""

    id: int
    data: bytes | Path

    def __post_init__(self) -> None:
        if self.id < 1:
            raise ValueError(f"segment ids begin at 1; got {self.id}")


def key_columns(resource_type: ResourceType) -> tuple[str, ...]:
    """The columns that together name a record within its account; they sort as the texts of its keys do."""
    return tuple(
        column
        for number, key in enumerate(resource_type.key_fields)
        for column in ((f"prefix_{number}", f"key_{number}") if len(key.prefixes) > 1 else (f"key_{number}",))
    )


def encode(lines: Sequence[bytes], resource_type: ResourceType) -> bytes:
    """Canonical lines, in order of arrival, as a Parquet segment; at least one, and less than 2 GiB of text."""
    sink = pa.BufferOutputStream()
    with _Writer(sink, resource_type) as writer:
        writer.write(_joined(lines), _numbers(len(lines)))
    return bytes(sink.getvalue())


def decode(data: bytes | Path) -> list[bytes]:
    """The lines of a segment in either form, in order of arrival; raises Corrupt."""
    pairs: list[tuple[int, str]] = []
    for lines, arrivals in _portions(Source(id=1, data=data)):
        pairs += zip(arrivals.to_pylist(), lines.to_pylist(), strict=True)
    return [line.encode() for _, line in sorted(pairs)]


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
    with _Writer(sink, resource_type) as writer:
        for lines, arrivals in _together(sources):
            writer.write(lines, arrivals)
            yield from sink.take()
    yield from sink.take()


@contextmanager
def intact(what: str) -> Iterator[None]:
    """Raise Corrupt for what Arrow cannot read; errors of the system stay what they are."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Corrupt(f"the segment {what} is damaged: {error}") from error


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
        self._parquet = _parquet_writer(sink, self._schema)
        self._groups = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._parquet.close()

    def write(self, lines: Any, arrivals: Any) -> None:
        """Write a portion of lines, ordered by itself."""
        columns = {**_cut(lines, self._resource_type), "length": pc.binary_length(lines)}
        rows = pa.table({**columns, "arrival": arrivals, "line": lines})
        rows = rows.take(pc.sort_indices(rows, self._order))
        start = 0
        for stop in _group_ends(rows["length"]):
            group = rows.slice(start, stop - start)
            group = group.append_column("row_group", pa.repeat(pa.scalar(self._groups, pa.int32()), stop - start))
            self._parquet.write_table(_typed(group, self._schema))
            self._groups += 1
            start = stop


def _schema(resource_type: ResourceType) -> Any:
    kinds = {"prefix": pa.int8(), "key": pa.uuid()}
    fields = [("account", pa.uuid())]
    fields += [(name, kinds[name.partition("_")[0]]) for name in key_columns(resource_type)]
    fields += [("created", pa.int64()), ("updated", pa.int64())]  # seconds since 1970
    fields += [("length", pa.int32()), ("arrival", pa.int64()), ("row_group", pa.int32()), ("line", pa.string())]
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields])


def _parquet_writer(sink: Any, schema: Any) -> Any:
    sids = [name for name in schema.names if name.startswith("key_")]
    return pq.ParquetWriter(
        sink,
        schema,
        # Lengths apart from the text: it compresses better and is read twice as fast.
        column_encoding={"line": "DELTA_LENGTH_BYTE_ARRAY", "arrival": "DELTA_BINARY_PACKED"},
        # Lines are read once more, all versions of them, and soon gone: lz4 takes more room and half the time.
        compression={name: "none" if name in sids else "zstd" for name in schema.names} | {"line": "lz4"},
        compression_level={name: 1 for name in schema.names if name not in sids and name != "line"},
        use_dictionary=["account", "created", "updated", "row_group"],
        write_statistics=["account"],  # a piece of a seal skips the row groups of other pieces' accounts
        store_schema=False,
    )


def _cut(lines: Any, resource_type: ResourceType) -> dict[str, Any]:
    """The columns that are cut out of lines: where they stand is the same in each."""
    text = lines.view(pa.binary())
    columns = {"account": _hexadecimal(text, resource_type.account_span)}
    for number, (key, span) in enumerate(zip(resource_type.key_fields, resource_type.key_spans, strict=True)):
        columns[f"key_{number}"] = _hexadecimal(text, span)
        if len(key.prefixes) > 1:
            prefixes = pa.array(sorted(prefix.encode() for prefix in key.prefixes), pa.binary())
            prefix = pc.binary_slice(text, span[0], span[0] + _PREFIX_BYTES)
            columns[f"prefix_{number}"] = pc.index_in(prefix, value_set=prefixes).cast(pa.int8())
    columns["created"] = _seconds(text, resource_type.created_span)
    columns["updated"] = _seconds(text, resource_type.updated_span)
    return columns


def _hexadecimal(text: Any, span: Span) -> Any:
    """The digits of sids as 16 bytes each; they sort as the digits do."""
    digits = pc.binary_slice(text, span[0] + _PREFIX_BYTES, span[1])
    packed = binascii.unhexlify(digits.buffers()[2][: len(digits) * _DIGITS])
    return pa.Array.from_buffers(pa.binary(_DIGITS // 2), len(digits), [None, pa.py_buffer(packed)])


def _seconds(text: Any, span: Span) -> Any:
    moments = pc.binary_slice(text, *span).view(pa.string())
    return moments.cast(pa.timestamp("s", "UTC")).cast(pa.int64())


def _typed(rows: Any, schema: Any) -> Any:
    """The columns in the types of the file; a table that is to be sorted cannot have sids in theirs."""
    columns = []
    for field in schema:
        column = rows[field.name].combine_chunks()
        columns.append(pa.ExtensionArray.from_storage(field.type, column) if field.type == pa.uuid() else column)
    return pa.Table.from_arrays(columns, schema=schema)


def _group_ends(lengths: Any) -> list[int]:
    """Where row groups end that hold about as much text each."""
    groups = pc.divide(pc.cumulative_sum(lengths.cast(pa.int64())), _GROUP_BYTES).combine_chunks()
    ends: list[int] = pc.run_end_encode(groups).run_ends.to_pylist()
    return ends


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
    with intact(str(source.id)):
        file = pq.ParquetFile(pa.BufferReader(source.data) if isinstance(source.data, bytes) else source.data)
        for number in range(file.num_row_groups):
            group = file.read_row_group(number, columns=["line", "arrival"], use_threads=False).combine_chunks()
            yield group["line"].chunk(0), _absolute(group["arrival"].chunk(0), source.id)


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
    return pa.Array.from_buffers(pa.string(), len(lines), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(lines))])
