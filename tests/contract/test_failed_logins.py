"""Answers to failed logins are delayed, and nothing else is.

What waits here waits for an hour: a test that would have to wait for it fails.
"""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.applications import Starlette

from dayfile.api.app import create_app
from dayfile.console.page import console_page
from dayfile.model.credential import Scope
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.web.login_delays import DelayRule
from tests.support.face import Face, served_face
from tests.support.recorded_log import RecordedLog, recorded_log
from tests.support.server import serving
from tests.support.state import a_sid

JOBS = "/v1/Exports/Messages/Jobs"
AN_HOUR = DelayRule(free_failures=0, first_seconds=3600, longest_seconds=3600, most_delayed=60)
QUICK = DelayRule(first_seconds=0.001, longest_seconds=0.004)
PROXY = "127.0.0.1"
NOBODY = a_sid("AC", "nobody")


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Face]:
    """An instance that answers a failed login after an hour."""
    with served_face(tmp_path, delay_rule=AN_HOUR) as face:
        yield face


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Face]:
    """An instance behind a proxy, whose delays are counted in milliseconds."""
    with served_face(tmp_path, delay_rule=QUICK, trusted_proxies=PROXY) as face:
        yield face


@pytest.fixture
def log() -> Iterator[RecordedLog]:
    """Return the log during the test."""
    with recorded_log() as log:
        yield log


def basic(username: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def guess(url: str, log: RecordedLog, *, username: str = NOBODY, path: str = JOBS, body: str = "") -> socket.socket:
    """Send wrong credentials, and wait until they were found wrong; the connection, on which no answer has come."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=10)
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: x\r\n{length}"
    connection.sendall(f"{head}Authorization: {basic(username, 'wrong')}\r\n\r\n{body}".encode())
    line = log.next("login.failed")
    assert (line["username"], line["delayed_ms"]) == (username, 3_600_000)
    return connection


def leave(connection: socket.socket, log: RecordedLog) -> None:
    """Go away; nothing was answered before."""
    connection.close()
    line = log.next("request")
    assert (line["outcome"], line["status"], line["level"]) == ("client gone", None, "info")


def test_failures_are_logged_and_delayed_more_and_more(quick: Face, log: RecordedLog) -> None:
    """A guesser is slowed down, and the log says from where, and at which account."""
    lines = []
    for _ in range(7):
        answer = httpx2.get(quick.url + JOBS, auth=(NOBODY, "secret"), headers={"X-Forwarded-For": "203.0.113.9"})
        assert (answer.status_code, answer.json()["code"]) == (401, 20003)
        lines += [line for line in log.until(answer) if line["event"] == "login.failed"]
    assert [line["failures"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert [line["delayed_ms"] for line in lines] == [0, 0, 0, 1, 2, 4, 4]
    assert {(line["username"], line["client"]) for line in lines} == {(NOBODY, "203.0.113.9")}
    assert "secret" not in repr(lines)


def test_clients_are_told_apart_by_what_a_trusted_proxy_says(quick: Face, log: RecordedLog) -> None:
    """Else all customers behind the proxy would wait for the failures of one of them."""
    for client in ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8:1::5"]:
        httpx2.get(quick.url + JOBS, auth=(a_sid("AC", client), "wrong"), headers={"X-Forwarded-For": client})
    assert [log.next("login.failed")["failures"] for _ in range(5)] == [1, 2, 3, 4, 1]


def test_behind_a_proxy_that_nobody_named_only_the_user_name_counts(face: Face, log: RecordedLog) -> None:
    """Everybody comes from the same address there."""
    for name in ["first", "second", "third", "third"]:
        httpx2.get(face.url + JOBS, auth=(a_sid("AC", name), "wrong"))
    assert [log.next("login.failed")["failures"] for _ in range(4)] == [1, 1, 1, 2]


def test_right_credentials_are_answered_at_once_whatever_others_do(slow: Face, log: RecordedLog) -> None:
    """An attacker who knows a customer's sid must not be able to lock the customer out."""
    acme = slow.account()
    with ExitStack() as connections, slow.client(acme) as client:
        for _ in range(10):
            connections.enter_context(guess(slow.url, log, username=acme.username))
            assert client.get(JOBS).status_code == 200


def test_absent_credentials_and_suspended_accounts_are_no_failed_logins(slow: Face) -> None:
    """Browsers and curl ask without credentials first; a suspended customer has the right ones."""
    acme = slow.account()
    slow.administration.suspend(acme.sid)
    for _ in range(5):
        assert httpx2.get(slow.url + JOBS).status_code == 401
        assert httpx2.get(slow.url + JOBS, auth=acme.basic).status_code == 403


def test_a_client_that_goes_away_ends_its_wait(slow: Face, log: RecordedLog) -> None:
    """Also after a body that was read: a place is free for the next one as soon as it can be."""
    leave(guess(slow.url, log), log)
    leave(guess(slow.url, log, body="StartDay=2026-11-01"), log)


def test_no_thread_waits_and_beyond_a_number_nobody_does(slow: Face, log: RecordedLog) -> None:
    """To be delayed would otherwise be the attack: there are some forty threads, and every wait is a connection."""
    acme = slow.account()
    with slow.client(acme) as client, ExitStack() as waiting:
        first, *_ = [
            waiting.enter_context(guess(slow.url, log, username=a_sid("AC", str(number))))
            for number in range(AN_HOUR.most_delayed)
        ]
        refused = client.get(JOBS, auth=(NOBODY, "wrong"))
        assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, 20429, "3600")
        assert log.next("login.failed")["delayed_ms"] == 0
        assert log.next("request")["status"] == 429
        assert client.get(JOBS).status_code == 200
        assert log.next("request")["status"] == 200
        leave(first, log)
        leave(guess(slow.url, log), log)


