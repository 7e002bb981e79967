"""One commit for many batches: their lines share a segment per resource type and day, and all of it counts at once.

Objects come first, under ledger entries of their own; the commit that adds their segment rows turns the entries live. A
crash before it leaves entries for the sweep and no half record; after it, everything is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence

from dayfile.clock import Clock
from dayfile.errors import LostClaim, Transient
from dayfile.intake.batch import Batch, Part, merged
from dayfile.intake.segment_writer import SegmentWriter
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction


class GroupCommit:
    """The commit of groups of batches."""

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

    def _record(self, batches: Sequence[Batch], shared: Sequence[Part]) -> None:
        # Batches that came in parts stay together and go last. They were in flight beside the others, so any order of
        # whole batches is an order in which they may have arrived.
        parts = [*shared, *(part for batch in batches for part in batch.parts)]
        now = self._clock.now()
        try:
            with self._database.transaction() as tx:
                tx.uploads.go_live([part.upload_id for part in parts if part.upload_id is not None], now=now)
                tx.segments.add([part.segment for part in parts], now=now)
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
