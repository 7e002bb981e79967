"""Writing of segments: small ones stay in memory and go into the commit, the others become pending objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dayfile.files import segments
from dayfile.intake.batch import DayLines, PendingSegment
from dayfile.model.account import pack_accounts
from dayfile.model.secret import Randomness
from dayfile.model.segment import INLINE_LIMIT_BYTES, NewSegment, SegmentKind
from dayfile.objects.layout import UNIQUE_DIGITS, segment_key
from dayfile.objects.writer import ObjectWriter

_LIKELY_RATIO = 8  # records are seldom compressed to less than an eighth: inline is not even tried for more text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    segment: NewSegment
    content: bytes | None  # of the future object; None when inline


class SegmentWriter:
    """A writer of segments that only wait for their commit. Safe to use from several threads."""

    def __init__(self, objects: ObjectWriter, *, randomness: Randomness) -> None:
        self._objects = objects
        self._randomness = randomness

    def write(self, days: Iterable[DayLines]) -> list[PendingSegment]:
        """Return a segment for each day; its object, if it has one, is durable and pending in the ledger.

        Raises StorageUnavailable or DatabaseUnavailable; then everything written here is given up.
        """
        drafts = [self._draft(day) for day in days]
        objects = {draft.segment.key: draft.content for draft in drafts if draft.segment.key and draft.content}
        upload_ids = self._objects.put_many(objects) if objects else {}
        return [
            PendingSegment(
                segment=draft.segment, upload_id=upload_ids[draft.segment.key] if draft.segment.key else None
            )
            for draft in drafts
        ]

    def give_up(self, pending: Sequence[PendingSegment]) -> None:
        """Leave the objects of segments that will not be committed to the sweep."""
        self._objects.give_up([segment.upload_id for segment in pending if segment.upload_id is not None])

    def _draft(self, day: DayLines) -> _Draft:
        inline = _inline(day)
        content = None if inline is not None else segments.encode(day.text, day.resource_type)
        segment = NewSegment(
            resource_type=day.resource_type,
            day=day.day,
            kind=SegmentKind.FULL,
            key=None
            if content is None
            else segment_key(day.resource_type, day.day, self._randomness.hex(UNIQUE_DIGITS)),
            inline=inline,
            records=day.records,
            plain_bytes=len(day.text),
            stored_bytes=len(inline or content or b""),
            accounts=pack_accounts(day.accounts),
            checksum=segments.checksum(inline or content or b""),
        )
        return _Draft(segment=segment, content=content)


def _inline(day: DayLines) -> bytes | None:
    """Return the lines in the form that is kept in the state database, if that is small enough, else None."""
    if len(day.text) > INLINE_LIMIT_BYTES * _LIKELY_RATIO:
        return None
    inline = segments.encode_inline(day.text)
    return inline if len(inline) <= INLINE_LIMIT_BYTES else None
