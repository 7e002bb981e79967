"""Reading of a file's chunks ahead of their commits, in the order of the file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from dayfile.intake.chunk_reading import ReadChunk
from dayfile.intake.gate import Refused
from dayfile.intake.pipeline import Chunk, Intake
from dayfile.intake.reader_pool import PendingChunk, ReaderPool
from dayfile.model.account import AccountSid
from dayfile.model.receipt import Receipt

# Records have over 150 bytes each: only rubbish has as many lines in a chunk, or in as many chunks as processes read.
_MOST_LINES_AT_ONCE: Final = 200_000
_MOST_LINES: Final = 1_000_000
_READ_BEFORE_START = 3  # chunks that are read in the time in which processes start
_MOST_VERDICTS = 10_000  # that go with every chunk; lines of further unknown accounts are read by the parent

_Followed = tuple[Chunk, Receipt | None]  # the receipt of one that was taken in before


class ChunksAhead:
    """The chunks of one file that are read by a pool, or wait for it."""

    def __init__(self, intake: Intake, pool: ReaderPool) -> None:
        self._intake = intake
        self._pool = pool
        self._pending: dict[str, PendingChunk] = {}  # by the digests of their chunks
        self._unknown = 0  # number of chunks that were not taken in before
        self._refused: dict[AccountSid, Refused] = {}  # as the last chunks had them

    def follow(self, chunks: Iterator[Chunk]) -> Iterator[_Followed]:
        """Yield chunks with the receipts of those that were taken in before; the others are read meanwhile.

        If `chunks` raises, that is raised once all chunks before have been yielded. Raises DatabaseUnavailable.
        """
        waiting: deque[_Followed] = deque()
        try:
            for chunk in chunks:
                known = self._intake.find_chunk(chunk.digest)
                if known is None and self._is_for_pool(chunk):
                    self._begin(chunk)
                waiting.append((chunk, known))
                while self._is_time_for(waiting):
                    yield waiting.popleft()
        except Exception:
            yield from waiting  # a file that is cut off is taken in up to there
            raise
        yield from waiting

    def take(self, chunk: Chunk) -> ReadChunk | None:
        """Return what the pool has read of a chunk; None if it is to be read here. Raises DatabaseUnavailable."""
        pending = self._pending.pop(chunk.digest, None)
        read = None if pending is None else self._pool.finish(pending)
        if read is None:
            return None
        verdicts = self._intake.verdicts(read)
        if verdicts == read.refused:
            return read
        for account in read.refused.keys() - verdicts.keys():
            self._refused.pop(account, None)
        for account, verdict in verdicts.items():
            if len(self._refused) < _MOST_VERDICTS:
                self._refused[account] = verdict
        return None

    def _is_for_pool(self, chunk: Chunk) -> bool:
        self._unknown += 1
        # Until processes have started, a few chunks are read here; and the first one tells of which type the lines are.
        is_worth_it = self._pool.is_started or self._unknown > _READ_BEFORE_START
        return is_worth_it and self._pool.processes > 0 and not chunk.is_first and _count(chunk) <= _MOST_LINES_AT_ONCE

    def _begin(self, chunk: Chunk) -> None:
        unread = self._intake.unread(chunk, refused=dict(self._refused))
        self._pending[chunk.digest] = self._pool.begin(unread)

    def _is_time_for(self, waiting: deque[_Followed]) -> bool:
        """Return True if the first chunk is not to wait until more of them are there."""
        if not waiting:
            return False
        chunk, _ = waiting[0]
        pending = self._pending.get(chunk.digest)
        if pending is None or len(waiting) > self._pool.processes + 1:
            return True
        self._pool.attend()
        lines = sum(_count(chunk) for chunk, _ in waiting)
        return pending.is_done or not self._pool.is_ready or lines > _MOST_LINES


def _count(chunk: Chunk) -> int:
    return sum(len(lines.texts) for lines in chunk.lines)
