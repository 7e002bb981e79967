"""The addresses that customers may have webhooks sent to, through the API: one rule for jobs and configurations."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.face import Face, served_face

JOB = {"StartDay": "2026-10-01", "EndDay": "2026-10-02", "FriendlyName": "october"}
FORMS = {"Jobs": JOB, "Configuration": {"Enabled": "true"}}


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance for all of these tests, where `inside.example` leads into the operator's network."""
    with served_face(tmp_path_factory.mktemp("face"), quota_days=0) as face:
        yield face


@pytest.fixture
def client(face: Face) -> Iterator[httpx2.Client]:
    """The HTTP client of an account that nobody else uses."""
    with face.client(face.account()) as client:
        yield client


@pytest.mark.compat(47)
@pytest.mark.parametrize("place", FORMS)
@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://127.0.0.1:8080/hook", "must lead to public addresses only"),
        ("http://[::ffff:10.0.0.1]/hook", "must lead to public addresses only"),
        ("https://inside.example/hook", "must lead to public addresses only"),
        ("http://0x7f000001/hook", "must spell an IPv4 address as four decimal numbers"),
        ("https://me:secret@hook.example/", "must not contain a user name or password"),
        ("https://hook.example:25/", "must have port 80, 443, or one from 1024 on that no other protocol is known for"),
    ],
)
def test_a_receiver_that_may_not_be_called_is_refused_at_once(
    client: httpx2.Client, place: str, url: str, rule: str
) -> None:
    """The answer names the parameter, the rule and the value, and nothing is left of the request."""
    form = {**FORMS[place], "WebhookUrl": url, "WebhookMethod": "POST"}
    answer = client.post(f"/v1/Exports/Messages/{place}", data=form)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
    assert answer.json()["message"] == f"WebhookUrl {rule}; got {url!r}"
    assert client.get("/v1/Exports/Messages/Jobs").json()["jobs"] == []
    assert client.get("/v1/Exports/Messages/Configuration").json()["enabled"] is False


@pytest.mark.parametrize(("place", "status"), [("Jobs", 201), ("Configuration", 200)])
def test_a_receiver_whose_name_does_not_resolve_now_is_taken(client: httpx2.Client, place: str, status: int) -> None:
    """Name servers are away at times; it is looked up, and checked, again at every call."""
    form = {**FORMS[place], "WebhookUrl": "https://later.example/hook", "WebhookMethod": "GET"}
    assert client.post(f"/v1/Exports/Messages/{place}", data=form).status_code == status


@pytest.mark.parametrize("place", FORMS)
def test_a_url_is_shown_as_it_was_given(client: httpx2.Client, place: str) -> None:
    """Clients compare it with what they sent; docs/webhooks.md says in which form it is called."""
    url = "HTTPS://Hook.Example:443?"
    answer = client.post(
        f"/v1/Exports/Messages/{place}", data={**FORMS[place], "WebhookUrl": url, "WebhookMethod": "GET"}
    )
    assert answer.json()["webhook_url"] == url
