"""Processor time of the server for a request with a single record, beside other versions of it.

    python bench/singles.py [--seconds 5] [--rounds 3] [--processes 2] [--against CHECKOUT ...]

64 clients, each on a connection that stays open, send a record after the other; every answer comes when its record is
durable. Each server of a checkout (`make setup` there) has a new instance; all run at once and are asked by turns, so
that a busy machine is as busy for one as for the other. `us each` is the processor time of the server and its worker
for a request, compaction included; `per core` are the requests a second that a core can answer.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from answers_clients import Answered, Load, measured
from intake_records import records
from servers import DAYFILE, started
from targets import at_least

CONNECTIONS: Final = 64
ACCOUNTS: Final = 50
LINES: Final = 5000  # sent round and round
HERE: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A checkout whose server runs, what is sent to it, and what came of it."""

    checkout: Path
    url: str
    pid: int
    requests: list[bytes]
    rounds: list[Answered] = field(default_factory=list)

    def ask(self, seconds: float) -> Answered:
        """Send for so many seconds."""
        load = Load(
            url=self.url,
            requests=self.requests,
            status=200,
            connections=CONNECTIONS,
            seconds=seconds,
            server=self.pid,
        )
        return measured(load)

    @property
    def per_core(self) -> float:
        """Requests a second of processor time."""
        return 1000 / median(one.cpu_ms for one in self.rounds)


def main() -> None:
    """Measure and print a line for each version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, default=5, help="for each version in each round; a fifth is not counted"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2, help="that answer")
    parser.add_argument("--no-worker", action="store_true", help="so without the compaction of what comes in")
    parser.add_argument("--against", nargs="+", type=Path, default=[], help="other checkouts")
    options = parser.parse_args()
    arguments = ["--processes", str(options.processes), *(["--no-worker"] if options.no_worker else [])]
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-") as name, contextlib.ExitStack() as stack:
        versions = [
            stack.enter_context(version(checkout.resolve(), Path(name) / str(number), arguments))
            for number, checkout in enumerate([HERE, *options.against])
        ]
        for _ in range(options.rounds):
            for one in versions:
                one.rounds.append(one.ask(options.seconds))
        show(versions)


@contextlib.contextmanager
def version(checkout: Path, folder: Path, arguments: list[str]) -> Iterator[Version]:
    """A new instance of a checkout, and its server."""
    folder.mkdir()
    python = str(checkout / ".venv" / "bin" / "python")
    environment = os.environ | {"DAYFILE_DATA_DIR": str(folder / "data")}

    def dayfile(*words: str) -> Mapping[str, Any]:
        command = [python, "-m", "dayfile", *words, "--json"]
        said = subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True, text=True).stdout
        found: Mapping[str, Any] = json.loads(said)
        return found

    dayfile("init")
    accounts = [dayfile("accounts", "create")["account_sid"] for _ in range(ACCOUNTS // 10)]
    key = dayfile("keys", "create", "--operator", "--scope", "intake")
    basic = base64.b64encode(f"{key['sid']}:{key['secret']}".encode()).decode()
    head = f"POST /v1/Records/Messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\nContent-Length: "
    requests = [f"{head}{len(line)}\r\n\r\n".encode() + line for line in records(accounts, lines=LINES, seed=1)]
    with started([*DAYFILE, *arguments], folder, python=python) as (url, pid):
        yield Version(checkout=checkout, url=url, pid=pid, requests=requests)


def show(versions: list[Version]) -> None:
    """Print what was measured; the medians of the rounds."""
    print(f"{'requests/s':>10} {'p50 ms':>7} {'p99 ms':>7} {'us each':>8} {'per core':>9}  {'from':>6} to      version")
    for one in versions:
        figures = [
            median(getattr(each, name) for each in one.rounds) for name in ("rate", "p50_ms", "p99_ms", "cpu_ms")
        ]
        cores = sorted(1000 / each.cpu_ms for each in one.rounds)
        rate, p50, p99, cpu = figures
        print(
            f"{rate:>10,.0f} {p50:>7.1f} {p99:>7.1f} {cpu * 1000:>8.0f} {one.per_core:>9,.0f}"
            f"  {cores[0]:>6,.0f} {cores[-1]:<6,.0f}  {one.checkout.name}"
        )
    for one in versions[1:]:
        at_least(2, versions[0].per_core / one.per_core, f"times the requests per core of {one.checkout.name}")


if __name__ == "__main__":
    main()
