"""A whole instance without its faces: the real service, a clock that stands still, one worker run by ticks.

`restarted` is the same instance in a new process: nothing but what is on disk is left.
"""

from __future__ import annotations

import gzip
import json
import threading
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from dayfile.checks.finding import Finding
from dayfile.delivery.transport import Transport
from dayfile.exports.configuration import Configuring
from dayfile.files.storage import LocalStorage, Storage
from dayfile.intake.compaction import CompactionRule
from dayfile.intake.pipeline import IncomingBatch
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor, Caller, Scope
from dayfile.model.day import Day
from dayfile.model.export import ConfigurationChange, DayFile, SealedDay
from dayfile.model.job import RetryRule
from dayfile.model.notice import Channel
from dayfile.model.receipt import Receipt
from dayfile.model.resource import MESSAGES
from dayfile.objects.layout import objects_of_pack
from dayfile.objects.seal_manifests import manifest_keys
from dayfile.overrides import Limits, Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.database import Database
from dayfile.work.cluster import Cluster
from dayfile.work.engine import CUT_BYTES
from tests.support.clock import FakeClock
from tests.support.notices import AtOnce, RecordingTransport
from tests.support.randomness import SeededRandomness
from tests.support.records import Sent, body_of
from tests.support.state import KEY_TEXT, a_sqlite_url
from tests.support.steps import Died, SteppingDatabase, SteppingStorage, Steps

OPERATOR = Caller(credential="SK" + "0" * 32, account=None, scopes=frozenset(Scope), permissions=frozenset())
LEASE = timedelta(seconds=60)
NOTICE_LIFETIME = timedelta(days=30)
PACK_BELOW = 0
"""Bound of packs, unless a test has one; the fixture `small_files` runs a test with packs and without."""

ALL_PACKED = 1 << 20
"""A bound below which all files of tests are."""

SCRUB_BYTES = 200_000
SWEEP_DELAY = STALE_AFTER = LOOK_AGAIN_AFTER = timedelta(minutes=30)


