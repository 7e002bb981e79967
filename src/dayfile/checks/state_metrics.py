"""Metrics of the state of an instance, looked up when they are asked for: they are the same whichever process answers.

A look has a thread of its own and is not waited for much longer than it should take: whoever watches over an instance
must get an answer above all when its database gives none. What is not known then is left out; an old number would look
like a new one.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from dayfile import __version__
from dayfile.checks.condition import Condition
from dayfile.checks.measures import Measures, Waiting
from dayfile.checks.vitals import Sign
from dayfile.clock import Clock
from dayfile.errors import Transient
from dayfile.model.notice import Channel

FRESH_FOR_SECONDS: Final = 10.0
"""Time for which a look is kept, however many ask."""

PATIENCE_SECONDS: Final = 2.0
"""Time for which a look is waited for: there are two, and Prometheus waits for ten seconds at most."""

T = TypeVar("T")

log = structlog.get_logger()


class StateMetrics:
    """The metrics of the state of one instance."""

    def __init__(
        self,
        *,
        measure: Callable[[], Measures],
        look: Callable[[], Condition],
        clock: Clock,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Take the measures of the database, and the look at the condition of the instance."""
        self._measures = _Kept(measure, name="measures", clock=clock, patience=patience)
        self._condition = _Kept(look, name="condition", clock=clock, patience=patience)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that are known."""
        yield _labelled("build_info", "Versions; always 1.", ("version", "python"), {_BUILD: 1})
        measures, condition = self._measures.get(), self._condition.get()
        answers = measures is not None and (condition is None or condition.database is None)
        yield _gauge("database_up", "1 if the state database answers and takes more.", answers)
        if condition is not None:
            yield _gauge("storage_up", "1 if the object storage answers.", condition.storage is None)
            yield from _of_condition(condition)
        if measures is not None:
            yield from _of_measures(measures)


_BUILD: Final = (__version__, platform.python_version())


class _Kept(Generic[T]):
    """A look that is kept for a while."""

    def __init__(self, look: Callable[[], T], *, name: str, clock: Clock, patience: float) -> None:
        self._look, self._name, self._clock, self._patience = look, name, clock, patience
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._value: T | None = None
        self._fresh_until = float("-inf")

    def get(self) -> T | None:
        """Return the result of a look; None if it fails or takes long."""
        with self._lock:
            if self._is_fresh():
                return self._value
            if self._thread is None or not self._thread.is_alive():  # one that hangs is enough
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._thread.join(self._patience)
            return self._value if self._is_fresh() else None

    def _is_fresh(self) -> bool:
        return self._clock.monotonic() < self._fresh_until

    def _run(self) -> None:
        value = None
        try:
            value = self._look()
        except Transient:
            pass  # it is away, which its absence says
        except Exception:
            log.exception("metrics.look_failed", look=self._name)
        self._value, self._fresh_until = value, self._clock.monotonic() + FRESH_FOR_SECONDS


def _of_condition(condition: Condition) -> Iterator[Metric]:
    signs = {sign.name: sign for sign in condition.all_signs}
    levels = {(sign.name,): int(sign.level) for sign in signs.values()}
    yield _labelled("sign_level", "Level of each sign: 0 well, 1 a warning, 2 something is wrong.", ("sign",), levels)
    yield from _of_disks(signs["space"])
    if "clock" in signs:
        yield _gauge("clock_doubted", "1 while the clock is not trusted.", bool(signs["clock"].level))
    for name, fact, metric, help_text in _FACTS:
        if name in signs and fact in signs[name].facts:
            yield _gauge(metric, help_text, signs[name].facts[fact])


_FACTS: Final = (
    ("letters", "unsent", "unsent_letters", "Letters in the mail folder."),
    ("work", "overdue", "overdue", "Things that are overdue; not known while the clock is not trusted."),
)


def _of_disks(space: Sign) -> Iterator[Metric]:
    disks = space.facts.get("disks", ())
    for what, metric, help_text in (
        ("free_bytes", "disk_free_bytes", "Room on the disk of a folder that is written to."),
        ("total_bytes", "disk_bytes", "Size of that disk."),
    ):
        yield _labelled(metric, help_text, ("folder",), {(disk["folder"],): disk[what] for disk in disks})


def _of_measures(measures: Measures) -> Iterator[Metric]:
    yield from _of_records(measures.waiting)
    yield _gauge("seals_running", "Days that are being sealed.", measures.running_seals)
    yield _gauge("jobs_unfinished", "Jobs in the queue.", measures.unfinished_jobs)
    yield _gauge("job_age_seconds", "Time since the oldest of them was submitted.", measures.oldest_job_waits_for)
    yield _gauge("notices_pending", "Notices to be told.", measures.pending_notices)
    yield _gauge("notice_due_age_seconds", "Time for which an attempt has been due.", measures.due_notice_waits_for)
    failing = dict.fromkeys((channel.value for channel in Channel), (0, 0))
    failing |= {one.channel.value: (one.notices, one.lanes) for one in measures.failing}
    for place, name, help_text in (
        (0, "notices_failing", "Pending notices with failed attempts."),
        (1, "receivers_failing", "Receivers that they wait for."),
    ):
        yield _labelled(name, help_text, ("channel",), {(of,): counts[place] for of, counts in failing.items()})
    yield _gauge("notice_failing_age_seconds", "Age of the oldest of them.", measures.failing_for)
    yield _gauge("packs", "Objects that small files share.", measures.packs.packs)
    yield _gauge("pack_bytes", "Bytes in them.", measures.packs.size_bytes)
    yield _gauge("pack_dead_bytes", "Bytes in them that are of no use any more.", measures.packs.dead_bytes)
    yield _gauge("packs_to_rewrite", "Packs of which half is dead.", measures.packs_to_rewrite)
    yield _gauge("damaged_objects", "Objects that are damaged, until it is settled.", measures.damages)
    yield _gauge("workers_running", "Workers that run.", measures.running_workers)


def _of_records(waiting: Mapping[str, Waiting]) -> Iterator[Metric]:
    for name, help_text, measured in _OF_RECORDS:
        yield _labelled(name, help_text, ("resource_type",), {(of,): measured(one) for of, one in waiting.items()})


_OF_RECORDS: Final[tuple[tuple[str, str, Callable[[Waiting], float | timedelta]], ...]] = (
    ("waiting_records", "Records that are not sealed yet.", lambda one: one.records),
    ("waiting_bytes", "Bytes of the segments that they are in.", lambda one: one.size_bytes),
    ("waiting_segments", "Those segments.", lambda one: one.segments),
    ("waiting_age_seconds", "Time since the first of them was accepted.", lambda one: one.waits_for),
    ("unsealed_day_age_seconds", "Time since the end of the oldest unsealed day.", lambda one: one.day_is_over_for),
)


def _gauge(name: str, help_text: str, value: float | timedelta) -> Metric:
    return _labelled(name, help_text, (), {(): value})


def _labelled(name: str, help_text: str, labels: tuple[str, ...], values: Mapping[Any, Any]) -> Metric:
    family = GaugeMetricFamily(f"dayfile_{name}", help_text, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value.total_seconds() if isinstance(value, timedelta) else float(value))
    return family
