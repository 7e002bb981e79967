"""One connection: what is read of it, for how long, and how it ends.

It stands between the socket and uvicorn's HTTP: a protocol to the one, a transport to the other. So reads are as small
as they must be before a sender is authorized, and an answer that comes before the end of a request reaches its client.
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


class Http(Protocol):
    """The HTTP of one connection, as uvicorn speaks it, and how far it is."""

    @property
    def stage(self) -> Stage:
        """How far the request is that is being read or answered."""
        ...

    @property
    def is_authorized(self) -> bool:
        """Whether the sender of the request that is being read is authorized."""
        ...

    @property
    def held_bytes(self) -> int:
        """How much is kept of a request whose sender is not authorized."""
        ...

    @property
    def has_queue(self) -> bool:
        """Whether requests wait for the answer to the one before."""
        ...

    @property
    def missing_bytes(self) -> int:
        """How much more of such a request may be read."""
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

    Its HTTP is made when the first byte comes: one that stays silent costs next to nothing. Until it ends it is in
    `running`, or its HTTP is.
    """

    __slots__ = (
        *("_connections", "_deadline", "_drained_bytes", "_heard_at", "_http", "_is_counted", "_is_ending"),
        *("_is_held_back", "_is_paused", "_limits", "_loop", "_make_http", "_running", "_stage", "_transport"),
        *("_unparsed", "group", "held_bytes", "is_in_reserve", "look_after", "peer", "stalled_at", "unsent_bytes"),
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
        self._loop = asyncio.get_running_loop()
        self._is_counted = False
        self._is_ending = False
        self._unparsed = b""  # read, and not parsed before the request before it is answered
        self._heard_at = 0.0
        self._stage = Stage.CLOSED
        self._deadline = _NEVER
        self._is_held_back = False  # not read from, because as much has come as may for now
        self._is_paused = False  # not read from, because uvicorn has enough
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
        self._running.add(self)
        self._enter(Stage.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._connections.leave(self)
        self._stage = Stage.CLOSED
        self._running.discard(self)
        self._http.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give room for what may be read now."""
        if self._http.is_authorized or self._stage is Stage.LINGER:
            return self._connections.buffer
        return self._connections.buffer[: max(1, self._http.missing_bytes)]

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what was read, or drop it after the answer.

        What strangers send is parsed in pieces: it may be hundreds of requests, of which one is answered at a time.
        """
        if isinstance(self._http, Silent):
            self._speak()
        if self._stage is Stage.LINGER:
            self._drop(nbytes)
        elif self._http.is_authorized:
            self._http.data_received(self._connections.buffer[:nbytes])
            self.settle()
        else:
            self._unparsed += bytes(self._connections.buffer[:nbytes])
            self.settle()

    def eof_received(self) -> None:
        """Let the loop close the connection."""

    def pause_writing(self) -> None:
        """Wait for the client to take what it was sent."""
        self.stalled_at = self._loop.time()
        self.unsent_bytes = self._transport.get_write_buffer_size()
        self._plan_look()
        self._connections.wait(self)
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """Go on answering."""
        self.stalled_at, self.unsent_bytes = None, 0
        self._plan_look()
        if self._stage is Stage.WORK:
            self._connections.resume(self)
        self._http.resume_writing()

    # --- Towards HTTP ---

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell what the socket is."""
        return self._transport.get_extra_info(name, default)

    def write(self, data: bytes) -> None:
        """Send, unless nobody can get it any more."""
        if not self.is_closing():
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Say if no more can be answered."""
        return self._stage in _ENDING or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Read nothing until HTTP wants more."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, once that is allowed."""
        self._is_paused = False
        if not self._is_held_back:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close when all is sent. A client that may still be sending gets time to read its answer first.

        A socket that is closed with bytes unread resets the connection, and that can destroy an answer on its way.
        """
        if self._stage in _ENDING:
            return
        stage = self._http.stage
        may_send = stage is Stage.BODY or (stage is Stage.HEAD and self._http.held_bytes > 0)
        if may_send and not self._transport.is_closing():
            self._enter(Stage.LINGER)
            self._transport.write_eof()
        else:
            self._close()

    def settle(self) -> None:
        """Set limits by how far the request is now: called after each read and answer, and when read on."""
        while self._unparsed and not self._http.has_queue and self._stage not in _ENDING:
            piece, self._unparsed = self._unparsed[:_PIECE_BYTES], self._unparsed[_PIECE_BYTES:]
            self._http.data_received(piece)
        if self._stage in _ENDING:
            return
        stage = self._http.stage
        if stage is not self._stage:
            self._enter(stage)
        elif stage is Stage.UPLOAD:
            self._connections.wait(self)  # from now on: it is silence that counts
            self._heard_at = self._loop.time()
        queues = self._http.has_queue
        held_bytes = self._http.held_bytes + len(self._unparsed)
        self._connections.hold(self, held_bytes if queues or stage in _UNAUTHORIZED else 0)
        self._hold_back(queues or (stage is Stage.BODY and self._http.missing_bytes <= 0))

    # --- Towards the server ---

    def look(self, now: float) -> None:
        """Act on time limits that are over."""
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
        """Close: the server stops, and nothing has come yet."""
        self._close()

    def end(self) -> None:
        """Do not wait long for what is missing of a request: the server stops."""
        self._is_ending = True
        if self._stage in _UNAUTHORIZED:
            self._deadline = min(self._deadline, self._loop.time() + self._limits.ending_for)
        self._plan_look()

    def evict(self) -> None:
        """Close at once, for the sake of others."""
        self._stage = Stage.CLOSING
        self._transport.abort()

    def _speak(self) -> None:
        """Make the HTTP, which is what runs from now on."""
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
        self._deadline = self._heard_at + self._time_for(stage)
        self._plan_look()

    def _plan_look(self) -> None:
        """Set when time limits are looked at next: soon, if what counts is how long nothing has moved."""
        counts_silence = self.stalled_at is not None or self._stage is Stage.CLOSING or self._is_ending
        self.look_after = _SOON if counts_silence else self._deadline

    def _time_for(self, stage: Stage) -> float:
        limits = self._limits
        match stage:
            case Stage.HEAD:
                return limits.reserve_head_for if self.is_in_reserve else limits.head_for
            case Stage.BODY:
                return limits.body_for
            case Stage.IDLE:
                return limits.idle_for
            case Stage.LINGER:
                return limits.drain_for
            case _:
                return _NEVER

    def _drop(self, size: int) -> None:
        """Count what is read of a request that is answered; what is more than the limit stays in the socket."""
        self._drained_bytes += size
        if self._drained_bytes >= self._limits.drain_bytes:
            self._transport.pause_reading()

    def _close(self) -> None:
        self._enter(Stage.CLOSING)
        self._transport.close()


_UNAUTHORIZED = frozenset({Stage.HEAD, Stage.BODY})
_ENDING = frozenset({Stage.LINGER, Stage.CLOSING, Stage.CLOSED})
