"""I/O that dies or fails at a chosen step: every write to the storage and the database is one or two steps.

`Died` is what kill -9 looks like from inside: after it nothing more gets through, so no cleanup can help. A failure is
milder: one step raises what a full disk or a busy database raises, and the next works again.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from dayfile.errors import DatabaseUnavailable, StorageUnavailable
from dayfile.files.storage import Bytes, ListedObject, ObjectState, Storage
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction


class Died(BaseException):
    """The process was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Some of the steps of a story: they are dealt out to so many tests, which can run side by side.

    A module says in LANES how many there are in each deployment. A transaction has three steps; with a number of lanes
    that is no multiple of three every lane dies before commits, within and after them, and in every chapter.
    """

    number: int
    of: int

    def steps(self) -> Iterator[int]:
        """The numbers of its steps, without end: a story that came to its end has met none."""
        return itertools.count(1 + self.number, self.of)


class Steps:
    """Counts steps; at number `at` the process dies, or, with `recovers`, that one step fails."""

    def __init__(self, *, at: int | None = None, recovers: bool = False) -> None:
        self.taken = 0
        self._at = at
        self._recovers = recovers
        self._on_death: list[Callable[[], None]] = []
        self._lock = threading.RLock()

    @property
    def was_reached(self) -> bool:
        """Return True if the fault has happened."""
        return self._at is not None and self.taken >= self._at

    def on_death(self, callback: Callable[[], None]) -> None:
        """Call back when the process dies, or at once if it has."""
        with self._lock:
            self._on_death.append(callback)
            dead = self.is_dead
        if dead:
            callback()

    @property
    def is_dead(self) -> bool:
        """Return True if the process was killed."""
        return self.was_reached and not self._recovers

    def step(self, failure: type[Exception]) -> None:
        """Pass, fail or die."""
        with self._lock:
            self.taken += 1
            if self._at is None or self.taken < self._at:
                return
            if not self._recovers:
                for callback in self._on_death:
                    callback()
                raise Died
            if self.taken == self._at:
                raise failure(f"step {self._at} fails on purpose")


class SteppingStorage:
    """A storage whose writes are steps: one before, when nothing has happened, and one after, when all of it has."""

    def __init__(self, storage: Storage, steps: Steps) -> None:
        self._storage = storage
        self._steps = steps
        self.after_put: Callable[[], None] = lambda: None  # what happens while a writer is frozen, once

    @property
    def is_remote(self) -> bool:
        return self._storage.is_remote

    def become(self, storage: Storage) -> None:
        """Go on with another one, which has the same objects."""
        self._storage = storage

    def without_patience(self) -> Storage:
        return self._storage.without_patience()

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        self._step()
        written = self._storage.put(key, chunks)
        self._step()
        self._freeze()
        return written

    def put_many(self, items: Iterable[tuple[str, Bytes]]) -> None:
        items = list(items)
        self._step()
        self._storage.put_many(items[: len(items) // 2])
        self._step()
        self._storage.put_many(items[len(items) // 2 :])
        self._step()
        self._freeze()

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        return self._storage.read(key, start=start, stop=stop)

    def state(self, key: str) -> ObjectState:
        return self._storage.state(key)

    def size(self, key: str) -> int:
        return self._storage.size(key)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._step()
            self._storage.delete([key])

    def scan(self, prefix: str) -> Iterator[str]:
        return self._storage.scan(prefix)

    def listed(self, prefix: str, *, after: str = "") -> Iterator[ListedObject]:
        return self._storage.listed(prefix, after=after)

    def path(self, key: str) -> Path | None:
        return self._storage.path(key)

    def link(self, key: str, *, lifetime: timedelta) -> str | None:
        return self._storage.link(key, lifetime=lifetime)

    def scan_partial(self, prefix: str) -> Iterator[str]:
        return self._storage.scan_partial(prefix)

    def remove_partial(self, keys: Iterable[str]) -> None:
        self._storage.remove_partial(keys)

    def _step(self) -> None:
        self._steps.step(StorageUnavailable)

    def _freeze(self) -> None:
        happens, self.after_put = self.after_put, lambda: None
        happens()


class SteppingDatabase(Database):
    """A database whose transactions are steps: one before, one just before the commit, one just after."""

    @classmethod
    def of(cls, database: Database, steps: Steps) -> SteppingDatabase:
        """The same database, seen through steps."""
        stepping = cls.__new__(cls)
        stepping.__dict__.update(database.__dict__)
        stepping._steps = steps
        return stepping

    _steps: Steps

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        self._steps.step(DatabaseUnavailable)
        with super().transaction(durable=durable) as tx:
            yield tx
            self._steps.step(DatabaseUnavailable)  # everything said, nothing committed
        self._steps.step(DatabaseUnavailable)  # committed, and nobody has heard of it
