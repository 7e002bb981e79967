"""The days of an account with their states, as their owner is shown them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.day_state import DayState, DayStates
from dayfile.model.empty import EMPTY_FILE
from dayfile.model.export import Revision
from dayfile.model.resource import ResourceType
from dayfile.store.transaction import Transaction


class AccountDay(NamedTuple):
    """One day of one type of an account."""

    day: Day
    state: DayState
    published: Revision | None  # what is on the list; its number is 0 for a day without records
    newest: Revision | None  # what a job would publish now


_EMPTY: Final = Revision(number=0, records=0, size_bytes=len(EMPTY_FILE))


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
        revisions = tx.sealed_days.revisions(self._account, self._resource_type, days)
        newest = dict(revisions.values())
        published = {
            day: revisions[sealed_id][1] if sealed_id in revisions else _EMPTY
            for day, sealed_id in tx.day_files.sealed_ids(self._account, self._resource_type, days, now=now).items()
        }
        by_jobs = self._published_by_jobs(tx, [day for day in days if day not in published], now=now)
        configuration = tx.configurations.get(self._account, self._resource_type)
        states = DayStates(configuration=configuration, file_lifetime=self._file_lifetime, now=now)
        found = []
        for day in days:
            shown, next_one = published.get(day), newest.get(day)
            state = states.of(day, shown, next_one, by_job=day in by_jobs)
            found.append(AccountDay(day=day, state=state, published=shown, newest=next_one))
        return found

    def _published_by_jobs(self, tx: Transaction, without_file: Sequence[Day], *, now: datetime) -> set[Day]:
        """Return the days that jobs have published, of those, in order, that have no file now."""
        if not without_file:
            return set()
        days = DayRange(first=without_file[0], last=without_file[-1])
        over_since = now - self._job_lifetime
        return tx.jobs.published_days(self._account, self._resource_type, days, over_since=over_since)
