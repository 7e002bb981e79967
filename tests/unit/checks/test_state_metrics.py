"""Metrics of the state: an answer in time, above all when the database gives none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from dayfile.checks.condition import Condition
from dayfile.checks.measures import Measures
from dayfile.checks.state_metrics import FRESH_FOR_SECONDS, StateMetrics
from dayfile.checks.vitals import Level, Sign
from dayfile.errors import DatabaseUnavailable
from dayfile.store.packs import PackTotals
from tests.support.clock import FakeClock
from tests.support.scraped import Scraped

MEASURES = Measures(
    waiting={},
    running_seals=0,
    unfinished_jobs=3,
    oldest_job_waits_for=timedelta(minutes=2),
    pending_notices=0,
    due_notice_waits_for=timedelta(),
    failing=(),
    failing_for=timedelta(),
    packs=PackTotals(packs=1, size_bytes=100, live_bytes=60),
    packs_to_rewrite=0,
    damages=0,
    running_workers=1,
)
SPACE = Sign(name="space", level=Level.OK, text="plenty", facts={"disks": []})
WELL = Condition(database=None, storage=None, signs=(SPACE,))
AWAY = Condition(database="it is away", storage=None, signs=(SPACE,))


class Looks:
    """Looks that are counted."""

    def __init__(self) -> None:
        self.taken = 0
        self.clock = FakeClock()
        self.measures: Callable[[], Measures] = lambda: MEASURES
        self.condition = WELL
        self.metrics = StateMetrics(measure=self._measure, look=lambda: self.condition, clock=self.clock, patience=0.2)

    def _measure(self) -> Measures:
        self.taken += 1
        return self.measures()

    def scraped(self) -> Scraped:
        """The metrics as they are read now."""
        return Scraped(self.metrics.collect())


@pytest.fixture
def looks() -> Looks:
    """An instance that is well."""
    return Looks()


def test_however_many_ask_the_database_is_asked_now_and_then(looks: Looks) -> None:
    """Two Prometheus servers and a curious person are no load."""
    assert [looks.scraped().value("jobs_unfinished") for _ in range(5)] == [3] * 5
    assert looks.taken == 1
    looks.clock.pass_by(timedelta(seconds=FRESH_FOR_SECONDS))
    assert (looks.scraped().value("pack_dead_bytes"), looks.taken) == (40, 2)


def test_a_database_that_is_away_is_told_and_nothing_old_with_it(looks: Looks) -> None:
    """A queue of three that was three an hour ago would look like one of now."""

    def fail() -> Measures:
        raise DatabaseUnavailable("away")

    assert looks.scraped().value("database_up") == 1
    looks.measures, looks.condition = fail, AWAY
    looks.clock.pass_by(timedelta(seconds=FRESH_FOR_SECONDS))
    scraped = looks.scraped()
    assert (scraped.value("database_up"), scraped.value("storage_up"), scraped.level("database")) == (0, 1, 2)
    assert scraped.value("jobs_unfinished") is None
    assert {"dayfile_build_info", "dayfile_sign_level"} <= scraped.names


def test_a_database_that_hangs_costs_no_more_than_patience(looks: Looks) -> None:
    """Prometheus gives up after ten seconds, and then nothing is known at all; nor may looks pile up."""
    answers = threading.Event()

    def hang() -> Measures:
        answers.wait()
        return MEASURES

    looks.measures = hang
    assert [looks.scraped().value("database_up") for _ in range(3)] == [0, 0, 0]
    assert looks.taken == 1
    answers.set()
    assert looks.scraped().value("database_up") == 1


def test_a_bug_in_a_look_takes_nothing_else_away(looks: Looks) -> None:
    """The log has it; the rest is still read."""

    def fail() -> Measures:
        raise KeyError("a bug")

    looks.measures = fail
    scraped = looks.scraped()
    assert (scraped.value("database_up"), scraped.level("database")) == (0, 0)
