"""Export configurations over HTTP: always there, changed in parts, and never half changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from dayfile.store.tables.instance import audit
from tests.support.face import Face, Login

PATH = "/v1/Exports/Messages/Configuration"
HOOK = {"WebhookUrl": "https://example.com/hook?a=1", "WebhookMethod": "POST"}


def change(client: httpx2.Client, **form: str) -> dict[str, Any]:
    """Change something; how it is then, which a fetch must say, too."""
    answer = client.post(PATH, data=form)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert client.get(PATH).json() == body
    return body


def refusal(client: httpx2.Client, **form: str) -> str:
    """The reason for which a change is refused; nothing of it may be left."""
    before = client.get(PATH).json()
    answer = client.post(PATH, data=form)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
    assert client.get(PATH).json() == before
    return str(answer.json()["message"])


def audited(face: Face, account: Login) -> list[tuple[str, str]]:
    """The entries of the audit log about the account's configurations."""
    query = select(audit).where(audit.c.subject.startswith(f"{account.sid}/")).order_by(audit.c.id)
    with face.database.engine.connect() as connection:
        return [(row.actor, row.action) for row in connection.execute(query)]


@pytest.mark.compat(58, 59)
def test_a_configuration_is_there_before_anybody_made_one(face: Face, client: httpx2.Client) -> None:
    """Clients fetch it first; what is not set is an empty text, and no member is missing."""
    body = client.get(PATH).json()
    assert list(body.items()) == [
        ("url", f"{face.url}{PATH}"),
        ("enabled", False),
        ("webhook_url", ""),
        ("webhook_method", ""),
        ("resource_type", "Messages"),
    ]


@pytest.mark.compat(58)
def test_what_is_not_given_stays(client: httpx2.Client) -> None:
    """Each part is changed by itself, however many parts a request has."""
    assert change(client, Enabled="true")["enabled"] is True
    told = change(client, **HOOK, Unknown="ignored")
    assert (told["enabled"], told["webhook_url"], told["webhook_method"]) == (True, HOOK["WebhookUrl"], "POST")
    assert change(client, WebhookMethod="GET") == told | {"webhook_method": "GET"}
    other = "http://[2606:4700::1111]:8443/%20?a=b"
    assert change(client, WebhookUrl=other) == told | {"webhook_method": "GET", "webhook_url": other}
    assert change(client, Enabled="false")["webhook_url"] == other


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}])
def test_an_empty_form_changes_nothing(client: httpx2.Client, headers: dict[str, str]) -> None:
    """Clients send one, with Content-Length 0 and perhaps without saying what kind of body that is."""
    before = change(client, Enabled="true", **HOOK)
    answer = client.post(PATH, headers=headers)
    assert answer.request.headers["content-length"] == "0"
    assert (answer.status_code, answer.json()) == (200, before)


@pytest.mark.parametrize(("text", "enabled"), [("true", True), ("True", True), ("FALSE", False), ("false", False)])
@pytest.mark.compat(59)
def test_clients_spell_yes_and_no_as_their_language_does(client: httpx2.Client, text: str, *, enabled: bool) -> None:
    """Old Python clients send True."""
    assert change(client, Enabled=text)["enabled"] is enabled


@pytest.mark.parametrize("text", ["", "1", "yes", "on", "null", " true", "tr\u0443e"])
def test_what_is_neither_yes_nor_no_is_refused_by_name(client: httpx2.Client, text: str) -> None:
    """Taking it for a no would end somebody's archive without a word; the last one has a Cyrillic letter."""
    assert refusal(client, Enabled=text).startswith("Enabled must be true or false; got ")


def test_an_empty_address_takes_the_webhook_away(client: httpx2.Client) -> None:
    """A method without an address means nothing, so it goes with it, named or not."""
    for form in ({"WebhookUrl": ""}, {"WebhookUrl": "", "WebhookMethod": ""}):
        change(client, **HOOK)
        cleared = change(client, **form)
        assert (cleared["webhook_url"], cleared["webhook_method"]) == ("", "")


