"""A lease is kept while the work goes on: extended three times per lease, until the claim is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from dayfile.errors import DatabaseUnavailable, LostClaim
from dayfile.work.lease import KeptLease
from tests.support.clock import NOON, PATIENCE_SECONDS, PassingClock

LEASE = timedelta(seconds=60)
THIRD = LEASE / 3


class Extending:
    """Extensions of a lease, each of which does what the test says, or succeeds."""

    def __init__(self, clock: PassingClock, *does: Callable[[], None]) -> None:
        self.at: list[datetime] = []
        self.succeeded = 0
        self._clock = clock
        self._does = iter(does)

    def __call__(self) -> None:
        """Extend."""
        self.at.append(self._clock.now())
        next(self._does, lambda: None)()
        self.succeeded += 1


def failing(error: Exception) -> Callable[[], None]:
    """An extension that fails."""

    def fail() -> None:
        raise error

    return fail


def let_thirds_pass(clock: PassingClock, count: int) -> None:
    """Let a third of the lease pass, again and again, and give who keeps it the time for what is due."""
    for _ in range(count):
        clock.await_sleepers(1)
        clock.pass_by(THIRD)
    clock.await_sleepers(1)


def test_a_lease_is_extended_three_times_while_it_lasts() -> None:
    """Two extensions may fail, and the work is not lost."""
    clock = PassingClock()
    extending = Extending(clock)
    with KeptLease(extending, lease=LEASE, clock=clock):
        let_thirds_pass(clock, 7)
    assert extending.at == [NOON + THIRD * (number + 1) for number in range(7)]


def test_nothing_is_extended_once_the_work_is_done() -> None:
    """A claim that is extended after its work would keep others from the next."""
    clock = PassingClock()
    extending = Extending(clock)
    with KeptLease(extending, lease=LEASE, clock=clock):
        let_thirds_pass(clock, 1)
    clock.pass_by(LEASE)
    clock.await_sleepers(0)
    assert len(extending.at) == 1


def test_a_lost_claim_is_asked_for_no_more() -> None:
    """Somebody else has the work: it is theirs, and the work finds out at its next write."""
    clock = PassingClock()
    extending = Extending(clock, lambda: None, failing(LostClaim("the day is sealed elsewhere")))
    with KeptLease(extending, lease=LEASE, clock=clock) as kept:
        let_thirds_pass(clock, 1)
        clock.pass_by(THIRD)
        kept._thread.join(PATIENCE_SECONDS)
        assert not kept._thread.is_alive()
        clock.pass_by(LEASE)
    assert len(extending.at) == 2


@pytest.mark.parametrize(
    "error", [DatabaseUnavailable("the state database does not answer"), RuntimeError("a bug")], ids=["away", "a bug"]
)
def test_an_extension_that_fails_is_tried_again_beyond_the_lease(error: Exception) -> None:
    """As long as nobody has taken the work it is still ours: giving up would lose hours of it for a minute."""
    clock = PassingClock()
    extending = Extending(clock, *[failing(error)] * 6)
    with KeptLease(extending, lease=LEASE, clock=clock):
        let_thirds_pass(clock, 6)
        assert (clock.now(), extending.succeeded) == (NOON + 2 * LEASE, 0)
        let_thirds_pass(clock, 1)
    assert extending.succeeded == 1


def test_an_error_of_the_work_ends_the_lease_and_reaches_the_caller() -> None:
    """A thread that outlived its work would hold a day that nobody seals."""
    clock = PassingClock()
    with (
        pytest.raises(ZeroDivisionError),
        KeptLease(Extending(clock), lease=LEASE, clock=clock) as kept,
    ):
        raise ZeroDivisionError
    assert not kept._thread.is_alive()
