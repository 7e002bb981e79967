"""Packed days: lines as their segment keeps them, small ones in the form of the state database."""

from __future__ import annotations

from dataclasses import dataclass

from dayfile.files import segments
from dayfile.intake.batch import DayLines
from dayfile.model.account import pack_accounts
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType
from dayfile.model.segment import INLINE_LIMIT_BYTES

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


def _inline(day: DayLines) -> bytes | None:
    """Return the lines in the form that is kept in the state database, if that is small enough, else None."""
    if len(day.text) > INLINE_LIMIT_BYTES * _LIKELY_RATIO:
        return None
    inline = segments.encode_inline(day.text)
    return inline if len(inline) <= INLINE_LIMIT_BYTES else None
