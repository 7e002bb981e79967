"""Work of the event loop itself: only as long as it is short."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from dayfile.api.in_loop import IN_THREADS_SECONDS, LONG_SECONDS, InLoop
from tests.support.clock import FakeClock


def test_long_work_sends_the_next_to_threads_for_a_while() -> None:
    """A slow disk holds up everybody once in that time, and not for each request."""
    clock = FakeClock()
    takes = {"short": LONG_SECONDS / 2, "long": LONG_SECONDS * 2}

    def work(asked: Sequence[str]) -> list[str]:
        clock.pass_by(timedelta(seconds=sum(takes[one] for one in asked)))
        return [one.upper() for one in asked]

    in_loop = InLoop(work, clock=clock)
    assert in_loop.try_work(["short"]) == ["SHORT"]
    assert in_loop.try_work(["long"]) == ["LONG"]
    assert in_loop.try_work(["short"]) is None
    clock.pass_by(timedelta(seconds=IN_THREADS_SECONDS))
    assert in_loop.try_work(["short"]) == ["SHORT"]


def test_work_that_fails_late_counts_as_long() -> None:
    """A disk that fails after a while is slow, too."""
    clock = FakeClock()

    def work(_: Sequence[str]) -> list[str]:
        clock.pass_by(timedelta(seconds=LONG_SECONDS * 2))
        raise OSError("the disk reports an error")

    in_loop = InLoop(work, clock=clock)
    with pytest.raises(OSError, match="the disk"):
        in_loop.try_work(["a"])
    assert in_loop.try_work(["a"]) is None
