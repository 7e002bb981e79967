"""The queue: what is claimed by whom, what a report changes, and when a job is over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from dayfile.errors import LostClaim
from dayfile.model.day import Day
from dayfile.model.job import Claim, Event, JobSid, Status, group_by_status
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from dayfile.store.tables.exports import job as table
from dayfile.store.tables.exports import job_day
from tests.support.clock import NOON
from tests.support.state import a_job, a_job_request, an_account

LEASE = timedelta(seconds=60)


def _claim(database: Database, *, worker: str = "w1", limit: int = 400) -> Claim | None:
    with database.transaction() as tx:
        return tx.job_days.claim(worker=worker, leased_until=NOON + LEASE, limit=limit, now=NOON)


def _report(database: Database, held: Claim, event: Event) -> None:
    with database.transaction() as tx:
        tx.jobs.lock(held.job.sid)
        tx.job_days.report(held, {job_day.day: event for job_day in held.days}, now=NOON)
        tx.jobs.settle(held.job.sid, now=NOON)


def _statuses(database: Database, job_sid: JobSid) -> dict[str, int]:
    with database.snapshot() as tx:
        return {group.status.value: len(group.days) for group in group_by_status(tx.jobs.days([job_sid])[job_sid])}


def test_a_job_is_over_when_its_last_day_is(database: Database) -> None:
    """Nothing else says that a job is finished: it is what its days say."""
    job = a_job(database, a_job_request(an_account(database)))
    first = _claim(database, limit=2)
    assert first is not None
    _report(database, first, Event.COMPLETE)
    with database.snapshot() as tx:
        assert tx.jobs.get(job.sid).over_at is None
    last = _claim(database)
    assert last is not None
    _report(database, last, Event.COMPLETE_EMPTY)
    with database.snapshot() as tx:
        assert tx.jobs.get(job.sid).over_at == NOON
    assert _statuses(database, job.sid) == {"Completed": 2, "CompletedEmptyRecords": 1}


def test_no_day_is_claimed_twice_at_a_time(database: Database) -> None:
    """Two workers on one day would publish it twice and hold a core for nothing."""
    for number in range(10):
        a_job(database, a_job_request(an_account(database, f"a{number}")), f"job {number}")
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda n: _claim(database, worker=f"w{n}"), range(16)))
    held = [(c.job.sid, job_day.day) for c in claims if c is not None for job_day in c.days]
    assert len(held) == len(set(held)) == 30
    assert [c for c in claims if c is None], "ten jobs, sixteen workers"


def test_a_report_under_a_lost_claim_changes_nothing(database: Database) -> None:
    """A worker that was taken for dead and was not must not finish what another has begun again."""
    job = a_job(database, a_job_request(an_account(database)))
    lost = _claim(database)
    assert lost is not None
    _report(database, lost, Event.ERROR)  # somebody took it back
    again = _claim(database, worker="w1")  # a worker restarted under the same name
    assert again is not None
    before = _statuses(database, job.sid)
    with pytest.raises(LostClaim):
        _report(database, lost, Event.COMPLETE)
    assert _statuses(database, job.sid) == before == {"Running": 3}
    _report(database, again, Event.COMPLETE)


def test_details_are_the_days_grouped_by_their_status(database: Database) -> None:
    """The database groups them for lists of jobs, and must do it as `group_by_status` does."""
    account = an_account(database)
    jobs = [a_job(database, a_job_request(account), f"job {number}").sid for number in range(3)]
    first = _claim(database, limit=2)
    assert first is not None
    _report(database, first, Event.COMPLETE)
    assert _claim(database, limit=2) is not None
    assert _claim(database, limit=2) is not None
    with database.snapshot() as tx:
        days = tx.jobs.days(jobs)
        details = {one.sid: one.details for one in tx.listed_jobs.page(account.sid, MESSAGES, limit=9, over_since=NOON)}
        assert details == {sid: group_by_status(days[sid]) for sid in jobs}
        assert len({status.status for groups in details.values() for status in groups}) == 3
        for sid in jobs:
            found = tx.listed_jobs.find(account.sid, sid, over_since=NOON)
            assert found is not None
            assert found.details == details[sid]


@pytest.mark.parametrize("is_from_before", [False, True])
def test_details_of_a_job_that_is_over_stand_in_its_row(database: Database, *, is_from_before: bool) -> None:
    """They stay as they are, so a list need not gather them; for jobs that were over before it could, it does."""
    account = an_account(database)
    job = a_job(database, a_job_request(account))
    for event in (Event.COMPLETE, Event.COMPLETE_EMPTY, Event.COMPLETE):
        claim = _claim(database, limit=1)
        assert claim is not None
        _report(database, claim, event)
    with database.exclusively() as connection:
        if is_from_before:
            connection.execute(update(table).values(final_days=None))
    with database.snapshot() as tx:
        assert tx.jobs.unsettled(limit=9) == []
        details = group_by_status(tx.jobs.days([job.sid])[job.sid])
        [listed] = tx.listed_jobs.page(account.sid, MESSAGES, limit=9, over_since=NOON - LEASE)
        found = tx.listed_jobs.find(account.sid, job.sid, over_since=NOON - LEASE)
    assert found is not None
    assert listed.details == found.details == details


def test_a_row_that_has_other_days_than_its_job_is_found(database: Database) -> None:
    """Days of a job that is over stand twice, so one of them can be wrong."""
    job = a_job(database, a_job_request(an_account(database)))
    claim = _claim(database)
    assert claim is not None
    _report(database, claim, Event.COMPLETE)
    with database.exclusively() as connection:
        connection.execute(delete(job_day).where(job_day.c.day == claim.days[0].day))
    with database.snapshot() as tx:
        assert tx.jobs.unsettled(limit=9) == [job.sid]


def test_a_job_that_has_lost_its_days_is_still_shown(database: Database) -> None:
    """A damaged database must not hide the other jobs of a list."""
    account = an_account(database)
    job = a_job(database, a_job_request(account))
    with database.exclusively() as connection:
        connection.execute(delete(job_day))
    with database.snapshot() as tx:
        [listed] = tx.listed_jobs.page(account.sid, MESSAGES, limit=9, over_since=NOON)
        assert (listed.sid, listed.details) == (job.sid, ())


def test_a_report_names_only_days_of_its_claim(database: Database) -> None:
    """A day that was never claimed cannot be finished."""
    a_job(database, a_job_request(an_account(database)))
    held = _claim(database, limit=1)
    assert held is not None
    with pytest.raises(LostClaim), database.transaction() as tx:
        tx.job_days.report(held, {Day.parse("2026-11-03"): Event.COMPLETE}, now=NOON)


def test_handing_back_costs_no_attempt(database: Database) -> None:
    """A worker that stops gracefully is nobody's failure."""
    a_job(database, a_job_request(an_account(database)))
    for _ in range(3):
        held = _claim(database)
        assert held is not None
        assert {job_day.attempt for job_day in held.days} == {1}
        _report(database, held, Event.HAND_BACK)


