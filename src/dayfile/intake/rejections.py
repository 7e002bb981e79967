"""Writing of the many refused lines of a batch, before its commit and a bounded number at a time.

Everybody in a commit or after it waits for it, so no sender may make one arbitrarily long. Lines written here do not
count yet: the batch's own commit makes them count with a single row, and a crash before it leaves an entry for the
sweep.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress

from dayfile.clock import Clock
from dayfile.errors import LostClaim, Transient
from dayfile.intake.batch import HELD_REFUSAL_BYTES, HELD_REFUSALS
from dayfile.model.receipt import Refusal
from dayfile.model.resource import ResourceType
from dayfile.store.database import Database
from dayfile.store.uploads import REJECTIONS

FEW_REFUSALS = 100
FEW_REFUSAL_BYTES = 64 * 1024
"""The bytes of refused lines, and above it their number, that are at most written in the commit of their batch."""


class RejectionWriter:
    """A writer of refused lines that only wait for their commit. Safe to use from several threads."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # However many bad batches there are, others wait for only one transaction of one of them.
        self._turn = threading.Lock()

    def write(
        self, refusals: Sequence[Refusal], resource_type: ResourceType, source: str, *, upload_id: int | None
    ) -> int | None:
        """Write refused lines under an entry of the ledger, or a new one, and return its id; None without lines.

        Raises DatabaseUnavailable, or Transient if the entry was taken for abandoned.
        """
        try:
            for some in _slices(refusals):
                with self._turn, self._database.transaction() as tx:
                    now = self._clock.now()
                    if upload_id is None:
                        upload_id = tx.uploads.begin(REJECTIONS, now=now)
                    else:
                        tx.uploads.extend(upload_id, now=now)
                    tx.rejections.add(resource_type, source, some, now=now, upload_id=upload_id)
        except LostClaim as lost:
            raise Transient(f"nothing of the batch was taken, send it again: {lost}") from lost
        except BaseException:
            self.give_up(upload_id)
            raise
        return upload_id

    def give_up(self, upload_id: int | None) -> None:
        """Leave the lines under an entry to the sweep, at once if the database permits; no-op for None."""
        if upload_id is not None:
            with suppress(Transient), self._database.transaction() as tx:
                tx.uploads.give_up([upload_id], now=self._clock.now())


def are_few(refusals: Sequence[Refusal]) -> bool:
    """Return True if refused lines may be written in the commit of their batch."""
    return len(refusals) <= FEW_REFUSALS and sum(refusal.bytes for refusal in refusals) <= FEW_REFUSAL_BYTES


def _slices(refusals: Sequence[Refusal]) -> Iterator[list[Refusal]]:
    """Yield refused lines in lists that are each as much as one transaction may write."""
    some: list[Refusal] = []
    size = 0
    for refusal in refusals:
        some.append(refusal)
        size += refusal.bytes
        if len(some) == HELD_REFUSALS or size >= HELD_REFUSAL_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some
