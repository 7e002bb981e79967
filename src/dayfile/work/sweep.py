"""The sweep: objects that nothing refers to are deleted, and rejections of batches that never were committed.

It is fenced from writers by the upload ledger.
"""

from __future__ import annotations

from datetime import timedelta

from dayfile.clock import Clock
from dayfile.files.storage import Storage
from dayfile.store.database import Database
from dayfile.store.uploads import GARBAGE, REJECTIONS, Upload

STALE_AFTER = timedelta(hours=6)
"""A writer that neither committed nor extended for so long is taken for dead; if it is not, its commit fails."""

LOOK_AGAIN_AFTER = timedelta(days=1)
"""Objects are deleted twice: a writer frozen between ledger and put may put one after the first time."""

_AT_ONCE = 100


class Sweep:
    """Takes away what may be taken away; every step can be repeated after a crash."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        *,
        clock: Clock,
        stale_after: timedelta = STALE_AFTER,
        look_again_after: timedelta = LOOK_AGAIN_AFTER,
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._stale_after = stale_after
        self._look_again_after = look_again_after

    def round(self) -> bool:
        """Delete the objects of some ledger entries that are due; False when there were none."""
        now = self._clock.now()
        with self._database.snapshot() as tx:
            stale = tx.uploads.has_stale(before=now - self._stale_after)
        if stale:
            with self._database.transaction() as tx:
                tx.uploads.condemn_stale(before=now - self._stale_after, now=now)
        with self._database.snapshot() as tx:
            due = tx.uploads.due(now=now, limit=_AT_ONCE)
        for upload in due:
            if upload.prefix == REJECTIONS:
                self._drop_rejections(upload)
            else:
                self._storage.delete(self._keys(upload))
        if due:
            first = [upload.id for upload in due if upload.state == GARBAGE]
            again = [upload.id for upload in due if upload.state != GARBAGE]
            with self._database.transaction() as tx:
                tx.uploads.swept(first, look_again_at=now + self._look_again_after)
                tx.uploads.forget(again)
        return bool(due)

    def _drop_rejections(self, upload: Upload) -> None:
        dropped = 1
        while dropped:  # others write between two of these
            with self._database.transaction() as tx:
                dropped = tx.rejections.drop_abandoned(upload.id)

    def _keys(self, upload: Upload) -> list[str]:
        if not upload.mark:
            return [upload.prefix]
        return [key for key in self._storage.scan(upload.prefix) if upload.mark in key]
