from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from dayfile.web.limits import Limits
from dayfile.web.protocol import read_on
from tests.support.face import RecordedLog, recorded_log
from tests.support.raw import Raw, many, raw
from tests.support.server import serving

LONG = 1000.0
PATIENT = Limits(head_for=LONG, body_for=LONG, idle_for=LONG, stalled_for=LONG, reserve_head_for=LONG, tick=0.02)
GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Answers at once, when told to, without end, or when it has read the body."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.gone = threading.Event()  # the client of an answer without end
        self.working = threading.Semaphore(0)  # counts the requests that wait to be told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/wait":
            self.working.release()
            await asyncio.get_running_loop().run_in_executor(None, self.go_on.wait)
        if scope["path"] == "/endless":
            gone = asyncio.create_task(_gone(receive))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while not gone.done():
                await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
                await asyncio.sleep(0)  # a turn for everybody else
            self.gone.set()
            return
        if scope["path"].startswith("/read"):
            if scope["path"] == "/read/on":
                read_on(scope)
            size, more = 0, True
            while more:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
            scope["headers"].append((b"read", b"%d" % size))
        names = b" ".join(name for name, _ in scope["headers"])
        await PlainTextResponse(names)(scope, receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@contextmanager
def server(limits: Limits, app: App | None = None) -> Iterator[str]:
    """Serve an app within limits; its address."""
    app = app or App()
    with serving(lambda _: app, limits=limits) as url:
        try:
            yield url
        finally:
            app.go_on.set()


@pytest.fixture
def log() -> Iterator[RecordedLog]:
    """What is logged."""
    with recorded_log() as log:
        yield log


def get(connection: Raw, path: bytes = b"/") -> int:
    """Ask for a path; the status of the answer."""
    connection.send(GET % path)
    return connection.status()


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
    """Those who wait are closed; work that is under way is not lost to a flood."""
    app = App()
    with server(replace(PATIENT, connections=3), app) as url, raw(url) as working:
        working.send(GET % b"/wait")
        assert app.working.acquire(timeout=30)
        with many(url, 10) as silent:
            assert get(silent[-1]) == 200
        app.go_on.set()
        assert working.status() == 200


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


def test_a_public_address_may_only_have_its_share() -> None:
    """One stranger must not take the connections of all others."""
    limits = replace(PATIENT, connections=100, per_address=3)
    with (
        serving(lambda _: App(), limits=limits, is_bounded=lambda _: True) as url,
        many(url, 3) as silent,
        raw(url) as fourth,
    ):
        assert get(fourth) == 200
        assert silent[0].is_closed()


def test_heads_of_strangers_share_a_bound(log: RecordedLog) -> None:
    """Each of them may be below its own limit, and all together larger than the memory."""
    with server(replace(PATIENT, held_bytes=200_000)) as url, many(url, 5) as large, raw(url) as small:
        for connection in large:
            connection.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 60_000)
        assert log.next("connections.full")["evicted"] >= 1
        assert get(small) == 200


def test_requests_that_queue_are_not_read_without_end() -> None:
    """Each answer once let another quarter of a megabyte of requests in, and each of those takes kilobytes."""
    app = App()
    with server(PATIENT, app) as url, raw(url) as client:
        client.send(GET % b"/wait")
        assert app.working.acquire(timeout=30)
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.send_without_end(GET % b"/" * 100, at_most=1 << 26)
        client.socket.settimeout(30)
        app.go_on.set()
        assert [client.status() for _ in range(1000)] == [200] * 1000


def test_queues_of_strangers_share_a_bound(log: RecordedLog) -> None:
    """Small requests, sent ahead on many connections, become many times as large in memory."""
    app = App()
    with server(replace(PATIENT, held_bytes=1 << 20), app) as url, many(url, 5) as clients, raw(url) as other:
        for client in clients:
            client.send(GET % b"/wait")
            assert app.working.acquire(timeout=30)
            client.send(GET % b"/" * 400)
        assert log.next("connections.full")["evicted"] >= 1
        assert get(other) == 200


