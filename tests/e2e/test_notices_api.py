"""Notices over HTTP: a customer sees what was told to whom, why it did not arrive, and has it told again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from dayfile.api.body import moment_text
from dayfile.model.credential import KeyKind, Permission
from dayfile.model.notice import Result
from dayfile.store.tables.instance import audit
from tests.support.face import Face, Login
from tests.support.lanes import claimed, concluded
from tests.support.notices import a_notice, an_outcome, told
from tests.support.state import a_sid


def tell(face: Face, account: Login, *names: str) -> list[str]:
    """Write notices; their event sids."""
    news = [a_notice(account.sid, f"{account.sid} {name}") for name in names]
    for new in news:
        told(face.database, new, now=face.clock.now())
    return [new.sid for new in news]


def attempt(face: Face, account: Login, result: Result, *, answer: bytes = b"") -> None:
    """Attempt what is due."""
    now = face.clock.now()
    turn = claimed(face.database, account.sid, now=now)
    assert turn is not None
    status = 200 if result is Result.DELIVERED else 500
    concluded(face.database, turn, replace(an_outcome(result, status=status), answer=answer), now=now)


def fetch(client: httpx2.Client, sid: str) -> dict[str, Any]:
    """The notice."""
    answer = client.get(f"/v1/Notices/{sid}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_notices_are_listed_newest_first_in_pages(face: Face, acme: Login, client: httpx2.Client) -> None:
    """Walked like every other list: each of them once."""
    sids = tell(face, acme, *"abcde")
    tell(face, face.account(), "foreign")
    seen, url = [], "/v1/Notices?PageSize=2"
    while url:
        page = client.get(url).json()
        assert page["meta"]["key"] == "notices"
        seen += [notice["event_sid"] for notice in page["notices"]]
        url = page["meta"]["next_page_url"]
    assert seen == sids[::-1]


def test_a_notice_shows_what_was_told_and_every_attempt(face: Face, acme: Login, client: httpx2.Client) -> None:
    """Somebody who misses a webhook sees here what their server answered."""
    [sid] = tell(face, acme, "notice")
    attempt(face, acme, Result.FAILED, answer=b"\xffoh no")
    claimed(face.database, acme.sid, now=face.clock.now() + timedelta(hours=1))
    body = fetch(client, sid)
    assert {name: body[name] for name in ("event_type", "channel", "receiver", "method", "state")} == {
        "event_type": "job.finished",
        "channel": "webhook",
        "receiver": "https://example.com/hook",
        "method": "POST",
        "state": "pending",
    }
    failed, begun = body["attempts"]
    assert (failed["outcome"], failed["status_code"], failed["duration_ms"]) == ("failed", 500, 20)
    assert failed["answer"] == "\N{REPLACEMENT CHARACTER}oh no"
    assert (begun["number"], begun["outcome"], begun["duration_ms"]) == (2, "begun", None)
    assert client.get("/v1/Notices").json()["notices"] == [
        {name: value for name, value in body.items() if name != "attempts"}
    ]


def test_a_notice_that_has_ended_can_be_told_again(face: Face, acme: Login, client: httpx2.Client) -> None:
    """Accepted, since the attempt follows; whoever asked for it is written down."""
    [sid] = tell(face, acme, "notice")
    attempt(face, acme, Result.DELIVERED)
    assert fetch(client, sid)["state"] == "delivered"
    answer = client.post(f"/v1/Notices/{sid}/Attempts")
    assert (answer.status_code, answer.json()["state"], answer.json()["attempt_count"]) == (202, "pending", 0)
    attempt(face, acme, Result.DELIVERED)
    assert [one["number"] for one in fetch(client, sid)["attempts"]] == [1, 2]
    with face.database.exclusively() as connection:
        deeds = connection.execute(select(audit.c.actor, audit.c.action).where(audit.c.subject == f"{acme.sid}/{sid}"))
        assert deeds.all() == [(acme.sid, "notice.replayed")]


def test_the_next_attempt_of_a_pending_notice_is_brought_forward(
    face: Face, acme: Login, client: httpx2.Client
) -> None:
    """A customer who has repaired a receiver is told now, and not by a schedule that has come to 24 hours."""
    [sid] = tell(face, acme, "notice")
    attempt(face, acme, Result.FAILED)
    assert fetch(client, sid)["date_next_attempt"] > moment_text(face.clock.now())
    for _ in range(2):
        answer = client.post(f"/v1/Notices/{sid}/Attempts")
        assert (answer.status_code, answer.json()["state"], answer.json()["attempt_count"]) == (202, "pending", 1)
        assert answer.json()["date_next_attempt"] == moment_text(face.clock.now())
    attempt(face, acme, Result.DELIVERED)
    assert fetch(client, sid)["state"] == "delivered"


@pytest.mark.parametrize("sid", [a_sid("EV", "none"), "EV12", "JS" + 32 * "0"])
def test_what_is_not_there_is_not_found(client: httpx2.Client, sid: str) -> None:
    """The answer is the same, whatever it looks like."""
    for answer in (client.get(f"/v1/Notices/{sid}"), client.post(f"/v1/Notices/{sid}/Attempts")):
        assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_notices_of_others_are_not_found_and_not_told_again(face: Face, client: httpx2.Client) -> None:
    """Nothing of one account is reachable with another's credentials."""
    other = face.account()
    [sid] = tell(face, other, "foreign")
    attempt(face, other, Result.DELIVERED)
    assert client.get(f"/v1/Notices/{sid}").status_code == 404
    assert client.post(f"/v1/Notices/{sid}/Attempts").status_code == 404
    assert client.get("/v1/Notices").json()["notices"] == []
    with face.client(other) as owner:
        assert fetch(owner, sid)["state"] == "delivered"


def test_a_key_needs_the_permission(face: Face, acme: Login) -> None:
    """Reading and sending again are two things."""
    [sid] = tell(face, acme, "notice")
    attempt(face, acme, Result.DELIVERED)
    new = face.administration.create_key(
        account=acme.sid, kind=KeyKind.RESTRICTED, permissions=[Permission.EXPORTS_READ]
    )
    with face.client(replace(acme, username=new.key.sid, password=new.secret)) as client:
        assert fetch(client, sid)["event_sid"] == sid
        assert client.post(f"/v1/Notices/{sid}/Attempts").status_code == 403
