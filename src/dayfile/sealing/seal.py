"""The seal of a day: claim it, run its pieces, commit.

Objects first, rows second, and one small commit last that makes them count: a crash before it leaves objects for the
sweep and rows that count for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from dayfile.clock import Clock
from dayfile.errors import Corrupt, DatabaseUnavailable, EngineUnavailable, LostClaim, Unusable
from dayfile.files import segments as segment_files
from dayfile.files.soundness import compare_inline, is_of_one_object, reason_of
from dayfile.files.workplace import Engine, Workplace
from dayfile.model.damage import inline_key
from dayfile.model.day import Day
from dayfile.model.export import NewSealedDay
from dayfile.model.resource import ResourceType
from dayfile.model.seal import SealClaim
from dayfile.model.secret import Randomness
from dayfile.model.segment import UNKNOWN_KIND, NewSegment, Segment, SegmentKind, compacted_segment
from dayfile.objects.layout import sealed_prefix, segment_key
from dayfile.objects.seal_manifests import SealManifests
from dayfile.objects.writer import ObjectWriter
from dayfile.sealing.examine import Unsound, UnsoundSegment
from dayfile.sealing.held import HeldLines, Holding, damages_of
from dayfile.sealing.inputs import Inputs, read_inputs
from dayfile.sealing.piece import Piece
from dayfile.sealing.pieces import Made, Pieces
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

_MARK_DIGITS = 16
_ATTEMPT_DIGITS = 2
_ROWS_AT_ONCE = 3000  # in a commit: other writers wait for some 10 ms
_DAYS_ELSEWHERE = 4  # one of each resource type comes due with every midnight
_EXAMINATIONS = 3  # of a day: an object may be sound when it is examined and damaged when it is read again


@dataclass(frozen=True, slots=True, kw_only=True)
class SealOutcome:
    """The counts of a finished seal."""

    resource_type: ResourceType
    day: Day
    segments: int  # taken in
    lines: int  # in them, all versions
    files: int  # new revisions
    damaged: tuple[str, ...] = ()  # keys of the objects for which lines of the day are held


class Sealing:
    """The sealing of days. The heavy work is a pure function, run in the executor; the database guards the commit."""

    def __init__(
        self,
        database: Database,
        here: Workplace,
        *,
        clock: Clock,
        randomness: Randomness,
        engine: Engine,
        cut_bytes: int | None,
        lease: timedelta,
        sweep_delay: timedelta,
        pack_below: int,
    ) -> None:
        """Take the parts; the engine does the heavy work, with `cut_bytes` on other machines, a piece each.

        Files of fewer than `pack_below` bytes share packs; with 0, none does.
        """
        storage = here.storage
        self._database = database
        self._storage = storage
        self._pieces = Pieces(engine, here, cut_bytes=cut_bytes)
        self.days_at_once = 1 if cut_bytes is None else _DAYS_ELSEWHERE
        """Number of days that may be sealed at once without harm to this machine."""
        self._objects = ObjectWriter(database, storage, clock=clock)
        self._manifests = SealManifests(database, storage, clock=clock, randomness=randomness)
        self._holding = Holding(self._objects, storage, randomness=randomness)
        self._clock = clock
        self._randomness = randomness
        self._lease = lease
        self._sweep_delay = sweep_delay
        self._pack_below = pack_below

    def claim(self, resource_type: ResourceType, day: Day, *, worker: str) -> SealClaim | None:
        """Claim a day and the segments that wait for it now; None if another worker holds it."""
        mark = self._randomness.hex(_MARK_DIGITS)

        def claim(tx: Transaction) -> SealClaim | None:
            now = self._clock.now()  # of this try: the lease is for as long as it says
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

        return self._database.run(claim)

    def extend(self, claim: SealClaim) -> None:
        """Renew the lease on the day; raises LostClaim."""
        with self._database.transaction() as tx:
            now = self._clock.now()
            tx.seals.extend(claim, leased_until=now + self._lease)
            tx.uploads.extend(claim.upload_id, now=now)

    def seal(self, claim: SealClaim) -> SealOutcome:
        """Seal the claimed day and commit; raises LostClaim if another worker has claimed it meanwhile."""
        inputs, unsound = self._inputs(claim)
        made, unsound = self._made(inputs, unsound)
        with self._holding.written(inputs, unsound) as held:
            self._describe(claim, made.sealed)
            self._commit(inputs, unsound, held, made)
        damaged = {one.key for one in inputs.damages if one.is_open} | {one.key for one in damages_of(inputs, unsound)}
        return SealOutcome(
            resource_type=claim.resource_type,
            day=claim.day,
            segments=len(inputs.segments),
            lines=sum(segment.records for segment in inputs.segments),
            files=len(made.sealed),
            damaged=tuple(sorted(damaged)),
        )

    def write_markers(self) -> bool:
        """Write the markers that committed seals lack; False if there were none."""
        return self._manifests.step()

    def abandon(self, claim: SealClaim) -> None:
        """Release the day without sealing it."""
        with self._database.transaction() as tx:
            tx.seals.abandon(claim, now=self._clock.now())

    def _inputs(self, claim: SealClaim) -> tuple[Inputs, Unsound]:
        """Compact inline segments into one object, as a piece reads only objects; return inputs and damages."""
        with self._database.snapshot() as tx:
            inline = [segment for segment in tx.segments.of_seal(claim.id) if segment.is_inline]
            data = tx.segments.inline([segment.id for segment in inline])
        unsound = tuple(one for segment in inline if (one := _unsound_inline(segment, data.get(segment.id))))
        left_out = {one.id for one in unsound}
        self._compact(claim, [segment for segment in inline if segment.id not in left_out], data)
        with self._database.snapshot() as tx:
            inputs = read_inputs(tx, claim)
        wrong = [_of_unknown_kind(segment) for segment in inputs.segments if segment.kind is SegmentKind.UNKNOWN]
        return inputs, Unsound(segments=(*unsound, *wrong), files=inputs.misplaced())

    def _compact(self, claim: SealClaim, inline: Sequence[Segment], data: Mapping[int, bytes]) -> None:
        if not inline:
            return
        sources = (segment_files.Source(id=segment.id, data=data[segment.id]) for segment in inline)
        merged = segment_files.Merged(sources, claim.resource_type)
        key = segment_key(claim.resource_type, claim.day, self._randomness.hex(_MARK_DIGITS))
        with self._objects.put(key, merged) as new:
            segment = compacted_segment(inline, key=new.key, stored_bytes=new.size_bytes, checksum=merged.checksum)
            self._replace(claim, inline, segment, upload_id=new.upload_id)

    def _replace(self, claim: SealClaim, inline: Sequence[Segment], new: NewSegment, *, upload_id: int) -> None:
        with self._database.transaction() as tx:
            tx.uploads.go_live([upload_id], now=self._clock.now())
            tx.segments.replace(
                [segment.id for segment in inline],
                new,
                accepted_at=min(segment.accepted_at for segment in inline),
                seal_id=claim.id,
            )

    def _made(self, inputs: Inputs, unsound: Unsound) -> tuple[Made, Unsound]:
        """Make the files, if need be without damaged inputs; return the manifests and the damaged inputs."""
        lost: tuple[str, ...] = ()
        for attempt in range(_EXAMINATIONS):
            piece = inputs.piece(unsound, unique=_unique(inputs.claim, attempt), pack_below=self._pack_below)
            try:
                made = self._run(piece)
                found = _unlisted(inputs, piece, made.sealed)
                if not found:
                    return replace(made, lost=made.lost + lost), unsound
            except (DatabaseUnavailable, EngineUnavailable, LostClaim, Unusable):
                raise
            except Exception as error:
                found = self._pieces.examine(piece, after=error) if is_of_one_object(error) else Unsound()
                if not found:
                    raise
            self._forget(piece)
            lost += self._pieces.given_up(piece)
            unsound += found
        raise Corrupt(f"{inputs.claim.resource_type} of {inputs.claim.day}: more and more of it cannot be read")

    def _run(self, piece: Piece) -> Made:
        if not piece.segments and not piece.bereft and not any(former.is_lost for former in piece.formers):
            return Made()
        return self._pieces.seal(piece)

    def _forget(self, piece: Piece) -> None:
        """Delete what an attempt has stored: nothing will refer to it, and the ledger's entry will be live."""
        prefix = sealed_prefix(piece.resource_type, piece.day)
        self._storage.delete([key for key in self._storage.scan(prefix) if piece.unique in key])

    def _describe(self, claim: SealClaim, sealed: Sequence[NewSealedDay]) -> None:
        """Write the rows of durable files and, beside them, the manifest: neither counts before the commit."""
        packs, sealed_at = _sizes(sealed), self._clock.now()
        with ThreadPoolExecutor(1) as beside:  # is left when the manifest is written or has failed, whatever rows do
            manifest = beside.submit(self._manifests.write, claim, sealed, sealed_at=sealed_at)
            for start in range(0, len(sealed), _ROWS_AT_ONCE):
                self._record(claim, sealed[start : start + _ROWS_AT_ONCE], packs, sealed_at=sealed_at)
            manifest.result()

    def _record(
        self, claim: SealClaim, sealed: Sequence[NewSealedDay], packs: Mapping[str, int], *, sealed_at: datetime
    ) -> None:
        def record(tx: Transaction) -> None:
            now = self._clock.now()
            tx.seals.extend(claim, leased_until=now + self._lease)  # guards the rows, too
            tx.sealed_days.add(claim, sealed, packs=packs, now=sealed_at)

        self._database.run(record, durable=False)  # they count only by the commit of the seal, which is

    def _commit(self, inputs: Inputs, unsound: Unsound, held: Sequence[HeldLines], made: Made) -> None:
        claim = inputs.claim

        def commit(tx: Transaction) -> None:
            reading = self._clock.reading()
            now = reading.now
            if tx.seals.commit(claim, now=now, is_trusted=tx.clock_marks.trust(reading).is_given):
                # In the same commit: otherwise a crash could leave a sealed day whose daily exports never start.
                tx.daily_runs.start(claim.resource_type, claim.day, now=now)
            tx.uploads.go_live([claim.upload_id, *(one.upload_id for one in held)], now=now)
            _hold(tx, inputs, unsound, held=held, now=now)
            unused = tx.segments.remove_of_seal(claim.id)
            tx.uploads.discard(unused, now=now, delete_after=now + self._sweep_delay)
            tx.uploads.condemn_marked(sealed_prefix(claim.resource_type, claim.day), made.lost, now=now)
            # Not at once: an execution that begins late must find its number taken.
            tx.uploads.condemn(made.spent, now=now, delete_after=now + self._sweep_delay)

        self._database.run(commit)


