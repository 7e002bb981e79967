from __future__ import annotations

from typing import Any

import pytest

from dayfile.client.answers import NotBulkExports, read_day, read_job, read_manifest
from dayfile.model.day import Day

JOB = {
    "job_sid": "JS" + "0" * 32,
    "start_day": "2026-10-01",
    "end_day": "2026-10-03",
    "friendly_name": "october",
    "resource_type": "Messages",
    "job_queue_position": "2",
    "details": [
        {"status": "Completed", "count": 1, "days": ["2026-10-01"]},
        {"status": "Running", "count": 2, "days": ["2026-10-02", "2026-10-03"]},
    ],
}


def test_a_job_is_read_day_by_day() -> None:
    """The groups of the answer are the only place where a status stands."""
    job = read_job(JOB)
    assert (job.finished, job.failed, job.is_over) == (1, 0, False)
    assert job.statuses[Day.parse("2026-10-03")] == "Running"
    assert job.position == "2"


@pytest.mark.parametrize(
    ("details", "finished"),
    [
        (None, 0),  # right after the creation
        ([], 0),
        ([{"status": "Completed", "count": 3, "days": None}], 3),  # 2020: only counted
        ({"status": "Completed", "count": 3, "days": []}, 3),  # an object, as the specification said until 2025
        ([{"status": "SomethingNew", "count": 3, "days": []}], 0),
    ],
)
def test_every_known_form_of_details_is_read(details: Any, finished: int) -> None:
    """Real servers have answered in all of these forms; a client that knows one of them breaks on the others."""
    job = read_job(JOB | {"details": details})
    assert (job.finished, job.is_over) == (finished, finished == 3)


@pytest.mark.parametrize("status", ["Failed", "DeletedByUserRequest"])
def test_days_without_a_file_are_counted_as_failed(status: str) -> None:
    """A job that is over is not a job that went well."""
    job = read_job(JOB | {"details": [{"status": status, "count": 1}, {"status": "CompletedEmptyRecords", "count": 2}]})
    assert (job.is_over, job.failed) == (True, 1)


@pytest.mark.parametrize("answer", [{}, {"job_sid": 1}, JOB | {"start_day": "today"}, JOB | {"end_day": None}])
def test_an_answer_that_is_no_job_is_refused(answer: dict[str, Any]) -> None:
    """Something answers there that is no BulkExports server, and the message should say so."""
    with pytest.raises(NotBulkExports):
        read_job(answer)


def test_a_day_needs_nothing_but_its_day() -> None:
    """Real answers have had null for almost everything else."""
    day = read_day({"day": "2026-10-01", "size": None, "resource_type": None})
    assert (day.day, day.size_bytes) == (Day.parse("2026-10-01"), None)


def test_half_a_manifest_is_none() -> None:
    """Another server's answer at that address must not pass for a proof."""
    with pytest.raises(NotBulkExports):
        read_manifest({"sha256": "0" * 64})
