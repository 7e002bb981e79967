"""How fast records come in over HTTP, each answered only when it is durable.

Starts the real server and sends to it from two other processes: gzip batches of 5,000 lines on one connection each,
then single records on 32 connections each. The same goes to two simple servers (`intake_peer.py`).

    PYTHONPATH=src python bench/intake.py [--seconds 6] [--processes 1]
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from intake_clients import Load, send
from intake_records import as_rest, records

from dayfile.model.credential import Scope
from dayfile.service import Service
from dayfile.settings import Settings

LINES = 5000
ACCOUNTS = 50
BATCHES = 20  # made beforehand and sent round and round

Batch = Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server to send to."""

    name: str
    url: str
    headers: dict[str, str]
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    target: str
    load: str
    requests: float  # a second
    records: float
    p50_ms: float
    p99_ms: float
    cores: float  # that the server kept busy


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-") as name:
        print(
            f"{'server':<22} {'load':<28} {'requests/s':>10} {'records/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'cores':>6}"
        )
        measure_dayfile(Path(name), seconds=options.seconds, processes=options.processes)
        measure_peers(Path(name), seconds=options.seconds)


def measure_dayfile(folder: Path, *, seconds: float, processes: int) -> None:
    """The real server, on a new instance."""
    with Service.open(Settings.read(data_dir=folder / "data")) as service:
        accounts = [service.administration.create_account().account.sid for _ in range(ACCOUNTS)]
        key = service.administration.create_key(account=None, scopes=[Scope.INTAKE])
    basic = base64.b64encode(f"{key.key.sid}:{key.secret}".encode()).decode()
    batches = [records(accounts, lines=LINES, seed=seed) for seed in range(BATCHES)]
    with started(["-m", "dayfile", "serve", "--port", "0", "--processes", str(processes)], folder) as (url, pid):
        target = Target(
            name=f"dayfile, {processes} process{'es' if processes > 1 else ''}",
            url=f"{url}/v1/Records/Messages",
            headers={"Authorization": f"Basic {basic}"},
            pid=pid,
        )
        rest_form = [[as_rest(line) for line in batch] for batch in batches]
        show(batch_row(target, "gzip batches of 5,000", batches, seconds=seconds))
        show(batch_row(target, "the same in REST form", rest_form, seconds=seconds))
        show(single_row(target, batches[0], seconds=seconds))


def measure_peers(folder: Path, *, seconds: float) -> None:
    """The simple servers, on folders of their own."""
    batches = [records([f"AC{number:032x}" for number in range(ACCOUNTS)], lines=LINES, seed=s) for s in range(BATCHES)]
    for kind in ("file", "sqlite"):
        (folder / kind).mkdir()
        script = str(Path(__file__).with_name("intake_peer.py"))
        with started([script, kind, str(folder / kind)], folder) as (url, pid):
            target = Target(name=f"peer: {kind}", url=f"{url}/", headers={}, pid=pid)
            show(batch_row(target, "gzip batches of 5,000", batches, seconds=seconds))
            show(single_row(target, batches[0], seconds=seconds))


def batch_row(target: Target, name: str, batches: Sequence[Batch], *, seconds: float) -> Row:
    """Two clients, a batch after the other."""
    bodies = [gzip.compress(b"".join(batch), 6) for batch in batches]
    headers = target.headers | {"Content-Encoding": "gzip"}
    loads = [
        Load(url=target.url, headers=headers, bodies=bodies[part::2], connections=1, seconds=seconds)
        for part in range(2)
    ]
    return measured(target, name, loads, records_each=len(batches[0]))


def single_row(target: Target, batch: Batch, *, seconds: float) -> Row:
    """Sixty-four clients, a record after the other."""
    loads = [
        Load(url=target.url, headers=target.headers, bodies=batch[part::2], connections=32, seconds=seconds)
        for part in range(2)
    ]
    return measured(target, "single records, 64 clients", loads, records_each=1)


def measured(target: Target, name: str, loads: Sequence[Load], *, records_each: int) -> Row:
    """Run the clients; the first second is not counted."""
    began_cpu, began = cpu_seconds(target.pid), time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(len(loads)) as pool:
        times = [one for part in pool.map(send, loads) for one in part]
    cores = (cpu_seconds(target.pid) - began_cpu) / (time.perf_counter() - began)
    start = min(began for began, _ in times) + 1
    took = [seconds for began, seconds in times if began >= start]
    span = max(began + seconds for began, seconds in times) - start
    cuts = quantiles(took, n=100, method="inclusive")
    return Row(
        target=target.name,
        load=name,
        requests=len(took) / span,
        records=len(took) * records_each / span,
        p50_ms=cuts[49] * 1000,
        p99_ms=cuts[98] * 1000,
        cores=cores,
    )


@contextlib.contextmanager
def started(arguments: Sequence[str], folder: Path) -> Iterator[tuple[str, int]]:
    """A server in a process of its own, once it says that it is ready; its address and its process."""
    environment = os.environ | {"DAYFILE_DATA_DIR": str(folder / "data")}
    with (folder / "server.log").open("w") as log:
        command = [sys.executable, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process:
            try:
                line = process.stdout.readline() if process.stdout else ""
                yield line.partition("ready: ")[2].split()[0], process.pid
            finally:
                process.terminate()


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used of the processors so far (Linux)."""
    total = 0.0
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        total += cpu_seconds(int(child))
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return total + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(row: Row) -> None:
    """Print a line of the table."""
    print(
        f"{row.target:<22} {row.load:<28} {row.requests:>10,.0f} {row.records:>10,.0f} "
        f"{row.p50_ms:>8.1f} {row.p99_ms:>8.1f} {row.cores:>6.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
