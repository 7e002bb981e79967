"""Notices: what follows an attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dayfile.model.notice import (
    JITTER,
    LONGEST_RETRY_AFTER,
    RETRY_DELAYS,
    NoticeState,
    Outcome,
    Result,
    after,
)
from tests.support.clock import NOON


def _outcome(result: Result, *, retry_after: timedelta | None = None) -> Outcome:
    return Outcome(result=result, status=None, error=None, answer=b"", retry_after=retry_after)


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (Result.DELIVERED, NoticeState.DELIVERED),
        (Result.STOPPED, NoticeState.STOPPED),
        (Result.UNSENT, NoticeState.UNSENT),
    ],
)
def test_an_answer_that_settles_it_ends_the_notice(result: Result, state: NoticeState) -> None:
    """Receivers that have it, or want nothing more, are left in peace."""
    verdict = after(1, _outcome(result), now=NOON, chance=0.5)
    assert (verdict.state, verdict.next_attempt_at) == (state, None)


@pytest.mark.parametrize("attempts", range(1, len(RETRY_DELAYS) + 1))
def test_a_failed_attempt_is_followed_by_another_as_the_schedule_says(attempts: int) -> None:
    """Receivers plan for outages by these figures: they are in the documents."""
    for chance in (0.0, 0.999):
        verdict = after(attempts, _outcome(Result.FAILED), now=NOON, chance=chance)
        assert verdict.state is NoticeState.PENDING
        assert verdict.next_attempt_at == NOON + RETRY_DELAYS[attempts - 1] * (1 + JITTER * chance)


def test_the_tenth_failure_exhausts_the_notice() -> None:
    """It is shown as exhausted, and can be replayed: never forgotten."""
    verdict = after(len(RETRY_DELAYS) + 1, _outcome(Result.FAILED), now=NOON, chance=0.0)
    assert (verdict.state, verdict.next_attempt_at) == (NoticeState.EXHAUSTED, None)


def test_a_receiver_may_ask_for_more_time_and_never_for_less() -> None:
    """Retry-After is honoured, within bounds: a receiver cannot park a notice for ever, nor hurry it."""
    for asked, waited in [
        (timedelta(seconds=1), RETRY_DELAYS[0]),
        (timedelta(hours=1), timedelta(hours=1)),
        (timedelta(days=400), LONGEST_RETRY_AFTER),
    ]:
        verdict = after(1, _outcome(Result.FAILED, retry_after=asked), now=NOON, chance=0.0)
        assert verdict.next_attempt_at == NOON + waited
