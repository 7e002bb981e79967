"""The worker: thin loops that claim due work and hand it to the stages, which do not know one another.

Six loops, so that nothing waits behind slow work: one for the clock, one for jobs, one for daily exports, one for days
(sealing, compaction, retention, packs, sweeping), one for notices, one for the scrub. A loop has steps, each of which
can fail without stopping the others; a step does one thing and returns False if there was nothing to do. Only the
threads wait.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial

import structlog

from dayfile.clock import Clock
from dayfile.counters import Counters
from dayfile.delivery.dispatcher import Dispatcher
from dayfile.errors import DamagedRow, DatabaseUnavailable, LostClaim, Transient
from dayfile.exports.daily import DailyExports
from dayfile.exports.job_queue import BUSY_DELAY, JobQueue
from dayfile.exports.publish import Publishing
from dayfile.exports.retention import Retention
from dayfile.intake.compaction import Compaction
from dayfile.model.day import Day
from dayfile.model.job import Claim
from dayfile.model.resource import ResourceType
from dayfile.model.seal import SealClaim
from dayfile.objects.pack_rewrite import PackRewrite
from dayfile.objects.scrub import Scrub
from dayfile.objects.sweep import Sweep
from dayfile.sealing.repairs import Repairs
from dayfile.sealing.schedule import SealingRule, days_with_records_due, due_days, missing_days
from dayfile.sealing.seal import Sealing, SealOutcome
from dayfile.spans import NO_SPANS, Spans
from dayfile.store.database import Database
from dayfile.work.clock_watch import ClockWatch
from dayfile.work.lease import KeptLease
from dayfile.work.loop import Loop, Steps, run_all
from dayfile.work.pending_accounts import PendingAccounts

log = structlog.get_logger()

BLAMELESS_FOR = timedelta(hours=24)
"""Time since a job's submission in which attempts do not count that met an unavailable database or storage."""

FAILED_DAY_RESTS_FOR = timedelta(minutes=5)
"""Pause of a day whose seal failed."""

AWAY_DELAY = timedelta(seconds=30)
"""Pause of a day after an attempt that met an unavailable database or storage."""


_SHOWN = 10


