"""Response bodies of custom jobs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta

from dayfile.api.body import ClosedBody, json_text
from dayfile.api.openapi.schema import JOB_SID, JOB_SID_PATTERN, RESOURCE_TYPE, day, number, text, url
from dayfile.api.paging import MetaBody
from dayfile.model.job import Job, ListedJob, Status, StatusGroup
from dayfile.model.resource import ResourceType
from dayfile.web.queue_places import NO_PLACE, QueuePlace, QueuePlaces
from dayfile.web.urls import Urls

_DETAILS: Final = Meta(
    description="The days of the job, grouped by their status. A job has no status of its own. Null in the answer "
    "that creates the job."
)

REMEMBERED_JOBS: Final = 1000
"""Most entries of Jobs lists whose JSON is remembered: half a megabyte, or nine if all have a year of days."""

StartDay = Annotated[date, day("The first day of the job.")]
EndDay = Annotated[date, day("The last day of the job.", "2026-10-02")]
Sid = Annotated[str, text("The job's sid.", JOB_SID, minLength=34, maxLength=34, pattern=JOB_SID_PATTERN)]
FriendlyName = Annotated[str, text("The name that the job was given.", "october")]
WebhookUrl = Annotated[str, text("The webhook, as it was given.", "https://example.com/hook")]
WebhookMethod = Annotated[str, text("How the webhook is called, as it was given.", "POST", enum=["GET", "POST"])]
Email = Annotated[str, text("The e-mail address, as it was given.", "someone@example.com")]
QueuePosition = Annotated[
    str,
    text(
        "The place in the queue: 1 is the next. It never rises, and is null once the job is over.",
        "1",
        pattern="^[1-9][0-9]*$",
    ),
]
CompletionTime = Annotated[
    str,
    text(
        "The estimated time, in UTC, when the job will be done. Null once the job is over.",
        "2026-10-03T00:13:27.977",
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}$",
    ),
]


class JobDetailBody(ClosedBody, frozen=True, kw_only=True):
    """The days of a job that have one status."""

    status: Annotated[
        str,
        text(
            "Completed, CompletedEmptyRecords, Failed and DeletedByUserRequest are final; a day with ErrorDuringRun "
            "is tried again.",
            "Completed",
            enum=[status.value for status in Status],
        ),
    ]
    count: Annotated[int, number("The number of these days.", 2, minimum=1)]
    days: Annotated[list[Annotated[date, day("A day of the job.")]], Meta(description="The days themselves.")]

    @classmethod
    def all_of(cls, groups: Iterable[StatusGroup]) -> list[JobDetailBody]:
        """Return the days of a job."""
        return [
            cls(status=group.status.value, count=len(group.days), days=[day.date for day in group.days])
            for group in groups
        ]


class CustomJobBody(ClosedBody, frozen=True, kw_only=True):
    """A job as it is created and listed."""

    start_day: StartDay
    job_sid: Sid
    friendly_name: FriendlyName
    webhook_method: WebhookMethod | None
    details: Annotated[list[JobDetailBody] | None, _DETAILS]
    end_day: EndDay
    webhook_url: WebhookUrl | None
    email: Email | None
    resource_type: Annotated[str, RESOURCE_TYPE]
    job_queue_position: QueuePosition | None
    estimated_completion_time: CompletionTime | None

    @classmethod
    def of(cls, job: ListedJob, resource_type: ResourceType, place: QueuePlace) -> CustomJobBody:
        """Return an entry of the Jobs list of a resource type."""
        return cls(
            start_day=job.first.date,
            job_sid=job.sid,
            friendly_name=job.friendly_name,
            webhook_method=job.webhook_method,
            details=JobDetailBody.all_of(job.details),
            end_day=job.last.date,
            webhook_url=job.webhook_url,
            email=job.email,
            resource_type=resource_type.name,
            job_queue_position=_position_text(place.position),
            estimated_completion_time=_estimate_text(place.done_at),
        )

    @classmethod
    def created(cls, job: Job, place: QueuePlace) -> CustomJobBody:
        """Return a job on its creation, when there are no details."""
        return cls(
            start_day=job.days.first.date,
            job_sid=job.sid,
            friendly_name=job.friendly_name,
            webhook_method=job.webhook_method,
            details=None,
            end_day=job.days.last.date,
            webhook_url=job.webhook_url,
            email=job.email,
            resource_type=job.resource_type.name,
            job_queue_position=_position_text(place.position),
            estimated_completion_time=_estimate_text(place.done_at),
        )


def job_json(job: ListedJob, resource_type: ResourceType, places: QueuePlaces) -> bytes:
    """Return an entry of the Jobs list as JSON."""
    if job.over_at is None:
        return json_text(CustomJobBody.of(job, resource_type, places.place(job)))  # its estimate changes all the time
    return _json_of_over(job, resource_type)


@lru_cache(maxsize=REMEMBERED_JOBS)
def _json_of_over(job: ListedJob, resource_type: ResourceType) -> bytes:
    return json_text(CustomJobBody.of(job, resource_type, NO_PLACE))


class CustomJobListBody(ClosedBody, frozen=True, kw_only=True):
    """One page of the jobs, newest first."""

    meta: MetaBody
    jobs: list[CustomJobBody]


class JobBody(ClosedBody, frozen=True, kw_only=True):
    """A job as it is fetched."""

    # The members of CustomJobBody and `url`, in Twilio's other order.
    start_day: StartDay
    job_sid: Sid
    url: Annotated[str, url("The address of this job.", f"/v1/Exports/Jobs/{JOB_SID}")]
    friendly_name: FriendlyName
    end_day: EndDay
    details: Annotated[list[JobDetailBody] | None, _DETAILS]
    webhook_url: WebhookUrl | None
    webhook_method: WebhookMethod | None
    email: Email | None
    resource_type: Annotated[str, RESOURCE_TYPE]
    job_queue_position: QueuePosition | None
    estimated_completion_time: CompletionTime | None

    @classmethod
    def of(cls, urls: Urls, job: Job, days: Iterable[StatusGroup], place: QueuePlace) -> JobBody:
        """Return a job with its days."""
        return cls(
            start_day=job.days.first.date,
            job_sid=job.sid,
            url=urls.job(job.sid),
            friendly_name=job.friendly_name,
            end_day=job.days.last.date,
            details=JobDetailBody.all_of(days),
            webhook_url=job.webhook_url,
            webhook_method=job.webhook_method,
            email=job.email,
            resource_type=job.resource_type.name,
            job_queue_position=_position_text(place.position),
            estimated_completion_time=_estimate_text(place.done_at),
        )


def _position_text(position: int | None) -> str | None:
    return None if position is None else str(position)


def _estimate_text(done_at: datetime | None) -> str | None:
    """Return an estimate in Twilio's format: milliseconds, and no zone although it is UTC."""
    return None if done_at is None else done_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
