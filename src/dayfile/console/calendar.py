"""Calendars: months of days, each day with a mark, words and perhaps a link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from dayfile.model.day import Day, DayRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The mark of one day: a class of the style, words, and the page about the day."""

    css: str
    told: str
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One day of a calendar."""

    number: int
    css: str
    told: str
    link: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month of a calendar, as far as it is in the range."""

    name: str
    offset: int  # of its first day: 1 for a Monday
    cells: tuple[Cell, ...]


def months_of(days: DayRange, mark: Callable[[Day], Mark]) -> list[Month]:
    """Return the months of a range, the last one first."""
    months = []
    for _, of_month in groupby(days, key=lambda day: (day.date.year, day.date.month)):
        found = list(of_month)
        months.append(
            Month(
                name=f"{found[0].date:%B %Y}",
                offset=found[0].date.isoweekday(),
                cells=tuple(_cell(day, mark(day)) for day in found),
            )
        )
    return months[::-1]


def _cell(day: Day, mark: Mark) -> Cell:
    return Cell(number=day.date.day, css=mark.css, told=f"{day}: {mark.told}", link=mark.link)
