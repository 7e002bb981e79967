"""The state of an instance as it is told to operators: what is checked, counted, measured and shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from dayfile.clock import Clock
from dayfile.delivery.mail_folder import UnsentLetters
from dayfile.files.storage import Storage
from dayfile.model.secret import InstanceKey
from dayfile.settings import Settings
from dayfile.store.database import Database
from dayfile.store.database_url import file_of

# Most commands do without these: they are imported where they are used.
if TYPE_CHECKING:
    from dayfile.checks.check import Check
    from dayfile.checks.condition import Condition
    from dayfile.checks.measures import Measures
    from dayfile.checks.state_metrics import StateMetrics
    from dayfile.checks.vitals import Vitals
    from dayfile.counters import Counters
    from dayfile.objects.storage_probe import StorageProbe
    from dayfile.web.metrics import Metrics
    from dayfile.work.cluster import ClusterEngine


class Insight:
    """The views of one instance, from one process: each is made when first asked for."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        storage: Callable[[], Storage],
        storage_probe: Callable[[], StorageProbe],
        clock: Clock,
        key: InstanceKey,
        cluster: Callable[[], ClusterEngine | None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._storage = storage
        self._storage_probe = storage_probe
        self._clock = clock
        self._key = key
        self._cluster = cluster

    @property
    def check(self) -> Check:
        """The check for contradictions in the instance's data: there must be none."""
        from dayfile.checks.check import Check

        cluster = self._cluster()
        return Check(
            self._database,
            self._storage(),
            clock=self._clock,
            key=self._key,
            job_lifetime=self._settings.job_lifetime,
            notice_lifetime=self._settings.notice_lifetime,
            scrub_every=self._settings.scrub_every,
            unsent_letters=self.unsent_letters,
            cluster=cluster,
            cluster_trouble=lambda: None if cluster is None else cluster.trouble(),
        )

    @cached_property
    def vitals(self) -> Vitals:
        """The signs that the operator sees beyond the server's answering."""
        from dayfile.checks.overdue import Overdue
        from dayfile.checks.vitals import Vitals

        settings, file = self._settings, file_of(self._settings.database)
        folders = (settings.data_dir.absolute(), settings.storage.folder, file and file.parent)
        lifetimes = {"job_lifetime": settings.job_lifetime, "scrub_every": settings.scrub_every}
        return Vitals(
            self._database,
            clock=self._clock,
            overdue=Overdue(self._database, clock=self._clock, **lifetimes),
            unsent_letters=self.unsent_letters,
            folders=[folder for folder in folders if folder],
        )

    def condition(self, *, writes: bool) -> Condition:
        """Return the condition of the instance; `writes` also tries whether its storage takes objects."""
        from dayfile.checks.condition import condition_of

        probe = self._storage_probe()
        return condition_of(self.vitals, database=self._database.probe, storage=probe.write if writes else probe.read)

    def measures(self) -> Measures:
        """Return how much waits, and for how long."""
        from dayfile.checks.measures import measure

        with self._database.snapshot() as tx:
            return measure(tx, now=self._clock.now())

    @cached_property
    def counters(self) -> Counters:
        """The counters of this process; they may be replaced before the first is used."""
        from dayfile.counters import Counters

        return Counters()

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics of the instance and of this process, or of those that count together with it."""
        from dayfile.web.metrics import Metrics

        return Metrics(self.counters, self.state_metrics)

    @cached_property
    def state_metrics(self) -> StateMetrics:
        """The metrics that are the same in every process of the instance."""
        from dayfile.checks.state_metrics import StateMetrics

        return StateMetrics(measure=self.measures, look=partial(self.condition, writes=True), clock=self._clock)

    @cached_property
    def unsent_letters(self) -> UnsentLetters:
        return UnsentLetters(self._database, self._settings.mailing.folder)
