"""Group commit: all batches in flight when a commit begins go into it together.

So a thousand senders of single records share a few hundred commits a second, each still answered only when its own
records are durable; and one sender alone waits for nobody. The lines of a group share a segment per resource type and
day, and all of it counts at once.

Objects come first, under ledger entries of their own; the commit that adds their segment rows turns the entries live. A
crash before it leaves entries for the sweep and no half record; after it, everything is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from dayfile.clock import Clock
from dayfile.errors import Conflict, LostClaim, TooManyRequests, Transient
from dayfile.group_commit import GroupCommit
from dayfile.intake.batch import Batch, PendingSegment, merged
from dayfile.intake.idempotency import IdempotencyKeys
from dayfile.intake.segment_writer import SegmentWriter
from dayfile.model.receipt import Receipt
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

GROUP_BYTES = 32 * 1024 * 1024
"""The bytes of lines that make a group full."""

GROUP_REFUSALS = 1000
"""The number of refused lines, each of them a row, that makes a group full: all its senders wait for all of it."""

WAITING_BYTES_LIMIT = 128 * 1024 * 1024
"""The most bytes of lines that may wait for their commit; beyond that, senders are asked to wait."""

_RETRY_AFTER_SECONDS = 1
_CLOSED = "this server is shutting down: send the batch again"

Commit = Callable[[Sequence[Batch]], None]


class BatchQueue:
    """A queue of batches from any thread, each answered after its commit."""

    def __init__(
        self,
        commit: Commit,
        *,
        keys: IdempotencyKeys,
        give_up: Callable[[Batch], None],
        waiting_bytes_limit: int = WAITING_BYTES_LIMIT,
    ) -> None:
        """Release, by `give_up`, what is already written of a batch that is not committed."""
        self._commit = commit
        self._keys = keys
        self._give_up = give_up
        self._limit = waiting_bytes_limit
        self._group_commit = GroupCommit(
            self._receipts, name="intake-commit", size=_size, full_at=(GROUP_BYTES, GROUP_REFUSALS), fail=self._fail
        )

    @property
    def waiting_bytes(self) -> int:
        """The approximate bytes of memory of all batches that wait or are being committed."""
        return self._group_commit.unfinished[0]

    def check_room(self) -> None:
        """Raise TooManyRequests while too much waits, Transient if no more is accepted: asked before any work."""
        if self._group_commit.is_closed:
            raise Transient(_CLOSED)
        if self.waiting_bytes >= self._limit:
            raise TooManyRequests(
                "more records wait to be written than fit in memory: send the same batch again in a moment",
                retry_after=_RETRY_AFTER_SECONDS,
            )

    def submit(self, batch: Batch) -> Future[Receipt]:
        """Submit a batch; its future gives the receipt once it is durable, or why nothing of it was accepted."""
        return self.submit_all([batch])[0]

    def submit_all(self, batches: Sequence[Batch], *, waits: bool = False) -> list[Future[Receipt]]:
        """Submit several batches for the same commit; raises Transient if no more is accepted.

        With `waits` this thread has nothing else to do, and commits them unless another thread is committing.
        """
        submit = self._group_commit.submit_here if waits else self._group_commit.submit_all
        try:
            return submit(batches)
        except Transient as closed:
            for batch in batches:
                self._give_up(batch)
            raise Transient(_CLOSED) from closed

    def close(self) -> None:
        """Stop accepting, and return when everything that waits is answered. Closing twice is fine."""
        self._group_commit.close()

    def _receipts(self, batches: Sequence[Batch]) -> list[Receipt]:
        """Commit batches, and return the receipts that may be given by then."""
        self._commit(batches)
        for batch in batches:
            self._keys.end_of(batch.stored)
        return [batch.receipt for batch in batches]

    def _fail(self, batch: Batch, error: Exception) -> Receipt:
        """Raise the error of a batch that failed, or return the receipt that the same request got elsewhere."""
        self._give_up(batch)
        try:
            if batch.stored is not None and isinstance(error, Conflict):
                return self._keys.settle(batch.stored)
            raise error
        finally:
            self._keys.end_of(batch.stored)


def _size(batch: Batch) -> tuple[int, int]:
    return batch.waiting_bytes, len(batch.refusals)


class BatchCommit:
    """The commit of several batches at once."""

    def __init__(self, database: Database, *, writer: SegmentWriter, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock

    def commit(self, batches: Sequence[Batch]) -> None:
        """Make all batches durable, or none.

        Raises Transient when storage or database do not do their part, Conflict when the idempotency key of one of them
        has its receipt by now.
        """
        shared = self._writer.write(merged(batch.days for batch in batches))
        try:
            self._record(batches, shared)
        except BaseException:
            self._writer.give_up(shared)
            raise

    def _record(self, batches: Sequence[Batch], shared: Sequence[PendingSegment]) -> None:
        # Segments of one batch that were already written stay together and go last. They were in flight beside the
        # others, so any order of whole batches is an order in which they may have arrived.
        pending = [*shared, *(segment for batch in batches for segment in batch.segments)]

        def record(tx: Transaction) -> None:
            now = self._clock.now()
            tx.uploads.go_live([one.upload_id for one in pending if one.upload_id is not None], now=now)
            tx.segments.add([one.segment for one in pending], now=now)
            tx.uploads.settle([batch.refused_upload for batch in batches if batch.refused_upload is not None])
            for batch in batches:
                if batch.refusals:
                    tx.rejections.add(batch.resource_type, batch.source, batch.refusals, now=now)
                if batch.stored is not None:
                    tx.receipts.add(batch.stored, now=now)
                _drop_retried(tx, batch)

        try:
            self._database.run(record)
        except LostClaim as lost:
            raise Transient(f"nothing of the batch was taken, send it again: {lost}") from lost


def _drop_retried(tx: Transaction, batch: Batch) -> None:
    if batch.retried and tx.rejections.drop(batch.retried) != len(batch.retried):
        raise LostClaim("a rejection was dropped or accepted by somebody else meanwhile")
