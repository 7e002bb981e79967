"""Where refused lines are kept, until they are dropped or accepted at a later try."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.model.receipt import Refusal, Rejection
from dayfile.model.resource import ResourceType
from dayfile.store.dialect import in_batches
from dayfile.store.tables.records import rejection as table


class Rejections:
    """The rejections, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, resource_type: ResourceType, source: str, refusals: Iterable[Refusal], *, now: datetime) -> None:
        """Keep refused lines of one source."""
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
                }
                for refusal in batch
            ]
            self._connection.execute(insert(table), rows)

    def get(self, rejection_id: int) -> Rejection:
        """The rejection; raises NotFound."""
        row = self._connection.execute(select(table).where(table.c.id == rejection_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no rejection {rejection_id}")
        return _rejection(row)

    def listed(self, *, after_id: int = 0, limit: int, account: AccountSid | None = None) -> list[Rejection]:
        """The rejections that follow an id, oldest first; with `account`, those that wait for it to appear."""
        query = select(table).where(table.c.id > after_id).order_by(table.c.id).limit(limit)
        if account is not None:
            query = query.where(table.c.account == account)
        return [_rejection(row) for row in self._connection.execute(query)]

    def awaited(self, *, after: AccountSid | None, limit: int) -> list[AccountSid]:
        """The accounts that rejections wait for, in the order of their sids: those that follow one.

        It steps from account to account through the index, however many rejections each of them has.
        """
        first = select(func.min(table.c.account).label("account")).where(table.c.account > (after or ""))
        step = first.cte("awaited", recursive=True)
        following = select(func.min(table.c.account)).where(table.c.account > step.c.account).scalar_subquery()
        steps = step.union_all(select(following).where(step.c.account.is_not(None)))
        query = select(steps.c.account).where(steps.c.account.is_not(None)).limit(limit)
        return list(self._connection.execute(query).scalars())

    def revise(self, refusals: Iterable[Refusal]) -> None:
        """What is wrong with rejections, by their ids in place of line numbers, is something else by now."""
        for refusal in refusals:
            values = {"field": refusal.field, "reason": refusal.reason, "account": refusal.account}
            self._connection.execute(update(table).where(table.c.id == refusal.line_number).values(values))

    def count(self) -> int:
        """How many are kept."""
        return self._connection.execute(select(func.count()).select_from(table)).scalar_one()

    def drop(self, rejection_ids: Collection[int]) -> int:
        """Forget rejections; how many of them there were."""
        return sum(
            self._connection.execute(delete(table).where(table.c.id.in_(batch))).rowcount
            for batch in in_batches(rejection_ids)
        )


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
            line=row.line,
            account=row.account,
        ),
    )