@pytest.mark.parametrize("lines", [127, 128])
def test_a_head_of_very_many_lines_is_refused(lines: int) -> None:
    """15,000 headers of three bytes each are two megabytes in memory."""
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * lines + b"\r\n")
        assert client.status() == (200 if lines == 127 else 431)


@pytest.mark.parametrize("size", [8192, 8193])
def test_a_very_long_address_is_refused(size: int) -> None:
    """To decode it, and to look for its route, takes milliseconds of everybody's time."""
    with server(PATIENT) as url, raw(url) as client:
        assert get(client, b"/".ljust(size, b"x")) == (200 if size == 8192 else 414)


def test_blank_lines_without_end_are_no_request() -> None:
    """They may come before a request, are part of none, and so once had no limit."""
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"\r\n" * 40_000)
        assert client.status() == 431


def test_no_more_of_a_body_is_read_than_its_start(log: RecordedLog) -> None:
    """What the server does not read stays with its sender, who is not known yet."""
    with server(replace(PATIENT, body_for=0.3)) as url, raw(url) as stranger, raw(url) as known:
        body = bytes(60_000)
        stranger.send(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + body)
        assert stranger.status() == 408
        known.send(b"POST /read/on HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + body)
        assert known.status() == 200


def test_an_answer_before_the_end_of_the_body_reaches_its_client() -> None:
    """A server that closes with bytes unread resets the connection, and the client never learns what was wrong."""
    with server(PATIENT) as url:
        for size in (20_000, 300_000, 900_000):
            with raw(url) as hasty:
                hasty.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
                assert hasty.status() == 200
                assert hasty.is_closed()


def test_a_body_without_an_end_is_not_read_for_ever() -> None:
    """The answer is given; what a client goes on sending is its own business."""
    with server(replace(PATIENT, drain_for=0.2)) as url, raw(url) as endless:
        endless.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = endless.send_without_end(b"8000\r\n" + bytes(0x8000) + b"\r\n", at_most=1 << 30)
        assert sent < 1 << 27


def test_a_connection_goes_on_after_a_body_that_was_read() -> None:
    """Clients keep connections, because opening one costs more than most requests."""
    with server(PATIENT) as url, raw(url) as kept:
        for size in (0, 1, 16 * 1024, 100_000):
            kept.send(b"POST /read/on HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
            assert kept.status() == 200


@pytest.mark.parametrize("beginning", [b"0\r\n", b"1\r\nx\r\n0\r\n"])
def test_trailers_without_an_end_are_not_remembered(beginning: bytes) -> None:
    """Anybody can send them, without credentials, and after the limit on heads was passed."""
    with server(PATIENT) as url, raw(url) as endless:
        endless.send(b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + beginning)
        endless.send(b"X: y\r\n" * 20_000)
        assert endless.status() == 431
        assert endless.is_closed()


@pytest.mark.parametrize("piece", [b"x" * 1000, b"x=y;" * 250])
def test_a_chunk_extension_without_an_end_is_refused(piece: bytes) -> None:
    """It is no body either."""
    with server(PATIENT) as url, raw(url) as endless:
        endless.send(b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;" + piece * 100)
        assert endless.status() == 431


def test_a_body_in_tiny_chunks_is_no_head() -> None:
    """Some clients send each line as a chunk: what frames them adds up to more than any head may have."""
    body = b"1\r\nx\r\n" * 60_000 + b"0\r\n\r\n"
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"POST /read/on HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert client.status() == 200
        assert get(client) == 200


def test_many_small_chunks_do_not_make_room_for_trailers() -> None:
    """What chunks did not need of their framing is not saved up for something else."""
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"POST /read/on HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"1\r\nx\r\n" * 60_000 + b"0\r\nX: " + b"x" * 600_000)
        assert client.status() == 431


def test_trailers_are_no_headers() -> None:
    """What comes after a decision must not look as if it had been there before it."""
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"1\r\nx\r\n0\r\nAuthorization: Basic x\r\n\r\n")
        assert client.answer() == (200, b"host transfer-encoding read")
