"""Writing of segments: small ones stay in memory and go into the commit, the others become pending objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dayfile.files import segments
from dayfile.intake.batch import DayLines, PendingSegment
from dayfile.model.account import pack_accounts
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType
from dayfile.model.secret import Randomness
from dayfile.model.segment import INLINE_LIMIT_BYTES, NewSegment, SegmentKind
from dayfile.objects.layout import UNIQUE_DIGITS, segment_key
from dayfile.objects.writer import ObjectWriter

_LIKELY_RATIO = 8  # records are seldom compressed to less than an eighth: inline is not even tried for more text


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedDay:
    """The lines of one resource type and day as their segment keeps them."""

    resource_type: ResourceType
    day: Day
    content: bytes
    is_inline: bool  # so small that the state database keeps it
    checksum: int
    records: int
    plain_bytes: int
    accounts: bytes  # packed


def packed(day: DayLines) -> PackedDay:
    """Return lines as their segment keeps them."""
    inline = _inline(day)
    content = segments.encode(day.text, day.resource_type) if inline is None else inline
    return PackedDay(
        resource_type=day.resource_type,
        day=day.day,
        content=content,
        is_inline=inline is not None,
        checksum=segments.checksum(content),
        records=day.records,
        plain_bytes=len(day.text),
        accounts=pack_accounts(day.accounts),
    )


class SegmentWriter:
    """A writer of segments that only wait for their commit. Safe to use from several threads."""

    def __init__(self, objects: ObjectWriter, *, randomness: Randomness) -> None:
        self._objects = objects
        self._randomness = randomness

    def write(self, days: Iterable[DayLines]) -> list[PendingSegment]:
        """Return a segment for each day; its object, if it has one, is durable and pending in the ledger.

        Raises StorageUnavailable or DatabaseUnavailable; then everything written here is given up.
        """
        return self.put([packed(day) for day in days])

    def put(self, days: Iterable[PackedDay]) -> list[PendingSegment]:
        """Return a segment for each day that is packed already, as `write` does; raises what `write` raises."""
        keyed = [(day, None if day.is_inline else self._new_key(day)) for day in days]
        objects = {key: day.content for day, key in keyed if key is not None}
        upload_ids = self._objects.put_many(objects) if objects else {}
        return [
            PendingSegment(segment=_segment(day, key), upload_id=None if key is None else upload_ids[key])
            for day, key in keyed
        ]

    def give_up(self, pending: Sequence[PendingSegment]) -> None:
        """Leave the objects of segments that will not be committed to the sweep."""
        self._objects.give_up([segment.upload_id for segment in pending if segment.upload_id is not None])

    def _new_key(self, day: PackedDay) -> str:
        return segment_key(day.resource_type, day.day, self._randomness.hex(UNIQUE_DIGITS))


def _segment(day: PackedDay, key: str | None) -> NewSegment:
    return NewSegment(
        resource_type=day.resource_type,
        day=day.day,
        kind=SegmentKind.FULL,
        key=key,
        inline=day.content if key is None else None,
        records=day.records,
        plain_bytes=day.plain_bytes,
        stored_bytes=len(day.content),
        accounts=day.accounts,
        checksum=day.checksum,
    )


def _inline(day: DayLines) -> bytes | None:
    """Return the lines in the form that is kept in the state database, if that is small enough, else None."""
    if len(day.text) > INLINE_LIMIT_BYTES * _LIKELY_RATIO:
        return None
    inline = segments.encode_inline(day.text)
    return inline if len(inline) <= INLINE_LIMIT_BYTES else None
