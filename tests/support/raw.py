"""Connections without an HTTP client's good manners."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

SOONER = 30.0
"""Seconds after which a test gives up waiting for what must come."""


class Raw:
    """One connection, on which anything can be sent."""

    def __init__(self, url: str, *, source: str = "127.0.0.1") -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection(
            (address.hostname, address.port), timeout=SOONER, source_address=(source, 0)
        )
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send all of it; a server that has closed the connection is not minded."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def send_without_end(self, piece: bytes, *, at_most: int) -> int:
        """Send a piece again and again until the server has closed, at most so many bytes; how many were sent."""
        sent = 0
        try:
            while sent < at_most:
                sent += self.socket.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            return sent
        return sent

    def status(self) -> int:
        """Read an answer; its status, or 0 if the connection ends without one."""
        return self.answer()[0]

    def answer(self) -> tuple[int, bytes]:
        """Read an answer; its status and its body, or 0 and nothing if the connection ends without one."""
        try:
            line = self._file.readline()
            size = 0
            while (header := self._file.readline().strip()) != b"":
                name, _, value = header.partition(b": ")
                size = int(value) if name.lower() == b"content-length" else size
            body = self._file.read(size)
        except ConnectionResetError:
            return 0, b""
        return (int(line.split()[1]), body) if line else (0, b"")

    def is_closed(self) -> bool:
        """Read to the end of the connection; False if it does not come."""
        try:
            self._file.read()
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Go away."""
        self._file.close()
        self.socket.close()


@contextmanager
def raw(url: str) -> Iterator[Raw]:
    """A connection to a server."""
    connection = Raw(url)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def many(url: str, count: int) -> Iterator[list[Raw]]:
    """So many connections to a server."""
    connections: list[Raw] = []
    try:
        connections.extend(Raw(url) for _ in range(count))
        yield connections
    finally:
        for connection in connections:
            connection.close()
