"""Lanes: claimed one at a time, with one attempt at a time, which is begun and recorded here.

A lane is due when a pending notice of it is due for its next attempt and the lane does not rest. `due_at` says when;
every change of one of the two sets it, under the lock of the lane's row.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update
from sqlalchemy.sql import ColumnElement

from dayfile.errors import LostClaim
from dayfile.model.account import AccountSid
from dayfile.model.lane import LaneHealth, LaneKey, LaneVerdict, Turn
from dayfile.model.notice import Channel, Notice, NoticeState, Outcome, Result, Verdict
from dayfile.store.columns import read_choice
from dayfile.store.counters import next_number
from dayfile.store.instance import Instance
from dayfile.store.notices import BEGUN, read_notice
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.notices import attempt, notice
from dayfile.store.tables.notices import lane as table

_EXHAUSTED_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligible:
    """The lanes that may be claimed now, besides being due."""

    health: LaneHealth
    not_accounts: Collection[AccountSid]
    not_hosts: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The outcome of an attempt, and its consequences."""

    outcome: Outcome
    took: timedelta
    notice: Verdict
    lane: LaneVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingLanes:
    """The lanes of one channel whose last attempt has failed and that are to be attempted again, counted."""

    channel: Channel
    lanes: int
    notices: int  # of them, that have been attempted in vain
    since: datetime  # when the first of these notices was written
    are_most: bool  # fewer lanes of this channel were told their last notice


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingLane:
    """One lane whose last attempt has failed and that is to be attempted again."""

    key: LaneKey
    failures: int  # in a row
    rests_until: datetime | None  # None: it need not
    notices: int  # of it, that have been attempted in vain
    since: datetime  # when the first of these notices was written


