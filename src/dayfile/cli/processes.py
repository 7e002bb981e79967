"""Server processes: some answer HTTP on the same socket, one is the worker, and this one supervises them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any, Final

import structlog

from dayfile.cli.http_server import answer, work
from dayfile.cli.logs import log_everything
from dayfile.cli.metrics_server import counters_folder, metrics_served
from dayfile.cli.signals import Stop, told_by_signals
from dayfile.counters import Counters, CountersOfOthers
from dayfile.errors import Unusable
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.web.metrics import Metrics

log = structlog.get_logger()

# Spawned, not forked: a lock that a thread holds during a fork stays locked for ever in the child.
_SPAWN: Final = multiprocessing.get_context("spawn")
_LOOK_SECONDS = 0.5

WORKER_NICENESS: Final = 5
"""By so much nicer is the worker than the processes beside it that answer; it gets a third of the share of each."""


class Processes:
    """The supervisor of `answering` HTTP processes and, with `with_worker`, one worker process."""

    def __init__(self, settings: Settings, listening: socket.socket, *, answering: int, with_worker: bool) -> None:
        self._settings = settings
        self._listening = listening
        self._answering = answering
        self._with_worker = with_worker
        self._ready = _SPAWN.Semaphore(0)

    def run(self, stop: Stop, *, on_ready: Callable[[], None], for_metrics: socket.socket | None = None) -> None:
        """Start the processes and keep them running until told to stop; raises Unusable if they do not start.

        Answers on the socket for metrics what all of them have counted.
        """
        with counters_folder() as counters, self._metrics_served(for_metrics, counters):
            members = self._members(counters)
            try:
                for member in members:
                    member.start()
                if self._all_started(members, stop):
                    on_ready()
                while not stop.wait(_LOOK_SECONDS):
                    for member in members:
                        member.restart_if_dead()
            finally:
                for member in members:
                    member.tell()
                for member in members:
                    member.join()

    def _members(self, counters: Path) -> list[_Member]:
        # A process that takes the place of another one goes on with its counts: its name is that of the place.
        members = [
            _Member("http", _answer, self._settings, self._listening, self._ready, Place(counters, f"http-{number}"))
            for number in range(self._answering)
        ]
        if self._with_worker:
            members.append(_Member("worker", _work, self._settings, Place(counters, "worker")))
        return members

    @contextmanager
    def _metrics_served(self, listening: socket.socket | None, counters: Path) -> Iterator[None]:
        if listening is None:
            yield
            return
        with Service.find(self._settings) as service:
            service.insight.metrics = Metrics(CountersOfOthers(counters), service.insight.state_metrics)
            with metrics_served(service, listening):
                yield

    def _all_started(self, members: list[_Member], stop: Stop) -> bool:
        """Wait until every HTTP process answers; False if told to stop before."""
        for _ in range(self._answering):
            while not self._ready.acquire(timeout=_LOOK_SECONDS):
                if stop.wait(0):
                    return False
                if not all(member.is_alive for member in members):
                    raise Unusable("a process of the server ended before it was ready: see its log")
        return True


class _Member:
    """One process, which is restarted when it dies."""

    def __init__(self, name: str, run: Callable[..., None], *arguments: Any) -> None:
        self._name = name
        self._run = run
        self._arguments = arguments
        self._process = self._new()

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def start(self) -> None:
        # The terminal sends Ctrl-C to the process as well, which would end it before it can ignore it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def restart_if_dead(self) -> None:
        if not self.is_alive:
            log.warning("process.restarted", process=self._name, exit_code=self._process.exitcode)
            self._process = self._new()
            self.start()

    def tell(self) -> None:
        """Ask the process to stop gracefully, if it was started."""
        if self._process.pid is not None:
            self._process.terminate()

    def join(self) -> None:
        if self._process.pid is not None:
            self._process.join()

    def _new(self) -> multiprocessing.context.SpawnProcess:
        return _SPAWN.Process(target=self._run, args=self._arguments, name=self._name)


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a process among the others: the folder of all counters, and its name there."""

    folder: Path
    name: str

    def counters(self) -> Counters:
        """Return the counters of the process that has this place."""
        return Counters(folder=self.folder, member=self.name)


def _answer(settings: Settings, listening: socket.socket, ready: Semaphore, place: Place) -> None:
    log_everything()
    with _told_to_stop() as stop, Service.open(settings) as service:
        service.insight.counters = place.counters()
        answer(service, listening, stop=stop, with_worker=False, on_ready=ready.release)


def _work(settings: Settings, place: Place) -> None:
    log_everything()
    give_way()
    with _told_to_stop() as stop, Service.open(settings) as service:
        service.insight.counters = place.counters()
        work(service, stop=stop)


def give_way() -> None:
    """Have this process go after those that answer, where cores are few: nobody waits for a seal.

    Not last of all: while it writes to SQLite, others wait for it.
    """
    if hasattr(os, "nice"):  # not on Windows
        os.nice(WORKER_NICENESS)


@contextmanager
def _told_to_stop() -> Iterator[Stop]:
    """Provide the Stop of a child process, which is also told when the supervisor ends.

    A supervisor that is killed cannot tell its children to stop, and they would hold the port for ever.
    """
    with told_by_signals(by_terminal=False) as stop:
        watching = multiprocessing.parent_process()
        if watching is not None:
            threading.Thread(target=_stop_with, args=(watching, stop), name="watching", daemon=True).start()
        yield stop


def _stop_with(watching: BaseProcess, stop: Stop) -> None:
    watching.join()
    with suppress(OSError):  # stopped already
        stop.tell()
