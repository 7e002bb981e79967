"""The way of one request through the app and of its response to the client: uvicorn's, with a faster head.

Apart, because `protocol.py` is about what is read, and this about what is sent.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_LENGTH, _ENCODING, _CONNECTION = b"content-length", b"transfer-encoding", b"connection"
_START: Final = "http.response.start"
_WITHOUT_BODY: Final = frozenset({204, 304})
_CONTROLS: Final = bytes((*range(0x20), 0x7F)).replace(b"\t", b"")
"""Bytes that no header may hold: a line break in one would begin another."""


class Cycle(RequestResponseCycle):
    """One request and its response.

    uvicorn looks at each name and each value of a head with a regular expression, which takes longer than anything else
    it does for a small response. Here all of them are looked at together.
    """

    async def send(self, message: Any) -> None:
        """Send the head or a part of the body, as ASGI has it."""
        if self.response_started or message["type"] != _START:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if not self.disconnected:
            self.response_started = True
            self.waiting_for_100_continue = False
            self.transport.write(self._head(message["status"], [*self.default_headers, *message.get("headers", ())]))

    def _head(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the status line and the headers; raises RuntimeError for a header that would be more than one."""
        lines = [b"%b: %b" % header for header in headers]
        text = b"".join(lines)
        if len(text) != len(text.translate(None, _CONTROLS)):
            raise RuntimeError("a header of the response has a control character in it")
        is_closing_told = False
        for name, value in headers:
            if name == _LENGTH and self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == _ENCODING and value.lower() == b"chunked":
                self.expected_content_length = 0
                self.chunked_encoding = True
            elif name == _CONNECTION and b"close" in [token.strip() for token in value.lower().split(b",")]:
                self.keep_alive = False
                is_closing_told = True
        if not self.keep_alive and not is_closing_told:
            lines.append(b"connection: close")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked")
        return b"%b%b\r\n\r\n" % (STATUS_LINE[status], b"\r\n".join(lines))