class Lanes:
    """The lanes, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due_accounts(self, eligible: Eligible, *, limit: int, now: datetime) -> list[AccountSid]:
        """Return accounts with a lane that may be claimed: the one that was served longest ago first.

        Among lanes that were never asked, the one that became due last comes first: nobody can tell which of them will
        answer, and new events must not wait for all that have waited for long.
        """
        query = select(table.c.account).where(_may_be_claimed(eligible, now)).group_by(table.c.account)
        if eligible.health is LaneHealth.NEW:
            query = query.order_by(func.max(table.c.due_at).desc())
        else:
            served = table.alias()
            last = select(func.max(served.c.served)).where(served.c.account == table.c.account).scalar_subquery()
            query = query.order_by(last)
        return sound_rows(self._connection, query.limit(limit), lambda row: AccountSid(row.account))

    def put_off(self, account: AccountSid, *, until: datetime, now: datetime) -> None:
        """Let the due lanes of an account wait until then, as its rows cannot be read: others must not wait."""
        due = table.c.account == account, table.c.due_at <= now
        self._connection.execute(update(table).where(*due).values(due_at=until))

    def claim(
        self, account: AccountSid, eligible: Eligible, *, worker: str, leased_until: datetime, now: datetime
    ) -> Turn | None:
        """Claim the lane of the account that was served longest ago, and begin an attempt; None if there is none.

        The attempt is the next one of the earliest notice that is due.
        """
        Instance(self._connection).check_version()
        query = (
            select(table)
            .where(table.c.account == account, _may_be_claimed(eligible, now))
            .order_by(table.c.served, table.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        due = self._earliest_due(row.id, now=now)
        if due is None:  # its notices were taken away meanwhile
            self._let_go(row.id, rests_until=row.rests_until)
            return None
        # A counter of its own: other claims would lock a shared one in another order.
        token = next_number(self._connection, "lane turn")
        claimed = {"worker": worker, "claim_token": token, "leased_until": leased_until, "served": token}
        self._connection.execute(update(table).where(table.c.id == row.id).values(claimed))
        begun, number = self._begin(due, now=now)
        return Turn(
            lane_id=row.id,
            key=_key(row),
            health=read_choice(LaneHealth, row.health, "lane", row.id),
            failures=row.failures,
            notice=begun,
            attempt=number,
            worker=worker,
            token=token,
        )

    def conclude(
        self,
        turn: Turn,
        conclusion: Conclusion,
        *,
        leased_until: datetime | None,
        now: datetime,
        surely: datetime | None = None,
    ) -> Turn | None:
        """Record the outcome of an attempt; raises LostClaim, with nothing changed, if the lane is no longer held.

        With `leased_until`, go on with the lane's next due notice, if any: the attempt that is begun is returned with
        its turn. None means that the lane was released. Notices that have waited too long are exhausted, judged by the
        time `surely` if it is given, else by now.
        """
        self._hold(turn, conclusion.lane, leased_until=leased_until)
        self._write_down(turn, conclusion, now=now)
        if conclusion.outcome.result is Result.FAILED:
            self._exhaust_old(turn.lane_id, now=surely or now)
        if conclusion.lane.is_back:
            self._hurry(turn.lane_id, now=now)
        due = self._earliest_due(turn.lane_id, now=now) if leased_until else None
        if due is None:
            self._let_go(turn.lane_id, rests_until=conclusion.lane.rests_until)
            return None
        begun, number = self._begin(due, now=now)
        return Turn(
            lane_id=turn.lane_id,
            key=turn.key,
            health=conclusion.lane.health,
            failures=conclusion.lane.failures,
            notice=begun,
            attempt=number,
            worker=turn.worker,
            token=turn.token,
        )

    def overdue(self, *, before: datetime, limit: int) -> list[tuple[LaneKey, datetime]]:
        """Return lanes that were due before then and that nobody holds: a worker should have claimed them."""
        free = or_(table.c.claim_token.is_(None), table.c.leased_until <= before)
        query = select(table).where(table.c.due_at <= before, free).order_by(table.c.due_at).limit(limit)
        return sound_rows(self._connection, query, lambda row: (_key(row), row.due_at))

    def waiting_since(self, *, now: datetime) -> datetime | None:
        """Return from when on the lane that is due and waits longest could have been claimed; None if none is due."""
        query = select(func.min(table.c.due_at)).where(table.c.due_at <= now)
        since: datetime | None = self._connection.execute(query).scalar_one()
        return since

    def failing(self) -> list[FailingLanes]:
        """Return the lanes that fail, by channel; channels of which none does are left out."""
        tried = notice.c.lane_id == table.c.id, notice.c.state == NoticeState.PENDING.value, notice.c.attempts > 0
        lanes, notices = func.count(table.c.id.distinct()), func.count()
        query = (
            select(
                table.c.channel,
                lanes.label("lanes"),
                notices.label("notices"),
                func.min(notice.c.created_at).label("since"),
            )
            .where(table.c.due_at.is_not(None), table.c.failures > 0, *tried)
            .group_by(table.c.channel)
        )
        return sound_rows(self._connection, query, self._failing_lanes)

    def _failing_lanes(self, row: Row[Any]) -> FailingLanes:
        return FailingLanes(
            channel=read_choice(Channel, row.channel, "lane"),
            lanes=row.lanes,
            notices=row.notices,
            since=row.since,
            are_most=self._answering(row.channel, limit=row.lanes) < row.lanes,
        )

    def failing_first(self, *, limit: int) -> list[FailingLane]:
        """Return the lanes that fail, the one first whose notices have waited longest."""
        tried = notice.c.lane_id == table.c.id, notice.c.state == NoticeState.PENDING.value, notice.c.attempts > 0
        columns = (table.c.account, table.c.channel, table.c.host, table.c.failures, table.c.rests_until)
        since = func.min(notice.c.created_at)
        query = (
            select(*columns, func.count().label("notices"), since.label("since"))
            .where(table.c.due_at.is_not(None), table.c.failures > 0, *tried)
            .group_by(table.c.id, *columns)
            .order_by(since, table.c.id)
            .limit(limit)
        )
        return sound_rows(self._connection, query, _failing_lane)

    def _answering(self, channel: str, *, limit: int) -> int:
        """Return the number of lanes of a channel whose last attempt has not failed, or the limit if there are more."""
        told = table.c.channel == channel, table.c.failures == 0, table.c.health != LaneHealth.NEW.value
        some = select(table.c.id).where(*told).limit(limit).subquery()
        return self._connection.execute(select(func.count()).select_from(some)).scalar_one()

    def _hold(self, turn: Turn, verdict: LaneVerdict, *, leased_until: datetime | None) -> None:
        held = update(table).where(
            table.c.id == turn.lane_id, table.c.claim_token == turn.token, table.c.worker == turn.worker
        )
        values = {
            "health": verdict.health.value,
            "failures": verdict.failures,
            "rests_until": verdict.rests_until,
            "leased_until": leased_until,
        }
        if self._connection.execute(held.values(values)).rowcount != 1:
            raise LostClaim(f"{turn.worker} no longer holds the lane of {turn.notice.sid}")

    def _write_down(self, turn: Turn, conclusion: Conclusion, *, now: datetime) -> None:
        outcome, verdict = conclusion.outcome, conclusion.notice
        ended = {
            "duration_ms": conclusion.took // timedelta(milliseconds=1),
            "outcome": outcome.result.value,
            "status": outcome.status,
            "error": outcome.error,
            "answer": outcome.answer or None,
        }
        this = and_(attempt.c.notice_sid == turn.notice.sid, attempt.c.number == turn.attempt)
        self._connection.execute(update(attempt).where(this).values(ended))
        follows = {
            "state": verdict.state.value,
            "next_attempt_at": verdict.next_attempt_at,
            "ended_at": None if verdict.state is NoticeState.PENDING else now,
        }
        self._connection.execute(update(notice).where(notice.c.sid == turn.notice.sid).values(follows))

    def _earliest_due(self, lane_id: int, *, now: datetime) -> Notice | None:
        query = select(notice).where(_pending(lane_id), notice.c.next_attempt_at <= now).order_by(notice.c.number)
        row = self._connection.execute(query.limit(1)).one_or_none()
        return None if row is None else read_notice(row)

    def _begin(self, due: Notice, *, now: datetime) -> tuple[Notice, int]:
        counted = update(notice).where(notice.c.sid == due.sid).values(attempts=notice.c.attempts + 1)
        row = self._connection.execute(counted.returning(notice)).one()
        last = select(func.coalesce(func.max(attempt.c.number), 0)).where(attempt.c.notice_sid == due.sid)
        number = int(self._connection.execute(last).scalar_one()) + 1
        begun = {"notice_sid": due.sid, "number": number, "began_at": now, "outcome": BEGUN}
        self._connection.execute(insert(attempt).values(begun))
        return read_notice(row), number

    def _let_go(self, lane_id: int, *, rests_until: datetime | None) -> None:
        query = select(func.min(notice.c.next_attempt_at)).where(_pending(lane_id))
        next_at = self._connection.execute(query).scalar_one()
        due_at = max(next_at, rests_until) if next_at and rests_until else next_at
        free = {"worker": None, "claim_token": None, "leased_until": None, "due_at": due_at}
        self._connection.execute(update(table).where(table.c.id == lane_id).values(free))

    def _exhaust_old(self, lane_id: int, *, now: datetime) -> None:
        """Exhaust some of the notices that have waited too long for a host that is still down."""
        old = select(notice.c.number).where(_pending(lane_id), notice.c.gives_up_at <= now).limit(_EXHAUSTED_AT_ONCE)
        ended = {"state": NoticeState.EXHAUSTED.value, "next_attempt_at": None, "ended_at": now}
        self._connection.execute(update(notice).where(notice.c.number.in_(old)).values(ended))

    def _hurry(self, lane_id: int, *, now: datetime) -> None:
        """Make notices that wait for their next attempt due now, since the host is back."""
        waiting = update(notice).where(_pending(lane_id), notice.c.next_attempt_at > now)
        self._connection.execute(waiting.values(next_attempt_at=now))


def _failing_lane(row: Row[Any]) -> FailingLane:
    return FailingLane(
        key=_key(row),
        failures=row.failures,
        rests_until=row.rests_until,
        notices=row.notices,
        since=row.since,
    )


def _key(row: Row[Any]) -> LaneKey:
    return LaneKey(
        account=row.account, channel=read_choice(Channel, row.channel, "lane of", row.account, row.host), host=row.host
    )


def _pending(lane_id: int) -> ColumnElement[bool]:
    return and_(notice.c.lane_id == lane_id, notice.c.state == NoticeState.PENDING.value)


def _may_be_claimed(eligible: Eligible, now: datetime) -> ColumnElement[bool]:
    return and_(
        table.c.due_at <= now,
        or_(table.c.claim_token.is_(None), table.c.leased_until <= now),
        table.c.health == eligible.health.value,
        table.c.account.not_in(eligible.not_accounts),
        table.c.host.not_in(eligible.not_hosts),
    )
