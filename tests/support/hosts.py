"""Hosts of one instance on this machine: processes on loopback that share a PostgreSQL, a bucket and nothing else.

Each is started again whenever it has ended, as a service manager does. `accidents.py` sees to it that they end.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Final

import trustme

from dayfile.service import SystemRandomness
from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance, Process
from tests.support.dask_cluster import certificates
from tests.support.host_watch import watch_over
from tests.support.postgres_server import PostgresServer
from tests.support.state import KEY_TEXT
from tests.support.swift import Bucket, a_bucket

CONNECTIONS: Final = 90
"""Connections that the PostgreSQL of hosts has: enough for ten processes."""

# Below the ports that connections get: one that a host has left for a second must not be taken by a connection.
_PORTS: Final = range(20_000, 30_000)
_LOG_LINES: Final = 20

WORKER_TTL: Final = "8s"
"""The time after which a worker of Dask is taken for dead that says nothing."""

Begin = Callable[[], Process | subprocess.Popen[str]]


class Host:
    """A process that is started again whenever it ends, until it is stopped."""

    def __init__(self, name: str, begin: Begin, *, log: Path | None = None, until: str, may_end: bool = False) -> None:
        """Take what starts the process, which is ready when it has said this on a line, and its log.

        One that `may_end` by itself does so when another one is gone.
        """
        self.name = name
        self.starts = 0
        self.is_frozen = False
        self.ended: list[str] = []
        """The ends of its log when it had ended, and nobody had killed it."""
        self._begin, self._log, self._until, self._may_end = begin, log, until, may_end
        self._said: deque[str] = deque(maxlen=_LOG_LINES)
        self._process: Process | subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._was_killed = False
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    @property
    def is_up(self) -> bool:
        """True if it runs and has said so, and is not frozen."""
        return self._ready.is_set() and not self.is_frozen

    def start(self) -> None:
        """Start it and keep it running."""
        self._thread.start()

    def await_ready(self) -> None:
        """Return when it is ready; fails if that takes too long."""
        assert self._ready.wait(PATIENCE_SECONDS), f"{self.name} is not ready: {self._last_lines()}"

    def kill(self) -> None:
        """Have it end at once."""
        self._was_killed = True
        self._ready.clear()
        if self._process is not None:
            self._process.kill()

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does."""
        self.is_frozen = True
        if self._process is not None:
            self._process.send_signal(SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing had been."""
        if self._process is not None:
            self._process.send_signal(SIGCONT)
        self.is_frozen = False

    def stop(self, *, by_force: bool = False) -> None:
        """Ask it to end, or have it end, and do not start it again; returns when it has ended."""
        self._stopping.set()
        self.thaw()
        if self._process is not None:
            with suppress(OSError):
                self._process.kill() if by_force else self._process.terminate()
        self._thread.join(PATIENCE_SECONDS)
        if self._thread.is_alive():
            self.ended.append(f"{self.name} does not stop: {self._last_lines()}")
            self.kill()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._was_killed = False
            with _ONE_AT_A_TIME:
                self._process = process = self._begin()
                watch_over(process.pid)
            self.starts += 1
            if self._stopping.is_set():
                process.kill()
            self._listen(process)
            process.wait()
            self._ready.clear()
            if not (self._was_killed or self._may_end or self._stopping.is_set()):
                self.ended.append(f"{self.name} has ended by itself, with {process.returncode}: {self._last_lines()}")

    def _listen(self, process: Process | subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._said.append(line)
                if self._until in line:
                    self._ready.set()

    def _last_lines(self) -> str:
        if self._log is None or not self._log.exists():
            return "".join(self._said)
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


_ONE_AT_A_TIME: Final = threading.Lock()  # multiprocessing counts children without one


@dataclass(kw_only=True)
class Hosts:
    """A PostgreSQL, a bucket, and the processes that share them."""

    folder: Path
    postgres: PostgresServer
    bucket: Bucket
    database_url: str
    variables: dict[str, str]  # of all processes
    ports: list[int] = field(default_factory=list)  # of the servers
    all: list[Host] = field(default_factory=list)

    @property
    def urls(self) -> list[str]:
        """The addresses of the servers."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def instance(self, name: str, more: Mapping[str, str] | None = None) -> Instance:
        """The command line on a host of this name."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return Instance(folder, {**self.variables, **(more or {})})

    def add_server(self, name: str, *, more: Mapping[str, str] | None = None) -> Host:
        """Add a process that answers HTTP, at a port of its own that it keeps."""
        self.ports.append(port := free_port())
        words = ("serve", "--no-worker", "--host", "127.0.0.1", "--port", str(port))
        return self._add(name, words, more, until="is ready")

    def add_worker(self, name: str, *, more: Mapping[str, str] | None = None) -> Host:
        """Add a worker."""
        return self._add(name, ("work",), more, until="works on")

    def add_dask(self, *, workers: int) -> None:
        """Add a Dask scheduler with TLS, and so many workers of it; what is added after it has it for heavy work.

        The workers know the object store, and not the database.
        """
        address = f"tls://127.0.0.1:{free_port()}"
        shown = certificates(trustme.CA(), self.folder / "certificates")
        storage = {name: to for name, to in self.variables.items() if name.startswith(("AWS_", "DAYFILE_STORAGE"))}
        own = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": WORKER_TTL, **shown, **storage}
        at, words = self.folder / "Dask", ["scheduler", "--host", address]
        at.mkdir()
        self.all.append(_dask_host("scheduler of Dask", at, words, own, until="Scheduler at:"))
        words = ["worker", address, *["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "tls://127.0.0.1"]]
        for number in range(workers):
            of_one = {**own, "DAYFILE_DATA_DIR": str(self.folder / f"Dask {number + 1}")}
            name = f"worker {number + 1} of Dask"
            preload = ["--preload", "dayfile.piece_worker"]
            self.all.append(_dask_host(name, at, [*words, *preload], of_one, until="Registered to:", may_end=True))
        self.variables |= {"DAYFILE_ENGINE": f"dask+{address}", **shown}

    def start(self) -> None:
        """Start those that do not run yet; returns when all are ready."""
        for host in self.all:
            if not host.starts:
                host.start()
        for host in self.all:
            host.await_ready()

    def stop(self, *, by_force: bool = False) -> list[str]:
        """Stop all; what ended, in all the time, although nobody wanted that."""
        for host in reversed(self.all):
            host.stop(by_force=by_force)
        return [said for host in self.all for said in host.ended]

    def _add(self, name: str, words: Sequence[str], more: Mapping[str, str] | None, *, until: str) -> Host:
        instance = self.instance(name, more)
        self.all.append(host := Host(name, lambda: instance.start(*words), log=instance.folder / "log", until=until))
        return host


def _dask_host(
    name: str, folder: Path, words: Sequence[str], variables: Mapping[str, str], *, until: str, may_end: bool = False
) -> Host:
    role, *others = words
    dashboard = ["--dashboard-address", "127.0.0.1:0"] if role == "scheduler" else []

    def begin() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{role}", *others, *dashboard],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={**os.environ, **variables},
        )

    return Host(name, begin, until=until, may_end=may_end)


def free_port() -> int:
    """A port that no connection is given by the system, and that nobody listens to now."""
    randomness = SystemRandomness()
    while True:
        port = _PORTS[int.from_bytes(randomness.octets(4)) % len(_PORTS)]
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def hosts(folder: Path, *, run_folder: Path, more: Mapping[str, str]) -> Iterator[Hosts]:
    """Provide all that hosts share, and no host yet; those that are added end with the block.

    `run_folder` has the object store.
    """
    bucket = a_bucket(run_folder)
    postgres = PostgresServer(Path(tempfile.mkdtemp(prefix="dayfile-")), slots=CONNECTIONS)
    database_url = postgres.a_database()
    shared = {
        "DAYFILE_DATABASE_URL": database_url,
        "DAYFILE_STORAGE_URL": bucket.url,
        "DAYFILE_SECRET_KEY": KEY_TEXT,
        **bucket.environment(),
    }
    made = Hosts(
        folder=folder, postgres=postgres, bucket=bucket, database_url=database_url, variables={**shared, **more}
    )
    try:
        yield made
    finally:
        made.stop(by_force=True)
        postgres.stop()
