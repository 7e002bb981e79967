"""The way of one request through the app and of its response to the client: uvicorn's, with a faster head.

Apart, because `protocol.py` is about what is read, and this about what is sent.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_LENGTH, _ENCODING, _CONNECTION = b"content-length", b"transfer-encoding", b"connection"
_START: Final = "http.response.start"
_BODY: Final = "http.response.body"
_WITHOUT_BODY: Final = frozenset({204, 304})
_CONTROLS: Final = bytes((*range(0x20), 0x7F)).replace(b"\t", b"")
"""Bytes that no header may hold: a line break in one would begin another."""


class Cycle(RequestResponseCycle):
    """One request and its response.

    uvicorn looks at each name and each value of a head with a regular expression, which takes longer than anything else
    it does for a small response. Here all of them are looked at together, and a body of known length goes a shorter
    way.
    """

    async def send(self, message: Any) -> None:
        """Send the head or a part of the body, as ASGI has it."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started and message["type"] == _START:
            self.response_started = True
            self.waiting_for_100_continue = False
            self.transport.write(self._head(message["status"], [*self.default_headers, *message.get("headers", ())]))
        elif not self._sends_body(message):
            await super().send(message)

    def _sends_body(self, message: Any) -> bool:
        """Send a part of a body that is as long as was said; False if it is for uvicorn to send, or to refuse."""
        if message["type"] != _BODY or self.chunked_encoding is not False or self.scope["method"] == "HEAD":
            return False
        body, has_more = message.get("body", b""), message.get("more_body", False)
        left = self.expected_content_length - len(body)
        if self.response_complete or left < 0 or (left and not has_more):
            return False
        self.expected_content_length = left
        self.transport.write(body)
        if not has_more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
        return True

    def _head(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the status line and the headers; raises RuntimeError for a header that would be more than one."""
        lines = [b"%b: %b" % header for header in headers]
        text = b"".join(lines)
        if len(text) != len(text.translate(None, _CONTROLS)):
            raise RuntimeError("a header of the response has a control character in it")
        names = [name for name, _ in headers]
        if _ENCODING in names and b"chunked" in [value.lower() for name, value in headers if name == _ENCODING]:
            self.chunked_encoding = True
        elif _LENGTH in names:
            self.expected_content_length = int(headers[names.index(_LENGTH)][1])
            self.chunked_encoding = False
        is_closing_told = _CONNECTION in names and _says_close(headers)
        self.keep_alive = self.keep_alive and not is_closing_told
        if not self.keep_alive and not is_closing_told:
            lines.append(b"connection: close")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked")
        return b"%b%b\r\n\r\n" % (STATUS_LINE[status], b"\r\n".join(lines))


def _says_close(headers: list[tuple[bytes, bytes]]) -> bool:
    told = [value.lower().split(b",") for name, value in headers if name == _CONNECTION]
    return any(token.strip() == b"close" for tokens in told for token in tokens)
