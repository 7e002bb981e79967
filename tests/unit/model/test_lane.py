"""Lanes: which notices belong together, and how seldom a host is asked that does not answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dayfile.model.account import AccountSid
from dayfile.model.lane import (
    GIVE_UP_AFTER,
    LONGEST_ASKED_REST,
    LONGEST_REST,
    PATIENCE,
    PROMPT_FOR,
    LaneHealth,
    LaneKey,
    lane_after,
    rest,
)
from dayfile.model.notice import JITTER, RETRY_DELAYS, Channel, Outcome, Result
from tests.support.clock import NOON
from tests.support.state import a_sid

ACME = AccountSid(a_sid("AC", "acme"))
QUICK = timedelta(milliseconds=20)


def _outcome(result: Result, *, retry_after: timedelta | None = None) -> Outcome:
    return Outcome(result=result, status=None, error=None, answer=b"", retry_after=retry_after)


@pytest.mark.parametrize(
    ("channel", "receiver", "host"),
    [
        (Channel.WEBHOOK, "https://example.com/hooks/1?job=1", "https://example.com"),
        (Channel.WEBHOOK, "HTTPS://user:secret@Example.com:8443/a", "https://example.com:8443"),
        (Channel.WEBHOOK, "http://[::1]:80/", "http://[::1]:80"),
        (Channel.MAIL, "someone@Example.com", "example.com"),
    ],
)
def test_a_lane_is_for_a_host_whatever_the_path(channel: Channel, receiver: str, host: str) -> None:
    """A host is down: an address of its own for each job must not make each of them the first to find out."""
    assert LaneKey.of(ACME, channel, receiver) == LaneKey(account=ACME, channel=channel, host=host)


def test_a_lane_rests_longer_and_longer_and_never_for_long() -> None:
    """A dead host costs little, and one that came back is noticed within minutes."""
    rests = [rest(failures) for failures in range(30)]
    assert rests[:PATIENCE] == [timedelta(0)] * PATIENCE
    assert all(
        timedelta(0) < one < other for one, other in zip(rests[PATIENCE:8], rests[PATIENCE + 1 : 9], strict=True)
    )
    assert max(rests) == rests[-1] == LONGEST_REST


def test_a_notice_that_is_alone_is_tried_by_its_own_schedule() -> None:
    """The documented schedule holds: the rest of its lane is over before the next attempt is due."""
    assert all(rest(attempt) <= delay for attempt, delay in enumerate(RETRY_DELAYS, start=1))


def test_a_notice_is_given_up_for_its_age_only_after_its_whole_schedule() -> None:
    """One that got all its attempts ends by them; age ends those that a dead host kept waiting."""
    assert sum(RETRY_DELAYS, timedelta(0)) * (1 + JITTER) < GIVE_UP_AFTER


def test_a_failure_counts_and_an_answer_forgets() -> None:
    """Trouble is trouble in a row; also who wants no more notices has answered."""
    failed = lane_after(0, _outcome(Result.FAILED), took=QUICK, now=NOON)
    assert (failed.failures, failed.rests_until, failed.health) == (1, None, LaneHealth.TROUBLED)
    worse = lane_after(PATIENCE - 1, _outcome(Result.FAILED), took=QUICK, now=NOON)
    assert worse.rests_until == NOON + rest(PATIENCE)
    for result in (Result.DELIVERED, Result.STOPPED):
        well = lane_after(PATIENCE, _outcome(result), took=QUICK, now=NOON)
        assert (well.failures, well.rests_until, well.health) == (0, None, LaneHealth.PROMPT)


def test_who_answers_late_is_in_trouble_though_the_notice_arrived() -> None:
    """A slow host holds a thread as long as a dead one."""
    slow = lane_after(0, _outcome(Result.DELIVERED), took=PROMPT_FOR + QUICK, now=NOON)
    assert (slow.failures, slow.health) == (0, LaneHealth.TROUBLED)


@pytest.mark.parametrize(
    ("asked", "rests"),
    [(timedelta(minutes=2), timedelta(minutes=2)), (timedelta(days=1), LONGEST_ASKED_REST)],
)
def test_a_host_that_asks_for_time_gets_it_within_bounds(asked: timedelta, rests: timedelta) -> None:
    """Too many requests means all of them, not this one; and nobody stops a lane for days."""
    verdict = lane_after(0, _outcome(Result.FAILED, retry_after=asked), took=QUICK, now=NOON)
    assert verdict.rests_until == NOON + rests


def test_only_a_host_that_was_down_for_long_is_back() -> None:
    """Each answer between two failures must not hurry what fails for a reason of its own."""
    failures = next(count for count in range(99) if rest(count) == LONGEST_REST)
    answered = _outcome(Result.DELIVERED)
    assert not lane_after(failures - 1, answered, took=QUICK, now=NOON).is_back
    assert lane_after(failures, answered, took=QUICK, now=NOON).is_back
