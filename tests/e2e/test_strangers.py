"""Senders who are not authorized, at a real server: they take nothing that others need, and learn what is wrong."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from dayfile.api import records
from dayfile.api.incoming import SILENCE_SECONDS, START_BYTES
from dayfile.intake.pipeline import IncomingBatch, Intake
from dayfile.model.credential import Scope
from dayfile.model.receipt import Receipt
from tests.support.clock import FakeClock
from tests.support.intake_server import DAY, PATH, Server, served
from tests.support.raw import Raw, many, raw
from tests.support.records import Sent, body_of

JOBS = "/v1/Exports/Messages/Jobs"
NOBODY = ("AC" + "0" * 32, "x" * 32)


def post(connection: Raw, path: str, login: tuple[str, str] | None, *headers: str) -> None:
    """Begin a POST with credentials."""
    basic = () if login is None else (f"Authorization: Basic {base64.b64encode(':'.join(login).encode()).decode()}",)
    connection.send("\r\n".join((f"POST {path} HTTP/1.1", "Host: x", *basic, *headers, "", "")).encode())


def a_body(account: str, *, size: int = 100) -> bytes:
    """A body of one record with about so many bytes."""
    moment = f"{DAY}T10:00:00Z"
    return body_of([Sent(account=account, name="a", created=moment, updated=moment, body="x" * size)])


def logins(server: Server) -> dict[str, tuple[tuple[str, str] | None, int]]:
    """Senders who may not send records, and the statuses that tell them so."""
    return {"nobody": (None, 401), "a stranger": (NOBODY, 401), "a customer": (server.account, 403)}


SENDERS = ["nobody", "a stranger", "a customer"]


@pytest.mark.parametrize("sender", SENDERS)
def test_bodies_of_those_who_may_not_write_leave_room_for_others(server: Server, sender: str) -> None:
    """33 such bodies, without an end, once made every operator's batch wait for as long as they stayed."""
    login, status = logins(server)[sender]
    with many(server.url, 33) as bodies:
        for connection in bodies:
            post(connection, PATH, login, "Transfer-Encoding: chunked")
            connection.send(b"8000\r\n" + bytes(0x8000) + b"\r\n")
        assert {connection.status() for connection in bodies} == {status}
        assert server.post(a_body(server.new_account(), size=100_000)).status_code == 200


