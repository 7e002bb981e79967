"""Rows of sealed days, one for each revision. A row counts only if its seal is committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from msgspec.structs import astuple
from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, tuple_, update
from sqlalchemy.sql import Select

from dayfile.errors import DamagedRow, NotFound
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.export import FilePlace, NewSealedDay, Revision, SealedDay
from dayfile.model.resource import RESOURCE_TYPES, ResourceType
from dayfile.model.seal import SealClaim
from dayfile.store.columns import known_type, read_type
from dayfile.store.dialect import in_batches, insert_columns
from dayfile.store.instance import Instance
from dayfile.store.packs import Pack, Packs, Share
from dayfile.store.prepared import Prepared, PreparedForSome
from dayfile.store.seals import COMMITTED
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.exports import day_file
from dayfile.store.tables.sealing import damage, pack, seal
from dayfile.store.tables.sealing import sealed_day as table

PACK_COLUMNS: Final = (pack.c.object_key.label("pack_key"),)
"""The columns of its pack that a query of sealed days selects for `sealed_day`."""

_FEW: Final = 50  # days whose seals are asked for by their ids; for more, all seals are read with the days


@dataclass(frozen=True, slots=True, kw_only=True)
class Disused:
    """A revision of no more use, locked together with its pack."""

    id: int
    key: str
    size_bytes: int
    pack_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableDay:
    """A row that cannot be read, as far as it can."""

    id: int
    account: object  # what it says: the sid of an account, or anything
    key: object
    reason: str


OnUnreadable = Callable[[UnreadableDay], object]


def _leave_out(_: UnreadableDay) -> None:
    pass


class SealedDays:
    """The sealed days, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        claim: SealClaim,
        new: Sequence[NewSealedDay],
        *,
        packs: Mapping[str, int] | None = None,
        is_adopted: bool = False,
        now: datetime,
    ) -> None:
        """Record the revisions that a seal has made and supersedes; both count once the seal is committed.

        `packs` has the size of each pack of the seal; with `is_adopted`, of packs that are there since long ago.
        """
        if not new:
            return
        of_packs = Packs(self._connection)
        ids = (of_packs.adopt if is_adopted else of_packs.fill)(claim, _shares(new), sizes=packs or {})
        for batch in in_batches(one.account for one in new if one.revision > 1):
            older = update(table).where(
                table.c.resource_type == claim.resource_type.name,
                table.c.day == claim.day,
                table.c.account.in_(batch),
                # A committed seal that was first to supersede a revision stays noted: the time since then counts.
                ~select(seal.c.id).where(seal.c.id == table.c.superseded_by, seal.c.state == COMMITTED).exists(),
            )
            self._connection.execute(older.values(superseded_by=claim.id))
        insert_columns(
            self._connection,
            table,
            _columns(new, ids),
            seal_id=claim.id,
            resource_type=claim.resource_type.name,
            day=claim.day,
            sealed_at=now,
        )

    def get(self, sealed_day_id: int) -> SealedDay:
        """Return the sealed day; raises NotFound."""
        row = _OF_ID.row(self._connection, sealed_day_id=sealed_day_id)
        if row is None:
            raise NotFound(f"there is no sealed day {sealed_day_id}")
        return sealed_day(row)

    def current(self, account: AccountSid, resource_type: ResourceType, days: DayRange) -> dict[Day, SealedDay]:
        """Return the newest revision of each of the days; days without records are left out."""
        rows = _CURRENT.rows(self._connection, **_range(account, resource_type, days))
        return {row.day: sealed_day(row) for row in rows}

    def revisions(
        self, account: AccountSid, resource_type: ResourceType, days: DayRange, *, published: Collection[int | None]
    ) -> list[Revision]:
        """Return what a calendar shows of all revisions of the days, the newest of each day last.

        `published` are the ids of those that are on the list, which count. The seals of others are looked up: they may
        be as many pages of the database as the days.
        """
        asked = _range(account, resource_type, days)
        if len(days) - len(published) > _FEW:
            return _COMMITTED_REVISIONS.rows(self._connection, **asked)
        found: list[Revision] = _REVISIONS.rows(self._connection, **asked)
        others = {one.seal_id for one in found if one.id not in published}
        if not others:
            return found
        committed = {row.id for row in _COMMITTED_SEALS.rows(self._connection, others)}
        return [one for one in found if one.id in published or one.seal_id in committed]

    def records_by_type(self, account: AccountSid, days: DayRange) -> dict[str, dict[Day, int]]:
        """Return the number of records of each type's days, in their newest revisions; without records, left out."""
        found: dict[str, dict[Day, int]] = {}
        for row in _RECORDS.rows(self._connection, account=account, first=days.first, last=days.last):
            found.setdefault(row.resource_type, {})[row.day] = row.records
        return found

    def of_day(
        self, resource_type: ResourceType, day: Day, *, on_unreadable: OnUnreadable = _leave_out
    ) -> dict[AccountSid, SealedDay]:
        """Return the newest revision of every account that has records on the day; of rows that cannot be read, none.

        Those are given to `on_unreadable`: an account of such a row may have a newer revision than is returned.
        """
        query = _committed().where(table.c.resource_type == resource_type.name, table.c.day == day)
        return self._newest(query, on_unreadable)

    def current_of(
        self,
        accounts: Collection[AccountSid],
        resource_type: ResourceType,
        day: Day,
        *,
        on_unreadable: OnUnreadable = _leave_out,
    ) -> dict[AccountSid, SealedDay]:
        """Return the newest revision that each of the accounts has of a day; accounts without records are left out.

        So are rows that cannot be read, as with `of_day`.
        """
        found: dict[AccountSid, SealedDay] = {}
        for batch in in_batches(accounts):
            query = _committed().where(
                table.c.resource_type == resource_type.name, table.c.day == day, table.c.account.in_(batch)
            )
            found |= self._newest(query, on_unreadable)
        return found

    def _newest(self, query: Select[Any], on_unreadable: OnUnreadable) -> dict[AccountSid, SealedDay]:
        def refuse(row: Any, error: DamagedRow) -> None:
            on_unreadable(UnreadableDay(id=row.id, account=row.account, key=row.file_key, reason=error.reason))

        found = sound_rows(self._connection, query.order_by(table.c.revision), sealed_day, on_refused=refuse)
        return {one.account: one for one in found}

    def after(self, sealed_day_id: int, *, limit: int) -> list[SealedDay]:
        """Return the sealed days that follow an id, all revisions, for walking over them; none of an unknown type."""
        query = _committed().where(table.c.id > sealed_day_id, known_type(table)).order_by(table.c.id).limit(limit)
        return sound_rows(self._connection, query, sealed_day)

    def of_seal(self, seal_id: int, *, after: int, limit: int) -> list[SealedDay]:
        """Return what a committed seal has made and is not forgotten, from behind an id on, in its order."""
        query = _committed().where(table.c.seal_id == seal_id, table.c.id > after).order_by(table.c.id).limit(limit)
        return [sealed_day(row) for row in self._connection.execute(query)]

    def disused(self, *, superseded_before: datetime, unpublished_before: datetime, limit: int) -> list[Disused]:
        """Return revisions of no more use: superseded, on no list, and on none for some time.

        They, and before them their packs, are locked until this transaction ends; rows that somebody else has locked,
        or has just moved into another pack, are left out.
        """
        query = _disused(superseded_before, unpublished_before).order_by(table.c.id).limit(limit)
        found = self._connection.execute(query).all()
        locked = {row.pack_id for row in found if row.pack_id is not None}
        Packs(self._connection).lock(locked)
        same = _disused(superseded_before, unpublished_before).where(table.c.id.in_([row.id for row in found]))
        rows = self._connection.execute(same.order_by(table.c.id).with_for_update(of=table, skip_locked=True))
        return [
            Disused(id=row.id, key=row.file_key, size_bytes=row.size_bytes, pack_id=row.pack_id)
            for row in rows
            if row.pack_id is None or row.pack_id in locked
        ]

    def count_disused(self, *, superseded_before: datetime, unpublished_before: datetime) -> int:
        """Return the number of disused revisions."""
        query = select(func.count()).select_from(_disused(superseded_before, unpublished_before).subquery())
        return self._connection.execute(query).scalar_one()

    def mark_incomplete(self, sealed_day_ids: Collection[int]) -> None:
        """Mark revisions from which accepted records are lost; later revisions inherit the mark."""
        for batch in in_batches(sealed_day_ids):
            self._connection.execute(update(table).where(table.c.id.in_(batch)).values(is_incomplete=True))

    def former(self, account: AccountSid, resource_type: ResourceType, day: Day) -> list[SealedDay]:
        """Return all revisions of an account's day that are kept, the newest first."""
        rows = _CURRENT.rows(self._connection, **_range(account, resource_type, DayRange(first=day, last=day)))
        return [sealed_day(row) for row in reversed(rows)]

    def find_by_key(self, key: str, account: AccountSid, resource_type: ResourceType, day: Day) -> SealedDay | None:
        """Return the revision of an account's day with this object; None if it no longer exists."""
        return next((one for one in self.former(account, resource_type, day) if one.key == key), None)

    def forget(self, disused: Sequence[Disused]) -> list[str]:
        """Delete revisions, and return the keys of objects that nothing refers to now: their own, and emptied packs.

        The caller condemns those in the same commit.
        """
        Instance(self._connection).check_version()
        for batch in in_batches(one.id for one in disused):
            self._connection.execute(delete(table).where(table.c.id.in_(batch)))
        packed = [(one.pack_id, one.size_bytes) for one in disused if one.pack_id is not None]
        own = [one.key for one in disused if one.pack_id is None]
        return own + Packs(self._connection).release(packed)

    def in_pack(self, one: Pack) -> list[SealedDay]:
        """Return the files in a pack, in the order of their bytes."""
        of_day = table.c.resource_type == one.resource_type.name, table.c.day == one.day  # as these have an index
        query = _committed().where(*of_day, table.c.pack_id == one.id).order_by(table.c.pack_offset)
        return [sealed_day(row) for row in self._connection.execute(query)]

    def of_ids(self, sealed_day_ids: Collection[int]) -> dict[int, SealedDay]:
        """Return sealed days by their ids; those that do not count are left out."""
        found: dict[int, SealedDay] = {}
        for batch in in_batches(sealed_day_ids):
            query = _committed().where(table.c.id.in_(batch))
            found |= {one.id: one for one in sound_rows(self._connection, query, sealed_day)}
        return found

    def keys_of(self, places: Collection[tuple[AccountSid, str, Day]]) -> set[str]:
        """Return the keys of the own objects of accounts' days of a type (by its name), counting yet or not."""
        found: set[str] = set()
        for batch in in_batches(places):
            query = select(table.c.file_key).where(
                tuple_(table.c.account, table.c.resource_type, table.c.day).in_(batch), table.c.pack_id.is_(None)
            )
            found.update(self._connection.execute(query).scalars())
        return found

    def object_keys(self, *, limit: int) -> set[str]:
        """Return the keys of the objects of some sealed days, whatever else their rows say."""
        key = func.coalesce(pack.c.object_key, table.c.file_key).label("object_key")
        query = select(key).select_from(table).join(seal, seal.c.id == table.c.seal_id)
        query = query.outerjoin(pack, pack.c.id == table.c.pack_id).where(seal.c.state == COMMITTED)
        return set(sound_rows(self._connection, query.order_by(table.c.id).limit(limit), lambda row: row.object_key))

    def count(self) -> int:
        """Return the number of sealed days, all revisions."""
        query = select(func.count()).select_from(table).join(seal).where(seal.c.state == COMMITTED)
        return self._connection.execute(query).scalar_one()


