"""The scrub: all objects are read again in the background, so that damage is found while there are backups.

It walks over all objects about once an hour. One that has another size or time of modification than when it was last
read is read at once, and so is one that was not read for long. A byte changed by a disk is only found by the next
reading. The bytes read in a second are bounded; damage is recorded and never raised. A manifest that is not whole is
written anew: the database still knows what was in it. A remote storage charges for every
look: there, an object is looked at when it is to be read again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from dayfile.clock import Clock
from dayfile.errors import DamagedObject, DamagedRow, StorageUnavailable
from dayfile.files.checked_read import as_damage, compare_size
from dayfile.files.examination import examine_manifest, examine_segment, read_of
from dayfile.files.storage import ObjectState, Storage
from dayfile.files.stretches import read_near
from dayfile.model.damage import DamageState
from dayfile.model.export import FilePlace, SealedDay
from dayfile.model.seal import KeptSeal
from dayfile.model.segment import Segment
from dayfile.objects.damage_record import DamageRecord
from dayfile.objects.layout import objects_of_pack, pack_manifest_key, pack_mark, seal_manifest_key, sealed_prefix
from dayfile.objects.manifest_repair import ManifestRepair
from dayfile.store.database import Database
from dayfile.store.packs import Pack
from dayfile.store.read_objects import ReadObject

_log = structlog.get_logger()

WALK_EVERY: Final = timedelta(hours=1)
"""The time from the beginning of a walk to the next one."""

PAGE: Final = 100
"""The number of objects, or files in packs, that are looked at and read together."""

_LEASE: Final = timedelta(minutes=10)
_LOOK_BYTES: Final = 4 * 1024  # a look at an object costs as much as reading so much of one
_OPEN_BYTES: Final = 64 * 1024  # to open it
_REST_SECONDS: Final = 5.0  # after an object that cannot be read now: perhaps none can
_REMEMBERED_FOR: Final = 3  # times the time after which an object is read again


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """An object or a file in a pack: what reads it, given the bytes if they are held, and records its damage."""

    key: str  # its name, if it is a sealed file
    place: FilePlace
    size_bytes: int | None  # None: no row says
    file: SealedDay | None = None  # which is read together with those that are near to it
    read: Callable[[bytes | None], Iterator[int]]
    record: Callable[[str], object]


class Scrub:
    """The repeated reading of objects, a second's worth at a time."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        *,
        worker: str,
        clock: Clock,
        every: timedelta,
        bytes_per_second: int,
    ) -> None:
        """Make the share of one worker; with `every` of zero, nothing is read."""
        self._database = database
        self._storage = storage
        self._worker = worker
        self._clock = clock
        self._every = every
        self._bytes_per_second = bytes_per_second
        self._damage = DamageRecord(database, clock=clock)
        self._repair = ManifestRepair(database, storage)
        self._walk: Iterator[int] | None = None
        self._may_read = float(bytes_per_second)  # so many bytes, by now
        self._looked_at = clock.monotonic()
        self._next_walk_at = self._claimed_until = self._looked_at

    def step(self) -> bool:
        """Read on as far as the time since the last step allows, at most a second's worth.

        False always: there is nothing that could not wait. Raises DatabaseUnavailable.
        """
        if self._every and self._is_due() and self._is_ours():
            try:
                self._read_on()
            except BaseException:
                self._walk = None  # an iterator that raised is over; what it has read is remembered
                raise
        return False

    def _is_due(self) -> bool:
        at = self._clock.monotonic()
        gained = (at - self._looked_at) * self._bytes_per_second
        self._may_read = min(self._may_read + gained, float(self._bytes_per_second))
        self._looked_at = at
        return self._may_read > 0 and (self._walk is not None or at >= self._next_walk_at)

    def _is_ours(self) -> bool:
        """One worker of all reads; another takes over when it has been silent for long."""
        at = self._clock.monotonic()
        if at >= self._claimed_until:
            with self._database.transaction() as tx:
                if not tx.read_objects.claim(self._worker, now=self._clock.now(), lease=_LEASE):
                    self._walk, self._next_walk_at = None, at + _LEASE.total_seconds() / 2
                    return False
            self._claimed_until = at + _LEASE.total_seconds() / 3
        return True

    def _read_on(self) -> None:
        if self._walk is None:
            self._next_walk_at = self._clock.monotonic() + WALK_EVERY.total_seconds()
            self._walk = self._walked()
        while self._may_read > 0:
            cost = next(self._walk, None)
            if cost is None:
                self._walk = None
                return
            self._may_read -= cost

    def _walked(self) -> Iterator[int]:
        """Walk over all objects once; give what each step cost, in bytes."""
        for pages in (self._files(), self._segments(), self._seals(), self._packs()):
            for page in pages:
                yield from self._page(page)
        dropped = PAGE
        while dropped == PAGE:
            with self._database.transaction() as tx:
                before = self._clock.now() - _REMEMBERED_FOR * self._every
                dropped = tx.read_objects.forget(read_before=before, limit=PAGE)
            yield _OPEN_BYTES

    def _files(self) -> Iterator[list[_Subject]]:
        after = 0
        while True:
            with self._database.snapshot() as tx:
                page = tx.sealed_days.after(after, limit=PAGE)
            if not page:
                return
            yield [self._file(sealed) for sealed in page]
            after = page[-1].id

    def _segments(self) -> Iterator[list[_Subject]]:
        after = 0
        while True:
            with self._database.snapshot() as tx:
                page = tx.segments.after(after, limit=PAGE)
            if not page:
                return
            yield [self._segment(segment, segment.key) for segment in page if segment.key is not None]
            after = page[-1].id

    def _seals(self) -> Iterator[list[_Subject]]:
        after = 0
        while True:
            with self._database.snapshot() as tx:
                page = tx.seals.kept(after=after, limit=PAGE)
            if not page:
                return
            yield [self._seal(one, one.mark) for one in page if one.mark is not None]
            after = page[-1].id

    def _packs(self) -> Iterator[list[_Subject]]:
        with self._database.snapshot() as tx:
            rewritten = [one for one in tx.packs.all() if objects_of_pack(one.key)[1:]]
        for start in range(0, len(rewritten), PAGE):
            yield [self._pack(one) for one in rewritten[start : start + PAGE]]

    def _file(self, sealed: SealedDay) -> _Subject:
        return _Subject(
            key=sealed.key,
            place=sealed.place,
            size_bytes=sealed.size_bytes,
            file=sealed,
            read=lambda held: map(len, read_of(sealed, self._storage).whole(held)),
            record=lambda reason: self._damage.add_file(sealed, reason),
        )

    def _segment(self, segment: Segment, key: str) -> _Subject:
        return _Subject(
            key=key,
            place=FilePlace(object_key=key),
            size_bytes=segment.stored_bytes,
            read=lambda _: examine_segment(segment, self._storage),
            record=lambda reason: self._damage.add_segment(segment, reason),
        )

    def _seal(self, one: KeptSeal, mark: str) -> _Subject:
        key = seal_manifest_key(sealed_prefix(one.resource_type, one.day), mark)
        return self._manifest(key, mark, lambda reason: self._repair.of_seal(one, mark, reason=reason))

    def _pack(self, pack: Pack) -> _Subject:
        key, mark = pack_manifest_key(pack.key), pack_mark(pack.key)
        return self._manifest(key, mark, lambda reason: self._repair.of_pack(pack, reason=reason))

    def _manifest(self, key: str, mark: str, repair: Callable[[str], object]) -> _Subject:
        return _Subject(
            key=key,
            place=FilePlace(object_key=key),
            size_bytes=None,
            read=lambda _: examine_manifest(key, self._storage, mark=mark),
            record=repair,
        )

    def _page(self, page: Sequence[_Subject]) -> Iterator[int]:
        keys = [subject.key for subject in page]
        with self._database.snapshot() as tx:
            known, damages = tx.read_objects.of_keys(keys), tx.damages.of_keys(keys)
        # Objects known to be damaged are looked at by the steps that wait for their repair.
        subjects = [one for one in page if one.key not in damages or damages[one.key].state is DamageState.REPAIRED]
        states: dict[str, ObjectState] = {}  # of objects, which the files in a pack share
        due: dict[str, ReadObject] = {}  # to be remembered of a subject when it was read
        for subject in subjects:
            yield from self._attempt(subject, self._look(subject, known.get(subject.key), states, due))
        whole: list[ReadObject] = []
        for subject, held in self._near([subject for subject in subjects if subject.key in due]):
            if (yield from self._attempt(subject, self._read(subject, held))):
                whole.append(due[subject.key])
        if whole:
            with self._database.transaction() as tx:
                tx.read_objects.put(whole)

    def _attempt(self, subject: _Subject, steps: Iterator[int]) -> Generator[int, None, bool]:
        """Take steps and give what they cost; return False if they did not come to their end."""
        try:
            yield from steps
        except DamagedObject as damaged:
            self._record(subject, damaged.reason)
        except StorageUnavailable as error:
            _log.warning("scrub.waiting", object=subject.key, reason=str(error))
            yield int(_REST_SECONDS * self._bytes_per_second)
        else:
            return True
        return False

    def _record(self, subject: _Subject, reason: str) -> None:
        try:
            subject.record(reason)
        except DamagedRow as error:
            _log.error("scrub.unreadable", object=subject.key, reason=str(error))

    def _look(
        self, subject: _Subject, known: ReadObject | None, states: dict[str, ObjectState], due: dict[str, ReadObject]
    ) -> Iterator[int]:
        """Find out whether a subject is to be read."""
        yield _LOOK_BYTES
        now, key = self._clock.now(), subject.place.object_key
        if self._storage.is_remote and known is not None and self._is_fresh(known, now):
            return
        if key not in states:
            with as_damage(subject.key, place=subject.place):
                states[key] = self._storage.state(key)
        state = states[key]
        if subject.size_bytes is not None:
            compare_size(subject.key, subject.place, state.size_bytes, size_bytes=subject.size_bytes)
        if not self._is_read(known, state, now):
            due[subject.key] = ReadObject(
                key=subject.key, size_bytes=state.size_bytes, modified_ns=state.modified_ns, read_at=now
            )

    def _near(self, due: Sequence[_Subject]) -> Iterator[tuple[_Subject, bytes | None]]:
        """Yield subjects; of small files the bytes, too, which are read with those of their neighbours."""
        yield from ((one, None) for one in due if one.file is None)
        of_files = {one.file.id: one for one in due if one.file is not None}
        for sealed, held in read_near((one.file for one in due if one.file is not None), self._storage):
            yield of_files[sealed.id], held

    def _read(self, subject: _Subject, held: bytes | None) -> Iterator[int]:
        if held is None or not subject.place.is_packed:
            yield _OPEN_BYTES
        yield from subject.read(held)

    def _is_read(self, known: ReadObject | None, state: ObjectState, now: datetime) -> bool:
        """Return True if it was read lately and looks as it did then."""
        return (
            known is not None
            and (known.size_bytes, known.modified_ns) == (state.size_bytes, state.modified_ns)
            and self._is_fresh(known, now)
        )

    def _is_fresh(self, known: ReadObject, now: datetime) -> bool:
        """Return True if it was read lately; a moment in the future is of a wrong clock."""
        return now - self._every < known.read_at <= now
