"""The demo on a cluster, all of it on this machine, while its hosts are killed and frozen: `make demo-cluster`.

    python -m tests.e2e.demo_cluster [--records 8000] [--every 2]

It runs `dayfile demo` as on a laptop first, then the same story on two servers, two workers and a Dask cluster with
PostgreSQL and an object store, and compares: the last line is the SHA-256 of all texts. Exit code 1 if one differs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import pytest

from dayfile.cli.logs import log_trouble
from dayfile.client.answers import RemoteJob
from dayfile.client.client import Client
from dayfile.clock import SystemClock
from dayfile.demo.customers import Customers
from dayfile.demo.instance import Cast, demo_settings, make_cast
from dayfile.demo.platform import Platform
from dayfile.demo.story import Story
from dayfile.demo.traffic import Traffic
from dayfile.model.day import DayRange, last_custom_day
from tests.support.accidents import Accidents, Pace
from tests.support.any_server import AnyServer
from tests.support.hosts import Hosts, hosts

DAYS: Final = 10  # as the demo has them
DEMO_SEED: Final = "dayfile"
LEASE_SECONDS: Final = 5
FROZEN_SECONDS: Final = 10.0
"""Longer than a lease, and than a cluster waits for a worker."""

PATIENCE_SECONDS: Final = 1200
_WIDTH: Final = 100
_SETTINGS: Final = {
    "DAYFILE_QUOTA_DAYS": "0",
    "DAYFILE_ACCOUNTS_MAY_WRITE": "true",
    "DAYFILE_DAY_GRACE_MINUTES": "0",
    "DAYFILE_LEASE_SECONDS": str(LEASE_SECONDS),
}
_WHILE_SENDING: Final = ("server 1", "-server 2", "server 1", "worker 1")
_WHILE_SEALING: Final = (
    "worker 1 of Dask",
    "worker 2",
    "-worker 2 of Dask",
    "scheduler of Dask",
    "server 2",
    "-worker 1",
    "worker 3 of Dask",
)
_LATER: Final = ("-server 1", "worker 2", "worker 1 of Dask")
"""The accidents of each part of the story: kills and, with a minus, freezes."""


class Telling:
    """Plain lines, each with the seconds since the beginning; it is the display of the story, too."""

    def __init__(self) -> None:
        self._clock, self._lock = SystemClock(), threading.Lock()
        self._began = self._clock.monotonic()

    def line(self, text: str, style: str = "") -> None:
        """Print lines; records, which are dim, not to their end."""
        with self._lock:
            for line in text.splitlines():
                one = f"{line[:_WIDTH]}..." if style and len(line) > _WIDTH else line
                print(f"{self._clock.monotonic() - self._began:6.1f} s  {one}", flush=True)  # noqa: T201 - a program

    def accident(self, text: str) -> None:
        """Print what happens to a host."""
        self.line(f"    ! {text}")

    def heading(self, text: str) -> None:
        """Print the heading of an act."""
        self.line(text)

    def job(self, job: RemoteJob) -> None:
        """Print how a job stands."""
        self.line(f"  {job.sid}: {job.finished} of {len(job.days)} days are done")

    def watch(self, client: Client, job: RemoteJob) -> RemoteJob:
        """Follow a job to its end."""
        with self.counting("Days", len(job.days)) as counting:
            return client.watch_job(job, on_look=lambda seen: counting.reach(seen.finished, len(seen.days)))

    @contextmanager
    def counting(self, text: str, total: int | None) -> Iterator[Counting]:
        """Print how far it is, every two seconds."""
        counting = Counting(self, text, total)
        yield counting
        counting.tell()


class Counting:
    """Progress in lines."""

    def __init__(self, telling: Telling, text: str, total: int | None) -> None:
        self._telling, self._text, self._total = telling, text, total
        self._clock, self._done = SystemClock(), 0
        self._told_at = self._clock.monotonic()

    def advance(self, amount: int) -> None:
        """Add to it."""
        self.reach(self._done + amount, self._total)

    def reach(self, amount: int, total: int | None) -> None:
        """Set it."""
        is_new, self._done, self._total = amount != self._done, amount, total
        if is_new and self._clock.monotonic() - self._told_at >= 2:
            self.tell()

    def tell(self) -> None:
        """Print it."""
        self._told_at = self._clock.monotonic()
        self._telling.line(f"  {self._text}: {self._done:,}" + (f" of {self._total:,}" if self._total else ""))


def main() -> None:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=8_000, help="about so many")
    parser.add_argument("--every", type=float, default=2, help="seconds from one accident to the next")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _end)
    signal.alarm(PATIENCE_SECONDS)
    log_trouble()
    telling = Telling()
    folder = Path(tempfile.mkdtemp(prefix="dayfile-cluster-"))
    telling.line(f"Everything is in {folder}, which goes in the end.")
    try:
        expected = _on_laptop(telling, folder / "laptop", options.records)
        found = _on_cluster(telling, folder, options)
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        sys.exit(f"the cluster cannot be started: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        signal.alarm(0)
        shutil.rmtree(folder, ignore_errors=True)
    if expected != found:
        sys.exit(f"the cluster has made {found}, and the laptop {expected}")
    telling.line("All is as on the laptop. SHA-256 of all texts:")
    print(found)  # noqa: T201 - as above


def _end(number: int, _: FrameType | None) -> NoReturn:
    if number == signal.SIGALRM:
        sys.exit(f"it is not over after {PATIENCE_SECONDS} s")
    sys.exit(128 + number)


def _on_laptop(telling: Telling, folder: Path, records: int) -> str:
    """Run the demo with SQLite and a folder; the SHA-256 that it ends with."""
    telling.line(f"First on a laptop: dayfile demo --exit --records {records}")
    folder.mkdir()
    command = [sys.executable, "-m", "dayfile", "demo", "--exit", "--records", str(records)]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"the demo has failed:\n{done.stdout}")
    digest = done.stdout.splitlines()[-1]
    telling.line(f"SHA-256 of all texts: {digest}")
    return digest


def _on_cluster(telling: Telling, folder: Path, options: argparse.Namespace) -> str:
    """Run the same story on a cluster; the SHA-256 of all texts. Ends the program if a proof fails."""
    telling.line("Now a cluster, on loopback: PostgreSQL and an object store, which are left alone; and hosts:")
    with hosts(folder, run_folder=folder, more=_SETTINGS) as made:
        os.environ |= made.bucket.environment()
        settings = demo_settings(
            folder / "cast", database_url=made.database_url, storage_url=made.variables["DAYFILE_STORAGE_URL"]
        )
        assert settings.secret_key is not None
        made.variables["DAYFILE_SECRET_KEY"] = settings.secret_key.get_secret_value()
        cast = make_cast(settings, records=options.records // DAYS)
        made.add_dask(workers=3)
        for number in (1, 2):
            made.add_server(f"server {number}")
            made.add_worker(f"worker {number}")
        made.start()
        telling.line("  " + ", ".join(host.name for host in made.all))
        story = _told(telling, made, cast, options)
        telling.line("Everything is read and compared: dayfile check --deep")
        checked = made.instance("operator").run("check", "--deep", expect=None)
        problems = [*(f"a proof failed: {one}" for one in story.proofs if not one.holds), *made.stop()]
    if checked.returncode or problems:
        sys.exit("\n".join([checked.stdout, *problems]))
    telling.line(f"  {checked.stdout.strip().splitlines()[-1]}; {len(story.proofs)} proofs hold")
    return story.sha256


def _told(telling: Telling, made: Hosts, cast: Cast, options: argparse.Namespace) -> Story:
    """Play the story on the cluster while its hosts have accidents."""
    pace = Pace(every=options.every, frozen_for=FROZEN_SECONDS)
    accidents = Accidents(made.all, pace, tell=telling.accident)
    clock = SystemClock()
    last = last_custom_day(clock.now())
    days = DayRange(first=last - (DAYS - 1), last=last)
    traffic = Traffic(
        seed=DEMO_SEED, accounts=[member.sid for member in cast.members], days=days, records=options.records
    )
    with ExitStack() as closing:

        def client(sid: str, secret: str) -> Client:
            return closing.enter_context(Client(made.urls[0], sid, secret, transport=AnyServer(made.ports)))

        everybody = {member.sid: client(member.sid, member.auth_token) for member in cast.members}
        customers = Customers(everybody, made.folder / "downloads")
        story = Story(telling, cast=cast, traffic=traffic, days=days, customers=customers, clock=clock)
        platform = Platform(client(cast.key_sid, cast.key_secret))
        accidents.start()
        closing.callback(accidents.stop)
        _play(story, platform, accidents)
    telling.line(f"There were {accidents}; all hosts run again")
    made.start()
    return story


def _play(story: Story, platform: Platform, accidents: Accidents) -> None:
    """Play the acts of the demo, with what is to happen in each."""
    accidents.plan(*_WHILE_SENDING)
    story.records_come_in(platform)
    accidents.plan(*_WHILE_SEALING)
    story.a_job_runs()
    story.everybody_downloads_everything()
    accidents.plan(*_LATER)
    story.records_come_late(platform)
    story.a_year_is_asked_for()
    story.a_day_came_by_itself()
    story.all_texts_have_one_hash()


if __name__ == "__main__":
    main()
