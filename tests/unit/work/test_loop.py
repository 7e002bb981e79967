"""A loop's steps fail one by one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from dayfile.counters import Counters
from dayfile.errors import DatabaseUnavailable
from dayfile.work.loop import Loop, run_all
from tests.support.clock import FakeClock
from tests.support.scraped import Scraped


@pytest.mark.parametrize(
    ("error", "cause"), [(ValueError("a bug"), "other"), (DatabaseUnavailable("away"), "database")]
)
def test_a_step_that_fails_is_logged_and_rests_while_the_others_go_on(error: Exception, cause: str) -> None:
    """One broken step of a worker kept all others from their work, for as long as it was broken."""
    clock, counters, ran = FakeClock(), Counters(), []

    def fail() -> bool:
        ran.append("failing")
        raise error

    def work() -> bool:
        ran.append("working")
        return True

    loop = Loop("days", {"failing": fail, "working": work}, clock=clock, counters=counters)
    with capture_logs() as log:
        assert loop.tick()
        assert loop.tick()
        clock.pass_by(timedelta(seconds=5))
        assert loop.tick()
    assert ran == ["failing", "working", "working", "failing", "working"]
    assert [line["step"] for line in log] == ["failing", "failing"]
    scraped = Scraped(counters.collect())
    assert scraped.value("errors_total", cause=cause) == 2
    assert scraped.value("worker_steps_total", step="working") == 3


def test_all_steps_run_before_the_first_failure_is_raised() -> None:
    """The caller of a tick sees what is wrong, and what could be done is done."""
    ran: list[str] = []

    def fail() -> bool:
        raise ValueError("a bug")

    def work() -> bool:
        ran.append("working")
        return True

    with pytest.raises(ValueError, match="a bug"):
        run_all({"failing": fail, "working": work})
    assert ran == ["working"]
