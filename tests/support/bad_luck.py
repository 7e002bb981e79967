"""A cluster in this process that loses, repeats, delays and reorders what it is given, as a real one does now and then.

What it executes is what a real one would: the same bytes, read and done by the same function.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Executor, Future
from enum import Enum
from typing import Any

from dayfile.errors import EngineUnavailable


class Fate(Enum):
    """The fate of a task."""

    DONE = "done"
    TWICE = "done by two, and the second is heard"
    LATE = "done, and once more when everybody has forgotten it"
    FORGOTTEN = "done, and its outcome is lost with the scheduler"
    LOST = "never done, as the scheduler was restarted"
    KILLED = "too many workers have died of it"
    REFUSED = "the scheduler is away when it is submitted"


class BadLuck(Executor):
    """An executor of one thread that takes the newest task first, each with a fate; when these end, all is well."""

    def __init__(self, fates: Iterable[Fate] = ()) -> None:
        self._fates = iter(fates)
        self._tasks: list[Callable[[], None]] = []
        self._changed = threading.Condition()
        self.late: list[Callable[[], Any]] = []
        self.submitted = 0
        threading.Thread(target=self._run, name="bad luck", daemon=True).start()

    def executor(self) -> Executor:
        """It is its own cluster."""
        return self

    def trouble(self) -> str | None:
        """None that anybody could name."""
        return None

    def disconnect(self) -> None:
        """There is no connection."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        fate = next(self._fates, Fate.DONE)
        self.submitted += 1
        if fate is Fate.REFUSED:
            raise EngineUnavailable("the scheduler does not answer")
        future: Future[Any] = Future()
        with self._changed:
            self._tasks.append(lambda: self._meet(fate, future, lambda: fn(*args, **kwargs)))
            self._changed.notify()
        return future

    def wake_up(self) -> None:
        """Do what was forgotten: a machine that was frozen goes on as if nothing had happened."""
        late, self.late = self.late, []
        for do in late:
            do()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._tasks)
                task = self._tasks.pop()
            task()

    def _meet(self, fate: Fate, future: Future[Any], do: Callable[[], Any]) -> None:
        if not future.set_running_or_notify_cancel():
            self.late.append(do)  # it is under way already
            return
        if fate is Fate.LOST:
            future.set_exception(CancelledError())
            return
        outcome = do()
        if fate is Fate.TWICE:
            outcome = do()
        if fate is Fate.LATE:
            self.late.append(do)
        if fate is Fate.FORGOTTEN:
            future.set_exception(CancelledError())
        elif fate is Fate.KILLED:
            future.set_exception(RuntimeError("KilledWorker"))
        else:
            future.set_result(outcome)
