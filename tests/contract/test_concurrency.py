"""The requests of one account that are worked on at once: counted, bounded, and given back however they end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dayfile.api import auth
from dayfile.errors import StorageUnavailable, TooManyRequests
from dayfile.model.account import AccountSid
from dayfile.model.credential import Permission, Scope
from dayfile.web.concurrency import Concurrency
from tests.support.face import Face, Login, served_face
from tests.support.state import a_sid

LIMIT = 3
JOBS = "/v1/Exports/Messages/Jobs"


class Gate:
    """An address where requests wait until the test lets them go on, each to the end that its name says."""

    def __init__(self) -> None:
        self.route = Route("/v1/Waiting/{end}", self._wait)
        self.arrived = threading.Semaphore(0)
        self._go = threading.Event()

    def let_go(self) -> None:
        """Let all of them go on, and those that come later."""
        self._go.set()

    def _wait(self, request: Request) -> Response:
        end = request.path_params["end"]
        auth.customer(request, Permission.EXPORTS_READ)
        self.arrived.release()
        self._go.wait()
        if end == "bug":
            raise KeyError(end)
        if end == "away":
            raise StorageUnavailable("cannot write: the disk is full")
        return Response(end)


@pytest.fixture
def gate() -> Gate:
    """A new address of that kind."""
    return Gate()


@pytest.fixture
def face(tmp_path: Path, gate: Gate) -> Iterator[Face]:
    """An instance with a small limit."""
    with served_face(tmp_path, concurrent_requests=LIMIT, pages=[gate.route]) as face:
        yield face
        gate.let_go()


def waiting(face: Face, gate: Gate, login: Login, *ends: str) -> Callable[[], list[int]]:
    """Have requests of an account wait; what returns their statuses when they have ended."""
    pool = ThreadPoolExecutor(len(ends))
    asked = [pool.submit(httpx2.get, f"{face.url}/v1/Waiting/{end}", auth=login.basic) for end in ends]
    for _ in ends:
        assert gate.arrived.acquire(timeout=10)

    def end() -> list[int]:
        gate.let_go()
        statuses = [one.result(timeout=10).status_code for one in asked]
        pool.shutdown()
        return statuses

    return end


def test_an_account_at_its_limit_is_told_to_wait_and_disturbs_nobody(face: Face, gate: Gate) -> None:
    """Its keys count with it; another account, its own parent, and operators do not notice."""
    parent = face.account()
    busy, key = face.account(parent=parent.sid), None
    key = face.api_key(busy)
    end = waiting(face, gate, busy, *["fine"] * LIMIT)
    for login in (busy, key):
        refused = httpx2.get(face.url + JOBS, auth=login.basic)
        assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, 20429, "1")
        assert f"may have {LIMIT} at once" in refused.json()["message"]
        assert "twilio-concurrent-requests" not in refused.headers
    for login in (parent, face.account()):
        answer = httpx2.get(face.url + JOBS, auth=login.basic)
        assert (answer.status_code, answer.headers["twilio-concurrent-requests"]) == (200, "1")
    operator = face.administration.create_key(account=None, scopes=[Scope.ACCOUNTS])
    answer = httpx2.get(f"{face.url}/v1/Accounts", auth=(operator.key.sid, operator.secret))
    assert answer.status_code == 200
    assert "twilio-concurrent-requests" not in answer.headers
    assert end() == [200] * LIMIT
    assert httpx2.get(face.url + JOBS, auth=busy.basic).status_code == 200


def test_every_end_of_a_request_gives_its_place_back(face: Face, gate: Gate) -> None:
    """An error, a bug, a refusal: else an account would be locked out bit by bit."""
    acme = face.account()
    assert sorted(waiting(face, gate, acme, "fine", "bug", "away")()) == [200, 500, 503]
    answer = httpx2.get(face.url + JOBS, auth=acme.basic)
    assert (answer.status_code, answer.headers["twilio-concurrent-requests"]) == (200, "1")


def test_clients_that_go_away_give_their_places_back(face: Face, gate: Gate) -> None:
    """As soon as what they asked for has ended; before that it takes a thread, and counts."""
    acme = face.account()
    address = urlsplit(face.url)
    basic = httpx2.BasicAuth(*acme.basic)._auth_header
    for _ in range(LIMIT):
        with socket.create_connection((address.hostname, address.port), timeout=10) as gone:
            gone.sendall(f"GET /v1/Waiting/fine HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\n\r\n".encode())
            assert gate.arrived.acquire(timeout=10)
    assert httpx2.get(face.url + JOBS, auth=acme.basic).status_code == 429
    gate.let_go()
    # Each of these comes after one of the three has ended, or waits for its place no longer than the threads do.
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(_until_alone, face, acme)
        assert ended.result(timeout=10) == "1"


def _until_alone(face: Face, login: Login) -> str:
    while True:
        answer = httpx2.get(face.url + JOBS, auth=login.basic)
        if answer.headers.get("twilio-concurrent-requests") == "1":
            return "1"


def test_a_client_that_asks_one_after_the_other_is_never_turned_away(tmp_path: Path) -> None:
    """Even where one at a time is all there may be: a place is free before the answer has been read."""
    with served_face(tmp_path, concurrent_requests=1) as face, face.client(face.account()) as client:
        assert {client.get(JOBS).status_code for _ in range(50)} == {200}


def test_without_a_limit_requests_are_still_counted() -> None:
    """The header says how many there are; a wrong count would show as places that never come free."""
    concurrency, account = Concurrency(0), AccountSid(a_sid("AC", "acme"))
    scopes: list[dict[str, dict[str, object]]] = [{"state": {}} for _ in range(100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda scope: concurrency.enter(scope, account), scopes))
    assert sorted(scope["state"]["concurrent"] for scope in scopes) == list(range(1, 101))  # type: ignore[type-var]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(concurrency.leave, scopes + scopes))
    again: dict[str, dict[str, object]] = {"state": {}}
    concurrency.enter(again, account)
    assert again["state"]["concurrent"] == 1


def test_a_request_that_was_turned_away_holds_no_place() -> None:
    """Leaving without having entered changes nothing."""
    concurrency, account = Concurrency(1), AccountSid(a_sid("AC", "acme"))
    first: dict[str, dict[str, object]] = {"state": {}}
    second: dict[str, dict[str, object]] = {"state": {}}
    concurrency.enter(first, account)
    for _ in range(3):
        with pytest.raises(TooManyRequests):
            concurrency.enter(second, account)
        concurrency.leave(second)
    concurrency.leave(first)
    concurrency.enter(second, account)