def test_an_error_waits_until_its_time(database: Database) -> None:
    """A day that failed must not be tried in a tight loop."""
    a_job(database, a_job_request(an_account(database)))
    held = _claim(database)
    assert held is not None
    with database.transaction() as tx:
        tx.jobs.lock(held.job.sid)
        events = {job_day.day: Event.ERROR for job_day in held.days}
        tx.job_days.report(held, events, now=NOON, not_before=NOON + timedelta(seconds=5), error="why")
        tx.jobs.settle(held.job.sid, now=NOON)
    assert _claim(database) is None
    with database.transaction() as tx:
        later = NOON + timedelta(seconds=5)
        again = tx.job_days.claim(worker="w", leased_until=later + LEASE, limit=9, now=later)
    assert again is not None
    assert {job_day.attempt for job_day in again.days} == {2}


def test_accounts_take_turns(database: Database) -> None:
    """One account's thousand jobs must not keep another's only one waiting."""
    greedy, modest = an_account(database, "greedy"), an_account(database, "modest")
    for number in range(3):
        a_job(database, a_job_request(greedy), f"greedy {number}")
    a_job(database, a_job_request(modest), "modest")
    served = [held.job.account for held in (_claim(database) for _ in range(4)) if held]
    assert served == [greedy.sid, modest.sid, greedy.sid, greedy.sid]


