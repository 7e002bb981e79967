"""The transition table, the details, the queue."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.job import (
    TRANSITIONS,
    Event,
    ImpossibleTransition,
    Job,
    JobDay,
    JobSid,
    Queue,
    RetryRule,
    Status,
    Stretch,
    after,
    days_per_second,
    group_by_status,
    is_claimable,
    parse_job_sid,
)
from dayfile.model.resource import MESSAGES

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = Day.parse("2026-11-01")

# Written a second time, by hand, from the design: claim, complete, complete_empty, error, give_up, lose, hand_back,
# delete.
TABLE = """
Submitted             Running - - - - - - DeletedByUserRequest
Running               - Completed CompletedEmptyRecords ErrorDuringRun Failed ErrorDuringRun Submitted \
 RunningToBeDeleted
ErrorDuringRun        Running - - - - - - DeletedByUserRequest
RunningToBeDeleted    - DeletedByUserRequest DeletedByUserRequest DeletedByUserRequest DeletedByUserRequest \
 DeletedByUserRequest DeletedByUserRequest RunningToBeDeleted
Completed             - - - - - - - -
CompletedEmptyRecords - - - - - - - -
Failed                - - - - - - - -
DeletedByUserRequest  - - - - - - - -
"""
CELLS = [
    (Status(line.split()[0]), event, to)
    for line in TABLE.strip().splitlines()
    for event, to in zip(Event, line.split()[1:], strict=True)
]


@pytest.mark.parametrize(("status", "event", "to"), CELLS)
@pytest.mark.compat(44)
def test_every_cell_of_the_table(status: Status, event: Event, to: str) -> None:
    """The empty ones too: what is not in the table cannot happen."""
    if to == "-":
        with pytest.raises(ImpossibleTransition):
            after(status, event)
    else:
        assert after(status, event).value == to


def test_final_is_what_nothing_can_follow() -> None:
    """A status is final exactly when the table has no way out of it."""
    for status in Status:
        assert status.is_final == (not any((status, event) in TRANSITIONS for event in Event))


def test_every_status_can_come_to_an_end() -> None:
    """No job can hang in a circle without a way to a final status."""
    for status in Status:
        reached, edge = {status}, [status]
        while edge:
            now = edge.pop()
            following = {after(now, event) for event in Event if (now, event) in TRANSITIONS}
            edge.extend(following - reached)
            reached |= following
        assert any(one.is_final for one in reached)


def test_what_waits_may_be_claimed_and_nothing_else() -> None:
    """A day that runs is never given to a second worker."""
    assert {status for status in Status if is_claimable(status)} == {Status.SUBMITTED, Status.ERROR_DURING_RUN}


@given(st.lists(st.sampled_from(Status), max_size=40))
def test_details_sum_to_the_number_of_days(statuses: list[Status]) -> None:
    """Clients add the counts up to learn whether a job is finished."""
    days = [
        JobDay(job_sid=JobSid("JS"), day=DAY + number, status=status, attempt=0, error=None)
        for number, status in enumerate(statuses)
    ]
    groups = group_by_status(days)
    assert sorted(itertools.chain.from_iterable(group.days for group in groups)) == [one.day for one in days]
    assert len({group.status for group in groups}) == len(groups)
    assert all(group.days == tuple(sorted(group.days)) and group.days for group in groups)


def _job(number: int, *, is_over: bool = False) -> Job:
    return Job(
        sid=JobSid(f"JS{number:032x}"),
        account=AccountSid("AC"),
        resource_type=MESSAGES,
        days=DayRange(first=DAY, last=DAY),
        friendly_name="a job",
        webhook_url=None,
        webhook_method=None,
        email=None,
        submit_number=number,
        submitted_at=NOW,
        over_at=NOW if is_over else None,
        deleted_at=None,
    )


@given(st.lists(st.integers(1, 366), min_size=1, max_size=30), st.data())
@pytest.mark.compat(42)
def test_a_position_never_rises(days: list[int], data: st.DataObject) -> None:
    """The API promises it, whatever finishes and whatever comes after."""
    waiting = dict(enumerate(days, start=1))
    mine = data.draw(st.sampled_from(sorted(waiting)))
    last = Queue.of(waiting.items()).position(_job(mine))
    assert last == sum(1 for number in waiting if number <= mine)
    for change in data.draw(st.lists(st.sampled_from(sorted(waiting)), unique=True)):
        waiting = {number: left for number, left in waiting.items() if number != change or number == mine}
        waiting[max(waiting) + 1] = 1
        position = Queue.of(waiting.items()).position(_job(mine))
        assert position is not None
        assert last is not None
        assert 1 <= position <= last
        last = position


def test_the_estimate_follows_the_measured_rate() -> None:
    """Two days a second, five days ahead: two and a half seconds from now."""
    queue = Queue.of([(1, 2), (2, 3), (3, 100)])
    assert queue.estimated_completion(_job(2), days_per_second=2.0, now=NOW) == NOW + timedelta(seconds=2.5)
    assert queue.estimated_completion(_job(2, is_over=True), days_per_second=2.0, now=NOW) is None
    assert queue.position(_job(2, is_over=True)) is None


def test_jobs_ahead_of_all_that_are_asked_for_need_no_names() -> None:
    """A queue of ten thousand is not read to tell where the last one stands."""
    whole = Queue.of([(1, 2), (2, 3), (5, 100), (7, 1)])
    part = Queue.of([(5, 100), (7, 1)], before=2, days_before=5)
    for number in (5, 6, 7, 8):
        assert part.position(_job(number)) == whole.position(_job(number))
        estimates = {queue.estimated_completion(_job(number), days_per_second=1.0, now=NOW) for queue in (whole, part)}
        assert len(estimates) == 1


def _stretch(began: float, ended: float) -> Stretch:
    return Stretch(began_at=NOW + timedelta(seconds=began), ended_at=NOW + timedelta(seconds=ended))


@pytest.mark.parametrize(
    ("stretches", "rate"),
    [
        ([], None),
        ([(0, 0)], None),  # too fast to be measured
        ([(0, 2)], 0.5),
        ([(0, 2), (2, 4)], 0.5),
        ([(0, 2), (0, 2), (0, 2)], 1.5),  # side by side, or published by one commit
        ([(0, 2), (290, 292)], 0.5),  # nobody worked in between, for there was nothing to do
        ([(290, 292), (1, 3), (0, 2)], 3 / 5),
        ([(0, 10), (2, 3)], 0.2),
        ([(5, 1)], None),  # the clock was set back
    ],
)
def test_the_rate_is_that_of_the_time_in_which_there_was_work(
    stretches: list[tuple[float, float]], rate: float | None
) -> None:
    """Five days in a second, after minutes with nothing to do, are five a second and not five in five minutes."""
    assert days_per_second(_stretch(*one) for one in stretches) == rate


@pytest.mark.compat(44)
def test_retries_double_up_to_an_hour_and_end_after_ten() -> None:
    """A day that fails for hours is not tried every five seconds, and not for ever."""
    rule = RetryRule()
    delays = [rule.delay(attempt).total_seconds() for attempt in range(1, 12)]
    assert delays == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]
    assert [attempt for attempt in range(1, 12) if rule.gives_up(attempt)] == [10, 11]
    assert rule.delay(10_000) == timedelta(hours=1)


@pytest.mark.parametrize("text", ["", "JS", "JS" + "g" * 32, "JX" + "0" * 32, "JS" + "0" * 33, "../JS" + "0" * 32])
def test_what_cannot_be_a_job_sid_is_not_found(text: str) -> None:
    """No such job can exist."""
    with pytest.raises(NotFound):
        parse_job_sid(text)


def test_a_job_sid_is_known_in_either_case_of_its_digits() -> None:
    """The specification's pattern allows both."""
    assert parse_job_sid("JS" + "AB" * 16) == "JS" + "ab" * 16
