"""Twilio's own Python client against a running server: the base URL is all that a customer changes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import httpx2
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from tests.support.face import Face, Login, served_face


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance for all of these tests."""
    with served_face(tmp_path_factory.mktemp("face")) as face:
        yield face


@pytest.fixture
def acme(face: Face) -> Login:
    """An account that nobody else uses."""
    return face.account()


@pytest.fixture
def client(face: Face, acme: Login) -> Client:
    """Twilio's client with the account's credentials."""
    return a_client(face, acme)


def a_client(face: Face, login: Login) -> Client:
    """Twilio's client as a customer points it at a server of their own."""
    client = Client(
        login.username, login.password, account_sid=login.sid, http_client=TwilioHttpClient(pool_connections=False)
    )
    client.bulkexports.base_url = face.url
    return client


def test_a_job_is_created_listed_fetched_and_deleted(face: Face, client: Client) -> None:
    """Every call on a job, with what a user reads from its answer."""
    jobs = client.bulkexports.v1.exports("Messages").export_custom_jobs
    created = jobs.create(
        start_day="2026-11-01",
        end_day="2026-11-02",
        friendly_name="a job & more",
        webhook_url="https://example.com/hook",
        webhook_method="POST",
        email="someone@example.com",
    )
    assert created.friendly_name == "a job & more"
    assert created.details is None
    assert created.job_queue_position is not None
    assert [job.job_sid for job in jobs.list()] == [created.job_sid]
    face.work()
    job = client.bulkexports.v1.exports.jobs(created.job_sid)
    fetched = job.fetch()
    assert fetched.details == [{"status": "CompletedEmptyRecords", "count": 2, "days": ["2026-11-01", "2026-11-02"]}]
    assert job.delete() is True
    with pytest.raises(TwilioRestException) as gone:
        job.fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


@pytest.mark.parametrize(
    ("limit", "page_size"), [(None, None), (5000, None), (7, None), (None, 1), (None, 2), (25, 10)]
)
@pytest.mark.compat(21)
def test_days_are_listed_however_the_pages_are_cut(
    face: Face, acme: Login, client: Client, *, limit: int | None, page_size: int | None
) -> None:
    """The real service once stopped at ten days without a word."""
    face.publish(acme, "2026-09-01", "2026-09-30")
    face.publish(acme, "2026-10-01", "2026-10-30")
    days = client.bulkexports.v1.exports("Messages").days.list(limit=limit, page_size=page_size)
    wanted = [f"2026-{month:02}-{day:02}" for month in (9, 10) for day in range(1, 31)]
    assert [day.day for day in days] == wanted[:limit]
    assert days[0].size == 20
    assert days[0].create_date == "2026-11-23"


def test_a_day_is_fetched_as_the_address_of_its_file(face: Face, acme: Login, client: Client) -> None:
    """307 is an answer and no error to it; the file behind needs no credentials."""
    face.seal(acme, "2026-11-01", b'{"a":1}\n')
    face.publish(acme, "2026-11-01")
    day = client.bulkexports.v1.exports("Messages").days("2026-11-01").fetch()
    assert gzip.decompress(httpx2.get(day.redirect_to).content) == b'{"a":1}\n'


def test_an_export_is_fetched(client: Client) -> None:
    """The links are of this server."""
    export = client.bulkexports.v1.exports("Calls").fetch()
    assert export.resource_type == "Calls"
    assert export.links["days"] == f"{export.url}/Days"


def test_an_api_key_signs_in(face: Face, acme: Login) -> None:
    """As with Twilio, a key stands for its account."""
    assert a_client(face, face.api_key(acme)).bulkexports.v1.exports("Messages").days.list() == []


def test_errors_come_as_twilios_exception(client: Client) -> None:
    """Code, status and message where its users look for them."""
    with pytest.raises(TwilioRestException, match="StartDay must be a UTC date in the form yyyy-mm-dd") as refused:
        client.bulkexports.v1.exports("Messages").export_custom_jobs.create(
            start_day="yesterday", end_day="2026-11-02", friendly_name="a job"
        )
    assert (refused.value.status, refused.value.code) == (400, 20001)


def test_wrong_credentials_come_as_twilios_exception(face: Face, acme: Login) -> None:
    """20003 is what its users know."""
    wrong = Login(sid=acme.sid, username=acme.sid, password="wrong")
    with pytest.raises(TwilioRestException) as refused:
        a_client(face, wrong).bulkexports.v1.exports("Messages").fetch()
    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_a_day_without_a_file_is_not_found(client: Client) -> None:
    """Tools take 404 for "the file has expired, create a new job"."""
    with pytest.raises(TwilioRestException) as gone:
        client.bulkexports.v1.exports("Messages").days("2026-11-01").fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)
