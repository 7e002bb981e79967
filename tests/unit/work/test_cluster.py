"""The wait for a cluster that does nothing: it has an end."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from datetime import timedelta
from typing import Any

import pytest

from dayfile.errors import EngineUnavailable
from dayfile.sealing.examine import examine
from dayfile.work.cluster import LOOK_SECONDS, PATIENCE, ClusterEngine
from tests.support.clock import PassingClock

NOBODY = "the scheduler has no workers"


class Idle(Executor):
    """A cluster that accepts everything and does nothing."""

    def __init__(self) -> None:
        self.submitted: list[Future[Any]] = []
        self.connections = 1
        self.said: str | None = NOBODY

    def executor(self) -> Executor:
        return self

    def trouble(self) -> str | None:
        return self.said

    def disconnect(self) -> None:
        self.connections -= 1

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted.append(Future())
        return self.submitted[-1]


def _pass(clock: PassingClock, looks: int) -> None:
    for _ in range(looks):
        clock.await_sleepers(1)
        clock.pass_by(timedelta(seconds=LOOK_SECONDS))


def test_work_is_given_back_when_nobody_does_it_for_a_minute() -> None:
    """The day could be sealed by another process meanwhile; and the log must not be silent for hours."""
    clock, cluster = PassingClock(), Idle()
    engine = ClusterEngine(cluster, execute=lambda *_: b"", clock=clock)
    waiting = engine.submit(examine, None)
    _pass(clock, PATIENCE - 1)
    assert not waiting.done()
    _pass(clock, 1)
    with pytest.raises(EngineUnavailable, match=NOBODY):
        waiting.result(timeout=20)
    assert cluster.connections == 0, "what was submitted is not done after all when a worker comes"
    engine.close()


def test_work_that_goes_on_is_waited_for() -> None:
    """A piece takes as long as it takes; a minute without workers counts only in one go."""
    clock, cluster = PassingClock(), Idle()
    engine = ClusterEngine(cluster, execute=lambda *_: b"", clock=clock)
    waiting = engine.submit(examine, None)
    for said in (NOBODY, None, NOBODY):
        cluster.said = said
        _pass(clock, PATIENCE - 1)
        clock.await_sleepers(1)
    assert not waiting.done()
    engine.close()
    with pytest.raises(EngineUnavailable, match="this process ends"):
        waiting.result(timeout=20)
