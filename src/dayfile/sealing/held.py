"""Held lines: lines that a seal holds back until a damage is resolved.

Lines of an account whose file is damaged are held and not sealed. If a segment is damaged, the accounts that may have
lines in it are sealed without those; their other lines are also kept with the damaged segment, and take part again
together with it. So ties between lines are decided as if nothing had been damaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from dayfile.files import segments as segment_files
from dayfile.files.key_columns import those_of, those_packed
from dayfile.files.storage import Storage
from dayfile.model.account import AccountSid, pack_accounts, packed_members, unite_packed
from dayfile.model.damage import DamageKind, FoundDamage, damaged_file, damaged_segment
from dayfile.model.secret import Randomness
from dayfile.model.segment import NewSegment, SegmentKind
from dayfile.objects.layout import UNIQUE_DIGITS, segment_key
from dayfile.objects.writer import ObjectWriter
from dayfile.sealing.examine import Unsound
from dayfile.sealing.inputs import Inputs, sound_parts
from dayfile.sealing.piece import SegmentInput

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLines:
    """Lines to be held for a damage: an object that is durable, and counts only after the commit."""

    damage_key: str
    segment: NewSegment
    upload_id: int
    accepted_at: datetime  # the earliest time of the set


class Holding:
    """The writer of held lines."""

    def __init__(self, objects: ObjectWriter, storage: Storage, *, randomness: Randomness) -> None:
        self._objects = objects
        self._storage = storage
        self._randomness = randomness

    @contextmanager
    def written(self, inputs: Inputs, unsound: Unsound) -> Iterator[list[HeldLines]]:
        """Write the lines that a seal leaves out or must seal again, and provide them for the commit in the block.

        If the block raises, they are given up. Raises StorageUnavailable, DatabaseUnavailable, Corrupt.
        """
        with ExitStack() as given_up:
            held: list[HeldLines] = []
            given_up.callback(lambda: self._objects.give_up([one.upload_id for one in held]))
            parts = sound_parts(inputs.segments, unsound)
            if parts:
                for batch in _batches(self._of_files(inputs, unsound, parts)):
                    held += self._put(inputs, batch)
                for damage_key, packed in _copied(inputs, unsound):
                    self._copy(inputs, damage_key, parts=parts, packed=packed, unsound=unsound, held=held)
            yield held
            given_up.pop_all()

    def _of_files(
        self, inputs: Inputs, unsound: Unsound, parts: Sequence[SegmentInput]
    ) -> Iterator[tuple[str, segment_files.Extract]]:
        """Yield the lines of the left-out accounts, each with the key of the account's damaged file."""
        left_out = inputs.left_out(unsound)
        if left_out:
            kind = inputs.claim.resource_type
            for extract in segment_files.extract(self._sources(parts), kind, wanted=those_of(left_out)):
                yield inputs.held_for(AccountSid(f"AC{extract.account.hex()}"), unsound), extract

    def _put(self, inputs: Inputs, batch: Sequence[tuple[str, segment_files.Extract]]) -> list[HeldLines]:
        keys = [self._new_key(inputs) for _ in batch]
        upload_ids = self._objects.put_many({key: one.data for key, (_, one) in zip(keys, batch, strict=True)})
        return [
            HeldLines(
                damage_key=damage_key,
                segment=_segment(
                    inputs,
                    key=key,
                    records=one.records,
                    plain_bytes=one.plain_bytes,
                    stored_bytes=len(one.data),
                    accounts=pack_accounts([AccountSid(f"AC{one.account.hex()}")]),
                    checksum=segment_files.checksum(one.data),
                ),
                upload_id=upload_ids[key],
                accepted_at=_accepted_at(inputs),
            )
            for key, (damage_key, one) in zip(keys, batch, strict=True)
        ]

    def _copy(
        self,
        inputs: Inputs,
        damage_key: str,
        *,
        parts: Sequence[SegmentInput],
        packed: bytes,
        unsound: Unsound,
        held: list[HeldLines],
    ) -> None:
        """Copy the lines of accounts (packed) that may also have lines in a damaged segment, to be held for it."""
        wanted = those_packed(packed, without=inputs.left_out(unsound))
        merged = segment_files.Merged(self._sources(parts), inputs.claim.resource_type, wanted=wanted)
        with self._objects.put(self._new_key(inputs), merged) as new:
            if not merged.records:
                self._objects.give_up([new.upload_id])
                return
            segment = _segment(
                inputs,
                key=new.key,
                records=merged.records,
                plain_bytes=merged.plain_bytes,
                stored_bytes=new.size_bytes,
                accounts=packed,
                checksum=merged.checksum,
            )
            held.append(
                HeldLines(
                    damage_key=damage_key,
                    segment=segment,
                    upload_id=new.upload_id,
                    accepted_at=_accepted_at(inputs),
                )
            )

    def _new_key(self, inputs: Inputs) -> str:
        return segment_key(inputs.claim.resource_type, inputs.claim.day, self._randomness.hex(UNIQUE_DIGITS))

    def _sources(self, parts: Iterable[SegmentInput]) -> Iterator[segment_files.Source]:
        for part in parts:
            data = self._storage.path(part.key) or b"".join(self._storage.read(part.key))
            yield segment_files.Source(id=part.id, data=data, checksum=part.checksum, blocks=part.blocks)


def damages_of(inputs: Inputs, unsound: Unsound) -> list[FoundDamage]:
    """Return the damages that a seal has met: of current files and of segments."""
    kind, day = inputs.claim.resource_type, inputs.claim.day
    segments = {segment.id: segment for segment in (*inputs.segments, *inputs.inline)}
    files = [
        damaged_file(one.key, one.former.account, kind, day, reason=one.reason)
        for one in unsound.files
        if not one.former.is_lost
    ]
    return files + [
        damaged_segment(segments[one.id], accounts=one.accounts, reason=one.reason) for one in unsound.segments
    ]


def _copied(inputs: Inputs, unsound: Unsound) -> Iterator[tuple[str, bytes]]:
    """Yield each damaged segment with the accounts (packed) whose lines are held for it; an account comes only once."""
    found = {one.key: one.accounts for one in damages_of(inputs, unsound) if one.kind is DamageKind.SEGMENT}
    known = {one.key: one.accounts for one in inputs.damages if one.is_open and one.kind is DamageKind.SEGMENT}
    if not known | found:
        return  # as nearly always, and there may be millions of accounts
    there = packed_members(unite_packed(segment.accounts for segment in inputs.segments))
    for key, accounts in (known | found).items():
        mine = packed_members(accounts) & there
        there -= mine
        if mine:
            yield key, b"".join(sorted(mine))


def _batches(
    extracts: Iterator[tuple[str, segment_files.Extract]],
) -> Iterator[list[tuple[str, segment_files.Extract]]]:
    while batch := list(islice(extracts, _AT_ONCE)):
        yield batch


def _accepted_at(inputs: Inputs) -> datetime:
    return min(segment.accepted_at for segment in inputs.segments)


def _segment(
    inputs: Inputs,
    *,
    key: str,
    records: int,
    plain_bytes: int,
    stored_bytes: int,
    accounts: bytes,
    checksum: int,
) -> NewSegment:
    return NewSegment(
        resource_type=inputs.claim.resource_type,
        day=inputs.claim.day,
        kind=SegmentKind.FULL,
        key=key,
        inline=None,
        records=records,
        plain_bytes=plain_bytes,
        stored_bytes=stored_bytes,
        accounts=accounts,
        checksum=checksum,
    )
