"""The head of a response and its body, as they are sent."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from dayfile.web.cycle import Cycle
from dayfile.web.protocol import parts_of
from tests.support.raw import raw
from tests.support.server import serving

HEADERS = st.sampled_from(
    [
        *((b"content-length", length) for length in (b"0", b"3", b"5")),
        *((b"transfer-encoding", kind) for kind in (b"chunked", b"Chunked", b"gzip")),
        *((b"connection", told) for told in (b"close", b"keep-alive", b"x, Close")),
        (b"x-name", b"one: two"),
    ]
)
BODIES = st.lists(st.tuples(st.sampled_from([b"", b"abc", b"ab"]), st.booleans()), max_size=3)


class Sent(asyncio.Transport):
    """A connection that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[bytes | str] = []

    def write(self, data: Any) -> None:
        self.events.append(bytes(data))

    def close(self) -> None:
        self.events.append("closed")


@given(
    headers=st.lists(HEADERS, max_size=4),
    bodies=BODIES,
    method=st.sampled_from(["GET", "HEAD"]),
    status=st.sampled_from([200, 204, 304]),
    keep_alive=st.booleans(),
)
def test_what_is_sent_is_what_uvicorn_sends(
    *, headers: list[tuple[bytes, bytes]], bodies: list[tuple[bytes, bool]], method: str, status: int, keep_alive: bool
) -> None:
    """It goes a shorter way, and every client knows uvicorn's: its length, its chunks, its end, what it refuses."""

    async def sent_by(kind: type[RequestResponseCycle]) -> list[bytes | str]:
        transport = Sent()
        cycle = kind(
            scope={"type": "http", "method": method},  # type: ignore[typeddict-item]  # no more is looked at
            transport=transport,
            flow=FlowControl(transport),
            logger=logging.getLogger("a.server"),
            access_logger=logging.getLogger("a.server"),
            access_log=False,
            default_headers=[(b"date", b"now")],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=keep_alive,
            on_response=lambda: transport.events.append("answered"),
        )
        try:
            await cycle.send({"type": "http.response.start", "status": status, "headers": headers})
            for body, has_more in bodies:
                await cycle.send({"type": "http.response.body", "body": body, "more_body": has_more})
        except RuntimeError as error:
            transport.events.append(str(error))
        return transport.events

    assert asyncio.run(sent_by(Cycle)) == asyncio.run(sent_by(RequestResponseCycle))


@given(st.lists(st.sampled_from([b"/", b"?", b"a", b"%20", b":", b"@", b";", b"[", b"#", b"*"])).map(b"".join))
def test_a_url_has_the_path_and_the_query_that_the_parser_of_urls_finds(rest: bytes) -> None:
    """Most are cut at the question mark; they must lead where they always led."""
    place = httptools.parse_url(b"/" + rest)
    assert parts_of(b"/" + rest) == (place.path, place.query or b"")
    assert parts_of(b"http://localhost/" + rest.replace(b":", b"")) == parts_of(b"/" + rest.replace(b":", b""))


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
