from __future__ import annotations

import socket

import pytest

from dayfile.cli.http_server import listen
from dayfile.errors import Unusable


def test_a_free_port_is_picked() -> None:
    """Port 0 means any; tests and demos run side by side."""
    with listen("127.0.0.1", 0) as listening:
        assert listening.getsockname()[1] > 0
        with socket.create_connection(listening.getsockname()):
            pass


def test_a_port_in_use_is_said_to_be_in_use() -> None:
    """It is the most frequent reason why a server does not start, and the message says what to do."""
    with listen("127.0.0.1", 0) as taken, pytest.raises(Unusable, match=r"another process listens there.*--port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_ipv6_works() -> None:
    """A machine that has it may be reached by nothing else."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with listen("::1", 0) as listening:
        assert listening.family is socket.AF_INET6
