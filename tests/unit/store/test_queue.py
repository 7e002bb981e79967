"""The queue as onlookers see it while others submit, delete and finish: in both databases, from several threads."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import update

from dayfile.errors import NotFound
from dayfile.exports.custom import CustomJobs
from dayfile.exports.job_queue import JobQueue
from dayfile.exports.publish import Publishing
from dayfile.model.account import Account
from dayfile.model.job import Claim, Event, Job, JobSid, RetryRule, days_per_second
from dayfile.store.database import Database
from dayfile.store.tables.exports import job as table
from dayfile.web.queue_places import RATE_KEPT_FOR, RecentRate, rate_of
from tests.support.clock import NOON, FakeClock
from tests.support.notices import an_outbox
from tests.support.race import Desk, a_job_for_two, publish, race
from tests.support.randomness import SeededRandomness
from tests.support.state import a_job, a_job_request, an_account

LEASE = timedelta(minutes=1)
JOBS_EACH = 8


class Crowd:
    """Customers, workers and onlookers of one instance, each in a thread of its own."""

    def __init__(self, database: Database, *, clock: FakeClock | None = None) -> None:
        self.database = database
        self.jobs = CustomJobs(
            database,
            clock=clock or FakeClock(),
            randomness=SeededRandomness("face"),
            quota_days=0,
            outbox=an_outbox(),
            job_lifetime=timedelta(days=7),
            wake=lambda: None,
        )
        self.job_queue = JobQueue(
            database, clock=FakeClock(), outbox=an_outbox(), lease=LEASE, retry=RetryRule(first_delay=timedelta(0))
        )
        self.publishing = Publishing(
            database, self.job_queue, clock=FakeClock(), outbox=an_outbox(), file_lifetime=timedelta(days=7)
        )
        self.all_submitted = threading.Event()
        self.all_finished = threading.Event()

    def submit_and_delete(self, account: Account) -> None:
        """A customer submits jobs, and takes every third back wherever it is by then."""
        for number in range(JOBS_EACH):
            job = self.jobs.submit(a_job_request(account))
            if number % 3 == 0:
                self.jobs.delete(account.sid, job.sid)

    def work(self, worker: str) -> None:
        """A worker finishes days one by one, some after an error, some after handing them back, until none is left."""
        turns = itertools.count()
        while True:
            is_last = self.all_submitted.is_set()
            claim = self.job_queue.claim(worker=worker)
            if claim is not None:
                self._report(claim, next(turns) % 7)
            elif is_last:
                return

    def _report(self, claim: Claim, turn: int) -> None:
        for job_day in claim.days:
            if turn == 3:
                self.job_queue.fail(claim, [job_day.day], error="on purpose")
            elif turn == 5:
                self.job_queue.hand_back(claim, [job_day.day])
            else:
                self.publishing.publish(claim, [job_day.day])

    def watch(self) -> int:
        """An onlooker asks for every position over and over, and believes what it was promised; how often."""
        last: dict[JobSid, int | None] = {}
        for looks in itertools.count(1):
            is_last = self.all_finished.is_set()
            for job, position in self._positions():
                before = last.get(job.sid, position)
                if before is None:
                    assert position is None, "a job that is over stays over"
                elif position is not None:
                    assert 1 <= position <= before, "a position never rises"
                last[job.sid] = position
            if is_last:
                return looks
        raise AssertionError("unreachable")

    def _positions(self) -> list[tuple[Job, int | None]]:
        with self.database.snapshot() as tx:
            jobs = tx.jobs.recent(limit=1000)
            queue = tx.jobs.queue(first=1, last=1_000_000)
            singly = [tx.jobs.queue(first=job.submit_number, last=job.submit_number).position(job) for job in jobs]
        assert singly == [queue.position(job) for job in jobs], "asked for alone or with others, it is the same"
        places = [position for position in singly if position is not None]
        assert len(places) == len(set(places)), "nobody shares a place"
        return list(zip(jobs, singly, strict=True))


def test_no_onlooker_ever_sees_a_position_rise(database: Database) -> None:
    """The API promises it, to every customer, whatever all the others do meanwhile."""
    crowd = Crowd(database)
    accounts = [an_account(database, name) for name in ("acme", "bravo", "charlie")]
    with ThreadPoolExecutor(8) as pool:
        watching = [pool.submit(crowd.watch) for _ in range(2)]
        working = [pool.submit(crowd.work, f"worker {number}") for number in range(2)]
        try:
            for submitting in [pool.submit(crowd.submit_and_delete, account) for account in accounts]:
                submitting.result()
        finally:
            crowd.all_submitted.set()
        try:
            for worker in working:
                worker.result()
        finally:
            crowd.all_finished.set()
        assert all(onlooker.result() > 1 for onlooker in watching)
    with database.snapshot() as tx:
        assert tx.jobs.unfinished() == 0
        assert tx.jobs.unsettled(limit=10) == []


def _claim(database: Database, *, limit: int = 400, now: timedelta = timedelta(0)) -> Claim:
    with database.transaction() as tx:
        claim = tx.job_days.claim(worker="w", leased_until=NOON + now + LEASE, limit=limit, now=NOON + now)
    assert claim is not None
    return claim


def test_a_job_says_how_many_of_its_days_are_not_final(database: Database) -> None:
    """The queue is read without its days: what stands in the job must be what its days say, at every step."""
    job = a_job(database, a_job_request(an_account(database)))
    steps = []
    for event in (Event.ERROR, Event.COMPLETE, Event.HAND_BACK, Event.COMPLETE_EMPTY, Event.GIVE_UP):
        claim = _claim(database, limit=1)
        with database.transaction() as tx:
            tx.jobs.lock(job.sid)
            tx.job_days.report(claim, {claim.days[0].day: event}, now=NOON)
            tx.jobs.settle(job.sid, now=NOON)
        with database.snapshot() as tx:
            steps.append(tx.jobs.queue(first=1, last=1).days[-1])
            assert tx.jobs.unsettled(limit=10) == []
    assert steps == [3, 2, 2, 1, 0]


def test_what_a_check_would_find_wrong_with_a_job(database: Database) -> None:
    """A count that is off would put everybody's estimate off, and a lost time, a job out of the queue for ever."""
    job = a_job(database, a_job_request(an_account(database)))
    for wrong in ({"unfinished_days": 2}, {"due_at": None}):
        with database.transaction() as tx:
            assert tx.jobs.unsettled(limit=10) == []
            tx.jobs._connection.execute(update(table).values(wrong))
            assert tx.jobs.unsettled(limit=10) == [job.sid]
            tx.jobs.settle(job.sid, now=NOON)


