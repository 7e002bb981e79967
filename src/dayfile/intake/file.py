"""Intake of a whole file or stream of records, in chunks that are each a batch of their own.

A chunk is known by the digest of everything in the file up to its end. So when a file is taken in again within a day,
after a failure or with more lines at its end, the chunks that were accepted before are recognised and skipped; later
than that they are accepted once more, which changes no export.

Chunks are committed one after the other, and lines never overtake one another. They are read ahead of that
(`chunks_ahead.py`), by processes (`reader_pool.py`) that each do the same for a chunk (`chunk_reading.py`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain
from typing import BinaryIO

from dayfile.intake.body import find_compression, read_lines
from dayfile.intake.chunks_ahead import ChunksAhead
from dayfile.intake.idempotency import Fingerprint
from dayfile.intake.lines import Lines
from dayfile.intake.pipeline import Chunk, Intake
from dayfile.intake.reader_pool import ReaderPool
from dayfile.model.receipt import LISTED_REJECTIONS, Receipt, Refusal
from dayfile.model.resource import ResourceType
from dayfile.model.text_lines import size_of

CHUNK_BYTES = 16 * 1024 * 1024
"""The bytes of lines that complete a chunk. Another size makes other chunks, which are not recognised."""

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReceipt:
    """The receipt of a file, all of which is durable."""

    accepted: int
    rejected: int
    refusals: tuple[Refusal, ...]  # the first LISTED_REJECTIONS of them, without the lines' contents
    chunks: int
    repeated: int  # number of chunks that had been taken in before


class FileIntake:
    """The intake of files for the operator. Memory is bounded by a few chunks, however long a file is."""

    def __init__(
        self,
        intake: Intake,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        pool: ReaderPool | None = None,
    ) -> None:
        """Have the chunks of longer files read by a pool of processes, if there is one."""
        self._intake = intake
        self._chunk_bytes = chunk_bytes
        self._pool = pool or ReaderPool(0)

    def run(
        self,
        stream: BinaryIO,
        resource_type: ResourceType,
        *,
        source: str,
        on_progress: Callable[[int], None] = lambda _: None,
        on_records: Callable[[int], None] = lambda _: None,
    ) -> FileReceipt:
        """Take in a stream, plain, gzip or zstd, to its end; rejections are filed under `source`.

        `on_progress` is told how many bytes of the stream were read, `on_records` how many lines are accepted or
        refused for good. Raises InvalidBody, TooLarge, Transient, and what the stream raises; then the chunks before
        are taken in, and recognised when it is run again.
        """
        blocks = _blocks(stream, on_progress)
        start = next(blocks, b"")
        lines = read_lines(chain((start,), blocks), compression=find_compression(start), max_bytes=None)
        summary = _Summary(on_records)
        self._take_in(self._chunks(lines, resource_type, source), summary)
        return summary.receipt()

    def _take_in(self, chunks: Iterator[Chunk], summary: _Summary) -> None:
        """Commit chunks one after the other; while one is being committed, the next one is read."""
        underway: Future[Receipt] | None = None
        upcoming = ChunksAhead(self._intake, self._pool)
        try:
            for chunk, known in upcoming.follow(chunks):
                answer = self._submit(chunk, upcoming, after=underway) if known is None else None
                if underway is not None:
                    summary.add(underway.result())
                if known is not None:
                    summary.add(known, is_repeated=True)
                underway = answer
        finally:
            # Also if the next chunk cannot be read: the one before is taken in, and nothing goes on behind the error.
            if underway is not None:
                wait([underway])
        if underway is not None:
            summary.add(underway.result())

    def _submit(self, chunk: Chunk, upcoming: ChunksAhead, *, after: Future[Receipt] | None) -> Future[Receipt]:
        return self._intake.submit_chunk(chunk, read=upcoming.take(chunk), after=after)

    def _chunks(self, lines: Iterable[Lines], resource_type: ResourceType, source: str) -> Iterator[Chunk]:
        fingerprint = Fingerprint(resource_type)
        new = partial(Chunk, resource_type=resource_type, source=source)
        for number, chunk in enumerate(_cut(lines, self._chunk_bytes)):
            for some in chunk:
                fingerprint.update(some)
            yield new(lines=chunk, is_first=number == 0, digest=fingerprint.hexdigest())


class _Summary:
    """The sum of the receipts of a file's chunks."""

    def __init__(self, on_records: Callable[[int], None]) -> None:
        self._on_records = on_records
        self._accepted = self._rejected = self._chunks = self._repeated = 0
        self._refusals: list[Refusal] = []

    def add(self, receipt: Receipt, *, is_repeated: bool = False) -> None:
        self._accepted += receipt.accepted
        self._rejected += receipt.rejected
        self._refusals += receipt.refusals[: LISTED_REJECTIONS - len(self._refusals)]
        self._chunks += 1
        self._repeated += is_repeated
        self._on_records(self._accepted + self._rejected)

    def receipt(self) -> FileReceipt:
        return FileReceipt(
            accepted=self._accepted,
            rejected=self._rejected,
            refusals=tuple(self._refusals),
            chunks=self._chunks,
            repeated=self._repeated,
        )


def _cut(blocks: Iterable[Lines], chunk_bytes: int) -> Iterator[list[Lines]]:
    """Yield lines in chunks, each of which ends with the line that completes it: they do not depend on the blocks."""
    chunk: list[Lines] = []
    size = 0
    for block in blocks:
        if block.texts and (whole := size + size_of(block.texts)) < chunk_bytes:  # as nearly all do
            chunk.append(block)
            size = whole
            continue
        rest = block
        while rest.texts:
            sizes = list(accumulate(map(len, rest.texts), initial=size))
            count = bisect_left(sizes, chunk_bytes, lo=1)
            chunk.append(Lines(rest.numbers[:count], rest.texts[:count]))
            size = sizes[min(count, len(rest.texts))]
            rest = Lines(rest.numbers[count:], rest.texts[count:])
            if size >= chunk_bytes:
                yield chunk
                chunk, size = [], 0
    if chunk:
        yield chunk


def _blocks(stream: BinaryIO, on_progress: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    while block := stream.read(_BLOCK_BYTES):
        done += len(block)
        on_progress(done)
        yield block
