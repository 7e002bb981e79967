"""Rows of day files: the published files, until they expire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, literal, or_, select, tuple_, update
from sqlalchemy.sql import Select

from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.empty import EMPTY_FILE
from dayfile.model.export import DayFile, FileDetails, ListedDay
from dayfile.model.resource import RESOURCE_TYPES, ResourceType
from dayfile.store.columns import known_type, read_type
from dayfile.store.dialect import in_batches, upsert
from dayfile.store.prepared import Prepared
from dayfile.store.sealed_days import PACK_COLUMNS, sealed_day
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.exports import day_file as table
from dayfile.store.tables.sealing import pack
from dayfile.store.tables.sealing import sealed_day as sealed_table

REMEMBERED_DAYS: Final = 2000
"""Most days of lists that are remembered: half a kilobyte each."""


class DayFiles:
    """The day files, within one transaction. An expired one counts as gone, whether its row was removed yet or not."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def publish(self, files: Sequence[DayFile], *, now: datetime) -> None:
        """Publish files; a file replaces the one for the same account, resource type and day."""
        rows = [
            {
                "account": file.account,
                "resource_type": file.resource_type.name,
                "day": file.day,
                "friendly_name": file.friendly_name,
                "created_at": file.created_at,
                "generation": file.generation,
                "sealed_day_id": file.sealed.id if file.sealed else None,
                "expires_at": file.expires_at,
            }
            for file in files
        ]
        for batch in in_batches(rows):
            replaced = self._replaced(batch)
            upsert(self._connection, table, batch)
            if replaced:
                # Links to files that are no longer on the list stay valid for a while.
                gone = update(sealed_table).where(sealed_table.c.id.in_(replaced))
                self._connection.execute(gone.values(unpublished_at=now))

    def find(self, account: AccountSid, resource_type: ResourceType, day: Day, *, now: datetime) -> DayFile | None:
        """Return the published file of the day, or None."""
        row = _FIND.row(self._connection, day=day, **_list(account, resource_type, now))
        return None if row is None else _day_file(row)

    def of_days(
        self, account: AccountSid, resource_type: ResourceType, days: DayRange, *, now: datetime
    ) -> dict[Day, DayFile]:
        """Return the published files of the days, in their order; days without one are left out."""
        query = _OF_DAYS.rows(self._connection, first=days.first, last=days.last, **_list(account, resource_type, now))
        return {row.file_day: _day_file(row) for row in query}

    def sealed_ids(
        self, account: AccountSid, resource_type: ResourceType, days: DayRange, *, now: datetime
    ) -> list[tuple[Day, int | None]]:
        """Return the days that are published, each with the id of its sealed day; None for one without records."""
        asked = {"first": days.first, "last": days.last, **_list(account, resource_type, now)}
        return _SEALED_IDS.rows(self._connection, **asked)

    def details(
        self, account: AccountSid, resource_type: ResourceType, days: DayRange, *, now: datetime
    ) -> dict[Day, FileDetails]:
        """Return what a list shows of the published files of the days; days without one are left out."""
        asked = {"first": days.first, "last": days.last, **_list(account, resource_type, now)}
        return {one.day: one for one in _DETAILS.rows(self._connection, **asked)}

    def count_by_type(self, account: AccountSid, days: DayRange, *, now: datetime) -> dict[str, int]:
        """Return the number of published files of the days, for each type that has any."""
        rows = _COUNTS.rows(self._connection, account=account, first=days.first, last=days.last, now=now)
        return {row.resource_type: row.files for row in rows}

    def page(
        self,
        account: AccountSid,
        resource_type: ResourceType,
        *,
        after: tuple[int, Day] | None = None,
        before: tuple[int, Day] | None = None,
        offset: int = 0,
        limit: int,
        now: datetime,
        remembering: bool = False,
    ) -> list[ListedDay]:
        """Return what the Days list shows, ordered by generation, then day.

        These are the files that follow `after`, or the last ones before `before`. `remembering` is for a page that is
        asked for again and again, and has neither.
        """
        asked = {"offset": offset, "limit": limit, **_list(account, resource_type, now)}
        if remembering:
            return _LISTED.again(self._connection, **asked)
        return _LISTED.page(self._connection, after=after, before=before, **asked)

    def forget_expired(self, *, now: datetime, limit: int) -> int:
        """Delete day files that are on no list any more and have no valid links, and return their number."""
        key = table.c.account, table.c.resource_type, table.c.day
        expired = table.c.expires_at <= now
        # In the order in which those that publish such a day again lock them.
        query = select(*key).where(expired).order_by(*key).limit(limit).with_for_update(skip_locked=True)
        rows = [tuple(row) for row in self._connection.execute(query)]
        if not rows:
            return 0
        return self._connection.execute(delete(table).where(tuple_(*key).in_(rows), expired)).rowcount

    def walk(self, *, after: tuple[str, str, Day] | None, limit: int) -> list[DayFile]:
        """Return published files of all accounts after a key, in the order of their keys, for checking them.

        Those whose rows cannot be read are left out.
        """
        query = _with_sealed().where(known_type(table), or_(sealed_table.c.id.is_(None), known_type(sealed_table)))
        key = table.c.account, table.c.resource_type, table.c.day
        if after is not None:
            place = (literal(value, column.type) for value, column in zip(after, key, strict=True))
            query = query.where(tuple_(*key) > tuple_(*place))
        query = query.order_by(*key).limit(limit)
        return sound_rows(self._connection, query, _day_file)

    def count_expired(self, *, before: datetime) -> int:
        """Return the number of rows that expired before then."""
        query = select(func.count()).select_from(table).where(table.c.expires_at < before)
        return self._connection.execute(query).scalar_one()

    def _replaced(self, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the revisions that these rows take off the list."""
        becomes = {(row["account"], row["resource_type"], row["day"]): row["sealed_day_id"] for row in rows}
        if len({(account, resource_type) for account, resource_type, _ in becomes}) == 1:
            return self._replaced_of_one(becomes)
        key = tuple_(table.c.account, table.c.resource_type, table.c.day)
        query = select(table).where(key.in_(list(becomes)), table.c.sealed_day_id.is_not(None))
        return [
            row.sealed_day_id
            for row in self._connection.execute(query)
            if row.sealed_day_id != becomes[row.account, row.resource_type, row.day]
        ]

    def _replaced_of_one(self, becomes: Mapping[tuple[AccountSid, str, Day], int | None]) -> list[int]:
        """Return the same for days of one account and type, by a statement that is made once."""
        [(account, resource_type), *_], days = list({key[:2] for key in becomes}), [day for _, _, day in becomes]
        asked = {"account": account, "resource_type": resource_type, "first": min(days), "last": max(days)}
        return [
            row.sealed_day_id
            for row in _LISTED_ONES.rows(self._connection, **asked)
            if row.sealed_day_id != becomes.get((account, resource_type, row.day), row.sealed_day_id)
        ]


def _with_sealed() -> Select[Any]:
    published = [
        table.c.account.label("file_account"),
        table.c.resource_type.label("file_type"),
        table.c.day.label("file_day"),
        table.c.friendly_name,
        table.c.created_at,
        table.c.generation,
        table.c.expires_at,
    ]
    return select(*published, sealed_table, *PACK_COLUMNS).select_from(
        table.outerjoin(sealed_table, sealed_table.c.id == table.c.sealed_day_id).outerjoin(
            pack, pack.c.id == sealed_table.c.pack_id
        )
    )


def _list(account: AccountSid, resource_type: ResourceType, now: datetime) -> dict[str, Any]:
    """Return the parameters of the statements below that say of which list they are."""
    return {"account": account, "resource_type": resource_type.name, "now": now}


def _of_a_list(query: Select[Any]) -> Select[Any]:
    return query.where(
        table.c.account == bindparam("account"),
        table.c.resource_type == bindparam("resource_type"),
        table.c.expires_at > bindparam("now"),
    )


class _Pages:
    """The pages of a list."""

    def __init__(self, query: Select[Any]) -> None:
        at, on = bindparam("at", type_=table.c.generation.type), bindparam("on", type_=table.c.day.type)
        page, place = query.offset(bindparam("offset")).limit(bindparam("limit")), (table.c.generation, table.c.day)
        forwards, backwards = page.order_by(*place), page.order_by(*(column.desc() for column in place))
        # Compared as pairs, so that the index leads to the place: alternatives would be tried for every row before it.
        follows, precedes = tuple_(*place) > tuple_(at, on), tuple_(*place) < tuple_(at, on)
        self._first = Prepared(forwards, row=ListedDay)
        self._again = Prepared(forwards, row=ListedDay, remembered=REMEMBERED_DAYS)
        self._after = Prepared(forwards.where(follows), row=ListedDay)
        self._before = Prepared(backwards.where(precedes), row=ListedDay)

    def page(
        self, connection: Connection, *, after: tuple[int, Day] | None, before: tuple[int, Day] | None, **asked: Any
    ) -> list[ListedDay]:
        """Return the rows that follow `after`, or the last ones before `before`, or the first of all."""
        if before is not None:
            return self._before.rows(connection, at=before[0], on=before[1], **asked)[::-1]
        if after is not None:
            return self._after.rows(connection, at=after[0], on=after[1], **asked)
        return self._first.rows(connection, **asked)

    def again(self, connection: Connection, **asked: Any) -> list[ListedDay]:
        """Return the first of all rows, and remember them."""
        return self._again.rows(connection, **asked)


_FIND: Final = Prepared(_of_a_list(_with_sealed()).where(table.c.day == bindparam("day")))
_IN_RANGE: Final = table.c.day.between(bindparam("first"), bindparam("last"))
_OF_DAYS: Final = Prepared(_of_a_list(_with_sealed()).where(_IN_RANGE).order_by(table.c.day))
_SEALED_IDS: Final = Prepared(_of_a_list(select(table.c.day, table.c.sealed_day_id)).where(_IN_RANGE))
_DETAILS: Final = Prepared(
    _of_a_list(
        select(table.c.day, sealed_table.c.sealed_at, sealed_table.c.sha256, table.c.expires_at).select_from(
            table.outerjoin(sealed_table, sealed_table.c.id == table.c.sealed_day_id)
        )
    ).where(_IN_RANGE),
    row=FileDetails,
)
_COUNTS: Final = Prepared(
    select(table.c.resource_type, func.count().label("files"))
    .where(
        table.c.account == bindparam("account"),
        or_(*(table.c.resource_type == kind.name for kind in RESOURCE_TYPES)),
        table.c.expires_at > bindparam("now"),
        _IN_RANGE,
    )
    .group_by(table.c.resource_type)
)
_LISTED_ONES: Final = Prepared(
    select(table.c.day, table.c.sealed_day_id).where(
        table.c.account == bindparam("account"),
        table.c.resource_type == bindparam("resource_type"),
        table.c.sealed_day_id.is_not(None),
        _IN_RANGE,
    )
)
_LISTED: Final = _Pages(
    _of_a_list(
        select(
            table.c.day,
            table.c.friendly_name,
            table.c.created_at,
            table.c.generation,
            func.coalesce(sealed_table.c.size_bytes, len(EMPTY_FILE)).label("size_bytes"),
        ).select_from(table.outerjoin(sealed_table, sealed_table.c.id == table.c.sealed_day_id))
    )
)


def _day_file(row: Row[Any]) -> DayFile:
    return DayFile(
        account=row.file_account,
        resource_type=read_type(row.file_type, "day_file", row.file_account, row.file_day),
        day=row.file_day,
        friendly_name=row.friendly_name,
        created_at=row.created_at,
        generation=row.generation,
        sealed=None if row.id is None else sealed_day(row),
        expires_at=row.expires_at,
    )
