"""The rebuilding of sealed days from the storage alone: from the manifests of seals, into a database without any.

A seal with a marker was committed. One without may have been; it is taken only if its day has none with a marker, and
then only the newest with those that it names as the ones before. Files are where the manifest of their seal says, or
where that of a rewrite says, whichever object is there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Final

from dayfile.clock import Clock
from dayfile.errors import Conflict, Corrupt, InFlight
from dayfile.files.seal_manifest import ManifestHeader, ManifestLine, read_manifest
from dayfile.files.storage import Storage
from dayfile.model.export import FilePlace, NewSealedDay
from dayfile.model.quantity import count_text
from dayfile.model.seal import SealClaim
from dayfile.objects import layout
from dayfile.store.database import Database
from dayfile.store.database_users import others_of
from dayfile.store.instance import REBUILDING

_ROWS_AT_ONCE: Final = 2000
_SHOWN: Final = 3
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LEASE: Final = timedelta(days=1)  # nobody else is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """The counts of what was rebuilt, and the keys of what was not."""

    seals: int
    files: int  # all revisions
    segments: int  # objects with accepted lines, which are left where they are
    unmarked: tuple[str, ...]  # manifests of seals of which nothing says that they were committed
    unreadable: tuple[str, ...]  # manifests that are damaged
    missing: tuple[str, ...]  # names of newest revisions whose object is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seal:
    """A seal as its manifest tells it."""

    key: str
    header: ManifestHeader
    lines: tuple[ManifestLine, ...]
    marker_key: str | None


class Rebuild:
    """The rebuilding of sealed days. Nobody else may use the instance meanwhile."""

    def __init__(self, database: Database, storage: Storage, *, clock: Clock) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._seals = 0
        self._files = 0
        self._unmarked: list[str] = []
        self._unreadable: list[str] = []
        self._missing: list[str] = []

    def run(self) -> Rebuilt:
        """Bring all sealed days that the storage has manifests of; raises Conflict if any is known already.

        Raises InFlight while another process uses the instance; this one has one connection to PostgreSQL at most.
        """
        with self._database.snapshot() as tx:
            known = tx.sealed_days.count()
        if known:
            raise Conflict(
                f"the state database knows {count_text(known, 'sealed file')}, and rebuild is for one that knows none: "
                "set DAYFILE_DATABASE_URL to a new database, and run it again"
            )
        self._check_alone()
        # Who dies before the end has made a database that must not be taken for the instance.
        with self._database.transaction() as tx:
            tx.instance.replace(REBUILDING, f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}")
        for _, keys in groupby(self._storage.scan(layout.SEALED), key=layout.announced_prefix):
            self._bring_day(set(keys))
        with self._database.transaction() as tx:
            tx.instance.drop(REBUILDING)
        return Rebuilt(
            seals=self._seals,
            files=self._files,
            segments=sum(1 for _ in self._storage.scan(layout.SEGMENTS)),
            unmarked=tuple(self._unmarked),
            unreadable=tuple(self._unreadable),
            missing=tuple(self._missing),
        )

    def _check_alone(self) -> None:
        """Raise InFlight while another process uses the instance, as far as that can be seen."""
        with self._database.snapshot() as tx:
            now = self._clock.now()
            users = [f"the worker {worker.name}" for worker in tx.workers.all() if worker.is_running(now)]
        users = users or others_of(self._database)
        if users:
            raise InFlight(
                f"the database is in use: {', '.join(users[:_SHOWN])}. Stop every process of the instance, on every "
                "host: a worker would seal days that are not brought yet",
                retry_after=60,
            )

    def _bring_day(self, there: Collection[str]) -> None:
        """Bring a day, given the keys of its objects that are there."""
        seals = self._chosen(there)
        newest = {line.account: line.name for one in seals for line in one.lines}
        moved = self._moved(there)
        for one in seals:
            found = {line.name: place for line in one.lines if (place := _place(line, moved, there)) is not None}
            self._bring(one, found)
            self._missing += [
                line.name for line in one.lines if line.name not in found and newest[line.account] == line.name
            ]

    def _chosen(self, there: Collection[str]) -> list[_Seal]:
        """Return the seals of a day that are to be taken, in their order."""
        markers = {mark: key for key in there if (mark := layout.marker_mark(key))}
        seals = []
        for key in sorted(there):
            mark = layout.manifest_mark(key)
            read = self._read(key) if mark else None
            if mark and read:
                header, lines = read
                seals.append(_Seal(key=key, header=header, lines=lines, marker_key=markers.get(mark)))
        seals.sort(key=lambda one: (one.header.sealed_at or _LONG_AGO, one.key))
        self._unmarked += [one.key for one in seals if one.marker_key is None]
        return [one for one in seals if one.marker_key is not None] or _chain(seals)

    def _moved(self, there: Collection[str]) -> dict[str, FilePlace]:
        """Return where rewrites have put files, by their names."""
        moved = {}
        for key in sorted(there):
            pack = layout.pack_of(key)
            read = self._read(key) if pack != key and pack in there else None
            for line in read[1] if read else ():
                moved[line.name] = FilePlace(object_key=line.object_key, start=line.offset)
        return moved

    def _read(self, key: str) -> tuple[ManifestHeader, tuple[ManifestLine, ...]] | None:
        """Return a manifest; None if it is damaged, which is noted."""
        try:
            header, lines = read_manifest(self._storage, key)
            return header, tuple(lines)
        except Corrupt:
            self._unreadable.append(key)
            return None

    def _bring(self, one: _Seal, found: Mapping[str, FilePlace]) -> None:
        header = one.header
        sealed_at = header.sealed_at or self._clock.now()
        claim = self._claimed(header, sealed_at)
        new = (_new_sealed_day(line, found[line.name]) for line in one.lines if line.name in found)
        while some := list(islice(new, _ROWS_AT_ONCE)):
            packs = {key: self._storage.size(key) for key in {file.pack_key for file in some} if key}
            with self._database.transaction() as tx:
                tx.sealed_days.add(claim, some, packs=packs, is_adopted=True, now=sealed_at)
            self._files += len(some)
        with self._database.transaction() as tx:
            tx.seals.commit(claim, now=sealed_at)
            if one.marker_key is not None:
                tx.seals.set_marker(claim.id, one.marker_key)
        self._seals += 1

    def _claimed(self, header: ManifestHeader, sealed_at: datetime) -> SealClaim:
        prefix = layout.sealed_prefix(header.resource_type, header.day)
        with self._database.transaction() as tx:
            claim = tx.seals.claim(
                header.resource_type,
                header.day,
                worker="rebuild",
                upload_id=tx.uploads.begin(prefix, mark=header.mark, now=sealed_at),
                mark=header.mark,
                leased_until=self._clock.now() + _LEASE,
                now=sealed_at,
            )
            if claim is None:
                raise Conflict(f"{header.resource_type} of {header.day} is being sealed: stop all workers first")
            # The objects are there since long ago. Pending, they would be deleted as what a dead seal has left.
            tx.uploads.go_live([claim.upload_id], now=sealed_at)
            return claim


def _chain(seals: Sequence[_Seal]) -> list[_Seal]:
    """Return the newest seal and those before it, as each names the one before."""
    by_mark = {one.header.mark: one for one in seals}
    chain = [seals[-1]] if seals else []
    while chain and (former := by_mark.get(chain[-1].header.former_mark or "")) and former not in chain:
        chain.append(former)
    return chain[::-1]


def _place(line: ManifestLine, moved: Mapping[str, FilePlace], there: Collection[str]) -> FilePlace | None:
    """Return where a file is; None if no object that it was in is there, as of a revision that was forgotten."""
    if line.name in moved:
        return moved[line.name]
    return FilePlace(object_key=line.object_key, start=line.offset) if line.object_key in there else None


def _new_sealed_day(line: ManifestLine, place: FilePlace) -> NewSealedDay:
    is_packed = place.object_key != line.name
    return NewSealedDay(
        account=line.account,
        revision=line.revision,
        key=line.name,
        records=line.records,
        size_bytes=line.size_bytes,
        plain_bytes=line.plain_bytes,
        sha256=line.sha256,
        plain_sha256=line.plain_sha256,
        encoder=line.encoder,
        first_created_at=line.first_created_at,
        last_created_at=line.last_created_at,
        is_incomplete=line.is_incomplete,
        pack_key=place.object_key if is_packed else None,
        pack_offset=place.start if is_packed else None,
        xxh3=line.xxh3,
    )
