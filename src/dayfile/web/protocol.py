"""uvicorn's HTTP with limits on what is read of a request before its sender is authorized.

Without them, a client that never ends its headers, its trailers or a chunk extension makes the server hold all of it in
memory, and needs no credentials for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import httptools
import structlog
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from dayfile.web.client_address import TrustedProxies
from dayfile.web.connection import Connection
from dayfile.web.connections import Connections
from dayfile.web.cycle import Cycle
from dayfile.web.limits import Limits
from dayfile.web.stage import Stage

_READ_ON = "read_on"
_CHUNK_FRAMING_BYTES = 16  # per chunk, for its size and line breaks, which are not counted
_QUEUED_BYTES = 4096  # approximate memory of a pipelined request that waits
_MOST_FRAMING_BYTES = 64  # carried over to the next read, which may begin within a chunk's framing
_OF_UPGRADES = frozenset({b"upgrade", b"connection", b"http2-settings"})
_HEADER_FRAMING_BYTES = 4  # the colon, the space and the line break
_FOR_WATCHERS = frozenset({"/healthz", "/readyz"})

_NO_SCOPE: Final[Any] = {}  # while a head is read

_log = structlog.get_logger()


def bounded_http(
    limits: Limits | None = None, *, proxies: TrustedProxies | None = None
) -> Callable[..., asyncio.BaseProtocol]:
    """Return the factory to give to uvicorn as its `http`, for the connections of one server."""
    made: list[Connections] = []  # made with the first connection, for the event loop that runs then

    def connect(**of_server: Any) -> Connection:
        if not made:
            made.append(Connections(limits or Limits(), proxies=proxies or TrustedProxies()))
        connections = made[0]
        return Connection(
            lambda connection: BoundedHttp(connection, connections.limits, **of_server),
            connections,
            running=of_server["server_state"].connections,
        )

    return connect


def read_on(scope: Scope) -> None:
    """Allow the rest of a request's body to be read, since its sender is authorized; before, only its start is read."""
    scope["state"].get(_READ_ON, _nothing)(scope)


def parts_of(url: bytes) -> tuple[bytes, bytes]:
    """Return the path and the query of a URL that the parser of requests has let through."""
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path, query
    place = httptools.parse_url(url)  # a whole one, as a proxy is sent
    return place.path, place.query or b""


