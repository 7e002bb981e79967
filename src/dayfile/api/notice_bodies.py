"""Response bodies of notices. Dayfile's own, not Twilio's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from dayfile.api.body import Body, ClosedBody, moment_text, moment_text_or_none
from dayfile.api.openapi.schema import (
    ACCOUNT_SID,
    EVENT_SID,
    EVENT_SID_PATTERN,
    JOB_SID,
    JOB_SID_PATTERN,
    RESOURCE_TYPE,
    day,
    moment,
    number,
    text,
    url,
)
from dayfile.api.paging import MetaBody
from dayfile.model.notice import Attempt, Channel, Notice, NoticeEvent, NoticeState, Result
from dayfile.web.urls import Urls


class NoticeBody(Body, frozen=True, kw_only=True):
    """A notice: one event, told to one receiver."""

    event_sid: Annotated[
        str, text("The sid of the event, the same on every attempt.", EVENT_SID, pattern=EVENT_SID_PATTERN)
    ]
    account_sid: Annotated[str, text("The account.", ACCOUNT_SID)]
    event_type: Annotated[str, text("What happened.", "job.finished", enum=[event.value for event in NoticeEvent])]
    channel: Annotated[str, text("How the receiver is told.", "webhook", enum=[channel.value for channel in Channel])]
    receiver: Annotated[str, text("Who is told: a URL or an e-mail address.", "https://example.com/hook")]
    method: Annotated[str, text("How a webhook is called.", "POST", enum=["GET", "POST"])] | None
    resource_type: Annotated[str, RESOURCE_TYPE]
    friendly_name: Annotated[str, text("The name of the job, or of the daily file.", "october")]
    job_sid: Annotated[str, text("The job; null for a daily file.", JOB_SID, pattern=JOB_SID_PATTERN)] | None
    day: Annotated[str, day("The day of a daily file; null for a job.")] | None
    state: Annotated[
        str,
        text(
            "`pending` until the notice has ended: `delivered`, `stopped` by the receiver, or `exhausted` after the "
            "last attempt of the schedule. A letter is `unsent` if this server has no mail server: then only its "
            "operator has it.",
            "delivered",
            enum=[state.value for state in NoticeState],
        ),
    ]
    attempt_count: Annotated[int, number("Attempts since the notice was written, or last replayed.", 1, minimum=0)]
    date_created: Annotated[str, moment("When it happened.", "2026-10-03T08:12:44Z")]
    date_next_attempt: (
        Annotated[
            str,
            text(
                "When the next attempt is made, at the earliest; null once the notice has ended.",
                "2026-10-03T08:12:49Z",
            ),
        ]
        | None
    )
    date_ended: Annotated[str, text("When it ended; null while it is pending.", "2026-10-03T08:12:44Z")] | None
    url: Annotated[str, url("The address of this notice.", f"/v1/Notices/{EVENT_SID}")]

    @classmethod
    def of(cls, urls: Urls, notice: Notice) -> NoticeBody:
        """Return a notice as it is listed."""
        return cls(
            event_sid=notice.sid,
            account_sid=notice.account,
            event_type=notice.event.value,
            channel=notice.channel.value,
            receiver=notice.receiver,
            method=notice.method,
            resource_type=notice.resource_type.name,
            friendly_name=notice.content.friendly_name,
            job_sid=notice.job_sid,
            day=None if notice.day is None else str(notice.day),
            state=notice.state.value,
            attempt_count=notice.attempts,
            date_created=moment_text(notice.created_at),
            date_next_attempt=moment_text_or_none(notice.next_attempt_at),
            date_ended=moment_text_or_none(notice.ended_at),
            url=urls.notice(notice.sid),
        )


class NoticeListBody(ClosedBody, frozen=True, kw_only=True):
    """One page of the notices, newest first."""

    meta: MetaBody
    notices: list[NoticeBody]


class AttemptBody(Body, frozen=True, kw_only=True):
    """One attempt to tell a receiver."""

    number: Annotated[int, number("1 for the first.", 1, minimum=1)]
    date_began: Annotated[str, moment("When it was made.", "2026-10-03T08:12:44Z")]
    duration_ms: (
        Annotated[int, number("The duration in milliseconds; null while it is not known.", 184, minimum=0)] | None
    )
    outcome: Annotated[
        str,
        text(
            "The outcome. `begun` while the attempt is under way, or if its end was never recorded and it was made "
            "again.",
            "delivered",
            enum=["begun", *(result.value for result in Result)],
        ),
    ]
    status_code: Annotated[int, number("The status of the answer, if one came.", 200)] | None
    error: Annotated[str, text("What went wrong, if anything did.", "no answer within 15 seconds")] | None
    answer: Annotated[str, text("The first bytes of the answer, as text.", "thank you")]

    @classmethod
    def of(cls, attempt: Attempt) -> AttemptBody:
        """Return an attempt."""
        return cls(
            number=attempt.number,
            date_began=moment_text(attempt.began_at),
            duration_ms=None if attempt.took is None else attempt.took // timedelta(milliseconds=1),
            outcome="begun" if attempt.result is None else attempt.result.value,
            status_code=attempt.status,
            error=attempt.error,
            answer=attempt.answer.decode(errors="replace"),
        )


class FetchedNoticeBody(NoticeBody, frozen=True, kw_only=True):
    """A notice, with every attempt."""

    attempts: Annotated[list[AttemptBody], Meta(description="The attempts, in order.")]

    @classmethod
    def whole(cls, urls: Urls, notice: Notice, attempts: Iterable[Attempt]) -> FetchedNoticeBody:
        """Return a notice as it is fetched by its sid."""
        made = [AttemptBody.of(attempt) for attempt in attempts]
        return NoticeBody.of(urls, notice).extended(cls, attempts=made)
