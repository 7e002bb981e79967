"""All open connections of one server: their limits, and the choice of the one to close when there are too many.

A connection waits while the server does nothing for it: no request has come, its head or an unauthorized body is
incomplete, or its client does not read the response. Only waiting connections are evicted: of the address with the most
of them, the one that has waited longest. So a flood from a few addresses displaces itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import structlog

from dayfile.web.client_address import TrustedProxies
from dayfile.web.limits import Limits
from dayfile.web.stage import Stage

READ_BYTES = 256 * 1024
"""Most bytes that one read takes."""

_LOG_EVERY = 60.0

_log = structlog.get_logger()


class Open(Protocol):
    """A connection as `Connections` counts it."""

    peer: str  # the address that it came from
    group: str  # see `client_address.group_of`
    is_in_reserve: bool
    held_bytes: int  # of heads and bodies whose senders are not authorized
    unsent_bytes: int  # of a response that its client does not keep up with
    stalled_at: float | None  # the loop's time when such a client last took a byte
    look_after: float  # the loop's time before which no time limit is over

    def look(self, now: float) -> None:
        """Enforce the time limits that have passed; `now` is the loop's time, in seconds."""
        ...

    def evict(self) -> None:
        """Close at once, to make room for others."""
        ...


class Connections:
    """The connections of one event loop."""

    def __init__(self, limits: Limits, *, proxies: TrustedProxies) -> None:
        self.limits = limits
        self.times = {  # that a connection may be in a stage; it may be for ever in others
            Stage.HEAD: limits.head_for,
            Stage.BODY: limits.body_for,
            Stage.IDLE: limits.idle_for,
            Stage.LINGER: limits.drain_for,
        }
        self.reserve_times = self.times | {Stage.HEAD: limits.reserve_head_for}
        self.buffer = memoryview(bytearray(READ_BYTES))  # shared: what is read is parsed before anything else is read
        self._proxies = proxies
        self._open: set[Open] = set()
        self._in_reserve = 0
        self._by_group: Counter[str] = Counter()
        self._waiting: dict[str, dict[Open, None]] = {}  # by group, the longest waiting first
        self._held_bytes = 0
        self._evicted = self._refused = 0  # since the last line in the log
        self._log_after = 0.0
        self._ticking: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: Open) -> bool:
        """Count a new connection, evicting a waiting one if necessary; False if there is no room for it."""
        has_room = True
        if self._by_group[connection.group] >= self.limits.per_address and self._proxies.is_one_client(connection.peer):
            has_room = self._evict_of(connection.group)
        elif len(self._open) - self._in_reserve >= self.limits.connections and not self._evict_any():
            connection.is_in_reserve = has_room = self._in_reserve < self.limits.reserve
        if not has_room:
            self._refused += 1
            self._log_full()
            return False
        self._open.add(connection)
        self._by_group[connection.group] += 1
        self._in_reserve += connection.is_in_reserve
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(self.limits.tick, self._tick)
        return True

    def leave(self, connection: Open) -> None:
        """Stop counting a connection. No-op if it is not counted."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        self._in_reserve -= connection.is_in_reserve
        self._by_group[connection.group] -= 1
        if not self._by_group[connection.group]:
            del self._by_group[connection.group]
        self.resume(connection)
        self.hold(connection, 0)

    def wait(self, connection: Open) -> None:
        """Note that a connection waits from now on. One in the reserve is not evicted: its limits are short anyway."""
        if connection in self._open and not connection.is_in_reserve:
            group = self._waiting.setdefault(connection.group, {})
            group.pop(connection, None)
            group[connection] = None

    def resume(self, connection: Open) -> None:
        """Note that a connection no longer waits. No-op if it did not."""
        group = self._waiting.get(connection.group)
        if group is not None:
            group.pop(connection, None)
            if not group:
                del self._waiting[connection.group]

    def hold(self, connection: Open, size: int) -> None:
        """Note how many bytes of an unauthorized request a connection holds; evict the largest holders above the limit.

        Bytes count once they have arrived, not when they are announced.
        """
        if size == connection.held_bytes:
            return
        self._held_bytes += size - connection.held_bytes
        connection.held_bytes = size
        while self._held_bytes > self.limits.held_bytes:
            self._evict(max(self._open, key=_held_bytes))

    def _evict_any(self) -> bool:
        if not self._waiting:
            return False
        return self._evict_of(max(self._waiting, key=lambda group: len(self._waiting[group])))

    def _evict_of(self, group: str) -> bool:
        oldest = next(iter(self._waiting.get(group, ())), None)
        if oldest is None:
            return False
        self._evict(oldest)
        return True

    def _evict(self, connection: Open) -> None:
        self._evicted += 1
        self.leave(connection)
        connection.evict()
        self._log_full()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = [connection for connection in self._open if connection.look_after <= now]
        for connection in due:
            connection.look(now)
        self._drop_unsent(now, [connection for connection in due if connection.stalled_at is not None])
        self._log_full()
        self._ticking = loop.call_later(self.limits.tick, self._tick) if self._open else None

    def _drop_unsent(self, now: float, stalled: Sequence[Open]) -> None:
        """Evict stalled clients while their unsent responses exceed the limit, the longest without progress first.

        Slow clients that keep reading their responses are left alone.
        """
        unsent_bytes = sum(connection.unsent_bytes for connection in stalled)
        for connection in sorted(stalled, key=_stalled_at):
            if unsent_bytes <= self.limits.unsent_bytes or now - _stalled_at(connection) < self.limits.progress_for:
                return
            unsent_bytes -= connection.unsent_bytes
            self._evict(connection)

    def _log_full(self) -> None:
        """Log evictions and refusals, at most once a minute, so that a flood does not fill the log."""
        now = asyncio.get_running_loop().time()
        if not (self._evicted or self._refused) or now < self._log_after:
            return
        _log.warning(
            "connections.full",
            open=len(self._open),
            limit=self.limits.connections,
            evicted=self._evicted,
            refused=self._refused,
            held_bytes=self._held_bytes,
            busiest=max(self._by_group, key=lambda group: self._by_group[group], default=None),
        )
        self._log_after = now + _LOG_EVERY
        self._evicted = self._refused = 0


def _held_bytes(connection: Open) -> int:
    return connection.held_bytes


def _stalled_at(connection: Open) -> float:
    return connection.stalled_at or 0.0
