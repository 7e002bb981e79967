"""Rows of custom jobs: the requests and the queue. Claims and transitions of days are in `job_days.py`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Row,
    String,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)

from dayfile.errors import DamagedRow, NotFound
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.job import Job, JobDay, JobRequest, JobSid, Queue, Status, Stretch, is_claimable
from dayfile.model.resource import ResourceType
from dayfile.store.columns import read_type, sum_of
from dayfile.store.counters import next_number
from dayfile.store.dialect import in_batches, insert_columns, insert_missing
from dayfile.store.prepared import Prepared
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.exports import job as table
from dayfile.store.tables.exports import job_day, quota_day

FINAL = [status.value for status in Status if status.is_final]


class _Statuses(dict[str, Status]):
    """The statuses by what rows say: one that there is not is damage."""

    def __missing__(self, text: str) -> Status:
        raise DamagedRow("a row of the table job_day in the state database has a status that is none")


STATUSES: Final = _Statuses({status.value: status for status in Status})
CLAIMABLE = [status.value for status in Status if is_claimable(status)]

REMEMBERED_JOBS: Final = 1000
"""Most jobs of a list that are remembered: a megabyte, or twelve if all have the days of a year."""


IS_SHOWN: Final = or_(
    table.c.over_at.is_(None),
    # A deleted job is shown until the last of its running days has stopped.
    and_(table.c.deleted_at.is_(None), table.c.over_at > bindparam("over_since")),
)
"""The condition of jobs that their owners are shown."""

_COMMA: Any = literal_column("','")  # in the statement: a parameter would be filled in anew for each execution
DAYS_AS_TEXT: Final = (
    select(func.aggregate_strings(job_day.c.status + type_coerce(job_day.c.day, String), _COMMA))
    .where(job_day.c.job_sid == table.c.sid)
    .correlate(table)
    .scalar_subquery()
)
"""The days of a job as a text, in any order, each behind its status."""


class Jobs:
    """The jobs, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def draw_quota(self, root_account: AccountSid, *, today: Day, days: int, limit: int) -> int | None:
        """Draw days from today's quota of a root account, which its subaccounts share.

        Returns None on success; otherwise the number of days left, and nothing is drawn. Exact under concurrency: the
        row is changed only if the sum stays within the limit.
        """
        drawn = {"root": root_account, "today": today, "days": days, "limit": limit}
        if _DRAW.row(self._connection, **drawn) is not None:
            return None
        # There is too little left, or this is the first of the day.
        insert_missing(self._connection, quota_day, [{"root_account": root_account, "day": today, "requested": 0}])
        if _DRAW.row(self._connection, **drawn) is not None:
            return None
        return limit - self.drawn_quota(root_account, today=today)

    def drawn_quota(self, root_account: AccountSid, *, today: Day) -> int:
        """Return the number of days that were drawn from today's quota of a root account."""
        row = _DRAWN.row(self._connection, root=root_account, today=today)
        return 0 if row is None else int(row.requested)

    def submit(self, sid: JobSid, request: JobRequest, *, now: datetime) -> Job:
        """Put a job at the end of the queue, with every day Submitted."""
        values = {
            "sid": sid,
            "account": request.account,
            "resource_type": request.resource_type.name,
            "start_day": request.days.first,
            "end_day": request.days.last,
            "friendly_name": request.friendly_name,
            "webhook_url": request.webhook_url,
            "webhook_method": request.webhook_method,
            "email": request.email,
            "submit_number": next_number(self._connection, "submit", taken=table.c.submit_number),
            "submitted_at": now,
            "unfinished_days": len(request.days),
            "due_at": now,
        }
        insert_columns(self._connection, table, {name: [value] for name, value in values.items()})
        same = {"job_sid": sid, "status": Status.SUBMITTED.value, "attempt": 0, "not_before": now}
        insert_columns(self._connection, job_day, {"day": list(request.days)}, **same)
        return self.get(sid)

    def get(self, sid: JobSid) -> Job:
        """Return the job, deleted or not; raises NotFound."""
        row = _OF_SID.row(self._connection, sid=sid)
        if row is None:
            raise NotFound(f"there is no job {sid}")
        return read_job(row)

    def lock(self, sid: JobSid) -> Job:
        """Return the job, locked against other writing transactions until this one ends; raises NotFound.

        Every transaction that touches days of a job does this first: otherwise the last two days finish side by side,
        neither sees the other, and nobody notices that the job is over.
        """
        row = _LOCKED.row(self._connection, sid=sid)
        if row is None:
            raise NotFound(f"there is no job {sid}")
        return read_job(row)

    def find(self, account: AccountSid, sid: JobSid, *, over_since: datetime) -> Job | None:
        """Return the account's job if it is still shown; None for a foreign, deleted, or long finished job."""
        row = _SHOWN.row(self._connection, sid=sid, account=account, over_since=over_since)
        return None if row is None else read_job(row)

    def page(
        self,
        account: AccountSid,
        resource_type: ResourceType,
        *,
        before: int | None = None,
        limit: int,
        over_since: datetime,
    ) -> list[Job]:
        """Return shown jobs, newest first: those submitted before number `before`."""
        asked = {"account": account, "resource_type": resource_type.name, "over_since": over_since}
        rows = _PAGES.rows(self._connection, before=before, after=None, offset=0, limit=limit, **asked)
        return list(map(read_job, rows))

    def recent(self, *, limit: int) -> list[Job]:
        """Return the jobs submitted last, of all accounts, for the operator."""
        query = select(table).where(table.c.deleted_at.is_(None)).order_by(table.c.submit_number.desc()).limit(limit)
        return [read_job(row) for row in self._connection.execute(query)]

    def days(self, sids: Collection[JobSid]) -> dict[JobSid, tuple[JobDay, ...]]:
        """Return the days of jobs, in order."""
        found: dict[JobSid, list[JobDay]] = {sid: [] for sid in sids}
        if len(found) == 1:
            return {sid: tuple(map(read_job_day, _DAYS_OF_ONE.rows(self._connection, sid=sid))) for sid in found}
        for batch in in_batches(sids):
            for row in self._connection.execute(_DAYS, {"sids": batch}):
                found[row.job_sid].append(read_job_day(row))
        return {sid: tuple(days) for sid, days in found.items()}

    def published_days(
        self, account: AccountSid, resource_type: ResourceType, days: DayRange, *, over_since: datetime
    ) -> set[Day]:
        """Return the days of a range that shown jobs have published, whether their files are there or not."""
        asked = {"account": account, "resource_type": resource_type.name, "over_since": over_since}
        rows = _PUBLISHED.rows(self._connection, first=days.first, last=days.last, **asked)
        return {row.day for row in rows}

    def queue(self, *, first: int, last: int) -> Queue:
        """Return the jobs that are not over, for queries about those with submit numbers from `first` to `last`."""
        [(before, days_before)] = _AHEAD.rows(self._connection, first=first)
        pairs = _QUEUED.sound_rows(self._connection, first=first, last=last)
        return Queue.of(pairs, before=before, days_before=int(days_before))

    def unfinished(self) -> int:
        """Return the number of jobs that are not over."""
        query = select(func.count()).select_from(table).where(table.c.over_at.is_(None))
        return self._connection.execute(query).scalar_one()

    def unfinished_by_type(self, account: AccountSid) -> dict[str, int]:
        """Return the number of an account's jobs that are not over, for each type that has any."""
        rows = _UNFINISHED_OF.rows(self._connection, account=account)
        return {row.resource_type: row.jobs for row in rows}

    def oldest_unfinished(self) -> datetime | None:
        """Return when the first job in the queue was submitted; None if there is none."""
        query = select(table.c.submitted_at).where(table.c.over_at.is_(None)).order_by(table.c.submit_number).limit(1)
        return self._connection.execute(query).scalar_one_or_none()

    def worked(self, *, since: datetime, limit: int) -> list[Stretch]:
        """Return the work times of days of any job that were finished since then, at most the last `limit` of them."""
        rows = _WORKED.sound_rows(self._connection, since=since, limit=limit)
        return [Stretch(began_at=row.claimed_at, ended_at=row.finished_at) for row in rows]

    def mark_deleted(self, sid: JobSid, *, now: datetime) -> None:
        """Mark a job as deleted by its owner: it is no longer shown, once none of its days runs."""
        self._connection.execute(update(table).where(table.c.sid == sid).values(deleted_at=now))

    def settle(self, sid: JobSid, *, now: datetime) -> Job:
        """Update a locked job's number of unfinished days, the time of its next claim and, if all are final, its end.

        Returns the job as it is then. Every transaction that changes days of a job ends with this.
        """
        [(unfinished, due_at)] = _OPEN_DAYS.rows(self._connection, sid=sid)
        values = {"unfinished": unfinished, "due": due_at, "over": None if unfinished else now}
        self._connection.execute(_SETTLE, {"job": sid, **values})
        return self.get(sid)

    def forget(self, *, over_before: datetime, limit: int) -> int:
        """Delete jobs that were over before that, with their days, and return their number."""
        old = select(table.c.sid).where(table.c.over_at < over_before).order_by(table.c.over_at).limit(limit)
        return self._connection.execute(delete(table).where(table.c.sid.in_(old))).rowcount

    def count_over(self, *, before: datetime) -> int:
        """Return the number of jobs that were over before then."""
        query = select(func.count()).select_from(table).where(table.c.over_at < before)
        return self._connection.execute(query).scalar_one()

    def forget_quota(self, *, before: Day, limit: int) -> int:
        """Delete quota rows of past days and return their number."""
        key = quota_day.c.root_account, quota_day.c.day
        old = select(*key).where(quota_day.c.day < before).limit(limit)
        return self._connection.execute(delete(quota_day).where(tuple_(*key).in_(old))).rowcount

    def stalled(self, *, due_before: datetime, now: datetime, limit: int) -> list[Job]:
        """Return jobs that could have been claimed before then, the one due first before others; none while any job
        moves: a long queue is no fault.
        """
        held = select(job_day.c.day).where(job_day.c.leased_until > now).limit(1)
        done = select(job_day.c.day).where(job_day.c.finished_at > due_before).limit(1)
        if any(self._connection.execute(query).first() for query in (held, done)):
            return []
        query = select(table).where(table.c.over_at.is_(None), table.c.due_at <= due_before)
        return sound_rows(self._connection, query.order_by(table.c.due_at).limit(limit), read_job)

    def unsettled(self, *, limit: int) -> list[JobSid]:
        """Return jobs whose row contradicts their days: there must be none."""
        of_job = job_day.c.job_sid == table.c.sid
        open_days = select(func.count()).where(of_job, job_day.c.status.not_in(FINAL)).scalar_subquery()
        due_at = select(func.min(job_day.c.not_before)).where(of_job, job_day.c.status.in_(CLAIMABLE)).scalar_subquery()
        wrong = or_(open_days == 0, open_days != table.c.unfinished_days, due_at.is_distinct_from(table.c.due_at))
        # Days that are gathered are in any order.
        is_other = func.length(table.c.final_days) != func.length(func.coalesce(DAYS_AS_TEXT, ""))
        query = select(table.c.sid).where(or_(and_(table.c.over_at.is_(None), wrong), is_other)).limit(limit)
        return list(self._connection.execute(query).scalars())


