"""The days of an account with their states, as their owner is shown them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.day_state import DayFacts, DayState, state_of
from dayfile.model.export import Revision
from dayfile.model.job import Status
from dayfile.model.resource import ResourceType
from dayfile.store.transaction import Transaction

_KNOWN_JOBS: Final = 20
_PUBLISHED: Final = frozenset({Status.COMPLETED, Status.COMPLETED_EMPTY_RECORDS})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDay:
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
        published = tx.day_files.revisions(self._account, self._resource_type, days, now=now)
        newest = tx.sealed_days.revisions(self._account, self._resource_type, days)
        by_jobs = self._published_by_jobs(tx, now=now)
        configuration = tx.configurations.get(self._account, self._resource_type)
        found = []
        for day in days:
            facts = DayFacts(
                published=published.get(day),
                newest=newest.get(day),
                was_published_by_job=day in by_jobs,
                configuration=configuration,
            )
            state = state_of(day, facts, file_lifetime=self._file_lifetime, now=now)
            found.append(AccountDay(day=day, state=state, published=facts.published, newest=facts.newest))
        return found

    def _published_by_jobs(self, tx: Transaction, *, now: datetime) -> Collection[Day]:
        jobs = tx.jobs.page(self._account, self._resource_type, limit=_KNOWN_JOBS, over_since=now - self._job_lifetime)
        days = tx.jobs.days([job.sid for job in jobs])
        return {one.day for of_job in days.values() for one in of_job if one.status in _PUBLISHED}
