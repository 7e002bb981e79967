"""Calendars, stretches and presets: every day once, where people look for it."""

from __future__ import annotations

import html
import re
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.console.calendar import Mark, months_of
from dayfile.console.job_pages import presets
from dayfile.model.day import Day, DayRange, stretches

DAYS = st.dates(date(2010, 1, 1), date(2040, 12, 31)).map(Day)


@given(DAYS, st.integers(0, 400))
def test_every_day_is_in_one_month_under_its_weekday(first: Day, more: int) -> None:
    """The last month comes first: that is the one that people ask for."""
    days = DayRange(first=first, last=first + more)
    months = months_of((day, Mark(css="x", told=str(day))) for day in days)
    cells = [re.findall(r'class="?([^"]*?)"? title="([-0-9]+)"', month.days) for month in reversed(months)]
    assert [day for month in cells for _, day in month] == [str(day) for day in days]
    for month in cells:
        weekday = date.fromisoformat(month[0][1]).isoweekday()
        assert [css for css, _ in month] == [f"x o{weekday}", *["x"] * (len(month) - 1)]


@given(st.text())
def test_what_a_mark_says_is_text(told: str) -> None:
    """Text that may say anything one day is no HTML."""
    [month] = months_of([(Day(date(2026, 10, 1)), Mark(css="x", told=told, above="/days"))])
    [title] = re.findall(r'^<a class="x o4" href=/days/2026-10-01 title="([^"<>]*)">1</a>$', month.days)
    assert html.unescape(title) == told


@given(st.sets(st.integers(0, 60)))
def test_stretches_are_the_days_and_do_not_touch(numbers: set[int]) -> None:
    """A job over each of them asks for what is missing and for nothing else."""
    days = [Day(date(2026, 1, 1)) + number for number in sorted(numbers)]
    found = stretches(days)
    assert [day for stretch in found for day in stretch] == days
    assert all(one.last + 1 < other.first for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (
            "2026-11-25",
            [
                *("Newest day 2026-11-23 2026-11-23", "Last week 2026-11-16 2026-11-22"),
                *("Last month 2026-10-01 2026-10-31", "This year 2026-01-01 2026-11-23"),
            ],
        ),
        (
            "2027-01-01",
            ["Newest day 2026-12-30 2026-12-30", "Last week 2026-12-21 2026-12-27", "Last month 2026-12-01 2026-12-30"],
        ),
    ],
)
def test_presets_are_cut_at_the_newest_day(today: str, expected: list[str]) -> None:
    """None of them breaks a rule; one of which nothing is left is not offered."""
    found = presets(Day.parse(today) - 2)
    assert [f"{one.name} {one.days.first} {one.days.last}" for one in found] == expected
