from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.raw import many, raw
from tests.support.recorded_log import RecordedLog, recorded_log
from tests.support.waiting_app import GET, PATIENT, App, get, server


@pytest.fixture
def log() -> Iterator[RecordedLog]:
    """Return the log during the test."""
    with recorded_log() as log:
        yield log


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
    with server(replace(PATIENT, held_bytes=300_000), app) as url, many(url, 5) as clients, raw(url) as other:
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


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [
        (b"1.1", [], 400),
        (b"1.1", [b"Host: x"], 200),
        (b"1.1", [b"Host:"], 200),
        (b"1.1", [b"Host: x", b"Host: x"], 400),
        (b"1.1", [b"Host: x", b"A: b", b"hOST: y"], 400),
        (b"1.0", [], 200),
        (b"1.0", [b"Host: x"], 200),
        (b"1.0", [b"Host: x", b"Host: y"], 400),
    ],
)
def test_a_request_has_one_host(log: RecordedLog, version: bytes, hosts: list[bytes], status: int) -> None:
    """Two parties that take different ones of two hosts disagree about whose answer it is. HTTP/1.0 needs none."""
    for more in (b"", UPGRADE):
        with server(PATIENT) as url, raw(url) as client:
            client.send(b"\r\n".join([b"GET / HTTP/" + version, *hosts, more, b""]))
            assert client.status() == status
            if status == 400:
                assert client.is_closed()
                assert log.next("request.refused")["status"] == 400


def test_a_host_among_trailers_is_none() -> None:
    """It comes after the request was begun."""
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: x\r\n\r\n")
        assert client.status() == 200
        assert get(client) == 200


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\n\r\n", GET % b"/".ljust(8193, b"x")])
def test_a_refusal_of_the_next_request_is_not_the_answer_to_this_one(head: bytes) -> None:
    """Requests that are sent ahead are answered in their order, or not at all."""
    app = App()
    with server(PATIENT, app) as url, raw(url) as client:
        client.send(GET % b"/wait")
        assert app.working.acquire(timeout=30)
        client.send(head)
        assert client.status() == 0
        app.go_on.set()


def test_blank_lines_without_end_are_no_request() -> None:
    """They may come before a request, are part of none, and so once had no limit."""
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"\r\n" * 40_000)
        assert client.status() == 431


def test_no_more_of_a_body_is_read_than_its_start(log: RecordedLog) -> None:
    """Bytes that the server does not read stay with their sender, who is not known yet."""
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
    """Bytes that chunks did not need for their framing are not saved up for something else."""
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"POST /read/on HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"1\r\nx\r\n" * 60_000 + b"0\r\nX: " + b"x" * 600_000)
        assert client.status() == 431


def test_trailers_are_no_headers() -> None:
    """A field that comes after a decision must not look as if it had been there before it."""
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"1\r\nx\r\n0\r\nAuthorization: Basic x\r\n\r\n")
        assert client.answer() == (200, b"host transfer-encoding read")


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


@pytest.mark.parametrize("upgrade", [UPGRADE, b"Connection: upgrade\r\nUpgrade: websocket\r\n"])
@pytest.mark.parametrize(
    "body", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
def test_an_offer_of_another_protocol_loses_no_body(upgrade: bytes, body: bytes) -> None:
    """Java's client makes one on plain HTTP, as `curl --http2` does: a batch was once answered 200, and lost."""
    with server(PATIENT) as url, raw(url) as client:
        client.send(b"POST /read HTTP/1.1\r\nHost: x\r\nA: b\r\n" + upgrade + body)
        status, names = client.answer()
        assert (status, names.split()[:2]) == (200, [b"host", b"a"])
        assert b"upgrade" not in names
        assert get(client) == 200


def test_an_offer_of_another_protocol_in_pieces_is_a_request_like_any_other() -> None:
    """However it is cut into reads, and with a body that is larger than one."""
    request = b"POST /read/on HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"Content-Length: 100000\r\n\r\n" + bytes(100_000)
    with server(PATIENT) as url:
        for cut in (1, 40, 120, len(request) - 100_000, 20_000):
            with raw(url) as client:
                client.send(request[:cut])
                client.send(request[cut:])
                assert client.status() == 200
                assert get(client) == 200
