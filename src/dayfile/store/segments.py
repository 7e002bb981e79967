"""Rows of segments. A segment waits as long as its row exists; ids order arrivals and are never a watermark."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Connection,
    String,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.sql import Select

from dayfile.errors import LostClaim
from dayfile.model.account import AccountSid, packed_holds
from dayfile.model.damage import INLINE_SEGMENTS
from dayfile.model.day import Day
from dayfile.model.resource import TYPE_BY_NAME, ResourceType
from dayfile.model.segment import NewSegment, Segment
from dayfile.store.columns import EPOCH, known_type, read_day, sum_of
from dayfile.store.dialect import give_ids_beyond, in_batches
from dayfile.store.prepared import Prepared
from dayfile.store.segment_rows import is_of_a_day, segments_of
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.records import segment as table
from dayfile.store.tables.records import segment_inline
from dayfile.store.tables.sealing import seal

# Made once: to make one of them and to look it up in the cache takes longer than to run it.
_ADD = insert(table).returning(table.c.id, sort_by_parameter_order=True)  # ids in the order of the rows
_ADD_INLINE = insert(segment_inline)
_HIGHEST = select(
    select(func.max(segment_inline.c.segment_id)).scalar_subquery(), select(func.max(table.c.id)).scalar_subquery()
)

COMPACTION_LEASE: Final = timedelta(minutes=10)
"""Time for which segments are left to the worker that has begun to compact them, should it die."""

_BELIEVED: Final = 2 * COMPACTION_LEASE
"""Time from now up to which the end of a claim is believed: a later one is of a clock that was ahead."""

_BLOCKS: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDay:
    """The segments that wait for one resource type and day, counted."""

    resource_type: ResourceType
    day: Day
    segments: int
    records: int
    stored_bytes: int
    first_accepted_at: datetime
    last_accepted_at: datetime


class Segments:
    """The segments, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Sequence[NewSegment], *, now: datetime) -> list[int]:
        """Add segments in order of arrival and return their ids. From the commit on, every line in them is accepted."""
        if not new:
            return []
        if any(segment.inline is not None for segment in new):
            self._pass_strays()
        rows = [_values(segment) | {"accepted_at": now, "seal_id": None} for segment in new]
        ids = [int(one) for one in self._connection.execute(_ADD, rows).scalars()]
        data = {one: segment.inline for one, segment in zip(ids, new, strict=True) if segment.inline is not None}
        if data:
            self._connection.execute(_ADD_INLINE, [{"segment_id": one, "data": text} for one, text in data.items()])
        return ids

    def _pass_strays(self) -> None:
        """Give no segment the id of a stray: bytes whose row was edited, and that no segment has.

        Foreign keys let nobody make one on PostgreSQL, nor with a connection of ours.
        """
        stray, last = self._connection.execute(_HIGHEST).one()
        if stray is not None and stray > (last or 0):
            give_ids_beyond(self._connection, table, stray)

    def of_day(self, resource_type: ResourceType, day: Day) -> list[Segment]:
        """Return all segments that wait for a day, in order of arrival."""
        return self._all(_of_day(select(table), resource_type, day))

    def compactable(self, resource_type: ResourceType, day: Day, *, now: datetime) -> list[Segment]:
        """Return the waiting segments of a day that no seal, compaction or damage holds, in order of arrival."""
        whole = table.c.held_for.is_(None), table.c.blocks.is_(None)
        return self._all(_of_day(select(table), resource_type, day).where(_free(), _unclaimed(now), *whole))

    def claim(self, segment_ids: Sequence[int], *, now: datetime) -> None:
        """Claim segments for one compaction; raises LostClaim if another one has one of them, or it is gone.

        It keeps other workers from doing the same in vain, and nothing else: seals take claimed segments as well.
        """
        claimed = 0
        for batch in in_batches(segment_ids):
            self._lock(batch)
            statement = update(table).where(table.c.id.in_(batch), _unclaimed(now))
            claimed += self._connection.execute(statement.values(compacting_until=now + COMPACTION_LEASE)).rowcount
        if claimed != len(segment_ids):
            raise LostClaim("another worker has begun to compact one of these segments, or it is gone")

    def give_up(self, segment_ids: Sequence[int]) -> None:
        """Give up the claim of a compaction that has failed; segments that are gone are ignored."""
        for batch in in_batches(segment_ids):
            self._lock(batch)
            self._connection.execute(update(table).where(table.c.id.in_(batch)).values(compacting_until=None))

    def waiting(self, *, held: bool = False) -> list[WaitingDay]:
        """Return every day that has waiting segments, with counts, oldest arrival first.

        Segments held for a damage count only with `held`: no day is due for them.
        """
        first = func.min(table.c.accepted_at)
        query = select(
            table.c.resource_type,
            _DAY,
            func.count().label("segments"),
            sum_of(table.c.records).label("records"),
            sum_of(table.c.stored_bytes).label("stored_bytes"),
            first.label("first_accepted_at"),
            func.max(table.c.accepted_at).label("last_accepted_at"),
        )
        if not held:
            query = query.where(table.c.held_for.is_(None))
        query = query.group_by(table.c.resource_type, table.c.day).order_by(first)
        unreadable: list[WaitingDay | None] = []
        found = sound_rows(
            self._connection,
            query,
            _waiting_day,
            on_refused=lambda row, _: unreadable.append(_waiting_day(row, accepted_at=EPOCH)),
        )
        # One row that was edited must not keep all days from being sealed, nor its own day.
        return [day for day in (*unreadable, *found) if day is not None]

    def count(self) -> int:
        """Return the number of waiting segments."""
        return self._connection.execute(select(func.count()).select_from(table)).scalar_one()

    def after(self, segment_id: int, *, limit: int) -> list[Segment]:
        """Return the segments that follow an id, for walking over all that wait; none of an unknown resource type."""
        query = select(table).where(table.c.id > segment_id, known_type(table)).order_by(table.c.id).limit(limit)
        return segments_of(self._connection, query)

    def exists(self, segment_id: int) -> bool:
        """Return True if the segment still waits."""
        return self._connection.execute(select(table.c.id).where(table.c.id == segment_id)).first() is not None

    def keys_among(self, keys: Collection[str]) -> set[str]:
        """Return the given object keys that belong to waiting segments."""
        found: set[str] = set()
        for batch in in_batches(keys):
            found.update(
                self._connection.execute(select(table.c.object_key).where(table.c.object_key.in_(batch))).scalars()
            )
        return found

    def inline(self, segment_ids: Collection[int]) -> dict[int, bytes]:
        """Return the bytes of inline segments by id; segments that have none, or something else, are left out."""
        found: dict[int, bytes] = {}
        for batch in in_batches(segment_ids):
            query = select(segment_inline).where(segment_inline.c.segment_id.in_(batch))
            found.update(sound_rows(self._connection, query, lambda row: (row.segment_id, row.data)))
        return found

    def waits_for(self, account: AccountSid, resource_type: ResourceType, day: Day, *, accepted_by: datetime) -> bool:
        """Return True if segments accepted by that moment may hold records of the account; False is always right.

        Segments held for a damage do not count: they will not be sealed.
        """
        query = _of_day(select(table.c.accounts), resource_type, day).where(
            table.c.accepted_at <= accepted_by, table.c.held_for.is_(None)
        )
        return any(sound_rows(self._connection, query, lambda row: packed_holds(row.accounts, account)))

    def days_waiting(self, account: AccountSid, resource_type: ResourceType, *, accepted_by: datetime) -> set[Day]:
        """Return the days for which `waits_for` is true, in one read."""
        rows = _WAITING.sound_rows(self._connection, resource_type=resource_type.name, accepted_by=accepted_by)
        return {read_day(row.day) for row in rows if packed_holds(row.accounts, account)}

    def days_waiting_by_type(self, account: AccountSid, *, accepted_by: datetime) -> dict[str, set[Day]]:
        """Return the days for which `waits_for` is true, for each type that has any, in one read."""
        found: dict[str, set[Day]] = {}
        for row in _WAITING_OF_ALL.sound_rows(self._connection, accepted_by=accepted_by):
            if packed_holds(row.accounts, account):
                found.setdefault(row.resource_type, set()).add(read_day(row.day))
        return found

    def take(self, seal_id: int, resource_type: ResourceType, day: Day) -> None:
        """Assign the segments that wait for a day right now to a seal; exactly these go when it is committed.

        Segments held for a damage stay out of it.
        """
        statement = update(table).where(
            table.c.resource_type == resource_type.name, table.c.day == day, table.c.held_for.is_(None)
        )
        self._connection.execute(statement.values(seal_id=seal_id))

    def of_seal(self, seal_id: int) -> list[Segment]:
        """Return the segments that a seal holds, in order of arrival."""
        return self._all(select(table).where(table.c.seal_id == seal_id))

    def replace(
        self, old_ids: Sequence[int], new: NewSegment, *, accepted_at: datetime, seal_id: int | None = None
    ) -> int:
        """Replace several segments by one compacted segment and return its id.

        `accepted_at` is the earliest of theirs, so that a job that waits for one of them waits for the result. Raises
        LostClaim if one of them is gone or is held by another seal than `seal_id`.
        """
        held = _free() if seal_id is None else table.c.seal_id == seal_id
        gone = 0
        for batch in in_batches(old_ids):
            # Lock them before asking which seal holds them: a statement that waits for a lock goes on with the seals it
            # saw before, and would take the segments away from the very seal that it has waited for.
            self._lock(batch)
            gone += self._connection.execute(delete(table).where(table.c.id.in_(batch), held)).rowcount
        if gone != len(old_ids):
            raise LostClaim("a segment was taken by a seal while it was being compacted")
        statement = insert(table).values(**_values(new), accepted_at=accepted_at, seal_id=seal_id).returning(table.c.id)
        return int(self._connection.execute(statement).scalar_one())

    def remove_of_seal(self, seal_id: int) -> list[str]:
        """Delete the segments of a seal, in the commit that makes it count; return their object keys, now unused.

        Segments of it that are held by now stay.
        """
        return self._remove(table.c.seal_id == seal_id, table.c.held_for.is_(None))

    def hold(self, segment_id: int, *, damage_id: int, blocks: Collection[int] | None, seal_id: int) -> None:
        """Hold a segment of a seal for a damage, in the commit of the seal; of its blocks only these, None: all that
        counted before.
        """
        values: dict[str, Any] = {"held_for": damage_id, "seal_id": None}
        if blocks is not None:
            values["blocks"] = _BLOCKS.encode(sorted(blocks)).decode()
        one = table.c.id == segment_id, table.c.seal_id == seal_id
        self._connection.execute(update(table).where(*one).values(values))

    def add_held(self, new: NewSegment, *, damage_id: int, accepted_at: datetime) -> int:
        """Add a segment that is held from the start and return its id; `accepted_at` is that of its first line."""
        row = _values(new) | {"accepted_at": accepted_at, "seal_id": None, "held_for": damage_id}
        return int(self._connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one())

    def held_for(self, damage_ids: Collection[int]) -> list[Segment]:
        """Return the segments that are held for damages, in order of arrival."""
        return [
            segment
            for batch in in_batches(damage_ids)
            for segment in self._all(select(table).where(table.c.held_for.in_(batch)))
        ]

    def release(self, damage_id: int, *, to: int | None = None) -> int:
        """Release the segments held for a damage, or hold them for another one; return their number."""
        statement = update(table).where(table.c.held_for == damage_id).values(held_for=to)
        return self._connection.execute(statement).rowcount

    def find_damaged(self, key: str) -> Segment | None:
        """Return the segment named by the key of a damage; None if it no longer exists."""
        is_inline = key.startswith(INLINE_SEGMENTS)
        named = table.c.id == int(key.removeprefix(INLINE_SEGMENTS)) if is_inline else table.c.object_key == key
        found = self._all(select(table).where(named))
        return found[0] if found else None

    def remove(self, segment_id: int) -> list[str]:
        """Delete a segment for good and return the key of its object, if it has one."""
        return self._remove(table.c.id == segment_id)

    def _lock(self, segment_ids: Collection[int]) -> None:
        """Lock segments in the order of their ids, as everybody does: two that wait for each other wait for ever."""
        query = select(table.c.id).where(table.c.id.in_(segment_ids)).order_by(table.c.id)
        self._connection.execute(query.with_for_update())

    def _remove(self, *where: Any) -> list[str]:
        statement = delete(table).where(*where).returning(table.c.object_key)
        return [key for key in self._connection.execute(statement).scalars() if key is not None]

    def _all(self, query: Select[Any]) -> list[Segment]:
        return segments_of(self._connection, query.order_by(table.c.id))


