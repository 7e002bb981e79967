"""Group commit: all batches in flight when a commit begins go into it together.

So a thousand senders of single records share a few hundred commits a second, each still answered only when its own
records are durable; and one sender alone waits for nobody. The lines of a group share a segment per resource type and
day, and all of it counts at once.

Objects come first, under ledger entries of their own; the commit that adds their segment rows turns the entries live. A
crash before it leaves entries for the sweep and no half record; after it, everything is accepted.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from dayfile.clock import Clock
from dayfile.errors import Conflict, LostClaim, TooManyRequests, Transient
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

Commit = Callable[[Sequence[Batch]], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Waiting:
    batch: Batch
    bytes: int
    answer: Future[Receipt] = field(default_factory=Future)


class GroupCommit:
    """A queue of batches from any thread, each answered after its commit. Its thread starts with the first batch."""

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
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0  # including those in the running commit
        self._is_closed = False
        self._thread: threading.Thread | None = None

    @property
    def waiting_bytes(self) -> int:
        """The approximate bytes of memory of all batches that wait or are being committed."""
        with self._changed:
            return self._waiting_bytes

    def check_room(self) -> None:
        """Raise TooManyRequests while too much waits, Transient if no more is accepted: asked before any work."""
        with self._changed:
            self._check_open()
            if self._waiting_bytes >= self._limit:
                raise TooManyRequests(
                    "more records wait to be written than fit in memory: send the same batch again in a moment",
                    retry_after=_RETRY_AFTER_SECONDS,
                )

    def submit(self, batch: Batch) -> Future[Receipt]:
        """Submit a batch; its future gives the receipt once it is durable, or why nothing of it was accepted."""
        return self.submit_all([batch])[0]

    def submit_all(self, batches: Sequence[Batch]) -> list[Future[Receipt]]:
        """Submit several batches for the same commit, for which the thread is woken once."""
        added = [_Waiting(batch=batch, bytes=batch.waiting_bytes) for batch in batches]
        for waiting in added:
            waiting.answer.set_running_or_notify_cancel()  # a sender that stops waiting does not stop the commit
        with self._changed:
            if self._is_closed:
                for batch in batches:
                    self._give_up(batch)
            self._check_open()
            self._waiting += added
            self._waiting_bytes += sum(waiting.bytes for waiting in added)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="intake-committer", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return [waiting.answer for waiting in added]

    def close(self) -> None:
        """Stop accepting, answer everything that waits, and stop the thread. Closing twice is fine."""
        with self._changed:
            self._is_closed = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _check_open(self) -> None:
        if self._is_closed:
            raise Transient("this server is shutting down: send the batch again")

    def _run(self) -> None:
        while group := self._next_group():
            try:
                self._answer(group)
            except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting for it
                for waiting in group:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(error)
            finally:
                self._let_go(group)

    def _let_go(self, group: Sequence[_Waiting]) -> None:
        with self._changed:
            self._waiting_bytes -= sum(waiting.bytes for waiting in group)

    def _next_group(self) -> list[_Waiting]:
        """Wait for batches and take what fits in a group; empty when closed and all is answered."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            group: list[_Waiting] = []
            size = refusals = 0
            while self._waiting and size < GROUP_BYTES and refusals < GROUP_REFUSALS:
                waiting = self._waiting.popleft()
                size += waiting.bytes
                refusals += len(waiting.batch.refusals)
                group.append(waiting)
            return group

    def _answer(self, group: Sequence[_Waiting]) -> None:
        """Commit a group and answer everybody in it; an error caused by one batch is told to its sender only."""
        try:
            self._commit([waiting.batch for waiting in group])
        except Transient as error:
            for waiting in group:
                self._refuse(waiting, error)
        except Exception as error:  # noqa: BLE001 - it is handed to whoever sent the batch
            if len(group) == 1:
                self._refuse(group[0], error)
            else:
                for waiting in group:
                    self._answer([waiting])
        else:
            for waiting in group:
                self._keys.end_of(waiting.batch.stored)
                waiting.answer.set_result(waiting.batch.receipt)

    def _refuse(self, waiting: _Waiting, error: Exception) -> None:
        """Answer one sender with the error of their batch, or the receipt that the same request got elsewhere."""
        batch = waiting.batch
        self._give_up(batch)
        receipt = None
        if batch.stored is not None and isinstance(error, Conflict):
            try:
                receipt = self._keys.settle(batch.stored)
            except Exception as unsettled:  # noqa: BLE001 - as above
                error = unsettled
        self._keys.end_of(batch.stored)
        if receipt is None:
            waiting.answer.set_exception(error)
        else:
            waiting.answer.set_result(receipt)


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
        now = self._clock.now()
        try:
            with self._database.transaction() as tx:
                tx.uploads.go_live([one.upload_id for one in pending if one.upload_id is not None], now=now)
                tx.segments.add([one.segment for one in pending], now=now)
                tx.uploads.settle([batch.refused_upload for batch in batches if batch.refused_upload is not None])
                for batch in batches:
                    if batch.refusals:
                        tx.rejections.add(batch.resource_type, batch.source, batch.refusals, now=now)
                    if batch.stored is not None:
                        tx.receipts.add(batch.stored, now=now)
                    _drop_retried(tx, batch)
        except LostClaim as lost:
            raise Transient(f"nothing of the batch was taken, send it again: {lost}") from lost


def _drop_retried(tx: Transaction, batch: Batch) -> None:
    if batch.retried and tx.rejections.drop(batch.retried) != len(batch.retried):
        raise LostClaim("a rejection was dropped or accepted by somebody else meanwhile")
