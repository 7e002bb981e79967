"""Daily runs: the days to be exported for all accounts that enabled daily exports, and the progress of each."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, tuple_, update
from sqlalchemy.sql import ColumnElement, Select

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import DailyRun, WithheldDay
from dayfile.model.resource import ResourceType
from dayfile.store.columns import read_type
from dayfile.store.dialect import in_batches, insert_missing
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.exports import daily_run as table
from dayfile.store.tables.exports import daily_withheld


class DailyRuns:
    """The daily runs, within one transaction. They have no lease: a run advances by commits, with its row locked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, resource_type: ResourceType, day: Day, *, now: datetime) -> None:
        """Start the run of a day, in the commit that first seals it, so that it cannot be missed."""
        begun = {"cursor": "", "published": 0, "started_at": now, "not_before": now, "finished_at": None}
        insert_missing(self._connection, table, [{"resource_type": resource_type.name, "day": day, **begun}])

    def due(self, *, now: datetime, limit: int) -> list[DailyRun]:
        """Return the runs that may go on now, oldest day first."""
        return self._unfinished(select(table).where(table.c.not_before <= now), limit=limit)

    def lock(self, run: DailyRun) -> DailyRun | None:
        """Return the run as it is now, locked until this transaction ends.

        Returns None if somebody else has it locked, or it is finished.
        """
        query = select(table).where(_is(run), table.c.finished_at.is_(None)).with_for_update(skip_locked=True)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _run(row)

    def advance(self, run: DailyRun, *, cursor: str, published: int) -> None:
        """Move a locked run's cursor behind the accounts that were processed, and add the number of files published."""
        statement = update(table).where(_is(run))
        self._connection.execute(statement.values(cursor=cursor, published=run.published + published))

    def finish(self, run: DailyRun, *, now: datetime) -> None:
        """Finish a locked run that has processed all accounts: it never runs again."""
        self._connection.execute(update(table).where(_is(run)).values(finished_at=now))

    def rest(self, run: DailyRun, *, until: datetime) -> None:
        """Delay a run that failed, so that it holds up no other."""
        self._connection.execute(update(table).where(_is(run)).values(not_before=until))

    def withhold(self, run: DailyRun, accounts: Collection[AccountSid]) -> None:
        """Pass over accounts in a locked run: their files are published later."""
        key = {"resource_type": run.resource_type.name, "day": run.day}
        for batch in in_batches(sorted(accounts)):
            insert_missing(self._connection, daily_withheld, [{**key, "account": account} for account in batch])

    def withheld(self, *, after: WithheldDay | None, limit: int) -> list[WithheldDay]:
        """Return files that were passed over, in the order of type, day and account, after one of them."""
        key = daily_withheld.c.resource_type, daily_withheld.c.day, daily_withheld.c.account
        query = select(daily_withheld).order_by(*key).limit(limit)
        if after is not None:
            query = query.where(tuple_(*key) > (after.resource_type.name, after.day, after.account))
        return sound_rows(self._connection, query, _withheld)

    def let_go(self, withheld: WithheldDay) -> bool:
        """Release a withheld file, in the commit that publishes it; False if somebody else did that."""
        statement = delete(daily_withheld).where(
            daily_withheld.c.resource_type == withheld.resource_type.name,
            daily_withheld.c.day == withheld.day,
            daily_withheld.c.account == withheld.account,
        )
        return self._connection.execute(statement).rowcount == 1

    def unfinished(self, *, limit: int) -> list[DailyRun]:
        """Return the runs that are under way or wait, oldest day first."""
        return self._unfinished(select(table), limit=limit)

    def overdue(self, *, started_before: datetime, limit: int) -> list[DailyRun]:
        """Return runs that began so long ago and are not finished: there must be none."""
        return self._unfinished(select(table).where(table.c.started_at < started_before), limit=limit)

    def forget(self, *, finished_before: datetime, limit: int) -> int:
        """Delete runs that finished long ago and return their number. None begins again, since its day is sealed."""
        old = select(table.c.resource_type, table.c.day).where(table.c.finished_at < finished_before).limit(limit)
        statement = delete(table).where(tuple_(table.c.resource_type, table.c.day).in_(old))
        return self._connection.execute(statement).rowcount

    def _unfinished(self, query: Select[Any], *, limit: int) -> list[DailyRun]:
        query = query.where(table.c.finished_at.is_(None)).order_by(table.c.day, table.c.resource_type).limit(limit)
        return sound_rows(self._connection, query, _run)


def _is(run: DailyRun) -> ColumnElement[bool]:
    return (table.c.resource_type == run.resource_type.name) & (table.c.day == run.day)


def _run(row: Row[Any]) -> DailyRun:
    return DailyRun(
        resource_type=read_type(row.resource_type, "daily_run", row.day),
        day=row.day,
        cursor=row.cursor,
        published=row.published,
        started_at=row.started_at,
    )


def _withheld(row: Row[Any]) -> WithheldDay:
    return WithheldDay(
        resource_type=read_type(row.resource_type, "daily_withheld", row.day, row.account),
        day=row.day,
        account=row.account,
    )
