"""uvicorn's HTTP with a limit to the head of a request.

Without one, a client that never ends its headers makes the server remember all of them; it needs no credentials for
that, since nobody has been asked yet.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT_BYTES = 64 * 1024

_MESSAGE = b"The request line and the headers together are larger than this server reads."
_ANSWER = b"\r\n".join(
    (
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: %d" % len(_MESSAGE),
        b"Connection: close",
        b"",
        _MESSAGE,
    )
)


class BoundedHttp(HttpToolsProtocol):
    """Give it to uvicorn as its `http`. Up to two reads from the socket may come on top of the limit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        # A read in which a head begins or ends may be full of bodies. One that lies within a head is all head.
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
                self.transport.write(_ANSWER)
                self.transport.close()

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