@pytest.mark.compat(58)
def test_address_and_method_come_together_after_the_change(client: httpx2.Client) -> None:
    """One of them alone could not be called; that it was given alone is fine where the other one is there."""
    assert "WebhookMethod must be given together with WebhookUrl" in refusal(client, WebhookUrl=HOOK["WebhookUrl"])
    assert "WebhookUrl must be given together with WebhookMethod" in refusal(client, WebhookMethod="GET")
    change(client, **HOOK)
    assert "WebhookMethod must be given" in refusal(client, Enabled="true", WebhookMethod="")
    assert "WebhookUrl must be given" in refusal(client, WebhookUrl="", WebhookMethod="GET")


@pytest.mark.parametrize(
    ("name", "value"),
    [("WebhookMethod", "PUT"), ("WebhookMethod", "post"), ("WebhookUrl", "ftp://a/b"), ("WebhookUrl", "/hook")],
)
def test_a_webhook_that_cannot_be_called_is_refused(client: httpx2.Client, name: str, value: str) -> None:
    """By the name of the parameter, with the rule."""
    assert refusal(client, **(HOOK | {name: value})).startswith(f"{name} must be ")


def test_resource_types_and_accounts_have_their_own(face: Face, client: httpx2.Client) -> None:
    """Enabling Messages for one customer exports nothing else to anybody else."""
    change(client, Enabled="true", **HOOK)
    assert client.get("/v1/Exports/Calls/Configuration").json()["enabled"] is False
    with face.client(face.account()) as other:
        assert other.get(PATH).json()["enabled"] is False


@pytest.mark.parametrize("path", ["/v1/Exports/Jobs/Configuration", "/v1/Exports/messages/Configuration"])
def test_a_resource_type_that_is_none_has_no_configuration(client: httpx2.Client, path: str) -> None:
    """And never gets one by being written to. Jobs stands where a resource type would, and is none."""
    assert (client.get(path).status_code, client.post(path).status_code) in {(404, 404), (404, 405)}


def test_changes_at_once_do_not_undo_each_other(client: httpx2.Client) -> None:
    """Each of two requests changes its own part: none may write back what the other has just changed."""
    with ThreadPoolExecutor(8) as pool:
        for round_number in range(10):
            change(client, Enabled="false", WebhookUrl="https://example.com/before", WebhookMethod="GET")
            url = f"https://example.com/{round_number}"
            forms = [{"Enabled": "true"}, {"WebhookUrl": url}, {"WebhookMethod": "POST"}]
            answers = list(pool.map(lambda form: client.post(PATH, data=form).status_code, forms))
            assert answers == [200] * 3
            after = client.get(PATH).json()
            assert (after["enabled"], after["webhook_url"], after["webhook_method"]) == (True, url, "POST")


def test_every_change_is_in_the_audit_log_with_who_did_it(face: Face, acme: Login) -> None:
    """Somebody asks who switched an archive off; an address of notices may hold a secret and is not written there."""
    key = face.api_key(acme)
    with face.client(acme) as by_token, face.client(key) as by_key:
        change(by_token, Enabled="true", **HOOK)
        change(by_token, Enabled="true", **HOOK)  # nothing new
        refusal(by_token, Enabled="maybe")
        change(by_key, Enabled="false")
    assert audited(face, acme) == [
        (acme.sid, "daily_export.enabled"),
        (acme.sid, "daily_export.webhook_changed"),
        (key.username, "daily_export.disabled"),
    ]


def test_without_credentials_there_is_nothing_to_see(face: Face) -> None:
    """And nothing to change."""
    with httpx2.Client(base_url=face.url) as stranger:
        assert (stranger.get(PATH).status_code, stranger.post(PATH).status_code) == (401, 401)