def sealed_day(row: Row[Any]) -> SealedDay:
    """Return the sealed day in a row of its table."""
    return SealedDay(
        id=row.id,
        account=row.account,
        resource_type=read_type(row.resource_type, "sealed_day", row.id),
        day=row.day,
        revision=row.revision,
        key=row.file_key,
        records=row.records,
        size_bytes=row.size_bytes,
        plain_bytes=row.plain_bytes,
        sha256=row.sha256,
        plain_sha256=row.plain_sha256,
        encoder=row.encoder,
        first_created_at=row.first_created_at,
        last_created_at=row.last_created_at,
        sealed_at=row.sealed_at,
        is_incomplete=row.is_incomplete,
        pack=_pack_place(row),
        xxh3=row.xxh3,
    )


def _pack_place(row: Row[Any]) -> FilePlace | None:
    if row.pack_id is None:
        return None
    return FilePlace(
        # A row that was edited may name a pack that is not there: then no object has this key.
        object_key=row.pack_key or f"{row.file_key}-pack-{row.pack_id}",
        start=row.pack_offset or 0,
        pack_id=row.pack_id,
    )


def _shares(new: Iterable[NewSealedDay]) -> dict[str, Share]:
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for key, some in groupby(new, key=attrgetter("pack_key")):
        if key is not None:
            in_a_row = [one.size_bytes for one in some]
            files[key] += len(in_a_row)
            sizes[key] += sum(in_a_row)
    return {key: Share(files=files[key], size_bytes=sizes[key]) for key in files}


