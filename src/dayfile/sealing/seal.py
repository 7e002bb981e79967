"""Seal a day: claim it, have its pieces made, commit.

Objects first, rows second, and one small commit last that makes them all count: a crash anywhere before leaves objects
for the sweep and rows that count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from dayfile.clock import Clock
from dayfile.files import segments as segment_files
from dayfile.files.storage import Storage
from dayfile.model.account import packed_holds, unite_packed
from dayfile.model.day import Day
from dayfile.model.export import NewSealedDay, SealedDay
from dayfile.model.resource import ResourceType
from dayfile.model.secret import Randomness
from dayfile.model.segment import Segment, folded
from dayfile.objects.layout import sealed_prefix, segment_key
from dayfile.objects.writer import ObjectWriter, PendingObject
from dayfile.sealing.piece import FormerFile, Piece, SegmentInput, seal_piece
from dayfile.store.database import Database
from dayfile.store.seals import SealClaim

_MARK_DIGITS = 16
_ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class SealOutcome:
    """What a seal did."""

    resource_type: ResourceType
    day: Day
    segments: int  # taken in
    lines: int  # in them, all versions
    files: int  # new revisions


class Sealing:
    """Seals days. What is heavy is a pure function given to the executor; the database guards the commit."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        *,
        clock: Clock,
        randomness: Randomness,
        executor: Executor,
        scratch: Path,
        memory_bytes: int,
        threads: int,
        lease: timedelta,
        sweep_delay: timedelta,
    ) -> None:
        """A piece may use so much memory and so many threads, and spills into the scratch folder beyond that."""
        self._database = database
        self._storage = storage
        self._objects = ObjectWriter(database, storage, clock=clock)
        self._clock = clock
        self._randomness = randomness
        self._executor = executor
        self._scratch = scratch
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._lease = lease
        self._sweep_delay = sweep_delay

    def claim(self, resource_type: ResourceType, day: Day, *, worker: str) -> SealClaim | None:
        """Take a day to seal it, with the set of segments that waits for it now; None when somebody else holds it."""
        now = self._clock.now()
        mark = self._randomness.hex(_MARK_DIGITS)
        with self._database.transaction() as tx:
            claim = tx.seals.claim(
                resource_type,
                day,
                worker=worker,
                upload_id=tx.uploads.begin(sealed_prefix(resource_type, day), mark=mark, now=now),
                mark=mark,
                leased_until=now + self._lease,
                now=now,
            )
            if claim is not None:
                tx.segments.take(claim.id, resource_type, day)
            return claim

    def extend(self, claim: SealClaim) -> None:
        """Go on holding the day; raises LostClaim."""
        now = self._clock.now()
        with self._database.transaction() as tx:
            tx.seals.extend(claim, leased_until=now + self._lease)
            tx.uploads.extend(claim.upload_id, now=now)

    def seal(self, claim: SealClaim) -> SealOutcome:
        """Do it and commit; raises LostClaim if the day was given to somebody else meanwhile."""
        segments = self._as_objects(claim)
        sealed = self._run(self._piece(claim, segments)) if segments else []
        for start in range(0, len(sealed), _ROWS_AT_ONCE):
            self._record(claim, sealed[start : start + _ROWS_AT_ONCE])
        self._commit(claim)
        return SealOutcome(
            resource_type=claim.resource_type,
            day=claim.day,
            segments=len(segments),
            lines=sum(segment.records for segment in segments),
            files=len(sealed),
        )

    def abandon(self, claim: SealClaim) -> None:
        """Give the day back with nothing done."""
        with self._database.transaction() as tx:
            tx.seals.abandon(claim, now=self._clock.now())

    def _as_objects(self, claim: SealClaim) -> list[Segment]:
        """The claimed set with its inline segments folded into one object: a piece reads objects only."""
        with self._database.snapshot() as tx:
            taken = tx.segments.of_seal(claim.id)
            inline = [segment for segment in taken if segment.is_inline]
            data = tx.segments.inline([segment.id for segment in inline])
        if not inline:
            return taken
        sources = [segment_files.Source(id=segment.id, data=data[segment.id]) for segment in inline]
        key = segment_key(claim.resource_type, claim.day, self._randomness.hex(_MARK_DIGITS))
        with self._objects.put(key, segment_files.fold(sources, claim.resource_type)) as new:
            return self._replace(claim, inline, new)

    def _replace(self, claim: SealClaim, inline: Sequence[Segment], new: PendingObject) -> list[Segment]:
        with self._database.transaction() as tx:
            tx.uploads.go_live([new.upload_id], now=self._clock.now())
            tx.segments.replace(
                [segment.id for segment in inline],
                folded(inline, key=new.key, stored_bytes=new.size_bytes),
                accepted_at=min(segment.accepted_at for segment in inline),
                seal_id=claim.id,
            )
            return tx.segments.of_seal(claim.id)

    def _piece(self, claim: SealClaim, segments: Sequence[Segment]) -> Piece:
        with self._database.snapshot() as tx:
            current = tx.sealed_days.of_day(claim.resource_type, claim.day)
        touched = unite_packed(segment.accounts for segment in segments)
        formers = (sealed for account, sealed in current.items() if packed_holds(touched, account))
        return Piece(
            resource_type=claim.resource_type,
            day=claim.day,
            segments=tuple(SegmentInput(id=segment.id, key=_key(segment)) for segment in segments),
            formers=tuple(map(_former, formers)),
            first_account=None,
            last_account=None,
            unique=claim.mark,
        )

    def _run(self, piece: Piece) -> Sequence[NewSealedDay]:
        making = self._executor.submit(
            seal_piece,
            piece,
            storage=self._storage,
            scratch=self._scratch,
            memory_bytes=self._memory_bytes,
            threads=self._threads,
        )
        return making.result()

    def _record(self, claim: SealClaim, sealed: Iterable[NewSealedDay]) -> None:
        now = self._clock.now()
        with self._database.transaction() as tx:
            tx.seals.extend(claim, leased_until=now + self._lease)  # guards the rows, too
            tx.sealed_days.add(claim, sealed, now=now)

    def _commit(self, claim: SealClaim) -> None:
        reading = self._clock.reading()
        now = reading.now
        with self._database.transaction() as tx:
            if tx.seals.commit(claim, now=now, is_trusted=tx.clock_marks.trust(reading).is_given):
                # In the same commit: no day is sealed whose daily exports nobody knows to be due.
                tx.daily_runs.start(claim.resource_type, claim.day, now=now)
            tx.uploads.go_live([claim.upload_id], now=now)
            unused = tx.segments.remove_of_seal(claim.id)
            tx.uploads.discard(unused, now=now, delete_after=now + self._sweep_delay)


def _key(segment: Segment) -> str:
    if segment.key is None:
        raise ValueError(f"the segment {segment.id} is inline")
    return segment.key


def _former(sealed: SealedDay) -> FormerFile:
    return FormerFile(
        account=sealed.account,
        key=sealed.key,
        revision=sealed.revision,
        plain_sha256=sealed.plain_sha256,
    )
