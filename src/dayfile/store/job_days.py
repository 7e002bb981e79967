"""Transitions of job days: claimed, finished, handed back, deleted.

The table in `model/job.py` decides; compare-and-set on the status and on the claim guards every write.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, or_, select, update

from dayfile.errors import LostClaim
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.job import Claim, Event, HeldDays, JobDay, JobSid, Status, after
from dayfile.store.columns import read_type
from dayfile.store.counters import next_number
from dayfile.store.instance import Instance
from dayfile.store.jobs import CLAIMABLE, SHOWN_DAY, STATUSES, Jobs, read_job_day
from dayfile.store.prepared import Prepared
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.accounts import account
from dayfile.store.tables.exports import job
from dayfile.store.tables.exports import job_day as table

_CLAIMED = [Status.RUNNING.value, Status.RUNNING_TO_BE_DELETED.value]


class JobDays:
    """The days of jobs, within one transaction. The caller has locked the job (`Jobs.lock`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, *, worker: str, leased_until: datetime, limit: int, now: datetime) -> Claim | None:
        """Claim up to `limit` days of the job whose turn it is; None if no day may be claimed now.

        Accounts take turns: the one that was served longest ago comes first, then the oldest of its jobs. A day whose
        worker was lost is claimed alone, after the others: it may be what kills workers.
        """
        Instance(self._connection).check_version()
        chosen = self._next_job(now=now)
        if chosen is None:
            return None
        token = next_number(self._connection, "job claim")
        of_job = {"job": chosen.sid, "now": now}
        rows = _DUE.rows(self._connection, **of_job, limit=limit) or _DUE_ALONE.rows(self._connection, **of_job)
        if rows:
            by = {"claimed_by": worker, "token": token, "until": leased_until}
            self._connection.execute(_CLAIM, {**of_job, "days": [row.day for row in rows], **by})
        self._connection.execute(_SERVED, {"whose": chosen.account, "token": token})
        return Claim(
            job=Jobs(self._connection).settle(chosen.sid, now=now),
            days=tuple(map(_claimed_day, _CLAIMED_DAYS.rows(self._connection, job=chosen.sid, token=token))),
            worker=worker,
            token=token,
            leased_until=leased_until,
        )

    def put_off(self, *, until: datetime, now: datetime) -> None:
        """Let the job whose turn it is wait until then, since its rows cannot be read: others must not wait for it."""
        turn = _TURN.with_only_columns(job.c.sid).params(now=now).scalar_subquery()
        self._connection.execute(update(job).where(job.c.sid == turn).values(due_at=until))

    def extend(self, claim: Claim, *, leased_until: datetime) -> None:
        """Extend the lease on the days left of a claim; raises LostClaim if none are."""
        statement = update(table).where(
            table.c.job_sid == claim.job.sid, table.c.claim_token == claim.token, table.c.worker == claim.worker
        )
        if self._connection.execute(statement.values(leased_until=leased_until)).rowcount == 0:
            raise LostClaim(f"{claim.worker} no longer holds any day of {claim.job.sid}")

    def report(
        self,
        claim: Claim,
        events: Mapping[Day, Event],
        *,
        now: datetime,
        not_before: datetime | None = None,
        error: str | None = None,
    ) -> tuple[JobDay, ...]:
        """Apply events to claimed days, release them, and return them as they are then.

        `not_before` is when a day that is not final may be tried again. Raises LostClaim, which rolls the transaction
        back, if any of the days is no longer held under this claim.
        """
        was = self._held(claim, events.keys())
        changes: dict[tuple[Status, Event], list[Day]] = {}
        for day, event in events.items():
            changes.setdefault((was[day], event), []).append(day)
        for (status, event), days in changes.items():
            to = after(status, event)
            values = {
                "to": to.value,
                "why": error,
                "again": not_before or now,
                "ended": now if to.is_final else None,
                # Handing back is without blame, and so is a worker's end: the attempt does not count.
                "blameless": 1 if event in {Event.HAND_BACK, Event.LOSE} else 0,
                "losses": 1 if event is Event.LOSE else 0,
            }
            self._let_go(claim, days, status, values)
        every = Jobs(self._connection).days([claim.job.sid])[claim.job.sid]
        return tuple(job_day for job_day in every if job_day.day in events)

    def _let_go(self, claim: Claim, days: list[Day], status: Status, values: dict[str, Any]) -> None:
        held = {"days": days, "was": status.value, **_held_under(claim)}
        if self._connection.execute(_LET_GO, {**held, **values}).rowcount != len(days):
            raise LostClaim(f"{claim.worker} no longer holds all of its days of {claim.job.sid}")

    def delete(self, sid: JobSid, *, now: datetime) -> None:
        """Apply the owner's deletion to every day that is not final."""
        query = select(table.c.status).where(table.c.job_sid == sid).distinct()
        for text in self._connection.execute(query).scalars().all():
            status = STATUSES[text]
            if status.is_final:
                continue
            to = after(status, Event.DELETE)
            statement = update(table).where(table.c.job_sid == sid, table.c.status == status.value)
            self._connection.execute(statement.values(status=to.value, finished_at=now if to.is_final else None))

    def expired(self, *, now: datetime, limit: int) -> list[Claim]:
        """Return claims whose lease has run out, as their workers would report them."""
        query = (
            select(table.c.job_sid, table.c.claim_token, table.c.worker, func.min(table.c.leased_until).label("until"))
            .where(table.c.status.in_(_CLAIMED), table.c.leased_until <= now)
            .group_by(table.c.job_sid, table.c.claim_token, table.c.worker)
            .limit(limit)
        )
        return sound_rows(self._connection, query, lambda row: self._claim(*row))

    def held(self, *, limit: int) -> list[HeldDays]:
        """Return the claims of workers on days, the oldest first; those whose lease has run out, too."""
        keys = (table.c.job_sid, table.c.worker, table.c.claim_token, job.c.account, job.c.resource_type)
        query = (
            select(
                *keys,
                func.count().label("days"),
                func.min(table.c.claimed_at).label("claimed_at"),
                func.min(table.c.leased_until).label("leased_until"),
            )
            .join(job, job.c.sid == table.c.job_sid)
            .where(table.c.leased_until.is_not(None))
            .group_by(*keys)
            .order_by(table.c.claim_token)
            .limit(limit)
        )
        return sound_rows(self._connection, query, _held_days)

    def is_expired(self, claim: Claim, *, now: datetime) -> bool:
        """Return True if all days left of a claim may be taken back."""
        query = select(func.max(table.c.leased_until)).where(
            table.c.job_sid == claim.job.sid, table.c.claim_token == claim.token, table.c.worker == claim.worker
        )
        leased_until = self._connection.execute(query).scalar_one()
        return leased_until is not None and leased_until <= now

    def _claim(self, sid: JobSid, token: int, worker: str, leased_until: datetime) -> Claim:
        query = select(table).where(table.c.job_sid == sid, table.c.claim_token == token).order_by(table.c.day)
        rows = self._connection.execute(query)
        return Claim(
            job=Jobs(self._connection).get(sid),
            days=tuple(_claimed_day(row) for row in rows),
            worker=worker,
            token=token,
            leased_until=leased_until,
        )

    def _next_job(self, *, now: datetime) -> Any | None:
        return _NEXT_JOB.row(self._connection, now=now)

    def _held(self, claim: Claim, days: Collection[Day]) -> dict[Day, Status]:
        rows = _HELD.rows(self._connection, **_held_under(claim))
        held = {row.day: STATUSES[row.status] for row in rows}
        if not held.keys() >= set(days):
            raise LostClaim(f"{claim.worker} no longer holds all of its days of {claim.job.sid}")
        return held


