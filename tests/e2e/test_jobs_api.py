from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.face import Face, Login, served_face

TWO_DAYS = {"StartDay": "2026-11-01", "EndDay": "2026-11-02", "FriendlyName": "november"}
JOBS = "/v1/Exports/Messages/Jobs"
DAYS = "/v1/Exports/Messages/Days"


def members(body: dict[str, Any]) -> list[str]:
    """Their names, in the order in which they were sent."""
    return list(body)


@pytest.mark.compat(4, 40, 41)
def test_a_job_is_created_with_a_place_in_the_queue(client: httpx2.Client) -> None:
    """201, details null, position and estimate as text: what strictly typed clients bind."""
    answer = client.post(JOBS, data=TWO_DAYS)
    body = answer.json()
    assert answer.status_code == 201
    assert members(body) == [
        *("start_day", "job_sid", "friendly_name", "webhook_method", "details", "end_day", "webhook_url", "email"),
        *("resource_type", "job_queue_position", "estimated_completion_time"),
    ]
    assert (body["start_day"], body["end_day"], body["friendly_name"]) == ("2026-11-01", "2026-11-02", "november")
    assert body["details"] is body["webhook_url"] is body["webhook_method"] is body["email"] is None
    assert int(body["job_queue_position"]) >= 1
    assert len(body["estimated_completion_time"]) == len("2026-11-23T12:00:00.040")


@pytest.mark.compat(48)
def test_what_was_given_with_a_job_is_returned_as_it_was_sent(client: httpx2.Client) -> None:
    """A friendly name is any text, and the webhook is the customer's own."""
    given = {
        "FriendlyName": "Größe & ü=+% 'q' \u2028 日本",
        "WebhookUrl": "https://example.com/hook?a=1&b=%20",
        "WebhookMethod": "POST",
        "Email": "someone+tag@example.com",
    }
    body = client.post(JOBS, data=TWO_DAYS | given | {"Unknown": "ignored"}).json()
    assert body["friendly_name"] == given["FriendlyName"]
    assert (body["webhook_url"], body["webhook_method"]) == (given["WebhookUrl"], "POST")
    assert body["email"] == given["Email"]


@pytest.mark.compat(47)
def test_empty_texts_are_as_good_as_none(client: httpx2.Client) -> None:
    """Forms send them for fields that were left empty."""
    body = client.post(JOBS, data=TWO_DAYS | {"WebhookUrl": "", "WebhookMethod": "", "Email": ""}).json()
    assert body["webhook_url"] is body["webhook_method"] is body["email"] is None


@pytest.mark.compat(1, 33, 35, 36, 43)
def test_a_job_is_followed_until_its_days_are_published(face: Face, acme: Login, client: httpx2.Client) -> None:
    """The story of every user: create, poll, list the days."""
    sealed = face.seal(acme, "2026-11-01", b'{"a":1}\n{"b":2}\n')
    sid = client.post(JOBS, data=TWO_DAYS).json()["job_sid"]
    queued = client.get(f"/v1/Exports/Jobs/{sid}").json()
    assert members(queued) == [
        *("start_day", "job_sid", "url", "friendly_name", "end_day", "details", "webhook_url", "webhook_method"),
        *("email", "resource_type", "job_queue_position", "estimated_completion_time"),
    ]
    assert queued["url"] == f"{face.url}/v1/Exports/Jobs/{sid}"
    assert queued["details"] == [{"status": "Submitted", "count": 2, "days": ["2026-11-01", "2026-11-02"]}]
    face.work()
    done = client.get(f"/v1/Exports/Jobs/{sid}").json()
    assert done["details"] == [
        {"status": "Completed", "count": 1, "days": ["2026-11-01"]},
        {"status": "CompletedEmptyRecords", "count": 1, "days": ["2026-11-02"]},
    ]
    assert done["job_queue_position"] is done["estimated_completion_time"] is None
    listed = client.get(DAYS).json()
    assert members(listed) == ["meta", "days"]
    entry = {"friendly_name": "november", "create_date": "2026-11-23", "resource_type": "Messages"}
    assert listed["days"] == [
        entry | {"day": "2026-11-01", "size": sealed.size_bytes},
        entry | {"day": "2026-11-02", "size": 20},  # a day without records is listed, with a gzip of nothing
    ]
    assert members(listed["days"][0]) == ["friendly_name", "create_date", "day", "resource_type", "size"]


