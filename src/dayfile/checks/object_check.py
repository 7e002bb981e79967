"""Objects and the rows that refer to them: the part of a check that reads the storage."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Final

from dayfile.checks.finding import Finding
from dayfile.checks.listed_sizes import listed_sizes
from dayfile.checks.object_reading import Batches
from dayfile.errors import DamagedObject, StorageUnavailable
from dayfile.files.checked_read import as_damage, check_size, compare_size
from dayfile.files.examination import examine_file, examine_inline, examine_segment
from dayfile.files.storage import Storage
from dayfile.files.stretches import read_near
from dayfile.files.workplace import Engine
from dayfile.model.damage import Damage, DamageKind, inline_key
from dayfile.model.export import SealedDay
from dayfile.model.segment import Segment
from dayfile.objects import layout
from dayfile.store.database import Database

_PAGE: Final = 500
_RESTORE: Final = "restore it from a backup"
_INLINE: Final = "segment "
_KEPT: Final = "accepted records are kept"
_COMPLETE: Final = "a sealed file is complete"
_COUNTED: Final = "a pack has the files that point to it"
_NO_SWEEP: Final = "what counts is not swept"


class ObjectCheck:
    """A check of every object that a row refers to."""

    def __init__(self, database: Database, storage: Storage, *, cluster: Engine | None = None) -> None:
        """Look at an instance; with a cluster, what its machines find damaged is read again here."""
        self._database = database
        self._storage = storage
        self._batches = Batches(cluster)

    def count(self) -> int:
        """Return the number of objects and inline segments that `find` will check."""
        with self._database.snapshot() as tx:
            return tx.sealed_days.count() + tx.segments.count()

    def find(self, *, deep: bool, on_object: Callable[[], None]) -> Iterator[Finding]:
        """Yield findings of known damages, then of new ones; `on_object` is called after each object.

        `deep` reads every object to its end; without it only existence and size are checked.
        """
        yield from map(_of_damage, self._damages())
        for look in (self._segments, self._files):
            yield from (found for found in look(deep=deep, on_object=on_object) if not self._is_known(found.subject))
        yield from self._packs()

    def _is_known(self, subject: str) -> bool:
        """True for what is named already, and for an object whose loss the operator has accepted."""
        key = inline_key(int(subject.removeprefix(_INLINE))) if subject.startswith(_INLINE) else subject
        with self._database.snapshot() as tx:
            return bool(tx.damages.known_among([key]))

    def _damages(self) -> Iterator[Damage]:
        after = 0
        while True:
            with self._database.snapshot() as tx:
                page = tx.damages.page(after=after, limit=_PAGE)
            if not page:
                return
            yield from page
            after = page[-1].id

    def _segments(self, *, deep: bool, on_object: Callable[[], None]) -> Iterator[Finding]:
        after = 0
        while True:
            with self._database.snapshot() as tx:
                page = tx.segments.after(after, limit=_PAGE)
                swept = _swept(tx.uploads.answered_for, [one.key for one in page if one.key])
            if not page:
                return
            listed = {} if deep else listed_sizes(self._storage, [one.key for one in page if one.key])
            whole = self._batches.whole_segments(page) if deep else set()
            for segment in page:
                found = None if segment.id in whole else self._of_segment(segment, listed, deep=deep)
                if found is None and segment.key in swept:
                    found = _segment_finding(segment, swept[segment.key], invariant=_NO_SWEEP)
                if found is not None and self._still_waits(segment):  # else a worker has sealed or compacted it
                    yield found
                on_object()
            after = page[-1].id

    def _of_segment(self, segment: Segment, listed: Mapping[str, int], *, deep: bool) -> Finding | None:
        try:
            if segment.key is None:
                self._look_into_inline(segment, deep=deep)
            elif deep:
                deque(examine_segment(segment, self._storage), maxlen=0)
            elif listed.get(segment.key) != segment.stored_bytes:
                self._look_at(segment.key, segment.stored_bytes)
        except DamagedObject as damaged:
            return _segment_finding(segment, damaged.reason)
        except StorageUnavailable as error:
            return _segment_finding(segment, str(error))
        return None

    def _look_into_inline(self, segment: Segment, *, deep: bool) -> None:
        with self._database.snapshot() as tx:
            data = tx.segments.inline([segment.id]).get(segment.id)
        if data is None:
            raise DamagedObject(f"{_INLINE}{segment.id}", "its bytes are not in the database")
        if deep:
            examine_inline(segment, data)

    def _still_waits(self, segment: Segment) -> bool:
        with self._database.snapshot() as tx:
            return tx.segments.exists(segment.id)

    def _files(self, *, deep: bool, on_object: Callable[[], None]) -> Iterator[Finding]:
        after = 0
        while True:
            with self._database.snapshot() as tx:
                page = tx.sealed_days.after(after, limit=_PAGE)
                swept = _swept(tx.uploads.answered_for, list({sealed.place.object_key for sealed in page}))
            if not page:
                return
            listed = {} if deep else listed_sizes(self._storage, [sealed.place.object_key for sealed in page])
            whole = self._batches.whole_files(page) if deep else set()
            for sealed, held in self._read(page, whole) if deep else zip(page, repeat(None)):
                found = None if sealed.id in whole else self._of_file(sealed, listed, held, deep=deep)
                if found is None and sealed.place.object_key in swept:
                    found = _file_finding(sealed, swept[sealed.place.object_key], invariant=_NO_SWEEP)
                if found is not None and self._still_counts(sealed):  # else retention has deleted it
                    yield found
                on_object()
            after = page[-1].id

    def _read(self, page: Sequence[SealedDay], whole: Container[int]) -> Iterator[tuple[SealedDay, bytes | None]]:
        """Yield the files that are whole already, and then the others with their bytes, as far as they can be held."""
        yield from ((sealed, None) for sealed in page if sealed.id in whole)
        yield from read_near((sealed for sealed in page if sealed.id not in whole), self._storage)

    def _of_file(
        self, sealed: SealedDay, listed: Mapping[str, int], held: bytes | None, *, deep: bool
    ) -> Finding | None:
        if layout.sealed_place(sealed.key) != (sealed.account, sealed.resource_type.name, sealed.day):
            return _file_finding(sealed, "it is not the file of this account, resource type and day")
        try:
            if deep:
                deque(examine_file(sealed, self._storage, held=held), maxlen=0)
            elif not _is_listed(sealed, listed):
                check_size(self._storage, sealed.key, sealed.place, size_bytes=sealed.size_bytes)
        except DamagedObject as damaged:
            return _file_finding(sealed, damaged.reason)
        except StorageUnavailable as error:
            return _file_finding(sealed, str(error))
        except ValueError as error:  # its row was edited: no object can have that key
            return _file_finding(sealed, str(error))
        return None

    def _still_counts(self, sealed: SealedDay) -> bool:
        """Return False if retention has deleted it, or a rewrite has moved it into another pack, since it was read."""
        with self._database.snapshot() as tx:
            now = tx.sealed_days.of_ids([sealed.id]).get(sealed.id)
        return now is not None and now.place == sealed.place

    def _packs(self) -> Iterator[Finding]:
        """Yield a finding for each pack whose counts are wrong: its object would be deleted too soon, or never."""
        with self._database.snapshot() as tx:
            found = tx.packs.miscounted(limit=_PAGE)
        for key, counted, rows in found:
            detail = f"{counted} files are counted in it, and {rows} rows point to it: a bug, report it"
            yield Finding(invariant=_COUNTED, subject=key, detail=detail)

    def _look_at(self, key: str, size_bytes: int) -> None:
        try:
            with as_damage(key):
                actual = self._storage.size(key)
        except ValueError as error:
            raise DamagedObject(key, f"{error}") from error
        if actual != size_bytes:
            raise DamagedObject(key, f"it has {actual} bytes and should have {size_bytes}")


def _is_listed(sealed: SealedDay, listed: Mapping[str, int]) -> bool:
    """Return True if the list has its object, as large as it should be."""
    actual = listed.get(sealed.place.object_key)
    if actual is None:
        return False
    try:
        compare_size(sealed.key, sealed.place, actual, size_bytes=sealed.size_bytes)
    except DamagedObject:
        return False  # unless the list lags behind
    return True


def _swept(answered_for: Callable[..., set[str]], keys: Sequence[str]) -> dict[str, str]:
    """Return why the sweep will delete objects that count, by key; call it in the snapshot that read their rows."""
    why = (
        "the ledger has it for garbage, or as never committed, and the sweep will delete it: stop all workers, copy it"
    )
    return dict.fromkeys(answered_for(keys, prefix_of=layout.announced_prefix), why)


def _of_damage(damage: Damage) -> Finding:
    is_file = damage.kind is DamageKind.FILE
    return Finding(
        invariant=_COMPLETE if is_file else _KEPT,
        subject=damage.key,
        detail=f"{damage.reason}. Known since {damage.found_at:%Y-%m-%d %H:%M} UTC: {damage.to_do}",
        account=damage.account,
        resource_type=damage.resource_type,
        day=damage.day,
    )


def _segment_finding(segment: Segment, reason: str, *, invariant: str = _KEPT) -> Finding:
    return Finding(
        invariant=invariant,
        subject=segment.key or f"{_INLINE}{segment.id}",
        detail=f"{reason}: {_RESTORE}" if invariant == _KEPT else reason,
        resource_type=segment.resource_type,
        day=segment.day,
    )


def _file_finding(sealed: SealedDay, reason: str, *, invariant: str = _COMPLETE) -> Finding:
    return Finding(
        invariant=invariant,
        subject=sealed.key,
        detail=f"{reason}: {_RESTORE}" if invariant == _COMPLETE else reason,
        account=sealed.account,
        resource_type=sealed.resource_type,
        day=sealed.day,
    )
