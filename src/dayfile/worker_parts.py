"""The parts of the worker of one process, and how it is put together from them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dayfile.clock import Clock
from dayfile.counters import Counters
from dayfile.delivery.bulkhead import THREADS
from dayfile.delivery.dispatcher import Dispatcher
from dayfile.delivery.transport import Transport
from dayfile.exports.daily import DailyExports
from dayfile.exports.job_queue import JobQueue
from dayfile.exports.outbox import Outbox
from dayfile.exports.publish import Publishing
from dayfile.exports.retention import Retention
from dayfile.files.scratch import scratch_folder
from dayfile.files.storage import Storage
from dayfile.files.workplace import Workplace
from dayfile.intake.compaction import LARGE_BYTES, Compaction, CompactionRule
from dayfile.intake.pipeline import Intake
from dayfile.model.notice import Channel
from dayfile.model.secret import InstanceKey, Randomness
from dayfile.objects.pack_rewrite import PackRewrite
from dayfile.objects.scrub import Scrub
from dayfile.objects.sweep import Sweep
from dayfile.overrides import Overrides
from dayfile.sealing.repairs import Repairs
from dayfile.sealing.seal import Sealing
from dayfile.settings import Settings
from dayfile.spans import NO_SPANS, Spans
from dayfile.store.database import Database
from dayfile.work.clock_watch import ClockWatch
from dayfile.work.engine import LocalEngine, TracedEngine
from dayfile.work.pending_accounts import PendingAccounts
from dayfile.work.presence import Presence
from dayfile.work.worker import Worker

if TYPE_CHECKING:
    from dayfile.work.cluster import ClusterEngine


class WorkerParts:
    """The stages that a worker hands its work to: each is made when first asked for."""

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        overrides: Overrides,
        clock: Clock,
        database: Database,
        storage: Storage,
        key: InstanceKey,
        randomness: Randomness,
        outbox: Outbox,
        transports: Callable[[], Mapping[Channel, Transport]],
        wake_for_notices: Callable[[], None],
        cluster: Callable[[], ClusterEngine | None],
        closing: contextlib.ExitStack,
        counters: Counters,
        spans: Spans = NO_SPANS,
    ) -> None:
        """Make the parts of the worker of this name; `closing` closes those that were made."""
        self.name = name
        self._settings, self._limits = settings, overrides.limits
        self._clock, self._engine, self._attempts = clock, overrides.engine, overrides.attempts
        self._database, self._storage = database, storage
        self._key, self._randomness = key, randomness
        self._outbox, self._transports, self._wake_for_notices = outbox, transports, wake_for_notices
        self._cluster = cluster
        self._closing = closing
        self._counters, self._spans = counters, spans

    def worker(self, *, clock_watch: ClockWatch, intake: Intake) -> Worker:
        """Put the worker together; `intake` takes in lines that waited for their account."""
        return Worker(
            self.name,
            database=self._database,
            clock=self._clock,
            clock_watch=clock_watch,
            sealing=self.sealing,
            repairs=self.repairs,
            job_queue=self.job_queue,
            publishing=self.publishing,
            daily=self.daily,
            compaction=self.compaction,
            pack_rewrite=self.pack_rewrite,
            sweep=self.sweep,
            scrub=self.scrub,
            pending_accounts=PendingAccounts(self._database, retry=intake.retry_of_account),
            dispatcher=self.dispatcher,
            retention=self.retention,
            rule=self._settings.sealing_rule,
            lease=self._settings.lease,
            counters=self._counters,
            spans=self._spans,
        )

    @cached_property
    def presence(self) -> Presence:
        """The presence of the worker, as other processes see it."""
        return Presence(self.name, database=self._database, clock=self._clock, counters=self._counters)

    @cached_property
    def sealing(self) -> Sealing:
        here = Workplace(
            storage=self._storage,
            scratch=self._scratch,
            memory_bytes=self._settings.seal_memory_mb * 1_000_000,
            threads=self._limits.seal_threads,
        )
        cluster = self._cluster()
        return Sealing(
            self._database,
            here,
            clock=self._clock,
            randomness=self._randomness,
            engine=TracedEngine(cluster or self._local_engine(here), self._spans),
            cut_bytes=None if cluster is None else self._limits.cut_bytes,
            lease=self._settings.lease,
            sweep_delay=self._settings.sweep_delay,
            pack_below=self._settings.pack_below_bytes,
        )

    def _local_engine(self, here: Workplace) -> LocalEngine:
        engine = LocalEngine(here, self._engine)
        self._closing.callback(engine.close)
        return engine

    @cached_property
    def repairs(self) -> Repairs:

        return Repairs(
            self._database,
            self._storage,
            clock=self._clock,
            scratch=self._scratch,
            sweep_delay=self._settings.sweep_delay,
        )

    @cached_property
    def _scratch(self) -> Path:
        return self._closing.enter_context(scratch_folder(self._settings.scratch, self._randomness.hex(16)))

    @cached_property
    def job_queue(self) -> JobQueue:
        return JobQueue(
            self._database,
            clock=self._clock,
            outbox=self._outbox,
            lease=self._settings.lease,
            retry=self._limits.retry,
        )

    @cached_property
    def publishing(self) -> Publishing:
        return Publishing(
            self._database,
            self.job_queue,
            clock=self._clock,
            outbox=self._outbox,
            file_lifetime=self._settings.file_lifetime,
        )

    @cached_property
    def daily(self) -> DailyExports:
        return DailyExports(
            self._database,
            clock=self._clock,
            outbox=self._outbox,
            file_lifetime=self._settings.file_lifetime,
            accounts_per_commit=self._limits.accounts_per_commit,
        )

    @cached_property
    def compaction(self) -> Compaction:

        return Compaction(
            self._database,
            self._storage,
            clock=self._clock,
            randomness=self._randomness,
            sweep_delay=self._settings.sweep_delay,
            rule=self._limits.compaction or CompactionRule(large_bytes=LARGE_BYTES if self._cluster() else 0),
        )

    @cached_property
    def pack_rewrite(self) -> PackRewrite:
        return PackRewrite(
            self._database,
            self._storage,
            clock=self._clock,
            randomness=self._randomness,
            sweep_delay=self._settings.sweep_delay,
        )

    @cached_property
    def sweep(self) -> Sweep:
        return Sweep(
            self._database,
            self._storage,
            clock=self._clock,
            stale_after=self._limits.stale_after,
            look_again_after=self._limits.look_again_after,
        )

    @cached_property
    def scrub(self) -> Scrub:

        return Scrub(
            self._database,
            self._storage,
            worker=self.name,
            clock=self._clock,
            every=self._settings.scrub_every,
            bytes_per_second=self._settings.scrub_bytes_per_second,
        )

    @cached_property
    def retention(self) -> Retention:
        return Retention(
            self._database,
            clock=self._clock,
            job_lifetime=self._settings.job_lifetime,
            notice_lifetime=self._settings.notice_lifetime,
            sweep_delay=self._settings.sweep_delay,
        )

    @cached_property
    def dispatcher(self) -> Dispatcher:

        executor = self._attempts
        if executor is None:
            executor = ThreadPoolExecutor(THREADS, thread_name_prefix="notice")
            self._closing.callback(executor.shutdown)
        return Dispatcher(
            self._database,
            worker=self.name,
            clock=self._clock,
            randomness=self._randomness,
            key=self._key,
            transports=self._transports(),
            executor=executor,
            wake=self._wake_for_notices,
            counters=self._counters,
            spans=self._spans,
        )