class Worker:
    """The work of one process, under a name that no other worker has."""

    def __init__(
        self,
        name: str,
        *,
        database: Database,
        clock: Clock,
        clock_watch: ClockWatch,
        sealing: Sealing,
        repairs: Repairs,
        job_queue: JobQueue,
        publishing: Publishing,
        daily: DailyExports,
        compaction: Compaction,
        pack_rewrite: PackRewrite,
        sweep: Sweep,
        scrub: Scrub,
        pending_accounts: PendingAccounts,
        dispatcher: Dispatcher,
        retention: Retention,
        rule: SealingRule,
        lease: timedelta,
        counters: Counters,
        spans: Spans = NO_SPANS,
    ) -> None:
        self.name, self._rule, self._lease, self._scrub_steps = name, rule, lease, {"scrub": scrub.step}
        self._database, self._clock, self._counters, self._spans = database, clock, counters, spans
        self._sealing, self._job_queue, self._publishing, self._dispatcher = sealing, job_queue, publishing, dispatcher
        self._clock_steps, self._daily_steps = {"clock": clock_watch.step}, {"daily exports": daily.step}
        self._days_steps: Steps = {
            "opening": self.open_days,
            "rejections": pending_accounts.step,
            "damages": repairs.step,
            "sealing": self._seal_due,
            "markers": sealing.write_markers,
            "compaction": compaction.step,
            "forgetting": retention.step,
            "packs": pack_rewrite.step,
            "sweeping": sweep.step,
        }
        self._make_loops()

    def _make_loops(self) -> None:
        self._jobs_steps: Steps = {"lost workers": self._take_back, "jobs": self._work_on_a_job}
        self._notices_steps = {"notices": self._dispatcher.step}
        self._resting: dict[tuple[ResourceType, Day], float] = {}  # on the monotonic clock
        loop = partial(Loop, clock=self._clock, counters=self._counters, spans=self._spans)
        self._jobs_loop = loop("jobs", self._jobs_steps)
        self._daily_loop = loop("daily", self._daily_steps)
        self._notices_loop = loop("notices", self._notices_steps)
        self._days_loop = loop("days", self._days_steps)
        clock_loop = loop("clock", self._clock_steps)
        scrub_loop = loop("scrub", self._scrub_steps)
        self._loops = (clock_loop, self._jobs_loop, self._daily_loop, self._days_loop, self._notices_loop, scrub_loop)

    def start(self) -> None:
        """Check the clock once, then start the loops in threads of their own."""
        with suppress(Transient):  # the loop asks an unavailable database again
            run_all(self._clock_steps)  # before anything else trusts the clock
        for loop in self._loops:
            loop.start()

    def wake(self) -> None:
        """Wake the jobs loop, since a job was submitted."""
        self._jobs_loop.wake()

    def wake_for_notices(self) -> None:
        """Wake the notices loop: a notice was written, or there is room for another attempt."""
        self._notices_loop.wake()

    def stop(self) -> None:
        """Start nothing more, and return when the running steps and attempts have ended."""
        self._dispatcher.stop()
        for loop in self._loops:
            loop.stop()
        for loop in self._loops:
            loop.join()
        self._dispatcher.join()

    def tick(self) -> bool:
        """Run each loop once; False if there was nothing to do. If steps fail, raises the first error at the end."""
        ticks = (
            self.clock_tick,
            self.jobs_tick,
            self.days_tick,
            self.daily_tick,
            self._notices_tick,
            self._scrub_tick,
        )
        return run_all({one.__name__: one for one in ticks})

    def clock_tick(self) -> bool:
        """Check the clock."""
        return run_all(self._clock_steps)

    def jobs_tick(self) -> bool:
        """Take back the claims of lost workers, then work on the days of one job; False if there was none."""
        return run_all(self._jobs_steps)

    def daily_tick(self) -> bool:
        """Publish due daily exports; False if there were none."""
        return run_all(self._daily_steps)

    def days_tick(self) -> bool:
        """Open new days, retry lines whose account has appeared, seal a due day, compact, delete expired rows, sweep.

        Returns False if there was nothing to do.
        """
        return run_all(self._days_steps)

    def _notices_tick(self) -> bool:
        return run_all(self._notices_steps)

    def _scrub_tick(self) -> bool:
        return run_all(self._scrub_steps)

    def open_days(self) -> bool:
        """Add rows for the days up to today, so that each is sealed when it is due even if no record ever comes.

        Opens no days while the clock is not trusted. Always returns False: there is never more to do at once.
        """
        reading = self._clock.reading()
        with self._database.snapshot() as tx:
            missing = missing_days(tx, now=reading.now) if tx.clock_marks.trust(reading).is_given else []
        if missing:
            with self._database.transaction() as tx:
                tx.seals.open_days(missing)
        return False

    def seal(self, resource_type: ResourceType, day: Day) -> SealOutcome | None:
        """Seal one day now and return the outcome; None if another worker is sealing it."""
        claim = self._sealing.claim(resource_type, day, worker=self.name)
        if claim is None:
            return None
        began = self._clock.monotonic()
        try:
            outcome = self._seal_claimed(claim)
            self._counters.sealed(resource_type, lines=outcome.lines, seconds=self._clock.monotonic() - began)
            self._daily_loop.wake()  # if it was the first seal of the day
            with suppress(Transient):  # otherwise a step writes it later
                self._sealing.write_markers()
        except LostClaim:
            raise
        except Exception:
            with suppress(Transient):  # otherwise it is released when its lease runs out
                self._sealing.abandon(claim)
            raise
        log.info(
            "day.sealed",
            resource_type=resource_type.name,
            day=str(day),
            segments=outcome.segments,
            lines=outcome.lines,
            files=outcome.files,
        )
        if outcome.damaged:
            log.error(
                "day.damaged",
                resource_type=resource_type.name,
                day=str(day),
                objects=outcome.damaged[:_SHOWN],
                damaged=len(outcome.damaged),
                what_to_do="run `dayfile damage list`: the lines of the accounts that it names are kept, and wait",
            )
        return outcome

    def _seal_claimed(self, claim: SealClaim) -> SealOutcome:
        facts = {"dayfile.type": claim.resource_type.name, "dayfile.day": str(claim.day)}
        with (
            KeptLease(lambda: self._sealing.extend(claim), lease=self._lease, clock=self._clock),
            self._spans.span("seal", facts) as span,
        ):
            outcome = self._sealing.seal(claim)
            span.note({"dayfile.lines": outcome.lines, "dayfile.files": outcome.files})
        return outcome

    def _take_back(self) -> bool:
        self._job_queue.take_back_expired()
        return False

    def _work_on_a_job(self) -> bool:
        claim = self._job_queue.claim(worker=self.name)
        if claim is None:
            return False
        with KeptLease(lambda: self._job_queue.extend(claim), lease=self._lease, clock=self._clock):
            try:
                self._work_on(claim)
            except LostClaim as error:
                log.warning("job_day.claim_lost", job=claim.job.sid, error=str(error))
                self._counters.claim_lost("job")
        return True

    def _work_on(self, claim: Claim) -> None:
        facts = {"dayfile.job": claim.job.sid, "dayfile.type": claim.job.resource_type.name}
        with self._spans.span("job", facts | {"dayfile.days": len(claim.days)}):
            self._work_on_days(claim)

    def _work_on_days(self, claim: Claim) -> None:
        try:
            unsealed = self._publishing.unsealed(claim)
            ready = [job_day.day for job_day in claim.days if job_day.day not in unsealed]
            if ready:
                self._publishing.publish(claim, ready)
        except Transient as error:
            self._wait_or_fail(claim, [job_day.day for job_day in claim.days], error)
            return
        except DamagedRow as error:
            self._fail(claim, [job_day.day for job_day in claim.days], error)
            return
        for day in unsealed:
            self._seal_and_publish(claim, day)
        log.info("job.worked_on", job=claim.job.sid, days=len(claim.days), sealed=len(unsealed))

    def _seal_and_publish(self, claim: Claim, day: Day) -> None:
        try:
            if self.seal(claim.job.resource_type, day) is None:
                self._job_queue.hand_back(claim, [day], delay=BUSY_DELAY)
            else:
                self._publishing.publish(claim, [day])
        except Transient as error:
            self._wait_or_fail(claim, [day], error)
        except LostClaim:
            raise
        except Exception as error:  # noqa: BLE001 - it is logged
            self._fail(claim, [day], error)

    def _fail(self, claim: Claim, days: list[Day], error: Exception) -> None:
        log.error("job_day.failed", job=claim.job.sid, days=[str(day) for day in days[:_SHOWN]], exc_info=error)
        self._counters.failed(error)
        self._job_queue.fail(claim, days, error=f"{type(error).__name__}: {error}")

    def _wait_or_fail(self, claim: Claim, days: list[Day], error: Transient) -> None:
        """Hand days back without counting an attempt until BLAMELESS_FOR after submission; later count it as failed."""
        log.warning("job_day.waiting", job=claim.job.sid, days=len(days), reason=str(error))
        self._counters.failed(error)
        reading = self._clock.reading()
        with self._database.snapshot() as tx:
            surely = tx.clock_marks.trust(reading).surely
        if surely - claim.job.submitted_at < BLAMELESS_FOR:
            self._job_queue.hand_back(claim, days, delay=AWAY_DELAY)
        else:
            self._job_queue.fail(claim, days, error=str(error))

    def _seal_due(self) -> bool:
        reading = self._clock.reading()
        with self._database.snapshot() as tx:
            is_trusted = tx.clock_marks.trust(reading).is_given
            due = (due_days if is_trusted else days_with_records_due)(tx, self._rule, now=reading.now)
        at = self._clock.monotonic()
        rested = [key for key in due if self._resting.get(key, at) <= at]
        at_once = self._sealing.days_at_once
        if at_once == 1:
            return any(self._seal_or_rest(*one) for one in rested)
        with ThreadPoolExecutor(at_once, thread_name_prefix="seal") as pool:  # they wait for other machines
            return any(list(pool.map(lambda one: self._seal_or_rest(*one), rested[:at_once])))

    def _seal_or_rest(self, resource_type: ResourceType, day: Day) -> bool:
        """Seal a day; a day that fails pauses for a while, so that it does not block the others."""
        rests_for = FAILED_DAY_RESTS_FOR
        try:
            return self.seal(resource_type, day) is not None
        except DatabaseUnavailable:
            raise  # it concerns all days
        except Transient as error:
            log.warning("day.waiting", resource_type=resource_type.name, day=str(day), reason=str(error))
            self._counters.failed(error)
            rests_for = AWAY_DELAY
        except LostClaim as error:
            log.warning("day.claim_lost", resource_type=resource_type.name, day=str(day), error=str(error))
            self._counters.claim_lost("seal")
        except Exception as error:
            log.exception("day.seal_failed", resource_type=resource_type.name, day=str(day))
            self._counters.failed(error)
        self._resting[resource_type, day] = self._clock.monotonic() + rests_for.total_seconds()
        return False
