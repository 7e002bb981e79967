"""The outbox: notices, written in the commit of the event that they tell, and the log of every attempt.

Attempts are made and recorded by lane, in `lanes.py`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, case, delete, func, literal, select, update
from sqlalchemy.sql import ColumnElement

from dayfile.errors import DamagedRow, InvalidParameter, NotFound
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.job import JobSid
from dayfile.model.lane import GIVE_UP_AFTER, LaneHealth, LaneKey
from dayfile.model.notice import (
    Attempt,
    Channel,
    DayContent,
    EventSid,
    JobContent,
    NewNotice,
    Notice,
    NoticeEvent,
    NoticeState,
    Result,
)
from dayfile.store.columns import Moment, read_choice, read_type, row_name
from dayfile.store.dialect import insert
from dayfile.store.prepared import Prepared
from dayfile.store.tables.exports import job
from dayfile.store.tables.notices import attempt, lane
from dayfile.store.tables.notices import notice as table


class Notices:
    """The notices, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, notices: Sequence[NewNotice], *, now: datetime) -> None:
        """Add notices, due at once; leave those that the outbox already has as they are."""
        keyed = [(LaneKey.of(new.account, new.channel, new.receiver), new) for new in notices]
        if keyed:
            lanes = self._wake_lanes({key for key, _ in keyed}, now=now)
            rows = [
                _values(new, lane_id=lanes[key], now=now)
                for key, new in sorted(keyed, key=lambda pair: _order(pair[0]))
            ]
            self._connection.execute(insert(self._connection, table).on_conflict_do_nothing(), rows)

    def get(self, sid: EventSid) -> Notice:
        """Return the notice; raises NotFound."""
        found = self.find(sid)
        if found is None:
            raise NotFound(f"there is no notice {sid}")
        return found

    def find(self, sid: EventSid, *, account: AccountSid | None = None) -> Notice | None:
        """Return the notice, or None; with `account`, None also for a notice of another account."""
        row = (
            _OF_SID.row(self._connection, sid=sid)
            if account is None
            else _OF_SID_AND_ACCOUNT.row(self._connection, sid=sid, account=account)
        )
        return None if row is None else read_notice(row)

    def attempts(self, sid: EventSid) -> list[Attempt]:
        """Return every attempt of a notice, the first one first."""
        return [_attempt(row) for row in _ATTEMPTS.rows(self._connection, sid=sid)]

    def page(
        self,
        *,
        account: AccountSid | None = None,
        state: NoticeState | None = None,
        before: int | None = None,
        after: int | None = None,
        offset: int = 0,
        limit: int,
    ) -> list[Notice]:
        """Return notices, newest first: those written before the number `before`, or the ones just after `after`."""
        state_text = None if state is None else state.value
        named = {"account": account, "state": state_text, "before": before, "after": after}
        asked = {name: value for name, value in named.items() if value is not None}
        found = _page_by(frozenset(asked)).rows(self._connection, offset=offset, limit=limit, **asked)
        notices = [read_notice(row) for row in found]
        return notices if after is None else notices[::-1]

    def pending(self) -> int:
        """Return the number of notices that are to be told."""
        query = select(func.count()).select_from(table).where(table.c.state == NoticeState.PENDING.value)
        return self._connection.execute(query).scalar_one()

    def replay(self, sid: EventSid, *, now: datetime) -> None:
        """Make a notice due now, even if its host rests: one that has ended begins anew, a pending one goes on."""
        query = select(table.c.lane_id, lane.c.id).join(lane).where(table.c.sid == sid).with_for_update(of=lane)
        lane_id = self._connection.execute(query).scalar_one()
        one, is_pending = table.c.sid == sid, table.c.state == NoticeState.PENDING.value
        # First those that wait: what has ended is pending after the second statement, too.
        forward = update(table).where(one, is_pending, table.c.next_attempt_at > now)
        self._connection.execute(forward.values(next_attempt_at=now))
        again = {
            "state": NoticeState.PENDING.value,
            "attempts": 0,
            "gives_up_at": now + GIVE_UP_AFTER,
            "next_attempt_at": now,
            "ended_at": None,
        }
        self._connection.execute(update(table).where(one, ~is_pending).values(again))
        # Who asks for it says that the host is well again: if it is not, it soon rests as before.
        fresh = {"failures": 0, "rests_until": None, "due_at": now}
        self._connection.execute(update(lane).where(lane.c.id == lane_id).values(fresh))

    def forget(self, *, ended_before: datetime, limit: int) -> int:
        """Delete some notices that ended before then, their attempts, and empty lanes; return the number of notices."""
        old = select(table.c.number).where(table.c.ended_at < ended_before).order_by(table.c.ended_at).limit(limit)
        numbers = self._connection.execute(old).scalars().all()
        if not numbers:
            return 0
        statement = delete(table).where(table.c.number.in_(numbers)).returning(table.c.lane_id)
        lanes = self._connection.execute(statement).scalars().all()
        unused = ~select(table.c.number).where(table.c.lane_id == lane.c.id).exists()
        idle = lane.c.due_at.is_(None), lane.c.claim_token.is_(None)
        self._connection.execute(delete(lane).where(lane.c.id.in_(set(lanes)), *idle, unused))
        return len(lanes)

    def untold(self, *, over_since: datetime, limit: int) -> list[tuple[JobSid, Channel]]:
        """Return jobs over since then and not deleted, with the channel whose notice is missing: there must be none."""
        missing: list[tuple[JobSid, Channel]] = []
        for channel, receiver in ((Channel.WEBHOOK, job.c.webhook_url), (Channel.MAIL, job.c.email)):
            told = select(table.c.number).where(
                table.c.job_sid == job.c.sid,
                table.c.event == NoticeEvent.JOB_FINISHED.value,
                table.c.channel == channel.value,
            )
            over = job.c.over_at > over_since, job.c.deleted_at.is_(None), receiver.is_not(None)
            query = select(job.c.sid).where(*over, ~told.exists()).limit(limit)
            missing += [(sid, channel) for sid in self._connection.execute(query).scalars()]
        return missing

    def forgotten(self, *, limit: int) -> list[EventSid]:
        """Return pending notices that no claim will ever find: there must be none."""
        idle = lane.c.due_at.is_(None), lane.c.claim_token.is_(None)
        pending = table.c.state == NoticeState.PENDING.value
        query = select(table.c.sid).join(lane, lane.c.id == table.c.lane_id).where(pending, *idle).limit(limit)
        return list(self._connection.execute(query).scalars())

    def _wake_lanes(self, keys: Collection[LaneKey], *, now: datetime) -> dict[LaneKey, int]:
        """Return the lanes with those keys, created if need be, locked, and due as soon as they do not rest."""
        columns = (lane.c.account, lane.c.channel, lane.c.host)
        new = {"health": LaneHealth.NEW.value, "failures": 0, "due_at": now, "served": 0}
        # Lanes are locked in one order: two commits that tell the same receivers would deadlock on PostgreSQL.
        rows = [
            {"account": key.account, "channel": key.channel.value, "host": key.host, **new}
            for key in sorted(keys, key=_order)
        ]
        statement = insert(self._connection, lane)
        start: ColumnElement[datetime] = case(
            (lane.c.rests_until > now, lane.c.rests_until), else_=literal(now, Moment)
        )
        due_at = case((lane.c.due_at < start, lane.c.due_at), else_=start)
        statement = statement.on_conflict_do_update(index_elements=columns, set_={"due_at": due_at})
        found = self._connection.execute(statement.returning(lane.c.id, *columns), rows)
        return {
            LaneKey(
                account=AccountSid(row.account),
                channel=read_choice(Channel, row.channel, "lane", row.id),
                host=row.host,
            ): row.id
            for row in found
        }


