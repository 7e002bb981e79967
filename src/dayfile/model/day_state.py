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
        return self in (DayState.MISSING, DayState.EXPIRED, DayState.NEWER)  # a set would hash each time


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStates:
    """The states of an account's days of one resource type, as of one moment."""

    configuration: ExportConfiguration
    file_lifetime: timedelta
    now: datetime

    def of(self, day: Day, published: Revision | None, newest: Revision | None, *, by_job: bool) -> DayState:
        """Return the state of a day.

        `published` is on the list now, with the number 0 for a day without records; `newest` is what a job would
        publish now, and `by_job` is True if a job that is still listed has published the day.
        """
        if published is not None:
            if newest is not None and newest.number > published.number:
                return DayState.NEWER
            return DayState.FILE if published.number else DayState.EMPTY
        if by_job or self._has_expired(day):
            return DayState.EXPIRED
        return DayState.AHEAD if day > last_custom_day(self.now) else DayState.MISSING

    def _has_expired(self, day: Day) -> bool:
        """Return True for a day that was exported by itself so long ago that its file is gone."""
        # A day that is not over is looked at no further: the last ones of the calendar have no end.
        is_past = day < Day.of(self.now)
        expires = self.file_lifetime + timedelta(days=1)  # it is published within a day of its end
        return is_past and self.configuration.covers(day) and day.end + expires < self.now
