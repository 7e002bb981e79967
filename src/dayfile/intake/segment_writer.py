"""Writing of segments: small ones stay in memory and go into the commit, the others become pending objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dayfile.intake.batch import DayLines, PendingSegment
from dayfile.intake.packed_day import PackedDay, packed
from dayfile.model.secret import Randomness
from dayfile.model.segment import NewSegment, SegmentKind
from dayfile.objects.layout import UNIQUE_DIGITS, segment_key
from dayfile.objects.writer import ObjectWriter


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
