"""The sweep: deletes unreferenced objects, partial files of interrupted puts, and rejections of uncommitted batches.

The upload ledger fences it from writers. No file is judged by its age: clocks err, and a frozen writer has no age.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from dayfile.clock import Clock
from dayfile.errors import DatabaseUnavailable
from dayfile.files.storage import Storage
from dayfile.objects.layout import LASTING_PROBE, PROBES
from dayfile.objects.orphans import Orphans
from dayfile.store.database import Database
from dayfile.store.uploads import GARBAGE, REJECTIONS, Upload

STALE_AFTER = timedelta(hours=6)
"""A writer that neither committed nor extended for so long is taken for dead; if it is not, its commit fails."""

LOOK_AGAIN_AFTER = timedelta(days=1)
"""Objects are deleted twice: a writer frozen between ledger and put may put one after the first time."""

LOOK_FOR_ORPHANS_EVERY = timedelta(days=1)
"""The pause between searches for orphans: they are rare, and finding them means listing the whole storage."""

FAILED_RESTS_FOR = timedelta(minutes=10)
"""Pause of an entry whose objects could not be deleted: without it, the entry would be the first in every step."""

_AT_ONCE = 100


class Sweep:
    """The deletion of everything that may be deleted; every step can be repeated after a crash."""

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
        self._orphans = Orphans(database, storage)
        self._look_for_orphans_at = clock.monotonic()
        self._probes: set[str] = set()

    def step(self) -> bool:
        """Delete the objects of some due ledger entries and, once a day, partial files that have no entry.

        One that cannot be deleted is put off, and holds up no other. The clock tells which entries are due: while it is
        not trusted, none is. None is deleted while a backup runs. False when there was nothing to do.
        Raises what the first that failed raised, when all have had their turn; DatabaseUnavailable.
        """
        failures: list[Exception] = []
        done = [self._try(step, failures) for step in (self._entries, self._orphaned_files)]
        if failures:
            raise failures[0]
        return any(done)

    def _try(self, step: Callable[[], bool], failures: list[Exception]) -> bool:
        try:
            return step()
        except Exception as error:  # noqa: BLE001 - it is raised when the other step has had its turn
            failures.append(error)
            return False

    def _entries(self) -> bool:
        reading = self._clock.reading()
        now = reading.now
        with self._database.snapshot() as tx:
            if not tx.clock_marks.trust(reading).is_given:
                return False
            stale = tx.uploads.has_stale(before=now - self._stale_after)
        if stale:
            with self._database.transaction() as tx:
                tx.uploads.condemn_stale(before=now - self._stale_after, now=now)
        with self._database.snapshot() as tx:
            # Backups copy what a database of a moment ago refers to, and take their claim before they copy that: what
            # this snapshot finds due without a claim, none of them needs.
            due = [] if tx.backups.is_running(now=now) else tx.uploads.due(now=now, limit=_AT_ONCE)
        done, failures = self._swept(due)
        if due:
            failed = [upload.id for upload in due if upload not in done]
            first = [upload.id for upload in done if upload.state == GARBAGE]
            again = [upload.id for upload in done if upload.state != GARBAGE]
            with self._database.transaction() as tx:
                tx.uploads.swept(first, look_again_at=now + self._look_again_after)
                tx.uploads.forget(again)
                tx.uploads.put_off(failed, until=now + FAILED_RESTS_FOR)
        if failures:
            raise failures[0]
        return bool(due)

    def _swept(self, due: Sequence[Upload]) -> tuple[list[Upload], list[Exception]]:
        """Delete what entries stand for; those of which it is gone, and why it is not of others."""
        done, failures = [], []
        for upload in due:
            try:
                self._delete(upload)
            except DatabaseUnavailable:
                raise  # it is away for all of them
            except Exception as error:  # noqa: BLE001 - it is raised when the others have had their turn
                failures.append(error)
            else:
                done.append(upload)
        return done, failures

    def _delete(self, upload: Upload) -> None:
        if upload.prefix == REJECTIONS:
            self._drop_rejections(upload)
        else:
            self._storage.remove_partial(_under(upload, self._storage.scan_partial))
            self._storage.delete(_under(upload, self._storage.scan))

    def _drop_rejections(self, upload: Upload) -> None:
        dropped = 1
        while dropped:  # other transactions write between two of these
            with self._database.transaction() as tx:
                dropped = tx.rejections.drop_abandoned(upload.id)
        self._database.give_back_space()

    def _orphaned_files(self) -> bool:
        if self._clock.monotonic() < self._look_for_orphans_at:
            return False
        self._look_for_orphans_at = self._clock.monotonic() + LOOK_FOR_ORPHANS_EVERY.total_seconds()
        found = list(self._orphans.find_partial())
        self._storage.remove_partial(found)
        # A probe exists for milliseconds: one that existed at the last look belongs to a process that was killed.
        dead, self._probes = self._probes, {*self._storage.scan(PROBES), *self._storage.scan_partial(PROBES)}
        dead &= self._probes - {LASTING_PROBE}
        self._storage.remove_partial(dead)
        self._storage.delete(dead)
        return bool(found or dead)


def _under(upload: Upload, scan: Callable[[str], Iterator[str]]) -> list[str]:
    """Return the existing keys that an entry stands for."""
    if not upload.mark:
        return [upload.prefix]
    return [key for key in scan(upload.prefix) if upload.mark in key]
