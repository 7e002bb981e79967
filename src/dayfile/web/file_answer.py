"""File responses with backpressure: sent as fast as the client reads, and stopped when it disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Block = bytes | bytearray | memoryview

Blocks = Iterator[Block] | Sequence[bytes]
"""An iterator of blocks, each of which is read in a thread, or a sequence of blocks in memory."""


SMALL_BYTES: Final = 64 * 1024
"""Most bytes that are handed over at once, as those of any other response, and held if the client does not read."""

_THREADS: Final = ThreadPoolExecutor(40, thread_name_prefix="file")
"""The threads that read blocks; they start when they are needed. Starlette's own take three times as long to reach."""

_PROMPT_SECONDS: Final = 0.05
"""Time within which a client must have taken a block for the next one to be read meanwhile."""


class FileAnswer(Response):
    """A response of blocks. The next one is read when the client has received the last, or, if it is prompt, meanwhile.

    So a client that stops reading holds one block, or two, and the end of the one before.
    """

    def __init__(
        self,
        blocks: Blocks,
        *,
        status: int,
        headers: Sequence[tuple[bytes, bytes]],
        on_end: Callable[[], None] | None = None,
    ) -> None:
        """Take the blocks, and all headers, their names in lower case, as ASGI has them.

        `on_end` is called when no block is needed any more, however the response ends.
        """
        self.status_code = status
        self.background = None
        self.raw_headers = list(headers)
        self._blocks = blocks
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all blocks; raises ClientDisconnect if the client disconnects before the end."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if isinstance(self._blocks, Sequence) and sum(map(len, self._blocks)) <= SMALL_BYTES:
                await send({"type": "http.response.body", "body": b"".join(self._blocks)})
            else:
                await self._send_blocks(receive, send)
        finally:
            if self._on_end is not None:
                self._on_end()

    async def _send_blocks(self, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_until_gone(receive))
        source = _InMemory(self._blocks) if isinstance(self._blocks, Sequence) else _Read(self._blocks)
        try:
            is_prompt, now = False, asyncio.get_running_loop().time
            while block := await source.next(ahead=is_prompt):
                if gone.done():
                    raise ClientDisconnect
                began = now()
                await send({"type": "http.response.body", "body": block, "more_body": True})
                # Waits until the client has received most of the block, so that no third one is held meanwhile.
                await send({"type": "http.response.body", "body": b"", "more_body": True})
                is_prompt = now() - began < _PROMPT_SECONDS
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            await source.close()


class _InMemory:
    """Blocks that are there."""

    def __init__(self, blocks: Sequence[bytes]) -> None:
        self._left = iter(blocks)

    async def next(self, *, ahead: bool) -> Block:
        return next(self._left, b"")

    async def close(self) -> None:
        """Do nothing."""


class _Read:
    """Blocks that are read in a thread, one at a time."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self._blocks = blocks
        self._next = partial(copy_context().run, next, blocks, b"")  # what is logged has the id of the request
        self._run = partial(asyncio.get_running_loop().run_in_executor, _THREADS)
        self._ahead: asyncio.Future[Block] | None = None  # reads the next block

    async def next(self, *, ahead: bool) -> Block:
        """Return the next block, none at the end; with `ahead`, have the one after it read meanwhile."""
        self._ahead = reading = self._ahead or self._run(self._next)
        block = await asyncio.shield(reading)  # a thread that reads cannot be stopped
        self._ahead = self._run(self._next) if ahead and block else None
        return block

    async def close(self) -> None:
        """Close the blocks, once nothing reads them any more."""
        if self._ahead is not None:
            await asyncio.wait([self._ahead])
            if not self._ahead.cancelled():
                self._ahead.exception()  # looked at: it concerns nobody any more
        if isinstance(self._blocks, Generator):
            await self._run(self._blocks.close)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
