"""Short work of the event loop itself, which needs no thread as long as the disk has what it reads at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from dayfile.clock import Clock

LONG_SECONDS: Final = 0.1
"""Time of work in the loop after which the next goes to threads: everybody else has waited for it.

With much less, other processes that keep the processors busy would be taken for a slow disk.
"""

IN_THREADS_SECONDS: Final = 1.0
"""Time for which it goes there, before the loop tries again."""

Asked = TypeVar("Asked")
Answers = TypeVar("Answers")


class InLoop(Generic[Asked, Answers]):
    """Work that is done by the caller, unless it took long a moment ago. Belongs to one event loop."""

    def __init__(self, work: Callable[[Sequence[Asked]], Answers], *, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._in_threads_until = 0.0

    def try_work(self, asked: Sequence[Asked]) -> Answers | None:
        """Return what the work does; None if it is for a thread now. Raises as the work does."""
        began = self._clock.monotonic()
        if began < self._in_threads_until:
            return None
        try:
            return self._work(asked)
        finally:
            ended = self._clock.monotonic()
            if ended - began > LONG_SECONDS:
                self._in_threads_until = ended + IN_THREADS_SECONDS
