"""Lanes in tests: claimed and concluded without a dispatcher."""

from __future__ import annotations

from datetime import datetime, timedelta

from dayfile.model.account import AccountSid
from dayfile.model.lane import LaneHealth, Turn, lane_after
from dayfile.model.notice import Outcome, Result, after
from dayfile.store.database import Database
from dayfile.store.lanes import Conclusion, Eligible
from tests.support.clock import NOON
from tests.support.notices import an_outcome

ANY_OF = {health: Eligible(health=health, not_accounts=(), not_hosts=()) for health in LaneHealth}
LEASE = timedelta(minutes=1)
QUICK = timedelta(milliseconds=20)


def claimed(
    database: Database,
    account: AccountSid,
    *,
    worker: str = "w",
    now: datetime = NOON,
    eligible: Eligible | None = None,
) -> Turn | None:
    """Claim a lane of the account, whatever its health."""
    with database.transaction() as tx:
        for one in ANY_OF.values() if eligible is None else [eligible]:
            if turn := tx.lanes.claim(account, one, worker=worker, leased_until=now + LEASE, now=now):
                return turn
    return None


def conclusion(turn: Turn, outcome: Outcome, *, took: timedelta = QUICK, now: datetime = NOON) -> Conclusion:
    """Return the conclusion from an outcome, without jitter."""
    return Conclusion(
        outcome=outcome,
        took=took,
        notice=after(turn.notice.attempts, outcome, now=now, chance=0.0),
        lane=lane_after(turn.failures, outcome, took=took, now=now),
    )


def concluded(
    database: Database,
    turn: Turn,
    outcome: Outcome | None = None,
    *,
    now: datetime = NOON,
    goes_on: bool = False,
) -> Turn | None:
    """Record an outcome, delivered unless another is given; the turn that goes on."""
    with database.transaction() as tx:
        return tx.lanes.conclude(
            turn,
            conclusion(turn, outcome or an_outcome(), now=now),
            leased_until=now + LEASE if goes_on else None,
            now=now,
        )


def attempted(database: Database, account: AccountSid, *, now: datetime = NOON, fails: bool = False) -> Turn:
    """Attempt what is due for the account, once."""
    turn = claimed(database, account, now=now)
    assert turn is not None
    concluded(database, turn, an_outcome(Result.FAILED, status=500) if fails else None, now=now)
    return turn
