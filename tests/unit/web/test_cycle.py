"""The head of a response, as it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.raw import raw
from tests.support.server import serving


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: x", b"a\nb", b"a\x00", b"\x7f"])
def test_a_header_cannot_become_two(value: bytes) -> None:
    """A name that a customer gave may be in one: it must not add a header, or an answer, of their own."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        headers = [(b"content-length", b"0"), (b"x-name", value)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    with serving(lambda _: app) as url, raw(url) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.socket.recv(1000) == b""  # it is cut off, and nothing was sent