@pytest.mark.parametrize("announced", [100, START_BYTES, 65536, 8 << 20])
def test_bodies_that_are_announced_and_not_sent_take_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, announced: int
) -> None:
    """Anybody can announce anything: 4,200 announcements once filled the memory for bodies, which was empty."""
    monkeypatch.setattr(records, "HELD_BYTES_LIMIT", 2 * START_BYTES)
    with served(tmp_path) as server, many(server.url, 5) as silent:
        for connection in silent:
            post(connection, PATH, None, f"Content-Length: {announced}")
            connection.send(b"x" * min(announced // 2, START_BYTES - 1))
        account = server.new_account()
        assert server.post(a_body(account)).status_code == 200
        assert server.post(a_body(account, size=20_000)).status_code == 200
        if announced > START_BYTES:
            for connection in silent:
                connection.send(b"x")
            assert {connection.status() for connection in silent} == {401}


@pytest.mark.parametrize("path", [PATH, JOBS, "/v1/Exports/Messages/Configuration", "/v1/Accounts"])
def test_nobody_is_told_to_go_on_before_being_authorized(server: Server, path: str) -> None:
    """The client that asks first spares both sides a body that is not wanted."""
    kind = "application/json" if path == "/v1/Accounts" else "application/x-www-form-urlencoded"
    with raw(server.url) as connection:
        post(connection, path, NOBODY, f"Content-Type: {kind}", "Content-Length: 100", "Expect: 100-continue")
        assert connection.status() == 401
        assert connection.is_closed()


def test_an_expectation_in_a_second_line_is_one_as_well(server: Server) -> None:
    """The server would say to go on, however many lines the client needs to ask."""
    with raw(server.url) as connection:
        post(connection, PATH, NOBODY, "Content-Length: 100", "Expect: x", "Expect: 100-continue")
        assert connection.status() == 401


def test_a_batch_with_an_offer_of_http_2_is_taken(server: Server) -> None:
    """As `curl --http2` sends it, and Java's own client."""
    account = server.new_account()
    for body in (a_body(account), a_body(account, size=50_000)):
        with raw(server.url) as client:
            offer = "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"
            post(client, PATH, server.operator, *offer, f"Content-Length: {len(body)}")
            client.send(body)
            status, receipt = client.answer()
            assert (status, json.loads(receipt)["accepted"]) == (200, 1)


def test_a_customer_may_only_have_so_many_forms_under_way(tmp_path: Path) -> None:
    """A known sender who asks to be told to go on holds a place until the form comes."""
    with served(tmp_path, concurrent_requests=2) as server, many(server.url, 3) as waiting:
        answers = []
        for connection in waiting:
            post(connection, JOBS, server.account, "Content-Length: 100", "Expect: 100-continue")
            answers.append(connection.status())
        assert answers == [100, 100, 429]


def test_one_sender_whose_batches_take_long_leaves_room_for_others(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten kilobytes of gzip can be millions of lines: they once kept all who came after from being recognized."""
    slow, go_on, at_work = server.operator[0], threading.Event(), threading.Semaphore(0)
    submit = Intake.submit

    def slowly(intake: Intake, delivery: IncomingBatch) -> Future[Receipt]:
        if delivery.caller.credential == slow:
            at_work.release()
            go_on.wait()
        return submit(intake, delivery)

    monkeypatch.setattr(Intake, "submit", slowly)
    account, other = server.new_account(), server.service.administration.create_key(account=None, scopes=[Scope.INTAKE])
    body = gzip.compress(a_body(account))
    gzipped = {"Content-Encoding": "gzip"}
    with ThreadPoolExecutor(12) as pool:
        slow_ones = [pool.submit(server.post, body, Content_Encoding="gzip") for _ in range(12)]
        try:
            for _ in range(4):
                assert at_work.acquire(timeout=30)
            login = (other.key.sid, other.secret)
            for content, headers in ((body, gzipped), (a_body(account, size=50_000), {})):
                assert server.client.post(PATH, content=content, headers=headers, auth=login).status_code == 200
            assert server.client.post(PATH, content=bytes(50_000), auth=NOBODY).status_code == 401
        finally:
            go_on.set()
        assert {answer.result().status_code for answer in slow_ones} == {200}


def test_a_sender_who_is_authorized_is_told_to_go_on(server: Server) -> None:
    """Curl waits for it with every body above a mebibyte."""
    body = a_body(server.new_account())
    with raw(server.url) as customer, raw(server.url) as operator:
        for connection, login in ((customer, server.account), (operator, server.operator)):
            post(connection, PATH, login, f"Content-Length: {len(body)}", "Expect: 100-continue")
        assert customer.status() == 403
        assert operator.status() == 100
        operator.send(body)
        assert operator.status() == 200


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("size", [20_000, 300_000, 1_000_000])
def test_a_refusal_reaches_a_sender_who_does_not_look(server: Server, sender: str, size: int) -> None:
    """Most clients send everything before they read: they must find the reason, and not a reset connection."""
    login, status = logins(server)[sender]
    answer = server.client.post(PATH, content=bytes(size), auth=login or httpx2.USE_CLIENT_DEFAULT)
    assert answer.status_code == status


def test_a_form_is_kept_no_further_than_its_sender_is_known(server: Server) -> None:
    """A form may have 64 KiB, of which strangers get a quarter."""
    form = b"FriendlyName=" + b"x" * 50_000
    assert server.client.post(JOBS, data={"a": "x" * 50_000}, auth=NOBODY).status_code == 401
    assert server.client.post(JOBS, data={"a": "x" * 50_000}).status_code == 401
    head = f"Content-Length: {len(form)}", "Content-Type: application/x-www-form-urlencoded"
    with raw(server.url) as stranger, raw(server.url) as customer:
        post(stranger, JOBS, NOBODY, *head)
        stranger.send(form[:START_BYTES])
        assert stranger.status() == 401  # no more of it was needed
        post(customer, JOBS, server.account, *head)
        customer.send(form)
        assert customer.status() == 400


def test_small_bodies_of_strangers_never_make_others_wait(server: Server) -> None:
    """They are judged together with those of the operator, each by its own."""
    account = server.new_account()
    with ExitStack() as open_ones:
        halves = [open_ones.enter_context(raw(server.url)) for _ in range(50)]
        for connection in halves:
            post(connection, PATH, NOBODY, "Content-Length: 2000")
            connection.send(b"x" * 1000)
        assert server.post(a_body(account)).status_code == 200
        for connection in halves:
            connection.send(b"x" * 1000)
        assert {connection.status() for connection in halves} == {401}


def test_a_sender_who_is_too_slow_is_given_up(server: Server) -> None:
    """A byte now and then would keep a place for ever that others wait for."""
    clock = server.service.clock
    assert isinstance(clock, FakeClock)
    with raw(server.url) as slow:
        post(slow, PATH, server.operator, "Transfer-Encoding: chunked")
        slow.send(b"5000\r\n" + b"\n" * 0x5000 + b"\r\n")
        _wait_until_rest_of(server)
        clock.pass_by(timedelta(seconds=SILENCE_SECONDS + 1))
        slow.send(b"1\r\n\n\r\n")
        status, body = slow.answer()
        assert (status, b"1024 bytes a second" in body) == (400, True)


def _wait_until_rest_of(server: Server) -> None:
    """Let a request that came later through: by then the one before is known."""
    for _ in range(3):
        assert server.post(a_body(server.new_account(), size=50_000)).status_code == 200
