"""The cost of pages of the console, beside the least that answers cost: 1,000 accounts, two years of days.

    python bench/console.py [--accounts 1000] [--days 730] [--rounds 5] [--asked 150] [--only sqlite|postgresql]

The least is `GET /healthz`, which reads nothing, and `GET /v1/Exports/Messages/Configuration`, which reads one row by
its key. A page may cost so many times the sum of these two as is promised. What is compared is processor time, of the
server and of PostgreSQL's processes; all are asked for in turns, and the median of the rounds counts. So a machine that
does other things meanwhile changes little of it. Exit code 1 if a page costs more than it may.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

if not __package__:
    sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import console_instance
from bench.answers import postgresql
from bench.console_instance import Asking
from bench.servers import DAYFILE, cpu_seconds, started
from dayfile.model.day import Day
from dayfile.settings import Settings

LEAST: Final = ("GET /healthz", "a row by its key")
YEAR: Final = "calendar of a year"  # the longest that a page has
BOUNDS: Final = {"overview": 5, YEAR: 10}
CHEAP: Final = 5  # times as many requests for what costs least
BROWSER: Final = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
KEY: Final = {"secret_key": "5a" * 32}
LASTING: Final = {"file_lifetime_days": "3650"}  # so that a calendar has a file on each of its days


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one answer in a round, and its size."""

    cpu: float  # seconds
    wall: float
    size: int


def main() -> int:
    """Measure on both databases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--asked", type=int, default=150, help="requests of each kind in a round")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    too_dear: list[str] = []
    for name in ("sqlite", "postgresql") if options.only is None else (options.only,):
        with tempfile.TemporaryDirectory(prefix="dayfile-bench-") as folder, contextlib.ExitStack() as closing:
            url = closing.enter_context(postgresql(Path(folder))) if name == "postgresql" else None
            too_dear += measure(Path(folder), options, {} if url is None else {"database_url": url})
    for one in too_dear:
        print(f"too dear: {one}", file=sys.stderr)
    return 1 if too_dear else 0


def measure(folder: Path, options: argparse.Namespace, given: Mapping[str, str]) -> list[str]:
    """Make an instance and ask it; print what each answer costs, and return those that cost more than they may."""
    began = time.monotonic()
    given = KEY | LASTING | dict(given)
    settings = Settings.read(_env_file=None, data_dir=folder / "data", **given)
    asked = console_instance.make(settings, accounts=options.accounts, days=options.days)
    name = "PostgreSQL" if "database_url" in given else "SQLite"
    print(
        f"{name}: {options.accounts:,} accounts with {options.days} days each, made in "
        f"{time.monotonic() - began:.0f} s; {options.rounds} rounds of {options.asked} requests",
        flush=True,
    )
    environment = {f"DAYFILE_{name.upper()}": text for name, text in given.items()}
    pids = [int(path.read_text().split()[0]) for path in folder.glob("postgresql/**/postmaster.pid")]
    with started((*DAYFILE, "--no-worker"), folder, settings=environment) as (url, pid), answers(url, asked) as ways:
        for ask in ways.values():
            for _ in range(options.asked):
                ask()  # what is compiled or remembered at first
        rounds = [
            {
                what: cost(ask, options.asked * (CHEAP if what in LEAST else 1), [pid, *pids])
                for what, ask in ways.items()
            }
            for _ in range(options.rounds)
        ]
    return report({what: [one[what] for one in rounds] for what in rounds[0]})


@contextlib.contextmanager
def answers(url: str, asked: Asking) -> Iterator[dict[str, Callable[[], int]]]:
    """Yield what is asked for: each asks once and returns the size of the answer."""
    usual, today = asked.usual, asked.usual.last + 2
    with (
        httpx2.Client(base_url=url, auth=(usual.sid, usual.token), trust_env=False) as program,
        signed_in(url, usual.sid, usual.token) as browser,
        signed_in(url, asked.all_types.sid, asked.all_types.token) as other,
        signed_in(url, *asked.operator) as operator,
    ):
        yield {
            "GET /healthz": asking(program, "/healthz"),
            "a row by its key": asking(program, "/v1/Exports/Messages/Configuration"),
            "overview": asking(browser, "/console"),
            "overview of all types": asking(other, "/console"),
            "calendar of three months": asking(browser, "/console/files"),
            "calendar of half a year": asking(browser, calendar_path(today - 185, today)),
            YEAR: asking(browser, calendar_path(today - 365, today)),
            "a day": asking(browser, f"/console/files/Messages/{usual.last}"),
            "jobs": asking(browser, "/console/jobs"),
            "form of a job": asking(browser, "/console/jobs/new"),
            "notices": asking(browser, "/console/notices"),
            "the operator's status": asking(operator, "/operator"),
            "the operator's instance": asking(operator, "/operator/instance"),
            "the operator's accounts": asking(operator, "/operator/accounts"),
            "the operator's audit log": asking(operator, "/operator/audit"),
        }


@contextlib.contextmanager
def signed_in(url: str, username: str, password: str) -> Iterator[httpx2.Client]:
    """Yield a browser with a session of these credentials."""
    with httpx2.Client(base_url=url, headers=BROWSER, trust_env=False) as browser:
        form = {"username": username, "password": password}
        if browser.post("/console/sign-in", data=form).status_code != 303:
            raise RuntimeError(f"{username} cannot sign in")
        yield browser


def asking(client: httpx2.Client, path: str) -> Callable[[], int]:
    """Return a function that asks for a path, and returns the size of the answer."""

    def ask() -> int:
        answer = client.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code}")
        return len(answer.content)

    return ask


def calendar_path(first: Day, last: Day) -> str:
    """Return the path of the calendar of these days."""
    return f"/console/files?type=Messages&from={first}&to={last}"


def cost(ask: Callable[[], int], times: int, pids: list[int]) -> Cost:
    """Return what one answer costs, of so many. The system counts processor time in hundredths of a second."""
    cpu, began = sum(map(cpu_seconds, pids)), time.perf_counter()
    sizes = [ask() for _ in range(times)]
    wall = time.perf_counter() - began
    return Cost(cpu=(sum(map(cpu_seconds, pids)) - cpu) / times, wall=wall / times, size=max(sizes))


def report(costs: Mapping[str, list[Cost]]) -> list[str]:
    """Print the medians, and return what is too dear."""
    cpu = {what: statistics.median(one.cpu for one in found) for what, found in costs.items()}
    least, too_dear = sum(cpu[what] for what in LEAST), []
    print(f"{'':<26} {'CPU ms':>8} {'wall ms':>8} {'kB':>6} {'times the least':>16} {'may be':>7}")
    for what, found in costs.items():
        times, bound = cpu[what] / least, BOUNDS.get(what)
        wall = statistics.median(one.wall for one in found)
        print(
            f"{what:<26} {1000 * cpu[what]:8.2f} {1000 * wall:8.2f} {found[0].size / 1000:6.1f} "
            f"{'' if what in LEAST else f'{times:.1f}':>16} {bound or '':>7}"
        )
        if bound is not None and times > bound:
            too_dear.append(f"{what}: {times:.1f} times the least, and may be {bound} times")
    print(flush=True)
    return too_dear


if __name__ == "__main__":
    sys.exit(main())
