"""The speed and the memory with which a day is sealed, beside what other tools need for half of the work.

    python bench/sealing.py [--quick] [--large] [--records 1000000 --versions 3 --accounts 500]

One run measures, each in a process of its own, in rounds that take turns; what is shown is the round with the median
time:
- a day of three versions of every record, arriving interleaved, over accounts of very uneven size, sealed by Dayfile:
  newest versions, order, a durable file an account, hashes;
- the newest versions of the same records, a clean table already, written by the peers as one file that is neither
  synced nor hashed (`peers.py`), by as many threads;
- a day of very many small accounts, sealed by Dayfile.
With --large also a day of ten times the records: its peak of memory must be about the same. That takes a quarter of an
hour, most of it to make the day up, and 15 GB of disk.
"""

from __future__ import annotations

import argparse
import gzip
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from days import MadeUpDay, write_clean_table, write_segments
from peers import PEERS, THREADS, prepare
from targets import at_least, at_most

from dayfile.files.storage import LocalStorage
from dayfile.files.workplace import Workplace
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.sealing.piece import Piece, SegmentInput, seal_piece
from dayfile.settings import Settings

MEMORY_BYTES: Final = Settings.model_fields["seal_memory_mb"].default * 1_000_000
ROUNDS: Final = 3
BLOCK_BYTES: Final = 4 * 1024 * 1024
DAYFILE: Final = "Dayfile, newest of all versions"
DUCKDB: Final = "DuckDB COPY, clean table"