@pytest.mark.parametrize(
    ("authorization", "shown"),
    [
        ("Bearer x", ""),
        ("Basic !!!", ""),
        ("Basic", ""),
        (basic("admin", "admin"), "admin"),
        (basic("x\n\x9b\u202e", "y"), "x\\n\\x9b\\u202e"),
        (basic("8f14e45fceea167a5a36dedd4bea2543", NOBODY), "8f14e45f..."),  # a token where the sid should be
        (basic(NOBODY + "0", "y"), "AC" + NOBODY[2:8] + "..."),
    ],
)
def test_whatever_is_no_login_is_a_failed_one(quick: Face, log: RecordedLog, authorization: str, shown: str) -> None:
    """It is counted like any other; what the log shows of it can neither move a terminal nor be a secret."""
    answer = httpx2.get(quick.url + JOBS, headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert log.next("login.failed")["username"] == shown


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An instance with all its parts."""
    with Service.open(Settings.read(_env_file=None, data_dir=tmp_path)) as opened:
        yield opened


def test_small_records_and_the_console_are_no_way_around(service: Service, log: RecordedLog) -> None:
    """Logins are asked about in rounds there, and by another face here: each is one to guess at."""
    path, record = "/v1/Records/Messages", f'{{"sid": "SM{"0" * 32}"}}'
    key = service.administration.create_key(account=None, scopes=[Scope.INTAKE])
    right = (key.key.sid, key.secret)

    def make_app(_: str) -> Starlette:
        return create_app(service.context, pages=console_page(service.context), delay_rule=AN_HOUR)

    with serving(make_app) as url, ExitStack() as connections:
        for _ in range(3):
            connections.enter_context(guess(url, log, username=right[0], path=path, body=record))
            answer = httpx2.post(url + path, content=record, auth=right, trust_env=False)
            assert "receipt" in answer.text or answer.json()["rejected"] == 1
        for page in ("/", "/operator"):
            connections.enter_context(guess(url, log, username=right[0], path=page))
            assert httpx2.get(url + page, auth=right, trust_env=False).status_code == 200