@pytest.mark.compat(28, 54)
def test_jobs_are_listed_newest_first(client: httpx2.Client) -> None:
    """A tool looks for the job that it has just created among the first entries."""
    sids = [client.post(JOBS, data=TWO_DAYS).json()["job_sid"] for _ in range(3)]
    listed = client.get(JOBS).json()
    assert [job["job_sid"] for job in listed["jobs"]] == sids[::-1]
    assert listed["meta"]["key"] == "jobs"
    # Twilio's command line wants exactly one array at the top.
    assert [name for name, value in listed.items() if isinstance(value, list)] == ["jobs"]
    assert listed["jobs"][0]["details"] == [{"status": "Submitted", "count": 2, "days": ["2026-11-01", "2026-11-02"]}]


@pytest.mark.compat(49, 54)
def test_a_deleted_job_is_gone_and_its_files_stay(face: Face, acme: Login, client: httpx2.Client) -> None:
    """204 without a body: Twilio's command line takes anything else for a failure."""
    done = client.post(JOBS, data=TWO_DAYS).json()["job_sid"]
    face.work()
    queued = client.post(JOBS, data=TWO_DAYS).json()["job_sid"]
    for sid in (done, queued):
        deleted = client.delete(f"/v1/Exports/Jobs/{sid}")
        assert (deleted.status_code, deleted.content) == (204, b"")
        assert client.get(f"/v1/Exports/Jobs/{sid}").status_code == 404
        assert client.delete(f"/v1/Exports/Jobs/{sid}").status_code == 404
    assert client.get(JOBS).json()["jobs"] == []
    assert len(client.get(DAYS).json()["days"]) == 2


@pytest.mark.compat(75)
def test_a_job_has_one_sid_whichever_case_it_is_asked_for_in(face: Face, client: httpx2.Client) -> None:
    """The specification's pattern allows both; the answer has the one spelling that it was given out with."""
    face.work()
    sid = client.post(JOBS, data=TWO_DAYS).json()["job_sid"]
    upper = f"/v1/Exports/Jobs/JS{sid[2:].upper()}"
    shown = client.get(upper).json()
    assert (shown["job_sid"], shown["url"]) == (sid, f"{face.url}/v1/Exports/Jobs/{sid}")
    assert client.delete(upper).status_code == 204
    assert client.get(f"/v1/Exports/Jobs/{sid}").status_code == client.get(upper).status_code == 404
    assert client.get(f"/v1/Exports/Jobs/js{sid[2:]}").status_code == 404


@pytest.mark.compat(49)
def test_a_job_is_deleted_again_as_long_as_it_is_shown(face: Face, client: httpx2.Client) -> None:
    """A client that lost the answer asks again, and must not be told that there never was such a job."""
    face.work()  # nothing else is in the queue
    sid = client.post(JOBS, data=TWO_DAYS).json()["job_sid"]
    address = f"/v1/Exports/Jobs/{sid}"
    claim = face.job_queue.claim(worker="test")
    assert claim is not None
    for _ in range(3):
        assert client.delete(address).status_code == 204
        assert client.get(address).json()["details"][0]["status"] == "RunningToBeDeleted"
    face.publishing.publish(claim, [job_day.day for job_day in claim.days])
    assert client.get(address).status_code == client.delete(address).status_code == 404


def test_two_requests_at_once_get_two_places(client: httpx2.Client) -> None:
    """Submit numbers are given under one lock: nobody shares a place, nobody loses a job."""
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda _: client.post(JOBS, data=TWO_DAYS).json(), range(16)))
    listed = client.get(JOBS).json()["jobs"]
    assert {job["job_sid"] for job in listed} == {job["job_sid"] for job in created}
    assert len({job["job_queue_position"] for job in listed}) == 16


def test_texts_are_sent_as_text(client: httpx2.Client) -> None:
    """UTF-8 needs no escapes; the bytes are what the length says."""
    answer = client.post(JOBS, data=TWO_DAYS | {"FriendlyName": "日本"})
    assert "日本".encode() in answer.content
    assert json.loads(answer.content)["friendly_name"] == "日本"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.compat(46)
def test_the_quota_says_what_is_left_and_when_it_starts_anew(tmp_path: Path) -> None:
    """A customer must be able to plan: how many today, and from when on again."""
    with served_face(tmp_path, quota_days=3) as face, face.client(face.account()) as client:
        assert client.post(JOBS, data=TWO_DAYS).status_code == 201
        refused = client.post(JOBS, data=TWO_DAYS)
        assert (refused.status_code, refused.json()["code"]) == (400, 20001)
        assert "1 of 3" in refused.json()["message"]
        assert "2026-11-24" in refused.json()["message"]
        assert client.post(JOBS, data=TWO_DAYS | {"EndDay": "2026-11-01"}).status_code == 201


def test_a_slash_at_the_end_is_accepted_on_writes_too(client: httpx2.Client) -> None:
    """Clients that put one there put it everywhere."""
    sid = client.post(JOBS + "/", data=TWO_DAYS).json()["job_sid"]
    assert client.delete(f"/v1/Exports/Jobs/{sid}/").status_code == 204