class JobPages:
    """The pages of the lists of shown jobs, with the same columns."""

    def __init__(self, *columns: Any, row: Any = None) -> None:
        page = (
            select(*columns)
            .where(
                table.c.account == bindparam("account"), table.c.resource_type == bindparam("resource_type"), IS_SHOWN
            )
            .offset(bindparam("offset"))
            .limit(bindparam("limit"))
        )
        number: Any = bindparam("number")
        newest = page.order_by(table.c.submit_number.desc())
        self._first = Prepared(newest, row=row)
        self._again = Prepared(newest, row=row, remembered=REMEMBERED_JOBS)
        self._before = Prepared(newest.where(table.c.submit_number < number), row=row)
        self._after = Prepared(page.where(table.c.submit_number > number).order_by(table.c.submit_number), row=row)

    def rows(self, connection: Connection, *, before: int | None, after: int | None, **asked: Any) -> list[Any]:
        """Return rows, newest first: those submitted before number `before`, or the ones just after `after`."""
        if after is not None:
            return self._after.rows(connection, number=after, **asked)[::-1]
        if before is not None:
            return self._before.rows(connection, number=before, **asked)
        return self._first.rows(connection, **asked)

    def again(self, connection: Connection, **asked: Any) -> list[Any]:
        """Return the newest rows, and remember them: for a page that is asked for again and again."""
        return self._again.rows(connection, **asked)


