"""Sealing on a Dask cluster on this machine, beside sealing in one process, and what a piece costs beyond a local one.

    python bench/cluster.py [--quick] [--records 1000000 --versions 3 --accounts 500]

The day is the uneven one of `sealing.py`, in a folder. It is sealed by one process with one thread; by a cluster with
one worker of one thread, and with two; cut into eight pieces or so. Then very many tasks that do nothing say what one
costs. Scheduler and workers are processes on loopback; what they took to start, and their memory, are shown, too.

It is no file called dask.py, since Python would take that for the library.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Final

import pyarrow.parquet as pq
from days import MadeUpDay, write_segments
from servers import resident_bytes

from dayfile.clock import SystemClock
from dayfile.files.storage import LocalStorage
from dayfile.files.workplace import Engine, Workplace
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.sealing.examine import examine
from dayfile.sealing.piece import Piece, SegmentInput
from dayfile.sealing.pieces import Pieces
from dayfile.service import execute_task
from dayfile.settings import Settings
from dayfile.work.cluster import ClusterEngine
from dayfile.work.dask_cluster import DaskCluster
from dayfile.work.engine import LocalEngine
from dayfile.work.engine_url import EngineUrl

MEMORY_BYTES: Final = Settings.model_fields["seal_memory_mb"].default * 1_000_000
PIECES: Final = 8
NOTHINGS: Final = 300


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--versions", type=int, default=3)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--folder", type=Path, help="where the data goes, if not into the system's temporary folder")
    options = parser.parse_args()
    day = MadeUpDay(
        records=options.records // (10 if options.quick else 1),
        versions=options.versions,
        accounts=options.accounts,
        is_uneven=True,
    )
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-", dir=options.folder) as name:
        folder = Path(name)
        here, piece = prepared(day, folder)
        print(f"{day.records:,} messages, {day.lines:,} lines, {day.accounts:,} accounts, in a folder", flush=True)
        local = LocalEngine(here)
        show("one process, one thread", sealing(local, here, piece, cut=False), piece)
        nothing = do_nothing(local, piece)
        local.close()
        on_clusters(folder, here, piece, nothing)


def prepared(day: MadeUpDay, folder: Path) -> tuple[Workplace, Piece]:
    """Make a day up, as intake would have left it; where it is sealed, and all of it as one piece."""
    (folder / "objects" / "segments").mkdir(parents=True)
    (folder / "scratch").mkdir()
    segments = []
    for number, path in enumerate(write_segments(day, folder / "objects" / "segments"), start=1):
        table = pq.read_table(path, columns=["length"])
        plain_bytes = sum(table["length"].to_pylist())
        key = f"segments/{path.name}"
        segments.append(SegmentInput(id=number, key=key, records=table.num_rows, plain_bytes=plain_bytes))
    piece = Piece(
        resource_type=MESSAGES,
        day=Day.parse("2026-10-01"),
        segments=tuple(segments),
        formers=(),
        first_account=None,
        last_account=None,
        unique="bench",
        pack_below=Settings.model_fields["pack_below_bytes"].default,
    )
    storage = LocalStorage(folder / "objects")
    return Workplace(storage=storage, scratch=folder / "scratch", memory_bytes=MEMORY_BYTES, threads=1), piece


def on_clusters(folder: Path, here: Workplace, piece: Piece, nothing: float) -> None:
    """Seal with one worker and with two, and show what a task costs."""
    with started(folder, "scheduler", "--host", "tcp://127.0.0.1:0", until="Scheduler at:") as (line, _):
        address = line.split("Scheduler at:")[1].strip()
        cluster = DaskCluster(EngineUrl.parse(address.replace("tcp", "dask")))
        engine = ClusterEngine(cluster, execute=execute_task, clock=SystemClock())
        worker = ("worker", address, "--nthreads", "1", "--no-nanny", "--host", "tcp://127.0.0.1")
        with started(folder, *worker, until="Registered to:") as (_, process):
            print(f"{'a worker has loaded Dask':<36} {resident_bytes(process) / 1e6:>8.0f} MB")
            do_nothing(engine, piece, times=10)  # Dayfile is loaded
            print(f"{'the same and Dayfile':<36} {resident_bytes(process) / 1e6:>8.0f} MB")
            show("Dask, one worker", sealing(engine, here, replace(piece, unique="one"), cut=True), piece)
            cost = do_nothing(engine, piece)
            print(f"{'a piece beyond a local one':<36} {1000 * (cost - nothing):>8.1f} ms")
            with started(folder, *worker, until="Registered to:"):
                do_nothing(engine, piece, times=10)
                show("Dask, two workers", sealing(engine, here, replace(piece, unique="two"), cut=True), piece)
        engine.close()


def sealing(engine: Engine, here: Workplace, piece: Piece, *, cut: bool) -> float:
    """Seal a day; the seconds that it took."""
    cut_bytes = sum(one.plain_bytes for one in piece.segments) // PIECES if cut else None
    start = time.perf_counter()
    Pieces(engine, here, cut_bytes=cut_bytes).seal(piece)
    return time.perf_counter() - start


def do_nothing(engine: Engine, piece: Piece, *, times: int = NOTHINGS) -> float:
    """Examine nothing, again and again; the seconds that once took."""
    empty = replace(piece, segments=())
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        engine.submit(examine, empty).result()
        taken.append(time.perf_counter() - start)
    return median(taken)


def show(name: str, seconds: float, piece: Piece) -> None:
    """Print a row of the table."""
    megabytes = sum(one.plain_bytes for one in piece.segments) / 1e6
    print(f"{name:<36} {seconds:>8.2f} s {megabytes / seconds:>8.0f} MB of lines a second", flush=True)


@contextmanager
def started(folder: Path, role: str, *arguments: str, until: str) -> Iterator[tuple[str, int]]:
    """A process of Dask, once it logs a line with this text; the line, and the number of the process."""
    environment = {"DAYFILE_STORAGE_URL": f"file://{folder / 'objects'}", "DAYFILE_DATA_DIR": str(folder / "worker")}
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{role}", *arguments, "--dashboard-address", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
    ) as process:
        try:
            line = next((line for line in process.stderr or () if until in line), "")
            print(f"{f'a {role} has started':<36} {time.perf_counter() - start:>8.2f} s", flush=True)
            if process.stderr:
                Thread(target=process.stderr.read, daemon=True).start()
            yield line, process.pid
        finally:
            process.kill()


if __name__ == "__main__":
    main()
