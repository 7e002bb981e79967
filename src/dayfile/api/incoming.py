"""Incoming request bodies, read block by block under limits of time and rate."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from typing import Final

from starlette.requests import ClientDisconnect, Request

from dayfile.api.context import context_of
from dayfile.errors import InvalidBody, Transient

START_BYTES = 16 * 1024
"""Bytes of a body that are read before its sender is authorized; the connection gives no more."""

SILENCE_SECONDS = 60.0
"""Longest silence of a sender before its request is refused, since others wait for its place."""

LEAST_BYTES_PER_SECOND = 1024
"""Lowest average rate of a sender after the first minute; a slower request is refused."""

_LOOK_SECONDS: Final = 1.0  # between two looks whether the loop is still there: closed, it ends no wait
_STOPS: Final = "this server stops: send it again"


def expects_continue(request: Request) -> bool:
    """Return True if the client waits for "100 Continue", which it gets only when it is authorized."""
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in request.scope["headers"])


class IncomingBody:
    """The body of one request, block by block."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._clock = context_of(request).clock
        self._began = self._clock.monotonic()
        self.size_bytes = 0  # so far
        self.is_whole = False

    async def start(self) -> list[bytes]:
        """Return the blocks of a small body, or the start of a larger one; none if the client waits for "100 Continue".

        The connection limits the time that this takes. Waiting costs nothing, whereas work for clients that announce a
        body and never send it could cost as much as they like.
        """
        blocks: list[bytes] = []
        if expects_continue(self._request):
            return blocks
        while not self.is_whole and self.size_bytes < START_BYTES:
            blocks.append(await self._receive())
        return blocks

    async def next(self, *, silence_seconds: float | None = None) -> bytes:
        """Return the next bytes; none at the end. `silence_seconds` defaults to SILENCE_SECONDS.

        Raises InvalidBody if the sender is silent or too slow, and ClientDisconnect if it has disconnected.
        """
        patience = SILENCE_SECONDS if silence_seconds is None else silence_seconds
        try:
            async with asyncio.timeout(patience):
                while not self.is_whole:
                    if block := await self._receive():
                        self._check_rate()
                        return block
        except TimeoutError as error:
            raise InvalidBody(f"no part of the body arrived for {patience:.0f} seconds: send it again") from error
        return b""

    def next_for_thread(self, loop: asyncio.AbstractEventLoop) -> bytes:
        """Return the next bytes to a thread, while the loop of the connection runs; none at the end.

        Raises Transient if the server stops: then nobody reads the connection any more.
        """
        reading = self.next()
        try:
            block = asyncio.run_coroutine_threadsafe(reading, loop)
        except RuntimeError as error:  # the loop is closed
            reading.close()
            raise Transient(_STOPS) from error
        while True:
            try:
                return block.result(_LOOK_SECONDS)
            except TimeoutError as error:
                if loop.is_closed():
                    raise Transient(_STOPS) from error
            except CancelledError as error:
                raise Transient(_STOPS) from error

    async def _receive(self) -> bytes:
        message = await self._request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        block: bytes = message.get("body", b"")
        self.size_bytes += len(block)
        self.is_whole = not message.get("more_body", False)
        return block

    def _check_rate(self) -> None:
        took = self._clock.monotonic() - self._began
        if took > SILENCE_SECONDS and self.size_bytes < took * LEAST_BYTES_PER_SECOND:
            raise InvalidBody(
                f"the body arrives at less than {LEAST_BYTES_PER_SECOND} bytes a second: send smaller parts"
            )
