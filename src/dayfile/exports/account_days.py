"""The days of an account with their states, as their owner is shown them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.day_state import DayState, DayStates
from dayfile.model.empty import EMPTY_FILE
from dayfile.model.export import ExportConfiguration, Revision
from dayfile.model.resource import ResourceType
from dayfile.store.transaction import Transaction


class AccountDay(NamedTuple):
    """One day of one type of an account."""

    day: Day
    state: DayState
    published: Revision | None  # what is on the list; its number is 0 for a day without records
    newest: Revision | None  # what a job would publish now


class AccountDays:
    """The days of an account of one resource type, by the lifetimes that the instance has."""

    def __init__(
        self, account: AccountSid, resource_type: ResourceType, *, job_lifetime: timedelta, file_lifetime: timedelta
    ) -> None:
        self._account = account
        self._resource_type = resource_type
        self._job_lifetime = job_lifetime
        self._file_lifetime = file_lifetime

    def read(self, tx: Transaction, days: DayRange, *, now: datetime) -> list[AccountDay]:
        """Return the days of a range, in order, all as of one moment."""
        listed = tx.day_files.sealed_ids(self._account, self._resource_type, days, now=now)
        ids = {sealed_id for _, sealed_id in listed}
        revisions = tx.sealed_days.revisions(self._account, self._resource_type, days, published=ids)
        of_id = {one.id: one for one in revisions}
        newest = {one.day: one for one in revisions}
        published = {day: of_id.get(sealed_id or 0) or _empty(day) for day, sealed_id in listed}
        every = list(days)
        # A day that no job may ask for yet was published by none, and nothing of it has expired.
        past = len(DayRange(first=days.first, last=min(days.last, last_custom_day(now))))
        without_file = [day for day in every[:past] if day not in published]
        by_jobs = self._published_by_jobs(tx, without_file, now=now)
        states = DayStates(
            configuration=self._configuration(tx, without_file), file_lifetime=self._file_lifetime, now=now
        )
        found = []
        for day in every:
            shown, next_one = published.get(day), newest.get(day)
            found.append(AccountDay(day, states.of(day, shown, next_one, by_job=day in by_jobs), shown, next_one))
        return found

    def _configuration(self, tx: Transaction, without_file: Sequence[Day]) -> ExportConfiguration:
        """Return the configuration, by which days were exported; one that is off where no day lacks its file."""
        if not without_file:
            return ExportConfiguration.initial(self._account, self._resource_type)
        return tx.configurations.get(self._account, self._resource_type)

    def _published_by_jobs(self, tx: Transaction, without_file: Sequence[Day], *, now: datetime) -> set[Day]:
        """Return the days that jobs have published, of those, in order, that have no file."""
        if not without_file:
            return set()
        days = DayRange(first=without_file[0], last=without_file[-1])
        over_since = now - self._job_lifetime
        return tx.jobs.published_days(self._account, self._resource_type, days, over_since=over_since)


def _empty(day: Day) -> Revision:
    """Return what is published of a day without records."""
    return Revision(id=0, seal_id=0, day=day, number=0, records=0, size_bytes=len(EMPTY_FILE))
