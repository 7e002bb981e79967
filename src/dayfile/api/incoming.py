"""A request body as it comes in: how much of it is there, and how long it may take."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from dayfile.api.context import context_of
from dayfile.errors import InvalidBody

START_BYTES = 16 * 1024
"""As much of a body is read before its sender is authorized; the connection gives no more."""

SILENCE_SECONDS = 60.0
"""A sender who is silent for so long is given up: others wait for its place."""

LEAST_BYTES_PER_SECOND = 1024
"""A sender who is slower than that, on the average and after the first minute, is given up as well."""


def expects_continue(request: Request) -> bool:
    """Tell if the client sends its body only when told to go on: nobody is, before being authorized."""
    return any(value.lower() == "100-continue" for value in request.headers.getlist("expect"))


class IncomingBody:
    """The body of one request, block by block."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._clock = context_of(request).clock
        self._began = self._clock.monotonic()
        self.size_bytes = 0  # so far
        self.is_whole = False

    async def start(self) -> list[bytes]:
        """Return the blocks of a small body, or of the start of a larger one; none if it waits to be told.

        The connection bounds how long that takes. Waiting costs nothing; answering those who announce a body and never
        send it would cost as much as they like.
        """
        blocks: list[bytes] = []
        if expects_continue(self._request):
            return blocks
        while not self.is_whole and self.size_bytes < START_BYTES:
            blocks.append(await self._receive())
        return blocks

    async def next(self, *, silence_seconds: float | None = None) -> bytes:
        """Return the next bytes; none at the end. `silence_seconds` is SILENCE_SECONDS unless given.

        Raises InvalidBody if the sender is silent or too slow, and ClientDisconnect if it went away.
        """
        patience = SILENCE_SECONDS if silence_seconds is None else silence_seconds
        try:
            async with asyncio.timeout(patience):
                while not self.is_whole:
                    if block := await self._receive():
                        self._check_rate()
                        return block
        except TimeoutError as error:
            raise InvalidBody(f"nothing of the body came for {patience:.0f} seconds: send it again") from error
        return b""

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
                f"the body comes at less than {LEAST_BYTES_PER_SECOND} bytes a second: send smaller parts"
            )
