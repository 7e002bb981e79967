"""Segments: immutable batches of accepted lines of one resource type and day, waiting to be sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dayfile.model.account import unite_packed
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType

INLINE_LIMIT_BYTES = 32 * 1024
"""The most stored bytes of a segment that lives in the state database; a larger one is an object of its own."""


class SegmentKind(Enum):
    """The kind of lines in a segment."""

    FULL = "full"  # whole records
    ERASE = "erase"  # marks that erase a record
    UNKNOWN = "unknown"  # the row says nothing that is known: it was edited, or is damaged


UNKNOWN_KIND = "its row does not say what its lines are"
"""Reason of the damage of a segment of unknown kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """A segment about to be committed: its bytes are an object that already exists, or are carried inline."""

    resource_type: ResourceType
    day: Day
    kind: SegmentKind
    key: str | None  # of the object; None when inline
    inline: bytes | None
    records: int
    plain_bytes: int
    stored_bytes: int
    accounts: bytes  # packed
    checksum: int | None = None  # CRC-32 of what is outside of its blocks, of an inline one of all bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A committed segment. Its id gives the order of arrival, and nothing else: ids are given before they commit."""

    id: int
    resource_type: ResourceType
    day: Day
    kind: SegmentKind
    key: str | None
    records: int
    plain_bytes: int
    stored_bytes: int
    accounts: bytes
    accepted_at: datetime
    checksum: int | None = None  # None: of a segment that was made before there were any
    blocks: tuple[int, ...] | None = None  # those that are not sealed yet; None: all
    held_for: int | None = None  # the damage for which it waits

    @property
    def is_inline(self) -> bool:
        """True if its bytes are in the state database."""
        return self.key is None


def compacted_segment(
    sources: Sequence[Segment], *, key: str, stored_bytes: int, checksum: int | None = None
) -> NewSegment:
    """Return the segment that replaces several of the same day: an object with all their lines."""
    return NewSegment(
        resource_type=sources[0].resource_type,
        day=sources[0].day,
        kind=sources[0].kind,
        key=key,
        inline=None,
        records=sum(segment.records for segment in sources),
        plain_bytes=sum(segment.plain_bytes for segment in sources),
        stored_bytes=stored_bytes,
        accounts=unite_packed(segment.accounts for segment in sources),
        checksum=checksum,
    )
