"""Days (UTC calendar dates, half open), ranges of them, and the rules for which may be sealed or exported and when.

Pure values. Every text that might be a day is parsed here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

import msgspec

from dayfile.errors import InvalidParameter

_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Day(msgspec.Struct, frozen=True, order=True, gc=False):
    """One UTC calendar date: from its midnight up to, not including, the next.

    Days are keys of nearly everything: a dataclass takes three times as long to compare and five times to make.
    """

    date: date

    @classmethod
    def parse(cls, text: str, *, name: str = "Day") -> Self:
        """Read `yyyy-mm-dd`; raises InvalidParameter naming `name` for anything else."""
        # date.fromisoformat also takes 20240229 and 2024-W09-4; the API takes neither.
        if not _SHAPE.fullmatch(text):
            raise InvalidParameter(name, "must be a UTC date in the form yyyy-mm-dd", text)
        try:
            return cls(date.fromisoformat(text))
        except ValueError as error:
            raise InvalidParameter(name, "must be a date of the calendar in the form yyyy-mm-dd", text) from error

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Return the UTC day of an aware moment."""
        return cls(moment.astimezone(UTC).date())

    @property
    def start(self) -> datetime:
        """The first moment of the day."""
        return datetime.combine(self.date, time(), tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after the day."""
        return self.start + timedelta(days=1)

    def __add__(self, days: int) -> Day:
        return Day(self.date + timedelta(days=days))

    def __sub__(self, days: int) -> Day:
        return Day(self.date - timedelta(days=days))

    def __str__(self) -> str:
        return self.date.isoformat()


FIRST_DAY = Day(date(2010, 1, 1))
"""The earliest day of a record or a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRange:
    """All days from `first` to `last`, both included; none if `last` is before `first`."""

    first: Day
    last: Day

    def __iter__(self) -> Iterator[Day]:
        first = self.first.date.toordinal()
        for ordinal in range(first, first + len(self)):
            yield Day(date.fromordinal(ordinal))

    def __len__(self) -> int:
        return max(0, (self.last.date - self.first.date).days + 1)

    def __contains__(self, day: Day) -> bool:
        return self.first <= day <= self.last


def stretches(days: Iterable[Day]) -> list[DayRange]:
    """Return days that rise as ranges of days that follow each other, in their order: as few as there can be."""
    found: list[DayRange] = []
    for day in days:
        if found and found[-1].last + 1 == day:
            found[-1] = DayRange(first=found[-1].first, last=day)
        else:
            found.append(DayRange(first=day, last=day))
    return found


def last_custom_day(now: datetime) -> Day:
    """Return the newest day that a custom job may ask for: two days before today, UTC (the API's rule for EndDay)."""
    return Day.of(now) - 2


def custom_range(start: str, end: str, *, now: datetime) -> DayRange:
    """Return the days of a custom job from the texts of StartDay and EndDay.

    Raises InvalidParameter, which names the parameter, the rule and the value, for a date in another form and for a
    range that runs backwards, starts before 2010-01-01 or ends after `last_custom_day`.
    """
    days = DayRange(first=Day.parse(start, name="StartDay"), last=Day.parse(end, name="EndDay"))
    newest = last_custom_day(now)
    if days.first < FIRST_DAY:
        raise InvalidParameter("StartDay", f"must not be before {FIRST_DAY}", start)
    if days.last > newest:
        raise InvalidParameter("EndDay", f"must be at least two days before today in UTC, so {newest} or earlier", end)
    if days.last < days.first:
        raise InvalidParameter("StartDay", f"must not be after EndDay ({end})", start)
    return days


def sealed_from(day: Day, *, grace: timedelta) -> datetime:
    """Return the moment from which a day may be sealed: its end plus the grace time for late records."""
    return day.end + grace
