"""The text of the day files: the newest lines, brought into their order.

A segment is in the order of the day file, so each of its row groups has the lines of a short stretch of ranks. They are
read in the order of their lowest ranks, each once, and their lines are dealt into buckets by rank. As soon as no row
group that is still to come can have a line of a bucket, the bucket is poured out. So what is in memory is a row group
of each segment, more or less, however many lines there are; if even that is too much, the buckets that are not due yet
go to the scratch folder for a while.

Lines stay in Arrow's buffers from the segment to the compressor: no Python object is made of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dayfile.files.segments import intact
from dayfile.sealing.bucket import LINES, Bucket
from dayfile.sealing.newest import NewestLines

_BUCKET_BYTES: Final = 16 * 1024 * 1024
_AHEAD: Final = 8  # row groups that may be on their way through the pool
_POURED_AHEAD: Final = 2  # buckets that are poured while the text of another is compressed
_LAYOUTS: Final = 64  # segments whose row groups are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowGroup:
    """One row group of a segment and which of its lines are wanted."""

    path: Path
    number: int
    lowest: int  # the lowest rank in it
    rows: Any  # counted from the beginning of the segment
    ranks: Any


@dataclass(frozen=True, slots=True)
class _Layout:
    """The row groups of a segment, and the number of the first row of each."""

    metadata: Any
    first_rows: tuple[int, ...]


def ordered_text(
    newest: NewestLines, paths: Sequence[Path], *, scratch: Path, memory_bytes: int, pool: Executor
) -> Iterator[memoryview]:
    """The text of all newest lines by rank, in portions of whole lines, while about `memory_bytes` of lines are held.

    Raises Corrupt for a damaged segment, StorageUnavailable when the scratch folder fails.
    """
    buckets = [
        Bucket(start, stop, path=scratch / f"bucket-{number}")
        for number, (start, stop) in enumerate(pairwise(_borders(newest.lengths())))
    ]
    read = partial(_read, lru_cache(maxsize=_LAYOUTS)(_layout))
    current, held = 0, 0
    pouring: deque[Future[list[memoryview]]] = deque()
    for group, lines in _ahead(read, _row_groups(newest.places(), paths), pool):
        while group.lowest >= buckets[current].stop:
            held -= buckets[current].held_bytes
            pouring.append(pool.submit(_poured, buckets[current]))
            current += 1
            if len(pouring) > _POURED_AHEAD:
                yield from pouring.popleft().result()
        held += _deal(lines, buckets)
        if held > memory_bytes:
            # The current one, too: what is held of a row group, however little, holds all of it in memory.
            list(pool.map(Bucket.spill, buckets[current:]))
            held = 0
    for bucket in buckets[current:]:
        pouring.append(pool.submit(_poured, bucket))
        if len(pouring) > _POURED_AHEAD:
            yield from pouring.popleft().result()
    for last in pouring:
        yield from last.result()


def _poured(bucket: Bucket) -> list[memoryview]:
    text = list(bucket.pour())
    pa.default_memory_pool().release_unused()  # it keeps what was freed, in ever more and smaller parts
    return text


def _borders(lengths: Iterator[Any]) -> Iterator[int]:
    """The ranks at which buckets begin, and the one after the last: each bucket has about as much text."""
    yield 0
    rank, size, bucket = 0, 0, 0
    for batch in lengths:
        sizes = pc.add(pc.cumulative_sum(batch["length"].cast(pa.int64())), size)
        start = 0
        for number, stop in _runs(pc.divide(sizes, _BUCKET_BYTES)):
            if number != bucket and rank + start > 0:
                yield rank + start
            bucket, start = number, stop
        rank += batch.num_rows
        size = sizes[-1].as_py()
    yield rank


def _row_groups(places: Iterator[Any], paths: Sequence[Path]) -> Iterator[_RowGroup]:
    """What there is to read, in the order of the lowest ranks. One that spans two batches comes twice."""
    for batch in places:
        start = 0
        for lowest, stop in _runs(batch["lowest"]):
            yield _RowGroup(
                path=paths[batch["segment"][start].as_py()],
                number=batch["row_group"][start].as_py(),
                lowest=lowest,
                rows=batch["row"][start:stop],
                ranks=batch["rank"][start:stop],
            )
            start = stop


def _ahead(
    read: Callable[[_RowGroup], Any], groups: Iterator[_RowGroup], pool: Executor
) -> Iterator[tuple[_RowGroup, Any]]:
    """Each row group with its lines, some of them read ahead."""
    reading: deque[tuple[_RowGroup, Future[Any]]] = deque()
    for group in groups:
        reading.append((group, pool.submit(read, group)))
        if len(reading) > _AHEAD:
            first, future = reading.popleft()
            yield first, future.result()
    for first, future in reading:
        yield first, future.result()


def _layout(path: Path) -> _Layout:
    metadata = pq.read_metadata(path)
    rows = (metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
    return _Layout(metadata, tuple(accumulate(rows, initial=0)))


def _read(layout_of: Callable[[Path], _Layout], group: _RowGroup) -> Any:
    """The wanted lines of a row group, by rank."""
    with intact(group.path.name):
        layout = layout_of(group.path)
        with pq.ParquetFile(group.path, metadata=layout.metadata) as file:
            lines = file.read_row_group(group.number, columns=["line"], use_threads=False)["line"].combine_chunks()
    wanted = lines.take(pc.subtract(group.rows, layout.first_rows[group.number]))
    batch = pa.record_batch([group.ranks, wanted], schema=LINES)
    is_ordered = pc.all(pc.less(group.ranks[:-1], group.ranks[1:])).as_py()
    return batch if is_ordered is not False else batch.sort_by("rank")


def _deal(lines: Any, buckets: Sequence[Bucket]) -> int:
    """Put lines that are in order into their buckets; nothing is copied. About how many bytes they are."""
    ranks = lines["rank"]
    size: int = lines.nbytes
    start = 0
    while start < len(ranks):
        rank = ranks[start].as_py()
        bucket = buckets[bisect_right(buckets, rank, key=lambda bucket: bucket.start) - 1]
        stop = bisect_left(ranks, bucket.stop, start, key=lambda rank: rank.as_py())
        # Asking a slice for its bytes takes as long as all the rest of this.
        bucket.add(lines.slice(start, stop - start), size_bytes=size * (stop - start) // len(ranks))
        start = stop
    return size


def _runs(values: Any) -> Iterator[tuple[int, int]]:
    """Runs of equal values in an array: the value, and where its run ends."""
    runs = pc.run_end_encode(values)
    return zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True)