class BoundedHttp(HttpToolsProtocol):
    """The HTTP protocol of one connection, with limits."""

    def __init__(self, connection: Connection, limits: Limits, **of_server: Any) -> None:
        super().__init__(**of_server)
        self._connection = connection
        self._limits = limits
        self._is_in_head = False
        self._is_in_body = False
        self._is_refused = False
        self._is_kept = True  # keep the connection open after this request
        self.is_authorized = False
        self._head_bytes = 0  # of the current message: everything except the body
        self._header_lines = 0
        self._hosts = 0  # Host headers of the current request
        self._body_bytes = 0
        self._framing_bytes = 0  # that the framing of chunks may still use
        self._has_begun = False  # a message has begun in the data that is being parsed
        self._is_upgrade = False  # the request offers an upgrade to another protocol
        self._request_line = b""

    @property
    def stage(self) -> Stage:
        """Stage of the request that is being read or answered."""
        cycle = self._cycle
        if self.pipeline:
            return Stage.WORK
        if cycle is not None and not cycle.response_complete:
            if not self._is_in_body or cycle.response_started:
                return Stage.WORK
            return Stage.UPLOAD if self.is_authorized else Stage.BODY
        if self._is_in_body:
            return Stage.BODY
        return Stage.HEAD if self._is_in_head or cycle is None else Stage.IDLE

    @property
    def held_bytes(self) -> int:
        """Bytes held of a request whose sender is not authorized."""
        queued = len(self.pipeline)
        if queued:
            return queued * _QUEUED_BYTES
        return max(self._head_bytes, self._is_in_head) + self._body_bytes

    @property
    def has_queue(self) -> bool:
        """True if pipelined requests wait for the response to the one before."""
        return bool(self.pipeline)

    @property
    def missing_bytes(self) -> int:
        """Bytes that may still be read of a request whose sender is not authorized."""
        return self._limits.unauthorized_body_bytes - (self._body_bytes if self._is_in_body else 0)

    def data_received(self, data: Any) -> None:
        """Parse data, and count the bytes of it that are not body."""
        self._has_begun = False
        body_bytes = self._body_bytes
        self._parse(data)
        if self._has_begun:
            # The data also holds the end of the message before; the callbacks count what belongs to the new one.
            spare = _MOST_FRAMING_BYTES
        else:
            spare = self._framing_bytes - (len(data) - (self._body_bytes - body_bytes))
            self._head_bytes += max(0, -spare)
        self._framing_bytes = max(0, min(spare, _MOST_FRAMING_BYTES))
        if self._is_head_too_large:
            self.refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The request line, the headers and the trailers are larger, or more, than this server reads.",
            )

    def _parse(self, data: Any) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_upgrade:
                self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.refuse(HTTPStatus.BAD_REQUEST, "This is no HTTP request that this server understands.")

    def _ignore_upgrade(self, rest: Any) -> None:
        """Parse a request that offers an upgrade as if it did not.

        The parser would take what follows such a head for the other protocol and lose a body silently. So it gets the
        head again, without the headers of the upgrade.
        """
        self._is_upgrade = False
        kept = [(name, value) for name, value in self.headers if name not in _OF_UPGRADES]
        lines = [self._request_line, *(b"%b: %b" % header for header in kept), b"", b""]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self._parse(b"\r\n".join(lines))
        if len(rest):
            self._parse(rest)

    def refuse(self, status: int, message: str) -> None:
        """Answer with an error of the connection, unless a response has begun, and close."""
        if self._is_refused:
            return
        self._is_refused = True
        _log.info("request.refused", status=int(status), client=self.client and self.client[0])
        if self._can_answer:
            self._connection.write(_answer(status, message))
            self._connection.close()
        else:
            self._connection.evict()

    def shutdown(self) -> None:
        """Close after the response to the current request."""
        self._is_kept = False
        super().shutdown()
        self._connection.end()

    # --- The parser's ---

    def on_message_begin(self) -> None:
        """Reset everything for a new message. Its scope is made when the head is complete."""
        self.url, self.headers, self.scope = b"", [], _NO_SCOPE
        self.expect_100_continue = False
        self._is_in_head = self._has_begun = True
        self._is_in_body = self.is_authorized = False
        self._head_bytes = self._body_bytes = self._header_lines = self._hosts = 0

    def on_url(self, url: bytes) -> None:
        """Count a part of the URL and keep it."""
        self.url += url
        if self._has_begun:
            self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header and keep it. Trailers are dropped: the headers have been acted on already."""
        if self._has_begun:
            self._head_bytes += len(name) + len(value) + _HEADER_FRAMING_BYTES
        self._header_lines += 1
        if self._is_in_head and not self._is_head_too_large:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            elif name == b"host":
                self._hosts += 1
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the head, and start the app."""
        self._check_head()  # still in it: a refusal is no answer to the request before
        self._is_in_head = False
        self._is_in_body = True
        if self._is_refused or self._is_head_too_large:
            return
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            version = self.parser.get_http_version().encode()
            self._request_line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)
            self._is_upgrade = True
            return
        self._begin()
        # A response before the end of the body is the connection's last: the rest may be long, and a client that waits
        # for "100 Continue" may never send it.
        self._is_kept = self.cycle.keep_alive and not self._connection.is_in_reserve
        self.cycle.keep_alive = False

    def _check_head(self) -> None:
        """Refuse a request whose head is complete, for what it says."""
        if self._is_head_too_large:
            return  # it is refused for that
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() != "1.0"):
            self.refuse(HTTPStatus.BAD_REQUEST, "A request has one Host header, not several; HTTP/1.0 needs none.")
        elif len(self.url) > self._limits.url_bytes:
            self.refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "The address is longer than any that this server has.")
        elif self._connection.is_in_reserve and self.url.partition(b"?")[0].decode("latin-1") not in _FOR_WATCHERS:
            self.refuse(
                HTTPStatus.SERVICE_UNAVAILABLE, "This server has as many connections as it can have: try again soon."
            )

    def _begin(self) -> None:
        """Start the app, or queue the request behind the one that is being answered, as uvicorn does."""
        before, version = self._cycle, self.parser.get_http_version()
        raw_path, query = parts_of(self.url)
        path = raw_path.decode("ascii")
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": self.parser.get_method().decode("ascii"),
            "root_path": self.root_path,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "state": {**self.app_state, _READ_ON: self._read_on},
        }
        self.cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Count a part of the body and pass it on."""
        self._body_bytes += len(body)
        if not self._is_refused and self._cycle is not None:
            super().on_body(body)

    def on_chunk_header(self) -> None:
        """Allow the framing that each chunk needs; anything more, such as an extension, is counted as head."""
        self._framing_bytes += _CHUNK_FRAMING_BYTES

    def on_message_complete(self) -> None:
        """Note that the request is complete."""
        self._is_in_body = self.is_authorized = False
        if self._is_refused or self._is_upgrade or self._cycle is None:
            return
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
        if not cycle.response_started:
            cycle.keep_alive = self._is_kept

    def on_response_complete(self) -> None:
        """Go on with the next request. How long a connection may be idle is one of its own limits."""
        self.server_state.total_requests += 1
        if not self._connection.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
        self._connection.settle()

    @property
    def _is_head_too_large(self) -> bool:
        return self._head_bytes > self._limits.head_bytes or self._header_lines > self._limits.header_lines

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        """The newest request; None before the first one, which uvicorn's type does not say."""
        return self.cycle

    @property
    def _can_answer(self) -> bool:
        """True if bytes written now would be the response to the request that is being read."""
        cycle = self._cycle
        if cycle is None or cycle.response_complete:
            return True
        return not (self._is_in_head or self.pipeline or cycle.response_started)

    def _read_on(self, scope: Any) -> None:
        if scope is self.scope:
            self.is_authorized = True
            self._connection.settle()


def _answer(status: int, message: str) -> bytes:
    """Return a complete response to a request that never reaches the app."""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(message)}",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *(("Retry-After: 1",) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()),
    )
    return "\r\n".join((*head, "", message)).encode("ascii")


def _nothing(scope: Scope) -> None:
    """Do nothing, for a request of another server implementation, which has limits of its own."""
