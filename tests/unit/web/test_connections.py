from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_network

import pytest

from dayfile.web.client_address import TrustedProxies
from tests.support.raw import Raw, many, raw
from tests.support.recorded_log import RecordedLog, recorded_log
from tests.support.server import serving
from tests.support.waiting_app import GET, PATIENT, App, get, server


@pytest.fixture
def log() -> Iterator[RecordedLog]:
    """Return the log during the test."""
    with recorded_log() as log:
        yield log


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(sent: bytes) -> None:
    """Each open connection is a descriptor; a client that has said something is told what was wrong."""
    with server(replace(PATIENT, head_for=0.1)) as url, raw(url) as slow:
        slow.send(sent)
        assert slow.status() == (408 if sent else 0)
        assert slow.is_closed()


def test_a_head_that_comes_byte_by_byte_has_no_more_time() -> None:
    """Each byte says that there will be another one: so it is the whole head that has a time limit."""
    with server(replace(PATIENT, head_for=0.2)) as url, raw(url) as slow:
        slow.send(b"GET / HTTP/1.1\r\nX: ")
        slow.socket.settimeout(0.01)
        for _ in range(3000):
            slow.send(b"x")
            try:
                answer = slow.socket.recv(100)
                break
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "head", [b"Content-Length: 10\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
def test_a_small_body_that_does_not_come_ends_the_connection(head: bytes) -> None:
    """A small body is waited for before anybody asks whose it is."""
    with server(replace(PATIENT, body_for=0.1)) as url, raw(url) as slow:
        slow.send(b"POST /read HTTP/1.1\r\nHost: x\r\n" + head)
        assert slow.status() == 408
        assert slow.is_closed()


def test_an_idle_connection_is_closed_after_a_while() -> None:
    """A pool that nobody uses any more must not hold descriptors for ever."""
    with server(replace(PATIENT, idle_for=0.1)) as url, raw(url) as idle:
        assert get(idle) == 200
        assert idle.is_closed()


def test_a_client_that_does_not_take_its_answer_is_given_up() -> None:
    """Somebody who asks for files and never reads them holds a descriptor and the memory of a block."""
    app = App()
    with server(replace(PATIENT, stalled_for=0.2), app) as url, raw(url) as stalled, raw(url) as other:
        stalled.send(GET % b"/endless")
        assert app.gone.wait(30)
        assert get(other) == 200


def test_answers_that_nobody_takes_share_a_bound(log: RecordedLog) -> None:
    """Each of them is a block of a file in memory; one link is enough to ask for thousands."""
    app = App()
    limits = replace(PATIENT, unsent_bytes=100_000, progress_for=0.2)
    with server(limits, app) as url, many(url, 4) as stalled, raw(url) as other:
        for client in stalled:
            client.send(GET % b"/endless")
        assert app.gone.wait(30)
        assert log.next("connections.full")["evicted"] >= 1
        assert get(other) == 200


def test_waiting_connections_make_room_for_new_ones(log: RecordedLog) -> None:
    """A thousand silent connections once reset every further request, and left no word in the log."""
    with server(replace(PATIENT, connections=10)) as url, many(url, 30) as silent, raw(url) as new:
        assert get(new) == 200
        assert silent[0].is_closed()
        line = log.next("connections.full")
        assert (line["limit"], line["level"]) == (10, "warning")


def test_a_connection_that_is_being_answered_is_not_closed_for_others() -> None:
    """Idle connections are closed; work that is under way is not lost to a flood."""
    app = App()
    with server(replace(PATIENT, connections=3), app) as url, raw(url) as working:
        working.send(GET % b"/wait")
        assert app.working.acquire(timeout=30)
        with many(url, 10) as silent:
            assert get(silent[-1]) == 200
        app.go_on.set()
        assert working.status() == 200


def test_a_body_that_does_not_go_on_makes_room_although_its_sender_is_known() -> None:
    """One customer's credentials are enough for thousands of bodies that never come."""
    with server(replace(PATIENT, connections=3)) as url, many(url, 3) as silent, raw(url) as new:
        for connection in silent:
            connection.send(b"POST /read/on HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + bytes(20_000))
        assert get(new) == 200
        assert silent[0].is_closed()


def test_the_address_with_most_waiting_connections_makes_room() -> None:
    """A flood from one address displaces itself, and not the idle connection of somebody else."""
    with server(replace(PATIENT, connections=10)) as url, raw(url) as own:
        assert get(own) == 200
        flood = [Raw(url, source="127.0.0.2") for _ in range(30)]
        try:
            assert get(own) == 200
            assert get(flood[-1]) == 200
        finally:
            for connection in flood:
                connection.close()


def test_when_all_connections_are_busy_the_server_can_still_be_watched() -> None:
    """Otherwise whoever watches over it takes it for dead, and kills it together with the work under way."""
    app, count = App(), 3
    limits = replace(PATIENT, connections=count, reserve=2)
    with server(limits, app) as url, many(url, count) as busy:
        for connection in busy:
            connection.send(GET % b"/wait")
            assert app.working.acquire(timeout=30)
        with raw(url) as watcher, raw(url) as customer:
            assert get(customer, b"/v1/Exports") == 503
            assert get(watcher, b"/healthz") == 200
            assert watcher.is_closed()
            assert customer.is_closed()
        with raw(url) as first, raw(url), raw(url) as third:
            assert third.is_closed()
            assert get(first, b"/readyz?full=yes") == 200
        app.go_on.set()
        assert [connection.status() for connection in busy] == [200] * count


def test_a_head_in_the_reserve_has_little_time() -> None:
    """The reserve is small: silence in it would close it for those it is there for."""
    app = App()
    limits = replace(PATIENT, connections=1, reserve=1, reserve_head_for=0.1)
    with server(limits, app) as url, raw(url) as busy:
        busy.send(GET % b"/wait")
        assert app.working.acquire(timeout=30)
        with raw(url) as silent:
            assert silent.is_closed()


def test_one_client_may_only_have_its_share() -> None:
    """One stranger must not take the connections of all others. A near one may be a proxy, unless proxies are named."""
    limits = replace(PATIENT, connections=100, per_address=3)
    for named, is_bounded in ((), False), (("192.0.2.1/32",), True), (("127.0.0.0/8",), False):
        proxies = TrustedProxies(tuple(map(ip_network, named)))
        with serving(lambda _: App(), limits=limits, proxies=proxies) as url, many(url, 3) as first, raw(url) as fourth:
            assert get(fourth) == 200
            if is_bounded:
                assert first[0].is_closed()
            else:
                assert get(first[0]) == 200


def test_heads_of_strangers_share_a_bound(log: RecordedLog) -> None:
    """Each of them may be below its own limit, and all together larger than the memory."""
    with server(replace(PATIENT, held_bytes=200_000)) as url, many(url, 5) as large, raw(url) as small:
        for connection in large:
            connection.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 60_000)
        assert log.next("connections.full")["evicted"] >= 1
        assert get(small) == 200


def test_a_server_that_stops_closes_connections_that_have_said_nothing() -> None:
    """They have no request that could be waited for."""
    with ExitStack() as clients:
        with server(PATIENT) as url:
            silent, other = clients.enter_context(raw(url)), clients.enter_context(raw(url))
            assert get(other) == 200  # so the server has seen both
        assert silent.is_closed()
        assert other.is_closed()