_OF_SID: Final = Prepared(select(table).where(table.c.sid == bindparam("sid")))
_OF_SID_AND_ACCOUNT: Final = Prepared(
    select(table).where(table.c.sid == bindparam("sid"), table.c.account == bindparam("account"))
)
_ATTEMPTS: Final = Prepared(select(attempt).where(attempt.c.notice_sid == bindparam("sid")).order_by(attempt.c.number))
_CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "account": table.c.account == bindparam("account"),
    "state": table.c.state == bindparam("state"),
    "before": table.c.number < bindparam("before"),
    "after": table.c.number > bindparam("after"),
}


@cache
def _page_by(asked: frozenset[str]) -> Prepared:
    """Return the statement of pages with some of these conditions: few of so many are ever asked for."""
    page = select(table).where(*(_CONDITIONS[name] for name in sorted(asked)))
    order = table.c.number if "after" in asked else table.c.number.desc()
    return Prepared(page.order_by(order).offset(bindparam("offset")).limit(bindparam("limit")))


def _order(key: LaneKey) -> tuple[str, str, str]:
    return key.account, key.channel.value, key.host


def _values(new: NewNotice, *, lane_id: int, now: datetime) -> dict[str, Any]:
    return {
        "sid": new.sid,
        "account": new.account,
        "lane_id": lane_id,
        "event": new.event.value,
        "channel": new.channel.value,
        "receiver": new.receiver,
        "method": new.method,
        "resource_type": new.resource_type.name,
        "job_sid": new.job_sid,
        "day": new.day,
        "generation": new.generation,
        "content": _content_text(new.content),
        "state": NoticeState.PENDING.value,
        "attempts": 0,
        "created_at": now,
        "gives_up_at": now + GIVE_UP_AFTER,
        "next_attempt_at": now,
    }


