"""Accounts and their keys over HTTP: the operator's platform makes them, changes them, and repeats itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dayfile.model.account import AccountSid
from dayfile.model.credential import Scope
from tests.support.face import Face, served_face
from tests.support.state import a_sid

ACCOUNTS = "/v1/Accounts"
JOBS = "/v1/Exports/Messages/Jobs"
MEMBERS = [
    "account_sid",
    "parent_account_sid",
    "friendly_name",
    "status",
    "email",
    "date_created",
    "url",
    "links",
]
TOKEN = "a-token.of/their~own:kind"


@pytest.fixture
def face(tmp_path: Path) -> Iterator[Face]:
    """A new instance."""
    with served_face(tmp_path) as face:
        yield face


@pytest.fixture
def operator(face: Face) -> Iterator[httpx2.Client]:
    """An HTTP client with an operator's key for accounts."""
    new = face.administration.create_key(account=None, scopes=[Scope.ACCOUNTS])
    with httpx2.Client(base_url=face.url, auth=(new.key.sid, new.secret)) as client:
        yield client


def works(face: Face, sid: str, token: str) -> int:
    """Return the status that the credentials get when they ask for jobs."""
    return httpx2.get(face.url + JOBS, auth=(sid, token)).status_code


def refused(answer: httpx2.Response, status: int, code: int) -> str:
    """The message of an answer that refuses."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    message: str = body["message"]
    return message


def test_an_account_is_made_and_its_token_shown_once(face: Face, operator: httpx2.Client) -> None:
    """A platform signs a customer up, and hands on what it gets here."""
    made = operator.post(ACCOUNTS, json={"friendly_name": "Größe", "email": "ops@example.com"})
    body = made.json()
    assert made.status_code == 201
    assert list(body) == [*MEMBERS, "auth_token"]
    assert made.headers["location"] == body["url"] == f"{face.url}{ACCOUNTS}/{body['account_sid']}"
    assert (body["friendly_name"], body["status"], body["email"]) == ("Größe", "active", "ops@example.com")
    assert works(face, body["account_sid"], body["auth_token"]) == 200
    fetched = operator.get(body["url"]).json()
    assert fetched == {name: body[name] for name in MEMBERS}


def test_a_byte_order_mark_before_a_body_is_skipped(operator: httpx2.Client) -> None:
    """PowerShell's files begin with one."""
    body = b'\xef\xbb\xbf{"friendly_name": "one"}'
    made = operator.post(ACCOUNTS, content=body, headers={"Content-Type": "application/json"})
    assert (made.status_code, made.json()["friendly_name"]) == (201, "one")


def test_a_put_may_be_repeated_until_it_is_answered(face: Face, operator: httpx2.Client) -> None:
    """A platform that did not hear the answer sends the same again; nothing happens twice."""
    sid = a_sid("AC", "theirs")
    wanted = {"auth_token": TOKEN, "friendly_name": "theirs"}
    first, again = (operator.put(f"{ACCOUNTS}/{sid}", json=wanted) for _ in range(2))
    assert (first.status_code, first.json()["auth_token"]) == (201, TOKEN)
    assert (again.status_code, list(again.json())) == (200, MEMBERS)
    assert works(face, sid, TOKEN) == 200
    with ThreadPoolExecutor(8) as pool:
        other = a_sid("AC", "at once")
        answers = list(pool.map(lambda _: operator.put(f"{ACCOUNTS}/{other}", json=wanted).status_code, range(8)))
    assert sorted(answers)[:7] == [200] * 7
    assert max(answers) == 201


def test_a_put_changes_what_it_names_and_leaves_the_rest(face: Face, operator: httpx2.Client) -> None:
    """Two systems that each know a part of an account do not undo one another."""
    sid = a_sid("AC", "theirs")
    operator.put(f"{ACCOUNTS}/{sid}", json={"auth_token": TOKEN, "friendly_name": "one", "email": "a@example.com"})
    changed = operator.put(f"{ACCOUNTS}/{sid}", json={"status": "suspended", "email": ""}).json()
    assert (changed["friendly_name"], changed["status"], changed["email"]) == ("one", "suspended", None)
    assert works(face, sid, TOKEN) == 403
    assert operator.put(f"{ACCOUNTS}/{sid}", json={"status": "active", "email": None}).json()["email"] is None
    assert works(face, sid, TOKEN) == 200


