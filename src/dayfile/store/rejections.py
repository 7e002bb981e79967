"""Rows of refused lines, kept until they are dropped or accepted on a later try.

The rejections of a batch that has many are written before its commit, in transactions of their own, under an entry in
the ledger of uploads. They count, and are seen here, once that entry is gone: the commit of their batch drops it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, null, or_, select, update

from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.model.receipt import ALL_REJECTIONS, Refusal, Rejection, RejectionFilter, RejectionGroup
from dayfile.model.resource import ResourceType
from dayfile.store.dialect import before, in_batches
from dayfile.store.tables.records import rejection as table
from dayfile.store.tables.records import upload

_CHANGED_AT_ONCE = 1000
_CHANGED_BYTES_AT_ONCE = 1024 * 1024  # dropped lines are overwritten, too, and other transactions wait for it


class Rejections:
    """The rejections, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        resource_type: ResourceType,
        source: str,
        refusals: Iterable[Refusal],
        *,
        now: datetime,
        upload_id: int | None = None,
    ) -> None:
        """Add refused lines of one source; with `upload_id`, they count once that entry of the ledger is settled."""
        for batch in in_batches(refusals):
            rows = [
                {
                    "resource_type": resource_type.name,
                    "source": source,
                    "line_number": refusal.line_number,
                    "field": refusal.field,
                    "reason": refusal.reason,
                    "line": refusal.line,
                    "account": refusal.account,
                    "rejected_at": now,
                    "upload_id": upload_id,
                }
                for refusal in batch
            ]
            self._connection.execute(insert(table), rows)

    def get(self, rejection_id: int) -> Rejection:
        """Return the rejection; raises NotFound."""
        row = self._connection.execute(select(table).where(table.c.id == rejection_id, _counts())).one_or_none()
        if row is None:
            raise NotFound(f"there is no rejection {rejection_id}")
        return _rejection(row)

    def listed(
        self,
        *,
        after_id: int = 0,
        limit: int,
        matching: RejectionFilter = ALL_REJECTIONS,
        with_lines: bool = True,
    ) -> list[Rejection]:
        """Return the rejections that follow an id and match, oldest first.

        A line may have a mebibyte: without `with_lines`, lines are not read, and are empty in the result.
        """
        columns = table.c if with_lines else [column for column in table.c if column is not table.c.line]
        query = select(*columns).where(table.c.id > after_id, *_matches(matching)).order_by(table.c.id).limit(limit)
        return [_rejection(row) for row in self._connection.execute(query)]

    def groups(
        self, *, by_reason: bool, by_source: bool, matching: RejectionFilter = ALL_REJECTIONS, limit: int
    ) -> list[RejectionGroup]:
        """Return the largest groups of those that match, by type and by reason, source or both."""
        whole = before(self._connection, table.c.reason, "; got ")
        parts = select(
            table.c.id,
            table.c.resource_type,
            (table.c.field if by_reason else null()).label("field"),
            (whole if by_reason else null()).label("reason"),
            (table.c.source if by_source else null()).label("source"),
            table.c.rejected_at,
        ).where(*_matches(matching))
        part = parts.subquery()
        keys = (part.c.resource_type, part.c.field, part.c.reason, part.c.source)
        count, first = func.count().label("size"), func.min(part.c.id).label("first_id")
        rows = self._connection.execute(
            select(
                *keys, count, first, func.max(part.c.id).label("last_id"), func.max(part.c.rejected_at).label("last")
            )
            .group_by(*keys)
            .order_by(count.desc(), first)
            .limit(limit)
        )
        return [
            RejectionGroup(
                resource_type=row.resource_type,
                field=row.field,
                reason=row.reason,
                source=row.source,
                count=row.size,
                first_id=row.first_id,
                last_id=row.last_id,
                last_rejected_at=row.last,
            )
            for row in rows
        ]

    def awaited(self, *, after: AccountSid | None, limit: int) -> list[AccountSid]:
        """Return the accounts that rejections wait for, in the order of their sids, after a sid.

        It steps from account to account through the index, however many rejections each of them has.
        """
        first = select(func.min(table.c.account).label("account")).where(table.c.account > (after or ""), _counts())
        step = first.cte("awaited", recursive=True)
        following = (
            select(func.min(table.c.account)).where(table.c.account > step.c.account, _counts()).scalar_subquery()
        )
        steps = step.union_all(select(following).where(step.c.account.is_not(None)))
        query = select(steps.c.account).where(steps.c.account.is_not(None)).limit(limit)
        return list(self._connection.execute(query).scalars())

    def revise(self, refusals: Iterable[Refusal]) -> None:
        """Update the reasons of rejections, given by their ids in place of line numbers."""
        for refusal in refusals:
            values = {"field": refusal.field, "reason": refusal.reason, "account": refusal.account}
            self._connection.execute(update(table).where(table.c.id == refusal.line_number).values(values))

    def count(self, matching: RejectionFilter = ALL_REJECTIONS) -> int:
        """Return the number of rejections that match."""
        return self._connection.execute(select(func.count()).select_from(table).where(*_matches(matching))).scalar_one()

    def newest(self) -> int:
        """Return the id of the newest rejection; 0 if there is none."""
        query = select(table.c.id).where(_counts()).order_by(table.c.id.desc()).limit(1)
        return self._connection.execute(query).scalar() or 0

    def next_ids(self, *, after: int, up_to: int, matching: RejectionFilter = ALL_REJECTIONS) -> list[int]:
        """Return the next ids of those that match, up to one, in order: as many as one transaction may change."""
        return self._some_ids(table.c.id > after, table.c.id <= up_to, *_matches(matching))

    def drop(self, rejection_ids: Collection[int]) -> int:
        """Delete rejections and return how many of them there were."""
        return sum(
            self._connection.execute(delete(table).where(table.c.id.in_(batch))).rowcount
            for batch in in_batches(rejection_ids)
        )

    def drop_abandoned(self, upload_id: int) -> int:
        """Delete some of the rejections under an entry that will not be settled, and return their number."""
        return self.drop(self._some_ids(table.c.upload_id == upload_id))

    def _some_ids(self, *which: ColumnElement[bool]) -> list[int]:
        query = select(table.c.id, func.length(table.c.line)).where(*which).order_by(table.c.id).limit(_CHANGED_AT_ONCE)
        ids: list[int] = []
        left = _CHANGED_BYTES_AT_ONCE
        for rejection_id, size in self._connection.execute(query):
            if left <= 0:
                break
            ids.append(rejection_id)
            left -= size
        return ids


def _counts() -> ColumnElement[bool]:
    return or_(table.c.upload_id.is_(None), ~exists().where(upload.c.id == table.c.upload_id))


def _matches(matching: RejectionFilter) -> list[ColumnElement[bool]]:
    conditions = [_counts()]
    if matching.resource_type is not None:
        conditions.append(table.c.resource_type == matching.resource_type.name)
    if matching.account is not None:
        conditions.append(table.c.account == matching.account)
    if matching.source is not None:
        conditions.append(table.c.source == matching.source)
    if matching.reason is not None:
        shown = func.coalesce(table.c.field.concat(": "), "").concat(table.c.reason)
        conditions.append(shown.icontains(matching.reason, autoescape=True))
    return conditions


def _rejection(row: Row[Any]) -> Rejection:
    return Rejection(
        id=row.id,
        resource_type=row.resource_type,
        source=row.source,
        rejected_at=row.rejected_at,
        refusal=Refusal(
            line_number=row.line_number,
            field=row.field,
            reason=row.reason,
            line=getattr(row, "line", b""),
            account=row.account,
        ),
    )
