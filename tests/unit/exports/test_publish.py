"""From a claim to day files: one commit, guarded, and never a day that is not what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayfile.errors import LostClaim, NotFound
from dayfile.exports.custom import CustomJobs, QuotaExceeded
from dayfile.exports.job_queue import JobQueue
from dayfile.exports.publish import Publishing
from dayfile.model.account import Account
from dayfile.model.day import Day
from dayfile.model.job import Claim, Job, RetryRule, Status, group_by_status
from dayfile.model.resource import MESSAGES
from dayfile.store.audit import Audit
from dayfile.store.database import Database
from tests.support.clock import NOON, FakeClock
from tests.support.notices import an_outbox
from tests.support.randomness import SeededRandomness
from tests.support.sealed import sealed_days
from tests.support.state import a_database, a_job_request, a_segment, an_account
from tests.support.undone import undo_once

LEASE = timedelta(seconds=60)
WEEK = timedelta(days=7)
FIRST, SECOND, THIRD = (Day.parse(f"2026-11-0{n}") for n in (1, 2, 3))


class Desk:
    """An instance with one account, and what its customer and its worker may do."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.database: Database = a_database(folder)
        self.account: Account = an_account(self.database)
        self.woken = 0
        self.jobs = CustomJobs(
            self.database,
            clock=self.clock,
            randomness=SeededRandomness(),
            quota_days=366,
            job_lifetime=WEEK,
            outbox=an_outbox(),
            wake=self._wake,
        )
        outbox = an_outbox(SeededRandomness("publishing"))
        self.job_queue = JobQueue(
            self.database, clock=self.clock, outbox=outbox, lease=LEASE, retry=RetryRule(attempts=3)
        )
        self.publishing = Publishing(self.database, self.job_queue, clock=self.clock, outbox=outbox, file_lifetime=WEEK)

    def _wake(self) -> None:
        self.woken += 1

    def submit(self) -> Job:
        return self.jobs.submit(a_job_request(self.account))

    def claim(self) -> Claim:
        claim = self.job_queue.claim(worker="w")
        assert claim is not None
        return claim

    def statuses(self, job: Job) -> dict[Status, int]:
        with self.database.snapshot() as tx:
            return {group.status: len(group.days) for group in group_by_status(tx.jobs.days([job.sid])[job.sid])}

    def rows(self, job: Job) -> tuple[object, ...]:
        with self.database.snapshot() as tx:
            return tx.jobs.get(job.sid), tx.jobs.days([job.sid])

    def listed(self) -> list[tuple[str, str, bool]]:
        now = self.clock.now()
        with self.database.snapshot() as tx:
            page = tx.day_files.page(self.account.sid, MESSAGES, limit=100, now=now)
            files = [tx.day_files.find(self.account.sid, MESSAGES, one.day, now=now) for one in page]
        return [(str(file.day), file.friendly_name, file.sealed is not None) for file in files if file is not None]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk of one's own."""
    return Desk(tmp_path)