class QuickSettings(Settings):
    """Settings with delays shorter, and a scrub slower, than an operator can have them."""

    @property
    def sweep_delay(self) -> timedelta:
        return SWEEP_DELAY

    @property
    def scrub_bytes_per_second(self) -> int:
        return SCRUB_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The place of heavy work: a cluster of this process, or one by its URL, and how large its pieces are."""

    cluster: Cluster | None = None
    url: str = "local"
    cut_bytes: int = CUT_BYTES


HERE = Elsewhere()


class World:
    """One process's view of one instance in a folder, whose database may be elsewhere."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str | None = None,
        storage: str | None = None,
        clock: FakeClock | None = None,
        steps: Steps | None = None,
        process: int = 1,
        transport: Transport | None = None,
        engine: Executor | None = None,
        elsewhere: Elsewhere = HERE,
        attempts: int = 1000,
        start_mails: bool = True,
        scrub_days: int = 0,
        pack_below: int | None = None,
    ) -> None:
        """Open the instance with a database and a storage of these URLs, by default in its folder.

        Nothing is read again unless `scrub_days` says so: that writes now and then.
        """
        self.folder, self.clock = folder, clock or FakeClock()
        self.steps, self.transport = steps or Steps(), transport or RecordingTransport()
        self._elsewhere, self._engine, self._process, self._attempts = elsewhere, engine, process, attempts
        self.settings = QuickSettings.read(
            _env_file=None,
            data_dir=folder,
            database_url=database or a_sqlite_url(folder),
            storage_url=storage,
            secret_key=KEY_TEXT,
            quota_days=0,
            seal_memory_mb=200,
            engine=self._elsewhere.url,
            start_mails=start_mails,
            scrub_days=scrub_days,
            pack_below_bytes=PACK_BELOW if pack_below is None else pack_below,
        )
        self.service = Service.open(self.settings, self._overrides())
        self.database = self.service.database
        self._name_the_parts()

    def _overrides(self) -> Overrides:
        return Overrides(
            clock=self.clock,
            randomness=SeededRandomness(f"process {self._process}"),
            database=self._stepping_database,
            storage=self._stepping_storage,
            transports=dict.fromkeys(Channel, self.transport),
            engine=self._engine,
            cluster=self._elsewhere.cluster,
            attempts=AtOnce(),
            limits=Limits(
                compaction=CompactionRule(least_segments=2, least_large_segments=2),
                retry=RetryRule(attempts=self._attempts),
                stale_after=STALE_AFTER,
                look_again_after=LOOK_AGAIN_AFTER,
                accounts_per_commit=2,
                seal_threads=1,
                cut_bytes=self._elsewhere.cut_bytes,
            ),
        )

    def _stepping_database(self, real: Database) -> Database:
        self._real_database = real
        return SteppingDatabase.of(real, self.steps)

    def _stepping_storage(self, real: Storage) -> Storage:
        self.kept = real
        if isinstance(real, LocalStorage):
            self.objects = real
        self.storage = SteppingStorage(real, self.steps)
        return self.storage

    def _name_the_parts(self) -> None:
        parts = self.service.worker_parts
        self.worker = self.service.worker
        self.intake, self.jobs = self.service.intake, self.service.custom_jobs
        self.sealing, self.repairs, self.compaction = parts.sealing, parts.repairs, parts.compaction
        self.job_queue, self.publishing = parts.job_queue, parts.publishing
        self.daily, self.retention = parts.daily, parts.retention
        self.sweep, self.scrub, self.dispatcher = parts.sweep, parts.scrub, parts.dispatcher
        self.pack_rewrite = parts.pack_rewrite
        self.clock_watch = self.service.clock_watch

    def restarted(self, *, steps: Steps | None = None) -> World:
        """The instance after this process has gone, however it went."""
        self.close()
        return World(
            self.folder,
            database=self.settings.database_url,
            storage=self.settings.storage_url,
            clock=self.clock,
            steps=steps,
            process=self._process + 1,
            transport=self.transport,
            scrub_days=self.settings.scrub_days,
            pack_below=self.settings.pack_below_bytes,
        )

    def close(self) -> None:
        """Let go of files and threads, without a word to anybody."""
        if self.steps.is_dead:
            self._real_database.close()  # nothing else is heard of a process that was killed
        else:
            self.service.close()

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
        """Return the files on an account's Days list of Messages."""
        with self._real_database.snapshot() as tx:
            now = self.clock.now()
            listed = tx.day_files.page(account, MESSAGES, limit=1000, now=now)
            found = [tx.day_files.find(account, MESSAGES, one.day, now=now) for one in listed]
        return [file for file in found if file is not None]

    def seal(self, day: str) -> None:
        """Seal a day of Messages now, as `dayfile seal` does."""
        self.worker.seal(MESSAGES, Day.parse(day))

    def sealed(self, account: AccountSid, day: str) -> SealedDay | None:
        """The current revision of an account's day of Messages."""
        one = Day.parse(day)
        with self._real_database.snapshot() as tx:
            return tx.sealed_days.of_day(MESSAGES, one).get(account)

    def lines(self, sealed: SealedDay) -> list[bytes]:
        """Return the lines of a sealed file."""
        return gzip.decompress(self.bytes_of(sealed)).splitlines()

    def bytes_of(self, sealed: SealedDay) -> bytes:
        """A sealed file, out of its pack if it is in one."""
        place = sealed.place
        return b"".join(self.kept.read(place.object_key, start=place.start, stop=place.start + sealed.size_bytes))

    def records_of(self, sealed: SealedDay) -> list[dict[str, object]]:
        """The records in a sealed file."""
        return [json.loads(line) for line in self.lines(sealed)]

    def records(self, account: AccountSid, day: str) -> list[dict[str, object]]:
        """The records of an account's day as its current revision has them."""
        sealed = self.sealed(account, day)
        return [] if sealed is None else self.records_of(sealed)

    def findings(self, *, deep: bool = True) -> list[str]:
        """Return the findings of `dayfile check`, with --deep unless told otherwise."""
        return [f"{finding.invariant}: {finding.subject}: {finding.detail}" for finding in self.check(deep=deep)]

    def check(self, *, deep: bool = True) -> list[Finding]:
        """The same, with all that is said of each."""
        return list(self.service.insight.check.run(deep=deep))

    def referred_keys(self) -> set[str]:
        """The objects that something refers to."""
        with self._real_database.snapshot() as tx:
            sealed = {one.place.object_key for one in tx.sealed_days.after(0, limit=10_000)}
            sealed |= {key for one in tx.seals.kept(after=0, limit=10_000) for key in manifest_keys(one)}
            sealed |= {key for pack in tx.packs.all() for key in objects_of_pack(pack.key)}
            waiting = {
                segment.key
                for day in tx.segments.waiting(held=True)
                for segment in tx.segments.of_day(day.resource_type, day.day)
                if segment.key is not None
            }
        return sealed | waiting

    def stored_keys(self) -> set[str]:
        """The objects that are there."""
        return set(self.kept.scan(""))

    def _result(self, answer: Future[Receipt]) -> Receipt:
        either = threading.Event()
        answer.add_done_callback(lambda _: either.set())
        self.steps.on_death(either.set)
        either.wait()
        if not answer.done():
            raise Died
        return answer.result()
