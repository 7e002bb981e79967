"""A whole instance without its faces: real database, real files, a clock that stands still, one worker run by ticks.

`restarted` is the same instance in a new process: nothing but what is on disk is left.
"""

from __future__ import annotations

import gzip
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from dayfile.checks.check import Check
from dayfile.checks.finding import Finding
from dayfile.delivery.dispatcher import Dispatcher
from dayfile.delivery.mail_folder import UnsentLetters
from dayfile.delivery.transport import Transport
from dayfile.exports.configuration import Configuring
from dayfile.exports.custom import CustomJobs
from dayfile.exports.daily import DailyExports
from dayfile.exports.job_queue import JobQueue
from dayfile.exports.publish import Publishing
from dayfile.exports.retention import Retention
from dayfile.files.storage import LocalStorage
from dayfile.intake.compaction import Compaction, CompactionRule
from dayfile.intake.pipeline import IncomingBatch, Intake
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor, Caller, Scope
from dayfile.model.day import Day
from dayfile.model.export import ConfigurationChange, DayFile, SealedDay
from dayfile.model.job import RetryRule
from dayfile.model.notice import Channel
from dayfile.model.receipt import Receipt
from dayfile.model.resource import MESSAGES
from dayfile.objects.scrub import Scrub
from dayfile.objects.sweep import Sweep
from dayfile.sealing.repairs import Repairs
from dayfile.sealing.schedule import SealingRule
from dayfile.sealing.seal import Sealing
from dayfile.store import schema
from dayfile.store.database import Database
from dayfile.work.clock_watch import ClockWatch
from dayfile.work.pending_accounts import PendingAccounts
from dayfile.work.worker import Worker
from tests.support.clock import FakeClock
from tests.support.notices import AtOnce, RecordingTransport, an_outbox
from tests.support.randomness import SeededRandomness
from tests.support.records import Sent, body_of
from tests.support.state import KEY
from tests.support.steps import Died, SteppingDatabase, SteppingStorage, Steps

OPERATOR = Caller(credential="SK" + "0" * 32, account=None, scopes=frozenset(Scope), permissions=frozenset())
LEASE = timedelta(seconds=60)
NOTICE_LIFETIME = timedelta(days=30)
SCRUB_BYTES = 200_000
SWEEP_DELAY = STALE_AFTER = LOOK_AGAIN_AFTER = timedelta(minutes=30)


