"""The speed with which very many small accounts are sealed, with packs and without, and the later cost of their files.

    python bench/small_files.py [--accounts 100000] [--rounds 3] [--downloads 2000]

In rounds that take turns, each run in a process of its own:
- a day of accounts with ten records each is sealed by Dayfile, from its segments to its commit, with small files in
  packs and with an object for each;
- the same texts are compressed and hashed by as many threads, and the rows inserted with plain SQLite, as many in a
  statement and in a commit as by Dayfile: what no way of storing them can do without. Nothing is deduplicated, ordered
  or written as a file.
Then files of both instances are downloaded from a real server, over connections that stay open.
"""

from __future__ import annotations

import argparse
import gzip as reference
import http.client
import multiprocessing
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from days import MadeUpDay, new_segment, write_segments
from servers import DAYFILE, started
from targets import at_least, at_most

from dayfile.files import gzip
from dayfile.files.links import Link, LinkSigner
from dayfile.model.day import Day
from dayfile.model.export import SealedDay
from dayfile.model.resource import MESSAGES
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.database import Database
from dayfile.web.urls import DOWNLOADS

DAY: Final = Day.parse("2026-10-01")
THREADS: Final = 2
ROWS_AT_ONCE: Final = 3000  # in a commit, as Dayfile has it
ROWS_TOGETHER: Final = 100  # in a statement, the same
TASK_FILES: Final = 500
CLIENTS: Final = 4
PACKED, APART, ALONE = "Dayfile, packs", "Dayfile, an object each", "compress, hash, insert alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Costs of one run."""

    seconds: float
    cpu_seconds: float


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--downloads", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help="where the data goes, if not into the system's temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-", dir=options.folder) as name:
        folder, segments = Path(name), Path(name) / "segments"
        segments.mkdir()
        write_segments(
            MadeUpDay(records=options.accounts * 10, versions=1, accounts=options.accounts, is_uneven=False), segments
        )
        results: dict[str, list[Result]] = {PACKED: [], APART: [], ALONE: []}
        for number in range(options.rounds):
            # Whatever else this machine does at the time, it does to all of them.
            packed, apart = folder / f"packed-{number}", folder / f"apart-{number}"
            results[PACKED].append(measured(partial(sealed, segments, packed, below=1 << 20)))
            results[APART].append(measured(partial(sealed, segments, apart, below=0)))
            results[ALONE].append(measured(partial(alone, packed, folder / f"alone-{number}.sqlite")))
        show(results, options.accounts)
        for title, where in ((PACKED, packed), (APART, apart)):
            downloads(title, where, options.downloads)