def test_the_rate_is_measured_on_days_that_were_worked_on(database: Database) -> None:
    """Days that were deleted while they waited took no time, and say nothing about those that do."""
    account = an_account(database)
    for name in ("worked on", "deleted"):
        a_job(database, a_job_request(account), name)
    claim = _claim(database)
    done = NOON + timedelta(seconds=6)
    with database.transaction() as tx:
        tx.jobs.lock(claim.job.sid)
        tx.job_days.report(claim, {job_day.day: Event.COMPLETE for job_day in claim.days}, now=done)
        tx.jobs.settle(claim.job.sid, now=done)
        for job in tx.jobs.recent(limit=1):
            tx.job_days.delete(job.sid, now=done)
            tx.jobs.settle(job.sid, now=done)
        assert days_per_second(tx.jobs.worked(since=NOON, limit=100)) == 0.5
        assert len(tx.jobs.worked(since=NOON, limit=2)) == 2
        assert tx.jobs.worked(since=done, limit=100) == []


def test_a_deletion_that_meets_the_end_of_the_last_day_is_done_or_not_found(database: Database) -> None:
    """Whichever comes first, the job was deleted once, when it was, and is gone."""
    account = an_account(database)
    crowd = Crowd(database)
    for number in range(12):
        job, claims = a_job_for_two(database, account, f"job {number}")
        crowd.jobs.delete(account.sid, job.sid)
        later = Crowd(database, clock=FakeClock(NOON + timedelta(seconds=1)))

        def delete_again(_: object, __: Claim, *, later: Crowd = later, sid: JobSid = job.sid) -> None:
            with suppress(NotFound):
                later.jobs.delete(account.sid, sid)

        desk = Desk(queue=crowd.job_queue, publishing=crowd.publishing)
        race([*((desk, claim, publish) for claim in claims), (desk, claims[0], delete_again)])
        with database.snapshot() as tx:
            deleted = tx.jobs.get(job.sid)
            assert tx.jobs.find(account.sid, job.sid, over_since=NOON - timedelta(days=7)) is None
        assert (deleted.deleted_at, deleted.over_at) == (NOON, NOON)


def test_new_jobs_are_told_a_rate_that_is_a_second_old_at_most(database: Database) -> None:
    """To read a thousand days takes longer than all else; a clock that goes back keeps no rate for ever."""
    account, rate = an_account(database), RecentRate()
    for name in ("one", "two"):
        a_job(database, a_job_request(account), name)
    assert rate.per_second(database, now=NOON) is None
    done = NOON + timedelta(seconds=6)
    for claim in (_claim(database), _claim(database)):
        with database.transaction() as tx:
            tx.jobs.lock(claim.job.sid)
            tx.job_days.report(claim, {job_day.day: Event.COMPLETE for job_day in claim.days}, now=done)
            tx.jobs.settle(claim.job.sid, now=done)
    with database.snapshot() as tx:
        known = rate_of(tx, now=NOON)
    assert known is not None
    assert rate.per_second(database, now=NOON + RATE_KEPT_FOR / 2) is None
    assert rate.per_second(database, now=NOON + RATE_KEPT_FOR) == known
    assert rate.per_second(database, now=NOON - RATE_KEPT_FOR) == known
