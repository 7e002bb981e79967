"""Custom jobs and their days: statuses, events, and the transition table.

A job has no status of its own: it follows from those of its days. Workers report events of days; `after` decides.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import accumulate
from typing import NamedTuple, NewType, Protocol

import msgspec

from dayfile.errors import DayfileError, NotFound
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import ResourceType
from dayfile.model.sid import canonical_sid

JobSid = NewType("JobSid", str)


class Status(Enum):
    """The status of one day of a job, spelled as the API shows it."""

    SUBMITTED = "Submitted"
    RUNNING = "Running"
    ERROR_DURING_RUN = "ErrorDuringRun"
    COMPLETED = "Completed"
    COMPLETED_EMPTY_RECORDS = "CompletedEmptyRecords"
    FAILED = "Failed"
    RUNNING_TO_BE_DELETED = "RunningToBeDeleted"
    DELETED_BY_USER_REQUEST = "DeletedByUserRequest"

    @property
    def is_final(self) -> bool:
        """True if no event can change it."""
        return self in _FINAL


class Event(Enum):
    """An event of one day of a job."""

    CLAIM = "claim"
    COMPLETE = "complete"
    COMPLETE_EMPTY = "complete_empty"
    ERROR = "error"
    GIVE_UP = "give_up"
    LOSE = "lose"
    HAND_BACK = "hand_back"
    DELETE = "delete"


_FINAL = frozenset({Status.COMPLETED, Status.COMPLETED_EMPTY_RECORDS, Status.FAILED, Status.DELETED_BY_USER_REQUEST})

_CLAIMED_AND_DELETED = (Event.COMPLETE, Event.COMPLETE_EMPTY, Event.ERROR, Event.GIVE_UP, Event.LOSE, Event.HAND_BACK)

TRANSITIONS: Mapping[tuple[Status, Event], Status] = {
    (Status.SUBMITTED, Event.CLAIM): Status.RUNNING,
    (Status.SUBMITTED, Event.DELETE): Status.DELETED_BY_USER_REQUEST,
    (Status.RUNNING, Event.COMPLETE): Status.COMPLETED,
    (Status.RUNNING, Event.COMPLETE_EMPTY): Status.COMPLETED_EMPTY_RECORDS,
    (Status.RUNNING, Event.ERROR): Status.ERROR_DURING_RUN,
    (Status.RUNNING, Event.GIVE_UP): Status.FAILED,
    (Status.RUNNING, Event.LOSE): Status.ERROR_DURING_RUN,
    (Status.RUNNING, Event.HAND_BACK): Status.SUBMITTED,
    (Status.RUNNING, Event.DELETE): Status.RUNNING_TO_BE_DELETED,
    (Status.ERROR_DURING_RUN, Event.CLAIM): Status.RUNNING,
    (Status.ERROR_DURING_RUN, Event.DELETE): Status.DELETED_BY_USER_REQUEST,
    **{(Status.RUNNING_TO_BE_DELETED, event): Status.DELETED_BY_USER_REQUEST for event in _CLAIMED_AND_DELETED},
    (Status.RUNNING_TO_BE_DELETED, Event.DELETE): Status.RUNNING_TO_BE_DELETED,
}
"""All transitions: a pair that is not here cannot happen."""


class ImpossibleTransition(DayfileError):
    """An event that cannot follow the status it met: a bug, never a caller's fault."""


def after(status: Status, event: Event) -> Status:
    """Return the status after an event; raises ImpossibleTransition if the table has none."""
    try:
        return TRANSITIONS[status, event]
    except KeyError as error:
        raise ImpossibleTransition(f"{event.value} cannot follow {status.value}") from error


def is_claimable(status: Status) -> bool:
    """Return True if a worker may claim a day in this status."""
    return (status, Event.CLAIM) in TRANSITIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A customer's request for a job, already checked."""

    account: AccountSid
    root_account: AccountSid  # whose quota it draws from
    resource_type: ResourceType
    days: DayRange
    friendly_name: str
    webhook_url: str | None
    webhook_method: str | None
    email: str | None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A custom job as it was submitted, and whether it is over.

    Lists of them are asked for again and again: a dataclass takes several times as long to make.
    """

    sid: JobSid
    account: AccountSid
    resource_type: ResourceType
    days: DayRange
    friendly_name: str
    webhook_url: str | None
    webhook_method: str | None
    email: str | None
    submit_number: int  # later jobs have greater ones, over all accounts
    submitted_at: datetime
    over_at: datetime | None  # when its last day became final
    deleted_at: datetime | None  # when its owner deleted it; it is no longer shown


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDay:
    """One day of a job: the only carrier of status."""

    job_sid: JobSid
    day: Day
    status: Status
    attempt: int  # claims so far, without those that were handed back or whose worker was lost
    error: str | None  # why the last attempt failed, for the operator
    lost: int = 0  # claims whose worker was lost; told of claimed days only


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's lease on some days of one job.

    Every later write is guarded by `worker` and `token`: a worker restarted under its old name must not finish what
    its former self began.
    """

    job: Job
    days: tuple[JobDay, ...]
    worker: str
    token: int  # unlike any other claim's
    leased_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDays:
    """Days of a job that a worker holds, without the days themselves."""

    job: JobSid
    account: AccountSid
    resource_type: ResourceType
    worker: str
    days: int
    claimed_at: datetime
    leased_until: datetime


class StatusGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The days of a job that have one status, as `details` shows them."""

    status: Status
    days: tuple[Day, ...]


def group_by_status(days: Iterable[JobDay]) -> tuple[StatusGroup, ...]:
    """Group days by status in the order of the Status list; every day is in exactly one group."""
    by_status: dict[Status, list[Day]] = {}
    for job_day in days:
        by_status.setdefault(job_day.status, []).append(job_day.day)
    return tuple(
        StatusGroup(status=status, days=tuple(sorted(by_status[status]))) for status in Status if status in by_status
    )


def parse_job_sid(text: str) -> JobSid:
    """Read `JS` and 32 hexadecimal digits; raises NotFound for anything else, since no such job can exist."""
    sid = canonical_sid(text, prefix="JS")
    if sid is None:
        raise NotFound(f"there is no job {text[:80]!r}: a job sid is JS followed by 32 hexadecimal digits")
    return JobSid(sid)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """The rule by which failed days are tried again: the number of attempts, and delays that double up to a ceiling.

    A worker that is lost says little of its days: its host has failed, or something else has killed it, such as one
    other day. So that is counted apart, and days whose worker was lost are claimed one by one: then those that have no
    fault are done, and one that kills its workers is left. It is given up as well, since a job must end, once as many
    workers were lost as attempts may fail, and not before `blameless_for` has passed since its submission.
    """

    attempts: int = 10
    first_delay: timedelta = timedelta(seconds=5)
    longest_delay: timedelta = timedelta(hours=1)
    blameless_for: timedelta = timedelta(hours=24)

    def gives_up(self, attempt: int) -> bool:
        """Return True if the attempt that just failed was the last."""
        return attempt >= self.attempts

    def gives_up_lost(self, lost: int, *, waited: timedelta) -> bool:
        """Return True if the worker that was just lost was the last, of a day that was submitted that long ago."""
        return lost >= self.attempts and waited >= self.blameless_for

    def delay(self, attempt: int) -> timedelta:
        """Return the delay after this attempt (counted from 1) has failed, or this worker was lost."""
        doublings = min(max(attempt - 1, 0), 20)
        return min(self.first_delay * (1 << doublings), self.longest_delay)


class Queued(Protocol):
    """A job as the queue sees it."""

    @property
    def submit_number(self) -> int:
        """A number that later jobs have greater ones than."""
        ...

    @property
    def over_at(self) -> datetime | None:
        """The moment at which it was over; None while it waits."""
        ...


@dataclass(frozen=True, slots=True)
class Queue:
    """The jobs that are not over, in order of submission: gives positions in the queue and the work ahead of a job.

    The jobs submitted before all that are asked about are given only by their number and that of their days.
    """

    before: int  # number of jobs ahead of all in `numbers`
    numbers: tuple[int, ...]  # submit numbers, rising
    days: tuple[
        int, ...
    ]  # unfinished days up to each of `numbers`: first those of the jobs before, then with each job's

    @classmethod
    def of(cls, unfinished: Iterable[tuple[int, int]], *, before: int = 0, days_before: int = 0) -> Queue:
        """Return the queue from pairs of a job's submit number and the count of its unfinished days, numbers rising."""
        pairs = list(unfinished)
        days = accumulate((days for _, days in pairs), initial=days_before)
        return cls(before, tuple(number for number, _ in pairs), tuple(days))

    def position(self, job: Queued) -> int | None:
        """Return 1 for the first in line; it never rises. None once the job is over."""
        return None if job.over_at else 1 + self.before + bisect_left(self.numbers, job.submit_number)

    def estimated_completion(self, job: Queued, *, days_per_second: float | None, now: datetime) -> datetime | None:
        """Return the moment at which the job's last day should be done; None once the job is over.

        Without a measured rate (None), DAYS_PER_SECOND_AT_START is assumed.
        """
        if job.over_at:
            return None
        ahead = self.days[bisect_right(self.numbers, job.submit_number)]
        return now + timedelta(seconds=ahead / (days_per_second or DAYS_PER_SECOND_AT_START))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJob:
    """A job and what its own answer shows beside it."""

    job: Job
    details: tuple[StatusGroup, ...]
    queue: Queue | None  # as the job needs it; None once it is over


class ListedJob(NamedTuple):
    """An entry of the Jobs list of a resource type: what it shows of a job."""

    sid: JobSid
    first: Day
    last: Day
    friendly_name: str
    webhook_url: str | None
    webhook_method: str | None
    email: str | None
    submit_number: int
    over_at: datetime | None
    details: tuple[StatusGroup, ...]

    def __hash__(self) -> int:
        """Hash what nearly always tells two apart: to hash the days of a year takes longer than to look one up."""
        return hash((self.sid, self.over_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The time for which a day was worked on until it was finished."""

    began_at: datetime
    ended_at: datetime


def days_per_second(stretches: Iterable[Stretch]) -> float | None:
    """Return the rate at which days are finished while there is work; None if it cannot be told from these stretches.

    Days worked on in parallel count each; idle time does not count: an instance that had little to do is not a slow
    one.
    """
    days, busy = 0, timedelta(0)
    reached: datetime | None = None
    for stretch in sorted(stretches, key=lambda one: one.began_at):
        days += 1
        began_at = stretch.began_at if reached is None else max(stretch.began_at, reached)
        busy += max(stretch.ended_at - began_at, timedelta(0))
        reached = max(began_at, stretch.ended_at)
    return days / busy.total_seconds() if busy else None


DAYS_PER_SECOND_AT_START = 50.0
"""The assumed rate of finished job days until one has been measured."""

RATE_WINDOW = timedelta(minutes=5)
"""The time over which that rate is measured."""

RATE_DAYS = 1000
"""The most days on which that rate is measured, the latest ones."""