def test_another_token_is_a_rotation(face: Face, operator: httpx2.Client) -> None:
    """The old one works for a day, or as long as the platform says; a repetition does not begin it again."""
    sid, second, third = a_sid("AC", "theirs"), TOKEN + "2", TOKEN + "3"
    operator.put(f"{ACCOUNTS}/{sid}", json={"auth_token": TOKEN})
    operator.put(f"{ACCOUNTS}/{sid}", json={"auth_token": second})
    assert [works(face, sid, token) for token in (TOKEN, second)] == [200, 200]
    face.clock.pass_by(timedelta(hours=23))
    operator.put(f"{ACCOUNTS}/{sid}", json={"auth_token": second})
    face.clock.pass_by(timedelta(hours=1))
    assert [works(face, sid, token) for token in (TOKEN, second)] == [401, 200]
    operator.put(f"{ACCOUNTS}/{sid}", json={"auth_token": third, "keep_old_token_for": 0})
    assert [works(face, sid, token) for token in (second, third)] == [401, 200]


def test_accounts_are_listed_in_pages(face: Face, operator: httpx2.Client) -> None:
    """Walked as every list here is; an account made meanwhile upsets nothing."""
    sids = sorted(operator.post(ACCOUNTS, json={}).json()["account_sid"] for _ in range(7))
    first = operator.get(ACCOUNTS, params={"PageSize": "3"}).json()
    assert (first["meta"]["key"], first["meta"]["previous_page_url"]) == ("accounts", None)
    pages = [first]
    while url := pages[-1]["meta"]["next_page_url"]:
        pages.append(operator.get(url).json())
    assert [account["account_sid"] for page in pages for account in page["accounts"]] == sids
    before = operator.get(pages[-1]["meta"]["previous_page_url"]).json()
    assert [account["account_sid"] for account in before["accounts"]] == sids[3:6]
    assert [one["account_sid"] for one in operator.get(f"{ACCOUNTS}?PageSize=3&Page=2").json()["accounts"]] == sids[6:]
    token = first["meta"]["next_page_url"].partition("PageToken=")[2]
    assert "PageToken" in refused(operator.get(f"{ACCOUNTS}?PageToken={token[:-1]}_"), 400, 21481)


def test_an_account_is_closed_for_good(face: Face, operator: httpx2.Client) -> None:
    """Its credentials end; a platform that repeats itself is not told that anything is wrong."""
    parent = operator.post(ACCOUNTS, json={}).json()
    child = operator.post(ACCOUNTS, json={"parent_account_sid": parent["account_sid"]}).json()
    assert "close them first" in refused(operator.delete(parent["url"]), 409, 20409)
    assert [operator.delete(child["url"]).status_code for _ in range(2)] == [204, 204]
    assert operator.delete(parent["url"]).status_code == 204
    assert operator.get(parent["url"]).json()["status"] == "closed"
    assert works(face, parent["account_sid"], parent["auth_token"]) == 403
    assert "for good" in refused(operator.put(parent["url"], json={"status": "active"}), 409, 20409)
    assert "for good" in refused(operator.post(parent["links"]["keys"], json={}), 409, 20409)
    asked = {"parent_account_sid": parent["account_sid"]}
    assert "for good" in refused(operator.post(ACCOUNTS, json=asked), 400, 20001)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"auth_token": "short"}, "auth_token must be 16 to 128 visible ASCII characters without spaces; got 5"),
        ({"auth_token": 5}, "auth_token must be text; got 5"),
        ({"status": "closed"}, "status must be active or suspended; got 'closed'"),
        ({"email": "nobody"}, "email must be one e-mail address"),
        ({"friendly_name": "x" * 257}, "friendly_name must have at most 256 characters, not 257"),
        ({"friendly_name": "a\0b"}, "friendly_name must not contain the character NUL"),
        ({"friendly_name": "\ud800"}, "friendly_name must not contain the character NUL or half a character"),
        ({"FriendlyName": "x"}, "FriendlyName is not known here: use friendly_name, "),
        ({"account_sid": "AC" + "0" * 32}, "account_sid is not known here"),
        ({"parent_account_sid": "AC1"}, "parent_account_sid must be AC followed by 32 hexadecimal"),
        ({"parent_account_sid": "AC" + "0" * 32}, "is no account here"),
        ({"keep_old_token_for": -1}, "keep_old_token_for must be a whole number from 0 to 2592000; got -1"),
        ({"keep_old_token_for": 2592001}, "keep_old_token_for must be a whole number from 0 to 2592000"),
        ({"keep_old_token_for": "60"}, "keep_old_token_for must be a whole number"),
        ({"keep_old_token_for": 1.5}, "keep_old_token_for must be a whole number"),
    ],
)
def test_a_member_that_breaks_a_rule_is_named(operator: httpx2.Client, members: dict[str, Any], message: str) -> None:
    """Ours are strict: a misspelt member would otherwise be an account without it."""
    sid = a_sid("AC", "theirs")
    body = json.dumps(members)  # which spells half a character, unlike the client's own
    answer = operator.put(f"{ACCOUNTS}/{sid}", content=body, headers={"Content-Type": "application/json"})
    assert message in refused(answer, 400, 20001)
    assert operator.get(f"{ACCOUNTS}/{sid}").status_code == 404


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"[]", {}, "must be a JSON object; got an array"),
        (b"{", {}, "must be a JSON object"),
        (b'{"email": "", "email": ""}', {}, "twice"),
        (b"\xff", {}, "UTF-8"),
        (b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, "Content-Type must be application/json"),
        (b"{}", {"Content-Encoding": "gzip"}, "without Content-Encoding"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    operator: httpx2.Client, body: bytes, headers: dict[str, str], message: str
) -> None:
    """Nothing is guessed."""
    headers = {"Content-Type": "application/json"} | headers
    assert message in refused(operator.post(ACCOUNTS, content=body, headers=headers), 400, 20001)
    large = operator.post(ACCOUNTS, content=b" " * 70_000, headers={"Content-Type": "application/json"})
    assert "at most 65536 bytes" in refused(large, 413, 20413)


