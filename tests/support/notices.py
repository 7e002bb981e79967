"""Notices in tests: an outbox, transports that remember, and threads that are none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import Any

from dayfile.delivery.transport import Credentials
from dayfile.exports.outbox import Outbox
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.job import JobSid
from dayfile.model.notice import (
    Channel,
    EventSid,
    JobContent,
    NewNotice,
    Notice,
    NoticeEvent,
    NoticeState,
    Outcome,
    Result,
)
from dayfile.model.resource import MESSAGES
from dayfile.model.secret import Randomness
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.randomness import SeededRandomness
from tests.support.state import a_sid


def an_outbox(randomness: Randomness | None = None, *, start_mails: bool = True) -> Outbox:
    """An outbox that wakes nobody."""
    return Outbox(randomness=randomness or SeededRandomness("outbox"), start_mails=start_mails, wake=lambda: None)


def an_outcome(result: Result = Result.DELIVERED, *, status: int | None = 200) -> Outcome:
    """Return an outcome that an attempt may have."""
    error = "it answered 500" if result is Result.FAILED else None
    return Outcome(result=result, status=status, error=error, answer=b"", retry_after=None)


class AtOnce(Executor):
    """Does what it is given before it returns, so that a step is a whole step; whatever is raised is seen."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class RecordingTransport:
    """Delivers, or does what it is told, and remembers which notices it was given."""

    def __init__(self, answer: Callable[[Notice], Outcome] = lambda _: an_outcome()) -> None:
        self.answer = answer
        self.given: list[tuple[Notice, int]] = []
        self.credentials: list[Credentials] = []

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        """Remember, then answer."""
        self.given.append((notice, attempt))
        self.credentials.append(credentials)
        return self.answer(notice)

    @property
    def names(self) -> list[str]:
        """The friendly names of what was told, in order."""
        return [notice.content.friendly_name for notice, _ in self.given]


def a_notice(
    account: AccountSid,
    name: str = "notice",
    *,
    receiver: str = "https://example.com/hook",
    channel: Channel = Channel.WEBHOOK,
) -> NewNotice:
    """Something to tell of a job, a different one for each name."""
    return NewNotice(
        sid=EventSid(a_sid("EV", name)),
        account=account,
        event=NoticeEvent.JOB_FINISHED,
        channel=channel,
        receiver=receiver,
        method="POST" if channel is Channel.WEBHOOK else None,
        resource_type=MESSAGES,
        job_sid=JobSid(a_sid("JS", name)),
        day=None,
        generation=None,
        content=JobContent(
            friendly_name=name,
            days=DayRange(first=Day.parse("2026-11-01"), last=Day.parse("2026-11-03")),
            days_completed=2,
            days_empty=1,
            days_failed=0,
        ),
    )


def told(database: Database, *notices: NewNotice, now: datetime = NOON) -> None:
    """Write notices to the outbox."""
    with database.transaction() as tx:
        tx.notices.add(notices, now=now)


def a_read_notice(account: AccountSid) -> Notice:
    """A notice as it is read, for tests that need none in particular."""
    new = a_notice(account)
    return Notice(
        **{name: getattr(new, name) for name in NewNotice.__slots__},
        number=1,
        state=NoticeState.PENDING,
        attempts=1,
        created_at=NOON,
        next_attempt_at=NOON,
        ended_at=None,
    )
