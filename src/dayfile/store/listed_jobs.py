"""Jobs as answers show them, one statement each: with the details of their days, and with the queue before one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Row, String, bindparam, case, func, literal_column, select, type_coerce
from sqlalchemy import cast as as_type
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from dayfile.model.account import AccountSid
from dayfile.model.job import FoundJob, Job, JobSid, ListedJob, Queue, Status, StatusGroup
from dayfile.model.resource import ResourceType
from dayfile.store.columns import read_day, sum_of
from dayfile.store.jobs import DAYS_AS_TEXT, IS_SHOWN, STATUSES, JobPages, read_job
from dayfile.store.prepared import Prepared
from dayfile.store.tables.exports import job as table

_ORDER: Final = {status.value: place for place, status in enumerate(Status)}
_DAY_LENGTH: Final = 10


class ListedJobs:
    """The jobs that are shown, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, account: AccountSid, sid: JobSid, *, over_since: datetime) -> FoundJob | None:
        """Return the account's job with its queue; None for a foreign, deleted, or long finished job."""
        row = _FIND.row(self._connection, sid=sid, account=account, over_since=over_since)
        if row is None:
            return None
        job = read_job(row)
        return FoundJob(job=job, details=row.details, queue=_queue(job, row))

    def page(
        self,
        account: AccountSid,
        resource_type: ResourceType,
        *,
        before: int | None = None,
        after: int | None = None,
        offset: int = 0,
        limit: int,
        over_since: datetime,
        remembering: bool = False,
    ) -> list[ListedJob]:
        """Return shown jobs, newest first: those submitted before number `before`, or the ones just after `after`.

        `remembering` is for a page that is asked for again and again, and has neither.
        """
        asked = {"account": account, "resource_type": resource_type.name, "over_since": over_since}
        if remembering:
            return _PAGES.again(self._connection, offset=offset, limit=limit, **asked)
        return _PAGES.rows(self._connection, before=before, after=after, offset=offset, limit=limit, **asked)


class _Details(TypeDecorator[tuple[StatusGroup, ...]]):
    """The days of a job as text, each behind its status."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[StatusGroup, ...]:
        return _details(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], tuple[StatusGroup, ...]]:
        return _details


@lru_cache(maxsize=256)  # lists are asked for again and again; with a year of days each, they take some megabytes
def _details(text: str | None) -> tuple[StatusGroup, ...]:
    """Return the days of a job, grouped as `group_by_status` does, without a value for each day and status."""
    if text is None:  # it has none, as only a damaged database can have it
        return ()
    found: dict[str, list[str]] = {}
    for one in text.split(","):
        found.setdefault(one[:-_DAY_LENGTH], []).append(one[-_DAY_LENGTH:])
    return tuple(
        StatusGroup(status=STATUSES[status], days=tuple(map(read_day, sorted(found[status]))))
        for status in sorted(found, key=_ORDER.__getitem__)
    )


def _queue(job: Job, row: Row[Any]) -> Queue | None:
    if row.ahead is None:
        return None
    jobs, days = map(int, row.ahead.split())
    return Queue.of([(job.submit_number, row.unfinished_days)], before=jobs, days_before=days)


_SPACE: Any = literal_column("' '")  # in the statement: a parameter would be filled in anew for each execution
_DETAILS: Final = type_coerce(func.coalesce(table.c.final_days, DAYS_AS_TEXT), _Details).label("details")
_OLDER: Final = table.alias("older")
_COUNTED: Final = (
    as_type(func.count(), String) + _SPACE + as_type(func.coalesce(sum_of(_OLDER.c.unfinished_days), 0), String)
)
_AHEAD: Final = (
    select(_COUNTED)
    .where(_OLDER.c.over_at.is_(None), _OLDER.c.submit_number < table.c.submit_number)
    .correlate(table)
    .scalar_subquery()
)
_FIND: Final = Prepared(
    select(table, _DETAILS, case((table.c.over_at.is_(None), _AHEAD)).label("ahead")).where(
        table.c.sid == bindparam("sid"), table.c.account == bindparam("account"), IS_SHOWN
    )
)
_PAGES: Final = JobPages(
    table.c.sid,
    table.c.start_day.label("first"),
    table.c.end_day.label("last"),
    table.c.friendly_name,
    table.c.webhook_url,
    table.c.webhook_method,
    table.c.email,
    table.c.submit_number,
    table.c.over_at,
    _DETAILS,
    row=ListedJob,
)
