"""An engine on the machines of a cluster, whichever that is: work goes out as bytes, and its outcome comes back.

A cluster forgets, repeats and loses tasks, and it goes away while somebody waits. All of that is EngineUnavailable
here: what was to be done is done again, under another claim if need be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

import structlog

from dayfile import __version__
from dayfile.clock import Clock
from dayfile.errors import EngineUnavailable
from dayfile.store.instance import SCHEMA
from dayfile.work.task import pack, unpack

log = structlog.get_logger()

LOOK_SECONDS: Final = 5.0
PATIENCE: Final = 12
"""Work is given up after so many looks in a row at a cluster that does nothing: a worker may be about to start."""

T = TypeVar("T")

Execute = Callable[[str, str, bytes], bytes]


class Cluster(Protocol):
    """A connection to machines that execute what they are given. Safe to use from several threads."""

    def executor(self) -> Executor:
        """Return an executor, connected if need be; raises EngineUnavailable."""
        ...

    def trouble(self) -> str | None:
        """Return the reason why nothing is being executed now, with what to do; None if something may be."""
        ...

    def disconnect(self) -> None:
        """Drop the connection, and whatever was submitted over it; the next call connects anew."""
        ...


class ClusterEngine:
    """The engine. A future has the outcome, or EngineUnavailable: it does not wait for ever."""

    def __init__(self, cluster: Cluster, *, execute: Execute, clock: Clock) -> None:
        """Take the cluster, and the function that its machines have, of a version, a schema and a task."""
        self._cluster = cluster
        self._execute = execute
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[Future[Any], Future[bytes]] = {}  # for the other
        self._watch: threading.Thread | None = None
        self._is_closed = threading.Event()

    def submit(self, work: Callable[..., T], value: object, /) -> Future[T]:
        executor = self._cluster.executor()
        try:
            running = executor.submit(self._execute, __version__, SCHEMA, pack(work, value))
        except RuntimeError as error:  # closed since
            raise EngineUnavailable(f"the cluster is going away: {error}") from error
        given: Future[T] = Future()
        with self._lock:
            self._waiting[given] = running
            self._watch_over()
        given.add_done_callback(self._stop_waiting)
        running.add_done_callback(lambda done: _settle(given, done, work))
        return given

    def trouble(self) -> str | None:
        """Return the reason why the cluster does nothing now, with what to do."""
        return self._cluster.trouble()

    def close(self) -> None:
        """Give up what was submitted, and disconnect."""
        self._is_closed.set()
        self._give_up("this process ends")
        self._cluster.disconnect()

    def _stop_waiting(self, given: Future[Any]) -> None:
        with self._lock:
            running = self._waiting.pop(given, None)
        if running is not None and given.cancelled():
            running.cancel()

    def _watch_over(self) -> None:
        if self._watch is None:
            self._watch = threading.Thread(target=self._look, name="engine", daemon=True)
            self._watch.start()

    def _look(self) -> None:
        """Look after the cluster as long as somebody waits for it."""
        idle = 0
        while not self._clock.wait(self._is_closed, LOOK_SECONDS):
            with self._lock:
                if not self._waiting:
                    self._watch = None
                    return
            trouble = self._cluster.trouble()
            idle = idle + 1 if trouble else 0
            if trouble:
                log.warning("engine.waiting", reason=trouble)
            if trouble and idle >= PATIENCE:
                self._cluster.disconnect()
                self._give_up(trouble)
                idle = 0

    def _give_up(self, reason: str) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for given in waiting:
            _fail(given, EngineUnavailable(reason))


def _settle(given: Future[Any], done: Future[bytes], work: Callable[..., Any]) -> None:
    try:
        data = done.result()
    except CancelledError:
        _fail(given, EngineUnavailable("the cluster has dropped the work: its scheduler has ended, or does not answer"))
        return
    except Exception as error:  # noqa: BLE001 - whatever a cluster raises; what the work raises is an outcome
        reason = f"the cluster could not do the work ({type(error).__name__}: {error}): look at the logs of its workers"
        _fail(given, EngineUnavailable(reason))
        return
    with suppress(InvalidStateError):  # given up meanwhile
        try:
            given.set_result(unpack(data, work))
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits
            given.set_exception(error)


def _fail(given: Future[Any], error: Exception) -> None:
    with suppress(InvalidStateError):
        given.set_exception(error)
