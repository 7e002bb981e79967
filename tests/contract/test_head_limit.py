from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.endless import send_head_without_end
from tests.support.face import Face, Login


@pytest.fixture
def connection(face: Face) -> Iterator[socket.socket]:
    """A connection without an HTTP client's good manners."""
    address = urlsplit(face.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        yield connection


@pytest.mark.parametrize("beginning", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_without_an_end_is_not_remembered(face: Face, connection: socket.socket, beginning: bytes) -> None:
    """Anybody can send one, without credentials: 60 MB of it once were 60 MB of memory."""
    more = b"X: y\r\n" * 10_000 if beginning.endswith(b"x\r\n") else b"x" * 60_000
    connection.sendall(beginning)
    with pytest.raises(OSError, match=r"reset|pipe"):
        connection.sendall(more * 1000)
    assert httpx2.get(face.url + "/healthz").status_code == 200


def test_a_client_with_a_head_that_is_too_large_is_told_so(face: Face) -> None:
    """A sender of too large cookies, by mistake, must learn what is wrong."""
    assert send_head_without_end(face.url).startswith(b"HTTP/1.1 431 ")


def test_bodies_and_many_requests_in_one_connection_are_not_taken_for_a_head(
    face: Face, acme: Login, connection: socket.socket
) -> None:
    """The limit is on one head: a connection that lives for a day has sent many, and bodies of any size."""
    with face.client(acme) as client:
        for _ in range(30):
            big = client.post("/v1/Exports/Messages/Jobs", content=b"a=" + b"b" * 60_000)
            assert big.status_code == 400
            assert client.get("/healthz", headers={"X": "y" * 30_000}).status_code == 200
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 5_000)
    read = connection.makefile("rb")
    for _ in range(5_000):
        lines = list(iter(read.readline, b"\r\n"))
        assert lines[0].startswith(b"HTTP/1.1 200 ")
        read.read(next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")))
