"""How fast a day is sealed, and what memory that takes, beside what other tools need for half of the work.

    PYTHONPATH=src python bench/sealing.py [--quick] [--memory] [--records 1000000 --versions 3 --accounts 500]

One run measures, each in a process of its own and the best of some rounds taken in turn:
- a day of three versions of every record over accounts of very uneven size, sealed by Dayfile: newest versions, order,
  a durable file an account, hashes;
- the same day, already clean, written by the peers as one file (`peers.py`);
- a day of very many small accounts, sealed by Dayfile.
With --memory also a day of ten times the records: its peak of memory must be about the same. That takes a long time and
20 GB of disk.
"""

from __future__ import annotations

import argparse
import gzip
import multiprocessing
import shutil
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

from dayfile.files.storage import LocalStorage
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.sealing.piece import Piece, SegmentInput, seal_piece

MEMORY_BYTES: Final = 1024**3
ROUNDS: Final = 3
SHORT_SECONDS: Final = 10  # what takes longer runs once: there chance evens out
BLOCK_BYTES: Final = 4 * 1024 * 1024
DUCKDB: Final = "DuckDB COPY, clean table"


Run = Callable[[Path], tuple[int, int]]
"""Writes into a folder; how many files, and how many bytes of JSON are in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run took and gave."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
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
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, one round")
    parser.add_argument("--memory", action="store_true", help="also ten times the records")
    parser.add_argument("--folder", type=Path, help="where the data goes, if not into the system's temporary folder")
    options = parser.parse_args()
    part, rounds = (10, 1) if options.quick else (1, ROUNDS)
    uneven = MadeUpDay(
        records=options.records // part, versions=options.versions, accounts=options.accounts, is_uneven=True
    )
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-", dir=options.folder) as name:
        print(f"{'':<40} {'MB/s':>8} {'ratio':>6} {'seconds':>8} {'CPU s':>7} {'peak MiB':>9} {'files':>8}", flush=True)
        sealed = compare(uneven, Path(name), rounds=rounds)
        many_accounts(100_000 // part, Path(name))
        if options.memory:
            ten_times(uneven, Path(name), before=sealed)


def compare(day: MadeUpDay, folder: Path, *, rounds: int) -> Result:
    """Seal an uneven day, and let the peers write it; what Dayfile took."""
    seal = sealing(day, folder / "uneven")
    table = folder / "clean.duckdb"
    write_clean_table(day, table)
    prepare(table)
    best: dict[str, Result] = {}
    for number in range(rounds):
        # Whatever else this machine does at the time, it does to all of them.
        for name, run in {"Dayfile, newest of all versions": seal, **writing(table)}.items():
            if number == 0 or best[name].seconds < SHORT_SECONDS:
                result = measured(run, folder / "output")
                best[name] = min(best.get(name, result), result, key=lambda result: result.seconds)
    for name, result in best.items():
        show(name, result, ratio=result.rate / best[DUCKDB].rate)
    return best["Dayfile, newest of all versions"]


def many_accounts(accounts: int, folder: Path) -> None:
    """Seal a day of accounts with ten records each."""
    day = MadeUpDay(records=accounts * 10, versions=1, accounts=accounts, is_uneven=False)
    result = measured(sealing(day, folder / "many"), folder / "output")
    show(f"Dayfile, {accounts:,} accounts", result)
    print(f"    {result.seconds / accounts * 1000:.3f} ms an account")


def ten_times(day: MadeUpDay, folder: Path, *, before: Result) -> None:
    """Seal ten times the records, and compare the peak of memory."""
    result = measured(sealing(replace(day, records=day.records * 10), folder / "large"), folder / "output")
    show("Dayfile, ten times the records", result)
    print(f"    {result.peak_mib / before.peak_mib - 1:+.1%} of memory")


def sealing(day: MadeUpDay, root: Path) -> Run:
    """Make a day up, as intake would have left it; what seals it."""
    folder = root / "segments"
    folder.mkdir(parents=True)
    names = [path.name for path in write_segments(day, folder)]
    return partial(_seal, root, names)


def writing(table: Path) -> dict[str, Run]:
    """What writes the clean table, by the name of the tool."""
    return {name: partial(_write, peer, table) for name, peer in PEERS.items()}


def _seal(root: Path, names: Sequence[str], output: Path) -> tuple[int, int]:
    (root / "scratch").mkdir(exist_ok=True)
    piece = Piece(
        resource_type=MESSAGES,
        day=Day.parse("2026-10-01"),
        segments=tuple(SegmentInput(id=number, key=f"segments/{name}") for number, name in enumerate(names, start=1)),
        formers=(),
        first_account=None,
        last_account=None,
        unique=output.name,
    )
    storage = LocalStorage(root)
    sealed = seal_piece(piece, storage=storage, scratch=root / "scratch", memory_bytes=MEMORY_BYTES, threads=THREADS)
    return len(sealed), sum(one.plain_bytes for one in sealed)


def _write(peer: Callable[[Path, Path], None], table: Path, output: Path) -> tuple[int, int]:
    peer(table, output / "day.json.gz")
    return 1, 0


def measured(run: Run, output: Path) -> Result:
    """Run in a new process, with nothing else of ours going on."""
    output.mkdir()
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_report, args=(run, output, sending))
    process.start()
    sending.close()
    result: Result = receiving.recv()
    process.join()
    if not result.plain_bytes:
        result = replace(result, plain_bytes=_plain_bytes(output / "day.json.gz"))
    shutil.rmtree(output)
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
            peak_mib=peak_kib / 1024,
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
        f"{name:<40} {result.rate:>8.0f} {shown:>6} {result.seconds:>8.2f} {result.cpu_seconds:>7.2f} "
        f"{result.peak_mib:>9.0f} {result.files:>8,}",
        flush=True,
    )


if __name__ == "__main__":
    main()
