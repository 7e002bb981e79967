"""Notices: one message to one receiver each, and every attempt to deliver it.

A notice is written in the same commit as the event that it tells. It is attempted until it arrives, is refused for
good, or has used up the schedule. Nothing here sends anything: an attempt has an outcome, and `after` decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import NewType

from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.job import Job, JobDay, JobSid, Status
from dayfile.model.resource import ResourceType
from dayfile.model.sid import canonical_sid

EventSid = NewType("EventSid", str)  # EV and 32 hexadecimal digits, the same on every attempt

ATTEMPT_SECONDS = 15.0
"""The longest that an attempt may take, whatever the receiver does."""

ANSWER_BYTES = 1024
"""The most bytes of an answer that are read and kept."""

RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The delay after each failed attempt, the first one included; when none is left, the notice is exhausted."""

JITTER = 0.2
"""The largest share of itself by which a delay is stretched, so that hosts that came back are not flooded."""

LONGEST_RETRY_AFTER = timedelta(days=1)
"""The longest delay that a receiver gets if it asks for one."""


class NoticeEvent(Enum):
    """The event that a notice tells, spelled as receivers see it."""

    JOB_STARTED = "job.started"
    JOB_FINISHED = "job.finished"
    DAY_EXPORTED = "day.exported"


class Channel(Enum):
    """The channel by which a receiver is told."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class NoticeState(Enum):
    """The state of a notice; all but the first are final until it is replayed."""

    PENDING = "pending"
    DELIVERED = "delivered"
    STOPPED = "stopped"  # the receiver said that it wants nothing more
    EXHAUSTED = "exhausted"  # tried as often as the schedule says
    UNSENT = "unsent"  # a letter that lies in the mail folder, as there is no mail server


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContent:
    """The content of a notice about a custom job, as the job was when the event happened."""

    friendly_name: str
    days: DayRange
    days_completed: int
    days_empty: int
    days_failed: int

    @classmethod
    def of(cls, job: Job, days: Iterable[JobDay]) -> JobContent:
        """Return the content for a job, with its days as they are now."""
        count = Counter(job_day.status for job_day in days)
        return cls(
            friendly_name=job.friendly_name,
            days=job.days,
            days_completed=count[Status.COMPLETED],
            days_empty=count[Status.COMPLETED_EMPTY_RECORDS],
            days_failed=count[Status.FAILED],
        )

    @property
    def has_failed(self) -> bool:
        """True if any day of the job is Failed."""
        return self.days_failed > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DayContent:
    """The content of a notice about a daily file, as it was when it was published."""

    friendly_name: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """A notice about to be written; it has `job_sid` for a job, `day` and `generation` for a daily file."""

    sid: EventSid
    account: AccountSid
    event: NoticeEvent
    channel: Channel
    receiver: str  # a URL or an e-mail address
    method: str | None  # GET or POST, of a webhook
    resource_type: ResourceType
    job_sid: JobSid | None
    day: Day | None
    generation: int | None
    content: JobContent | DayContent


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to one receiver."""

    sid: EventSid
    account: AccountSid
    number: int  # order of events: later ones have greater numbers
    event: NoticeEvent
    channel: Channel
    receiver: str
    method: str | None
    resource_type: ResourceType
    job_sid: JobSid | None
    day: Day | None
    generation: int | None
    content: JobContent | DayContent
    state: NoticeState
    attempts: int  # begun so far, since it was written or last replayed
    created_at: datetime
    next_attempt_at: datetime | None  # None once there will be no more
    ended_at: datetime | None


class Result(Enum):
    """The result of an attempt."""

    DELIVERED = "delivered"
    FAILED = "failed"  # worth another attempt
    STOPPED = "stopped"  # the receiver wants no more of them
    UNSENT = "unsent"  # kept here, since there is no way to the receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of one attempt, as a transport reports it; a transport raises nothing for what a receiver does."""

    result: Result
    status: int | None  # of the answer, if one came
    error: str | None  # what went wrong, for the log: safe to show to the account
    answer: bytes  # its first ANSWER_BYTES
    retry_after: timedelta | None  # what the receiver asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt as it is recorded: begun before it is made, ended after it."""

    number: int  # 1 for the first, counted on when a notice is replayed
    began_at: datetime
    took: timedelta | None  # None: it is under way, or the worker was lost while it ran
    result: Result | None  # the same
    status: int | None
    error: str | None
    answer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The consequences of an attempt for its notice."""

    state: NoticeState
    next_attempt_at: datetime | None


def after(attempts: int, outcome: Outcome, *, now: datetime, chance: float) -> Verdict:
    """Return the consequences of the attempt with the number `attempts` (from 1); `chance` in [0, 1) is the jitter."""
    if outcome.result is Result.DELIVERED:
        return Verdict(state=NoticeState.DELIVERED, next_attempt_at=None)
    if outcome.result is Result.STOPPED:
        return Verdict(state=NoticeState.STOPPED, next_attempt_at=None)
    if outcome.result is Result.UNSENT:
        return Verdict(state=NoticeState.UNSENT, next_attempt_at=None)
    if attempts > len(RETRY_DELAYS):
        return Verdict(state=NoticeState.EXHAUSTED, next_attempt_at=None)
    delay = RETRY_DELAYS[attempts - 1] * (1 + JITTER * chance)
    if outcome.retry_after is not None:
        delay = max(delay, min(outcome.retry_after, LONGEST_RETRY_AFTER))
    return Verdict(state=NoticeState.PENDING, next_attempt_at=now + delay)


def parse_event_sid(text: str) -> EventSid:
    """Read `EV` and 32 hexadecimal digits; raises NotFound for anything else, since no such notice can exist."""
    sid = canonical_sid(text, prefix="EV")
    if sid is None:
        raise NotFound(f"there is no notice {text[:80]!r}: an event sid is EV followed by 32 hexadecimal digits")
    return EventSid(sid)