def test_a_parent_never_changes_and_has_no_parent(operator: httpx2.Client) -> None:
    """Two levels; a subaccount that moved would take its quota and its records' owner with it."""
    parent, other = (operator.post(ACCOUNTS, json={}).json() for _ in range(2))
    child = operator.post(ACCOUNTS, json={"parent_account_sid": parent["account_sid"]}).json()
    moved = operator.put(child["url"], json={"parent_account_sid": other["account_sid"]})
    assert "cannot be changed" in refused(moved, 409, 20409)
    assert operator.put(child["url"], json={"parent_account_sid": parent["account_sid"]}).status_code == 200
    grandchild = operator.post(ACCOUNTS, json={"parent_account_sid": child["account_sid"]})
    assert "is a subaccount itself" in refused(grandchild, 400, 20001)
    itself = a_sid("AC", "itself")
    assert "itself" in refused(operator.put(f"{ACCOUNTS}/{itself}", json={"parent_account_sid": itself}), 400, 20001)


def test_accounts_are_the_operators_alone(face: Face) -> None:
    """Of the operator's keys, those with the scope; of accounts, none, not even about themselves."""
    acme = face.account()
    intake = face.administration.create_key(account=None, scopes=[Scope.INTAKE])
    absent = AccountSid(a_sid("AC", "absent"))
    for auth, status in ((None, 401), (acme.basic, 403), ((intake.key.sid, intake.secret), 403)):
        with httpx2.Client(base_url=face.url, auth=auth) as client:
            answers = [client.get(ACCOUNTS), client.post(ACCOUNTS, json={})]
            for sid in (acme.sid, absent):
                address = f"{ACCOUNTS}/{sid}"
                answers += [client.get(address), client.put(address, json={}), client.delete(address)]
        assert {answer.status_code for answer in answers} == {status}
        assert len({answer.json()["message"] for answer in answers}) == 1
    with face.database.snapshot() as tx:
        assert tx.accounts.count() == 1


@pytest.mark.parametrize("sid", ["AC1", "AC" + "A" * 32, "SK" + "0" * 32, "AC" + "0" * 32])
def test_an_account_that_is_not_there_is_not_found(operator: httpx2.Client, sid: str) -> None:
    """The answer is the same, whatever is wrong with the sid."""
    for answer in (operator.get(f"{ACCOUNTS}/{sid}"), operator.delete(f"{ACCOUNTS}/{sid}")):
        assert f"{ACCOUNTS}/{sid} was not found" in refused(answer, 404, 20404)


def test_what_is_done_is_written_down_with_whose_key(face: Face, operator: httpx2.Client) -> None:
    """Afterwards somebody asks who closed that account."""
    made = operator.post(ACCOUNTS, json={}).json()
    operator.put(made["url"], json={"friendly_name": "x", "auth_token": TOKEN})
    operator.delete(made["url"])
    with face.database.snapshot() as tx:
        lines = tx.audit.newest(subject=made["account_sid"], limit=10)
        key = tx.keys.listed()[0].sid
    assert [line.deed.action for line in lines][::-1] == [
        "account.created",
        "account.rotated",
        "account.changed",
        "account.closed",
    ]
    assert {line.deed.actor for line in lines} == {key}
