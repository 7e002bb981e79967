"""Logins that were right a moment ago, so that a client that asks again and again is not looked up each time.

What is kept is the owner of a login, under a keyed hash of all that was sent of it. Nothing is kept of a login that
failed, so how long one takes tells nothing new. See docs/decisions/0051-what-a-reading-goes-without.md.

Apart, because it knows neither the database nor the key: how long a login is kept is all that it decides.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Final, NamedTuple

from dayfile.clock import Clock
from dayfile.model.credential import Caller

REMEMBERED_FOR_SECONDS: Final = 3.0
"""Seconds after which a login is looked up again: so long one works that another process has ended."""

MOST_REMEMBERED: Final = 10_000
"""Most logins that are kept; the oldest go first."""


class _Remembered(NamedTuple):
    caller: Caller
    ends_at: datetime | None  # of a former token
    as_of: int
    until: float  # monotonic seconds


class RememberedLogins:
    """The logins of one process that were right a moment ago. Thread-safe."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[bytes, _Remembered] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, sent: bytes, *, as_of: int, clock: Clock) -> Caller | None:
        """Return the owner of a login with this hash of what was sent, if it was looked up a moment ago.

        `as_of` is the database's number of changes of logins: what was kept before one counts no more.
        """
        found = self._kept.get(sent)
        if found is None or found.as_of != as_of or clock.monotonic() >= found.until:
            return None
        return found.caller if found.ends_at is None or clock.now() < found.ends_at else None

    def keep(self, sent: bytes, caller: Caller, *, ends_at: datetime | None, as_of: int, looked_up_at: float) -> None:
        """Keep a login that was right until `ends_at`; `as_of` and `looked_up_at` are from before it was looked up."""
        with self._lock:
            self._kept.pop(sent, None)
            self._kept[sent] = _Remembered(caller, ends_at, as_of, looked_up_at + REMEMBERED_FOR_SECONDS)
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
