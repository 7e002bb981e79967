"""Words of the console's pages: moments, sizes and counts as people read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup

from dayfile.console.status import code_marked
from dayfile.model.moment import moment_text
from dayfile.model.quantity import count_text, duration_text, lifetime_text, size_text
from dayfile.web.queue_places import QueuePlace

_SID: Final = re.compile(r"\b[A-Z]{2}[0-9a-f]{32}\b", re.ASCII)


def time_html(at: datetime | None) -> Markup:
    """Return a moment as HTML, whose local time the script of the page shows; a dash for none."""
    if at is None:
        return Markup("&ndash;")
    text = moment_text(at)
    return Markup(f'<time datetime="{text}">{text[:10]} {text[11:16]} UTC</time>')  # noqa: S704 - of digits


def short_sids(text: str) -> str:
    """Return a text with its sids as they are shown: their first and last digits."""
    return _SID.sub(lambda found: f"{found[0][:6]}…{found[0][-4:]}", text)


FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "count": "{:,}".format,
    "size": size_text,
    "things": count_text,
    "moment": time_html,
    "duration": duration_text,
    "lifetime": lifetime_text,
    "code_marked": code_marked,
    "short_sids": short_sids,
}
"""The filters of the templates of all pages."""


def place_text(place: QueuePlace, *, now: datetime) -> str:
    """Return the place of a job in the queue and its estimated end, in words."""
    if place.position is None or place.done_at is None:
        return "It is over."
    ahead = place.position - 1
    first = "It is the next in the queue" if ahead == 0 else f"{count_text(ahead, 'job')} {_be(ahead)} ahead of it"
    return f"{first}; at the present speed it is done in {_about(place.done_at - now)}."


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def _about(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return "a few seconds" if seconds < 20 else f"about {duration_text(duration)}"  # noqa: PLR2004 - that is a few
