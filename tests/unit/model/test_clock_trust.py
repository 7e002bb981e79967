"""Trust in the clock: what is believed at once, what has to wait, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.model.clock_trust import ClockMark, ClockReading, has_gone_back, look, trust

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def _reading(said: timedelta, uptime: timedelta, *, boot: str = "one") -> ClockReading:
    return ClockReading(now=NOON + said, boot_id=boot, uptime=uptime)


MARK = ClockMark.believing(_reading(timedelta(0), HOUR))


def test_a_first_start_believes_the_clock() -> None:
    """There is nothing to compare it with."""
    assert look(None, _reading(timedelta(0), HOUR)) == MARK
    assert trust(None, _reading(timedelta(0), HOUR)).is_given


@pytest.mark.parametrize(
    ("said", "passed", "is_believed"),
    [(60, 0, True), (61, 0, False), (-60, 0, True), (-61, 0, False), (7200, 7200, True), (7261, 7200, False)],
)
def test_within_a_boot_a_minute_of_disagreement_is_a_jump(said: int, passed: int, *, is_believed: bool) -> None:
    """Time that the machine has counted is no jump, however much it is."""
    reading = _reading(said * SECOND, HOUR + passed * SECOND)
    assert trust(MARK, reading).is_given is is_believed


@pytest.mark.parametrize(("said", "is_believed"), [(600, True), (601, False), (-60, True), (-61, False)])
def test_from_boot_to_boot_ten_minutes_are_a_restart(said: int, *, is_believed: bool) -> None:
    """Nobody has counted how long the machine was off; more than that may be a wrong clock."""
    assert trust(MARK, _reading(said * SECOND, SECOND, boot="two")).is_given is is_believed


@pytest.mark.parametrize(
    ("gap", "wait"),
    [(HOUR, 15 * MINUTE), (50 * HOUR, 5 * HOUR), (timedelta(days=90), 24 * HOUR), (-HOUR * 10, HOUR)],
)
def test_a_doubted_clock_has_to_agree_with_itself_for_a_while(gap: timedelta, wait: timedelta) -> None:
    """The longer the gap, the longer the wait, and never more than a day; backwards an hour."""
    doubted = look(MARK, _reading(gap, SECOND, boot="two"))
    assert doubted.doubt is not None
    assert doubted.doubt.needed_for == wait
    almost = look(doubted, _reading(gap + wait - SECOND, wait, boot="two"))
    assert almost.doubt is not None
    assert almost.doubt.until == NOON + gap + wait
    reading = _reading(gap + wait, SECOND + wait, boot="two")
    believed = look(almost, reading)
    assert believed == ClockMark.believing(reading)
    assert has_gone_back(almost, believed) is (gap < timedelta(0))


def test_a_kept_doubt_holds_until_the_mark_is_written() -> None:
    """A clock that has to be set right is set right before anybody goes on."""
    doubted = look(MARK, _reading(50 * HOUR, HOUR))
    assert trust(doubted, _reading(timedelta(0), HOUR)) == trust(doubted, _reading(50 * HOUR, HOUR))
    assert not trust(doubted, _reading(timedelta(0), HOUR)).is_given


def test_a_clock_that_jumps_again_is_waited_for_anew() -> None:
    """Only one that goes on saying the same is believed."""
    doubted = look(MARK, _reading(50 * HOUR, HOUR))
    doubted = look(doubted, _reading(54 * HOUR, 5 * HOUR))
    again = look(doubted, _reading(100 * HOUR, 5 * HOUR))
    assert again.doubt is not None
    assert again.doubt.agreed_for == timedelta(0)


def test_a_clock_that_is_set_right_is_believed_at_once() -> None:
    """The mark and the time that has passed since say that it is right."""
    doubted = look(MARK, _reading(50 * HOUR, HOUR))
    right = look(doubted, _reading(MINUTE, HOUR + MINUTE))
    assert right.doubt is None
    assert has_gone_back(doubted, right)


def test_a_clock_that_was_behind_is_believed_when_the_mark_is_reached() -> None:
    """From there on nothing contradicts it."""
    doubted = look(MARK, _reading(-30 * MINUTE, HOUR))
    assert look(doubted, _reading(-2 * MINUTE, HOUR + 28 * MINUTE)).doubt is not None
    reached = look(doubted, _reading(timedelta(0), HOUR + 30 * MINUTE))
    assert reached.doubt is None


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-(10**7), 10**7), st.booleans()), max_size=30))
def test_no_clock_is_believed_beyond_what_has_passed_without_its_wait(steps: list[tuple[int, int, bool]]) -> None:
    """However it jumps and whenever the machine starts anew: who gains more than ten minutes has waited for it."""
    mark, said, uptime, boot = MARK, timedelta(0), HOUR, 0
    waited = timedelta(0)
    for seconds, jump, starts in steps:
        passed = seconds * SECOND
        said += passed + jump * SECOND
        boot, uptime = (boot + 1, timedelta(0)) if starts else (boot, uptime + passed)
        before, reading = mark, _reading(said, uptime, boot=f"{boot}")
        mark = look(before, reading)
        waited = timedelta(0) if starts and before.doubt is None else waited + passed
        gained = mark.at - before.at - before.passed - (timedelta(0) if starts else passed)
        if mark.doubt is None and gained > 10 * MINUTE and before.boot_id != "one":
            assert before.doubt is not None
            assert waited >= 15 * MINUTE
        assert mark.doubt is not None or mark.at == reading.now
