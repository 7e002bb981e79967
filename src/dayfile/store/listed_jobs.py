"""Jobs as answers show them, one statement each: with the details of their days, and with the queue before one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, String, bindparam, case, func, literal_column, select, type_coerce
from sqlalchemy import cast as as_type

from dayfile.model.account import AccountSid
from dayfile.model.job import Job, JobSid, ListedJob, Queue, Status, StatusGroup
from dayfile.model.resource import ResourceType
from dayfile.store.columns import read_day
from dayfile.store.jobs import IS_SHOWN, JobPages, read_job
from dayfile.store.prepared import Prepared
from dayfile.store.tables.exports import job as table
from dayfile.store.tables.exports import job_day

_STATUS: Final = {status.value: (place, status) for place, status in enumerate(Status)}


class ListedJobs:
    """The jobs that are shown, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, account: AccountSid, sid: JobSid, *, over_since: datetime) -> ListedJob | None:
        """Return the account's job with its queue; None for a foreign, deleted, or long finished job."""
        row = _FIND.row(self._connection, sid=sid, account=account, over_since=over_since)
        if row is None:
            return None
        job = read_job(row)
        return ListedJob(job=job, details=_details(row.details), queue=_queue(job, row))

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
    ) -> list[ListedJob]:
        """Return what `Jobs.page` does, without a queue."""
        asked = {"account": account, "resource_type": resource_type.name, "over_since": over_since}
        rows = _PAGES.rows(self._connection, before=before, after=after, offset=offset, limit=limit, **asked)
        return [ListedJob(job=read_job(row), details=_details(row.details)) for row in rows]


def _details(text: str) -> tuple[StatusGroup, ...]:
    """Return the days of a job, grouped as `group_by_status` does, without a value for each day and status."""
    found = []
    for one in text.split(";"):
        status, _, days = one.partition(":")
        place, known = _STATUS[status]
        found.append((place, StatusGroup(status=known, days=tuple(map(read_day, sorted(days.split(",")))))))
    return tuple(group for _, group in sorted(found, key=lambda one: one[0]))


def _queue(job: Job, row: Row[Any]) -> Queue | None:
    if row.ahead is None:
        return None
    jobs, days = map(int, row.ahead.split())
    return Queue.of([(job.submit_number, row.unfinished_days)], before=jobs, days_before=days)


# Texts in the statements: a parameter would be filled in anew for each execution.
_COMMA: Any = literal_column("','")
_COLON: Any = literal_column("':'")
_SEMICOLON: Any = literal_column("';'")
_SPACE: Any = literal_column("' '")

_OF_STATUS: Final = (
    select(
        (job_day.c.status + _COLON + func.aggregate_strings(type_coerce(job_day.c.day, String), _COMMA)).label("days")
    )
    .where(job_day.c.job_sid == table.c.sid)
    .group_by(job_day.c.status)
    .correlate(table)
    .subquery("of_status")
)
_DETAILS: Final = select(func.aggregate_strings(_OF_STATUS.c.days, _SEMICOLON)).scalar_subquery().label("details")
_OLDER: Final = table.alias("older")
_COUNTED: Final = (
    as_type(func.count(), String) + _SPACE + as_type(func.coalesce(func.sum(_OLDER.c.unfinished_days), 0), String)
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
_PAGES: Final = JobPages(table, _DETAILS)
