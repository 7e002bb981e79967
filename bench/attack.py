"""The service that operators and customers get while others torment a server, and the memory that this takes.

    python bench/attack.py [--seconds 60] [--quick]

Two operators send gzip batches of 800 records and two customers download a file of some megabytes, all of them again
and again. Meanwhile 4,240 attackers (`attackers.py`) torment first a dummy server, which takes everything and never
answers, and then, with the same, Dayfile. Clients, attackers and servers share the cores, so only the ratio counts: the
attackers cost the machine in both. Ends with 1 if a target is missed. For Linux, on loopback addresses only.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import multiprocessing
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2
from attacked import Customer, Operator, Rates, busy, rates
from attackers import Attack, Fate, check_open_files, torment
from intake_records import records
from job import job_seconds, made_up
from servers import DAYFILE, cpu_seconds, resident_bytes, started

from dayfile.model.credential import Scope
from dayfile.model.day import DayRange, last_custom_day
from dayfile.service import Service
from dayfile.settings import Settings

FILE_RECORDS: Final = 30_000  # a day of a customer: some megabytes as gzip
BATCH_LINES: Final = 800
BATCHES: Final = 20
CLIENTS: Final = 2  # of either kind
WARM_UP_SECONDS: Final = 6.0
ARRIVAL_SECONDS: Final = 12.0  # until all attackers are there
QUICK_SECONDS: Final = 10.0
SAMPLE_SECONDS: Final = 0.2

LEAST_RATIO: Final = 0.5
MOST_GROWTH_MB: Final = 100.0

# Sealing the batches would take processor time and memory whenever it happens to begin.
SETTINGS: Final = {"DAYFILE_DAY_GRACE_MINUTES": "1440"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Dayfile, its good clients, and the credentials of one who may not write."""

    url: str
    pid: int
    operators: Sequence[Operator]
    customers: Sequence[Customer]
    intruder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Measurements of one of the two servers while attackers tormented it."""

    tormented: str
    rates: Rates
    cores: float  # that Dayfile kept busy
    resident_mb: float  # of Dayfile at its peak before the attackers came
    growth_mb: float  # of the peak after that
    fates: Mapping[str, Fate]


def main() -> None:
    """Measure both phases, print them, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="that are measured of each of the two phases")
    parser.add_argument("--quick", action="store_true", help=f"the same as --seconds {QUICK_SECONDS:.0f}")
    options = parser.parse_args()
    check_open_files()
    seconds = QUICK_SECONDS if options.quick else options.seconds
    dummy = str(Path(__file__).with_name("attack_dummy.py"))
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-") as name, prepared(Path(name) / "dayfile") as scene:
        with started([dummy], Path(name) / "dummy") as (url, _):
            calm = measured("dummy", url, scene, seconds=seconds)
        attacked = measured("Dayfile", scene.url, scene, seconds=seconds)
        show(calm, attacked)
        holds = judge(calm, attacked)
    sys.exit(0 if holds else 1)


@contextmanager
def prepared(folder: Path) -> Iterator[Scene]:
    """A new instance that serves, with a file for each customer to download."""
    last = last_custom_day(datetime.now(UTC))
    days = DayRange(first=last, last=last)
    # One after the other: each size is an account.
    *owners, intruder = made_up(folder, days, sizes=[FILE_RECORDS + number for number in range(CLIENTS + 1)])
    with Service.open(Settings.read(data_dir=folder / "data")) as service:
        key = service.administration.create_key(account=None, scopes=[Scope.INTAKE])
    sids = [owner.sid for owner in owners]
    bodies = [gzip.compress(b"".join(records(sids, lines=BATCH_LINES, seed=seed)), 6) for seed in range(BATCHES)]
    with started(DAYFILE, folder, settings=SETTINGS) as (url, pid):
        for owner in owners:
            with httpx2.Client(base_url=url, auth=(owner.sid, owner.token)) as client:
                job_seconds(client, days)
        yield Scene(
            url=f"http://127.0.0.1:{url.rpartition(':')[2]}",
            pid=pid,
            operators=[
                Operator(authorization=basic(key.key.sid, key.secret), bodies=bodies[part::CLIENTS])
                for part in range(CLIENTS)
            ],
            customers=[
                Customer(authorization=basic(owner.sid, owner.token), day=f"/v1/Exports/Messages/Days/{last}")
                for owner in owners
            ],
            intruder=basic(intruder.sid, intruder.token),
        )


