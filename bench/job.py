"""The time that a custom job over a year of sealed days takes, from its POST until every day is Completed.

    python bench/job.py [--days 366] [--records 10000000] [--rounds 7]

Starts the real server and asks over HTTP, as a customer's program does, every few milliseconds. The same job is
submitted for two accounts in turn: one with ten records a day, one with ten million records in all. Their day files are
real ones, written as sealing writes them; at the end one of each is downloaded and counted.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import httpx2
from intake_records import records
from servers import DAYFILE, started
from targets import at_most

from dayfile.files.gzip import Member
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.export import NewSealedDay
from dayfile.model.resource import MESSAGES
from dayfile.service import Service
from dayfile.settings import Settings

POLL_SECONDS: Final = 0.01
LEASE: Final = timedelta(hours=1)
CREATED: Final = MESSAGES.created_span


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """An account, its credentials, and what it has on every day."""

    sid: AccountSid
    token: str
    records: int
    template: bytes  # the text of one day, to be put on others
    template_day: bytes

    def text(self, day: Day) -> bytes:
        """Return the text of its file of a day."""
        return self.template.replace(self.template_day, str(day).encode())


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=366)
    parser.add_argument("--records", type=int, default=10_000_000, help="of the larger account, on all days together")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the data goes, if not into the system's temporary folder")
    options = parser.parse_args()
    last = last_custom_day(datetime.now(UTC))
    days = DayRange(first=last - (options.days - 1), last=last)
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-", dir=options.folder) as name:
        customers = made_up(Path(name), days, sizes=(10, options.records // options.days))
        # No quota: the same year is asked for again and again.
        with started(DAYFILE, Path(name), settings={"DAYFILE_QUOTA_DAYS": "0"}) as (url, _):
            measure(url, customers, days, rounds=options.rounds)


def made_up(folder: Path, days: DayRange, *, sizes: Sequence[int]) -> list[Customer]:
    """A new instance with a customer for each size, and their days, sealed."""
    settings = Settings.read(data_dir=folder / "data")
    with Service.open(settings) as service, ThreadPoolExecutor() as pool:
        customers = [customer(service, size) for size in sizes]
        for day in days:
            seal(service, customers, day, pool)
    return customers


def customer(service: Service, size: int) -> Customer:
    """A new account that has so many records a day."""
    new = service.administration.create_account()
    lines = sorted(records([new.account.sid], lines=size, seed=size), key=lambda line: line[slice(*CREATED)])
    return Customer(
        sid=new.account.sid,
        token=new.auth_token,
        records=size,
        template=b"".join(lines),
        template_day=lines[0][slice(*CREATED)][:10],
    )


def seal(service: Service, customers: Sequence[Customer], day: Day, pool: Executor) -> None:
    """Write the files of a day and make them count."""
    now = service.clock.now()
    mark = service.randomness.hex(16)
    prefix = f"sealed/type={MESSAGES}/day={day}/"
    with service.database.transaction() as tx:
        upload_id = tx.uploads.begin(prefix, mark=mark, now=now)
        claim = tx.seals.claim(
            MESSAGES, day, worker="bench", upload_id=upload_id, mark=mark, leased_until=now + LEASE, now=now
        )
    if claim is None:
        raise RuntimeError(f"somebody else seals {day}")
    sealed = []
    for one in customers:
        key = f"{prefix}account={one.sid}/revision-1-{mark}.json.gz"
        member = Member([one.text(day)], pool=pool)
        service.storage.put(key, member)
        sealed.append(manifest(one, key, member, day))
    with service.database.transaction() as tx:
        tx.sealed_days.add(claim, sealed, now=now)
        tx.seals.commit(claim, now=now)
        tx.uploads.go_live([upload_id], now=now)


def manifest(customer: Customer, key: str, member: Member, day: Day) -> NewSealedDay:
    """Return the record of a file that is written."""
    return NewSealedDay(
        account=customer.sid,
        revision=1,
        key=key,
        records=customer.records,
        size_bytes=member.digest.size_bytes,
        plain_bytes=member.digest.plain_bytes,
        sha256=member.digest.sha256,
        plain_sha256=member.digest.plain_sha256,
        encoder=member.digest.encoder,
        first_created_at=day.start,
        last_created_at=day.end - timedelta(seconds=1),
    )


def measure(url: str, customers: Sequence[Customer], days: DayRange, *, rounds: int) -> None:
    """Submit the same job for each customer in turn, and print how long they took."""
    seconds: dict[AccountSid, list[float]] = {one.sid: [] for one in customers}
    for _ in range(rounds):
        for one in customers:
            with httpx2.Client(base_url=url, auth=(one.sid, one.token)) as client:
                seconds[one.sid].append(job_seconds(client, days))
    print(
        f"custom jobs over {len(days)} sealed days\n{'records a day':>14} {'in all':>12} {'median s':>9} {'from':>6} to"
    )
    for one in customers:
        took = sorted(seconds[one.sid])
        in_all = one.records * len(days)
        print(f"{one.records:>14,} {in_all:>12,} {median(took):>9.3f} {took[0]:>6.3f} {took[-1]:.3f}", flush=True)
        with httpx2.Client(base_url=url, auth=(one.sid, one.token)) as client:
            count_lines(client, days.last, one.records)
    few, many = (median(seconds[one.sid]) for one in customers)
    at_most(2, max(few, many), "seconds")
    at_most(1.2, many / few, "times as long for the many records")


def job_seconds(client: httpx2.Client, days: DayRange) -> float:
    """From the POST until the job's details show nothing but completed days."""
    form = {"StartDay": str(days.first), "EndDay": str(days.last), "FriendlyName": "bench"}
    began = time.perf_counter()
    created = client.post("/v1/Exports/Messages/Jobs", data=form).raise_for_status().json()
    while True:
        job = client.get(f"/v1/Exports/Jobs/{created['job_sid']}").raise_for_status().json()
        took = time.perf_counter() - began
        if [(group["status"], group["count"]) for group in job["details"]] == [("Completed", len(days))]:
            return took
        time.sleep(POLL_SECONDS)


def count_lines(client: httpx2.Client, day: Day, expected: int) -> None:
    """Download a day; raises RuntimeError unless it has so many records."""
    file = client.get(f"/v1/Exports/Messages/Days/{day}", follow_redirects=True).raise_for_status()
    lines = gzip.decompress(file.content).count(b"\n")
    if lines != expected:
        raise RuntimeError(f"{day} has {lines} records instead of {expected}")


if __name__ == "__main__":
    main()
