"""Calendars: months of days, each day with a mark, words and perhaps a link.

Days are written as HTML here and not in a template, which takes several times as long for each of hundreds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup, escape

from dayfile.model.day import Day


class Mark(NamedTuple):
    """The mark of one day: a class of the style, words, and the path above the page about the day, if there is one."""

    css: str
    told: str
    above: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month of a calendar, as far as it is in the range."""

    name: str
    days: Markup


def months_of(marks: Iterable[tuple[Day, Mark]]) -> list[Month]:
    """Return the months of days that follow each other, the last month first."""
    months = []
    for _, of_month in groupby(marks, key=lambda one: (one[0].date.year, one[0].date.month)):
        (first, mark), *others = of_month
        # The first one says in which column it is, as `o1` for a Monday; the others follow it.
        cells = [_cell(first, mark._replace(css=f"{mark.css} o{first.date.isoweekday()}"))]
        cells += [_cell(day, of_day) for day, of_day in others]
        months.append(Month(name=f"{first.date:%B %Y}", days=Markup("\n".join(cells))))  # noqa: S704 - as _cell says
    return months[::-1]


def _cell(day: Day, mark: Mark) -> str:
    """Return a day as HTML: its words as text, class and path as they are, since nobody outside chooses them."""
    css, told, above = mark
    date = str(day)
    text = f'title="{date}: {escape(told)}">{day.date.day}'
    return (
        f'<span class="{css}" {text}</span>' if above is None else f'<a class="{css}" href="{above}/{date}" {text}</a>'
    )