class World:
    """One process's view of one instance in a folder."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: FakeClock | None = None,
        steps: Steps | None = None,
        process: int = 1,
        transport: Transport | None = None,
        attempts: int = 1000,
        start_mails: bool = True,
        scrub_every: timedelta = timedelta(),
    ) -> None:
        self.folder = folder
        self.clock = clock or FakeClock()
        self.steps = steps or Steps()
        self.transport = transport or RecordingTransport()
        self._attempts = attempts  # of a job day
        self._process = process
        self._scrub_every = scrub_every  # never, unless a test is about it: it writes now and then
        is_there = (folder / "dayfile.sqlite").exists()
        self._real_database = Database.connect(f"sqlite:///{folder / 'dayfile.sqlite'}")
        if not is_there:
            schema.migrate(self._real_database)
        self.database: Database = SteppingDatabase.of(self._real_database, self.steps)
        (folder / "objects").mkdir(exist_ok=True)
        self.objects = LocalStorage(folder / "objects")
        self.storage = SteppingStorage(self.objects, self.steps)
        self.randomness = SeededRandomness(f"process {process}")
        self.outbox = an_outbox(self.randomness, start_mails=start_mails)
        self._executor = ThreadPoolExecutor(1)
        self.intake = self._intake()
        self._make_stages()
        self._make_worker_parts()
        self._make_exports()
        self.worker = self._worker()

    def restarted(self, *, steps: Steps | None = None) -> World:
        """The instance after this process has gone, however it went."""
        self.close()
        return World(
            self.folder,
            clock=self.clock,
            steps=steps,
            process=self._process + 1,
            transport=self.transport,
            scrub_every=self._scrub_every,
        )

    def close(self) -> None:
        """Let go of files and threads, without a word to anybody."""
        if not self.steps.is_dead:
            self.intake.close()
        self._executor.shutdown()
        self._real_database.close()

    def accept(self, sent: list[Sent], *, idempotency_key: str | None = None) -> Receipt:
        """Send a batch and wait for its receipt; raises Died when the process dies before it is given."""
        answer = self.intake.submit(
            IncomingBatch(
                caller=OPERATOR,
                resource_type=MESSAGES,
                blocks=iter([body_of(sent)]),
                compression=None,
                idempotency_key=idempotency_key,
            )
        )
        return self._result(answer)

    def work(self, *, ticks: int = 200) -> None:
        """Run ticks until there is nothing to do; fails when that does not come to an end."""
        for _ in range(ticks):
            if not self.worker.tick():
                return
        raise AssertionError(f"the worker still finds work after {ticks} ticks")

    def enable(self, account: AccountSid, *, enabled: bool = True, webhook_url: str | None = None) -> None:
        """Have every day of Messages exported by itself for an account, or no more."""
        method = None if webhook_url is None else "POST"
        change = ConfigurationChange(enabled=enabled, webhook_url=webhook_url, webhook_method=method)
        Configuring(self.database, clock=self.clock).change(account, MESSAGES, change, actor=Actor(name="test"))

    def listed(self, account: AccountSid) -> list[DayFile]:
        """What an account finds on its Days list of Messages."""
        with self._real_database.snapshot() as tx:
            return tx.day_files.page(account, MESSAGES, limit=1000, now=self.clock.now())

    def seal(self, day: str) -> None:
        """Seal a day of Messages now, as `dayfile seal` does."""
        self.worker.seal(MESSAGES, Day.parse(day))

    def sealed(self, account: AccountSid, day: str) -> SealedDay | None:
        """The current revision of an account's day of Messages."""
        one = Day.parse(day)
        with self._real_database.snapshot() as tx:
            return tx.sealed_days.of_day(MESSAGES, one).get(account)

    def lines(self, sealed: SealedDay) -> list[bytes]:
        """What is in a sealed file, line by line."""
        return gzip.decompress(b"".join(self.objects.read(sealed.key))).splitlines()

    def records_of(self, sealed: SealedDay) -> list[dict[str, object]]:
        """The records in a sealed file."""
        return [json.loads(line) for line in self.lines(sealed)]

    def records(self, account: AccountSid, day: str) -> list[dict[str, object]]:
        """The records of an account's day as its current revision has them."""
        sealed = self.sealed(account, day)
        return [] if sealed is None else self.records_of(sealed)

    def findings(self, *, deep: bool = True) -> list[str]:
        """What `dayfile check --deep` finds wrong."""
        return [f"{finding.invariant}: {finding.subject}: {finding.detail}" for finding in self.check(deep=deep)]

    def check(self, *, deep: bool = True) -> list[Finding]:
        """The same, with all that is said of each."""
        check = Check(
            self._real_database,
            self.objects,
            clock=self.clock,
            job_lifetime=timedelta(days=7),
            notice_lifetime=NOTICE_LIFETIME,
            scrub_every=self._scrub_every,
            key=KEY,
            unsent_letters=UnsentLetters(self._real_database, self.folder / "mail"),
        )
        return list(check.run(deep=deep))

    def referred_keys(self) -> set[str]:
        """The objects that something refers to."""
        with self._real_database.snapshot() as tx:
            sealed = {one.key for one in tx.sealed_days.after(0, limit=10_000)}
            waiting = {
                segment.key
                for day in tx.segments.waiting(held=True)
                for segment in tx.segments.of_day(day.resource_type, day.day)
                if segment.key is not None
            }
        return sealed | waiting

    def stored_keys(self) -> set[str]:
        """The objects that are there."""
        return set(self.objects.scan(""))

    def _result(self, answer: Future[Receipt]) -> Receipt:
        either = threading.Event()
        answer.add_done_callback(lambda _: either.set())
        self.steps.on_death(either.set)
        either.wait()
        if not answer.done():
            raise Died
        return answer.result()

    def _intake(self) -> Intake:
        return Intake(
            self.database,
            self.storage,
            clock=self.clock,
            randomness=self.randomness,
            accounts_may_write=False,
            max_body_bytes=1 << 30,
        )

    def _make_stages(self) -> None:
        self.jobs = CustomJobs(
            self.database,
            clock=self.clock,
            randomness=self.randomness,
            quota_days=0,
            job_lifetime=timedelta(days=7),
            outbox=self.outbox,
            wake=lambda: None,
        )
        self.compaction = Compaction(
            self.database,
            self.storage,
            clock=self.clock,
            randomness=self.randomness,
            sweep_delay=SWEEP_DELAY,
            rule=CompactionRule(least_segments=2),
        )
        self.scrub = Scrub(
            self.database,
            self.storage,
            worker=f"worker {self._process}",
            clock=self.clock,
            every=self._scrub_every,
            bytes_per_second=SCRUB_BYTES,
        )
        self.sweep = Sweep(
            self.database,
            self.storage,
            clock=self.clock,
            stale_after=STALE_AFTER,
            look_again_after=LOOK_AGAIN_AFTER,
        )

    def _make_worker_parts(self) -> None:
        self.sealing = Sealing(
            self.database,
            self.storage,
            clock=self.clock,
            randomness=self.randomness,
            executor=self._executor,
            scratch=self._scratch(),
            memory_bytes=200_000_000,
            threads=1,
            lease=LEASE,
            sweep_delay=SWEEP_DELAY,
        )
        self.repairs = Repairs(
            self.database,
            self.storage,
            clock=self.clock,
            scratch=self.folder / "scratch" / str(self._process),
            sweep_delay=SWEEP_DELAY,
        )
        self.dispatcher = Dispatcher(
            self.database,
            worker=f"worker {self._process}",
            clock=self.clock,
            randomness=self.randomness,
            key=KEY,
            transports=dict.fromkeys(Channel, self.transport),
            executor=AtOnce(),
            wake=lambda: None,
        )

    def _make_exports(self) -> None:
        self.clock_watch = ClockWatch(
            self.database,
            clock=self.clock,
            grace=timedelta(hours=1),
            lease=LEASE,
            file_lifetime=timedelta(days=7),
            sweep_delay=SWEEP_DELAY,
        )
        self.job_queue = JobQueue(
            self.database,
            clock=self.clock,
            outbox=self.outbox,
            lease=LEASE,
            retry=RetryRule(attempts=self._attempts),
        )
        self.publishing = Publishing(
            self.database, self.job_queue, clock=self.clock, outbox=self.outbox, file_lifetime=timedelta(days=7)
        )
        self.retention = Retention(
            self.database,
            clock=self.clock,
            job_lifetime=timedelta(days=7),
            notice_lifetime=NOTICE_LIFETIME,
            sweep_delay=SWEEP_DELAY,
        )
        self.daily = DailyExports(
            self.database,
            clock=self.clock,
            outbox=self.outbox,
            file_lifetime=timedelta(days=7),
            accounts_per_commit=2,
        )

    def _scratch(self) -> Path:
        scratch = self.folder / "scratch" / str(self._process)
        scratch.mkdir(parents=True)
        return scratch

    def _worker(self) -> Worker:
        return Worker(
            f"worker {self._process}",
            database=self.database,
            clock=self.clock,
            clock_watch=self.clock_watch,
            sealing=self.sealing,
            repairs=self.repairs,
            job_queue=self.job_queue,
            publishing=self.publishing,
            daily=self.daily,
            compaction=self.compaction,
            sweep=self.sweep,
            scrub=self.scrub,
            pending_accounts=PendingAccounts(self.database, retry=self.intake.retry_of_account),
            dispatcher=self.dispatcher,
            retention=self.retention,
            rule=SealingRule(grace=timedelta(hours=1), quiet=timedelta(minutes=10), limit=timedelta(hours=6)),
            lease=LEASE,
        )
