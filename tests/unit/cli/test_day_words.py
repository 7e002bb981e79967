from __future__ import annotations

import pytest

from dayfile.cli.day_words import parse_days, parse_one_day
from dayfile.errors import InvalidParameter
from dayfile.model.day import Day

TODAY = Day.parse("2026-11-29")  # a Sunday


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-10-01", "2026-10-01", "2026-10-01"),
        ("2026-10-01..2026-10-31", "2026-10-01", "2026-10-31"),
        ("yesterday", "2026-11-28", "2026-11-28"),
        ("2026-10", "2026-10-01", "2026-10-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2025-12", "2025-12-01", "2025-12-31"),
        ("last-month", "2026-10-01", "2026-10-31"),
        ("last-week", "2026-11-16", "2026-11-22"),
        ("2026-09..2026-10", "2026-09-01", "2026-10-31"),
        ("2026-11-01..yesterday", "2026-11-01", "2026-11-28"),
        ("last-month..yesterday", "2026-10-01", "2026-11-28"),
    ],
)
def test_days_are_written_as_people_say_them(text: str, first: str, last: str) -> None:
    """A line of cron has no fixed dates."""
    days = parse_days(text, today=TODAY)
    assert (str(days.first), str(days.last)) == (first, last)


@pytest.mark.parametrize(("today", "first"), [("2026-01-01", "2025-12-01"), ("2026-03-31", "2026-02-01")])
def test_the_month_before_is_found_at_every_border(today: str, first: str) -> None:
    """January has one, too."""
    assert str(parse_days("last-month", today=Day.parse(today)).first) == first


@pytest.mark.parametrize("today", ["2026-11-23", "2026-11-29"])
def test_a_week_is_one_from_monday_to_sunday(today: str) -> None:
    """On a Monday it is the one that ended yesterday."""
    assert str(parse_days("last-week", today=Day.parse(today)).last) == "2026-11-22"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-13",
        "2026-1",
        "0000-01",
        "9999-12",
        "tomorrow",
        "2026-10-01..",
        "..2026-10-01",
        "2026-11..2026-10",
        "all",
    ],
)
def test_what_names_no_days_is_refused(text: str) -> None:
    """With what may be written instead."""
    with pytest.raises(InvalidParameter, match="DAYS"):
        parse_days(text, today=TODAY)


def test_one_day_may_be_yesterday() -> None:
    """A command for one day takes only words that mean one."""
    assert str(parse_one_day("yesterday", today=TODAY)) == "2026-11-28"
    with pytest.raises(InvalidParameter):
        parse_one_day("last-week", today=TODAY)
