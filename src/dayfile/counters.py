"""Counters of one process: what it has done, met and answered since it began. They are read from outside as metrics.

They only ever rise. Processes that answer on the same socket keep theirs in files of one folder, so that whichever of
them is asked gives the sum of all.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, multiprocess, values

from dayfile.errors import DatabaseUnavailable, StorageUnavailable
from dayfile.model.notice import Channel, Result
from dayfile.model.resource import RESOURCE_TYPES, ResourceType

REQUEST_SECONDS: Final = (0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 10.0, 60.0)
SEAL_SECONDS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
NO_ROUTE: Final = "none"
"""The route of requests that no operation and no page answers: addresses are chosen by strangers."""

# In memory, whatever the environment says: another program's folder is none of ours.
values.ValueClass = values.MutexValue
# They would be a series more for each, which nothing here needs.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # by the library


_Answer = tuple[str, str, int | None]
"""A method, the template of a route, and a status, if there was one."""


class Counters:
    """The counters of one process, or, with a folder, its part of what several processes count together."""

    def __init__(self, *, folder: Path | None = None, member: str = "") -> None:
        """Count in memory, or in files of a folder under a name that no other running process has.

        A process that takes the place of another one goes on with its name and its counts, and has them once: a second
        one of the same name would write over the counts of the first.
        """
        if folder is not None:
            # The library takes the folder from nowhere else.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
            values.ValueClass = values.MultiProcessValue(lambda: member)  # type: ignore[no-untyped-call]  # by the library
        self._registry = CollectorRegistry()
        self._folder = folder
        self._of_request: dict[_Answer, tuple[Counter, _Seconds]] = {}
        self._answered: deque[tuple[_Answer, float]] = deque()
        self._make_counters()

    def _make_counters(self) -> None:
        self._accepted = self._counter("records_accepted", "Records that this server has taken in.", "resource_type")
        self._rejected = self._counter("records_rejected", "Lines that it has kept as rejections.", "resource_type")
        self._requests = self._counter(
            "requests", "Requests that were answered, by the template of their route.", "method", "route", "status"
        )
        self._request_seconds = _Seconds(
            "dayfile_request_seconds",
            "Time from a request to the end of its answer.",
            ("method", "route"),
            buckets=REQUEST_SECONDS,
            registry=self._registry,
        )
        self._failed_logins = self._counter("failed_logins", "Requests with wrong credentials.")
        self._errors = self._counter(
            "errors",
            "Requests and steps of workers that failed, by what was away: database, storage, or other.",
            "cause",
        )
        self._claims_lost = self._counter("claims_lost", "Claims that ran out while they were worked on.", "of")
        self._sealed_lines = self._counter("sealed_lines", "Lines that were sealed, all versions.", "resource_type")
        self._seal_seconds = self._histogram(
            "seal_seconds", "Time that the seal of a day took.", SEAL_SECONDS, "resource_type"
        )
        self._attempts = self._counter("notice_attempts", "Attempts to deliver notices.", "channel", "result")
        self._steps = self._counter("worker_steps", "Steps of workers that found something to do.", "step")
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        # A rate is known from the first event on only if there was a zero before it.
        for resource_type in RESOURCE_TYPES:
            for one in (self._accepted, self._rejected, self._sealed_lines, self._seal_seconds):
                one.labels(resource_type.name)
        for cause in ("database", "storage", "other"):
            self._errors.labels(cause)
        for of in ("seal", "job", "notice"):
            self._claims_lost.labels(of)

    def collect(self) -> list[Metric]:
        """Return the metrics of this process, or of all that share the folder."""
        self.write_answers()
        if self._folder is None:
            return list(self._registry.collect())
        return _counted_in(self._folder)

    def took(self, resource_type: ResourceType, *, accepted: int, rejected: int) -> None:
        """Count a batch that was committed."""
        self._accepted.labels(resource_type.name).inc(accepted)
        self._rejected.labels(resource_type.name).inc(rejected)

    def answered(self, *, method: str, route: str, status: int | None, seconds: float) -> bool:
        """Count a request at its end; without a status, its client went away before it was answered.

        Several are written together, since that takes longer than all else: True if this is the first, so that the
        caller is to have `write_answers` called soon. Whoever reads from here has them all.
        """
        self._answered.append(((method, route, status), seconds))
        return len(self._answered) == 1

    def write_answers(self) -> None:
        """Write the counts of requests that wait for it. Thread-safe."""
        times: dict[_Answer, list[float]] = {}
        while self._answered:
            try:
                of, seconds = self._answered.popleft()
            except IndexError:  # another thread does the same
                break
            times.setdefault(of, []).append(seconds)
        for of, each in times.items():
            counted, timed = self._of_request.get(of) or self._counters_of(*of)
            counted.inc(len(each))
            timed.observe_all(each)

    def _counters_of(self, method: str, route: str, status: int | None) -> tuple[Counter, _Seconds]:
        """Return the counters of such requests; kept, since to find them by their labels takes longer than to count."""
        named = method if method in METHODS else "other"
        found = (
            self._requests.labels(named, route, "none" if status is None else str(status)),
            self._request_seconds.labels(named, route),
        )
        if named == method:  # strangers think of any number of others
            self._of_request[method, route, status] = found
        return found

    def login_failed(self) -> None:
        """Count a request with wrong credentials."""
        self._failed_logins.inc()

    def failed(self, error: Exception) -> None:
        """Count something that failed through no fault of its caller."""
        is_of_database = isinstance(error, DatabaseUnavailable)
        cause = "database" if is_of_database else "storage" if isinstance(error, StorageUnavailable) else "other"
        self._errors.labels(cause).inc()

    def claim_lost(self, of: str) -> None:
        """Count a claim that somebody else has by now: of a seal, a job or a notice."""
        self._claims_lost.labels(of).inc()

    def sealed(self, resource_type: ResourceType, *, lines: int, seconds: float) -> None:
        """Count the seal of a day."""
        self._sealed_lines.labels(resource_type.name).inc(lines)
        self._seal_seconds.labels(resource_type.name).observe(seconds)

    def attempted(self, channel: Channel, result: Result) -> None:
        """Count an attempt to deliver a notice, once its outcome is known."""
        self._attempts.labels(channel.value, result.value).inc()

    def stepped(self, step: str) -> None:
        """Count a step of a worker that found something to do."""
        self._steps.labels(step).inc()

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"dayfile_{name}", help_text, labels, registry=self._registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"dayfile_{name}", help_text, labels, buckets=buckets, registry=self._registry)


class _Seconds(Histogram):
    """A histogram that takes many values as fast as one."""

    def observe_all(self, amounts: Sequence[float]) -> None:
        """Observe each of some amounts."""
        self._sum.inc(sum(amounts))
        places = [bisect_left(self._upper_bounds, amount) for amount in amounts]
        for place in set(places):
            self._buckets[place].inc(places.count(place))


class CountersOfOthers:
    """The counters that other processes keep in a folder, for one that has none itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> list[Metric]:
        """Return the metrics of all of them."""
        return _counted_in(self._folder)


def _counted_in(folder: Path) -> list[Metric]:
    collector = multiprocess.MultiProcessCollector(None, path=str(folder))  # type: ignore[no-untyped-call]  # by the library
    return list(collector.collect())  # type: ignore[no-untyped-call]  # the same
