"""The state of an account's day: what is published of it, and whether there is something newer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from dayfile.model.day import Day, last_custom_day
from dayfile.model.export import ExportConfiguration, Revision


class DayState(Enum):
    """The state of an account's day of one resource type."""

    FILE = "file"  # it is published, in its newest revision
    EMPTY = "empty"  # it is published, and has no records
    NEWER = "newer"  # it is published, and records came in later
    MISSING = "missing"  # it is not published, and a job may ask for it
    EXPIRED = "expired"  # it was published, and its file has expired
    AHEAD = "ahead"  # it is not over yet, or too new for a job

    @property
    def is_worth_a_job(self) -> bool:
        """True if a job would publish something that is not published now."""
        return self in {DayState.MISSING, DayState.EXPIRED, DayState.NEWER}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """The facts from which the state of a day follows, all of one moment."""

    published: Revision | None  # that is on the list now; its number is 0 for a day without records
    newest: Revision | None  # what a job would publish now
    was_published_by_job: bool  # one that is still listed
    configuration: ExportConfiguration


def state_of(day: Day, facts: DayFacts, *, file_lifetime: timedelta, now: datetime) -> DayState:
    """Return the state of a day."""
    if facts.published is not None:
        if facts.newest is not None and facts.newest.number > facts.published.number:
            return DayState.NEWER
        return DayState.FILE if facts.published.number else DayState.EMPTY
    if facts.was_published_by_job or _has_expired(day, facts.configuration, file_lifetime=file_lifetime, now=now):
        return DayState.EXPIRED
    return DayState.AHEAD if day > last_custom_day(now) else DayState.MISSING


def _has_expired(day: Day, configuration: ExportConfiguration, *, file_lifetime: timedelta, now: datetime) -> bool:
    """Return True for a day that was exported by itself so long ago that its file is gone."""
    # A day that is not over is looked at no further: the last ones of the calendar have no end.
    is_past = day < Day.of(now)
    return is_past and configuration.covers(day) and day.end + file_lifetime < now - (day.end - day.start)
