"""File responses with backpressure: sent as fast as the client reads, and stopped when it disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Blocks = Iterator[bytes] | Sequence[bytes]
"""An iterator of blocks, each of which is read in a thread, or a sequence of blocks in memory."""


class FileAnswer(Response):
    """A response of blocks: the next one is read when the client has received the last."""

    def __init__(
        self, blocks: Blocks, *, status: int, headers: Mapping[str, str], on_end: Callable[[], None] | None = None
    ) -> None:
        """Take the blocks; `on_end` is called when no block is needed any more, however the response ends."""
        self.status_code = status
        self.background = None
        self.init_headers(headers)
        self._blocks = blocks
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all blocks; raises ClientDisconnect if the client disconnects before the end."""
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for block in _blocks(self._blocks):
                if gone.done():
                    raise ClientDisconnect
                await send({"type": "http.response.body", "body": block, "more_body": True})
                # Waits until the client has received most of the block, so that no second one is held meanwhile.
                await send({"type": "http.response.body", "body": b"", "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            if isinstance(self._blocks, Generator):
                await run_in_threadpool(self._blocks.close)
            if self._on_end is not None:
                self._on_end()


async def _blocks(blocks: Blocks) -> AsyncIterator[bytes]:
    if isinstance(blocks, Sequence):
        for block in blocks:
            yield block
    else:
        while block := await run_in_threadpool(_next, blocks):
            yield block


def _next(blocks: Iterator[bytes]) -> bytes:
    return next(blocks, b"")


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