@pytest.mark.parametrize(
    ("event", "ends_as"),
    [(event, "DeletedByUserRequest") for event in Event if event not in (Event.CLAIM, Event.DELETE)],
)
@pytest.mark.compat(49)
def test_a_job_deleted_while_it_runs_ends_as_deleted(database: Database, event: Event, ends_as: str) -> None:
    """The worker has no say in it."""
    account = an_account(database)
    job = a_job(database, a_job_request(account))
    held = _claim(database)
    assert held is not None
    with database.transaction() as tx:
        tx.jobs.lock(job.sid)
        tx.job_days.delete(job.sid, now=NOON)
        tx.jobs.mark_deleted(job.sid, now=NOON)
        tx.jobs.settle(job.sid, now=NOON)
    assert _statuses(database, job.sid) == {Status.RUNNING_TO_BE_DELETED.value: 3}
    with database.snapshot() as tx:
        assert tx.jobs.find(account.sid, job.sid, over_since=NOON - timedelta(days=7)) is not None
    _report(database, held, event)
    assert _statuses(database, job.sid) == {ends_as: 3}
    with database.snapshot() as tx:
        assert tx.jobs.find(account.sid, job.sid, over_since=NOON - timedelta(days=7)) is None


@pytest.mark.compat(42)
def test_the_position_counts_older_unfinished_jobs(database: Database) -> None:
    """1 is the first in line; nothing that comes later changes it."""
    account = an_account(database)
    jobs = [a_job(database, a_job_request(account), f"job {number}") for number in range(3)]
    with database.snapshot() as tx:
        queue = tx.jobs.queue(first=1, last=100)
    assert [queue.position(job) for job in jobs] == [1, 2, 3]
    held = _claim(database)
    assert held is not None
    _report(database, held, Event.COMPLETE)
    a_job(database, a_job_request(account), "a later one")
    with database.snapshot() as tx:
        queue = tx.jobs.queue(first=1, last=100)
        assert [queue.position(tx.jobs.get(job.sid)) for job in jobs] == [None, 1, 2]


def test_the_quota_is_exact_under_concurrency(database: Database) -> None:
    """Fifty requests at the edge: as many succeed as fit, whoever comes first."""
    account = an_account(database)

    def draw(_: int) -> int | None:
        with database.transaction() as tx:
            return tx.jobs.draw_quota(account.sid, today=Day.of(NOON), days=10, limit=75)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(draw, range(50)))
    assert answers.count(None) == 7
    assert set(answers) == {None, 5}


def test_the_drawn_quota_is_that_of_the_day(database: Database) -> None:
    """Customers see how many days they may still ask for; a new day begins with nothing drawn."""
    account, today = an_account(database), Day.of(NOON)
    with database.transaction() as tx:
        assert tx.jobs.drawn_quota(account.sid, today=today) == 0
        tx.jobs.draw_quota(account.sid, today=today, days=10, limit=75)
        assert tx.jobs.drawn_quota(account.sid, today=today) == 10
        assert tx.jobs.drawn_quota(account.sid, today=today + 1) == 0


def test_submit_numbers_follow_the_order_of_commits(database: Database) -> None:
    """Positions are counted by them: two jobs never share one, none is skipped over."""
    account = an_account(database)
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda n: a_job(database, a_job_request(account), f"job {n}"), range(20)))
    assert sorted(job.submit_number for job in jobs) == list(range(1, 21))


def test_an_edited_number_of_a_job_keeps_nobody_from_submitting(database: Database) -> None:
    """The counter would run into it, for every account and for ever."""
    request = a_job_request(an_account(database))
    edited = a_job(database, request, "edited")
    with database.exclusively() as connection:
        connection.execute(update(table).values(submit_number=edited.submit_number + 1))
    following = [a_job(database, request, name).submit_number for name in ("next", "last")]
    assert following == [edited.submit_number + 2, edited.submit_number + 3]
