"""Segments: immutable batches of accepted lines of one resource type and day, waiting to be sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dayfile.model.day import Day
from dayfile.model.resource import ResourceType

INLINE_LIMIT_BYTES = 32 * 1024
"""A segment of at most this many stored bytes lives in the state database instead of an object of its own."""


class SegmentKind(Enum):
    """What the lines of a segment are."""

    FULL = "full"  # whole records
    ERASE = "erase"  # marks that take a record away


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """A segment about to be committed: its bytes are an object that exists already, or ride along inline."""

    resource_type: ResourceType
    day: Day
    kind: SegmentKind
    key: str | None  # of the object; None when inline
    inline: bytes | None
    records: int
    plain_bytes: int
    stored_bytes: int
    accounts: bytes  # packed


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

    @property
    def is_inline(self) -> bool:
        """Whether its bytes are in the state database."""
        return self.key is None
