"""The composition root: Settings in, wired objects out. Also the one source of randomness."""

from __future__ import annotations

import contextlib
import gc
import os
import secrets
import socket
import string
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from dayfile.accounts.administer import Administration
from dayfile.accounts.authenticate import Authenticator
from dayfile.accounts.sessions import Sessions
from dayfile.clock import Clock, DatabaseClock, SystemClock
from dayfile.delivery.replay import Replay
from dayfile.delivery.ssrf import Destinations, SystemResolver
from dayfile.exports.configuration import Configuring
from dayfile.exports.custom import CustomJobs
from dayfile.exports.given import GivenLinks
from dayfile.exports.outbox import Outbox
from dayfile.files.links import LinkSigner
from dayfile.files.storage import Storage
from dayfile.insight import Insight
from dayfile.model.notice import Channel
from dayfile.model.secret import Randomness
from dayfile.opening import Access, Opened, find_instance, make_instance, storage_of
from dayfile.overrides import Overrides
from dayfile.settings import Settings

# Most commands do without the web framework, DuckDB and Arrow, which load slowly: imported where they are used.
if TYPE_CHECKING:
    from starlette.routing import Route
    from starlette.types import ASGIApp

    from dayfile.api.context import Context
    from dayfile.api.request_log import RequestLog
    from dayfile.delivery.transport import Transport
    from dayfile.delivery.trial import WebhookTrial
    from dayfile.intake.pipeline import Intake
    from dayfile.objects.storage_probe import StorageProbe
    from dayfile.sealing.repairs import Repairs
    from dayfile.spans import Spans
    from dayfile.work.clock_watch import ClockWatch
    from dayfile.work.cluster import ClusterEngine
    from dayfile.work.presence import Presence
    from dayfile.work.wake_ups import WakeUps
    from dayfile.work.worker import Worker
    from dayfile.worker_parts import WorkerParts

_JOBS, _NOTICES = "jobs", "notices"  # of which processes wake each other

_ALPHANUMERIC = string.ascii_letters + string.digits

_OBJECTS_UNTIL_COLLECTION = 10_000
"""New objects that Python's garbage collector waits for, instead of 700 or 2,000: sealing holds one tuple a file and
next to no cycles, and looking for those took a twelfth of its processor time."""


class SystemRandomness:
    """Unpredictable values from the operating system."""

    def hex(self, digits: int) -> str:
        return secrets.token_hex((digits + 1) // 2)[:digits]

    def alphanumeric(self, length: int) -> str:
        return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))

    def octets(self, count: int) -> bytes:
        return secrets.token_bytes(count)


def execute_task(version: str, schema: str, task: bytes) -> bytes:
    """Do the work of a task on a machine of a cluster; return its outcome. Other versions know this name and form."""
    from dayfile.piece_worker import execute

    return execute(version, schema, task, randomness=SystemRandomness())


