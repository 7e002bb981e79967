"""The life of a job through each of Twilio's clients: deleted at every stage, or refused from the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from dayfile.model.credential import Permission
from tests.compat.client import Refused
from tests.compat.conftest import Customer
from tests.compat.installed import each_client
from tests.support.face import Face, Login

NOVEMBER = {"start_day": "2026-11-01", "end_day": "2026-11-02", "friendly_name": "november"}


def _is_gone(customer: Customer, sid: str) -> bool:
    with pytest.raises(Refused) as gone:
        customer("fetch_job", sid)
    assert (gone.value.status, gone.value.code) == (404, 20404)
    return sid not in [job["job_sid"] for job in customer("list_jobs", "Messages")]


def _refusal(customer: Customer, *words: str, **options: str) -> Refused:
    with pytest.raises(Refused) as refused:
        customer(*words, **options)
    return refused.value


@pytest.mark.compat(49)
@pytest.mark.parametrize("client_name", each_client())
def test_a_job_that_waits_is_deleted(customer: Customer, face: Face) -> None:
    """At once, and nothing of it is exported."""
    sid = customer("create_job", "Messages", **NOVEMBER)["job_sid"]
    assert customer("delete_job", sid) is True
    assert _is_gone(customer, sid)
    face.work()
    assert customer("list_days", "Messages") == []
    assert _refusal(customer, "delete_job", sid).code == 20404


@pytest.mark.compat(44, 49)
@pytest.mark.parametrize("client_name", each_client())
def test_a_job_that_runs_is_deleted(customer: Customer, face: Face) -> None:
    """It says so until the worker has stopped; then it is gone, and nothing of it is exported."""
    face.work()  # what other tests left in the queue
    sid = customer("create_job", "Messages", **NOVEMBER)["job_sid"]
    claim = face.job_queue.claim(worker="test")
    assert claim is not None
    running = {"count": 2, "days": ["2026-11-01", "2026-11-02"]}
    assert customer("fetch_job", sid)["details"] == [{"status": "Running", **running}]
    assert customer("delete_job", sid) is True
    assert customer("fetch_job", sid)["details"] == [{"status": "RunningToBeDeleted", **running}]
    face.publishing.publish(claim, [job_day.day for job_day in claim.days])
    assert _is_gone(customer, sid)
    assert customer("list_days", "Messages") == []


@pytest.mark.compat(49)
@pytest.mark.parametrize("client_name", each_client())
def test_a_job_that_is_over_is_deleted(customer: Customer, face: Face) -> None:
    """The job is hidden; its files stay until their time is over."""
    sid = customer("create_job", "Messages", **NOVEMBER)["job_sid"]
    face.work()
    assert customer("delete_job", sid) is True
    assert _is_gone(customer, sid)
    assert [day["day"] for day in customer("list_days", "Messages")] == ["2026-11-01", "2026-11-02"]


@pytest.mark.compat(16, 45, 47, 48)
@pytest.mark.parametrize("client_name", each_client())
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_day": "yesterday"}, "StartDay must be a UTC date in the form yyyy-mm-dd; got 'yesterday'"),
        ({"end_day": "2026-11-22"}, "EndDay must be at least two days before today in UTC"),
        ({"start_day": "2026-11-03"}, "StartDay must not be after EndDay"),
        ({"webhook_url": "https://example.com/"}, "WebhookMethod must be given together with WebhookUrl"),
        ({"friendly_name": "x" * 257}, "FriendlyName must have 1 to 256 characters, not 257"),
    ],
    ids=["text", "too recent", "reversed", "half a webhook", "long name"],
)
def test_a_job_that_breaks_a_rule_is_refused(customer: Customer, changes: Mapping[str, str], message: str) -> None:
    """Code, status and message stand where the client's users look for them."""
    refused = _refusal(customer, "create_job", "Messages", **{**NOVEMBER, **changes})
    assert (refused.status, refused.code) == (400, 20001)
    assert message in refused.message


@pytest.mark.compat(48)
@pytest.mark.parametrize("client_name", each_client())
def test_a_name_comes_back_as_it_was_sent(customer: Customer) -> None:
    """Each client encodes forms in its own way: + or %20, upper or lower case."""
    name = "Größe & ü=+% 'q' \"日本\" a  b;c,d/e?f#g~h*"
    sid = customer("create_job", "Messages", **(NOVEMBER | {"friendly_name": name}))["job_sid"]
    assert customer("fetch_job", sid)["friendly_name"] == name


@pytest.mark.compat(10)
@pytest.mark.parametrize("client_name", each_client())
def test_wrong_credentials_are_refused(customer: Customer, acme: Login) -> None:
    """20003 is what everybody knows."""
    stranger = replace(customer, login=replace(acme, password="wrong"))
    refused = _refusal(stranger, "fetch_export", "Messages")
    assert (refused.status, refused.code) == (401, 20003)
    assert refused.message.endswith("Authenticate")  # twilio-python puts its own words before it


@pytest.mark.compat(39)
@pytest.mark.parametrize("client_name", each_client())
def test_a_day_without_a_file_is_not_found(customer: Customer) -> None:
    """Tools take 404 for "the file has expired, create a new job"."""
    refused = _refusal(customer, "fetch_day", "Messages", "2026-11-01")
    assert (refused.status, refused.code) == (404, 20404)
    assert "/v1/Exports/Messages/Days/2026-11-01 was not found" in refused.message


@pytest.mark.compat(8)
@pytest.mark.parametrize("client_name", each_client())
def test_an_api_key_signs_in(customer: Customer, face: Face, acme: Login) -> None:
    """A key stands for its account."""
    face.publish(acme, "2026-11-01")
    by_key = replace(customer, login=face.api_key(acme))
    assert [day["day"] for day in by_key("list_days", "Messages")] == ["2026-11-01"]


@pytest.mark.compat(65)
@pytest.mark.parametrize("client_name", each_client())
def test_a_restricted_key_may_what_its_permissions_say(customer: Customer, face: Face, acme: Login) -> None:
    """A key that only collects files cannot ask for more of them; the refusal names what is lacking."""
    face.publish(acme, "2026-11-01")
    collector = replace(customer, login=face.api_key(acme, Permission.EXPORTS_READ, Permission.DOWNLOADS_READ))
    assert [day["day"] for day in collector("list_days", "Messages")] == ["2026-11-01"]
    refused = _refusal(collector, "create_job", "Messages", **NOVEMBER)
    assert (refused.status, refused.code) == (403, 20403)
    assert "jobs:write" in refused.message


@pytest.mark.compat(9)
@pytest.mark.parametrize("client_name", each_client())
def test_a_subaccount_has_its_own_days(customer: Customer, face: Face, acme: Login) -> None:
    """Scripts loop over subaccounts with the credentials of each."""
    child = face.account(parent=acme.sid)
    face.publish(child, "2026-11-01")
    assert customer("list_days", "Messages") == []
    assert len(replace(customer, login=child)("list_days", "Messages")) == 1
