"""Days as people write them: a date, a month, a range, or a word such as `yesterday`, all of them UTC."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from dayfile.errors import InvalidParameter
from dayfile.model.day import Day, DayRange

_MONTH: Final = re.compile(r"([0-9]{4})-([0-9]{2})")
_WEEK: Final = 7

DAYS_HELP: Final = (
    "UTC days: 2026-10-01, a range FROM..TO, a month as 2026-10, yesterday, last-week (Monday to Sunday) or last-month."
)


def parse_days(text: str, *, today: Day) -> DayRange:
    """Read one day or several; the ends of a range FROM..TO may be months and words, too. Raises InvalidParameter."""
    first, dots, last = text.partition("..")
    days = _one(first, today=today)
    if dots:
        days = DayRange(first=days.first, last=_one(last, today=today).last)
    if days.last < days.first:
        raise InvalidParameter(
            "DAYS", f"must go from the earlier day to the later one, as {days.last}..{days.first}", text
        )
    return days


def parse_one_day(text: str, *, today: Day) -> Day:
    """Read one day: a date or `yesterday`. Raises InvalidParameter."""
    return today - 1 if text == "yesterday" else Day.parse(text, name="DAY")


def _one(text: str, *, today: Day) -> DayRange:
    if text == "yesterday":
        return DayRange(first=today - 1, last=today - 1)
    if text == "last-week":
        monday = today - today.date.weekday()
        return DayRange(first=monday - _WEEK, last=monday - 1)
    if text == "last-month":
        before = Day(today.date.replace(day=1)) - 1
        return DayRange(first=Day(before.date.replace(day=1)), last=before)
    if found := _MONTH.fullmatch(text):
        return _month(text, year=int(found[1]), month=int(found[2]))
    try:
        day = Day.parse(text, name="DAYS")
    except InvalidParameter as error:
        words = "must be yyyy-mm-dd, yyyy-mm, yesterday, last-week, last-month, or a range FROM..TO of these"
        raise InvalidParameter("DAYS", words, text) from error
    return DayRange(first=day, last=day)


def _month(text: str, *, year: int, month: int) -> DayRange:
    try:
        first = date(year, month, 1)
        following = date(year + month // 12, month % 12 + 1, 1)
    except ValueError as error:
        raise InvalidParameter("DAYS", "must be a month of the calendar in the form yyyy-mm", text) from error
    return DayRange(first=Day(first), last=Day(following) - 1)
