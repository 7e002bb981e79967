"""The dispatcher: claims due lanes, attempts their notices, records the outcomes.

The start of an attempt is committed before it is made, and its end after. If a process dies in between, the notice is
attempted again under the same event sid: at-least-once delivery, with duplicates that receivers can recognize. While
the database is unavailable, outcomes wait in memory and their lanes stay claimed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from dayfile.clock import Clock
from dayfile.counters import Counters
from dayfile.delivery.bulkhead import Bulkhead
from dayfile.delivery.transport import Transport, credentials_of
from dayfile.errors import DamagedRow, DayfileError, LostClaim, Transient
from dayfile.model.account import AccountSid
from dayfile.model.lane import LaneHealth, Turn, lane_after
from dayfile.model.notice import ATTEMPT_SECONDS, Channel, Outcome, Result, after
from dayfile.model.secret import InstanceKey, Randomness
from dayfile.spans import NO_SPANS, Spans
from dayfile.store.database import Database
from dayfile.store.lanes import Conclusion
from dayfile.store.transaction import Transaction

log = structlog.get_logger()

LEASE = timedelta(seconds=4 * ATTEMPT_SECONDS)
"""Lease of a lane for one attempt: far longer than any attempt, so that no two workers attempt the same notice."""

TURN_SECONDS = 2.0
"""Length of a turn: a lane goes on with its next notices for this long, then other lanes follow."""


UNREADABLE_DELAY = timedelta(minutes=5)
"""Pause of the notices of an account whose rows cannot be read."""


class Dispatcher:
    """The deliveries of one process. `wake` is called whenever an attempt has ended and there is room for another."""

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
        counters: Counters | None = None,
        spans: Spans = NO_SPANS,
    ) -> None:
        self._counters, self._spans = counters or Counters(), spans
        self._database = database
        self._worker = worker
        self._clock = clock
        self._randomness = randomness
        self._key = key
        self._transports = transports
        self._executor = executor
        self._wake = wake
        self._changed = threading.Condition()  # guards the fields below
        self._bulkhead = Bulkhead()
        self._unrecorded: list[tuple[Turn, Conclusion]] = []
        self._stopping = False

    def step(self) -> bool:
        """Record outcomes that could not be recorded before, and start turns of due lanes; False if there was neither.

        Does not wait for the attempts.
        """
        recorded = self._record_late()
        turns = self._claim()
        for turn in turns:
            self._executor.submit(self._run, turn)
        return bool(turns) or recorded

    def stop(self) -> None:
        """Start no further attempts."""
        self._stopping = True

    def join(self) -> None:
        """Wait until every running attempt has ended, which takes at most ATTEMPT_SECONDS."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._bulkhead) == len(self._unrecorded))
        with suppress(Transient):
            self._record_late()

    def _claim(self) -> list[Turn]:
        now = self._clock.now()
        with self._database.snapshot() as tx:  # most looks find nothing, and need no write transaction
            wanted = [(health, account) for health in LaneHealth for account in self._due(tx, health, now=now)]
        if not wanted:
            return []
        turns: list[Turn] = []
        try:
            with self._database.transaction() as tx:
                for health, account in wanted:
                    try:
                        turns += self._claim_one(tx, health, account, now=now)
                    except DamagedRow as error:
                        log.error("notice.unreadable", account=account, reason=str(error))  # noqa: TRY400 - no bug
                        tx.lanes.put_off(account, until=now + UNREADABLE_DELAY, now=now)
        except Exception:
            for turn in turns:
                self._leave(turn)
            raise
        return turns

    def _due(self, tx: Transaction, health: LaneHealth, *, now: datetime) -> list[AccountSid]:
        """Return the accounts that have due notices, at most as many as there is room for."""
        with self._changed:
            at = self._clock.monotonic()
            eligible = None if self._stopping else self._bulkhead.eligible(health, at=at)
            free = self._bulkhead.free(health, at=at)
        return [] if eligible is None else tx.lanes.due_accounts(eligible, limit=free, now=now)

    def _claim_one(self, tx: Transaction, health: LaneHealth, account: AccountSid, *, now: datetime) -> list[Turn]:
        with self._changed:
            eligible = self._bulkhead.eligible(health, at=self._clock.monotonic())
        if eligible is None or account in eligible.not_accounts:
            return []
        turn = tx.lanes.claim(account, eligible, worker=self._worker, leased_until=now + LEASE, now=now)
        if turn is None:
            return []
        self._enter(turn)
        return [turn]

    def _run(self, turn: Turn) -> None:
        """Attempt the notice of a turn, then the next ones of its lane until one fails or TURN_SECONDS are over."""
        began = self._clock.monotonic()
        following: Turn | None = turn
        while following is not None:
            turn, conclusion = following, self._attempt(following)
            is_well = conclusion.outcome.result is not Result.FAILED
            goes_on = is_well and not self._stopping and self._clock.monotonic() - began < TURN_SECONDS
            following = self._end(turn, conclusion, goes_on=goes_on)

    def _end(self, turn: Turn, conclusion: Conclusion, *, goes_on: bool) -> Turn | None:
        """Record an attempt, or keep its outcome to record it later; return the continued turn, or None at its end."""
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
            self._counters.claim_lost("notice")
        except Exception:
            log.exception("notice.record_failed", event_sid=turn.notice.sid)
        else:
            if following is not None:
                self._enter(following)
                return following
        self._leave(turn)
        return None

    def _attempt(self, turn: Turn) -> Conclusion:
        facts = {"dayfile.event_sid": turn.notice.sid, "dayfile.channel": turn.key.channel.value}
        with self._spans.span("notice", facts | {"dayfile.attempt": turn.attempt}) as span:
            conclusion = self._conclusion(turn)
            span.note({"dayfile.result": conclusion.outcome.result.value})
        return conclusion

    def _conclusion(self, turn: Turn) -> Conclusion:
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
        def conclude(tx: Transaction) -> Turn | None:
            reading = self._clock.reading()
            now = reading.now
            surely = tx.clock_marks.trust(reading).surely
            leased_until = now + LEASE if goes_on else None
            return tx.lanes.conclude(turn, conclusion, leased_until=leased_until, now=now, surely=surely)

        following = self._database.run(conclude)
        outcome = conclusion.outcome
        self._counters.attempted(turn.key.channel, outcome.result)
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
        """Record the outcomes that met an unavailable database; raises Transient if it still is unavailable."""
        recorded = False
        while self._unrecorded:
            turn, conclusion = self._unrecorded[0]
            try:
                self._conclude(turn, conclusion, goes_on=False)
            except LostClaim as error:
                log.warning("notice.claim_lost", event_sid=turn.notice.sid, error=str(error))
                self._counters.claim_lost("notice")
            except Transient:
                raise
            except Exception:
                # It can never be recorded: drop it, so that it does not block the others. After the lease its notice
                # is attempted again.
                log.exception("notice.record_failed", event_sid=turn.notice.sid)
            with self._changed:
                del self._unrecorded[0]
            self._leave(turn)
            recorded = True
        return recorded

    def _enter(self, turn: Turn) -> None:
        with self._changed:
            self._bulkhead.enter(turn, at=self._clock.monotonic())

    def _leave(self, turn: Turn) -> None:
        with self._changed:
            self._bulkhead.leave(turn)
            self._changed.notify_all()
        self._wake()


def _not_made(error: Exception) -> Outcome:
    """Return the outcome of an attempt that failed on our side, before it reached the receiver; it is tried again."""
    reason = str(error) if isinstance(error, DayfileError) else "internal error; the operator finds it in the log"
    return Outcome(result=Result.FAILED, status=None, error=reason, answer=b"", retry_after=None)
