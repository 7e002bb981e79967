"""The calendars of a page, read as people read them: a day is a number below the name of its month."""

from __future__ import annotations

import re
from calendar import month_name


def shown_days(page: str) -> dict[str, tuple[str, str]]:
    """Return the class and the words of each day of the calendars of a page."""
    found = {}
    for part in page.split("<h3>")[1:]:
        name, _, year = part.partition("</h3>")[0].partition(" ")
        if name in month_name:
            month = list(month_name).index(name)
            for css, told, day in re.findall(r'<(?:a|span) class="?(\w+)[^>]* title="([^"]*)">(\d+)</', part):
                found[f"{year}-{month:02}-{int(day):02}"] = (css, told)
    return found
