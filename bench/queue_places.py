"""The time to tell where a job stands, to list jobs and to claim one, with 10,000 unfinished jobs queued.

What is asked for every few seconds by everybody who waits must not grow with the days of all the others.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from dayfile.model.account import Account, AccountSid, AccountState
from dayfile.model.day import Day, DayRange
from dayfile.model.job import RATE_DAYS, RATE_WINDOW, JobRequest, JobSid
from dayfile.model.resource import MESSAGES
from dayfile.store import schema
from dayfile.store.database import Database

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACCOUNTS, JOBS = 100, 10_000
DAYS = DayRange(first=Day(date(2026, 10, 1)), last=Day(date(2026, 10, 30)))


def a_queue(database: Database) -> list[AccountSid]:
    """Submit the jobs, those of the accounts in turns; the accounts."""
    accounts = [AccountSid(f"AC{number:032x}") for number in range(ACCOUNTS)]
    with database.transaction() as tx:
        for sid in accounts:
            account = Account(
                sid=sid, parent=None, state=AccountState.ACTIVE, friendly_name="", email=None, created_at=NOW
            )
            tx.accounts.add(account, login_hash=b"", encrypted_token=b"")
    for start in range(0, JOBS, ACCOUNTS):
        with database.transaction() as tx:
            for number, sid in enumerate(accounts, start=start):
                tx.jobs.submit(JobSid(f"JS{number:032x}"), _request(sid), now=NOW)
    return accounts


def measure(what: str, ask: Callable[[], object], *, times: int = 21) -> None:
    """Print the median."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        took.append(time.perf_counter() - start)
    print(f"{what:<40} {1000 * statistics.median(took):8.1f} ms")


def main() -> None:
    """Measure on SQLite."""
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=formatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database.connect(f"sqlite:///{Path(folder) / 'dayfile.sqlite'}")
        schema.migrate(database)
        account = a_queue(database)[0]
        print(f"{JOBS:,} unfinished jobs of {len(DAYS)} days each")
        measure("the place of the last job", lambda: places(database, first=JOBS, last=JOBS))
        measure("the places of jobs from all over it", lambda: places(database, first=1, last=JOBS))
        measure("a page of 50 jobs, with days and places", lambda: page(database, account))
        measure("a claim", lambda: claim(database))
        database.close()


def places(database: Database, *, first: int, last: int) -> None:
    """Read the part of the queue that an answer about jobs needs."""
    with database.snapshot() as tx:
        tx.jobs.queue(first=first, last=last)
        tx.jobs.worked(since=NOW - RATE_WINDOW, limit=RATE_DAYS)


def page(database: Database, account: AccountSid) -> None:
    """Read the part of the queue that the first page of a list needs."""
    with database.snapshot() as tx:
        jobs = tx.jobs.page(account, MESSAGES, limit=50, over_since=NOW)
        tx.jobs.days([job.sid for job in jobs])
        tx.jobs.queue(first=jobs[-1].submit_number, last=jobs[0].submit_number)
        tx.jobs.worked(since=NOW - RATE_WINDOW, limit=RATE_DAYS)


def claim(database: Database) -> None:
    """Claim as a worker does for every job."""
    with database.transaction() as tx:
        tx.job_days.claim(worker="bench", leased_until=NOW + timedelta(minutes=1), limit=400, now=NOW)


def _request(account: AccountSid) -> JobRequest:
    return JobRequest(
        account=account,
        root_account=account,
        resource_type=MESSAGES,
        days=DAYS,
        friendly_name="a job",
        webhook_url=None,
        webhook_method=None,
        email=None,
    )


if __name__ == "__main__":
    main()
