"""Keys of an account over HTTP: who may make and revoke them, and what each then may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dayfile.model.credential import KeyKind, Permission, Scope
from tests.e2e.test_accounts_api import ACCOUNTS, JOBS, refused, works
from tests.support.face import Face, Login, served_face


@pytest.fixture
def face(tmp_path: Path) -> Iterator[Face]:
    """A new instance."""
    with served_face(tmp_path) as face:
        yield face


def owner_of_keys(face: Face, kind: str, account: Login) -> httpx2.Client:
    """The credentials that may manage an account's keys."""
    if kind == "operator":
        new = face.administration.create_key(account=None, scopes=[Scope.ACCOUNTS])
        return httpx2.Client(base_url=face.url, auth=(new.key.sid, new.secret))
    if kind == "main":
        new = face.administration.create_key(account=account.sid, kind=KeyKind.MAIN)
        return httpx2.Client(base_url=face.url, auth=(new.key.sid, new.secret))
    return face.client(account)


@pytest.mark.parametrize("kind", ["operator", "main", "token"])
def test_keys_are_made_listed_and_revoked(face: Face, kind: str) -> None:
    """By the operator, and by the account itself with its token or a main key."""
    acme, other = face.account(), face.account()
    keys = f"{ACCOUNTS}/{acme.sid}/Keys"
    with owner_of_keys(face, kind, acme) as client:
        face.clock.pass_by(timedelta(seconds=1))
        standard = client.post(keys, json={"friendly_name": "nightly"}).json()
        face.clock.pass_by(timedelta(seconds=1))  # the list goes by when they were made
        made = client.post(keys, json={"permissions": ["exports:read"]})
        restricted = made.json()
        assert (made.status_code, restricted["kind"]) == (201, "restricted")
        assert works(face, restricted["sid"], restricted["secret"]) == 200
        listed = client.get(keys).json()["keys"]
        assert [key["sid"] for key in listed][-2:] == [standard["sid"], restricted["sid"]]
        assert not any("secret" in key for key in listed)
        assert client.delete(f"{keys}/{restricted['sid']}").status_code == 204
        revoked = client.get(keys).json()["keys"][-1]
        face.clock.pass_by(timedelta(seconds=1))
        assert client.delete(f"{keys}/{restricted['sid']}").status_code == 204
        assert client.get(keys).json()["keys"][-1] == revoked
        assert revoked["date_revoked"]
        foreign = face.api_key(other).username
        absent = client.delete(f"{keys}/SK{'0' * 32}")
        assert client.delete(f"{keys}/{foreign}").status_code == absent.status_code == 404
    assert works(face, restricted["sid"], restricted["secret"]) == 401
    for login in (acme, other):
        assert works(face, login.username, login.password) == 200


@pytest.mark.parametrize("kind", ["operator", "main", "token"])
def test_upper_case_digits_name_the_same_account_and_key(face: Face, kind: str) -> None:
    """A platform that keeps sids in upper case reaches them; the answer shows the one spelling."""
    acme = face.account()
    key = face.api_key(acme).username
    with owner_of_keys(face, kind, acme) as client:
        keys = f"{ACCOUNTS}/AC{acme.sid[2:].upper()}/Keys"
        assert {found["account_sid"] for found in client.get(keys).json()["keys"]} == {acme.sid}
        assert client.delete(f"{keys}/SK{key[2:].upper()}").status_code == 204
        revoked = [found["sid"] for found in client.get(keys).json()["keys"] if found["date_revoked"]]
    assert revoked == [key]


def test_an_account_that_is_put_in_upper_case_is_the_one_that_is_there(face: Face) -> None:
    """Two accounts that differ in case only would be two files for one customer."""
    acme, child = face.account(), "AC" + "ab" * 16
    with owner_of_keys(face, "operator", acme) as client:
        upper = f"AC{acme.sid[2:].upper()}"
        assert client.put(f"{ACCOUNTS}/{upper}", json={"friendly_name": "same"}).status_code == 200
        assert client.get(f"{ACCOUNTS}/{upper}").json()["account_sid"] == acme.sid
        made = client.put(f"{ACCOUNTS}/AC{'AB' * 16}", json={"parent_account_sid": upper})
        assert (made.status_code, made.json()["account_sid"]) == (201, child)
        assert made.json()["parent_account_sid"] == acme.sid
        assert client.delete(f"{ACCOUNTS}/AC{'AB' * 16}").status_code == 204
        assert client.get(f"{ACCOUNTS}/{child}").json()["status"] == "closed"


def test_a_key_without_the_permission_says_which_it_lacks(face: Face) -> None:
    """In every operation: the message is what its owner acts on."""
    acme = face.account()
    face.publish(acme, "2026-11-01")
    job = {"StartDay": "2026-11-01", "EndDay": "2026-11-01", "FriendlyName": "x"}
    export, day = "/v1/Exports/Messages", "/v1/Exports/Messages/Days/2026-11-01"
    sid = httpx2.get(face.url + JOBS, auth=acme.basic).json()["jobs"][0]["job_sid"]
    operations: list[tuple[Permission, str, str, dict[str, Any]]] = [
        (Permission.EXPORTS_READ, "GET", export, {}),
        (Permission.EXPORTS_READ, "GET", f"{export}/Configuration", {}),
        (Permission.EXPORTS_READ, "GET", f"{export}/Days", {}),
        (Permission.EXPORTS_READ, "GET", f"{day}/Manifest", {}),
        (Permission.EXPORTS_READ, "GET", JOBS, {}),
        (Permission.EXPORTS_READ, "GET", f"/v1/Exports/Jobs/{sid}", {}),
        (Permission.DOWNLOADS_READ, "GET", day, {}),
        (Permission.CONFIGURATION_WRITE, "POST", f"{export}/Configuration", {"data": {"Enabled": "true"}}),
        (Permission.JOBS_WRITE, "POST", JOBS, {"data": job}),
        (Permission.JOBS_WRITE, "DELETE", f"/v1/Exports/Jobs/{sid}", {}),
        (Permission.KEYS_WRITE, "GET", f"{ACCOUNTS}/{acme.sid}/Keys", {}),
    ]
    for needed, method, path, options in operations:
        for permission in set(Permission) - {Permission.KEYS_WRITE, Permission.RECORDS_WRITE}:
            new = face.administration.create_key(account=acme.sid, kind=KeyKind.RESTRICTED, permissions=[permission])
            answer = httpx2.request(method, face.url + path, auth=(new.key.sid, new.secret), **options)
            if permission is needed:
                assert answer.status_code < 400, (method, path, answer.text)
            else:
                assert f"lacks the permission '{needed.value}'" in refused(answer, 403, 20403)
