"""The rate at which records come in over HTTP, each answered only when it is durable.

    python bench/intake.py [--seconds 6] [--spellings] [--bodies FILE]

Starts the real server, first with one process that answers, then with two, and sends to it from two other processes:
gzip batches of 5,000 lines on one connection each, in the form of an export and in that of the REST API, then single
records on 32 connections each. The same goes to two simple servers (`intake_peer.py`). The clients run on the same
cores; `cores` is what the server alone kept busy, its compaction included, and `us each` its processor time for one
record. With `--spellings`, two processes get batches in every spelling instead, and in final form without a worker, so
without compaction. The texts of messages are made up, or the lines of a file (`--bodies`).
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import multiprocessing
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles

from intake_clients import Load, send
from intake_records import as_rest, records
from servers import DAYFILE, started
from spellings import SPELLINGS, Spell
from targets import at_least

from dayfile.model.credential import Scope
from dayfile.service import Service
from dayfile.settings import Settings

LINES = 5000
ACCOUNTS = 50
BATCHES = 20  # made beforehand and sent round and round

Batch = Sequence[bytes]
Texts = Sequence[str] | None


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6, help="for each line of the table; the first is not counted")
    parser.add_argument("--spellings", action="store_true", help="batches in every spelling, two processes, no peers")
    parser.add_argument("--bodies", type=Path, help="a file of message texts, one a line")
    options = parser.parse_args()
    seconds = options.seconds
    texts = options.bodies.read_text(encoding="utf-8").splitlines() if options.bodies else None
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-") as name:
        print(
            f"{'server':<20} {'load':<26} {'requests/s':>10} {'records/s':>10} "
            f"{'p50 ms':>7} {'p99 ms':>7} {'cores':>6} {'us each':>8}",
            flush=True,
        )
        if options.spellings:
            measure_spellings(Path(name), seconds=seconds, texts=texts)
            return
        batches, rest_form, single = measure_dayfile(Path(name) / "one", seconds=seconds, processes=1, texts=texts)
        measure_dayfile(Path(name) / "two", seconds=seconds, processes=2, texts=texts)
        measure_peers(Path(name), seconds=seconds)
    at_least(60_000, batches.records, "records/s in batches, one process")
    at_least(60_000, rest_form.records, "records/s in batches in REST form, one process")
    at_least(1_000, single.requests, "requests/s of one record each, one process")


def measure_dayfile(folder: Path, *, seconds: float, processes: int, texts: Texts) -> tuple[Row, Row, Row]:
    """The real server, on a new instance."""
    accounts, headers = _instance(folder)
    batches = [records(accounts, lines=LINES, seed=seed, texts=texts) for seed in range(BATCHES)]
    with started([*DAYFILE, "--processes", str(processes)], folder) as (url, pid):
        name = f"Dayfile, {processes} process{'es' if processes > 1 else ''}"
        target = Target(name=name, url=f"{url}/v1/Records/Messages", headers=headers, pid=pid)
        rest_form = [[as_rest(line) for line in batch] for batch in batches]
        return (
            batch_row(target, "gzip batches of 5,000", batches, seconds=seconds),
            batch_row(target, "the same in REST form", rest_form, seconds=seconds),
            single_row(target, batches[0], seconds=seconds),
        )


def measure_spellings(folder: Path, *, seconds: float, texts: Texts) -> None:
    """Two processes of the real server, on a new instance, with batches in every spelling."""
    accounts, headers = _instance(folder)
    batches = [records(accounts, lines=LINES, seed=seed, texts=texts) for seed in range(BATCHES)]
    rng = random.Random(1)
    ways = {name: partial(_respelled, spell=spell, rng=rng) for name, spell in SPELLINGS.items()} | {"REST": as_rest}
    with started([*DAYFILE, "--processes", "2"], folder) as (url, pid):
        target = Target(name="Dayfile, 2 processes", url=f"{url}/v1/Records/Messages", headers=headers, pid=pid)
        for name, way in ways.items():
            batch_row(target, name, [list(map(way, batch)) for batch in batches], seconds=seconds)
        bad = [[b"{}\n" if at % 2000 == 1000 else line for at, line in enumerate(batch)] for batch in batches]
        batch_row(target, "a bad line in 2,000", bad, seconds=seconds)
    with started([*DAYFILE, "--processes", "2", "--no-worker"], folder) as (url, pid):
        target = Target(name="without a worker", url=f"{url}/v1/Records/Messages", headers=headers, pid=pid)
        batch_row(target, "final", batches, seconds=seconds)


def _instance(folder: Path) -> tuple[list[str], dict[str, str]]:
    """A new instance: its accounts, and the headers of a platform that may send records of them."""
    folder.mkdir(exist_ok=True)
    with Service.open(Settings.read(data_dir=folder / "data")) as service:
        accounts = [str(service.administration.create_account().account.sid) for _ in range(ACCOUNTS)]
        key = service.administration.create_key(account=None, scopes=[Scope.INTAKE])
    basic = base64.b64encode(f"{key.key.sid}:{key.secret}".encode()).decode()
    return accounts, {"Authorization": f"Basic {basic}"}


def _respelled(line: bytes, *, spell: Spell, rng: random.Random) -> bytes:
    return spell(json.loads(line), rng) + b"\n"


def measure_peers(folder: Path, *, seconds: float) -> None:
    """The simple servers, on folders of their own."""
    batches = [records([f"AC{number:032x}" for number in range(ACCOUNTS)], lines=LINES, seed=s) for s in range(BATCHES)]
    for kind in ("file", "sqlite"):
        (folder / kind).mkdir()
        script = str(Path(__file__).with_name("intake_peer.py"))
        with started([script, kind, str(folder / kind)], folder) as (url, pid):
            target = Target(name=f"peer: {kind}", url=f"{url}/", headers={}, pid=pid)
            batch_row(target, "gzip batches of 5,000", batches, seconds=seconds)
            single_row(target, batches[0], seconds=seconds)


def batch_row(target: Target, name: str, batches: Sequence[Batch], *, seconds: float) -> Row:
    """Two clients, a batch after the other."""
    bodies = [gzip.compress(b"".join(batch), 6) for batch in batches]
    headers = target.headers | {"Content-Encoding": "gzip"}
    loads = [
        Load(url=target.url, headers=headers, bodies=bodies[part::2], connections=1, seconds=seconds, server=target.pid)
        for part in range(2)
    ]
    return measured(target, name, loads, records_each=len(batches[0]))


def single_row(target: Target, batch: Batch, *, seconds: float) -> Row:
    """Sixty-four clients, a record after the other."""
    loads = [
        Load(
            url=target.url,
            headers=target.headers,
            bodies=batch[part::2],
            connections=32,
            seconds=seconds,
            server=target.pid,
        )
        for part in range(2)
    ]
    return measured(target, "single records, 64 clients", loads, records_each=1)


def measured(target: Target, name: str, loads: Sequence[Load], *, records_each: int) -> Row:
    """Run the clients and print what they saw; their first second is not counted."""
    with multiprocessing.get_context("spawn").Pool(len(loads)) as pool:
        sent = pool.map(send, loads)
    times = [one for part in sent for one in part.times]
    start = min(began for began, _ in times) + 1
    took = [seconds for began, seconds in times if began >= start]
    span = max(began + seconds for began, seconds in times) - start
    cuts = quantiles(took, n=100, method="inclusive")
    row = Row(
        target=target.name,
        load=name,
        requests=len(took) / span,
        records=len(took) * records_each / span,
        p50_ms=cuts[49] * 1000,
        p99_ms=cuts[98] * 1000,
        cores=max(part.server_cores for part in sent),
    )
    show(row)
    return row


def show(row: Row) -> None:
    """Print a line of the table."""
    print(
        f"{row.target:<20} {row.load:<26} {row.requests:>10,.0f} {row.records:>10,.0f} "
        f"{row.p50_ms:>7.1f} {row.p99_ms:>7.1f} {row.cores:>6.2f} {row.cores * 1e6 / row.records:>8.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