def read_job(row: Row[Any]) -> Job:
    """Return the job in a row of its table."""
    return Job(
        sid=row.sid,
        account=row.account,
        resource_type=read_type(row.resource_type, "job", row.sid),
        days=DayRange(first=row.start_day, last=row.end_day),
        friendly_name=row.friendly_name,
        webhook_url=row.webhook_url,
        webhook_method=row.webhook_method,
        email=row.email,
        submit_number=row.submit_number,
        submitted_at=row.submitted_at,
        over_at=row.over_at,
        deleted_at=row.deleted_at,
    )


def read_job_day(row: Row[Any]) -> JobDay:
    """Return the job day in a row of its table."""
    return JobDay(job_sid=row.job_sid, day=row.day, status=STATUSES[row.status], attempt=row.attempt, error=row.error)


# Statements are made here, once: to make one takes longer than to run it.
_DRAW: Final = Prepared(
    update(quota_day)
    .where(quota_day.c.root_account == bindparam("root"), quota_day.c.day == bindparam("today"))
    .where(quota_day.c.requested + bindparam("days") <= bindparam("limit"))
    .values(requested=quota_day.c.requested + bindparam("days"))
    .returning(quota_day.c.requested)
)
_DRAWN: Final = Prepared(
    select(quota_day.c.requested).where(
        quota_day.c.root_account == bindparam("root"), quota_day.c.day == bindparam("today")
    )
)
_OF: Final = select(table).where(table.c.sid == bindparam("sid"))
_OF_SID: Final = Prepared(_OF)
_LOCKED: Final = Prepared(_OF.with_for_update())
_COUNTED: Any = select(
    func.count().label("unfinished"),
    func.min(case((or_(*(job_day.c.status == text for text in CLAIMABLE)), job_day.c.not_before))).label("due_at"),
).where(job_day.c.job_sid == bindparam("sid"), *(job_day.c.status != text for text in FINAL))
_OPEN_DAYS: Final = Prepared(_COUNTED)
_OVER: Final = bindparam("over", type_=table.c.over_at.type)
_SETTLE: Final = (
    update(table)
    .where(table.c.sid == bindparam("job"), table.c.over_at.is_(None))
    .values(unfinished_days=bindparam("unfinished"), due_at=bindparam("due"), over_at=_OVER)
    .values(final_days=case((_OVER.is_not(None), DAYS_AS_TEXT)))
)
_SHOWN: Final = Prepared(_OF.where(table.c.account == bindparam("account"), IS_SHOWN))
_UNFINISHED_OF: Final = Prepared(
    select(table.c.resource_type, func.count().label("jobs"))
    .where(table.c.account == bindparam("account"), table.c.over_at.is_(None))
    .group_by(table.c.resource_type)
)
_PAGES: Final = JobPages(table)
_PUBLISHED: Final = Prepared(
    select(job_day.c.day)
    .join(table, table.c.sid == job_day.c.job_sid)
    .where(
        table.c.account == bindparam("account"),
        table.c.resource_type == bindparam("resource_type"),
        IS_SHOWN,
        job_day.c.day.between(bindparam("first"), bindparam("last")),
        or_(
            job_day.c.status == Status.COMPLETED.value,
            job_day.c.status == Status.COMPLETED_EMPTY_RECORDS.value,
        ),
    )
)
SHOWN_DAY: Final[Sequence[Column[Any]]] = (
    job_day.c.job_sid,
    job_day.c.day,
    job_day.c.status,
    job_day.c.attempt,
    job_day.c.error,
)
_DAYS: Final = (
    select(*SHOWN_DAY)  # a list of jobs may have thousands, and each column takes its time
    .where(job_day.c.job_sid.in_(bindparam("sids", expanding=True)))
    .order_by(job_day.c.job_sid, job_day.c.day)
)
_DAYS_OF_ONE: Final = Prepared(select(*SHOWN_DAY).where(job_day.c.job_sid == bindparam("sid")).order_by(job_day.c.day))
_AHEAD: Final = Prepared(
    select(func.count().label("jobs"), func.coalesce(sum_of(table.c.unfinished_days), 0).label("days")).where(
        table.c.over_at.is_(None), table.c.submit_number < bindparam("first")
    )
)
_QUEUED: Final = Prepared(
    select(table.c.submit_number, table.c.unfinished_days)
    .where(table.c.over_at.is_(None), table.c.submit_number.between(bindparam("first"), bindparam("last")))
    .order_by(table.c.submit_number)
)
_WORKED: Final = Prepared(
    select(job_day.c.claimed_at, job_day.c.finished_at)
    .where(
        job_day.c.finished_at > bindparam("since"),
        job_day.c.claimed_at.is_not(None),
        or_(*(job_day.c.status == value for value in FINAL if value != Status.DELETED_BY_USER_REQUEST.value)),
    )
    .order_by(job_day.c.finished_at.desc())
    .limit(bindparam("limit"))
)
