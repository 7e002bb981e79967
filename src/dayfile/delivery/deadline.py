"""One limit for a whole attempt, however many steps it has and however slowly each of them goes on."""

from __future__ import annotations

from collections.abc import Iterator

from dayfile.clock import Clock


class Deadline:
    """A moment, so many seconds from now, at which everything must be over."""

    def __init__(self, clock: Clock, *, seconds: float) -> None:
        self._clock = clock
        self._ends = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds that are left, for the limit of the next step; raises TimeoutError when there are none."""
        left = self._ends - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def shares(self, count: int) -> Iterator[float]:
        """For each of so many tries in turn an equal share of what is then left; raises TimeoutError with none left."""
        for others in range(count, 0, -1):
            yield self.remaining() / others

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self._clock.monotonic() >= self._ends