def show(results: dict[str, list[Result]], accounts: int) -> None:
    """Print the median of every kind of run, and the targets."""
    median = {name: sorted(of_one, key=lambda one: one.seconds)[len(of_one) // 2] for name, of_one in results.items()}
    for name, one in median.items():
        each = one.seconds / accounts * 1000
        print(f"{name:<30} {one.seconds:>8.2f} s {one.cpu_seconds:>8.2f} CPU s {each:>8.3f} ms an account", flush=True)
    at_least(4, median[APART].seconds / median[PACKED].seconds, "times as fast as with an object each")
    at_most(2, median[PACKED].seconds / median[ALONE].seconds, "times compressing, hashing and inserting alone")
    at_most(2, median[PACKED].cpu_seconds / median[ALONE].cpu_seconds, "times its processor time")


def sealed(segments: Path, folder: Path, *, below: int) -> Callable[[], None]:
    """Make an instance with the segments; what seals its day."""
    service = Service.open(Settings.read(_env_file=None, data_dir=folder, pack_below_bytes=below))
    place = folder / "objects" / "segments" / "type=Messages"
    _ = service.storage
    place.mkdir(parents=True)
    (place / f"day={DAY}").symlink_to(segments)
    with service.database.transaction() as tx:
        tx.segments.add([new_segment(path, DAY) for path in sorted(segments.iterdir())], now=service.clock.now())
    claim = service.worker_parts.sealing.claim(MESSAGES, DAY, worker="bench")
    if claim is None:
        raise RuntimeError("somebody else seals the day")

    def run() -> None:
        service.worker_parts.sealing.seal(claim)

    return run


def alone(instance: Path, database: Path) -> Callable[[], None]:
    """Take the texts and rows of a sealed instance; what compresses, hashes and inserts them."""
    with closing(sqlite3.connect(instance / "dayfile.sqlite")) as source:
        rows = source.execute("SELECT * FROM sealed_day ORDER BY pack_id, pack_offset").fetchall()
        schema = [
            sql for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE tbl_name = 'sealed_day'") if sql
        ]
    texts = list(_texts(_files(instance)))
    target = sqlite3.connect(database)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        target.execute(f"PRAGMA {pragma}")
    for sql in schema:
        target.execute(sql)
    target.commit()

    def run() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            tasks = (texts[start : start + TASK_FILES] for start in range(0, len(texts), TASK_FILES))
            for _ in pool.map(lambda some: [gzip.compress([text]) for text in some], tasks):
                pass
        for start in range(0, len(rows), ROWS_AT_ONCE):
            _insert(rows[start : start + ROWS_AT_ONCE], target)
            target.commit()

    return run


def downloads(title: str, instance: Path, count: int) -> None:
    """Print what the files of an instance take on the disk, and how many are downloaded in a second."""
    files, links = _files(instance), []
    with Service.open(Settings.read(_env_file=None, data_dir=instance)) as service:
        signer = LinkSigner(service.key.subkey("links"))
        links = [signer.sign(_link(one)) for one in files[:count]]
    there = list((instance / "objects" / "sealed").rglob("*"))
    objects = sum(path.is_file() for path in there)
    with started(DAYFILE, instance.parent / f"server-{instance.name}", settings=_settings(instance)) as (url, _):
        begun = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            got = sum(pool.map(partial(_download, url), [links[number::CLIENTS] for number in range(CLIENTS)]))
        rate = got / (time.perf_counter() - begun)
    print(f"{title:<30} {objects:>8,} objects {len(there):>8,} inodes {rate:>8,.0f} downloads a second", flush=True)


def measured(prepare: Callable[[], Callable[[], None]]) -> Result:
    """Prepare and run in a new process, with nothing else of ours going on; only the run is measured."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_report, args=(prepare, sending))
    process.start()
    sending.close()
    result: Result = receiving.recv()
    process.join()
    return result


def _insert(rows: Sequence[tuple[Any, ...]], target: sqlite3.Connection) -> None:
    whole = len(rows) - len(rows) % ROWS_TOGETHER
    place = f"({', '.join('?' * len(rows[0]))})"
    together = [
        tuple(chain.from_iterable(rows[start : start + ROWS_TOGETHER])) for start in range(0, whole, ROWS_TOGETHER)
    ]
    for count, values in ((ROWS_TOGETHER, together), (1, rows[whole:])):
        target.executemany(f"INSERT INTO sealed_day VALUES {', '.join([place] * count)}", values)  # noqa: S608 - marks


def _report(prepare: Callable[[], Callable[[], None]], connection: Connection) -> None:
    run = prepare()
    start, start_cpu = time.perf_counter(), time.process_time()
    run()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    connection.send(Result(seconds=seconds, cpu_seconds=cpu_seconds))


def _files(instance: Path) -> list[tuple[SealedDay, Path]]:
    database = Database.connect(f"sqlite:///{instance / 'dayfile.sqlite'}")
    with database.snapshot() as tx:
        found = list(tx.sealed_days.of_day(MESSAGES, DAY).values())
    database.close()
    return [(one, instance / "objects" / one.place.object_key) for one in found]


def _texts(files: Sequence[tuple[SealedDay, Path]]) -> list[bytes]:
    packs: dict[Path, bytes] = {}
    texts = []
    for one, path in files:
        if path not in packs:
            packs = {path: path.read_bytes()}
        texts.append(reference.decompress(packs[path][one.place.start : one.place.start + one.size_bytes]))
    return texts


def _link(found: tuple[SealedDay, Path]) -> Link:
    one, _ = found
    now = datetime.now(UTC).replace(microsecond=0)
    return Link(
        account=one.account,
        resource_type=one.resource_type,
        day=one.day,
        created_at=now,
        sealed_day_id=one.id,
        file_hash=one.sha256[:32],
        expires_at=now + timedelta(hours=1),
    )


def _settings(instance: Path) -> dict[str, str]:
    return {"DAYFILE_DATA_DIR": str(instance)}


def _download(url: str, links: Sequence[str]) -> int:
    where: Any = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port)
    for link in links:
        connection.request("GET", f"{DOWNLOADS}/{link}")
        answer = connection.getresponse()
        if answer.status != http.client.OK or not answer.read():
            raise RuntimeError(f"{answer.status} {answer.reason}")
    connection.close()
    return len(links)


if __name__ == "__main__":
    main()
