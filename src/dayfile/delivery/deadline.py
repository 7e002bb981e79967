"""One time limit for a whole attempt, however many steps it has."""

from __future__ import annotations

from collections.abc import Iterator

from dayfile.clock import Clock


class Deadline:
    """The end of an attempt, `seconds` from now on the monotonic clock."""

    def __init__(self, clock: Clock, *, seconds: float) -> None:
        self._clock = clock
        self._ends = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, as the limit of the next step; raises TimeoutError if there are none."""
        left = self._ends - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def shares(self, count: int) -> Iterator[float]:
        """Yield, for each of `count` tries, an equal share of the seconds left by then; raises TimeoutError at 0."""
        for others in range(count, 0, -1):
            yield self.remaining() / others

    @property
    def is_over(self) -> bool:
        """True if no time is left."""
        return self._clock.monotonic() >= self._ends