def read_notice(row: Row[Any]) -> Notice:
    """Return the notice in a row of its table."""
    return Notice(
        sid=row.sid,
        account=row.account,
        number=row.number,
        event=read_choice(NoticeEvent, row.event, "notice", row.number),
        channel=read_choice(Channel, row.channel, "notice", row.number),
        receiver=row.receiver,
        method=row.method,
        resource_type=read_type(row.resource_type, "notice", row.number),
        job_sid=row.job_sid,
        day=row.day,
        generation=row.generation,
        content=_read_content(row),
        state=read_choice(NoticeState, row.state, "notice", row.number),
        attempts=row.attempts,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        ended_at=row.ended_at,
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        number=row.number,
        began_at=row.began_at,
        took=None if row.duration_ms is None else timedelta(milliseconds=row.duration_ms),
        result=None
        if row.outcome == BEGUN
        else read_choice(Result, row.outcome, "attempt", row.notice_sid, row.number),
        status=row.status,
        error=row.error,
        answer=row.answer or b"",
    )


BEGUN = "begun"
"""The outcome of an attempt whose end is not known, or not yet."""


def _content_text(content: JobContent | DayContent) -> str:
    if isinstance(content, DayContent):
        return json.dumps({"friendly_name": content.friendly_name, "size_bytes": content.size_bytes})
    return json.dumps(
        {
            "friendly_name": content.friendly_name,
            "start_day": str(content.days.first),
            "end_day": str(content.days.last),
            "days_completed": content.days_completed,
            "days_empty": content.days_empty,
            "days_failed": content.days_failed,
        }
    )


def _read_content(row: Row[Any]) -> JobContent | DayContent:
    try:
        return _content(json.loads(row.content))
    except (ValueError, TypeError, KeyError, AttributeError, InvalidParameter) as error:
        raise DamagedRow(
            f"{row_name('notice', row.number)} in the state database has a content that is none"
        ) from error


def _content(told: Any) -> JobContent | DayContent:
    if "size_bytes" in told:
        return DayContent(**told)
    days = DayRange(first=Day.parse(told.pop("start_day")), last=Day.parse(told.pop("end_day")))
    return JobContent(days=days, **told)
