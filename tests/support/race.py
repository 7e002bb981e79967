"""The last two days of a job, finished by two workers at the same instant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from dayfile.exports.job_queue import JobQueue
from dayfile.exports.publish import Publishing
from dayfile.model.account import Account
from dayfile.model.job import Claim, Job, RetryRule
from dayfile.store.database import Database
from tests.support.clock import NOON, FakeClock
from tests.support.notices import an_outbox
from tests.support.randomness import SeededRandomness
from tests.support.state import a_job, a_job_request

LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A worker's part of the jobs."""

    queue: JobQueue
    publishing: Publishing


Ending = Callable[[Desk, Claim], None]


def publish(desk: Desk, claim: Claim) -> None:
    """The days are done."""
    desk.publishing.publish(claim, [job_day.day for job_day in claim.days])


def give_up(desk: Desk, claim: Claim) -> None:
    """The days failed for the last time."""
    desk.queue.fail(claim, [job_day.day for job_day in claim.days], error="no luck")


def a_desk(database: Database, name: str) -> Desk:
    """A worker's part of the jobs; its first failed attempt is the last."""
    clock, outbox = FakeClock(), an_outbox(SeededRandomness(name))
    queue = JobQueue(database, clock=clock, outbox=outbox, lease=LEASE, retry=RetryRule(attempts=1))
    publishing = Publishing(database, queue, clock=clock, outbox=outbox, file_lifetime=timedelta(days=7))
    return Desk(queue=queue, publishing=publishing)


def a_job_for_two(database: Database, account: Account, name: str) -> tuple[Job, list[Claim]]:
    """A job of two days with a webhook, each day claimed by a worker of its own."""
    request = replace(
        a_job_request(account, "2026-11-01", "2026-11-02"), webhook_url="https://example.com/", webhook_method="POST"
    )
    job = a_job(database, request, name)
    claims = []
    for number in range(2):
        with database.transaction() as tx:
            claim = tx.job_days.claim(worker=f"w{number}", leased_until=NOON + LEASE, limit=1, now=NOON)
        assert claim is not None
        assert claim.job.sid == job.sid
        claims.append(claim)
    return job, claims


def race(desks: Iterable[tuple[Desk, Claim, Ending]]) -> None:
    """End each claim in a thread of its own, all at the same instant."""
    ends = list(desks)
    start = threading.Barrier(len(ends))

    def end(desk: Desk, claim: Claim, ending: Ending) -> None:
        start.wait()
        ending(desk, claim)

    with ThreadPoolExecutor(len(ends)) as pool:
        for running in [pool.submit(end, *one) for one in ends]:
            running.result()
