"""A client whose request never ends."""

from __future__ import annotations

import select
import socket
from urllib.parse import urlsplit

from dayfile.web.limits import Limits


def send_head_without_end(url: str) -> bytes:
    """Send headers until the server has had enough; the beginning of what it answers."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        sent = 0
        # Each piece is waited for: what is still under way when the server closes would wash its answer away.
        while not select.select([connection], [], [], 0.05)[0]:
            sent += connection.send(b"X: y\r\n" * 2000)
            assert sent < 10 * Limits().head_bytes
        return connection.recv(100)
