"""Segments, as their rows have them. One whose row cannot be read is held: it has records, whatever its row says.

Apart, as what is read of segments is long enough without it.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row
from sqlalchemy.sql import Select

from dayfile.errors import DamagedRow
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES, TYPE_BY_NAME
from dayfile.model.segment import Segment, SegmentKind
from dayfile.store.columns import EPOCH, MOST, read_day, read_type, row_name
from dayfile.store.sound_rows import sound_rows

_KINDS: Final = frozenset(kind.value for kind in SegmentKind)
_BLOCKS_READ: Final = msgspec.json.Decoder(tuple[int, ...])


def segments_of(connection: Connection, query: Select[Any]) -> list[Segment]:
    """Return segments; one whose row cannot be read is of an unknown kind, and is held: it has records."""
    unreadable: list[Segment] = []
    found = sound_rows(connection, query, _segment, on_refused=lambda row, _: unreadable.append(_as_unknown(row)))
    return sorted((*unreadable, *found), key=attrgetter("id")) if unreadable else found


def _as_unknown(row: Any) -> Segment:
    return Segment(
        id=row.id,
        resource_type=TYPE_BY_NAME.get(row.resource_type, MESSAGES),
        day=read_day(row.day) if is_of_a_day(row.resource_type, row.day) else Day.of(EPOCH),
        kind=SegmentKind.UNKNOWN,
        key=row.object_key if isinstance(row.object_key, str) else None,
        records=0,
        plain_bytes=0,
        stored_bytes=row.stored_bytes if isinstance(row.stored_bytes, int) else 0,
        accounts=row.accounts if isinstance(row.accounts, bytes) else b"",
        accepted_at=EPOCH,
        checksum=None,
        blocks=None,
        held_for=row.held_for if isinstance(row.held_for, int) else None,
    )


def _segment(row: Row[Any]) -> Segment:
    if not max(row.records, row.plain_bytes, row.stored_bytes) <= MOST:  # they are added up
        raise DamagedRow(f"{row_name('segment', row.id)} in the state database counts what nobody has")
    return Segment(
        id=row.id,
        resource_type=read_type(row.resource_type, "segment", row.id),
        day=row.day,
        kind=SegmentKind(row.kind) if row.kind in _KINDS else SegmentKind.UNKNOWN,
        key=row.object_key,
        records=row.records,
        plain_bytes=row.plain_bytes,
        stored_bytes=row.stored_bytes,
        accounts=row.accounts,
        accepted_at=row.accepted_at,
        checksum=row.checksum,
        blocks=_read_blocks(row),
        held_for=row.held_for,
    )


def _read_blocks(row: Row[Any]) -> tuple[int, ...] | None:
    if row.blocks is None:
        return None
    try:
        return _BLOCKS_READ.decode(row.blocks)
    except msgspec.MsgspecError as error:
        raise DamagedRow(f"{row_name('segment', row.id)} in the state database has blocks that are none") from error


def is_of_a_day(resource_type: str, day: str) -> bool:
    """Return True if there is such a resource type, and such a day."""
    try:
        read_day(day)
    except DamagedRow:
        return False
    return resource_type in TYPE_BY_NAME
