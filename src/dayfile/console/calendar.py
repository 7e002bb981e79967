"""Calendars: months of days, each day with a mark, words and perhaps a link.

Days are written as HTML here and not in a template, which takes several times as long for each of hundreds, and without
what their month says: a year must fit on one small page.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from dayfile.model.day import Day


class Mark(NamedTuple):
    """The mark of one day: a class of the style, words, and where the page about the day is, if there is one.

    `above` is a path, or a relative one as seen from the page with the calendar.
    """

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
    months: list[tuple[Day, list[str]]] = []
    cells: list[str] = []  # of the last of them
    for day, (css, told, above) in marks:
        number, column = day.date.day, ""
        if number == 1 or not months:
            cells = []
            months.append((day, cells))
            column = f" o{day.date.isoweekday()}"  # of the first one, as `o1` for a Monday; the others follow it
        # Words are text; class and path are as they are, since nobody outside chooses them, and need no quotes.
        marked = f'class="{css}{column}"' if column else f"class={css}"
        text = f'title="{html.escape(told)}">{number}'
        cells.append(
            f"<span {marked} {text}</span>"
            if above is None
            else f"<a {marked} href={above}/{day.date.isoformat()} {text}</a>"
        )
    return [
        Month(name=f"{first.date:%B %Y}", days=Markup("".join(cells)))  # noqa: S704 - as above
        for first, cells in reversed(months)
    ]
