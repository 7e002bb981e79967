"""A Dask cluster of processes on loopback, for the tests: a scheduler, and workers that come and go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

_ROLES = ("SCHEDULER", "WORKER", "CLIENT")
_TRAP = Path(__file__).with_name("dask_trap.py")


@dataclass(kw_only=True)
class DaskProcesses:
    """A scheduler, and its workers, all with the same environment."""

    folder: Path
    environment: Mapping[str, str]
    protocol: str = "tcp"
    address: str = ""
    port: int = 0
    scheduler: subprocess.Popen[str] | None = None
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The value for DAYFILE_ENGINE."""
        return f"{'dask+tls' if self.protocol == 'tls' else 'dask'}://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        """Start the scheduler, where it was before if there was one; returns when it listens."""
        listens = ["--host", f"{self.protocol}://127.0.0.1:{self.port}", "--dashboard-address", "127.0.0.1:0"]
        self.scheduler, line = self._started("scheduler", *listens, until="Scheduler at:")
        self.address = line.split("Scheduler at:")[1].strip()
        self.port = int(self.address.rpartition(":")[2])

    def start_worker(self, *, trap: str = "", storage: Path | None = None) -> subprocess.Popen[str]:
        """Start a worker of one thread; returns when it is registered. With a trap, a signal ends its second put."""
        more = {} if storage is None else {"DAYFILE_STORAGE_URL": f"file://{storage}"}
        listens = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", f"{self.protocol}://127.0.0.1"]
        # Else it would load Dayfile with its first task and, on a busy machine, be silent for seconds.
        preload = ["--preload", "dayfile.piece_worker", *(["--preload", str(_TRAP)] if trap else [])]
        worker, _ = self._started(
            "worker", self.address, *listens, *preload, until="Registered to:", TRAP_SIGNAL=trap, **more
        )
        self.workers.append(worker)
        return worker

    def stop_worker(self) -> None:
        """End a worker."""
        _kill(self.workers.pop())

    def kill_scheduler(self) -> None:
        """End the scheduler as a power cut does."""
        assert self.scheduler is not None
        _kill(self.scheduler)

    def close(self) -> None:
        """End everything."""
        for process in (*self.workers, self.scheduler):
            if process is not None:
                _kill(process)

    def _started(self, role: str, *arguments: str, until: str, **more: str) -> tuple[subprocess.Popen[str], str]:
        """Start a process and read what it logs until a line has this text; the process and the line."""
        environment = {**os.environ, **self.environment, **more}
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + role, *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            env={name: value for name, value in environment.items() if value},
        )
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if until in line:
                threading.Thread(
                    target=process.stderr.read, daemon=True
                ).start()  # else it would stop when that is full
                return process, line
        pytest.fail(f"the {role} of Dask ended: {''.join(said)}")


@contextmanager
def dask_processes(
    folder: Path, *, protocol: str = "tcp", worker_ttl: str = "60s", **environment: str
) -> Iterator[DaskProcesses]:
    """Provide a scheduler without workers, whose workers have the objects in the folder `objects`."""
    (folder / "objects").mkdir()
    own = {"DAYFILE_STORAGE_URL": f"file://{folder / 'objects'}", "DAYFILE_DATA_DIR": str(folder / "worker")}
    own["DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL"] = worker_ttl
    processes = DaskProcesses(folder=folder, environment={**own, **environment}, protocol=protocol)
    try:
        processes.start_scheduler()
        yield processes
    finally:
        processes.close()


def certificates(authority: trustme.CA, folder: Path) -> dict[str, str]:
    """The variables with which all of a cluster show certificates of this authority."""
    folder.mkdir()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "own.pem")
    of_roles = {f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT": str(folder / "own.pem") for role in _ROLES}
    return {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(folder / "ca.pem"), **of_roles}


def await_stop(process: subprocess.Popen[str]) -> None:
    """Return when a process has stopped by a signal, frozen as it is."""
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def _kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stderr is not None:
        process.stderr.close()