def basic(username: str, password: str) -> str:
    """Return credentials as a request carries them."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def measured(name: str, url: str, scene: Scene, *, seconds: float) -> Phase:
    """Let the good clients use Dayfile while attackers torment the server at the URL."""
    attack = Attack(url=url, authorization=scene.intruder, seconds=ARRIVAL_SECONDS + seconds)
    context = multiprocessing.get_context("spawn")
    with (
        busy(scene.url, scene.operators, scene.customers) as events,
        watched(scene.pid) as samples,
        context.Pool(1) as pool,
    ):
        time.sleep(WARM_UP_SECONDS)
        resident = max(samples)  # ordinary work takes more and less of it
        del samples[:]
        tormenting = pool.apply_async(torment, (attack,))
        time.sleep(ARRIVAL_SECONDS)
        start, start_cpu = time.perf_counter(), cpu_seconds(scene.pid)
        time.sleep(seconds)
        stop, stop_cpu = time.perf_counter(), cpu_seconds(scene.pid)
        fates = tormenting.get(timeout=60)
    return Phase(
        tormented=name,
        rates=rates(events, start=start, stop=stop),
        cores=(stop_cpu - start_cpu) / (stop - start),
        resident_mb=resident / 1e6,
        growth_mb=(max(samples) - resident) / 1e6,
        fates=fates,
    )


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """The memory of a process, looked at again and again; gives the samples in bytes, as they come."""
    samples = [resident_bytes(pid)]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            samples.append(resident_bytes(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def show(calm: Phase, attacked: Phase) -> None:
    """Print a table of both phases, and what became of the attackers."""
    print(
        f"{'tormented':<10} {'batches/s':>9} {'downloads MB/s':>14} {'cores':>6} {'MB before':>9} {'MB more':>8}"
        "  failures"
    )
    for phase in (calm, attacked):
        print(
            f"{phase.tormented:<10} {phase.rates.batches:>9.1f} {phase.rates.downloads_mb:>14.1f} {phase.cores:>6.2f} "
            f"{phase.resident_mb:>9.0f} {phase.growth_mb:>8.0f}  {counts(phase.rates.failures)}"
        )
    print(f"\n{'attackers':<32} {'of':<8} {'opened':>7} {'refused':>7} {'closed':>7} {'MB sent':>8}  answers")
    for phase in (calm, attacked):
        for kind, fate in phase.fates.items():
            print(
                f"{kind:<32} {phase.tormented:<8} {fate.opened:>7,} {fate.refused:>7,} {fate.closed:>7,} "
                f"{fate.sent_bytes / 1e6:>8.1f}  {counts(fate.answers)}"
            )


def counts(counted: Counter[str]) -> str:
    """Return counts on one line, the most frequent first."""
    return ", ".join(f"{count:,} x {name}" for name, count in counted.most_common()) or "none"


def judge(calm: Phase, attacked: Phase) -> bool:
    """Print what holds of what is promised; returns whether all does."""
    batches = attacked.rates.batches / calm.rates.batches
    downloads = attacked.rates.downloads_mb / calm.rates.downloads_mb
    verdicts = [
        (batches >= LEAST_RATIO, f"batches at {batches:.2f} of their rate (at least {LEAST_RATIO})"),
        (downloads >= LEAST_RATIO, f"downloads at {downloads:.2f} of their rate (at least {LEAST_RATIO})"),
        (
            attacked.growth_mb <= MOST_GROWTH_MB,
            f"memory {attacked.growth_mb:.0f} MB larger (at most {MOST_GROWTH_MB:.0f})",
        ),
    ]
    print()
    for holds, words in verdicts:
        print(f"{'PASS' if holds else 'FAIL'}  {words}", flush=True)
    return all(holds for holds, _ in verdicts)


if __name__ == "__main__":
    main()
