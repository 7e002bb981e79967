"""Response bodies of the API: Twilio's have exactly Twilio's members in Twilio's order; others are Dayfile's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dayfile.api.urls import Urls
from dayfile.model.day import Day
from dayfile.model.empty import EMPTY_ENCODER, EMPTY_FILE, EMPTY_PLAIN_SHA256, EMPTY_SHA256
from dayfile.model.export import DayFile, ExportConfiguration, SealedDay
from dayfile.model.job import Job, JobDay, group_by_status
from dayfile.model.notice import Attempt, Notice
from dayfile.model.resource import ResourceType

Body = Mapping[str, object]

LARGEST_SIZE = 2**31 - 1
"""Largest `size`: Java and C# clients parse it as 32 bits. The manifest and Content-Length have the true size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """The place of a job in the queue and its estimated end; both None once it is over."""

    position: int | None
    done_at: datetime | None  # as estimated


def export_shape(urls: Urls, resource_type: ResourceType) -> Body:
    """Return the export of a resource type: its URLs."""
    return {
        "resource_type": resource_type.name,
        "url": urls.export(resource_type),
        "links": {
            "days": urls.days(resource_type),
            "export_custom_jobs": urls.export_custom_jobs(resource_type),
            "jobs": urls.jobs,
        },
    }


def configuration_shape(urls: Urls, configuration: ExportConfiguration) -> Body:
    """Return a configuration; an unset webhook URL or method is an empty text."""
    return {
        "url": urls.configuration(configuration.resource_type),
        "enabled": configuration.is_enabled,
        "webhook_url": configuration.webhook_url,
        "webhook_method": configuration.webhook_method,
        "resource_type": configuration.resource_type.name,
    }


def day_shape(day_file: DayFile) -> Body:
    """Return one entry of the Days list."""
    return {
        "friendly_name": day_file.friendly_name,
        "create_date": str(Day.of(day_file.created_at)),
        "day": str(day_file.day),
        "resource_type": day_file.resource_type.name,
        "size": min(day_file.sealed.size_bytes if day_file.sealed else len(EMPTY_FILE), LARGEST_SIZE),
    }


def custom_job_shape(job: Job, days: Iterable[JobDay] | None, place: QueuePlace) -> Body:
    """Return a job as it is created and listed; `days` is None on creation, when there are no details."""
    return {
        "start_day": str(job.days.first),
        "job_sid": job.sid,
        "friendly_name": job.friendly_name,
        "webhook_method": job.webhook_method,
        "details": None if days is None else _details(days),
        "end_day": str(job.days.last),
        "webhook_url": job.webhook_url,
        "email": job.email,
        "resource_type": job.resource_type.name,
        **_place(place),
    }


def job_shape(urls: Urls, job: Job, days: Iterable[JobDay], place: QueuePlace) -> Body:
    """Return a job as it is fetched by its sid."""
    return {
        "start_day": str(job.days.first),
        "job_sid": job.sid,
        "url": urls.job(job.sid),
        "friendly_name": job.friendly_name,
        "end_day": str(job.days.last),
        "details": _details(days),
        "webhook_url": job.webhook_url,
        "webhook_method": job.webhook_method,
        "email": job.email,
        "resource_type": job.resource_type.name,
        **_place(place),
    }


def manifest_shape(urls: Urls, day_file: DayFile) -> Body:
    """Return the manifest of a day, Dayfile's own. A day without records has revision 0 and no times."""
    sealed = day_file.sealed
    return {
        "account_sid": day_file.account,
        "resource_type": day_file.resource_type.name,
        "day": str(day_file.day),
        **(_empty_manifest() if sealed is None else _sealed_manifest(sealed)),
        "friendly_name": day_file.friendly_name,
        "date_created": moment_text(day_file.created_at),
        "date_expires": moment_text(day_file.expires_at),
        "url": urls.manifest(day_file.resource_type, day_file.day),
    }


def notice_shape(urls: Urls, notice: Notice) -> Body:
    """Return a notice as it is listed; Dayfile's own."""
    return {
        "event_sid": notice.sid,
        "account_sid": notice.account,
        "event_type": notice.event.value,
        "channel": notice.channel.value,
        "receiver": notice.receiver,
        "method": notice.method,
        "resource_type": notice.resource_type.name,
        "friendly_name": notice.content.friendly_name,
        "job_sid": notice.job_sid,
        "day": None if notice.day is None else str(notice.day),
        "state": notice.state.value,
        "attempt_count": notice.attempts,
        "date_created": moment_text(notice.created_at),
        "date_next_attempt": None if notice.next_attempt_at is None else moment_text(notice.next_attempt_at),
        "date_ended": None if notice.ended_at is None else moment_text(notice.ended_at),
        "url": urls.notice(notice.sid),
    }


def fetched_notice_shape(urls: Urls, notice: Notice, attempts: Iterable[Attempt]) -> Body:
    """Return a notice as it is fetched by its sid, with every attempt."""
    return {**notice_shape(urls, notice), "attempts": [_attempt(attempt) for attempt in attempts]}


def _attempt(attempt: Attempt) -> Body:
    return {
        "number": attempt.number,
        "date_began": moment_text(attempt.began_at),
        "duration_ms": None if attempt.took is None else attempt.took // timedelta(milliseconds=1),
        "outcome": "begun" if attempt.result is None else attempt.result.value,
        "status_code": attempt.status,
        "error": attempt.error,
        "answer": attempt.answer.decode(errors="replace"),
    }


def _sealed_manifest(sealed: SealedDay) -> Body:
    return {
        "revision": sealed.revision,
        "records": sealed.records,
        "size_bytes": sealed.size_bytes,
        "sha256": sealed.sha256,
        "plain_bytes": sealed.plain_bytes,
        "plain_sha256": sealed.plain_sha256,
        "first_date_created": moment_text(sealed.first_created_at) if sealed.records else None,
        "last_date_created": moment_text(sealed.last_created_at) if sealed.records else None,
        "date_sealed": moment_text(sealed.sealed_at),
        "encoder": sealed.encoder,
        "incomplete": sealed.is_incomplete,
    }


def _empty_manifest() -> Body:
    return {
        "revision": 0,
        "records": 0,
        "size_bytes": len(EMPTY_FILE),
        "sha256": EMPTY_SHA256,
        "plain_bytes": 0,
        "plain_sha256": EMPTY_PLAIN_SHA256,
        "first_date_created": None,
        "last_date_created": None,
        "date_sealed": None,
        "encoder": EMPTY_ENCODER,
        "incomplete": False,
    }


def _details(days: Iterable[JobDay]) -> list[Body]:
    return [
        {"status": group.status.value, "count": len(group.days), "days": [str(day) for day in group.days]}
        for group in group_by_status(days)
    ]


def _place(place: QueuePlace) -> Body:
    done_at = place.done_at
    return {
        "job_queue_position": None if place.position is None else str(place.position),
        # Twilio's format: milliseconds, and no zone although it is UTC.
        "estimated_completion_time": None
        if done_at is None
        else done_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds"),
    }


def moment_text(moment: datetime) -> str:
    """Return a moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
