"""Limits on connections and on requests of unauthorized senders.

Anybody can connect. Until the sender of a request is authorized, these limits bound everything that the server spends
on it, in bytes and in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

FILES_FOR_OTHERS = 320
"""Open files that are reserved for the state database, segments and downloads."""

_MOST_CONNECTIONS = 4096
_RESERVE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on the connections of one process. Durations are in seconds."""

    connections: int = _MOST_CONNECTIONS  # beyond it, those that have waited longest are closed
    reserve: int = _RESERVE  # further connections for monitoring, when none can be closed
    per_address: int = _MOST_CONNECTIONS // 4  # of one public address
    backlog: int = 1024  # of connections not accepted yet, in the kernel; they come in bursts
    head_bytes: int = 64 * 1024  # of a request without its body: request line, headers, trailers
    header_lines: int = 128  # each takes much more memory than it has bytes
    url_bytes: int = 8 * 1024  # of the address, percent-encoded
    unauthorized_body_bytes: int = 16 * 1024  # of a body, before its sender is authorized
    held_bytes: int = 64 * 1024 * 1024  # of all heads and unauthorized bodies together, and of requests that queue
    head_for: float = 10.0  # from the first byte of a request, or from the connection, to the end of its head
    reserve_head_for: float = 2.0  # the same, of a connection in the reserve
    body_for: float = 30.0  # from the end of the head to the end of a body whose sender is not authorized
    ending_for: float = 3.0  # the silence of a client in the middle of a request, when the server stops
    idle_for: float = 60.0  # between two requests
    stalled_for: float = 60.0  # without a byte read by a client that is being answered
    unsent_bytes: int = 512 * 1024 * 1024  # of all responses together whose clients do not keep up
    progress_for: float = 5.0  # without a byte read, when unsent_bytes is exceeded
    drain_for: float = 2.0  # reading on after a response that came before the end of the body
    drain_bytes: int = 1024 * 1024  # of such a body, read and dropped at most
    tick: float = 0.25  # interval of the checks of time limits

    @classmethod
    def within(cls, open_files: int) -> Limits:
        """Return the limits of a process that may open `open_files` files, never below a workable minimum."""
        backlog = max(16, min(1024, open_files // 8))
        room = open_files - FILES_FOR_OTHERS - backlog - _RESERVE
        connections = max(64, min(_MOST_CONNECTIONS, room))
        return cls(connections=connections, per_address=max(16, connections // 4), backlog=backlog)