Run = Callable[[Path], tuple[int, int]]
"""Writes into a folder; how many files, and how many bytes of JSON are in them, or 0 if it cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Costs and results of one run."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    files: int
    plain_bytes: int

    @property
    def rate(self) -> float:
        """Megabytes of final JSON a second."""
        return self.plain_bytes / self.seconds / 1e6


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--versions", type=int, default=3)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, one round")
    parser.add_argument("--large", action="store_true", help="also ten times the records")
    parser.add_argument("--folder", type=Path, help="where the data goes, if not into the system's temporary folder")
    options = parser.parse_args()
    part, rounds = (10, 1) if options.quick else (1, options.rounds)
    uneven = MadeUpDay(
        records=options.records // part, versions=options.versions, accounts=options.accounts, is_uneven=True
    )
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-", dir=options.folder) as name:
        print(
            f"{uneven.records:,} messages, {uneven.lines:,} lines, {uneven.accounts:,} accounts; {THREADS} threads; "
            f"{MEMORY_BYTES // 1_000_000:,} MB for records\n{'':<36} {'JSON MB':>8} {'MB/s':>6} {'ratio':>6} "
            f"{'seconds':>8} {'CPU s':>7} {'peak MB':>8} {'files':>8}",
            flush=True,
        )
        sealed = compare(uneven, Path(name), rounds=rounds)
        many_accounts(100_000 // part, Path(name))
        if options.large:
            ten_times(uneven, Path(name), before=sealed)


def compare(day: MadeUpDay, folder: Path, *, rounds: int) -> Result:
    """Seal an uneven day, and let the peers write it; what Dayfile took."""
    table = folder / "clean.duckdb"
    write_clean_table(day, table)
    prepare(table)
    runs = {DAYFILE: sealing(day, folder / "uneven"), **writing(table)}
    results: dict[str, list[Result]] = {name: [] for name in runs}
    for _ in range(rounds):
        # Whatever else this machine does at the time, it does to all of them.
        for name, run in runs.items():
            results[name].append(measured(run, folder))
    median = {name: sorted(of_one, key=lambda result: result.seconds)[rounds // 2] for name, of_one in results.items()}
    for name, result in median.items():
        show(name, result, ratio=result.rate / median[DUCKDB].rate)
    at_least(6, median[DAYFILE].rate / median[DUCKDB].rate, "times the rate of DuckDB's COPY")
    at_most(1500, median[DAYFILE].peak_mb, "MB of memory at the peak")
    return median[DAYFILE]


def many_accounts(accounts: int, folder: Path) -> None:
    """Seal a day of accounts with ten records each."""
    day = MadeUpDay(records=accounts * 10, versions=1, accounts=accounts, is_uneven=False)
    result = measured(sealing(day, folder / "many"), folder)
    show(f"Dayfile, {accounts:,} accounts", result)
    at_most(0.5, result.seconds / accounts * 1000, "ms an account")


def ten_times(day: MadeUpDay, folder: Path, *, before: Result) -> None:
    """Seal ten times the records, and compare the peak of memory."""
    result = measured(sealing(replace(day, records=day.records * 10), folder / "large"), folder)
    show("Dayfile, ten times the records", result)
    at_most(1.1, result.peak_mb / before.peak_mb, "times the peak of memory")


def sealing(day: MadeUpDay, segments: Path) -> Run:
    """Make a day up, as intake would have left it; what seals it."""
    segments.mkdir()
    names = [path.name for path in write_segments(day, segments)]
    return partial(_seal, segments, names)


def writing(table: Path) -> dict[str, Run]:
    """Return the runs that write the clean table, by the names of their tools."""
    return {name: partial(_write, peer, table) for name, peer in PEERS.items()}


def _seal(segments: Path, names: Sequence[str], output: Path) -> tuple[int, int]:
    scratch = output / "scratch"
    scratch.mkdir()
    (output / "segments").symlink_to(segments)
    piece = Piece(
        resource_type=MESSAGES,
        day=Day.parse("2026-10-01"),
        segments=tuple(SegmentInput(id=number, key=f"segments/{name}") for number, name in enumerate(names, start=1)),
        formers=(),
        first_account=None,
        last_account=None,
        unique="bench",
        pack_below=Settings.model_fields["pack_below_bytes"].default,
    )
    storage = LocalStorage(output)
    here = Workplace(storage=storage, scratch=scratch, memory_bytes=MEMORY_BYTES, threads=THREADS)
    sealed = seal_piece(piece, at=here)
    return len(sealed), sum(one.plain_bytes for one in sealed)


def _write(peer: Callable[[Path, Path], None], table: Path, output: Path) -> tuple[int, int]:
    peer(table, output / "day.json.gz")
    return 1, 0


def measured(run: Run, folder: Path) -> Result:
    """Run in a new process, with nothing else of ours going on.

    What it has written stays in the folder: for minutes after many files were removed, ext4 takes a tenth of all the
    time of a seal to make new ones, because it looks past each that is gone.
    """
    output = Path(tempfile.mkdtemp(prefix="output-", dir=folder))
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_report, args=(run, output, sending))
    process.start()
    sending.close()
    result: Result = receiving.recv()
    process.join()
    if not result.plain_bytes:
        result = replace(result, plain_bytes=_plain_bytes(output / "day.json.gz"))
    return result


def _report(run: Run, output: Path, connection: Connection) -> None:
    """Run here, and send what it took."""
    start, start_cpu = time.perf_counter(), time.process_time()
    files, plain_bytes = run(output)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak_kib = int(status.partition("VmHWM:")[2].split()[0])
    connection.send(
        Result(
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            peak_mb=peak_kib * 1024 / 1e6,
            files=files,
            plain_bytes=plain_bytes,
        )
    )


def _plain_bytes(path: Path) -> int:
    with gzip.open(path) as file:
        return sum(map(len, iter(lambda: file.read(BLOCK_BYTES), b"")))


def show(name: str, result: Result, *, ratio: float | None = None) -> None:
    """Print a row of the table."""
    shown = f"{ratio:.1f}x" if ratio else ""
    print(
        f"{name:<36} {result.plain_bytes / 1e6:>8.0f} {result.rate:>6.0f} {shown:>6} {result.seconds:>8.2f} "
        f"{result.cpu_seconds:>7.2f} {result.peak_mb:>8.0f} {result.files:>8,}",
        flush=True,
    )


if __name__ == "__main__":
    main()
