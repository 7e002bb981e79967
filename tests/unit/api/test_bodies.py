from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from dayfile.api.export_bodies import DayBody, ManifestBody
from dayfile.api.job_bodies import CustomJobBody, JobBody
from dayfile.files.gzip import compress
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.empty import EMPTY_FILE, EMPTY_PLAIN_SHA256, EMPTY_SHA256
from dayfile.model.export import DayFile, ListedDay, SealedDay
from dayfile.model.job import Job, JobDay, JobSid, Status, group_by_status
from dayfile.model.resource import MESSAGES
from dayfile.web.queue_places import QueuePlace
from dayfile.web.urls import Urls
from tests.support.day_file import a_day_file

NOW = datetime(2026, 11, 23, 23, 59, 59, 999_999, tzinfo=UTC)
ACCOUNT = AccountSid("AC" + "0a" * 16)
FIRST = Day(date(2026, 11, 1))
URLS = Urls("http://localhost")


def a_sealed_day(*, size_bytes: int = 100) -> SealedDay:
    """A day with two records."""
    return SealedDay(
        id=1,
        account=ACCOUNT,
        resource_type=MESSAGES,
        day=FIRST,
        revision=3,
        key="sealed/x",
        records=2,
        size_bytes=size_bytes,
        plain_bytes=1000,
        sha256="a" * 64,
        plain_sha256="b" * 64,
        encoder="e",
        first_created_at=FIRST.start,
        last_created_at=FIRST.start,
        sealed_at=NOW,
    )


def a_late_day_file(sealed: SealedDay | None) -> DayFile:
    """A day that was published at the very end of another."""
    return replace(a_day_file(ACCOUNT, FIRST, sealed=sealed), friendly_name="november", created_at=NOW)


def a_listed_day(size_bytes: int) -> ListedDay:
    """The same day as the Days list shows it."""
    return ListedDay(
        day=FIRST,
        friendly_name="november",
        created_at=NOW,
        generation=1,
        size_bytes=size_bytes,
    )


def a_job() -> Job:
    """A job over three days."""
    return Job(
        sid=JobSid("JS" + "0" * 32),
        account=ACCOUNT,
        resource_type=MESSAGES,
        days=DayRange(first=FIRST, last=FIRST + 2),
        friendly_name="november",
        webhook_url=None,
        webhook_method=None,
        email=None,
        submit_number=1,
        submitted_at=NOW,
        over_at=None,
        deleted_at=None,
    )


@pytest.mark.parametrize(
    ("size_bytes", "shown"), [(0, 0), (2**31 - 1, 2**31 - 1), (2**31, 2**31 - 1), (2**40, 2**31 - 1)]
)
@pytest.mark.compat(34)
def test_a_size_beyond_32_bits_is_shown_as_the_largest(size_bytes: int, shown: int) -> None:
    """Java and C# clients fail to read a larger one; the manifest has the true size."""
    day_file = a_late_day_file(a_sealed_day(size_bytes=size_bytes))
    assert DayBody.of(a_listed_day(size_bytes), MESSAGES).size == shown
    assert ManifestBody.of(URLS, day_file).size_bytes == size_bytes


@pytest.mark.compat(35)
def test_the_create_date_is_the_utc_day_of_publication() -> None:
    """A server in another time zone must not shift it."""
    assert DayBody.of(a_listed_day(0), MESSAGES).members()["create_date"] == "2026-11-23"


@pytest.mark.parametrize(
    ("done_at", "shown"),
    [
        (datetime(2026, 11, 3, 0, 13, 27, 977_999, tzinfo=UTC), "2026-11-03T00:13:27.977"),
        (datetime(2026, 11, 3, 0, 13, 27, tzinfo=UTC), "2026-11-03T00:13:27.000"),
        (datetime(2026, 11, 3, 2, 0, tzinfo=timezone(timedelta(hours=2))), "2026-11-03T00:00:00.000"),
        (None, None),
    ],
)
@pytest.mark.compat(41)
def test_an_estimate_has_milliseconds_and_no_zone(done_at: datetime | None, shown: str | None) -> None:
    """The one form that was seen in the wild; it is UTC all the same."""
    body = CustomJobBody.created(a_job(), QueuePlace(position=2, done_at=done_at))
    assert body.estimated_completion_time == shown
    assert body.job_queue_position == "2"  # text: strictly typed clients bind it so


@pytest.mark.compat(43)
def test_details_group_days_by_status_and_count_all_of_them() -> None:
    """Tools add up the counts to see whether a job is done."""
    statuses = [Status.COMPLETED, Status.FAILED, Status.COMPLETED]
    days = [
        JobDay(job_sid=a_job().sid, day=FIRST + n, status=status, attempt=1, error="for the operator only")
        for n, status in enumerate(statuses)
    ]
    body = JobBody.of(URLS, a_job(), group_by_status(days), QueuePlace(position=None, done_at=None)).members()
    assert body["details"] == [
        {"status": "Completed", "count": 2, "days": ["2026-11-01", "2026-11-03"]},
        {"status": "Failed", "count": 1, "days": ["2026-11-02"]},
    ]
    assert [list(group) for group in body["details"]] == [["status", "count", "days"]] * 2


def test_the_empty_file_is_what_sealing_nothing_would_give() -> None:
    """Two spellings of nothing would be two revisions of the same."""
    coded, digest = compress([])
    assert (coded, digest.sha256, digest.plain_sha256) == (EMPTY_FILE, EMPTY_SHA256, EMPTY_PLAIN_SHA256)
