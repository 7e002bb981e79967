"""The text of the day files: the newest lines, brought into rank order.

A segment is in the order of the day file, so each of its blocks has the lines of a short range of ranks. Blocks are
read in the order of their lowest ranks, each once, and their lines are dealt into buckets by rank. A bucket is written
out as soon as no later block can have a line of it. So about one block of each segment is in memory, however many
lines there are; if even that is too much, buckets that are not due yet are spilled to the scratch folder.

Lines stay in Arrow buffers from the segment to the compressor: no Python object is made of them. Nothing may hold the
GIL for long while the threads of the pool work, and handing over a task has a cost of its own, so tasks take some
milliseconds each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dayfile.errors import Corrupt
from dayfile.files import disk
from dayfile.files.arrow import intact
from dayfile.files.blocks import Blocks
from dayfile.sealing.dedupe import RANK_BITS, NewestLines

LINES: Final = pa.schema([("rank", pa.int64()), ("line", pa.binary())])
"""Schema of the record batches that a bucket collects."""

_BUCKET_BYTES: Final = 4 * 1024 * 1024
_TASK_BLOCKS: Final = 4  # read one after the other by one thread
_AHEAD: Final = 5  # such tasks in flight in the pool
_POURED_AHEAD: Final = 4  # buckets poured while the text of others is compressed
_LOW_BITS: Final = 2**RANK_BITS - 1  # the low half of a place: a rank, or the number of its bucket
# Given a Python number, Arrow tries to import modules that are not installed, on every call.
_LOW: Final = pa.scalar(_LOW_BITS, pa.int64())
_HIGH: Final = pa.scalar(~_LOW_BITS, pa.int64())
_OPENED: Final = 4096  # segments whose block index is cached; their blocks are interleaved


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """A block to read, and the lines of it that are wanted."""

    path: Path
    block: int
    lowest: int  # the lowest rank in it
    rows: Any  # counted from the beginning of the segment
    ranks: Any
    cuts: list[tuple[int, int]]  # for each bucket in turn: its number, and the end of its lines in `rows`


def ordered_text(
    newest: NewestLines, paths: Sequence[Path], *, scratch: Path, memory_bytes: int, pool: Executor
) -> Generator[memoryview]:
    """Yield the text of all newest lines in rank order, in portions of whole lines.

    About `memory_bytes` of lines are held in memory; the others are spilled.

    Close the generator before `newest`. Raises Corrupt for a damaged segment, StorageUnavailable if the scratch folder
    fails, Unusable if the memory of `newest` does not suffice.
    """
    with _one_ahead(newest.places(), pool) as places:  # first: it takes DuckDB the longest to begin
        buckets = [
            Bucket(start, stop, path=scratch / f"bucket-{number}")
            for number, (start, stop) in enumerate(pairwise(_borders(newest.sizes())))
        ]
        stops = pa.array([bucket.stop for bucket in buckets], pa.int64())
        visits = _read_ahead(_visits(newest.visits(), places, paths, stops), pool)
        yield from _poured(visits, buckets, memory_bytes=memory_bytes, pool=pool)


def _poured(
    visits: Iterator[tuple[_Visit, Any]], buckets: Sequence[Bucket], *, memory_bytes: int, pool: Executor
) -> Iterator[memoryview]:
    """Yield the text of all buckets in order, each as soon as no later visit can have a line of it."""
    pouring: deque[Future[memoryview]] = deque()
    current, held = 0, 0
    for visit, lines in visits:
        while visit.lowest >= buckets[current].stop:
            held -= buckets[current].held_bytes
            pouring.append(pool.submit(Bucket.pour, buckets[current]))
            current += 1
            if len(pouring) > _POURED_AHEAD:
                yield pouring.popleft().result()
        held += _deal(lines, visit.cuts, buckets)
        if held > memory_bytes:
            # The current one, too: any slice of a block, however small, keeps the whole block in memory.
            list(pool.map(Bucket.spill, buckets[current:]))
            held = 0
    for bucket in buckets[current:]:
        pouring.append(pool.submit(Bucket.pour, bucket))
        if len(pouring) > _POURED_AHEAD:
            yield pouring.popleft().result()
    for poured in pouring:
        yield poured.result()


def _borders(sizes: Iterator[Any]) -> Iterator[int]:
    """Yield the ranks at which buckets begin, and the end of the last one; buckets have about the same size of text."""
    yield 0
    rank, size, bucket = 0, 0, 0
    for batch in sizes:
        for lines, size_bytes in zip(batch["lines"].to_pylist(), batch["bytes"].to_pylist(), strict=True):
            if size // _BUCKET_BYTES != bucket:
                bucket = size // _BUCKET_BYTES
                yield rank
            rank += lines
            size += size_bytes
    if rank:  # else there are no lines, and no buckets
        yield rank


def _visits(
    blocks: Sequence[tuple[int, int, int]], places: Iterator[Any], paths: Sequence[Path], stops: Any
) -> Iterator[_Visit]:
    """Yield the blocks to read in the order of their lowest ranks. A block that spans two batches comes twice.

    `stops` are the ranks at which the buckets end, exclusive.
    """
    for batch in places:
        place = batch["place"]
        ranks = pc.bit_wise_and(place, _LOW)
        # Cut for all visits at once: one by one, it took a quarter of the time for which the GIL was held.
        buckets = pc.search_sorted(stops, ranks, side="right").view(pa.int64())
        runs = _runs(pc.bit_wise_or(pc.bit_wise_and(place, _HIGH), buckets))
        start = 0
        for number, of_visit in groupby(runs, key=lambda run: run[0] >> RANK_BITS):
            segment, block, lowest = blocks[number]
            cuts = [(value & _LOW_BITS, end - start) for value, end in of_visit]
            count = cuts[-1][1]
            yield _Visit(
                path=paths[segment],
                block=block,
                lowest=lowest,
                rows=batch["row"].slice(start, count),
                ranks=ranks.slice(start, count),
                cuts=cuts,
            )
            start += count


@contextmanager
def _one_ahead(batches: Iterator[Any], pool: Executor) -> Iterator[Iterator[Any]]:
    """Iterate over the batches and let the pool fetch the next one meanwhile. On exit no fetch is running."""
    ahead = pool.submit(next, batches, None)

    def rest() -> Iterator[Any]:
        nonlocal ahead
        while (batch := ahead.result()) is not None:
            ahead = pool.submit(next, batches, None)
            yield batch

    try:
        yield rest()
    finally:
        if not ahead.cancel():
            wait([ahead])  # DuckDB does not close what is in use


def _read_ahead(visits: Iterator[_Visit], pool: Executor) -> Iterator[tuple[_Visit, Any]]:
    """Yield the visits in order, each with its wanted lines by rank; the pool reads some of them ahead."""
    blocks_of = lru_cache(maxsize=_OPENED)(Blocks)
    reading: deque[Future[list[tuple[_Visit, Any]]]] = deque()
    while task := list(islice(visits, _TASK_BLOCKS)):
        reading.append(pool.submit(_read, task, blocks_of))
        if len(reading) > _AHEAD:
            yield from reading.popleft().result()
    for read in reading:
        yield from read.result()


def _read(visits: Sequence[_Visit], blocks_of: Callable[[Path], Blocks]) -> list[tuple[_Visit, Any]]:
    return [(visit, _wanted(visit, blocks_of(visit.path))) for visit in visits]


def _wanted(visit: _Visit, blocks: Blocks) -> Any:
    first_row = pa.scalar(blocks.first_rows[visit.block], pa.int32())
    with intact(visit.path.name):
        lines, rows = blocks.lines(visit.block), pc.subtract(visit.rows, first_row)
        # Where each record has one version, whole blocks are wanted, and nothing need be copied.
        if len(rows) != len(lines) or not rows.equals(pa.arange(0, len(lines)).cast(pa.int32())):
            lines = lines.take(rows)
    return pa.record_batch([visit.ranks, lines], schema=LINES)


def _deal(lines: Any, cuts: Sequence[tuple[int, int]], buckets: Sequence[Bucket]) -> int:
    """Add lines in rank order to their buckets without copying; return their approximate size in bytes."""
    size: int = lines.nbytes
    start = 0
    for number, stop in cuts:
        # Asking a slice for its size in bytes takes as long as the rest of this function.
        buckets[number].add(lines.slice(start, stop - start), size_bytes=size * (stop - start) // len(lines))
        start = stop
    return size


def _runs(values: Any) -> Iterator[tuple[int, int]]:
    """Return the runs of equal values in an array, as pairs of the value and the end of its run (exclusive)."""
    runs = pc.run_end_encode(values)
    return zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True)


class Bucket:
    """The lines of the ranks from `start` up to, not including, `stop`: collected in any order, returned by rank.

    They are in memory until they are spilled to files.
    """

    def __init__(self, start: int, stop: int, *, path: Path) -> None:
        self.start = start
        self.stop = stop
        self.held_bytes = 0
        self._path = path
        self._files = 0
        self._held: list[Any] = []

    def add(self, lines: Any, *, size_bytes: int) -> None:
        """Add some of the bucket's lines; `size_bytes` is their approximate size."""
        self._held.append(lines)
        self.held_bytes += size_bytes

    def spill(self) -> None:
        """Move the lines held in memory to a file; raises StorageUnavailable."""
        if not self._held:
            return
        lines, self._held, self.held_bytes = pa.Table.from_batches(self._held), [], 0
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        with (
            disk.reported("write to the scratch folder"),
            pa.OSFile(self._file(self._files), "wb") as file,
            pa.ipc.new_stream(file, LINES, options=options) as writer,
        ):
            writer.write_table(lines.combine_chunks())
        self._files += 1

    def pour(self) -> memoryview:
        """Return the text of all lines in rank order and empty the bucket; raises Corrupt if a line is missing."""
        lines, order = self._load()
        _, offsets, text = lines.take(order).buffers()
        return memoryview(text)[: memoryview(offsets).cast("i")[len(order)]]

    def _load(self) -> tuple[Any, Any]:
        """Return all lines in order of arrival, and for each rank the index of its line."""
        batches, self._held, self.held_bytes = self._held, [], 0
        for number in range(self._files):
            with disk.reported("read from the scratch folder"), pa.OSFile(self._file(number), "rb") as file:
                batches += pa.ipc.open_stream(file)
            Path(self._file(number)).unlink()
        lines = pa.Table.from_batches(batches, LINES).combine_chunks()
        ranks, text = (lines[name].chunk(0) for name in LINES.names)
        try:
            order = pc.inverse_permutation(pc.subtract(ranks, pa.scalar(self.start, pa.int64())))
        except pa.ArrowIndexError:
            order = pa.nulls(0)
        if len(order) != self.stop - self.start or order.null_count:
            raise Corrupt("a segment changed while it was being sealed")
        return text, order

    def _file(self, number: int) -> str:
        return f"{self._path}.{number}"
