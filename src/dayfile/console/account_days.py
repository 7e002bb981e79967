"""The days of an account as its pages show them: their states in words, and the page about each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dayfile.console.calendar import Mark
from dayfile.console.paths import CONSOLE_PATH
from dayfile.console.visit import Visit
from dayfile.exports.account_days import AccountDay, AccountDays
from dayfile.model.day import Day, DayRange
from dayfile.model.day_state import DayState
from dayfile.model.empty import EMPTY_FILE, EMPTY_SHA256
from dayfile.model.export import DayFile, Revision
from dayfile.model.quantity import count_text
from dayfile.model.resource import ResourceType
from dayfile.store.transaction import Transaction

STATES: Final[Mapping[DayState, str]] = {
    DayState.FILE: "There is a file",
    DayState.EMPTY: "Exported, without records",
    DayState.NEWER: "There is a file, and records came in later: export it again",
    DayState.MISSING: "Not exported",
    DayState.EXPIRED: "Was exported, and the file has expired: export it again",
    DayState.AHEAD: "Not over yet, or too new for a job",
}
"""The states in words."""


_TOLD: Final[Mapping[DayState, str]] = {
    DayState.EMPTY: "no records",
    DayState.MISSING: "not exported",
    DayState.EXPIRED: "expired",
    DayState.AHEAD: "too new for a job",
}
# In a calendar, where the legend says the rest, and every word is there for each of hundreds of days.


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDay:
    """One day of one type, as its page and the list of files show it."""

    resource_type: ResourceType
    of: AccountDay
    file: DayFile | None  # what is published

    @property
    def day(self) -> Day:
        """The day itself."""
        return self.of.day

    @property
    def state(self) -> DayState:
        """The state of the day."""
        return self.of.state

    @property
    def newest(self) -> Revision | None:
        """The revision that a job would publish now."""
        return self.of.newest

    @property
    def path(self) -> str:
        """The path of the page about the day."""
        return day_path(self.resource_type, self.day)

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


def account_days(tx: Transaction, visit: Visit, resource_type: ResourceType, days: DayRange) -> list[AccountDay]:
    """Return the days of a range, in order, all as of one moment."""
    lifetimes = {"job_lifetime": visit.instance.job_lifetime, "file_lifetime": visit.instance.file_lifetime}
    return AccountDays(visit.account.sid, resource_type, **lifetimes).read(tx, days, now=visit.now)


def day_path(resource_type: ResourceType, day: Day) -> str:
    """Return the path of the page about a day."""
    return f"{days_path(resource_type)}/{day}"


def days_path(resource_type: ResourceType) -> str:
    """Return the path above the pages about days of a type."""
    return f"{CONSOLE_PATH}/files/{resource_type.name}"


def marks_of(days: Iterable[AccountDay], resource_type: ResourceType) -> Iterator[tuple[Day, Mark]]:
    """Yield the days with their marks in the calendar of the page of files, from which their paths are seen."""
    above = days_path(resource_type).removeprefix(f"{CONSOLE_PATH}/")
    same = {state: Mark(css=state.value, told=told, above=above) for state, told in _TOLD.items()}
    same[DayState.AHEAD] = same[DayState.AHEAD]._replace(above=None)
    file, newer = DayState.FILE.value, DayState.NEWER.value  # looked up once for all days
    for day, state, published, _ in days:
        if published is None or state is DayState.EMPTY:
            yield day, same[state]
        elif state is DayState.NEWER:
            yield day, Mark(newer, f"{count_text(published.records, 'record')}; more came later", above)
        else:
            yield day, Mark(file, count_text(published.records, "record"), above)
