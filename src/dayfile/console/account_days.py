"""The days of an account as its pages show them: what is published of each, and what could be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dayfile.console.calendar import Mark
from dayfile.console.visit import CONSOLE_PATH, Visit
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.empty import EMPTY_FILE, EMPTY_SHA256
from dayfile.model.export import DayFile, ExportConfiguration, SealedDay
from dayfile.model.job import Status
from dayfile.model.quantity import count_text
from dayfile.model.resource import ResourceType
from dayfile.store.transaction import Transaction

_KNOWN_JOBS: Final = 20
_PUBLISHED: Final = frozenset({Status.COMPLETED, Status.COMPLETED_EMPTY_RECORDS})


class DayState(Enum):
    """The state of an account's day: a class of the style, and words."""

    FILE = "file"
    EMPTY = "empty"
    NEWER = "newer"
    MISSING = "missing"
    EXPIRED = "expired"
    AHEAD = "ahead"


STATES: Final[Mapping[DayState, str]] = {
    DayState.FILE: "There is a file",
    DayState.EMPTY: "Exported, without records",
    DayState.NEWER: "There is a file, and records came in later: export it again",
    DayState.MISSING: "Not exported",
    DayState.EXPIRED: "Was exported, and the file has expired: export it again",
    DayState.AHEAD: "Not over yet, or too new for a job",
}
"""The states in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDay:
    """One day of one type of an account."""

    day: Day
    resource_type: ResourceType
    state: DayState
    file: DayFile | None  # what is published
    newest: SealedDay | None  # what an export would publish now

    @property
    def path(self) -> str:
        """The path of the page about the day."""
        return f"{CONSOLE_PATH}/files/{self.resource_type}/{self.day}"

    @property
    def records(self) -> int:
        """Number of records in the file."""
        return self.file.sealed.records if self.file and self.file.sealed else 0

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self.file.sealed.size_bytes if self.file and self.file.sealed else len(EMPTY_FILE)

    @property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return self.file.sealed.sha256 if self.file and self.file.sealed else EMPTY_SHA256

    @property
    def mark(self) -> Mark:
        """The mark of the day in a calendar."""
        told = STATES[self.state]
        if self.state in {DayState.FILE, DayState.NEWER}:
            told = f"{count_text(self.records, 'record')}. {told}"
        link = None if self.state is DayState.AHEAD else self.path
        return Mark(css=self.state.value, told=told, link=link)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """The rows from which the states of days follow."""

    published: Mapping[Day, DayFile]
    sealed: Mapping[Day, SealedDay]
    by_jobs: frozenset[Day]  # days that jobs have published that are still listed
    configuration: ExportConfiguration


def account_days(tx: Transaction, visit: Visit, resource_type: ResourceType, days: DayRange) -> list[AccountDay]:
    """Return the days of a range, in order, all as of one moment."""
    account = visit.account.sid
    facts = _Facts(
        published=tx.day_files.of_days(account, resource_type, days, now=visit.now),
        sealed=tx.sealed_days.current(account, resource_type, days),
        by_jobs=_published_by_jobs(tx, visit, resource_type),
        configuration=tx.configurations.get(account, resource_type),
    )
    return [
        AccountDay(
            day=day,
            resource_type=resource_type,
            state=_state(day, facts, visit),
            file=facts.published.get(day),
            newest=facts.sealed.get(day),
        )
        for day in days
    ]


def _state(day: Day, facts: _Facts, visit: Visit) -> DayState:
    file, newest = facts.published.get(day), facts.sealed.get(day)
    if file is not None:
        shown = file.sealed.revision if file.sealed else 0
        if newest is not None and newest.revision > shown:
            return DayState.NEWER
        return DayState.FILE if file.sealed else DayState.EMPTY
    if day in facts.by_jobs or _has_expired(day, facts.configuration, visit):
        return DayState.EXPIRED
    return DayState.AHEAD if day > last_custom_day(visit.now) else DayState.MISSING


def _has_expired(day: Day, configuration: ExportConfiguration, visit: Visit) -> bool:
    """Return True for a day that was exported by itself so long ago that its file is gone."""
    # A day that is not over is looked at no further: the last ones of the calendar have no end.
    is_past = day < Day.of(visit.now)
    lifetime = visit.instance.file_lifetime
    return is_past and configuration.covers(day) and day.end + lifetime < visit.now - (day.end - day.start)


def _published_by_jobs(tx: Transaction, visit: Visit, resource_type: ResourceType) -> frozenset[Day]:
    jobs = tx.jobs.page(
        visit.account.sid, resource_type, limit=_KNOWN_JOBS, over_since=visit.now - visit.instance.job_lifetime
    )
    days = tx.jobs.days([job.sid for job in jobs])
    return frozenset(one.day for of_job in days.values() for one in of_job if one.status in _PUBLISHED)
