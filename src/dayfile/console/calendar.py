"""Calendars: months of days, each day with a mark, words and perhaps a link."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from dayfile.model.day import Day


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
    cells: tuple[Cell, ...]


def months_of(marks: Iterable[tuple[Day, Mark]]) -> list[Month]:
    """Return the months of days that follow each other, the last month first."""
    months = []
    for _, of_month in groupby(marks, key=lambda one: (one[0].date.year, one[0].date.month)):
        found = list(of_month)
        first = found[0][0].date
        cells = [
            Cell(number=day.date.day, css=mark.css, told=f"{day}: {mark.told}", link=mark.link) for day, mark in found
        ]
        # The first one says in which column it is, as `o1` for a Monday; the others follow it.
        cells[0] = replace(cells[0], css=f"{cells[0].css} o{first.isoweekday()}")
        months.append(Month(name=f"{first:%B %Y}", cells=tuple(cells)))
    return months[::-1]