def _waiting_day(row: Any, *, accepted_at: datetime | None = None) -> WaitingDay | None:
    """Return the day in a row; None for one that there is not."""
    if not is_of_a_day(row.resource_type, row.day):
        return None
    return WaitingDay(
        resource_type=TYPE_BY_NAME[row.resource_type],
        day=read_day(row.day),
        segments=row.segments,
        records=int(row.records),
        stored_bytes=int(row.stored_bytes),
        first_accepted_at=accepted_at or row.first_accepted_at,
        last_accepted_at=accepted_at or row.last_accepted_at,
    )


def _of_day(query: Select[Any], resource_type: ResourceType, day: Day) -> Select[Any]:
    return query.where(table.c.resource_type == resource_type.name, table.c.day == day)


def _free() -> Any:
    running = select(seal.c.id).where(seal.c.state == "running")
    return or_(table.c.seal_id.is_(None), table.c.seal_id.not_in(running))


def _unclaimed(now: datetime) -> Any:
    until = table.c.compacting_until
    return or_(until.is_(None), until <= now, until > now + _BELIEVED)


def _values(segment: NewSegment) -> dict[str, Any]:
    return {
        "resource_type": segment.resource_type.name,
        "day": segment.day,
        "kind": segment.kind.value,
        "object_key": segment.key,
        "records": segment.records,
        "plain_bytes": segment.plain_bytes,
        "stored_bytes": segment.stored_bytes,
        "accounts": segment.accounts,
        "checksum": segment.checksum,
    }


# Their days are read for the account alone that is asked about: a row that was edited must not stop all others.
_DAY: Final = type_coerce(table.c.day, String).label("day")
_WAITING_OF_ALL: Final = Prepared(
    select(table.c.resource_type, _DAY, table.c.accounts).where(
        table.c.accepted_at <= bindparam("accepted_by"), table.c.held_for.is_(None)
    )
)
_WAITING: Final = Prepared(
    select(_DAY, table.c.accounts).where(
        table.c.resource_type == bindparam("resource_type"),
        table.c.accepted_at <= bindparam("accepted_by"),
        table.c.held_for.is_(None),
    )
)