def test_a_job_that_has_to_be_tried_again_is_submitted_then(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place in the queue is by that time, and its days count for the quota of the day on which it was accepted."""
    before = datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC)
    desk.clock.pass_until(before)
    undo_once(monkeypatch, Audit, "add", desk.clock)
    job = desk.submit()
    assert job.submitted_at == desk.clock.now()
    with desk.database.snapshot() as tx:
        drawn = [tx.jobs.drawn_quota(desk.account.root, today=Day.of(at)) for at in (before, desk.clock.now())]
    assert drawn == [0, len(job.days)]


def test_days_are_published_with_what_they_hold(desk: Desk) -> None:
    """An empty day is listed too: it is a valid gzip of nothing."""
    sealed_days(desk.database, desk.account.sid, [FIRST, THIRD])
    job = desk.submit()
    assert desk.woken == 1
    over = desk.publishing.publish(desk.claim(), [FIRST, SECOND, THIRD])
    assert over.over_at == NOON
    assert desk.statuses(job) == {Status.COMPLETED: 2, Status.COMPLETED_EMPTY_RECORDS: 1}
    assert desk.listed() == [
        ("2026-11-01", "a job", True),
        ("2026-11-02", "a job", False),
        ("2026-11-03", "a job", True),
    ]


def test_only_what_came_before_the_job_is_waited_for(desk: Desk) -> None:
    """Else a steady stream of late records would keep a job waiting for ever."""
    with desk.database.transaction() as tx:
        tx.segments.add([a_segment(desk.account.sid, "2026-11-02")], now=NOON)
    desk.submit()
    with desk.database.transaction() as tx:
        tx.segments.add([a_segment(desk.account.sid, "2026-11-03")], now=NOON + timedelta(seconds=1))
    assert desk.publishing.unsealed(desk.claim()) == [SECOND]


@pytest.mark.compat(27, 37)
def test_a_day_exported_again_is_listed_once_and_last(desk: Desk) -> None:
    """The newest export replaces name, date and file, and the list is in order of generation."""
    desk.submit()
    desk.publishing.publish(desk.claim(), [FIRST, SECOND, THIRD])
    sealed_days(desk.database, desk.account.sid, [FIRST])
    desk.jobs.submit(a_job_request(desk.account, "2026-11-01", "2026-11-01"))
    desk.publishing.publish(desk.claim(), [FIRST])
    assert desk.listed() == [
        ("2026-11-02", "a job", False),
        ("2026-11-03", "a job", False),
        ("2026-11-01", "a job", True),
    ]


def test_a_published_day_keeps_its_revision(desk: Desk) -> None:
    """Late records never change a file that somebody may be downloading."""
    sealed_days(desk.database, desk.account.sid, [FIRST])
    desk.submit()
    desk.publishing.publish(desk.claim(), [FIRST, SECOND, THIRD])
    sealed_days(desk.database, desk.account.sid, [FIRST], revision=2)
    with desk.database.snapshot() as tx:
        file = tx.day_files.find(desk.account.sid, MESSAGES, FIRST, now=NOON)
    assert file is not None
    assert file.sealed is not None
    assert file.sealed.revision == 1


def test_a_job_deleted_while_it_runs_publishes_nothing(desk: Desk) -> None:
    """Its days end as deleted, and it is gone once they have."""
    job = desk.submit()
    claim = desk.claim()
    desk.jobs.delete(desk.account.sid, job.sid)
    desk.jobs.delete(desk.account.sid, job.sid)  # still shown while it runs, so deleting again is no mistake
    desk.publishing.publish(claim, [FIRST, SECOND, THIRD])
    assert desk.listed() == []
    assert desk.statuses(job) == {Status.DELETED_BY_USER_REQUEST: 3}
    with pytest.raises(NotFound):
        desk.jobs.delete(desk.account.sid, job.sid)


def test_deleting_a_job_again_while_it_runs_changes_nothing(desk: Desk) -> None:
    """A client that lost the answer asks again: the job was deleted when it was, and its days are as they were."""
    job = desk.submit()
    claim = desk.claim()
    desk.publishing.publish(claim, [FIRST])
    desk.jobs.delete(desk.account.sid, job.sid)
    before = desk.rows(job)
    desk.clock.pass_by(timedelta(seconds=1))
    desk.jobs.delete(desk.account.sid, job.sid)
    assert desk.rows(job) == before
    desk.publishing.publish(claim, [SECOND])
    desk.jobs.delete(desk.account.sid, job.sid)  # one day still runs
    desk.publishing.publish(claim, [THIRD])
    with pytest.raises(NotFound):
        desk.jobs.delete(desk.account.sid, job.sid)


def test_deleting_a_finished_job_leaves_its_files(desk: Desk) -> None:
    """There is no call that takes a finished file away."""
    job = desk.submit()
    desk.publishing.publish(desk.claim(), [FIRST, SECOND, THIRD])
    desk.jobs.delete(desk.account.sid, job.sid)
    assert len(desk.listed()) == 3


def test_a_foreign_job_cannot_be_deleted(desk: Desk) -> None:
    """It looks as if there were none."""
    job = desk.submit()
    stranger = an_account(desk.database, "stranger")
    with pytest.raises(NotFound):
        desk.jobs.delete(stranger.sid, job.sid)
    assert desk.statuses(job) == {Status.SUBMITTED: 3}


def test_a_lost_worker_costs_nothing(desk: Desk) -> None:
    """The job does not hang, and what the lost one says later is not heard."""
    job = desk.submit()
    lost = desk.claim()
    desk.clock.pass_by(LEASE)
    assert desk.job_queue.take_back_expired() == 1
    assert desk.statuses(job) == {Status.ERROR_DURING_RUN: 3}
    with pytest.raises(LostClaim):
        desk.publishing.publish(lost, [FIRST])
    assert desk.listed() == []
    desk.clock.pass_by(timedelta(seconds=5))
    assert [(day.day, day.attempt, day.lost) for day in desk.claim().days] == [(FIRST, 1, 1)]


def test_days_whose_worker_was_lost_are_claimed_one_by_one(desk: Desk) -> None:
    """One of them may kill its workers: the others are published beside it, and do not fail with it."""
    job = desk.submit()
    for _ in range(5):
        claim = desk.claim()
        days = [job_day.day for job_day in claim.days]
        if SECOND not in days:
            desk.publishing.publish(claim, days)
        desk.clock.pass_by(LEASE)
        desk.job_queue.take_back_expired()
        desk.clock.pass_by(timedelta(minutes=1))
    assert desk.statuses(job) == {Status.ERROR_DURING_RUN: 1, Status.COMPLETED_EMPTY_RECORDS: 2}


def test_a_day_that_kills_its_workers_ends_after_a_day(desk: Desk) -> None:
    """Ten hosts in a row may fail without its fault; but its job must end, and it kills no more than once an hour."""
    submitted_at, job, killed = desk.clock.now(), desk.submit(), 0
    while desk.statuses(job) != {Status.FAILED: 3}:
        while desk.job_queue.claim(worker="w") is None:
            desk.clock.pass_by(timedelta(minutes=1))
        killed += 1
        desk.clock.pass_by(LEASE)
        desk.job_queue.take_back_expired()
    assert timedelta(hours=24) < desk.clock.now() - submitted_at < timedelta(hours=26)
    assert killed < 3 * 36
    with desk.database.snapshot() as tx:
        [*_, last] = tx.jobs.days([job.sid])[job.sid]
        assert tx.jobs.get(job.sid).over_at is not None
    assert "was lost while it ran, and" in (last.error or "")


def test_an_error_after_many_lost_workers_is_the_first_one(desk: Desk) -> None:
    """It is tried again as often as any other."""
    job = desk.submit()
    for _ in range(20):
        if desk.job_queue.claim(worker="w") is not None:
            desk.clock.pass_by(LEASE)
            desk.job_queue.take_back_expired()
        desk.clock.pass_by(timedelta(minutes=10))
    claim = desk.claim()
    desk.job_queue.fail(claim, [job_day.day for job_day in claim.days], error="the disk is on fire")
    assert desk.statuses(job) == {Status.ERROR_DURING_RUN: 3}


def test_a_worker_that_extends_is_not_lost(desk: Desk) -> None:
    """A long seal keeps its job day for as long as it takes."""
    desk.submit()
    claim = desk.claim()
    for _ in range(5):
        desk.clock.pass_by(LEASE / 2)
        desk.job_queue.extend(claim)
    assert desk.job_queue.take_back_expired() == 0
    desk.publishing.publish(claim, [FIRST, SECOND, THIRD])


def test_a_day_fails_for_good_after_its_last_attempt(desk: Desk) -> None:
    """And then the job is over: nobody waits for it any longer."""
    job = desk.submit()
    for _ in range(3):
        desk.job_queue.fail(desk.claim(), [FIRST, SECOND, THIRD], error="the disk is on fire")
        desk.clock.pass_by(timedelta(hours=1))
    assert desk.statuses(job) == {Status.FAILED: 3}
    assert desk.job_queue.claim(worker="w") is None
    with desk.database.snapshot() as tx:
        assert tx.jobs.get(job.sid).over_at is not None
        assert {day.error for day in tx.jobs.days([job.sid])[job.sid]} == {"the disk is on fire"}


def test_a_file_leaves_the_list_after_seven_days(desk: Desk) -> None:
    """To the second."""
    desk.submit()
    desk.publishing.publish(desk.claim(), [FIRST, SECOND, THIRD])
    desk.clock.pass_by(WEEK - timedelta(microseconds=1))
    assert len(desk.listed()) == 3
    desk.clock.pass_by(timedelta(microseconds=1))
    assert desk.listed() == []


def test_the_quota_says_how_much_is_left_and_until_when(desk: Desk) -> None:
    """And an over-quota request leaves nothing behind."""
    desk.jobs.submit(a_job_request(desk.account, "2025-11-01", "2026-10-31"))
    with pytest.raises(QuotaExceeded, match=r"asks for 3 days, and 1 of 366 are left .* anew on 2026-11-24 \(UTC\)"):
        desk.submit()
    desk.jobs.submit(a_job_request(desk.account, "2026-11-01", "2026-11-01"))
    with desk.database.snapshot() as tx:
        assert len(tx.jobs.page(desk.account.sid, MESSAGES, limit=10, over_since=NOON)) == 2
    desk.clock.pass_by(timedelta(hours=12))
    desk.submit()


@pytest.mark.compat(46)
def test_subaccounts_draw_from_their_parents_quota(desk: Desk) -> None:
    """Else an account could multiply its quota by making subaccounts."""
    child = an_account(desk.database, "child", parent=desk.account.sid)
    desk.jobs.submit(a_job_request(child, "2025-11-01", "2026-10-31"))
    with pytest.raises(QuotaExceeded):
        desk.submit()
