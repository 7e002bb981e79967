"""The rewriting of packs of which half is dead: what is still of use is copied into a new pack, file by file.

Every file is compared with its row before it is copied; one that is damaged stays where it is, and is recorded. Rows
move by compare-and-set under the lock of the old pack, so whoever forgets or moves files at the same time is never
overwritten. Who dies between two steps leaves packs with exact counts, of which either may be rewritten again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import structlog

from dayfile.clock import Clock
from dayfile.errors import DamagedObject
from dayfile.files.examination import read_of
from dayfile.files.seal_manifest import ManifestHeader, ManifestLine, manifest_chunks, manifest_line
from dayfile.files.storage import Storage
from dayfile.model.export import SealedDay
from dayfile.model.secret import Randomness
from dayfile.objects.damage_record import DamageRecord
from dayfile.objects.layout import (
    UNIQUE_DIGITS,
    objects_of_pack,
    pack_manifest_key,
    rewritten_pack_key,
    sealed_prefix,
)
from dayfile.objects.writer import ObjectWriter, PendingObject
from dayfile.store.database import Database
from dayfile.store.packs import Move, Pack
from dayfile.store.transaction import Transaction

_log = structlog.get_logger()

LEASE: Final = timedelta(minutes=10)
"""The time for which no other worker rewrites a pack that one has begun with."""

PAUSE: Final = timedelta(hours=1)
"""Pause of a pack of which something stays: a damaged file, or one whose day was being sealed."""

RESTS_FOR_SECONDS: Final = 60.0
"""Pause after a look that found no pack to rewrite."""

_ROWS_AT_ONCE: Final = 2000


class _NothingMoved(Exception):
    """No file of the pack is to be copied, or no row is where it was."""


class PackRewrite:
    """The rewriting of packs. Safe to run in any number of workers at once."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        *,
        clock: Clock,
        randomness: Randomness,
        sweep_delay: timedelta,
    ) -> None:
        self._database = database
        self._storage = storage
        self._objects = ObjectWriter(database, storage, clock=clock)
        self._damage = DamageRecord(database, clock=clock)
        self._clock = clock
        self._randomness = randomness
        self._sweep_delay = sweep_delay
        self._rests_until = 0.0

    def step(self) -> bool:
        """Rewrite one pack; return False if there was none, now or within RESTS_FOR_SECONDS.

        Nothing is rewritten while the clock is not trusted: it says until when others leave the pack alone.
        """
        if self._clock.monotonic() < self._rests_until:
            return False
        pack = self._next()
        if pack is None:
            self._rests_until = self._clock.monotonic() + RESTS_FOR_SECONDS
            return False
        moved = self._rewrite(pack)
        with self._database.transaction() as tx:
            tx.packs.rest(pack.id, until=self._clock.now() + PAUSE)
        _log.info("pack.rewritten", object=pack.key, files=moved, left=pack.live_files - moved)
        return True

    def _next(self) -> Pack | None:
        reading = self._clock.reading()
        now = reading.now
        with self._database.snapshot() as tx:
            if not tx.clock_marks.trust(reading).is_given or not tx.packs.count_to_rewrite(now=now):
                return None
        with self._database.transaction() as tx:
            return tx.packs.next_to_rewrite(until=now + LEASE, now=now)

    def _rewrite(self, pack: Pack) -> int:
        """Copy what is still of use, and return the number of files that moved."""
        with self._database.snapshot() as tx:
            files = tx.sealed_days.in_pack(pack)
        moves: list[Move] = []
        unique = self._randomness.hex(UNIQUE_DIGITS)
        key = rewritten_pack_key(sealed_prefix(pack.resource_type, pack.day), unique=unique)
        try:
            with self._objects.put(key, self._copied(files, moves)) as new, ThreadPoolExecutor(1) as pool:
                described = manifest_chunks(_header(pack, unique), _lines(files, moves, key), pool=pool)
                with self._objects.put(pack_manifest_key(key), described) as manifest:
                    return self._move(pack, moves, new, upload_ids=[new.upload_id, manifest.upload_id])
        except _NothingMoved:
            return 0

    def _copied(self, files: Sequence[SealedDay], moves: list[Move]) -> Iterator[bytes]:
        """Yield the files that are whole, and note where each comes to lie; raises _NothingMoved if none is."""
        offset = 0
        for sealed in files:
            try:
                data = read_of(sealed, self._storage).read(start=0, stop=sealed.size_bytes)
            except DamagedObject as damaged:
                self._damage.add_file(sealed, damaged.reason)
                continue
            moves.append(
                Move(
                    sealed_day_id=sealed.id,
                    size_bytes=sealed.size_bytes,
                    offset=sealed.place.start,
                    new_offset=offset,
                )
            )
            offset += len(data)
            yield data
        if not moves:
            raise _NothingMoved

    def _move(self, pack: Pack, moves: Sequence[Move], new: PendingObject, *, upload_ids: Sequence[int]) -> int:
        moved = 0
        for start in range(0, len(moves), _ROWS_AT_ONCE):
            some = moves[start : start + _ROWS_AT_ONCE]
            count = self._move_some(pack, some, new, upload_ids=() if moved else upload_ids)
            if count is None:
                break
            moved += count
        if not moved:
            raise _NothingMoved
        return moved

    def _move_some(
        self, pack: Pack, moves: Sequence[Move], new: PendingObject, *, upload_ids: Sequence[int]
    ) -> int | None:
        """Repoint some rows in one commit, and return their number; None while the day is being sealed.

        The first commit that moves any makes the new objects live, by `upload_ids`.
        """

        def move(tx: Transaction) -> int | None:
            now = self._clock.now()
            if not tx.seals.is_free(pack.resource_type, pack.day, now=now):
                return None  # the seal has read where the files of its day are
            moved, emptied = tx.packs.move(
                pack, moves, key=new.key, size_bytes=new.size_bytes, is_first=bool(upload_ids)
            )
            if moved:
                tx.uploads.go_live(upload_ids, now=now)
            unused = [key for one in emptied for key in objects_of_pack(one)]
            tx.uploads.condemn(unused, now=now, delete_after=now + self._sweep_delay)
            return moved

        return self._database.run(move)


def _header(pack: Pack, unique: str) -> ManifestHeader:
    return ManifestHeader(resource_type=pack.resource_type, day=pack.day, mark=unique, former_mark=None, sealed_at=None)


def _lines(files: Sequence[SealedDay], moves: Sequence[Move], key: str) -> Iterator[ManifestLine]:
    offsets = {move.sealed_day_id: move.new_offset for move in moves}
    for sealed in files:
        if sealed.id in offsets:
            yield manifest_line(sealed, key, offsets[sealed.id])
