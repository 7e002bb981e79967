"""Responses of blocks: how many are held for a client, and what becomes of them when it has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from dayfile.web.file_answer import SMALL_BYTES, FileAnswer

BLOCKS = [bytes([65 + n]) * 10 for n in range(5)]


class Client:
    """A client that takes what it is sent, one block at a time when it is told to."""

    def __init__(self, *, goes_after: int = 99) -> None:
        self.body = b""
        self.messages = 0
        self.goes_after = goes_after
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        """Wait for the client to go."""
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message."""
        self.messages += 1
        self.body += message.get("body", b"")
        if len(self.body) // 10 >= self.goes_after:
            self._gone.set()
            await asyncio.sleep(0)  # as a server does that waits for the client


class Source:
    """Blocks that note how many of them were read, and that they were closed."""

    def __init__(self) -> None:
        self.read, self.is_closed = 0, False

    def blocks(self) -> Iterator[bytes]:
        """Give the blocks."""
        try:
            for block in BLOCKS:
                self.read += 1
                yield block
        finally:
            self.is_closed = True


def test_all_blocks_come_in_their_order() -> None:
    """A file is the same, read ahead or not."""
    source, ended = Source(), []

    async def serve() -> bytes:
        client = Client()
        answer = FileAnswer(source.blocks(), status=200, headers=[], on_end=lambda: ended.append(True))
        await answer({}, client.receive, client.send)
        return client.body

    assert asyncio.run(serve()) == b"".join(BLOCKS)
    assert (source.is_closed, ended) == (True, [True])


def test_a_client_that_goes_has_at_most_one_more_block_read() -> None:
    """And the file is closed once nobody reads it any more."""
    source, ended = Source(), []

    async def serve() -> None:
        client = Client(goes_after=2)
        answer = FileAnswer(source.blocks(), status=200, headers=[], on_end=lambda: ended.append(True))
        await answer({}, client.receive, client.send)

    with pytest.raises(ClientDisconnect):
        asyncio.run(serve())
    assert source.read <= 4  # two were sent, one is given up, and one more was being read
    assert (source.is_closed, ended) == (True, [True])


@pytest.mark.parametrize(("size", "messages"), [(SMALL_BYTES, 2), (SMALL_BYTES + 1, 4)])
def test_what_is_small_is_handed_over_at_once(size: int, messages: int) -> None:
    """As any other response is; of what is larger, the rest waits for the client."""

    async def serve() -> Client:
        client = Client(goes_after=size)
        await FileAnswer([b"x" * size], status=200, headers=[])({}, client.receive, client.send)
        return client

    client = asyncio.run(serve())
    assert (len(client.body), client.messages) == (size, messages)
