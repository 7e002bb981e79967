"""Addresses in the audit log: every line that a request writes has that of its client."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from dayfile.model.credential import Scope
from dayfile.model.notice import Result
from dayfile.store.audit import Deed
from tests.support.face import Face, Login, served_face
from tests.support.lanes import claimed, concluded
from tests.support.notices import a_notice, an_outcome, told

CLIENT = "2001:db8::9"
HEADERS = {"X-Forwarded-For": f"203.0.113.1, {CLIENT}"}
DAY = "/v1/Exports/Messages/Days/2026-11-01"
CONFIGURATION = "/v1/Exports/Messages/Configuration"


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance, behind a proxy on this machine."""
    with served_face(tmp_path_factory.mktemp("face"), trusted_proxies="127.0.0.1") as face:
        yield face


@pytest.fixture
def before(face: Face, acme: Login) -> int:
    """The number of the last line before the requests of a test."""
    with face.database.snapshot() as tx:
        return tx.audit.newest(limit=1)[0].number


def deeds_since(face: Face, before: int) -> list[Deed]:
    """Return the deeds since, oldest first."""
    with face.database.snapshot() as tx:
        return [line.deed for line in tx.audit.newest(limit=100) if line.number > before][::-1]


def a_notice_that_ended(face: Face, account: Login) -> str:
    """Its event sid."""
    new, now = a_notice(account.sid, "ended"), face.clock.now()
    told(face.database, new, now=now)
    turn = claimed(face.database, account.sid, now=now)
    assert turn is not None
    concluded(face.database, turn, an_outcome(Result.DELIVERED, status=200), now=now)
    return new.sid


def test_what_a_customer_does_has_their_address(face: Face, acme: Login, before: int) -> None:
    """After files were taken, a webhook changed or a key made, somebody will ask from which address."""
    face.publish(acme, "2026-11-01")
    keys = f"/v1/Accounts/{acme.sid}/Keys"
    with httpx2.Client(base_url=face.url, auth=acme.basic, headers=HEADERS) as client:
        assert client.get(DAY).status_code == 307
        assert client.post(CONFIGURATION, data={"Enabled": "true"}).status_code == 200
        assert client.post(f"/v1/Notices/{a_notice_that_ended(face, acme)}/Attempts").status_code == 202
        key = client.post(keys, json={}).json()["sid"]
        assert client.delete(f"{keys}/{key}").status_code == 204
    deeds = deeds_since(face, before)
    actions = ["link.given", "daily_export.enabled", "notice.replayed", "key.created", "key.revoked"]
    assert [deed.action for deed in deeds] == actions
    assert {(deed.actor, deed.address) for deed in deeds} == {(acme.username, CLIENT)}


def test_what_a_platform_does_has_its_address(face: Face, before: int) -> None:
    """An operator's key that leaked shows by where it is used from."""
    new = face.administration.create_key(account=None, scopes=[Scope.ACCOUNTS])
    with httpx2.Client(base_url=face.url, auth=(new.key.sid, new.secret), headers=HEADERS) as client:
        made = client.post("/v1/Accounts", json={}).json()
        client.put(made["url"], json={"friendly_name": "x", "auth_token": "a-token.of/their~own:kind"})
        assert client.delete(made["url"]).status_code == 204
    by_hand, *deeds = deeds_since(face, before)
    assert (by_hand.actor, by_hand.action, by_hand.address) == ("operator", "key.created", None)
    actions = ["account.created", "account.rotated", "account.changed", "account.closed"]
    assert [deed.action for deed in deeds] == actions
    assert {(deed.actor, deed.address) for deed in deeds} == {(new.key.sid, CLIENT)}