def _columns(new: Sequence[NewSealedDay], packs: Mapping[str, int]) -> dict[str, Sequence[Any]]:
    """Return the values of manifests by the columns of the table; column by column takes a third of row by row."""
    values = zip(*map(astuple, new), strict=True)
    columns: dict[str, Sequence[Any]] = dict(zip(NewSealedDay.__struct_fields__, values, strict=True))
    columns["file_key"] = columns.pop("key")
    columns["pack_id"] = [None if key is None else packs[key] for key in columns.pop("pack_key")]
    return columns


def _disused(superseded_before: datetime, unpublished_before: datetime) -> Select[Any]:
    return (
        select(table.c.id, table.c.file_key, table.c.size_bytes, table.c.pack_id)
        .join(seal, seal.c.id == table.c.superseded_by)
        .where(
            seal.c.state == COMMITTED,
            seal.c.committed_at < superseded_before,
            or_(table.c.unpublished_at.is_(None), table.c.unpublished_at < unpublished_before),
            ~select(day_file.c.day).where(day_file.c.sealed_day_id == table.c.id).exists(),
            # As long as something of the account's day is damaged, a former revision may be all that is left.
            ~select(damage.c.id)
            .where(
                damage.c.settled_at.is_(None),
                damage.c.resource_type == table.c.resource_type,
                damage.c.day == table.c.day,
                damage.c.account == table.c.account,
            )
            .exists(),
        )
    )


