"""One connection: the limits on what is read from it and for how long, and its end.

It sits between the socket and uvicorn's HTTP: a protocol to the one, a transport to the other. So little is read before
the sender is authorized, and a response that comes before the end of the request still reaches its client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol, cast

from dayfile.web.client_address import group_of
from dayfile.web.connections import Connections
from dayfile.web.silent import Silent
from dayfile.web.stage import Stage

_NEVER = float("inf")
_SOON = 0.0
_PIECE_BYTES = 1024
_HEAD_BYTES = 16 * 1024


class Http(Protocol):
    """The HTTP protocol of one connection, as uvicorn implements it, and its progress."""

    @property
    def stage(self) -> Stage:
        """Stage of the request that is being read or answered."""
        ...

    @property
    def is_authorized(self) -> bool:
        """True if the sender of the request that is being read is authorized."""
        ...

    @property
    def held_bytes(self) -> int:
        """Bytes held of a request whose sender is not authorized."""
        ...

    @property
    def has_queue(self) -> bool:
        """True if pipelined requests wait for the response to the one before."""
        ...

    @property
    def missing_bytes(self) -> int:
        """Bytes that may still be read of a request whose sender is not authorized."""
        ...

    def connection_made(self, transport: Any) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def data_received(self, data: Any) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...

    def refuse(self, status: int, message: str) -> None:
        """Answer with an error of the connection, unless an answer has begun, and close."""
        ...


class Connection(asyncio.BufferedProtocol):
    """One open connection.

    Its HTTP object is created with the first byte, so that a silent connection costs next to nothing. Until it ends,
    either the connection or its HTTP object is in `running`.
    """

    __slots__ = (
        *("_connections", "_deadline", "_drained_bytes", "_heard_at", "_http", "_is_counted", "_is_ending"),
        *("_is_held_back", "_is_paused", "_limits", "_loop", "_make_http", "_running", "_stage", "_times"),
        *(
            "_transport",
            "_unparsed",
            "_unwritten",
            "group",
            "held_bytes",
            "is_in_reserve",
            "look_after",
            "peer",
            "stalled_at",
        ),
        "unsent_bytes",
    )

    def __init__(self, make_http: Callable[[Connection], Http], connections: Connections, *, running: set[Any]) -> None:
        self.peer = self.group = ""
        self.is_in_reserve = False
        self.held_bytes = 0
        self.unsent_bytes = 0
        self.stalled_at: float | None = None
        self.look_after = _NEVER
        self._make_http = make_http
        self._http: Http = Silent(connections.limits)
        self._running = running
        self._connections = connections
        self._limits = connections.limits
        self._times = connections.times
        self._loop = asyncio.get_running_loop()
        self._is_counted = False
        self._is_ending = False
        self._unparsed = b""  # read, but not parsed until the request before it is answered
        self._unwritten = b""  # sent as soon as there is more, or nothing else to do
        self._heard_at = 0.0
        self._stage = Stage.CLOSED
        self._deadline = _NEVER
        self._is_held_back = False  # not read from, because the limit is reached for now
        self._is_paused = False  # not read from, because uvicorn asked to pause
        self._drained_bytes = 0

    # --- Towards the socket ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read, unless there are too many connections."""
        self._transport = cast("asyncio.Transport", transport)  # a stream's; the loop's own class may be no child of it
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""
        self.group = group_of(self.peer)
        self._is_counted = self._connections.enter(self)
        if not self._is_counted:
            self._transport.abort()
            return
        if self.is_in_reserve:
            self._times = self._connections.reserve_times
        self._running.add(self)
        self._enter(Stage.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection, and tell its HTTP."""
        self._connections.leave(self)
        self._stage = Stage.CLOSED
        self._running.discard(self)
        self._http.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return a buffer as large as the next read may be."""
        if self._http.is_authorized or self._stage is Stage.LINGER:
            return self._connections.buffer
        return self._connections.buffer[: max(1, self._http.missing_bytes)]

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what was read, or drop it after the final response.

        Data of unauthorized senders is parsed in pieces: it may be hundreds of pipelined requests, of which one is
        answered at a time.
        """
        if isinstance(self._http, Silent):
            self._speak()
        if self._stage is Stage.LINGER:
            self._drop(nbytes)
        elif self._http.is_authorized or self._is_one_piece(nbytes):
            self._http.data_received(self._connections.buffer[:nbytes])
            self.settle()
        else:
            self._unparsed += bytes(self._connections.buffer[:nbytes])
            self.settle()

    def _is_one_piece(self, nbytes: int) -> bool:
        """Return True if what was read is parsed at once and as a whole, as most requests are."""
        is_next = not self._unparsed and not self._http.has_queue
        return nbytes <= _PIECE_BYTES and is_next and self._stage not in _ENDING

    def eof_received(self) -> None:
        """Let the loop close the connection."""

    def pause_writing(self) -> None:
        """Note that the client does not keep up with the response, and pause it."""
        self.stalled_at = self._loop.time()
        self.unsent_bytes = self._transport.get_write_buffer_size()
        self._plan_look()
        self._connections.wait(self)
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """Go on sending the response."""
        self.stalled_at, self.unsent_bytes = None, 0
        self._plan_look()
        if self._stage is Stage.WORK:
            self._connections.resume(self)
        self._http.resume_writing()

    # --- Towards HTTP ---

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return information about the socket, as an asyncio transport does."""
        return self._transport.get_extra_info(name, default)

    def write(self, data: bytes) -> None:
        """Send data. No-op if the connection is closing.

        A head waits for its body, at most until the loop goes on, so that both are one packet.
        """
        if self.is_closing():
            return
        if len(data) > _HEAD_BYTES:  # too much to be copied: they are queued together
            self._flush()
            self._transport.write(data)
        elif self._unwritten:
            data, self._unwritten = self._unwritten + data, b""
            self._transport.write(data)
        elif data:
            self._unwritten = data
            self._loop.call_soon(self._flush)

    def is_closing(self) -> bool:
        """Return True if nothing more can be sent."""
        return self._stage in _ENDING or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Stop reading until HTTP asks for more."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, as soon as the limits allow it."""
        self._is_paused = False
        if not self._is_held_back:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close when everything is sent. A client that may still be sending gets time to read the response first.

        Closing a socket with unread bytes resets the connection, which can destroy a response in flight.
        """
        if self._stage in _ENDING:
            return
        stage = self._http.stage
        self._flush()
        may_send = stage is Stage.BODY or (stage is Stage.HEAD and self._http.held_bytes > 0)
        if may_send and not self._transport.is_closing():
            self._enter(Stage.LINGER)
            self._transport.write_eof()
        else:
            self._close()

    def settle(self) -> None:
        """Set the limits for the request's current stage. Called after each read and response, and by `read_on`."""
        http = self._http
        while self._unparsed and not http.has_queue and self._stage not in _ENDING:
            piece, self._unparsed = self._unparsed[:_PIECE_BYTES], self._unparsed[_PIECE_BYTES:]
            http.data_received(piece)
        if self._stage in _ENDING:
            return
        stage = http.stage
        if stage is not self._stage:
            self._enter(stage)
        elif stage is Stage.UPLOAD:
            self._connections.wait(self)  # again from now on: only silence counts
            self._heard_at = self._loop.time()
        queues = http.has_queue
        if queues or stage in _UNAUTHORIZED:
            self._connections.hold(self, http.held_bytes + len(self._unparsed))
        elif self.held_bytes:
            self._connections.hold(self, 0)
        is_enough = queues or (stage is Stage.BODY and http.missing_bytes <= 0)
        if is_enough or self._is_held_back:
            self._hold_back(is_enough)

    # --- Towards the server ---

    def look(self, now: float) -> None:
        """Enforce the time limits that have passed at `now`, the loop's time in seconds."""
        if self.stalled_at is not None or self._stage is Stage.CLOSING:
            self._look_at_writing(now)
        if self._is_ending and self._stage is Stage.UPLOAD and now - self._heard_at >= self._limits.ending_for:
            self._close()
        if now < self._deadline:
            return
        if self._stage in _UNAUTHORIZED and self._http.held_bytes:
            self._deadline = _NEVER
            self._plan_look()
            what = "headers" if self._stage is Stage.HEAD else "body"
            message = f"The {what} of the request did not come in time: send it again."
            self._http.refuse(HTTPStatus.REQUEST_TIMEOUT, message)
        else:
            self._close()

    def shutdown(self) -> None:
        """Close, since the server stops and no request has begun."""
        self._close()

    def end(self) -> None:
        """Shorten the time limits of an incomplete request, since the server stops."""
        self._is_ending = True
        if self._stage in _UNAUTHORIZED:
            self._deadline = min(self._deadline, self._loop.time() + self._limits.ending_for)
        self._plan_look()

    def evict(self) -> None:
        """Close at once, to make room for others."""
        self._stage = Stage.CLOSING
        self._transport.abort()

    def _flush(self) -> None:
        """Send what waits."""
        if self._unwritten:
            data, self._unwritten = self._unwritten, b""
            self._transport.write(data)

    def _speak(self) -> None:
        """Create the HTTP object, which takes the place of this connection in `running`."""
        self._http = self._make_http(self)
        self._http.connection_made(self)
        self._running.discard(self)

    def _hold_back(self, is_enough: bool) -> None:  # noqa: FBT001 - it is the new value
        if is_enough:
            self._transport.pause_reading()
        elif self._is_held_back and not self._is_paused:
            self._transport.resume_reading()
        self._is_held_back = is_enough

    def _look_at_writing(self, now: float) -> None:
        unsent = self._transport.get_write_buffer_size()
        if self.stalled_at is None or unsent < self.unsent_bytes:
            self.stalled_at, self.unsent_bytes = now, unsent
        elif now - self.stalled_at >= self._limits.stalled_for:
            self._transport.abort()

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._heard_at = self._loop.time()
        if stage is Stage.WORK:
            self._connections.resume(self)
        else:
            self._connections.wait(self)
            if stage in _ENDING:
                self._connections.hold(self, 0)
            if stage is Stage.LINGER:
                self._transport.resume_reading()
        self._deadline = self._heard_at + self._times.get(stage, _NEVER)
        self._plan_look()

    def _plan_look(self) -> None:
        """Set the next look at the time limits: at the next tick if a limit on the time without progress counts."""
        counts_silence = self.stalled_at is not None or self._stage is Stage.CLOSING or self._is_ending
        self.look_after = _SOON if counts_silence else self._deadline

    def _drop(self, size: int) -> None:
        """Count and drop bytes of a request that is answered already; beyond the limit they stay in the socket."""
        self._drained_bytes += size
        if self._drained_bytes >= self._limits.drain_bytes:
            self._transport.pause_reading()

    def _close(self) -> None:
        self._flush()
        self._enter(Stage.CLOSING)
        self._transport.close()


_UNAUTHORIZED = frozenset({Stage.HEAD, Stage.BODY})
_ENDING = frozenset({Stage.LINGER, Stage.CLOSING, Stage.CLOSED})