def _unique(claim: SealClaim, attempt: int) -> str:
    """Return the text in all keys of an attempt and in no others; it begins with the mark in the ledger."""
    return claim.mark if not attempt else f"{claim.mark}{attempt:0{_ATTEMPT_DIGITS}x}"


def _sizes(sealed: Iterable[NewSealedDay]) -> Mapping[str, int]:
    """Return the sizes of the packs that hold files, by key."""
    sizes: Counter[str] = Counter()
    for key, files in groupby(sealed, key=attrgetter("pack_key")):
        if key is not None:
            sizes[key] += sum(one.size_bytes for one in files)
    return sizes


def _unlisted(inputs: Inputs, piece: Piece, sealed: Iterable[NewSealedDay]) -> Unsound:
    """Return accounts that have lines though no segment's row names them: their former files were left out."""
    formers = {former.account for former in piece.formers}
    return Unsound(unlisted=frozenset(one.account for one in sealed if one.account in inputs.current) - formers)


def _hold(tx: Transaction, inputs: Inputs, unsound: Unsound, *, held: Iterable[HeldLines], now: datetime) -> None:
    """Record the damages, hold the lines that wait for them, and settle those that were resolved."""
    ids = {one.key: one.id for one in inputs.damages}
    # Whatever a seal cannot use now is open, although the operator may have done without it before.
    found = {one.key: tx.damages.record(one, now=now, again=True) for one in damages_of(inputs, unsound)}
    for one in damages_of(inputs, unsound):
        tx.damages.concern(found[one.key], one.accounts)
    ids |= found
    for segment in unsound.segments:
        tx.segments.hold(segment.id, damage_id=ids[segment.key], blocks=segment.damaged_blocks, seal_id=inputs.claim.id)
    for lines in held:
        tx.segments.add_held(lines.segment, damage_id=ids[lines.damage_key], accepted_at=lines.accepted_at)
    resolved = {one.id for one in inputs.damages if not one.is_open} - set(found.values())
    tx.damages.settle(sorted(resolved), now=now)


def _unsound_inline(segment: Segment, data: bytes | None) -> UnsoundSegment | None:
    if segment.kind is SegmentKind.UNKNOWN:
        return _of_unknown_kind(segment)
    reason = reason_of(lambda: compare_inline(data, checksum=segment.checksum))
    return UnsoundSegment(id=segment.id, key=inline_key(segment.id), reason=reason) if reason else None


def _of_unknown_kind(segment: Segment) -> UnsoundSegment:
    return UnsoundSegment(id=segment.id, key=segment.key or inline_key(segment.id), reason=UNKNOWN_KIND)
