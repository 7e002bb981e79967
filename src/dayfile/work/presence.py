"""The presence of a worker: it says again and again that it runs, so that others see when it does not."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from dayfile import __version__
from dayfile.clock import Clock
from dayfile.counters import Counters
from dayfile.errors import Transient
from dayfile.model.seen_worker import SAID_EVERY, SeenWorker
from dayfile.store.database import Database
from dayfile.work.loop import Loop

FORGOTTEN_AFTER: Final = timedelta(days=1)
"""A worker that was killed is shown as gone for so long."""


class Presence:
    """The presence of one worker, kept in a thread of its own: its work may take hours, and it runs all the same."""

    def __init__(self, worker: str, *, database: Database, clock: Clock, counters: Counters | None = None) -> None:
        self._worker = worker
        self._database = database
        self._clock = clock
        self._loop = Loop("presence", {"presence": self.step}, clock=clock, counters=counters)
        self._started_at: datetime | None = None
        self._said_at = float("-inf")  # on the monotonic clock

    def start(self) -> None:
        """Begin to say it."""
        with suppress(Transient):  # the loop asks an unavailable database again
            self.step()
        self._loop.start()

    def stop(self) -> None:
        """Say goodbye. A database that is away then sees the worker go later, by its silence."""
        self._loop.stop()
        self._loop.join()
        with suppress(Transient):
            self.leave()

    def leave(self) -> None:
        """Say that it does not run any more."""
        with self._database.transaction() as tx:
            tx.workers.leave(self._worker)

    def step(self) -> bool:
        """Say it when it is time, and forget workers that were lost long ago. False: there is never more to do."""
        at, now = self._clock.monotonic(), self._clock.now()
        if at < self._said_at + SAID_EVERY.total_seconds():
            return False
        self._started_at = self._started_at or now
        here = SeenWorker(name=self._worker, version=__version__, started_at=self._started_at, seen_at=now)
        with self._database.transaction() as tx:
            tx.workers.note(here)
            tx.workers.forget(now=now, unseen_for=FORGOTTEN_AFTER)
        self._said_at = at
        return False