def _committed() -> Select[Any]:
    return (
        select(table, *PACK_COLUMNS)
        .join(seal, seal.c.id == table.c.seal_id)
        .outerjoin(pack, pack.c.id == table.c.pack_id)
        .where(seal.c.state == COMMITTED)
    )


def _range(account: AccountSid, resource_type: ResourceType, days: DayRange) -> dict[str, Any]:
    return {"account": account, "resource_type": resource_type.name, "first": days.first, "last": days.last}


def _of_range(query: Select[Any]) -> Select[Any]:
    """Return a query for the revisions of an account's days, the newest of each day last."""
    return query.where(
        table.c.account == bindparam("account"),
        table.c.resource_type == bindparam("resource_type"),
        table.c.day.between(bindparam("first"), bindparam("last")),
    ).order_by(table.c.revision)


_CURRENT: Final = Prepared(_of_range(_committed()))
_CALENDAR: Final = select(
    table.c.id, table.c.seal_id, table.c.day, table.c.revision.label("number"), table.c.records, table.c.size_bytes
)
_REVISIONS: Final = Prepared(_of_range(_CALENDAR), row=Revision)
_COMMITTED_REVISIONS: Final = Prepared(
    _of_range(_CALENDAR.join(seal, seal.c.id == table.c.seal_id).where(seal.c.state == COMMITTED)), row=Revision
)
_COMMITTED_SEALS: Final = PreparedForSome(select(seal.c.id).where(seal.c.state == COMMITTED), seal.c.id)
_RECORDS: Final = Prepared(
    select(table.c.resource_type, table.c.day, table.c.records)
    .join(seal, seal.c.id == table.c.seal_id)
    .where(
        seal.c.state == COMMITTED,
        table.c.account == bindparam("account"),
        # Named one by one, so that an index by type and day helps.
        or_(*(table.c.resource_type == kind.name for kind in RESOURCE_TYPES)),
        table.c.day.between(bindparam("first"), bindparam("last")),
    )
    .order_by(table.c.revision)
)
_OF_ID: Final = Prepared(_committed().where(table.c.id == bindparam("sealed_day_id")))