def _held_days(row: Row[Any]) -> HeldDays:
    return HeldDays(
        job=JobSid(row.job_sid),
        account=AccountSid(row.account),
        resource_type=read_type(row.resource_type, "job", row.job_sid),
        worker=row.worker,
        days=row.days,
        claimed_at=row.claimed_at,
        leased_until=row.leased_until,
    )


def _claimed_day(row: Any) -> JobDay:
    return replace(read_job_day(row), lost=row.lost)


def _held_under(claim: Claim) -> dict[str, Any]:
    return {"job": claim.job.sid, "token": claim.token, "claimed_by": claim.worker}


# Statements are made here, once: to make one takes longer than to run it.
_TURN: Final = (
    select(job.c.sid, job.c.account)
    .join(account, account.c.sid == job.c.account)
    .where(job.c.over_at.is_(None), job.c.due_at <= bindparam("now", type_=job.c.due_at.type))
    .order_by(account.c.served, job.c.submit_number)
    .limit(1)
)
_NEXT_JOB: Final = Prepared(_TURN.with_for_update(of=job, skip_locked=True))
_IS_DUE: Final = (
    table.c.job_sid == bindparam("job"),
    or_(*(table.c.status == text for text in CLAIMABLE)),
    table.c.not_before <= bindparam("now"),
)
_DUE: Final = Prepared(
    select(table.c.day).where(*_IS_DUE, table.c.lost == 0).order_by(table.c.day).limit(bindparam("limit"))
)
_DUE_ALONE: Final = Prepared(select(table.c.day).where(*_IS_DUE).order_by(table.c.not_before, table.c.day).limit(1))
_CLAIM: Final = (
    update(table)
    .where(*_IS_DUE, table.c.day.in_(bindparam("days", expanding=True)))
    .values(
        status=Status.RUNNING.value,  # the one status that a claim leads to
        attempt=table.c.attempt + 1,
        error=None,
        worker=bindparam("claimed_by"),
        claim_token=bindparam("token"),
        leased_until=bindparam("until"),
        claimed_at=bindparam("now"),
    )
)
_SERVED: Final = update(account).where(account.c.sid == bindparam("whose")).values(served=bindparam("token"))
_CLAIMED_DAYS: Final = Prepared(
    select(*SHOWN_DAY, table.c.lost)
    .where(table.c.job_sid == bindparam("job"), table.c.claim_token == bindparam("token"))
    .order_by(table.c.day)
)
_IS_HELD: Final = (
    table.c.job_sid == bindparam("job"),
    table.c.claim_token == bindparam("token"),
    table.c.worker == bindparam("claimed_by"),
)
_HELD: Final = Prepared(select(table.c.day, table.c.status).where(*_IS_HELD))
_LET_GO: Final = (
    update(table)
    .where(*_IS_HELD, table.c.day.in_(bindparam("days", expanding=True)), table.c.status == bindparam("was"))
    .values(
        status=bindparam("to"),
        error=bindparam("why"),
        not_before=bindparam("again"),
        finished_at=bindparam("ended"),
        attempt=table.c.attempt - bindparam("blameless"),
        lost=table.c.lost + bindparam("losses"),
        worker=None,
        claim_token=None,
        leased_until=None,
    )
)