class Service(contextlib.AbstractContextManager["Service"]):
    """One process's view of an instance: every object is made when first asked for, and all are closed together."""

    def __init__(self, settings: Settings, opened: Opened, overrides: Overrides) -> None:
        self.settings = settings
        self.overrides = overrides
        self.database = overrides.database(opened.database)
        self.key = opened.key
        self.permissions = opened.permissions
        self.is_new = opened.is_new
        self.clock = overrides.clock or self._real_clock()
        self.randomness: Randomness = overrides.randomness or SystemRandomness()
        self._closing = contextlib.ExitStack()
        self._closing.callback(opened.database.close)
        gc.set_threshold(_OBJECTS_UNTIL_COLLECTION)

    @classmethod
    def open(cls, settings: Settings, overrides: Overrides | None = None) -> Service:
        """Open the instance that the settings describe, creating it on first start; raises as `make_instance` does."""
        overrides = overrides or Overrides()
        return cls(settings, make_instance(settings, randomness=SystemRandomness(), pause=_pause(overrides)), overrides)

    @classmethod
    def find(
        cls, settings: Settings, overrides: Overrides | None = None, *, to_read: bool = False, to_move: bool = False
    ) -> Service:
        """Open the instance that the settings describe, creating nothing; raises as `find_instance` does.

        With `to_read` it is opened for reading only if its folder or disk cannot be written; with `to_move` also if it
        is closed, since it moves or has moved.
        """
        access = Access.READ if to_read else Access.MOVE if to_move else Access.WRITE
        overrides = overrides or Overrides()
        service = cls(settings, find_instance(settings, access, pause=_pause(overrides)), overrides)
        if to_read or to_move:
            # Not created if it does not exist.
            service.storage = service.overrides.storage(storage_of(settings, makes_folder=False))
        return service

    def _real_clock(self) -> Clock:
        own = SystemClock()
        if not self.settings.is_shared:
            return own
        clock = DatabaseClock(own)
        self.database.keep_time(clock)
        with self.database.snapshot():
            pass  # it was told the time as this began
        return clock

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close everything; closing twice is fine."""
        self._closing.close()

    @cached_property
    def spans(self) -> Spans:
        """The spans of this process, if its environment asks for them."""
        from dayfile.tracing.start import start_tracing

        spans = self.overrides.spans or start_tracing(os.environ)
        self._closing.callback(spans.close)
        return spans

    @cached_property
    def storage(self) -> Storage:
        return self.overrides.storage(storage_of(self.settings, makes_folder=True))

    @cached_property
    def storage_probe(self) -> StorageProbe:
        from dayfile.objects.storage_probe import StorageProbe

        return StorageProbe(self.storage, clock=self.clock, randomness=self.randomness)

    @cached_property
    def authenticator(self) -> Authenticator:
        return Authenticator(self.database, key=self.key, clock=self.clock)

    @cached_property
    def administration(self) -> Administration:
        return Administration(self.database, key=self.key, randomness=self.randomness, clock=self.clock)

    @cached_property
    def intake(self) -> Intake:
        from dayfile.intake.pipeline import Intake

        intake = Intake(
            self.database,
            self.storage,
            clock=self.clock,
            randomness=self.randomness,
            accounts_may_write=self.settings.accounts_may_write,
            max_body_bytes=self.settings.max_body_bytes,
            keep_dropped=self.settings.fields == "full",
            may_be_compiled=self.settings.line_reader == "auto",
            counters=self.insight.counters,
            spans=self.spans,
        )
        self._closing.callback(intake.close)
        return intake

    @cached_property
    def custom_jobs(self) -> CustomJobs:
        return CustomJobs(
            self.database,
            clock=self.clock,
            randomness=self.randomness,
            quota_days=self.settings.quota_days,
            job_lifetime=self.settings.job_lifetime,
            outbox=self._outbox,
            wake=self._wake_all,
        )

    @cached_property
    def _outbox(self) -> Outbox:
        return Outbox(randomness=self.randomness, start_mails=self.settings.start_mails, wake=self._wake_for_notices)

    @cached_property
    def replay(self) -> Replay:
        return Replay(self.database, clock=self.clock, wake=self._wake_all_for_notices)

    @cached_property
    def webhook_trial(self) -> WebhookTrial:
        from dayfile.delivery.trial import WebhookTrial

        return WebhookTrial(
            self.database,
            key=self.key,
            clock=self.clock,
            randomness=self.randomness,
            transport=lambda: self._transports[Channel.WEBHOOK],
        )

    @cached_property
    def repairs(self) -> Repairs:
        return self.worker_parts.repairs

    @cached_property
    def clock_watch(self) -> ClockWatch:
        from dayfile.work.clock_watch import ClockWatch

        return ClockWatch(
            self.database,
            clock=self.clock,
            grace=self.settings.sealing_rule.grace,
            lease=self.settings.lease,
            file_lifetime=self.settings.file_lifetime,
            sweep_delay=self.settings.sweep_delay,
        )

    @cached_property
    def worker(self) -> Worker:
        return self.worker_parts.worker(clock_watch=self.clock_watch, intake=self.intake)

    @cached_property
    def worker_parts(self) -> WorkerParts:
        """The parts of this process's worker."""
        from dayfile.worker_parts import WorkerParts

        return WorkerParts(
            f"{socket.gethostname()}/{os.getpid()}/{self.randomness.hex(8)}",
            settings=self.settings,
            overrides=self.overrides,
            clock=self.clock,
            database=self.database,
            storage=self.storage,
            key=self.key,
            randomness=self.randomness,
            outbox=self._outbox,
            transports=lambda: self._transports,
            wake_for_notices=self._wake_for_notices,
            cluster=lambda: self.cluster,
            closing=self._closing,
            counters=self.insight.counters,
            spans=self.spans,
        )

    @cached_property
    def cluster(self) -> ClusterEngine | None:
        """The engine on other machines; None if it is done here. Raises Unusable."""
        from dayfile.work.engine import open_cluster

        cluster = open_cluster(self.settings.engine_url, self.overrides.cluster, execute=execute_task, clock=self.clock)
        if cluster is not None:
            self._closing.callback(cluster.close)
        return cluster

    @cached_property
    def _transports(self) -> Mapping[Channel, Transport]:
        from dayfile.delivery.transports import Transports

        if self.overrides.transports is not None:
            return self.overrides.transports
        transports = Transports(
            self.destinations, self.settings.mailing, ca_file=self.settings.ca_file, clock=self.clock
        )
        self._closing.callback(transports.close)
        return transports.by_channel

    @cached_property
    def destinations(self) -> Destinations:
        return Destinations(
            allow=self.settings.webhook_allow or (), resolver=self.overrides.resolver or SystemResolver()
        )

    def api(self, *, pages: Iterable[Route] = (), request_log: RequestLog | None = None) -> ASGIApp:
        """Return the web application; `pages` are other faces under the same roof, `request_log` tells of requests."""
        from dayfile.api.app import create_app

        return create_app(self.context, pages=pages, request_log=request_log)

    @cached_property
    def context(self) -> Context:
        """The objects that the routes of the web application work with."""
        from dayfile.api.context import Context
        from dayfile.api.paging import PageTokens
        from dayfile.web.client_address import TrustedProxies

        return Context(
            database=self.database,
            storage=self.storage,
            objects_folder=self.settings.storage.folder,
            storage_probe=self.storage_probe,
            clock=self.clock,
            randomness=self.randomness,
            authenticator=self.authenticator,
            sessions=Sessions(self.database, key=self.key, randomness=self.randomness, clock=self.clock),
            administration=self.administration,
            intake=self.intake,
            custom_jobs=self.custom_jobs,
            given_links=GivenLinks(self.database),
            configuring=Configuring(self.database, clock=self.clock),
            replay=self.replay,
            webhook_trial=self.webhook_trial,
            destinations=self.destinations,
            links=LinkSigner(self.key.subkey("links")),
            page_tokens=PageTokens(self.key.subkey("page tokens")),
            public_url=self.settings.base_url,
            redirects_downloads=self.settings.downloads == "redirect",
            trusted_proxies=TrustedProxies(self.settings.trusted_proxies or ()),
            accel_redirect=self.settings.accel_redirect,
            link_lifetime=timedelta(seconds=self.settings.link_lifetime_seconds),
            job_lifetime=self.settings.job_lifetime,
            file_lifetime=self.settings.file_lifetime,
            concurrent_requests=self.settings.concurrent_requests,
            max_body_bytes=self.settings.max_body_bytes,
            vitals=self.insight.vitals,
            repairs=lambda: self.repairs,
            counters=self.insight.counters,
            spans=self.spans,
            metrics=self.insight.metrics,
        )

    def check_host(self) -> None:
        """Raise Unusable, with the way out, if this host may not work on the instance, or not beside another one."""
        from dayfile.work.sole_host import check_host

        check_host(socket.gethostname(), database=self.database, objects=self.settings.storage.folder, clock=self.clock)

    @cached_property
    def presence(self) -> Presence:
        """The presence of this process's worker, as the others see it."""
        return self.worker_parts.presence

    @cached_property
    def insight(self) -> Insight:
        """The state of the instance, as it is told to operators."""
        return Insight(
            self.settings,
            database=self.database,
            storage=lambda: self.storage,
            storage_probe=lambda: self.storage_probe,
            clock=self.clock,
            key=self.key,
            cluster=lambda: self.cluster,
        )

    @cached_property
    def wake_ups(self) -> WakeUps | None:
        """The wake-ups between this process and others; None where there is only this machine."""
        from dayfile.work.wake_ups import WakeUps

        if not self.settings.is_shared:
            return None
        return WakeUps(
            self.database,
            url=self.settings.database_listen_url or self.settings.database,
            name=self.randomness.hex(16),
            clock=self.clock,
            wakes={_JOBS: self._wake, _NOTICES: self._wake_for_notices},
        )

    def _wake_all(self) -> None:
        self._wake()
        self._tell(_JOBS)

    def _wake_all_for_notices(self) -> None:
        self._wake_for_notices()
        self._tell(_NOTICES)

    def _tell(self, topic: str) -> None:
        if self.wake_ups is not None:
            self.wake_ups.tell(topic)

    def _wake(self) -> None:
        if "worker" in vars(self):  # created here, and perhaps at work; otherwise some other process has one
            self.worker.wake()

    def _wake_for_notices(self) -> None:
        if "worker" in vars(self):
            self.worker.wake_for_notices()


def _pause(overrides: Overrides) -> Callable[[float], None]:
    """Return how time is let pass for a database that is busy, before it is known whose clock counts."""
    return (overrides.clock or SystemClock()).pause
