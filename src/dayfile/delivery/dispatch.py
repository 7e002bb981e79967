"""From a notice in the outbox to a receiver that has it: claim lanes that are due, attempt, write down what came of it.

An attempt is committed as begun before it is made and as ended after it. Whoever dies in between leaves one without an
end, and it is made again under the same event sid: at least once, and recognizable. While the database is away, the
outcome waits in memory and its lane is held.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from dayfile.clock import Clock
from dayfile.delivery.credentials import credentials_of
from dayfile.delivery.room import Room
from dayfile.delivery.transport import Transport
from dayfile.errors import DayfileError, LostClaim, Transient
from dayfile.model.account import AccountSid
from dayfile.model.lane import Standing, Turn, lane_after
from dayfile.model.notice import ATTEMPT_SECONDS, Channel, Outcome, Result, after
from dayfile.model.secret import InstanceKey, Randomness
from dayfile.store.database import Database
from dayfile.store.lanes import Conclusion
from dayfile.store.transaction import Transaction

log = structlog.get_logger()

LEASE = timedelta(seconds=4 * ATTEMPT_SECONDS)
"""How long a lane is held for one attempt: far longer than any takes, so that no two workers attempt one notice."""

TURN_SECONDS = 2.0
"""A lane goes on with its next notice until so much time has passed; then others have their turn."""


class Dispatch:
    """One process's share of the deliveries. `wake` is called when a thread has become free."""

    def __init__(
        self,
        database: Database,
        *,
        worker: str,
        clock: Clock,
        randomness: Randomness,
        key: InstanceKey,
        transports: Mapping[Channel, Transport],
        executor: Executor,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._worker = worker
        self._clock = clock
        self._randomness = randomness
        self._key = key
        self._transports = transports
        self._executor = executor
        self._wake = wake
        self._changed = threading.Condition()  # guards what follows
        self._room = Room()
        self._unrecorded: list[tuple[Turn, Conclusion]] = []
        self._stopping = False

    def round(self) -> bool:
        """Record what could not be recorded before, and give turns to lanes that are due; False if there was neither.

        It does not wait for the attempts.
        """
        recorded = self._record_late()
        turns = self._claim()
        for turn in turns:
            self._executor.submit(self._run, turn)
        return bool(turns) or recorded

    def stop(self) -> None:
        """Begin no attempt any more that is not begun."""
        self._stopping = True

    def join(self) -> None:
        """Wait until every attempt that is begun has ended, which takes at most ATTEMPT_SECONDS."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._room) == len(self._unrecorded))
        with suppress(Transient):
            self._record_late()

    def _claim(self) -> list[Turn]:
        now = self._clock.now()
        with self._database.snapshot() as tx:  # most looks find nothing, and cost no writing transaction
            wanted = [(standing, account) for standing in Standing for account in self._due(tx, standing, now=now)]
        if not wanted:
            return []
        turns: list[Turn] = []
        try:
            with self._database.transaction() as tx:
                for standing, account in wanted:
                    turns += self._claim_one(tx, standing, account, now=now)
        except Exception:
            for turn in turns:
                self._leave(turn)
            raise
        return turns

    def _due(self, tx: Transaction, standing: Standing, *, now: datetime) -> list[AccountSid]:
        """Accounts whose turn it is, no more of them than there is room for."""
        with self._changed:
            at = self._clock.monotonic()
            eligible = None if self._stopping else self._room.eligible(standing, at=at)
            free = self._room.free(standing, at=at)
        return [] if eligible is None else tx.lanes.due_accounts(eligible, limit=free, now=now)

    def _claim_one(self, tx: Transaction, standing: Standing, account: AccountSid, *, now: datetime) -> list[Turn]:
        with self._changed:
            eligible = self._room.eligible(standing, at=self._clock.monotonic())
        if eligible is None or account in eligible.not_accounts:
            return []
        turn = tx.lanes.claim(account, eligible, worker=self._worker, leased_until=now + LEASE, now=now)
        if turn is None:
            return []
        self._enter(turn)
        return [turn]

    def _run(self, turn: Turn) -> None:
        """Attempt the notice of a turn, and the next ones of its lane for as long as it goes well and not for long."""
        began = self._clock.monotonic()
        following: Turn | None = turn
        while following is not None:
            turn, conclusion = following, self._attempt(following)
            is_well = conclusion.outcome.result is not Result.FAILED
            goes_on = is_well and not self._stopping and self._clock.monotonic() - began < TURN_SECONDS
            following = self._end(turn, conclusion, goes_on=goes_on)

    def _end(self, turn: Turn, conclusion: Conclusion, *, goes_on: bool) -> Turn | None:
        """Record an attempt, or keep in mind that it must be; the turn that goes on, or None when it is over."""
        try:
            following = self._conclude(turn, conclusion, goes_on=goes_on)
        except Transient as error:
            log.warning("notice.unrecorded", event_sid=turn.notice.sid, reason=str(error))
            with self._changed:
                self._unrecorded.append((turn, conclusion))
                self._changed.notify_all()
            return None
        except LostClaim as error:
            log.warning("notice.claim_lost", event_sid=turn.notice.sid, error=str(error))
        except Exception:
            log.exception("notice.record_failed", event_sid=turn.notice.sid)
        else:
            if following is not None:
                self._enter(following)
                return following
        self._leave(turn)
        return None

    def _attempt(self, turn: Turn) -> Conclusion:
        now, began = self._clock.now(), self._clock.monotonic()
        try:
            with self._database.snapshot() as tx:
                credentials = credentials_of(turn.key.account, tx, key=self._key, now=now)
            transport = self._transports[turn.key.channel]
            outcome = transport.deliver(turn.notice, attempt=turn.attempt, credentials=credentials, now=now)
        except Exception as error:
            log.exception("notice.transport_failed", event_sid=turn.notice.sid)
            outcome = _not_made(error)
        took = timedelta(seconds=self._clock.monotonic() - began)
        now, chance = self._clock.now(), int.from_bytes(self._randomness.octets(6)) / (1 << 48)
        return Conclusion(
            outcome=outcome,
            took=took,
            notice=after(turn.notice.attempts, outcome, now=now, chance=chance),
            lane=lane_after(turn.failures, outcome, took=took, now=now),
        )

    def _conclude(self, turn: Turn, conclusion: Conclusion, *, goes_on: bool) -> Turn | None:
        reading = self._clock.reading()
        now = reading.now
        with self._database.transaction() as tx:
            surely = tx.clock_marks.trust(reading).surely
            leased_until = now + LEASE if goes_on else None
            following = tx.lanes.conclude(turn, conclusion, leased_until=leased_until, now=now, surely=surely)
        outcome = conclusion.outcome
        log.info(
            "notice.attempted",
            event_sid=turn.notice.sid,
            account=turn.key.account,
            channel=turn.key.channel.value,
            attempt=turn.attempt,
            result=outcome.result.value,
            status=outcome.status,
            duration_ms=conclusion.took // timedelta(milliseconds=1),
            state=conclusion.notice.state.value,
        )
        return following

    def _record_late(self) -> bool:
        """Record what met a database that was away; raises Transient if it still is."""
        recorded = False
        while self._unrecorded:
            turn, conclusion = self._unrecorded[0]
            try:
                self._conclude(turn, conclusion, goes_on=False)
            except LostClaim as error:
                log.warning("notice.claim_lost", event_sid=turn.notice.sid, error=str(error))
            except Transient:
                raise
            except Exception:
                # It cannot be recorded at all: after its lease the notice is attempted again, and others are not kept.
                log.exception("notice.record_failed", event_sid=turn.notice.sid)
            with self._changed:
                del self._unrecorded[0]
            self._leave(turn)
            recorded = True
        return recorded

    def _enter(self, turn: Turn) -> None:
        with self._changed:
            self._room.enter(turn, at=self._clock.monotonic())

    def _leave(self, turn: Turn) -> None:
        with self._changed:
            self._room.leave(turn)
            self._changed.notify_all()
        self._wake()


def _not_made(error: Exception) -> Outcome:
    """The outcome of an attempt that did not get as far as the receiver: our own fault, and worth another try."""
    reason = str(error) if isinstance(error, DayfileError) else "internal error; the operator finds it in the log"
    return Outcome(result=Result.FAILED, status=None, error=reason, answer=b"", retry_after=None)
