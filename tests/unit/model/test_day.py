"""Days and which of them may be exported when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import InvalidParameter
from dayfile.model.day import Day, DayRange, custom_range, last_custom_day, sealed_from

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-30",
        "20261101",
        "2026-11-1",
        "2026-W09-4",
        "2026-11-01 ",
        " 2026-11-01",
        "2026-11-01\n",
        "2026/11/01",
        "0000-01-01",
        "\u0662\u0660\u0662\u0666-11-01",  # digits, and not ours
        "2026-13-01",
        "2026-11-01T00:00:00Z",
        "../2026-11-01",
    ],
)
def test_a_day_has_one_spelling(text: str) -> None:
    """Every near miss is refused, naming parameter, rule and value."""
    with pytest.raises(InvalidParameter, match="StartDay must be") as raised:
        Day.parse(text, name="StartDay")
    assert repr(text)[:20] in str(raised.value)


@given(st.dates())
def test_a_day_is_read_as_it_is_written(value: date) -> None:
    """Text to day to text is identity."""
    day = Day(value)
    assert Day.parse(str(day)) == day


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-11))])))
@pytest.mark.compat(51)
def test_a_moment_is_in_its_day(moment: datetime) -> None:
    """Days are UTC and half open, whatever zone a moment is told in."""
    if not datetime(2, 1, 1, tzinfo=UTC) < moment < datetime(9998, 1, 1, tzinfo=UTC):
        return
    day = Day.of(moment)
    assert day.start <= moment < day.end
    assert day.end == (day + 1).start


@pytest.mark.compat(45)
def test_the_last_custom_day_is_two_days_before_today() -> None:
    """On 2026-11-23 UTC it is the 21st, from the first second of the day to its last."""
    assert str(last_custom_day(NOW)) == "2026-11-21"
    assert str(last_custom_day(NOW + timedelta(days=1, microseconds=-1))) == "2026-11-21"
    assert str(last_custom_day(NOW - timedelta(microseconds=1))) == "2026-11-20"


@pytest.mark.parametrize(
    ("start", "end", "named"),
    [
        ("2026-11-02", "2026-11-01", "StartDay must not be after EndDay"),
        ("2026-11-01", "2026-11-22", "EndDay must be at least two days before today in UTC, so 2026-11-21"),
        ("2009-12-31", "2010-01-01", "StartDay must not be before 2010-01-01"),
        ("x", "2010-01-01", "StartDay must be a UTC date"),
        ("2010-01-01", "2010-02-30", "EndDay must be a date of the calendar"),
    ],
)
def test_a_range_that_cannot_be_exported_says_why(start: str, end: str, named: str) -> None:
    """The customer reads the parameter, the rule and the value."""
    with pytest.raises(InvalidParameter, match=named):
        custom_range(start, end, now=NOW)


def test_a_range_has_both_its_ends() -> None:
    """StartDay and EndDay are inclusive; the same value for both is one day."""
    assert [str(day) for day in custom_range("2024-02-28", "2024-03-01", now=NOW)] == [
        "2024-02-28",
        "2024-02-29",
        "2024-03-01",
    ]
    assert len(custom_range("2026-11-21", "2026-11-21", now=NOW)) == 1


@given(st.dates(date(2010, 1, 1), date(2030, 1, 1)), st.integers(0, 400))
def test_a_range_counts_what_it_yields(first: date, more: int) -> None:
    """Length, membership and iteration agree."""
    days = DayRange(first=Day(first), last=Day(first) + more)
    assert len(list(days)) == len(days) == more + 1
    assert days.first in days
    assert days.last in days
    assert days.first - 1 not in days
    assert days.last + 1 not in days


def test_a_day_may_be_sealed_from_its_end_plus_the_grace() -> None:
    """Not a second before."""
    assert sealed_from(Day.parse("2026-11-22"), grace=timedelta(minutes=60)) == NOW + timedelta(minutes=60)
